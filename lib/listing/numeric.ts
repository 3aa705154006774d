import { setSize, type Draft, type EntryType } from './entry';
import type { ListFormat } from './format';
import { lettersOf } from './permissions';

const LINE = /^[ \t]*(0[0-7]{5,6})[ \t]+(\d{1,10})[ \t]+(\d{1,10})[ \t]+(\d{1,30})[ \t]+(\d{1,12})[ \t](?=.*[^ \t])/s;

/** The bits of the mode that tell the type (POSIX's S_IFMT). */
const TYPES: Readonly<Record<number, EntryType>> = { 0o10: 'file', 0o4: 'directory', 0o12: 'symlink' };

/** What stat(2) gives, as numbers: mode, user, group, size, seconds since 1970: `0100644  500  101  12345  123456789 name`. */
export const numeric: ListFormat = {
  name: 'numeric',
  parse(line) {
    const match = LINE.exec(line);
    if (match === null) return undefined;
    const [front, mode = '', owner = '', group = '', size = '', seconds] = match;
    const name = line.slice(front.length).replace(/^[ \t]+/, '');
    const entry: Draft = { name, type: TYPES[Number.parseInt(mode, 8) >> 12] ?? 'other', raw: line };
    setSize(entry, Number(size), size);
    entry.modified = new Date(Number(seconds) * 1000);
    const permissions = lettersOf(mode);
    if (permissions !== undefined) entry.permissions = permissions;
    entry.owner = owner;
    entry.group = group;
    return entry;
  },
};
