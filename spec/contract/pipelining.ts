import { expect } from 'chai';
import { FTPError, type Reply } from '../../lib/index';
import type { Scene } from './scene';
import { itNeeds } from './target';

/** Plain commands that do not wait for each other. */
export function describePipelining(scene: Scene): void {
  const { target } = scene;

  itNeeds(target, 'SIZE', 'gets 200 sizes at once, each its own', async () => {
    const { ftp } = scene;
    for (let index = 0; index < 5; index++) await scene.put(`sized-${index}`, Buffer.alloc(1 + index * 111));
    const sizes = await Promise.all(Array.from({ length: 200 }, (_, index) => ftp.size(`sized-${index % 5}`)));
    expect(sizes).to.deep.equal(sizes.map((_, index) => 1 + (index % 5) * 111));
  });

  it('matches 200 replies of all kinds to their commands', async () => {
    const { ftp } = scene;
    const asked = Array.from({ length: 40 }, (_, index) => [
      ftp.mkd(`many-${index}`),
      ftp.cwd(`many-${index}`),
      ftp.pwd(),
      ftp.delete('missing').catch((error: FTPError) => error),
      scene.up(),
      ftp.rmd(`many-${index}`),
    ]).flat();
    const answers = await Promise.all<unknown>(asked);
    for (let index = 0; index < 40; index++) {
      const [, entered, path, missing, left, removed] = answers.slice(index * 6);
      expect(path).to.equal(`${scene.path}/many-${index}`);
      expect((missing as FTPError).reply?.code).to.equal(550);
      for (const reply of [entered, left, removed]) expect((reply as Reply).kind).to.equal('completion');
    }
    expect(scene.names().filter((name) => name.startsWith('many-'))).to.deep.equal([]);
  });

  it('keeps plain commands and transfers apart when all are called at once', async () => {
    const { ftp } = scene;
    await scene.put('known', 'known');
    const rounds = await Promise.all(
      Array.from({ length: 10 }, async (_, index) => {
        const [path, bytes, up, again] = await Promise.all([ftp.pwd(), scene.get('known'), scene.put(`mixed-${index}`, String(index)), ftp.pwd()]);
        return [path, bytes.toString(), up.bytesWritten, again];
      }),
    );
    for (const round of rounds) expect(round).to.deep.equal([scene.path, 'known', 1, scene.path]);
    for (let index = 0; index < 10; index++) expect(scene.read(`mixed-${index}`).toString()).to.equal(String(index));
  });

  itNeeds(target, 'SIZE', 'goes on after commands that fail', async () => {
    const { ftp } = scene;
    await scene.put('there', Buffer.alloc(99));
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) => (index % 3 === 1 ? ftp.size('missing').catch((error: FTPError) => error.reply?.code) : ftp.size('there'))),
    );
    expect(answers).to.deep.equal(answers.map((_, index) => (index % 3 === 1 ? target.facts.missing.size : 99)));
  });
}
