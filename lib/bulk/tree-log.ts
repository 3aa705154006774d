import type { Budget } from './tree-budget';

const SMALLEST = 512;
const LARGEST = 64 * 1024;
const LF = 0x0a;

/** What is still to be done, first in, first out: as JSON in buffers, where a million names are no work for the garbage collector. */
export class TreeLog<T extends readonly unknown[]> {
  readonly #budget: Budget;
  readonly #chunks: Buffer[] = [];
  /** Where the last chunk ends, and the first one begins. */
  #end = 0;
  #begin = 0;
  #size = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** @throws LimitError */
  push(record: T): void {
    const line = `${JSON.stringify(record)}\n`;
    const chunk = this.#room(Buffer.byteLength(line));
    this.#end += chunk.write(line, this.#end);
    this.#size += 1;
  }

  shift(): T | undefined {
    const chunk = this.#chunks[0];
    if (!chunk || this.#size === 0) return undefined;
    const end = chunk.indexOf(LF, this.#begin);
    const record = JSON.parse(chunk.toString('utf8', this.#begin, end)) as T;
    this.#begin = end + 1;
    this.#size -= 1;
    if (this.#size === 0) this.clear();
    else if (chunk[this.#begin] !== OPEN) this.#drop();
    return record;
  }

  /** Forgets everything. */
  clear(): void {
    while (this.#chunks.length > 0) this.#drop();
    this.#end = this.#size = 0;
  }

  /** A chunk whose rest is at least so large. */
  #room(bytes: number): Buffer {
    const last = this.#chunks.at(-1);
    if (last && last.length - this.#end >= bytes) return last;
    const length = Math.max(bytes, Math.min(LARGEST, 2 * (last?.length ?? SMALLEST / 2)));
    this.#budget.take(length);
    const chunk = Buffer.alloc(length);
    this.#chunks.push(chunk);
    this.#end = 0;
    return chunk;
  }

  #drop(): void {
    this.#budget.give(this.#chunks.shift()?.length ?? 0);
    this.#begin = 0;
  }
}
/** Each record is an array; behind the last one of a chunk there are zeros, or nothing. */
const OPEN = 0x5b;
