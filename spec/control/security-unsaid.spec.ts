import { expect } from 'chai';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { SecurityError, TimeoutError } from '../../lib/errors';
import { FTP } from '../../lib/client/ftp';
import { failure } from '../support/client';
import { Recorder } from '../support/recorder';
import { CA, CONTENT, SecuredStage } from '../support/secured';
import type { Session } from '../support/server/session';
import { silence } from '../support/server/steps';
import { dissect, startsRecord } from '../support/wire';

const SECRET = 'bytes for nobody on the way';

/** What a stranger on the way would see: data connections have nothing but TLS in them, and the control connection no password. */
function expectUnseen(recorder: Recorder, clear: string): void {
  for (const { purpose, toServer, toClient } of recorder.recordings) {
    for (const bytes of [toServer, toClient]) for (const secret of [SECRET, CONTENT, 'PASS']) expect(bytes.includes(secret), `${secret} on the ${purpose} connection`).to.equal(false);
    const up = dissect(toServer);
    expect(up.clear, purpose).to.equal(purpose === 'control' ? clear : '');
    expect(startsRecord(up.behind)).to.equal(true);
    if (purpose === 'data') expect(dissect(toClient).clear).to.equal('');
  }
  expect(recorder.recordings.filter(({ purpose }) => purpose === 'data')).to.have.length.greaterThan(0);
}

describe('TLS that was asked for, in steps by hand', () => {
  let recorder: Recorder;
  let ftp: FTP;
  afterEach(async () => {
    ftp.close();
    await recorder.close();
  });
  const stage = new SecuredStage();
  beforeEach(async () => void (recorder = await Recorder.start()));

  for (const mode of ['explicit', 'implicit'] as const) {
    const clear = mode === 'explicit' ? 'AUTH TLS\r\n' : '';

    /** A client whose caller has sent USER and PASS himself. */
    async function byHand(): Promise<{ server: Awaited<ReturnType<SecuredStage['serve']>> }> {
      const server = await stage.serve({ mode });
      ftp = new FTP({ host: server.host, port: server.port, user: 'user', password: 'secret', secure: mode, tls: { ca: CA }, createConnection: recorder.dial });
      await ftp.connect();
      expect((await ftp.sendcmd('USER user')).code).to.equal(331);
      expect((await ftp.sendcmd('PASS secret')).code).to.equal(230);
      return { server };
    }

    const transfers: Readonly<Record<string, () => Promise<unknown>>> = {
      upload: async () => {
        const stream = ftp.stor('up');
        stream.end(SECRET);
        await finished(stream);
      },
      download: async () => expect(await text(ftp.retr('file'))).to.equal(CONTENT),
      listing: async () => expect((await ftp.list().toArray()).map(({ name }) => name)).to.include('file'),
      'raw command': async () => expect(await text(ftp.retrbinary('RETR file'))).to.equal(CONTENT),
    };
    for (const [what, act] of Object.entries(transfers)) {
      it(`${mode}: no ${what} goes before PROT P, and all of it goes in TLS`, async () => {
        const { server } = await byHand();
        await act();
        const { commands } = server;
        expect(commands.indexOf('PROT P')).to.be.within(1, commands.findIndex((line) => /^(STOR|RETR|LIST|MLSD)/.test(line)) - 1);
        expectUnseen(recorder, clear);
      });
    }

    it(`${mode}: a caller's own PROT C does not put data in the clear`, async () => {
      const { server } = await byHand();
      expect((await ftp.sendcmd('PBSZ 0')).code).to.equal(200);
      expect((await ftp.sendcmd('PROT C')).code).to.equal(200);
      await transfers['upload']?.();
      await transfers['download']?.();
      expect((await ftp.voidcmd('PROT C')).code).to.equal(200);
      await transfers['listing']?.();
      expect(server.read('/up').toString()).to.equal(SECRET);
      expectUnseen(recorder, clear);
    });

    it(`${mode}: protC() does, from then on and until protP()`, async () => {
      const { server } = await byHand();
      await ftp.protC();
      await transfers['upload']?.();
      const seen = recorder.recordings.filter(({ purpose, toServer }) => purpose === 'data' && toServer.includes(SECRET));
      expect(seen).to.have.lengthOf(1);
      await ftp.protP();
      const before = recorder.recordings.length;
      await transfers['download']?.();
      for (const { toClient } of recorder.recordings.slice(before)) expect(toClient.includes(CONTENT)).to.equal(false);
      expect(server.commands.filter((line) => line.startsWith('PROT'))).to.deep.equal(['PROT C', 'PROT P']);
    });

    it(`${mode}: a server that refuses PROT P gets no data, and the connection is closed`, async () => {
      const { server } = await byHand();
      server.script = { PROT: '534 Not here.' };
      const stream = ftp.stor('up');
      stream.end(SECRET);
      expect(await failure(finished(stream))).to.be.instanceOf(SecurityError);
      await server.deserted();
      expect(server.commands.filter((line) => line.startsWith('STOR'))).to.deep.equal([]);
      for (const { toServer } of recorder.recordings) expect(toServer.includes(SECRET)).to.equal(false);
    });
  }

  it('by auth() alone, without the option: data go in TLS from then on', async () => {
    const server = await stage.serve();
    ftp = new FTP({ host: server.host, port: server.port, user: 'user', password: 'secret', tls: { ca: CA }, createConnection: recorder.dial });
    await ftp.connect();
    await ftp.auth();
    await ftp.login();
    expect(await text(ftp.retr('file'))).to.equal(CONTENT);
    expectUnseen(recorder, 'AUTH TLS\r\n');
  });
});

describe('auth() as the first call', () => {
  const stage = new SecuredStage();

  it('connects, and comes before USER; what follows logs in, in TLS', async () => {
    const server = await stage.serve();
    const ftp = stage.client(server, { secure: false });
    expect((await ftp.auth()).code).to.equal(234);
    expect(server.commands).to.deep.equal(['AUTH TLS']);
    expect(await text(ftp.retr('file'))).to.equal(CONTENT);
    expect(server.commands.slice(0, 5)).to.deep.equal(['AUTH TLS', 'USER user', 'PASS secret', 'PBSZ 0', 'PROT P']);
    expect(stage.sent(ftp).clear).to.equal('AUTH TLS\r\n');
  });

  it('that is refused leaves no password on the wire, whatever is called next', async () => {
    const server = await stage.serve({}, { script: { AUTH: '502 No TLS here.' } });
    const ftp = stage.client(server, { secure: false });
    expect(await failure(ftp.auth())).to.be.instanceOf(SecurityError);
    await failure(ftp.size('file'));
    await failure(text(ftp.retr('file')));
    expect(server.commands.filter((line) => line !== 'AUTH TLS')).to.deep.equal([]);
  });

  it('called with verbs in one turn is the first of them', async () => {
    const server = await stage.serve();
    const ftp = stage.client(server, { secure: false });
    const [auth, size] = await Promise.all([ftp.auth(), ftp.size('file')]);
    expect([auth.code, size]).to.deep.equal([234, CONTENT.length]);
    expect(server.commands[0]).to.equal('AUTH TLS');
    expect(stage.sent(ftp).clear).to.equal('AUTH TLS\r\n');
  });

  for (const secure of [false, 'explicit'] as const) {
    it(`to a server that is silent after its 234 is a TimeoutError within connectTimeout (secure: ${String(secure)})`, async () => {
      const server = await stage.serve({}, { script: { AUTH: [(session) => session.reply('234 Go on.'), silence()] } });
      const ftp = stage.client(server, { secure, connectTimeout: 200 });
      const error = await failure(secure ? ftp.pwd() : ftp.auth());
      expect(error).to.be.instanceOf(TimeoutError);
      expect(error.message).to.include('(connectTimeout)');
      expect(ftp.session.control).to.equal(undefined);
      expect(server.commands[0]).to.equal('AUTH TLS');
      expect(stage.sent(ftp).clear).to.equal('AUTH TLS\r\n');
    });
  }
});

describe('protC() and protP() where the server has no PBSZ', () => {
  const stage = new SecuredStage();

  for (const code of [500, 502, 504]) {
    it(`${code} to PBSZ is ignored`, async () => {
      const server = await stage.serve({}, { script: { PBSZ: (session) => void session.reply(`${code} PBSZ what?`), PROT: (session, level) => setLevel(session, level) } });
      const ftp = stage.client(server);
      await ftp.login();
      expect((await ftp.protC()).code).to.equal(200);
      const down = ftp.retr('file');
      expect(await text(down)).to.equal(CONTENT);
      expect(down.tlsResumed).to.equal(undefined);
      expect((await ftp.protP()).code).to.equal(200);
      const again = ftp.retr('file');
      expect(await text(again)).to.equal(CONTENT);
      expect(again.tlsResumed).to.be.a('boolean');
    });
  }
});

/** As a server does that wants no PBSZ first. */
async function setLevel(session: Session, level: string): Promise<void> {
  session.bufferSize = true;
  await session.normal('PROT', level);
}
