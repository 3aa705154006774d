import type { FileHandle } from 'node:fs/promises';
import { Writable } from 'node:stream';

/** Writes into a file from a byte on, beside others that write elsewhere in it; the file stays open. */
export class RangeWriter extends Writable {
  /** Bytes that are in the file. */
  bytesWritten = 0;

  constructor(
    private readonly file: FileHandle,
    private readonly start: number,
  ) {
    super({ highWaterMark: HIGH_WATER_MARK });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#write(chunk).then(() => callback(), callback);
  }

  async #write(chunk: Buffer): Promise<void> {
    for (let rest = chunk; rest.length > 0; ) {
      const { bytesWritten } = await this.file.write(rest, 0, rest.length, this.start + this.bytesWritten);
      this.bytesWritten += bytesWritten;
      rest = rest.subarray(bytesWritten);
    }
  }
}

/** As much as a download gives at a time. */
const HIGH_WATER_MARK = 512 * 1024;
