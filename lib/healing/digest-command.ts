import { algorithmNamed, HASH_ALGORITHMS, HEX_DIGITS, type HashAlgorithm } from './digest';
import type { ControlConnection } from '../control/control-connection';
import type { Reply } from '../control/reply';
import type { Session } from '../control/session';
import { ReplyError, UnsupportedError } from '../errors';

/** A command by which a server tells a file's hash. */
export interface DigestCommand {
  readonly algorithm: HashAlgorithm;
  readonly verb: string;
  /** The server's own name for the algorithm, for commands that take it. */
  readonly name: string;
}

/** Commands of one algorithm each, from before there was HASH; MD5 is draft-twine-ftpmd5. */
const FIXED: readonly (readonly [verb: string, algorithm: HashAlgorithm])[] = [
  ['XSHA512', 'sha512'], ['XSHA256', 'sha256'], ['XSHA1', 'sha1'], ['XSHA', 'sha1'], ['XMD5', 'md5'], ['MD5', 'md5'], ['XCRC', 'crc32'],
];

/**
 * What FEAT offers, the strongest hash first, and for each hash the command with the fewest quirks first: HASH
 * (draft-bryan-ftpext-hash), CKSM (GridFTP), then those of one algorithm.
 */
export function digestCommands(features: ReadonlyMap<string, string>): readonly DigestCommand[] {
  const named = (['HASH', 'CKSM'] as const).flatMap((verb) => namesIn(features.get(verb)).map((name) => ({ verb, name, algorithm: algorithmNamed(name) })));
  const fixed = FIXED.filter(([verb]) => features.has(verb)).map(([verb, algorithm]) => ({ verb, name: verb, algorithm }));
  const all = [...named, ...fixed];
  return HASH_ALGORITHMS.flatMap((algorithm) => all.filter((each): each is DigestCommand => each.algorithm === algorithm));
}

/**
 * The best command for a hash, or for the strongest.
 *
 * @throws UnsupportedError when the server offers none
 */
export function chooseDigest(features: ReadonlyMap<string, string>, algorithm?: HashAlgorithm): DigestCommand {
  const offered = digestCommands(features);
  const chosen = algorithm === undefined ? offered[0] : offered.find((each) => each.algorithm === algorithm);
  if (chosen) return chosen;
  const names = [...new Set(offered.map((each) => each.algorithm))].join(', ');
  throw new UnsupportedError(names === '' ? 'the server offers no hash of a file (no HASH, XCRC or the like in FEAT)' : `the server offers no ${algorithm} of a file, but ${names}`);
}

/** Asks for a file's hash as TYPE I has it; lower-case hex. */
export async function askDigest(session: Session, control: ControlConnection, digest: DigestCommand, path: string): Promise<string> {
  // One flight: HASH names the algorithm in its reply, so that an OPTS that failed shows.
  const steps = [session.switchType(control, 'I')];
  if (digest.verb === 'HASH') steps.push(control.exec(session.command('OPTS', `HASH ${digest.name}`)));
  const command = session.command(digest.verb, argumentFor(digest, path));
  const [reply] = await Promise.all([control.exec(command), ...steps]);
  const hex = hexIn(reply, digest);
  if (hex === undefined) throw new ReplyError(`${command.shown}: ${reply}`, { reply, command: command.shown });
  return hex;
}

/** `CRC32;SHA-1*;` and `MD5:10;SHA1:10;`. */
function namesIn(value = ''): string[] {
  return value.split(';').map((each) => each.replace(/[*:\s].*$/s, '')).filter((name) => name !== '');
}

/** The old commands take a range behind the name, and so the name in quotes where it has blanks. */
function argumentFor({ verb, name }: DigestCommand, path: string): string {
  if (verb === 'CKSM') return `${name} 0 -1 ${path}`;
  return verb.startsWith('X') && /\s/.test(path) ? `"${path}"` : path;
}

/** In the last line (ProFTPD has another before it): `SHA-1 0-255 hex name` for HASH, `name hex` for MD5, `hex` for the others. */
function hexIn(reply: Reply, { verb, algorithm }: DigestCommand): string | undefined {
  const line = (reply.lines.at(-1) ?? '').slice(4).trim();
  const digits = HEX_DIGITS[algorithm];
  if (verb === 'HASH') {
    const [, name = '', hex] = new RegExp(`^(\\S+) +\\d+-\\d+ +([0-9a-f]{${digits}})(?: |$)`, 'i').exec(line) ?? [];
    return algorithmNamed(name) === algorithm ? hex?.toLowerCase() : undefined;
  }
  // Some print a CRC without its leading zeros.
  const shortest = algorithm === 'crc32' ? 1 : digits;
  return new RegExp(`(?:^|\\s)([0-9a-f]{${shortest},${digits}})$`, 'i').exec(line)?.[1]?.toLowerCase().padStart(digits, '0');
}
