import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';

/** Bytes that are read at a time. */
const PIECE = 256 * 1024;

/** Reads a file from a byte on; the file stays open, also when the stream is destroyed, as those of `fs` do not have it. */
export class RangeReader extends Readable {
  constructor(
    private readonly file: FileHandle,
    private at: number,
    /** Not included. */
    private readonly end: number,
  ) {
    super({ highWaterMark: PIECE });
  }

  override _read(): void {
    this.#read().then(
      (chunk) => this.push(chunk),
      (error: Error) => this.destroy(error),
    );
  }

  /** Null at the end, which a file that became shorter has before `end`. */
  async #read(): Promise<Buffer | null> {
    const wanted = Math.min(PIECE, this.end - this.at);
    if (wanted <= 0) return null;
    const { buffer, bytesRead } = await this.file.read(Buffer.allocUnsafe(wanted), 0, wanted, this.at);
    this.at += bytesRead;
    return bytesRead === 0 ? null : buffer.subarray(0, bytesRead);
  }
}
