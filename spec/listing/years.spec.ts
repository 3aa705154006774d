import { expect } from 'chai';
import { ArgumentError } from '../../lib/errors';
import { parseList } from '../../lib/listing/list-parser';

/** The time of a file whose line shows `date`, for a client that reads it at `now`. */
function modified(date: string, now: string, serverTimeZoneOffset = 0): string | undefined {
  const [entry] = parseList(`-rw-r--r-- 1 u g 1 ${date} f`, { now: new Date(now), serverTimeZoneOffset });
  return entry?.modified?.toISOString().slice(0, 16);
}

describe('a year that is not printed', () => {
  for (const [date, now, time] of [
    ['Nov 15 12:00', '2020-11-15T12:00Z', '2020-11-15T12:00'],
    ['Nov 16 12:00', '2020-11-15T12:00Z', '2020-11-16T12:00'],
    ['Nov 16 12:01', '2020-11-15T12:00Z', '2019-11-16T12:01'],
    ['Jan  1 00:30', '2020-12-31T23:00Z', '2021-01-01T00:30'],
    ['Dec 31 23:59', '2021-01-01T00:00Z', '2020-12-31T23:59'],
    ['Feb 29 10:00', '2020-03-01T00:00Z', '2020-02-29T10:00'],
    ['Feb 29 10:00', '2023-03-01T00:00Z', '2020-02-29T10:00'],
    ['Feb 29 10:00', '2024-02-28T11:00Z', '2024-02-29T10:00'],
    ['Feb 29 10:00', '2024-02-27T09:00Z', '2020-02-29T10:00'],
    ['Feb 29 10:00', '1903-03-01T00:00Z', '1896-02-29T10:00'], // 1900 was no leap year
    ['Feb 28 24:00', '2020-06-01T00:00Z', '2020-02-29T00:00'],
    ['Dec 31 24:00', '2020-06-01T00:00Z', '2020-01-01T00:00'],
  ] as const) {
    it(`${date}, read at ${now}, is ${time}`, () => expect(modified(date, now)).to.equal(time));
  }

  it('is told by the clock by default', () => {
    const [entry] = parseList('-rw-r--r-- 1 u g 1 Jan  1 00:00 f');
    const age = Date.now() - Number(entry?.modified);
    expect(age).to.be.within(-86_400_000, 366 * 86_400_000);
  });
});

describe('serverTimeZoneOffset', () => {
  it('is how far the times of a listing are ahead of UTC, in minutes', () => {
    expect(modified('Jun 15  2020', '2021-01-01', 120)).to.equal('2020-06-14T22:00');
    expect(modified('Jun 15 10:00', '2021-01-01', -300)).to.equal('2020-06-15T15:00');
  });

  it('also says which year it is there', () => {
    expect(modified('Jan  2 01:00', '2020-12-31T23:30Z', 120)).to.equal('2021-01-01T23:00');
    expect(modified('Jan  2 01:00', '2020-12-31T23:30Z')).to.equal('2020-01-02T01:00');
  });

  it('is nothing to MLSD and EPLF, which are UTC', () => {
    const [mlsd] = parseList('modify=20200615100000; f', { serverTimeZoneOffset: 120 });
    const [eplf] = parseList('+m824255907,r,\tf', { serverTimeZoneOffset: 120 });
    expect(mlsd?.modified?.toISOString()).to.equal('2020-06-15T10:00:00.000Z');
    expect(eplf?.modified?.getTime()).to.equal(824_255_907_000);
  });

  it('does not count where the zone is printed', () => {
    expect(modified('2005-03-02 18:06:12.000000000 +0130', '2020-01-01', 60)).to.equal('2005-03-02T16:36');
  });

  it('must be a number, and now a date', () => {
    expect(() => parseList('', { serverTimeZoneOffset: Number.NaN })).to.throw(ArgumentError);
    expect(() => parseList('', { now: new Date('nonsense') })).to.throw(ArgumentError);
  });
});
