// The listings of OS/400, now IBM i: `PEP  4019 04/03/18 18:58:16 *STMF  name`.

import { type Draft, type Entry, type EntryType, setSize } from '../entry';
import type { ListFormat } from '../format';
import { type Calendar, fullYear, utc } from '../time';
import { unix } from '../unix';
import { withoutEnd } from '../words';

/** An object: owner, size, date, time, type, name. A member has neither size nor date. */
const OBJECT =
  /^([^ \t]{1,32})[ \t]+(\d{1,30})[ \t]+(\d{2}|\d{4})([/.-])(\d\d)\4(\d\d)[ \t]+(\d\d):(\d\d):(\d\d)[ \t]+\*([A-Z0-9]{1,10})[ \t]+(?=[^ \t])/;
const MEMBER = /^([^ \t]{1,32})[ \t]+\*MEM[ \t]+(?=[^ \t])/;

/** What a name is padded with. */
const BLANKS = ' \t\n';

const TYPES: Readonly<Record<string, EntryType>> = {
  DIR: 'directory',
  DDIR: 'directory',
  FLR: 'directory',
  LIB: 'directory',
  STMF: 'file',
  DSTMF: 'file',
  FILE: 'file',
  DOC: 'file',
  SYMLNK: 'symlink',
};

/** Objects and members, and the lines of `ls -l`, which the server prints after SITE LISTFMT 1. */
export const os400: ListFormat = {
  name: 'os400',
  parse(line, context) {
    const member = MEMBER.exec(line);
    if (member !== null) return { name: withoutEnd(line.slice(member[0].length), BLANKS), type: 'file', owner: member[1] ?? '', raw: line };
    const match = OBJECT.exec(line);
    if (match === null) return unix.parse(line, context);
    return fromObject(match, line, context.calendar);
  },
};

function fromObject(match: RegExpExecArray, line: string, calendar: Calendar): Entry | undefined {
  const [front, owner = '', size = '', a = '', separator, b, c, hour, minute, second, kind = ''] = match;
  const timeOfDay = utc(1970, 1, 1, Number(hour), Number(minute), Number(second));
  if (Number.isNaN(timeOfDay)) return undefined;
  const name = baseName(withoutEnd(line.slice(front.length), BLANKS));
  if (name === '') return undefined;
  const entry: Draft = { name, type: TYPES[kind] ?? 'other', raw: line };
  setSize(entry, Number(size), size);
  const time = dayOf(a, Number(b), Number(c), separator, calendar) + timeOfDay;
  if (!Number.isNaN(time)) entry.modified = new Date(time);
  entry.owner = owner;
  return entry;
}

/** The midnight of that day; NaN where several days are possible: the order of the three numbers depends on the date format of the server's job, which no line shows. */
function dayOf(first: string, b: number, c: number, separator: string | undefined, calendar: Calendar): number {
  const a = Number(first);
  if (first.length === 4) return calendar.local(a, b, c);
  const days = [calendar.local(fullYear(c, 2), b, a)];
  if (separator !== '.') days.push(calendar.local(fullYear(a, 2), b, c), calendar.local(fullYear(c, 2), a, b));
  const [day = Number.NaN] = days.filter((each) => !Number.isNaN(each));
  return days.every((each) => Number.isNaN(each) || each === day) ? day : Number.NaN;
}

/** The name without its path, which the server prints where the path was asked for. */
function baseName(path: string): string {
  const name = path.endsWith('/') ? path.slice(0, -1) : path;
  return name.slice(name.lastIndexOf('/') + 1);
}
