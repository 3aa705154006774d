/** Where a line of the control connection says that a data connection is to go, and how to say another port. */
export interface Endpoint {
  /** Undefined for EPSV's 229, which names only a port. */
  readonly host: string | undefined;
  readonly port: number;
  /** The line with that port on 127.0.0.1. */
  at(port: number): string;
}

const NUMBERS = /(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)/;
const EXTENDED = /\|(\d?)\|([^|]*)\|(\d+)\|/;

/** The endpoint in a reply to PASV or EPSV. */
export function offered(line: string): Endpoint | undefined {
  if (line.startsWith('227 ')) return classic(line);
  return line.startsWith('229 ') ? extended(line) : undefined;
}

/** The endpoint in a PORT or EPRT command. */
export function announced(line: string): Endpoint | undefined {
  if (/^PORT /i.test(line)) return classic(line);
  return /^EPRT /i.test(line) ? extended(line) : undefined;
}

function classic(line: string): Endpoint | undefined {
  const found = NUMBERS.exec(line)?.slice(1).map(Number);
  if (!found) return undefined;
  const [a, b, c, d, high = 0, low = 0] = found;
  return {
    host: `${a}.${b}.${c}.${d}`,
    port: high * 256 + low,
    at: (port) => line.replace(NUMBERS, `127,0,0,1,${port >> 8},${port & 255}`),
  };
}

function extended(line: string): Endpoint | undefined {
  const found = EXTENDED.exec(line);
  if (!found) return undefined;
  const [, protocol = '', host = ''] = found;
  return {
    host: host === '' ? undefined : host,
    port: Number(found[3]),
    at: (port) => line.replace(EXTENDED, host === '' ? `|${protocol}||${port}|` : `|1|127.0.0.1|${port}|`),
  };
}
