import { expect } from 'chai';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { walk } from '../../lib/bulk/walk';
import { type ConnectionRequest, downloadTree, FTP, FTPPool, ReplyError, uploadTree } from '../../lib/index';
import { scene } from '../support/client';
import { treeIn } from '../bulk/tree-scratch';
import { describeSeed, random } from '../support/seed';
import { done } from './bulk-files';
import { optionsOf, realServers, type RealServer } from './servers';

/** Every transfer takes them 44 ms: they do not switch Nagle's algorithm off. */
const SLOW = ['inetutils', 'ftpdssl', 'twisted', 'ftpsrv', 'tcllib'];
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
        const files = await fill(source, count, slow ? ['', 'sub'] : server.can.utf8 ? [...FOLDERS, 'größe/日本'] : FOLDERS, server.can);
        expect(await done({ from: source, to: remote, concurrency })).to.deep.equal({ uploaded: count });
        const content = await treeIn(source);
        expect(same(await treeIn(onDisk), content), 'what is on the server').to.equal(true);
        expect(await done({ from: source, to: remote, concurrency })).to.deep.equal({});
        if (!server.can.times) await age(onDisk, files);
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

      it('keeps permissions both ways, where the server has them', async () => {
        const [source, copy] = [join(scratch, 'source'), join(scratch, 'copy')];
        await mkdir(source);
        for (const [name, mode] of [['private', 0o600], ['run', 0o755]] as const) {
          await writeFile(join(source, name), name);
          await chmod(join(source, name), mode);
        }
        expect(await done({ from: source, to: { client: ftp, path: folder }, preserveModes: true })).to.deep.equal({ uploaded: 2 });
        const modes = (at: string): number[] => ['private', 'run'].map((name) => statSync(join(at, name)).mode & 0o7777);
        if (server.can.chmod) expect(modes(onDisk)).to.deep.equal([0o600, 0o755]);
        const listed = (await ftp.list(folder).toArray()).some(({ permissions }) => permissions !== undefined); // pyftpdlib has no unix.mode in MLSD
        expect(await done({ from: { client: ftp, path: folder }, to: copy, preserveModes: true })).to.deep.equal({ downloaded: 2 });
        if (listed) expect(modes(copy)).to.deep.equal(modes(onDisk));
      });

      // The others do not leave their folder, or announce the 0 bytes in their 150, too.
      if (['gridftp', 'aioftp', 'twisted'].includes(server.family)) it('downloads a file whose size is 0, and that has content', async () => {
        await ftp.mkd(folder);
        await symlink('/proc/version', join(onDisk, 'version'));
        await downloadTree(ftp, folder, scratch, { symlinks: 'follow' }).toArray();
        expect(readFileSync(join(scratch, 'version'))).to.deep.equal(readFileSync('/proc/version')).and.have.property('length').that.is.greaterThan(0);
      });

      // tcllib's ftpd never ends such a listing.
      if (server.family !== 'tcllib') it('deletes nothing here for a folder that must not be read', async () => {
        const copy = join(scratch, 'copy');
        await mkdir(join(copy, 'box'), { recursive: true });
        await writeFile(join(copy, 'box/mine'), 'mine');
        await ftp.mkd(folder);
        await ftp.mkd(`${folder}/box`);
        await writeFile(join(onDisk, 'box/hidden'), 'hidden');
        await chmod(join(onDisk, 'box'), 0o300);
        expect(await done({ from: { client: ftp, path: folder }, to: copy, delete: true, continueOnError: true })).to.deep.equal({});
        expect(await treeIn(copy)).to.deep.equal({ 'box/': '', 'box/mine': 'mine' });
      });

      // aioftp does not say that it must not be read, Twisted does not enter it, and simple-ftpd does not say whether a file is there.
      if (!['aioftp', 'twisted', 'tcllib', 'simpleftpd'].includes(server.family)) it('uploads to a folder that must not be read, and replaces and deletes nothing there', async () => {
        const source = join(scratch, 'source');
        await mkdir(join(source, 'box'), { recursive: true });
        await writeFile(join(source, 'box/old'), 'old');
        await done({ from: source, to: { client: ftp, path: folder } });
        await writeFile(join(source, 'box/old'), 'another');
        await writeFile(join(source, 'box/new'), 'new');
        await writeFile(join(onDisk, 'box/hidden'), 'hidden');
        await chmod(join(onDisk, 'box'), 0o300);
        const results = await uploadTree(ftp, join(source, 'box'), `${folder}/box`, { overwrite: 'never', delete: true }).toArray();
        expect(results.map(({ action, path, reason }) => `${action} ${path} ${reason}`)).to.have.members(['skipped  in doubt', 'skipped old exists', 'uploaded new undefined']);
        expect(await treeIn(onDisk)).to.deep.equal({ 'box/': '', 'box/hidden': 'hidden', 'box/new': 'new', 'box/old': 'old' });
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

/** Those that know SITE UTIME know MFMT, too, so that it has to be hidden from them. */
describe('times on real servers without MFMT', () => {
  const stage = scene();
  const TIME = new Date('2019-08-07T06:05:04Z');

  for (const server of realServers().filter(({ tls, can, host }) => tls === 'none' && can.mfmt && host === '127.0.0.1')) {
    const SETS = { proftpd: 'SITE UTIME with three times', pureftpd: 'SITE UTIME with three times', gridftp: 'SITE UTIME with one time' } as const;
    const by = server.family in SETS ? SETS[server.family as keyof typeof SETS] : 'nothing';

    it(`are set by ${by} on ${server.name}`, async () => {
      const createConnection = ({ host, port }: ConnectionRequest): Socket => {
        const socket = connect({ host, port });
        const write = socket.write.bind(socket) as (bytes: Uint8Array, done?: () => void) => boolean;
        return Object.assign(socket, { write: (bytes: Uint8Array, done?: () => void) => write(Buffer.from(Buffer.from(bytes).toString('latin1').replace(/^MFMT/, 'XFMT'), 'latin1'), done) });
      };
      const ftp = stage.client(server, { ...optionsOf(server), createConnection });
      const path = `times ${process.pid} ${server.name}`;
      await pipeline(Readable.from(['x']), ftp.stor(path));
      const outcome = await ftp.mfmt(path, TIME).then(() => 'set', (error: unknown) => (error as ReplyError).reply?.code);
      const { mtime } = statSync(join(server.home, path));
      await ftp.delete(path);
      expect(ftp.session.observed.setsTimesBy).to.equal(by);
      if (by === 'nothing') expect(outcome).to.equal(500);
      else expect(mtime).to.deep.equal(TIME);
    });
  }
});

const FOLDERS = ['', 'sub', 'sub/deep', 'sub/deep/er', 'with blank', '.hidden'];

/** Files of all ages in folders of folders; one folder is empty. */
async function fill(root: string, count: number, folders: readonly string[], can: RealServer['can']): Promise<string[]> {
  const { int, bytes } = random(7);
  const names = ['file.bin', '-dash', '.dot', "it's", can.twoBlanks ? 'a b  c' : 'a b c', ...(can.utf8 ? ['ünïcode'] : [])];
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

/** Servers that set no times know when a file was uploaded, to the second: what changes in that second does not show. */
async function age(root: string, files: readonly string[]): Promise<void> {
  const time = new Date(Date.now() - 3 * DAY); // half a day is what npm's ftpd is wrong by, before or after
  for (const file of files) await utimes(join(root, file), time, time);
}

/** Compared as a whole: a difference between thousands of files is no help to anybody. */
function same(a: Record<string, string>, b: Record<string, string>): boolean {
  return JSON.stringify(a) === JSON.stringify(b) || expect.fail(`${describeSeed(7)}: ${differences(a, b).slice(0, 5).join(', ')}`);
}

function differences(a: Record<string, string>, b: Record<string, string>): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((path) => a[path] !== b[path]);
}
