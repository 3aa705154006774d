import type { OnRead } from '../dial';

const SMALLEST = 64 * 1024;
/** Larger ones leave the processor's cache before a consumer reads them. */
const LARGEST = 512 * 1024;
/** Up to this many bytes a copy costs less than giving the buffer away. */
const COPIED = 8 * 1024;
/** What is left of a buffer is read into while it has this many bytes. */
const WORTHWHILE = 32 * 1024;

/**
 * The memory that a socket reads into: it grows while reads fill it and shrinks when they do not.
 *
 * What arrives is handed on without a copy, the next read takes the rest of the same memory; a nearly empty read is
 * copied small, so that a consumer that keeps it does not keep the whole buffer alive.
 */
export class ReceiveBuffer {
  #size = SMALLEST;
  #space: Buffer = Buffer.alloc(0);

  /** The `onread` option that hands each read to `receive`; it returns false to pause. */
  onread(receive: (chunk: Buffer) => boolean): OnRead {
    return { buffer: () => this.#next(), callback: (bytes) => receive(this.#take(bytes)) };
  }

  #next(): Buffer {
    if (this.#space.length < WORTHWHILE) this.#space = Buffer.allocUnsafeSlow(this.#size);
    return this.#space;
  }

  #take(bytes: number): Buffer {
    const space = this.#space;
    const filled = space.subarray(0, bytes);
    if (bytes <= COPIED) {
      this.#size = Math.max(SMALLEST, this.#size / 2);
      return Buffer.from(filled);
    }
    if (bytes === space.length) this.#size = Math.min(LARGEST, this.#size * 2);
    this.#space = space.subarray(bytes);
    return filled;
  }
}
