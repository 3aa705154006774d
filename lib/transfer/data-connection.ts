import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createInflate, type Inflate } from 'node:zlib';
import type { ControlConnection } from '../control/control-connection';
import type { Session } from '../control/session';
import { FTPError, MismatchError, TimeoutError, TransferError } from '../errors';
import { deadline, reset, wasReset } from '../net/dial';
import type { SecuredData } from '../net/tls';
import { alone, Gatherer } from '../net/receive-buffer';
import { type Interrupt, Milestone } from './interrupt';

/** Which way the payload goes. */
export type Direction = 'down' | 'up';

/** What a data connection is opened with. */
export interface DataRequest {
  readonly session: Session;
  readonly control: ControlConnection;
  readonly direction: Direction;
  /** `lent`: what is read may be overwritten once the transfer has taken it. */
  readonly memory: 'given' | 'lent';
  readonly interrupt: Interrupt;
}

/** The transfer that a data connection belongs to; an interface, because transfer.ts imports this file. After `onError`, `close()`, `reset()` or `abandon()` it hears nothing more. */
export interface DataListener {
  /** Download: it is piped into something, which takes a few large chunks faster than many small ones. */
  readonly isPiped: boolean;
  /** Bytes arrived; false pauses the connection until `resume()`. */
  onChunk(chunk: Buffer): boolean;
  /** The server closed its side cleanly. */
  onEnd(): void;
  /** The connection broke, could not be made, or stood still; also after our own end, when the server resets it. */
  onError(error: Error): void;
  /** The first bytes of an upload may be written, or more of them: those before are no longer needed. */
  onWritable(): void;
}

/** Milliseconds for FIN or close_notify to leave. */
const GOODBYE = 2000;
const NOTHING = Buffer.alloc(0);
/** Bytes of decompressed data at a time. */
const INFLATED = 64 * 1024;
/** Bytes that are written at a time where the socket does not show how a write gets on. */
const PIECE = 64 * 1024;

/**
 * The data connection of one transfer. How it is made is up to its two kinds: we connect (passive), or we listen (active).
 *
 * It belongs to no transfer until `attach()`, so that one that cannot be made may be replaced by another.
 */
export abstract class DataConnection {
  protected readonly session: Session;
  readonly #direction: Direction;
  /** Puts TLS on the connection where the session protects its data. */
  readonly #protect: Session['protection']['secureData'];
  #listener: DataListener | undefined;
  /** The connection itself, below TLS. */
  #raw: Duplex | undefined;
  #secured: SecuredData | undefined;
  /** What the payload passes through. */
  #socket: Duplex | undefined;
  /** Download in MODE Z: what it is decompressed by, and the bytes that were given to that. */
  #inflate: Inflate | undefined;
  #compressedBytes = 0;
  /** Upload: the same, where it has a timeout of its own, which sees a large write make progress in the kernel. */
  #timed: Socket | undefined;
  /** What waits to be written where it does not. */
  #pieces: Uint8Array[] = [];
  /** Whoever waits for the connection. */
  #made: Milestone | undefined;
  /** Whoever waits for TLS on it. */
  #handshaken: Milestone | undefined;
  #state: 'live' | 'closed' | 'reset' | FTPError = 'live';
  /** The server has begun the transfer. */
  #begun: 'no' | 'unmarked' | 'marked' = 'no';
  #endWhenMarked: (() => void) | undefined;
  /** We are the slow side. */
  #paused = false;
  /** Our end of an upload: asked for, on its way for at most a turn of the event loop, gone. */
  #fin: 'none' | 'asked' | 'leaving' | 'left' = 'none';

  protected constructor({ session, direction }: DataRequest) {
    this.session = session;
    this.#protect = session.protection.secureData;
    this.#direction = direction;
  }

  /** True where we make the connection, and the server waits for it. */
  protected abstract readonly awaited: boolean;

  /** True where the socket gives what it reads to `receive` by itself. */
  protected abstract readonly reads: boolean;

  /** Stops making the connection. */
  protected abstract cancel(): void;

  /** From now on the connection reports to that transfer; what has gone wrong before, at once. */
  attach(listener: DataListener): void {
    this.#listener = listener;
    if (this.#state instanceof FTPError) listener.onError(this.#state);
  }

  /** Whether TLS resumed a session; undefined without TLS. */
  get tlsResumed(): boolean | undefined {
    return this.#secured?.resumed;
  }

  /** Why the connection broke, or could not be made, if it did so. */
  get failure(): FTPError | undefined {
    return this.#state instanceof FTPError ? this.#state : undefined;
  }

  /** True once TLS may have begun. */
  get begun(): boolean {
    return this.#begun !== 'no';
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
    const before = this.#begun;
    this.#begun = 'marked';
    if (before === 'no' && this.#raw) this.#proceed(this.#raw);
    else if (before === 'unmarked') this.#endWhenMarked?.();
  }

  /** The server is taken to have begun, although it has not said so. The end of an upload waits until it does: ftp-srv misses a connection that has come and gone by then. */
  beginUnmarked(): void {
    if (this.#begun !== 'no') return;
    this.#begun = 'unmarked';
    if (this.#raw) this.#proceed(this.#raw);
  }

  pause(): void {
    this.#paused = true;
    this.#stopStallTimer();
    (this.#inflate ?? this.#socket)?.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#state !== 'live') return;
    if (this.begun) this.#startStallTimer();
    this.#inflate?.resume();
    if (!this.#inflate?.writableNeedDrain) this.#socket?.resume();
  }

  /**
   * What comes is compressed: MODE Z, one stream of zlib for each transfer (draft-preston-ftpext-deflate; RFC 1950). It must be said before anything
   * has come.
   *
   * What is received goes into `inflate`, which gives no more than its reader takes, however much a few bytes decompress to; when it is full, the
   * connection is paused. The data are whole when their own end has come, with the right checksum, and nothing after it.
   */
  decompress(): void {
    const inflate = (this.#inflate = createInflate({ chunkSize: INFLATED }));
    inflate.on('data', (chunk: Buffer) => {
      if (this.#state !== 'live') return;
      this.session.dataConnections.stalling.restart(this.#onStall);
      if (this.#listener?.onChunk(alone(chunk)) === false) this.pause();
    });
    inflate.on('drain', () => {
      if (this.#state !== 'live') return;
      if (!this.#paused) this.#startStallTimer();
      this.#socket?.resume();
    });
    inflate.on('end', () => {
      if (inflate.bytesWritten < this.#compressedBytes) this.failed(new MismatchError('the compressed data have more after their end', { phase: 'data' }));
      else if (this.#state === 'live') this.#listener?.onEnd();
    });
    inflate.on('error', (error: NodeJS.ErrnoException) => {
      // Where data were cut, what came before is right, and a retry may go on after it. In data that are damaged, the damage may have come before it shows.
      const [kind, what] = error.code === 'Z_BUF_ERROR' ? [TransferError, 'not whole'] : [MismatchError, 'damaged'];
      this.failed(new kind(`the compressed data are ${what}: ${error.message}`, { cause: error, phase: 'data' }));
    });
    if (this.#paused) inflate.pause();
  }

  /**
   * Writes. `onWritable` comes when the socket has given all of it to the system, so that the caller's memory may be used again.
   *
   * @param sent is called with each chunk whose memory is no longer needed, if that is known for sure
   */
  write(chunks: readonly Uint8Array[], sent?: (chunk: Uint8Array) => void): void {
    const socket = this.#socket;
    if (!socket || this.#state !== 'live') return;
    const last = chunks.length - 1;
    if (this.#timed) {
      if (last > 0) socket.cork();
      chunks.forEach((chunk, index) => {
        const onSent = (error?: Error | null): void => {
          if (error) return;
          sent?.(chunk);
          if (index === last) this.#onWritten();
        };
        socket.write(chunk, sent || index === last ? onSent : undefined);
      });
      if (last > 0) socket.uncork();
    } else {
      this.#pieces = chunks.flatMap(piecesOf);
      this.#writePieces(socket);
    }
    if (socket.writableLength > 0) this.#startStallTimer();
  }

  /** Writes what there is room for; for the rest `drain` will come. */
  #writePieces(socket: Duplex): void {
    for (let room = true; room && this.#pieces.length > 0; ) {
      const piece = this.#pieces.shift();
      const isLast = this.#pieces.length === 0;
      room = socket.write(piece, (error) => {
        if (error) return;
        if (isLast) this.#onWritten();
        else this.session.dataConnections.stalling.restart(this.#onStall);
      });
    }
  }

  /** All that was written has left. */
  #onWritten(): void {
    this.#stopStallTimer();
    this.#onWritable();
  }

  /** True once all bytes of an upload have been written. */
  get ending(): boolean {
    return this.#fin !== 'none';
  }

  /** Ends the upload by FIN, which makes the server call the file whole; `flushed` is called when all has left. */
  end(flushed: () => void): void {
    if (this.#begun === 'unmarked') return void (this.#endWhenMarked = () => this.end(flushed));
    const socket = this.#socket;
    this.#fin = 'asked';
    if (!socket || this.#state !== 'live') return;
    this.#startStallTimer();
    const finish = (): void => {
      if (this.#state !== 'live') return;
      this.#fin = 'leaving';
      socket.end((error?: Error | null) => {
        this.#fin = error ? 'asked' : 'left';
        this.#stopStallTimer();
        if (!error) flushed();
      });
      // The error of an RST that has come is gone with close_notify, and would read as the server's end. FIN leaves a turn later: until then, only an RST takes the peer away.
      if (this.#secured && wasReset(this.#raw)) this.failed(resetError());
    };
    // FIN only when nothing waits to leave: until then an upload that fails can be reset, which libuv refuses after a FIN that waits.
    if (socket.writableLength === 0) finish();
    else socket.write(NOTHING, finish);
  }

  /** Closes a connection whose work is done, or that nobody waits for. */
  close(): void {
    this.#leave('closed', false);
  }

  /** Ends the connection by RST, so that no server takes what it has for the whole; one that is being made still is, where the server waits for it. */
  reset(): void {
    this.#leave('reset', this.awaited);
  }

  /** The same where the server no longer waits for a connection. */
  abandon(): void {
    this.#leave('reset', false);
  }

  /** Resolves when the connection is made. @throws why it cannot be made */
  async established(): Promise<void> {
    if (!this.made && !this.failure) await (this.#made ??= new Milestone()).reached();
    if (this.failure) throw this.failure;
  }

  /** Whether a connection that is being made comes about in so many milliseconds, and is given up otherwise; one that we only listen for need not. */
  async madeWithin(ms: number): Promise<boolean> {
    if (this.made || !this.awaited || (!this.failure && (await (this.#made ??= new Milestone()).within(ms)))) return true;
    this.cancel();
    return false;
  }

  /** Whether TLS is on the connection in so many milliseconds. */
  async securedWithin(ms: number): Promise<boolean> {
    return this.#secured !== undefined || (this.#state === 'live' && (this.#handshaken ??= new Milestone()).within(ms));
  }

  // ---- what its kinds report

  /** The connection is made. */
  protected connected(raw: Duplex): void {
    this.#raw = raw;
    raw.on('error', (error) => this.failed(error)).on('close', this.#onClosed);
    this.#made?.settle(true);
    if (this.#state !== 'live') return this.#drop();
    if (!this.#protect) this.#adopt(raw);
    if (this.#begun !== 'no') this.#proceed(raw);
  }

  /** Bytes arrived; false pauses. */
  protected readonly receive = (chunk: Buffer): boolean => {
    if (this.#state !== 'live' || !this.#listener) return true;
    this.session.dataConnections.stalling.restart(this.#onStall);
    if (this.#inflate) {
      this.#compressedBytes += chunk.length;
      if (this.#inflate.write(chunk)) return true;
    } else {
      if (this.#listener.onChunk(chunk)) return true;
      this.#paused = true;
    }
    this.#stopStallTimer();
    return false;
  };

  protected failed(error: Error): void {
    if (this.#state === 'live') {
      this.abandon();
      this.#state = error instanceof FTPError ? error : new TransferError(`the data connection broke: ${error.message}`, { cause: error, phase: 'data' });
      this.#listener?.onError(this.#state);
    }
    this.#made?.settle(false);
  }

  // ---- the steps

  /** It is made, and the server has begun. */
  #proceed(raw: Duplex): void {
    if (this.#state !== 'live') return;
    // A proxy may close both sides at our FIN (microsocks 1.0.3). Where it has not read the server's tickets by then, that is an RST, and pyftpdlib 1.5.7 takes
    // what it has of an upload for the whole. In TLS, close_notify is the end.
    if (this.#protect) void this.#secure(raw, this.#protect(raw, this.#direction === 'up' && this.session.route !== undefined));
    else this.#onReady();
  }

  async #secure(raw: Duplex, handshake: Promise<SecuredData>): Promise<void> {
    const { connectTimeout } = this.session.settings;
    const inTime = deadline(raw, connectTimeout, `no TLS on the data connection within ${connectTimeout} ms (connectTimeout)`);
    try {
      this.#secured = await handshake;
      const { stream } = this.#secured;
      raw.off('close', this.#onClosed); // what TLS has read of it already is still to come
      stream.on('error', (error) => this.failed(error)).on('close', this.#onClosed);
      this.#adopt(stream);
      this.#onReady();
    } catch (error) {
      this.failed(error as Error);
    } finally {
      inTime();
    }
  }

  /** The payload passes through `socket` from now on. */
  #adopt(socket: Duplex): void {
    this.#socket = socket;
    if (this.#state !== 'live') return this.#drop();
    socket.on('end', this.#onEnd);
    if (this.#direction === 'up') {
      if (seesWrites(socket)) this.#timed = socket.on('timeout', this.#onStall);
      else socket.on('drain', () => this.#writePieces(socket));
    }
    if (this.#secured) {
      const gatherer = new Gatherer((chunk) => this.#take(socket, chunk));
      socket.on('data', (chunk: Buffer) => {
        if (this.#listener?.isPiped) return gatherer.add(chunk);
        gatherer.flush();
        this.#take(socket, chunk);
      });
      socket.prependListener('end', () => gatherer.flush());
    } else if (!this.reads) socket.on('data', (chunk: Buffer) => this.#take(socket, chunk));
    if (this.#paused) socket.pause();
  }

  #onReady(): void {
    this.#handshaken?.settle(true);
    if (this.#state !== 'live') return;
    // Not at once: a 226 that came together with the mark is none for bytes that had not left. Until there are any, it is our own source that is silent.
    if (this.#direction === 'up') process.nextTick(() => this.#onWritable());
    else if (!this.#paused) this.#startStallTimer();
  }

  #take(socket: Duplex, chunk: Buffer): void {
    if (!this.receive(chunk)) socket.pause();
  }

  readonly #onEnd = (): void => {
    if (this.#fin === 'leaving' || this.#fin === 'left') return; // both sides have ended, and such a connection has no peer any more, either
    if (wasReset(this.#raw)) this.failed(resetError());
    else if (this.#secured?.closedProperly() === false) this.failed(new TransferError('the TLS data connection ended without close_notify (strictTlsClose)', { phase: 'data' }));
    else if (this.#state !== 'live') return;
    else if (!this.#inflate) this.#listener?.onEnd();
    else {
      this.#stopStallTimer();
      this.#inflate.end();
    }
  };

  readonly #onClosed = (): void => {
    if (this.#state === 'live' && this.#fin !== 'left') this.failed(new TransferError('the data connection was closed', { phase: 'data' }));
  };

  #onWritable(): void {
    if (this.#state === 'live') this.#listener?.onWritable();
  }

  /** From now on it is the server that keeps the data from moving. */
  #startStallTimer(): void {
    const { dataConnections, settings } = this.session;
    if (this.#inflate?.writableEnded) return; // all of it is here
    if (this.#timed) this.#timed.setTimeout(settings.stallTimeout);
    else if (this.#socket) dataConnections.stalling.start(this.#onStall);
  }

  /** Our own side is the slow one, or the work is done. */
  #stopStallTimer(): void {
    if (this.#timed) this.#timed.setTimeout(0);
    else this.session.dataConnections.stalling.stop(this.#onStall);
  }

  readonly #onStall = (): void => this.failed(new TimeoutError(`no data moved within ${this.session.settings.stallTimeout} ms (stallTimeout)`, { phase: 'data' }));

  /** @param awaited a connection that is being made is still made */
  #leave(state: 'closed' | 'reset', awaited: boolean): void {
    if (this.#state !== 'live') return;
    this.#state = state;
    this.#stopStallTimer();
    this.#handshaken?.settle(false);
    if (!this.#raw && !awaited) this.cancel();
    this.#drop();
  }

  /** close_notify, without which vsftpd calls a transfer failed; a server that does not take it is not waited for. */
  #sayGoodbye(secured: Duplex): void {
    if (secured.destroyed) return; // both sides have ended already
    destroyLater(secured);
    secured.resume();
    secured.end();
  }

  /** libuv refuses an RST after a FIN that waits to leave. */
  #closeAfterFin(raw: Duplex): void {
    destroyLater(raw);
    this.#socket?.once('finish', () => raw.destroy());
  }

  #drop(): void {
    const raw = this.#raw;
    this.#inflate?.destroy();
    if (this.#fin === 'leaving' && raw) this.#closeAfterFin(raw);
    else if (this.#state !== 'closed' && raw) reset(raw);
    else if (this.#secured) this.#sayGoodbye(this.#secured.stream);
    else raw?.destroy();
  }
}

/**
 * Whether the socket's own timeout sees that a write which waits gets on: Node looks for that in this number. Where it is missing, Bun 1.4 has no timeout
 * while a write waits, and Deno 2.9 has one although the write gets on.
 */
function seesWrites(socket: Duplex): socket is Socket {
  const { _handle: handle, setTimeout } = socket as { _handle?: { writeQueueSize?: number } | null; setTimeout?: unknown };
  return typeof setTimeout === 'function' && typeof handle?.writeQueueSize === 'number';
}

/** Pieces small enough for each to leave before the connection counts as stalled. */
function piecesOf(chunk: Uint8Array): Uint8Array[] {
  if (chunk.length <= PIECE) return [chunk];
  return Array.from({ length: Math.ceil(chunk.length / PIECE) }, (_, i) => chunk.subarray(i * PIECE, (i + 1) * PIECE));
}

function resetError(): TransferError {
  return new TransferError('the data connection was reset by the server', { phase: 'data' });
}

/** Unless it is closed by then. */
function destroyLater(stream: Duplex): void {
  const timer = setTimeout(() => stream.destroy(), GOODBYE);
  stream.once('close', () => clearTimeout(timer));
}
