import { createCipheriv, createHash } from 'node:crypto';

/** Bytes of a file that need not be stored. */
export interface Content {
  /** In bytes. */
  readonly size: number;
  /** `length` bytes from `offset`, or fewer, but at least one; never called beyond `size`. */
  read(offset: number, length: number): Uint8Array;
  /** SHA-256 of all bytes, in hex, where it is known without reading them. */
  readonly sha256?: string;
}

/** Bytes that are made as they are read. */
export interface Pattern extends Content {
  read(offset: number, length: number): Buffer;
  /** SHA-256 of all bytes, in hex. */
  readonly sha256: string;
}

/** A prime, so that chunks that were lost, doubled or swapped show. */
const PERIOD = 1_048_573;
const SPAN = 256 * 1024;
const blocks = new Map<number, Buffer>();

/** `size` bytes that `seed` decides, at no cost of memory: 1 GiB is as cheap as 1 MiB. */
export function content(size: number, seed = 1): Pattern {
  const block = blocks.get(seed) ?? makeBlock(seed);
  blocks.set(seed, block);
  const read = (offset: number, length: number): Buffer => {
    const wanted = Math.max(0, Math.min(length, size - offset));
    if (wanted <= SPAN) return block.subarray(offset % PERIOD, (offset % PERIOD) + wanted);
    return Buffer.concat(Array.from(pieces(offset, wanted), ([at, part]) => read(at, part)));
  };
  let sha256: string | undefined;
  return {
    size,
    read,
    get sha256() {
      if (sha256 === undefined) {
        const hash = createHash('sha256');
        for (const [at, part] of pieces(0, size)) hash.update(read(at, part));
        sha256 = hash.digest('hex');
      }
      return sha256;
    },
  };
}

/** Bytes that are stored. */
export function stored(bytes: Uint8Array): Content {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** The content from `offset` on, piece by piece. */
export function* chunksOf(source: Content, offset = 0): Generator<Uint8Array> {
  for (let at = offset; at < source.size; ) {
    const chunk = source.read(at, Math.min(SPAN, source.size - at));
    if (chunk.length === 0) throw new Error(`content of ${source.size} bytes gave none at ${at}`);
    yield chunk;
    at += chunk.length;
  }
}

function makeBlock(seed: number): Buffer {
  const key = createHash('sha256').update(`content ${seed}`).digest();
  const period = createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(PERIOD));
  return Buffer.concat([period, period.subarray(0, SPAN)]);
}

function* pieces(offset: number, length: number): Generator<[number, number]> {
  for (let at = 0; at < length; at += SPAN) yield [offset + at, Math.min(SPAN, length - at)];
}
