const MIB = 1024 * 1024;
const INTERVAL = 100; // ms between two updates, so that the terminal does not slow the transfer down

/** Counts bytes, and shows the count on one line that it rewrites; only on a terminal. */
export class Progress {
  #bytes = 0;
  #shownAt = 0;

  /** Shows `bytes` more; `total` where it is known. */
  add(bytes: number, total?: number): void {
    this.#bytes += bytes;
    if (!process.stdout.isTTY || Date.now() - this.#shownAt < INTERVAL) return;
    this.#shownAt = Date.now();
    const share = total ? ` of ${(total / MIB).toFixed(1)} MiB, ${Math.floor((this.#bytes / total) * 100)} %` : ' MiB';
    process.stdout.write(`\r  ${(this.#bytes / MIB).toFixed(1)}${share} `);
  }

  /** All that was counted. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes the line away. */
  done(): void {
    if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
  }
}
