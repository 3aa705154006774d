import { getDefaultHighWaterMark, type Readable } from 'node:stream';
import { destroyWhenAborted } from '../abort';
import type { Place, Queue } from '../control/queue';
import { emitToCaller, type Session } from '../control/session';
import { type FTPError, LimitError } from '../errors';
import { checkSignal, checkWhole, type OptionNames } from '../options';
import type { Reply } from '../reply';
import type { ReadableEvents } from '../typed-streams';
import type { Decoder } from './lines';
import { LONGEST_PIPELINE, PipedReadable, pipesOf, progressOf, unreadAtQuit } from './piped-readable';
import type { RetryEvent, RetryOptions } from './retry';
import { Transfer, type TransferRequest } from './transfer';
import type { Verify } from './verify';

/** What a caller may say about a download. */
export interface RetrOptions {
  /** First byte wanted, from 0 on; sent as REST (RFC 3659, 5). Default 0. */
  start?: number;
  /** Last byte wanted, inclusive as in `fs.createReadStream`; the rest is not transferred. Default: all. */
  end?: number;
  /**
   * Goes on by itself after a lost connection, data that broke, a timeout or a 4xx reply: connects again, makes sure by SIZE and MDTM that
   * the file is the same (ChangedError if not), and sends REST at the byte that it has delivered. The event `retry` (RetryEvent) reports
   * each; the download keeps its turn meanwhile. Fails with the loss itself after `attempts` in a row without a byte, where
   * neither SIZE nor MDTM identifies the file, and where the client was connected by hand, as `connect()` says. Default false; true: with the defaults.
   */
  retry?: RetryOptions | number | boolean;
  /**
   * `size`: RETR must give as many bytes as SIZE says. `hash`: the bytes must have the hash that the server computes of its file,
   * for whole files only. Otherwise MismatchError in place of `end`; UnsupportedError, before anything is transferred, where the
   * server has no such command. Default: neither.
   */
  verify?: Verify;
  /** Parts of the file to fetch at the same time, on as many connections of a pool; a client has one data connection and fetches all in one. Default 1. */
  segments?: number;
  /** Bytes of a segmented download that may wait for those before them; default 32 MiB. */
  segmentBuffer?: number;
  /** Ends the stream with an AbortError. */
  signal?: AbortSignal;
  /** Bytes that the stream holds before it pauses the connection; default 512 KiB. For entries, names and lines: their number; default Node's, which is 16. */
  highWaterMark?: number;
}

/** @internal */
export const RETR_OPTIONS: OptionNames<RetrOptions> = { start: true, end: true, retry: true, verify: true, segments: true, segmentBuffer: true, signal: true, highWaterMark: true };

/** The events of a download, and of a listing. */
export interface RetrEvents<T> extends ReadableEvents<T> {
  /** The server has begun the transfer: its 1xx reply. */
  open: [reply: Reply];
  /** The transfer is complete: the server's 2xx reply. Not where `end` of the options, or the reader, ended it early. */
  reply: [reply: Reply];
  /** The connection was lost, and the download goes on by itself after a pause; with the option `retry` only. */
  retry: [event: RetryEvent];
  /** A listing of entries has a line that cannot be read. */
  unparsed: [line: string];
}

/** @internal How a download becomes a stream. */
interface RetrSetup<T> {
  readonly request: TransferRequest;
  readonly options: RetrOptions;
  readonly decoder?: Decoder<T>;
  /** A listing is read ahead where another operation waits for its paused reader. */
  readonly kind: 'file' | 'listing';
}

/** Bytes that wait for a slow consumer; the receive buffer may be larger, so this is about when to pause, not how much comes. */
const HIGH_WATER_MARK = 512 * 1024;

/** Bytes that a decoder is given at once: few enough for their items to be gone before the collector counts them, or to wait for a slow reader. */
const PORTION = 16 * 1024;

/**
 * A download as a Readable of T: `end` is emitted only when the data connection ended cleanly, the server sent a 2xx reply and
 * nothing that it announced is missing; everything else is `error`. Nothing is sent before the first read.
 *
 * Its events besides Readable's: see RetrEvents.
 */
export class RetrStream<T = Buffer> extends PipedReadable<T, RetrEvents<T>> {
  readonly #queue: Queue;
  readonly #transfer: Transfer;
  readonly #decoder: Decoder<T> | undefined;
  readonly #kind: 'file' | 'listing';
  readonly #maxReadAheadBytes: number;
  #remaining: number;
  #bytesRead = 0;
  /** Of the chunk that the decoder is being given. */
  #rest: Buffer | undefined;
  /** Read ahead after it. */
  #ahead: Buffer[] = [];
  #aheadBytes = 0;
  #state: 'unread' | 'flowing' | 'paused' | 'ended' = 'unread';
  #opened: Reply | undefined;

  /** @internal use `FTP.retr` and the verbs like it */
  constructor(session: Session, queue: Queue, { request, options, decoder, kind }: RetrSetup<T>) {
    const { signal, start = 0, end } = options;
    super({ objectMode: decoder !== undefined, highWaterMark: options.highWaterMark === undefined ? (decoder ? getDefaultHighWaterMark(true) : HIGH_WATER_MARK) : checkWhole('highWaterMark', options.highWaterMark, 0) });
    this.#queue = queue;
    this.#decoder = decoder;
    this.#kind = kind;
    this.#maxReadAheadBytes = session.settings.maxReadAheadBytes;
    this.#remaining = end === undefined ? Infinity : end - start + 1;
    this.#transfer = new Transfer(session, queue, decoder ? { ...request, memory: 'lent' } : request, this);
    if (signal !== undefined) destroyWhenAborted(this, checkSignal(signal));
  }

  /** Payload bytes received so far. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Payload bytes that the server announced; undefined where it did not. */
  get expectedBytes(): number | undefined {
    return this.#transfer.announced;
  }

  /** Whether the data connection's TLS resumed a session; undefined without TLS, and before it. */
  get tlsResumed(): boolean | undefined {
    return this.#transfer.tlsResumed;
  }

  /** True until the server has begun the transfer. */
  get pending(): boolean {
    return this.#opened === undefined;
  }

  /** @internal */
  get isPiped(): boolean {
    return pipesOf(this).length > 0;
  }

  /** @internal true when this stream is piped into that one, through whatever lies between */
  feeds(stream: Readable): boolean {
    return leadsTo(this, stream);
  }

  /** @internal what this stream gives is written by that upload: false where both cannot run at the same time */
  addPipe(upload: Place): boolean {
    return this.#queue.addPipe(this.#transfer.place, upload);
  }

  /** Pipes it into a Writable, as Node's `pipe` does; when that is gone and nothing else reads the download, it is left, as by `destroy()`. */
  override pipe<D extends NodeJS.WritableStream>(destination: D, options?: { end?: boolean }): D {
    // The destination may be an upload of the same client, which the queue must know then.
    if (!this.destroyed) this.#queue.downloads.add(this);
    return super.pipe(destination, options);
  }

  override _read(): void {
    if (this.#state === 'unread') {
      this.#state = 'flowing';
      this.#transfer.place.ready();
      return;
    }
    if ((this.#rest || this.#ahead.length > 0) && !this.#pushKept()) return;
    if (this.#state === 'ended') this.#pushEnd();
    else if (this.#state === 'paused') {
      this.#state = 'flowing';
      this.#transfer.resume();
    }
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#ahead = [];
    this.#rest = undefined;
    this.#queue.downloads.delete(this);
    this.#transfer.cancel(error);
    callback(error);
  }

  // ---- what its transfer reports

  /** @internal */
  onOpen(reply: Reply): void {
    if (this.#opened) return; // by another try
    this.#opened = reply;
    emitToCaller(this, 'open', reply);
  }

  /** @internal False pauses the connection, unless it is a listing for which somebody waits: then its bytes are kept. */
  onChunk(chunk: Buffer): boolean {
    if (this.destroyed) return true;
    const wanted = chunk.length > this.#remaining ? chunk.subarray(0, this.#remaining) : chunk;
    this.#remaining -= wanted.length;
    this.#bytesRead += wanted.length;
    if (this.#state === 'flowing') {
      if (!(this.#decoder ? this.#decode(wanted) : wanted.length === 0 || this.push(wanted))) this.#state = 'paused';
      if (this.#rest) this.#rest = Buffer.from(this.#rest); // lent
    } else this.#keep(this.#decoder ? Buffer.from(wanted) : wanted);
    if (this.#remaining === 0) this.#transfer.enough();
    return this.#state === 'flowing' || this.#mayReadAhead;
  }

  /** @internal */
  progress(): string {
    return progressOf(this);
  }

  /** @internal */
  onContended(): void {
    if (this.#state === 'paused' && this.#mayReadAhead) this.#transfer.resume();
  }

  /** @internal */
  onQuitting(stuck: boolean): void {
    if (stuck || !this.isAttended) this.#fail(this.#transfer.describe(unreadAtQuit()));
  }

  /** @internal */
  onComplete(reply: Reply | undefined): void {
    if (this.destroyed) return;
    if (reply) emitToCaller(this, 'reply', reply);
    const reading = this.#state === 'flowing';
    this.#state = 'ended';
    if (reading || (!this.#rest && this.#ahead.length === 0)) this.#pushEnd();
  }

  /** @internal */
  onError(error: FTPError): void {
    if (this.#isEmptyListing(error)) this.onComplete(error.reply);
    else this.#fail(error);
  }

  // ---- how it reads ahead

  get #mayReadAhead(): boolean {
    return this.#kind === 'listing' && this.#queue.contended(this.#aheadBytes);
  }

  #keep(chunk: Buffer): void {
    this.#ahead.push(chunk);
    this.#aheadBytes += chunk.length;
    if (this.#kind === 'listing' && this.#aheadBytes > this.#maxReadAheadBytes) {
      const error = new LimitError(`another operation waits for this listing's paused reader, and more than ${this.#maxReadAheadBytes} bytes are read ahead (maxReadAheadBytes)`);
      this.destroy(this.#transfer.describe(error));
    }
  }

  /** Gives the reader what was kept for it; true while it wants more. */
  #pushKept(): boolean {
    for (let chunk = this.#rest ?? this.#ahead[0]; chunk; chunk = this.#rest ?? this.#ahead[0]) {
      if (this.#rest) this.#rest = undefined;
      else this.#aheadBytes -= this.#ahead.shift()?.length ?? 0;
      if (!(this.#decoder ? this.#decode(chunk) : this.push(chunk))) return false;
    }
    return true;
  }

  /** 450 instead of a listing is how some servers say that a folder is empty, and curl takes it so; ProFTPD says 450 of a missing one. */
  #isEmptyListing(error: FTPError): boolean {
    const { reply } = error;
    return this.#kind === 'listing' && this.#transfer.isRefusal(error) && reply?.code === 450 && !/no such|not found|not exist|cannot find/i.test(reply.text);
  }

  /** A stream that was never used may have no listener: its error waits for whoever reads it. */
  #fail(error: FTPError): void {
    if (this.#state === 'unread' && this.listenerCount('error') === 0) this.on('error', () => undefined);
    this.destroy(error);
  }

  /** True while more is wanted; what the decoder has not been given by then waits for the next read. */
  #decode(chunk: Buffer): boolean {
    for (let at = 0; at < chunk.length && !this.destroyed; at += PORTION) {
      const portion = chunk.subarray(at, at + PORTION);
      if (this.#decoding((decoder) => decoder.decode(portion))) continue;
      if (at + PORTION < chunk.length) this.#rest = chunk.subarray(at + PORTION);
      return false;
    }
    return true;
  }

  #pushEnd(): void {
    if (this.#decoder) this.#decoding((decoder) => decoder.end());
    if (!this.destroyed) this.push(null);
  }

  /** True while more is wanted; a decoder's error is the stream's. */
  #decoding(step: (decoder: Decoder<T>) => T[]): boolean {
    if (!this.#decoder) return true;
    try {
      let more = true;
      for (const item of step(this.#decoder)) more = this.push(item);
      return more;
    } catch (error) {
      this.destroy(this.#transfer.describe(error as Error));
      return true;
    }
  }
}

function leadsTo(from: object, to: object, depth = 0): boolean {
  return from === to || (depth < LONGEST_PIPELINE && pipesOf(from).some((next) => leadsTo(next, to, depth + 1)));
}
