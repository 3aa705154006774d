/** Distinguished Encoding Rules (ITU-T X.690), as far as a certificate needs them. */

const LONG = 0x80;

/** One element: its tag, its length, and its parts one after the other. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthOctets(body.length)]), body]);
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return element(0x30, ...parts);
}

export function setOf(part: Uint8Array): Buffer {
  return element(0x31, part);
}

/** @param bytes most significant first, not negative */
export function integer(bytes: Uint8Array): Buffer {
  return element(0x02, (bytes[0] ?? 0) >= LONG ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

export function trueValue(): Buffer {
  return element(0x01, Buffer.from([0xff]));
}

export function bitString(bytes: Uint8Array): Buffer {
  return element(0x03, Buffer.from([0]), bytes);
}

export function octetString(bytes: Uint8Array): Buffer {
  return element(0x04, bytes);
}

export function utf8String(text: string): Buffer {
  return element(0x0c, Buffer.from(text));
}

/** For the years 1950 to 2049 (RFC 5280, 4.1.2.5.1). */
export function utcTime(time: Date): Buffer {
  return element(0x17, Buffer.from(`${time.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));
}

/** @param dotted as `1.2.840.10045.4.3.2` */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(number: number): number[] {
  const octets = [number & 0x7f];
  for (let rest = number >> 7; rest > 0; rest >>= 7) octets.unshift((rest & 0x7f) | 0x80);
  return octets;
}

function lengthOctets(length: number): number[] {
  if (length < LONG) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest >>= 8) octets.unshift(rest & 0xff);
  return [LONG | octets.length, ...octets];
}
