import { finished } from 'node:stream/promises';
import { expect } from 'chai';
import { FTPError, PermanentError, type FTP, type FTPOptions } from '../../lib/index';
import { Scene, collect, pattern } from '../contract/scene';
import { targetOf } from '../contract/server-target';
import { failure } from '../support/client';
import { assertNoLeaks, snapshot, type Snapshot } from '../support/leaks';
import { closing } from '../support/transfers';
import { realServers, type RealServer } from './servers';

/** Names in a folder whose listing no socket's buffer holds. */
const MANY = 3000;
/**
 * The siblings of a server are the same program with other settings, and would take the whole run some minutes more. pyftpdlib 1.5.7 forgets
 * sockets of others when transfers are left, and its contract runs meanwhile; the model has it.
 */
const ALL = process.env['FTPLIB_LONG'] === '1';
/** Times that a transfer is left: some servers go wrong at some of them only. */
const ROUNDS = 5;

describe('what a transfer leaves in the session, on real servers', () => {
  for (const server of realServers().filter(({ host, name }) => host === '127.0.0.1' && (ALL || /^(?!pyftpdlib).*-(plain|reuse)$/.test(name)))) {
    describe(server.name, () => describeServer(server));
  }
});

function describeServer(server: RealServer): void {
  const target = targetOf(server);
  let scene: Scene;
  let before: Snapshot;
  const clients: FTP[] = [];
  beforeEach(async () => {
    before = await snapshot();
    scene = new Scene(target, 'session');
    await scene.open();
  });
  afterEach(async () => {
    for (const ftp of clients.splice(0)) ftp.close();
    await scene.close();
    await assertNoLeaks(before);
  });

  async function client(options: FTPOptions = {}): Promise<FTP> {
    const ftp = scene.client(options);
    clients.push(ftp);
    await ftp.cwd(scene.path);
    return ftp;
  }

  if (server.can.rest) {
    describe('a restart offset that was not used', () => {
      /** Leaves a download when its REST has been sent, before the RETR. */
      async function leaveAfterRest(ftp: FTP): Promise<void> {
        const stream = ftp.retr('known', { start: 50 });
        const closed = closing(stream);
        const onCommand = (line: string): void => void (line.startsWith('REST') && stream.destroy());
        ftp.on('command', onCommand);
        stream.read(0);
        await closed;
        ftp.off('command', onCommand);
      }

      it('makes no hole in the next upload, and takes nothing off the next download', async () => {
        const ftp = await client();
        await scene.put('known', pattern(100), ftp);
        await leaveAfterRest(ftp);
        await scene.put('new', 'hello', ftp);
        expect(scene.read('new').toString('latin1')).to.equal('hello');
        await leaveAfterRest(ftp);
        expect((await scene.get('known', ftp)).equals(pattern(100))).to.equal(true);
        await leaveAfterRest(ftp);
        await scene.put('known', 'hello', ftp);
        expect(scene.read('known').toString('latin1')).to.equal('hello');
      });

      it('does not outlive the refusal of the RETR that it was for', async () => {
        const ftp = await client();
        await failure(collect(ftp.retr('missing', { start: 50 })));
        await scene.put('new', 'hello', ftp);
        expect(scene.read('new').toString('latin1')).to.equal('hello');
      });

      it('does not outlive the RETR that it was for, where that is left', async () => {
        const ftp = await client();
        await scene.put('known', pattern(100), ftp);
        const stream = ftp.retr(`${target.root}/10m.bin`, { start: 50 });
        for await (const chunk of stream) if (chunk) break;
        await scene.put('new', 'hello', ftp);
        expect(scene.read('new').toString('latin1')).to.equal('hello');
        expect((await scene.get('known', ftp)).equals(pattern(100))).to.equal(true);
      });
    });
  }

  // Where one command goes at a time, there is no NOOP in a transfer.
  if (!target.facts.oneAtATime && !target.facts.losesNoops) it('NOOPs: a transfer that is left while one is unanswered costs the next command nothing', async () => {
    const ftp = await client({ keepAlive: 5, keepAliveDuringTransfers: true });
    for (let round = 0; round < ROUNDS; round++) {
      await scene.put('doomed', 'x', ftp);
      const stream = ftp.retr(`${target.root}/10m.bin`);
      const closed = closing(stream);
      const onCommand = (line: string): void => void (line === 'NOOP' && stream.destroy());
      ftp.on('command', onCommand);
      stream.on('error', () => undefined).once('data', () => stream.pause());
      await closed;
      ftp.off('command', onCommand);
      const error = await failure(ftp.delete('nothing'));
      expect(error, error.message).to.be.instanceOf(PermanentError);
      expect(error.command).to.equal('DELE nothing');
      await ftp.delete('doomed');
      expect(scene.names()).to.not.include('doomed');
      expect(await ftp.pwd()).to.equal(scene.path);
    }
  });

  if (server.can.longListings) describe('a listing that is left in the middle', () => {
    beforeEach(() => {
      for (const folder of ['many', 'few']) scene.mkdir(folder);
      for (let index = 0; index < MANY; index++) scene.write(`many/${index}-${'long'.repeat(10)}`, '');
      for (const name of ['one', 'two']) scene.write(`few/${name}`, '');
    });

    const ways: Readonly<Record<string, (ftp: FTP) => Promise<void>>> = {
      'list()': async (ftp) => {
        for await (const entry of ftp.list('many')) if (entry) break;
      },
      'nlst() of its own folder': async (ftp) => {
        await ftp.cwd('many');
        for await (const name of ftp.nlst()) if (name) break;
        await ftp.cwd('..');
      },
      'dir()': async (ftp) => {
        for await (const line of ftp.dir('many')) if (line) break;
      },
    };
    for (const [what, leave] of Object.entries(ways)) {
      if (what.startsWith('nlst') && !server.can.nlst) continue;
      it(`leaves nothing of it in the next one: ${what}`, async () => {
        const ftp = await client();
        for (let round = 0; round < ROUNDS; round++) {
          await leave(ftp);
          const begun = performance.now();
          expect((await ftp.list('few').toArray()).map(({ name }) => name).sort()).to.deep.equal(['one', 'two']);
          expect(performance.now() - begun, 'milliseconds until the next is done').to.be.below(8000);
        }
        expect(await ftp.pwd()).to.equal(scene.path);
      });
    }

    it('leaves nothing of it in a walk', async () => {
      const ftp = await client();
      for (let round = 0; round < ROUNDS; round++) {
        await ways['list()']?.(ftp);
        const walked = await ftp.walk('few').toArray().catch((error: FTPError) => error);
        expect(walked).to.not.be.instanceOf(Error);
        expect((walked as { path: string }[]).map(({ path }) => path).sort()).to.deep.equal(['one', 'two']);
      }
      await finished(ftp.list('few').resume());
    });
  });
}
