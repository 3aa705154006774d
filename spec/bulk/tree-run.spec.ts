import { expect } from 'chai';
import { mirror, type MirrorOptions } from '../../lib/bulk/mirror';
import { downloadTree } from '../../lib/bulk/tree-download';
import type { TreeResult } from '../../lib/bulk/tree-options';
import { perform, type Step } from '../../lib/bulk/tree-run';
import { uploadTree } from '../../lib/bulk/tree-upload';
import { FTPPool } from '../../lib/index';
import { scene } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import { gate } from '../support/server/gate';
import { data, dataEnd, normal, openData, send, silence, until } from '../support/server/steps';
import { closing } from '../support/transfers';
import { note } from '../support/summary';
import { Heap } from '../support/heap';
import { line, listing } from './tree-listing';
import { Scratch } from './tree-scratch';

function result(path: string, error?: Error): TreeResult {
  return { action: error ? 'failed' : 'downloaded', type: 'file', path, bytes: 0, ms: 0, ...(error ? { error } : {}) };
}

describe('the work on a tree', () => {
  const pools: FTPPool[] = [];
  afterEach(() => {
    for (const each of pools.splice(0)) each.close();
  });

  const stage = scene();
  const scratch = new Scratch();

  function pool({ host, port }: FtpServer, connections: number): FTPPool {
    const made = new FTPPool({ host, port, user: 'user', password: 'secret', connections, timeout: 2000 });
    pools.push(made);
    return made;
  }

  /** `count` files in folders of `width`, and the same on disk. */
  function files(count: number, width: number): Record<string, string> {
    return Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${Math.floor(i / width)}/file-${i}`, `content of ${i}`]));
  }

  it('goes on while its results are taken, and rests while they are not', async () => {
    const begun: number[] = [];
    async function* plan(): AsyncGenerator<Step> {
      for (let i = 0; i < 100; i++) yield async () => (begun.push(i), result(String(i)));
    }
    const stream = perform(plan(), { concurrency: 3, continueOnError: false }, new AbortController());
    await stream.next();
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    expect(begun.length).to.be.within(1, 12);
    let rest = 0;
    for await (const { path } of stream) rest += path === '' ? 0 : 1;
    expect(rest).to.equal(99);
  });

  it('does no more at a time than it may, and plans nothing meanwhile where it may do one thing only', async () => {
    for (const concurrency of [1, 4]) {
      let [now, most, planned] = [0, 0, 0];
      async function* plan(): AsyncGenerator<Step> {
        for (; planned < 50; planned++) {
          if (concurrency === 1) expect(now).to.equal(0);
          yield async () => {
            most = Math.max(most, ++now);
            await new Promise(setImmediate);
            now -= 1;
            return result('x');
          };
        }
      }
      let count = 0;
      for await (const { path } of perform(plan(), { concurrency, continueOnError: false }, new AbortController())) count += path === 'x' ? 1 : 0;
      expect([count, most]).to.deep.equal([50, concurrency]);
    }
  });

  it('ends what is under way when one thing has failed', async () => {
    const controller = new AbortController();
    const ended: string[] = [];
    const waits = (name: string) => () =>
      new Promise<TreeResult>((resolve) => controller.signal.addEventListener('abort', () => resolve((ended.push(name), result(name)))));
    async function* plan(): AsyncGenerator<Step> {
      yield* [waits('a'), waits('b'), async () => result('c', new Error('c has failed'))];
    }
    const seen: string[] = [];
    const error = await (async () => {
      for await (const { path } of perform(plan(), { concurrency: 3, continueOnError: false }, controller)) seen.push(path);
    })().catch((reason: unknown) => reason);
    expect(error).to.have.property('message', 'c has failed');
    expect([seen, ended]).to.deep.equal([['c'], ['a', 'b']]);
  });

  it('is shared by the connections that there are, and comes to the same', async () => {
    const server = await stage.serve();
    const source = files(200, 9);
    await scratch.put('source', source, new Date('2020-01-02T03:04:05Z'));
    const remote = pool(server, 4);
    const run = async (options: MirrorOptions): Promise<string[]> => (await mirror({ concurrency: 4, ...options }).toArray()).filter(({ action }) => action !== 'skipped').map(({ action }) => action);
    expect(await run({ from: scratch.path('source'), to: { client: remote, path: '/top' } })).to.have.length(200 + 23 + 1);
    expect(await run({ from: { client: remote, path: '/top' }, to: scratch.path('copy') })).to.have.length(224);
    expect(await scratch.tree('copy')).to.deep.equal(await scratch.tree('source'));
    expect(await run({ from: { client: remote, path: '/top' }, to: scratch.path('copy'), delete: true })).to.deep.equal([]);
    expect(await run({ from: scratch.path('source'), to: { client: remote, path: '/top' }, delete: true })).to.deep.equal([]);
    expect(server.sessions.size).to.equal(4);
  });

  it('moves as many files at a time as there are connections, and lists on meanwhile', async () => {
    const begun = gate();
    let now = 0;
    const server = await stage.serve({ files: Object.fromEntries(Object.entries(files(8, 2)).map(([path, text]) => [`/top/${path}`, text])) });
    server.script = {
      RETR: (session) => {
        if (++now === 3) begun.open();
        return begun.promise.then(() => session.normal());
      },
    };
    const list = await downloadTree(pool(server, 3), '/top', scratch.path('copy'), { concurrency: 3 }).toArray();
    expect(list.filter(({ action }) => action === 'downloaded')).to.have.length(8);
  });

  it('on a pool begins the next file when the data of one have ended, not with its 226', async () => {
    const server = await stage.serve({ files: Object.fromEntries(Array.from({ length: 6 }, (_, n) => [`/top/file-${n}`, 'text'])) });
    const third = gate();
    let asked = 0; // for the listing, and for three files on two connections
    server.on('command', (command: string) => {
      if (command === 'EPSV' && ++asked === 1 + 3) third.open();
    });
    const late = [send('150 go'), openData(), data('text'), dataEnd(), until(third.promise), send('226 done')];
    server.script = { RETR: [late, late, [normal()]] };
    expect((await downloadTree(pool(server, 2), '/top', scratch.path('copy')).toArray()).filter(({ action }) => action === 'downloaded')).to.have.length(6);
  });

  it('lists one folder at a time on one connection, and none while a file moves', async () => {
    const server = await stage.serve({ files: Object.fromEntries(Object.entries(files(12, 3)).map(([path, text]) => [`/top/${path}`, text])) });
    await downloadTree(stage.client(server), '/top', scratch.path('copy')).toArray();
    const order = server.commands.filter((command) => /^(MLSD|RETR)/.test(command)).map((command) => command.replace(/file-.*/, ''));
    expect(order).to.deep.equal(['MLSD /top', ...[0, 1, 2, 3].flatMap((n) => [`MLSD /top/f${n}`, ...Array.from({ length: 3 }, () => `RETR /top/f${n}/`)])]);
  });

  it('ends at once when it is destroyed while a folder is made, though the server says nothing', async () => {
    const server = await stage.serve({ script: { MKD: [silence()] } });
    await scratch.put('source', files(1, 1));
    const ftp = stage.client(server);
    const stream = uploadTree(ftp, scratch.path('source'), '/top');
    server.on('command', (command: string) => void (command.startsWith('MKD') && stream.destroy()));
    await closing(stream.resume());
    ftp.close();
  });

  it('leaves nothing open when a pool is cancelled in the middle', async () => {
    const server = await stage.serve({ script: { STOR: [send('150 go'), until(new Promise(() => undefined))] } });
    await scratch.put('source', files(20, 5));
    const remote = pool(server, 3);
    const stream = uploadTree(remote, scratch.path('source'), '/top', { concurrency: 3, continueOnError: true });
    let commands = 0;
    server.on('command', (command: string) => {
      if (command.startsWith('STOR') && ++commands === 3) stream.destroy();
    });
    await closing(stream.resume());
  });

  it('passes 100,000 entries in 1,000 folders with flat memory', async () => {
    const folders = function* (): Generator<string> {
      for (let i = 0; i < 1000; i++) yield line(`folder-${i}`, { type: 'dir' });
    };
    const hundred = Array.from({ length: 100 }, (_, i) => line(`entry-with-a-name-of-some-length-${i}`));
    const ftp = stage.client(await stage.serve({ files: { '/deep/': '' }, script: { MLSD: listing((folder) => (folder === '/deep' ? folders() : hundred)) } }));
    const heap = new Heap();
    let seen = 0;
    // Nothing is there, and a dry run moves nothing: what remains is the memory of the names.
    for await (const { action } of mirror({ from: { client: ftp, path: '/deep' }, to: scratch.path('nothing'), dryRun: true })) {
      if (action !== 'created' && action !== 'downloaded') expect.fail(action);
      if (++seen % 25_000 === 1) heap.note();
    }
    expect(seen).to.equal(101_001);
    note('measured', `mirror, 1,000 folders of 100: at most ${heap.most.toFixed(1)} MiB more than before`);
    expect(heap.most).to.be.below(16);
  });
});
