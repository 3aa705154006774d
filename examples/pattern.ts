import type { Hash } from 'node:crypto';

/** A length that no buffer size divides, so that lost, doubled and swapped chunks all show. */
const PERIOD = 1_000_003;
const block = Buffer.alloc(PERIOD + 1024 * 1024);
for (let i = 0; i < PERIOD; i++) block[i] = (i * i + (i >> 8)) & 0xff;
block.copy(block, PERIOD, 0, block.length - PERIOD);

/** Bytes of a file that is nowhere stored; at most 1 MiB at a time. */
function read(offset: number, length: number): Buffer {
  const start = offset % PERIOD;
  return block.subarray(start, start + Math.min(length, block.length - PERIOD));
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
