import type { Readable } from 'node:stream';
import { destroyWhenAborted } from '../abort';
import { emitToCaller } from '../control/session';
import { ArgumentError, ChangedError, TransferError, UnsupportedError } from '../errors';
import { checkOffset, checkSignal, checkWhole } from '../options';
import type { Reply } from '../reply';
import { assertSame, factsOf, type FileFacts, UNKNOWN_FACTS } from '../transfer/facts';
import type { ReadableEvents, TypedReadable } from '../typed-streams';
import type { RetrOptions } from '../transfer/retr-stream';
import { Backoff, type RetryEvent } from '../transfer/retry';
import { checkVerify, chooseDigest, Digest } from '../transfer/verify';
import { type BegunWork, type Remote, withRetry, WorkReadable } from './remote';

/** What one part of a download reports to the SegmentedStream, which has several of them. */
interface SegmentListener {
  onOpen(reply: Reply): void;
  onRetry(event: RetryEvent): void;
  /** So many bytes have arrived, and wait to be read. */
  onChunk(bytes: number): void;
  /** All of the part has arrived. */
  onEnd(): void;
  onError(error: Error): void;
}

/** One part of a file while it is downloaded, and its bytes that have arrived and wait to be read. */
class Segment {
  readonly #stream: Readable;
  readonly #length: number | undefined;
  #chunks: Buffer[] = [];
  #received = 0;
  #ended = false;

  /** @param length bytes that the part must have; undefined where the size of the file is not known */
  constructor(stream: Readable, length: number | undefined, { onOpen, onRetry, onChunk, onEnd, onError }: SegmentListener) {
    this.#stream = stream;
    this.#length = length;
    stream.on('open', onOpen).on('retry', onRetry).on('error', onError);
    stream.on('data', (chunk: Buffer) => {
      this.#received += chunk.length;
      if (length !== undefined && this.#received > length) return onError(new ChangedError(`a part of ${length} bytes has more of them`));
      this.#chunks.push(chunk);
      onChunk(chunk.length);
    });
    stream.on('end', () => {
      if (length !== undefined && this.#received !== length) return onError(new TransferError(`a part of ${length} bytes has ${this.#received} only`, { phase: 'data' }));
      this.#ended = true;
      onEnd();
    });
  }

  /** True when all of it has been read. */
  get over(): boolean {
    return this.#ended && this.#chunks.length === 0;
  }

  /** Says whether the reader wants more. A part of known length is downloaded all the same, so that its connection is free soon. */
  want(more: boolean): void {
    if (this.#length !== undefined || this.#ended) return;
    if (more) this.#stream.resume();
    else this.#stream.pause();
  }

  /** The next bytes to read. */
  shift(): Buffer | undefined {
    return this.#chunks.shift();
  }

  destroy(): void {
    this.#chunks = [];
    this.#stream.destroy();
  }
}

/** Default of the option `segmentBuffer`, in bytes. */
const SEGMENT_BUFFER = 32 * 1024 * 1024;
/** The smallest part, in bytes: for less, a command of its own costs more time than it saves. */
const SMALLEST_PART = 256 * 1024;

/** The events of a download in segments. */
export interface SegmentedEvents extends ReadableEvents<Buffer> {
  /** The server has begun the transfer of the first part: its 1xx reply. */
  open: [reply: Reply];
  /** The connection of one part was lost, and the part goes on by itself after a pause; with the option `retry` only. */
  retry: [event: RetryEvent];
}

/** What `retr` of a pool gives with the option `segments`: a SegmentedStream, or a RetrStream where that is 1. */
export interface SegmentedDownload extends TypedReadable<Buffer, SegmentedEvents> {
  /** Payload bytes received so far. */
  readonly bytesRead: number;
  /** Payload bytes that the download has; undefined where that is not known. */
  readonly expectedBytes: number | undefined;
  /** True until the server has begun a transfer. */
  readonly pending: boolean;
}

/**
 * A download of a file, or of a range of it, in parts that are fetched at the same time, as a Readable of bytes in order. `end` proves that every part
 * is whole, and that size and time of the file were the same before and after. Nothing is sent before the first read. Each part is retried as the
 * option `retry` says. A server without SIZE gives the file in one part.
 *
 * Bytes that wait for those before them are at most `segmentBuffer`; when they are that many, the download waits for its reader.
 * Events besides those of a Readable: SegmentedEvents.
 */
export class SegmentedStream extends WorkReadable<Buffer, SegmentedEvents> {
  readonly #remote: Remote;
  readonly #path: string;
  readonly #options: RetrOptions;
  readonly #segments: number;
  readonly #buffer: number;
  readonly #stop = new AbortController();
  /** The parts that are not read to their end, in order; the first one is being read. */
  readonly #window: Segment[] = [];
  #work: BegunWork | undefined;
  #facts: FileFacts = UNKNOWN_FACTS;
  #digest: Digest | undefined;
  #state: 'unread' | 'asking' | 'fetching' | 'verifying' = 'unread';
  /** @internal the reader wants more */
  protected isProducing = false;
  #opened = false;
  #bytesRead = 0;
  /** The first byte that is in no part yet. */
  #next: number;
  /** The byte after the last one that is wanted; Infinity while the size is unknown. */
  #limit = Infinity;
  /** Bytes of each part. */
  #length = 0;

  /** @internal use `FTPPool.retr` with the option `segments` @throws ArgumentError for an option that cannot be */
  constructor(remote: Remote, path: string, options: RetrOptions) {
    const { start = 0, end, retry, segments = 1, segmentBuffer = SEGMENT_BUFFER, highWaterMark, signal } = options;
    super(highWaterMark === undefined ? {} : { highWaterMark: checkWhole('highWaterMark', highWaterMark, 0) });
    this.#remote = remote;
    this.#path = path;
    this.#options = options;
    this.#segments = checkWhole('segments', segments, 1);
    this.#buffer = checkOffset('segmentBuffer', segmentBuffer);
    if (retry !== undefined && retry !== false) new Backoff(retry); // checks it
    this.#next = checkOffset('start', start);
    if (end !== undefined && checkOffset('end', end) < start) throw new ArgumentError(`end (${end}) must not be before start (${start})`);
    if (checkVerify(options.verify) === 'hash' && (start > 0 || end !== undefined)) throw new ArgumentError("verify: 'hash' is for a whole file, not for a range of it");
    if (signal !== undefined) destroyWhenAborted(this, checkSignal(signal));
  }

  /** Bytes of the file received so far, including those that wait to be read. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Bytes of the file that are to come in all, by SIZE; undefined before the server was asked, and where it has no SIZE. */
  get expectedBytes(): number | undefined {
    return this.#limit === Infinity ? undefined : this.#limit - (this.#options.start ?? 0);
  }

  /** True until the server has begun the first part. */
  get pending(): boolean {
    return !this.#opened;
  }

  override _read(): void {
    this.isProducing = true;
    if (this.#state === 'fetching') this.#deliver();
    else if (this.#state === 'unread') void this.#attempt(() => this.#begin());
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#stop.abort();
    for (const segment of this.#window.splice(0)) segment.destroy();
    this.#work?.done();
    callback(error);
  }

  async #attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.fail(this.#work?.closed ?? (error as Error));
    }
  }

  async #begin(): Promise<void> {
    this.#state = 'asking';
    this.#work = this.beginWork(this.#remote);
    const { start = 0, end = Infinity, verify } = this.#options;
    if (verify === 'hash') this.#digest = new Digest(chooseDigest(await this.#ask(() => this.#remote.feat())).algorithm);
    this.#facts = await this.#ask(() => factsOf(this.#remote, this.#path));
    if (this.destroyed) return;
    const { size } = this.#facts;
    if (size === undefined && verify === 'size') throw new UnsupportedError(`the server does not say the size of ${this.#path} to verify it by`);
    if (size !== undefined) {
      this.#limit = Math.max(start, Math.min(end + 1, size));
      const even = Math.ceil((this.#limit - start) / this.#segments);
      this.#length = Math.max(1, Math.min(Math.max(even, SMALLEST_PART), Math.floor(this.#buffer / this.#segments)));
    }
    this.#state = 'fetching';
    this.#open();
    this.#fill();
  }

  /** Begins the next part. It is the whole range where the size is unknown, or where the range is empty. */
  #open(): void {
    const { retry, end } = this.#options;
    const known = this.#limit > this.#next && this.#limit !== Infinity;
    const next = known ? Math.min(this.#next + this.#length, this.#limit) : Infinity;
    // The last part ends with the file: an end is not needed, and would abort the transfer.
    const last = next === this.#facts.size ? undefined : known ? next - 1 : end;
    const stream = this.#remote.retr(this.#path, { start: this.#next, ...(last === undefined ? {} : { end: last }), ...(retry === undefined ? {} : { retry }) });
    this.#window.push(
      new Segment(stream, known ? next - this.#next : undefined, {
        onOpen: (reply) => this.#onOpen(reply),
        onRetry: (event) => emitToCaller(this, 'retry', event),
        onChunk: (bytes) => {
          this.#bytesRead += bytes;
          if (this.isProducing) this.#deliver();
        },
        onEnd: () => this.#deliver(),
        onError: (error) => this.fail(error),
      }),
    );
    this.#next = next;
  }

  #fill(): void {
    while (this.#window.length < this.#segments && this.#next < this.#limit) this.#open();
  }

  #onOpen(reply: Reply): void {
    if (this.#opened) return;
    this.#opened = true;
    emitToCaller(this, 'open', reply);
  }

  /** Gives the reader the bytes of the first parts, as long as it wants more. */
  #deliver(): void {
    for (let first = this.#window[0]; first && !this.destroyed; first = this.#window[0]) {
      for (let chunk = this.isProducing ? first.shift() : undefined; chunk; chunk = this.isProducing ? first.shift() : undefined) {
        this.#digest?.update(chunk);
        this.given += 1;
        this.isProducing = this.push(chunk);
      }
      first.want(this.isProducing);
      if (!first.over) return;
      this.#window.shift();
      this.#fill();
    }
    if (this.#state !== 'fetching' || this.destroyed) return;
    this.#state = 'verifying';
    void this.#attempt(() => this.#verify());
  }

  /** Ends the stream where the file is the same as before: else its parts may be of different files. */
  async #verify(): Promise<void> {
    assertSame(this.#path, this.#facts, await this.#ask(() => factsOf(this.#remote, this.#path)));
    const digest = this.#digest;
    if (digest) digest.assertIs(await this.#ask(() => this.#remote.hash(this.#path, digest.algorithm)), this.#path);
    if (!this.destroyed) this.push(null);
  }

  #ask<T>(act: () => Promise<T>): Promise<T> {
    const { retry = false } = this.#options;
    return retry === false ? act() : withRetry(act, { backoff: new Backoff(retry), signal: this.#stop.signal });
  }
}
