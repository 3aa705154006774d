import { expect } from 'chai';
import { chmod, lstat, mkdir, stat, symlink, utimes, watch, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { downloadTree } from '../../lib/bulk/tree-download';
import type { TreeOptions, TreeResult } from '../../lib/bulk/tree-options';
import { ArgumentError, FTPError, FTPPool, PermanentError, TransferError, type FTP } from '../../lib/index';
import { scene } from '../support/client';
import { data, dataEnd, normal, openData, resetControl, send, until } from '../support/server/steps';
import { gate } from '../support/server/gate';
import { content } from '../support/server/content';
import { closing } from '../support/transfers';
import { line, listing } from './tree-listing';
import { failure, told } from './tree-results';
import { Scratch } from './tree-scratch';

const TREE = { '/top/a.txt': 'aaa', '/top/sub/b.txt': 'bb', '/top/sub/deep/c.bin': 'c', '/top/empty/': '', '/other': 'x' };

describe('downloadTree()', () => {
  const stage = scene();
  const scratch = new Scratch();

  async function results(ftp: FTP, options: TreeOptions = {}): Promise<TreeResult[]> {
    return downloadTree(ftp, '/top', scratch.path('copy'), options).toArray();
  }

  it('has all files, in their folders, and the empty ones', async () => {
    const ftp = stage.client(await stage.serve({ files: TREE }));
    const list = await results(ftp);
    expect(await scratch.tree('copy')).to.deep.equal({ 'a.txt': 'aaa', 'empty/': '', 'sub/': '', 'sub/b.txt': 'bb', 'sub/deep/': '', 'sub/deep/c.bin': 'c' });
    expect(told(list)).to.deep.equal(['created ', 'created empty', 'created sub', 'created sub/deep', 'downloaded a.txt', 'downloaded sub/b.txt', 'downloaded sub/deep/c.bin']);
    expect(list.find(({ path }) => path === 'sub/b.txt')).to.include({ action: 'downloaded', type: 'file', bytes: 2 }).and.to.have.property('ms').that.is.a('number');
  });

  it('sends nothing before it is read, and refuses what cannot be meant', async () => {
    const server = await stage.serve({ files: TREE });
    const ftp = await stage.connect(server);
    downloadTree(ftp, '/top', scratch.path('copy')).destroy();
    await ftp.noop();
    expect(server.commands).to.not.include('MLSD /top');
    const bad = [
      { overwrite: 'maybe' }, { delete: 1 }, { dryRun: 'no' }, { concurrency: 0 }, { concurrency: 1.5 }, { temporaryName: 1 }, { symlinks: 'copy' },
      { names: 'dos' }, { depth: 0 }, { filter: [1] }, { maxPendingBytes: -1 }, { continueOnError: 1 }, { preserveTimes: 1 },
    ];
    for (const options of bad) expect(() => downloadTree(ftp, '/top', 'x', options as unknown as TreeOptions), JSON.stringify(options)).to.throw(ArgumentError);
    expect(() => downloadTree(ftp, '/top', '')).to.throw(ArgumentError);
    expect(() => downloadTree(ftp, 1 as unknown as string, 'x')).to.throw(ArgumentError);
  });

  it('makes nothing for a folder that is missing', async () => {
    const ftp = stage.client(await stage.serve());
    expect(await failure(results(ftp))).to.be.instanceOf(PermanentError);
    expect(await lstat(scratch.path('copy')).catch(() => 'missing')).to.equal('missing');
  });

  it('makes nothing for a file, by MLSD and by LIST, and takes a folder that has nothing but a file of its name', async () => {
    for (const features of [undefined, []]) {
      const server = await stage.serve({ files: { '/top': 'a file', '/name/name': 'n', '/link': { target: '/top' } }, ...(features ? { features } : {}) });
      const ftp = stage.client(server);
      for (const path of ['/top', 'top', '/link']) {
        const error = (await failure(downloadTree(ftp, path, scratch.path('copy'), { delete: true }).toArray())) as Error;
        expect(error).to.be.instanceOf(PermanentError);
        expect(error.message, path).to.include(path).and.include('is a file');
      }
      expect(await lstat(scratch.path('copy')).catch(() => 'missing')).to.equal('missing');
      expect(told(await downloadTree(ftp, '/name', scratch.path(`copy-${features?.length ?? 'all'}`)).toArray())).to.deep.equal(['created ', 'downloaded name']);
    }
  });

  it('writes nothing where the local folder is a file', async () => {
    const ftp = stage.client(await stage.serve({ files: TREE }));
    await scratch.put('', { copy: 'mine' });
    for (const options of [{}, { delete: true, continueOnError: true }, { dryRun: true }]) expect(await failure(results(ftp, options))).to.be.instanceOf(ArgumentError);
    expect(await scratch.tree('')).to.deep.equal({ copy: 'mine' });
  });

  it('has a folder and a file that is called as the folder would be until it is complete', async () => {
    const ftp = stage.client(await stage.serve({ files: { '/top/file': 'f', '/top/.file.part/x': 'x' }, script: { RETR: [until(async () => undefined), normal()] } }));
    await results(ftp, { concurrency: 4 });
    expect(await scratch.tree('copy')).to.deep.equal({ file: 'f', '.file.part/': '', '.file.part/x': 'x' });
  });

  it('takes a backslash for a letter where the system does, by its own names', async function () {
    if (process.platform === 'win32') return;
    const ftp = stage.client(await stage.serve({ files: { '/top/back\\slash': 'data' } }));
    expect(told(await results(ftp, { names: 'native' }))).to.deep.equal(['created ', 'downloaded back\\slash']);
    expect(await scratch.tree('copy')).to.deep.equal({ 'back\\slash': 'data' });
  });

  describe('where files are there already', () => {
    const old = new Date('2010-01-01');
    const recent = new Date('2024-01-01');
    for (const [overwrite, transferred] of [
      ['always', ['longer', 'newer', 'older', 'same']],
      ['never', []],
      ['size', ['longer']],
      ['newer', ['longer', 'older']],
      ['changed', ['longer', 'newer', 'older']],
    ] as const) {
      it(`transfers what \`overwrite: '${overwrite}'\` says`, async () => {
        const server = await stage.serve({ files: { '/top/same': 'new', '/top/older': 'new', '/top/newer': 'new', '/top/longer': 'new' } });
        const { modified } = server.file('/top/same');
        await scratch.put('copy', { same: 'old' }, modified);
        await scratch.put('copy', { older: 'old', longer: 'longer' }, old);
        await scratch.put('copy', { newer: 'old' }, recent);
        const list = await results(stage.client(server), { overwrite, preserveTimes: true });
        expect(list.filter(({ action }) => action === 'downloaded').map(({ path }) => path).sort()).to.deep.equal(transferred);
        for (const [name, text] of Object.entries(await scratch.tree('copy'))) expect(text === 'new', name).to.equal((transferred as readonly string[]).includes(name));
      });
    }

    it('says so of a folder in the place of a file, and the other way round; with delete they go', async () => {
      const ftp = stage.client(await stage.serve({ files: { '/top/file': 'new', '/top/folder/x': 'x' } }));
      await scratch.put('copy', { 'file/in/it': 'old', folder: 'a file' });
      const list = await results(ftp, { continueOnError: true });
      expect(told(list)).to.deep.equal(['failed file', 'failed folder']);
      for (const { error } of list) if (error) expect(error).to.be.instanceOf(TransferError);
      await results(ftp, { delete: true });
      expect(await scratch.tree('copy')).to.deep.equal({ file: 'new', 'folder/': '', 'folder/x': 'x' });
    });
  });

  describe('with delete', () => {
    it('removes what the server does not have, and nothing outside', async () => {
      const ftp = stage.client(await stage.serve({ files: TREE }));
      await scratch.put('outside', { precious: 'p' });
      await scratch.put('copy', { 'a.txt': 'old', gone: '', 'sub/gone/deep/x': 'x', '.gone': '', 'empty/gone': '' });
      await symlink(scratch.path('outside'), scratch.path('copy/link'));
      const list = await results(ftp, { delete: true });
      expect(told(list).filter((text) => text.startsWith('deleted'))).to.deep.equal(['deleted .gone', 'deleted empty/gone', 'deleted gone', 'deleted link', 'deleted sub/gone', 'deleted sub/gone/deep', 'deleted sub/gone/deep/x']);
      expect(await scratch.tree('copy')).to.deep.equal({ 'a.txt': 'aaa', 'empty/': '', 'sub/': '', 'sub/b.txt': 'bb', 'sub/deep/': '', 'sub/deep/c.bin': 'c' });
      expect(await scratch.tree('outside')).to.deep.equal({ precious: 'p' });
    });

    it('keeps what the filter excludes', async () => {
      const ftp = stage.client(await stage.serve({ files: TREE }));
      await scratch.put('copy', { 'keep.log': '', 'gone.txt': '', 'old/keep.log': '', 'old/gone.txt': '' });
      expect(told(await results(ftp, { delete: true, filter: '!*.log' })).filter((text) => /old|gone|keep/.test(text))).to.deep.equal(['deleted gone.txt', 'deleted old/gone.txt']);
      expect(Object.keys(await scratch.tree('copy'))).to.include('keep.log').and.include('old/keep.log').and.not.include('old/gone.txt');
    });

    it('removes nothing from a folder that was not listed, not to its end, or not wholly understood', async () => {
      const lines = { '/top': [line('refused', { type: 'dir' }), line('cut', { type: 'dir' }), line('garbled', { type: 'dir' }), line('fine', { type: 'dir' })], '/top/garbled': ['what is this'], '/top/fine': [] };
      const server = await stage.serve({
        files: { '/top/refused/': '', '/top/cut/': '', '/top/garbled/': '', '/top/fine/': '' },
        script: {
          MLSD: (session, argument) => {
            if (argument === '/top/refused') return session.reply('550 Permission denied.');
            if (argument === '/top/cut') return cut(session);
            return (listing((path) => lines[path as keyof typeof lines] ?? []) as (s: typeof session, a: string) => Promise<void>)(session, argument);
          },
        },
      });
      await scratch.put('copy', { 'refused/x': '', 'cut/x': '', 'garbled/x': '', 'fine/x': '', x: '' });
      const list = await results(stage.client(server), { delete: true, continueOnError: true });
      expect(told(list)).to.deep.equal(['deleted fine/x', 'deleted x', 'failed cut', 'failed cut/first', 'failed garbled', 'failed refused']);
    });

    it('removes no hidden name where LIST does not show them', async () => {
      const server = await stage.serve({ files: TREE, features: [], script: { LIST: (session, argument) => (argument.startsWith('-a') ? session.reply('550 What?') : session.normal()) } });
      await scratch.put('copy', { '.mine': '', gone: '' });
      const list = await results(stage.client(server), { delete: true });
      expect(told(list).filter((text) => text.startsWith('deleted'))).to.deep.equal(['deleted gone']);
    });
  });

  it('changes nothing with dryRun, and tells what it would do', async () => {
    const server = await stage.serve({ files: TREE });
    await scratch.put('copy', { gone: '', 'sub/old/x': '' });
    const before = await scratch.tree('copy');
    const list = await results(stage.client(server), { dryRun: true, delete: true });
    expect(told(list)).to.deep.equal(['created empty', 'created sub/deep', 'deleted gone', 'deleted sub/old', 'deleted sub/old/x', 'downloaded a.txt', 'downloaded sub/b.txt', 'downloaded sub/deep/c.bin']);
    expect(await scratch.tree('copy')).to.deep.equal(before);
    expect(server.commands.some((command) => command.startsWith('RETR'))).to.equal(false);
    const fresh = await downloadTree(stage.client(server), '/top', scratch.path('fresh'), { dryRun: true }).toArray();
    expect(told(fresh)).to.have.length(7);
    expect(await lstat(scratch.path('fresh')).catch(() => 'missing')).to.equal('missing');
  });

  it('takes what a filter wants, with no folder for nothing', async () => {
    const ftp = stage.client(await stage.serve({ files: TREE }));
    await results(ftp, { filter: ['*.bin', '!sub/private'] });
    expect(await scratch.tree('copy')).to.deep.equal({ 'sub/': '', 'sub/deep/': '', 'sub/deep/c.bin': 'c' });
  });

  it('goes so deep and no deeper', async () => {
    const ftp = stage.client(await stage.serve({ files: TREE }));
    await results(ftp, { depth: 1 });
    expect(await scratch.tree('copy')).to.deep.equal({ 'a.txt': 'aaa' });
  });

  it('skips symlinks and says so, or takes what they lead to', async () => {
    const files = { ...TREE, '/top/link': { target: 'a.txt' }, '/top/folder': { target: 'sub' }, '/top/loop': { target: '.' }, '/top/dead': { target: 'nowhere' } };
    const ftp = stage.client(await stage.serve({ files }));
    expect(told(await results(ftp)).filter((text) => text.startsWith('skipped'))).to.deep.equal(['dead', 'folder', 'link', 'loop'].map((name) => `skipped ${name} (symlink)`));
    const list = await downloadTree(ftp, '/top', scratch.path('followed'), { symlinks: 'follow', continueOnError: true }).toArray();
    expect(told(list).filter((text) => !/^(down|crea)/.test(text))).to.deep.equal(['failed loop', 'skipped dead (symlink)']);
    expect(await scratch.tree('followed')).to.include({ link: 'aaa', 'folder/b.txt': 'bb', 'folder/deep/c.bin': 'c' }).and.not.have.any.keys('loop/', 'dead');
  });

  describe('when something fails', () => {
    it('ends with that error, after all results before it', async () => {
      const ftp = stage.client(await stage.serve({ files: TREE, script: { RETR: (session, argument) => (argument.endsWith('b.txt') ? session.reply('550 No.') : session.normal()) } }));
      const seen: TreeResult[] = [];
      const error = await failure((async () => {
        for await (const result of downloadTree(ftp, '/top', scratch.path('copy'))) seen.push(result);
      })());
      expect(error).to.be.instanceOf(PermanentError);
      expect(told(seen)).to.include('downloaded a.txt').and.include('failed sub/b.txt').and.not.include('downloaded sub/deep/c.bin');
      expect(await ftp.pwd()).to.equal('/');
    });

    it('goes on with continueOnError', async () => {
      const ftp = stage.client(await stage.serve({ files: TREE, script: { RETR: (session, argument) => (argument.endsWith('b.txt') ? session.reply('550 No.') : session.normal()) } }));
      const list = await results(ftp, { continueOnError: true });
      expect(told(list)).to.include('failed sub/b.txt').and.include('downloaded sub/deep/c.bin');
      expect(Object.keys(await scratch.tree('copy')).filter((path) => path.includes('part') || path.endsWith('b.txt'))).to.deep.equal([]);
    });

    it('goes on after a connection that was lost', async () => {
      const script = { RETR: [[send('150 go'), openData(), resetControl()], [normal()]] };
      const list = await results(stage.client(await stage.serve({ files: TREE, script })), { continueOnError: true });
      expect(list.filter(({ action }) => action === 'failed')).to.have.length(1);
      expect(list.filter(({ action }) => action === 'downloaded')).to.have.length(2);
    });

    it('gives up where the server does not let it in again', async () => {
      const server = await stage.serve({ files: TREE });
      server.script = {
        RETR: (session) => {
          server.script = { PASS: '530 no' };
          session.control.reset();
        },
      };
      const ftp = stage.client(server);
      expect(await failure(results(ftp, { continueOnError: true }))).to.be.instanceOf(FTPError).with.property('phase', 'login');
    });

    it('says so when the local folder cannot be written', async function () {
      if (process.getuid?.() === 0) {
        await scratch.put('', { copy: 'a file' });
      } else {
        await mkdir(scratch.path('copy'));
        await chmod(scratch.path('copy'), 0o500);
      }
      expect(await failure(results(stage.client(await stage.serve({ files: TREE }))))).to.be.instanceOf(Error);
    });
  });

  it('shows no file under its name before it is complete, and leaves none behind when it is cancelled', async () => {
    const half = gate();
    const server = await stage.serve({ files: { '/top/file': content(100_000) }, script: { RETR: [send('150 go'), data(Buffer.alloc(50_000)), until(half), dataEnd(), send('226 done')] } });
    await scratch.put('copy', { file: 'old' });
    const ftp = stage.client(server);
    const stream = downloadTree(ftp, '/top', scratch.path('copy'));
    const closed = closing(stream);
    stream.resume().on('error', () => undefined);
    await server.waitFor('RETR', 0);
    const watcher = watch(scratch.path('copy'))[Symbol.asyncIterator]();
    while (!(await lstat(scratch.path('copy/.file.part')).catch(() => undefined))) await watcher.next();
    await watcher.return?.(undefined);
    expect((await scratch.tree('copy'))['file']).to.equal('old');
    stream.destroy();
    await closed;
    expect(await scratch.tree('copy')).to.deep.equal({ file: 'old' });
    half.open();
    expect(await ftp.pwd()).to.equal('/');
  });

  it('can be cancelled at every command, by destroy() or a signal, and leaves nothing behind but whole files', async () => {
    const rehearsal = await stage.serve({ files: TREE });
    await downloadTree(stage.client(rehearsal), '/top', scratch.path('rehearsal')).toArray();
    for (let number = 1; number <= rehearsal.commands.length; number++) {
      const server = await stage.serve({ files: TREE });
      const ftp = stage.client(server);
      const controller = new AbortController();
      const root = `copy-${number}`;
      const stream = downloadTree(ftp, '/top', scratch.path(root), { signal: controller.signal });
      let count = 0;
      server.on('command', () => {
        if (++count === number) number % 2 ? stream.destroy() : controller.abort();
      });
      const closed = closing(stream);
      stream.resume().on('error', () => undefined);
      await closed;
      expect(await ftp.pwd()).to.equal('/');
      const found = (await lstat(scratch.path(root)).catch(() => undefined)) ? await scratch.tree(root) : {};
      for (const [path, text] of Object.entries(found)) expect({ 'a.txt': 'aaa', 'b.txt': 'bb', 'c.bin': 'c' }[path.split('/').at(-1) ?? ''] ?? '', path).to.equal(text);
    }
  });

  it('names its temporary files as it is told, or not at all', async () => {
    const server = await stage.serve({ files: { '/top/file': 'new' } });
    const ftp = stage.client(server);
    const names: string[] = [];
    await results(ftp, { temporaryName: (name) => (names.push(name), `${name}.tmp`) });
    expect(names).to.deep.equal(['file']);
    await results(ftp, { temporaryName: false });
    expect(await scratch.tree('copy')).to.deep.equal({ file: 'new' });
    for (const bad of ['', '.', '..', 'a/b', 'file', '../x']) expect(await failure(results(ftp, { temporaryName: () => bad })), bad).to.be.instanceOf(ArgumentError);
    const long = 'x'.repeat(255);
    server.write(`/top/${long}`, 'long');
    await results(ftp);
    expect(await scratch.tree('copy')).to.deep.equal({ file: 'new', [long]: 'long' });
  });

  it('gives files the time of the server with preserveTimes only', async () => {
    const server = await stage.serve({ files: { '/top/file': 'x' } });
    await results(stage.client(server));
    expect((await lstat(scratch.path('copy/file'))).mtime).not.to.deep.equal(server.file('/top/file').modified);
    await results(stage.client(server), { preserveTimes: true });
    expect((await lstat(scratch.path('copy/file'))).mtime).to.deep.equal(server.file('/top/file').modified);
  });

  for (const [what, temporaryName] of [['a name of ours', true], ["a caller's own name", (name: string): string => `.${name}.part`]] as const) {
    it(`takes no file for another where the server has one that is called as ${what} would be`, async () => {
      const server = await stage.serve({ files: { '/top/.file.part': 'of its own', '/top/file': 'x'.repeat(200_000) } });
      const pool = new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret', connections: 3 });
      for (const bytes of [200_000, 100_000]) {
        server.write('/top/file', 'x'.repeat(bytes));
        await downloadTree(pool, '/top', scratch.path('copy'), { temporaryName, preserveTimes: true, overwrite: 'changed' }).toArray();
        expect(await scratch.tree('copy'), `${bytes}`).to.deep.equal({ '.file.part': 'of its own', file: 'x'.repeat(bytes) });
      }
      await pool.quit();
    });
  }

  it('leaves those that may read a file, and execute it, as they were', async () => {
    const ftp = stage.client(await stage.serve({ files: { '/top/secret': 'new', '/top/tool': 'new' } }));
    await scratch.put('copy', { secret: 'old', tool: 'old' });
    for (const [name, mode] of [['secret', 0o600], ['tool', 0o775]] as const) await chmod(scratch.path('copy', name), mode);
    await results(ftp);
    expect(await scratch.tree('copy')).to.deep.equal({ secret: 'new', tool: 'new' });
    for (const [name, mode] of [['secret', 0o600], ['tool', 0o775]] as const) expect((await stat(scratch.path('copy', name))).mode & 0o777).to.equal(mode);
  });

  it('replaces what an interrupted run has left', async () => {
    const ftp = stage.client(await stage.serve({ files: { '/top/file': 'new' } }));
    await mkdir(scratch.path('copy'));
    await writeFile(join(scratch.path('copy'), '.file.part'), 'half');
    await utimes(scratch.path('copy/.file.part'), 1, 1);
    await results(ftp);
    expect(await scratch.tree('copy')).to.deep.equal({ file: 'new' });
  });
});

type Steps = Parameters<ReturnType<typeof send>>[0];

async function cut(session: Steps): Promise<void> {
  for (const step of [send('150 go'), data(`${line('first')}\r\n`), dataEnd(), send('426 Failure.')]) await step(session);
}
