import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecuredData } from '../control/security';
import { deadline } from '../dial';
import { FTPError, TimeoutError, TransferError } from '../errors';
import type { Settings } from '../options';
import { within } from './deferred';
import { Gatherer } from './gatherer';
import { StallTimer } from './stall-timer';

/** What happens on a data connection; nothing is told after `onError`, `close()` or `reset()`. */
export interface DataListener {
  /** Bytes arrived; false pauses the connection until `resume()`. */
  onChunk(chunk: Buffer): boolean;
  /** The server closed its side cleanly. */
  onEnd(): void;
  /** The connection broke, could not be made, or stood still; also behind our own end, when the server or the way to it resets. */
  onError(error: Error): void;
  /** More may be written. */
  onDrain(): void;
}

/** Where a data connection comes from: we connect, or we listen. */
export interface DataSource {
  /** True when we make the connection, and the server waits for it. */
  readonly awaited: boolean;
  /** True when the socket hands what it reads to `receive` by itself. */
  readonly reads: boolean;
  /** Puts TLS on the connection, when the server expects that; undefined without protection. */
  readonly secure?: ((raw: Duplex) => Promise<SecuredData>) | undefined;
  /** Makes the one connection. */
  open(receive: (chunk: Buffer) => boolean): Promise<Duplex>;
  /** Stops trying; with `gently`, a connection that we are making is still made, for the server waits for it. */
  cancel(gently: boolean): void;
}

/** Milliseconds for close_notify to leave. */
const GOODBYE = 2000;
const NOTHING = Buffer.alloc(0);

/** One data connection, passive or active, of one transfer. */
export class DataConnection {
  /** Settles when the connection is made, or cannot be made. */
  readonly opened: Promise<void>;
  readonly #source: DataSource;
  readonly #listener: DataListener;
  readonly #settings: Settings;
  #stall: StallTimer | undefined;
  /** The connection itself, below TLS. */
  #raw: Duplex | undefined;
  #secured: SecuredData | undefined;
  #socket: Duplex | undefined;
  #state: 'live' | 'closed' | 'reset' = 'live';
  #watched = false;
  #paused = false;
  /** FIN is on its way, at most for a turn of the event loop. */
  #ending = false;
  /** FIN has left: what the server's side does from here on is no news, unless it is a reset. */
  #ended = false;

  constructor(source: DataSource, listener: DataListener, settings: Settings) {
    this.#source = source;
    this.#listener = listener;
    this.#settings = settings;
    this.opened = source.open((chunk) => this.#receive(chunk)).then((raw) => {
      this.#raw = raw;
      raw.on('error', (error) => this.#fail(error));
      if (this.#state !== 'live') this.#drop();
      else if (!source.secure) this.#adopt(raw);
      else raw.on('close', this.#onClose);
    });
    this.opened.catch((error: Error) => this.#fail(error));
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
   * unless paused. Resolves when bytes may be written. TLS sooner breaks pyftpdlib 1.5.7, and the command must not wait for it:
   * vsftpd, ProFTPD and Pure-FTPd answer no ClientHello before it.
   */
  async begin(direction: 'down' | 'up'): Promise<void> {
    await this.opened;
    if (this.#source.secure && this.#raw && this.#state === 'live') await this.#secure(this.#source.secure(this.#raw));
    if (direction === 'up') return; // until there is something to send, it is our own source that is silent
    this.#watched = true;
    if (!this.#paused) this.#stall?.wait();
  }

  pause(): void {
    this.#paused = true;
    this.#stall?.rest();
    this.#socket?.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#watched) this.#stall?.wait();
    this.#socket?.resume();
  }

  /** Writes; false means that `onDrain` will come. */
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
    return this.made || !this.#source.awaited || within(this.opened, ms);
  }

  /** The same where the server no longer waits for a connection. */
  abandon(): void {
    this.#leave('reset', false);
  }

  async #secure(handshake: Promise<SecuredData>): Promise<void> {
    const { connectTimeout } = this.#settings;
    const inTime = deadline(this.#raw as Duplex, connectTimeout, `no TLS on the data connection within ${connectTimeout} ms (connectTimeout)`);
    try {
      this.#secured = await handshake;
      this.#raw?.off('close', this.#onClose);
      const { stream } = this.#secured;
      stream.on('error', (error) => this.#fail(error));
      this.#adopt(stream);
    } catch (error) {
      this.#fail(error as Error);
      throw error;
    } finally {
      inTime();
    }
  }

  #adopt(socket: Duplex): void {
    this.#socket = socket;
    if (this.#state !== 'live') return this.#drop();
    this.#stall = new StallTimer(socket, this.#settings.stallTimeout, this.#onStall);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    socket.on('drain', this.#onDrain);
    const receive = (chunk: Buffer): void => void (this.#receive(chunk) || socket.pause());
    if (this.#secured) {
      const gatherer = new Gatherer(receive);
      socket.on('data', (chunk: Buffer) => gatherer.add(chunk));
      socket.prependListener('end', () => gatherer.flush());
    } else if (!this.#source.reads) socket.on('data', receive);
    if (this.#paused) socket.pause();
  }

  #receive(chunk: Buffer): boolean {
    if (this.#state !== 'live') return true;
    this.#stall?.progress();
    const more = this.#listener.onChunk(chunk);
    if (!more) {
      this.#paused = true;
      this.#stall?.rest();
    }
    return more;
  }

  readonly #onEnd = (): void => {
    if (this.#ending || this.#ended) return; // both sides have ended, and such a connection has no peer any more, either
    if (wasReset(this.#raw)) this.#fail(new TransferError('the data connection was reset by the server', { phase: 'data' }));
    else if (this.#secured?.closedProperly() === false) this.#fail(new TransferError('the TLS data connection ended without close_notify (strictTlsClose)', { phase: 'data' }));
    else if (this.#state === 'live') this.#listener.onEnd();
  };

  readonly #onClose = (): void => {
    if (this.#state === 'live' && !this.#ended) this.#fail(new TransferError('the data connection was closed', { phase: 'data' }));
  };

  readonly #onDrain = (): void => {
    if (this.#state !== 'live') return;
    this.#stall?.rest();
    this.#listener.onDrain();
  };

  readonly #onStall = (): void => {
    this.#fail(new TimeoutError(`no data moved within ${this.#settings.stallTimeout} ms (stallTimeout)`, { phase: 'data' }));
  };

  #fail(error: Error): void {
    if (this.#state !== 'live') return;
    this.#leave('reset', false);
    this.#listener.onError(error instanceof FTPError ? error : new TransferError(`the data connection broke: ${error.message}`, { cause: error, phase: 'data' }));
  }

  #leave(state: 'closed' | 'reset', gently: boolean): void {
    if (this.#state !== 'live') return;
    this.#state = state;
    this.#stall?.rest();
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
    const raw = this.#raw as Socket | undefined;
    if (this.#ending && raw) this.#closeBehindEnd(raw);
    else if (this.#state === 'reset' && raw) reset(raw);
    else if (this.#secured) this.#sayGoodbye(this.#secured.stream);
    else raw?.destroy();
  }
}

/** By RST where that can be: a TLSSocket as a tunnel has the method too, and throws. Never by close_notify, which makes a cut upload whole. */
function reset(raw: Socket): void {
  try {
    raw.resetAndDestroy();
  } catch {
    raw.destroy();
  }
}

/**
 * libuv reports an RST that arrives together with bytes as a clean end (POLLHUP after a partial read). A connection that
 * was reset has no peer any more, one that was ended has; `remoteAddress` would answer from its memory.
 */
function wasReset(raw: Duplex | undefined): boolean {
  const { _handle: handle } = raw as { _handle?: { getpeername?: (into: object) => number } };
  return typeof handle?.getpeername === 'function' && handle.getpeername({}) !== 0;
}
