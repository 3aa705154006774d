/** As much as this is handed on at once. */
const FULL = 256 * 1024;

/**
 * Joins the chunks that arrive in one turn of the event loop: TLS comes in records of 16 KiB, and a file is not to be
 * written in so small pieces. Nothing waits longer than until the turn's end.
 */
export class Gatherer {
  readonly #deliver: (chunk: Buffer) => void;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #scheduled = false;

  constructor(deliver: (chunk: Buffer) => void) {
    this.#deliver = deliver;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= FULL) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.flush();
      });
    }
  }

  /** Hands on what is there. */
  flush(): void {
    const chunks = this.#chunks;
    const bytes = this.#bytes;
    if (bytes === 0) return;
    this.#chunks = [];
    this.#bytes = 0;
    this.#deliver(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes));
  }
}
