import * as zlib from 'node:zlib';

/** CRC-32 as in ZIP and Ethernet (polynomial 0xedb88320), continued from `value`; unsigned. */
export type Crc32 = (bytes: Uint8Array, value?: number) => number;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  return remainder;
});

/** CRC-32 by a table of 256 entries, for a Node without `zlib.crc32` (22.0 and 22.1 are such). */
export const tableCrc32: Crc32 = (bytes, value = 0) => {
  let remainder = ~value;
  for (const byte of bytes) remainder = (TABLE[(remainder ^ byte) & 0xff] as number) ^ (remainder >>> 8);
  return ~remainder >>> 0;
};

/** CRC-32, by Node where it has it. */
export const crc32: Crc32 = (zlib as { crc32?: Crc32 }).crc32 ?? tableCrc32;
