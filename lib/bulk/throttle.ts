import { Transform, type TransformCallback } from 'node:stream';
import { ArgumentError } from '../errors';
import { checkNames, type OptionNames } from '../options';
import { type Clock, systemClock } from '../net/clock';

/** Milliseconds whose tokens are kept, so that the rate is met although timers come late. */
const KEPT = 100;

/** A stream that takes tokens again and again. */
interface Flow {
  /** Tokens that it has had, or could have had. It begins at 0. */
  had: number;
}

/** A flow that waits for tokens; `go` is called when they are there. */
interface Turn {
  readonly flow: Flow;
  readonly tokens: number;
  readonly go: () => void;
}

/**
 * Gives so many tokens a second, shared evenly by the flows that want some, however many each takes at a time (start-time fair queueing: next is the
 * flow that has had the fewest; one that comes later begins where the others are). It has a timer only while a flow waits.
 */
class TokenBucket {
  #tokens = 0;
  #filledAt: number;
  #callOff: (() => void) | undefined;
  #serving = false;
  /** By the tokens that the turn's flow has had. */
  readonly #waiting = new Map<Turn, number>();
  #hadByNext = 0;

  constructor(
    /** Tokens that each second brings. */
    readonly rate: number,
    private readonly clock: Clock,
  ) {
    this.#filledAt = clock.now();
  }

  /**
   * Queues for tokens. The last of them may still be missing when the turn comes: the next one waits for them. So the sum is right, and nobody has to
   * wait for a full bucket.
   */
  take(turn: Turn): void {
    const { flow, tokens } = turn;
    const had = Math.max(flow.had, this.#hadByNext);
    this.#waiting.set(turn, had);
    flow.had = had + tokens;
    if (!this.#serving && !this.#callOff) this.#serve();
  }

  /** Gives the place up. */
  leave(turn: Turn): void {
    if (this.#waiting.delete(turn) && this.#waiting.size === 0) this.#sleep();
  }

  /** A turn may end in another `take`, which this loop serves, too. */
  #serve(): void {
    this.#sleep();
    this.#fill();
    this.#serving = true;
    for (let turn = this.#next(); turn && this.#tokens >= 0; turn = this.#next()) {
      this.#hadByNext = this.#waiting.get(turn) ?? 0;
      this.#waiting.delete(turn);
      this.#tokens -= turn.tokens;
      turn.go();
    }
    this.#serving = false;
    if (this.#waiting.size > 0) this.#callOff = this.clock.after(Math.ceil((-this.#tokens / this.rate) * 1000), () => this.#serve());
  }

  #next(): Turn | undefined {
    let next: Turn | undefined;
    let least = Infinity;
    for (const [turn, had] of this.#waiting) {
      if (had >= least) continue;
      next = turn;
      least = had;
    }
    return next;
  }

  #sleep(): void {
    this.#callOff?.();
    this.#callOff = undefined;
  }

  #fill(): void {
    const now = this.clock.now();
    const most = (this.rate * KEPT) / 1000;
    this.#tokens = Math.min(most, this.#tokens + ((now - this.#filledAt) * this.rate) / 1000);
    this.#filledAt = now;
  }
}

/** What `throttle` returns: a function that makes streams which share one rate. */
export interface Throttle {
  /** Makes a stream for one pipeline, which passes bytes on no faster than the rate allows. */
  (): Transform;
  /** The rate of all its streams together. */
  readonly bytesPerSecond: number;
}

/** The options of `throttle`. */
interface ThrottleOptions {
  /** @internal */
  readonly clock?: Clock;
}

const THROTTLE_OPTIONS: OptionNames<ThrottleOptions> = { clock: true };

/** Bytes that pass at once: few enough for each stream to have its turn 50 times a second, and enough for a disk to be written well. */
const LARGEST_SLICE = 64 * 1024;
const SLICES_PER_SECOND = 50;

/**
 * Limits any number of streams to one rate, which they share evenly: with `const limit = throttle(1_000_000)`, put `limit()` into each pipeline, as in
 * `pipeline(ftp.retr(path), limit(), out)`, or give it to `get`, `put` and trees as their option `throttle`. Nothing is copied; large chunks pass in
 * slices. A stream that has ended or was destroyed has no timer.
 *
 * @param bytesPerSecond of all the streams together, more than 0
 * @throws ArgumentError for a rate that is no such number
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

/** Passes bytes on when their tokens are there. */
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

  /** Bytes passed on so far, which shows that a slow stream is not stuck. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#passOn(chunk, callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#turn) this.bucket.leave(this.#turn);
    callback(error);
  }

  #passOn(rest: Buffer, done: () => void): void {
    const size = Math.min(rest.length, this.slice);
    if (size === 0) return done();
    const go = (): void => {
      this.#turn = undefined;
      this.#bytesWritten += size;
      this.push(rest.subarray(0, size));
      if (!this.destroyed) this.#passOn(rest.subarray(size), done);
    };
    this.bucket.take((this.#turn = { flow: this.#flow, tokens: size, go }));
  }
}
