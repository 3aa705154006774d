import { expect } from 'chai';
import { list, type Scene } from './scene';
import { refusal } from './target';

const FILES = ['plain.txt', 'with blank.txt', ' lead.txt', '-dash.txt', '--help', 'quote"quote.txt', "apostrophe's", 'ünïcode-ファイル.txt', 'a;b=c&d%20(1)[2]{3}~', '.hidden', '#hash', 'two  blanks'];
const FOLDERS = ['with blank', 'quote"folder', '""', 'ünï-ファイル', '-dash'];

/** Names that need care. */
export function describeNames(scene: Scene): void {
  const { facts } = scene.target;
  const files = FILES.filter((each) => !facts.forbids?.test(each));

  for (const name of FILES.filter((each) => facts.forbids?.test(each))) {
    it(`is told that no file can be called ${JSON.stringify(name)}`, async () => {
      expect((await refusal(scene.put(name, 'x'))).reply?.code).to.equal(550);
    });
  }

  for (const name of files) {
    const kept = facts.stored(name) === name;
    it(`stores, reads, renames and deletes ${JSON.stringify(name)}${kept ? '' : ` (on disk ${JSON.stringify(facts.stored(name))})`}`, async () => {
      const bytes = Buffer.from(`content of ${name}`);
      await scene.put(name, bytes);
      expect(scene.names()).to.include(facts.stored(name));
      expect(scene.read(name)).to.deep.equal(bytes);
      // Pure-FTPd renames only what is new, so that what it made is found by its new name only.
      const wire = facts.software.startsWith('Pure-FTPd') ? facts.stored(name) : name;
      expect(await scene.get(wire)).to.deep.equal(bytes);
      if (facts.refuses.RNFR === undefined) {
        await scene.ftp.rename(wire, 'renamed');
        expect(scene.read('renamed')).to.deep.equal(bytes);
        await scene.ftp.rename('renamed', wire);
      }
      await scene.ftp.delete(wire);
      expect(scene.names()).not.to.include(facts.stored(name));
    });
  }

  for (const name of FOLDERS) {
    if (facts.stored(name) === '' || facts.forbids?.test(name)) continue; // nothing is left of it
    it(`makes, enters and removes the folder ${JSON.stringify(name)}`, async () => {
      await scene.ftp.mkd(name);
      expect(scene.names()).to.include(facts.stored(name));
      await scene.ftp.cwd(name);
      const within = await scene.ftp.pwd();
      await scene.put('file', 'x');
      expect(scene.names(facts.stored(name))).to.deep.equal(['file']);
      await scene.ftp.delete('file');
      await scene.up();
      expect(await scene.ftp.pwd()).to.equal(scene.path);
      await scene.ftp.rmd(name);
      expect(scene.names()).not.to.include(facts.stored(name));
      const told = facts.doublesQuotes === 'first' ? name.replace('""', '"""') : facts.doublesQuotes ? name : name.replaceAll('""', '"');
      expect(within).to.equal(`${scene.path}/${shown(scene, told)}`);
    });
  }

  it('gives every name of a folder as it is on disk', async () => {
    await scene.ftp.mkd('all');
    await scene.ftp.cwd('all');
    try {
      for (const name of files) await scene.put(name, name);
      const lines = await list(scene.ftp.dir());
      for (const name of files) {
        if (name.startsWith('.')) continue; // most servers show those on request only
        expect(lines.some((line) => line.replace(/\r$/, '').endsWith(` ${facts.stored(name)}`)), name).to.equal(true);
      }
    } finally {
      await scene.ftp.cwd(scene.path);
    }
  });
}

/** The name in a 257: Twisted gives back what it was given. */
function shown({ target }: Scene, name: string): string {
  return target.facts.software.startsWith('Twisted') ? name : target.facts.stored(name);
}
