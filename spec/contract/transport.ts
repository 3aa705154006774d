import { expect } from 'chai';
import { describeCancelling } from './cancelling';
import { collect, list, pattern, send, sha256, type Scene } from './scene';
import { itNeeds } from './target';

/** What must hold whichever way the data connections are made: in short. */
export function describeTransport(scene: Scene, rounds: number): void {
  const { target } = scene;

  it('works in its folder', async () => {
    expect(await scene.ftp.pwd()).to.equal(scene.path);
  });

  it('lists', async () => {
    await scene.put('listed', 'x');
    expect((await list(scene.ftp.dir())).join('\n')).to.match(/ listed\r?$/m);
  });

  it('uploads and downloads', async () => {
    for (const size of [0, 1, 70_000, 2_000_000]) {
      const bytes = pattern(size);
      await scene.put('moved', bytes);
      expect(sha256(scene.read('moved')), `${size} bytes up`).to.equal(sha256(bytes));
      expect(sha256(await scene.get('moved')), `${size} bytes down`).to.equal(sha256(bytes));
    }
  });

  itNeeds(target, 'REST', 'begins in the middle', async () => {
    await scene.put('middle', '0123456789');
    expect((await collect(scene.ftp.retr('middle', { start: 4, end: 6 }))).toString()).to.equal('456');
    expect((await collect(scene.ftp.retr('middle', { start: 7 }))).toString()).to.equal('789');
    await send(scene.ftp.stor('middle', { start: 8 }), 'XY');
    expect(scene.read('middle').toString()).to.equal(target.facts.restStor === 'zeroes' ? '\0\0\0\0\0\0\0\0XY' : '01234567XY');
  });

  describeCancelling(scene, rounds);
}
