import type { Codec } from './encoding';
import { ArgumentError } from '../errors';

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
    this.verb = (/^[^ ]+/.exec(line)?.[0] ?? '').toUpperCase();
    if (this.verb === '') throw new ArgumentError('a command must begin with its verb');
    const hidden = SECRET.exec(line);
    this.shown = hidden ? `${hidden[1] ?? ''} ****` : line;
    this.secret = hidden?.[2]?.trim() || undefined;
    this.argument = line.slice(this.verb.length + 1);
    this.bytes = encode(line, this.shown, codec);
    this.ascii = !this.bytes.some((byte) => byte > 0x7f);
  }
}

function encode(line: string, shown: string, codec: Codec): Buffer {
  const bytes = Buffer.from(codec.encode(line));
  for (const byte of [0x0d, 0x0a, 0x00]) {
    if (bytes.includes(byte)) throw new ArgumentError(`CR, LF and NUL cannot be sent in a command: ${JSON.stringify(shown)}`);
  }
  return Buffer.concat([bytes.includes(IAC) ? doubleIAC(bytes) : bytes, CRLF]);
}
const CRLF = Buffer.from('\r\n');

function doubleIAC(bytes: Buffer): Buffer {
  return Buffer.from([...bytes].flatMap((byte) => (byte === IAC ? [IAC, IAC] : [byte])));
}
