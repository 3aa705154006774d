import { linesOf, malformed } from '../control/reply-text';
import type { Reply } from '../control/reply';
import { ArgumentError } from '../errors';
import { checkPort } from '../options';

/** Where a data connection goes. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/**
 * The IPv4 address and port in the reply to PASV (RFC 959, 4.1.2), with or without parentheses (RFC 1123, 4.1.2.6);
 * of several lines the last that has one, as aioftp sends a text first.
 *
 * @throws ReplyError for any code but 227; ProtocolError where no address is, or one that cannot be
 */
export function parse227(reply: Reply | string): HostPort {
  const lines = linesOf(reply, 227);
  const found = lastMatch(lines, /(?<!\d)\d+(?: *, *\d+){5}/);
  if (!found) throw malformed('no address in the reply to PASV', lines);
  const numbers = found[0].split(',').map(Number);
  const [high = 0, low = 0] = numbers.slice(4);
  const port = high * 256 + low;
  if (port === 0 || numbers.some((number) => number > 255)) throw malformed('an impossible address in the reply to PASV', lines);
  return { host: numbers.slice(0, 4).join('.'), port };
}

/** `(|||port|)` around any delimiter; a server that fills in protocol and address, too, is read as ftplib does. */
const EXTENDED = /\(([!-~])[12]??\1[\w.:%]{0,64}?\1(\d+)\1\)/;

/**
 * The port in the reply to EPSV (RFC 2428, 3), and with it the host that the caller is connected to, if given.
 *
 * @throws ReplyError for any code but 229; ProtocolError where no port is, or one that cannot be
 */
export function parse229(reply: Reply | string, peer: string): HostPort;
export function parse229(reply: Reply | string, peer?: string): { readonly host?: string; readonly port: number };
export function parse229(reply: Reply | string, peer?: string): { readonly host?: string; readonly port: number } {
  const lines = linesOf(reply, 229);
  const found = lastMatch(lines, EXTENDED);
  if (!found) throw malformed('no port in the reply to EPSV', lines);
  const port = Number(found[2]);
  if (port < 1 || port > 65535) throw malformed('an impossible port in the reply to EPSV', lines);
  return peer === undefined ? { port } : { host: peer, port };
}

/**
 * The argument of PORT, `h1,h2,h3,h4,p1,p2` (RFC 959, 4.1.2), for an IPv4 address or one mapped into IPv6.
 *
 * @throws ArgumentError for any other address
 */
export function formatPort(host: string, port: number): string {
  const address = canonical(host);
  if (address === undefined || address.includes(':')) throw new ArgumentError(`PORT needs an IPv4 address, not ${JSON.stringify(host)}`);
  return [...address.split('.'), checkPort(port) >> 8, port & 0xff].join(',');
}

/**
 * The argument of EPRT, `|1|address|port|` or `|2|…` for IPv6 (RFC 2428, 2), without a zone, which means nothing to the peer.
 *
 * @throws ArgumentError for what is no address
 */
export function formatEprt(host: string, port: number): string {
  const address = canonical(host);
  if (address === undefined) throw new ArgumentError(`EPRT needs an IP address, not ${JSON.stringify(host)}`);
  return `|${address.includes(':') ? 2 : 1}|${address}|${checkPort(port)}|`;
}

/** True for two spellings of one address: IPv4 as such or mapped into IPv6, any form of IPv6, zones left out; names are compared as text. */
export function sameHost(a: string, b: string): boolean {
  return a !== '' && (canonical(a) ?? a.toLowerCase()) === (canonical(b) ?? b.toLowerCase());
}

/** An address in its one spelling (RFC 5952), IPv4 where it is mapped (RFC 4291, 2.5.5.2); undefined for what is none. */
function canonical(host: string): string | undefined {
  if (isIPv4(host)) return host;
  const address = host.replace(/%.*/s, '');
  if (!/^[\da-f:.]{2,45}$/i.test(address) || !URL.canParse(`ftp://[${address}]`)) return undefined;
  const hex = new URL(`ftp://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(hex);
  return mapped ? [mapped[1], mapped[2]].map((pair) => bytePair(parseInt(pair as string, 16))).join('.') : hex;
}

function bytePair(word: number): string {
  return `${word >> 8}.${word & 0xff}`;
}

/** Written as Node writes it: four numbers without leading zeros. */
function isIPv4(host: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(host) && host.split('.').every((part) => Number(part) <= 255 && String(Number(part)) === part);
}

/** The match in the last line that has one. */
function lastMatch(lines: readonly string[], pattern: RegExp): RegExpExecArray | undefined {
  for (const line of lines.toReversed()) {
    const found = pattern.exec(line);
    if (found) return found;
  }
  return undefined;
}
