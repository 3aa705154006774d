/** Ends the steps of an operation from outside, once. */
export class Interrupt {
  readonly #promise: Promise<never>;
  #reject!: (reason: Error) => void;
  #reason: Error | undefined;

  constructor() {
    this.#promise = new Promise((_resolve, reject) => (this.#reject = reject));
    this.#promise.catch(() => undefined); // whoever races is told; where nobody does, nobody needs to know
  }

  /** Why the operation was interrupted, if it was. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  /** Interrupts; only the first reason counts. */
  raise(reason: Error): void {
    this.#reason ??= reason;
    this.#reject(this.#reason);
  }

  /** The promise's outcome, or the interruption, whichever is first. */
  race<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#promise]);
  }

  /** Throws the interruption if there was one. */
  check(): void {
    if (this.#reason) throw this.#reason;
  }
}
