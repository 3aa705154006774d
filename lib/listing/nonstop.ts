import { fullYear } from './calendar';
import { setSize, type Draft } from './entry';
import type { ListFormat } from './format';
import { monthAt } from './months';

const HEADER = /^[ \t]*File[ \t]+Code[ \t]+EOF[ \t]+Last Modification/i;
const LINE =
  /^[ \t]*([^ \t]{1,64})[ \t]+\d{1,5}[A-Z+]?[ \t]+(\d{1,30})[ \t]+(\d{1,2})-([A-Za-z]{3})-(\d{2}|\d{4})[ \t]+(\d\d):(\d\d):(\d\d)[ \t]+(\d{1,3},[ \t]*\d{1,3})[ \t]+"?([^"]{1,16})"?[ \t]*$/;
const LONGEST = 512;

/** HP NonStop (Guardian): name, code, size, date, time, group and user, security: `FILE1 101 528 12-Jan-14 14:21:18 255, 0 "oooo"`. */
export const nonstop: ListFormat = {
  name: 'nonstop',
  parse(line, { calendar }) {
    if (line.length > LONGEST) return undefined;
    if (HEADER.test(line)) return 'header';
    const match = LINE.exec(line);
    if (match === null) return undefined;
    const [, name = '', size = '', day, month = '', year = '', hour, minute, second, owner, permissions] = match;
    const date = [fullYear(Number(year), year.length), monthAt(month, 0, month.length), Number(day)] as const;
    const time = calendar.local(...date, Number(hour), Number(minute), Number(second));
    if (Number.isNaN(time)) return undefined;
    const entry: Draft = { name, type: 'file', raw: line };
    setSize(entry, Number(size), size);
    entry.modified = new Date(time);
    if (permissions !== undefined) entry.permissions = permissions;
    if (owner !== undefined) entry.owner = owner;
    return entry;
  },
};
