import { Columns } from './columns';
import { setSize, type Draft } from './entry';
import type { ListFormat } from './format';
import { numberAt } from './words';

/** Ten flags and the protocol that brought the batch; then binary or ASCII, the mailbox, and the batch's number. */
const FRONT = /^[-A-Z]{10}[A-Z]{3,4}[ \t]+[A-Z][ \t]+(?=[^ \t])/;

const columns = new Columns();

/** Sterling Connect:Enterprise: `-C--E-----FTP B QUA1I1      18128       41 Aug 12 13:56 QUADTEST`. */
export const enterprise: ListFormat = {
  name: 'enterprise',
  parse(line, { calendar }) {
    const match = FRONT.exec(line);
    if (match === null || !columns.read(line, match[0].length, calendar)) return undefined;
    if (columns.count !== 3 || columns.size < 0 || numberAt(line, columns.start(1), columns.end(1)) < 0) return undefined;
    const entry: Draft = { name: line.slice(columns.name), type: 'file', modified: new Date(columns.time), raw: line };
    setSize(entry, columns.size, columns.sizeText);
    entry.owner = columns.word(line, 0);
    entry.group = columns.word(line, 1);
    return entry;
  },
};
