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
