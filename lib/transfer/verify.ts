// The option `verify`: the size or the hash of a file on the server, compared with what was transferred.

import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Command } from '../control/command';
import { unexpected } from '../control/command-table';
import type { Features } from '../control/features';
import type { Turn } from '../control/session';
import { ArgumentError, MismatchError, UnsupportedError } from '../errors';
import type { Reply } from '../reply';
import { identify } from './facts';
import type { Plan } from './transfer';

/** The hashes that servers offer, the strongest first. */
export const HASH_ALGORITHMS = ['sha512', 'sha384', 'sha256', 'sha1', 'md5', 'crc32'] as const;

/** The name of a hash algorithm: `sha512`, `sha384`, `sha256`, `sha1`, `md5`, or `crc32`. */
export type HashAlgorithm = (typeof HASH_ALGORITHMS)[number];

/** How many hex digits each hash has. */
export const HEX_DIGITS: Readonly<Record<HashAlgorithm, number>> = { sha512: 128, sha384: 96, sha256: 64, sha1: 40, md5: 32, crc32: 8 };

/** The algorithm of a name in any spelling, such as `SHA-256`, `sha256` or `SHA256*`; undefined for an unknown one. */
export function algorithmNamed(name: string): HashAlgorithm | undefined {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return HASH_ALGORITHMS.find((algorithm) => algorithm === plain);
}

/** The algorithm of a name. @throws ArgumentError for an unknown one */
export function checkAlgorithm(name: unknown): HashAlgorithm {
  const algorithm = typeof name === 'string' ? algorithmNamed(name) : undefined;
  if (!algorithm) throw new ArgumentError(`the algorithm must be one of ${HASH_ALGORITHMS.join(', ')}, not ${String(name)}`);
  return algorithm;
}

/** Computes the hash of bytes that come in chunks. */
export class Digest {
  readonly #hash: Hash | undefined;
  #crc = 0;
  #hex: string | undefined;

  constructor(readonly algorithm: HashAlgorithm) {
    this.#hash = algorithm === 'crc32' ? undefined : createHash(algorithm);
  }

  update(bytes: Uint8Array): void {
    if (this.#hash) this.#hash.update(bytes);
    else this.#crc = crc32(bytes, this.#crc);
  }

  /** The hash of all chunks, in lower-case hex; no chunk may come after that. */
  hex(): string {
    return (this.#hex ??= this.#hash?.digest('hex') ?? this.#crc.toString(16).padStart(HEX_DIGITS.crc32, '0'));
  }

  /** Compares it with the hash that the server gives of its file. @throws MismatchError where they differ */
  assertIs(theirs: string, path: string): void {
    const ours = this.hex();
    if (theirs !== ours) throw new MismatchError(`the server's ${this.algorithm} of ${path} is ${theirs}, but that of what was transferred is ${ours}`);
  }
}

/** A command that asks a server for the hash of a file. */
interface DigestCommand {
  readonly algorithm: HashAlgorithm;
  readonly verb: string;
  /** The algorithm as the server spells it, for commands that take it. */
  readonly name: string;
}

/** Commands that are older than HASH, each for one algorithm; MD5 is draft-twine-ftpmd5. */
const FIXED: readonly (readonly [verb: string, algorithm: HashAlgorithm])[] = [
  ['XSHA512', 'sha512'], ['XSHA256', 'sha256'], ['XSHA1', 'sha1'], ['XSHA', 'sha1'], ['XMD5', 'md5'], ['MD5', 'md5'], ['XCRC', 'crc32'],
];

/**
 * The commands that FEAT offers, the strongest algorithm first, and for each algorithm the command with the fewest quirks first: HASH
 * (draft-bryan-ftpext-hash), CKSM (GridFTP), and then the older ones.
 */
export function digestCommands(features: ReadonlyMap<string, string>): readonly DigestCommand[] {
  const named = (['HASH', 'CKSM'] as const).flatMap((verb) => namesIn(features.get(verb)).map((name) => ({ verb, name, algorithm: algorithmNamed(name) })));
  const fixed = FIXED.filter(([verb]) => features.has(verb)).map(([verb, algorithm]) => ({ verb, name: verb, algorithm }));
  const all = [...named, ...fixed];
  return HASH_ALGORITHMS.flatMap((algorithm) => all.filter((each): each is DigestCommand => each.algorithm === algorithm));
}

/**
 * The best command for an algorithm; without one, for the strongest that the server offers.
 *
 * @throws UnsupportedError where the server does not offer it, or any
 */
export function chooseDigest(features: ReadonlyMap<string, string>, algorithm?: HashAlgorithm): DigestCommand {
  const offered = digestCommands(features);
  const chosen = algorithm === undefined ? offered[0] : offered.find((each) => each.algorithm === algorithm);
  if (chosen) return chosen;
  const names = [...new Set(offered.map((each) => each.algorithm))].join(', ');
  throw new UnsupportedError(names === '' ? 'the server offers no hash of a file (no HASH, XCRC or the like in FEAT)' : `the server offers no ${algorithm} of a file, but ${names}`);
}

/** Asks for the hash of a file in TYPE I; resolves with it in lower-case hex. */
export async function askDigest({ session, control, sending }: Turn, digest: DigestCommand, path: string): Promise<string> {
  // All commands share a flight. The reply to HASH names the algorithm, which shows an OPTS that was refused.
  const steps = [session.switchType(control, 'I')];
  if (digest.verb === 'HASH') steps.push(control.exec(session.command('OPTS', `HASH ${digest.name}`), sending));
  const command = session.command(digest.verb, path, ...around(digest, path));
  const asked = [control.exec(command, sending), ...steps] as const;
  await Promise.allSettled(asked); // the turn lasts until all are answered
  const [reply] = await Promise.all(asked);
  const hex = hexIn(reply, digest);
  if (hex === undefined) throw unexpected(reply, command);
  return hex;
}

/** The names in the text after a feature, such as `CRC32;SHA-1*;` or `MD5:10;SHA1:10;`. */
function namesIn(value = ''): string[] {
  return value.split(';').map((each) => each.replace(/[*:\s].*$/s, '')).filter((name) => name !== '');
}

/** What is before and after the path. The older commands may have a range after it, so one with blanks is in quotes. */
function around({ verb, name }: DigestCommand, path: string): [before: string, after?: string] {
  if (verb === 'CKSM') return [`${name} 0 -1 `];
  return verb.startsWith('X') && /\s/.test(path) ? ['"', '"'] : [''];
}

/** The hash in the last line of the reply, before which ProFTPD 1.3.8 has another line: `SHA-1 0-255 hex name` for HASH, `name hex` for MD5, `hex` for the others. */
function hexIn(reply: Reply, { verb, algorithm }: DigestCommand): string | undefined {
  const line = (reply.lines.at(-1) ?? '').slice(4).trim();
  const digits = HEX_DIGITS[algorithm];
  if (verb === 'HASH') {
    const [, name = '', hex] = new RegExp(`^(\\S+) +\\d+-\\d+ +([0-9a-f]{${digits}})(?: |$)`, 'i').exec(line) ?? [];
    return algorithmNamed(name) === algorithm ? hex?.toLowerCase() : undefined;
  }
  // Some servers print a CRC without its leading zeros.
  const shortest = algorithm === 'crc32' ? 1 : digits;
  return new RegExp(`(?:^|\\s)([0-9a-f]{${shortest},${digits}})$`, 'i').exec(line)?.[1]?.toLowerCase().padStart(digits, '0');
}

/**
 * The option `verify`: how a transfer is compared with the server's file before `end` or `finish`. `size` compares the bytes with SIZE (RFC 3659, 4).
 * `hash` computes a hash while the bytes pass, the strongest one that FEAT offers, and asks the server for its own after them. The server reads
 * the whole file for that, so `replyTimeout` must be long enough. What differs is a MismatchError.
 */
export type Verify = 'size' | 'hash';

/** Returns the option `verify`. @throws ArgumentError for a value that it cannot have */
export function checkVerify(verify: unknown): Verify | undefined {
  if (verify === undefined || verify === 'size' || verify === 'hash') return verify;
  throw new ArgumentError(`verify must be 'size' or 'hash', not ${String(verify)}`);
}

/** Compares the hash of the bytes of one file with the server's. */
export class HashCheck {
  readonly #path: string;
  #command: DigestCommand | undefined;
  #digest: Digest | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Chooses the algorithm, before the transfer; on a new connection to the same server it stays. @throws UnsupportedError where the server offers no hash */
  prepare(features: Features): void {
    this.#command = chooseDigest(features, this.#digest?.algorithm);
    this.#digest ??= new Digest(this.#command.algorithm);
  }

  update(chunk: Uint8Array): void {
    this.#digest?.update(chunk);
  }

  /** Compares the hashes, after the transfer; it may be called again where the reply was lost. @throws MismatchError where they differ */
  async compare(turn: Turn): Promise<void> {
    if (!this.#command || !this.#digest) throw new TypeError('prepare() first');
    this.#digest.assertIs(await askDigest(turn, this.#command, this.#path), this.#path);
  }
}

/** The plan of a STOR whose file is compared with the sent bytes before `finish`. */
export class UploadPlan implements Plan {
  readonly #command: Command;
  readonly #start: number;
  readonly #hash: HashCheck | undefined;
  #features: Features = new Map();

  /** @param start the byte from which the file is written; the file must end where the upload ends */
  constructor(command: Command, start: number, verify: Verify) {
    this.#command = command;
    this.#start = start;
    this.#hash = verify === 'hash' ? new HashCheck(command.argument) : undefined;
  }

  async begin(turn: Turn): Promise<Command> {
    turn.session.switchType(turn.control, 'I'); // in one flight with FEAT, as for a download
    this.#features = await turn.session.features();
    if (this.#hash) this.#hash.prepare(this.#features);
    else if ((await identify(turn, this.#command.argument, this.#features, true)).unsized) throw new UnsupportedError('the server has no SIZE to verify by');
    return this.#command;
  }

  observe(chunk: Uint8Array): void {
    this.#hash?.update(chunk);
  }

  async finish(turn: Turn, complete: boolean, bytes: number): Promise<void> {
    if (!complete) return;
    if (this.#hash) return this.#hash.compare(turn);
    const path = this.#command.argument;
    const { size } = await identify(turn, path, this.#features, false);
    const wanted = this.#start + bytes;
    if (size !== wanted) throw new MismatchError(`the server's ${path} has ${size ?? 'an unknown number of'} bytes in place of ${wanted}`);
  }
}
