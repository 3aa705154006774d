import { expect } from 'chai';
import { parseList } from '../../lib/listing/list-parser';

describe('a DOS listing', () => {
  it('has every column', () => {
    const line = '04-06-00  03:47PM                  589 a  b';
    expect(parseList(line)).to.deep.equal([{ name: 'a  b', type: 'file', size: 589, modified: new Date('2000-04-06T15:47:00Z'), raw: line }]);
  });

  for (const [date, time] of [
    ['04-06-00  03:47PM', '2000-04-06T15:47'],
    ['04-06-2000  03:47PM', '2000-04-06T15:47'],
    ['06/25/07  01:08PM', '2007-06-25T13:08'],
    ['2002-09-02  18:48', '2002-09-02T18:48'],
    ['02.09.2002  18:48', '2002-09-02T18:48'],
    ['25-12-10  18:48', '2010-12-25T18:48'],
    ['10/3/2018   2:58 PM', '2018-10-03T14:58'],
    ['11-02-17    4:54AM', '2017-11-02T04:54'],
    ['12-25-10  12:00AM', '2010-12-25T00:00'],
    ['12-25-10  12:00PM', '2010-12-25T12:00'],
    ['12-25-10  02:12p', '2010-12-25T14:12'],
    ['12-25-10  14:12:13', '2010-12-25T14:12'],
    ['01-06-69  02:42AM', '1969-01-06T02:42'],
    ['01-06-68  02:42AM', '2068-01-06T02:42'],
  ] as const) {
    it(`reads the date ${date}`, () => {
      const [entry] = parseList(`${date}       <DIR>          My Documents`);
      expect(entry).to.include({ name: 'My Documents', type: 'directory' }).and.not.have.property('size');
      expect(entry?.modified?.toISOString().slice(0, 16)).to.equal(time);
    });
  }

  for (const [size, bytes] of [['0', 0], ['9,730', 9730], ['9.730', 9730], ["1'234'567", 1_234_567], ['34,357,838,368', 34_357_838_368]] as const) {
    it(`reads the size ${size}`, () => expect(parseList(`04-06-00  03:47PM  ${size} a`)[0]?.size).to.equal(bytes));
  }

  for (const [tail, target] of [['<JUNCTION>     a', undefined], ['<JUNCTION>     a => foo', 'foo'], ['<JUNCTION>     a -> bar too', 'bar too'], ['<SYMLINKD>     a [C:\\b [1]]', '1]']] as const) {
    it(`takes ${JSON.stringify(tail)} for a link`, () => {
      const [entry] = parseList(`04-06-00  03:47PM       ${tail}`);
      expect(entry?.type).to.equal('symlink');
      expect(entry?.target).to.equal(target);
    });
  }

  const IIS = ['04-27-00  09:09PM       <DIR>          pub', '04-27-00  09:09PM       <DIR>           lead dir', '04-14-00  03:47PM                  589  lead.txt', '04-14-00  03:47PM                  589 b'];
  const DIR = ['04/27/2000  09:09 PM    <DIR>          pub', '04/27/2000  09:09 PM    <DIR>           lead dir', '04/14/2000  03:47 PM               589  lead.txt', '04/14/2000  03:47 PM               589 b'];
  for (const [what, lines] of [['IIS', IIS], ['IIS with years of four digits', IIS.map((line) => line.replace('-00', '-2000'))], ['dir', DIR]] as const) {
    it(`keeps the blank that a name begins with, in the columns of ${what}`, () => {
      expect(parseList(lines.join('\r\n')).map(({ name }) => name)).to.deep.equal(['pub', ' lead dir', ' lead.txt', 'b']);
      expect(parseList(lines[2] as string)[0]?.name).to.equal(' lead.txt');
      const sorted = [lines[1], lines[1]?.replace('lead', 'read'), lines[2], lines[3], lines[0]].join('\r\n');
      expect(parseList(sorted).map(({ name }) => name)).to.deep.equal([' lead dir', ' read dir', ' lead.txt', 'b', 'pub']);
    });
  }

  it('takes no blank for a part of a name where nothing shows that there are columns', () => {
    for (const line of ['12-03-96  06:38PM       <DIR>           10 years', '11-02-17   01:23       1      10 years', '05-11-20   22:11  <DIR>       10 years']) expect(parseList(line)[0]?.name, line).to.equal('10 years');
    const lines = ['12-03-96  06:38PM       <DIR>           10 years', '12-03-96  06:38PM  12 b', '12-03-96  06:38PM       <DIR>           c'];
    expect(parseList(lines.join('\n')).map(({ name }) => name)).to.deep.equal(['10 years', 'b', 'c']);
    expect(parseList(Buffer.from(`${lines[0]}\xe9\r\n`, 'latin1'))[0]?.name).to.equal('10 years\xe9');
  });

  it('passes over what dir prints around it', () => {
    const unparsed: string[] = [];
    const listing = [
      ' Volume in drive C is SYSTEM', ' Volume Serial Number is 1234-5678', '', ' Directory of C:\\pub', '', '04/06/2000  03:47 PM    <DIR>          .',
      '04/06/2000  03:47 PM               589 a', '               1 File(s)            589 bytes', '               1 Dir(s)  34,357,838,368 bytes free', '',
    ].join('\r\n');
    expect(parseList(listing, { onUnparsed: (line) => void unparsed.push(line) }).map(({ name }) => name)).to.deep.equal(['a']);
    expect(unparsed).to.deep.equal([]);
  });

  for (const line of [
    '04-06-00  03:47PM                  589', '04-06-00  03:47PM       <DIR>', '04-06-00  03:47PM       <WHAT>  a', '04-06-00  03:47PM       a', '13-32-00  03:47PM  1 a',
    '02-30-00  03:47PM  1 a', '04-06-00  13:47PM  1 a', '04-06-00  00:47AM  1 a', '04-06-00  24:01  1 a', '04-06-00  03:60  1 a', '04-06-00  03:47PM  -1 a', '04-06-00  03:47PM  1,23 a',
    '04-06-00  03:47PM  1,234.567 a', '04/06-00  03:47PM  1 a', '04-FEB-00  03:47PM  1 a',
  ]) {
    it(`takes no entry from ${JSON.stringify(line)}`, () => expect(parseList(line)).to.deep.equal([]));
  }
});
