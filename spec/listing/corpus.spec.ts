import { expect } from 'chai';
import { parseList } from '../../lib/listing/list-parser';
import { note } from '../support/summary';
import { problemsOf, records, type ListingRecord } from './corpus';
import { assertValidEntry } from './valid-entry';

/** Where clients contradict each other, and we side with the others, or with none. */
const OTHERWISE: Readonly<Record<string, string>> = {
  'filezilla-008': '33.5k is rounded, so there is no size',
  'fluentftp-069': '33.5k is rounded, so there is no size',
  'commons-net-225': 'a name of blanks only is not believed',
  'ftputil-024': 'ls prints targets for links only, so the arrow is in the name of the directory',
  'parse-listing-008': 'names that a server wrapped at column 80 are not put together',
  'aioftp-005': 'an unknown letter for the type is no listing of a Unix: jlaffaye and commons-net say the same',
};

const MUST = ['consensus', 'strict-agreed', 'locale-months'];
/** Some clients reject these, and others take what they can. */
const EITHER = ['lenient-parsers-accept', 'strict-one-source'];
const MUST_MOSTLY = ['unix', 'dos', 'mlsd', 'eplf', 'vms', 'mvs', 'os400', 'netware', 'other'];

describe('listings that clients are tested with', () => {
  const failures = new Map<ListingRecord, string[]>();
  before(() => {
    for (const record of records) {
      const problems = problemsOf(record);
      if (problems.length > 0) failures.set(record, problems);
    }
  });

  for (const tier of MUST) {
    it(`${tier}: every one`, () => {
      expect(shown(({ tier: its }) => its === tier)).to.deep.equal([]);
      expect(records.filter((record) => record.tier === tier)).to.not.be.empty;
    });
  }

  for (const format of MUST_MOSTLY) {
    it(`single-source, ${format}: at least 95 of a hundred`, () => {
      const all = records.filter((record) => record.tier === 'single-source' && record.format === format);
      const failed = shown((record) => all.includes(record));
      expect(failed.length, failed.join('\n')).to.be.at.most(all.length * 0.05);
    });
  }

  it('disputed: as the reasons in this file say', () => {
    expect([...failures.keys()].filter(({ tier }) => tier === 'disputed').map(({ id }) => id)).to.have.members(Object.keys(OTHERWISE));
  });

  it('what some take for an entry and some do not: whatever comes of it is valid', () => {
    for (const { raw, now, id } of records.filter(({ kind }) => kind === 'unparseable')) {
      for (const entry of parseList(raw, { now: new Date(now) })) assertValidEntry(entry, () => id);
    }
  });

  it('names its format as the records do', () => {
    const named = records.filter(({ format, tier }) => format !== 'other' && ['consensus', 'single-source'].includes(tier));
    const wrong = named.filter(({ raw, rawBase64, header, format, now, expected }) => {
      const listing = rawBase64 === undefined ? `${header ?? ''}\n${raw}` : Buffer.from(rawBase64, 'base64');
      const entries = parseList(listing, { now: new Date(now), keepDots: true, format: format as 'unix' });
      return entries.length !== expected.length;
    });
    expect(wrong.map(({ id }) => id)).to.deep.equal([]);
  });

  after(() => {
    const groups = new Map<string, { right: number; all: number }>();
    for (const record of records) {
      const key = `${record.tier}${EITHER.includes(record.tier) ? ' (either is right; rejected)' : ''}, ${record.format}`;
      const group = groups.get(key) ?? { right: 0, all: 0 };
      groups.set(key, { right: group.right + (failures.has(record) ? 0 : 1), all: group.all + 1 });
    }
    const lines = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, { right, all }]) => `${`${right}/${all}`.padStart(9)} ${key}`);
    note('measured', ['records of listings read as expected:', ...lines].join('\n'));
  });

  function shown(which: (record: ListingRecord) => boolean): string[] {
    return [...failures].filter(([record]) => which(record)).map(([{ id, raw }, problems]) => `${id} ${JSON.stringify(raw)}: ${problems.join('; ')}`);
  }
});
