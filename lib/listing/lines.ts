// How the bytes of a listing, or its text, become lines.

import { LimitError } from '../errors';

const LF = 0x0a;
const CR = 0x0d;

/** How a line ended; `none` is the end of the data. */
export type LineEnd = 'lf' | 'crlf' | 'none';

/** Takes the bytes of a line, which are valid during the call only. */
type LineSink = (line: Buffer, lineEnd: LineEnd) => void;

/** Up to two CRs before an LF belong to the line end, because GridFTP 13.24 sends two; a CR elsewhere belongs to the line. */
const MOST_CRS = 2;

/** Splits bytes at LF, however they are cut into chunks. */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #sink: LineSink;
  /** The line that has not ended yet, in pieces: joining them at every chunk would cost the square of its length. */
  #pieces: Buffer[] = [];
  #pending = 0;

  /** @param maxBytes the most bytes of a line, without its end */
  constructor(maxBytes: number, sink: LineSink) {
    this.#maxBytes = maxBytes;
    this.#sink = sink;
  }

  /** True where a line has begun and not ended. */
  get pending(): boolean {
    return this.#pending > 0;
  }

  /** @throws LimitError for a line longer than `maxBytes` */
  write(chunk: Buffer): void {
    let start = 0;
    for (let lf = chunk.indexOf(LF); lf >= 0; lf = chunk.indexOf(LF, start)) {
      if (this.#pending === 0) this.#line(chunk, start, lf, true);
      else this.#joined(chunk.subarray(start, lf), true);
      start = lf + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  /** The data have ended; the bytes after the last LF are a line, too. */
  end(): void {
    if (this.#pending > 0) this.#joined(Buffer.alloc(0), false);
  }

  #keep(rest: Buffer): void {
    this.#pending += rest.length;
    this.#check(this.#pending - MOST_CRS);
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
    while (end > start && lf - end < MOST_CRS && bytes[end - 1] === CR) end--;
    this.#check(end - start);
    this.#sink(bytes.subarray(start, end), !ended ? 'none' : end < lf ? 'crlf' : 'lf');
  }

  #check(length: number): void {
    if (length > this.#maxBytes) throw tooLong(this.#maxBytes);
  }
}

/** A UTF-16 unit takes at most so many bytes in UTF-8: the bytes of most lines need no counting. */
const MOST_BYTES = 3;

/** So many characters never have more than `maxBytes` in UTF-8. */
export function charactersIn(maxBytes: number): number {
  return maxBytes / MOST_BYTES;
}

/**
 * Takes the line from `start` to the LF at `lf`, as LineSplitter takes bytes.
 *
 * @param ended false where the data end at `lf`
 * @throws LimitError for a line that has more than `maxBytes` in UTF-8
 */
export function lineOf(text: string, start: number, lf: number, ended: boolean, maxBytes: number): { readonly line: string; readonly lineEnd: LineEnd } {
  let end = lf;
  while (end > start && lf - end < MOST_CRS && text.charCodeAt(end - 1) === CR) end--;
  const line = text.slice(start, end);
  if (line.length > charactersIn(maxBytes) && Buffer.byteLength(line) > maxBytes) throw tooLong(maxBytes);
  return { line, lineEnd: !ended ? 'none' : end < lf ? 'crlf' : 'lf' };
}

function tooLong(maxBytes: number): LimitError {
  return new LimitError(`a line of the listing is longer than ${maxBytes} bytes (maxLineBytes)`);
}

/** So many bytes become text at a time; few, because a line that is kept keeps all of their text in memory. */
const PORTION = 4096;

/** The end of the portion of whole lines that begins at `start`; -1 where a longer line does, or one that has not ended yet. */
export function endOfPortion(chunk: Buffer, start: number): number {
  const lf = chunk.lastIndexOf(LF, start + PORTION - 1);
  return lf < start ? -1 : lf + 1;
}

/** The index after the LF that comes next from `start` on; the end of the chunk where none comes. */
export function endOfLine(chunk: Buffer, start: number): number {
  const lf = chunk.indexOf(LF, start);
  return lf < 0 ? chunk.length : lf + 1;
}
