import { Transform, type TransformCallback } from 'node:stream';
import { ArgumentError } from '../errors';
import { checkNames, type OptionNames } from '../option-names';
import { systemClock, type Clock } from './clock';
import { TokenBucket, type Turn } from './token-bucket';

/** Makes streams that share one rate: put one into each pipeline. */
export interface Throttle {
  /** A stream that hands on what it gets, no faster than the rate allows. */
  (): Transform;
  readonly bytesPerSecond: number;
}

/** What `throttle` can be told besides its rate. */
interface ThrottleOptions {
  /** @internal */
  readonly clock?: Clock;
}

const THROTTLE_OPTIONS: OptionNames<ThrottleOptions> = { clock: true };

/** Bytes that go at once: small enough for others to have their turn 50 times a second, and for a disk to be written well. */
const LARGEST_SLICE = 64 * 1024;
const SLICES_PER_SECOND = 50;

/**
 * One rate for any number of streams, shared fairly: `pipeline(ftp.retr(a), limit(), out)`, with `const limit = throttle(1_000_000)`.
 * Nothing is copied; large chunks go on in slices. A stream that ends or is destroyed leaves no timer behind.
 *
 * @param bytesPerSecond for all of the streams together, more than 0
 * @throws ArgumentError
 */
export function throttle(bytesPerSecond: number, options: ThrottleOptions = {}): Throttle {
  checkNames(options, THROTTLE_OPTIONS);
  const { clock = systemClock } = options;
  if (typeof bytesPerSecond !== 'number' || !(bytesPerSecond > 0 && bytesPerSecond < Infinity)) {
    throw new ArgumentError(`bytesPerSecond must be a number of bytes greater than 0, not ${String(bytesPerSecond)}`);
  }
  const bucket = new TokenBucket(bytesPerSecond, clock);
  const slice = Math.max(1, Math.min(LARGEST_SLICE, Math.floor(bytesPerSecond / SLICES_PER_SECOND)));
  return Object.assign(() => new ThrottledStream(bucket, slice), { bytesPerSecond });
}

/** Bytes that wait for their tokens. */
class ThrottledStream extends Transform {
  #turn: Turn | undefined;
  readonly #flow = { had: 0 };
  #bytesWritten = 0;

  constructor(
    private readonly bucket: TokenBucket,
    private readonly slice: number,
  ) {
    super();
  }

  /** Bytes handed on so far, which shows that one large chunk gets on. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#handOn(chunk, callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#turn) this.bucket.leave(this.#turn);
    callback(error);
  }

  #handOn(rest: Buffer, done: () => void): void {
    const size = Math.min(rest.length, this.slice);
    if (size === 0) return done();
    const go = (): void => {
      this.#turn = undefined;
      this.#bytesWritten += size;
      this.push(rest.subarray(0, size));
      if (!this.destroyed) this.#handOn(rest.subarray(size), done);
    };
    this.bucket.take((this.#turn = { flow: this.#flow, tokens: size, go }));
  }
}
