// The dates and times of listings, of MDTM and of MFMT: words and digits on one side, milliseconds since 1970 on the other.

import { ArgumentError } from '../errors';
import { COMMA, DOT, isDigit, numberAt, skipDigits } from './words';

/** The digits of a time as RFC 3659 writes it. */
const DIGITS = 14;
const LONGEST_TIME = 48;

/**
 * Reads the time of MDTM, of MFMT and of the fact `modify`: `YYYYMMDDHHMMSS` and a fraction of any length, which is cut to
 * milliseconds, always in UTC (RFC 3659, 2.3). It also reads the fifteen digits of servers that print 19 and then the years
 * since 1900: `19100` is the year 2000. Undefined for anything else, and for a moment that does not exist.
 */
export function parseTime(text: string): Date | undefined {
  const end = skipDigits(text, 0);
  const since1900 = end === DIGITS + 1 && text.startsWith('19');
  if ((end !== DIGITS && !since1900) || text.length > LONGEST_TIME) return undefined;
  const fraction = end === text.length ? 0 : milliseconds(text, end);
  const year = since1900 ? 1900 + numberAt(text, 2, 5) : numberAt(text, 0, 4);
  const from = end - 10;
  const hour = numberAt(text, from + 4, from + 6);
  if (hour > 23) return undefined; // RFC 3659 has no hour 24, which `utc` takes for the next midnight
  const minute = numberAt(text, from + 6, from + 8);
  const second = numberAt(text, from + 8, end);
  const time = utc(year, numberAt(text, from, from + 2), numberAt(text, from + 2, from + 4), hour, minute, second) + fraction;
  return Number.isNaN(time) ? undefined : new Date(time);
}

/** The fraction `.5` or `.123456` in milliseconds; NaN for anything else. */
function milliseconds(text: string, from: number): number {
  const end = skipDigits(text, from + 1);
  if (text.charCodeAt(from) !== DOT || end === from + 1 || end < text.length) return Number.NaN;
  return Number(text.slice(from + 1, from + 4).padEnd(3, '0'));
}

/**
 * Writes a time for MFMT: `YYYYMMDDHHMMSS` in UTC (RFC 3659, 2.3). Milliseconds are left out, because ProFTPD 1.3.8,
 * pyftpdlib 1.5.7 and others take fourteen digits only.
 *
 * @throws ArgumentError for an invalid Date, and for a year that has not four digits
 */
export function formatTime(date: Date): string {
  const year = date.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) throw new ArgumentError('a time must be a valid Date in the years 0 to 9999');
  return date.toISOString().replace(/[-:T]/g, '').slice(0, 14);
}

const DAY = 86_400_000;
const LONGEST_GAP_OF_LEAP_YEARS = 8;

/** Turns the time that a server's clock shows into milliseconds since 1970 UTC; NaN for a moment that does not exist. */
export class Calendar {
  readonly #offset: number;
  /** The newest moment that `recent` gives. */
  readonly latest: number;
  readonly #latestYear: number;

  /**
   * @param now milliseconds since 1970; it decides which year is meant where a line prints none
   * @param offset the server's time zone in minutes, positive east of Greenwich
   */
  constructor(now: number, offset: number) {
    this.#offset = offset * 60_000;
    this.latest = now + DAY; // the server's clock may be fast, and its time zone may be unknown
    this.#latestYear = new Date(this.latest + this.#offset).getUTCFullYear();
  }

  /** A moment in the server's time zone; hour 24 is the midnight after the day. */
  local(year: number, month: number, day: number, hour = 0, minute = 0, second = 0): number {
    return utc(year, month, day, hour, minute, second) - this.#offset;
  }

  /** As `local`, from the text of a line. The month may be a word; a year of two or three digits is as `fullYear` says. */
  read(year = '', month = '', day = '', hour: string | number = '', minute = '', second = ''): number {
    const number = Number(month) || monthAt(month, 0, month.length);
    return this.local(fullYear(Number(year), year.length), number, Number(day), Number(hour), Number(minute), Number(second));
  }

  /** The result of `local`, as if the server's clock showed UTC. */
  toUTC(time: number): number {
    return time + this.#offset;
  }

  /** The newest moment of that month, day and time that is at most one day in the future. */
  recent(month: number, day: number, hour: number, minute: number, second: number): number {
    for (let year = this.#latestYear; year >= this.#latestYear - LONGEST_GAP_OF_LEAP_YEARS; year--) {
      const time = this.local(year, month, day, hour, minute, second);
      if (time <= this.latest) return time;
    }
    return Number.NaN;
  }
}

/** The days of the months, January first; February has 29 in leap years only. */
const DAYS = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** Milliseconds since 1970 of a moment in UTC; NaN where it does not exist. Second 60 is the first one of the next minute. */
export function utc(year: number, month: number, day: number, hour: number, minute: number, second: number): number {
  if (!(day >= 1 && day <= (DAYS[month] ?? 0)) || (day === 29 && month === 2 && !isLeap(year))) return Number.NaN;
  if (minute > 59 || second > 60 || hour > 24 || (hour === 24 && (minute > 0 || second > 0))) return Number.NaN;
  return daysSince1970(year, month, day) * DAY + ((hour * 60 + minute) * 60 + second) * 1000;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** Counts in years that begin in March, so that a leap day is the last day of its year; this is faster than Date.UTC. */
function daysSince1970(year: number, month: number, day: number): number {
  const y = month > 2 ? year : year - 1;
  const centuries = Math.floor(y / 100);
  return y * 365 + (y >> 2) - centuries + (centuries >> 2) + (DAYS_BEFORE[month] as number) + day - 1 - 719_468;
}
/** The days from the first of March to the first of each month, January first. */
const DAYS_BEFORE = [0, 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275];

/** The full year: two digits as in POSIX's `%y` (69 is 1969), three as years since 1900 (103 is 2003), four as they are. */
export function fullYear(year: number, digits: number): number {
  if (digits === 2) return year < 69 ? 2000 + year : 1900 + year;
  return digits === 3 ? 1900 + year : year;
}

const COLON = 0x3a;

/** A time of day in a line, `9:30`, `09:30` or `09:30:59.25`: one object that is filled again for each line. */
export class ClockTime {
  hour = 0;
  minute = 0;
  second = 0;
  /** Whether seconds were printed. */
  exact = false;
  /** The index after it. */
  end = 0;

  /** True where a time begins at `from`, whatever follows it. A fraction of a second is skipped. */
  read(line: string, from: number): boolean {
    let end = skipDigits(line, from);
    if (end - from < 1 || end - from > 2 || line.charCodeAt(end) !== COLON) return false;
    this.hour = numberAt(line, from, end);
    const minute = end + 1;
    end = skipDigits(line, minute);
    if (end - minute < 1 || end - minute > 2) return false; // one digit: the server of a router prints 00:0
    this.minute = numberAt(line, minute, end);
    this.second = 0;
    this.exact = false;
    if (line.charCodeAt(end) === COLON) {
      const second = end + 1;
      end = skipDigits(line, second);
      if (end - second !== 2) return false;
      this.second = numberAt(line, second, end);
      this.exact = true;
      if (line.charCodeAt(end) === DOT && isDigit(line.charCodeAt(end + 1))) end = skipDigits(line, end + 1);
    }
    this.end = end;
    return this.hour <= 24 && this.minute <= 59 && this.second <= 60;
  }
}

/**
 * The months as `ls` abbreviates them where LC_TIME is not C, and the longer forms that servers print, January first. A word
 * that means different months in two languages is left out, except where one language lists files far more often: `lis` is
 * November in Polish and Czech, `jui` is how VMS cuts the French juillet. The English word is the first one.
 */
const MONTHS = [
  'jan january janv janvier ene enero gen gennaio januar januari tammi sty led oca ian jän janeiro янв января січ яну ιαν jaan sau urt xan',
  'feb february fév févr février febr febbraio fev fevereiro februar februari helmi lut úno şub фев февр февраля лют φεβ veebr vas ots',
  'mar march mars märz mär mrz marzo mrt març março maart maalis márc bře мар марта бер μαρ μάρ märts kov',
  'apr april avr avril abr aprile abril huhti ápr kwi dub nis апр апреля кві квіт απρ bal api',
  'may mai maj maggio mag mei mayo maio maig touko máj kvě май мая тра трав μαϊ μάι maí geg',
  'jun june juin giu giugno junio juni junho juny kesä jún cze čen haz июн июня юни чер черв ιουν ιούν juuni iun bir eka',
  'jul july juil juillet lug luglio julio juli julho jui heinä júl lip čec tem июл июля юли лип ιουλ ιούλ juuli iul lie uzt',
  'aug august août aoû aout ago agosto agu ağu ágú elo aúg sie srp авг августа сер серп αυγ αύγ rgp abu',
  'sep sept september septembre set settembre sett septiembre setembro syys szept wrz zář eyl сен сент сентября вер σεπ rgs ira',
  'oct october octobre ott ottobre octubre okt oktober out outubro loka paź říj eki окт октября жов жовт οκτ spa urr',
  'nov november novembre noviembre novembro marras kas lis ноя ноября нояб ное лис νοε νοέ noi lap aza',
  'dec december déc décembre dic dicembre diciembre dez dezember dezembro des desember joulu gru pro ara дек декабря гру груд δεκ grd abe',
];

const LONGEST_MONTH = 16;

/** The month, 1 to 12, that stands in `line` from `start` to `end`; 0 for any other word. A dot or a comma after it is no part of it. */
export function monthAt(line: string, start: number, end: number): number {
  const month = end - start >= 3 ? english.get(keyOf(line, start)) : undefined;
  if (month !== undefined && end - start === 3) return month;
  let last = end;
  while (last > start && (line.charCodeAt(last - 1) === DOT || line.charCodeAt(last - 1) === COMMA)) last--;
  if (month !== undefined && last - start === 3) return month;
  if (last === start || last - start > LONGEST_MONTH) return 0;
  months ??= monthsByWord();
  return months.get(line.slice(start, last).toLowerCase()) ?? 0;
}

/** The months by the three letters of their English names as one number: this look-up makes no string, because it is made for every line. */
const english = new Map(MONTHS.map((names, index) => [keyOf(names, 0), index + 1]));

/** Three ASCII letters as one number, without their case; 0 for other characters. */
function keyOf(text: string, at: number): number {
  const a = text.charCodeAt(at);
  const b = text.charCodeAt(at + 1);
  const c = text.charCodeAt(at + 2);
  return a > 0x7f || b > 0x7f || c > 0x7f ? 0 : ((a | 0x20) << 16) | ((b | 0x20) << 8) | (c | 0x20);
}

/** The months in all languages, made when a word is looked for that is no English month. */
let months: ReadonlyMap<string, number> | undefined;

function monthsByWord(): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  MONTHS.forEach((names, index) => {
    for (const form of names.split(' ').flatMap(formsOf)) if (!found.has(form)) found.set(form, index + 1);
  });
  return found;
}

/** The word, and what it looks like when its bytes in UTF-8 are read as latin1, or its bytes in latin1 as UTF-8. */
function formsOf(name: string): string[] {
  const utf8AsLatin1 = Buffer.from(name, 'utf8').toString('latin1').toLowerCase();
  const latin1AsUtf8 = Buffer.from(name, 'latin1');
  const isLatin1 = latin1AsUtf8.toString('latin1') === name;
  return isLatin1 ? [name, utf8AsLatin1, latin1AsUtf8.toString('utf8')] : [name, utf8AsLatin1];
}
