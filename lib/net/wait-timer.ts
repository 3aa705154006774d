/**
 * A timer for one wait after another. While nothing is awaited it runs on unheard, and keeps no process alive: to stop it
 * and start another costs more.
 */
export class WaitTimer {
  readonly #ms: number;
  #timer: NodeJS.Timeout | undefined;
  #onExpire: (() => void) | undefined;

  /** @param ms milliseconds; 0 is for ever */
  constructor(ms: number) {
    this.#ms = ms;
  }

  /** A wait begins, in place of the one before: `onExpire` is called unless it is stopped in time. */
  start(onExpire: () => void): void {
    if (this.#ms === 0) return;
    this.#onExpire = onExpire;
    this.#timer = this.#timer?.refresh().ref() ?? setTimeout(this.#expire, this.#ms);
  }

  /** The wait begins anew, if it is still this one. */
  restart(onExpire: () => void): void {
    if (this.#onExpire === onExpire) this.#timer?.refresh();
  }

  /** The wait is over, if it is still this one. */
  stop(onExpire: () => void): void {
    if (this.#onExpire !== onExpire) return;
    this.#onExpire = undefined;
    this.#timer?.unref();
  }

  /** Lets the timer go, if nothing is awaited. */
  release(): void {
    if (this.#onExpire) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #expire = (): void => {
    const onExpire = this.#onExpire;
    this.#timer = this.#onExpire = undefined;
    onExpire?.();
  };
}
