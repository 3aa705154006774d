import { expect } from 'chai';
import { downloadTree, FTP, FTPPool, type FTPOptions, mirror, type TreeOptions, UnsupportedError, uploadTree } from '../../lib/index';
import { embeddedTarget, type EmbeddedTarget } from '../contract/embedded-target';
import { PERSONALITY_FACTS } from '../contract/personality-facts';
import { PERSONALITIES, type PersonalityName } from '../support/server/personalities';
import { Scratch } from './tree-scratch';

const TREE = { 'one': '1', 'two words': '22', 'empty/': '', 'sub/': '', 'sub/deep/': '', 'sub/deep/leaf.txt': 'leaf', 'sub/zero': '' };

describe('trees on personalities of the embedded server', () => {
  const scratch = new Scratch();

  async function everything(remote: FTP | FTPPool, target: EmbeddedTarget): Promise<void> {
    const temporaryName = target.facts.refuses.RNFR === undefined;
    await scratch.put('source', TREE);
    await uploadTree(remote, scratch.path('source'), 'tree', { temporaryName }).toArray();
    expect(target.disk.read('tree/sub/deep/leaf.txt').toString(), 'uploaded').to.equal('leaf');
    await downloadTree(remote, 'tree', scratch.path('copy')).toArray();
    expect(await scratch.tree('copy')).to.deep.equal(TREE);
    await scratch.put('source', { 'sub/new': 'new', 'one': 'changed' }, new Date(Date.now() + 3600_000));
    await mirror({ from: scratch.path('source'), to: { client: remote, path: 'tree' }, temporaryName }).toArray();
    expect(target.disk.read('tree/one').toString(), 'mirrored').to.equal('changed');
    await mirror({ from: { client: remote, path: 'tree' }, to: scratch.path('again') }).toArray();
    expect(await scratch.tree('again')).to.deep.equal({ ...TREE, 'sub/new': 'new', one: 'changed' });
  }

  async function deployed(remote: FTP | FTPPool, target: EmbeddedTarget): Promise<void> {
    const renames = target.facts.refuses.RNFR === undefined;
    const uploads = async (options: TreeOptions): Promise<string[]> => {
      const list = await uploadTree(remote, scratch.path('source'), 'site', { temporaryName: renames, ...options }).toArray();
      expect(list.flatMap(({ error }) => error ?? [])).to.deep.equal([]);
      return list.filter(({ action }) => action === 'uploaded').map(({ path }) => path);
    };
    await scratch.put('source', TREE);
    await uploads({ compare: 'hash' });
    await scratch.put('source', { one: '2' }, new Date());
    expect(await uploads({ compare: 'hash', delete: true }), 'what differs').to.deep.equal(['one']);
    expect(target.disk.read('site/one').toString()).to.equal('2');
    await scratch.put('source', TREE, new Date());
    expect(await uploads({ compare: 'hash' }), 'and back').to.deep.equal(['one']);
    expect(await uploads({ compare: 'hash' }), 'nothing').to.deep.equal([]);
    expect(target.disk.read('site/one').toString()).to.equal('1');
    await scratch.put('source', { one: '3' });
    const outcome = await uploads({ swap: true }).catch((error: unknown) => error);
    if (renames) expect(outcome).to.include.members(['one', 'sub/deep/leaf.txt']);
    else expect(outcome).to.be.instanceOf(UnsupportedError);
    expect(target.disk.read('site/one').toString(), 'swapped').to.equal(renames ? '3' : '1');
  }

  for (const [name, { facts, client }] of Object.entries(PERSONALITY_FACTS)) {
    const target = embeddedTarget(name, facts, PERSONALITIES[name as PersonalityName], client);

    describe(name, () => {
      beforeEach(() => target.start());
      afterEach(() => target.stop());

      it('go up, down and are mirrored by a client', async () => {
        const ftp = new FTP({ ...target.options, pipelining: true });
        await everything(ftp, target);
        await ftp.quit();
      });

      it('are deployed by hash, and as a whole', async () => {
        const ftp = new FTP({ ...target.options, pipelining: true });
        await deployed(ftp, target);
        await ftp.quit();
      });

      it('and by a pool', async () => {
        const pool = new FTPPool({ ...(target.options as FTPOptions & { host: string }), pipelining: true, connections: 3 });
        await everything(pool, target);
        await pool.quit();
      });
    });
  }
});
