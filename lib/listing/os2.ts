import { fullYear } from './calendar';
import { setSize, type Draft } from './entry';
import type { ListFormat } from './format';

const LINE =
  /^[ \t]*(\d{1,30})[ \t]+(?:(DIR|[RHSADC]{1,6})[ \t]+)?(?:(DIR)[ \t]+)?(\d{1,2})-(\d{1,2})-(\d{2,4})[ \t]+(\d{1,2}):(\d\d)[ \t]+(?=[^ \t])/;

/** IBM OS/2: size, attributes, date, time, name: `0  DIR  04-11-95   16:26  ADDRESS`; 02-11-103 is in 2003. */
export const os2: ListFormat = {
  name: 'os2',
  parse(line, { calendar }) {
    const match = LINE.exec(line);
    if (match === null) return undefined;
    const [front, size = '', attributes, directory, month, day, year = '', hour, minute] = match;
    const time = calendar.local(fullYear(Number(year), year.length), Number(month), Number(day), Number(hour), Number(minute));
    if (Number.isNaN(time)) return undefined;
    const isDirectory = attributes === 'DIR' || directory === 'DIR';
    const entry: Draft = { name: line.slice(front.length), type: isDirectory ? 'directory' : 'file', raw: line };
    setSize(entry, Number(size), size);
    entry.modified = new Date(time);
    return entry;
  },
};
