import type { Hash } from 'node:crypto';

/** A length that no buffer size divides, so that lost, doubled and swapped chunks all show. */
const PERIOD = 1_000_003;
const LONGEST = 512 * 1024;
const block = Buffer.alloc(PERIOD + LONGEST);
for (let i = 0; i < block.length; i++) {
  const at = i % PERIOD;
  block[i] = (at * at + (at >> 8)) & 0xff;
}

/** Bytes of a file that is nowhere stored; at most 512 KiB at a time. */
function read(offset: number, length: number): Buffer {
  const start = offset % PERIOD;
  return block.subarray(start, start + Math.min(length, LONGEST));
}

/** A big file for the embedded server. */
export function patternFile(size: number): { size: number; read(offset: number, length: number): Buffer } {
  return { size, read: (offset, length) => read(offset, Math.min(length, size - offset)) };
}

/** The checksum that such a file has. */
export function patternChecksum(hash: Hash, size: number): string {
  for (let offset = 0; offset < size; ) {
    const chunk = read(offset, size - offset);
    hash.update(chunk);
    offset += chunk.length;
  }
  return hash.digest('hex');
}
