import { expect } from 'chai';
import { parseList } from '../../lib/listing/list-parser';

function read(line: string): object | undefined {
  const entries = parseList(line);
  expect(entries.length, line).to.be.at.most(1);
  return entries[0];
}

describe('a VMS listing', () => {
  it('has every column', () => {
    const line = 'CII-MANUAL.TEX;3  213/216  29-JAN-1996 03:33:12  [ANONYMOU,ANONYMOUS]   (RWED,RWED,,)';
    expect(read(line)).to.deep.equal({
      name: 'CII-MANUAL.TEX', type: 'file', size: 213 * 512, modified: new Date('1996-01-29T03:33:12Z'), permissions: 'RWED,RWED,,',
      owner: 'ANONYMOUS', group: 'ANONYMOU', facts: { version: '3' }, raw: line,
    });
  });

  for (const [line, fields] of [
    ['LOGIN.COM;2                 1   4-NOV-1994 04:09 [ANONYMOUS] (RWE,RWE,,)', { name: 'LOGIN.COM', size: 512, owner: 'ANONYMOUS' }],
    ['PUB.DIR;1                   1  27-JAN-1994 14:46 [ANONYMOUS] (RWE,RWE,RE,RWE)', { name: 'PUB', type: 'directory' }],
    ['[VMSSERV.FILES]ALARM.DIR;1 1/3 5-MAR-1993 18:09', { name: 'ALARM', type: 'directory' }],
    ['FOO.BAR;1 4 5-MAR-1993 18:09:01.12', { name: 'FOO.BAR', size: 2048 }],
    ['FOO.BAR;1 4/7 7-JAN-2000 [IV2_XXX] (RWED,RWED,RE,)', { name: 'FOO.BAR', size: 2048, owner: 'IV2_XXX' }],
    ['FOO.BAR;1 [SUMMARY] 1/3 2-AUG-2006 13:05 (RWE,RWE,RE,)', { name: 'FOO.BAR', size: 512, owner: 'SUMMARY' }],
    ['FOO.BAR;1 17-JUN-1994 17:25:37 6308/13 (RWED,RWED,R,)', { name: 'FOO.BAR', size: 6308 * 512 }],
    ['FOO.BAR;1 2KB 23-SEP-2005 14:57:07.27', { name: 'FOO.BAR', size: 2048 }],
    ['FOO.;1 ****** 6-MAY-2008 09:29 [ANONY,ANONYMOUS] (RE,RWED,RE,RE)', { name: 'FOO.', group: 'ANONY' }],
    ['FOO.DIR;1 27/36 16-FEB-1999 10:01:46 [AP_HTTPD,APACHE$WWW          (RWE,RWE,RE,RE)', { name: 'FOO', owner: 'APACHE$WWW', group: 'AP_HTTPD' }],
    ['FOO.BAR;1 6/8 15-JUI-2002 PRONAS (RWED,RWED,RE,)', { name: 'FOO.BAR', owner: 'PRONAS' }],
    ['Foo.bar;1 4 5-MAR-1993 18:09', { name: 'Foo.bar;1' }], // it could be a part of the name
  ] as const) {
    it(`reads ${line}`, () => expect(read(line)).to.include(fields));
  }

  it('goes on in the next line after a long name', () => {
    const unparsed: string[] = [];
    const listing = ['Directory ANON:[000000]', '', 'A-LONG-NAME.TXT;1', '     4/15  24-FEB-2003 13:17:24  [POSTWARE,LP]  (RWED,RWED,RE,)', 'B.TXT;1', 'C.TXT;1 4 5-MAR-1993 18:09', 'D.TXT;1', '', 'Total of 2 files, 8 blocks.'];
    const entries = parseList(listing.join('\r\n'), { onUnparsed: (line) => void unparsed.push(line) });
    expect(entries.map(({ name }) => name)).to.deep.equal(['A-LONG-NAME.TXT', 'C.TXT']);
    expect(entries[0]?.raw).to.equal(`${String(listing[2])}\n${String(listing[3])}`);
    expect(unparsed).to.deep.equal(['B.TXT;1', 'D.TXT;1']);
  });

  for (const line of [
    'README.FTP;1        %RMS-E-PRV, insufficient privilege or file protection violation', 'PICS.DIR;1\tNo privilege for attempted operation', 'FOO.BAR 2 18-APR-2000 10:40:39',
    'FOO.BAR;1 x 18-APR-2000 10:40:39', 'FOO.BAR;1 -2 18-APR-2000 10:40:39', 'FOO.BAR;1 2 18-APR 10:40:39', 'FOO.BAR;1 2 18-APR-2000 10', 'FOO.BAR;1 2 18-APR-2000 10:40.25', 'FOO.BAR;1 2 31-APR-2000 10:40',
    'FOO.BAR;1 2 18-APX-2000 10:40', 'FOO.BAR;1 18-APR-2000 10:40', 'FOO.BAR;1 2', 'FOO.BAR;1 2 18-APR-2000 10:40 [A] [B]', 'FOO.BAR;1 2 18-APR-2000 10:40 (what)', ';1 2 18-APR-2000 10:40',
  ]) {
    it(`takes no entry from ${JSON.stringify(line)}`, () => expect(read(line)).to.equal(undefined));
  }
});
