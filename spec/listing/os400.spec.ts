import { expect } from 'chai';
import { parseList } from '../../lib/listing/list-parser';

describe('an OS/400 listing', () => {
  it('has every column', () => {
    const line = 'PEP              4019 04/23/18 18:58:16 *STMF      a b.zip  ';
    expect(parseList(line)).to.deep.equal([{ name: 'a b.zip', type: 'file', size: 4019, modified: new Date('2018-04-23T18:58:16Z'), owner: 'PEP', raw: line }]);
  });

  for (const [date, time] of [
    ['02/23/00', '2000-02-23'],
    ['23/02/00', '2000-02-23'],
    ['99/02/23', '1999-02-23'],
    ['18.09.06', '2006-09-18'],
    ['2015-05-20', '2015-05-20'],
    ['11/11/11', '2011-11-11'],
    ['04/03/18', undefined], // in 2004 or in 2018: the job's date format is not told
  ] as const) {
    it(`reads the date ${date} as ${time ?? 'none'}`, () => {
      const [entry] = parseList(`QSYS            77824 ${date} 15:09:55 *DIR       a/`);
      expect(entry).to.include({ name: 'a', type: 'directory' });
      expect(entry?.modified?.toISOString().slice(0, 10)).to.equal(time);
    });
  }

  for (const [kind, name, expected] of [
    ['*FLR', 'a/', { name: 'a', type: 'directory' }],
    ['*LIB', 'QGPL.LIB/', { name: 'QGPL.LIB', type: 'directory' }],
    ['*STMF', '/DRV/AUD/a.PDF', { name: 'a.PDF', type: 'file' }],
    ['*FILE', 'A.FILE', { name: 'A.FILE', type: 'file' }],
    ['*FILE', 'A.SAVF', { name: 'A.SAVF', type: 'file' }],
    ['*SYMLNK', 'a', { name: 'a', type: 'symlink' }],
    ['*PGM', 'A.PGM', { name: 'A.PGM', type: 'other' }],
  ] as const) {
    it(`calls ${kind} ${name} a ${expected.type}`, () => expect(parseList(`QSYS            77824 02/23/00 15:09:55 ${kind}      ${name}`)[0]).to.include(expected));
  }

  it('has members without size and date', () => {
    expect(parseList('QPGMR                                   *MEM       A.FILE/B.MBR')[0]).to.include({ name: 'A.FILE/B.MBR', type: 'file', owner: 'QPGMR' }).and.not.have.any.keys('size', 'modified');
  });

  it('may be like that of a Unix', () => {
    expect(parseList('----rwxr-x   1 PEP      0           4019 Mar 18 2004 a', { format: 'os400' })[0]).to.include({ name: 'a', size: 4019, owner: 'PEP' });
  });

  for (const line of [
    'PEP              4019 04/03/18 18:58:16 STMF       a', 'PEP             3686404/03/24 14:06:47 *DIR       a/', 'QPGMR          135168 04/03/18 13:18:19 *FILE', 'QPGMR          135168 04/03/18 30:06:29 *FILE      A',
    'QPGMR                 04/03/18 13:18:19 *FILE      A', 'QPGMR                                   *MEM       ', 'QPGMR USR                               *MEM       A', 'PEP  4019 04/23/18 18:58:16 *DIR  /',
    'QPGMR          135168 04/03/18 13:18:19 *MEM      /',
  ]) {
    it(`takes no entry from ${JSON.stringify(line)}`, () => expect(parseList(line)).to.deep.equal([]));
  }
});
