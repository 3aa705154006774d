import { expect } from 'chai';
import { ArgumentError } from '../../lib/errors';
import { formatTime, parseTime } from '../../lib/listing/time';

describe('parseTime', () => {
  for (const [text, time] of [
    ['20200229123456', '2020-02-29T12:34:56.000Z'],
    ['19991231235959', '1999-12-31T23:59:59.000Z'],
    ['19691231235959', '1969-12-31T23:59:59.000Z'],
    ['20141022065102.999', '2014-10-22T06:51:02.999Z'],
    ['20141022065102.5', '2014-10-22T06:51:02.500Z'],
    ['20141022065102.123456789', '2014-10-22T06:51:02.123Z'],
    ['19100101120000', '1910-01-01T12:00:00.000Z'],
    ['191000101120000', '2000-01-01T12:00:00.000Z'], // the year is printed as 19 and 100
    ['191200229123456', '2020-02-29T12:34:56.000Z'],
    ['20161231235960', '2017-01-01T00:00:00.000Z'], // a leap second
    ['00000101000000', '0000-01-01T00:00:00.000Z'],
    ['99991231235959', '9999-12-31T23:59:59.000Z'],
  ] as const) {
    it(`${text} is ${time}`, () => expect(parseTime(text)?.toISOString()).to.equal(time));
  }

  for (const text of [
    '', '2020', '2020022912345', '202002291234567', '20200229123456Z', ' 20200229123456', '20200229123456 ', '20200229123456.', '20200229123456.x',
    '20190229123456', '20200001000000', '20201301000000', '20200100000000', '20200431000000', '20200101240000', '20200101006000', '20200101000061',
    'notadate', '-2020022912345', '2020-02-29T12:34', '20200229T123456', '201000101120000', `20200229123456.${'1'.repeat(100)}`,
  ]) {
    it(`${JSON.stringify(text)} is no time`, () => expect(parseTime(text)).to.equal(undefined));
  }
});

describe('formatTime', () => {
  it('is what parseTime reads', () => {
    for (const text of ['20200229123456', '19700101000000', '00010101000000', '99991231235959']) {
      expect(formatTime(parseTime(text) as Date)).to.equal(text);
    }
  });

  it('has fourteen digits only, which every server takes', () => expect(formatTime(new Date('2014-10-22T06:51:02.999Z'))).to.equal('20141022065102'));

  for (const date of [new Date(Number.NaN), new Date('+010000-01-01'), new Date('-000001-01-01')]) {
    it(`refuses the year of ${String(date)}`, () => expect(() => formatTime(date)).to.throw(ArgumentError));
  }
});
