import { once } from 'node:events';
import * as net from 'node:net';
import type { Duplex } from 'node:stream';
import { ArgumentError, ConnectionClosedError, FTPError, TimeoutError, TransferError } from '../errors';
import type { ConnectionRequest, Settings } from '../options';

/** Where received bytes go without passing through the socket's own buffer; `net.Socket`'s `onread`. */
export interface OnRead {
  readonly buffer: () => Uint8Array;
  readonly callback: (bytes: number) => boolean;
}

/** What becomes of an attempt to connect; it is told once. */
interface AttemptListener {
  onMade(stream: Duplex): void;
  onFailed(error: FTPError): void;
}

/**
 * One connection on its way, by `net.connect` or the option `createConnection`, until it is made, fails or is given up. Whatever goes wrong
 * is told as an FTPError, also what Node or the caller's function throws; a stream that comes too late is destroyed.
 */
export class ConnectionAttempt {
  #stream: Duplex | undefined;
  #state: 'under way' | 'made' | FTPError = 'under way';
  #listener: AttemptListener | undefined;

  constructor(target: Pick<ConnectionRequest, 'host' | 'port' | 'purpose'>, settings: Settings, onread?: OnRead) {
    const { localAddress, family } = settings;
    const request = { ...target, ...(localAddress === undefined ? {} : { localAddress }), ...(family === undefined ? {} : { family }) };
    try {
      const custom: unknown = settings.createConnection?.(request);
      if (!settings.createConnection) this.#adopt(dial(request, onread));
      else if (isPromise(custom)) custom.then((stream) => this.#take(stream), (error: unknown) => this.#fail(error));
      else this.#take(custom);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** True until it is made, has failed, or was given up. */
  get underWay(): boolean {
    return this.#state === 'under way';
  }

  /** Tells what becomes of it, at once where that is known. */
  listen(listener: AttemptListener): void {
    this.#listener = listener;
    this.#tell();
  }

  /** Resolves with the connection. @throws FTPError */
  made(): Promise<Duplex> {
    return new Promise((onMade, onFailed) => this.listen({ onMade, onFailed }));
  }

  /** Ends the attempt, or the connection that came of it. */
  destroy(error?: Error): void {
    this.#stream?.destroy(error);
    this.#fail(error ?? new ConnectionClosedError('closed while connecting'));
  }

  /** What createConnection gave. */
  #take(stream: unknown): void {
    if (isDuplex(stream)) this.#adopt(stream);
    else this.#fail(new ArgumentError(`createConnection must return a Duplex, or a promise of one, not ${stream === null ? 'null' : typeof stream}`, { phase: 'connect' }));
  }

  #adopt(stream: Duplex): void {
    stream.on('error', ignore); // each step hears of errors itself; between them nobody does
    if (!this.underWay) return void stream.destroy();
    this.#stream = stream;
    if (stream.destroyed) return this.#fail(stream.errored);
    if (!isConnecting(stream)) return this.#settle('made');
    stream.on('connect', this.#onConnect).on('error', this.#onError).on('close', this.#onClose);
  }

  readonly #onConnect = (): void => this.#settle('made');
  readonly #onError = (error: Error): void => this.#fail(error);
  readonly #onClose = (): void => this.#fail(new ConnectionClosedError('closed while connecting'));

  #fail(reason: unknown): void {
    this.#settle(unreachable(reason));
  }

  #settle(state: 'made' | FTPError): void {
    if (!this.underWay) return;
    this.#state = state;
    this.#stream?.off('connect', this.#onConnect).off('error', this.#onError).off('close', this.#onClose);
    this.#tell();
  }

  #tell(): void {
    if (this.#state === 'made') this.#listener?.onMade(this.#stream as Duplex);
    else if (this.#state !== 'under way') this.#listener?.onFailed(this.#state);
  }
}

/** Begins to connect; sockets are without Nagle's delay, which would hold back every second small write. */
function dial({ host, port, purpose, localAddress, family }: ConnectionRequest, onread: OnRead | undefined): net.Socket {
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

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function';
}

/** By what it can do: streams of other packages are no instances of Node's class. */
function isDuplex(value: unknown): value is Duplex {
  const stream = Object(value) as Record<string, unknown>;
  return ['on', 'off', 'once', 'pipe', 'unpipe', 'pause', 'resume', 'write', 'end', 'destroy'].every((method) => typeof stream[method] === 'function');
}

/** True for a connecting socket; a stream that is no socket is taken as connected. */
function isConnecting(stream: Duplex): boolean {
  return (stream as net.Socket).connecting === true;
}

/**
 * Listens for one connection of the server.
 *
 * @param range the first and the last port to try; undefined: any
 * @throws TransferError
 */
export async function listen(host: string | undefined, range: readonly [number, number] | undefined): Promise<{ server: net.Server; port: number }> {
  const [first, last] = range ?? [0, 0];
  for (let port = first; ; port++) {
    const server = net.createServer({ allowHalfOpen: true, noDelay: true });
    try {
      server.listen({ port, ...(host === undefined ? {} : { host }) });
      await once(server, 'listening');
      return { server, port: (server.address() as { port: number }).port };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || port === last) {
        throw new TransferError(`cannot listen for the data connection: ${(error as Error).message}`, { cause: error, phase: 'data' });
      }
    }
  }
}

/** An IPv4 or IPv6 address, and no name. */
export function isAddress(text: string): boolean {
  return net.isIP(text) !== 0;
}

/** Destroys the connection with a TimeoutError unless the returned function is called within `ms`; 0 never does. */
export function deadline(connection: Pick<Duplex, 'destroy'> | ConnectionAttempt, ms: number, message: string): () => void {
  if (ms === 0) return () => undefined;
  const timer = setTimeout(() => void connection.destroy(new TimeoutError(message)), ms);
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
function unreachable(cause: unknown): FTPError {
  if (cause instanceof FTPError) return cause;
  return new ConnectionClosedError(`cannot connect: ${describe(cause)}`, { cause, phase: 'connect' });
}

/** Happy eyeballs fails with an AggregateError, whose own message is empty. */
function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map((each: Error) => each.message).join('; ');
  if (error instanceof Error) return error.message;
  return error === undefined || error === null ? 'the connection is gone' : String(error);
}

function ignore(): void {
  // told elsewhere
}

/** By RST where that can be: a TLSSocket as a tunnel has the method too, and throws. Never by close_notify, which makes a cut upload whole. */
export function reset(raw: Duplex): void {
  try {
    (raw as net.Socket).resetAndDestroy();
  } catch {
    raw.destroy();
  }
}

/**
 * libuv reports an RST that arrives together with bytes as a clean end (POLLHUP after a partial read). A connection that
 * was reset has no peer any more, one that was ended has; `remoteAddress` would answer from its memory.
 */
export function wasReset(raw: Duplex | undefined): boolean {
  const { _handle: handle } = (raw ?? {}) as { _handle?: { getpeername?: (into: object) => number } };
  return typeof handle?.getpeername === 'function' && handle.getpeername({}) !== 0;
}
