import { expect } from 'chai';
import { text } from 'node:stream/consumers';
import { ArgumentError, SecurityError } from '../../lib/errors';
import { failure } from '../support/client';
import { CONTENT, SecuredStage, WAYS } from '../support/secured';
import type { Session } from '../support/server/session';

describe('TLS by hand', () => {
  const stage = new SecuredStage();

  it('is auth, login and protP', async () => {
    const server = await stage.serve();
    const ftp = stage.client(server, { secure: false });
    await ftp.connect();
    expect((await ftp.auth()).code).to.equal(234);
    await ftp.login();
    await ftp.protP();
    expect(await text(ftp.retr('file'))).to.equal(CONTENT);
    expect(server.commands.slice(0, 5)).to.deep.equal(['AUTH TLS', 'USER user', 'PASS secret', 'PBSZ 0', 'PROT P']);
  });

  it('is refused twice, and PROT without TLS', async () => {
    const server = await stage.serve();
    const ftp = stage.client(server, { secure: false });
    await ftp.connect();
    await ftp.login();
    expect(await failure(ftp.protP())).to.be.instanceOf(ArgumentError);
    expect(await failure(ftp.ccc())).to.be.instanceOf(ArgumentError);
    await ftp.auth();
    expect(await failure(ftp.auth())).to.be.instanceOf(ArgumentError);
    expect((await ftp.noop()).code).to.equal(200);
  });

  it('that is refused closes the connection, and no login goes without on the next one', async () => {
    const server = await stage.serve({}, { script: { AUTH: '502 No.' } });
    const ftp = stage.client(server, { secure: false });
    await ftp.connect();
    const outcomes = await Promise.all([failure(ftp.auth()), failure(ftp.login()), failure(ftp.login())]);
    for (const error of outcomes) expect(error).to.be.instanceOf(SecurityError);
    await server.deserted();
    expect(server.commands).to.deep.equal(['AUTH TLS', 'AUTH TLS', 'AUTH TLS']);
  });

  it('puts data in the clear by protC, and nothing else does', async () => {
    const server = await stage.serve();
    const ftp = stage.client(server);
    await ftp.login();
    expect((await ftp.protC()).code).to.equal(200);
    const down = ftp.retr('file');
    expect(await text(down)).to.equal(CONTENT);
    expect(down.tlsResumed).to.equal(undefined);
    await ftp.protP();
    const again = ftp.retr('file');
    await text(again);
    expect(again.tlsResumed).to.be.a('boolean');
    expect(server.commands.filter((line) => line.startsWith('PROT'))).to.deep.equal(['PROT P', 'PROT C', 'PROT P']);
  });

  for (const way of WAYS) {
    it(`goes on in the clear by ccc, with data as they were (${way.title})`, async () => {
      const server = await stage.serveWay(way);
      const ftp = stage.client(server);
      await ftp.login();
      expect((await ftp.ccc()).code).to.equal(200);
      expect((await Promise.all([ftp.pwd(), ftp.noop()])).map(String)).to.deep.equal(['/', '200 NOOP ok.']);
      const down = ftp.retr('file');
      expect(await text(down)).to.equal(CONTENT);
      expect(down.tlsResumed).to.be.a('boolean');
      for (const { control } of server.sessions) expect(control.cleared).to.equal(true);
      await ftp.quit();
      const { clear, behind } = stage.sent(ftp);
      expect(clear).to.equal(way.mode === 'explicit' ? 'AUTH TLS\r\n' : '');
      expect(behind.toString()).to.match(/^(?:FEAT\r\n)?PWD\r\nNOOP\r\n[^]*RETR file\r\nQUIT\r\n$/);
    });

    it(`reads what comes in one packet with the server's goodbye (${way.title})`, async () => {
      const CCC = async (session: Session): Promise<void> => {
        await session.writeRaw('200 Going on in the clear.\r\n');
        session.control.socket.cork();
        session.control.endTls();
      };
      const NOOP = (session: Session): void => {
        session.reply('200 Ok.');
        session.control.socket.uncork();
      };
      const server = await stage.serveWay(way, {}, { script: { CCC, NOOP } });
      const ftp = stage.client(server);
      await ftp.login();
      await ftp.ccc();
      expect(String(await ftp.noop())).to.equal('200 Ok.');
      expect(await ftp.pwd()).to.equal('/');
    });

    it(`has no TLS again on the connection that left it, and has it on the next (${way.title})`, async () => {
      const server = await stage.serveWay(way);
      const ftp = stage.client(server);
      await ftp.login();
      await ftp.ccc();
      for (const again of [() => ftp.auth(), () => ftp.ccc()]) expect(await failure(again())).to.be.instanceOf(ArgumentError);
      expect((await ftp.noop()).code).to.equal(200);
      expect(server.commands.filter((line) => /^(AUTH|CCC)/.test(line))).to.deep.equal([...(way.mode === 'explicit' ? ['AUTH TLS'] : []), 'CCC']);
      await ftp.quit();
      await ftp.connect();
      await ftp.login();
      expect([...server.sessions].at(-1)?.control.secure).to.equal(true);
    });
  }

  it('stays in TLS where CCC is refused', async () => {
    const server = await stage.serve({}, { script: { CCC: '534 No.' } });
    const ftp = stage.client(server);
    await ftp.login();
    expect((await failure(ftp.ccc())).reply?.code).to.equal(534);
    expect((await ftp.noop()).code).to.equal(200);
    expect([...server.sessions].at(-1)?.control.secure).to.equal(true);
  });
});