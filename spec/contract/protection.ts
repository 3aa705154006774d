import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { expect } from 'chai';
import { FTP, isFTPError } from '../../lib/index';
import type { Scene } from './scene';
import type { Target } from './target';

/** What TLS adds: nothing before it is safe, and everything in it. */
export function describeProtection(scene: Scene, resumes: boolean): void {
  const { target } = scene;

  it('is protected before it says who we are, and before data', async () => {
    const ftp = scene.client();
    const verbs: string[] = [];
    ftp.on('command', (line) => void verbs.push(/^(AUTH|USER|PBSZ|PROT|EPSV|RETR)/.exec(line)?.[0] ?? ''));
    const stream = ftp.retr('readme.txt');
    stream.resume();
    await finished(stream);
    await ftp.quit();
    const expected = [...(target.options.secure === 'explicit' ? ['AUTH'] : []), 'USER', 'PBSZ', 'PROT', 'EPSV', 'RETR'];
    expect(verbs.filter((verb) => verb !== '')).to.deep.equal(expected);
  });

  it(resumes ? 'resumes the session on data connections' : 'makes a full handshake where the server gives no ticket', async () => {
    for (let index = 0; index < 5; index++) {
      const stream = await scene.put('resumed', 'x');
      expect(stream.tlsResumed, `upload ${index}`).to.equal(resumes);
      const back = scene.ftp.retr('resumed');
      back.resume();
      await finished(back);
      expect(back.tlsResumed, `download ${index}`).to.equal(resumes);
    }
  });

  it('refuses a certificate that nobody vouches for, before it says who we are', async () => {
    await refuses({ ...target, options: { ...target.options, tls: {} } });
  });

  it('refuses a certificate of another host', async () => {
    await refuses({ ...target, options: { ...target.options, tls: { ...target.options.tls, servername: 'elsewhere.example' } } });
  });
}

async function refuses({ options }: Target): Promise<void> {
  const ftp = new FTP(options);
  const commands: string[] = [];
  ftp.on('command', (line) => void commands.push(line));
  const closed = once(ftp, 'close');
  const error: unknown = await ftp.pwd().catch((reason: unknown) => reason);
  expect(isFTPError(error), String(error)).to.equal(true);
  expect(error).to.have.property('phase', 'connect');
  await closed;
  expect(commands).to.deep.equal(options.secure === 'explicit' ? ['AUTH TLS'] : []);
}
