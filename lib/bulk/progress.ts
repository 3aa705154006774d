import { PassThrough, Transform, type TransformCallback } from 'node:stream';
import { ArgumentError } from '../errors';
import { checkNames, checkOffset, type OptionNames } from '../options';
import { type Clock, systemClock } from './clock';
import type { Throttle } from './throttle';

/** How far something is. */
export interface Progress {
  /** So far. */
  readonly bytes: number;
  /** Where it is known. */
  readonly total?: number;
  /** Bytes a second, over the last ten reports. */
  readonly rate: number;
  /** Seconds that are left at this rate; where the total is known, and something moves. */
  readonly eta?: number;
  /** Whole, from 0 to 100; where the total is known. */
  readonly percent?: number;
}

/** What a meter is told. */
interface MeterOptions {
  readonly total: number | undefined;
  /** Milliseconds between two reports. */
  readonly interval: number;
  readonly clock: Clock;
}

/** What had come when. */
interface Sample {
  readonly at: number;
  readonly bytes: number;
}

/** Reports over which the rate is taken: long enough to be calm, short enough to follow. */
const SAMPLES = 10;

/** Counts bytes of one stream or several, and reports from the first one on. */
class ProgressMeter {
  #bytes = 0;
  #samples: Sample[] = [];
  #stop: (() => void) | undefined;
  readonly #options: MeterOptions;
  readonly #report: (progress: Progress) => void;

  constructor(options: MeterOptions, report: (progress: Progress) => void) {
    this.#options = options;
    this.#report = report;
  }

  /** More bytes; the first call sets the clock going. */
  add(bytes: number): void {
    const { clock, interval } = this.#options;
    if (this.#samples.length === 0) {
      this.#samples.push({ at: clock.now(), bytes: this.#bytes });
      this.#stop = clock.every(interval, () => this.#tell());
    }
    this.#bytes += bytes;
  }

  /** There are so many now, which took no time: what an earlier attempt has done, or what has to be done again. */
  set(bytes: number): void {
    this.#samples = this.#samples.map((sample) => ({ at: sample.at, bytes: sample.bytes + bytes - this.#bytes }));
    this.#bytes = bytes;
  }

  /** The last report. */
  finish(): void {
    this.stop();
    this.#tell();
  }

  /** No more reports. */
  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  #tell(): void {
    const now = { at: this.#options.clock.now(), bytes: this.#bytes };
    const [first = now] = this.#samples;
    const seconds = (now.at - first.at) / 1000;
    const rate = seconds > 0 ? (now.bytes - first.bytes) / seconds : 0;
    this.#samples.push(now);
    if (this.#samples.length > SAMPLES) this.#samples.shift();
    this.#report({ bytes: now.bytes, rate, ...this.#outlook(rate) });
  }

  #outlook(rate: number): Partial<Progress> {
    const { total } = this.#options;
    if (total === undefined) return {};
    const left = Math.max(0, total - this.#bytes);
    const percent = total === 0 ? 100 : Math.min(100, Math.floor((this.#bytes / total) * 100));
    return { total, percent, ...(rate > 0 || left === 0 ? { eta: left === 0 ? 0 : left / rate } : {}) };
  }
}

/** What `get` and `put` let their bytes pass through. */
export interface PassageOptions {
  /** Shares a rate with other transfers. */
  throttle?: Throttle;
  /** Told each second how far it is, and at the end. */
  progress?: ProgressListener;
}

const INTERVAL = 1000;

/** What lies between the ends of a transfer, which may be several streams, one after the other or at the same time. */
export class Passage {
  readonly #throttle: Throttle | undefined;
  readonly #meter: ProgressMeter | undefined;

  constructor({ throttle, progress }: PassageOptions, total: number | undefined) {
    this.#throttle = throttle;
    this.#meter = progress && new ProgressMeter({ total, interval: INTERVAL, clock: systemClock }, progress);
  }

  /** For one stream, to be put in between. */
  streams(): Transform[] {
    return [...(this.#throttle ? [this.#throttle()] : []), ...(this.#meter ? [new Counter(this.#meter)] : [])];
  }

  /** So many bytes are there already. */
  begin(bytes: number): void {
    this.#meter?.set(bytes);
  }

  /** All bytes have passed. */
  finish(): void {
    this.#meter?.finish();
  }

  /** No more will pass. */
  stop(): void {
    this.#meter?.stop();
  }
}

/** @throws ArgumentError */
export function checkPassage({ throttle, progress }: PassageOptions): void {
  if (throttle !== undefined && typeof throttle !== 'function') throw new ArgumentError('throttle must be what throttle() gives');
  if (progress !== undefined && typeof progress !== 'function') throw new ArgumentError('progress must be a function');
}

/** Counts what passes. */
class Counter extends Transform {
  constructor(private readonly meter: ProgressMeter) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.meter.add(chunk.length);
    callback(null, chunk);
  }
}

/** What `progress` can be told. */
export interface ProgressOptions {
  /** Bytes that there will be, where that is known: without it there is no percentage and no time left. */
  readonly total?: number;
  /** Milliseconds between two reports; default 1000. */
  readonly interval?: number;
  /** @internal */
  readonly clock?: Clock;
}

const PROGRESS_OPTIONS: OptionNames<ProgressOptions> = { total: true, interval: true, clock: true };

/** Who is told. */
export type ProgressListener = (progress: Progress) => void;

/**
 * A stream that hands on what it gets as it is, and tells how far it is: by the event `progress`, and to `listener`. It tells
 * at an interval from the first byte on, and once more when everything has passed. Its timer keeps no process alive,
 * and ends with the stream.
 *
 * @throws ArgumentError
 */
export function progress(options: ProgressOptions | ProgressListener = {}, listener?: ProgressListener): ProgressStream {
  if (typeof options !== 'function') checkNames(options, PROGRESS_OPTIONS);
  const stream = new ProgressStream(typeof options === 'function' ? {} : options);
  const heard = typeof options === 'function' ? options : listener;
  return heard ? stream.on('progress', heard) : stream;
}

/** What `progress` makes; its event `progress` brings a `Progress`. */
export class ProgressStream extends PassThrough {
  readonly #meter: ProgressMeter;

  /** @internal use `progress` */
  constructor({ total, interval = 1000, clock = systemClock }: ProgressOptions) {
    super();
    if (total !== undefined) checkOffset('total', total);
    this.#meter = new ProgressMeter({ total, interval: checkInterval(interval), clock }, (now) => void this.emit('progress', now));
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#meter.add(chunk.length);
    callback(null, chunk);
  }

  override _flush(callback: TransformCallback): void {
    this.#meter.finish();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#meter.stop();
    callback(error);
  }
}

function checkInterval(interval: unknown): number {
  if (typeof interval !== 'number' || !(interval > 0 && interval < 2 ** 31)) {
    throw new ArgumentError(`interval must be a number of milliseconds greater than 0, not ${String(interval)}`);
  }
  return interval;
}
