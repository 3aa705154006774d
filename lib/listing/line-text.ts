import { isAscii, isUtf8 } from 'node:buffer';
import { codecFor, type Encoding } from '../control/encoding';

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
