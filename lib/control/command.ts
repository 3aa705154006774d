import type { Codec } from '../encoding';
import { ArgumentError } from '../errors';

const CR = 0x0d;
const LF = 0x0a;
const IAC = 0xff;
const SECRET = /^(PASS|ACCT|SITE +(?:PSWD|CPWD|PASS))\b(.*)$/is;

/**
 * One line for the control connection, checked and encoded: the only thing that it writes.
 *
 * CR, LF and NUL are refused on the encoded bytes, where a codec cannot hide them; 0xFF is doubled
 * because the control connection is a Telnet stream (RFC 959, 4.1; RFC 854).
 */
export class Command {
  readonly verb: string;
  /** The line as it may be shown: secrets replaced by `****`. */
  readonly shown: string;
  /** What must not be shown, should the server repeat it. */
  readonly secret: string | undefined;
  /** The line's bytes, CRLF included. */
  readonly bytes: Buffer;
  /** What follows the verb. */
  readonly argument: string;
  /** True when no encoding matters to it. */
  readonly ascii: boolean;

  /** @throws ArgumentError for a line that is empty, holds CR, LF or NUL, or that the encoding cannot express */
  constructor(line: string, codec: Codec) {
    if (typeof line !== 'string') throw new ArgumentError(`a command must be a string, not ${typeof line}`);
    const blank = line.indexOf(' ');
    this.verb = (blank < 0 ? line : line.slice(0, blank)).toUpperCase();
    if (this.verb === '') throw new ArgumentError('a command must begin with its verb');
    const hidden = SECRET.exec(line);
    this.shown = hidden ? `${hidden[1] ?? ''} ****` : line;
    this.secret = hidden?.[2]?.trim() || undefined;
    this.argument = blank < 0 ? '' : line.slice(blank + 1);
    const bytes = codec.encode(line);
    const highest = check(bytes, this.shown);
    this.ascii = highest < 0x80;
    this.bytes = ended(highest === IAC ? doubleIAC(bytes) : bytes);
  }
}

/** Returns the highest byte. */
function check(bytes: Uint8Array, shown: string): number {
  let highest = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === CR || byte === LF || byte === 0) throw new ArgumentError(`CR, LF and NUL cannot be sent in a command: ${JSON.stringify(shown)}`);
    if (byte > highest) highest = byte;
  }
  return highest;
}

/** A copy, because a codec may use its memory again. */
function ended(bytes: Uint8Array): Buffer {
  const line = Buffer.allocUnsafe(bytes.length + 2);
  line.set(bytes);
  line[bytes.length] = CR;
  line[bytes.length + 1] = LF;
  return line;
}

function doubleIAC(bytes: Uint8Array): Buffer {
  return Buffer.from([...bytes].flatMap((byte) => (byte === IAC ? [IAC, IAC] : [byte])));
}
