import type { Clock } from '../../lib/net/clock';

interface Timer {
  at: number;
  readonly interval: number | undefined;
  readonly act: () => void;
}

/** A clock that stands until it is told to go on. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, act: () => void): () => void {
    return this.#set({ at: this.#now + milliseconds, interval: undefined, act });
  }

  every(milliseconds: number, act: () => void): () => void {
    return this.#set({ at: this.#now + milliseconds, interval: milliseconds, act });
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Goes on by so many milliseconds; before it does, and after each timer, streams in memory do all that they can. */
  async pass(milliseconds: number): Promise<void> {
    await new Promise(setImmediate);
    const end = this.#now + milliseconds;
    for (let timer = this.#next(end); timer; timer = this.#next(end)) {
      this.#now = Math.max(this.#now, timer.at);
      if (timer.interval === undefined) this.#timers.delete(timer);
      else timer.at += timer.interval;
      timer.act();
      await new Promise(setImmediate);
    }
    this.#now = end;
    await new Promise(setImmediate);
  }

  #set(timer: Timer): () => void {
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  #next(end: number): Timer | undefined {
    return [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
  }
}
