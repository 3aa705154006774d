// The text of replies: the size after 150, the path after 257, the addresses after 227 and 229; and the arguments of PORT and EPRT.

import { ArgumentError, ProtocolError, ReplyError } from '../errors';
import { checkPort } from '../options';
import { Reply } from '../reply';

/**
 * Returns the size in bytes that the 150 of a download announces as `(n bytes)`, or undefined where it announces none.
 *
 * @param reply the reply, or its text with the code
 * @param name the path that was asked for, which may look like a size and is not taken for one
 * @throws ReplyError for any other code, as in Python's ftplib
 */
export function parse150(reply: Reply | string, name?: string): number | undefined {
  return sizeIn(linesOf(reply, 150), name);
}

/**
 * As `parse150`, and also for 125: Twisted sends it always, pyftpdlib where the data connection was there before the command. Any other
 * reply announces nothing.
 *
 * @internal
 */
export function announcedSize({ code, lines }: Reply, name?: string): number | undefined {
  return code === 125 || code === 150 ? sizeIn(lines, name) : undefined;
}

/**
 * Returns the path in the reply to PWD or MKD (RFC 959, 5.4 and appendix II), wherever it stands in its line: `257 current directory is "/home"`.
 *
 * RFC 959 doubles a quote inside the path, but Pure-FTPd, inetutils, Twisted and aioftp send it as it is. So in a line with an odd
 * number of quotes the path ends at the last one, and else at the first odd run of quotes before a blank or the end of the line, as
 * in `"/x" is "y"`. The quotes within are halved where each run of them is even; otherwise the server does not double them, and they
 * stay. Nothing shows which of the two `"/a""b"` is: it is read as RFC 959 has it.
 *
 * @param reply the reply, or its text with the code
 * @throws ReplyError for any other code; ProtocolError where no path is quoted, or its quote does not end
 */
export function parse257(reply: Reply | string): string {
  const lines = linesOf(reply, 257);
  const line = lines.find((text) => text.includes('"'));
  if (line === undefined) throw malformed('no quoted path in the reply', lines);
  const quoted = line.slice(line.indexOf('"') + 1);
  const runs = [...quoted.matchAll(/"+/g)];
  const paired = runs.filter(isOdd).length % 2 === 1; // with the opening quote
  const last = (paired ? runs.find((run) => isOdd(run) && /^ ?$/.test(quoted.charAt(endOf(run)))) : undefined) ?? runs.at(-1);
  if (last === undefined) throw malformed('the quote of the path does not end in the reply', lines);
  const path = quoted.slice(0, endOf(last) - 1);
  const doubled = isOdd(last) && runs.slice(0, runs.indexOf(last)).every((run) => !isOdd(run));
  return doubled ? path.replaceAll('""', '"') : path;
}

/**
 * The lines of a reply that must have one of these codes.
 *
 * @throws ReplyError for any other code
 */
function linesOf(reply: Reply | string, ...codes: readonly number[]): readonly string[] {
  if (reply instanceof Reply && codes.includes(reply.code)) return reply.lines;
  const lines = String(reply).split(/\r?\n/);
  const code = /^[1-5]\d\d/.exec(lines[0] as string)?.[0];
  if (codes.includes(Number(code))) return lines;
  const details = code === undefined ? {} : { reply: reply instanceof Reply ? reply : new Reply(Number(code), lines) };
  throw new ReplyError(`expected a ${codes.join(' or ')} reply: ${lines.join('\n')}`, details);
}

/** The error for a reply that has the right code, and not the text that belongs to it. */
function malformed(what: string, lines: readonly string[]): ProtocolError {
  const reply = new Reply(Number(lines[0]?.slice(0, 3)), lines);
  return new ProtocolError(`${what}: ${lines.join('\n')}`, { reply });
}

/**
 * A size, with a blank before it and a blank or a full stop after it, so that `x (5 bytes).txt` and `x (5 bytes)/y` announce nothing.
 * "kbytes" of Pure-FTPd is rounded, and none; "1 byte" is of ProFTPD 1.3.8.
 */
const SIZE = /^[^]*(?<=\s)\((\d+) bytes?\)(?=[.,;:]?(?:\s|$))/i;

/** The last size in the text, because the name comes before the size. */
function sizeIn(lines: readonly string[], name: string | undefined): number | undefined {
  const text = lines.join('\n');
  const digits = SIZE.exec(name !== undefined && NAME.test(name) ? withoutName(text, name) : text)?.[1];
  const size = Number(digits ?? NaN);
  return Number.isSafeInteger(size) ? size : undefined;
}

/**
 * The text without a name that looks like a size: its first occurrence is the name, as in `for x (5 bytes) (9 bytes)`. Any other name
 * stays, because to remove one such as `bytes` or `7` could break the size.
 */
function withoutName(text: string, path: string): string {
  const basename = path.slice(path.lastIndexOf('/') + 1); // the server may show another path to the same file
  const name = [path, basename].find((part) => NAME.test(part) && text.includes(part));
  return name === undefined ? text : text.replace(name, () => '');
}
const NAME = /\d bytes/i;

function isOdd(run: RegExpExecArray): boolean {
  return run[0].length % 2 === 1;
}

function endOf(run: RegExpExecArray): number {
  return run.index + run[0].length;
}

/** The address of a data connection. */
interface HostPort {
  readonly host: string;
  readonly port: number;
}

/**
 * Returns the IPv4 address and the port in the reply to PASV (RFC 959, 4.1.2), with or without parentheses (RFC 1123, 4.1.2.6). Of
 * several lines the last one with an address counts, because aioftp sends a text before it.
 *
 * @param reply the reply, or its text with the code
 * @throws ReplyError for any other code; ProtocolError where there is no address, or an impossible one
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

/** `(|||port|)` with any delimiter; protocol and address, which some servers fill in, are skipped, as in Python's ftplib. */
const EXTENDED = /\(([!-~])[12]??\1[\w.:%]{0,64}?\1(\d+)\1\)/;

/**
 * Returns the port in the reply to EPSV (RFC 2428, 3), and `peer` as its host, if that is given.
 *
 * @param reply the reply, or its text with the code
 * @param peer the host of the control connection, to which EPSV's port belongs
 * @throws ReplyError for any other code; ProtocolError where there is no port, or an impossible one
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

/** True for two spellings of one address: IPv4 may be mapped into IPv6, IPv6 in any form, and zones do not count. Names are compared as text. */
export function sameHost(a: string, b: string): boolean {
  return a !== '' && (canonical(a) ?? a.toLowerCase()) === (canonical(b) ?? b.toLowerCase());
}

/** True for an IPv6 address that is none of IPv4 mapped into IPv6: PASV and PORT have no place for it (RFC 2428, 1). */
export function isIPv6(host: string): boolean {
  return canonical(host)?.includes(':') === true;
}

/** An address in its canonical spelling (RFC 5952), as IPv4 where it is mapped (RFC 4291, 2.5.5.2); undefined for what is no address. */
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

/** IPv4 as Node writes it: four numbers without leading zeros. */
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
