import { PassThrough, Transform, type TransformCallback, type TransformOptions } from 'node:stream';
import { ArgumentError } from '../errors';
import { checkFunction, checkNames, checkOffset, kindOf, type OptionNames } from '../options';
import { type Clock, systemClock } from '../net/clock';
import type { TransformEvents, TypedTransform } from '../typed-streams';
import type { Throttle } from './throttle';

/** How far a transfer is. */
export interface Progress {
  /** Bytes so far; in a transfer that goes on with what is there, also those that were there. */
  readonly bytes: number;
  /** Bytes in all; undefined where that is not known, or not known yet. */
  readonly total?: number;
  /** Bytes a second, over the last ten seconds, and over no fewer than the last ten reports. Bytes that were there before do not count. */
  readonly rate: number;
  /** Seconds that are left at this rate; undefined without a total, and while nothing moves. */
  readonly eta?: number;
  /** A whole number from 0 to 100; undefined without a total. */
  readonly percent?: number;
  /** Of a tree: files that are done, those that have failed included. Files that are skipped do not count. */
  readonly files?: number;
  /** Of a tree: files that are to be transferred in all; undefined until the last folder has been read. */
  readonly totalFiles?: number;
  /** Of a tree: the files that are being transferred, in the order in which they began. */
  readonly current?: readonly FileProgress[];
}

/** How far a file of a tree is. */
export interface FileProgress {
  /** The path from the start of the tree, its parts joined by `/`. */
  readonly path: string;
  /** Bytes so far. */
  readonly bytes: number;
  /** Bytes in all; undefined where the listing does not say. */
  readonly total?: number;
}

/** When a meter reports. */
interface MeterOptions {
  /** Milliseconds between two reports. */
  readonly interval: number;
  readonly clock: Clock;
}

/** What had come when. */
interface Sample {
  readonly at: number;
  readonly bytes: number;
}

/** The rate is taken over so many milliseconds, and over no fewer reports than that: long enough to be calm, short enough to follow. */
const WINDOW = 10_000;
const SAMPLES = 10;
/** Milliseconds between two samples at least, so that a short interval does not need much memory. */
const SAMPLE_STEP = 100;
/** Milliseconds between two reports, unless the caller chooses. */
const INTERVAL = 1000;

/** Counts the bytes of one or more streams, and reports at an interval from the first byte on. */
class ProgressMeter {
  /** Bytes in all, and what else is known of a tree; asked for at each report. */
  outlook: () => Omit<Progress, 'bytes' | 'rate' | 'eta' | 'percent'> = () => ({});
  #bytes = 0;
  #samples: Sample[] = [];
  #stop: (() => void) | undefined;
  readonly #options: MeterOptions;
  readonly #report: (progress: Progress) => void;

  constructor(report: (progress: Progress) => void, options: MeterOptions) {
    this.#options = options;
    this.#report = report;
  }

  /** Counts bytes that have passed; the first call starts the timer. */
  add(bytes: number): void {
    const { clock, interval } = this.#options;
    if (this.#samples.length === 0) {
      this.#samples.push({ at: clock.now(), bytes: this.#bytes });
      this.#stop = clock.every(interval, () => this.#sample());
    }
    this.#bytes += bytes;
  }

  /** Counts bytes that took no time: what an earlier attempt has done, or, below 0, what has to be done again. */
  shift(bytes: number): void {
    this.#samples = this.#samples.map((sample) => ({ at: sample.at, bytes: sample.bytes + bytes }));
    this.#bytes += bytes;
  }

  /** Makes the last report. */
  finish(): void {
    this.stop();
    this.#sample();
  }

  /** Reports no more. */
  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  #sample(): void {
    const now = { at: this.#options.clock.now(), bytes: this.#bytes };
    const samples = this.#samples;
    while (samples.length > SAMPLES && now.at - (samples[1] as Sample).at >= WINDOW) samples.shift();
    const [first = now] = samples;
    const seconds = (now.at - first.at) / 1000;
    const rate = seconds > 0 ? (now.bytes - first.bytes) / seconds : 0;
    if (now.at - (samples.at(-1)?.at ?? -Infinity) >= SAMPLE_STEP) samples.push(now);
    const { total, ...rest } = this.outlook();
    this.#report({ bytes: now.bytes, rate, ...timeLeft(now.bytes, total, rate), ...rest });
  }
}

function timeLeft(bytes: number, total: number | undefined, rate: number): Pick<Progress, 'total' | 'percent' | 'eta'> {
  if (total === undefined) return {};
  const left = Math.max(0, total - bytes);
  const percent = total === 0 ? 100 : Math.min(100, Math.floor((bytes / total) * 100));
  return { total, percent, ...(rate > 0 || left === 0 ? { eta: left === 0 ? 0 : left / rate } : {}) };
}

/** Is given each report of a transfer's progress. */
export type ProgressListener = (progress: Progress) => void;

/** How the bytes of a transfer are limited and counted. */
export interface TrafficOptions {
  /** Limits the rate: what `throttle(bytesPerSecond)` returns, which may be shared with other transfers. Default: no limit. */
  throttle?: Throttle;
  /** Gets a Progress at each `progressInterval` from the first byte on, and once more at the end. Default: none. */
  progress?: ProgressListener;
  /** Milliseconds between two reports to `progress`, more than 0: 100 for a bar that moves smoothly. Default 1000. */
  progressInterval?: number;
}

/** @throws ArgumentError */
export function checkTraffic({ throttle, progress, progressInterval }: TrafficOptions): void {
  if (throttle !== undefined && typeof throttle !== 'function') throw new ArgumentError(`throttle must be what throttle(bytesPerSecond) gives, not ${kindOf(throttle)}`);
  checkFunction('progress', progress);
  if (progressInterval !== undefined) checkInterval('progressInterval', progressInterval);
}

/** @throws ArgumentError for what is no time between two reports, which names the option */
function checkInterval(name: string, value: unknown): void {
  if (typeof value === 'number' && value > 0 && value < 2 ** 31) return;
  throw new ArgumentError(`${name} must be a number of milliseconds greater than 0, not ${String(value)}`);
}

/** The meter of a transfer; none where nobody asks for reports. */
function meterFor({ progress, progressInterval = INTERVAL }: TrafficOptions, clock: Clock): ProgressMeter | undefined {
  return progress && new ProgressMeter(progress, { interval: progressInterval, clock });
}

/** The throttle and counter for the bytes of one file, which may come in more than one stream, one after the other or at the same time. */
export class FileTraffic {
  /** Bytes of the file so far: those that were there before, and those that have passed. */
  bytes = 0;

  constructor(
    private readonly throttle: Throttle | undefined,
    protected readonly meter: ProgressMeter | undefined,
  ) {}

  /** The streams to put into a pipeline, new ones each time; none where nothing is limited or counted. */
  streams(): Transform[] {
    return [...(this.throttle ? [this.throttle()] : []), ...(this.meter ? [new Counter((bytes) => this.#add(bytes))] : [])];
  }

  /** An attempt begins, and so many bytes of the file are there. */
  begin(bytes: number): void {
    this.meter?.shift(bytes - this.bytes);
    this.bytes = bytes;
  }

  /** The server says how many bytes the file has. A tree has counted it when it was planned. */
  expect(_size: number | undefined): void {
    // nothing to do
  }

  #add(bytes: number): void {
    this.bytes += bytes;
    this.meter?.add(bytes);
  }
}

/** The traffic of a transfer of one file, which reports its own progress. */
export class Traffic extends FileTraffic {
  constructor(options: TrafficOptions, clock: Clock = systemClock) {
    super(options.throttle, meterFor(options, clock));
  }

  override expect(total: number | undefined): void {
    if (this.meter) this.meter.outlook = () => (total === undefined ? {} : { total });
  }

  /** All bytes have passed. */
  finish(): void {
    this.meter?.finish();
  }

  /** No more bytes will pass. */
  stop(): void {
    this.meter?.stop();
  }
}

/** The traffic of a tree: one throttle and one progress for all of its files. */
export class TreeTraffic {
  readonly #throttle: Throttle | undefined;
  readonly #meter: ProgressMeter | undefined;
  /** Files that are planned and not done; `unsized` of them have no size in their listing. */
  #left = { files: 0, bytes: 0, unsized: 0 };
  readonly #done = { files: 0, bytes: 0 };
  readonly #current = new Set<{ readonly path: string; readonly total: number | undefined; readonly traffic: FileTraffic }>();
  #isPlanned = false;

  constructor(options: TrafficOptions, clock: Clock = systemClock) {
    this.#throttle = options.throttle;
    this.#meter = meterFor(options, clock);
    if (this.#meter) this.#meter.outlook = () => this.#outlook();
  }

  /** A file of that size, where it is known, is to be transferred. */
  plan(size: number | undefined): void {
    this.#count(1, size);
  }

  /** A file that was planned need not be transferred. */
  unplan(size: number | undefined): void {
    this.#count(-1, size);
  }

  /** All files are planned: the totals are known. */
  planned(): void {
    this.#isPlanned = true;
  }

  /** Transfers a file that was planned. */
  async file<T>(path: string, size: number | undefined, transfer: (traffic: FileTraffic) => Promise<T>): Promise<T> {
    const traffic = new FileTraffic(this.#throttle, this.#meter);
    const file = { path, total: size, traffic };
    this.#current.add(file);
    try {
      return await transfer(traffic);
    } finally {
      this.#current.delete(file);
      this.#done.files += 1;
      this.#done.bytes += traffic.bytes;
      this.#count(-1, size);
    }
  }

  /** Nothing more is transferred: what is left of the plan was not tried. */
  finish(): void {
    this.#left = { files: 0, bytes: 0, unsized: 0 };
    this.planned();
    this.#meter?.finish();
  }

  /** Reports no more. */
  stop(): void {
    this.#meter?.stop();
  }

  #count(files: 1 | -1, size: number | undefined): void {
    this.#left.files += files;
    if (size === undefined) this.#left.unsized += files;
    else this.#left.bytes += files * size;
  }

  #outlook(): Pick<Progress, 'total' | 'files' | 'totalFiles' | 'current'> {
    const { files, bytes, unsized } = this.#left;
    const current = Array.from(this.#current, ({ path, total, traffic }) => ({ path, bytes: traffic.bytes, ...(total === undefined ? {} : { total }) }));
    return {
      ...(this.#isPlanned && unsized === 0 ? { total: bytes + this.#done.bytes } : {}),
      files: this.#done.files,
      ...(this.#isPlanned ? { totalFiles: files + this.#done.files } : {}),
      current,
    };
  }
}

/** Counts what passes. */
class Counter extends Transform {
  constructor(private readonly count: (bytes: number) => void) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.count(chunk.length);
    callback(null, chunk);
  }
}

/** The options of `progress`. */
export interface ProgressOptions {
  /** Bytes in all. Default: not known, and then there is no `percent` and no `eta`. */
  readonly total?: number;
  /** Milliseconds between two reports, more than 0. Default 1000. */
  readonly interval?: number;
  /** @internal */
  readonly clock?: Clock;
}

const PROGRESS_OPTIONS: OptionNames<ProgressOptions> = { total: true, interval: true, clock: true };

/**
 * Makes a stream that passes bytes on unchanged and reports how far it is, by its event `progress` and to `listener`: at an interval from the first
 * byte on, and once more when all bytes have passed. Put it into a pipeline: `pipeline(ftp.retr(path), progress(show), out)`. Its timer keeps no
 * process alive, and ends with the stream.
 *
 * @param options the options, or the listener alone
 * @throws ArgumentError for options that are not known or out of range
 */
export function progress(options: ProgressOptions | ProgressListener = {}, listener?: ProgressListener): ProgressStream {
  if (typeof options !== 'function') checkNames(options, PROGRESS_OPTIONS);
  const stream = new ProgressStream(typeof options === 'function' ? {} : options);
  const heard = typeof options === 'function' ? options : listener;
  return heard ? stream.on('progress', heard) : stream;
}

/** The events of a ProgressStream. */
export interface ProgressEvents extends TransformEvents<Buffer> {
  /** How far it is, at each interval and once more at the end. */
  progress: [progress: Progress];
}

/** PassThrough, as TypedTransform describes it. */
const Typed = PassThrough as unknown as new (options?: TransformOptions) => TypedTransform<Buffer, ProgressEvents>;

/** The stream that `progress` returns. Its event `progress` has a Progress. */
export class ProgressStream extends Typed {
  readonly #meter: ProgressMeter;

  /** @internal use `progress` */
  constructor({ total, interval = INTERVAL, clock = systemClock }: ProgressOptions) {
    super();
    if (total !== undefined) checkOffset('total', total);
    checkInterval('interval', interval);
    this.#meter = new ProgressMeter((now) => void this.emit('progress', now), { interval, clock });
    if (total !== undefined) this.#meter.outlook = () => ({ total });
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
