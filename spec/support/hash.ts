import { createHash } from 'node:crypto';

/** SHA-256 in hex, of bytes or of a stream of them read to its end. @throws what the stream fails with */
export async function sha256(source: string | Uint8Array | AsyncIterable<string | Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  if (typeof source === 'string' || source instanceof Uint8Array) return hash.update(source).digest('hex');
  for await (const chunk of source) hash.update(chunk);
  return hash.digest('hex');
}
