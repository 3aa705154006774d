import { expect } from 'chai';
import type { Entry } from '../../lib/listing/entry';
import { parseList } from '../../lib/listing/list-parser';

const DATASETS = 'Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname';
const MEMBERS = ' Name     VV.MM   Created       Changed      Size  Init   Mod   Id';

function below(header: string, ...lines: string[]): Entry[] {
  return parseList([header, ...lines].join('\r\n'));
}

describe('an MVS listing', () => {
  for (const [line, fields] of [
    ['SAVE00 3390   2004/06/23  1    1  FB     128  6144  PS    A.B', { name: 'A.B', type: 'file' }],
    ['SAVE02 3390   2004/06/23  1    1  FB     128  6144  PO-E  A.B', { name: 'A.B', type: 'directory' }],
    ['PEX26F 3390   2017/07/03  115807  FB   29600 29600  PS    A.B', { name: 'A.B', type: 'file' }],
    ['GISBWI 3390   2011/08/25  2 ++++  FB     904 18080  PS  A.B', { name: 'A.B', type: 'file' }],
    ['TSO005 3390   2005/06/06 213000 U 0 27998 PO A.B', { name: 'A.B', type: 'directory' }],
    ['NRP004 3390   **NONE**    1   15  NONE     0     0  PO  A.B', { name: 'A.B', type: 'directory' }],
    ["TSO004 3390   VSAM 'A.B'", { name: "'A.B'", type: 'file' }],
    ['Migrated                                                A.B', { name: 'A.B', type: 'file' }],
    ['Pseudo Directory                                        A.B', { name: 'A.B', type: 'directory' }],
    ['ARCIVE Not Direct Access Device                         A.B', { name: 'A.B', type: 'file' }],
    ['V43525 Tape                                             A.B', { name: 'A.B', type: 'file' }],
    ['GDG                                                     A.B', { name: 'A.B', type: 'other' }],
  ] as const) {
    it(`reads the data set ${line}`, () => {
      const [entry, ...others] = below(DATASETS, line);
      expect(entry).to.include(fields).and.not.have.property('size');
      expect(others).to.be.empty;
      expect(parseList(line), 'without the header').to.have.lengthOf(1);
    });
  }

  it('has the day of the last use', () => {
    const [used, never] = below(DATASETS, 'WYOSPT 3420   2003/05/21  1  200  FB      80  8053  PS  A', 'WYOSPT 3420   **NONE**  1  200  FB      80  8053  PS  B');
    expect(used?.modified).to.deep.equal(new Date('2003-05-21'));
    expect(never).to.not.have.property('modified');
  });

  it('has members, with and without statistics', () => {
    const entries = below(MEMBERS, 'TBSHELF1  01.03 2002/09/12 2002/10/11 09:37    11    11     0 KIL001', 'BARE', '  $BARE2');
    expect(entries.map(({ name }) => name)).to.deep.equal(['TBSHELF1', 'BARE', '$BARE2']);
    expect(entries[0]).to.deep.include({ type: 'file', modified: new Date('2002-10-11T09:37:00Z'), owner: 'KIL001' }).and.not.have.property('size'); // 11 records
  });

  it('has load modules, whose size is hexadecimal', () => {
    const header = ' Name      Size     TTR   Alias-of AC --------- Attributes --------- Amode Rmode';
    const sizes = below(header, 'IRXMVS   00B308 000411          00 FO             RN RU            31    ANY', 'ALIAS    00B308 000411 IRXMVS   00 FO             31    ANY').map(({ size }) => size);
    expect(sizes).to.deep.equal([45_832, 45_832]);
  });

  it('has jobs, by their number', () => {
    const jobs = below('JOBNAME  JOBID    OWNER    STATUS CLASS', 'IBMUSER1 JOB01906 IBMUSER  OUTPUT A        RC=0000 3 spool files', 'IBMUSER  TSU01830 IBMUSER  ACTIVE TSU');
    expect(jobs.map(({ name, owner }) => [name, owner])).to.deep.equal([['JOB01906', 'IBMUSER'], ['TSU01830', 'IBMUSER']]);
  });

  it('takes a bare word for a member only where the format is known', () => {
    expect(parseList('BARE')).to.deep.equal([]);
    expect(parseList('BARE', { format: 'mvs' })).to.have.lengthOf(1);
    expect(below(DATASETS, 'BARE')).to.deep.equal([]);
  });

  for (const line of ['MigratedP201.$FTXPBI1.$CF2ITB.$AAB0402.I', 'PSMLC133902005/04/041VB2799427998PSfile1.I', 'file2.O', 'My Tape measure', 'SAVE00 3390   2004/06/23  1    1  FB     128  6144  A.B', 'no 8 blanks A.B']) {
    it(`takes no entry from ${line}`, () => expect(below(DATASETS, line)).to.deep.equal([]));
  }
});
