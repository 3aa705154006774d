import type { Random } from './seed';

/** Every way of splitting that a parser's case goes through: whole, each two chunks, byte by byte; each chunk has memory of its own. */
export function* everySplit(bytes: Buffer): Generator<Buffer[]> {
  yield [Buffer.from(bytes)];
  for (let at = 1; at < bytes.length; at++) yield cut(bytes, [at]);
  yield everyByte(bytes);
}

/** One chunk for each byte. */
export function everyByte(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.of(byte));
}

/** A handful of chunks, cut at random. */
export function randomSplit(bytes: Buffer, random: Random): Buffer[] {
  const points = Array.from({ length: random.int(6) }, () => random.int(bytes.length + 1));
  return cut(bytes, points.sort((a, b) => a - b));
}

/** How chunks were cut, for a failure message: `3+1+12`. */
export function describeSplit(chunks: readonly Buffer[]): string {
  return chunks.length > 20 ? `${chunks.length} chunks` : chunks.map((chunk) => chunk.length).join('+');
}

function cut(bytes: Buffer, points: readonly number[]): Buffer[] {
  return [...points, bytes.length].map((end, index) => Buffer.from(bytes.subarray(points[index - 1] ?? 0, end)));
}
