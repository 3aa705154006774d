/** A promise that is settled from outside; a rejection that nobody waits for is no news. */
export class Deferred {
  readonly promise: Promise<void>;
  resolve!: () => void;
  reject!: (error: Error) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(() => undefined);
  }

  /** Resolves when it is settled either way, after `ms` at the latest. */
  within(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      const settled = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.promise.then(settled, settled);
    });
  }
}
