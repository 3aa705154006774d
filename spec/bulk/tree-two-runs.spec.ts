import { expect } from 'chai';
import { downloadTree } from '../../lib/bulk/tree-download';
import { scene } from '../support/client';
import { gate } from '../support/server/gate';
import { data, dataEnd, openData, send, until } from '../support/server/steps';
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
});
