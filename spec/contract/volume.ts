import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { expect } from 'chai';
import { collect, list, pattern, sha256, type Scene } from './scene';
import { goodbye, refusal } from './target';

const LARGE = 10 * 1024 * 1024;
const PIECE = 64 * 1024;

/** Nothing, much, and many. */
export function describeVolume(scene: Scene): void {
  const { facts } = scene.target;

  it('moves an empty file both ways', async () => {
    await scene.put('empty', '');
    expect(scene.read('empty').length).to.equal(0);
    expect((await scene.get('empty')).length).to.equal(0);
  });

  it('moves 10 MiB both ways', async () => {
    const source = scene.readHome('10m.bin');
    const stream = scene.ftp.stor('large');
    await pipeline(Readable.from(pieces(source)), stream);
    expect(stream.bytesWritten).to.equal(LARGE);
    const sum = sha256(source);
    expect(sha256(scene.read('large'))).to.equal(sum);
    expect(sha256(await scene.get('large'))).to.equal(sum);
  });

  // Where each transfer waits 44 ms for the server's Nagle, fewer prove the same.
  const many = facts.slow ? 40 : 300;
  it(`reads ${many} small files in order`, async () => {
    for (let index = 0; index < many; index++) {
      const name = `small/${String(index).padStart(3, '0')}.bin`;
      const bytes = await scene.get(scene.outside(name));
      expect(bytes.equals(scene.readHome(name)), name).to.equal(true);
    }
  });

  it('reads small files that were all asked for at once, in that order', async () => {
    const names = Array.from({ length: 30 }, (_, index) => `small/${String(index * 7).padStart(3, '0')}.bin`);
    const order: string[] = [];
    await Promise.all(
      names.map(async (name) => {
        const bytes = await scene.get(scene.outside(name));
        order.push(name);
        expect(bytes.equals(scene.readHome(name)), name).to.equal(true);
      }),
    );
    expect(order).to.deep.equal(names);
  });

  it('writes small files one after the other', async () => {
    for (let index = 0; index < 30; index++) await scene.put(`up-${index}`, pattern(index * 100));
    for (let index = 0; index < 30; index++) expect(scene.read(`up-${index}`).equals(pattern(index * 100)), `up-${index}`).to.equal(true);
  });

  it('reads what a listing names while the listing is being read', async () => {
    await scene.ftp.mkd('nested');
    for (let index = 0; index < 5; index++) await scene.put(`nested/n${index}`, `nested ${index}`);
    const found: string[] = [];
    if (!facts.listsPaths) await scene.ftp.cwd('nested');
    for await (const line of scene.ftp.dir(facts.listsPaths ? `${scene.path}/nested` : undefined)) {
      const name = /\bn\d(?=\r?$)/.exec(line)?.[0];
      if (name) found.push((await scene.get(facts.listsPaths ? `nested/${name}` : name)).toString());
    }
    if (!facts.listsPaths) await scene.up();
    expect(found.sort()).to.deep.equal([0, 1, 2, 3, 4].map((index) => `nested ${index}`));
  });

  it('goes on after a file that cannot be written', async () => {
    const error = await refusal(scene.put('no/such/folder', 'x'));
    expect(error.reply?.kind).to.equal(facts.missing.stor);
    expect(await scene.ftp.pwd()).to.equal(scene.path);
  });

  if (facts.oneClient) {
    it('is told that the server has a client', async () => {
      const other = scene.client();
      expect((await refusal(other.pwd())).reply?.code).to.equal(421);
      other.close();
      expect(await scene.ftp.pwd()).to.equal(scene.path);
    });
    return;
  }

  it('serves two clients at once', async () => {
    const other = scene.client();
    const bytes = pattern(1_000_000);
    const source = scene.outside('10m.bin');
    const [down] = await Promise.all([
      collect(scene.ftp.retr(source)),
      scene.put(scene.asked('second'), bytes, other),
      list(other.dir(scene.path)),
    ]);
    expect(down.length).to.equal(LARGE);
    expect(scene.read('second').equals(bytes)).to.equal(true);
    await other.quit();
  });

  it('does what was called before quit, and then quits', async () => {
    const other = scene.client();
    const stream = other.stor(scene.asked('last'));
    stream.end('last words');
    const done = finished(stream);
    expect((await other.quit())?.code).to.equal(goodbye(facts));
    await done;
    expect(scene.read('last').toString()).to.equal('last words');
  });
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
}
