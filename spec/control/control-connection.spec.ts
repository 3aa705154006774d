import { expect } from 'chai';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Reply } from '../../lib/reply';
import { ConnectionClosedError, isFTPError, PermanentError, ProtocolError, TemporaryError, TimeoutError } from '../../lib/errors';
import type { FTP } from '../../lib/client/ftp';
import { failure, scene, tapped, NOBODY } from '../support/client';
import { gate } from '../support/server/gate';
import { PERSONALITIES } from '../support/server/personalities';
import type { FtpServer } from '../support/server/ftp-server';
import { boundary, hangUp, raw, resetControl, send, silence, split, until } from '../support/server/steps';

describe('control connection', () => {
  const stage = scene();

  describe('greeting', () => {
    it('waits for the 220 after a 120', async () => {
      const server = await stage.serve({ script: { GREETING: [send('120 Ready in a minute.'), boundary(), send('220 Here.')] } });
      const ftp = stage.client(server);
      const replies: number[] = [];
      ftp.on('reply', ({ code }) => replies.push(code));
      expect((await ftp.connect()).code).to.equal(220);
      expect(replies).to.deep.equal([120, 220]);
      expect(String(ftp.welcome)).to.equal('220 Here.');
    });

    it('keeps a greeting of many lines whole', async () => {
      const server = await stage.serve({ script: { GREETING: [split('220-One\r\n230 inner\r\n220 Two\r\n', 3)] } });
      const ftp = stage.client(server);
      expect((await ftp.connect()).lines).to.deep.equal(['220-One', '230 inner', '220 Two']);
    });

    for (const [greeting, kind] of [
      ['421 Too many users.', TemporaryError],
      ['450 Come back.', TemporaryError],
      ['530 Not you.', PermanentError],
      ['554 No service.', PermanentError],
    ] as const) {
      it(`fails with ${kind.name} at ${greeting}`, async () => {
        const server = await stage.serve({ script: { GREETING: greeting } });
        const error = await failure(stage.client(server).connect());
        expect(error).to.be.instanceOf(kind);
        expect(error).to.include({ phase: 'connect' });
        expect(error.message).to.equal(greeting);
        expect(error.reply?.code).to.equal(Number(greeting.slice(0, 3)));
        await server.deserted();
        expect(server.commands).to.deep.equal([]);
      });
    }

    it('fails with ProtocolError where the server speaks something else', async () => {
      const server = await stage.serve({ script: { GREETING: 'SSH-2.0-OpenSSH_9.9' } });
      const error = await failure(stage.client(server).connect());
      expect(error).to.be.instanceOf(ProtocolError);
      expect(error.phase).to.equal('connect');
      await server.deserted();
    });

    it('fails with ConnectionClosedError where the server hangs up', async () => {
      for (const step of [hangUp(), resetControl()]) {
        const server = await stage.serve({ script: { GREETING: [step] } });
        const error = await failure(stage.client(server).connect());
        expect(error).to.be.instanceOf(ConnectionClosedError);
        expect(error.phase).to.equal('connect');
      }
    });

    it('times out where none comes: connectTimeout covers it', async () => {
      for (const step of [[silence()], [send('120 Soon.'), silence()], [raw('220 hal'), silence()]]) {
        const server = await stage.serve({ script: { GREETING: step } });
        const error = await failure(stage.client(server, { connectTimeout: 100, replyTimeout: 0 }).connect());
        expect(error).to.be.instanceOf(TimeoutError);
        expect(error).to.include({ phase: 'connect', code: 'ERR_FTP_TIMEOUT' });
        expect(error.message).to.match(/connectTimeout/);
        await server.deserted();
      }
    });

    it('times out where not even the connection comes', async () => {
      const ftp = stage.client(NOBODY, { connectTimeout: 100, createConnection: () => connectingForever() });
      const error = await failure(ftp.connect());
      expect(error).to.be.instanceOf(TimeoutError);
      expect(error.phase).to.equal('connect');
    });
  });

  it('tells why a connection is refused', async () => {
    const error = await failure(stage.client(NOBODY).connect());
    expect(isFTPError(error)).to.equal(true);
    expect(error).to.be.instanceOf(ConnectionClosedError);
    expect(error.phase).to.equal('connect');
    expect(error.message).to.match(/cannot connect: .*ECONNREFUSED/);
    expect(error.cause).to.include({ code: 'ECONNREFUSED' });
  });

  describe('replies', () => {
    it('reads 213 1000 and 000 in two pieces as 1000000', async () => {
      const server = await stage.serve({ script: { SIZE: [raw('213 1000'), boundary(), raw('000\r\n')] } });
      expect(await (await stage.connect(server)).size('x')).to.equal(1_000_000);
    });

    it('gives each of 1,000 sizes asked for at once its own, in few writes', async () => {
      const server = await stage.serve({ script: { SIZE: (session, name) => session.reply(`213 ${name.slice(1)}`) } });
      const writes: Buffer[] = [];
      const ftp = await stage.connect(server, { createConnection: ({ host, port }) => tapped(connect({ host, port }), writes) });
      await ftp.noop();
      writes.length = 0;
      const numbers = Array.from({ length: 1000 }, (_, index) => index * 7);
      expect(await Promise.all(numbers.map((number) => ftp.size(`f${number}`)))).to.deep.equal(numbers);
      expect(writes.length).to.be.within(1, 20);
    });

    it('gives failures to those who asked, and to nobody else', async () => {
      const server = await stage.serve({ files: { '/a': 'one', '/c': 'three' } });
      const ftp = await stage.connect(server);
      const outcomes = await Promise.allSettled([ftp.size('a'), ftp.size('b'), ftp.size('c'), ftp.delete('d')]);
      expect(outcomes.map((each) => (each.status === 'fulfilled' ? each.value : String(each.reason.reply.code)))).to.deep.equal([3, '550', 5, '550']);
    });

    it('times out when a reply does not come, and fails all that waits', async () => {
      const server = await stage.serve({ script: { NOOP: [silence()] } });
      const ftp = await stage.connect(server, { replyTimeout: 100 });
      const closed = once(ftp, 'close') as Promise<[Error]>;
      const errors = await Promise.all([failure(ftp.noop()), failure(ftp.mdtm('x'))]);
      expect(errors.map(({ code, command }) => [code, command])).to.deep.equal([
        ['ERR_FTP_TIMEOUT', 'NOOP'],
        ['ERR_FTP_TIMEOUT', 'MDTM x'],
      ]);
      expect(errors[0]?.message).to.match(/replyTimeout/);
      expect(errors[0]).not.to.equal(errors[1]);
      expect((await closed)[0]).to.be.instanceOf(TimeoutError);
    });

    it('counts the reply timeout from the reply before, not from the time of writing', async () => {
      const gates = [gate(), gate()];
      const server = await stage.serve({ script: { NOOP: gates.map((each) => [until(each), '200 Ok.']) } });
      const ftp = await stage.connect(server, { replyTimeout: 300 });
      const first = ftp.noop().then(() => performance.now());
      const second = failure(ftp.noop()).then(() => performance.now());
      await server.waitFor('NOOP');
      gates[0]?.open();
      expect((await second) - (await first)).to.be.at.least(250);
    });
  });

  describe('out of step', () => {
    const answers: Readonly<Record<string, string>> = {
      'a reply that is none': 'what?\r\n',
      'a code that no reply has': '999 No.\r\n',
      'a line longer than maxReplyLineBytes': `200 ${'x'.repeat(300)}\r\n`,
      'a line without an end': `200 ${'x'.repeat(300)}`,
      'a reply longer than maxReplyBytes': `200-${'x\r\n'.repeat(400)}200 end\r\n`,
    };
    for (const [what, bytes] of Object.entries(answers)) {
      it(`destroys the connection at ${what}`, async () => {
        const server = await stage.serve({ script: { NOOP: [raw(bytes)] } });
        const ftp = await stage.connect(server, { maxReplyLineBytes: 200, maxReplyBytes: 1000 });
        const errors = await Promise.all([failure(ftp.noop()), failure(ftp.syst())]);
        for (const error of errors) expect(error).to.be.instanceOf(ProtocolError);
        expect(errors.map(({ command }) => command)).to.deep.equal(['NOOP', 'SYST']);
        expect(errors[0]).not.to.equal(errors[1]);
        await server.deserted();
        const next = await failure(ftp.syst());
        expect(next).to.be.instanceOf(ConnectionClosedError);
        expect(next.message).to.match(/^not connected: /);
        expect(server.commands.filter((line) => line === 'SYST')).to.have.length.at.most(1);
      });
    }

    it('destroys the connection at a reply that nobody asked for', async () => {
      const server = await stage.serve({ features: [] });
      const ftp = await stage.connect(server);
      await ftp.noop();
      const closed = once(ftp, 'close') as Promise<[Error]>;
      say(server, '200 By the way.');
      const [error] = await closed;
      expect(error).to.be.instanceOf(ProtocolError);
      expect((error as ProtocolError).reply?.text).to.equal('By the way.');
      const next = await failure(ftp.noop());
      expect(next).to.be.instanceOf(ConnectionClosedError);
      expect(next.cause).to.equal(error);
    });

    it('does not take the reply to a later command for one that the server has left out', async () => {
      const server = await stage.serve(PERSONALITIES.onePerPacket); // FEAT and PWD share a packet, and OPTS follows
      const ftp = await stage.connect(server);
      expect(await ftp.pwd()).to.equal('/');
      expect(server.commands.filter((line) => line !== 'OPTS UTF8 ON')).to.deep.equal(['FEAT', 'PWD', 'USER user', 'PASS secret', 'FEAT', 'PWD']);
    });

    it('knows the answer to EPSV that comes before the 226, also where another command left before it', async () => {
      const server = await stage.serve({ files: { '/a': 'aaa', '/b': 'bbb' }, ...PERSONALITIES.earlyPassive });
      const ftp = await stage.connect(server);
      for (let round = 0; round < 3; round++) {
        const [bytes, names] = await Promise.all([ftp.retr('a').toArray(), ftp.nlst().toArray()]); // TYPE A and EPSV after the data of RETR
        expect([Buffer.concat(bytes).toString(), names]).to.deep.equal(['aaa', ['a', 'b']]);
      }
    });

    it('destroys the connection at a second reply to one command, and a lazy client connects anew', async () => {
      const server = await stage.serve({ script: { NOOP: [['200 Ok.', '200 Ok.'], '200 Fine.'] } });
      const ftp = stage.client(server);
      const closed = once(ftp, 'close') as Promise<[Error]>;
      await ftp.noop();
      expect((await closed)[0]).to.be.instanceOf(ProtocolError);
      expect((await ftp.noop()).text).to.equal('Fine.');
      expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.length(2);
    });
  });

  describe('421 and lost connections', () => {
    it('tells the first that waits of the 421, and the others that the connection is closed by it', async () => {
      const server = await stage.serve({ script: { NOOP: [send('421 Going down.'), hangUp()] } });
      const ftp = await stage.connect(server);
      const [first, second, third] = await Promise.all([failure(ftp.noop()), failure(ftp.size('x')), failure(ftp.noop())]);
      expect(first).to.be.instanceOf(TemporaryError);
      expect(first).to.include({ message: 'NOOP: 421 Going down.', command: 'NOOP' });
      for (const error of [second, third]) {
        expect(error).to.be.instanceOf(ConnectionClosedError);
        expect(error?.reply?.code).to.equal(421);
        expect(error?.cause).to.be.instanceOf(TemporaryError);
      }
    });

    it('takes a 421 while idle as the end: by hand the next verb fails clearly', async () => {
      const server = await stage.serve();
      const ftp = await stage.connect(server);
      await idleTimeout(server, ftp);
      const error = await failure(ftp.noop());
      expect(error).to.be.instanceOf(ConnectionClosedError);
      expect(error.message).to.equal('not connected: 421 Idle too long.');
      expect((error.cause as TemporaryError).reply?.code).to.equal(421);
    });

    it('takes a 421 while idle as the end: a lazy client connects anew', async () => {
      const server = await stage.serve();
      const ftp = stage.client(server);
      await ftp.noop();
      await idleTimeout(server, ftp);
      expect((await ftp.noop()).code).to.equal(200);
      expect(server.commands.filter((line) => line.startsWith('PASS'))).to.have.length(2);
    });

    for (const [how, step] of [['closes', hangUp()], ['resets', resetControl()]] as const) {
      it(`fails all that waits when the server ${how} the connection`, async () => {
        const server = await stage.serve({ script: { NOOP: [step] } });
        const ftp = await stage.connect(server);
        const errors = await Promise.all([failure(ftp.noop()), failure(ftp.mdtm('a')), failure(ftp.syst())]);
        expect(errors.map(({ name, command }) => `${name} ${command}`)).to.deep.equal([
          'ConnectionClosedError NOOP',
          'ConnectionClosedError MDTM a',
          'ConnectionClosedError SYST',
        ]);
        expect(new Set(errors).size).to.equal(3);
      });
    }
  });

  it('tells each command and each reply by an event', async () => {
    const server = await stage.serve();
    const ftp = stage.client(server);
    const heard: string[] = [];
    ftp.on('command', (line) => heard.push(`> ${line}`));
    ftp.on('reply', (reply: Reply) => heard.push(`< ${reply.code}`));
    await ftp.connect();
    await ftp.login();
    await ftp.quit();
    expect(heard).to.deep.equal(['< 220', '> USER user', '< 331', '> PASS ****', '< 230', '> QUIT', '< 221']);
  });

  it('doubles 0xFF in a name, which is a Telnet command otherwise', async () => {
    const server = await stage.serve({ encoding: 'latin1' });
    const ftp = await stage.connect(server, { encoding: 'latin1' });
    await failure(ftp.delete('\xff'));
    expect(server.commandBytes.at(-1)).to.deep.equal(Buffer.from('DELE \xff\xff', 'latin1'));
  });
});

async function idleTimeout(server: FtpServer, ftp: FTP): Promise<void> {
  const closed = once(ftp, 'close') as Promise<[Error]>;
  say(server, '421 Idle too long.');
  expect((await closed)[0]).to.be.instanceOf(TemporaryError);
}

/** To the one client that is connected. */
function say(server: FtpServer, text: string): void {
  for (const session of server.sessions) session.reply(text);
}

/** A socket whose name look-up never ends. */
function connectingForever(): Socket {
  return connect({ host: 'name.invalid', port: 21, lookup: () => undefined });
}
