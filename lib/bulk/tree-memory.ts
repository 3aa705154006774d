import { randomInt } from 'node:crypto';
import { LimitError } from '../errors';

/** The memory that a tree may take for names and facts at a time. */
export class Budget {
  /** More was asked for than was left. */
  exhausted = false;
  #used = 0;

  /** @param of the memory that this is a part of */
  constructor(
    readonly max: number,
    private readonly of?: Budget,
  ) {}

  /** Takes so many bytes. @throws LimitError where there are not so many left */
  take(bytes: number): void {
    if (this.#used + bytes > this.max) {
      this.exhausted = true;
      throw new LimitError(`more than ${this.max} bytes of names are to be remembered (maxPendingBytes)`);
    }
    this.of?.take(bytes);
    this.#used += bytes;
  }

  /** Gives them back. */
  give(bytes: number): void {
    this.of?.give(bytes);
    this.#used -= bytes;
  }

  /** Half of it, so that what is remembered in that leaves room for the rest. */
  half(): Budget {
    return new Budget(Math.floor(this.max / 2), this);
  }
}

/** The default of `maxPendingBytes`: two million names, or one million where `delete` has to know all of them. */
export const MAX_PENDING_BYTES = 128 * 1024 * 1024;

const SMALLEST_BLOCK = 512;
const LARGEST = 64 * 1024;
const LF = 0x0a;

/** A queue of what is still to be done, as JSON in buffers, where a million records are no work for the garbage collector. */
export class TreeLog<T extends readonly unknown[]> {
  readonly #budget: Budget;
  readonly #chunks: Buffer[] = [];
  /** The end of the records in the last chunk, and the beginning of those in the first. */
  #end = 0;
  #begin = 0;
  #size = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** The number of records. */
  get size(): number {
    return this.#size;
  }

  /** Adds a record at the end. @throws LimitError */
  push(record: T): void {
    const line = `${JSON.stringify(record)}\n`;
    const chunk = this.#room(Buffer.byteLength(line));
    this.#end += chunk.write(line, this.#end);
    this.#size += 1;
  }

  /** Takes the first record; undefined where there is none. */
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

  /** Removes all records, and gives their memory back. */
  clear(): void {
    while (this.#chunks.length > 0) this.#drop();
    this.#end = this.#size = 0;
  }

  /** A chunk with so much room. */
  #room(bytes: number): Buffer {
    const last = this.#chunks.at(-1);
    if (last && last.length - this.#end >= bytes) return last;
    const length = Math.max(bytes, Math.min(LARGEST, 2 * (last?.length ?? SMALLEST_BLOCK / 2)));
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
/** Each record is an array. After the last one of a chunk there are zeros, or nothing. */
const OPEN = 0x5b;

const FEWEST_SLOTS = 64;
/** Bytes of a chunk: records do not move when more come. A longer record has a chunk of its own. */
const CHUNK = 64 * 1024;
const FIRST_CHUNK = 2048;
/** Bytes of a record's header: the lengths of name and facts, and the mark. */
const HEADER = 9;
/** In place of a name's length: after the last record of a chunk. */
const END = 0xffff_ffff;
const MOST_CHUNKS = 2 ** 32 / CHUNK - 1;
const FNV_PRIME = 0x01000193;

/** A map from names to facts, in buffers, where a million names take a quarter of what they take in a Map. */
export class TreeTable<T extends readonly unknown[]> {
  readonly #budget: Budget;
  /** Random, so that a server cannot choose names that share a slot. */
  readonly #seed = randomInt(2 ** 32);
  /** The records: each has its header, the name, and the facts as JSON. */
  readonly #chunks: Buffer[] = [];
  /** The end of the records in the last chunk. */
  #end = 0;
  /** Where the record of each slot begins, as chunk times CHUNK and place in it, plus one; 0 for a free slot. */
  #slots = new Uint32Array(0);
  #size = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a name, unless it is there: then it keeps its facts. Returns whether it is new. @throws LimitError */
  add(name: string, ...facts: T): boolean {
    if ((this.#size + 1) * 4 > this.#slots.length * 3) this.#grow();
    const key = Buffer.from(name);
    const slot = this.#slotOf(key);
    if (this.#slots[slot] !== 0) return false;
    this.#slots[slot] = this.#append(key, facts.length === 0 ? NOTHING : Buffer.from(JSON.stringify(facts))) + 1;
    this.#size += 1;
    return true;
  }

  get(name: string): T | undefined {
    const at = this.#find(name);
    return at < 0 ? undefined : this.#factsAt(at);
  }

  /** Marks a name, which `unmarked` leaves out. */
  mark(name: string): void {
    const at = this.#find(name);
    if (at >= 0) this.#chunkOf(at)[(at % CHUNK) + 8] = 1;
  }

  isMarked(name: string): boolean {
    const at = this.#find(name);
    return at >= 0 && this.#chunkOf(at)[(at % CHUNK) + 8] === 1;
  }

  has(name: string): boolean {
    return this.#find(name) >= 0;
  }

  /** The names that were not marked, in the order in which they were added. */
  unmarked(): Generator<[name: string, facts: T]> {
    return this.#those(0);
  }

  /** The names that were marked, in the order in which they were added. */
  marked(): Generator<[name: string, facts: T]> {
    return this.#those(1);
  }

  *#those(mark: 0 | 1): Generator<[name: string, facts: T]> {
    for (const at of this.#records()) {
      const chunk = this.#chunkOf(at);
      const begin = (at % CHUNK) + HEADER;
      if (chunk[begin - 1] === mark) yield [chunk.toString('utf8', begin, begin + chunk.readUInt32LE(at % CHUNK)), this.#factsAt(at)];
    }
  }

  /** All names, in the order in which they were added. */
  *names(): Generator<[name: string, marked: boolean]> {
    for (const at of this.#records()) {
      const chunk = this.#chunkOf(at);
      const begin = (at % CHUNK) + HEADER;
      yield [chunk.toString('utf8', begin, begin + chunk.readUInt32LE(at % CHUNK)), chunk[begin - 1] === 1];
    }
  }

  /** Removes all names, and gives their memory back. */
  clear(): void {
    for (const { length } of this.#chunks.splice(0)) this.#budget.give(length);
    this.#budget.give(this.#slots.byteLength);
    this.#slots = new Uint32Array(0);
    this.#end = this.#size = 0;
  }

  #find(name: string): number {
    return this.#size === 0 ? -1 : (this.#slots[this.#slotOf(Buffer.from(name))] ?? 0) - 1;
  }

  /** The slot of a name, or the free one for it. */
  #slotOf(key: Buffer): number {
    let hash = this.#seed;
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ (key[i] ?? 0), FNV_PRIME);
    const mask = this.#slots.length - 1;
    let slot = (hash ^ (hash >>> 15)) & mask;
    while (this.#slots[slot] !== 0 && !this.#isAt((this.#slots[slot] ?? 0) - 1, key)) slot = (slot + 1) & mask;
    return slot;
  }

  #isAt(at: number, key: Buffer): boolean {
    const chunk = this.#chunkOf(at);
    const begin = (at % CHUNK) + HEADER;
    return chunk.readUInt32LE(at % CHUNK) === key.length && chunk.compare(key, 0, key.length, begin, begin + key.length) === 0;
  }

  #factsAt(at: number): T {
    const chunk = this.#chunkOf(at);
    const begin = (at % CHUNK) + HEADER + chunk.readUInt32LE(at % CHUNK);
    const length = chunk.readUInt32LE((at % CHUNK) + 4);
    return JSON.parse(length === 0 ? '[]' : chunk.toString('utf8', begin, begin + length)) as T;
  }

  #chunkOf(at: number): Buffer {
    return this.#chunks[Math.floor(at / CHUNK)] ?? NOTHING;
  }

  /** Where each record begins. */
  *#records(): Generator<number> {
    for (const [index, chunk] of this.#chunks.entries()) {
      const end = index === this.#chunks.length - 1 ? this.#end : chunk.length - HEADER + 1;
      for (let at = 0; at < end && chunk.readUInt32LE(at) !== END; at += HEADER + chunk.readUInt32LE(at) + chunk.readUInt32LE(at + 4)) yield index * CHUNK + at;
    }
  }

  #append(key: Buffer, facts: Buffer): number {
    const length = HEADER + key.length + facts.length;
    const chunk = this.#room(length);
    const at = this.#end;
    chunk.writeUInt32LE(key.length, at);
    chunk.writeUInt32LE(facts.length, at + 4);
    chunk[at + 8] = 0;
    key.copy(chunk, at + HEADER);
    facts.copy(chunk, at + HEADER + key.length);
    this.#end += length;
    return (this.#chunks.length - 1) * CHUNK + at;
  }

  /** A chunk with so much room; the first is small, for most folders are. */
  #room(bytes: number): Buffer {
    const last = this.#chunks.at(-1);
    if (last && last.length - this.#end >= bytes) return last;
    if (this.#chunks.length === MOST_CHUNKS) throw new LimitError('a folder has more names than can be remembered');
    const length = Math.max(bytes, Math.min(CHUNK, 2 * (last?.length ?? FIRST_CHUNK / 2)));
    this.#budget.take(length);
    if (last && last.length - this.#end >= HEADER) last.writeUInt32LE(END, this.#end);
    const chunk = Buffer.alloc(length);
    this.#chunks.push(chunk);
    this.#end = 0;
    return chunk;
  }

  #grow(): void {
    const slots = new Uint32Array(Math.max(FEWEST_SLOTS, this.#slots.length * 2));
    this.#budget.take(slots.byteLength - this.#slots.byteLength);
    this.#slots = slots;
    for (const at of this.#records()) {
      const begin = (at % CHUNK) + HEADER;
      const chunk = this.#chunkOf(at);
      slots[this.#slotOf(chunk.subarray(begin, begin + chunk.readUInt32LE(at % CHUNK)))] = at + 1;
    }
  }
}

const NOTHING = Buffer.alloc(0);
