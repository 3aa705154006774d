import { isAscii, isUtf8 } from 'node:buffer';
import { codecFor, type Encoding } from '../control/encoding';

/** How the lines of a listing are bytes: `auto` is UTF-8 for every line that is valid UTF-8, and latin1 for the others. */
export type ListEncoding = Encoding | 'auto';

/** Longest chunk that is read at once: a line that is kept keeps all of it. */
const LONGEST_CHUNK = 64 * 1024;

/** The text of one line, and whether its bytes may be others than the text has in UTF-8. */
export class LineText {
  text = '';
  inexact = false;
  readonly #read: (bytes: Buffer, start: number, end: number) => void;
  readonly #isUtf8: boolean;
  #chunk: Buffer | undefined;
  /** That of the chunk where it is all ASCII: its characters are then where its bytes are, and a line is a part of it. */
  #ascii: string | undefined;

  /** @throws ArgumentError for an encoding that there is not */
  constructor(encoding: ListEncoding) {
    this.#isUtf8 = encoding === 'auto' || encoding === 'utf8' || encoding === 'utf-8';
    this.#read = encoding === 'auto' ? this.#auto : this.#isUtf8 ? this.#utf8 : this.#codec(encoding);
  }

  /** The lines that follow are of this chunk. */
  begin(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#ascii = this.#isUtf8 && chunk.length <= LONGEST_CHUNK && isAscii(chunk) ? chunk.toString('latin1') : undefined;
  }

  read(bytes: Buffer, start: number, end: number): void {
    this.#read(bytes, start, end);
  }

  #utf8(bytes: Buffer, start: number, end: number): void {
    if (this.#ascii !== undefined && bytes === this.#chunk) {
      this.text = this.#ascii.slice(start, end);
      this.inexact = false;
      return;
    }
    this.text = bytes.toString('utf8', start, end);
    this.inexact = this.text.includes('\ufffd');
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
