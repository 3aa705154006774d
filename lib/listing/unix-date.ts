import { fullYear, type Calendar } from './calendar';
import { ClockTime } from './clock-time';
import { monthAt } from './months';
import { endOfWord, isBlank, isDigit, numberAt, skipBlanks, skipDigits, SP, TAB } from './words';

const COMMA = 0x2c;
const DASH = 0x2d;
const DOT = 0x2e;
const SLASH = 0x2f;

/**
 * The date columns of `ls -l` and of what imitates it, in the orders that servers were seen to print. One object that is
 * filled for every line, because an object per line would cost as much as reading it.
 */
export class UnixDate {
  /** Milliseconds since 1970. */
  time = 0;
  /** Where the name begins: one blank behind the date, and one more behind a year that was padded on its right. */
  next = 0;
  readonly #clock = new ClockTime();

  /** True where a date that exists begins at `from` and a blank follows it. */
  read(line: string, from: number, calendar: Calendar): boolean {
    return isDigit(line.charCodeAt(from)) ? this.#fromNumber(line, from, calendar) : this.#fromMonth(line, from, calendar);
  }

  /** `Jan 25 00:17`, `Apr  8  1994`, `Oct 08, 2002 09:47` */
  #fromMonth(line: string, from: number, calendar: Calendar): boolean {
    const monthEnd = endOfWord(line, from);
    const month = monthAt(line, from, monthEnd);
    if (month === 0) return false;
    const start = skipBlanks(line, monthEnd);
    const digits = skipDigits(line, start);
    const end = endOfWord(line, digits);
    if (digits - start < 1 || digits - start > 2 || !isDaySuffix(line, digits, end)) return false;
    const withComma = line.charCodeAt(digits) === COMMA;
    return this.#finish(line, end, month, numberAt(line, start, digits), withComma, calendar);
  }

  #fromNumber(line: string, from: number, calendar: Calendar): boolean {
    const digits = skipDigits(line, from);
    const end = endOfWord(line, from);
    const code = line.charCodeAt(digits);
    if (digits < end && (code === DASH || code === SLASH || (code === DOT && digits + 1 < end))) {
      return this.#fromOneWord(line, from, end, calendar);
    }
    if (!isDaySuffix(line, digits, end)) return false;
    const number = numberAt(line, from, digits);
    const next = skipBlanks(line, end);
    if (isDigit(line.charCodeAt(next))) return this.#fromNumbers(line, number, digits - from, digits < end, next, calendar);
    const monthEnd = endOfWord(line, next);
    const month = digits - from <= 2 ? monthAt(line, next, monthEnd) : 0;
    return month > 0 && this.#finish(line, monthEnd, month, number, false, calendar); // `29 Jul 02:27`, `2. Okt. 2003`
  }

  /** `3 29 03:26`; with the characters for month, day and year behind the numbers `8月 17日 20:10`, `2003年 3月 20日` */
  #fromNumbers(line: string, first: number, width: number, marked: boolean, at: number, calendar: Calendar): boolean {
    const digits = skipDigits(line, at);
    const end = endOfWord(line, at);
    if (digits - at > 2 || !isMark(line, digits, end)) return false;
    const second = numberAt(line, at, digits);
    if (width <= 2) return this.#finish(line, end, first, second, false, calendar, marked || digits < end);
    const start = skipBlanks(line, end);
    const dayDigits = skipDigits(line, start);
    const dayEnd = endOfWord(line, start);
    const anyMark = marked || digits < end || dayDigits < dayEnd;
    if (width !== 4 || !anyMark || dayDigits - start < 1 || dayDigits - start > 2 || !isMark(line, dayDigits, dayEnd)) return false;
    return this.#take(line, dayEnd, calendar.local(first, second, numberAt(line, start, dayDigits)));
  }

  /** `2005-06-07 21:22`, `1999/10/12 17:12`, `24-04-2003 17:12`, `09-26 13:45`, `01-jun-99` */
  #fromOneWord(line: string, from: number, end: number, calendar: Calendar): boolean {
    if (end - from > 11) return false;
    const match = /^(\d{1,4})([-/.])(\d{1,2}|[A-Za-z]{3})(?:\2(\d{4}|\d{2}))?$/.exec(line.slice(from, end));
    if (match === null) return false;
    const [, a = '', separator, b = '', c] = match;
    const [x, y] = [Number(a), Number(b)];
    const z = c === undefined ? Number.NaN : fullYear(Number(c), c.length);
    if (Number.isNaN(y)) return c !== undefined && a.length <= 2 && this.#take(line, end, calendar.local(z, monthAt(b, 0, 3), x));
    const clock = this.#clock;
    if (!clock.read(line, skipBlanks(line, end))) return false; // a date alone could be the beginning of the name
    const { hour, minute, second } = clock;
    if (c === undefined) return a.length <= 2 && this.#take(line, clock.end, calendar.recent(x, y, hour, minute, second));
    if (a.length === 4) return c.length === 2 && this.#fullTime(line, calendar.local(x, y, Number(c), hour, minute, second), calendar);
    const dayFirst = separator === '.' || x > 12;
    if (a.length > 2 || (!dayFirst && y <= 12 && x !== y)) return false; // 04-05-2003 could be either day
    const time = dayFirst ? calendar.local(z, y, x, hour, minute, second) : calendar.local(z, x, y, hour, minute, second);
    return this.#take(line, clock.end, time);
  }

  /** What ends every date that is several words: a year, a time, or both. */
  #finish(line: string, from: number, month: number, day: number, withComma: boolean, calendar: Calendar, marked = true): boolean {
    const start = skipBlanks(line, from);
    const digits = skipDigits(line, start);
    const end = endOfWord(line, start);
    if (digits - start === 4 && isMark(line, digits, end)) {
      const year = numberAt(line, start, digits);
      const clock = this.#clock;
      if (withComma && clock.read(line, skipBlanks(line, end)) && isBlank(line.charCodeAt(clock.end))) {
        return this.#take(line, clock.end, calendar.local(year, month, day, clock.hour, clock.minute, clock.second));
      }
      // `531 3 29 2003` may be any numbers, so without a mark only a time makes it a date
      return marked && this.#take(line, end, calendar.local(year, month, day), start - from === 1);
    }
    return this.#clock.read(line, start) && this.#atTime(line, month, day, calendar);
  }

  /** `00:17`, and `18:06:12 2005` of BSD's `ls -lT` */
  #atTime(line: string, month: number, day: number, calendar: Calendar): boolean {
    const { hour, minute, second, exact, end } = this.#clock;
    if (exact) {
      const start = skipBlanks(line, end);
      const digits = skipDigits(line, start);
      if (start > end && digits - start === 4 && isBlank(line.charCodeAt(digits))) {
        return this.#take(line, digits, calendar.local(numberAt(line, start, digits), month, day, hour, minute, second));
      }
    }
    return this.#take(line, end, calendar.recent(month, day, hour, minute, second));
  }

  /** GNU's `--full-time` prints seconds and the zone, `+0200`: then the option for the server's zone does not matter. */
  #fullTime(line: string, time: number, calendar: Calendar): boolean {
    const { exact, end } = this.#clock;
    const zone = exact ? /^ ([+-])(\d\d)([0-5]\d) /.exec(line.slice(end, end + 7)) : null;
    if (zone === null) return this.#take(line, end, time);
    const minutes = (Number(zone[2]) * 60 + Number(zone[3])) * (zone[1] === '-' ? -1 : 1);
    return this.#take(line, end + 6, calendar.toUTC(time) - minutes * 60_000);
  }

  /** @param leftAligned whether a year stands one blank behind the day: then a second blank behind it is padding */
  #take(line: string, end: number, time: number, leftAligned = false): boolean {
    const code = line.charCodeAt(end);
    if ((code !== SP && code !== TAB) || Number.isNaN(time)) return false;
    this.time = time;
    this.next = leftAligned && line.charCodeAt(end + 1) === SP ? end + 2 : end + 1;
    return true;
  }
}

/** Nothing, the dot of `2.`, the comma of `Oct 08,`, or a mark. */
function isDaySuffix(line: string, from: number, end: number): boolean {
  const code = line.charCodeAt(from);
  return end === from || (end === from + 1 && (code === DOT || code === COMMA)) || isMark(line, from, end);
}

/** Nothing, or the characters for year, month or day in any encoding. */
function isMark(line: string, from: number, end: number): boolean {
  if (end - from > 6) return false;
  for (let i = from; i < end; i++) if (line.charCodeAt(i) < 0x80) return false;
  return true;
}
