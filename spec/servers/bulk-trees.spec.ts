import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { walk } from '../../lib/bulk/walk';
import { FTP, FTPPool, ReplyError } from '../../lib/index';
import { treeIn } from '../bulk/tree-scratch';
import { describeSeed, random } from '../support/seed';
import { done } from './bulk-files';
import { optionsOf, realServers } from './servers';

/** Every transfer takes them 44 ms: they do not switch Nagle's algorithm off. */
const SLOW = ['inetutils', 'ftpdssl', 'twisted'];
const DAY = 86_400_000;
/** On a pool, which the others have in `bulk-mirror`. */
const POOLED = ['vsftpd-plain', 'proftpd-plain'];
const CONNECTIONS = 4;

describe('mirror() on real servers', function () {
  this.timeout(240_000);

  for (const server of realServers()) {
    const slow = SLOW.includes(server.family);
    const count = slow ? 8 : server.tls === 'none' ? 60 : 12;

    describe(server.name, () => {
      const folder = `trees-${process.pid}-${server.name}`;
      const onDisk = join(server.home, folder);
      let ftp: FTP | FTPPool;
      let scratch: string;

      beforeEach(async () => {
        ftp = POOLED.includes(server.name) ? new FTPPool({ ...optionsOf(server), connections: CONNECTIONS }) : new FTP(optionsOf(server));
        scratch = await mkdtemp(join(tmpdir(), 'ftplib-trees-'));
      });

      afterEach(async () => {
        ftp.close();
        await rm(scratch, { recursive: true });
        await rm(onDisk, { recursive: true, force: true });
      });

      it(`brings ${count} files up and down, byte by byte, and then nothing but what has changed`, async () => {
        const [source, copy] = [join(scratch, 'source'), join(scratch, 'copy')];
        const remote = { client: ftp, path: folder };
        const concurrency = ftp instanceof FTPPool ? CONNECTIONS : 1;
        const files = await fill(source, count, slow ? ['', 'sub'] : server.can.utf8 ? [...FOLDERS, 'größe/日本'] : FOLDERS, server.can.utf8);
        expect(await done({ from: source, to: remote, concurrency })).to.deep.equal({ uploaded: count });
        const content = await treeIn(source);
        expect(same(await treeIn(onDisk), content), 'what is on the server').to.equal(true);
        expect(await done({ from: source, to: remote, concurrency })).to.deep.equal({});
        if (!server.can.mfmt) await age(onDisk, files);
        expect(await done({ from: remote, to: copy, concurrency })).to.deep.equal({ downloaded: count });
        expect(same(await treeIn(copy), content), 'what came back').to.equal(true);
        expect(await done({ from: remote, to: copy, delete: true, concurrency })).to.deep.equal({});

        const changed = await change(source, files);
        expect(await done({ from: source, to: remote, delete: true, concurrency })).to.deep.equal({ uploaded: 2, deleted: 1 });
        expect(await done({ from: remote, to: copy, delete: true, concurrency })).to.deep.equal({ downloaded: 2, deleted: 1 });
        expect(readFileSync(join(copy, changed)).equals(readFileSync(join(source, changed)))).to.equal(true);
        expect(same(await treeIn(copy), await treeIn(source)), 'what came back of the change').to.equal(true);
        expect(await done({ from: remote, to: copy, delete: true, concurrency })).to.deep.equal({});

        const paths = (await walk(ftp, folder).toArray()).map(({ path }) => path);
        expect(paths.sort()).to.deep.equal(Object.keys(await treeIn(source)).map((path) => path.replace(/\/$/, '')).sort());
        await mkdir(join(scratch, 'nothing'));
        await done({ from: join(scratch, 'nothing'), to: remote, delete: true, concurrency });
        await ftp.rmd(folder);
        expect(existsSync(onDisk)).to.equal(false);
      });

      it('deletes nothing here for a folder that is missing there, and all for one that is empty', async () => {
        const copy = join(scratch, 'copy');
        await mkdir(join(copy, 'sub'), { recursive: true });
        await writeFile(join(copy, 'sub/mine'), 'mine');
        for (const path of server.can.missingFolder ? [folder, `${folder}/missing`, '/nowhere at all'] : []) {
          expect(await done({ from: { client: ftp, path }, to: copy, delete: true }).catch((error: unknown) => error), path).to.be.instanceOf(ReplyError);
          expect(await treeIn(copy)).to.deep.equal({ 'sub/': '', 'sub/mine': 'mine' });
        }
        await ftp.mkd(folder);
        expect(await done({ from: { client: ftp, path: folder }, to: copy, delete: true })).to.deep.equal({ deleted: 1 });
        expect(await treeIn(copy)).to.deep.equal({});
        await ftp.rmd(folder);
      });
    });
  }
});

const FOLDERS = ['', 'sub', 'sub/deep', 'sub/deep/er', 'with blank', '.hidden'];

/** Files of all ages in folders of folders; one folder is empty. */
async function fill(root: string, count: number, folders: readonly string[], utf8: boolean): Promise<string[]> {
  const { int, bytes } = random(7);
  const names = ['file.bin', '-dash', '.dot', "it's", 'a b  c', ...(utf8 ? ['ünïcode'] : [])];
  const files = Array.from({ length: count }, (_, i) => join(folders[int(folders.length)] ?? '', `${names[i % names.length] ?? ''}${Math.floor(i / names.length)}`));
  await mkdir(join(root, 'sub/empty'), { recursive: true });
  for (const file of files) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), bytes(int(2000)));
    const time = new Date(Date.now() - (1 + int(1000)) * DAY - int(DAY));
    await utimes(join(root, file), time, time);
  }
  return files;
}

/** One file changes and keeps its size, one comes, one goes. Returns the one that has changed. */
async function change(root: string, [changed = '', gone = '']: readonly string[]): Promise<string> {
  const bytes = readFileSync(join(root, changed));
  await writeFile(join(root, changed), bytes.map((byte) => byte ^ 0xff));
  await writeFile(join(root, 'sub/new'), 'new');
  await rm(join(root, gone));
  return changed;
}

/** Servers without MFMT know when a file was uploaded, to the second: what changes in that second does not show. */
async function age(root: string, files: readonly string[]): Promise<void> {
  const time = new Date(Date.now() - DAY / 2);
  for (const file of files) await utimes(join(root, file), time, time);
}

/** Compared as a whole: a difference between thousands of files is no help to anybody. */
function same(a: Record<string, string>, b: Record<string, string>): boolean {
  return JSON.stringify(a) === JSON.stringify(b) || expect.fail(`${describeSeed(7)}: ${differences(a, b).slice(0, 5).join(', ')}`);
}

function differences(a: Record<string, string>, b: Record<string, string>): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((path) => a[path] !== b[path]);
}
