import { isDigit, numberAt, skipDigits } from './words';

const COLON = 0x3a;
const DOT = 0x2e;

/** A time of day in a line, `9:30`, `09:30` or `09:30:59.25`: one object that is filled again and again. */
export class ClockTime {
  hour = 0;
  minute = 0;
  second = 0;
  /** Whether seconds were printed. */
  exact = false;
  /** The index behind it. */
  end = 0;

  /** True where a time begins at `from`; what follows it is not looked at. A fraction is skipped. */
  read(line: string, from: number): boolean {
    let end = skipDigits(line, from);
    if (end - from < 1 || end - from > 2 || line.charCodeAt(end) !== COLON) return false;
    this.hour = numberAt(line, from, end);
    const minute = end + 1;
    end = skipDigits(line, minute);
    if (end - minute < 1 || end - minute > 2) return false; // one digit: 00:0 of a server for routers
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
