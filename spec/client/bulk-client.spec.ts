import { expect } from 'chai';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FTPPool, type FTP } from '../../lib/index';
import { useBench } from '../support/transfers';

describe('bulk work as verbs', () => {
  const bench = useBench();
  let local: string;
  beforeEach(async () => void (local = await mkdtemp(join(tmpdir(), 'ftplib-verbs-'))));
  afterEach(() => rm(local, { recursive: true, force: true }));

  const remotes: readonly [string, (client: FTP) => { readonly remote: FTP | FTPPool; close(): void }][] = [
    ['a client', (client) => ({ remote: client, close: () => client.close() })],
    ['a pool', () => {
      const pool = new FTPPool({ host: bench.server.host, port: bench.server.port, user: 'user', password: 'secret', connections: 2 });
      return { remote: pool, close: () => pool.close() };
    }],
  ];
  for (const [name, open] of remotes) {
    it(`${name} gets, puts, walks, and transfers trees`, async () => {
      await bench.serve({ files: { '/from/a': 'aaa', '/from/b/c': 'c' } });
      const { remote, close } = open(bench.client());
      try {
        expect((await remote.walk('from').toArray()).map(({ path }) => path).sort()).to.deep.equal(['a', 'b', 'b/c']);
        expect(await remote.get('from/a', join(local, 'a'))).to.include({ bytes: 3 });
        expect(await readFile(join(local, 'a'), 'utf8')).to.equal('aaa');
        expect(await remote.put(join(local, 'a'), '/put')).to.include({ bytes: 3 });
        await remote.downloadTree('from', join(local, 'tree')).toArray();
        expect(await readFile(join(local, 'tree', 'b', 'c'), 'utf8')).to.equal('c');
        await remote.uploadTree(join(local, 'tree'), '/to').toArray();
        expect(bench.server.read('/to/b/c')?.toString()).to.equal('c');
        expect(bench.server.read('/put')?.toString()).to.equal('aaa');
      } finally {
        close();
      }
    });
  }

  it('a pool transfers trees on all of its connections', async () => {
    await bench.serve({ files: Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`/from/${n}`, 'x'.repeat(n)])) });
    await using pool = new FTPPool({ host: bench.server.host, port: bench.server.port, user: 'user', password: 'secret', connections: 3 });
    await pool.downloadTree('from', join(local, 'tree')).toArray();
    expect(pool.connections).to.equal(3);
  });
});
