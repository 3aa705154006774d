import { expect } from 'chai';
import { usualEntry } from '../../lib/listing/unix';
import { Calendar } from '../../lib/listing/time';
import { parseList } from '../../lib/listing/list-parser';
import { describeSeed, random, type Random } from '../support/seed';

const NOW = Date.UTC(2024, 5, 1);
const LINES = 20_000;

const MODES = ['-rw-r--r--', 'drwxr-xr-x', 'drwxrwxrwt', 'lrwxrwxrwx', '-rwsr-Sr-T', 'crw-rw----', '-rw-r--r-', 'prw-r--r--', '-rw-r--r--+', '-rw-r--r--.', '-rw-r--r--x'];
const WORDS = ['0', '5', '12', '99', '1000', '2004', '0504', 'ftp', 'root', 'mar', 'May', 'jan.', 'sep,', 'web1', 'users20', 'a,', 'x,y', '2004-05-06', '5.', '17:30', '33k', '8,', 'DOMAIN\\u', 'größe', '-', '_www'];
const SIZES = ['0', '7', '12', '31', '2004', '123456', '999999999999999', '9999999999999999', '1,234', '-528', '4.0K', '17:30'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Dec', 'jan', 'Mai', 'Okt', 'Xyz', 'Juni'];
const DAYS = [' 1', '01', '29', '30', '31', '32', ' 0', '5', '17.', '5,'];
const TIMES = [' 2004', '2004', ' 1969', '00:17', '24:00', '24:01', '23:59', '9:30', '12:61', '10:00:05', '10:00:05 2004', ' 204'];
const NAMES = ['a', 'file.txt', 'two words', ' lead', '  lead', 'a -> b', 'a -> b -> c', ' -> b', 'trail ', '', ' ', 'May 01 10:00 x', '1 Jan 02  2003 x', '.', 'a\tb', 'größe', 'a\rb', 'Jan 05 10:00 y'];
const GAPS = [' ', ' ', ' ', '  ', '     ', '\t'];

describe('a usual line of ls -l', () => {
  it('is read by one expression, its date in either form', () => {
    const calendar = new Calendar(NOW, 0);
    expect(usualEntry('-rw-r--r--    1 1000     1000          123 Jan 25 00:17 a b', calendar)).to.include({ name: 'a b', size: 123, owner: '1000', permissions: 'rw-r--r--' });
    expect(usualEntry('drwxr-xr-x    2 ftp      ftp          4096 Apr  8  1994 d', calendar)?.modified).to.deep.equal(new Date('1994-04-08'));
  });

  it('is the same entry as by its columns', () => {
    const dice = random(42);
    let usual = 0;
    for (let n = 0; n < LINES; n++) {
      const line = lineOf(dice);
      if (usualEntry(line, new Calendar(NOW, 0))) usual += 1;
      // After a blank, a line is read by its columns.
      const [byColumns, asItIs] = [` ${line}`, line].map((text) => parseList(text, { now: NOW, format: 'unix', keepDots: true }).map(({ raw: _raw, ...entry }) => entry));
      expect(asItIs, `${JSON.stringify(line)} ${describeSeed(dice.seed)}`).to.deep.equal(byColumns);
    }
    expect(usual).to.be.above(LINES / 50);
  });
});

/** Each column is a usual one two times in three. */
function lineOf(dice: Random): string {
  const some = (usual: string, odd: readonly string[]): string => (dice.int(3) < 2 ? usual : dice.pick(odd));
  const owner = dice.pick(['1000', 'ftp', '0']);
  const columns = [some('-rw-r--r--', MODES), '1', some(owner, WORDS), some(owner, WORDS), some('4096', SIZES)];
  const left = columns.map((column) => column + dice.pick(GAPS)).join('');
  return `${left}${some('Jan', MONTHS)} ${some('05', DAYS)} ${some('10:00', TIMES)} ${some('name', NAMES)}`;
}
