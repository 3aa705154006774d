import { LimitError } from '../errors';

const LF = 0x0a;
const CR = 0x0d;

/** How a line ended: `none` is the end of the data. */
export type LineEnd = 'lf' | 'crlf' | 'none';

/** Takes a line's bytes, which are valid only during the call. */
export type LineSink = (bytes: Buffer, start: number, end: number, lineEnd: LineEnd) => void;

/**
 * Splits bytes at LF; CRs before it belong to the line end, of which gridftp sends two, and a CR elsewhere to the line.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #sink: LineSink;
  /** The line that has not ended yet, in pieces: joining them at every chunk would cost the square of its length. */
  #pieces: Buffer[] = [];
  #pending = 0;

  /** @param maxBytes of a line without its end */
  constructor(maxBytes: number, sink: LineSink) {
    this.#maxBytes = maxBytes;
    this.#sink = sink;
  }

  /** @throws LimitError */
  write(chunk: Buffer): void {
    let start = 0;
    for (let lf = chunk.indexOf(LF); lf >= 0; lf = chunk.indexOf(LF, start)) {
      if (this.#pending === 0) this.#line(chunk, start, lf, true);
      else this.#joined(chunk.subarray(start, lf), true);
      start = lf + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  /** The data have ended; what is left is a line too. */
  end(): void {
    if (this.#pending > 0) this.#joined(Buffer.alloc(0), false);
  }

  #keep(rest: Buffer): void {
    this.#pending += rest.length;
    this.#check(this.#pending - 2); // what arrived may end in CRs of the line end
    this.#pieces.push(Buffer.from(rest)); // a copy, because the rest of a large chunk must not live as long as its last line
  }

  #joined(rest: Buffer, ended: boolean): void {
    const line = Buffer.concat([...this.#pieces, rest], this.#pending + rest.length);
    this.#pieces = [];
    this.#pending = 0;
    this.#line(line, 0, line.length, ended);
  }

  #line(bytes: Buffer, start: number, lf: number, ended: boolean): void {
    let end = lf;
    while (end > start && lf - end < 2 && bytes[end - 1] === CR) end--;
    this.#check(end - start);
    this.#sink(bytes, start, end, !ended ? 'none' : end < lf ? 'crlf' : 'lf');
  }

  #check(length: number): void {
    if (length > this.#maxBytes) throw new LimitError(`a line of the listing is longer than ${this.#maxBytes} bytes (maxLineBytes)`);
  }
}
