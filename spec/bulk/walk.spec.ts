import { expect } from 'chai';
import { walk, type Unreadable, type Walk, type WalkOptions } from '../../lib/bulk/walk';
import type { WalkEntry } from '../../lib/bulk/listings';
import { ArgumentError, ConnectionClosedError, LimitError, PermanentError, rawNameOf, SecurityError, type FTP } from '../../lib/index';
import { scene } from '../support/client';
import { PERSONALITIES } from '../support/server/personalities';
import type { FtpServerOptions } from '../support/server/server-options';
import type { Session } from '../support/server/session';
import { silence } from '../support/server/steps';
import { closing } from '../support/transfers';
import { note } from '../support/summary';
import { Heap } from '../support/heap';
import { line, listing } from './tree-listing';

const TREE = { '/top/a.txt': 'a', '/top/b/c.txt': 'cc', '/top/b/d/e.txt': 'eee', '/top/z/': '', '/top/y.txt': 'y', '/other': 'x' };

describe('walk()', () => {
  const stage = scene();

  async function client(options: FtpServerOptions): Promise<FTP> {
    return stage.client(await stage.serve(options));
  }

  /** The paths of a walk, and what it left out. */
  async function walked(ftp: FTP, path: string, options: WalkOptions = {}): Promise<{ paths: string[]; left: Unreadable[] }> {
    const left: Unreadable[] = [];
    const stream = walk(ftp, path, options).on('unreadable', (what: Unreadable) => left.push(what));
    return { paths: (await stream.toArray()).map((entry) => entry.path), left };
  }

  it('gives everything below a folder, each folder before what is in it', async () => {
    const { paths } = await walked(await client({ files: TREE }), '/top');
    expect(paths).to.deep.equal(['a.txt', 'b', 'z', 'y.txt', 'b/c.txt', 'b/d', 'b/d/e.txt']);
  });

  it('gives entries with their paths, depths and facts', async () => {
    const entries = await walk(await client({ files: TREE }), 'top/b').toArray();
    expect(entries[0]).to.include({ path: 'c.txt', name: 'c.txt', depth: 1, type: 'file', size: 2 });
    expect(entries[2]).to.include({ path: 'd/e.txt', name: 'e.txt', depth: 2, type: 'file', size: 3 });
    expect(entries[2]?.modified?.toISOString()).to.equal('2020-02-29T12:34:56.000Z');
  });

  it('begins in the working folder without a path', async () => {
    const ftp = await client({ files: TREE });
    await ftp.cwd('top/b');
    expect((await walked(ftp, '')).paths).to.deep.equal(['c.txt', 'd', 'd/e.txt']);
  });

  it('sends nothing before it is read, and is refused for what cannot be meant', async () => {
    const server = await stage.serve({ files: TREE });
    const ftp = await stage.connect(server);
    const stream = walk(ftp, 'top');
    await ftp.noop();
    expect(server.commands).to.not.include('MLSD top');
    stream.destroy();
    for (const options of [{ depth: 0 }, { depth: 1.5 }, { filter: 1 }, { followSymlinks: 1 }, { maxPendingBytes: 0 }]) {
      expect(() => walk(ftp, 'top', options as unknown as WalkOptions), JSON.stringify(options)).to.throw(ArgumentError);
    }
    expect(() => walk(ftp, 1 as unknown as string)).to.throw(ArgumentError);
  });

  it('lists a folder only when it is read that far, and one at a time', async () => {
    const server = await stage.serve({ files: { '/a/1': '', '/a/2/3': '', '/b/4': '' } });
    const ftp = await stage.connect(server);
    const stream = walk(ftp)[Symbol.asyncIterator]();
    expect((await stream.next()).value.path).to.equal('a');
    expect(server.commands.filter((command) => command.startsWith('MLSD'))).to.deep.equal(['MLSD']);
    await stream.return?.();
  });

  it('bears other work on the same connection within its loop', async () => {
    const ftp = await client({ files: TREE });
    const read: string[] = [];
    for await (const entry of walk(ftp, 'top')) {
      if (entry.type === 'file') read.push(Buffer.concat(await ftp.retr(`top/${entry.path}`).toArray()).toString());
    }
    expect(read).to.deep.equal(['a', 'y', 'cc', 'eee']);
  });

  it('goes so deep and no deeper, quietly where it was told to', async () => {
    const ftp = await client({ files: TREE });
    expect(await walked(ftp, 'top', { depth: 1 })).to.deep.equal({ paths: ['a.txt', 'b', 'z', 'y.txt'], left: [] });
    expect((await walked(ftp, 'top', { depth: 2 })).paths).to.include('b/d').and.not.include('b/d/e.txt');
    expect((await walked(ftp, 'top', { depth: Infinity })).paths).to.include('b/d/e.txt');
  });

  it('gives what a filter wants, and does not list what it excludes', async () => {
    const server = await stage.serve({ files: TREE });
    const ftp = stage.client(server);
    expect((await walked(ftp, 'top', { filter: '*.txt' })).paths).to.deep.equal(['a.txt', 'y.txt', 'b/c.txt', 'b/d/e.txt']);
    server.commands.length = 0;
    expect((await walked(ftp, 'top', { filter: ['!d', '!z'] })).paths).to.deep.equal(['a.txt', 'b', 'y.txt', 'b/c.txt']);
    expect(server.commands.filter((command) => command.startsWith('MLSD'))).to.deep.equal(['MLSD top', 'MLSD top/b']);
    expect((await walked(ftp, 'top', { filter: (entry: WalkEntry) => entry.name !== 'b' })).paths).to.deep.equal(['a.txt', 'z', 'y.txt']);
  });

  it('shows hidden names also by LIST, and does without where the server takes -a for a name', async () => {
    const files = { '/.dot': '', '/sub/.dot': '', '/sub/a': '', '/empty/': '' };
    const server = await stage.serve({ files, features: [] });
    expect((await walked(stage.client(server), '')).paths).to.have.members(['.dot', 'sub', 'sub/.dot', 'sub/a', 'empty']);
    expect(server.commands).to.include('LIST -a').and.include('LIST -a sub');
    const refusing: FtpServerOptions['script'] = {
      LIST: (session, argument) => (argument.startsWith('-a') ? session.reply('550 -a: no such file') : session.normal()),
    };
    const other = await stage.serve({ files, features: [], script: refusing });
    expect((await walked(stage.client(other), '')).paths).to.have.members(['.dot', 'sub', 'sub/.dot', 'sub/a', 'empty']);
    expect(other.commands.filter((command) => command.includes('-a'))).to.deep.equal(['LIST -a']);
  });

  it('tells a folder that cannot be listed, and goes on', async () => {
    const ftp = await client({
      files: TREE,
      script: { MLSD: (session, argument) => (argument === 'top/b' ? session.reply('550 Permission denied.') : session.normal()) },
    });
    const { paths, left } = await walked(ftp, 'top');
    expect(paths).to.deep.equal(['a.txt', 'b', 'z', 'y.txt']);
    expect(left.map(({ path }) => path)).to.deep.equal(['b']);
    expect(left[0]?.error).to.be.instanceOf(PermanentError);
  });

  it('fails when the first folder cannot be listed, or the connection is lost', async () => {
    const ftp = await client({ files: TREE });
    expect(await walk(ftp, 'missing').toArray().catch((error: unknown) => error)).to.be.instanceOf(PermanentError);
    const lost = await client({ files: TREE, script: { MLSD: (session, argument) => (argument === 'top/b' ? session.control.hangUp() : session.normal()) } });
    expect(await walk(lost, 'top').toArray().catch((error: unknown) => error)).to.be.instanceOf(ConnectionClosedError);
  });

  it('fails where the path is that of a file', async () => {
    for (const features of [undefined, []]) {
      const error = await walk(await client({ files: TREE, ...(features ? { features } : {}) }), 'top/a.txt').toArray().catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(PermanentError);
      expect((error as Error).message).to.equal('LIST top/a.txt: it is a file, and no folder');
    }
  });

  it('ends at once while it asks where a symlink leads, though the server says nothing', async () => {
    const server = await stage.serve({ files: { '/top/link': { target: '/other' }, '/other': 'x' }, script: { MLST: [silence()] } });
    const ftp = stage.client(server);
    const stream = walk(ftp, 'top', { followSymlinks: true });
    server.on('command', (command: string) => void (command.startsWith('MLST') && stream.destroy()));
    await closing(stream.resume());
    ftp.close();
  });

  it('reports names that are paths, and does not follow them', async () => {
    const names = ['ok', 'a/b', '/etc', '../up', 'nul\0', 'back\\slash', '...'];
    const ftp = await client({
      files: { '/top/ok/': '', '/top/back\\slash/': '', '/top/.../': '' },
      script: { MLSD: listing((path) => (path === '/top' ? names.map((name) => line(name, { type: 'dir' })) : [])) },
    });
    const { paths, left } = await walked(ftp, '/top');
    expect(paths).to.deep.equal(['ok', 'back\\slash', '...']);
    const asPaths = left.filter((each) => each.line === undefined);
    expect(asPaths.map(({ path }) => path)).to.deep.equal(['a/b', '/etc', '../up']);
    for (const { error } of asPaths) expect(error).to.be.instanceOf(SecurityError);
    expect(left.filter((each) => each.line !== undefined).map((each) => each.line?.slice(-4))).to.deep.equal(['nul\0']);
  });

  it('does not enter a folder that the server shows inside itself, known by its unique fact', async () => {
    const server = await stage.serve({
      script: { MLSD: listing((path) => [line('file'), line('a', { type: 'dir', unique: 'U1' }), line('b', { type: 'dir', unique: `U${path.length}b` })].slice(0, path.length > 20 ? 1 : 3)) },
    });
    const { paths, left } = await walked(stage.client(server), '/', { depth: 5 });
    expect(paths).to.include('a/a');
    expect(paths.some((path) => path.startsWith('a/a/'))).to.equal(false);
    expect(left.find(({ path }) => path === 'a/a')?.error).to.be.instanceOf(SecurityError);
  });

  it('ends in a folder that holds itself also where nothing tells so', async () => {
    const ftp = await client({ files: { '/self': { target: '/' } }, script: { MLSD: listing(() => [line('file'), line('self', { type: 'dir' })]) } });
    const { paths, left } = await walked(ftp, '/');
    expect(paths).to.have.length(200);
    expect(left).to.have.length(1);
    expect(left[0]?.error).to.be.instanceOf(LimitError);
  });

  describe('reports lines that cannot be read', () => {
    const odd = '?????????? ? ? ? ? ? b.txt';
    for (const [what, features, script] of [
      ['by LIST', [], { LIST: listing((path) => (path.endsWith('/sub') ? [odd, `${odd}2`] : ['-rw-r--r-- 1 ftp ftp 1 Jan 01 2020 a.txt', odd, 'drwxr-xr-x 2 ftp ftp 1 Jan 01 2020 sub'])) }],
      ['by MLSD', ['MLST'], { MLSD: listing((path) => (path.endsWith('/sub') ? [odd.replaceAll(' ', ''), 'nothing'] : [line('a.txt'), odd.replaceAll(' ', ''), line('sub', { type: 'dir' })])) }],
    ] as const) {
      it(`with their folder, ${what}`, async () => {
        const { paths, left } = await walked(await client({ files: { '/top/sub/': '' }, features, script }), '/top');
        expect(paths).to.deep.equal(['a.txt', 'sub']);
        const lines = what === 'by LIST' ? [odd, odd, `${odd}2`] : [odd.replaceAll(' ', ''), odd.replaceAll(' ', ''), 'nothing'];
        expect(left.map((each) => [each.path, each.line])).to.deep.equal([['', lines[0]], ['sub', lines[1]], ['sub', lines[2]]]);
        for (const [index, { error }] of left.entries()) expect(error.message).to.include(JSON.stringify(lines[index]));
      });
    }

    it('without keeping all of them where it is nothing else', async () => {
      const { left } = await walked(await client({ files: { '/top/': '' }, features: [], script: { LIST: listing(() => Array.from({ length: 500 }, () => 'nothing')) } }), '/top');
      expect(left).to.have.length(101);
      expect(left.at(-1)?.error.message).to.include('400 more lines');
    });
  });

  describe('of a server whose listings do not look at their path', () => {
    const files = { '/root.txt': 'abc', '/docs/a.txt': 'abc', '/docs/sub/b.txt': 'abc', '/other/c.txt': 'abc' };
    const all = ['docs', 'docs/a.txt', 'docs/sub', 'docs/sub/b.txt', 'other', 'other/c.txt', 'root.txt'];

    for (const path of ['/', '']) {
      it(`enters each folder (from ${JSON.stringify(path)})`, async () => {
        const server = await stage.serve({ files, ...PERSONALITIES.listIgnoresPath });
        const { paths, left } = await walked(stage.client(server), path);
        expect(paths.sort()).to.deep.equal(all);
        expect(left).to.deep.equal([]);
        expect(server.commands.filter((command) => command.startsWith('LIST')).length, 'one of them for nothing').to.equal(5);
      });
    }

    it('enters the first folder, too', async () => {
      const server = await stage.serve({ files, ...PERSONALITIES.listIgnoresPath });
      const { paths, left } = await walked(stage.client(server), '/docs');
      expect(paths.sort()).to.deep.equal(['a.txt', 'sub', 'sub/b.txt']);
      expect(left).to.deep.equal([]);
    });

    it('does not go on and on where the first folder is another than it seems', async () => {
      const server = await stage.serve({ files, ...PERSONALITIES.listIgnoresPath });
      const ftp = stage.client(server);
      await ftp.cwd('/other');
      const { paths, left } = await walked(ftp, '/docs');
      expect(paths).to.deep.equal(['c.txt']);
      expect(left).to.deep.equal([]);
    });
  });

  for (const name of ['refusesEmptyFolder', 'listRepeatsPath', 'iis', 'iisUnix', 'outOfOrder'] as const) {
    for (const features of [undefined, []] as const) {
      it(`gives all that is there (${name}${features ? ', LIST' : ''})`, async () => {
        const files = { '/top/a.txt': 'a', '/top/full/ lead.txt': 'b', '/top/empty/': '' };
        for (const path of ['/top', 'top']) {
          const { paths, left } = await walked(await client({ files, ...PERSONALITIES[name], ...(features ? { features } : {}) }), path);
          expect(paths).to.deep.equal(['a.txt', 'full', 'empty', 'full/ lead.txt']);
          expect(left).to.deep.equal([]);
        }
      });
    }
  }

  it('reports a folder that must not be read', async () => {
    const script = { MLSD: (session: Session, argument: string) => (argument === '/top/b' ? session.reply('550 Permission denied.') : session.normal()), LIST: '550 Permission denied.' };
    const { paths, left } = await walked(await client({ files: TREE, script }), '/top');
    expect(paths).to.deep.equal(['a.txt', 'b', 'z', 'y.txt']);
    expect(left.map(({ path }) => path)).to.deep.equal(['b']);
  });

  it('lists by LIST with `mlsd: false`, and through paths that are entered with `enterFolders`', async () => {
    const server = await stage.serve({ files: TREE });
    for (const options of [{ mlsd: false }, { mlsd: false, enterFolders: true }]) {
      const { paths } = await walked(stage.client(server, options), '/top');
      expect(paths).to.have.length(7);
    }
    expect(server.commands.filter((line) => line.startsWith('MLSD'))).to.deep.equal([]);
    expect(server.commands.filter((line) => line === 'LIST -a')).to.have.lengthOf(4);
  });

  it('gives folders that show what the ones around them show, and asks once more only for these', async () => {
    const lines = { '/top': [line('one', { size: 5 }), line('same', { type: 'dir' }), line('different', { type: 'dir' })], '/top/different': [line('one', { size: 5 }), line('two')] };
    const script = { MLSD: listing((path) => (lines as Record<string, readonly string[]>)[path] ?? (path === '/top/same' ? lines['/top'] : [])) };
    const server = await stage.serve({ files: { '/top/same/same/': '', '/top/same/different/': '', '/top/different/': '' }, script });
    const { paths, left } = await walked(stage.client(server), '/top');
    expect(paths).to.deep.equal(['one', 'same', 'different', 'same/one', 'same/same', 'same/different', 'different/one', 'different/two']);
    expect(left).to.deep.equal([]);
    expect(server.commands.filter((command) => /^(MLSD|CWD)/.test(command))).to.deep.equal([
      'MLSD /top', 'MLSD /top/same', 'CWD /top/same', 'MLSD', 'CWD /', 'MLSD /top/same/same', 'MLSD /top/same/different', 'MLSD /top/different',
    ]);
  });

  it('lists each folder once where they show different things', async () => {
    const server = await stage.serve({ files: TREE });
    await walked(stage.client(server), '/top');
    expect(server.commands.filter((command) => /^(MLSD|CWD)/.test(command))).to.deep.equal(['MLSD /top', 'MLSD /top/b', 'MLSD /top/b/d', 'MLSD /top/z']);
  });

  describe('with symlinks', () => {
    const files = {
      '/top/real/file': 'abc',
      '/top/to-folder': { target: 'real' },
      '/top/to-file': { target: 'real/file' },
      '/top/up': { target: '..' },
      '/top/here': { target: '/top' },
      '/top/dangling': { target: 'nowhere' },
    };

    it('gives them as they are, and does not follow them', async () => {
      const entries = await walk(await client({ files }), '/top').toArray();
      expect(entries.filter(({ type }) => type === 'symlink').map(({ path }) => path)).to.deep.equal(['to-folder', 'to-file', 'up', 'here', 'dangling']);
      expect(entries).to.have.length(7);
    });

    for (const features of [undefined, []] as const) {
      it(`follows them when told to, but not in circles (${features ? 'LIST' : 'MLSD'})`, async () => {
        const ftp = await client({ files, ...(features ? { features, script: { MLST: '500 Unknown command.' } } : {}) });
        const left: string[] = [];
        const entries = await walk(ftp, '/top', { followSymlinks: true })
          .on('unreadable', ({ path, error }: Unreadable) => left.push(`${path}: ${error.name}`))
          .toArray();
        const seen = Object.fromEntries(entries.map(({ path, type }) => [path, type]));
        expect(seen).to.deep.equal({
          real: 'directory',
          'real/file': 'file',
          'to-folder': 'directory',
          'to-folder/file': 'file',
          'to-file': 'file',
          up: 'directory',
          here: 'directory',
          dangling: 'symlink',
        });
        expect(left).to.have.members(['up: SecurityError', 'here: SecurityError']);
        expect(entries.find(({ path }) => path === 'to-file')?.size).to.equal(3);
      });
    }
  });

  it('leaves the connection usable after break, destroy() and a signal', async () => {
    const server = await stage.serve({ files: TREE });
    const ftp = stage.client(server);
    for await (const entry of walk(ftp, 'top')) if (entry.type === 'directory') break;
    expect(await ftp.pwd()).to.equal('/');
    const stream = walk(ftp, 'top');
    const closed = closing(stream);
    stream.once('data', () => void stream.destroy());
    await closed;
    expect(await ftp.pwd()).to.equal('/');
    const controller = new AbortController();
    const aborted: Walk = walk(ftp, 'top', { signal: controller.signal });
    aborted.once('data', () => controller.abort());
    expect(await aborted.toArray().catch((error: Error) => error.name)).to.equal('AbortError');
    expect(await ftp.pwd()).to.equal('/');
    expect(server.sessions.size).to.equal(1);
  });

  it('can be cancelled at every command', async () => {
    const server = await stage.serve({ files: TREE });
    await walk(stage.client(server), 'top').toArray();
    for (let number = 1; number <= server.commands.length; number++) {
      const other = await stage.serve({ files: TREE });
      const ftp = stage.client(other);
      const stream = walk(ftp, 'top');
      let count = 0;
      other.on('command', () => void (++count === number && stream.destroy()));
      const closed = closing(stream);
      stream.resume();
      await closed;
      expect(await ftp.pwd()).to.equal('/');
    }
  });

  it('keeps the bytes of names that are no UTF-8', async () => {
    const ftp = await client({ encoding: 'latin1', files: { '/größe/maß': 'x' } });
    const entries = await walk(ftp).toArray();
    expect(entries.map(({ path }) => path)).to.deep.equal(['größe', 'größe/maß']);
    expect(rawNameOf(entries[0] as WalkEntry)).to.deep.equal(Buffer.from('größe', 'latin1'));
  });

  it('walks 100,000 entries in 1,000 folders, and as many in one, with flat memory', async () => {
    const names = (count: number, type?: string): Iterable<string> =>
      (function* () {
        for (let i = 0; i < count; i++) yield line(`entry-with-a-name-of-some-length-${i}`, type === undefined ? {} : { type });
      })();
    const script = { MLSD: listing((path) => (path === '/' ? names(1000, 'dir') : path === '/wide' ? names(100_000, 'dir') : names(path.startsWith('/wide/') ? 0 : 100))) };
    const ftp = await client({ files: { '/wide/': '' }, script });
    for (const [path, options, count] of [['/', {}, 101_000], ['/wide', { depth: 1 }, 100_000]] as const) {
      const heap = new Heap();
      let seen = 0;
      for await (const entry of walk(ftp, path, options)) if (entry.name !== '' && ++seen % 50_000 === 0) heap.note();
      expect(seen).to.equal(count);
      note('measured', `walk, ${count} entries: at most ${heap.most.toFixed(1)} MiB more than before`);
      expect(heap.most).to.be.below(16);
    }
  });

  it('fails rather than to remember more names of folders than it may', async () => {
    const folders = function* (): Generator<string> {
      for (let i = 0; ; i++) yield line(`folder-${i}`, { type: 'dir' });
    };
    const ftp = await client({ script: { MLSD: listing(folders) } });
    expect(await walk(ftp, '/', { maxPendingBytes: 200_000 }).resume().toArray().catch((error: unknown) => error)).to.be.instanceOf(LimitError);
  });
});
