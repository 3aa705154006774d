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

  /** Throws the interruption if there was one. */
  check(): void {
    if (this.#reason) throw this.#reason;
  }
}
