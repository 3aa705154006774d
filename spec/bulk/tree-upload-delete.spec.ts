import { expect } from 'chai';
import { mirror } from '../../lib/bulk/mirror';
import type { TreeOptions, TreeResult } from '../../lib/bulk/tree-options';
import { uploadTree } from '../../lib/bulk/tree-upload';
import { folded } from '../../lib/transfer/temporary-name';
import { PermanentError, TransferError, type FTP } from '../../lib/index';
import { scene } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import { PERSONALITIES, type PersonalityName } from '../support/server/personalities';
import type { Script } from '../support/server/script';
import { FEATURES, type FtpServerOptions } from '../support/server/server-options';
import { dataClosed, dataEnd, send } from '../support/server/steps';
import { closing } from '../support/transfers';
import { line, listing } from './tree-listing';
import { failure, told } from './tree-results';
import { Scratch } from './tree-scratch';

describe('uploadTree() with delete', () => {
  const stage = scene();
  const scratch = new Scratch();

  async function results(ftp: FTP, options: TreeOptions = {}): Promise<TreeResult[]> {
    return uploadTree(ftp, scratch.path('source'), '/top', { delete: true, ...options }).toArray();
  }

  /** What the server has below /top. */
  function served(server: FtpServer): Record<string, string> {
    const below = [...server.files].filter(([path]) => path.startsWith('/top/'));
    return Object.fromEntries(below.map(([path, { kind }]) => (kind === 'directory' ? [`${path.slice(5)}/`, ''] : [path.slice(5), server.read(path).toString()])));
  }

  const sent = (server: FtpServer, verbs: RegExp): string[] => server.commands.filter((command) => verbs.test(command));

  describe('deletes nothing that it has just written', () => {
    const cases: readonly (readonly [what: string, kind: PersonalityName, there: FtpServerOptions['files'], source: Record<string, string>, keeps: string])[] = [
      ['a file over one in other case', 'caseInsensitive', { '/top/readme.txt': 'old', '/top/gone': 'x' }, { 'README.txt': 'new' }, 'readme.txt'],
      ['a file in another Unicode form', 'nfd', { '/top/e\u0301te\u0301': 'old', '/top/gone': 'x' }, { été: 'new' }, 'e\u0301te\u0301'],
      ['a file whose last dot goes', 'dropsTrailingDot', { '/top/name': 'old', '/top/gone': 'x' }, { 'name.': 'new' }, 'name'],
      ['a file in a folder in other case', 'caseInsensitive', { '/top/docs/a.txt': 'old', '/top/gone': 'x' }, { 'Docs/a.txt': 'new' }, 'docs/a.txt'],
      ['a file in a folder whose last dot goes', 'dropsTrailingDot', { '/top/docs/a.txt': 'old', '/top/gone': 'x' }, { 'docs./a.txt': 'new' }, 'docs/a.txt'],
    ];
    for (const [what, kind, files, source, keeps] of cases) {
      for (const concurrency of [1, 4]) {
        for (const temporaryName of [true, false]) {
          it(`${what}, ${concurrency} at a time, ${temporaryName ? 'renamed' : 'in place'}`, async () => {
            const server = await stage.serve({ ...PERSONALITIES[kind], ...(files ? { files } : {}) });
            const ftp = stage.client(server);
            await scratch.put('source', source);
            expect(told(await results(ftp, { concurrency, temporaryName }))).to.include('deleted gone');
            for (const run of [1, 2, 3]) {
              const left = Object.entries(served(server)).filter(([name]) => !name.endsWith('/'));
              expect(left.map(([name, content]) => [folded(name), content]), `run ${run}`).to.deep.equal([[folded(keeps), 'new']]);
              await mirror({ from: scratch.path('source'), to: { client: ftp, path: '/top' }, delete: true, temporaryName }).toArray();
            }
          });
        }
      }
    }

    it('a file under a name that nobody could guess, run after run', async () => {
      const server = await stage.serve({ files: { '/top/gone': 'x', '/top/sub/gone': 'x', '/top/sub/b': 'b' } });
      const stored = (path: string): string => path.replaceAll(':', '_');
      server.script = Object.fromEntries(['STOR', 'RNFR', 'RNTO', 'SIZE', 'MDTM', 'MFMT', 'DELE'].map((verb) => [verb, (session) => {
        session.argument = stored(session.argument);
        return session.normal();
      }])) satisfies Script;
      await scratch.put('source', { 'a:b.txt': 'new', 'sub/b': 'b' });
      const ftp = stage.client(server);
      for (const run of [1, 2, 3]) {
        const list = told(await results(ftp));
        expect(served(server), `run ${run}`).to.include({ 'a_b.txt': 'new', gone: 'x' });
        expect(list).to.include('skipped gone (in doubt)');
        if (run === 1) expect(list).to.include('deleted sub/gone');
        else expect(list).to.include('skipped a_b.txt (in doubt)');
      }
    });

    it('nor what others have written meanwhile', async () => {
      const server = await stage.serve({ files: { '/top/gone': 'x' } });
      server.script = { STOR: async (session) => { server.write('/top/theirs', 'theirs'); await session.normal(); } };
      await scratch.put('source', { mine: 'mine' });
      await results(stage.client(server));
      expect(served(server)).to.deep.equal({ mine: 'mine', theirs: 'theirs' });
    });

    it('also where the server has refused some of it', async () => {
      const server = await stage.serve({ files: { '/top/gone': 'x', '/top/refused': 'old' }, ...PERSONALITIES.caseInsensitive });
      server.script = { STOR: (session) => (/refused/i.test(session.argument) ? session.reply('553 No.') : session.normal()) };
      await scratch.put('source', { REFUSED: 'new', fine: 'new' });
      expect(told(await results(stage.client(server), { continueOnError: true }))).to.deep.equal(['deleted gone', 'failed REFUSED', 'skipped refused (in doubt)', 'uploaded fine']);
      expect(served(server)).to.deep.equal({ refused: 'old', fine: 'new' });
    });
  });

  it('does not take a name that LIST never shows for one that the server has made something else of', async () => {
    const server = await stage.serve({ features: [], files: { '/top/gone': 'x' } });
    server.script = { LIST: (session, argument) => (argument.startsWith('-a') ? session.reply('550 What?') : (listing(() => server.files.names('/top').filter((name) => !name.startsWith('.')).map((name) => `-rw-r--r-- 1 a a 1 Jan 01 2020 ${name}`)) as (s: typeof session, a: string) => Promise<void>)(session, argument)) };
    await scratch.put('source', { '.hidden': 'h', shown: 's' });
    await results(stage.client(server));
    expect(served(server)).to.deep.equal({ '.hidden': 'h', shown: 's' });
  });

  it('deletes what differs in case where the server holds the two apart', async () => {
    const server = await stage.serve({ files: { '/top/readme.txt': 'old', '/top/docs/x': 'old' } });
    await scratch.put('source', { 'README.txt': 'new', 'Docs/x': 'new' });
    await results(stage.client(server));
    expect(served(server)).to.deep.equal({ 'README.txt': 'new', 'Docs/': '', 'Docs/x': 'new' });
  });

  it('tells with dryRun what it would leave', async () => {
    const server = await stage.serve({ files: { '/top/readme.txt': 'old', '/top/docs/x': 'old', '/top/gone': '' } });
    await scratch.put('source', { 'README.txt': 'new', 'Docs/x': 'new' });
    expect(told(await results(stage.client(server), { dryRun: true }))).to.deep.equal([
      'created Docs', 'deleted gone', 'skipped readme.txt (in doubt)', 'uploaded Docs/x', 'uploaded README.txt',
    ].sort());
    expect(served(server)).to.deep.equal({ 'readme.txt': 'old', 'docs/': '', 'docs/x': 'old', gone: '' });
  });

  it('says with dryRun what a real run does, also where a file takes the place of a folder', async () => {
    for (const filter of [undefined, '!*.log', '*.txt']) {
      const ftp = stage.client(await stage.serve({ files: { '/top/in/the/way/old': '', '/top/full/keep.log': '', '/top/full/x.txt': '', '/top/gone.txt': '' } }));
      await scratch.put('source', { 'in/the/way': 'file', full: 'file', 'new/x.txt': 'x' });
      const options = { continueOnError: true, ...(filter ? { filter } : {}) };
      const promised = told(await results(ftp, { ...options, dryRun: true }));
      expect(told(await results(ftp, options)), filter).to.deep.equal(promised);
      if (filter !== '*.txt') expect(promised).to.include('deleted in/the/way/old').and.include(filter ? 'failed full' : 'uploaded full');
    }
  });

  it('does not wait for the files of a folder that cannot be made', async () => {
    const server = await stage.serve({ files: { '/top/gone.txt': '' }, script: { MKD: (session, path) => (path.endsWith('/refused') ? session.reply('550 No.') : session.normal()) } });
    await scratch.put('source', { 'refused/1.txt': '1', 'refused/2.txt': '2', 'sub/3.txt': '3' });
    for (const compare of ['size-time', 'hash'] as const) {
      const list = await results(stage.client(server), { filter: '*.txt', continueOnError: true, overwrite: 'changed', compare });
      expect(told(list)).to.include('failed refused');
      expect(served(server)).to.include({ 'sub/3.txt': '3' }).and.to.not.have.any.keys('gone.txt');
    }
  });

  it('lists a folder twice only where something is to be deleted in it', async () => {
    const server = await stage.serve({ files: { '/top/a': 'a', '/top/sub/b': 'b', '/top/sub/gone': 'x', '/top/none/c': 'c' } });
    await scratch.put('source', { a: 'a', 'sub/b': 'b', 'none/c': 'c', 'new/d': 'd' });
    const ftp = stage.client(server);
    await results(ftp);
    expect(sent(server, /^(MLSD|CWD)/).sort()).to.deep.equal(['MLSD /top', 'MLSD /top/none', 'MLSD /top/sub', 'MLSD /top/sub']);
    server.commands.length = 0;
    await results(ftp);
    expect(sent(server, /^(MLSD|CWD)/).sort()).to.deep.equal(['MLSD /top', 'MLSD /top/new', 'MLSD /top/none', 'MLSD /top/sub']);
  });

  describe('when it ends before its uploads', () => {
    const files = { '/top/gone': 'x', '/top/sub/gone': 'x' };
    beforeEach(() => scratch.put('source', Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`f${index}`, 'x']))));

    it('by an error, deletes nothing', async () => {
      const server = await stage.serve({ files, script: { STOR: (session) => (session.argument.includes('f7.') ? session.reply('553 No.') : session.normal()) } });
      expect(await failure(results(stage.client(server), { concurrency: 4 }))).to.be.instanceOf(PermanentError);
      expect(served(server)).to.include({ gone: 'x', 'sub/gone': 'x' });
    });

    it('by its destruction, while it waits for them, deletes nothing', async () => {
      const server = await stage.serve({ files });
      const stream = uploadTree(stage.client(server), scratch.path('source'), '/top', { delete: true, concurrency: 4 });
      server.script = { STOR: [[(): void => void stream.destroy(), dataClosed(), send('426 gone')]] };
      const closed = closing(stream);
      stream.resume();
      await closed;
      expect(served(server)).to.include({ gone: 'x', 'sub/gone': 'x' });
      expect(sent(server, /^(DELE|RMD) .*gone/)).to.deep.equal([]);
    });
  });

  describe('where lines of a listing cannot be read', () => {
    const script: Script = { MLSD: listing((path) => (path === '/top' ? [line('old'), line('x', { type: 'dir' }), line('y'), 'unreadable-line'] : [])) };
    const files = { '/top/old': 'o', '/top/x/z': 'z', '/top/y': 'y' };

    it('fails with the line', async () => {
      const server = await stage.serve({ files, script });
      await scratch.put('source', { new: 'n' });
      const error = await failure(results(stage.client(server)));
      expect(error).to.be.instanceOf(TransferError);
      expect((error as Error).message).to.include('"unreadable-line"').and.include('/top');
      expect(served(server)).to.include({ old: 'o' });
    });

    it('deletes and replaces nothing there, has a result for the line, and goes on with continueOnError', async () => {
      const server = await stage.serve({ files, script });
      await scratch.put('source', { new: 'n', x: 'a file', 'y/a': 'in a folder' });
      expect(told(await results(stage.client(server), { continueOnError: true }))).to.deep.equal(['failed ', 'failed x', 'failed y', 'uploaded new']);
      expect(served(server)).to.deep.equal({ old: 'o', 'x/': '', 'x/z': 'z', y: 'y', new: 'n' });
    });

    it('deletes no folder that has such a line', async () => {
      const inside: Script = { MLSD: listing((path) => (path === '/top' ? [line('old', { type: 'dir' })] : [line('a'), 'unreadable-line'])) };
      const server = await stage.serve({ files: { '/top/old/a': 'a' }, script: inside });
      await scratch.put('source', {});
      await scratch.put('source', { 'sub/': '' });
      const list = await results(stage.client(server), { continueOnError: true });
      expect(served(server)).to.include({ 'old/a': 'a' });
      expect(list.filter(({ action }) => action === 'deleted')).to.deep.equal([]);
    });
  });

  for (const [what, features] of [['MLSD', FEATURES], ['LIST', FEATURES.filter((feature) => feature !== 'MLST')]] as const) {
    it(`makes a folder that is missing where ${what} shows it as an empty one`, async () => {
      const server = await stage.serve({ ...PERSONALITIES.missingFolderEmpty, features });
      await scratch.put('source', { 'a.txt': 'a', 'sub/b': 'b' });
      expect(told(await results(stage.client(server)))).to.include('created ');
      expect(served(server)).to.deep.equal({ 'a.txt': 'a', 'sub/': '', 'sub/b': 'b' });
    });

    for (const [when, refusal] of [['', '450 Rien.'], [' after its 150 (ProFTPD)', [send('150 go'), dataEnd(), send('450 Rien.')]]] satisfies [string, Script[string]][]) it(`makes a folder that is missing where ${what} says 450 of it${when}, and finds one that is there`, async () => {
      const server = await stage.serve({ features, script: { [what]: refusal } });
      await scratch.put('source', { 'a.txt': 'a' });
      await results(stage.client(server));
      await results(stage.client(server));
      expect(served(server)).to.deep.equal({ 'a.txt': 'a' });
    });
  }

  it('makes a folder that is missing where LIST shows an error of the system instead (inetutils, ftpd-ssl)', async () => {
    const server = await stage.serve({ features: FEATURES.filter((feature) => feature !== 'MLST'), script: { MLST: '500 What?' } });
    server.script = { ...server.script, LIST: (session, argument) => {
      const path = session.path(argument.replace(/^-a ?/, ''));
      return server.files.has(path) ? session.normal() : (listing(() => [`${path}: No such file or directory`]) as (s: typeof session, a: string) => Promise<void>)(session, argument);
    } };
    await scratch.put('source', { 'a.txt': 'a', 'sub/b': 'b' });
    expect(told(await results(stage.client(server)))).to.deep.equal(['created ', 'created sub', 'uploaded a.txt', 'uploaded sub/b']);
  });

  describe('to a server whose listings do not look at their path', () => {
    const files = { '/gone': 'g', '/old': 'o', '/top/old': 'o', '/top/sub/old': 'o', '/top/else': 'e' };

    it('deletes what the folder itself has, and nothing for the listing of another', async () => {
      const server = await stage.serve({ files, ...PERSONALITIES.listIgnoresPath });
      await scratch.put('source', { 'a.txt': 'a', 'sub/b': 'b' });
      await results(stage.client(server), { continueOnError: true });
      expect(Object.fromEntries([...server.files].filter(([, { kind }]) => kind === 'file').map(([path]) => [path, String(server.read(path))]))).to.deep.equal({
        '/gone': 'g', '/old': 'o', '/top/a.txt': 'a', '/top/sub/b': 'b',
      });
    });
  });
});
