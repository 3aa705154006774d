import { ArgumentError } from '../errors';
export interface Codec { encode(text: string): Uint8Array; decode(bytes: Uint8Array): string }
export type Encoding = BufferEncoding | Codec;
export function codecFor(encoding: Encoding = 'utf8'): Codec {
  if (typeof encoding === 'object') return encoding;
  return {
    encode(text) { const b = Buffer.from(text, encoding); if (b.toString(encoding) !== text) throw new ArgumentError('cannot be expressed'); return b; },
    decode: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(encoding),
  };
}
