import { expect } from 'chai';
import { access, chmod, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { mirror } from '../../lib/bulk/mirror';
import { downloadTree } from '../../lib/bulk/tree-download';
import type { TreeOptions, TreeResult } from '../../lib/bulk/tree-options';
import { PermanentError, SecurityError, TransferError, type FTP } from '../../lib/index';
import { scene } from '../support/client';
import { PERSONALITIES } from '../support/server/personalities';
import { FEATURES } from '../support/server/server-options';
import type { Session } from '../support/server/session';
import { data, dataEnd, normal, openData, send, until } from '../support/server/steps';
import { line, listing } from './tree-listing';
import { failure, told } from './tree-results';
import { Scratch } from './tree-scratch';

const MINE = { 'a.txt': 'mine', 'sub/b.txt': 'mine' };
const KEPT = { 'a.txt': 'mine', 'sub/': '', 'sub/b.txt': 'mine' };
const WITHOUT_MLST = FEATURES.filter((feature) => feature !== 'MLST');

describe('downloadTree() with delete', () => {
  const stage = scene();
  const scratch = new Scratch();
  beforeEach(() => scratch.put('copy', MINE));

  async function results(ftp: FTP, options: TreeOptions = {}): Promise<TreeResult[]> {
    return downloadTree(ftp, '/top', scratch.path('copy'), { delete: true, ...options }).toArray();
  }

  describe('deletes nothing for a folder that is not known to be there', () => {
    for (const [what, features] of [['MLSD', FEATURES], ['LIST', WITHOUT_MLST]] as const) {
      it(`where ${what} shows a missing one as an empty one`, async () => {
        const ftp = stage.client(await stage.serve({ ...PERSONALITIES.missingFolderEmpty, features }));
        await failure(results(ftp));
        await failure(mirror({ from: { client: ftp, path: 'top' }, to: scratch.path('copy'), delete: true }).toArray());
        expect(await scratch.tree('copy')).to.deep.equal(KEPT);
      });

      for (const text of ['No such file or directory.', 'Fichier introuvable.', 'Zugriff verweigert.', 'No files found.']) {
        it(`where ${what} says 450 ${text}`, async () => {
          const ftp = stage.client(await stage.serve({ features, script: { [what]: `450 ${text}` } }));
          await results(ftp).catch(() => undefined);
          expect(await scratch.tree('copy')).to.deep.equal(KEPT);
        });

        it(`where ${what} says 450 ${text} of a folder in it`, async () => {
          const server = await stage.serve({ files: { '/top/a.txt': 'aaa', '/top/sub/': '' }, features });
          server.script = { [what]: (session, argument) => (argument.endsWith('/sub') ? session.reply(`450 ${text}`) : session.normal()) };
          await results(stage.client(server), { continueOnError: true });
          expect(await scratch.tree('copy')).to.deep.equal({ ...KEPT, 'a.txt': 'aaa' });
        });
      }
    }

    for (const text of ['No files found.', 'Fichier introuvable.', 'Permission denied.']) {
      for (const LIST of [`550 ${text}`, undefined]) {
        it(`where MLSD says 550 ${text} of a folder in it${LIST ? ', and LIST, too' : ', and LIST shows nothing'}`, async () => {
          const server = await stage.serve({ files: { '/top/a.txt': 'aaa', '/top/sub/': '' } });
          const refused = (session: Session, argument: string): Promise<void> | void => (argument.endsWith('/sub') ? session.reply(`550 ${text}`) : session.normal());
          server.script = { MLSD: refused, ...(LIST ? { LIST: refused } : {}) };
          const list = await results(stage.client(server), { continueOnError: true });
          expect(await scratch.tree('copy')).to.deep.equal({ ...KEPT, 'a.txt': 'aaa' });
          expect(list.some(({ action }) => action === 'deleted')).to.equal(false);
        });
      }
    }

    for (const [what, features, top] of [
      ['MLSD', FEATURES, [line('a.txt', { size: 3 }), line('sub', { type: 'dir' })]],
      ['LIST', WITHOUT_MLST, ['-rw-r--r-- 1 me we 3 Jan 1 2020 a.txt', 'drwxr-xr-x 2 me we 0 Jan 1 2020 sub']],
    ] as const) {
      it(`where the path is a file, which is its own listing: ${what}`, async () => {
        const ftp = stage.client(await stage.serve({ files: { '/top': 'a file', '/pub/top': 'a file' }, features }));
        for (const path of ['/top', '/pub/top', 'top']) {
          expect(await failure(downloadTree(ftp, path, scratch.path('copy'), { delete: true, continueOnError: true }).toArray())).to.be.instanceOf(PermanentError);
          expect(await scratch.tree('copy')).to.deep.equal(KEPT);
        }
      });

      it(`where a folder has become a file by the time it is listed by ${what}`, async () => {
        const server = await stage.serve({ files: { '/top/a.txt': 'aaa', '/top/sub': 'a file' }, features });
        const asBefore = listing(() => top);
        server.script = { [what]: (session, argument) => (argument.endsWith('/top') ? asBefore(session, argument) : session.normal()) };
        const list = await results(stage.client(server), { continueOnError: true });
        expect(list.map(({ action }) => action)).to.include('failed').and.not.include('deleted');
        expect(await scratch.tree('copy')).to.deep.equal({ ...KEPT, 'a.txt': 'aaa' });
      });
    }

    it('says which files it has left', async () => {
      const ftp = stage.client(await stage.serve({ files: { '/top/': '' }, script: { MLSD: '450 Leer.' } }));
      expect(told(await results(ftp))).to.deep.equal(['skipped a.txt (in doubt)']);
    });

    it('and deletes what a folder does not have that is there and empty', async () => {
      for (const features of [FEATURES, WITHOUT_MLST]) {
        await scratch.put('copy', MINE);
        await results(stage.client(await stage.serve({ files: { '/top/': '' }, features })));
        expect(await scratch.tree('copy')).to.deep.equal({});
      }
    });
  });

  describe('where lines of a listing cannot be read', () => {
    const script = { MLSD: listing((path) => (path === '/top' ? [line('new.txt'), 'unreadable-line'] : [line('c.txt')])) };

    it('fails with the line', async () => {
      const ftp = stage.client(await stage.serve({ files: { '/top/new.txt': 'n' }, script }));
      const error = await failure(results(ftp));
      expect(error).to.be.instanceOf(TransferError);
      expect((error as Error).message).to.include('"unreadable-line"').and.include('/top');
      expect(await scratch.tree('copy')).to.deep.equal(KEPT);
    });

    it('deletes nothing there, has a result for the line, and goes on with continueOnError', async () => {
      const ftp = stage.client(await stage.serve({ files: { '/top/new.txt': 'n' }, script }));
      const list = await results(ftp, { continueOnError: true });
      expect(told(list)).to.deep.equal(['downloaded new.txt', 'failed ']);
      expect(list.find(({ action }) => action === 'failed')?.error?.message).to.include('"unreadable-line"');
      expect(await scratch.tree('copy')).to.deep.equal({ ...KEPT, 'new.txt': 'n' });
    });

    it('replaces nothing of another type there', async () => {
      const both = { MLSD: listing((path) => (path === '/top' ? [line('sub'), line('a.txt', { type: 'dir' }), 'unreadable-line'] : [line('c.txt')])) };
      const ftp = stage.client(await stage.serve({ files: { '/top/sub': 'a', '/top/a.txt/c.txt': 'c' }, script: both }));
      expect(told(await results(ftp, { continueOnError: true }))).to.deep.equal(['failed ', 'failed a.txt', 'failed sub']);
      expect(await scratch.tree('copy')).to.deep.equal(KEPT);
    });
  });

  describe('leaves what may be a file of the server under another spelling', () => {
    for (const [what, local, remote] of [['case', 'README.txt', 'readme.txt'], ['Unicode form', 'été.txt', 'e\u0301te\u0301.txt'], ['a dot at the end', 'name', 'name.']] as const) {
      it(`in ${what}, until both are there`, async () => {
        await rm(scratch.path('copy'), { recursive: true });
        await scratch.put('copy', { [local]: 'mine', 'gone.txt': 'x' });
        const ftp = stage.client(await stage.serve({ files: { [`/top/${remote}`]: 'new' } }));
        expect(told(await results(ftp, { names: 'native', dryRun: true }))).to.deep.equal(['deleted gone.txt', `downloaded ${remote}`, `skipped ${local} (in doubt)`]);
        const first = told(await results(ftp, { names: 'native', concurrency: 4 }));
        expect(first).to.include('deleted gone.txt');
        expect((await scratch.tree('copy'))[remote]).to.equal('new');
        await results(ftp, { names: 'native' });
        expect(await scratch.tree('copy'), 'this file system holds them apart').to.deep.equal({ [remote]: 'new' });
      });
    }
  });

  describe('from a server whose listings do not look at their path', () => {
    const files = { '/top/a.txt': 'aaa', '/top/sub/b.txt': 'bbb', '/away/else.txt': 'e' };

    it('has every file, and deletes none that the server has', async () => {
      const server = await stage.serve({ files: { '/a.txt': 'aaa', '/sub/b.txt': 'bbb', '/sub/deep/c.txt': 'ccc' }, ...PERSONALITIES.listIgnoresPath });
      await scratch.put('copy', { 'sub/deep/c.txt': 'mine', 'sub/gone.txt': 'x', 'gone.txt': 'x' });
      const list = await downloadTree(stage.client(server), '/', scratch.path('copy'), { delete: true }).toArray();
      expect(list.filter(({ action }) => action === 'failed')).to.deep.equal([]);
      expect(await scratch.tree('copy')).to.deep.equal({ 'a.txt': 'aaa', 'sub/': '', 'sub/b.txt': 'bbb', 'sub/deep/': '', 'sub/deep/c.txt': 'ccc' });
    });

    it('deletes what the folder that was named does not have, where the working folder has that', async () => {
      await scratch.put('copy', { 'gone.txt': 'x' });
      await results(stage.client(await stage.serve({ files: { ...files, '/gone.txt': 'x' }, ...PERSONALITIES.listIgnoresPath })));
      expect(await scratch.tree('copy')).to.deep.equal({ 'a.txt': 'aaa', 'sub/': '', 'sub/b.txt': 'bbb' });
    });

    it('deletes nothing for the listing of another folder than the one that was named', async () => {
      const ftp = stage.client(await stage.serve({ files, ...PERSONALITIES.listIgnoresPath }));
      await ftp.cwd('/away');
      const list = await results(ftp, { continueOnError: true });
      expect(list.some(({ action }) => action === 'failed')).to.equal(true);
      expect(await scratch.tree('copy')).to.deep.equal(KEPT);
    });

    it('replaces nothing of another type for that listing', async () => {
      const ftp = stage.client(await stage.serve({ files: { '/top/sub/b.txt': 'bbb', '/away/a.txt/x': 'x', '/away/sub': 'a file' }, ...PERSONALITIES.listIgnoresPath }));
      await ftp.cwd('/away');
      await results(ftp, { continueOnError: true });
      expect(await scratch.tree('copy')).to.deep.equal(KEPT);
    });

    it('finds out that they do not where the folder that was named is the first of the other', async () => {
      const ftp = stage.client(await stage.serve({ files: { '/top/a.txt': 'aaa', '/top/sub/c.txt': 'ccc', '/else.txt': 'e' }, ...PERSONALITIES.listIgnoresPath }));
      expect((await results(ftp)).filter(({ action }) => action === 'failed')).to.deep.equal([]);
      expect(await scratch.tree('copy')).to.deep.equal({ 'a.txt': 'aaa', 'sub/': '', 'sub/c.txt': 'ccc' });
    });
  });

  it('does not delete what it is writing, where an interrupted run has left a file of that name', async () => {
    const isThere = (): Promise<boolean> => access(scratch.path('copy', '.a.txt.part')).then(() => true, () => false);
    const deleted = async (): Promise<void> => {
      for (let turns = 0; turns < 500 && (await isThere()); turns++) await turn();
    };
    const server = await stage.serve({ files: { '/top/a.txt': 'aaa' }, script: { RETR: [send('150 go'), openData(), data('a'), until(deleted), data('aa'), dataEnd(), send('226 done')] } });
    await rm(scratch.path('copy', 'sub'), { recursive: true });
    await scratch.put('copy', { '.a.txt.part': 'half', gone: '' }, new Date(0));
    expect(told(await results(stage.client(server), { concurrency: 2 }))).to.deep.equal(['deleted gone', 'downloaded a.txt']);
    expect(await scratch.tree('copy')).to.deep.equal({ 'a.txt': 'aaa' });
  });

  it('deletes nothing where a folder has become a symlink meanwhile', async () => {
    const swap = async (): Promise<void> => {
      await rename(scratch.path('copy', 'sub'), scratch.path('moved'));
      await symlink(scratch.path('outside'), scratch.path('copy', 'sub'));
    };
    const server = await stage.serve({ files: { '/top/sub/c.txt': 'c' }, script: { RETR: [until(swap), normal()] } });
    await scratch.put('outside', { 'b.txt': 'precious' });
    const list = await results(stage.client(server), { continueOnError: true });
    expect(list.find(({ path }) => path === 'sub/b.txt')?.error).to.be.instanceOf(SecurityError);
    expect(await scratch.tree('outside')).to.deep.equal({ 'b.txt': 'precious' });
  });

  it('enters a folder only where something would be deleted and nothing has proved that paths are looked at', async () => {
    const server = await stage.serve({ files: { '/top/a.txt': 'aaa', '/top/sub/b.txt': 'bbb' } });
    const ftp = stage.client(server);
    await results(ftp);
    expect(server.commands.filter((command) => /^(CWD|MLSD)/.test(command))).to.deep.equal(['MLSD /top', 'MLSD /top/sub']);
    await writeFile(scratch.path('copy', 'gone.txt'), 'x');
    await writeFile(scratch.path('copy', 'sub', 'gone.txt'), 'x');
    server.commands.length = 0;
    await results(ftp);
    expect(server.commands.filter((command) => /^(CWD|MLSD)/.test(command))).to.deep.equal(['MLSD /top', 'CWD /top', 'MLSD', 'CWD /', 'MLSD /top/sub']);
    expect(await scratch.tree('copy')).to.deep.equal({ 'a.txt': 'aaa', 'sub/': '', 'sub/b.txt': 'bbb' });
  });

  describe('where something here cannot be read', () => {
    const unreadable = ['aaa', 'sub/mine'];
    beforeEach(async () => {
      await scratch.put('copy', { 'aaa/x': 'x', gone: '', 'sub/mine/y': 'y', 'sub/zzz': '' });
      for (const folder of ['', 'copy', 'copy/sub']) await chmod(scratch.path(folder), 0o777);
      for (const folder of unreadable) await chmod(scratch.path('copy', folder), 0);
    });
    afterEach(() => Promise.all(unreadable.map((folder) => chmod(scratch.path('copy', folder), 0o700))));

    it('reports it, removes what is beside it, and downloads all', async function () {
      if (process.platform === 'win32') return;
      const ftp = stage.client(await stage.serve({ files: { '/top/a.txt': 'aaa', '/top/sub/b.txt': 'bbb', '/top/sub2/c.txt': 'ccc' } }));
      const isRoot = process.geteuid?.() === 0;
      if (isRoot) process.seteuid?.(65534);
      try {
        const list = await results(ftp, { continueOnError: true, temporaryName: true, overwrite: 'never' });
        expect(told(list)).to.deep.equal(['created sub2', 'deleted gone', 'deleted sub/zzz', 'downloaded sub2/c.txt', 'failed aaa', 'failed sub/mine', 'skipped a.txt (exists)', 'skipped sub/b.txt (exists)']);
      } finally {
        if (isRoot) process.seteuid?.(0);
      }
    });
  });

  it('removes a deep folder with few descriptors', async () => {
    if (process.platform !== 'linux') return;
    await scratch.put('copy', { [`${'d/'.repeat(40)}file`]: '' });
    const descriptors = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
    const stream = downloadTree(stage.client(await stage.serve({ files: { '/top/a.txt': 'aaa' } })), '/top', scratch.path('copy'), { delete: true });
    let before = Infinity;
    for await (const { path } of stream) {
      if (path === 'a.txt') before = await descriptors();
      if (path.endsWith('file')) expect(await descriptors()).to.be.lessThan(before + 20);
    }
    expect(before).to.be.lessThan(Infinity);
    expect(await scratch.tree('copy')).to.deep.equal({ 'a.txt': 'aaa' });
  });

  it('destroys nothing that it has written where a name is listed as a file and as a folder', async () => {
    for (const types of [['file', 'dir'], ['dir', 'file']]) {
      const lines: Record<string, readonly string[]> = { '/top': types.map((type) => line('x', { type })), '/top/x': [line('y')] };
      const server = await stage.serve({ files: { '/top/x': 'x' }, script: { MLSD: listing((path) => lines[path] ?? []) } });
      const list = await results(stage.client(server), { continueOnError: true });
      expect(told(list)).to.include('failed x');
      const downloaded = list.filter(({ action }) => action === 'downloaded').map(({ path }) => path);
      expect(Object.keys(await scratch.tree('copy'))).to.include.members(downloaded);
      await rm(scratch.path('copy', 'x'), { recursive: true });
    }
  });

  it('says with dryRun what a real run does, also where a file takes the place of a folder', async () => {
    const ftp = stage.client(await stage.serve({ files: { '/top/a.txt': 'aaa', '/top/in/the/way': 'file', '/top/sub': 'file', '/top/full': 'file', '/top/new/x.txt': 'x' } }));
    for (const filter of [undefined, '!*.log', '*.txt']) {
      await rm(scratch.path('copy'), { recursive: true });
      await scratch.put('copy', { ...MINE, 'in/the/way/old': '', 'full/keep.log': '', 'full/x.txt': '' });
      const options = { continueOnError: true, ...(filter ? { filter } : {}) };
      const before = await scratch.tree('copy');
      const promised = told(await results(ftp, { ...options, dryRun: true }));
      expect(await scratch.tree('copy')).to.deep.equal(before);
      expect(told(await results(ftp, options)), filter).to.deep.equal(promised);
      if (filter !== '*.txt') expect(promised).to.include('deleted in/the/way/old').and.include(filter ? 'failed full' : 'downloaded full');
    }
  });
});
