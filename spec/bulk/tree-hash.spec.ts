import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { stat, truncate } from 'node:fs/promises';
import { downloadTree } from '../../lib/bulk/tree-download';
import { mirror } from '../../lib/bulk/mirror';
import type { TreeOptions, TreeResult } from '../../lib/bulk/tree-options';
import { uploadTree } from '../../lib/bulk/tree-upload';
import { ArgumentError, FTPPool, LimitError, PermanentError, TransferError, UnsupportedError, type FTP } from '../../lib/index';
import { scene } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import type { Script } from '../support/server/script';
import { gate } from '../support/server/gate';
import { FEATURES } from '../support/server/server-options';
import type { Session } from '../support/server/session';
import { failure, told } from './tree-results';
import { Scratch } from './tree-scratch';

const MANIFEST = '.ftplib-manifest.json';
const FILES = { 'index.html': '<html>', 'app.js': 'let a = 1;', 'img/logo.svg': '<svg/>', 'img/big.bin': 'x'.repeat(300_000), 'empty': '' };
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What servers have to compare contents by. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  'HASH SHA-256': [...FEATURES, 'HASH SHA-1;SHA-256*'],
  XSHA512: [...FEATURES, 'XSHA512'],
  XMD5: [...FEATURES, 'XMD5'],
  XCRC: [...FEATURES, 'XCRC'],
  'a manifest': FEATURES,
  'a manifest, without MLSD': FEATURES.filter((each) => each !== 'MLST'),
  'a manifest, without MFMT': FEATURES.filter((each) => each !== 'MFMT'),
};

describe("trees with compare: 'hash'", () => {
  const stage = scene();
  const scratch = new Scratch();

  const up = (ftp: FTP | FTPPool, options: TreeOptions = {}): Promise<TreeResult[]> => uploadTree(ftp, scratch.path('source'), '/top', { compare: 'hash', ...options }).toArray();
  const down = (ftp: FTP | FTPPool, options: TreeOptions = {}): Promise<TreeResult[]> => downloadTree(ftp, '/top', scratch.path('copy'), { compare: 'hash', ...options }).toArray();
  const done = (list: readonly TreeResult[]): string[] => told(list).filter((each) => !each.endsWith('(exists)'));
  const count = (server: FtpServer, verbs: RegExp): number => server.commands.filter((command) => verbs.test(command)).length;

  /** A fresh checkout: all files are as new. */
  async function checkOut(files: Readonly<Record<string, string>>, time = new Date()): Promise<void> {
    await scratch.put('source', files, time);
  }

  function served(server: FtpServer): Record<string, string> {
    const below = [...server.files].filter(([path, { kind }]) => path.startsWith('/top/') && kind !== 'directory' && path !== `/top/${MANIFEST}`);
    return Object.fromEntries(below.map(([path]) => [path.slice(5), server.read(path).toString()]));
  }

  for (const [what, features] of Object.entries(WAYS)) {
    describe(`by ${what}`, () => {
      for (const concurrency of [1, 4]) {
        it(`uploads of a fresh checkout only what differs, ${concurrency} at a time`, async () => {
          const server = await stage.serve({ features });
          const ftp = stage.client(server);
          await checkOut(FILES, new Date(2020, 1, 1));
          expect(done(await up(ftp, { concurrency })).filter((each) => each.startsWith('uploaded'))).to.have.length(5);
          expect(served(server)).to.deep.equal(FILES);
          const changed = { ...FILES, 'app.js': 'let a = 2;', 'img/logo.svg': '<svg></svg>' };
          await checkOut(changed, new Date(2021, 1, 1));
          expect(done(await up(ftp, { concurrency }))).to.deep.equal(['uploaded app.js', 'uploaded img/logo.svg']);
          expect(served(server)).to.deep.equal(changed);
          await checkOut(changed, new Date(2019, 1, 1));
          server.commands.length = 0;
          expect(done(await up(ftp, { concurrency }))).to.deep.equal([]);
          expect(count(server, /^STOR (?!.*manifest)/)).to.equal(0);
        });
      }

      it('mirrors so, with the times, and deletes', async () => {
        const server = await stage.serve({ features });
        const client = stage.client(server);
        const run = (): Promise<TreeResult[]> => mirror({ from: scratch.path('source'), to: { client, path: '/top' }, compare: 'hash', delete: true }).toArray();
        await checkOut(FILES, new Date(2020, 1, 1));
        await run();
        await checkOut({ ...FILES, 'index.html': '<HTML>' }, new Date(2022, 1, 1));
        server.write('/top/old.js', 'old');
        expect(done(await run())).to.deep.equal(['deleted old.js', 'uploaded index.html']);
        expect(served(server)).to.deep.equal({ ...FILES, 'index.html': '<HTML>' });
        expect(done(await run())).to.deep.equal([]);
      });

      it('sees what others have changed on the server, also in the second of its upload', async () => {
        const server = await stage.serve({ features });
        const ftp = stage.client(server);
        await checkOut(FILES);
        await up(ftp);
        await overwrite(ftp, '/top/app.js', 'let b = 3;');
        await overwrite(ftp, '/top/index.html', '<html><p>');
        expect(done(await up(ftp))).to.deep.equal(['uploaded app.js', 'uploaded index.html']);
        expect(served(server)).to.deep.equal(FILES);
      });

      it('downloads what others have changed on the server', async () => {
        const server = await stage.serve({ features });
        const ftp = stage.client(server);
        await checkOut(FILES);
        await scratch.put('copy', FILES);
        await up(ftp);
        await overwrite(ftp, '/top/app.js', 'let b = 3;');
        await down(ftp);
        expect(await scratch.tree('copy')).to.deep.equal({ ...FILES, 'app.js': 'let b = 3;', 'img/': '' });
      });

      it('downloads only what differs', async () => {
        const server = await stage.serve({ features, now: () => new Date(Date.UTC(2020, 1, 1)) });
        const ftp = stage.client(server);
        await checkOut(FILES, new Date(2020, 0, 1));
        await up(ftp, { preserveTimes: true });
        await scratch.put('copy', { ...FILES, 'app.js': 'let a = 9;', 'img/big.bin': 'x' }, new Date(2018, 1, 1));
        expect(done(await down(ftp)).filter((each) => !each.includes(MANIFEST))).to.deep.equal(['downloaded app.js', 'downloaded img/big.bin']);
        expect(await scratch.tree('copy')).to.deep.equal({ ...FILES, 'img/': '' });
      });
    });
  }

  /** What the manifest has. */
  const noted = (server: FtpServer, name = MANIFEST): Record<string, { size: number; hash: string; time?: number }> =>
    (JSON.parse(server.read(`/top/${name}`).toString()) as { files: Record<string, { size: number; hash: string; time?: number }> }).files;
  const OLD_TIME = new Date(Date.UTC(2020, 1, 1));
  const LATER = new Date(Date.UTC(2021, 1, 1));

  describe('the manifest', () => {
    it('has size, hash and time of what was uploaded and of what was found equal, and is written last', async () => {
      const server = await stage.serve();
      const ftp = stage.client(server);
      await checkOut(FILES, OLD_TIME);
      await up(ftp, { preserveTimes: true });
      const wanted = (files: Record<string, string>): object => Object.fromEntries(Object.entries(files).map(([path, text]) => [path, { size: text.length, hash: sha256(text), time: OLD_TIME.getTime() }]));
      expect(noted(server)).to.deep.equal(wanted(FILES));
      const { empty: _gone, ...rest } = { ...FILES, 'app.js': 'changed!' };
      await scratch.put('source', { 'app.js': 'changed!' }, OLD_TIME);
      server.write('/top/img/gone', 'gone');
      server.commands.length = 0;
      await up(ftp, { preserveTimes: true, delete: true, filter: '!empty' });
      expect(noted(server)).to.deep.equal({ ...wanted(rest), empty: { size: 0, hash: sha256(''), time: OLD_TIME.getTime() } });
      expect(server.commands.filter((command) => /^(STOR|DELE|RNTO) /.test(command)).map((command) => command.replace(/\.[0-9a-f]{8}\./, '.*.'))).to.deep.equal([
        'STOR /top/.app.js.part', 'RNTO /top/app.js', 'DELE /top/img/gone', `STOR /top/.${MANIFEST}.*.part`, `RNTO /top/${MANIFEST}`,
      ]);
    });

    it('is not written, nor any file read, where nothing has changed', async () => {
      const server = await stage.serve({ now: () => LATER });
      const ftp = stage.client(server);
      await checkOut(FILES, OLD_TIME);
      await up(ftp, { preserveTimes: true });
      server.commands.length = 0;
      await up(ftp, { preserveTimes: true, delete: true });
      expect(server.commands.filter((command) => /^(STOR|RETR|DELE|MFMT)/.test(command))).to.deep.equal([`RETR /top/${MANIFEST}`]);
    });

    it('has the name that is wanted, and is neither deleted, uploaded nor downloaded', async () => {
      const server = await stage.serve({ now: () => LATER });
      const ftp = stage.client(server);
      await checkOut({ ...FILES, 'deploy.json': '{}' }, OLD_TIME);
      for (const run of [1, 2, 3]) {
        const list = await up(ftp, { manifest: 'deploy.json', delete: true, preserveTimes: true });
        expect(done(list), `run ${run}`).to.include('skipped deploy.json (manifest)');
        expect(done(list).filter((each) => !each.includes('manifest')), `run ${run}`).to.have.length(run === 1 ? 5 + 2 : 0);
      }
      expect(Object.keys(noted(server, 'deploy.json'))).to.have.members(Object.keys(FILES));
      await scratch.put('copy', { ...FILES, 'deploy.json': 'mine' });
      await down(ftp, { manifest: 'deploy.json', delete: true });
      expect(await scratch.tree('copy')).to.deep.equal({ ...FILES, 'img/': '', 'deploy.json': 'mine' });
    });

    it('is a file like others where contents are not compared', async () => {
      const server = await stage.serve({ files: { [`/top/${MANIFEST}`]: 'x' } });
      await checkOut(FILES);
      expect(told(await uploadTree(stage.client(server), scratch.path('source'), '/top', { delete: true, manifest: MANIFEST }).toArray())).to.include(`deleted ${MANIFEST}`);
    });

    it('leads to uploads, and not to a file that is skipped, when a run was killed before it wrote it', async () => {
      const server = await stage.serve({ now: () => LATER });
      const ftp = stage.client(server);
      const one = { a: 'one', b: 'one' };
      await checkOut(one, OLD_TIME);
      await up(ftp, { preserveTimes: true });
      // The same size and the same time, as all files of a reproducible archive have: only the hash differs.
      await checkOut({ a: 'two', b: 'two' }, OLD_TIME);
      const stream = uploadTree(ftp, scratch.path('source'), '/top', { compare: 'hash', preserveTimes: true });
      for await (const { action } of stream) if (action === 'uploaded') break;
      expect(Object.values(served(server))).to.include('two');
      await checkOut(one, OLD_TIME);
      await up(ftp, { preserveTimes: true });
      expect(served(server)).to.deep.equal(one);
    });

    for (const temporaryName of [true, false]) {
      it(`never claims what is not there, at whatever command the connection is lost, ${temporaryName ? 'renamed' : 'in place'}`, async () => {
        const [one, two] = [{ a: 'one', 'sub/b': 'one', c: 'one' }, { a: 'two', 'sub/b': 'two', c: 'one' }];
        const options = { preserveTimes: true, temporaryName };
        for (let cut = 1; ; cut++) {
          const server = await stage.serve({ now: () => LATER });
          const ftp = stage.client(server);
          await checkOut(one, OLD_TIME);
          await up(ftp, options);
          await checkOut(two, OLD_TIME);
          let count = 0;
          server.script = Object.fromEntries(['MLSD', 'RETR', 'STOR', 'RNFR', 'RNTO', 'MFMT', 'MDTM', 'SIZE', 'DELE'].map((verb) => [verb, async (session) => {
            count += 1;
            if (count === cut && /^(RN|MF|MD|DE)/.test(verb)) {
              session.reply = () => undefined;
              await session.normal();
            }
            if (count === cut) session.control.socket.destroy();
            else await session.normal();
          }])) satisfies Script;
          await up(ftp, options).catch(() => undefined);
          server.script = {};
          await checkOut(one, OLD_TIME);
          await up(ftp, options);
          expect(served(server), `cut ${cut}`).to.include(one);
          if (count < cut) return;
        }
      });
    }

    it('keeps what is true of the rest when a file fails', async () => {
      const server = await stage.serve({ now: () => LATER, script: { STOR: (session) => (session.argument.includes('app.js') ? session.reply('553 No.') : session.normal()) } });
      const ftp = stage.client(server);
      await checkOut(FILES, OLD_TIME);
      await up(ftp, { continueOnError: true, preserveTimes: true });
      expect(Object.keys(noted(server))).to.have.members(Object.keys(FILES).filter((path) => path !== 'app.js'));
      server.script = {};
      expect(done(await up(ftp, { preserveTimes: true }))).to.deep.equal(['uploaded app.js']);
    });

    it('reports that it cannot be written, which is no failure', async () => {
      const server = await stage.serve({ script: { STOR: (session) => (session.argument.includes('manifest') ? session.reply('553 No dot files.') : session.normal()) } });
      await checkOut(FILES);
      const last = (await up(stage.client(server))).at(-1);
      expect(last).to.include({ action: 'skipped', reason: 'manifest', path: MANIFEST });
      expect(last?.error).to.be.instanceOf(PermanentError);
      expect(served(server)).to.deep.equal(FILES);
    });

    for (const first of ['ours', 'theirs'] as const) {
      it(`claims nothing that another run has replaced at the same time, which writes its manifest ${first === 'ours' ? 'after' : 'before'} this one`, async () => {
        let time = LATER.getTime();
        const server = await stage.serve({ now: () => new Date((time += 5000)) });
        const [one, two] = [stage.client(server), stage.client(server)];
        await scratch.put('source', { a: 'one' });
        await scratch.put('other', { a: 'two' });
        let other: Promise<TreeResult[]> | undefined;
        const [uploaded, ended] = [gate(), gate()];
        // The other run uploads its file between the upload of this one and the question about its time.
        server.script = { MDTM: async (session, path) => {
          if (path === '/top/a' && !other) {
            other = uploadTree(two, scratch.path('other'), '/top', { compare: 'hash' }).toArray();
            await (first === 'theirs' ? other : uploaded.promise);
          } else if (path === '/top/a' && first === 'ours') {
            uploaded.open();
            await ended.promise;
          }
          await session.normal();
        } };
        await up(one);
        ended.open();
        await other;
        server.script = {};
        expect(served(server)).to.deep.equal({ a: 'two' });
        await up(stage.client(server));
        expect(served(server)).to.deep.equal({ a: 'one' });
      });
    }

    it('claims nothing that somebody else has replaced before its time is asked for', async () => {
      let time = LATER.getTime();
      const server = await stage.serve({ now: () => new Date((time += 5000)) });
      await scratch.put('source', { a: 'one', b: 'one', c: 'one' });
      server.script = { RNTO: async (session, path) => {
        await session.normal();
        if (/\/[ac]$/.test(path)) server.write(path, 'two');
      } };
      await up(stage.client(server));
      server.script = {};
      await up(stage.client(server));
      expect(served(server)).to.deep.equal({ a: 'one', b: 'one', c: 'one' });
    });

    it('is believed where a rename changes the time of a file', async () => {
      let time = LATER.getTime();
      const server = await stage.serve({ now: () => new Date((time += 5000)) });
      await checkOut(FILES);
      server.script = { RNTO: async (session, path) => {
        await session.normal();
        server.file(path).modified = new Date((time += 5000));
      } };
      await up(stage.client(server));
      server.commands.length = 0;
      expect(done(await up(stage.client(server)))).to.deep.equal([]);
      expect(count(server, /^RETR/), 'the manifest, and the file that has shown it').to.equal(2);
    });

    it('is not written over a file that is none, and has a name that was chosen', async () => {
      for (const text of ['<html>', 'x'.repeat(200_000), '{}\n']) {
        const server = await stage.serve({ files: { '/top/index.html': text } });
        await checkOut(FILES);
        expect(await failure(up(stage.client(server), { manifest: 'index.html' }))).to.be.instanceOf(UnsupportedError).with.property('message').that.includes('/top/index.html');
        expect(served(server)).to.deep.equal({ 'index.html': text });
      }
    });

    it('is not written with dryRun', async () => {
      const server = await stage.serve();
      await checkOut(FILES);
      expect(done(await up(stage.client(server), { dryRun: true }))).to.have.length(7);
      expect([...server.files].map(([path]) => path)).to.deep.equal(['/']);
    });

    describe('that is hostile', () => {
      const head = '{"version":1,"hash":"sha256","files":{';
      const file = (path: string, text = 'x'): string => `${JSON.stringify(path)}:{"size":${text.length},"hash":"${sha256(text)}"}`;
      const cases: Readonly<Record<string, string>> = {
        'is empty': '',
        'is no JSON': 'hello\n',
        'is other JSON': '{"version":2}\n',
        'is one long line': `${head}${'x'.repeat(200_000)}`,
        'has no end': `${head}\n${file('a')}`,
        'has more after its end': `${head}\n}}\n${file('a')}\n`,
        'has names that are paths': `${head}\n${file('../../etc/passwd')}\n}}\n`,
        'has absolute names': `${head}\n${file('/etc/passwd')}\n}}\n`,
        'has a file twice': `${head}\n${file('a')},\n${file('a')}\n}}\n`,
        'is deep': `${head}\n"a":${'['.repeat(30_000)}${']'.repeat(30_000)}\n}}\n`,
        'has other facts': `${head}\n"a":{"size":"1","hash":null}\n}}\n`,
        'has no hash': `${head}\n"a":{"size":1,"hash":"${'g'.repeat(64)}"}\n}}\n`,
        'has no facts': `${head}\n"a":null\n}}\n`,
      };
      for (const [what, text] of Object.entries(cases)) {
        it(`and ${what}, is ignored with a report, and replaced`, async () => {
          const server = await stage.serve({ files: { [`/top/${MANIFEST}`]: text, '/top/a': 'x' } });
          const ftp = stage.client(server);
          await checkOut({ a: 'y' });
          const list = await up(ftp);
          const report = list.find(({ reason }) => reason === 'manifest');
          expect(report?.error, what).to.satisfy((error: unknown) => error instanceof TransferError || error instanceof LimitError);
          expect(served(server)).to.deep.equal({ a: 'y' });
          expect(Object.keys(noted(server))).to.deep.equal(['a']);
          server.write(`/top/${MANIFEST}`, text);
          expect(await failure(down(ftp))).to.be.instanceOf(UnsupportedError);
        });
      }

      it('has names of prototypes, takes them for names', async () => {
        const server = await stage.serve({ now: () => LATER });
        const ftp = stage.client(server);
        const files = { __proto__x: 'a', constructor: 'b', toString: 'c' };
        await checkOut({ ...files, ['__proto__']: 'd' }, OLD_TIME);
        await up(ftp, { preserveTimes: true });
        expect(done(await up(ftp, { preserveTimes: true }))).to.deep.equal([]);
        expect({}).not.to.have.property('size');
      });

      it('and has more than can be remembered, is ignored, with the rest of the memory left', async () => {
        const files = Array.from({ length: 20_000 }, (_, index) => file(`file-${index}`)).join(',\n');
        const server = await stage.serve({ files: { [`/top/${MANIFEST}`]: `${head}\n${files}\n}}\n` } });
        await checkOut(FILES);
        const list = await up(stage.client(server), { maxPendingBytes: 1_000_000 });
        expect(list.find(({ reason }) => reason === 'manifest')?.error).to.be.instanceOf(LimitError);
        expect(served(server)).to.deep.equal(FILES);
      });
    });
  });

  describe('the options', () => {
    it('are checked at the door', async () => {
      const ftp = stage.client(await stage.serve());
      const call = (options: object): unknown => uploadTree(ftp, scratch.path('source'), '/top', options);
      for (const compare of ['crc', true, '']) expect(() => call({ compare })).to.throw(ArgumentError, 'compare');
      for (const overwrite of ['always', 'never', 'newer', 'size']) expect(() => call({ compare: 'hash', overwrite })).to.throw(ArgumentError, 'compare');
      for (const manifest of ['', '.', '..', 'a/b', 'a\r\nDELE b', 7, {}]) expect(() => call({ manifest }), String(manifest)).to.throw(ArgumentError, 'manifest');
      for (const modes of [0o644, 'a', null, { files: '644' }, { files: -1 }, { folders: 0o1000 }, { files: 1.5 }, { file: 0o644 }]) expect(() => call({ modes }), JSON.stringify(modes)).to.throw(ArgumentError, 'modes');
    });

    it('compare alone makes it what overwrite: changed is', async () => {
      const server = await stage.serve();
      const ftp = stage.client(server);
      await checkOut(FILES, OLD_TIME);
      await up(ftp, { compare: 'size-time', preserveTimes: true });
      expect(done(await up(ftp, { compare: 'size-time', preserveTimes: true }))).to.deep.equal([]);
      await checkOut(FILES, LATER);
      expect(done(await up(ftp, { compare: 'size-time', preserveTimes: true }))).to.have.length(5);
    });

    it('manifest: false says that there is nothing to go by, as a download without a manifest does', async () => {
      const server = await stage.serve({ files: { '/top/a': 'a' } });
      const ftp = stage.client(server);
      await checkOut(FILES);
      expect(await failure(up(ftp, { manifest: false }))).to.be.instanceOf(UnsupportedError);
      for (const manifest of [true, false]) {
        const error = (await failure(down(ftp, { manifest }))) as Error;
        expect(error).to.be.instanceOf(UnsupportedError);
        expect(error.message).to.include("compare: 'hash'").and.to.include('manifest');
      }
    });

    it('modes are those of files and folders that are written', async () => {
      const server = await stage.serve({ files: { '/top/there/': '' } });
      const ftp = stage.client(server);
      await checkOut({ ...FILES, 'there/x': 'x' });
      await up(ftp, { modes: { files: 0o640, folders: 0o750 } });
      const modes = (): object => Object.fromEntries([...server.files].filter(([path]) => path.startsWith('/top/') && !path.includes(MANIFEST)).map(([path, { mode }]) => [path.slice(5), mode.toString(8)]));
      expect(modes()).to.deep.equal({ 'index.html': '640', 'app.js': '640', empty: '640', img: '750', 'img/logo.svg': '640', 'img/big.bin': '640', there: '755', 'there/x': '640' });
      await scratch.put('source', { 'run.sh': '#!' });
      await up(ftp, { modes: ({ name, type }) => (type === 'file' && name.endsWith('.sh') ? 0o755 : undefined), preserveModes: true });
      expect(modes()).to.include({ 'run.sh': '755', 'app.js': '640' });
    });

    it('modes are for downloads, too', async () => {
      const server = await stage.serve({ files: { '/top/sub/run.sh': '#!' } });
      await downloadTree(stage.client(server), '/top', scratch.path('copy'), { modes: { files: 0o755, folders: 0o711 } }).toArray();
      expect([(await stat(scratch.path('copy/sub'))).mode & 0o777, (await stat(scratch.path('copy/sub/run.sh'))).mode & 0o777]).to.deep.equal([0o711, 0o755]);
    });
  });

  it('uploads what a server does not hash, and hashes no file of another size', async () => {
    const server = await stage.serve({ features: [...FEATURES, 'XMD5'], files: { '/top/a': 'one', '/top/b': 'two', '/top/c': 'other' }, script: { XMD5: (session) => (session.argument.endsWith('a') ? session.reply('550 Too much.') : session.normal()) } });
    await checkOut({ a: 'one', b: 'two', c: 'three!' });
    expect(done(await up(stage.client(server)))).to.deep.equal(['uploaded a', 'uploaded c']);
    expect(server.commands.filter((command) => command.startsWith('XMD5')).sort()).to.deep.equal(['XMD5 /top/a', 'XMD5 /top/b']);
  });

  it('asks for all hashes of a folder at the same time', async () => {
    const files = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`f${index}`, `${index}`]));
    const server = await stage.serve({ features: [...FEATURES, 'XSHA256'], files: Object.fromEntries(Object.entries(files).map(([path, text]) => [`/top/${path}`, text])) });
    await checkOut(files);
    await using pool = new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret', connections: 4 });
    expect(done(await up(pool))).to.deep.equal([]);
  });

  it('deletes nothing before all uploads are done', async () => {
    const server = await stage.serve({ files: { '/top/a/old.js': 'x', '/top/b/old.js': 'x', '/top/old.js': 'x' } });
    await checkOut({ 'a/new.js': 'a', 'b/new.js': 'b', 'c/new.js': 'c', 'index.html': 'i' });
    for (const concurrency of [1, 4]) {
      await uploadTree(stage.client(server), scratch.path('source'), '/top', { delete: true, concurrency }).toArray();
      const verbs = server.commands.map((command) => command.slice(0, 4)).filter((verb) => verb === 'RNTO' || verb === 'DELE');
      expect(verbs.lastIndexOf('RNTO')).to.be.lessThan(verbs.includes('DELE') ? verbs.indexOf('DELE') : Infinity);
      expect(served(server)).to.deep.equal({ 'a/new.js': 'a', 'b/new.js': 'b', 'c/new.js': 'c', 'index.html': 'i' });
      for (const folder of ['', 'a/', 'b/']) server.write(`/top/${folder}old.js`, 'x');
      server.commands.length = 0;
    }
  });

  it('goes on over lost connections with the right hash', async () => {
    const server = await stage.serve({ now: () => LATER });
    const ftp = stage.client(server);
    await checkOut(FILES, OLD_TIME);
    let cuts = 0;
    server.script = { STOR: (session) => (session.argument.includes('big') && cuts++ < 2 ? cutAfter(session, 100_000) : session.normal()) };
    await up(ftp, { retry: { attempts: 5, backoff: 1 }, preserveTimes: true });
    expect(cuts).to.be.greaterThan(1);
    expect(noted(server)['img/big.bin']).to.include({ size: 300_000, hash: sha256(FILES['img/big.bin']) });
    expect(served(server)).to.deep.equal(FILES);
  });

  it('fails a file that is written to while it is hashed or uploaded', async () => {
    const server = await stage.serve();
    await checkOut(FILES);
    server.script = { STOR: async (session) => {
      if (session.argument.includes('big')) await truncate(scratch.path('source/img/big.bin'), 10);
      await session.normal();
    } };
    await up(stage.client(server), { continueOnError: true });
    expect(noted(server)).not.to.have.property('img/big.bin');
  });

  async function cutAfter(session: Session, bytes: number): Promise<void> {
    session.reply('150 Go on.');
    const socket = await session.dataConnection();
    let count = 0;
    for await (const chunk of socket) if ((count += (chunk as Buffer).length) >= bytes) break;
    session.server.write(session.path(session.argument), 'x'.repeat(Math.min(count, bytes)));
    socket.destroy();
    session.control.socket.destroy();
  }

  async function overwrite(ftp: FTP, path: string, text: string): Promise<void> {
    const stream = ftp.stor(path);
    stream.end(text);
    await new Promise((resolve, reject) => stream.on('finish', resolve).on('error', reject));
  }
});
