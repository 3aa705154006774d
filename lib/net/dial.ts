// Sockets: connecting and listening, the time limit for both, and what only Node's own sockets can do, such as a reset. Nothing here knows FTP.

import { once } from 'node:events';
import { connect, createServer, isIP, type NetConnectOpts, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ArgumentError, ConnectionClosedError, FTPError, TimeoutError, TransferError } from '../errors';
import type { ConnectionRequest, Settings } from '../options';

/** The option `onread` of `Socket`: received bytes go straight into these buffers. The callback returns false to pause. */
export interface OnRead {
  readonly buffer: () => Uint8Array;
  readonly callback: (bytes: number) => boolean;
}

/** What is to be connected to. */
export type ConnectionTarget = Pick<ConnectionRequest, 'host' | 'port' | 'purpose'>;

/** A way to servers by a proxy; net/proxy.ts has it, and is loaded where there is one. */
export interface ProxyRoute {
  /** The proxy, for people. */
  readonly name: string;
  /** Where it listens. */
  readonly host: string;
  readonly port: number;
  tunnel(target: ConnectionTarget, onread: OnRead | undefined): Tunnel;
}

/** What makes a connection to a proxy lead to a server. */
export interface Tunnel {
  /** The option `onread` of the socket that is to be given to `begin`. */
  readonly onread: OnRead | undefined;
  /** Begins on a socket that is connected to the proxy. */
  begin(socket: Socket, listener: AttemptListener): void;
}

/** Called once, with the outcome of an attempt to connect. */
export interface AttemptListener {
  onMade(stream: Duplex): void;
  onFailed(error: FTPError): void;
}

/**
 * One attempt to connect, by `net.connect` or by the option `createConnection`: it is under way until the connection is made, fails, or
 * is given up. Every failure is an FTPError, even what Node or the caller's function throws. A stream that comes too late is destroyed.
 */
export class ConnectionAttempt {
  #stream: Duplex | undefined;
  #state: 'under way' | 'made' | FTPError = 'under way';
  #listener: AttemptListener | undefined;
  readonly #route: ProxyRoute | undefined;
  #tunnel: Tunnel | undefined;

  constructor(target: ConnectionTarget, settings: Settings, onread?: OnRead, route?: ProxyRoute) {
    this.#route = route;
    const { localAddress, family } = settings;
    const request = { ...target, ...(localAddress === undefined ? {} : { localAddress }), ...(family === undefined ? {} : { family }) };
    try {
      const custom: unknown = settings.createConnection?.(request);
      if (route) this.#adopt(dial({ ...request, host: route.host, port: route.port }, (this.#tunnel = route.tunnel(target, onread)).onread));
      else if (!settings.createConnection) this.#adopt(dial(request, onread));
      else if (isPromise(custom)) custom.then((stream) => this.#take(stream), (error: unknown) => this.#fail(error));
      else this.#take(custom);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Reports the outcome to `listener`, at once where it is known. */
  notify(listener: AttemptListener): void {
    this.#listener = listener;
    if (this.#state === 'made') listener.onMade(this.#stream as Duplex);
    else if (this.#state !== 'under way') listener.onFailed(this.#state);
  }

  /** Resolves with the connection. @throws FTPError where it could not be made */
  made(): Promise<Duplex> {
    return new Promise((onMade, onFailed) => this.notify({ onMade, onFailed }));
  }

  /** Gives the attempt up, or destroys the connection that it has made. */
  destroy(error?: Error): void {
    this.#stream?.destroy(error);
    this.#fail(error ?? new ConnectionClosedError('closed while connecting'));
  }

  /** Takes what `createConnection` returned. */
  #take(stream: unknown): void {
    if (isDuplex(stream)) this.#adopt(stream);
    else this.#fail(new ArgumentError(`createConnection must return a Duplex, or a promise of one, not ${stream === null ? 'null' : typeof stream}`, { phase: 'connect' }));
  }

  #adopt(stream: Duplex): void {
    stream.on('error', ignore); // whoever uses the stream listens as well; between two users an error must not crash the process
    if (this.#state !== 'under way') return void stream.destroy();
    this.#stream = stream;
    if (stream.destroyed) return this.#fail(stream.errored);
    if ((stream as Socket).connecting !== true) return this.#settle('made'); // a stream that is no socket counts as connected
    stream.on('connect', this.#onConnect).on('error', this.#onError).on('close', this.#onClose);
  }

  readonly #onConnect = (): void => {
    if (!this.#tunnel) return this.#settle('made');
    this.#unwatch();
    this.#tunnel.begin(this.#stream as Socket, { onMade: (stream) => this.#onTunnelled(stream), onFailed: (error) => this.#fail(error) });
  };
  readonly #onError = (error: Error): void => this.#fail(error);
  readonly #onClose = (): void => this.#fail(new ConnectionClosedError('closed while connecting'));

  #fail(reason: unknown): void {
    const to = this.#route ? ` to ${this.#route.name}` : '';
    this.#settle(reason instanceof FTPError ? reason : new ConnectionClosedError(`cannot connect${to}: ${describe(reason)}`, { cause: reason, phase: 'connect' }));
  }

  #settle(state: 'made' | FTPError): void {
    if (this.#state !== 'under way') return;
    this.#state = state;
    this.#unwatch();
    if (this.#listener) this.notify(this.#listener);
  }

  #unwatch(): void {
    this.#stream?.off('connect', this.#onConnect).off('error', this.#onError).off('close', this.#onClose);
  }

  /** The connection to the proxy leads to the server; in TLS to the proxy, it is another stream. */
  #onTunnelled(stream: Duplex): void {
    if (this.#state !== 'under way') return void stream.destroy();
    this.#stream = stream.on('error', ignore);
    this.#settle('made');
  }
}

/** Begins to connect. The socket has no Nagle's delay, which would hold back every second small write. */
function dial({ host, port, purpose, localAddress, family }: ConnectionRequest, onread: OnRead | undefined): Socket {
  return connect({
    host,
    port,
    localAddress,
    family,
    onread,
    noDelay: true,
    // After the server's FIN, Node would answer with ours: in an upload that would mean that the file is complete.
    allowHalfOpen: purpose === 'data',
    keepAlive: purpose === 'control',
    keepAliveInitialDelay: 60_000, // milliseconds of silence: routers forget quiet connections after some minutes
  } as NetConnectOpts);
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function';
}

/** Looks at the methods, because streams of other packages are no instances of Node's class. */
function isDuplex(value: unknown): value is Duplex {
  const stream = Object(value) as Record<string, unknown>;
  return ['on', 'off', 'once', 'pipe', 'unpipe', 'pause', 'resume', 'write', 'end', 'destroy'].every((method) => typeof stream[method] === 'function');
}

/** Where Node has tried several addresses, it fails with an AggregateError, whose own message is empty. */
function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map((each: Error) => each.message).join('; ');
  if (error instanceof Error) return error.message;
  return error === undefined || error === null ? 'the connection is gone' : String(error);
}

function ignore(): void {
  // reported to the listener of the attempt, or to the user of the stream
}

/**
 * Listens for a connection of the server.
 *
 * @param range the first and the last port to try; undefined: any port
 * @throws TransferError where no port is free, or the address is not ours
 */
export async function listen(host: string | undefined, range: readonly [number, number] | undefined): Promise<{ server: Server; port: number }> {
  const [first, last] = range ?? [0, 0];
  for (let port = first; ; port++) {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
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

/** True for an IPv4 or IPv6 address, and false for a name. */
export function isAddress(text: string): boolean {
  return isIP(text) !== 0;
}

/**
 * Destroys the connection with a TimeoutError in `ms` milliseconds, 0 never, unless the returned function is called before.
 *
 * @param message or a function that knows more when the time is up
 */
export function deadline(connection: Pick<Duplex, 'destroy'> | ConnectionAttempt, ms: number, message: string | (() => string)): () => void {
  if (ms === 0) return () => undefined;
  const timer = setTimeout(() => void connection.destroy(new TimeoutError(typeof message === 'string' ? message : message())), ms);
  return () => clearTimeout(timer);
}

/**
 * Ends a connection by RST, so that the other side does not take an upload that was cut for a whole one, as it would after FIN or close_notify.
 * A TLSSocket that is a tunnel has the method, too, and throws; it is destroyed.
 */
export function reset(raw: Duplex): void {
  try {
    (raw as Socket).resetAndDestroy();
  } catch {
    raw.destroy();
  }
}

/**
 * True for a connection that the other side has reset. libuv reports an RST that arrives together with bytes as a clean end (POLLHUP
 * after a partial read), but the operating system has no peer for such a socket any more. `remoteAddress` would still have the old one.
 */
export function wasReset(raw: Duplex | undefined): boolean {
  const { _handle: handle } = (raw ?? {}) as { _handle?: { getpeername?: (into: object) => number } };
  return typeof handle?.getpeername === 'function' && handle.getpeername({}) !== 0;
}

/** A proxy did not connect to the port that it was asked for. */
export class RefusedByProxy extends ConnectionClosedError {}

/** True for a connection that the port refused, or that a proxy could not make to it. */
export function wasRefused(error: Error): boolean {
  return causes(error).some((cause) => cause instanceof RefusedByProxy || cause.code === 'ECONNREFUSED');
}

/** True for a connection that the other side accepted, and reset before we knew of it. */
export function wasResetAtOnce(error: Error): boolean {
  return causes(error).some(({ code }) => code === 'ECONNRESET');
}

/** An error, and what has led to it. */
function causes(error: unknown): NodeJS.ErrnoException[] {
  return error instanceof Error ? [error, ...causes(error.cause)] : [];
}
