import { isAscii, isUtf8 } from 'node:buffer';
import { codecFor, type Encoding } from '../encoding';
import { LimitError } from '../errors';

const LF = 0x0a;
const CR = 0x0d;

/** How a line ended: `none` is the end of the data. */
export type LineEnd = 'lf' | 'crlf' | 'none';

/** Takes a line's bytes, which are valid only during the call. */
type LineSink = (bytes: Buffer, start: number, end: number, lineEnd: LineEnd) => void;

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

/** How the lines of a listing are bytes: `auto` is UTF-8 for every line that is valid UTF-8, and latin1 for the others. */
export type ListEncoding = Encoding | 'auto';

/** Bytes that become text at once; few, because a line that is kept keeps all of it. */
const PORTION = 4096;
const NOTHING = Buffer.alloc(0);

/** The text of one line, and whether its bytes may be others than the text has in UTF-8. */
export class LineText {
  text = '';
  inexact = false;
  readonly #read: (bytes: Buffer, start: number, end: number) => void;
  #chunk: Buffer = NOTHING;
  /** The portion of the chunk that was looked at last. */
  #from = 0;
  #to = 0;
  /** Its text where it is all ASCII: characters are then where the bytes are, and a line is a part of it. */
  #ascii: string | undefined;

  /** @throws ArgumentError for an encoding that there is not */
  constructor(encoding: ListEncoding) {
    this.#read = encoding === 'auto' ? this.#auto : encoding === 'utf8' || encoding === 'utf-8' ? this.#utf8 : this.#codec(encoding);
  }

  /** The lines that follow are of this chunk. */
  begin(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#from = this.#to = 0;
  }

  /** The chunk has been read; it may hold something else from now on. */
  end(): void {
    this.begin(NOTHING);
  }

  read(bytes: Buffer, start: number, end: number): void {
    this.#read(bytes, start, end);
  }

  #utf8(bytes: Buffer, start: number, end: number): void {
    if (bytes === this.#chunk && end > this.#to) this.#look(start);
    if (bytes === this.#chunk && end <= this.#to && this.#ascii !== undefined) {
      this.text = this.#ascii.slice(start - this.#from, end - this.#from);
      this.inexact = false;
    } else {
      this.text = bytes.toString('utf8', start, end);
      this.inexact = this.text.includes('\ufffd');
    }
  }

  #look(start: number): void {
    this.#from = start;
    this.#to = Math.min(start + PORTION, this.#chunk.length);
    const portion = this.#chunk.subarray(start, this.#to);
    this.#ascii = isAscii(portion) ? portion.toString('latin1') : undefined;
  }

  #auto(bytes: Buffer, start: number, end: number): void {
    this.#utf8(bytes, start, end);
    if (!this.inexact || isUtf8(bytes.subarray(start, end))) return;
    this.text = bytes.toString('latin1', start, end);
  }

  #codec(encoding: Encoding): (bytes: Buffer, start: number, end: number) => void {
    const codec = codecFor(encoding);
    return (bytes, start, end) => {
      const line = bytes.subarray(start, end);
      this.text = codec.decode(line);
      this.inexact = !isAscii(line);
    };
  }
}
