import { fullYear } from './calendar';
import { setSize, type Draft, type Entry } from './entry';
import type { ListContext, ListFormat } from './format';
import { monthAt } from './months';

const VXWORKS = /^[ \t]*(\d{1,30})[ \t]+([A-Za-z]{3})-(\d\d)-(\d{4})[ \t]+(\d\d):(\d\d):(\d\d)[ \t]+(?=[^ \t])/;
const WFFTP = /^(\S{1,255})[ \t]+(\d{1,30})[ \t]+(\d\d)\/(\d\d)\/(\d\d)[ \t]+[A-Z][a-z]{2,4}\.?[ \t]+(\d\d):(\d\d):(\d\d)[ \t]*$/;
const FOLDER = /[ \t]+<DIR>[ \t]*$/;
const LONGEST = 1024;

/** Routers: VxWorks, `2048  Feb-28-1998  05:23:30  name <DIR>`, and wfFtp, `name  1014196  06/03/04  Thur.  10:20:03`. */
export const nortel: ListFormat = {
  name: 'nortel',
  parse(line, context) {
    return line.length > LONGEST ? undefined : (vxWorks(line, context) ?? wfFtp(line, context));
  },
};

function vxWorks(line: string, { calendar }: ListContext): Entry | undefined {
  const match = VXWORKS.exec(line);
  if (match === null) return undefined;
  const [front, size = '', month = '', day, year, hour, minute, second] = match;
  const time = calendar.local(Number(year), monthAt(month, 0, month.length), Number(day), Number(hour), Number(minute), Number(second));
  const name = line.slice(front.length);
  return entryOf(name.replace(FOLDER, ''), FOLDER.test(name) ? 'directory' : 'file', size, time, line);
}

function wfFtp(line: string, { calendar }: ListContext): Entry | undefined {
  const match = WFFTP.exec(line);
  if (match === null) return undefined;
  const [, name = '', size = '', month, day, year = '', hour, minute, second] = match;
  const time = calendar.local(fullYear(Number(year), 2), Number(month), Number(day), Number(hour), Number(minute), Number(second));
  return entryOf(name, 'file', size, time, line);
}

function entryOf(name: string, type: Entry['type'], size: string, time: number, line: string): Entry | undefined {
  if (Number.isNaN(time) || name === '') return undefined;
  const entry: Draft = { name, type, raw: line };
  setSize(entry, Number(size), size);
  entry.modified = new Date(time);
  return entry;
}
