import { expect } from 'chai';
import { dos } from '../../lib/listing/dos';
import type { Entry } from '../../lib/listing/entry';
import type { ListContext, ListFormat } from '../../lib/listing/format';
import { parseList } from '../../lib/listing/list-parser';
import { mlsx } from '../../lib/listing/mlsx';
import { Calendar } from '../../lib/listing/time';
import { unix } from '../../lib/listing/unix';
import { describeSeed, random, type Random } from '../support/seed';

const NOW = Date.UTC(2024, 5, 1);
const LINES = 20_000;
const LISTINGS = 1000;
const LONGEST_LISTING = 30;

const MODES = ['-rw-r--r--', 'drwxr-xr-x', 'drwxrwxrwt', 'lrwxrwxrwx', '-rwsr-Sr-T', 'crw-rw----', '-rw-r--r-', 'prw-r--r--', '-rw-r--r--+', '-rw-r--r--.', '-rw-r--r--x'];
const WORDS = ['0', '5', '12', '99', '1000', '2004', '0504', 'ftp', 'root', 'mar', 'May', 'jan.', 'sep,', 'web1', 'users20', 'a,', 'x,y', '2004-05-06', '5.', '17:30', '33k', '8,', 'DOMAIN\\u', 'größe', '-', '_www'];
const SIZES = ['0', '7', '12', '31', '2004', '123456', '999999999999999', '9999999999999999', '1,234', '-528', '4.0K', '17:30'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Dec', 'jan', 'Mai', 'Okt', 'Xyz', 'Juni'];
const DAYS = [' 1', '01', '29', '30', '31', '32', ' 0', '5', '17.', '5,'];
const TIMES = [' 2004', '2004', ' 1969', '00:17', '24:00', '24:01', '23:59', '9:30', '12:61', '10:00:05', '10:00:05 2004', ' 204'];
const NAMES = ['a', 'file.txt', 'two words', ' lead', '  lead', 'a -> b', 'a -> b -> c', ' -> b', 'trail ', '', ' ', 'May 01 10:00 x', '1 Jan 02  2003 x', '.', '..', '.. -> b', 'a\tb', 'größe', 'a\rb', 'Jan 05 10:00 y'];
const GAPS = [' ', ' ', ' ', '  ', '     ', '\t'];

const DOS_DATES = ['04-06-00', '12-31-1999', '02/29/2004', '02-29-03', '13-01-20', '25-12-10', '00-10-10', '2002-09-02', '04.06.00', '4-6-00', '04-06/00', '04-06-200'];
const DOS_TIMES = ['12:00AM', '12:59PM', '00:10AM', '13:00PM', '03:60AM', '03:47pm', '03:47P', ' 3:47PM', '18:48', '03:47:12PM'];
const DOS_COLUMNS = ['<DIR>          ', '<DIR>         ', '<DIR>           ', '<JUNCTION>     ', '<dir>          ', '0 ', '4,096 ', '999999999999999 ', '9999999999999999 ', '12345678901234567890 ', '5  '];
const FACTS = ['type=file;', 'type=dir;', 'Type=cdir;', 'type=pdir;', 'type=OS.unix=symlink:/a b;', 'type=;', 'size=12;', 'size=x;', 'modify=20190102030405;', 'modify=20191302030405;', 'UNIX.owner=a\rb;', 'UNIX.mode=0644;', 'perm=adfrw;', 'x;', '=;'];
const LATIN1 = { encode: (text: string) => Buffer.from(text, 'latin1'), decode: (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1') };
const LINE_ENDS = ['\n', '\r\r\n', '\r\r\r\n', '\r\n\r\n', '\0\r\n'];

/** The formats by their names, and how a line of each is made; every column is a usual one in most lines. */
const FORMATS: readonly (readonly [ListFormat, (dice: Random) => string])[] = [
  [unix, lineOf],
  [dos, dosLineOf],
  [mlsx, (dice) => `${Array.from({ length: dice.int(5) }, () => dice.pick(FACTS)).join('')} ${dice.int(3) < 2 ? 'name' : dice.pick(NAMES)}`],
];

describe('a usual line', () => {
  it('of ls -l has its date in either form', () => {
    expect(usual(unix, '-rw-r--r--    1 1000     1000          123 Jan 25 00:17 a b')).to.include({ name: 'a b', size: 123, owner: '1000', permissions: 'rw-r--r--' });
    expect(usual(unix, 'drwxr-xr-x    2 ftp      ftp          4096 Apr  8  1994 d')?.modified).to.deep.equal(new Date('1994-04-08'));
  });

  it('is none of the folder itself and its parent, not even as links', () => {
    const line = 'lrwxrwxrwx    1 ftp      ftp             7 Apr  8  1994';
    for (const name of ['.', '..', '. -> a', '.. -> a']) expect(usual(unix, `${line} ${name}`), name).to.equal(undefined);
    expect(usual(unix, `${line} ... -> a`)).to.include({ name: '...', target: 'a' });
  });

  it('of IIS is a file or a directory', () => {
    expect(usual(dos, '04-06-00  03:47PM                  589 a  b')).to.deep.include({ name: 'a  b', size: 589, modified: new Date('2000-04-06T15:47:00Z') });
    expect(usual(dos, '04-06-2000  12:47AM       <DIR>          d')).to.deep.include({ name: 'd', type: 'directory', modified: new Date('2000-04-06T00:47:00Z') });
  });

  it('of IIS shows that names begin in one column, which a line of another width does not show', () => {
    const folder = '04-06-00  03:47PM       <DIR>           lead';
    const namesAfter = (size: string): (string | undefined)[] => parseList([1, 2].map((n) => `04-06-00  03:47PM${size} ${n}`).concat(folder).join('\r\n')).map(({ name }) => name);
    expect(namesAfter('589'.padStart(21))).to.deep.equal(['1', '2', ' lead']);
    expect(namesAfter('589'.padStart(16))).to.deep.equal(['1', '2', 'lead']);
  });

  for (const [format, make] of FORMATS.slice(0, 2)) {
    it(`of the format ${format.name} is the same entry as by the rules for all lines`, () => {
      const dice = random(42);
      let count = 0;
      for (let n = 0; n < LINES; n++) {
        const line = make(dice);
        if (usual(format, line)) count += 1;
        // A line that begins with a blank is no usual one.
        const [byRules, asItIs] = [` ${line}`, line].map((text) => parseList(text, { now: NOW, format: format.name, keepDots: true }).map(({ raw: _raw, ...entry }) => entry));
        expect(asItIs, `${JSON.stringify(line)} ${describeSeed(dice.seed)}`).to.deep.equal(byRules);
      }
      expect(count).to.be.above(LINES / 50);
    });
  }

  for (const [format, make] of FORMATS) {
    it(`of the format ${format.name} is the same entry among other lines`, () => {
      const dice = random(43);
      for (let n = 0; n < LISTINGS; n++) {
        const lines = Array.from({ length: dice.int(LONGEST_LISTING) }, () => (dice.int(20) === 0 ? 'total 7' : make(dice)) + (dice.int(20) === 0 ? dice.pick(LINE_ENDS) : '\r\n'));
        const text = lines.join('').replace(/[^\0-\xff]/g, '?');
        // Lines in an encoding of the caller's are read one by one.
        const [byLine, asOne] = [Buffer.from(text, 'latin1'), text].map((listing) => {
          const unparsed: string[] = [];
          return [parseList(listing, { now: NOW, encoding: LATIN1, keepDots: n % 2 === 0, onUnparsed: (line) => void unparsed.push(line) }), unparsed];
        });
        expect(asOne, `${JSON.stringify(text)} ${describeSeed(dice.seed)}`).to.deep.equal(byLine);
      }
    });
  }
});

function usual(format: ListFormat, line: string): Entry | undefined {
  const text = `before\n${line}\r\n`;
  const last = { columns: '', permissions: '', owner: '', group: '' };
  const context: ListContext = { calendar: new Calendar(NOW, 0), given: true, settled: true, aligned: false, unsure: false, header: undefined, last, days: new Map() };
  const entries: Entry[] = [];
  return format.readUsual?.(text, 7, text.length, 2, context, entries) === text.length ? entries[0] : undefined;
}

function dosLineOf(dice: Random): string {
  const some = (usual: string, odd: readonly string[]): string => (dice.int(5) < 4 ? usual : dice.pick(odd));
  const column = dice.int(2) === 0 ? some('       <DIR>          ', DOS_COLUMNS) : some(dice.pick(['4096 ', '0 ', '123456789012 ']), DOS_COLUMNS).padStart(dice.int(5) < 4 ? 22 : 17);
  return `${some(dice.pick(['04-06-00', '12/31/1999']), DOS_DATES)}  ${some(dice.pick(['03:47PM', '12:05AM']), DOS_TIMES)}${column}${some('name', NAMES)}`;
}

/** Each column is a usual one two times in three. */
function lineOf(dice: Random): string {
  const some = (usual: string, odd: readonly string[]): string => (dice.int(3) < 2 ? usual : dice.pick(odd));
  const owner = dice.pick(['1000', 'ftp', '0']);
  const columns = [some('-rw-r--r--', MODES), '1', some(owner, WORDS), some(owner, WORDS), some('4096', SIZES)];
  const left = columns.map((column) => column + dice.pick(GAPS)).join('');
  return `${left}${some('Jan', MONTHS)} ${some('05', DAYS)} ${some('10:00', TIMES)} ${some('name', NAMES)}`;
}
