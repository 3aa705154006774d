import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { inspect, promisify } from 'node:util';
import { ArgumentError, ConnectionClosedError, PermanentError, ProtocolError, ReplyError, TemporaryError } from '../../lib/errors';
import { FTP } from '../../lib/client/ftp';
import { FTPPool } from '../../lib/client/pool';
import { failure, scene } from '../support/client';
import type { Act, Script } from '../support/server/script';
import { normal, raw, resetControl, send, silence } from '../support/server/steps';

const SECRET = 'hunter2-swordfish';

/** Replies with what the command said. */
function echo(answer: (secret: string) => string): Act {
  return (session, secret) => session.reply(answer(secret));
}

describe('login', () => {
  const stage = scene();

  it('is anonymous by default', async () => {
    const server = await stage.serve();
    const ftp = new FTP({ host: server.host, port: server.port });
    expect((await ftp.login()).code).to.equal(230);
    expect(server.commands).to.deep.equal(['USER anonymous', 'PASS anonymous@']);
    ftp.close();
  });

  it('is over at 230 straight after USER: no PASS follows', async () => {
    const server = await stage.serve({ script: { USER: (session) => ((session.login = 'done'), session.reply('230 No password needed.')) } });
    const ftp = stage.client(server);
    expect((await ftp.login()).text).to.equal('No password needed.');
    await ftp.noop();
    expect(server.commands).to.deep.equal(['USER user', 'NOOP']);
  });

  it('sends PASS at 331, and ACCT at 332', async () => {
    const server = await stage.serve({ users: { user: { password: 'secret', account: 'billing' } } });
    const ftp = stage.client(server, { account: 'billing' });
    expect((await ftp.login()).code).to.equal(230);
    expect(server.commands).to.deep.equal(['USER user', 'PASS secret', 'ACCT billing']);
  });

  it('sends ACCT at 332 straight after USER', async () => {
    const server = await stage.serve({ script: { USER: '332 Account?', ACCT: '230 Welcome.' } });
    await stage.client(server, { account: 'a' }).login();
    expect(server.commands).to.deep.equal(['USER user', 'ACCT a']);
  });

  it('takes 202 to PASS as logged in', async () => {
    const server = await stage.serve({ script: { PASS: '202 Superfluous.' } });
    expect((await stage.client(server).login()).code).to.equal(202);
  });

  it('fails clearly where an account is wanted and none is set', async () => {
    const server = await stage.serve({ users: { user: { password: 'secret', account: 'billing' } } });
    const error = await failure(stage.client(server).login());
    expect(error).to.be.instanceOf(ReplyError);
    expect(error.message).to.match(/wants an account.*332/);
    expect(error).to.include({ phase: 'login', command: 'ACCT' });
    expect(server.commands).to.deep.equal(['USER user', 'PASS secret']);
  });

  it('fails with ReplyError where the answer to PASS is another 3yz', async () => {
    const server = await stage.serve({ script: { PASS: '331 Again?' } });
    const error = await failure(stage.client(server).login());
    expect(error).to.be.instanceOf(ReplyError).and.not.instanceOf(PermanentError);
    expect(error.phase).to.equal('login');
  });

  it('takes the name, password and account given by hand rather than those of the options', async () => {
    const server = await stage.serve({ users: { other: { password: 'word', account: 'acc' } } });
    const ftp = stage.client(server, { account: 'not this' });
    await ftp.connect();
    expect((await ftp.login('other', 'word', 'acc')).code).to.equal(230);
    expect(server.commands).to.deep.equal(['USER other', 'PASS word', 'ACCT acc']);
  });

  it('sends no password of the options for a name given by hand', async () => {
    const server = await stage.serve();
    const ftp = stage.client(server);
    expect((await failure(ftp.login('root'))).reply?.code).to.equal(530);
    expect((await ftp.login('anonymous')).code).to.equal(230);
    expect(server.commands).to.deep.equal(['USER root', 'PASS ', 'USER anonymous', 'PASS anonymous@']);
  });

  it('can be tried again by hand on the same connection after a wrong password', async () => {
    const server = await stage.serve();
    const ftp = stage.client(server);
    await ftp.connect();
    const error = await failure(ftp.login('user', 'wrong'));
    expect(error).to.be.instanceOf(PermanentError);
    expect(error).to.include({ phase: 'login', command: 'PASS ****', message: 'PASS ****: 530 Login incorrect.' });
    expect((await ftp.login('user', 'secret')).code).to.equal(230);
    expect(server.sessions.size).to.equal(1);
  });

  it('fails each verb of a lazy client whose password is wrong, on a connection that is closed', async () => {
    const server = await stage.serve();
    const ftp = stage.client(server, { password: 'wrong' });
    const errors = await Promise.all([failure(ftp.noop()), failure(ftp.size('x'))]);
    for (const error of errors) {
      expect(error).to.be.instanceOf(PermanentError);
      expect(error.phase).to.equal('login');
    }
    await server.deserted();
  });

  it('tells a server that is full for now from one that refuses', async () => {
    const server = await stage.serve({ script: { PASS: '430 Too many of you.' } });
    expect(await failure(stage.client(server).login())).to.be.instanceOf(TemporaryError);
  });

  describe('secrets', () => {
    for (const [where, word, script] of [
      ['the password that the server echoes', SECRET, { PASS: echo((secret) => `530 Bad line: PASS ${secret}`) }],
      ['the password that a 230 echoes', SECRET, { PASS: echo((secret) => `230-Your\r\n ${secret} is\r\n230 ${secret}`) }],
      ['the password in a line that is no reply', SECRET, { PASS: [raw(`PASS ${SECRET}\r\n`)] }],
      ['a password with a quote in a line that is no reply', 'sword"fish', { PASS: [raw('PASS sword"fish\r\n')] }],
      ['the beginning of a long password in a line that is no reply', 'x'.repeat(200), { PASS: [raw(`${'x'.repeat(200)}\r\n`)] }],
      ['the password that no reply comes to', SECRET, { PASS: [silence()] }],
      ['the account that the server echoes', SECRET, { PASS: '332 Account?', ACCT: echo((account) => `530 No ${account}`) }],
      ['the password that the 421 echoes', SECRET, { PASS: [send(`421 ${SECRET} was too much`)] }],
      ['a password of blanks and signs', ' $& (x) ', { PASS: echo((secret) => `530 <${secret}>`) }],
    ] satisfies [string, string, Script][]) {
      it(`does not show ${where}`, async () => {
        const server = await stage.serve({ script });
        const ftp = stage.client(server, { password: word, account: word, replyTimeout: 200 });
        const shown = eavesdrop(ftp);
        shown.push(inspect(await ftp.login().catch((error: unknown) => error), { depth: 9 }));
        shown.push(inspect(await ftp.noop().catch((error: unknown) => error), { depth: 9 }));
        expect(shown.join('\n')).to.not.include(word.trim().slice(0, 9));
        expect(server.commands.join('\n')).to.include(word);
      });
    }

    it('does not show what a URL says, nor a password that cannot be sent', () => {
      for (const make of [
        () => new FTP(`ftp://me:${SECRET}@host:70000/`),
        () => new FTP(`ftp://me:${SECRET}%0d%0a@host/`),
        () => new FTP({ password: `${SECRET}\r\nDELE x` }),
        () => new FTP({ account: `${SECRET}\0` }),
        () => new FTP({ user: 'me', password: `${SECRET}\u0416`, encoding: 'latin1' }),
      ]) {
        expect(make).to.throw(ArgumentError).that.satisfies((error: Error) => !inspect(error).includes(SECRET));
      }
    });

    it('does not show them in the log either', async () => {
      const server = await stage.serve({ script: { PASS: [['331 Again?'], [raw(`${SECRET}?\r\n`)]], ACCT: '230 Ok.' } });
      const program = `
        const { FTP } = require('./lib/client/ftp');
        const ftp = new FTP('ftp://user:${SECRET}@127.0.0.1:${server.port}/');
        ftp.login().catch(() => ftp.login()).catch((error) => console.error(error)).finally(() => ftp.close());`;
      const run = promisify(execFile);
      const { stdout, stderr } = await run(process.execPath, ['-r', 'ts-node/register/transpile-only', '-e', program], {
        cwd: join(__dirname, '../..'),
        env: { ...process.env, NODE_DEBUG: 'ftp' },
      });
      expect(stderr).to.match(/FTP \d+: 1\.1 > PASS \*{4}/).and.match(/ProtocolError/);
      expect(stdout + stderr).to.not.include(SECRET);
    });

    it('hides PASS, ACCT and passwords in SITE sent by hand', async () => {
      const server = await stage.serve();
      const ftp = await stage.connect(server);
      const shown = eavesdrop(ftp);
      for (const line of [`pass ${SECRET}`, `ACCT ${SECRET}`, `SITE PSWD old ${SECRET}`, `site cpwd ${SECRET}`]) {
        shown.push(inspect(await ftp.sendcmd(line).catch((error: unknown) => error), { depth: 9 }));
      }
      expect(shown.join('\n')).to.not.include(SECRET);
      expect(server.commands).to.have.length(4);
    });

    it('does not show them where a program logs its client or pool, or a stream of it', async () => {
      const server = await stage.serve({ users: { user: { password: SECRET, account: 'billing' } } });
      const options = { host: server.host, port: server.port, user: 'user', password: SECRET, account: 'billing' };
      const [ftp, pool] = [new FTP(options), new FTPPool(options)];
      try {
        await Promise.all([ftp.noop(), pool.noop()]);
        for (const shown of [ftp, pool, new FTP(`ftp://user:${SECRET}@127.0.0.1/`), ftp.retr('a'), pool.walk(), pool.downloadTree('a', 'b')]) {
          expect(inspect(shown, { depth: 9 })).not.to.include(SECRET).and.not.to.include('billing');
        }
      } finally {
        ftp.close();
        pool.close();
      }
    });
  });

  it('refuses a name that would be two lines before anything is sent', async () => {
    const server = await stage.serve();
    const ftp = stage.client(server);
    await ftp.connect();
    for (const [user, password, account] of [['a\r\nDELE b'], ['a', 'b\nDELE c'], ['a', 'b', 'c\0'], ['\ud800']] as const) {
      expect(await failure(ftp.login(user, password, account))).to.be.instanceOf(ArgumentError);
    }
    expect(server.commands).to.deep.equal([]);
  });

  for (const [what, script] of Object.entries({ greeting: { GREETING: [[raw('220 Hi.\r\n421 Full.\r\n')], [send('220 Hi.')]] }, 230: { PASS: [[raw('230 In.\r\n421 Full.\r\n')], [normal()]] } })) {
    it(`is over where a 421 comes together with the ${what}; the next one has no timer of it`, async () => {
      const server = await stage.serve({ files: { '/a': 'aaa' }, script });
      const intervals = new Set<unknown>();
      const { setInterval: begin, clearInterval: end } = globalThis;
      globalThis.setInterval = ((...args: Parameters<typeof begin>) => {
        const timer = begin(...args);
        intervals.add(timer);
        return timer;
      }) as typeof begin;
      globalThis.clearInterval = (timer) => (intervals.delete(timer), end(timer));
      try {
        const ftp = stage.client(server, { keepAlive: 60_000 });
        const error = await failure(ftp.pwd());
        expect(error).to.be.instanceOf(ConnectionClosedError);
        expect(error.reply?.code).to.equal(421);
        expect(intervals.size).to.equal(0);
        expect(await text(ftp.retr('a'))).to.equal('aaa');
        expect(intervals.size).to.equal(1);
        ftp.close();
        expect(intervals.size).to.equal(0);
      } finally {
        Object.assign(globalThis, { setInterval: begin, clearInterval: end });
      }
    });
  }

  it('gives up a login whose connection speaks no FTP', async () => {
    const server = await stage.serve({ script: { USER: [raw('HTTP/1.1 400\r\n')] } });
    const error = await failure(stage.client(server).login());
    expect(error).to.be.instanceOf(ProtocolError);
    expect(error.phase).to.equal('login');
  });

  describe('what the server says of it', () => {
    it('is done with a greeting of 230: neither USER nor PASS follows, and the commands after a login do', async () => {
      const server = await stage.serve({ files: { '/a': 'aaa' }, script: { SITE: '200 Ok.', GREETING: (session) => ((session.login = 'done'), session.reply('230 Welcome, whoever you are.')) } });
      const ftp = stage.client(server, { afterLogin: ['SITE UMASK 022'] });
      expect(Buffer.concat(await ftp.retr('a').toArray()).toString()).to.equal('aaa');
      expect(server.commands[0]).to.equal('SITE UMASK 022');
      expect(server.commands.filter((line) => /^(USER|PASS)/.test(line))).to.deep.equal([]);
    });

    it('names the option secure where TLS is missing', async () => {
      const server = await stage.serve({ script: { USER: '530 Non-anonymous sessions must use encryption.' } });
      const error = await failure(stage.client(server).login());
      expect(error.message).to.include("secure: 'explicit'");
    });
  });

  describe('the commands after it', () => {
    const afterLogin = ['SITE NAMEFMT 1', 'CWD folder'];
    const files = { '/folder/a': 'aaa', '/folder/deep/b': 'bb' };
    const script = { SITE: '200 Ok.' };

    it('are sent after every login, and where they lead is the login folder', async () => {
      const server = await stage.serve({ files, script });
      const ftp = stage.client(server, { afterLogin });
      await ftp.cwd('deep');
      expect(Buffer.concat(await ftp.retr('b').toArray()).toString()).to.equal('bb');
      server.script = { ...script, NOOP: [[resetControl()], '200 Ok.'] };
      await failure(ftp.noop());
      expect(Buffer.concat(await ftp.retr('b').toArray()).toString()).to.equal('bb');
      const login = ['USER user', 'PASS secret', ...afterLogin];
      expect(server.commands.slice(0, 4)).to.deep.equal(login);
      expect(server.commands.slice(server.commands.lastIndexOf('USER user'))).to.include.ordered.members([...login, 'CWD deep']);
    });

    it('are sent after a login by hand and after those of a pool', async () => {
      const server = await stage.serve({ files, script });
      const ftp = stage.client(server, { afterLogin });
      await ftp.connect();
      await ftp.login();
      expect(server.commands).to.deep.equal(['USER user', 'PASS secret', ...afterLogin]);
      const pool = new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret', afterLogin, connections: 2 });
      await Promise.all(Array.from({ length: 8 }, () => pool.retr('a').toArray()));
      await pool.quit();
      const count = (line: string): number => server.commands.filter((each) => each === line).length;
      expect(count('SITE NAMEFMT 1')).to.equal(count('PASS secret'));
    });

    it('fail the login where one is refused', async () => {
      const server = await stage.serve({ files, script: { SITE: '500 What?' } });
      const error = await failure(stage.client(server, { afterLogin }).pwd());
      expect(error).to.be.instanceOf(PermanentError).and.include({ phase: 'login', command: 'SITE NAMEFMT 1' });
    });

    for (const line of ['SITE A\r\nDELE b', 'RETR a', 'QUIT', 'USER x', 'AUTH TLS', '', 3]) {
      it(`cannot be ${JSON.stringify(line)}`, () => {
        expect(() => new FTP({ afterLogin: [line as string] })).to.throw(ArgumentError);
      });
    }
  });
});

/** What the client's events show from now on. */
function eavesdrop(ftp: FTP): string[] {
  const shown: string[] = [];
  ftp.on('command', (line) => shown.push(line));
  ftp.on('reply', (reply) => shown.push(inspect(reply)));
  ftp.on('close', (error) => shown.push(inspect(error, { depth: 9 })));
  return shown;
}
