import { expect } from 'chai';
import type { Remote } from '../../lib/bulk/remote';
import type { TreeOptions, TreeResult } from '../../lib/bulk/tree-options';
import { uploadTree } from '../../lib/bulk/tree-upload';
import { LimitError } from '../../lib/index';
import { scene } from '../support/client';
import { line, listing } from './tree-listing';
import { told } from './tree-results';
import { Scratch } from './tree-scratch';

describe('uploadTree() with delete, to a server whose folders lead back', () => {
  const stage = scene();
  const scratch = new Scratch();

  async function results(remote: Remote, options: TreeOptions): Promise<TreeResult[]> {
    return uploadTree(remote, scratch.path('source'), '/top', { delete: true, continueOnError: true, ...options }).toArray();
  }

  it('deletes nothing through a symlink that leads back, where the server shows it as a folder and does not delete it', async () => {
    const top = [line('old', { type: 'dir' }), line('keep'), line('sub', { type: 'dir' })];
    const shown: Record<string, readonly string[]> = { '/top': top, '/top/old': [line('up', { type: 'dir' }), line('x')], '/top/old/up': top, '/top/sub': [] };
    const server = await stage.serve({ files: { '/top/keep': 'k', '/top/old/x': 'x', '/top/sub/': '' }, script: { MLSD: listing((path) => shown[path] ?? []), DELE: (session, path) => (path.endsWith('x') ? session.normal() : session.writeRaw('550 Is a directory.\r\n')) } });
    await scratch.put('source', { keep: 'new', 'sub/': '' });
    for (const dryRun of [true, false]) {
      const list = await results(stage.client(server), { dryRun });
      expect(list.filter(({ action }) => action === 'failed').map(({ path, error }) => [path, error?.name])).to.deep.equal([['old/up', 'SecurityError']]);
      expect(told(list)).to.include('deleted old/x');
    }
    expect(server.read('/top/keep').toString()).to.equal('new');
  });

  it('deletes a folder that has nothing but a folder of its own name', async () => {
    const server = await stage.serve({ files: { '/top/keep': 'k', '/top/app/app/file': 'x', '/top/lib/lib/': '' } });
    await scratch.put('source', { keep: 'k' });
    expect(told(await results(stage.client(server), {})).filter((text) => text.startsWith('failed'))).to.deep.equal([]);
    expect([...server.files.keys()]).to.deep.equal(['/', '/top', '/top/keep']);
  });

  it('ends in a folder on the server that holds itself', async () => {
    const server = await stage.serve({ files: { '/top/self': { target: '/top' } }, script: { MLSD: listing((path) => [line('self', { type: 'dir' }), line(`file-${path.length}`)]), DELE: '550 No.', RMD: '550 No.' } });
    await scratch.put('source', { 'sub/': '' });
    const list = await results(stage.client(server), { dryRun: true });
    expect(list.find(({ error }) => error)?.error).to.be.instanceOf(LimitError);
  });
});
