import type { Clock } from './clock';
import { FTPError } from '../errors';

/** Milliseconds behind a refusal after which one more connection is tried. */
const PROBATION = 60_000;
/** Milliseconds until the first connection is tried again; twice as many each time. */
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
  #careful = false;
  #served = false;
  #pause = FIRST_PAUSE;
  #waited = 0;

  constructor(most: number, patience: number, clock: Clock) {
    this.#most = most;
    this.#patience = patience;
    this.#clock = clock;
    this.#limit = most;
  }

  /** True once one was refused: from then on they are tried one at a time. */
  get careful(): boolean {
    return this.#careful;
  }

  /**
   * How many may be begun while so many are there, and so many are being made.
   *
   * The first is tried alone: a wrong password is then tried once, and what is refused behind it is not the login.
   */
  room(up: number, opening: number): number {
    if (up === 0 || this.#careful) return opening > 0 || up >= this.#limitNow() ? 0 : 1;
    return this.#most - up - opening;
  }

  /** A connection was made. */
  granted(up: number): void {
    this.#served = true;
    this.#limit = Math.max(this.#limit, up);
    this.#rested();
  }

  /** A connection was refused while so many others are there; `tried` with others at the same time, it may have been one of these that was in its way. */
  refused(up: number, tried: 'alone' | 'with others'): void {
    this.#careful = true;
    if (tried === 'with others') return;
    this.#limit = up;
    this.#probation = this.#clock.now() + PROBATION;
  }

  /**
   * There is none, and none can be made: the milliseconds after which to try again, where the server has let us in before and now says
   * that it is full, which it may believe until it has heard of the connections we lost. Undefined: this is how it is.
   */
  pauseAfter(error: Error): number | undefined {
    const pause = this.#pause;
    const code = error instanceof FTPError ? error.reply?.code : undefined;
    const full = this.#served && (code === 421 || code === 530);
    if (!full || (this.#patience > 0 && this.#waited + pause > this.#patience)) {
      this.#rested();
      return undefined;
    }
    this.#waited += pause;
    this.#pause = Math.min(2 * pause, LONGEST_PAUSE);
    return pause;
  }

  #limitNow(): number {
    return this.#clock.now() >= this.#probation ? this.#most : this.#limit;
  }

  #rested(): void {
    this.#pause = FIRST_PAUSE;
    this.#waited = 0;
  }
}
