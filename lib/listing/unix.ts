// The listings of `ls -l`, as Unix and the servers that imitate it print them: mode, links, owner, group, size, date and name.

import { type Draft, type Entry, type EntryType, setSize } from './entry';
import type { ListContext, ListFormat, Parsed } from './format';
import { type Calendar, ClockTime, fullYear, monthAt } from './time';
import { COMMA, CR, DASH, DOT, endOfName, endOfWord, firstWords, isAllBlank, isBlank, isDigit, LONGEST_WORD, numberAt, numberBefore, skipBlanks, skipDigits, SP, TAB, twoDigits } from './words';

/** The lines of `ls -l`: most servers without MLSD print them. */
export const unix: ListFormat = {
  name: 'unix',
  readUsual,
  parse(line, context) {
    const mode = findMode(line);
    if (mode < 0) return withWholeMode(line, context);
    const end = endOfMode(line, mode);
    if (end < 0) return undefined;
    return columns.read(line, end, context.calendar) ? fromColumns(line, mode) : withoutDate(line, mode, end);
  },
};

/**
 * As `unix`, and also lines whose first word is no mode: they must have a count of links, owner, group, size, date and name,
 * and must not begin with the letters of a mode.
 */
export const unixAnyMode: ListFormat = {
  name: 'unix',
  readUsual,
  parse(line, context) {
    return unix.parse(line, context) ?? withOddMode(line, context);
  },
};

/** A line whose mode lacks its last letter, `drw-r--rw`, or the letter of the type before the nine others, which is taken for that of a file. */
function withWholeMode(line: string, context: ListContext): Parsed {
  const at = skipBlanks(line, 0);
  if (!isBlank(line.charCodeAt(at + LENGTH_OF_NINE))) return undefined;
  const lacking = TYPES.has(line.charCodeAt(at)) && isMode(`${line.slice(at, at + LENGTH_OF_NINE)}-`, 0) ? at + LENGTH_OF_NINE : isMode(`-${line.slice(at, at + LENGTH_OF_NINE)}`, 0) ? at : -1;
  const entry = lacking < 0 ? undefined : unix.parse(`${line.slice(0, lacking)}-${line.slice(lacking)}`, context);
  return typeof entry === 'object' ? { ...entry, raw: line } : entry;
}
const LENGTH_OF_NINE = 9;

function withOddMode(line: string, context: ListContext): Parsed {
  if (/^.{0,2}[-rwxsStT]{5}/.test(line) || !columns.read(line, 0, context.calendar) || columns.size < 0) return undefined;
  const links = columns.count - 4;
  if (links < 1 || numberAt(line, columns.start(links), columns.end(links)) < 0) return undefined;
  const entry: Draft = { name: line.slice(columns.name), type: 'file', raw: line };
  columns.fill(entry, line);
  entry.owner = columns.word(line, links + 1);
  entry.group = columns.word(line, links + 2);
  return entry;
}

/**
 * The columns of a line as `ls -l` prints it, from the permissions to the group. Owner and group must be two words, both numbers or both names: no words
 * before the month can be a date then, so that `Columns` would give the same entry.
 */
const COLUMNS = /((?:[-r][-w][-xsS]){2}[-r][-w][-xtT])[+.@]? +\d{1,9} +(?=\d+ +\d+ |[A-Za-z_][^ \t\n]* +[A-Za-z_])([^ \t\r\n]{1,40}) +([^ \t\r\n,]{1,40}) /y;
/** Size, and date in the C locale, in a column of fixed width. */
const AFTER_COLUMNS = / *\d{1,15} [A-Z][a-z][a-z] [ \d]\d (?:(?:[01]\d|2[0-3]):[0-5]\d| \d{4}) /y;
const DATE_WIDTH = 'Jan 25 00:17 '.length;
const D = 0x64;
const L = 0x6c;

/** Regular expressions are fast from the first line on; a process that lists one folder only would read it with code that is not compiled yet. */
function readUsual(text: string, start: number, limit: number, endLength: 1 | 2, context: ListContext, entries: Entry[]): number {
  const { calendar, last } = context;
  let at = start;
  while (at < limit) {
    const letter = text.charCodeAt(at);
    const type = letter === DASH ? 'file' : letter === D ? 'directory' : letter === L ? 'symlink' : undefined;
    if (type === undefined || ((last.columns === '' || !text.startsWith(last.columns, at + 1)) && !readColumns(text, at + 1, last))) return at;
    AFTER_COLUMNS.lastIndex = at + 1 + last.columns.length;
    if (!AFTER_COLUMNS.test(text)) return at;
    const nameAt = AFTER_COLUMNS.lastIndex;
    const dateAt = nameAt - DATE_WIDTH;
    const end = endOfName(text, nameAt);
    const time = timeOf(text, dateAt, context);
    if (end < 0 || !(time <= calendar.latest) || (endLength === 2 && text.charCodeAt(end) !== CR)) return at;
    const entry: Draft = {
      name: text.slice(nameAt, end),
      type,
      raw: text.slice(at, end),
      size: numberBefore(text, dateAt - 1),
      modified: new Date(time),
      owner: last.owner,
      group: last.group,
      permissions: last.permissions,
    };
    entries.push(letter === L ? splitTarget(entry) : entry);
    at = end + endLength;
  }
  return at;
}

function readColumns(text: string, at: number, last: ListContext['last']): boolean {
  COLUMNS.lastIndex = at;
  const match = COLUMNS.exec(text);
  if (match === null) return false;
  const [columns, permissions = '', owner = '', group = ''] = match;
  last.columns = columns;
  last.permissions = permissions;
  if (owner !== last.owner) last.owner = owner;
  if (group !== last.group) last.group = group;
  return true;
}

/** Milliseconds since 1970 of `Jan 25 00:17` or `Jan 25  1994`; NaN for a day that does not exist. */
function timeOf(text: string, at: number, context: ListContext): number {
  const timeAt = at + TIME_AT;
  const isYear = text.charCodeAt(timeAt) === SP;
  const date = text.slice(at, isYear ? at + DATE_WIDTH - 1 : timeAt);
  const day = context.days.get(date) ?? learnDay(date, context);
  return isYear ? day : day + (60 * twoDigits(text, timeAt) + twoDigits(text, timeAt + 3)) * MINUTE;
}
const TIME_AT = 'Jan 25 '.length;
const MINUTE = 60_000;

/** The midnight of `Jan 25 `, which is the newest one, or of `Jan 25  1994`; NaN for a day that does not exist. */
function learnDay(text: string, { calendar, days }: ListContext): number {
  const month = monthAt(text, 0, 3);
  const dayOfMonth = numberAt(text, text.charCodeAt(4) === SP ? 5 : 4, 6);
  const day = text.length === TIME_AT ? calendar.recent(month, dayOfMonth, 0, 0, 0) : calendar.local(numberAt(text, TIME_AT + 1, text.length), month, dayOfMonth);
  if (days.size === MOST_DAYS) days.clear();
  days.set(text, day);
  return day;
}
const MOST_DAYS = 4096;

/**
 * The types by the letter before the nine letters of the mode: those of POSIX, and those of Solaris (D, P), HP-UX (n), Cray
 * (C, M), the BSDs (w, A) and Plan 9 (a, append-only). A line with an unknown letter is not of this format.
 */
const TYPES = new Map(
  Object.entries({ '-CMAa': 'file', d: 'directory', l: 'symlink', bcpsDPnw: 'other' } as const).flatMap(
    ([letters, type]) => [...letters].map((letter): [number, EntryType] => [letter.charCodeAt(0), type]),
  ),
);
const MODE_LENGTH = 10;
/** After the mode: `+` for an ACL, `.` for a label of SELinux, `@` for extended attributes. */
const SUFFIXES = '+.@*';

function fromColumns(line: string, mode: number): Entry | undefined {
  const type = TYPES.get(line.charCodeAt(mode)) ?? 'other';
  const entry: Draft = { name: line.slice(columns.name), type, raw: line };
  if (type === 'other') columns.size = UNKNOWN; // a device has its two numbers there
  columns.fill(entry, line);
  entry.permissions = line.slice(mode + 1, mode + MODE_LENGTH);
  return type === 'symlink' ? splitTarget(entry) : entry;
}

/** The index of the mode, which is the first column, or comes after the inode and the blocks of `ls -lis`; -1 without one. */
function findMode(line: string): number {
  let i = skipBlanks(line, 0);
  for (let numbers = 0; numbers < 2 && isDigit(line.charCodeAt(i)); numbers++) {
    const end = skipDigits(line, i);
    if (!isBlank(line.charCodeAt(end))) return -1;
    i = skipBlanks(line, end);
  }
  if (isMode(line, i)) return i;
  // Plan 9 and some PHP servers print one dash too many.
  return line.charCodeAt(i) === DASH && isMode(line, i + 1) ? i + 1 : -1;
}

function isMode(line: string, at: number): boolean {
  if (line.length < at + MODE_LENGTH || !TYPES.has(line.charCodeAt(at))) return false;
  return isTriad(line, at + 1) && isTriad(line, at + 4) && isTriad(line, at + 7);
}

function isTriad(line: string, at: number): boolean {
  const read = line.charCodeAt(at);
  const write = line.charCodeAt(at + 1);
  const execute = line.charCodeAt(at + 2);
  return (read === 0x72 || read === DASH) && (write === 0x77 || write === DASH) && (execute === DASH || EXECUTE.has(execute));
}
/** Execution, set-id and sticky, with and without execution; Solaris shows mandatory locking as l. */
const EXECUTE = new Set([...'xsStTlL'].map((letter) => letter.charCodeAt(0)));

/** Where the columns begin; -1 where more letters follow, so that it was no mode. */
function endOfMode(line: string, mode: number): number {
  const end = mode + MODE_LENGTH;
  const columnsAt = end < line.length && SUFFIXES.includes(line.charAt(end)) ? end + 1 : end;
  const code = line.charCodeAt(columnsAt);
  return isBlank(code) || isDigit(code) ? columnsAt : -1; // a count of links with four digits leaves no blank
}

/** `name -> target`. Of several arrows it is the one after which the text is as long as the size says: the size of a link is the length of its target. */
function splitTarget(entry: Draft): Entry {
  const { name } = entry;
  const arrow = findArrow(name, entry.size);
  if (arrow <= 0 || isAllBlank(name.slice(0, arrow))) return entry;
  entry.name = name.slice(0, arrow);
  if (arrow + ARROW.length < name.length) entry.target = name.slice(arrow + ARROW.length);
  return entry;
}

function findArrow(name: string, size: number | undefined): number {
  const first = name.indexOf(ARROW);
  if (first < 0 || name.indexOf(ARROW, first + 1) < 0) return first;
  let rest = Buffer.byteLength(name);
  for (let from = 0, arrow = first; arrow >= 0; from = arrow, arrow = name.indexOf(ARROW, arrow + 1)) {
    rest -= Buffer.byteLength(name.slice(from, arrow));
    if (rest - ARROW.length === size) return arrow;
  }
  return first;
}
const ARROW = ' -> ';

const LONGEST_WITHOUT_DATE = 1024;

/** A line of a server that prints no dates: links, owner, group, size, a name without blanks, and nothing else. */
function withoutDate(line: string, mode: number, end: number): Parsed {
  if (line.length > LONGEST_WITHOUT_DATE) return undefined;
  const words = firstWords(line.slice(end), 6);
  const [links = '', owner = '', group = '', size = '', name = ''] = words;
  if (words.length !== 5 || !/^\d+$/.test(links) || !/^\d{1,15}$/.test(size)) return undefined;
  if (monthAt(group, 0, group.length) > 0 || /^[\d:./-]+$/.test(name)) return undefined; // a date after which the name is missing
  const type = TYPES.get(line.charCodeAt(mode)) ?? 'other';
  return { name, type, size: Number(size), permissions: line.slice(mode + 1, mode + MODE_LENGTH), owner, group, raw: line };
}

/** More words before the date are no columns. */
const MOST_WORDS = 24;
const UNKNOWN = -1;

/**
 * The columns that `ls -l` prints after the mode: links, owner, group, size, date, name. Any of the first three may be missing,
 * and owner and group may hold blanks. So the line is read by its date: the first one that comes after a word that can be a
 * size. One object is filled for every line, because an object per line would cost as much as reading it.
 */
export class Columns {
  /** Bytes; -1 where the column holds no exact number. */
  size = UNKNOWN;
  sizeText = '';
  /** Where the name begins. */
  name = 0;
  /** Where the words before the date begin and end; the last one is the size. */
  readonly starts: number[] = new Array<number>(MOST_WORDS).fill(0);
  readonly ends: number[] = new Array<number>(MOST_WORDS).fill(0);
  count = 0;
  /** The first and the last word of owner and group. */
  #first = 0;
  #last = 0;
  /** Where the size begins in a word that holds the column before it, too; 0 for a size that is a word of its own. */
  #glued = 0;
  readonly #date = new UnixDate();

  /** Milliseconds since 1970. */
  get time(): number {
    return this.#date.time;
  }

  /** True where columns up to a name begin at `from`. */
  read(line: string, from: number, calendar: Calendar): boolean {
    this.count = 0;
    for (let i = skipBlanks(line, from); i < line.length && this.count < MOST_WORDS; ) {
      if (this.count > 0 && this.#isSize(line) && this.#date.read(line, i, calendar)) {
        this.name = this.#date.next;
        return !isAllBlank(line, this.name);
      }
      const end = endOfWord(line, i);
      if (end - i > LONGEST_WORD) return false;
      this.starts[this.count] = i;
      this.ends[this.count] = end;
      this.count++;
      i = skipBlanks(line, end);
    }
    return false;
  }

  /** Sets size, time, owner and group. */
  fill(entry: Draft, line: string): void {
    if (this.size >= 0) setSize(entry, this.size, this.sizeText);
    entry.modified = new Date(this.time);
    this.#fillOwner(entry, line);
  }

  start(word: number): number {
    return this.starts[word] ?? 0;
  }

  end(word: number): number {
    return this.ends[word] ?? 0;
  }

  word(line: string, word: number): string {
    return line.slice(this.start(word), this.end(word));
  }

  /** Whether the last word can be a size; also finds which words are owner and group. */
  #isSize(line: string): boolean {
    const word = this.count - 1;
    const start = this.start(word);
    const end = this.end(word);
    this.#first = this.count > 1 && numberAt(line, this.start(0), this.end(0)) >= 0 ? 1 : 0; // the count of links
    this.#last = word - 1;
    this.#glued = 0;
    this.size = numberAt(line, start, end);
    if (this.size >= 0) {
      if (this.size > Number.MAX_SAFE_INTEGER) this.sizeText = line.slice(start, end);
      if (word > 0 && line.charCodeAt(this.end(word - 1) - 1) === COMMA) this.#deviceNumbers();
      return true;
    }
    return isDigit(line.charCodeAt(end - 1)) ? this.#isOddSize(line, start, end) : HUMAN_SIZE.test(line.slice(start, Math.min(end, start + 12)));
  }

  /** `8,   0`: the numbers of a device are no size, and the first one is no group. */
  #deviceNumbers(): void {
    this.size = UNKNOWN;
    this.#last--;
  }

  /** A word that ends in a digit and is no number: -528, 1,234, ftpadmin125435904. */
  #isOddSize(line: string, start: number, end: number): boolean {
    if (line.charCodeAt(start) === DASH) return numberAt(line, start + 1, end) >= 0;
    if (isDigit(line.charCodeAt(start))) {
      const text = line.slice(start, Math.min(end, start + LONGEST_SIZE));
      if (GROUPED.test(text)) this.size = Number(text.replaceAll(',', ''));
      return this.size >= 0 || DEVICE_NUMBERS.test(text);
    }
    this.#glued = end;
    while (isDigit(line.charCodeAt(this.#glued - 1))) this.#glued--;
    // After a count of links, nothing shows where a group that ends in digits ends and its size begins. Without such a count,
    // the digits must be the size, or a column would be missing; and only a long size leaves no blank before it.
    if (this.#first > 0 || this.count !== 2 || end - this.#glued < 6) {
      this.#last = this.#first;
      return true;
    }
    this.size = numberAt(line, this.#glued, end);
    this.sizeText = line.slice(this.#glued, end);
    this.#last = 1;
    return true;
  }

  /** Owner and group are two words, or more where they hold blanks: the widest gap separates them then. */
  #fillOwner(entry: Draft, line: string): void {
    const [first, last] = [this.#first, this.#last];
    if (first > last) return;
    if (first === last) {
      // A server that leaves the owner out may keep its column free. NetPresenz prints the size of a fork there.
      const isGroup = first === 1 && this.count === 3 && this.#glued === 0 && this.start(1) - this.end(0) >= 3 && !this.#isSum(line);
      entry[isGroup ? 'group' : 'owner'] = this.word(line, first);
      return;
    }
    let split = first;
    for (let i = first; i < last; i++) {
      if (this.start(i + 1) - this.end(i) > this.start(split + 1) - this.end(split)) split = i;
    }
    entry.owner = line.slice(this.start(first), this.end(split));
    entry.group = line.slice(this.start(split + 1), this.#glued > 0 ? this.#glued : this.end(last));
  }

  /** NetPresenz and other servers on the old Mac OS print the sizes of resource fork and data fork, and their sum. */
  #isSum(line: string): boolean {
    const [a, b] = [numberAt(line, this.start(0), this.end(0)), numberAt(line, this.start(1), this.end(1))];
    return b >= 0 && a + b === this.size;
  }
}

/** `33.5k`: it is rounded, so no size is given, but it shows where the size stands. */
const HUMAN_SIZE = /^\d{1,4}(?:[.,]\d{1,2})?[KMGTPkmgtp][Bb]?$/;

const GROUPED = /^\d{1,3}(?:,\d{3})+$/;
const LONGEST_SIZE = 27;

/** `10,7`: the two numbers of a device, without a blank between them. */
const DEVICE_NUMBERS = /^\d+,\d+$/;

const SLASH = 0x2f;

/** The date of `ls -l`, in the orders in which servers print its parts: one object that is filled for every line. */
class UnixDate {
  /** Milliseconds since 1970. */
  time = 0;
  /** Where the name begins: one blank after the date, and one more after a year that was padded on its right. */
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

  /** `3 29 03:26`, and with the characters for month, day and year after the numbers `8月 17日 20:10`, `2003年 3月 20日` */
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

  /** The end of every date that is several words: a year, a time, or both. */
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
      // `531 3 29 2003` may be any numbers: without a mark, only a time makes it a date.
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

  /** GNU's `--full-time` prints seconds and the time zone, `+0200`: the option `serverTimeZoneOffset` does not count then. */
  #fullTime(line: string, time: number, calendar: Calendar): boolean {
    const { exact, end } = this.#clock;
    const zone = exact ? /^ ([+-])(\d\d)([0-5]\d) /.exec(line.slice(end, end + 7)) : null;
    if (zone === null) return this.#take(line, end, time);
    const minutes = (Number(zone[2]) * 60 + Number(zone[3])) * (zone[1] === '-' ? -1 : 1);
    return this.#take(line, end + 6, calendar.toUTC(time) - minutes * 60_000);
  }

  /** @param leftAligned whether one blank comes before a year: a second blank after it is padding then */
  #take(line: string, end: number, time: number, leftAligned = false): boolean {
    const code = line.charCodeAt(end);
    if ((code !== SP && code !== TAB) || Number.isNaN(time)) return false;
    this.time = time;
    this.next = leftAligned && line.charCodeAt(end + 1) === SP ? end + 2 : end + 1;
    return true;
  }
}

/** What may follow a day: nothing, the dot of `2.`, the comma of `Oct 08,`, or a mark. */
function isDaySuffix(line: string, from: number, end: number): boolean {
  const code = line.charCodeAt(from);
  return end === from || (end === from + 1 && (code === DOT || code === COMMA)) || isMark(line, from, end);
}

/** A mark: the characters for year, month or day, in any encoding; or nothing. */
function isMark(line: string, from: number, end: number): boolean {
  if (end - from > 6) return false;
  for (let i = from; i < end; i++) if (line.charCodeAt(i) < 0x80) return false;
  return true;
}

/** The columns of the line that is being read. */
const columns = new Columns();
