import { Columns } from './columns';
import type { Draft } from './entry';
import type { ListFormat } from './format';
import { skipBlanks } from './words';

const FRONT = /^[ \t]*([d-])[ \t]?\[([-RWCEAFMS]{7,8})\][ \t]+(?=[^ \t])/;

const columns = new Columns();

/** NetWare's trustee rights in place of a mode: `d [RWCEAFMS] jrd  512 Oct 21 2001 apps`; Hellsoft prints links too. */
export const netware: ListFormat = {
  name: 'netware',
  parse(line, { calendar }) {
    const match = FRONT.exec(line);
    if (match === null || !columns.read(line, match[0].length, calendar) || columns.count < 2) return undefined;
    const [, type, rights = ''] = match;
    const name = line.slice(skipBlanks(line, columns.name)); // padded by some versions
    const entry: Draft = { name, type: type === 'd' ? 'directory' : 'file', raw: line };
    columns.fill(entry, line);
    entry.permissions = rights;
    return entry;
  },
};
