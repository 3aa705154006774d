import { expect } from 'chai';
import { chmod, stat, utimes } from 'node:fs/promises';
import { downloadTree } from '../../lib/bulk/tree-download';
import { mirror } from '../../lib/bulk/mirror';
import type { TreeOptions, TreeResult } from '../../lib/bulk/tree-options';
import { uploadTree } from '../../lib/bulk/tree-upload';
import { FTPPool, PermanentError, TransferError } from '../../lib/index';
import { scene } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import { resetControl, silence } from '../support/server/steps';
import { download } from '../support/server/transfer';
import { PERSONALITIES } from '../support/server/personalities';
import type { Act, Script } from '../support/server/script';
import { line, listing } from './tree-listing';
import { failure, told } from './tree-results';
import { Scratch } from './tree-scratch';

/** What servers do that trees work with all the same. */
describe('trees on servers with habits of their own', () => {
  const stage = scene();
  const scratch = new Scratch();

  async function up(server: FtpServer, options: TreeOptions = {}): Promise<TreeResult[]> {
    return uploadTree(stage.client(server), scratch.path('source'), '/top', options).toArray();
  }

  const LIST_ONLY = { features: ['SIZE', 'MDTM'] } as const;
  const NO_MLST: Script = { MLST: '500 Unknown command.', MLSD: '500 Unknown command.' };

  for (const [where, options] of [['by MLSD', {}], ['by LIST', LIST_ONLY]] as const) {
    const script = where === 'by LIST' ? NO_MLST : {};

    for (const refusal of ['450 No such folder.', '451 Local error.', '501 No such directory.', '550 Not found.', '553 Not allowed.']) {
      for (const retry of [undefined, { attempts: 2, backoff: 60_000 }] as const) {
        it(`make a target that is reported as missing ${where} with ${refusal.slice(0, 3)}${retry ? ', with retry' : ''}`, async () => {
          const missing: Act = (session, argument) => (session.server.files.has(session.path(argument.replace(/^-a ?/, ''))) ? session.normal() : session.reply(refusal));
          const server = await stage.serve({ ...options, script: { ...script, LIST: missing, ...(where === 'by LIST' ? {} : { MLSD: missing }) } });
          await scratch.put('source', { 'sub/a': 'a' });
          expect(told(await up(server, retry ? { retry } : {}))).to.deep.equal(['created ', 'created sub', 'uploaded sub/a']);
          expect(server.read('/top/sub/a').toString()).to.equal('a');
        });
      }
    }

    describe(`with a folder that takes uploads and is not listed, ${where}`, () => {
      const refuse: Act = (session, argument) => (/box$/.test(session.path(argument)) ? session.reply('550 Permission denied.') : session.normal());
      const box = { files: { '/top/box/hidden': 'hid' }, ...options, script: { ...script, LIST: refuse, ...(where === 'by LIST' ? {} : { MLSD: refuse }) } };

      it('upload to it, and delete nothing in it', async () => {
        const server = await stage.serve(box);
        await scratch.put('source', { 'box/new': 'new', 'box/hidden': 'HID' });
        const list = await up(server, { delete: true });
        expect(told(list)).to.deep.equal(['uploaded box/hidden', 'uploaded box/new']);
        expect(list.find(({ path }) => path === 'box')).to.include({ action: 'skipped', reason: 'in doubt' });
        expect(server.read('/top/box/new').toString() + server.read('/top/box/hidden').toString()).to.equal('newHID');
      });

      it('upload to it where it is the first one', async () => {
        const server = await stage.serve(box);
        await scratch.put('source', { new: 'new' });
        const list = await uploadTree(stage.client(server), scratch.path('source'), '/top/box').toArray();
        expect(list.map(({ action, path, reason }) => [action, path, reason])).to.deep.equal([['skipped', '', 'exists'], ['uploaded', 'new', undefined]]);
      });

      it('ask for each file that must not be replaced', async () => {
        const server = await stage.serve(box);
        await scratch.put('source', { 'box/new': 'new', 'box/hidden': 'HID' });
        expect(told(await up(server, { overwrite: 'never' }))).to.deep.equal(['skipped box/hidden (exists)', 'uploaded box/new']);
        expect(server.read('/top/box/hidden').toString()).to.equal('hid');
      });

      it('report it on the way down, and delete nothing here', async () => {
        const server = await stage.serve(box);
        await scratch.put('copy', { 'box/mine': 'mine' });
        const list = await downloadTree(stage.client(server), '/top', scratch.path('copy'), { delete: true, continueOnError: true }).toArray();
        expect(told(list)).to.deep.equal(['failed box']);
        expect(await scratch.tree('copy')).to.deep.equal({ 'box/': '', 'box/mine': 'mine' });
      });
    });
  }

  it('make a target that is listed and entered although it is missing (tcllib)', async () => {
    const server = await stage.serve({ ...LIST_ONLY, ...PERSONALITIES.missingFolderEmpty, script: { ...NO_MLST, CWD: '250 CWD command successful.', SIZE: '550 Not a plain file.' } });
    await scratch.put('source', { 'sub/a': 'a' });
    expect(told(await up(server, { dryRun: true }))).to.deep.equal(['created sub', 'uploaded sub/a']);
    expect(told(await up(server))).to.deep.equal(['created ', 'created sub', 'uploaded sub/a']);
    expect(server.read('/top/sub/a').toString()).to.equal('a');
  });

  for (const refusal of ['550 No such folder.', '553 Could not create file.', '501 No.', '450 No such file.', '451 Local error.']) {
    it(`make a target in place of which another folder is listed, when STOR is answered ${refusal.slice(0, 3)} (simple-ftpd)`, async () => {
      const STOR: Act = (session, argument) => (server.files.has(session.path(argument).replace(/\/[^/]*$/, '')) ? session.normal() : session.reply(refusal));
      const server = await stage.serve({ files: { '/else': 'e' }, ...PERSONALITIES.listIgnoresPath, script: { STOR } });
      await scratch.put('source', { a: 'a', b: 'b', 'sub/c': 'c' });
      const pool = new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret', connections: 3 });
      await uploadTree(pool, scratch.path('source'), '/new/top').toArray();
      pool.close();
      expect([...server.files].filter(([, { kind }]) => kind === 'file').map(([path]) => path).sort()).to.deep.equal(['/else', '/new/top/a', '/new/top/b', '/new/top/sub/c']);
    });
  }

  it('ask once whether a folder is missing where uploads to it are refused', async () => {
    const server = await stage.serve({ files: { '/top/x': 'x' }, script: { STOR: '553 Disk full.' } });
    await scratch.put('source', { a: 'a', b: 'b', c: 'c' });
    expect(told(await up(server, { continueOnError: true }))).to.deep.equal(['failed a', 'failed b', 'failed c']);
    expect(server.commands.filter((each) => /^(MKD|MLST)/.test(each))).to.deep.equal(['MKD /top', 'MLST /top']);
  });

  it('make no target that is there and empty', async () => {
    const server = await stage.serve({ files: { '/top/': '' } });
    await scratch.put('source', { a: 'a' });
    expect((await up(server)).map(({ action, path, reason }) => [action, path, reason])).to.deep.equal([['skipped', '', 'exists'], ['uploaded', 'a', undefined]]);
  });

  it("make a target of which SIZE says 450, and MDTM 550 (npm's ftpd)", async () => {
    const server = await stage.serve({ ...LIST_ONLY, script: { ...NO_MLST, SIZE: '450 Failed to get size of file', MDTM: '550 File unavailable' } });
    await scratch.put('source', { a: 'a' });
    expect(told(await up(server))).to.deep.equal(['created ', 'uploaded a']);
  });

  /** What LIST gives of a folder that must not be read, by its path, and when it was entered before. */
  const UNREAD: Readonly<Record<string, readonly [lines: readonly string[], done?: string, entered?: string]>> = {
    'its own line, and a 226 that says so when it was entered (vsftpd)': [
      ['d-wx------    2 1001     1001         4096 Nov 28 22:42 box'], '226 Directory send OK.', '226 Transfer done (but failed to open directory).',
    ],
    'a 226 that says so (Pure-FTPd)': [[], '226-Sorry, we were unable to read [box]\r\n226 0 matches total'],
    'a complaint as a line (inetutils)': [['box: Permission denied']],
    'a complaint of ls (ftpd-ssl)': [["/bin/ls: cannot open directory 'box': Permission denied"]],
  };
  for (const [what, [lines, done, entered]] of Object.entries(UNREAD)) {
    it(`take for no listing ${what}`, async () => {
      const LIST: Act = (session, argument) => {
        const path = session.path(argument.replace(/^-a ?/, ''));
        if (path !== '/top/box') return session.normal();
        const inside = entered !== undefined && session.cwd === path;
        return download(session, '150 Here it comes.', inside ? [] : lines.map((each) => Buffer.from(`${each}\r\n`)), inside ? entered : done);
      };
      const server = await stage.serve({ files: { '/top/box/hidden': 'hid' }, ...LIST_ONLY, script: { ...NO_MLST, LIST } });
      await scratch.put('copy', { 'box/mine': 'mine' });
      const list = await downloadTree(stage.client(server), '/top', scratch.path('copy'), { delete: true, continueOnError: true }).toArray();
      expect(told(list)).to.deep.equal(['failed box']);
      expect(list.find(({ error }) => error)?.error).to.be.instanceOf(PermanentError).with.property('message').that.matches(/^LIST \/top\/box: /);
      expect(await scratch.tree('copy')).to.deep.equal({ 'box/': '', 'box/mine': 'mine' });
      await scratch.put('source', { 'box/new': 'new', 'box/hidden': 'HID' });
      expect(told(await up(server, { overwrite: 'never', delete: true }))).to.deep.equal(['skipped box/hidden (exists)', 'uploaded box/new']);
    });
  }

  it('delete nothing where a listing has entries, and the server says that it could not read all of it', async () => {
    const LIST: Act = (session) => download(session, '150 Here it comes.', [Buffer.from('-rw-r--r-- 1 1001 1001 1 Nov 28 22:42 a\r\n')], '226-Sorry, we were unable to read [b]\r\n226 1 match');
    const server = await stage.serve({ files: { '/top/a': 'a', '/top/b': 'b' }, ...LIST_ONLY, script: { ...NO_MLST, LIST } });
    await scratch.put('copy', { a: 'a', b: 'b' });
    const list = await downloadTree(stage.client(server), '/top', scratch.path('copy'), { delete: true, continueOnError: true }).toArray();
    expect(told(list)).to.not.include('deleted b');
    expect(await scratch.tree('copy')).to.deep.equal({ a: 'a', b: 'b' });
  });

  for (const [mode, is] of [[0o300, 'unread'], [0o333, 'unread'], [0o711, 'empty'], [0, 'empty']] as const) {
    it(`take an empty listing of a folder with the mode ${mode.toString(8)} for ${is === 'empty' ? 'that of an empty folder' : 'none (aioftp)'}`, async () => {
      const server = await stage.serve({ files: { '/top/box/': '' }, ...LIST_ONLY, script: NO_MLST });
      server.files.follow('/top/box').node.mode = mode;
      await scratch.put('copy', { 'box/mine': 'mine' });
      const list = await downloadTree(stage.client(server), '/top', scratch.path('copy'), { delete: true, continueOnError: true }).toArray();
      expect(told(list)).to.deep.equal(is === 'empty' ? ['deleted box/mine'] : ['failed box']);
      await scratch.put('source', { 'box/new': 'new' });
      expect(told(await up(server))).to.deep.equal(['uploaded box/new']);
    });
  }

  it('list a folder that has one of its own name first', async () => {
    const server = await stage.serve({ files: { '/top/box/box/a': 'a', '/top/box/z': 'z' }, ...LIST_ONLY, script: NO_MLST });
    await downloadTree(stage.client(server), '/top', scratch.path('copy'), { delete: true }).toArray();
    expect(await scratch.tree('copy')).to.deep.equal({ 'box/': '', 'box/box/': '', 'box/box/a': 'a', 'box/z': 'z' });
  });

  describe('that say 0 bytes of a file that has some', () => {
    for (const [how, script] of [
      ['in the listing', { MLSD: listing(() => [line('f', { size: 0 })]) }],
      ['by SIZE', { SIZE: '213 0' }],
      ['in both', { MLSD: listing(() => [line('f', { size: 0 })]), SIZE: '213 0' }],
    ] as const) {
      for (const options of [{}, { retry: 1 }, { preserveTimes: true, overwrite: 'changed' }] satisfies TreeOptions[]) {
        it(`download it (${how}, ${JSON.stringify(options)})`, async () => {
          const server = await stage.serve({ files: { '/top/f': 'content' }, script, mark: 'without size' });
          expect(told(await downloadTree(stage.client(server), '/top', scratch.path('copy'), options).toArray())).to.deep.equal(['created ', 'downloaded f']);
          expect(await scratch.tree('copy')).to.deep.equal({ f: 'content' });
        });
      }
    }

    it('find a file that is shorter than its listing all the same', async () => {
      const server = await stage.serve({ files: { '/top/f': 'content' }, script: { MLSD: listing(() => [line('f', { size: 9 })]), SIZE: '213 0' }, mark: 'without size' });
      expect(await failure(downloadTree(stage.client(server), '/top', scratch.path('copy')).toArray())).to.be.instanceOf(TransferError);
    });
  });

  describe('that rename nothing', () => {
    for (const [what, options] of [
      ['RNFR 500', { script: { RNFR: '500 What?' } }], ['RNFR 502', { script: { RNFR: '502 No.' } }], ['RNTO 500', { script: { RNTO: '500 What?' } }], ['RNTO 502', { script: { RNTO: '502 No.' } }],
      ['neither', PERSONALITIES.noRename],
    ] as const) {
      it(`say at once how to upload (${what})`, async () => {
        const server = await stage.serve({ files: { '/top/f': 'old' }, ...options });
        await scratch.put('source', { f: 'new' });
        const error = (await failure(up(server, { retry: { attempts: 3, backoff: 60_000 } }))) as Error;
        expect(error).to.be.instanceOf(PermanentError).with.property('message').that.includes('temporaryName: false');
        expect(server.commands.filter((each) => each.startsWith('STOR'))).to.have.length(1);
        expect(server.commands.filter((each) => each.startsWith('USER'))).to.have.length(1);
        expect([...server.files.keys()].filter((path) => path.startsWith('/top/'))).to.deep.equal(['/top/f']);
        expect(server.read('/top/f').toString()).to.equal('old');
        await up(server, { temporaryName: false });
        expect(server.read('/top/f').toString()).to.equal('new');
      });
    }
  });

  describe('that list minutes', () => {
    const AT = Date.parse('2026-05-06T07:08:09Z');
    const now = (): Date => new Date('2026-06-01T00:00:00Z');

    for (const overwrite of ['newer', 'changed'] as const) {
      for (const [change, transfers] of [[0, false], [20_000, true]] as const) {
        it(`ask MDTM whether a file is another one, ${change / 1000} s later, for \`${overwrite}\`, both ways`, async () => {
          const server = await stage.serve({ files: { '/top/f': 'new' }, ...LIST_ONLY, script: NO_MLST, now });
          const at = (time: number): void => void (server.file('/top/f').modified = new Date(time));
          const client = stage.client(server);
          await scratch.put('here', { f: 'old' }, new Date(AT));
          at(AT + change);
          const down = await mirror({ from: { client, path: '/top' }, to: scratch.path('here'), overwrite }).toArray();
          expect(down.some(({ action }) => action === 'downloaded'), 'down').to.equal(transfers);
          await scratch.put('here', { f: 'OLD' }, new Date(AT));
          at(AT - change);
          const list = await mirror({ from: scratch.path('here'), to: { client, path: '/top' }, overwrite }).toArray();
          expect(list.some(({ action }) => action === 'uploaded'), 'up').to.equal(transfers);
        });
      }
    }
  });

  for (const [serverTimeZoneOffset, transfers] of [[120, false], [0, true]] as const) {
    it(`compare the minutes of LIST in the server's time zone, where there is no MDTM (${serverTimeZoneOffset})`, async () => {
      const listed = new Date('2026-05-06T07:08:00Z'); // two hours east of UTC
      const server = await stage.serve({ files: { '/top/f': 'new' }, features: ['SIZE'], script: { ...NO_MLST, MDTM: '502 No.' }, now: () => new Date('2026-06-01T00:00:00Z') });
      server.file('/top/f').modified = listed;
      await scratch.put('here', { f: 'old' }, new Date('2026-05-06T05:08:09Z'));
      const client = stage.client(server, { serverTimeZoneOffset });
      const list = await mirror({ from: { client, path: '/top' }, to: scratch.path('here') }).toArray();
      expect(list.some(({ action }) => action === 'downloaded')).to.equal(transfers);
    });
  }

  describe('that set times by other commands than MFMT', () => {
    const TIME = new Date('2021-03-04T05:06:07Z');
    const MDTM: Act = (session, argument) => {
      const [, digits = '', path] = /^(\d{14}) (.+)$/.exec(argument) ?? [];
      if (path === undefined) return session.normal();
      session.server.files.follow(session.path(path)).node.modified = new Date(digits.replace(/(....)(..)(..)(..)(..)(..)/, '$1-$2-$3T$4:$5:$6Z'));
      session.reply('213 File modification time set.');
    };
    const FILES = { a: 'a', b: 'b', c: 'c' };
    const sent = (server: FtpServer, what: RegExp): string[] => server.commands.filter((each) => what.test(each));

    it('give each file its time, with the questions of one file', async () => {
      const server = await stage.serve({ ...LIST_ONLY, script: { ...NO_MLST, MFMT: '500 Unknown command.', MDTM } });
      await scratch.put('source', FILES, TIME);
      await up(server, { preserveTimes: true });
      for (const name of Object.keys(FILES)) expect(server.file(`/top/${name}`).modified).to.deep.equal(TIME);
      expect(sent(server, /^MFMT/)).to.have.length(1);
      expect(sent(server, /^MDTM \d{14} .*\.part$/), 'before the file has its name').to.have.length(3);
      expect(sent(server, /^MDTM \D.*\.part/)).to.have.length(2);
          });

    it('see then any other time as a change', async () => {
      const server = await stage.serve({ ...LIST_ONLY, script: { ...NO_MLST, MFMT: '500 Unknown command.', MDTM } });
      const places = { from: scratch.path('source'), to: { client: stage.client(server), path: '/top' } };
      await scratch.put('source', FILES, TIME);
      await mirror(places).toArray();
      await utimes(scratch.path('source/b'), TIME, new Date('2011-01-01'));
      expect(told(await mirror(places).toArray()).filter((each) => each.startsWith('uploaded'))).to.deep.equal(['uploaded b']);
      expect(told(await mirror(places).toArray()).filter((each) => each.startsWith('uploaded'))).to.deep.equal([]);
    });

    it('are asked once where they close the connection for it, or do not answer', async () => {
      for (const step of [resetControl(), silence()]) {
        const server = await stage.serve({ ...LIST_ONLY, script: { ...NO_MLST, MFMT: [step] } });
        await scratch.put('source', FILES, TIME);
        const client = stage.client(server, { replyTimeout: 200 });
        expect(told(await uploadTree(client, scratch.path('source'), '/top', { preserveTimes: true }).toArray())).to.deep.equal(['created ', 'uploaded a', 'uploaded b', 'uploaded c']);
        expect(sent(server, /^MFMT/)).to.have.length(1);
        expect(sent(server, /^USER/)).to.have.length(2);
      }
    });

    it('are asked once where nothing does it', async () => {
      const server = await stage.serve({ ...LIST_ONLY, script: { ...NO_MLST, MFMT: '500 Unknown command.' } });
      await scratch.put('source', FILES, TIME);
      const asked = (): number => sent(server, /^(MFMT|MDTM|SITE).*\.part/).length;
      await up(server, { preserveTimes: true });
      expect(asked()).to.equal(5); // MFMT, MDTM without and with a time, SITE UTIME in two forms
      await up(server, { preserveTimes: true });
      expect(asked()).to.equal(5);
    });
  });

  describe('with preserveModes', () => {
    const bits = async (path: string): Promise<number> => (await stat(scratch.path(path))).mode & 0o7777;

    it('give each file its permissions before its name, and no other bits', async () => {
      const server = await stage.serve();
      await scratch.put('source', { private: 'p', run: 'r', 'sub/open': 'o' });
      for (const [path, mode] of [['private', 0o600], ['run', 0o4755], ['sub/open', 0o666]] as const) await chmod(scratch.path('source', path), mode);
      await up(server, { preserveModes: true });
      expect(['/top/private', '/top/run', '/top/sub/open'].map((path) => server.file(path).mode)).to.deep.equal([0o600, 0o755, 0o666]);
      expect(server.commands.filter((each) => /^(SITE|RNTO)/.test(each)).slice(0, 2)).to.deep.equal(['SITE CHMOD 600 /top/.private.part', 'RNTO /top/private']);
    });

    it('ask once where the server has no SITE CHMOD, and for each file where it refuses one', async () => {
      await scratch.put('source', { a: 'a', b: 'b', c: 'c' });
      for (const [reply, times] of [['500 Unknown SITE command.', 1], ['502 No.', 1], ['550 Not yours.', 3]] as const) {
        const server = await stage.serve({ script: { SITE: reply } });
        expect(told(await up(server, { preserveModes: true }))).to.deep.equal(['created ', 'uploaded a', 'uploaded b', 'uploaded c']);
        expect(server.commands.filter((each) => each.startsWith('SITE'))).to.have.length(times);
      }
    });

    for (const [where, options] of [['by MLSD', {}], ['by LIST', { ...LIST_ONLY, script: NO_MLST }]] as const) {
      it(`take the permissions that are listed ${where}, without other bits, and with those of the owner`, async () => {
        const server = await stage.serve({ files: { '/top/private': 'p', '/top/run': 'r', '/top/locked': 'l', '/top/sub/open': 'o' }, ...options });
        for (const [path, mode] of [['private', 0o600], ['run', 0o6751], ['locked', 0o044], ['sub/open', 0o646]] as const) server.file(`/top/${path}`).mode = mode;
        await downloadTree(stage.client(server), '/top', scratch.path('copy'), { preserveModes: true }).toArray();
        expect(await Promise.all(['private', 'run', 'locked', 'sub/open'].map((path) => bits(`copy/${path}`)))).to.deep.equal([0o600, 0o751, 0o644, 0o646]);
      });
    }

    it('leave the permissions as they come where the listing has none, and without the option', async () => {
      const server = await stage.serve({ files: { '/top/f': 'x' }, script: { MLSD: listing(() => [line('f')]) } });
      await downloadTree(stage.client(server), '/top', scratch.path('copy'), { preserveModes: true }).toArray();
      const usual = await bits('copy/f');
      server.script = {};
      server.file('/top/f').mode = 0o700;
      await downloadTree(stage.client(server), '/top', scratch.path('other')).toArray();
      expect(await bits('other/f')).to.equal(usual);
      await up(server).catch(() => undefined);
      expect(server.commands.filter((each) => each.startsWith('SITE'))).to.deep.equal([]);
    });

    it('survive a candidate that is asked about first', async () => {
      const server = await stage.serve({ files: { '/top/f': 'new' }, ...LIST_ONLY, script: NO_MLST });
      server.file('/top/f').mode = 0o750;
      await scratch.put('copy', { f: 'old' }, new Date('2001-01-01'));
      await mirror({ from: { client: stage.client(server), path: '/top' }, to: scratch.path('copy'), preserveModes: true }).toArray();
      expect(await scratch.tree('copy')).to.deep.equal({ f: 'new' });
      expect(await bits('copy/f')).to.equal(0o750);
    });
  });
});
