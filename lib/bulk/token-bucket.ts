import type { Clock } from './clock';

/** What timers and other streams' work may delay us by: tokens of so many milliseconds are kept, so that the rate is met all the same. */
const KEPT = 100;

/** What someone wants: `go` is called when the tokens are there. */
export interface Turn {
  readonly tokens: number;
  readonly go: () => void;
}

/** Hands out so many tokens a second, first come, first served; it has a timer only while somebody waits. */
export class TokenBucket {
  #tokens = 0;
  #filledAt: number;
  #callOff: (() => void) | undefined;
  #serving = false;
  readonly #waiting = new Set<Turn>();

  constructor(
    /** Tokens that each second brings. */
    readonly rate: number,
    private readonly clock: Clock,
  ) {
    this.#filledAt = clock.now();
  }

  /**
   * Queues for tokens. The last ones may be missing when a turn comes: whoever is next waits for them, so that the sum is right without
   * anybody's having to wait for a full bucket.
   */
  take(turn: Turn): void {
    this.#waiting.add(turn);
    if (!this.#serving && !this.#callOff) this.#serve();
  }

  /** Gives the place up. */
  leave(turn: Turn): void {
    if (this.#waiting.delete(turn) && this.#waiting.size === 0) this.#sleep();
  }

  /** A turn that ends in another `take` queues behind those that wait: streams alternate. */
  #serve(): void {
    this.#sleep();
    this.#fill();
    this.#serving = true;
    for (const turn of this.#waiting) {
      if (this.#tokens < 0) break;
      this.#waiting.delete(turn);
      this.#tokens -= turn.tokens;
      turn.go();
    }
    this.#serving = false;
    if (this.#waiting.size > 0) this.#callOff = this.clock.after(Math.ceil((-this.#tokens / this.rate) * 1000), () => this.#serve());
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
