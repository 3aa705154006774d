import type { Draft } from './entry';
import { setSize } from './entry';
import type { ListFormat } from './format';
import { lettersOf } from './permissions';
import { isAllBlank, numberAt } from './words';

const LONGEST_FACTS = 1024;
const LATEST = 8.64e12; // seconds: the range of Date

/** EPLF of publicfile and anonftpd: `+i8388621.48594,m825718503,r,s280,` TAB `name` (cr.yp.to/ftp/list/eplf.html). */
export const eplf: ListFormat = {
  name: 'eplf',
  parse(line) {
    if (!line.startsWith('+')) return undefined;
    const end = line.indexOf('\t');
    if (end < 0 || end > LONGEST_FACTS || isAllBlank(line, end + 1)) return undefined;
    const entry: Draft = { name: line.slice(end + 1), type: 'other', raw: line };
    for (const fact of line.slice(1, end).split(',')) take(entry, fact);
    return entry;
  },
};

function take(entry: Draft, fact: string): void {
  const value = fact.slice(1);
  const number = numberAt(fact, 1, fact.length);
  switch (fact.charAt(0)) {
    case '/':
      entry.type = 'directory';
      break;
    case 'r':
      if (entry.type === 'other') entry.type = 'file'; // what can be entered and fetched is a directory that the server packs
      break;
    case 's':
      if (number >= 0) setSize(entry, number, value);
      break;
    case 'm':
      if (number >= 0 && number <= LATEST) entry.modified = new Date(number * 1000);
      break;
    case 'u': {
      const letters = value.startsWith('p') ? lettersOf(value.slice(1)) : undefined;
      if (letters !== undefined) entry.permissions = letters;
    }
  }
}
