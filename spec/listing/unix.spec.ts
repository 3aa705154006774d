import { expect } from 'chai';
import type { Entry } from '../../lib/listing/entry';
import { parseList } from '../../lib/listing/list-parser';

const now = new Date('2016-06-15T12:00:00Z');

function read(line: string): Entry {
  const entries = parseList(line, { now });
  expect(entries, line).to.have.lengthOf(1);
  return entries[0] as Entry;
}

describe('a Unix listing', () => {
  it('has every column', () => {
    expect(read('-rwsr-xr-t+  1 root     wheel    531 Jan 29 03:26 a  b')).to.deep.equal({
      name: 'a  b',
      type: 'file',
      size: 531,
      modified: new Date('2016-01-29T03:26:00Z'),
      permissions: 'rwsr-xr-t',
      owner: 'root',
      group: 'wheel',
      raw: '-rwsr-xr-t+  1 root     wheel    531 Jan 29 03:26 a  b',
    });
  });

  for (const [mode, type, permissions] of [['drw-r--rw', 'directory', 'rw-r--rw-'], ['-rw-r--rw', 'file', 'rw-r--rw-'], ['rw-r--r--', 'file', 'rw-r--r--'], ['rwxr-xr-x', 'file', 'rwxr-xr-x']] as const) {
    it(`reads a mode of nine letters, ${mode}`, () => {
      const line = `${mode}   1 root     root   0 Apr 21 19:31 a b`;
      expect(read(line)).to.include({ name: 'a b', type, permissions, size: 0, owner: 'root', raw: line });
    });
  }

  it('reads the names that begin with a blank from IIS', () => {
    expect(read('drwxrwxrwx   1 owner    group               0 Nov 13  2003  lead').name).to.equal(' lead');
    expect(read('-rwxrwxrwx   1 owner    group             123 May  8  3:45  lead').name).to.equal(' lead');
  });

  for (const [letter, type] of Object.entries({ '-': 'file', d: 'directory', l: 'symlink', c: 'other', b: 'other', p: 'other', s: 'other', D: 'other' })) {
    it(`calls ${letter} a ${type}`, () => expect(read(`${letter}rw-r--r-- 1 u g 0 Jan 1 2016 a`).type).to.equal(type));
  }

  for (const [date, time] of [
    ['Apr  8  1994', '1994-04-08T00:00'],
    ['Apr 8 1994', '1994-04-08T00:00'],
    ['Jul 10  1:40', '2015-07-10T01:40'],
    ['Oct 08, 2002 09:47', '2002-10-08T09:47'],
    ['Mar  2 18:06:12 2005', '2005-03-02T18:06'],
    ['2005-06-07 21:22', '2005-06-07T21:22'],
    ['1999/10/12 17:12', '1999-10-12T17:12'],
    ['24-04-2003 17:12', '2003-04-24T17:12'],
    ['04-24-2003 17:12', '2003-04-24T17:12'],
    ['24.04.2003 17:12', '2003-04-24T17:12'],
    ['09-26 13:45', '2015-09-26T13:45'],
    ['3 29 03:26', '2016-03-29T03:26'],
    ['01-jun-99', '1999-06-01T00:00'],
    ['02 Mar 16:27', '2016-03-02T16:27'],
    ['01 oct 2004', '2004-10-01T00:00'],
    ['2.   Okt.  2003', '2003-10-02T00:00'],
    ['30. Jan., 12:40', '2016-01-30T12:40'],
    ['szept 26 20:10', '2015-09-26T20:10'],
    ['févr. 29  2012', '2012-02-29T00:00'],
    ['23 мая 2011', '2011-05-23T00:00'],
    ['8月 17日 20:10', '2015-08-17T20:10'],
    ['6月 3日 2003年', '2003-06-03T00:00'],
    ['2005년  1월  6일', '2005-01-06T00:00'],
    ['Jan  1 00:0', '2016-01-01T00:00'],
  ] as const) {
    it(`reads the date ${date}`, () => {
      const entry = read(`-rw-r--r--   1 root     other        531 ${date} a name`);
      expect(entry).to.include({ name: 'a name', size: 531, owner: 'root', group: 'other' });
      expect(entry.modified?.toISOString().slice(0, 16)).to.equal(time);
    });
  }

  for (const [columns, owner, group] of [
    ['1 root     other', 'root', 'other'],
    ['1 root         ', 'root', undefined],
    ['1      200     ', undefined, '200'],
    ['               folder', 'folder', undefined],
    ['1 500      500', '500', '500'],
    ['1', undefined, undefined],
    ['foo@host foo@host', 'foo@host', 'foo@host'],
    ['1 Domain Use       33', 'Domain Use', '33'],
    ['1 1317       Domain  Use', '1317', 'Domain  Use'],
    ['1 (?)      (?)', '(?)', '(?)'],
  ] as const) {
    it(`tells owner and group of ${JSON.stringify(columns)}`, () => {
      const entry = read(`-rw-r--r-- ${columns}  531 Jan 29 03:26 a`);
      expect(entry.size).to.equal(531);
      expect([entry.owner, entry.group]).to.deep.equal([owner, group]);
    });
  }

  for (const [size, bytes] of [['5000000000', 5e9], ['1,234,567', 1_234_567], ['-528', undefined], ['33.5k', undefined], ['8,   0', undefined], ['10,7', undefined]] as const) {
    it(`reads the size ${size} as ${String(bytes)}`, () => {
      const entry = read(`-rw-r--r-- 1 u g ${size} Jan 29 03:26 a`);
      expect(entry).to.include({ name: 'a', owner: 'u', group: 'g' });
      expect(entry.size).to.equal(bytes);
    });
  }

  it('keeps the digits of a size that no number can hold', () => {
    const entry = read('-rw-r--r-- 1 u g 18446744073709551615 Nov 16  2006 a');
    expect(entry).to.not.have.property('size');
    expect(entry.facts).to.deep.equal({ size: '18446744073709551615' });
    expect(read(`-rw-r--r-- 1 u g ${Number.MAX_SAFE_INTEGER} Nov 16  2006 a`).size).to.equal(Number.MAX_SAFE_INTEGER);
  });

  it('takes no size from a group that it ran into', () => {
    expect(read('-rw-r--r-- 1 ftpadmin ftpadmin125435904 Apr  9  2008 a')).to.include({ name: 'a', owner: 'ftpadmin' }).and.not.have.any.keys('size', 'group');
    expect(read('-rw-r--r-- ftp ftp2 Apr  9  2008 a')).to.include({ name: 'a', owner: 'ftp' }).and.not.have.any.keys('size');
  });

  it('may have inode and blocks in front, or a blank', () => {
    for (const front of [' ', '  ', '1234 ', '  1234    8 ']) expect(read(`${front}-rw-r--r-- 1 u g 9 Jan 29 03:26 a`)).to.include({ name: 'a', size: 9 });
  });

  it('keeps the blanks of a name', () => {
    expect(read('-rw-r--r-- 1 u g 9 Jan 29 03:26  a ').name).to.equal(' a ');
    expect(read('-rw-r--r-- 1 u g 9 Jan 29  2010   a').name).to.equal('  a');
    expect(read('-rw-r--r-- 1 u g 9 Jan 29 2010  a').name).to.equal('a'); // the year is padded on its right
  });

  it('splits the target from the name of a link, by its length where there are several arrows', () => {
    const link = (size: number, name: string): Entry => read(`lrwxrwxrwx 1 u g ${size} Jan 29 03:26 ${name}`);
    expect(link(7, 'bin -> usr/bin')).to.include({ name: 'bin', target: 'usr/bin' });
    expect(link(11, 'a -> b -> c -> d')).to.include({ name: 'a', target: 'b -> c -> d' });
    expect(link(6, 'a -> b -> c -> d')).to.include({ name: 'a -> b', target: 'c -> d' });
    expect(link(2, 'a -> é -> ü')).to.include({ name: 'a -> é', target: 'ü' });
    expect(link(7, 'bin')).to.include({ name: 'bin' }).and.not.have.property('target');
    expect(read('drwxr-xr-x 1 u g 9 Jan 29 03:26 a -> b').name).to.equal('a -> b');
  });

  for (const line of [
    'zrwxr-xr-x 1 u g 9 Jan 29 03:26 a', '-rw-r--rgb 1 u g 9 Jan 29 03:26 a', '-wr-r--r-- 1 u g 9 Jan 29 03:26 a', '-rw-r--r-- 1 u g 9 Jan 32 03:26 a',
    '-rw-r--r-- 1 u g 9 Jan 29 25:26 a', '-rw-r--r-- 1 u g 9 Jam 29 03:26 a', '-rw-r--r-- 1 u g 9 Jan 29 03:26', '-rw-r--r-- 1 u g 9 Jan 29 03:26  ',
    '-rw-r--r-- 1 u g 9x Jan 29 03:26 a', '-rw-r--r-- 1 u g 1:9 Jan 29 03:26 a', '-rw-r--r-- 1 u g 9 Jan 29 a', '-rw-r--r-- 1 u g 9 2001-04-27 a', '-rw-r--r-- 1 u g',
    '-rw-r--r-- 1 u g 9 Apr 31 2015 a', '-rw-r--r-- 1 u g 9 Feb 29 2015 a', '-rw-r--r-- 1 u May 15 18:11',
  ]) {
    it(`takes no entry from ${JSON.stringify(line)}`, () => {
      const unparsed: string[] = [];
      expect(parseList(line, { now, onUnparsed: (its) => void unparsed.push(its) })).to.deep.equal([]);
      expect(unparsed).to.deep.equal([line]);
    });
  }
});
