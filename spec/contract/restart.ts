import { once } from 'node:events';
import { expect } from 'chai';
import { collect, pattern, send, type Scene } from './scene';
import { itNeeds } from './target';

const DIGITS = '0123456789';

/** Beginning in the middle: REST, ranges, APPE. */
export function describeRestart(scene: Scene): void {
  const { target } = scene;
  const { facts } = target;

  itNeeds(target, 'REST', 'reads from a byte on', async () => {
    const bytes = pattern(100_000);
    await scene.put('long', bytes);
    for (const start of [1, 4096, 99_999]) {
      const tail = await collect(scene.ftp.retr('long', { start }));
      expect(tail.equals(bytes.subarray(start)), `from ${start}`).to.equal(true);
    }
  });

  itNeeds(target, 'REST', 'reads nothing from the end of the file on', async () => {
    await scene.put('digits', DIGITS);
    expect((await collect(scene.ftp.retr('digits', { start: 10 }))).length).to.equal(0);
    expect(await scene.ftp.pwd()).to.equal(scene.path);
  });

  itNeeds(target, 'REST', 'reads a range', async () => {
    const bytes = pattern(3_000_000);
    await scene.put('ranged', bytes);
    for (const [start, end] of [[5, 5], [1000, 1999], [2_999_990, 2_999_999], [1, 2_000_000]] as const) {
      const range = await collect(scene.ftp.retr('ranged', { start, end }));
      expect(range.equals(bytes.subarray(start, end + 1)), `${start} to ${end}`).to.equal(true);
      expect(await scene.ftp.pwd()).to.equal(scene.path);
    }
  });

  it('reads a range from the first byte on, or past the last', async () => {
    await scene.put('digits', DIGITS);
    expect((await collect(scene.ftp.retr('digits', { start: 0, end: 3 }))).toString()).to.equal('0123');
    expect((await collect(scene.ftp.retr('digits', { end: 99 }))).toString()).to.equal(DIGITS);
    expect(await scene.ftp.pwd()).to.equal(scene.path);
  });

  itNeeds(target, 'REST', 'writes from a byte on', async () => {
    await scene.put('patched', DIGITS);
    await send(scene.ftp.stor('patched', { start: 4 }), 'AB');
    expect(scene.read('patched').toString()).to.equal({ keeps: '0123AB6789', cuts: '0123AB', zeroes: '\0\0\0\0AB' }[facts.restStor]);
    await send(scene.ftp.stor('patched'), 'new');
    expect(scene.read('patched').toString(), 'no REST is left over').to.equal('new');
  });

  itNeeds(target, 'REST', 'goes on with an upload that was cut short', async () => {
    const bytes = pattern(300_000);
    await scene.put('resumed', bytes.subarray(0, 123_456));
    await send(facts.restStor === 'zeroes' ? scene.ftp.appe('resumed') : scene.ftp.stor('resumed', { start: 123_456 }), bytes.subarray(123_456));
    expect(scene.read('resumed').equals(bytes)).to.equal(true);
  });

  itNeeds(target, 'APPE', 'appends', async () => {
    await send(scene.ftp.appe('appended'), 'one');
    await send(scene.ftp.appe('appended'), 'two');
    expect(scene.read('appended').toString()).to.equal('onetwo');
  });

  itNeeds(target, 'STOU', 'stores under a name that the server chooses', async () => {
    const stream = await send(scene.ftp.stou(), 'unique');
    expect(stream.storedAs).to.be.a('string');
    expect(scene.read(stream.storedAs ?? '').toString()).to.equal('unique');
  });

  it('knows the size that the server announced', async () => {
    const bytes = pattern(54_321);
    await scene.put('announced', bytes);
    const stream = scene.ftp.retr('announced');
    const opened = once(stream, 'open');
    expect(stream.pending).to.equal(true);
    expect((await collect(stream)).length).to.equal(54_321);
    expect((await opened)[0]).to.have.property('kind', 'preliminary');
    expect({ pending: stream.pending, bytes: stream.bytesRead }).to.deep.equal({ pending: false, bytes: 54_321 });
    expect(stream.expectedBytes).to.equal(facts.announces === 'never' ? undefined : 54_321);
  });

  itNeeds(target, 'REST', 'is not misled by the size that is announced after REST', async () => {
    await scene.put('announced', pattern(54_321));
    const stream = scene.ftp.retr('announced', { start: 54_000 });
    expect((await collect(stream)).length).to.equal(321);
    expect(stream.expectedBytes).to.equal({ whole: 54_321, rest: 321, never: undefined }[facts.announces]);
  });
}
