import * as net from 'node:net';
import * as tls from 'node:tls';
import type { Duplex } from 'node:stream';
import { ConnectionClosedError, FTPError, SecurityError, TimeoutError } from './errors';
import type { ConnectionRequest, Settings } from './options';

/** Where received bytes go without passing through the socket's own buffer; `net.Socket`'s `onread`. */
export interface OnRead {
  readonly buffer: () => Uint8Array;
  readonly callback: (bytes: number) => boolean;
}

/** Begins to connect; sockets are without Nagle's delay, which would hold back every second small write. */
export function dial(request: ConnectionRequest, settings: Settings, onread?: OnRead): Duplex {
  return open(request, settings, onread).on('error', ignore); // each step hears of errors itself; between them nobody does
}

function open(request: ConnectionRequest, settings: Settings, onread: OnRead | undefined): Duplex {
  if (settings.createConnection) return custom(request, settings.createConnection);
  const { host, port, purpose, localAddress, family } = request;
  return net.connect({
    host,
    port,
    localAddress,
    family,
    onread,
    noDelay: true,
    // An upload's socket outlives the server's FIN: ours would call a cut file complete.
    allowHalfOpen: purpose === 'data',
    keepAlive: purpose === 'control',
    keepAliveInitialDelay: KEEP_ALIVE,
  } as net.NetConnectOpts);
}
/** Milliseconds of silence before TCP probes; routers forget quiet connections after some minutes. */
const KEEP_ALIVE = 60_000;

function custom(request: ConnectionRequest, create: NonNullable<Settings['createConnection']>): Duplex {
  try {
    return create(request);
  } catch (error) {
    throw unreachable(error as Error);
  }
}

/** Resolves when the stream is connected; one that is no socket is taken as connected. */
export function connected(socket: Duplex): Promise<void> {
  if (!isConnecting(socket)) return socket.destroyed ? Promise.reject(unreachable(socket.errored ?? undefined)) : Promise.resolve();
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      socket.off('connect', settle).off('error', settle).off('close', onClose);
      if (error) reject(unreachable(error));
      else resolve();
    };
    const onClose = (): void => settle(new ConnectionClosedError('closed while connecting'));
    socket.on('connect', settle).on('error', settle).on('close', onClose);
  });
}

/** False for a connected socket, and for a stream that is none. */
export function isConnecting(socket: Duplex): boolean {
  return (socket as net.Socket).connecting === true;
}

/**
 * TLS on a connected stream; resolves when the handshake is done and the certificate is the host's.
 *
 * @throws SecurityError with OpenSSL's or Node's reason as its cause
 */
export async function secure(socket: Duplex, options: tls.ConnectionOptions): Promise<tls.TLSSocket> {
  const secured = await handshake(socket, options);
  if (secured.destroyed) throw new SecurityError('TLS: the connection broke at the end of the handshake', { cause: secured.errored ?? undefined });
  return secured;
}

function handshake(socket: Duplex, options: tls.ConnectionOptions): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = tls.connect({ ...options, socket });
    const settle = (error?: Error): void => {
      // Sending our last flight may fail before whoever waits for this hears anything.
      secured.off('secureConnect', settle).off('error', settle).off('close', onClose).on('error', ignore);
      if (!error) return resolve(secured);
      secured.destroy();
      reject(error instanceof FTPError ? error : new SecurityError(`TLS: ${error.message}`, { cause: error }));
    };
    const onClose = (): void => settle(new Error('the server closed the connection during the handshake'));
    secured.once('secureConnect', settle).once('error', settle).once('close', onClose);
  });
}

/** Destroys the stream with a TimeoutError unless the returned function is called within `ms`; 0 never does. */
export function deadline(socket: Duplex, ms: number, message: string): () => void {
  if (ms === 0) return () => undefined;
  const timer = setTimeout(() => socket.destroy(new TimeoutError(message)), ms);
  return () => clearTimeout(timer);
}

/** The other side took the connection, and reset it before we had heard that it was made. */
export function wasResetAtOnce(error: Error): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ECONNRESET') return true;
  }
  return false;
}

/** Why the other side cannot be reached. */
export function unreachable(cause: Error | undefined): FTPError {
  if (cause instanceof FTPError) return cause;
  return new ConnectionClosedError(`cannot connect: ${describe(cause)}`, { cause, phase: 'connect' });
}

/** Happy eyeballs fails with an AggregateError, whose own message is empty. */
function describe(error: Error | undefined): string {
  if (error instanceof AggregateError) return error.errors.map((each: Error) => each.message).join('; ');
  return error?.message ?? 'the connection is gone';
}

function ignore(): void {
  // told elsewhere
}
