/** Why a transfer ends before its time: all that was wanted has arrived, its consumer has left it, or an error. */
export type Reason = 'complete' | 'left' | Error;

/** Ends the steps of a transfer from outside, once: the step that is under way fails with the reason. */
export class Interrupt {
  /** Why the transfer was interrupted, if it was. */
  reason: Reason | undefined;
  #listener: ((reason: Reason) => void) | undefined;
  #step: Promise<unknown> | undefined;

  /** Interrupts; only the first reason counts. */
  raise(reason: Reason): void {
    if (this.reason) return;
    this.reason = reason;
    this.#listener?.(reason);
  }

  /** Calls back at the interruption. A transfer is in one step at a time, so the last listener is the only one. */
  listen(listener: (reason: Reason) => void): void {
    this.#listener = listener;
  }

  /** The promise's outcome, or a rejection with the reason, whichever is first. */
  race<T>(promise: Promise<T>): Promise<T> {
    const interrupted = new Promise<never>((_resolve, reject) => {
      this.listen(reject);
      if (this.reason) reject(this.reason as Error);
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

  /** Throws the reason if there was an interruption. */
  check(): void {
    if (this.reason) throw this.reason as Error;
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
