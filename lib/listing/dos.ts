// The listings of `dir`: IIS, and other servers on Windows and Windows CE.

import { type Calendar, fullYear } from './time';
import { setSize, type Draft, type Entry } from './entry';
import type { ListContext, ListFormat } from './format';
import { CR, endOfName, numberBefore, SP, twoDigits } from './words';

/** Date and time, `04-06-00  03:47PM`, `2002-09-02  18:48`, `10/3/2018   2:58 PM`, and then a tag such as `<DIR>` or the size. */
const FRONT =
  /^(?<date>[ \t]*(\d{1,4})([-/.])(\d{1,2})\3(\d{2,4})[ \t]+(\d{1,2}):(\d\d)(?::(\d\d))?(?:[ \t]?([AaPp])[Mm]?)?)(?<column>[ \t]+(?:<(?<tag>[A-Za-z]{3,10})>|(?<size>[\d,.']{1,40})))[ \t]+(?=[^ \t])/;

/** The characters between time and name: those of IIS, and those of `dir`. */
const WIDTHS = [22, 19];
/** The blanks between `<DIR>` and the name. */
const AFTER_TAG = 10;

/** The lines before and after the entries: volume, folder, sums. */
const HEADER = /^[ \t]*(?:Volume (?:in drive|Serial)|Directory of |[\d,.]+ (?:File|Dir)\(s\))/i;

/** The lines of `dir`. */
export const dos: ListFormat = {
  name: 'dos',
  readUsual,
  parse(line, context) {
    const match = FRONT.exec(line);
    if (match === null) return HEADER.test(line) ? 'header' : undefined;
    const time = timeOf(match, context.calendar);
    if (Number.isNaN(time)) return undefined;
    const { tag, size } = match.groups ?? {};
    const entry: Draft = { name: line.slice(nameIn(match, context)), type: 'file', modified: new Date(time), raw: line };
    return tag !== undefined ? tagged(entry, tag.toUpperCase()) : sized(entry, size ?? '');
  },
};

/** A line in the columns of IIS, up to its name. */
const USUAL = /\d\d([-/])\d\d\1(?:\d\d){1,2}  (?:0[1-9]|1[0-2]):[0-5]\d[AP]M(?: {7}<DIR> {10}| {6,20}\d{1,15} )/y;
const TIME_WIDTH = '  03:47PM'.length;
const COLUMN_WIDTH = '       <DIR>          '.length;
const DIR_AT = 7;
const P = 0x50;
const LESS = 0x3c;

/** The fields of such a line have fixed places: one expression checks it, and its numbers are read by their index. */
function readUsual(text: string, start: number, limit: number, endLength: 1 | 2, context: ListContext, entries: Entry[]): number {
  let at = start;
  while (at < limit) {
    USUAL.lastIndex = at;
    if (!USUAL.test(text)) return at;
    const nameAt = USUAL.lastIndex;
    const end = endOfName(text, nameAt);
    const dateEnd = text.charCodeAt(at + 8) === SP ? at + 8 : at + 10;
    const timeEnd = dateEnd + TIME_WIDTH;
    if (end < 0 || nameAt !== timeEnd + COLUMN_WIDTH || (endLength === 2 && text.charCodeAt(end) !== CR)) return at;
    const year = dateEnd === at + 8 ? fullYear(twoDigits(text, at + 6), 2) : 100 * twoDigits(text, at + 6) + twoDigits(text, at + 8);
    const hour = (twoDigits(text, dateEnd + 2) % 12) + (text.charCodeAt(dateEnd + 7) === P ? 12 : 0);
    const time = context.calendar.local(year, twoDigits(text, at), twoDigits(text, at + 3), hour, twoDigits(text, dateEnd + 5), 0);
    if (Number.isNaN(time)) return at;
    context.aligned = true;
    const name = text.slice(nameAt, end);
    const modified = new Date(time);
    const raw = text.slice(at, end);
    if (text.charCodeAt(timeEnd + DIR_AT) === LESS) entries.push({ name, type: 'directory', modified, raw });
    else entries.push({ name, type: 'file', modified, raw, size: numberBefore(text, nameAt - 1) });
    at = end + endLength;
  }
  return at;
}

/**
 * Where the name begins. In the columns of IIS and `dir`, it may begin with a blank. A size ends where its column does; after a tag and too many blanks,
 * only another line shows that there are columns.
 */
function nameIn({ 0: front, groups = {} }: RegExpExecArray, context: ListContext): number {
  const { date = '', column = '', tag } = groups;
  const width = column.length + (tag === undefined ? 1 : AFTER_TAG);
  if (!WIDTHS.includes(width)) return front.length;
  if (tag === undefined || front.length === date.length + width) context.aligned = true;
  context.unsure = !context.aligned;
  return context.aligned ? date.length + width : front.length;
}

function tagged(entry: Draft, tag: string): Entry | undefined {
  if (tag === 'DIR') entry.type = 'directory';
  else if (tag === 'JUNCTION' || tag === 'SYMLINK' || tag === 'SYMLINKD') return linked(entry);
  else return undefined;
  return entry;
}

/** `name [target]`, as `dir` prints it, or `name -> target` and `name => target`, as some servers do. */
function linked(entry: Draft): Entry {
  entry.type = 'symlink';
  const { name } = entry;
  const bracket = name.endsWith(']') ? name.lastIndexOf(' [') : -1;
  const arrow = bracket > 0 ? bracket : name.search(/ [-=]> /);
  if (arrow <= 0) return entry;
  entry.name = name.slice(0, arrow);
  entry.target = bracket > 0 ? name.slice(bracket + 2, -1) : name.slice(arrow + 4);
  return entry;
}

/** The size may be in groups of three digits: `9,730`. */
function sized(entry: Draft, size: string): Entry | undefined {
  const digits = /^\d+$/.test(size) ? size : ungrouped(size);
  if (digits === undefined) return undefined;
  setSize(entry, Number(digits), digits);
  return entry;
}

function ungrouped(size: string): string | undefined {
  return /^\d{1,3}(?:([,.'])\d{3})(?:\1\d{3})*$/.test(size) ? size.replace(/\D/g, '') : undefined;
}

/** The month comes first, as IIS prints it, unless the first number is a year or above 12, or dots show that the day comes first. */
function timeOf(match: RegExpExecArray, calendar: Calendar): number {
  const [, , a = '', separator, b, c = '', hours, minute, second, half] = match;
  const hour = hourOf(Number(hours), half);
  if (a.length === 4) return c.length === 2 ? calendar.read(a, b, c, hour, minute, second) : Number.NaN;
  if (a.length === 3) return Number.NaN;
  return separator === '.' || Number(a) > 12 ? calendar.read(c, b, a, hour, minute, second) : calendar.read(c, a, b, hour, minute, second);
}

function hourOf(hour: number, half: string | undefined): number {
  if (half === undefined) return hour;
  if (hour < 1 || hour > 12) return Number.NaN;
  return (hour % 12) + (half.toLowerCase() === 'p' ? 12 : 0);
}
