import { randomInt } from 'node:crypto';
import type { Budget } from './tree-budget';

const SMALLEST = 64;
const BYTES_PER_NAME = 24;
const HEADER = 9;
const FNV_PRIME = 0x01000193;

/** What a folder holds, by name: in one buffer, where a million names take a third of what they take in a Map. */
export class TreeTable<T extends readonly unknown[]> {
  readonly #budget: Budget;
  /** Nobody who chooses the names knows which of them share a slot. */
  readonly #seed = randomInt(2 ** 32);
  /** Records: lengths of name and facts, a mark, the name, the facts as JSON. */
  #bytes = Buffer.alloc(0);
  #end = 0;
  /** Where a record begins, plus one; 0 is a free slot. */
  #slots = new Float64Array(0);
  #size = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  get size(): number {
    return this.#size;
  }

  /** A name that is there already keeps its facts. @throws LimitError */
  add(name: string, ...facts: T): void {
    if ((this.#size + 1) * 2 > this.#slots.length) this.#grow();
    const key = Buffer.from(name);
    const slot = this.#slotOf(key);
    if (this.#slots[slot] !== 0) return;
    this.#slots[slot] = this.#append(key, Buffer.from(JSON.stringify(facts))) + 1;
    this.#size += 1;
  }

  get(name: string): T | undefined {
    const at = this.#find(name);
    return at < 0 ? undefined : this.#factsAt(at);
  }

  /** The name needs not be told by `unmarked`. */
  mark(name: string): void {
    const at = this.#find(name);
    if (at >= 0) this.#bytes[at + 8] = 1;
  }

  has(name: string): boolean {
    return this.#find(name) >= 0;
  }

  /** The names that were not marked, in their order. */
  *unmarked(): Generator<[name: string, facts: T]> {
    for (let at = 0; at < this.#end; at = this.#factsBegin(at) + this.#bytes.readUInt32LE(at + 4)) {
      if (this.#bytes[at + 8] === 0) yield [this.#bytes.toString('utf8', at + HEADER, this.#factsBegin(at)), this.#factsAt(at)];
    }
  }

  /** Gives its memory back. */
  clear(): void {
    this.#budget.give(this.#bytes.length + this.#slots.byteLength);
    this.#bytes = Buffer.alloc(0);
    this.#slots = new Float64Array(0);
    this.#end = this.#size = 0;
  }

  #find(name: string): number {
    return this.#size === 0 ? -1 : (this.#slots[this.#slotOf(Buffer.from(name))] ?? 0) - 1;
  }

  /** The slot of the name, or the free one where it belongs. */
  #slotOf(key: Buffer): number {
    let hash = this.#seed;
    for (const byte of key) hash = Math.imul(hash ^ byte, FNV_PRIME);
    const mask = this.#slots.length - 1;
    let slot = (hash ^ (hash >>> 15)) & mask;
    while (this.#slots[slot] !== 0 && !this.#isAt((this.#slots[slot] ?? 0) - 1, key)) slot = (slot + 1) & mask;
    return slot;
  }

  #isAt(at: number, key: Buffer): boolean {
    return this.#bytes.readUInt32LE(at) === key.length && this.#bytes.compare(key, 0, key.length, at + HEADER, at + HEADER + key.length) === 0;
  }

  #factsBegin(at: number): number {
    return at + HEADER + this.#bytes.readUInt32LE(at);
  }

  #factsAt(at: number): T {
    const begin = this.#factsBegin(at);
    return JSON.parse(this.#bytes.toString('utf8', begin, begin + this.#bytes.readUInt32LE(at + 4))) as T;
  }

  #append(key: Buffer, facts: Buffer): number {
    const at = this.#end;
    const end = at + HEADER + key.length + facts.length;
    if (end > this.#bytes.length) this.#extend(Math.max(end, this.#bytes.length * 1.5));
    this.#bytes.writeUInt32LE(key.length, at);
    this.#bytes.writeUInt32LE(facts.length, at + 4);
    this.#bytes[at + 8] = 0;
    key.copy(this.#bytes, at + HEADER);
    facts.copy(this.#bytes, at + HEADER + key.length);
    this.#end = end;
    return at;
  }

  #extend(length: number): void {
    const bytes = Buffer.alloc(Math.max(SMALLEST * BYTES_PER_NAME, Math.ceil(length)));
    this.#budget.take(bytes.length - this.#bytes.length);
    this.#bytes.copy(bytes, 0, 0, this.#end);
    this.#bytes = bytes;
  }

  #grow(): void {
    const slots = new Float64Array(Math.max(SMALLEST, this.#slots.length * 2));
    this.#budget.take(slots.byteLength - this.#slots.byteLength);
    this.#slots = slots;
    for (let at = 0; at < this.#end; at = this.#factsBegin(at) + this.#bytes.readUInt32LE(at + 4)) {
      slots[this.#slotOf(this.#bytes.subarray(at + HEADER, this.#factsBegin(at)))] = at + 1;
    }
  }
}
