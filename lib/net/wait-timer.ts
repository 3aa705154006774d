/**
 * One timer for many waits, one after the other. Between two waits it goes on running without effect, and does not keep the process
 * alive: to clear it and to make another one for every command would cost more.
 */
export class WaitTimer {
  readonly #ms: number;
  #timer: NodeJS.Timeout | undefined;
  #onExpire: (() => void) | undefined;

  /** @param ms milliseconds; 0 waits for ever */
  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Begins a wait, in place of the one before it: `onExpire` is called unless the wait is stopped in time. */
  start(onExpire: () => void): void {
    if (this.#ms === 0) return;
    this.#onExpire = onExpire;
    this.#timer = this.#timer?.refresh().ref() ?? setTimeout(this.#expire, this.#ms);
  }

  /** Begins the wait of `onExpire` again, if it is still that one. */
  restart(onExpire: () => void): void {
    if (this.#onExpire === onExpire) this.#timer?.refresh();
  }

  /** Ends the wait of `onExpire`, if it is still that one. */
  stop(onExpire: () => void): void {
    if (this.#onExpire !== onExpire) return;
    this.#onExpire = undefined;
    this.#timer?.unref();
  }

  /** Clears the timer, unless there is a wait. */
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
