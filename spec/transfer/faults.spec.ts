import { expect } from 'chai';
import { FaultRun, SEED } from '../support/fault-proxy/run';
import type { Mode, Target } from '../support/fault-proxy/trial';
import { snapshot } from '../support/leaks';
import { certificate } from '../support/server/certificates';
import { FtpServer } from '../support/server/ftp-server';

const OPERATIONS = 200;
/** At once in each mode: a freeze is waited for, not worked on. */
const CLIENTS = 5;

describe(`faults at any byte on the embedded server, seed ${SEED}`, () => {
  it('never make the client lie, hang or leak', async () => {
    const quiet = await snapshot();
    const run = new FaultRun();
    const { key, cert } = certificate();
    const plain = await FtpServer.start();
    const secure = await FtpServer.start({ tls: { mode: 'explicit', key, cert } });
    const close = async (): Promise<void> => void (await Promise.all([plain.close(), secure.close()]));
    try {
      for (const [name, server, modes] of [
        ['plain', plain, ['EPSV', 'PASV', 'EPRT', 'PORT', 'seam']],
        ['tls', secure, ['seam', 'PORT']],
      ] as const) {
        const target = targetOf(name, server, Buffer.from(cert));
        await run.furnish(target);
        await run.add(target, Array<readonly Mode[]>(CLIENTS).fill(modes).flat());
      }
      const wrong = await run.run('the embedded server', OPERATIONS, quiet, close);
      expect(wrong.slice(0, 10).join('\n'), `${wrong.length} wrong, SEED=${SEED}`).to.equal('');
    } finally {
      await run.close();
      await close();
    }
  });
});

function targetOf(name: string, server: FtpServer, ca: Buffer): Target {
  const { host, port, tls } = server;
  const store = (folder: string): ReturnType<Target['store']> => ({
    has: (file) => server.files.has(`${folder}/${file}`),
    read: (file) => server.read(`${folder}/${file}`),
  });
  return { name, host, port, user: 'user', password: 'secret', store, ...(tls ? { secure: 'explicit', ca } : { secure: false }) };
}
