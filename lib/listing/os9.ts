import { fullYear } from './calendar';
import { setSize, type Draft } from './entry';
import type { ListFormat } from './format';

const LINE = /^[ \t]*(\d{1,5})\.(\d{1,5})[ \t]+(\d\d)\/(\d\d)\/(\d\d)[ \t]+(\d\d)(\d\d)[ \t]+([d-])([-serw]{7})[ \t]+[0-9A-Fa-f]+[ \t]+(\d{1,30})[ \t]+(?=[^ \t])/;

/** Microware OS-9: group.user, year first, time, mode, sector, size: `20.20 07/03/29 1026 d-ewrewr 2650 85920 name`. */
export const os9: ListFormat = {
  name: 'os9',
  parse(line, { calendar }) {
    const match = LINE.exec(line);
    if (match === null) return undefined;
    const [front, group = '', owner = '', year, month, day, hour, minute, type, permissions = '', size = ''] = match;
    const time = calendar.local(fullYear(Number(year), 2), Number(month), Number(day), Number(hour), Number(minute));
    if (Number.isNaN(time)) return undefined;
    const entry: Draft = { name: line.slice(front.length), type: type === 'd' ? 'directory' : 'file', raw: line };
    setSize(entry, Number(size), size);
    entry.modified = new Date(time);
    entry.permissions = permissions;
    entry.owner = owner;
    entry.group = group;
    return entry;
  },
};
