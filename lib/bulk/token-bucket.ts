import type { Clock } from './clock';

/** What timers and other streams' work may delay us by: tokens of so many milliseconds are kept, so that the rate is met all the same. */
const KEPT = 100;

/** Somebody who takes tokens again and again. */
export interface Flow {
  /** Tokens that it has had, or could have had; 0 in the beginning. */
  had: number;
}

/** What a flow wants now: `go` is called when the tokens are there. */
export interface Turn {
  readonly flow: Flow;
  readonly tokens: number;
  readonly go: () => void;
}

/**
 * Hands out so many tokens a second, shared evenly by those who want some, however many each takes at a time (start-time fair queueing: next
 * is the flow that has had the fewest, whoever comes later beginning where the others are). It has a timer only while somebody waits.
 */
export class TokenBucket {
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
   * Queues for tokens. The last ones may be missing when a turn comes: whoever is next waits for them, so that the sum is right without
   * anybody's having to wait for a full bucket.
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
