import { parseList } from '../../lib/listing/list-parser';
import { describeSeed, random } from '../support/seed';
import { note } from '../support/summary';
import { singleLines } from './corpus';
import { assertValidEntry } from './valid-entry';

const INSERTED = ['\r', '\n', ' ', '\t', '\0'];
const MIXTURES = 2;

describe('a line with bytes put into it', () => {
  it('gives no invalid field, whatever comes of it', () => {
    const { seed, int, pick } = random(659);
    let cases = 0;
    for (const { raw, now, id } of singleLines) {
      const options = { now: new Date(now) };
      for (let at = 0; at <= raw.length; at++) {
        const repeated = INSERTED.map((character) => character.repeat(1 + int(5)));
        const mixed = Array.from({ length: MIXTURES }, () => Array.from({ length: 1 + int(5) }, () => pick(INSERTED)).join(''));
        for (const insertion of [...repeated, ...mixed]) {
          cases++;
          const broken = raw.slice(0, at) + insertion + raw.slice(at);
          for (const entry of parseList(broken, options)) {
            assertValidEntry(entry, () => `${id} ${JSON.stringify(broken)} ${describeSeed(seed)}`);
          }
        }
      }
    }
    note('measured', `bytes put into lines: ${cases} lines of ${singleLines.length} records`);
  });
});
