/** An interruption that is no error: all that was wanted has arrived, or else its consumer has left. */
export class Enough extends Error {
  constructor(readonly complete: boolean) {
    super();
  }
}

/** Ends the steps of an operation from outside, once. */
export class Interrupt {
  #reason: Error | undefined;
  #listener: ((reason: Error) => void) | undefined;
  #step: Promise<unknown> | undefined;

  /** Why the operation was interrupted, if it was. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  /** Interrupts; only the first reason counts. */
  raise(reason: Error): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.#listener?.(reason);
  }

  /** Calls back at the interruption; an operation is in one step at a time, and the step that it is in hears of it. */
  listen(listener: (reason: Error) => void): void {
    this.#listener = listener;
  }

  /** The promise's outcome, or the interruption, whichever is first. */
  race<T>(promise: Promise<T>): Promise<T> {
    const interrupted = new Promise<never>((_resolve, reject) => {
      this.listen(reject);
      if (this.#reason) reject(this.#reason);
    });
    return Promise.race([promise, interrupted]);
  }

  /** As `race`, for several commands, which an interruption does not end: `settled()` waits for them. */
  step<T>(promise: Promise<T>): Promise<T> {
    this.#step = promise;
    return this.race(promise);
  }

  /** The last step is over, so that what it has changed can be changed back. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#step]);
  }

  /** Throws the interruption if there was one. */
  check(): void {
    if (this.#reason) throw this.#reason;
  }
}

/** Something that comes about once, or not; costs nothing where nobody waits for it. */
export class Milestone {
  #reached: boolean | undefined;
  #waiting: ((reached: boolean) => void)[] = [];

  /** It has come about, or will not; only the first call counts. */
  settle(reached: boolean): void {
    if (this.#reached !== undefined) return;
    this.#reached = reached;
    for (const resolve of this.#waiting) resolve(reached);
  }

  /** Whether it comes about, once that is known. */
  async reached(): Promise<boolean> {
    return this.#reached ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Whether it comes about in so many milliseconds. */
  async within(ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, ms, false)));
    try {
      return await Promise.race([this.reached(), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
