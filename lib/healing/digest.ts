import { createHash, type Hash } from 'node:crypto';
import { crc32 } from './crc32';
import { ArgumentError } from '../errors';

/** The hashes that servers offer, the strongest first. */
export const HASH_ALGORITHMS = ['sha512', 'sha384', 'sha256', 'sha1', 'md5', 'crc32'] as const;

/** A hash, as Node's `crypto` spells it, or CRC-32. */
export type HashAlgorithm = (typeof HASH_ALGORITHMS)[number];

/** How many hex digits each has. */
export const HEX_DIGITS: Readonly<Record<HashAlgorithm, number>> = { sha512: 128, sha384: 96, sha256: 64, sha1: 40, md5: 32, crc32: 8 };

/** The hash that a name means, in any of the spellings `SHA-256`, `sha256`, `SHA256*`; undefined for one that we do not know. */
export function algorithmNamed(name: string): HashAlgorithm | undefined {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return HASH_ALGORITHMS.find((algorithm) => algorithm === plain);
}

/** @throws ArgumentError for a hash that we do not know */
export function checkAlgorithm(name: unknown): HashAlgorithm {
  const algorithm = typeof name === 'string' ? algorithmNamed(name) : undefined;
  if (!algorithm) throw new ArgumentError(`the algorithm must be one of ${HASH_ALGORITHMS.join(', ')}, not ${String(name)}`);
  return algorithm;
}

/** The hash of bytes that pass by. */
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

  /** The hash of all that passed, in lower-case hex; nothing may pass after that. */
  hex(): string {
    return (this.#hex ??= this.#hash?.digest('hex') ?? this.#crc.toString(16).padStart(HEX_DIGITS.crc32, '0'));
  }
}
