import type { Duplex } from 'node:stream';
import type { SecuredData } from '../control/security';
import type { Session } from '../control/session';
import { deadline } from '../dial';
import { FTPError, TimeoutError, TransferError } from '../errors';
import { Milestone } from './milestone';
import type { DataSource, SourceListener } from './data-source';
import { Gatherer } from './gatherer';
import { reset, wasReset } from './reset';
import { StallTimer } from './stall-timer';

/** What happens on a data connection; nothing is told after `onError`, `close()` or `reset()`. */
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

/** Milliseconds for close_notify to leave. */
const GOODBYE = 2000;
const NOTHING = Buffer.alloc(0);

/** One data connection, passive or active, of one transfer. */
export class DataConnection implements SourceListener {
  readonly #source: DataSource;
  readonly #direction: 'down' | 'up';
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
  /** FIN is on its way, at most for a turn of the event loop. */
  #ending = false;
  /** FIN has left: what the server's side does from here on is no news, unless it is a reset. */
  #ended = false;

  constructor(source: DataSource, direction: 'down' | 'up', listener: DataListener, session: Session) {
    this.#source = source;
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
      this.#ending = true;
      socket.end((error?: Error | null) => {
        this.#ending = false;
        this.#stall?.rest();
        if (error) return;
        this.#ended = true;
        flushed();
      });
    };
    // FIN only when nothing waits to leave: until then an upload that fails can be reset, which libuv refuses behind a FIN that waits.
    if (socket.writableLength === 0) finish();
    else socket.write(NOTHING, finish);
  }

  /** Closes a connection whose work is done, or that nobody waits for. */
  close(): void {
    this.#leave('closed', false);
  }

  /** Ends the connection by RST, so that no server takes what it has for the whole. */
  reset(): void {
    this.#leave('reset', true);
  }

  /** Whether a connection that is being made comes about in so many milliseconds; one that we only listen for need not. */
  async madeWithin(ms: number): Promise<boolean> {
    if (this.made || !this.#source.awaited || (await this.#made.within(ms))) return true;
    this.#source.cancel(false);
    return false;
  }

  /** Whether the connection is ready for data in so many milliseconds, TLS included. */
  readyWithin(ms: number): Promise<boolean> {
    return this.#ready.within(ms);
  }

  /** The same where the server no longer waits for a connection. */
  abandon(): void {
    this.#leave('reset', false);
  }

  // ---- the source's words

  onMade(raw: Duplex): void {
    this.#raw = raw;
    this.#made.settle(true);
    if (this.#state !== 'live') return this.#drop();
    if (!this.#source.secure) this.#adopt(raw, raw);
    if (this.#begun) this.#proceed(raw);
  }

  onBytes(chunk: Buffer): boolean {
    if (this.#state !== 'live') return true;
    this.#stall?.progress();
    const more = this.#listener.onChunk(chunk);
    if (!more) {
      this.#paused = true;
      this.#stall?.rest();
    }
    return more;
  }

  onError(error: Error): void {
    this.#fail(error);
  }

  onClose(): void {
    if (!this.#secured) this.#onClosed(); // what TLS has read of it already is still to come
  }

  /** It is made, and the server has begun. */
  #proceed(raw: Duplex): void {
    if (this.#state !== 'live') return;
    if (this.#source.secure) void this.#secure(this.#source.secure(raw), raw);
    else this.#onReady();
  }

  async #secure(handshake: Promise<SecuredData>, raw: Duplex): Promise<void> {
    const { connectTimeout } = this.#session.settings;
    const inTime = deadline(raw, connectTimeout, `no TLS on the data connection within ${connectTimeout} ms (connectTimeout)`);
    try {
      this.#secured = await handshake;
      const { stream } = this.#secured;
      stream.on('error', (error) => this.#fail(error)).on('close', () => this.#onClosed());
      this.#adopt(stream, raw);
      this.#onReady();
    } catch (error) {
      this.#fail(error as Error);
    } finally {
      inTime();
    }
  }

  /** The payload passes through `socket` from now on. */
  #adopt(socket: Duplex, raw: Duplex): void {
    this.#socket = socket;
    if (this.#state !== 'live') return this.#drop();
    this.#stall = new StallTimer(socket, this.#direction, this.#session, () => this.#onStall());
    socket.on('end', () => this.#onEnd(raw));
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
    if (this.#direction === 'up') this.#listener.onWritable(); // until there is something to send, it is our own source that is silent
    else if (!this.#paused) this.#stall?.wait();
  }

  #receive(socket: Duplex, chunk: Buffer): void {
    if (!this.onBytes(chunk)) socket.pause();
  }

  #onEnd(raw: Duplex): void {
    if (this.#ending || this.#ended) return; // both sides have ended, and such a connection has no peer any more, either
    if (wasReset(raw)) this.#fail(new TransferError('the data connection was reset by the server', { phase: 'data' }));
    else if (this.#secured?.closedProperly() === false) this.#fail(new TransferError('the TLS data connection ended without close_notify (strictTlsClose)', { phase: 'data' }));
    else if (this.#state === 'live') this.#listener.onEnd();
  }

  #onClosed(): void {
    if (!this.#ended) this.#fail(new TransferError('the data connection was closed', { phase: 'data' }));
  }

  #onDrain(): void {
    if (this.#state !== 'live') return;
    this.#stall?.rest();
    this.#listener.onWritable();
  }

  #onStall(): void {
    this.#fail(new TimeoutError(`no data moved within ${this.#session.settings.stallTimeout} ms (stallTimeout)`, { phase: 'data' }));
  }

  #fail(error: Error): void {
    this.#made.settle(false);
    if (this.#state !== 'live') return;
    this.#leave('reset', false);
    this.#listener.onError(error instanceof FTPError ? error : new TransferError(`the data connection broke: ${error.message}`, { cause: error, phase: 'data' }));
  }

  #leave(state: 'closed' | 'reset', gently: boolean): void {
    if (this.#state !== 'live') return;
    this.#state = state;
    this.#stall?.rest();
    this.#ready.settle(false);
    if (!this.#raw) this.#source.cancel(gently);
    this.#drop();
  }

  /** close_notify, without which vsftpd calls a transfer failed; a server that does not take it is not waited for. */
  #sayGoodbye(secured: Duplex): void {
    if (secured.destroyed) return; // both sides have ended already
    const timer = setTimeout(() => secured.destroy(), GOODBYE);
    secured.once('close', () => clearTimeout(timer));
    secured.resume();
    secured.end();
  }

  #closeBehindEnd(raw: Duplex): void {
    const timer = setTimeout(() => raw.destroy(), GOODBYE);
    raw.once('close', () => clearTimeout(timer));
    this.#socket?.once('finish', () => raw.destroy());
  }

  #drop(): void {
    const raw = this.#raw;
    if (this.#ending && raw) this.#closeBehindEnd(raw);
    else if (this.#state === 'reset' && raw) reset(raw);
    else if (this.#secured) this.#sayGoodbye(this.#secured.stream);
    else raw?.destroy();
  }
}
