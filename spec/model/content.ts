/** Eight bytes say which upload they belong to, and where in it they are: so bytes at a wrong offset, and those of another file, are seen and can be named. */
const RECORD = 8;

/** `size` bytes that no other `id` has, and of which no part is like another. */
export function bytesOf(id: number, size: number): Buffer {
  const words = new Uint32Array(2 * Math.ceil(size / RECORD));
  for (let k = 0; 2 * k < words.length; k++) {
    words[2 * k] = id;
    words[2 * k + 1] = k;
  }
  return Buffer.from(words.buffer, 0, size);
}

/** So many lines of text, each of its own. */
export function textOf(id: number, lines: number): string {
  let text = '';
  for (let n = 0; n < lines; n++) text += `${name(id)} line ${n} ${'-'.repeat(n % 50)}\n`;
  return text;
}

/** Whether the bytes are lines that TYPE A carries unchanged. */
export function isText(bytes: Buffer): boolean {
  return bytes.length > 0 && bytes.at(-1) === 0x0a && bytes.every((byte) => byte === 0x0a || (byte >= 0x20 && byte < 0x7f));
}

/** What is wrong with bytes, for people: sizes, the first byte that differs, and whose it is. */
export function difference(found: Uint8Array, wanted: Uint8Array): string {
  const least = Math.min(found.length, wanted.length);
  let at = 0;
  while (at < least && found[at] === wanted[at]) at += 1;
  const where = at === least ? `the first ${at} are right` : `byte ${at} is ${origin(found, at)} and should be ${origin(wanted, at)}`;
  return `${found.length} bytes in place of ${wanted.length}, ${where}`;
}

/** Which byte of which upload it is, as far as eight bytes in a row tell. */
export function origin(bytes: Uint8Array, at: number): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let shift = 0; shift < RECORD; shift++) {
    const begin = at - shift;
    if (begin < 0 || begin + 2 * RECORD > view.length) continue;
    const [id, k, next] = [view.readUInt32LE(begin), view.readUInt32LE(begin + 4), view.readUInt32LE(begin + RECORD)];
    if (id !== 0 && id === next && view.readUInt32LE(begin + RECORD + 4) === k + 1) return `byte ${k * RECORD + shift} of ${name(id)}`;
  }
  return `0x${view.toString('hex', at, at + 8)}`;
}

export function name(id: number): string {
  return `#${id.toString(16).padStart(8, '0')}`;
}
