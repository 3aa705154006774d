// The memory that received bytes are in: what a socket reads into, and how small chunks become larger ones.

import type { OnRead } from './dial';

const SMALLEST = 64 * 1024;
/** A larger buffer would leave the processor's cache before its reader gets to it. */
const LARGEST = 512 * 1024;
/** An allocator takes so much from its heap; what is larger it maps page by page: glibc from 128 KiB on, until as much was freed once. */
const MODEST = 120 * 1024;
/** When so many more bytes have come, the garbage collector has freed the first of the largest buffers. */
const SETTLED = 64 * 1024 * 1024;
/** The largest buffer that is lent: its reader takes smaller portions. */
const LARGEST_LENT = 128 * 1024;
/** Reads of so few bytes make the next buffer smaller. */
const SMALL = 8 * 1024;
const NOTHING = Buffer.alloc(0);

/**
 * The memory that a socket reads into: it grows while reads fill it, and shrinks when they do not.
 *
 * Received bytes are given to the reader in memory of their own: the buffer itself where they fill half of it, else a copy. So what a
 * reader keeps takes at most twice its bytes, and he may transfer it to another thread: no other chunk is in it, and nothing is read
 * into it any more. A reader that is done with the bytes when it returns may have the memory lent: the next read uses the same.
 */
export class ReceiveBuffer {
  #size = SMALLEST;
  #space: Buffer = NOTHING;
  #received = 0;
  /** How many bytes had been received when the first of the largest buffers was made. */
  #firstLarge: number | undefined;

  /** The option `onread` that gives each read to `receive`, or lends it; `receive` returns false to pause. */
  onread(receive: (chunk: Buffer) => boolean, memory: 'given' | 'lent' = 'given'): OnRead {
    return { buffer: this.#next, callback: (bytes) => receive(memory === 'lent' ? this.#lend(bytes) : this.#take(bytes)) };
  }

  readonly #next = (): Buffer => {
    if (this.#space.length === 0) this.#space = Buffer.allocUnsafeSlow(this.#nextSize());
    return this.#space;
  };

  /** The first of the largest buffers makes the allocator expect more of them. Until it is freed, modest ones cost half of the page faults. */
  #nextSize(): number {
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
    if (bytes <= SMALL) this.#size = Math.max(SMALLEST, this.#size / 2);
    else if (bytes === space.length) this.#size = Math.min(LARGEST, this.#size * 2);
    if (bytes < space.length / 2) return copyOf(filled);
    this.#space = NOTHING;
    return filled;
  }
}

/** The bytes in memory of their own: zlib writes what comes next after what it has given. */
export function alone(bytes: Buffer): Buffer {
  return bytes.length === bytes.buffer.byteLength ? bytes : copyOf(bytes);
}

/** A copy whose memory is not one of Node's pools, which many share. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** So many bytes are delivered at once. */
const FULL = 1024 * 1024;

/**
 * Joins the chunks that arrive in one turn of the event loop, because TLS comes in records of 16 KiB, and a file is written faster in
 * larger pieces. No chunk waits longer than until the end of the turn.
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

  /** Delivers all chunks now. */
  flush(): void {
    const chunks = this.#chunks;
    const bytes = this.#bytes;
    if (bytes === 0) return;
    this.#chunks = [];
    this.#bytes = 0;
    this.#deliver(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes));
  }
}
