import { expect } from 'chai';
import { once } from 'node:events';
import { mirror } from '../../lib/bulk/mirror';
import { downloadTree } from '../../lib/bulk/tree-download';
import type { TreeOptions, TreeResult } from '../../lib/bulk/tree-options';
import { uploadTree } from '../../lib/bulk/tree-upload';
import { ArgumentError, ConnectionClosedError, FTPPool, PermanentError, TransferError, UnsupportedError, type FTP } from '../../lib/index';
import { scene } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import { PERSONALITIES } from '../support/server/personalities';
import type { Script } from '../support/server/script';
import { closing } from '../support/transfers';
import { failure, told } from './tree-results';
import { Scratch } from './tree-scratch';

const OLD = { '/www/site/index.html': 'old', '/www/site/old.js': 'old', '/www/site/img/a.png': 'old', '/www/other': 'other' };
const NEW = { 'index.html': 'new', 'new.js': 'new', 'img/a.png': 'new', 'css/': '' };
/** Names of ours, without what is random in them. */
const plain = (path: string): string => path.replaceAll(/\.[0-9a-f]{8}\./g, '.*.');

describe('uploadTree() with swap', () => {
  const stage = scene();
  const scratch = new Scratch();
  beforeEach(() => scratch.put('source', NEW));

  const run = (ftp: FTP | FTPPool, options: TreeOptions = {}, path = '/www/site'): Promise<TreeResult[]> => uploadTree(ftp, scratch.path('source'), path, { swap: true, ...options }).toArray();
  const VERSIONS = { old: { 'index.html': 'old', 'old.js': 'old', 'img/': '', 'img/a.png': 'old' }, new: { 'index.html': 'new', 'new.js': 'new', 'img/': '', 'img/a.png': 'new', 'css/': '' } };

  /** What is below a folder of the server. */
  function below(server: FtpServer, folder: string): Record<string, string> {
    const found = [...server.files].filter(([path]) => path.startsWith(`${folder}/`));
    return Object.fromEntries(found.map(([path, { kind }]) => (kind === 'directory' ? [`${path.slice(folder.length + 1)}/`, ''] : [path.slice(folder.length + 1), server.read(path).toString()])));
  }
  /** The names in /www, without what is random. */
  const names = (server: FtpServer): string[] => server.files.names('/www').map(plain).sort();
  /** The folder of /www that is called so. */
  const folder = (server: FtpServer, name: string): string => `/www/${server.files.names('/www').find((each) => plain(each) === name) ?? 'none'}`;

  for (const concurrency of [1, 4]) {
    it(`puts all of the source in the place of the target, ${concurrency} at a time`, async () => {
      const server = await stage.serve({ files: OLD });
      const list = await run(stage.client(server), { concurrency });
      expect(told(list).map(plain)).to.deep.equal(['created css', 'created img', 'deleted ../.site.*.old', 'swapped ', 'uploaded img/a.png', 'uploaded index.html', 'uploaded new.js']);
      expect(below(server, '/www/site')).to.deep.equal(VERSIONS.new);
      expect(names(server)).to.deep.equal(['other', 'site']);
    });
  }

  it('has the whole old version under its name until the new one is complete', async () => {
    const server = await stage.serve({ files: OLD });
    const seen: unknown[] = [];
    server.script = { STOR: (session) => (seen.push(below(server, '/www/site')), session.normal()), MKD: (session) => (seen.push(below(server, '/www/site')), session.normal()) };
    await run(stage.client(server), { concurrency: 3 });
    expect(seen).to.have.length.of.at.least(6);
    for (const each of seen) expect(each).to.deep.equal(VERSIONS.old);
  });

  it('makes a target that is missing, and the folders above it', async () => {
    const server = await stage.serve();
    await run(stage.client(server), {}, '/www/site');
    expect(below(server, '/www/site')).to.deep.equal(VERSIONS.new);
    expect(names(server)).to.deep.equal(['site']);
  });

  it('makes it also where a server enters folders that are missing', async () => {
    const server = await stage.serve({ ...PERSONALITIES.missingFolderEmpty, files: { '/www/other': 'other' } });
    await run(stage.client(server));
    expect(below(server, '/www/site')).to.deep.equal(VERSIONS.new);
    expect(names(server)).to.deep.equal(['other', 'site']);
  });

  for (const [path, at] of [['site', '/site'], ['/site/', '/site'], ['a/b/site//', '/a/b/site']] as const) {
    it(`takes the path ${path}`, async () => {
      const server = await stage.serve({ files: { [`${at}/index.html`]: 'old' } });
      await run(stage.client(server), {}, path);
      expect(below(server, at)).to.deep.equal(VERSIONS.new);
    });
  }

  it('goes over a pool, and as a mirror', async () => {
    const server = await stage.serve({ files: OLD });
    await using pool = new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret', connections: 3 });
    const list = await mirror({ from: scratch.path('source'), to: { client: pool, path: '/www/site' }, swap: true }).toArray();
    expect(told(list)).to.include('swapped ');
    expect(below(server, '/www/site')).to.deep.equal(VERSIONS.new);
  });

  it('keeps the old version on request, and says what it is called', async () => {
    const server = await stage.serve({ files: OLD });
    const list = await run(stage.client(server), { swap: 'keep' });
    expect(list.map(({ action, path, reason }) => `${action} ${plain(path)} ${reason}`).at(-1)).to.equal('skipped ../.site.*.old old version');
    expect(names(server)).to.deep.equal(['.site.*.old', 'other', 'site']);
    expect(below(server, folder(server, '.site.*.old'))).to.deep.equal(VERSIONS.old);
    expect(below(server, '/www/site')).to.deep.equal(VERSIONS.new);
  });

  it('deletes nothing of the old version that the filter excludes', async () => {
    const server = await stage.serve({ files: { ...OLD, '/www/site/uploads/photo': 'theirs' } });
    const list = await run(stage.client(server), { filter: '!uploads' });
    expect(list.map(({ action, path, reason }) => `${action} ${plain(path)} ${reason}`).at(-1)).to.equal('skipped ../.site.*.old old version');
    expect(below(server, folder(server, '.site.*.old'))).to.deep.equal({ 'uploads/': '', 'uploads/photo': 'theirs' });
  });

  it('says what it would do with dryRun, and does nothing', async () => {
    const server = await stage.serve({ files: OLD });
    const list = await run(stage.client(server), { dryRun: true });
    expect(told(list)).to.include.members(['swapped ', 'uploaded index.html']);
    expect(below(server, '/www')).to.deep.equal(below(await stage.serve({ files: OLD }), '/www'));
  });

  it('reports an old version that cannot be deleted, which is no failure', async () => {
    const server = await stage.serve({ files: OLD, script: { RMD: '550 No.' } });
    const list = await run(stage.client(server));
    const last = list.at(-1);
    expect(last).to.include({ action: 'skipped', reason: 'old version' });
    expect(last?.error).to.be.instanceOf(PermanentError);
    expect(below(server, '/www/site')).to.deep.equal(VERSIONS.new);
  });

  it('exchanges a symlink itself, and leaves what it leads to', async () => {
    const server = await stage.serve({ files: { '/www/releases/1/index.html': 'one', '/www/site': { target: '/www/releases/1' } } });
    await run(stage.client(server));
    expect(below(server, '/www/site')).to.deep.equal(VERSIONS.new);
    expect(below(server, '/www/releases')).to.deep.equal({ '1/': '', '1/index.html': 'one' });
    expect(names(server)).to.deep.equal(['releases', 'site']);
  });

  it('leaves what a symlink leads to, where the server shows it as a folder, and deletes none', async () => {
    const server = await stage.serve({ files: { '/www/releases/1/index.html': 'one', '/www/site': { target: '/www/releases/1' } } });
    const isLink = (path: string): boolean => server.files.get(path)?.kind === 'symlink';
    server.script = {
      MLST: (session, path) => (isLink(path) ? session.writeRaw(`250-Here\r\n type=dir; ${path}\r\n250 End\r\n`) : session.normal()),
      DELE: (session, path) => (isLink(path) ? session.reply('550 Is a directory.') : session.normal()),
      RMD: (session, path) => (isLink(path) ? session.reply('550 Not a directory.') : session.normal()),
    };
    expect((await run(stage.client(server))).at(-1)).to.include({ action: 'skipped', reason: 'old version' });
    expect(below(server, '/www/site')).to.deep.equal(VERSIONS.new);
    expect(below(server, '/www/releases')).to.deep.equal({ '1/': '', '1/index.html': 'one' });
  });

  describe('where something is refused', () => {
    /** Refuses a rename by where it leads. */
    const refusing = (to: RegExp, times = Infinity): Script => ({ RNTO: (session) => (to.test(session.argument) && times-- > 0 ? session.reply('550 Not that one.') : session.normal()) });

    it('the second rename: gives the old folder its name back', async () => {
      const server = await stage.serve({ files: OLD, script: refusing(/site$/, 1) });
      const error = (await failure(run(stage.client(server)))) as Error;
      expect(error).to.be.instanceOf(PermanentError);
      expect(plain(error.message)).to.match(/Not that one.*\/www\/site is what it was; the new version is \/www\/\.site\.\*\.new/);
      expect(below(server, '/www/site')).to.deep.equal(VERSIONS.old);
      expect(names(server)).to.deep.equal(['.site.*.new', 'other', 'site']);
    });

    it('that one and its undoing: says where both are', async () => {
      const server = await stage.serve({ files: OLD, script: refusing(/site$/) });
      const error = (await failure(run(stage.client(server)))) as Error;
      const [old, fresh] = [folder(server, '.site.*.old'), folder(server, '.site.*.new')];
      expect(error.message).to.include(old).and.to.include(fresh).and.to.include('nothing has the name /www/site');
      expect(below(server, old)).to.deep.equal(VERSIONS.old);
      expect(below(server, fresh)).to.deep.equal(VERSIONS.new);
    });

    it('the first rename: changes nothing', async () => {
      const server = await stage.serve({ files: OLD, script: refusing(/old$/) });
      const error = (await failure(run(stage.client(server)))) as Error;
      expect(plain(error.message)).to.include('/www/site has its name').and.to.include('/www/.site.*.new');
      expect(below(server, '/www/site')).to.deep.equal(VERSIONS.old);
    });

    it('every rename of a folder: says so before anything is uploaded, and leaves nothing', async () => {
      for (const options of [{ script: refusing(/./) }, PERSONALITIES.noRename]) {
        const server = await stage.serve({ files: OLD, ...options });
        expect(await failure(run(stage.client(server)))).to.be.instanceOf(UnsupportedError);
        expect(server.commands.filter((command) => command.startsWith('STOR'))).to.deep.equal([]);
        expect(below(server, '/www/site')).to.deep.equal(VERSIONS.old);
        expect(names(server)).to.deep.equal(['other', 'site']);
      }
    });

    it('a file: exchanges nothing, and the next run goes on with what is there', async () => {
      const server = await stage.serve({ files: OLD, script: { STOR: (session) => (session.argument.includes('new.js') ? session.reply('553 No.') : session.normal()) } });
      const ftp = stage.client(server);
      for (const continueOnError of [false, true]) {
        const outcome = continueOnError ? (await run(ftp, { continueOnError })).at(-1)?.error : await failure(run(ftp, { continueOnError }));
        expect(outcome).to.be.instanceOf(continueOnError ? TransferError : PermanentError);
        expect(below(server, '/www/site')).to.deep.equal(VERSIONS.old);
        expect(names(server)).to.deep.equal(['.site.*.new', 'other', 'site']);
      }
      server.script = {};
      server.write(`${folder(server, '.site.*.new')}/stale`, 'from a run before');
      await mirror({ from: scratch.path('source'), to: { client: ftp, path: '/www/site' }, swap: true }).toArray();
      expect(below(server, '/www/site')).to.deep.equal(VERSIONS.new);
      expect(names(server)).to.deep.equal(['other', 'site']);
    });

    it('a file: has nothing in the next version that its filter excludes', async () => {
      const server = await stage.serve({ files: { ...OLD, '/www/.site.0123abcd.new/new.js': 'left', '/www/.site.0123abcd.new/.env': 'secret', '/www/.site.0123abcd.newer/a': 'theirs', '/www/.site.xyz.new/a': 'theirs' } });
      await scratch.put('source', { '.env': 'secret' });
      await run(stage.client(server), { filter: '!.env' });
      expect(below(server, '/www/site')).to.deep.equal(VERSIONS.new);
      expect(names(server)).to.deep.equal(['.site.*.newer', '.site.xyz.new', 'other', 'site']);
    });

    for (const overwrite of ['always', 'never', 'size', 'newer', 'changed'] as const) {
      it(`a file: has nothing in the next version that is of another one, with overwrite: '${overwrite}'`, async () => {
        const server = await stage.serve({ files: { ...OLD, '/www/.site.0123abcd.new/new.js': 'lef', '/www/.site.0123abcd.new/index.html': 'left over' } });
        await scratch.put('source', NEW, new Date(2001, 1, 1)); // older than what was left
        await run(stage.client(server), { overwrite });
        expect(below(server, '/www/site')).to.deep.equal(VERSIONS.new);
      });
    }

    it('a file: what the run before has uploaded with its time is not uploaded again', async () => {
      const server = await stage.serve({ files: OLD, script: { STOR: (session) => (session.argument.includes('new.js') ? session.reply('553 No.') : session.normal()) } });
      const mirrored = (): Promise<TreeResult[]> => mirror({ from: scratch.path('source'), to: { client: stage.client(server), path: '/www/site' }, swap: true, continueOnError: true }).toArray();
      await mirrored();
      server.script = {};
      expect(told(await mirrored()).filter((each) => /html|js|png/.test(each))).to.deep.equal(['skipped img/a.png (exists)', 'skipped index.html (exists)', 'uploaded new.js']);
      expect(below(server, '/www/site')).to.deep.equal(VERSIONS.new);
    });

    it('a path that has no name, a file in its place, or a download', async () => {
      const server = await stage.serve({ files: OLD });
      const ftp = stage.client(server);
      for (const path of ['', '/', '.', '/www/..', './']) expect(() => uploadTree(ftp, scratch.path('source'), path, { swap: true }), path).to.throw(ArgumentError, 'swap');
      expect(() => downloadTree(ftp, '/www', scratch.path('copy'), { swap: true })).to.throw(ArgumentError, 'swap');
      expect(() => uploadTree(ftp, scratch.path('source'), '/www', { swap: 'maybe' as 'keep' })).to.throw(ArgumentError, 'swap');
      expect(await failure(run(ftp, {}, '/www/other'))).to.be.instanceOf(TransferError);
      expect(below(server, '/www')).to.deep.equal(below(await stage.serve({ files: OLD }), '/www'));
    });
  });

  it('leaves its folder to a run that takes it over, and exchanges nothing', async () => {
    const server = await stage.serve({ files: OLD });
    const [one, two] = [stage.client(server), stage.client(server)];
    let taken: Promise<TreeResult[]> | undefined;
    server.script = { STOR: async (session) => {
      if (!taken && session.argument.includes('new.js')) {
        taken = run(two);
        await taken;
      }
      await session.normal();
    } };
    expect(await failure(run(one))).to.be.instanceOf(PermanentError);
    await taken;
    expect(below(server, '/www/site')).to.deep.equal(VERSIONS.new);
    expect(names(server)).to.deep.equal(['other', 'site']);
  });

  describe('when the connection is lost', () => {
    /** At each command of a run, before or after it was carried out: one version is whole under its name, or the error says where both are. */
    for (const when of ['before', 'after'] as const) {
      for (const retry of [false, true]) {
        it(`${when} any command, ${retry ? 'with' : 'without'} retry`, async () => {
          const VERBS = ['MLSD', 'MLST', 'MKD', 'STOR', 'RNFR', 'RNTO', 'DELE', 'RMD', 'FEAT', 'SIZE'] as const;
          for (let cut = 1; ; cut++) {
            const server = await stage.serve({ files: OLD });
            let count = 0;
            server.script = Object.fromEntries(VERBS.map((verb) => [verb, async (session) => {
              count += 1;
              if (count !== cut) return session.normal();
              if (when === 'after' && verb !== 'STOR' && verb !== 'MLSD') {
                session.reply = () => undefined;
                await session.normal();
              }
              session.control.socket.destroy();
            }])) satisfies Script;
            const ftp = stage.client(server);
            const error = await run(ftp, { retry: retry ? { attempts: 3, backoff: 1 } : false }).then(() => undefined, (each: Error) => each);
            const at = `cut ${cut}: ${server.commands.at(-1) ?? ''}: ${error?.message ?? 'no error'}`;
            const there = below(server, '/www/site');
            if (error === undefined) expect(there, at).to.deep.equal(VERSIONS.new);
            else expect([JSON.stringify(VERSIONS.old), JSON.stringify(VERSIONS.new)].includes(JSON.stringify(sorted(there))), at).to.equal(true);
            if (count < cut) return;
          }
        });
      }
    }

    it('for good between the renames, says where both are', async () => {
      const server = await stage.serve({ files: OLD });
      let gone = false;
      server.script = {
        RNTO: async (session) => {
          if (gone || !session.argument.endsWith('.old')) return session.normal();
          await session.normal();
          gone = true;
          server.script = { USER: '530 No more.' };
          session.control.socket.destroy();
        },
      };
      const error = (await failure(run(stage.client(server)))) as Error;
      const [old, fresh] = [folder(server, '.site.*.old'), folder(server, '.site.*.new')];
      expect(error.message).to.include(old).and.to.include(fresh);
      expect(below(server, old)).to.deep.equal(VERSIONS.old);
    });

    for (const after of ['nothing', 'a signal', 'destroy()'] as const) {
      it(`by close() between the renames, after ${after}, says where both are`, async () => {
        const server = await stage.serve({ files: OLD });
        const ftp = stage.client(server);
        const controller = new AbortController();
        const stream = uploadTree(ftp, scratch.path('source'), '/www/site', { swap: true, signal: controller.signal });
        server.script = { RNTO: async (session) => {
          await session.normal();
          if (!session.argument.endsWith('.old')) return;
          if (after === 'a signal') controller.abort();
          else if (after === 'destroy()') stream.destroy();
          setImmediate(() => ftp.close());
        } };
        const warned = after === 'destroy()' ? once(process, 'warning') : undefined;
        const error = (await failure(stream.toArray())) as Error;
        if (after === 'nothing') expect(error).to.be.instanceOf(ConnectionClosedError);
        const [old, fresh] = [folder(server, '.site.*.old'), folder(server, '.site.*.new')];
        const { message } = warned ? ((await warned) as [Error])[0] : error;
        expect(message).to.include(old).and.to.include(fresh);
        expect(below(server, old)).to.deep.equal(VERSIONS.old);
        expect(below(server, fresh)).to.deep.equal(VERSIONS.new);
      });
    }
  });

  it('has a whole version under its name when the run is cancelled at any command, and the next one brings it in', async () => {
    for (let at = 1; ; at++) {
      const server = await stage.serve({ files: OLD });
      const ftp = stage.client(server);
      const controller = new AbortController();
      let count = 0;
      server.script = Object.fromEntries(['MLSD', 'MLST', 'MKD', 'STOR', 'RNFR', 'RNTO', 'DELE', 'RMD', 'FEAT'].map((verb) => [verb, async (session) => {
        if (++count === at) controller.abort();
        await session.normal();
      }])) satisfies Script;
      const error = await run(ftp, { signal: controller.signal, concurrency: at % 2 === 0 ? 1 : 3 }).then(() => undefined, (each: Error) => each);
      expect([VERSIONS.old, VERSIONS.new], `command ${at}: ${String(error)}`).to.deep.include(below(server, '/www/site'));
      server.script = {};
      await run(ftp);
      expect(below(server, '/www/site'), `after command ${at}`).to.deep.equal(VERSIONS.new);
      if (count < at) return;
    }
  });

  it('goes through with the exchange when the stream is destroyed between the renames', async () => {
    const server = await stage.serve({ files: OLD });
    const stream = uploadTree(stage.client(server), scratch.path('source'), '/www/site', { swap: true });
    server.script = { RNTO: async (session) => {
      if (session.argument.endsWith('.old')) stream.destroy();
      await session.normal();
    } };
    const closed = closing(stream);
    stream.resume();
    await closed;
    expect(below(server, '/www/site')).to.deep.equal(VERSIONS.new);
  });

  function sorted(files: Record<string, string>): Record<string, string> {
    return Object.fromEntries(Object.keys(Object.keys(files).includes('new.js') ? VERSIONS.new : VERSIONS.old).map((name) => [name, files[name] ?? 'none']));
  }
});
