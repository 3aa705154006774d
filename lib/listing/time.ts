import { ArgumentError } from '../errors';
import { utc } from './calendar';
import { numberAt, skipDigits } from './words';

const DIGITS = 14;
const DOT = 0x2e;
const LONGEST = 48;

/**
 * Reads the time of MDTM, MFMT and the `modify` fact: `YYYYMMDDHHMMSS`, a fraction of any length cut to milliseconds,
 * always UTC (RFC 3659, 2.3). Also the fifteen digits of servers that print 19 and the years since 1900: `19100` is 2000.
 * Undefined for anything else, and for a moment that does not exist.
 */
export function parseTime(text: string): Date | undefined {
  const end = skipDigits(text, 0);
  const since1900 = end === DIGITS + 1 && text.startsWith('19');
  if ((end !== DIGITS && !since1900) || text.length > LONGEST) return undefined;
  const fraction = end === text.length ? 0 : milliseconds(text, end);
  const year = since1900 ? 1900 + numberAt(text, 2, 5) : numberAt(text, 0, 4);
  const from = end - 10;
  const hour = numberAt(text, from + 4, from + 6);
  if (hour > 23) return undefined; // what `utc` takes for midnight, RFC 3659 does not
  const minute = numberAt(text, from + 6, from + 8);
  const second = numberAt(text, from + 8, end);
  const time = utc(year, numberAt(text, from, from + 2), numberAt(text, from + 2, from + 4), hour, minute, second) + fraction;
  return Number.isNaN(time) ? undefined : new Date(time);
}

/** `.5`, `.123456`; NaN for anything else. */
function milliseconds(text: string, from: number): number {
  const end = skipDigits(text, from + 1);
  if (text.charCodeAt(from) !== DOT || end === from + 1 || end < text.length) return Number.NaN;
  return Number(text.slice(from + 1, from + 4).padEnd(3, '0'));
}

/**
 * Writes a time for MFMT: `YYYYMMDDHHMMSS` in UTC (RFC 3659, 2.3). Milliseconds are cut off, because ProFTPD, pyftpdlib
 * and others take fourteen digits only.
 *
 * @throws ArgumentError for an invalid Date, and for a year that has not four digits
 */
export function formatTime(date: Date): string {
  const year = date.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) throw new ArgumentError('a time must be a valid Date in the years 0 to 9999');
  return date.toISOString().replace(/[-:T]/g, '').slice(0, 14);
}
