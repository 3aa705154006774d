import { Duplex } from 'node:stream';

/** A connection whose other end is the spec. */
export class Line extends Duplex {
  readonly written: Buffer[] = [];
  override _read(): void {
    // the spec pushes
  }
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.written.push(chunk);
    callback();
  }
}
