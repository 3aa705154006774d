import { PassThrough, type TransformCallback } from 'node:stream';
import { ArgumentError } from '../errors';
import { checkNames, type OptionNames } from '../option-names';
import { checkOffset } from '../options';
import { systemClock, type Clock } from './clock';
import { ProgressMeter, type Progress } from './progress-meter';

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
