import type { OnRead } from './dial';

const SMALLEST = 64 * 1024;
/** Larger ones leave the processor's cache before a consumer reads them. */
const LARGEST = 512 * 1024;
/** Allocators take this from their heap. What is larger they map anew, page by page: glibc from 128 KiB on, until it has seen as much freed. */
const MODEST = 120 * 1024;
/** So many bytes behind the first of the largest buffers, the collector has freed it. */
const SETTLED = 64 * 1024 * 1024;
/** The largest, where it is lent: what is read is made smaller portions of. */
const LARGEST_LENT = 128 * 1024;
/** Up to this many bytes a copy costs less than giving the buffer away. */
const COPIED = 8 * 1024;
/** What is left of a buffer is read into while it has this many bytes. */
const WORTHWHILE = 32 * 1024;
const NOTHING = Buffer.alloc(0);

/**
 * The memory that a socket reads into: it grows while reads fill it and shrinks when they do not.
 *
 * What arrives is handed on without a copy, the next read takes the rest of the same memory; a nearly empty read is
 * copied small, so that a consumer that keeps it does not keep the whole buffer alive. Whoever is done with a read when
 * it returns is lent the memory: the next read is into the same.
 */
export class ReceiveBuffer {
  #size = SMALLEST;
  #space: Buffer = NOTHING;
  #received = 0;
  /** Bytes received when the first of the largest buffers was made. */
  #firstLarge: number | undefined;

  /** The `onread` option that hands each read to `receive`, or lends it; it returns false to pause. */
  onread(receive: (chunk: Buffer) => boolean, memory: 'given' | 'lent' = 'given'): OnRead {
    return { buffer: () => this.#next(), callback: (bytes) => receive(memory === 'lent' ? this.#lend(bytes) : this.#take(bytes)) };
  }

  #next(): Buffer {
    if (this.#space.length < WORTHWHILE) this.#space = Buffer.allocUnsafeSlow(this.#affordable());
    return this.#space;
  }

  /** One of the largest buffers shows the allocator what is to come; until it is freed, modest ones cost half of the page faults. */
  #affordable(): number {
    if (this.#size < LARGEST) return this.#size;
    if (this.#firstLarge !== undefined) return this.#received - this.#firstLarge < SETTLED ? MODEST : LARGEST;
    this.#firstLarge = this.#received;
    return LARGEST;
  }

  #lend(bytes: number): Buffer {
    const space = this.#space;
    if (bytes === space.length && bytes < LARGEST_LENT) {
      this.#size = Math.max(this.#size, 2 * SMALLEST);
      this.#space = NOTHING;
    }
    return space.subarray(0, bytes);
  }

  #take(bytes: number): Buffer {
    const space = this.#space;
    const filled = space.subarray(0, bytes);
    this.#received += bytes;
    if (bytes <= COPIED) {
      this.#size = Math.max(SMALLEST, this.#size / 2);
      return Buffer.from(filled);
    }
    if (bytes === space.length) this.#size = Math.min(LARGEST, this.#size * 2);
    this.#space = space.subarray(bytes);
    return filled;
  }
}

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
