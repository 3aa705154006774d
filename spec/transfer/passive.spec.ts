import { expect } from 'chai';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { ArgumentError, TemporaryError } from '../../lib/index';
import { CLOSED_PORT } from '../support/client';
import type { Script } from '../support/server/script';
import type { Session } from '../support/server/session';
import { hangUp, normal, send, silence } from '../support/server/steps';
import { outcomeOf, useBench } from '../support/transfers';

describe('passive mode', () => {
  const bench = useBench();

  /** The commands of two downloads after the login. */
  async function twice(script: Script, options: Parameters<typeof bench.client>[0] = {}, host: '127.0.0.1' | '::1' = '127.0.0.1'): Promise<string[]> {
    await bench.serve({ files: { '/file': 'hello' }, features: [], host, script });
    const ftp = bench.client({ connectTimeout: 300, ...options });
    for (let i = 0; i < 2; i++) {
      const { bytes, error } = await outcomeOf(ftp.retr('file'));
      expect(error).to.equal(undefined);
      expect(bytes.toString()).to.equal('hello');
    }
    return bench.server.commands.filter((line) => !/^(USER|PASS|FEAT)/.test(line));
  }

  it('is EPSV on IPv4', async () => {
    expect(await twice({})).to.deep.equal(['TYPE I', 'EPSV', 'RETR file', 'EPSV', 'RETR file']);
  });

  it('is EPSV on IPv6', async () => {
    expect(await twice({}, {}, '::1')).to.deep.equal(['TYPE I', 'EPSV', 'RETR file', 'EPSV', 'RETR file']);
  });

  for (const refusal of ['500 What?', '502 Not implemented.', '522 Use PASV.', '501 Bad.']) {
    it(`is PASV where EPSV is answered ${refusal.slice(0, 3)}, which is remembered`, async () => {
      expect(await twice({ EPSV: refusal })).to.deep.equal(['TYPE I', 'EPSV', 'PASV', 'RETR file', 'PASV', 'RETR file']);
    });
  }

  const USELESS = [
    '200 EPSV OK.', '250 Done.', '228 Entering Long Passive Mode (127.0.0.1, 1).', '331 What?', '350 What?', '227 Entering Passive Mode (127,0,0,1,0,9).', '229 Entering Extended Passive Mode (||9|)',
    '229 Entering Extended Passive Mode', '402 Command not allowed.', '451 EPSV not available.', '450 Busy.', '530 No.',
  ];
  for (const answer of USELESS) {
    it(`is PASV where EPSV is answered ${answer}, which is remembered`, async () => {
      expect(await twice({ EPSV: answer })).to.deep.equal(['TYPE I', 'EPSV', 'PASV', 'RETR file', 'PASV', 'RETR file']);
    });

    it(`is an error with \`extended\` where EPSV is answered ${answer}, and the session goes on`, async () => {
      await bench.serve({ files: { '/file': 'hello' }, script: { EPSV: answer } });
      const ftp = bench.client({ extended: true });
      expect((await outcomeOf(ftp.retr('file'))).error?.reply?.code).to.equal(Number(answer.slice(0, 3)));
      expect(await ftp.pwd()).to.equal('/');
      expect(bench.server.commands).to.not.include('PASV');
    });
  }

  it('is PASV where EPSV is refused with 425 twice, and that is remembered for other clients of the server', async () => {
    expect(await twice({ EPSV: '425 Cannot listen.' })).to.deep.equal(['TYPE I', 'EPSV', 'EPSV', 'PASV', 'RETR file', 'PASV', 'RETR file']);
    bench.mark();
    expect((await outcomeOf(bench.client().retr('file'))).bytes.toString()).to.equal('hello');
    expect(bench.transcript).to.include('PASV').and.not.include('EPSV');
    expect((await outcomeOf(bench.client({ extended: true }).retr('file'))).error?.command).to.equal('EPSV');
  });

  it('ends the session with the 421 that EPSV is answered', async () => {
    await bench.serve({ files: { '/file': 'hello' }, script: { EPSV: [send('421 Timeout.'), hangUp()] } });
    expect((await outcomeOf(bench.client().retr('file'))).error?.reply?.code).to.equal(421);
    expect(bench.server.commands).to.not.include('PASV');
  });

  for (const EPSV of ['500 What?', '200 OK.', '425 Cannot listen.']) {
    it(`has no PASV on IPv6, and says so where EPSV is answered ${EPSV.slice(0, 3)}`, async () => {
      await bench.serve({ host: '::1', files: { '/file': 'hello' }, script: { EPSV } });
      const ftp = bench.client();
      const { error } = await outcomeOf(ftp.retr('file'));
      expect(error?.message).to.match(/^EPSV: /).and.include(EPSV).and.include('IPv6').and.include('PASV');
      expect(bench.server.commands).to.not.include('PASV');
      expect(await ftp.pwd()).to.equal('/');
    });
  }

  it('has no PASV on IPv6, and says so where `extended` is false', async () => {
    await bench.serve({ host: '::1', files: { '/file': 'hello' } });
    const ftp = bench.client({ extended: false });
    expect((await outcomeOf(ftp.retr('file'))).error).to.be.instanceOf(ArgumentError).and.have.property('message').that.matches(/extended.*PASV.*IPv6/);
    expect(bench.server.commands.filter((line) => /^(EPSV|PASV|RETR)/.test(line))).to.deep.equal([]);
    expect(await ftp.pwd()).to.equal('/');
  });

  it('stays EPSV where the server did not answer what was asked beside it', async () => {
    await bench.serve({ files: { '/file': 'hello' }, script: { FEAT: [[silence(), hangUp()], '500 What?'] } });
    const ftp = bench.client({ replyTimeout: 200 });
    expect((await outcomeOf(ftp.retr('file'))).bytes.toString()).to.equal('hello');
    expect(bench.logins).to.equal(2);
    expect(bench.server.commands).to.include('EPSV').and.not.include('PASV');
  });

  it('is PASV where the port of EPSV refuses connections, which is remembered', async () => {
    expect(await twice({ EPSV: `229 Entering Extended Passive Mode (|||${CLOSED_PORT}|)` })).to.deep.equal(['TYPE I', 'EPSV', 'PASV', 'RETR file', 'PASV', 'RETR file']);
  });

  it('is an error where both lead nowhere, and the session goes on', async () => {
    await bench.serve({ script: { EPSV: '500 What?', PASV: `227 Entering Passive Mode (127,0,0,1,0,${CLOSED_PORT})` } });
    const ftp = bench.client();
    const { error } = await outcomeOf(ftp.retr('file'));
    expect(error).to.include({ code: 'ERR_FTP_TRANSFER' });
    expect(error?.cause).to.be.instanceOf(Error);
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.logins).to.equal(1);
  });

  it('is only EPSV with `extended`, and only PASV without', async () => {
    expect(await twice({}, { extended: true })).to.include('EPSV');
    await bench.serve({ files: { '/file': 'hello' }, script: { EPSV: '500 What?' } });
    const ftp = bench.client({ extended: true });
    expect((await outcomeOf(ftp.retr('file'))).error?.message).to.match(/^EPSV: 500/);
    expect(bench.server.commands).to.not.include('PASV');
    expect(await twice({}, { extended: false })).to.include('PASV').and.not.include('EPSV');
  });

  it('ignores the address in PASV: the data come from the server', async () => {
    const foreign = await listen('127.0.0.2');
    await bench.serve({ files: { '/file': 'hello' }, script: { EPSV: '500 What?', PASV: async (session) => session.reply(`227 Entering Passive Mode (127,0,0,2,${pair(await session.listen())})`) } });
    expect((await outcomeOf(bench.client().retr('file'))).bytes.toString()).to.equal('hello');
    expect(foreign.connections).to.equal(0);
    foreign.server.close();
  });

  it('goes to the address in PASV with `trustServerPasvAddress`', async () => {
    const foreign = await listen('127.0.0.2', (socket) => socket.end('foreign'));
    await bench.serve({
      script: { EPSV: '500 What?', PASV: `227 Entering Passive Mode (127,0,0,2,${pair(foreign.port)})`, RETR: ['150 Here it comes.\r\n226 There it was.'] },
    });
    expect((await outcomeOf(bench.client({ trustServerPasvAddress: true }).retr('file'))).bytes.toString()).to.equal('foreign');
    expect(foreign.connections).to.equal(1);
    foreign.server.close();
  });

  for (const [what, reply] of [['no port', '229 Extended Passive Mode OK'], ['port 0', '229 OK (|||0|)'], ['port 70000', '229 OK (|||70000|)']] as const) {
    it(`fails on an EPSV reply with ${what}, and the session goes on`, async () => {
      await bench.serve({ script: { EPSV: reply, PASV: '500 What?' } });
      const ftp = bench.client();
      const { error } = await outcomeOf(ftp.retr('file'));
      expect(error).to.have.property('code');
      expect(await ftp.pwd()).to.equal('/');
    });
  }

  for (const [verb, extended] of [['EPSV', true], ['PASV', false]] as const) {
    it(`asks ${verb} once more where its port was taken meanwhile (425), and no further`, async () => {
      const taken = '425 Unable to identify the local data socket: Address already in use';
      await bench.serve({ files: { '/file': 'hello' }, script: { [verb]: [[taken], [listening[verb]], [taken]] } });
      const ftp = bench.client({ extended });
      expect((await outcomeOf(ftp.retr('file'))).bytes.toString()).to.equal('hello');
      const { error } = await outcomeOf(ftp.retr('file'));
      expect(error).to.be.instanceOf(TemporaryError).and.include({ message: `${verb}: ${taken}`, phase: 'command' });
      expect(bench.server.commands.filter((line) => /^(EPSV|PASV|RETR)/.test(line))).to.deep.equal([verb, verb, 'RETR file', verb, verb]);
      expect(await ftp.pwd()).to.equal('/');
    });
  }

  it('asks no further for a stream that was left at the 425, and the next command gets its own reply', async () => {
    await bench.serve({ files: { '/file': 'hello' } });
    const ftp = await bench.warmClient();
    bench.server.script = { EPSV: '425 Address already in use' };
    const stream = ftp.retr('file');
    ftp.on('reply', ({ code }) => void (code === 425 && stream.destroy()));
    stream.resume();
    await once(stream, 'close');
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.transcript).to.deep.equal(['EPSV', 'PWD']);
    expect(bench.logins).to.equal(1);
  });

  it('is tried step by step again once a data connection could not be made', async () => {
    await bench.serve({ files: { '/file': 'hello' } });
    const ftp = await bench.warmClient();
    bench.server.script = { EPSV: `229 Entering Extended Passive Mode (|||${CLOSED_PORT}|)`, RETR: ['425 Nobody came.', [normal()]] };
    expect((await outcomeOf(ftp.retr('file'))).bytes.toString()).to.equal('hello');

    expect(bench.transcript.filter((line) => /^(EPSV|PASV|RETR)/.test(line))).to.deep.equal(['EPSV', 'RETR file', 'EPSV', 'PASV', 'RETR file']);
  });

  it('uses `localAddress` for data, too', async () => {
    await bench.serve({ files: { '/file': 'hello' } });
    expect((await outcomeOf(bench.client({ localAddress: '127.0.0.3' }).retr('file'))).bytes.toString()).to.equal('hello'); // the server takes data from the client's address only
  });
});

/** What the server does by itself. */
const listening = {
  EPSV: async (session: Session) => session.reply(`229 Entering Extended Passive Mode (|||${await session.listen()}|)`),
  PASV: async (session: Session) => session.reply(`227 Entering Passive Mode (127,0,0,1,${pair(await session.listen())})`),
};

function pair(port: number): string {
  return `${port >> 8},${port & 255}`;
}

async function listen(host: string, onSocket: (socket: Socket) => void = () => undefined): Promise<{ server: Server; port: number; readonly connections: number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    onSocket(socket);
  });
  await once(server.listen(0, host), 'listening');
  return {
    server,
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
  };
}
