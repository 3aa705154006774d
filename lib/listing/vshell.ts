import { setSize, type Draft } from './entry';
import type { ListFormat } from './format';
import { monthAt } from './months';

const LINE = /^[ \t]*(\d{1,30})[ \t]+([A-Za-z]{3}) (\d\d), (\d{4})[ \t]+(\d\d):(\d\d)[ \t]+(?=[^ \t])/;

/** Old VShell: size, date, time, name, and a slash behind a folder: `206876  Apr 04, 2000 21:06 name`. */
export const vshell: ListFormat = {
  name: 'vshell',
  parse(line, { calendar }) {
    const match = LINE.exec(line);
    if (match === null) return undefined;
    const [front, size = '', month = '', day, year, hour, minute] = match;
    const time = calendar.local(Number(year), monthAt(month, 0, month.length), Number(day), Number(hour), Number(minute));
    if (Number.isNaN(time)) return undefined;
    const name = line.slice(front.length);
    const isDirectory = name.length > 1 && name.endsWith('/');
    const entry: Draft = { name: isDirectory ? name.slice(0, -1) : name, type: isDirectory ? 'directory' : 'file', raw: line };
    setSize(entry, Number(size), size);
    entry.modified = new Date(time);
    return entry;
  },
};
