import { Transform, type TransformCallback } from 'node:stream';
import { ArgumentError } from '../errors';
import { systemClock } from './clock';
import type { ProgressListener } from './progress';
import { ProgressMeter } from './progress-meter';
import type { Throttle } from './throttle';

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
