import { expect } from 'chai';
import { mkdir, symlink } from 'node:fs/promises';
import { downloadTree } from '../../lib/bulk/tree-download';
import { uploadTree } from '../../lib/bulk/tree-upload';
import { scene } from '../support/client';
import { gate } from '../support/server/gate';
import { data, dataEnd, normal, openData, send, until } from '../support/server/steps';
import { told } from './tree-results';
import { Scratch } from './tree-scratch';

describe('two runs into one folder', () => {
  const stage = scene();
  const scratch = new Scratch();

  it('show no half of a file that both write', async () => {
    const both = gate();
    const [first, second] = [gate(), gate()];
    let begun = 0;
    const slowly = [send('150 go'), openData(), data('half of '), until(() => (++begun === 2 ? both.open() : undefined, both.promise))];
    const files = { '/top/file': 'half of it' };
    const script = (end: { readonly promise: Promise<void> }) => ({ RETR: [[...slowly, until(end.promise), data('it'), dataEnd(), send('226 done')]] });
    const runs = [await stage.serve({ files, script: script(first) }), await stage.serve({ files, script: script(second) })].map((server) => downloadTree(stage.client(server), '/top', scratch.path('copy')).toArray());
    await both.promise;
    first.open();
    await runs[0];
    expect((await scratch.tree('copy'))['file']).to.equal('half of it');
    second.open();
    await runs[1];
    expect(await scratch.tree('copy')).to.deep.equal({ file: 'half of it' });
  });

  it('take a folder that the other one has made meanwhile, and no symlink', async () => {
    for (const [copy, make] of [['one', (path: string) => mkdir(path)], ['two', (path: string) => symlink(scratch.path('outside'), path)]] as const) {
      await scratch.put('outside', { './': '' });
      const made = until(() => make(scratch.path(copy, 'sub')));
      const server = await stage.serve({ files: { '/top/a': 'a', '/top/sub/b': 'b' }, script: { RETR: [[made, normal()], [normal()]] } });
      const list = await downloadTree(stage.client(server), '/top', scratch.path(copy), { continueOnError: true }).toArray();
      expect(told(list)).to.deep.equal(copy === 'one' ? ['created ', 'downloaded a', 'downloaded sub/b'] : ['created ', 'downloaded a', 'failed sub']);
      expect(list.find(({ path }) => path === 'sub')).to.include(copy === 'one' ? { action: 'skipped', reason: 'exists' } : { action: 'failed' });
      expect(await scratch.tree('outside')).to.deep.equal({});
    }
  });

  it('lose no file that both upload under one temporary name: the second rename fails', async () => {
    const both = gate();
    let begun = 0;
    const server = await stage.serve({ script: { RNTO: [until(() => (++begun === 2 ? both.open() : undefined, both.promise)), normal()] } });
    await scratch.put('source', { file: 'its bytes' });
    const runs = await Promise.all([1, 2].map(() => uploadTree(stage.client(server), scratch.path('source'), '/top', { continueOnError: true }).toArray()));
    expect(runs.flatMap(told).filter((text) => text.endsWith('file')).sort()).to.deep.equal(['failed file', 'uploaded file']);
    expect(server.read('/top/file').toString()).to.equal('its bytes');
  });
});
