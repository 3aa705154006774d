import type { Reply } from './reply';

/** The step in which an operation failed. */
export type Phase = 'connect' | 'login' | 'command' | 'data' | 'completion';

/** What an error knows about the operation that failed; every field is optional. */
export interface FTPErrorDetails {
  /** The server's reply that is the reason. */
  readonly reply?: Reply | undefined;
  /** The command that failed, with secrets replaced by `****`. */
  readonly command?: string | undefined;
  /** The error underneath, such as Node's socket error. */
  readonly cause?: unknown;
  /** Payload bytes that the transfer had moved. */
  readonly bytesTransferred?: number | undefined;
  /** Payload bytes that the server had announced. */
  readonly expectedBytes?: number | undefined;
  readonly phase?: Phase | undefined;
  /** True where the server may have carried out the operation although no reply proves it. */
  readonly maybeCompleted?: boolean | undefined;
  /** True where no other connection will be made: the client was closed, or its user makes the connections. */
  readonly final?: boolean | undefined;
}

/** The base of every error of this library; `code` is a string, the reply's number is `reply.code`. */
export class FTPError extends Error {
  /** Written out in each class, as minifiers rename classes. */
  override readonly name: string = 'FTPError';
  readonly code: string = 'ERR_FTP';
  declare readonly reply?: Reply;
  declare readonly command?: string;
  declare readonly bytesTransferred?: number;
  declare readonly expectedBytes?: number;
  declare readonly phase?: Phase;
  declare readonly maybeCompleted?: boolean;

  constructor(message: string, details: FTPErrorDetails = {}) {
    const { cause, ...rest } = details;
    super(message, cause === undefined ? undefined : { cause });
    annotate(this, rest);
  }
}

/** A reply of a class that the command does not allow, such as 3yz where 2yz is due (ftplib's `error_reply`). */
export class ReplyError extends FTPError {
  override readonly name: string = 'ReplyError';
  override readonly code: string = 'ERR_FTP_REPLY';
}

/** A 4yz reply: the server could not do it now (ftplib's `error_temp`). */
export class TemporaryError extends ReplyError {
  override readonly name: string = 'TemporaryError';
  override readonly code: string = 'ERR_FTP_TEMPORARY';
}

/** A 5yz reply: the server will not do it (ftplib's `error_perm`). */
export class PermanentError extends ReplyError {
  override readonly name: string = 'PermanentError';
  override readonly code: string = 'ERR_FTP_PERMANENT';
}

/** Bytes that are no FTP, or a reply that nobody asked for; the connection is gone (ftplib's `error_proto`). */
export class ProtocolError extends FTPError {
  override readonly name: string = 'ProtocolError';
  override readonly code: string = 'ERR_FTP_PROTOCOL';
}

/** The control connection could not be made, was lost, or was closed while the operation needed it. */
export class ConnectionClosedError extends FTPError {
  override readonly name: string = 'ConnectionClosedError';
  override readonly code: string = 'ERR_FTP_CONNECTION_CLOSED';
  /** @internal no other connection will be made */
  declare readonly final?: boolean;
}

/** The server kept us waiting longer than the option named in the message allows. */
export class TimeoutError extends FTPError {
  override readonly name: string = 'TimeoutError';
  override readonly code: string = 'ERR_FTP_TIMEOUT';
}

/** The data are short or broken: what arrived is not what the server announced, or its connection broke. */
export class TransferError extends FTPError {
  override readonly name: string = 'TransferError';
  override readonly code: string = 'ERR_FTP_TRANSFER';
}

/** The transfer was ended by `abort()` before it was complete; what the callback of a `write()` is given when its stream was destroyed without an error. */
export class AbortedError extends TransferError {
  override readonly name: string = 'AbortedError';
  override readonly code: string = 'ERR_FTP_ABORTED';
}

/** The bytes that were transferred are not those that the server has: its size or its hash differs (the option `verify`). */
export class MismatchError extends TransferError {
  override readonly name: string = 'MismatchError';
  override readonly code: string = 'ERR_FTP_MISMATCH';
}

/** The file is no longer the one whose first bytes were delivered: its size or its time differs, so that it cannot be continued. */
export class ChangedError extends TransferError {
  override readonly name: string = 'ChangedError';
  override readonly code: string = 'ERR_FTP_CHANGED';
}

/** The server does not offer what was asked for, such as any hash; nothing was transferred. */
export class UnsupportedError extends FTPError {
  override readonly name: string = 'UnsupportedError';
  override readonly code: string = 'ERR_FTP_UNSUPPORTED';
}

/** What was asked for cannot be had safely: TLS refused, a bad certificate, a name that leaves its folder. */
export class SecurityError extends FTPError {
  override readonly name: string = 'SecurityError';
  override readonly code: string = 'ERR_FTP_SECURITY';
}

/** A cap on memory was reached, such as `maxReadAhead`; the message names the option. */
export class LimitError extends FTPError {
  override readonly name: string = 'LimitError';
  override readonly code: string = 'ERR_FTP_LIMIT';
}

/** Bad input, refused before a byte is sent. */
export class ArgumentError extends FTPError {
  override readonly name: string = 'ArgumentError';
  override readonly code: string = 'ERR_FTP_INVALID_ARGUMENT';
}

/**
 * Adds what a caller further out knows (bytes, phase) to an error of ours; what is there already stays.
 * @internal
 */
export function annotate<E extends FTPError>(error: E, details: FTPErrorDetails): E {
  for (const [key, value] of Object.entries(details)) {
    if (value !== undefined && !Object.hasOwn(error, key)) {
      Object.defineProperty(error, key, { value, enumerable: true, configurable: true });
    }
  }
  return error;
}

/**
 * Matches the errors that Node's `net`, `dns` and `tls` raise; it is never thrown itself.
 *
 * Their codes are those of connections, or the system call that failed is one of the network. `node:fs` has some of the codes (EPIPE of a FIFO,
 * ETIMEDOUT of a network drive) and calls (`read`, `write`) too, but its messages begin with the code, where a socket's begin with the call.
 */
class NodeNetworkError {
  static [Symbol.hasInstance](error: unknown): boolean {
    if (!(error instanceof Error)) return false;
    const { code, syscall, path, message } = error as NodeJS.ErrnoException;
    if (typeof code !== 'string' || path !== undefined) return false;
    if (syscall === undefined) return CONNECTION_CODE.test(code);
    return NETWORK_CALL.test(syscall) || (STREAM_CALL.test(syscall) && CONNECTION_CODE.test(code) && !message.startsWith(`${code}:`));
  }
}
const CONNECTION_CODE =
  /^(E(CONN|NOTCONN|PIPE|PROTO$|HOST|NET|ADDR|TIMEDOUT|AI_)|ERR_(TLS|SSL|SOCKET)_|CERT_|.*_CERT(IFICATE|_|$)|DEPTH_ZERO|UNABLE_TO_|HOSTNAME_MISMATCH|CRL_)/;
const NETWORK_CALL = /^(connect|bind|listen|accept|shutdown|get(addr|name)info|query[A-Z]\w*|getHostByAddr|get(sock|peer)name|setsockopt)$/;
/** Calls for files as well as for sockets. */
const STREAM_CALL = /^(read|write)v?$/;

/** Everything that FTP work can fail with (ftplib's `all_errors`): our errors, and Node's socket and TLS errors; for `instanceof`. */
export const allErrors: readonly { [Symbol.hasInstance](error: unknown): boolean }[] = Object.freeze([FTPError, NodeNetworkError]);

/** True for any error of `allErrors`. */
export function isFTPError(error: unknown): error is Error {
  return allErrors.some((kind) => error instanceof (kind as typeof FTPError));
}
