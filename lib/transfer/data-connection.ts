import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ControlConnection } from '../control/control-connection';
import type { Session } from '../control/session';
import { FTPError, TimeoutError, TransferError } from '../errors';
import { deadline, reset, wasReset } from '../net/dial';
import type { SecuredData } from '../net/tls';
import { Gatherer } from '../net/receive-buffer';
import type { Watch } from '../net/watch';
import { type Interrupt, Milestone } from './interrupt';

/** Which way the payload goes. */
export type Direction = 'down' | 'up';

/** What opening a data connection needs to know. */
export interface DataRequest {
  readonly session: Session;
  readonly control: ControlConnection;
  readonly direction: Direction;
  /** What is read may be overwritten when the listener returns. */
  readonly lent: boolean | undefined;
  readonly listener: DataListener;
  readonly interrupt: Interrupt;
}

/** What happens on a data connection; nothing is told after `onError`, `close()`, `reset()` or `abandon()`. */
export interface DataListener {
  /** Bytes arrived; false pauses the connection until `resume()`. */
  onChunk(chunk: Buffer): boolean;
  /** The server closed its side cleanly. */
  onEnd(): void;
  /** The connection broke, could not be made, or stood still; also behind our own end, when the server or the way to it resets. */
  onError(error: Error): void;
  /** The first bytes of an upload, or more of them, may be written. */
  onWritable(): void;
}

/** Where a data connection comes from: we connect, or we listen. */
export interface DataSource {
  /** True when we make the connection, and the server waits for it. */
  readonly awaited: boolean;
  /** True when the socket hands what it reads to the listener by itself. */
  readonly reads: boolean;
  /** Makes the one connection, and tells of it. */
  open(listener: SourceListener): void;
  /** Stops trying. */
  cancel(): void;
}

/** What a source tells of its connection, from the beginning to the end. */
export interface SourceListener {
  onMade(raw: Duplex): void;
  /** Of a source that `reads`; false pauses. */
  onBytes(chunk: Buffer): boolean;
  onError(error: Error): void;
  onClose(): void;
}

/**
 * Tells when a stream stood still for `stallTimeout` while it was being waited for.
 *
 * For what is written, a socket's own timeout is used where there is one: it sees a large write making progress in the kernel.
 */
class StallTimer {
  readonly #socket: Socket | undefined;
  readonly #ms: number;
  readonly #watch: Watch;
  readonly #onStall: () => void;

  constructor(stream: Duplex, direction: Direction, session: Session, onStall: () => void) {
    this.#socket = direction === 'up' && typeof (stream as Socket).setTimeout === 'function' ? (stream as Socket) : undefined;
    this.#ms = session.settings.stallTimeout;
    this.#watch = session.dataMeans.stalling;
    this.#onStall = onStall;
    this.#socket?.on('timeout', onStall);
  }

  /** We wait for the other side from now on. */
  wait(): void {
    if (this.#socket) this.#socket.setTimeout(this.#ms);
    else this.#watch.start(this.#onStall);
  }

  /** Bytes arrived. */
  progress(): void {
    this.#watch.restart(this.#onStall);
  }

  /** We do not wait: our own side is the slow one, or all is done. */
  rest(): void {
    if (this.#socket) this.#socket.setTimeout(0);
    else this.#watch.stop(this.#onStall);
  }
}

/** Milliseconds for FIN or close_notify to leave. */
const GOODBYE = 2000;
const NOTHING = Buffer.alloc(0);

/** One data connection, passive or active, of one transfer. */
export class DataConnection implements SourceListener {
  readonly #source: DataSource;
  /** Puts TLS on the connection, when the server expects that. */
  readonly #protect: ((raw: Duplex) => Promise<SecuredData>) | undefined;
  readonly #direction: Direction;
  readonly #listener: DataListener;
  readonly #session: Session;
  readonly #made = new Milestone();
  readonly #ready = new Milestone();
  #stall: StallTimer | undefined;
  /** The connection itself, below TLS. */
  #raw: Duplex | undefined;
  #secured: SecuredData | undefined;
  /** What the payload passes through. */
  #socket: Duplex | undefined;
  #state: 'live' | 'closed' | 'reset' = 'live';
  #begun = false;
  #paused = false;
  /** On its way for at most a turn of the event loop; once it has left, what the server's side does is no news, unless it is a reset. */
  #fin: 'none' | 'leaving' | 'left' = 'none';

  constructor(source: DataSource, { session, direction, listener }: DataRequest) {
    this.#source = source;
    this.#protect = session.protection.secureData;
    this.#direction = direction;
    this.#listener = listener;
    this.#session = session;
    source.open(this);
  }

  /** Whether TLS resumed a session; undefined without TLS. */
  get tlsResumed(): boolean | undefined {
    return this.#secured?.resumed;
  }

  /** True once the connection was made. */
  get made(): boolean {
    return this.#raw !== undefined;
  }

  /**
   * The server has begun the transfer: TLS may begin, and from now on the silence of a server that sends counts as a stall
   * unless paused. TLS sooner breaks pyftpdlib 1.5.7, and the command must not wait for it: vsftpd, ProFTPD and Pure-FTPd
   * answer no ClientHello before it.
   */
  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    if (this.#raw) this.#proceed(this.#raw);
  }

  pause(): void {
    this.#paused = true;
    this.#stall?.rest();
    this.#socket?.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#state !== 'live') return;
    if (this.#begun) this.#stall?.wait();
    this.#socket?.resume();
  }

  /** Writes; false means that `onWritable` will come. */
  write(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    if (!socket || this.#state !== 'live') return false;
    if (chunks.length > 1) socket.cork();
    let room = true;
    for (const chunk of chunks) room = socket.write(chunk);
    if (chunks.length > 1) socket.uncork();
    if (!room) this.#stall?.wait();
    return room;
  }

  /** Ends the upload by FIN, which makes the server call the file whole; `flushed` is called when all has left. */
  end(flushed: () => void): void {
    const socket = this.#socket;
    if (!socket || this.#state !== 'live') return;
    this.#stall?.wait();
    const finish = (): void => {
      if (this.#state !== 'live') return;
      this.#fin = 'leaving';
      socket.end((error?: Error | null) => {
        this.#fin = error ? 'none' : 'left';
        this.#stall?.rest();
        if (!error) flushed();
      });
      // The error of an RST that has come is gone with close_notify, and would read as the server's end. FIN leaves a turn later: until then, only an RST takes the peer away.
      if (this.#secured && wasReset(this.#raw)) this.#fail(resetError());
    };
    // FIN only when nothing waits to leave: until then an upload that fails can be reset, which libuv refuses behind a FIN that waits.
    if (socket.writableLength === 0) finish();
    else socket.write(NOTHING, finish);
  }

  /** Closes a connection whose work is done, or that nobody waits for. */
  close(): void {
    this.#leave('closed', false);
  }

  /** Ends the connection by RST, so that no server takes what it has for the whole; one that is being made still is, where the server waits for it. */
  reset(): void {
    this.#leave('reset', this.#source.awaited);
  }

  /** The same where the server no longer waits for a connection. */
  abandon(): void {
    this.#leave('reset', false);
  }

  /** Whether a connection that is being made comes about in so many milliseconds, and is given up otherwise; one that we only listen for need not. */
  async madeWithin(ms: number): Promise<boolean> {
    if (this.made || !this.#source.awaited || (await this.#made.within(ms))) return true;
    this.#source.cancel();
    return false;
  }

  /** Whether the connection is ready for data in so many milliseconds, TLS included. */
  readyWithin(ms: number): Promise<boolean> {
    return this.#ready.within(ms);
  }

  // ---- the source's words

  onMade(raw: Duplex): void {
    this.#raw = raw;
    this.#made.settle(true);
    if (this.#state !== 'live') return this.#drop();
    if (!this.#protect) this.#adopt(raw);
    if (this.#begun) this.#proceed(raw);
  }

  onBytes(chunk: Buffer): boolean {
    return this.#deliver(chunk);
  }

  onError(error: Error): void {
    this.#fail(error);
  }

  onClose(): void {
    if (!this.#secured) this.#onClosed(); // what TLS has read of it already is still to come
  }

  #deliver(chunk: Buffer): boolean {
    if (this.#state !== 'live') return true;
    this.#stall?.progress();
    const more = this.#listener.onChunk(chunk);
    if (!more) {
      this.#paused = true;
      this.#stall?.rest();
    }
    return more;
  }

  /** It is made, and the server has begun. */
  #proceed(raw: Duplex): void {
    if (this.#state !== 'live') return;
    if (this.#protect) void this.#secure(raw, this.#protect(raw));
    else this.#onReady();
  }

  async #secure(raw: Duplex, handshake: Promise<SecuredData>): Promise<void> {
    const { connectTimeout } = this.#session.settings;
    const inTime = deadline(raw, connectTimeout, `no TLS on the data connection within ${connectTimeout} ms (connectTimeout)`);
    try {
      this.#secured = await handshake;
      const { stream } = this.#secured;
      stream.on('error', (error) => this.#fail(error)).on('close', () => this.#onClosed());
      this.#adopt(stream);
      this.#onReady();
    } catch (error) {
      this.#fail(error as Error);
    } finally {
      inTime();
    }
  }

  /** The payload passes through `socket` from now on. */
  #adopt(socket: Duplex): void {
    this.#socket = socket;
    if (this.#state !== 'live') return this.#drop();
    this.#stall = new StallTimer(socket, this.#direction, this.#session, () => this.#onStall());
    socket.on('end', () => this.#onEnd());
    if (this.#direction === 'up') socket.on('drain', () => this.#onDrain());
    if (this.#secured) {
      const gatherer = new Gatherer((chunk) => this.#receive(socket, chunk));
      socket.on('data', (chunk: Buffer) => gatherer.add(chunk));
      socket.prependListener('end', () => gatherer.flush());
    } else if (!this.#source.reads) socket.on('data', (chunk: Buffer) => this.#receive(socket, chunk));
    if (this.#paused) socket.pause();
  }

  #onReady(): void {
    this.#ready.settle(true);
    if (this.#state !== 'live') return;
    // Not at once: a 226 that came together with the mark is none for bytes that had not left. Until there are any, it is our own source that is silent.
    if (this.#direction === 'up') process.nextTick(() => this.#onWritable());
    else if (!this.#paused) this.#stall?.wait();
  }

  #receive(socket: Duplex, chunk: Buffer): void {
    if (!this.#deliver(chunk)) socket.pause();
  }

  #onEnd(): void {
    if (this.#fin !== 'none') return; // both sides have ended, and such a connection has no peer any more, either
    if (wasReset(this.#raw)) this.#fail(resetError());
    else if (this.#secured?.closedProperly() === false) this.#fail(new TransferError('the TLS data connection ended without close_notify (strictTlsClose)', { phase: 'data' }));
    else if (this.#state === 'live') this.#listener.onEnd();
  }

  #onClosed(): void {
    if (this.#state === 'live' && this.#fin !== 'left') this.#fail(new TransferError('the data connection was closed', { phase: 'data' }));
  }

  #onDrain(): void {
    this.#stall?.rest();
    this.#onWritable();
  }

  #onWritable(): void {
    if (this.#state === 'live') this.#listener.onWritable();
  }

  #onStall(): void {
    this.#fail(new TimeoutError(`no data moved within ${this.#session.settings.stallTimeout} ms (stallTimeout)`, { phase: 'data' }));
  }

  #fail(error: Error): void {
    this.#made.settle(false);
    if (this.#state !== 'live') return;
    this.abandon();
    this.#listener.onError(error instanceof FTPError ? error : new TransferError(`the data connection broke: ${error.message}`, { cause: error, phase: 'data' }));
  }

  /** @param awaited a connection that is being made is still made */
  #leave(state: 'closed' | 'reset', awaited: boolean): void {
    if (this.#state !== 'live') return;
    this.#state = state;
    this.#stall?.rest();
    this.#ready.settle(false);
    if (!this.#raw && !awaited) this.#source.cancel();
    this.#drop();
  }

  /** close_notify, without which vsftpd calls a transfer failed; a server that does not take it is not waited for. */
  #sayGoodbye(secured: Duplex): void {
    if (secured.destroyed) return; // both sides have ended already
    destroyLater(secured);
    secured.resume();
    secured.end();
  }

  /** libuv refuses an RST behind a FIN that waits to leave. */
  #closeBehindFin(raw: Duplex): void {
    destroyLater(raw);
    this.#socket?.once('finish', () => raw.destroy());
  }

  #drop(): void {
    const raw = this.#raw;
    if (this.#fin === 'leaving' && raw) this.#closeBehindFin(raw);
    else if (this.#state === 'reset' && raw) reset(raw);
    else if (this.#secured) this.#sayGoodbye(this.#secured.stream);
    else raw?.destroy();
  }
}

function resetError(): TransferError {
  return new TransferError('the data connection was reset by the server', { phase: 'data' });
}

/** Unless it is closed by then. */
function destroyLater(stream: Duplex): void {
  const timer = setTimeout(() => stream.destroy(), GOODBYE);
  stream.once('close', () => clearTimeout(timer));
}
