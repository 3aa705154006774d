import type { Clock } from './clock';
import { FTPError } from '../errors';

/** Milliseconds behind a refusal after which one more connection is tried. */
const PROBATION = 60_000;
/** Milliseconds until the first connection is tried again where there is none; twice as many each time. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 30_000;

/** How many connections the server lets a pool have: as many as were asked for, until it refuses one. */
export class Allowance {
  readonly #most: number;
  /** Milliseconds that a pool which had connections waits for a server that has none to spare; 0 for ever. */
  readonly #patience: number;
  readonly #clock: Clock;
  #limit: number;
  #probation = 0;
  #served = false;
  #pause = FIRST_PAUSE;
  #waited = 0;

  constructor(most: number, patience: number, clock: Clock) {
    this.#most = most;
    this.#patience = patience;
    this.#clock = clock;
    this.#limit = most;
  }

  /** How many connections there may be now. */
  get limit(): number {
    return this.#limit < this.#most && this.#clock.now() >= this.#probation ? this.#limit + 1 : this.#limit;
  }

  /** A connection was made; there are so many now. */
  granted(up: number): void {
    this.#served = true;
    this.#limit = Math.max(this.#limit, up);
    this.#rested();
  }

  /** A connection was refused; so many others are there, or are still being made. */
  refused(others: number): void {
    this.#limit = Math.max(1, others);
    this.#probation = this.#clock.now() + PROBATION;
  }

  /**
   * There is none, and none can be made: the milliseconds after which to try again, where the server has let us in before and now says
   * that it is full, which it may believe until it has heard of the connections we lost. Undefined: this is how it is.
   */
  pauseAfter(error: unknown): number | undefined {
    const pause = this.#pause;
    const code = error instanceof FTPError ? error.reply?.code : undefined;
    if (this.#served && (code === 421 || code === 530) && (this.#patience === 0 || this.#waited + pause <= this.#patience)) {
      this.#waited += pause;
      this.#pause = Math.min(2 * pause, LONGEST_PAUSE);
      return pause;
    }
    this.#limit = this.#most;
    this.#rested();
    return undefined;
  }

  #rested(): void {
    this.#pause = FIRST_PAUSE;
    this.#waited = 0;
  }
}
