import { expect } from 'chai';
import { parseList } from '../../lib/listing/list-parser';

const now = new Date('2016-06-15T12:00:00Z');

/** One server's format a line, with the fields that it tells. */
const LINES: Readonly<Record<string, readonly (readonly [string, object])[]>> = {
  EPLF: [
    ['+i8388621.48594,m825718503,r,s280,up644,\ta  b', { name: 'a  b', type: 'file', size: 280, modified: new Date(825_718_503_000), permissions: 'rw-r--r--' }],
    ['+/,\ta', { name: 'a', type: 'directory' }],
    ['+/,r,\ta', { name: 'a', type: 'directory' }],
    ['+i1,\ta', { name: 'a', type: 'other' }],
    ['+r,s18446744073709551615,m99999999999999,\ta', { name: 'a', facts: { size: '18446744073709551615' } }],
  ],
  NetWare: [
    ['d [RWCEAFMS] jrd                               512 Oct 21  2001 a b', { name: 'a b', type: 'directory', size: 512, owner: 'jrd', permissions: 'RWCEAFMS', modified: new Date('2001-10-21') }],
    ['- [R----F--] rhesus             214059       Oct 20 15:27    a', { name: 'a', type: 'file', modified: new Date('2015-10-20T15:27:00Z') }],
    ['d[RWCEMFA]  1 cyp           512 Jul 01 2001 a', { name: 'a', owner: 'cyp' }],
  ],
  'OS/2': [
    ['                 0  DIR            04-11-95   16:26  a b', { name: 'a b', type: 'directory', size: 0, modified: new Date('1995-04-11T16:26:00Z') }],
    ['            310992                 06-28-94   09:56  a', { name: 'a', type: 'file', size: 310_992 }],
    ['    0 DIR       02-11-103  16:15  a', { name: 'a', modified: new Date('2003-02-11T16:15:00Z') }],
  ],
  'HP NonStop': [['FILE4      101            16384 15-Aug-14 11:44:56 244, 10 "oooo"', { name: 'FILE4', type: 'file', size: 16_384, modified: new Date('2014-08-15T11:44:56Z'), owner: '244, 10', permissions: 'oooo' }]],
  'z/VM': [
    ['WELCOME  README   V         82         21          1 1999-12-27 16:19:04 TCP291', { name: 'WELCOME.README', type: 'file', modified: new Date('1999-12-27T16:19:04Z'), owner: 'TCP291' }],
    ['PROFILE  EXEC     A1 V         82         21          1 1999-12-27 16:19:04', { name: 'PROFILE.EXEC' }],
    ['AUTHORS           DIR        -          -          - 1999-09-20 10:31:11 -', { name: 'AUTHORS', type: 'directory' }],
  ],
  'Connect:Enterprise': [['-C--E-----FTP B QUA1I1      18128       41 Aug 12 13:56 a b', { name: 'a b', type: 'file', size: 41, owner: 'QUA1I1', group: '18128', modified: new Date('2015-08-12T13:56:00Z') }]],
  Chameleon: [
    ['DESIGN1.DOC     11264      May 11 1995 14:20   A', { name: 'DESIGN1.DOC', type: 'file', size: 11_264, modified: new Date('1995-05-11T14:20:00Z') }],
    ['CMT             <DIR>           11/21/94        10:17', { name: 'CMT', type: 'directory', modified: new Date('1994-11-21T10:17:00Z') }],
    ['CMT             <DIR>           11/21/103       10:17', { name: 'CMT', type: 'directory', modified: new Date('2003-11-21T10:17:00Z') }],
  ],
  VShell: [
    ['206876  Apr 04, 2000 21:06 a b', { name: 'a b', type: 'file', size: 206_876, modified: new Date('2000-04-04T21:06:00Z') }],
    ['0  Dec 12, 2002 02:13 a b/', { name: 'a b', type: 'directory' }],
  ],
  Nortel: [
    ['2048    Feb-28-1998  05:23:30   a b <DIR>', { name: 'a b', type: 'directory', size: 2048, modified: new Date('1998-02-28T05:23:30Z') }],
    ['ti.cfg       1014196  06/03/04  Thur.   10:20:03', { name: 'ti.cfg', type: 'file', size: 1_014_196, modified: new Date('2004-06-03T10:20:03Z') }],
  ],
  'OS-9': [['20.21 07/03/29 1026 d-ewrewr 2650 85920 a b', { name: 'a b', type: 'directory', size: 85_920, owner: '21', group: '20', modified: new Date('2007-03-29T10:26:00Z') }]],
  'numbers of stat': [['0100644   500  101   12345    123456789       a b', { name: 'a b', type: 'file', size: 12_345, owner: '500', group: '101', permissions: 'rw-r--r--', modified: new Date(123_456_789_000) }]],
};

for (const [server, lines] of Object.entries(LINES)) {
  describe(`a listing of ${server}`, () => {
    for (const [line, fields] of lines) {
      it(`reads ${JSON.stringify(line)}`, () => {
        const entries = parseList(line, { now });
        expect(entries).to.have.lengthOf(1);
        expect(entries[0]).to.deep.include({ ...fields, raw: line });
      });
    }
  });
}

describe('a line that is almost of a format', () => {
  for (const line of [
    '+r,s280 a', '+r,s280,\t', '+r,s280,\t ', 'd [RWCEAFMS] 512 Jan 29 2004 a', 'd [XGARBAGE] jrd 512 Jan 29 2004 a', '0 GARBAGE 11-02-09  05:32 a', '0 A 99-25-10  12:00 a', '0 A 12-25-10  12:99 a', '1234 A 12-07-10  12:05',
    '-1 A 11-02-09  05:32 a', 'FILE4 101 16384 35-Aug-14 11:44:56 244, 10 "oooo"', 'AUTHORS  DIR - - - 1999-13-20 10:31:11 -', '-C--E-----FTP B QUA1I1 x 41 Aug 12 13:56 a', 'CMT <DIR> 11/21/94 10:17 XYZ', '206876  Apr 31, 2000 21:06 a',
    '2048    Feb-30-1998  05:23:30   a', '20.20 07/13/29 1026 d-ewrewr 2650 85920 a', '0100644   500  101   12345    123456789  ', 'what a line?!', '++ unknown garbage +++',
  ]) {
    it(`${JSON.stringify(line)} is none`, () => expect(parseList(line, { now })).to.deep.equal([]));
  }
});
