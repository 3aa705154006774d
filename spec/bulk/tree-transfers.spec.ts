import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { mirror } from '../../lib/bulk/mirror';
import { type Progress, TreeTraffic } from '../../lib/bulk/progress';
import { throttle } from '../../lib/bulk/throttle';
import { downloadTree } from '../../lib/bulk/tree-download';
import type { TreeOptions } from '../../lib/bulk/tree-options';
import { uploadTree } from '../../lib/bulk/tree-upload';
import { ArgumentError, FTPPool, MismatchError, UnsupportedError } from '../../lib/index';
import { scene } from '../support/client';
import { ManualClock } from '../support/manual-clock';
import { dataReset, openData, send } from '../support/server/steps';
import type { FtpServer } from '../support/server/ftp-server';
import { BYTES, normally, QUICK, sendThenReset, SIZE, takeThenReset } from './file-scene';
import { failure, told } from './tree-results';
import { Scratch } from './tree-scratch';

const FILES = { 'a/one': BYTES, 'b/two': BYTES.subarray(0, 1000), three: BYTES.subarray(0, 300_000) } as const;

describe('the files of a tree', () => {
  const stage = scene();
  const scratch = new Scratch();
  const pools: FTPPool[] = [];
  afterEach(() => pools.splice(0).forEach((pool) => pool.close()));

  const serve = (options: Parameters<typeof stage.serve>[0] = {}): Promise<FtpServer> => stage.serve({ files: on('/top'), ...options });
  const sent = (server: FtpServer, verb: string): string[] => server.commands.filter((line) => line.startsWith(verb));

  function pooled({ host, port }: FtpServer, connections: number): FTPPool {
    const pool = new FTPPool({ host, port, user: 'user', password: 'secret', connections });
    pools.push(pool);
    return pool;
  }

  async function assertDownloaded(): Promise<void> {
    for (const [path, bytes] of Object.entries(FILES)) expect((await readFile(scratch.path('copy', path))).equals(bytes), path).to.equal(true);
    expect(Object.keys(await scratch.tree('copy'))).to.have.members(['a/', 'b/', ...Object.keys(FILES)]);
  }

  function assertUploaded(server: FtpServer): void {
    for (const [path, bytes] of Object.entries(FILES)) expect(server.read(`/up/${path}`).equals(bytes), path).to.equal(true);
    expect([...server.files].flatMap(([path, { kind }]) => (kind === 'file' && path.startsWith('/up/') ? [path.slice(4)] : []))).to.have.members(Object.keys(FILES));
  }

  describe('with retry', () => {
    it('go on where they were cut, down', async () => {
      const server = await serve({ script: { RETR: [sendThenReset(150_000), sendThenReset(100), normally] } });
      await downloadTree(stage.client(server), '/top', scratch.path('copy'), { retry: QUICK }).toArray();
      await assertDownloaded();
      expect(sent(server, 'REST')).to.not.deep.equal([]);
    });

    it('go on where they were cut, up, under a name that the lost session does not write to', async () => {
      const server = await serve({ features: ['SIZE', 'REST STREAM'], script: { STOR: [takeThenReset(150_000), takeThenReset(100), normally] } });
      await scratch.put('source', FILES);
      await uploadTree(stage.client(server), scratch.path('source'), '/up', { retry: QUICK }).toArray();
      assertUploaded(server);
    });

    it('go on where they were cut in a mirror, in the places of old ones', async () => {
      const server = await serve({ script: { RETR: [sendThenReset(1000), normally] } });
      await scratch.put('copy', { three: 'old' });
      await mirror({ from: { client: stage.client(server), path: '/top' }, to: scratch.path('copy'), retry: QUICK, temporaryName: false }).toArray();
      await assertDownloaded();
    });

    it('come, though folders are cut while they are listed and made', async () => {
      const cut = [openData(), send('150 go'), dataReset(), async (session: { control: { reset(): void } }) => session.control.reset()];
      const server = await serve({ script: { LIST: [cut, normally, cut, normally], MLSD: [cut, normally, cut, normally] } });
      await downloadTree(stage.client(server), '/top', scratch.path('copy'), { retry: QUICK }).toArray();
      await assertDownloaded();
      server.script = { MKD: [[async (session) => session.control.reset()], normally] };
      await uploadTree(stage.client(server), scratch.path('copy'), '/up', { retry: QUICK }).toArray();
      assertUploaded(server);
    });

    it('come, though the connection is cut while it is asked where a symlink leads', async () => {
      const server = await stage.serve({ files: { '/top/link': { target: '/a' }, '/a': 'a' }, script: { MLST: [[async (session) => session.control.reset()], normally] } });
      const list = await downloadTree(stage.client(server), '/top', scratch.path('copy'), { retry: QUICK, symlinks: 'follow' }).toArray();
      expect(told(list)).to.deep.equal(['created ', 'downloaded link']);
    });

    it('give each name once, where a listing is cut after the first ones', async () => {
      const server = await serve({
        features: ['MLST type*;size*;modify*;'],
        script: {
          MLSD: [
            [
              async (session) => {
                const socket = await session.dataConnection();
                session.reply('150 go');
                await new Promise((resolve) => socket.write('type=file;size=1000; two\r\n', resolve));
                session.control.reset();
              },
            ],
            normally,
          ],
        },
      });
      const list = await downloadTree(stage.client(server), '/top/b', scratch.path('copy'), { retry: QUICK }).toArray();
      expect(told(list)).to.deep.equal(['created ', 'downloaded two']);
    });

    it('fail with the loss when there were enough attempts, and one after the other', async () => {
      const server = await serve({ script: { RETR: sendThenReset(0) } });
      const list = await downloadTree(stage.client(server), '/top', scratch.path('copy'), { retry: { attempts: 1, backoff: 0 }, continueOnError: true }).toArray();
      expect(told(list).filter((line) => line.startsWith('failed'))).to.have.members(Object.keys(FILES).map((path) => `failed ${path}`));
      expect(sent(server, 'RETR')).to.have.length(6);
      expect(Object.keys(await scratch.tree('copy'))).to.have.members(['a/', 'b/']);
    });

    it('are not tried again without it', async () => {
      const server = await serve({ script: { RETR: [sendThenReset(150_000), normally] } });
      const list = await downloadTree(stage.client(server), '/top', scratch.path('copy'), { continueOnError: true }).toArray();
      expect(told(list).filter((line) => line.startsWith('failed'))).to.have.length(1);
      expect(sent(server, 'RETR')).to.have.length(3);
    });
  });

  describe('with verify', () => {
    for (const [way, run] of [
      ['down', (server: FtpServer, options: TreeOptions) => downloadTree(stage.client(server), '/top', scratch.path('copy'), options).toArray()],
      ['up', (server: FtpServer, options: TreeOptions) => uploadTree(stage.client(server), scratch.path('source'), '/up', options).toArray()],
    ] as const) {
      beforeEach(() => scratch.put('source', FILES));

      it(`are compared by size, ${way}`, async () => {
        const server = await serve({ features: ['SIZE'] });
        await run(server, { verify: 'size' });
        expect(sent(server, 'SIZE')).to.have.length.at.least(3);
        server.script = { SIZE: `213 ${SIZE + 1}` };
        expect(await failure(run(server, { verify: 'size' }))).to.be.instanceOf(MismatchError);
      });

      it(`are compared by hash, ${way}`, async () => {
        const server = await serve({ features: ['SIZE', 'HASH SHA-256*'] });
        await run(server, { verify: 'hash' });
        expect(sent(server, 'HASH')).to.have.length(3);
        server.script = { HASH: `213 SHA-256 0-${SIZE} ${'0'.repeat(64)} f` };
        const list = await run(server, { verify: 'hash', continueOnError: true });
        expect(list.filter(({ error }) => error instanceof MismatchError)).to.have.length(3);
      });

      it(`need a hash on the server, ${way}`, async () => {
        expect(await failure(run(await serve({ features: ['SIZE'] }), { verify: 'hash' }))).to.be.instanceOf(UnsupportedError);
      });
    }

    it('leave what was there, where they are not what the server says', async () => {
      const server = await serve({ features: ['SIZE'], script: { SIZE: '213 5' } });
      await scratch.put('copy', { three: 'old' });
      await downloadTree(stage.client(server), '/top', scratch.path('copy'), { verify: 'size', continueOnError: true, filter: 'three' }).toArray();
      expect(await scratch.tree('copy')).to.deep.equal({ three: 'old' });
    });
  });

  for (const way of ['down', 'up'] as const) {
    it(`share one throttle, on several connections, ${way}`, async () => {
      const clock = new ManualClock();
      const server = await stage.serve({ files: way === 'down' ? on('/top') : {} });
      const limit = throttle(100_000, { clock });
      const bytes = Object.values(FILES).reduce((sum, { length }) => sum + length, 0);
      if (way === 'up') await scratch.put('source', FILES);
      const options = { throttle: limit, concurrency: 3, filter: ['one', 'two', 'three'] };
      const pool = pooled(server, 3);
      const done = (way === 'down' ? downloadTree(pool, '/top', scratch.path('copy'), options) : uploadTree(pool, scratch.path('source'), '/up', options)).toArray();
      let over = false;
      void done.finally(() => (over = true)).catch(() => undefined);
      while (!over) await clock.pass(10);
      await done;
      const seconds = clock.now() / 1000;
      // While a connection is made, the manual clock goes on; what the bucket has kept by then is a tenth of a second.
      expect(seconds).to.be.greaterThan(bytes / 100_000 - 0.2);
      if (way === 'down') await assertDownloaded();
      else assertUploaded(server);
    });

    it(`report the progress of the whole, ${way}`, async () => {
      const reports: Progress[] = [];
      const server = await serve();
      await scratch.put('source', FILES);
      const bytes = Object.values(FILES).reduce((sum, { length }) => sum + length, 0);
      const options = { progress: (now: Progress) => void reports.push(now), progressInterval: 20, throttle: throttle(bytes * 4) };
      const ftp = stage.client(server);
      await (way === 'down' ? downloadTree(ftp, '/top', scratch.path('copy'), options) : uploadTree(ftp, scratch.path('source'), '/up', options)).toArray();
      expect(reports.length).to.be.above(3);
      expect(reports.at(-1)).to.deep.include({ bytes, total: bytes, percent: 100, eta: 0, files: 3, totalFiles: 3 });
      reports.length = 0;
      await (way === 'down' ? downloadTree(ftp, '/top', scratch.path('copy'), { ...options, overwrite: 'never' }) : uploadTree(ftp, scratch.path('source'), '/up', { ...options, overwrite: 'never' })).toArray();
      expect(reports).to.deep.equal([{ bytes: 0, rate: 0, total: 0, percent: 100, eta: 0, files: 0, totalFiles: 0, current: [] }]);
    });
  }

  it('report no bytes twice that were sent again', async () => {
    const reports: Progress[] = [];
    const server = await serve({ features: [], script: { STOR: [takeThenReset(150_000), normally], SIZE: '502 No.', MLST: '502 No.', REST: '502 No.' } });
    await scratch.put('source', FILES);
    await uploadTree(stage.client(server), scratch.path('source'), '/up', { retry: QUICK, progress: (now) => void reports.push(now) }).toArray();
    assertUploaded(server);
    const bytes = Object.values(FILES).reduce((sum, { length }) => sum + length, 0);
    expect(reports.at(-1)).to.include({ bytes, total: bytes, files: 3 });
  });

  it('report totals when all are planned, and at the interval', async () => {
    const clock = new ManualClock();
    const reports: Progress[] = [];
    const traffic = new TreeTraffic({ progress: (now) => void reports.push(now) }, clock);
    traffic.plan(100);
    traffic.plan(300);
    traffic.plan(undefined);
    traffic.plan(50);
    await traffic.file('a', 100, async (file) => {
      const [counter] = file.streams();
      counter?.resume().end(Buffer.alloc(100));
      await clock.pass(1000);
    });
    traffic.unplan(50);
    traffic.planned();
    await clock.pass(1000);
    await traffic.file('b', undefined, async (file) => file.begin(20));
    await traffic.file('c', 300, async () => Promise.reject(new Error('refused'))).catch(() => undefined);
    await clock.pass(1000);
    traffic.finish();
    expect(reports.map(({ bytes, total, files, totalFiles }) => ({ bytes, total, files, totalFiles }))).to.deep.equal([
      { bytes: 100, total: undefined, files: 0, totalFiles: undefined },
      { bytes: 100, total: undefined, files: 1, totalFiles: 3 },
      { bytes: 120, total: 120, files: 3, totalFiles: 3 },
      { bytes: 120, total: 120, files: 3, totalFiles: 3 },
    ]);
    expect(clock.timers).to.equal(0);
  });

  it('name the files that are being transferred, at the interval that is asked for', async () => {
    const clock = new ManualClock();
    const reports: Progress[] = [];
    const traffic = new TreeTraffic({ progress: (now) => void reports.push(now), progressInterval: 100 }, clock);
    await traffic.file('a', 300, async (first) => {
      const [counter] = first.streams();
      counter?.resume().write(Buffer.alloc(100));
      await clock.pass(100);
      await traffic.file('deep/b', undefined, async (second) => {
        second.begin(20);
        await clock.pass(100);
      });
      await clock.pass(100);
    });
    traffic.finish();
    const a = { path: 'a', bytes: 100, total: 300 };
    expect(reports.map(({ current }) => current)).to.deep.equal([[a], [a, { path: 'deep/b', bytes: 20 }], [a], []]);
  });

  it('cost no more commands than without the options', async () => {
    const server = await serve();
    await downloadTree(stage.client(server), '/top', scratch.path('copy')).toArray();
    expect(sent(server, 'SIZE')).to.deep.equal([]);
    expect(sent(server, 'RETR')).to.have.length(3);
    await uploadTree(stage.client(server), scratch.path('copy'), '/up').toArray();
    expect(['STOR', 'RNFR', 'RNTO', 'SIZE', 'MFMT', 'DELE'].map((verb) => sent(server, verb).length)).to.deep.equal([3, 3, 3, 0, 0, 0]);
  });

  for (const options of [{ retry: -1 }, { retry: { tries: 1 } }, { verify: 'md5' }, { throttle: 5 }, { progress: 5 }, { progressInterval: NaN }] as const) {
    it(`are refused with ${JSON.stringify(options)}`, async () => {
      const ftp = stage.client(await serve());
      expect(() => downloadTree(ftp, '/top', scratch.path('copy'), options as unknown as TreeOptions)).to.throw(ArgumentError);
    });
  }
});

/** The files in a folder of a server. */
function on(folder: string): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(FILES).map(([path, bytes]) => [`${folder}/${path}`, bytes]));
}
