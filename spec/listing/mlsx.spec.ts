import { expect } from 'chai';
import { parseList } from '../../lib/listing/list-parser';
import { lastName, mlstEntry, parseFacts } from '../../lib/listing/mlsx';
import { Reply } from '../../lib/reply';

describe('lastName', () => {
  it('is what comes after the last slash but those at the end', () => {
    const names = { a: 'a', 'a/b': 'b', '/a/b//': 'b', '//a': 'a', '/': '/', '//': '//', '': '' };
    for (const [path, name] of Object.entries(names)) expect(lastName(path), path).to.equal(name);
  });

  it('costs milliseconds for a long path', () => {
    const started = performance.now();
    for (const path of [`${'a'.repeat(32_768)}/b`, `${'/'.repeat(32_768)}b`, '/'.repeat(32_768)]) lastName(path);
    expect(performance.now() - started).to.be.below(1000);
  });
});

describe('parseFacts', () => {
  it('reads what real servers send', () => {
    expect(parseFacts('modify=20200229123456;perm=adfrw;size=6;type=file;unique=FE00U23850B;UNIX.group=1001;UNIX.groupname=ftptest;UNIX.mode=0644;UNIX.owner=1001;UNIX.ownername=ftptest; readme.txt')).to.deep.include({
      name: 'readme.txt', type: 'file', size: 6, modified: new Date('2020-02-29T12:34:56Z'), permissions: 'rw-r--r--', owner: 'ftptest', group: 'ftptest',
    });
    expect(parseFacts('Type=file;Modify=20200229123456;Size=6;Perm=awr;UNIX.mode=0644;UNIX.owner=ftptest;UNIX.uid=1001;UNIX.slink=/target;X.count=1; link')).to.deep.include({
      name: 'link', size: 6, owner: 'ftptest', target: '/target',
    });
    expect(parseFacts('type=dir;sizd=4096;modify=20200229123456;UNIX.mode=01777;UNIX.uid=0;UNIX.gid=0;unique=fe00g1; tmp')).to.deep.include({
      name: 'tmp', type: 'directory', size: 4096, permissions: 'rwxrwxrwt', owner: '0', group: '0',
    });
  });

  for (const blanks of ['  ', '    ']) {
    it(`takes ${blanks.length} blanks in front of the facts`, () => {
      const lines = [`${blanks}type=file;size=5; a b`, `${blanks}modify=20200101000000;type=dir;  lead`];
      expect(parseList(lines.join('\r\n')).map(({ name, type }) => [name, type])).to.deep.equal([['a b', 'file'], [' lead', 'directory']]);
      expect(mlstEntry(new Reply(250, ['250-Listing', lines[0] as string, '250 End']))).to.include({ name: 'a b', type: 'file', size: 5 });
    });
  }

  it('takes the blank that a reply to MLST has in front', () => {
    expect(parseFacts(' type=file;size=6; /a b')).to.include({ name: '/a b', size: 6 });
    expect(parseFacts(' /no/facts')).to.deep.equal({ name: '/no/facts', type: 'other', facts: {}, raw: ' /no/facts' });
  });

  for (const [line, name] of [
    ['type=file;  a', ' a'],
    ['type=file; a;b=c; d', 'a;b=c; d'],
    ['type=file; ;a', ';a'],
    ['type=file; \t a', '\t a'],
    ['type=file;\ta b', 'a b'],
    ['type=file; a ', 'a '],
    ['type=file a; b', 'a; b'],
    ['type=OS.unix=slink:/to a place; a', 'a'],
  ] as const) {
    it(`takes ${JSON.stringify(name)} from ${JSON.stringify(line)}`, () => expect(parseFacts(line)?.name).to.equal(name));
  }

  for (const [fact, type, target] of [
    ['file', 'file', undefined],
    ['DIR', 'directory', undefined],
    ['cdir', 'directory', undefined],
    ['pdir', 'directory', undefined],
    ['OS.unix=slink:/foo', 'symlink', '/foo'],
    ['OS.UNIX=symlink', 'symlink', undefined],
    ['OS.unix=slink:', 'symlink', undefined],
    ['link', 'symlink', undefined],
    ['OS.unix=blk-11/108', 'other', undefined],
    ['OS.unix=slinky', 'other', undefined],
    ['', 'other', undefined],
  ] as const) {
    it(`calls type=${fact} ${type}`, () => {
      const entry = parseFacts(`type=${fact}; a`);
      expect([entry?.type, entry?.target]).to.deep.equal([type, target]);
    });
  }

  it('keeps the values that it cannot use in facts only', () => {
    expect(parseFacts('type=what;size=many;modify=today;UNIX.mode=9; a')).to.deep.equal({
      name: 'a', type: 'other', facts: { type: 'what', size: 'many', modify: 'today', 'unix.mode': '9' }, raw: 'type=what;size=many;modify=today;UNIX.mode=9; a',
    });
    expect(parseFacts('size=18446744073709551615; a')).to.not.have.property('size');
    expect(parseFacts('size=-1; a')).to.not.have.property('size');
  });

  it('lower-cases the names of facts, and the last of two counts', () => {
    expect(parseFacts('Type=file;TyPe=dir;UNIQUE==u=; a')).to.deep.include({ type: 'directory', facts: { type: 'dir', unique: '=u=' } });
  });

  it('is not led astray by facts that come in another order in the next line', () => {
    for (const facts of ['size=1;type=file;', 'type=file;size=1;', 'type=file;perm=r;size=1;', 'perm=r;type=file;size=1;x;', 'x;size=1;type=file;']) {
      expect(parseFacts(`${facts} a`)).to.deep.include({ name: 'a', type: 'file', size: 1 });
    }
  });

  it('can be told a fact named __proto__', () => expect(parseFacts('__proto__=x;type=file; a')).to.include({ name: 'a', type: 'file' }));

  for (const line of ['', 'a', 'type=file;', 'type=file; ', 'type=file;  ', '; ', 'a b', 'no facts; a']) {
    it(`takes no entry from ${JSON.stringify(line)}`, () => expect(parseFacts(line)).to.equal(undefined));
  }
});
