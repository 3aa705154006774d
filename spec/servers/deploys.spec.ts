import { expect } from 'chai';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { downloadTree, FTP, FTPPool, UnsupportedError, uploadTree, type TreeOptions, type TreeResult } from '../../lib/index';
import { treeIn } from '../bulk/tree-scratch';
import { FaultProxy } from '../support/fault-proxy';
import { HOME } from './lab';
import { optionsOf, realServers, type Family, type RealServer } from './servers';
import { note } from '../support/summary';

/** Those that offer hashes. */
const HASHES: readonly Family[] = ['proftpd', 'gridftp'];
/** Those that rename no folders. */
const RENAMES_FILES_ONLY: readonly Family[] = ['tcllib'];
/** The siblings of a server are the same program with other settings. */
const ALL = process.env['FTPLIB_LONG'] === '1';
/** Deploys that are cut, each at another byte of the control connection. */
const CUTS = ALL ? 12 : 5;
const RETRY = { attempts: 5, backoff: 20 };

describe('deploys to real servers', () => {
  let scratch: string;
  let source: string;
  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'ftplib-deploys-'));
    source = join(scratch, 'source');
  });
  after(() => rm(scratch, { recursive: true }));

  for (const server of chosen()) {
    describe(server.name, () => {
      /** A folder of this spec on disk, which the server has by the same name. */
      const folder = `deploys-${process.pid}-${server.name}`;
      const disk = (...parts: readonly string[]): string => join(HOME, folder, ...parts);
      let pool: FTPPool;
      beforeEach(async () => {
        await folderFor(disk());
        await mkdir(source, { recursive: true });
        pool = new FTPPool({ ...optionsOf(server), connections: 3 });
      });
      afterEach(async () => {
        pool.close();
        await rm(join(HOME, folder), { recursive: true, force: true });
        await rm(source, { recursive: true });
      });

      const up = (options: TreeOptions = {}): Promise<TreeResult[]> => uploadTree(pool, source, `${folder}/site`, { compare: 'hash', retry: RETRY, ...options }).toArray();

      it('uploads of a fresh checkout only what differs', async () => {
        const files = { 'index.html': '<html>', 'app.js': 'let a = 1;', 'img/logo.svg': '<svg/>', 'img/big.bin': 'xyz'.repeat(100_000), empty: '' };
        await checkOut(files, new Date(2020, 1, 1));
        expect(doneWith(await up())).to.have.members(Object.keys(files).map((path) => `uploaded ${path}`));
        await checkOut({ ...files, 'app.js': 'let a = 2;' }, new Date(2021, 1, 1));
        expect(doneWith(await up())).to.deep.equal(['uploaded app.js']);
        await checkOut({ ...files, 'app.js': 'let a = 2;' }, new Date(2022, 1, 1));
        expect(doneWith(await up())).to.deep.equal([]);
        const { '.ftplib-manifest.json': manifest, ...there } = await treeIn(disk('site'));
        expect(there).to.deep.equal(await treeIn(source));
        expect(manifest === undefined, 'a manifest where there are no hashes').to.equal(HASHES.includes(server.family));
      });

      it('uploads again what others have changed, also in the second of its upload', async () => {
        const files = { a: 'one', b: 'one', c: 'one' };
        await checkOut(files, new Date());
        await up();
        await writeFile(disk('site/b'), 'two');
        expect(doneWith(await up())).to.deep.equal(['uploaded b']);
        expect(await treeIn(disk('site'))).to.include(files);
      });

      it('is not misled by what the server remembers of a file that had the same size and time', async () => {
        await using client = new FTP(optionsOf(server));
        for (const text of ['one', 'two', 'one', 'two', 'one']) {
          await checkOut({ a: text, b: 'same' }, new Date());
          await uploadTree(client, source, `${folder}/site`, { compare: 'hash' }).toArray();
          expect(await treeIn(disk('site'))).to.include({ a: text, b: 'same' });
        }
      });

      it('downloads only what differs', async () => {
        const copy = join(scratch, server.name);
        await checkOut({ a: 'one', 'sub/b': 'one' }, new Date(2020, 1, 1));
        await up({ preserveTimes: true });
        await mkdir(join(copy, 'sub'), { recursive: true });
        await writeFile(join(copy, 'a'), 'one');
        await writeFile(join(copy, 'sub/b'), 'two');
        const list = doneWith(await downloadTree(pool, `${folder}/site`, copy, { compare: 'hash' }).toArray());
        // Where times cannot be set, that of each file is that of the manifest, and may have changed since.
        expect(list.filter((each) => server.can.times && each.endsWith(' a'))).to.deep.equal([]);
        expect(list).to.include('downloaded sub/b');
        expect(await treeIn(copy)).to.deep.equal({ a: 'one', 'sub/': '', 'sub/b': 'one' });
        if (HASHES.includes(server.family)) return;
        await rm(disk('site/.ftplib-manifest.json'));
        expect(await downloadTree(pool, `${folder}/site`, copy, { compare: 'hash' }).toArray().catch((error: unknown) => error)).to.be.instanceOf(UnsupportedError);
      });

      if (RENAMES_FILES_ONLY.includes(server.family)) {
        it('says before anything is uploaded that no folder can be exchanged', async () => {
          await write(disk('site/old.js'), 'old');
          await checkOut({ 'index.html': 'new' }, new Date());
          expect(await up({ swap: true }).catch((error: unknown) => error)).to.be.instanceOf(UnsupportedError);
          expect(await treeIn(disk())).to.deep.equal({ 'site/': '', 'site/old.js': 'old' });
        });
        return;
      }

      it('exchanges a whole folder', async () => {
        await write(disk('site/old.js'), 'old');
        await write(disk('site/img/a.png'), 'old');
        await checkOut({ 'index.html': 'new', 'img/a.png': 'new' }, new Date());
        const modes = { files: 0o644, folders: 0o755 };
        const list = await up({ swap: true, modes });
        expect(list.filter(({ action }) => action === 'swapped'), 'swapped').to.have.length(1);
        expect(list.filter(({ error }) => error).map(({ error }) => String(error))).to.deep.equal([]);
        expect(withoutManifest(await treeIn(disk('site')))).to.deep.equal({ 'img/': '', 'img/a.png': 'new', 'index.html': 'new' });
        expect(await readdir(disk())).to.deep.equal(['site']);
        await rm(disk('site'), { recursive: true });
        await up({ swap: true, modes });
        expect(withoutManifest(await treeIn(disk('site'))), 'where there was none').to.deep.equal({ 'img/': '', 'img/a.png': 'new', 'index.html': 'new' });
        if (server.can.chmod) expect([(await stat(disk('site/img'))).mode & 0o777, (await stat(disk('site/index.html'))).mode & 0o777]).to.deep.equal([0o755, 0o644]);
      });

      it('has a whole version under the name, or says where both are, when the second rename fails', async function () {
        await write(disk('site/old.js'), 'old');
        await checkOut({ 'index.html': 'new' }, new Date());
        // The target comes back meanwhile: no server renames a folder over one that is not empty.
        const rename = pool.rename.bind(pool);
        pool.rename = async (from, to, ...rest) => {
          if (to.endsWith('/site') && from.endsWith('.new')) {
            await write(disk('site/in the way'), 'x');
          }
          return rename(from, to, ...rest);
        };
        const error = (await up({ swap: true }).catch((each: unknown) => each)) as Error;
        expect(error).to.be.instanceOf(Error);
        const plain = (name: string): string => name.replace(/\.[0-9a-f]{8}\./, '.*.');
        const names = (await readdir(disk())).sort((a, b) => (plain(a) < plain(b) ? -1 : 1));
        expect(names.map(plain)).to.deep.equal(['.site.*.new', '.site.*.old', 'site']);
        for (const name of names.slice(0, 2)) expect(error.message).to.include(name);
        expect(await treeIn(disk(names[1] ?? ''))).to.deep.equal({ 'old.js': 'old' });
        expect(withoutManifest(await treeIn(disk(names[0] ?? '')))).to.deep.equal({ 'index.html': 'new' });
      });

      it('is whole after a cut at any time, and the next deploy brings the rest', async () => {
        const [one, two] = [{ a: 'one', 'sub/b': 'one', c: 'x'.repeat(5000) }, { a: 'two', 'sub/b': 'two', c: 'y'.repeat(5000) }];
        await checkOut(two, new Date());
        const proxy = await FaultProxy.open(server);
        let errors = 0;
        try {
          let bytes = { toClient: 0, toServer: 0 };
          for (let cut = 0; cut <= CUTS; cut++) {
            const direction = cut % 2 === 0 ? 'toServer' : 'toClient';
            const at = Math.floor((bytes[direction] * cut) / (CUTS + 1));
            await rm(disk(), { recursive: true });
            await folderFor(disk());
            for (const [path, text] of Object.entries(one)) await write(disk('site', path), text);
            await using client = new FTP({ ...optionsOf(server), createConnection: proxy.createConnection });
            proxy.arm(cut === 0 ? undefined : { on: 'control', direction, kind: 'rst', at });
            const outcome = await uploadTree(client, source, `${folder}/site`, { swap: true }).toArray().catch((error: unknown) => error as Error);
            if (cut === 0) bytes = { ...proxy.traffic.control };
            if (outcome instanceof Error) errors += 1;
            const there = await treeIn(disk('site'));
            expect([one, two].map((version) => ({ ...version, 'sub/': '' })), `cut ${cut}: ${String(outcome)}`).to.deep.include(there);
            client.close();
            await proxy.discard();
          }
        } finally {
          await proxy.close();
        }
        await up({ swap: true });
        expect(withoutManifest(await treeIn(disk('site')))).to.deep.equal({ ...two, 'sub/': '' });
        note('faults', `${server.name}: ${errors} of ${CUTS} deploys that were cut ended with an error; each left a whole version`);
      });

      async function write(path: string, text: string): Promise<void> {
        await folderFor(dirname(path));
        await writeFile(path, text);
        await chmod(path, 0o666);
      }

      /** The server is another user. */
      async function folderFor(path: string): Promise<void> {
        if (await mkdir(path, { recursive: true })) await chmod(path, 0o777);
      }

      async function checkOut(files: Readonly<Record<string, string>>, time: Date): Promise<void> {
        for (const [path, text] of Object.entries(files)) {
          await write(join(source, path), text);
          await utimes(join(source, path), time, time);
        }
      }
    });
  }
});

/** One of each program, or all. A swap renames folders. */
function chosen(): readonly RealServer[] {
  const servers = realServers();
  return ALL ? servers : servers.filter(({ family }, index) => servers.findIndex((each) => each.family === family) === index);
}

/** What was done to files, sorted. */
function doneWith(list: readonly TreeResult[]): string[] {
  return list.filter(({ type, action }) => type === 'file' && action !== 'skipped').map(({ action, path }) => `${action} ${path}`).sort();
}

function withoutManifest({ '.ftplib-manifest.json': _manifest, ...files }: Record<string, string>): Record<string, string> {
  return files;
}
