import { LimitError } from '../errors';

/** Turns the bytes of a download into items, such as lines or entries. */
export interface Decoder<T> {
  /** The items that are complete with these bytes. */
  decode(chunk: Buffer): T[];
  /** The items that are complete now that the bytes have ended. */
  end(): T[];
}

const LF = 0x0a;
const CR = 0x0d;

/** Splits a text into lines at LF or CRLF; a last line without its end is a line, too (RFC 959, 3.1.1.1). */
export class LineDecoder implements Decoder<string> {
  readonly #decode: (bytes: Buffer) => string;
  readonly #maxLineBytes: number;
  #partial: Buffer[] = [];
  #partialBytes = 0;

  /** @param maxLineBytes the most bytes of a line; a longer one is a LimitError */
  constructor(decode: (bytes: Buffer) => string, maxLineBytes: number) {
    this.#decode = decode;
    this.#maxLineBytes = maxLineBytes;
  }

  decode(chunk: Buffer): string[] {
    const lines: string[] = [];
    let begin = 0;
    for (let lf = chunk.indexOf(LF); lf >= 0; lf = chunk.indexOf(LF, begin)) {
      lines.push(this.#line(this.#join(chunk.subarray(begin, lf))));
      begin = lf + 1;
    }
    if (begin < chunk.length) this.#keep(chunk.subarray(begin));
    return lines;
  }

  end(): string[] {
    return this.#partialBytes > 0 ? [this.#decode(this.#join(Buffer.alloc(0)))] : [];
  }

  #line(bytes: Buffer): string {
    return this.#decode(bytes.at(-1) === CR ? bytes.subarray(0, -1) : bytes);
  }

  #keep(bytes: Buffer): void {
    this.#check(this.#partialBytes + bytes.length);
    this.#partial.push(Buffer.from(bytes)); // a copy, because the rest of a large chunk must not live as long as its last line
    this.#partialBytes += bytes.length;
  }

  #join(rest: Buffer): Buffer {
    this.#check(this.#partialBytes + rest.length);
    if (this.#partialBytes === 0) return rest;
    const line = Buffer.concat([...this.#partial, rest]);
    this.#partial = [];
    this.#partialBytes = 0;
    return line;
  }

  #check(bytes: number): void {
    if (bytes > this.#maxLineBytes + 1) throw new LimitError(`a line is longer than ${this.#maxLineBytes} bytes (maxLineBytes)`);
  }
}

/** Turns every LF without a CR before it into CRLF, however the text is cut into chunks. */
export class LineEnder {
  #afterCR = false;

  convert(bytes: Buffer): Buffer {
    const pieces: Buffer[] = [];
    let begin = 0;
    for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, lf + 1)) {
      const hasCR = lf > 0 ? bytes[lf - 1] === CR : this.#afterCR;
      if (hasCR) continue;
      pieces.push(bytes.subarray(begin, lf), CRLF);
      begin = lf + 1;
    }
    if (bytes.length > 0) this.#afterCR = bytes.at(-1) === CR;
    if (pieces.length === 0) return bytes;
    pieces.push(bytes.subarray(begin));
    return Buffer.concat(pieces);
  }
}
const CRLF = Buffer.from('\r\n');
