import { expect } from 'chai';
import { mkdir, rmdir, symlink } from 'node:fs/promises';
import { downloadTree } from '../../lib/bulk/tree-download';
import type { TreeOptions, TreeResult } from '../../lib/bulk/tree-options';
import { LimitError, SecurityError, TransferError, type FTP } from '../../lib/index';
import { scene } from '../support/client';
import { data, dataEnd, normal, send, until } from '../support/server/steps';
import { line, listing } from './tree-listing';
import { failure, told } from './tree-results';
import { Scratch } from './tree-scratch';

describe('downloadTree() from a hostile server', () => {
  const stage = scene();
  const scratch = new Scratch();

  async function results(ftp: FTP, options: TreeOptions = {}): Promise<TreeResult[]> {
    return downloadTree(ftp, '/top', scratch.path('copy'), options).toArray();
  }

  const NAMES = [
    '../up', '/etc/evil', 'a/b', '..', 'back\\slash', '..\\up', 'C:', 'C:evil', 'CON', 'nul.txt', 'COM1', 'trailing.', 'blank ',
  ];

  it('writes nothing outside, and refuses each name by itself', async () => {
    const ftp = stage.client(
      await stage.serve({ script: { MLSD: listing((path) => (path === '/top' ? [...NAMES.flatMap((name) => [line(name), line(name, { type: 'dir' })]), line('good')] : [line('evil')])), RETR: [send('150 go'), data('x'), dataEnd(), send('226 done')] } }),
    );
    const before = await scratch.tree('');
    const list = await results(ftp, { continueOnError: true });
    const refused = list.filter(({ action }) => action === 'failed');
    expect(new Set(refused.map(({ path }) => path))).to.deep.equal(new Set(NAMES.filter((name) => name !== '..')));
    for (const { error, path } of refused) expect(error, path).to.be.instanceOf(SecurityError);
    expect(await scratch.tree('')).to.deep.equal({ ...before, 'copy/': '', 'copy/good': 'x' });
    expect(await failure(results(ftp))).to.be.instanceOf(SecurityError);
  });

  it('follows no symlink that is in the target', async () => {
    const ftp = stage.client(await stage.serve({ files: { '/top/folder/x': 'evil', '/top/file': 'evil', '/top/dangling': 'evil', '/top/good': 'good' } }));
    await scratch.put('outside', { 'folder/x': 'mine', file: 'mine' });
    await mkdir(scratch.path('copy'));
    await symlink(scratch.path('outside/folder'), scratch.path('copy/folder'));
    await symlink('../outside/file', scratch.path('copy/file'));
    await symlink('../outside/new', scratch.path('copy/dangling'));
    for (const temporaryName of [true, false]) {
      const list = await results(ftp, { continueOnError: true, temporaryName, delete: true });
      expect(told(list).filter((text) => text.startsWith('failed'))).to.deep.equal(['failed dangling', 'failed file', 'failed folder']);
      for (const { error } of list) if (error) expect(error).to.be.instanceOf(SecurityError);
      expect(await scratch.tree('outside')).to.deep.equal({ file: 'mine', 'folder/': '', 'folder/x': 'mine' });
    }
    expect((await scratch.tree('copy'))['good']).to.equal('good');
  });

  it('neither follows nor removes a symlink in the place of its temporary file', async () => {
    const ftp = stage.client(await stage.serve({ files: { '/top/file': 'new' } }));
    await scratch.put('outside', { file: 'mine' });
    await mkdir(scratch.path('copy'));
    await symlink('../outside/file', scratch.path('copy/.file.part'));
    await results(ftp);
    expect(await scratch.tree('outside')).to.deep.equal({ file: 'mine' });
    expect(await scratch.tree('copy')).to.deep.equal({ '.file.part': 'link to ../outside/file', file: 'new' });
  });

  it("leaves what has the caller's own temporary name, be it a file, a folder or a symlink", async () => {
    const ftp = stage.client(await stage.serve({ files: { '/top/file': 'new', '/top/folder': 'new', '/top/link': 'new' } }));
    await scratch.put('copy', { 'my-file': 'mine', 'my-folder/': '' }, new Date(0));
    await symlink('nowhere', scratch.path('copy/my-link'));
    await results(ftp, { temporaryName: (name) => `my-${name}` });
    expect(await scratch.tree('copy')).to.deep.equal({ file: 'new', folder: 'new', link: 'new', 'my-file': 'mine', 'my-folder/': '', 'my-link': 'link to nowhere' });
  });

  it('does not write where a folder has become a symlink meanwhile', async () => {
    const swap = async (): Promise<void> => {
      await rmdir(scratch.path('copy/sub'));
      await symlink(scratch.path('outside'), scratch.path('copy/sub'));
    };
    const server = await stage.serve({ files: { '/top/sub/x': 'evil' }, script: { MLSD: [[normal()], [until(swap), normal()]] } });
    await scratch.put('outside', { y: 'y' });
    const list = await results(stage.client(server), { continueOnError: true });
    expect(list.at(-1)).to.include({ action: 'failed', path: 'sub/x' });
    expect(list.at(-1)?.error).to.be.instanceOf(SecurityError);
    expect(await scratch.tree('outside')).to.deep.equal({ y: 'y' });
  });

  it('ends in a folder that holds itself', async () => {
    const ftp = stage.client(await stage.serve({ files: { '/top/self': { target: '/top' } }, script: { MLSD: listing(() => [line('self', { type: 'dir' })]) } }));
    const capped = await downloadTree(ftp, '/top', scratch.path('capped'), { continueOnError: true }).toArray();
    expect(capped.at(-1)?.error).to.be.instanceOf(LimitError);
    expect(capped).to.have.length(101);
    const unique = stage.client(await stage.serve({ files: { '/top/self': { target: '/top' } }, script: { MLSD: listing(() => [line('self', { type: 'dir', unique: 'U' })]) } }));
    const known = await downloadTree(unique, '/top', scratch.path('known'), { continueOnError: true }).toArray();
    expect(known.at(-1)).to.include({ path: 'self/self', action: 'failed' });
    expect(known.at(-1)?.error).to.be.instanceOf(SecurityError);
  });

  for (const [what, mark, size] of [
    ['too many bytes in the mark', '150 go (999999999999 bytes)', '3'],
    ['a size in the listing that SIZE confirms', '150 go', '999999999999999'],
    ['a size in the listing beyond what came', '150 go', '999'],
  ] as const) {
    it(`takes ${what} for an error, and leaves no file`, async () => {
      const script = {
        MLSD: listing(() => [line('liar', { size: Number(size) }), line('huge').replace('size=1', 'size=99999999999999999999')]),
        SIZE: `213 ${size}`,
        RETR: (session: Parameters<ReturnType<typeof send>>[0], argument: string) => serveBytes(session, argument.endsWith('liar') ? mark : '150 go'),
      };
      const list = await results(stage.client(await stage.serve({ script })), { continueOnError: true });
      expect(list.find(({ path }) => path === 'liar')?.error).to.be.instanceOf(TransferError);
      expect(await scratch.tree('copy')).to.deep.equal({ huge: 'abc' });
    });
  }

  it('takes a file that grew or shrank since it was listed as it is', async () => {
    const script = {
      MLSD: listing(() => [line('file', { size: 999 })]),
      SIZE: '213 3',
      RETR: (session: Parameters<ReturnType<typeof send>>[0]) => serveBytes(session, '150 go'),
    };
    expect(told(await results(stage.client(await stage.serve({ script }))))).to.include('downloaded file');
  });
});

type Steps = Parameters<ReturnType<typeof send>>[0];

async function serveBytes(session: Steps, mark: string): Promise<void> {
  for (const step of [send(mark), data('abc'), dataEnd(), send('226 done')]) await step(session);
}
