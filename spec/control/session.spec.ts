import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ConnectionClosedError, PermanentError } from '../../lib/errors';
import { FTP } from '../../lib/client/ftp';
import { NetrcParseError } from '../../lib/netrc';
import { failure, scene } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import { gate, turn } from '../support/server/gate';
import type { Script } from '../support/server/script';
import { data, dataEnd, hangUp, normal, openData, resetControl, send, until } from '../support/server/steps';

const FILES = { '/a/b/file': 'found', '/c/': '', '/a b/file': 'blank' };

describe('session', () => {
  const stage = scene();

  describe('lazy connection', () => {
    it('does nothing before the first verb', async () => {
      const server = await stage.serve();
      let sessions = 0;
      server.on('session', () => (sessions += 1));
      const ftp = stage.client(server);
      ftp.retr('x');
      ftp.stor('y');
      await new Promise(setImmediate);
      expect(sessions).to.equal(0);
      expect(ftp.welcome).to.equal(undefined);
    });

    it('connects and logs in once for verbs called together', async () => {
      const server = await stage.serve({ files: FILES });
      const ftp = stage.client(server);
      const [reply, , size] = await Promise.all([ftp.noop(), ftp.cwd('/a/b'), ftp.size('file')]);
      expect([reply.code, size]).to.deep.equal([200, 5]);
      expect(server.commands.filter((line) => /^(USER|PASS|FEAT)/.test(line))).to.deep.equal(['USER user', 'PASS secret', 'FEAT']);
      expect(ftp.welcome?.code).to.equal(220);
    });

    it('connects for a stream that is read', async () => {
      const server = await stage.serve({ files: FILES });
      expect(await text(stage.client(server).retr('/a/b/file'))).to.equal('found');
    });

    for (const greeting of ['421 Full.', '530 Not now.', '350 What?']) {
      it(`tries again at a verb that waited while the greeting was ${greeting}`, async () => {
        const server = await stage.serve({ script: { GREETING: [greeting, '220 Welcome.'] } });
        const ftp = stage.client(server);
        const [refused, path] = await Promise.allSettled([ftp.pwd(), ftp.pwd()]);
        expect(refused.status).to.equal('rejected');
        expect(path).to.deep.equal({ status: 'fulfilled', value: '/' });
      });
    }

    it('tries again at the next verb after a failure', async () => {
      const server = await stage.serve({ script: { GREETING: ['421 Full.', '220 Welcome.'] } });
      const ftp = stage.client(server);
      expect((await failure(ftp.noop())).reply?.code).to.equal(421);
      expect((await ftp.noop()).code).to.equal(200);
    });

    for (const end of ['quit', 'close', 'dispose'] as const) {
      it(`is over after ${end}: late verbs and streams fail, until connect() opens it again`, async () => {
        const server = await stage.serve({ files: FILES });
        const ftp = stage.client(server);
        await ftp.noop();
        const before = ftp.retr('a/file');
        await (end === 'dispose' ? ftp[Symbol.asyncDispose]() : ftp[end]());
        expect(before.errored).to.be.instanceOf(ConnectionClosedError);
        for (const late of [() => ftp.noop(), () => ftp.login(), () => ftp.auth(), () => ftp.retr('a/file').toArray(), () => ftp.get('a/file', 'never')]) {
          expect(await failure(late())).to.be.instanceOf(ConnectionClosedError);
        }
        expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.length(1);
        await ftp.connect();
        await ftp.login();
        expect((await ftp.noop()).code).to.equal(200);
      });
    }

    it('has no host to connect to without the option', async () => {
      const error = await failure(new FTP().noop());
      expect(error).to.include({ code: 'ERR_FTP_INVALID_ARGUMENT' });
      expect(error.message).to.match(/no host/);
    });
  });

  describe('connection by hand', () => {
    it('is not made anew behind the caller\'s back', async () => {
      const server = await stage.serve({ script: { NOOP: [[resetControl()], '200 Ok.'] } });
      const ftp = await stage.connect(server);
      expect(await failure(ftp.noop())).to.be.instanceOf(ConnectionClosedError);
      const error = await failure(ftp.syst());
      expect(error).to.be.instanceOf(ConnectionClosedError);
      expect(error.message).to.match(/^not connected: /);
      await ftp.connect();
      await ftp.login();
      expect((await ftp.noop()).code).to.equal(200);
    });

    it('takes host and port over those of the options', async () => {
      const server = await stage.serve();
      const ftp = stage.client({ host: 'name.invalid', port: 1 });
      expect((await ftp.connect(server.host, server.port)).code).to.equal(220);
    });

    it('is refused while there is one', async () => {
      const ftp = await stage.connect(await stage.serve());
      expect(await failure(ftp.connect())).to.be.instanceOf(ConnectionClosedError).with.property('message').match(/already connected/);
      expect((await ftp.noop()).code).to.equal(200);
    });

    it('says what the server says to a verb before login', async () => {
      const server = await stage.serve();
      const ftp = stage.client(server);
      await ftp.connect();
      const error = await failure(ftp.size('x'));
      expect(error.reply?.code).to.equal(530);
      await ftp.login();
      expect((await ftp.noop()).code).to.equal(200);
    });
  });

  describe('after a lost connection', () => {
    for (const [way, steps, expected] of [
      ['one relative folder', ['a'], ['CWD a']],
      ['folder in folder', ['a', 'b'], ['CWD a', 'CWD b']],
      ['an absolute folder, which forgets the way before it', ['c', '/a', 'b'], ['CWD /a', 'CWD b']],
      ['down and up again', ['a', 'b', '..'], ['CWD a']],
      ['up from an absolute path', ['/a/b', '..'], ['CWD /a/b', 'CDUP']],
      ['up from the login folder', ['..', 'a'], ['CDUP', 'CWD a']],
      ['a folder that is not there', ['a', 'nothing'], ['CWD a']],
      ['the folder where we are', ['a', '.'], ['CWD a']],
    ] as const) {
      it(`finds its way: ${way}`, async () => {
        const server = await stage.serve({ files: FILES });
        const ftp = stage.client(server);
        for (const dir of steps) await ftp.cwd(dir).catch((error: Error) => expect(error).to.be.instanceOf(PermanentError));
        const before = await ftp.pwd();
        await lose(server, ftp);
        expect(await ftp.pwd()).to.equal(before);
        expect(server.commands).to.deep.equal(['USER user', 'PASS secret', ...expected, 'FEAT', 'PWD']);
      });
    }

    it('is in the login folder after quit and connect()', async () => {
      const server = await stage.serve({ files: FILES });
      const ftp = stage.client(server);
      await ftp.cwd('a');
      await ftp.quit();
      await ftp.connect();
      await ftp.login();
      expect(await ftp.pwd()).to.equal('/');
    });

    it('fails where the folder is gone, rather than to work in another', async () => {
      const server = await stage.serve({ files: FILES });
      const ftp = stage.client(server);
      await ftp.cwd('c');
      await lose(server, ftp);
      server.files.delete('/c');
      const error = await failure(ftp.delete('file'));
      expect(error).to.be.instanceOf(PermanentError);
      expect(error).to.include({ command: 'CWD c', phase: 'login' });
      await server.deserted();
      expect(server.commands).to.deep.equal(['USER user', 'PASS secret', 'CWD c']);
    });

    it('sets the TYPE anew that a caller has set', async () => {
      const server = await stage.serve();
      const ftp = stage.client(server);
      await ftp.voidcmd('TYPE I');
      await lose(server, ftp);
      await ftp.noop();
      expect(server.commands).to.deep.equal(['USER user', 'PASS secret', 'TYPE I', 'NOOP']);
    });

    it('takes a restart offset back in binary, as servers take no REST in ASCII, and keeps a session that was made by hand', async () => {
      const script: Script = { REST: (session) => (session.type === 'A' ? send('501 Resuming transfers not allowed in ASCII mode.') : normal())(session) };
      const server = await stage.serve({ files: { '/a': 'first', '/b': 'second' }, script });
      const ftp = await stage.connect(server);
      expect((await failure(text(ftp.retr('a', { start: 99 })))).reply?.code).to.equal(554);
      await ftp.voidcmd('TYPE A');
      expect(await text(ftp.retr('b'))).to.equal('second');
      expect(await ftp.nlst().toArray()).to.have.members(['a', 'b']);
    });

    it('sets the TYPE of a transfer after the caller’s, also where that still waits for the 226 before it', async () => {
      const server = await stage.serve({ files: { '/a': 'first', '/b': 'one\ntwo\n' } });
      const ftp = stage.client(server);
      expect(await text(ftp.retr('a'))).to.equal('first');
      const late = gate();
      server.script = { RETR: [[openData(), send('150 Here it comes.'), data('first'), dataEnd(), until(late), send('226 Done.')], [normal()]] };
      const all = Promise.all([text(ftp.retr('a')), failure(ftp.delete('nothing')), ftp.sendcmd('TYPE A'), text(ftp.retr('b'))]);
      await server.waitFor('RETR a');
      for (let turns = 0; turns < 20; turns++) await turn();
      late.open();
      const [, , , bytes] = await all;
      expect(bytes).to.equal('one\ntwo\n');
      expect(server.commands.slice(-5)).to.deep.equal(['DELE nothing', 'TYPE A', 'TYPE I', 'EPSV', 'RETR b']);
    });

    it('asks for the TYPE of a verb again', async () => {
      const server = await stage.serve({ files: FILES });
      const ftp = stage.client(server);
      await ftp.size('/a/b/file');
      await lose(server, ftp);
      expect(await ftp.size('/a/b/file')).to.equal(5);
      expect(server.commands).to.include('TYPE I');
    });

    it('asks FEAT and OPTS UTF8 ON again', async () => {
      const server = await stage.serve();
      const ftp = stage.client(server);
      await ftp.feat();
      await lose(server, ftp);
      await ftp.feat();
      await ftp.noop();
      expect(server.commands).to.deep.equal(['USER user', 'PASS secret', 'FEAT', 'OPTS UTF8 ON', 'NOOP']);
    });

    it('says which commands may have been carried out when their reply was lost', async () => {
      const verbs: Readonly<Record<string, (ftp: FTP) => Promise<unknown>>> = {
        DELE: (ftp) => ftp.delete('x'),
        RNTO: (ftp) => ftp.rename('/c', '/d'),
        MKD: (ftp) => ftp.mkd('x'),
        RMD: (ftp) => ftp.rmd('x'),
        SIZE: (ftp) => ftp.size('x'),
        PWD: (ftp) => ftp.pwd(),
        RNFR: (ftp) => ftp.rename('x', 'y'),
      };
      const said: Record<string, unknown> = {};
      for (const [verb, act] of Object.entries(verbs)) {
        const server = await stage.serve({ files: FILES, script: { [verb]: [hangUp()] } });
        said[verb] = (await failure(act(stage.client(server)))).maybeCompleted;
      }
      expect(said).to.deep.equal({ DELE: true, RNTO: true, MKD: true, RMD: true, SIZE: undefined, PWD: undefined, RNFR: undefined });
    });

    it('does not say so of a command that was refused, or never sent', async () => {
      const server = await stage.serve({ script: { NOOP: [send('421 Bye.'), hangUp()] } });
      const ftp = await stage.connect(server);
      expect((await failure(ftp.delete('x'))).maybeCompleted).to.equal(undefined);
      await failure(ftp.noop());
      expect((await failure(ftp.delete('x'))).maybeCompleted).to.equal(undefined);
    });
  });

  describe('netrc', () => {
    let folder: string;
    beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'netrc-'))));
    afterEach(() => rm(folder, { recursive: true }));

    async function file(content: string): Promise<string> {
      const name = join(folder, 'netrc');
      await writeFile(name, content, { mode: 0o600 });
      return name;
    }

    async function serve(): Promise<{ host: string; port: number; commands(): string[] }> {
      const server = await stage.serve();
      return { host: server.host, port: server.port, commands: () => server.commands };
    }

    async function use(ftp: FTP): Promise<void> {
      await ftp.login();
      ftp.close();
    }

    it('gives name, password and account for exactly this host', async () => {
      const server = await stage.serve({ users: { me: { password: 'word', account: 'acc' } } });
      const netrc = await file('machine 127.0.0.1 login me password word account acc');
      const { host, port } = server;
      const ftp = new FTP({ host, port, netrc });
      await ftp.login();
      expect(server.commands).to.deep.equal(['USER me', 'PASS word', 'ACCT acc']);
      ftp.close();
    });

    it('is not used for another host, nor its default entry', async () => {
      const { host, port, ...server } = await serve();
      const netrc = await file('machine localhost login me password word\nmachine 127.0.0.10 login me password word\ndefault login me password word');
      await use(new FTP({ host, port, netrc }));
      expect(server.commands()).to.deep.equal(['USER anonymous', 'PASS anonymous@']);
    });

    it('is used for the user that the options name, and no other', async () => {
      const { host, port, ...server } = await serve();
      const netrc = await file('machine 127.0.0.1 login user password secret');
      await use(new FTP({ host, port, netrc, user: 'user' }));
      await use(new FTP({ host, port, netrc, user: 'anonymous' }));
      await use(new FTP({ host, port, netrc, user: 'user', password: 'secret' }));
      expect(server.commands()).to.deep.equal(['USER user', 'PASS secret', 'USER anonymous', 'PASS anonymous@', 'USER user', 'PASS secret']);
    });

    it('is used for that user where it has two for the host, whichever stands last, and never with the password of the other', async () => {
      const { host, port, ...server } = await serve();
      const entries = ['machine 127.0.0.1 login user password secret', 'machine 127.0.0.1 login other password word'];
      for (const order of [entries, entries.toReversed()]) await use(new FTP({ host, port, netrc: await file(order.join('\n')), user: 'user' }));
      await failure(new FTP({ host, port, netrc: await file(entries.join('\n')), user: 'third' }).login());
      expect(server.commands()).to.deep.equal(['USER user', 'PASS secret', 'USER user', 'PASS secret', 'USER third', 'PASS ']);
    });

    it('sends no empty password, where another entry of the host has one', async () => {
      const { host, port, ...server } = await serve();
      await use(new FTP({ host, port, netrc: await file('machine 127.0.0.1 login user password secret\nmachine 127.0.0.1 login user\nmachine 127.0.0.1') }));
      await use(new FTP({ host, port, netrc: await file('machine 127.0.0.1 password secret') }));
      expect(server.commands()).to.deep.equal(['USER user', 'PASS secret', 'USER anonymous', 'PASS anonymous@']);
    });

    it('gives way to a name given by hand', async () => {
      const server = await stage.serve();
      const netrc = await file('machine 127.0.0.1 login me password word');
      await stage.client(server, { netrc }).login('user', 'secret');
      expect(server.commands).to.deep.equal(['USER user', 'PASS secret']);
    });

    it('sends nothing where its password holds a line end, or it cannot be read', async () => {
      const { host, port, ...server } = await serve();
      expect(await failure(new FTP({ host, port, netrc: await file('machine 127.0.0.1 login me password "wo\nrd"') }).login())).to.include({ phase: 'login' });
      expect(await failure(new FTP({ host, port, netrc: await file('machine') }).login())).to.be.instanceOf(NetrcParseError);
      expect(server.commands()).to.deep.equal([]);
    });
  });
});

/** The server drops the one client that is connected; its transcript begins anew. */
async function lose(server: FtpServer, ftp: FTP): Promise<void> {
  const closed = once(ftp, 'close');
  for (const { control } of server.sessions) control.reset();
  await closed;
  server.commands.length = 0;
}
