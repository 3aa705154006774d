import { expect } from 'chai';
import { downloadTree, uploadTree, walk, type FTPPool, type Remote } from '../../lib/index';
import type { FtpServer } from '../support/server/ftp-server';
import type { Session } from '../support/server/session';
import { comesAbout, poolScene } from './pool-scene';
import { line, listing } from './tree-listing';
import { Scratch } from './tree-scratch';

const TREE = { '/t/a/1': '1', '/t/b/2': '2', '/t/b/e/5': '5', '/t/b/f/6': '6', '/t/c/3': '3', '/t/d/4': '4', '/t/g/': '' };

describe('the folders of a tree, on a pool', () => {
  const { stage, pool } = poolScene();
  const scratch = new Scratch();

  /** A server that answers no listing of `a` or `b` before both were asked for: one after the other would hang. */
  async function serveTogether(): Promise<FtpServer> {
    const MLSD = async (session: Session, argument: string): Promise<void> => {
      if (/^t\/[ab]$/.test(argument)) await comesAbout(() => asked(server, 't/a') + asked(server, 't/b') === 2);
      await session.normal();
    };
    const server = await stage.serve({ files: TREE, script: { MLSD } });
    return server;
  }

  /** The paths of a walk. */
  async function paths(remote: Remote, path: string): Promise<string[]> {
    return (await walk(remote, path).toArray()).map((entry) => entry.path);
  }

  it('are listed while others are, when they are walked', async () => {
    const server = await serveTogether();
    expect(await paths(pool(server, { connections: 3 }), 't')).to.include.members(['a/1', 'b/2', 'd/4']);
  });

  it('are listed while others are, when they are downloaded', async () => {
    const server = await serveTogether();
    await downloadTree(pool(server, { connections: 3 }), 't', scratch.path('t')).toArray();
    expect(await scratch.tree('t')).to.include({ 'a/1': '1', 'b/e/5': '5', 'd/4': '4', 'g/': '' });
  });

  it('are listed while others are, when what the server has is compared', async () => {
    await scratch.put('t', { 'a/1': 'x', 'b/2': 'y', 'new/3': 'z' });
    const server = await serveTogether();
    const results = await uploadTree(pool(server, { connections: 3 }), scratch.path('t'), 't', { overwrite: 'size' }).toArray();
    expect(results.filter(({ action }) => action === 'uploaded').map(({ path }) => path)).to.deep.equal(['new/3']);
  });

  it('are listed in their turn where something is deleted on the server meanwhile', async () => {
    await scratch.put('t', { 'a/1': '1', 'b/2': '2' });
    let [now, most] = [0, 0];
    const MLSD = async (session: Session): Promise<void> => {
      most = Math.max(most, ++now);
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
      await session.normal();
      now--;
    };
    const server = await stage.serve({ files: TREE, script: { MLSD } });
    await uploadTree(pool(server, { connections: 3 }), scratch.path('t'), 't', { overwrite: 'size', delete: true }).toArray();
    expect(server.read('/t/a/1').toString()).to.equal('1');
    expect(asked(server)).to.be.above(3);
    expect(most).to.equal(1);
  });

  it('come in the order of one connection', async () => {
    const server = await stage.serve({ files: TREE });
    const one = await paths(stage.client(server), 't');
    for (const connections of [2, 3, 8]) expect(await paths(pool(server, { connections }), 't')).to.deep.equal(one);
    expect(one.slice(5)).to.deep.equal(['a/1', 'b/2', 'b/e', 'b/f', 'b/e/5', 'b/f/6', 'c/3', 'd/4']);
  });

  it('wait where the walk is not read on', async () => {
    const server = await stage.serve({ script: { MLSD: listing((path) => (path === '/' ? folders(500) : [line('file')])) } });
    const ours = pool(server, { connections: 4 });
    const stream = walk(ours)[Symbol.asyncIterator]();
    for (let at = 0; at < 500; at++) await stream.next();
    expect((await stream.next()).value.path).to.equal('d0/file');
    expect(await settled(ours, server)).to.be.within(2, 1 + 2 + 2 * 4);
    await stream.return?.();
  });

  it('wait, too, where thousands of entries are kept', async () => {
    const server = await stage.serve({ script: { MLSD: listing((path) => (path === '/' ? folders(100) : files(1000))) } });
    const ours = pool(server, { connections: 16 });
    const stream = walk(ours)[Symbol.asyncIterator]();
    for (let at = 0; at < 101; at++) await stream.next();
    expect(await settled(ours, server)).to.be.within(2, 1 + 1 + 10 + 16);
    await stream.return?.();
  });

  it('that are large are not kept, and listed again in their turn', async () => {
    const server = await stage.serve({ script: { MLSD: listing((path) => (path === '/' ? folders(3) : files(20_000))) } });
    expect(await paths(pool(server, { connections: 3 }), '')).to.have.lengthOf(60_003);
    expect(asked(server)).to.equal(1 + 3 + 2);
  });

  it('that could not be listed ahead are listed in their turn', async () => {
    let refused = 0;
    const server = await stage.serve({ files: TREE, script: { MLSD: (session, argument) => (argument === 't/b' && refused++ === 0 ? session.reply('451 Not now.') : session.normal()) } });
    expect(await paths(pool(server, { connections: 3 }), 't')).to.include.members(['b/2', 'b/e/5']);
    expect(refused).to.equal(2);
  });

  it('that the server refuses are told in their turn, once', async () => {
    const server = await stage.serve({ files: TREE, script: { MLSD: (session, argument) => (argument === 't/b' ? session.reply('550 No.') : session.normal()) } });
    const left: string[] = [];
    const stream = walk(pool(server, { connections: 3 }), 't').on('unreadable', ({ path }) => left.push(path));
    expect((await stream.toArray()).map(({ path }) => path)).to.deep.equal(['a', 'b', 'c', 'd', 'g', 'a/1', 'c/3', 'd/4']);
    expect(left).to.deep.equal(['b']);
  });

  it('that are asked for when the walk is left cost nobody else a reply', async () => {
    const server = await stage.serve({ files: { ...TREE, '/f': 'file' } });
    for (let rounds = 0; rounds < 20; rounds++) {
      const ours = pool(server, { connections: 3 });
      let entries = 0;
      for await (const _entry of walk(ours, 't')) if (entries++ === rounds) break;
      expect(Buffer.concat(await ours.retr('f').toArray()).toString()).to.equal('file');
      expect(await Promise.all(Array.from({ length: 6 }, () => ours.size('f')))).to.deep.equal([4, 4, 4, 4, 4, 4]);
      await ours.quit();
    }
  });
});

/** How often a folder was listed; all of them by default. */
function asked(server: FtpServer, path?: string): number {
  return server.commands.filter((command) => (path === undefined ? command.startsWith('MLSD') : command === `MLSD ${path}`)).length;
}

/** How often folders were listed, when that is no longer more from one moment to the next. */
async function settled(ours: FTPPool, server: FtpServer): Promise<number> {
  for (let before = -1; ; ) {
    if (asked(server) === before) return before;
    before = asked(server);
    await Promise.all(Array.from({ length: 200 }, () => ours.size('/').catch(() => 0)));
  }
}

function files(count: number): Iterable<string> {
  return Array.from({ length: count }, (_, index) => line(`f${index}`));
}

function folders(count: number): string[] {
  return Array.from({ length: count }, (_, index) => line(`d${index}`, { type: 'dir' }));
}
