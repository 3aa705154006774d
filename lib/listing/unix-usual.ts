import type { Calendar } from './calendar';
import type { Draft } from './entry';
import { monthAt } from './months';
import { numberAt } from './words';

/**
 * A line as `ls -l` prints it in the C locale, its date in a column of fixed width. Owner and group are two words, both numbers or
 * both names: then no words before the month can be a date, whatever else `Columns` reads as one, and both read the same.
 */
const USUAL = new RegExp(
  [
    /^[-dl](?:[-r][-w][-xsS]){2}[-r][-w][-xtT][+.@]? +\d{1,9}/, // mode and links
    / +(?=\d+ +\d+ |[A-Za-z_][^ \t\n]* +[A-Za-z_])([^ \t\n]{1,40}) +([^ \t\n,]{1,40})/,
    / +(\d{1,15})/,
    / [A-Z][a-z][a-z] [ \d]\d (?:\d\d:\d\d| \d{4}) ([^ \t\n][^]*)$/,
  ]
    .map(({ source }) => source)
    .join(''),
);
const DATE_WIDTH = 'Jan 25 00:17 '.length;
const PERMISSIONS_END = 10;
const SP = 0x20;
const DASH = 0x2d;
const D = 0x64;

/**
 * The entry of a usual line, name and target not yet apart; undefined for any other line. One regular expression is fast from the first
 * line on, where a process that lists one folder would spend its time in code that is not compiled yet.
 */
export function usualEntry(line: string, calendar: Calendar): Draft | undefined {
  const found = USUAL.exec(line);
  if (found === null) return undefined;
  const [, owner = '', group = '', size = '', name = ''] = found;
  const time = timeAt(line, line.length - name.length - DATE_WIDTH, calendar);
  if (Number.isNaN(time)) return undefined;
  const letter = line.charCodeAt(0);
  return {
    name,
    type: letter === DASH ? 'file' : letter === D ? 'directory' : 'symlink',
    raw: line,
    size: Number(size),
    modified: new Date(time),
    owner,
    group,
    permissions: line.slice(1, PERMISSIONS_END),
  };
}

/** Milliseconds since 1970 of `Jan 25 00:17` or `Jan 25  1994`; NaN for a day that does not exist. */
function timeAt(line: string, at: number, calendar: Calendar): number {
  const month = monthAt(line, at, at + 3);
  const day = numberAt(line, line.charCodeAt(at + 4) === SP ? at + 5 : at + 4, at + 6);
  if (line.charCodeAt(at + 7) === SP) return calendar.local(numberAt(line, at + 8, at + 12), month, day);
  return calendar.recent(month, day, numberAt(line, at + 7, at + 9), numberAt(line, at + 10, at + 12), 0);
}
