import { createHash } from 'node:crypto';
import type { Content } from './content';

/** The content of a file that is being written, as far as it has come. */
export interface Upload extends Content {
  take(chunk: Uint8Array): void;
}

/** An upload under way. */
export interface OpenUpload {
  take(chunk: Uint8Array): void;
  /** The file is again what it was before. */
  undo(): void;
}

/** Keeps what comes: after the first `from` bytes of what was there before, and over the rest of it. */
export class StoredUpload implements Upload {
  #bytes: Buffer;
  #chunks: Uint8Array[] = [];
  #taken = 0;
  readonly #before: Buffer;

  constructor(before: Content, from: number) {
    this.#before = from === 0 ? Buffer.alloc(0) : Buffer.from(before.read(0, before.size));
    // After the end there are zeros between, as in a Unix file.
    this.#bytes = Buffer.concat([this.#before.subarray(0, from)], from);
  }

  get size(): number {
    return Math.max(this.#before.length, this.#bytes.length + this.#taken);
  }

  take(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#taken += chunk.length;
  }

  read(offset: number, length: number): Buffer {
    if (this.#chunks.length > 0) {
      this.#bytes = Buffer.concat([this.#bytes, ...this.#chunks]);
      this.#chunks = [];
      this.#taken = 0;
    }
    const end = this.#bytes.length;
    const all = end < this.#before.length ? Buffer.concat([this.#bytes, this.#before.subarray(end)]) : this.#bytes;
    return all.subarray(offset, offset + length);
  }
}

/** Counts and hashes what comes, and keeps nothing of it. */
export class DiscardedUpload implements Upload {
  size = 0;
  readonly #hash = createHash('sha256');

  take(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.size += chunk.length;
  }

  read(): never {
    throw new Error('the bytes of a sink are not stored');
  }

  /** Of what has come so far, in hex. */
  get sha256(): string {
    return this.#hash.copy().digest('hex');
  }
}
