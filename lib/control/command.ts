// One command: its line, checked and encoded for the control connection.

import type { Codec } from '../encoding';
import { ArgumentError } from '../errors';

const CR = 0x0d;
const LF = 0x0a;
const IAC = 0xff;
/** Each server has its own SITE commands for passwords: PSWD and CPWD, PASSWD of glFTPD and drftpd, CHPASS, CHANGEPASS. */
const SECRET = /^(PASS|ACCT|SITE +\S*(?:PASS|PSWD|CPWD)\S*)\b(.*)$/is;

/**
 * A command as the control connection writes it; nothing else is written there.
 *
 * CR, LF and NUL are refused in the encoded bytes, where no codec can hide them. The byte 0xFF is doubled, because the control
 * connection is a Telnet stream (RFC 959, 4.1; RFC 854).
 */
export class Command {
  /** The first word, in capitals. */
  readonly verb: string;
  /** The line as it may be shown: passwords are replaced by `****`. */
  readonly shown: string;
  /** The password, which must not be shown where the server repeats it; undefined where there is none. */
  readonly secret: string | undefined;
  /** The bytes of the line, with CRLF. */
  readonly bytes: Buffer;
  /** The text after the verb. */
  readonly argument: string;
  /** True where all characters are ASCII, so that no encoding matters. */
  readonly ascii: boolean;

  /**
   * @param concealed whether the argument is not to be shown, whatever the verb
   * @throws ArgumentError for a line that is empty, has CR, LF or NUL, or cannot be expressed in the encoding
   */
  constructor(line: string, codec: Pick<Codec, 'encode'>, concealed = false) {
    if (typeof line !== 'string') throw new ArgumentError(`a command must be a string, not ${typeof line}`);
    const blank = line.indexOf(' ');
    this.verb = (blank < 0 ? line : line.slice(0, blank)).toUpperCase();
    if (this.verb === '') throw new ArgumentError('a command must begin with its verb');
    const hidden = (concealed ? /^(\S+)(.*)$/s : SECRET).exec(line);
    this.shown = hidden ? `${hidden[1] ?? ''} ****` : line;
    this.secret = hidden?.[2]?.trim() || undefined;
    this.argument = blank < 0 ? '' : line.slice(blank + 1);
    const encoded = codec.encode(line);
    const highest = check(encoded, this.shown);
    this.ascii = highest < 0x80;
    const bytes = highest === IAC ? doubleIAC(encoded) : encoded;
    this.bytes = Buffer.allocUnsafe(bytes.length + 2); // a copy, because a codec may use its memory again
    this.bytes.set(bytes);
    this.bytes[bytes.length] = CR;
    this.bytes[bytes.length + 1] = LF;
  }
}

/** Returns the highest byte. @throws ArgumentError for CR, LF and NUL */
function check(bytes: Uint8Array, shown: string): number {
  let highest = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === CR || byte === LF || byte === 0) throw new ArgumentError(`CR, LF and NUL cannot be sent in a command: ${JSON.stringify(shown)}`);
    if (byte > highest) highest = byte;
  }
  return highest;
}

function doubleIAC(bytes: Uint8Array): Buffer {
  return Buffer.from([...bytes].flatMap((byte) => (byte === IAC ? [IAC, IAC] : [byte])));
}
