const LF = 0x0a;
const CR = 0x0d;

/** LF as CRLF, across chunks; an LF that has its CR stays as it is, as on vsftpd and ProFTPD. */
export function* withCRLF(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  let last = 0;
  for (const chunk of chunks) {
    const out = Buffer.allocUnsafe(chunk.length * 2);
    let length = 0;
    for (const byte of chunk) {
      if (byte === LF && last !== CR) out[length++] = CR;
      out[length++] = byte;
      last = byte;
    }
    yield out.subarray(0, length);
  }
}

/** CRLF as LF, across chunks; a CR alone is kept, and dropped where nothing comes after it. */
export function withLF(take: (chunk: Uint8Array) => void): (chunk: Uint8Array) => void {
  let held = false;
  return (chunk) => {
    const out = Buffer.allocUnsafe(chunk.length * 2);
    let length = 0;
    for (const byte of chunk) {
      if (held && byte !== LF) out[length++] = CR;
      held = byte === CR;
      if (!held) out[length++] = byte;
    }
    take(out.subarray(0, length));
  };
}
