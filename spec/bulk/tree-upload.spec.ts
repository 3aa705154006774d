import { expect } from 'chai';
import { rename, rm, symlink } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import type { Remote } from '../../lib/bulk/remote';
import type { TreeOptions, TreeResult } from '../../lib/bulk/tree-options';
import { uploadTree } from '../../lib/bulk/tree-upload';
import { ArgumentError, ConnectionClosedError, FTPPool, PermanentError, ReplyError, SecurityError, TransferError } from '../../lib/index';
import { scene } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import { PERSONALITIES } from '../support/server/personalities';
import type { Script, Step } from '../support/server/script';
import { dataClosed, normal, send, until } from '../support/server/steps';
import { closing } from '../support/transfers';
import { line, listing } from './tree-listing';
import { failure, told } from './tree-results';
import { Scratch } from './tree-scratch';

const SOURCE = { 'a.txt': 'aaa', 'sub/b.txt': 'bb', 'sub/deep/c.bin': 'c', 'empty/': '' };

describe('uploadTree()', () => {
  const stage = scene();
  const scratch = new Scratch();

  async function results(remote: Remote, options: TreeOptions = {}): Promise<TreeResult[]> {
    return uploadTree(remote, scratch.path('source'), '/top', options).toArray();
  }

  /** What the server has below /top: text, or a slash after the name. */
  function served(server: FtpServer, below = '/top/'): Record<string, string> {
    const found: Record<string, string> = {};
    for (const [path, node] of server.files) {
      if (!path.startsWith(below)) continue;
      if (node.kind === 'directory') found[`${path.slice(below.length)}/`] = '';
      else found[path.slice(below.length)] = node.kind === 'file' ? server.read(path).toString() : `link to ${node.target}`;
    }
    return found;
  }

  it('has all files, in their folders, and the empty ones', async () => {
    const server = await stage.serve();
    await scratch.put('source', SOURCE);
    const list = await results(stage.client(server));
    expect(served(server)).to.deep.equal({ 'a.txt': 'aaa', 'empty/': '', 'sub/': '', 'sub/b.txt': 'bb', 'sub/deep/': '', 'sub/deep/c.bin': 'c' });
    expect(told(list)).to.deep.equal(['created ', 'created empty', 'created sub', 'created sub/deep', 'uploaded a.txt', 'uploaded sub/b.txt', 'uploaded sub/deep/c.bin']);
    expect(list.find(({ path }) => path === 'a.txt')).to.include({ bytes: 3, type: 'file' });
  });

  it('makes the folders above the first one, and takes those that are there', async () => {
    const server = await stage.serve({ files: { '/x/': '' } });
    await scratch.put('source', { 'sub/a': 'a' });
    const ftp = stage.client(server);
    await uploadTree(ftp, scratch.path('source'), '/x/y/z').toArray();
    expect(served(server, '/x/')).to.deep.equal({ 'y/': '', 'y/z/': '', 'y/z/sub/': '', 'y/z/sub/a': 'a' });
    expect(told(await uploadTree(ftp, scratch.path('source'), '/x/y/z').toArray())).to.deep.equal(['uploaded sub/a']);
  });

  it('sends nothing on a connection that is made by hand after close()', async () => {
    const server = await stage.serve({ script: { STOR: [normal(), () => ftp.close()] } });
    const ftp = stage.client(server);
    await scratch.put('source', SOURCE);
    const over = results(ftp).catch((error: unknown) => error);
    await new Promise<void>((resolve) => ftp.once('close', () => resolve()));
    await ftp.connect();
    await ftp.login();
    expect(await over).to.be.instanceOf(ConnectionClosedError);
    await ftp.noop();
    expect(server.commands.filter((each) => each.startsWith('DELE'))).to.deep.equal([]);
  });

  it('sends nothing before it is read, and refuses what cannot be meant', async () => {
    const server = await stage.serve();
    const ftp = await stage.connect(server);
    uploadTree(ftp, scratch.path('source'), '/top').destroy();
    await ftp.noop();
    expect(server.commands.filter((command) => /^(MLSD|MKD)/.test(command))).to.deep.equal([]);
    expect(() => uploadTree(ftp, '', '/top')).to.throw(ArgumentError);
    expect(() => uploadTree(ftp, 'x', 1 as unknown as string)).to.throw(ArgumentError);
    expect(await failure(results(ftp))).to.have.property('code', 'ENOENT');
    await scratch.put('', { source: 'a file' });
    expect(await failure(results(ftp))).to.be.instanceOf(ArgumentError);
  });

  it('lists each remote folder once, and no folder that is new', async () => {
    const server = await stage.serve({ files: { '/top/sub/b.txt': 'old' } });
    await scratch.put('source', SOURCE);
    await results(stage.client(server));
    expect(server.commands.filter((command) => command.startsWith('MLSD'))).to.deep.equal(['MLSD /top', 'MLSD /top/sub']);
  });

  describe('where files are there already', () => {
    const at = new Date('2020-02-29T12:34:56Z');
    for (const [overwrite, transferred] of [
      ['always', ['longer', 'newer', 'older', 'same']],
      ['never', []],
      ['size', ['longer']],
      ['newer', ['longer', 'newer']],
      ['changed', ['longer', 'newer', 'older']],
    ] as const) {
      it(`transfers what \`overwrite: '${overwrite}'\` says`, async () => {
        const server = await stage.serve({ files: { '/top/same': 'old', '/top/older': 'old', '/top/newer': 'old', '/top/longer': 'longer' } });
        await scratch.put('source', { same: 'new' }, at);
        await scratch.put('source', { older: 'new' }, new Date('2010-01-01'));
        await scratch.put('source', { newer: 'new', longer: 'new' }, new Date('2024-01-01'));
        const list = await results(stage.client(server), { overwrite, preserveTimes: true });
        expect(list.filter(({ action }) => action === 'uploaded').map(({ path }) => path).sort()).to.deep.equal(transferred);
        for (const [name, text] of Object.entries(served(server))) expect(text === 'new', name).to.equal((transferred as readonly string[]).includes(name));
      });
    }

    it('says so of a folder in the place of a file, and the other way round; with delete they go', async () => {
      const server = await stage.serve({ files: { '/top/file/in/it': 'old', '/top/folder': 'a file' } });
      const ftp = stage.client(server);
      await scratch.put('source', { file: 'new', 'folder/x': 'x' });
      const list = await results(ftp, { continueOnError: true });
      expect(told(list)).to.deep.equal(['failed file', 'failed folder']);
      for (const { error } of list) if (error) expect(error).to.be.instanceOf(TransferError);
      await results(ftp, { delete: true });
      expect(served(server)).to.deep.equal({ file: 'new', 'folder/': '', 'folder/x': 'x' });
    });

    it('renames the old file first where the server renames over none, and deletes it last', async () => {
      const server = await stage.serve({ files: { '/top/file': 'old' }, ...PERSONALITIES.noRenameOver });
      await scratch.put('source', { file: 'new' });
      await results(stage.client(server));
      expect(served(server)).to.deep.equal({ file: 'new' });
      const aside = server.commands.find((command) => command.startsWith('DELE '))?.slice(5) ?? '';
      expect(aside).to.match(/^\/top\/\.file\.[0-9a-f]{8}\.old$/);
      expect(server.commands.filter((command) => /^(RNFR|RNTO|DELE)/.test(command))).to.deep.equal([
        'RNFR /top/.file.part', 'RNTO /top/file', 'RNFR /top/file', `RNTO ${aside}`, 'RNFR /top/.file.part', 'RNTO /top/file', `DELE ${aside}`,
      ]);
    });

    it('leaves the old file, whatever is refused, and says both names', async () => {
      const twice: Step = (session) => {
        const tries = session.server.commands.filter((command) => command === 'RNTO /top/file').length;
        return session.argument === '/top/file' && tries <= 2 ? session.reply('553 No.') : session.normal();
      };
      for (const script of [{ RNFR: '550 Permission denied.' }, { RNFR: '502 No.' }, { RNTO: '550 Permission denied.' }, { RNTO: '450 Busy.' }, { RNTO: [twice] }] satisfies Script[]) {
        const server = await stage.serve({ files: { '/top/file': 'old' }, script });
        await scratch.put('source', { file: 'new' });
        const error = await failure(results(stage.client(server)));
        expect(error).to.be.instanceOf(ReplyError);
        expect((error as Error).message).to.include('/top/.file.part could not be given the name /top/file,').and.not.include('.old');
        expect(served(server)).to.deep.equal({ file: 'old' });
      }
    });

    it('says the name of the old file where the server does not give it its own again', async () => {
      const server = await stage.serve({ files: { '/top/file': 'old' }, script: { RNTO: (session) => (session.argument === '/top/file' ? session.reply('553 No.') : session.normal()) } });
      await scratch.put('source', { file: 'new' });
      const error = await failure(results(stage.client(server)));
      const [name = ''] = Object.keys(served(server));
      expect(served(server)).to.deep.equal({ [name]: 'old' });
      expect((error as Error).message).to.include(`/top/${name}`);
    });
  });

  describe('with delete', () => {
    it('removes what the source does not have, and nothing outside', async () => {
      const server = await stage.serve({
        files: { '/top/gone': '', '/top/sub/gone/deep/x': 'x', '/top/sub/gone/y': '', '/top/.gone': '', '/top/link': { target: '/outside' }, '/outside/precious': 'p' },
      });
      await scratch.put('source', SOURCE);
      const list = await results(stage.client(server), { delete: true });
      expect(told(list).filter((text) => text.startsWith('deleted'))).to.deep.equal(['deleted .gone', 'deleted gone', 'deleted link', 'deleted sub/gone', 'deleted sub/gone/deep', 'deleted sub/gone/deep/x', 'deleted sub/gone/y']);
      expect(served(server)).to.deep.equal({ 'a.txt': 'aaa', 'empty/': '', 'sub/': '', 'sub/b.txt': 'bb', 'sub/deep/': '', 'sub/deep/c.bin': 'c' });
      expect(served(server, '/outside/')).to.deep.equal({ precious: 'p' });
    });

    it('deletes a symlink that is listed as a folder itself, and not what it leads to', async () => {
      const server = await stage.serve({ files: { '/top/link': { target: '/outside' }, '/outside/precious': 'p' } });
      server.script = { MLSD: listing((path) => (path === '/top' ? server.files.names('/top').map((name) => line(name, { type: 'dir' })) : [])) };
      await scratch.put('source', { 'x/': '' });
      await results(stage.client(server), { delete: true });
      expect(served(server)).to.deep.equal({ 'x/': '' });
      expect(served(server, '/outside/')).to.deep.equal({ precious: 'p' });
    });

    it('does not delete through a symlink that is in the place of a folder', async () => {
      const server = await stage.serve({ files: { '/top/sub': { target: '/outside' }, '/outside/precious': 'p' } });
      await scratch.put('source', { 'sub/x': 'x' });
      const list = await results(stage.client(server), { delete: true, continueOnError: true });
      expect(list.find(({ path }) => path === 'sub')?.error).to.be.instanceOf(SecurityError);
      expect(served(server, '/outside/')).to.deep.equal({ precious: 'p' });
    });

    it('keeps what the filter excludes, and a folder that is not empty for that', async () => {
      const server = await stage.serve({ files: { '/top/keep.log': '', '/top/gone': '', '/top/old/keep.log': '', '/top/old/gone': '' } });
      await scratch.put('source', SOURCE);
      const list = await results(stage.client(server), { delete: true, filter: '!*.log', continueOnError: true });
      expect(told(list).filter((text) => text.startsWith('deleted'))).to.deep.equal(['deleted gone', 'deleted old/gone']);
      expect(served(server)).to.have.any.keys('keep.log').and.include({ 'old/keep.log': '' });
      expect(list.find(({ path }) => path === 'old')).to.include({ action: 'skipped', reason: 'not empty' });
      expect(list.filter(({ action }) => action === 'failed')).to.deep.equal([]);
    });

    it('removes nothing where the local folder could not be read', async function () {
      const server = await stage.serve({ files: { '/top/sub/precious': 'p', '/top/precious': 'p' } });
      await scratch.put('source', { 'sub/x': '' });
      const ftp = stage.client(server);
      const list: TreeResult[] = [];
      // The folder goes when it is about to be read.
      server.script = { MLSD: [[normal()], [until(() => rm(scratch.path('source/sub'), { recursive: true })), normal()], [normal()]] };
      for await (const result of uploadTree(ftp, scratch.path('source'), '/top', { delete: true, continueOnError: true })) list.push(result);
      expect(told(list)).to.deep.equal(['deleted precious', 'failed sub']);
      expect(served(server)).to.deep.equal({ 'sub/': '', 'sub/precious': 'p' });
    });
  });

  for (const [what, temporaryName] of [['a name of ours', true], ["a caller's own name", (name: string): string => `.${name}.part`]] as const) {
    it(`takes no file for another where there is one that is called as ${what} would be`, async () => {
      const server = await stage.serve();
      const pool = new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret', connections: 3 });
      for (const bytes of [200_000, 100_000]) {
        const files = { '.file.part': 'of its own', file: 'x'.repeat(bytes) };
        await scratch.put('source', files);
        await uploadTree(pool, scratch.path('source'), '/top', { temporaryName }).toArray();
        expect(served(server), `${bytes}`).to.deep.equal(files);
      }
      expect(server.commands).to.not.include('STOR /top/.file.part');
      await pool.quit();
    });
  }

  // Of small files, the next ones in the folder are read together with the first, before it becomes a symlink.
  for (const [what, bytes, failed] of [['small files', 1, 0], ['others', 20_000, 1]] as const) {
    it(`uploads nothing from where a folder leads that has become a symlink meanwhile: ${what}`, async () => {
      const swap = async (): Promise<void> => {
        await rename(scratch.path('source', 'sub'), scratch.path('moved'));
        await symlink(scratch.path('outside'), scratch.path('source', 'sub'));
      };
      await scratch.put('source', { first: '1', 'sub/file': '2'.repeat(bytes), 'sub/more': '3'.repeat(bytes) });
      await scratch.put('outside', { file: 'secret', more: 'secret', other: 'secret' });
      for (const folder of ['/top/', '/top/sub/']) {
        const server = await stage.serve();
        let swaps = 0;
        server.script = { STOR: async (session, path) => (path.startsWith(folder) && swaps++ === 0 && (await swap()), session.normal()) };
        const list = await uploadTree(stage.client(server), scratch.path('source'), '/top', { continueOnError: true }).toArray();
        expect(list.filter(({ action }) => action === 'failed').map(({ error }) => error?.name)).to.deep.equal(Array(folder === '/top/' ? 1 : failed).fill('SecurityError'));
        expect(Object.values(served(server))).to.not.include('secret');
        await rm(scratch.path('source', 'sub'));
        await rename(scratch.path('moved'), scratch.path('source', 'sub'));
      }
    });
  }

  it('uploads one version, where the local folder is a symlink that leads to another one meanwhile', async () => {
    const files = (version: string): Record<string, string> => ({ a: version, 'b/c': version, 'd/e/f': version });
    await scratch.put('v1', files('1'));
    await scratch.put('v2', files('2'));
    await symlink('v1', scratch.path('source'));
    const server = await stage.serve();
    server.script = { STOR: [[until(async () => (await rm(scratch.path('source')), symlink('v2', scratch.path('source')))), normal()], [normal()]] };
    await results(stage.client(server));
    expect(served(server)).to.deep.equal({ ...files('1'), 'b/': '', 'd/': '', 'd/e/': '' });
  });

  it('mixes no files where they have the same name until they are complete', async () => {
    const server = await stage.serve();
    const pool = new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret', connections: 4 });
    const files = Object.fromEntries([...'abcdefgh'].map((name) => [name, name.repeat(300_000)]));
    await scratch.put('source', files);
    await uploadTree(pool, scratch.path('source'), '/top', { temporaryName: () => 'unfinished' }).toArray();
    expect(served(server)).to.deep.equal(files);
    await pool.quit();
  });

  it('takes no file for another where the server ignores case, and one is called as the other would be until it is complete', async () => {
    const server = await stage.serve(PERSONALITIES.caseInsensitive);
    const pool = new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret', connections: 3 });
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, each) => [`other ${each}`, '']));
    for (const rest of [{}, many]) {
      const files = { ...rest, '.A.part': 'of its own', a: 'x'.repeat(200_000), b: 'y'.repeat(200_000), '.B.PART': 'its own, too' };
      await scratch.put('source', files);
      await uploadTree(pool, scratch.path('source'), '/top').toArray();
      expect(served(server)).to.deep.equal(files);
    }
    await pool.quit();
  });

  it('changes nothing with dryRun, and tells what it would do', async () => {
    const server = await stage.serve({ files: { '/top/a.txt': 'old', '/top/gone/x': '' } });
    await scratch.put('source', SOURCE);
    const before = served(server);
    const list = await results(stage.client(server), { dryRun: true, delete: true });
    expect(told(list)).to.deep.equal(['created empty', 'created sub', 'created sub/deep', 'deleted gone', 'deleted gone/x', 'uploaded a.txt', 'uploaded sub/b.txt', 'uploaded sub/deep/c.bin']);
    expect(served(server)).to.deep.equal(before);
    expect(server.commands.filter((command) => /^(STOR|MKD|DELE|RMD|RNFR|MFMT)/.test(command))).to.deep.equal([]);
  });

  it('takes what a filter wants, with no folder for nothing', async () => {
    const server = await stage.serve();
    await scratch.put('source', SOURCE);
    await results(stage.client(server), { filter: '*.bin' });
    expect(served(server)).to.deep.equal({ 'sub/': '', 'sub/deep/': '', 'sub/deep/c.bin': 'c' });
  });

  it('skips symlinks and what is no file, and says so; or takes what links lead to', async () => {
    const server = await stage.serve();
    await scratch.put('source', SOURCE);
    await symlink('a.txt', scratch.path('source/link'));
    await symlink('sub', scratch.path('source/folder'));
    await symlink('.', scratch.path('source/loop'));
    await symlink('nowhere', scratch.path('source/dead'));
    execFileSync('mkfifo', [scratch.path('source/fifo')]);
    const ftp = stage.client(server);
    expect(told(await results(ftp)).filter((text) => text.startsWith('skipped'))).to.deep.equal(['skipped dead (symlink)', 'skipped fifo (not a file)', 'skipped folder (symlink)', 'skipped link (symlink)', 'skipped loop (symlink)']);
    server.files.delete('/top');
    const list = await results(ftp, { symlinks: 'follow', continueOnError: true });
    expect(told(list).filter((text) => !/^(upl|crea)/.test(text))).to.deep.equal(['failed dead', 'failed loop', 'skipped fifo (not a file)']);
    expect(served(server)).to.include({ link: 'aaa', 'folder/b.txt': 'bb', 'folder/deep/c.bin': 'c' });
  });

  describe('when something fails', () => {
    it('ends with that error, after all results before it', async () => {
      const server = await stage.serve({ script: { STOR: (session, argument) => (argument.includes('b.txt') ? session.reply('553 No.') : session.normal()) } });
      await scratch.put('source', SOURCE);
      const seen: TreeResult[] = [];
      const error = await failure((async () => {
        for await (const result of uploadTree(stage.client(server), scratch.path('source'), '/top')) seen.push(result);
      })());
      expect(error).to.be.instanceOf(PermanentError);
      expect(told(seen)).to.include('uploaded a.txt').and.include('failed sub/b.txt');
    });

    it('deletes the temporary file, and goes on with continueOnError', async () => {
      const server = await stage.serve({ script: { STOR: [[send('150 go'), dataClosed(), send('451 Disk full.')], [normal()]] } });
      server.write('/top/.a.txt.part', 'half');
      await scratch.put('source', { 'a.txt': 'aaa', 'sub/b': 'b' });
      const list = await results(stage.client(server), { continueOnError: true });
      expect(told(list)).to.include('failed a.txt').and.include('uploaded sub/b');
      expect(served(server)).to.deep.equal({ 'sub/': '', 'sub/b': 'b' });
    });

    it('does not connect again to clean up when the client was closed', async () => {
      const server = await stage.serve();
      await scratch.put('source', { 'a.txt': 'aaa' });
      const ftp = stage.client(server);
      server.on('command', (command: string) => void (command.startsWith('STOR') && ftp.close()));
      await failure(results(ftp));
      await server.deserted();
      expect(server.commands.filter((command) => command.startsWith('USER'))).to.have.length(1);
    });
  });

  it('can be cancelled at every command, and leaves nothing behind but whole files', async () => {
    await scratch.put('source', SOURCE);
    const rehearsal = await stage.serve({ files: { '/top/a.txt': 'old' } });
    await results(stage.client(rehearsal), { preserveTimes: true });
    for (let number = 1; number <= rehearsal.commands.length; number++) {
      const server = await stage.serve({ files: { '/top/a.txt': 'old' } });
      const ftp = stage.client(server);
      const controller = new AbortController();
      const stream = uploadTree(ftp, scratch.path('source'), '/top', { preserveTimes: true, signal: controller.signal });
      let count = 0;
      server.on('command', () => {
        if (++count === number) number % 2 ? stream.destroy() : controller.abort();
      });
      const closed = closing(stream);
      stream.resume().on('error', () => undefined);
      await closed;
      expect(await ftp.pwd()).to.equal('/');
      for (const [path, text] of Object.entries(served(server))) {
        expect({ 'a.txt': ['aaa', 'old'], 'b.txt': ['bb'], 'c.bin': ['c'] }[path.split('/').at(-1) ?? ''] ?? [''], `${path} at command ${number}`).to.include(text);
      }
    }
  });

  it('gives files their own time with preserveTimes only, before they are seen under their name', async () => {
    const at = new Date('2019-08-07T06:05:04Z');
    const server = await stage.serve();
    await scratch.put('source', { file: 'x' }, at);
    const ftp = stage.client(server);
    await results(ftp);
    expect(server.file('/top/file').modified).not.to.deep.equal(at);
    server.mark();
    await results(ftp, { preserveTimes: true });
    expect(server.file('/top/file').modified).to.deep.equal(at);
    expect(server.commands.filter((command) => /^(STOR|MFMT|RN)/.test(command)).slice(-4)).to.deep.equal(['STOR /top/.file.part', 'MFMT 20190807060504 /top/.file.part', 'RNFR /top/.file.part', 'RNTO /top/file']);
  });
});
