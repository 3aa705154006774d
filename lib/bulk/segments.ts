import { addAbortSignal, type Readable } from 'node:stream';
import { ArgumentError, ChangedError, MismatchError, TransferError, UnsupportedError } from '../errors';
import { checkOffset } from '../options';
import type { Reply } from '../reply';
import { PipedReadable, type ReadableEvents, type TypedReadable, unreadAtQuit } from '../transfer/piped-readable';
import type { RetrOptions } from '../transfer/retr-stream';
import { Backoff, checkSegments, type RetryEvent } from '../transfer/retry';
import { checkVerify, chooseDigest, Digest } from '../transfer/verify';
import { persist } from './persist';
import type { Remote } from './remote';
import { factsOf, type RemoteFacts } from './remote-facts';
import { beginWork, type BegunWork } from './work';

/** What happens to one part of a download. */
interface SegmentListener {
  onOpen(reply: Reply): void;
  onRetry(event: RetryEvent): void;
  /** So many bytes have arrived, and wait. */
  onChunk(bytes: number): void;
  /** All of the part has arrived. */
  onEnd(): void;
  onError(error: Error): void;
}

/** One part of a file on its way, and what of it waits to be delivered. */
class Segment {
  readonly #stream: Readable;
  readonly #length: number | undefined;
  #chunks: Buffer[] = [];
  #received = 0;
  #ended = false;

  /** @param length bytes that it must have; undefined where that is not known */
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

  /** True when nothing is left of it. */
  get over(): boolean {
    return this.#ended && this.#chunks.length === 0;
  }

  /** Whether its reader wants more: all of a part that is bounded may wait, so that its connection is free soon. */
  want(more: boolean): void {
    if (this.#length !== undefined || this.#ended) return;
    if (more) this.#stream.resume();
    else this.#stream.pause();
  }

  /** The next bytes to deliver. */
  shift(): Buffer | undefined {
    return this.#chunks.shift();
  }

  destroy(): void {
    this.#chunks = [];
    this.#stream.destroy();
  }
}

/** Bytes that may wait for those before them. */
const SEGMENT_BUFFER = 32 * 1024 * 1024;
/** Bytes below which a connection of its own costs more than it brings. */
const SMALLEST = 256 * 1024;

/** The events of a download in segments. */
export interface SegmentedEvents extends ReadableEvents<Buffer> {
  /** The server has begun the transfer of the first part: its 1yz reply. */
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
 * A file as one Readable that is fetched in parts at the same time, in order; `end` proves every part, and that the file was the
 * same before and behind. Nothing is sent before the first read. What waits for the bytes before it is bounded by
 * `segmentBuffer`; a reader that pauses stops the download when that is full.
 *
 * Its events besides Readable's: see SegmentedEvents.
 */
export class SegmentedStream extends PipedReadable<Buffer, SegmentedEvents> {
  readonly #remote: Remote;
  readonly #path: string;
  readonly #options: RetrOptions;
  readonly #segments: number;
  readonly #buffer: number;
  readonly #stop = new AbortController();
  /** In order; the first one is being delivered. */
  readonly #window: Segment[] = [];
  #work: BegunWork | undefined;
  #facts: RemoteFacts | undefined;
  #digest: Digest | undefined;
  #state: 'unread' | 'asking' | 'fetching' | 'judging' = 'unread';
  #wanted = false;
  #opened = false;
  #bytesRead = 0;
  /** Chunks handed on, and how many they were when that was asked last. */
  #given = 0;
  #givenBefore = 0;
  /** The first byte that no segment has, and the one behind the last wanted; Infinity while the size is unknown. */
  #next: number;
  #limit = Infinity;
  #length = 0;

  /** @internal use `segmented` */
  constructor(remote: Remote, path: string, options: RetrOptions) {
    const { start = 0, end, retry, segments = 1, segmentBuffer = SEGMENT_BUFFER, highWaterMark, signal } = options;
    super(highWaterMark === undefined ? {} : { highWaterMark });
    this.#remote = remote;
    this.#path = path;
    this.#options = options;
    this.#segments = checkSegments(segments);
    this.#buffer = checkOffset('segmentBuffer', segmentBuffer);
    if (retry !== undefined && retry !== false) new Backoff(retry); // checks it
    this.#next = checkOffset('start', start);
    if (end !== undefined && checkOffset('end', end) < start) throw new ArgumentError(`end (${end}) must not be before start (${start})`);
    if (checkVerify(options.verify) === 'hash' && (start > 0 || end !== undefined)) throw new ArgumentError("verify: 'hash' is for a whole file, not for a range of it");
    if (signal) addAbortSignal(signal, this);
  }

  /** Payload bytes received so far, those that wait included. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Payload bytes that SIZE tells; undefined before it is asked. */
  get expectedBytes(): number | undefined {
    return this.#limit === Infinity ? undefined : this.#limit - (this.#options.start ?? 0);
  }

  /** True until the server has begun a transfer. */
  get pending(): boolean {
    return !this.#opened;
  }

  override _read(): void {
    this.#wanted = true;
    if (this.#state === 'fetching') this.#deliver();
    else if (this.#state === 'unread') void this.#attempt(() => this.#begin());
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#stop.abort();
    for (const segment of this.#window.splice(0)) segment.destroy();
    this.#work?.done();
    callback(error);
  }

  /** A reader who takes something now and then is slow, and no more. */
  #moved(): boolean {
    const moved = this.#wanted || this.#given > this.#givenBefore;
    this.#givenBefore = this.#given;
    return moved;
  }

  #onQuitting(stuck: boolean): void {
    if (stuck || !this.isAttended) this.destroy(unreadAtQuit());
  }

  async #attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.destroy(this.#work?.closed ?? (error as Error));
    }
  }

  async #begin(): Promise<void> {
    this.#state = 'asking';
    this.#work = beginWork(this.#remote, (reason) => this.destroy(reason), { moved: () => this.#moved(), onQuitting: (stuck) => this.#onQuitting(stuck) });
    const { start = 0, end = Infinity, verify } = this.#options;
    if (verify === 'hash') this.#digest = new Digest(chooseDigest(await this.#ask(() => this.#remote.feat())).algorithm);
    this.#facts = await this.#ask(() => factsOf(this.#remote, this.#path));
    if (this.destroyed) return;
    const { size } = this.#facts;
    if (size === undefined && verify === 'size') throw new UnsupportedError(`the server does not tell the size of ${this.#path} to verify it by`);
    if (size !== undefined) {
      this.#limit = Math.max(start, Math.min(end + 1, size));
      const even = Math.ceil((this.#limit - start) / this.#segments);
      this.#length = Math.max(1, Math.min(Math.max(even, SMALLEST), Math.floor(this.#buffer / this.#segments)));
    }
    this.#state = 'fetching';
    this.#open();
    this.#fill();
  }

  /** Opens the next part: all where the size is unknown, or the range is empty. */
  #open(): void {
    const { retry, end } = this.#options;
    const known = this.#limit > this.#next && this.#limit !== Infinity;
    const next = known ? Math.min(this.#next + this.#length, this.#limit) : Infinity;
    // The last part ends with the file, and need not be cut off.
    const last = next === this.#facts?.size ? undefined : known ? next - 1 : end;
    const stream = this.#remote.retr(this.#path, { start: this.#next, ...(last === undefined ? {} : { end: last }), ...(retry === undefined ? {} : { retry }) });
    this.#window.push(
      new Segment(stream, known ? next - this.#next : undefined, {
        onOpen: (reply) => this.#onOpen(reply),
        onRetry: (event) => void this.emit('retry', event),
        onChunk: (bytes) => {
          this.#bytesRead += bytes;
          if (this.#wanted) this.#deliver();
        },
        onEnd: () => this.#deliver(),
        onError: (error) => void this.destroy(error),
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
    this.emit('open', reply);
  }

  /** Hands on what the first segments have, as long as it is wanted. */
  #deliver(): void {
    for (let first = this.#window[0]; first && !this.destroyed; first = this.#window[0]) {
      for (let chunk = this.#wanted ? first.shift() : undefined; chunk; chunk = this.#wanted ? first.shift() : undefined) {
        this.#digest?.update(chunk);
        this.#given += 1;
        this.#wanted = this.push(chunk);
      }
      first.want(this.#wanted);
      if (!first.over) return;
      this.#window.shift();
      this.#fill();
    }
    if (this.#state !== 'fetching' || this.destroyed) return;
    this.#state = 'judging';
    void this.#attempt(() => this.#judge());
  }

  /** The parts are of one file only when it is the same behind them as it was before. */
  async #judge(): Promise<void> {
    const before = this.#facts as RemoteFacts;
    const now = await this.#ask(() => factsOf(this.#remote, this.#path));
    if (now.size !== before.size || now.modified?.getTime() !== before.modified?.getTime()) throw new ChangedError(`${this.#path} has changed while its parts were fetched`);
    const { algorithm } = this.#digest ?? {};
    if (algorithm) {
      const theirs = await this.#ask(() => this.#remote.hash(this.#path, algorithm));
      const ours = this.#digest?.hex();
      if (theirs !== ours) throw new MismatchError(`the server's ${algorithm} of ${this.#path} is ${theirs}, but that of what was transferred is ${ours}`);
    }
    if (!this.destroyed) this.push(null);
  }

  #ask<T>(act: () => Promise<T>): Promise<T> {
    const { retry = false } = this.#options;
    return retry === false ? act() : persist(act, { backoff: new Backoff(retry), signal: this.#stop.signal });
  }
}

/**
 * Downloads a file, or a range of it, in `options.segments` parts at the same time, each retried as `options.retry` says: what
 * `retr` with `segments` does on a pool. On servers without SIZE it is fetched in one part.
 *
 * @throws ArgumentError
 */
export function segmented(remote: Remote, path: string, options: RetrOptions): SegmentedStream {
  return new SegmentedStream(remote, path, options);
}
