import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { FTPPool } from '../../lib/client/pool';
import { ConnectionClosedError } from '../../lib/errors';
import type { FTP } from '../../lib/client/ftp';
import type { ConnectionRequest, FTPOptions } from '../../lib/options';
import { failure, scene } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import { gate, type Gate } from '../support/server/gate';
import { normal, until } from '../support/server/steps';

const BIG = Buffer.alloc(2_000_000, 'x');
const FILES = { '/from/a': 'aaa', '/from/b/c': 'c', '/from/b/d': 'd', '/from/e/f': 'f', '/to/old': 'old', '/to/older': 'older', '/big': BIG };

type Remote = FTP | FTPPool;

/** Work of many operations, and the verb of its that is held while something happens to the client. */
interface Kind {
  readonly held: string;
  readonly begin: (remote: Remote, local: string) => Promise<unknown>;
}

const KINDS: Readonly<Record<string, Kind>> = {
  get: { held: 'RETR', begin: (remote, local) => remote.get('from/a', join(local, 'a')) },
  'get, before its first command is answered': { held: 'SIZE', begin: (remote, local) => remote.get('from/a', join(local, 'a')) },
  put: { held: 'STOR', begin: (remote, local) => remote.put(join(local, 'up', 'x'), 'put') },
  'put, between its data and the rename': { held: 'RNFR', begin: (remote, local) => remote.put(join(local, 'up', 'x'), 'put') },
  walk: { held: 'MLSD', begin: (remote) => remote.walk('from').toArray() },
  downloadTree: { held: 'RETR', begin: (remote, local) => remote.downloadTree('from', join(local, 'tree')).toArray() },
  uploadTree: { held: 'STOR', begin: (remote, local) => remote.uploadTree(join(local, 'up'), 'to', { delete: true }).toArray() },
  'uploadTree, while it deletes': { held: 'DELE', begin: (remote, local) => remote.uploadTree(join(local, 'up'), 'to', { delete: true }).toArray() },
  'retr with retry': { held: 'RETR', begin: (remote) => remote.retr('from/a', { retry: true }).toArray() },
};

describe('work of many operations and the end of its client', () => {
  const pools: FTPPool[] = [];
  afterEach(() => pools.splice(0).forEach((pool) => pool.close()));
  const stage = scene();
  let local: string;
  beforeEach(async () => {
    local = await mkdtemp(join(tmpdir(), 'ftplib-work-'));
    await mkdir(join(local, 'up'));
    for (const name of ['x', 'y', 'z']) await writeFile(join(local, 'up', name), name);
  });
  afterEach(() => rm(local, { recursive: true }));

  const remotes: Readonly<Record<string, (server: FtpServer, options?: FTPOptions) => Remote>> = {
    client: (server, options) => stage.client(server, options),
    pool: ({ host, port }, options) => {
      const pool = new FTPPool({ host, port, user: 'user', password: 'secret', connections: 2, ...options });
      pools.push(pool);
      return pool;
    },
  };

  /** A server on which that verb's first command waits for the gate, and connections that are counted. */
  async function holding(verb: string): Promise<{ server: FtpServer; held: Gate; counted: FTPOptions; connects: () => number }> {
    const held = gate();
    const server = await stage.serve({ files: FILES, script: { [verb]: [[until(held), normal()], [normal()]] } });
    let connects = 0;
    const createConnection = ({ host, port, purpose }: ConnectionRequest): Socket => {
      connects += 1;
      return connect({ host, port, allowHalfOpen: purpose === 'data' });
    };
    return { server, held, counted: { createConnection }, connects: () => connects };
  }

  for (const [title, open] of Object.entries(remotes)) {
    describe(`of a ${title}`, () => {
      for (const [name, { held: verb, begin }] of Object.entries(KINDS)) {
        it(`${name}: close() ends it at once, and nothing reaches the server any more`, async () => {
          const { server, held, counted, connects } = await holding(verb);
          const remote = open(server, counted);
          const work = failure(begin(remote, local));
          await server.waitFor(verb);
          const before = connects();
          remote.close();
          expect(await work).to.be.instanceOf(ConnectionClosedError);
          held.open();
          await server.deserted();
          expect(connects()).to.equal(before);
          expect((await readdir(local)).filter((each) => /^\.?a/.test(each))).to.deep.equal([]);
        });

        it(`${name}: quit() waits for it`, async () => {
          const { server, held } = await holding(verb);
          const remote = open(server);
          let done = false;
          const work = begin(remote, local).then(() => (done = true));
          await server.waitFor(verb);
          const quit = remote.quit().then(() => done);
          held.open();
          expect(await quit).to.equal(true);
          await work;
          expect(server.commands.at(-1)).to.equal('QUIT');
          await server.deserted();
        });

        it(`${name}: the option signal ends it at once, without another try`, async () => {
          const { server, held, counted, connects } = await holding(verb);
          const controller = new AbortController();
          const remote = open(server, { ...counted, signal: controller.signal });
          const work = failure(begin(remote, local));
          await server.waitFor(verb);
          const before = connects();
          controller.abort(new Error('enough'));
          const error = await work;
          expect(error).to.be.instanceOf(ConnectionClosedError);
          expect(error.message).to.match(/was aborted/);
          held.open();
          await server.deserted();
          expect(connects()).to.equal(before);
        });
      }

      for (const [name, { begin }] of Object.entries(KINDS)) {
        if (name.includes(',')) continue;
        it(`${name}: quit() in the very turn that it is called in waits for it`, async () => {
          const server = await stage.serve({ files: FILES });
          const remote = open(server);
          let done = false;
          const work = begin(remote, local).then(() => (done = true));
          await remote.quit();
          expect(done).to.equal(true);
          await work;
          await server.deserted();
        });
      }

      it('that is called while quit() waits for other work is refused, and the other is done', async () => {
        const { server, held } = await holding('MLSD');
        const remote = open(server);
        const walked = remote.walk('from').toArray();
        await server.waitFor('MLSD');
        const quit = remote.quit();
        await new Promise(setImmediate);
        held.open();
        expect((await walked).map(({ path }) => path).sort()).to.deep.equal(['a', 'b', 'b/c', 'b/d', 'e', 'e/f']);
        await quit;
        expect(await failure(remote.walk('from').toArray())).to.be.instanceOf(ConnectionClosedError);
        expect(await failure(remote.get('from/a', join(local, 'late')))).to.be.instanceOf(ConnectionClosedError);
      });

      it('of which nobody reads the stream on is ended by quit(), at once', async () => {
        const server = await stage.serve({ files: FILES });
        const remote = open(server);
        const walk = remote.walk('from');
        await once(walk, 'data');
        walk.pause();
        const failed = once(walk, 'error');
        await remote.quit();
        expect((await failed)[0]).to.be.instanceOf(ConnectionClosedError).with.property('message').match(/nobody read this stream on/);
        await server.deserted();
      });

      it('whose reader waits for quit() itself is ended after stallTimeout', async () => {
        const server = await stage.serve({ files: FILES });
        const remote = open(server, { stallTimeout: 100 });
        const reading = failure((async () => {
          for await (const entry of remote.walk('from')) if (entry) await remote.quit();
        })());
        expect(await reading).to.be.instanceOf(ConnectionClosedError);
        await server.deserted();
      });

      it('of which other work takes the items is no work that nobody reads on', async () => {
        const { server, held } = await holding('RETR');
        const remote = open(server, { stallTimeout: 100, replyTimeout: 60_000 });
        const tree = remote.downloadTree('from', join(local, 'tree')).toArray();
        await server.waitFor('RETR');
        const quit = remote.quit();
        // A transfer of another client's that takes five times as long as ours may stand still.
        const clock = stage.client(await stage.serve({ script: { NOOP: [] } }), { replyTimeout: 500 });
        await clock.noop().catch(() => undefined);
        held.open();
        expect((await tree).filter(({ type }) => type === 'file')).to.have.lengthOf(4);
        await quit;
      });
    });
  }

  for (const [name, { held: verb, begin }] of Object.entries(KINDS)) {
    it(`${name}: close() between two commands, when no reply is due, ends it, and it does not connect again`, async () => {
      const { server, counted, connects } = await holding('NOOP');
      const ftp = stage.client(server, counted);
      let before = 0;
      let closing = false;
      ftp.on('command', (line) => {
        if (!line.startsWith(verb)) return;
        // A 1yz comes before the reply to a transfer command.
        ftp.on('reply', ({ kind }) => {
          if (kind === 'preliminary' || closing) return;
          closing = true;
          queueMicrotask(() => {
            ftp.close();
            before = connects();
          });
        });
      });
      const outcome: unknown = await begin(ftp, local).catch((error: unknown) => error);
      // What was complete by then is complete.
      if (outcome instanceof Error) expect(outcome).to.be.instanceOf(ConnectionClosedError);
      else expect(name).to.match(/^retr/);
      await server.deserted();
      expect(connects()).to.equal(before);
      if (verb !== 'DELE') expect(server.read('/to/old').toString()).to.equal('old');
    });
  }

  it('in parts: a segmented download that nobody reads on is ended by quit()', async () => {
    const server = await stage.serve({ files: FILES });
    const remote = remotes['pool']?.(server) as FTPPool;
    const stream = remote.retr('big', { segments: 2 });
    await once(stream, 'data');
    stream.pause();
    const failed = failure(finished(stream));
    await remote.quit();
    expect(await failed).to.be.instanceOf(ConnectionClosedError);
    await server.deserted();
  });
});
