import { expect } from 'chai';
import { list, send, type Scene } from './scene';
import { itNeeds } from './target';

/** Text, in TYPE A. */
export function describeText(scene: Scene): void {
  const { target } = scene;
  const { facts } = target;

  itNeeds(target, 'TYPE A down', 'reads lines', async () => {
    scene.write('lines.txt', 'one\n\ntwo wörds\nthree, without an end');
    expect(await list(scene.ftp.retrlines('RETR lines.txt'))).to.deep.equal(['one', '', 'two wörds', 'three, without an end']);
  });

  itNeeds(target, 'TYPE A down', 'reads lines of a file that has CRLF', async () => {
    scene.write('crlf.txt', 'one\r\ntwo\r\n');
    const ends = facts.ownCR === 'doubled' ? '\r' : '';
    expect(await list(scene.ftp.retrlines('RETR crlf.txt'))).to.deep.equal([`one${ends}`, `two${ends}`]);
  });

  itNeeds(target, 'TYPE A up', 'writes lines', async () => {
    await send(scene.ftp.storlines('STOR stored.txt'), 'one\ntwo wörds\r\nthree\n');
    expect(scene.read('stored.txt').toString()).to.equal(['one', 'two wörds', 'three', ''].join(facts.textEnds));
  });

  it('goes back to bytes as they are', async () => {
    await list(scene.ftp.dir());
    const bytes = Buffer.from('\r\n\n\r\0\xff\xfe\r\r\n', 'latin1');
    await scene.put('bytes', bytes);
    await list(scene.ftp.dir());
    expect(await scene.get('bytes')).to.deep.equal(bytes);
    expect(scene.read('bytes')).to.deep.equal(bytes);
  });
}
