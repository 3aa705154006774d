const LF = 0x0a;
const CR = 0x0d;
const IAC = 0xff;
const WILL = 0xfb;

/** Cuts what arrives on a control connection into lines, without their ends. */
export class CommandLines {
  #rest = Buffer.alloc(0);

  push(chunk: Uint8Array): Buffer[] {
    let bytes = Buffer.concat([this.#rest, chunk]);
    const lines: Buffer[] = [];
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF)) {
      lines.push(bytes.subarray(0, bytes[end - 1] === CR ? end - 1 : end));
      bytes = bytes.subarray(end + 1);
    }
    this.#rest = bytes;
    return lines;
  }

  /** Forgets a line that has begun, as a server must where TLS begins (RFC 4217, 15.1.1). */
  clear(): void {
    this.#rest = Buffer.alloc(0);
  }
}

/** The line without Telnet commands: IAC IAC is one 0xff, everything else is dropped (RFC 854). */
export function withoutTelnet(line: Buffer): Buffer {
  if (!line.includes(IAC)) return line;
  const kept: number[] = [];
  for (let i = 0; i < line.length; i++) {
    const byte = line[i] ?? 0;
    const next = line[i + 1];
    if (byte !== IAC) kept.push(byte);
    else if (next === undefined) break;
    else {
      if (next === IAC) kept.push(IAC);
      i += next >= WILL && next < IAC ? 2 : 1;
    }
  }
  return Buffer.from(kept);
}
