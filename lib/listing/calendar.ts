const DAY = 86_400_000;
const LONGEST_GAP_OF_LEAP_YEARS = 8;

/** The longest months; February is judged with its year. */
const DAYS = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** Turns what a server's clock shows into milliseconds since 1970 UTC; NaN for a moment that does not exist. */
export class Calendar {
  readonly #offset: number;
  readonly #latest: number;
  readonly #latestYear: number;

  /**
   * @param now milliseconds since 1970; years that are not printed are told by it
   * @param offset the server's time zone in minutes, east of Greenwich positive
   */
  constructor(now: number, offset: number) {
    this.#offset = offset * 60_000;
    this.#latest = now + DAY; // a server's clock may be ahead, or its zone not be known
    this.#latestYear = new Date(this.#latest + this.#offset).getUTCFullYear();
  }

  /** A moment in the server's time zone; hour 24 is the midnight after the day. */
  local(year: number, month: number, day: number, hour = 0, minute = 0, second = 0): number {
    return utc(year, month, day, hour, minute, second) - this.#offset;
  }

  /** What `local` gave, as if the server's clock were UTC. */
  toUTC(time: number): number {
    return time + this.#offset;
  }

  /** The newest moment of that month, day and time which is not more than one day in the future. */
  recent(month: number, day: number, hour: number, minute: number, second: number): number {
    for (let year = this.#latestYear; year >= this.#latestYear - LONGEST_GAP_OF_LEAP_YEARS; year--) {
      const time = this.local(year, month, day, hour, minute, second);
      if (time <= this.#latest) return time;
    }
    return Number.NaN;
  }
}

/** Milliseconds since 1970 of a moment in UTC; NaN where it does not exist. Second 60 is the first of the next minute. */
export function utc(year: number, month: number, day: number, hour: number, minute: number, second: number): number {
  if (!(day >= 1 && day <= (DAYS[month] ?? 0)) || (day === 29 && month === 2 && !isLeap(year))) return Number.NaN;
  if (minute > 59 || second > 60 || hour > 24 || (hour === 24 && (minute > 0 || second > 0))) return Number.NaN;
  return daysSince1970(year, month, day) * DAY + ((hour * 60 + minute) * 60 + second) * 1000;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** Counts in years that begin in March, so that the day which comes and goes is the last one; faster than Date.UTC. */
function daysSince1970(year: number, month: number, day: number): number {
  const y = month > 2 ? year : year - 1;
  const months = month > 2 ? month - 3 : month + 9;
  const leapDays = Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  return y * 365 + leapDays + Math.floor((months * 153 + 2) / 5) + day - 1 - 719_468;
}

/** The full year of two digits as POSIX's `%y` has it (69 is 1969), of three as years since 1900, of four as it is. */
export function fullYear(year: number, digits: number): number {
  if (digits === 2) return year < 69 ? 2000 + year : 1900 + year;
  return digits === 3 ? 1900 + year : year;
}

/**
 * The only reading of three numbers as a date that is possible, in the order year, month, day; undefined where several
 * are: 04/03/18 is a day in 2004 or in 2018.
 */
export function unambiguous(a: number, b: number, c: number): readonly [number, number, number] | undefined {
  const readings = [
    [fullYear(a, 2), b, c],
    [fullYear(c, 2), a, b],
    [fullYear(c, 2), b, a],
  ] as const;
  const possible = readings.filter(([year, month, day]) => !Number.isNaN(utc(year, month, day, 0, 0, 0)));
  const [first] = possible;
  return first !== undefined && possible.every((other) => other.every((part, i) => part === first[i])) ? first : undefined;
}
