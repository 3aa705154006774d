// The errors of this library: each has a class, a string `code`, and what is known about the operation that failed.

import type { Reply } from './reply';

/** The step in which an operation failed: `completion` is the time after the data, until the final reply. */
export type Phase = 'connect' | 'login' | 'command' | 'data' | 'completion';

/** The fields of an error that say what is known about the operation that failed; each may be absent. */
export interface FTPErrorDetails {
  /** The reply of the server that is the reason. */
  readonly reply?: Reply | undefined;
  /** The command that failed; passwords are replaced by `****`. */
  readonly command?: string | undefined;
  /** The error that led to this one, such as one of Node's sockets. */
  readonly cause?: unknown;
  /** The bytes of the file or listing that had been transferred. */
  readonly bytesTransferred?: number | undefined;
  /** The bytes that the server had announced. */
  readonly expectedBytes?: number | undefined;
  /** The step in which the operation failed. */
  readonly phase?: Phase | undefined;
  /** True where the server may have carried out the operation, although no reply proves it. */
  readonly maybeCompleted?: boolean | undefined;
  /** True where no other connection will be made: the client is closed, or the caller makes the connections. */
  readonly final?: boolean | undefined;
}

/** The base class of all errors of this library. */
export class FTPError extends Error {
  /** The name of the class; it is written out in each class, because minifiers rename classes. */
  override readonly name: string = 'FTPError';
  /** A code for programs, such as `ERR_FTP_PERMANENT`; the number of the reply is `reply.code`. */
  readonly code: string = 'ERR_FTP';
  /** The reply of the server that is the reason; absent where there was none. */
  declare readonly reply?: Reply;
  /** The command that failed; passwords are replaced by `****`. */
  declare readonly command?: string;
  /** The bytes of the file or listing that had been transferred; absent where it was no transfer. */
  declare readonly bytesTransferred?: number;
  /** The bytes that the server had announced; absent where it announced none. */
  declare readonly expectedBytes?: number;
  /** The step in which the operation failed. */
  declare readonly phase?: Phase;
  /** True where the server may have carried out the operation, although no reply proves it: ask it before you try again. */
  declare readonly maybeCompleted?: boolean;

  /** Makes the details that are known fields of the error. */
  constructor(message: string, details: FTPErrorDetails = {}) {
    const { cause, ...rest } = details;
    super(message, cause === undefined ? undefined : { cause });
    annotate(this, rest);
  }
}

/** The server sent a reply that the command does not allow, such as 3xx where 2xx is due (`error_reply` of Python's ftplib); the base of the next two. */
export class ReplyError extends FTPError {
  override readonly name: string = 'ReplyError';
  override readonly code: string = 'ERR_FTP_REPLY';
}

/** The server sent a 4xx reply: it cannot do that now, and the same command may succeed later (RFC 959, 4.2.1; `error_temp` of Python's ftplib). */
export class TemporaryError extends ReplyError {
  override readonly name: string = 'TemporaryError';
  override readonly code: string = 'ERR_FTP_TEMPORARY';
}

/** The server sent a 5xx reply: it will not do that (RFC 959, 4.2.1; `error_perm` of Python's ftplib). */
export class PermanentError extends ReplyError {
  override readonly name: string = 'PermanentError';
  override readonly code: string = 'ERR_FTP_PERMANENT';
}

/** The server sent what is no reply, or a reply to no command; the control connection is closed (`error_proto` of Python's ftplib). */
export class ProtocolError extends FTPError {
  override readonly name: string = 'ProtocolError';
  override readonly code: string = 'ERR_FTP_PROTOCOL';
}

/** The control connection could not be made, was lost, or was closed by `close()`, `quit()` or the option `signal`. */
export class ConnectionClosedError extends FTPError {
  override readonly name: string = 'ConnectionClosedError';
  override readonly code: string = 'ERR_FTP_CONNECTION_CLOSED';
  /** @internal true where no other connection will be made */
  declare readonly final?: boolean;
}

/** The server did not answer, connect or send in time; the message names the option, such as `replyTimeout`. */
export class TimeoutError extends FTPError {
  override readonly name: string = 'TimeoutError';
  override readonly code: string = 'ERR_FTP_TIMEOUT';
}

/** A transfer failed: its data connection broke or could not be made, or fewer bytes came than the server announced. */
export class TransferError extends FTPError {
  override readonly name: string = 'TransferError';
  override readonly code: string = 'ERR_FTP_TRANSFER';
}

/** A transfer was ended by the caller before it was complete: by `abort()`, or by `destroy()` while a write waited. A signal ends it with Node's AbortError. */
export class AbortedError extends TransferError {
  override readonly name: string = 'AbortedError';
  override readonly code: string = 'ERR_FTP_ABORTED';
}

/** The transferred bytes are not those that the server has: size or hash differ (option `verify`), or compressed data are damaged (option `compress`). */
export class MismatchError extends TransferError {
  override readonly name: string = 'MismatchError';
  override readonly code: string = 'ERR_FTP_MISMATCH';
}

/** A download cannot be continued, because the file has changed since its first bytes were delivered: its size or its time differs. */
export class ChangedError extends TransferError {
  override readonly name: string = 'ChangedError';
  override readonly code: string = 'ERR_FTP_CHANGED';
}

/** The server does not offer what was asked for, such as a hash; nothing was transferred. */
export class UnsupportedError extends FTPError {
  override readonly name: string = 'UnsupportedError';
  override readonly code: string = 'ERR_FTP_UNSUPPORTED';
}

/** An operation would not be safe: TLS is refused, a certificate is wrong, or a name on the server leads out of its folder. */
export class SecurityError extends FTPError {
  override readonly name: string = 'SecurityError';
  override readonly code: string = 'ERR_FTP_SECURITY';
}

/** A limit on memory was reached; the message names the option, such as `maxReadAheadBytes`. */
export class LimitError extends FTPError {
  override readonly name: string = 'LimitError';
  override readonly code: string = 'ERR_FTP_LIMIT';
}

/** A file or folder that could not be removed, and why. */
export interface RemovalFailure {
  /** The whole path that was asked for, to the file or folder. */
  readonly path: string;
  /** Why it stays. */
  readonly error: Error;
}

/** Some of a folder could not be removed by `rmd` with `recursive`; what could be removed is gone. */
export class RemovalError extends FTPError {
  override readonly name: string = 'RemovalError';
  override readonly code: string = 'ERR_FTP_REMOVAL';
  /** What stays, 1000 of it at most. */
  readonly failures: readonly RemovalFailure[];

  /** Makes the error, with what stays in `details.failures`. */
  constructor(message: string, details: FTPErrorDetails & { readonly failures?: readonly RemovalFailure[] } = {}) {
    const { failures = [], ...rest } = details;
    super(message, rest);
    this.failures = failures;
  }
}

/** An argument or an option cannot be used; nothing was sent. */
export class ArgumentError extends FTPError {
  override readonly name: string = 'ArgumentError';
  override readonly code: string = 'ERR_FTP_INVALID_ARGUMENT';
}

/**
 * Adds details to an error that the place where it was made did not know, such as bytes and phase; details that are there stay.
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
 * A copy of an error, for another operation that fails for the same reason: each operation adds to its error what it knows, and shows its own call. To an error
 * that is not one of this library nothing is added, so that all may have it.
 * @internal
 */
export function copyOf<E extends Error>(error: E): E {
  if (!(error instanceof FTPError)) return error;
  const { cause, ...fields } = error;
  const copy = Object.setPrototypeOf(new FTPError(error.message, { cause }), Object.getPrototypeOf(error) as object) as E; // its own class may be made of other arguments
  return Object.assign(copy, fields);
}

/**
 * Where an operation was called: an object that `Error.captureStackTrace` was given there. An error is made when a reply comes, and its own stack has
 * nothing of the caller then.
 * @internal
 */
export interface Call {
  readonly stack?: string;
}

/**
 * The call of the async function that this is called in, by those that await it. It needs no work at the call itself.
 * @internal
 */
export function awaitedCall(): Call {
  const call: Call = {};
  Error.captureStackTrace(call, awaitedCall);
  return call;
}

/**
 * Gives an error of this library the stack of a call; it returns any other as it is.
 * @internal
 */
export function showCall<E>(error: E, call: Call): E {
  const stack = error instanceof FTPError ? stackOf(call) : undefined;
  if (!(error instanceof FTPError) || typeof stack !== 'string') return error;
  const frames = stack.search(/^ +at /m);
  error.stack = `${error.name}: ${error.message}${frames < 0 ? '' : `\n${stack.slice(frames)}`}`;
  return error;
}

/** The program may have its own `Error.prepareStackTrace`, which gives something else than text, or throws where it is given what is no Error. */
function stackOf(call: Call): unknown {
  try {
    return call.stack;
  } catch {
    return undefined;
  }
}

/** The calls that the errors of operations belong to. */
const calls = new WeakMap<FTPError, Call>();

/**
 * An error that belongs to one call: a copy where it belongs to another one already, as the loss of a connection may.
 * @internal
 */
export function ownError(error: FTPError, call: Call): FTPError {
  const own = (calls.get(error) ?? call) === call ? error : copyOf(error);
  calls.set(own, call);
  return own;
}

/**
 * Matches the errors of Node's `net`, `dns` and `tls` with `instanceof`; it is never thrown itself.
 *
 * Such an error has a code of connections, or a system call of the network. `node:fs` shares some of the codes (EPIPE of a FIFO, ETIMEDOUT of a network
 * drive) and of the calls (`read`, `write`), but its messages begin with the code, and those of sockets with the call.
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
/** System calls for files as well as for sockets. */
const STREAM_CALL = /^(read|write)v?$/;

/** The classes of all errors that FTP work can fail with, for `instanceof`: FTPError, and Node's errors of sockets and TLS (`all_errors` of Python's ftplib). */
export const allErrors: readonly { [Symbol.hasInstance](error: unknown): boolean }[] = Object.freeze([FTPError, NodeNetworkError]);

/** Returns true for an FTPError, and for an error of Node's sockets and TLS: an instance of one of `allErrors`, each of which has a `code`. */
export function isFTPError(error: unknown): error is Error & { readonly code: string } {
  return allErrors.some((kind) => error instanceof (kind as typeof FTPError));
}
