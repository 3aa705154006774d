import { ProtocolError, ReplyError } from '../errors';
import { Reply } from './reply';

/**
 * The size that the mark of a download announces as `(n bytes)`, in bytes; undefined where it announces none.
 *
 * @param name the path that was asked for: it may itself read like a size, and is not taken for one
 * @throws ReplyError for any code but 150, as ftplib
 */
export function parse150(reply: Reply | string, name?: string): number | undefined {
  return sizeIn(linesOf(reply, 150), name);
}

/**
 * As `parse150`, but takes 125 too, which Twisted always sends and pyftpdlib when the data connection is there first; any other
 * mark announces nothing.
 *
 * @internal
 */
export function announcedSize({ code, lines }: Reply, name?: string): number | undefined {
  return code === 125 || code === 150 ? sizeIn(lines, name) : undefined;
}

/**
 * The path in the reply to PWD or MKD (RFC 959, 5.4 and appendix II), wherever in its line it stands: `257 current directory is "/home"`.
 *
 * RFC 959 doubles a quote inside the path; Pure-FTPd, inetutils, Twisted and aioftp send it as it is. So, with an odd number
 * of quotes in the line, the path ends at the last one; else at the first odd run of quotes that a blank or the end of the
 * line follows, as in `"/x" is "y"`. Quotes before that are halved if each run of them is even; if not, this server does not
 * double, and they stay. Beyond telling: an undoubled `"/a""b"`, read as RFC 959 has it.
 *
 * @throws ReplyError for any code but 257; ProtocolError where no path is quoted, or its quote does not end
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
 * @throws ReplyError
 * @internal
 */
export function linesOf(reply: Reply | string, ...codes: readonly number[]): readonly string[] {
  if (reply instanceof Reply && codes.includes(reply.code)) return reply.lines;
  const lines = String(reply).split(/\r?\n/);
  const code = /^[1-5]\d\d/.exec(lines[0] as string)?.[0];
  if (codes.includes(Number(code))) return lines;
  const details = code === undefined ? {} : { reply: reply instanceof Reply ? reply : new Reply(Number(code), lines) };
  throw new ReplyError(`expected a ${codes.join(' or ')} reply: ${lines.join('\n')}`, details);
}

/**
 * The error for a reply that has the right code but not what belongs to it.
 * @internal
 */
export function malformed(what: string, lines: readonly string[]): ProtocolError {
  const reply = new Reply(Number(lines[0]?.slice(0, 3)), lines);
  return new ProtocolError(`${what}: ${lines.join('\n')}`, { reply });
}

/** Set apart by blanks or a full stop, so that `x (5 bytes).txt` and `x (5 bytes)/y` announce nothing; "kbytes" is rounded (Pure-FTPd). */
// ProFTPD 1.3.8 counts "1 byte".
const SIZE = /^[^]*(?<=\s)\((\d+) bytes?\)(?=[.,;:]?(?:\s|$))/i;

/** The last one, as the name comes before it. */
function sizeIn(lines: readonly string[], name: string | undefined): number | undefined {
  const digits = SIZE.exec(withoutName(lines.join('\n'), name))?.[1];
  const size = Number(digits ?? NaN);
  return Number.isSafeInteger(size) ? size : undefined;
}

/**
 * Takes out a name that reads like a size. The first occurrence is the name, as in `for x (5 bytes) (9 bytes)`; other names
 * stay, because one like `bytes` or `7` could break the size.
 */
function withoutName(text: string, path: string | undefined): string {
  if (path === undefined || !NAME.test(path)) return text;
  const basename = path.slice(path.lastIndexOf('/') + 1); // the server may show the path that it made of ours
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
