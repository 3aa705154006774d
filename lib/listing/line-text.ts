import { isUtf8 } from 'node:buffer';
import { codecFor, type Encoding } from '../control/encoding';

/** How the lines of a listing are bytes: `auto` is UTF-8 for every line that is valid UTF-8, and latin1 for the others. */
export type ListEncoding = Encoding | 'auto';

/** The text of one line, and whether its bytes may be others than the text has in UTF-8. */
export class LineText {
  text = '';
  inexact = false;
  readonly #read: (bytes: Buffer, start: number, end: number) => void;

  /** @throws ArgumentError for an encoding that there is not */
  constructor(encoding: ListEncoding) {
    this.#read = encoding === 'auto' ? this.#auto : isUtf8Name(encoding) ? this.#utf8 : this.#codec(encoding);
  }

  read(bytes: Buffer, start: number, end: number): void {
    this.#read(bytes, start, end);
  }

  #utf8(bytes: Buffer, start: number, end: number): void {
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

function isUtf8Name(encoding: Encoding): boolean {
  return encoding === 'utf8' || encoding === 'utf-8';
}

function isAscii(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte > 0x7f) return false;
  return true;
}
