import { expect } from 'chai';
import { rm, rmdir, stat, utimes } from 'node:fs/promises';
import { mirror, type MirrorOptions } from '../../lib/bulk/mirror';
import { ArgumentError } from '../../lib/index';
import { scene } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import { line, listing } from './tree-listing';
import { Scratch } from './tree-scratch';

const TIME = new Date('2021-03-04T05:06:07Z');

/** What a server can do, and by what the mirror sees a change. */
const KINDS = {
  'MLSD and MFMT': { features: ['MLST', 'MFMT', 'SIZE', 'MDTM', 'UTF8'] },
  'LIST and MDTM': { features: ['SIZE', 'MDTM'], script: { MFMT: '500 Unknown command.', MLST: '500 Unknown command.' } },
  'LIST alone': { features: [], script: { MFMT: '500 Unknown command.', MLST: '500 Unknown command.', MDTM: '502 Not implemented.', SIZE: '502 Not implemented.' } },
} as const;

describe('mirror()', () => {
  const stage = scene();
  const scratch = new Scratch();

  /** The paths that were not skipped, after what was done with them. */
  async function run(options: MirrorOptions): Promise<string[]> {
    const results = await mirror(options).toArray();
    return results.filter(({ action }) => action !== 'skipped').map(({ action, path }) => `${action} ${path}`).sort();
  }

  it('takes the times of LIST for those of the zone that `serverTimeZoneOffset` says', async () => {
    const LIST = listing(() => ['-rw-r--r-- 1 ftp ftp 3 2021-03-04 07:06 a.txt']);
    const server = await stage.serve({ files: { '/top/a.txt': 'new' }, ...KINDS['LIST alone'], script: { ...KINDS['LIST alone'].script, LIST } });
    for (const [serverTimeZoneOffset, done] of [[120, []], [0, ['downloaded a.txt']]] as const) {
      await scratch.put('copy', { 'a.txt': 'old' }, new Date('2021-03-04T05:06:07Z'));
      const client = stage.client(server, { serverTimeZoneOffset });
      expect(await run({ from: { client, path: '/top' }, to: scratch.path('copy') })).to.deep.equal(done);
    }
  });

  for (const [kind, options] of Object.entries(KINDS)) {
    it(`brings a tree down, then only what has changed (${kind})`, async () => {
      const server = await stage.serve({ files: { '/top/a.txt': 'aaa', '/top/sub/b.txt': 'bb', '/top/sub/.dot': '', '/top/empty/': '', '/top/c.txt': 'c' }, ...options });
      const mirrored = { from: { client: stage.client(server), path: '/top' }, to: scratch.path('copy'), delete: true };
      expect(await run(mirrored)).to.deep.equal(['created ', 'created empty', 'created sub', 'downloaded a.txt', 'downloaded c.txt', 'downloaded sub/.dot', 'downloaded sub/b.txt']);
      expect(await scratch.tree('copy')).to.deep.equal({ 'a.txt': 'aaa', 'c.txt': 'c', 'empty/': '', 'sub/': '', 'sub/.dot': '', 'sub/b.txt': 'bb' });
      expect(await run(mirrored)).to.deep.equal([]);
      change(server, '/top/a.txt', 'AAA', new Date(server.file('/top/a.txt').modified.getTime() + (kind === 'LIST alone' ? 86_400_000 : 1000)));
      server.write('/top/sub/new', 'new');
      server.files.delete('/top/c.txt');
      server.files.delete('/top/empty');
      expect(await run(mirrored)).to.deep.equal(['deleted c.txt', 'deleted empty', 'downloaded a.txt', 'downloaded sub/new']);
      expect(await scratch.tree('copy')).to.deep.equal({ 'a.txt': 'AAA', 'sub/': '', 'sub/.dot': '', 'sub/b.txt': 'bb', 'sub/new': 'new' });
      expect(await run(mirrored)).to.deep.equal([]);
    });

    it(`brings a tree up, then only what has changed (${kind})`, async () => {
      const server = await stage.serve(options);
      await scratch.put('source', { 'a.txt': 'aaa', 'sub/b.txt': 'bb', 'sub/.dot': '', 'empty/': '', 'c.txt': 'c' }, TIME);
      const mirrored = { from: scratch.path('source'), to: { client: stage.client(server), path: '/top' }, delete: true };
      expect(await run(mirrored)).to.deep.equal(['created ', 'created empty', 'created sub', 'uploaded a.txt', 'uploaded c.txt', 'uploaded sub/.dot', 'uploaded sub/b.txt']);
      expect(names(server)).to.deep.equal(['/top', '/top/a.txt', '/top/c.txt', '/top/empty', '/top/sub', '/top/sub/.dot', '/top/sub/b.txt']);
      expect(await run(mirrored)).to.deep.equal([]);
      await scratch.put('source', { 'a.txt': 'AAA' }, new Date(Date.now() + 86_400_000));
      await scratch.put('source', { 'sub/new': 'new' }, TIME);
      await rm(scratch.path('source/c.txt'));
      await rmdir(scratch.path('source/empty'));
      expect(await run(mirrored)).to.deep.equal(['deleted c.txt', 'deleted empty', 'uploaded a.txt', 'uploaded sub/new']);
      expect(names(server)).to.deep.equal(['/top', '/top/a.txt', '/top/sub', '/top/sub/.dot', '/top/sub/b.txt', '/top/sub/new']);
      expect(server.read('/top/a.txt').toString()).to.equal('AAA');
    });
  }

  it('keeps times to the second in both directions', async () => {
    const server = await stage.serve({ files: { '/top/a': 'a' } });
    const client = stage.client(server);
    await mirror({ from: { client, path: '/top' }, to: scratch.path('copy') }).toArray();
    expect((await stat(scratch.path('copy/a'))).mtime).to.deep.equal(server.file('/top/a').modified);
    await utimes(scratch.path('copy/a'), TIME, new Date(TIME.getTime() + 678));
    await mirror({ from: scratch.path('copy'), to: { client, path: '/top' } }).toArray();
    expect(server.file('/top/a').modified).to.deep.equal(TIME);
    expect(await run({ from: scratch.path('copy'), to: { client, path: '/top' } })).to.deep.equal([]);
    expect(await run({ from: { client, path: '/top' }, to: scratch.path('copy') })).to.deep.equal([]);
  });

  it('takes only newer files for changed where times are not kept', async () => {
    const server = await stage.serve({ files: { '/top/a': 'a' } });
    const to = { client: stage.client(server), path: '/top' };
    await scratch.put('source', { a: 'b' }, new Date('2019-01-01'));
    expect(await run({ from: scratch.path('source'), to, preserveTimes: false })).to.deep.equal([]);
    await scratch.put('source', { a: 'b' }, new Date('2023-01-01'));
    expect(await run({ from: scratch.path('source'), to, preserveTimes: false })).to.deep.equal(['uploaded a']);
    expect(await run({ from: scratch.path('source'), to, preserveTimes: false })).to.deep.equal([]);
  });

  it('asks a server that lists a symlink with its own size and time what it leads to', async () => {
    const server = await stage.serve({ files: { '/top/': '', '/real': 'content' } });
    server.files.set('/top/link', { kind: 'symlink', modified: new Date('2022-01-01'), mode: 0o777, target: '/real' });
    server.script = { MLSD: listing(() => [line('link', { size: 5, modify: '20220101000000' })]) };
    const mirrored = { from: { client: stage.client(server), path: '/top' }, to: scratch.path('copy') };
    expect(await run(mirrored)).to.deep.equal(['created ', 'downloaded link']);
    expect(await run(mirrored)).to.deep.equal([]);
  });

  it('refuses what is neither up nor down', async () => {
    const client = stage.client(await stage.serve());
    const remote = { client, path: '/' };
    for (const places of [{ from: 'a', to: 'b' }, { from: remote, to: remote }, { from: remote }, { to: remote }, { from: {}, to: 'a' }, { from: remote, to: '' }]) {
      expect(() => mirror(places as unknown as MirrorOptions), JSON.stringify(Object.keys(places))).to.throw(ArgumentError);
    }
  });

});

function change(server: FtpServer, path: string, content: string, modified: Date): void {
  server.write(path, content);
  server.file(path).modified = modified;
}

/** Everything below /top, in order. */
function names(server: FtpServer): string[] {
  return [...server.files.keys()].filter((path) => path.startsWith('/top')).sort();
}
