import { expect } from 'chai';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { FTPPool } from '../../lib/client/pool';
import { ConnectionClosedError } from '../../lib/errors';
import type { FTP } from '../../lib/client/ftp';
import { failure, scene } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import { gate } from '../support/server/gate';
import { hangUp, normal, send, silence, until } from '../support/server/steps';
import { closing } from '../support/transfers';

const FILES = { '/a': 'file a' };
const GREETING = '220 Ready.';

describe('a client that is connecting', () => {
  const stage = scene();

  /** A client whose connection waits for the greeting, with nobody left who wants it: the download that did was destroyed. */
  async function abandoned(server: FtpServer): Promise<FTP> {
    const ftp = stage.client(server);
    const stream = ftp.retr('a');
    stream.read(0);
    await once(server, 'session');
    const closed = closing(stream);
    stream.destroy();
    await closed;
    return ftp;
  }

  describe('login()', () => {
    it('waits for the connection and the login that are under way, and then is the next user', async () => {
      const greet = gate();
      const server = await stage.serve({ files: FILES, users: { user: 'secret', other: 'word' }, script: { GREETING: [until(greet), send(GREETING)] } });
      const ftp = await abandoned(server);
      const login = ftp.login('other', 'word');
      greet.open();
      expect((await login).code).to.equal(230);
      expect(await text(ftp.retr('a'))).to.equal('file a');
      expect(server.sessions.size).to.equal(1);
      expect(server.commands.filter((line) => /^(USER|PASS)/.test(line))).to.deep.equal(['USER user', 'PASS secret', 'USER other', 'PASS word']);
    });

    it('twice at once is one login after the other, each with its own reply', async () => {
      const server = await stage.serve({ users: { user: 'secret', other: 'word' } });
      const ftp = stage.client(server);
      const replies = await Promise.all([ftp.login('other', 'word'), ftp.login('user', 'secret'), ftp.noop()]);
      expect(replies.map(({ code }) => code)).to.deep.equal([230, 230, 200]);
      expect(server.commands.filter((line) => /^(USER|PASS)/.test(line))).to.deep.equal(['USER other', 'PASS word', 'USER user', 'PASS secret']);
      expect(server.sessions.size).to.equal(1);
    });

    it('fails where the connection under way does, and connects anew at the next call', async () => {
      const greet = gate();
      const server = await stage.serve({ script: { GREETING: [[until(greet), send('421 Full.'), hangUp()], [send(GREETING)]] } });
      const ftp = await abandoned(server);
      const login = ftp.login();
      greet.open();
      const outcome = await login.then(({ code }) => code, (error: Error) => error);
      if (outcome !== 230) expect((await ftp.login()).code).to.equal(230);
      expect((await ftp.noop()).code).to.equal(200);
    });
  });

  describe('connect()', () => {
    it('takes the place of a connection that nobody wants any more', async () => {
      const server = await stage.serve({ files: FILES, script: { GREETING: [[silence()], [send(GREETING)]] } });
      const ftp = await abandoned(server);
      expect((await ftp.connect()).text).to.equal('Ready.');
      await ftp.login();
      expect(await text(ftp.retr('a'))).to.equal('file a');
      await Promise.all([...server.sessions].slice(0, -1).map(({ control }) => control.closed));
      expect(server.connections.control).to.equal(1);
      expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.lengthOf(1);
    });
  });

  describe('quit()', () => {
    it('ends a connection that nobody wants any more, and leaves nothing alive', async () => {
      const server = await stage.serve({ script: { GREETING: [silence()] } });
      const ftp = await abandoned(server);
      expect(await ftp.quit()).to.equal(undefined);
      await server.deserted();
      expect(server.commands).to.deep.equal([]);
    });

    it('ends a connect() that is all there is to wait for', async () => {
      for (const moment of ['at once', 'later'] as const) {
        const server = await stage.serve({ script: { GREETING: [silence()] } });
        const ftp = stage.client(server);
        const connecting = failure(ftp.connect());
        if (moment === 'later') await once(server, 'session');
        expect(await ftp.quit()).to.equal(undefined);
        expect(await connecting).to.be.instanceOf(ConnectionClosedError);
        await server.deserted();
      }
    });

    it('waits for a connect() that something else waits for', async () => {
      const greet = gate();
      const server = await stage.serve({ files: FILES, script: { GREETING: [until(greet), send(GREETING)] } });
      const ftp = stage.client(server);
      const [connecting, login, size] = [ftp.connect(), ftp.login(), ftp.size('a')];
      await once(server, 'session');
      const quit = ftp.quit();
      greet.open();
      expect([(await connecting).code, (await login).code, await size, (await quit)?.code]).to.deep.equal([220, 230, 6, 221]);
      await server.deserted();
    });

    it('waits for a verb that is the first to need the connection', async () => {
      const server = await stage.serve({ files: FILES });
      const ftp = stage.client(server);
      const size = ftp.size('a');
      expect((await ftp.quit())?.code).to.equal(221);
      expect(await size).to.equal(6);
    });

    for (const end of ['quit', 'close'] as const) {
      it(`or close() ends what createConnection gives when it is too late (${end})`, async () => {
        const server = await stage.serve();
        const asked = gate();
        const given = gate();
        let socket: Socket | undefined;
        const ftp = stage.client(server, {
          async createConnection({ host, port }) {
            asked.open();
            await given.promise;
            socket = connect({ host, port });
            return socket;
          },
        });
        const stream = ftp.retr('a');
        stream.on('error', () => undefined).read(0);
        await asked.promise;
        const closed = closing(stream);
        stream.destroy();
        await closed;
        await ftp[end]();
        given.open();
        await new Promise(setImmediate);
        expect(socket?.destroyed).to.equal(true);
        expect(server.commands).to.deep.equal([]);
      });
    }

    it('on a client that was never connected, is closed or has quit, resolves, and hides no error of before', async () => {
      const server = await stage.serve({ script: { GREETING: ['421 Full.', GREETING] } });
      const never = stage.client(server);
      const error = await failure((async () => {
        try {
          return await never.noop();
        } finally {
          await never.quit();
        }
      })());
      expect(error.reply?.code).to.equal(421);
      const closed = stage.client(server);
      await closed.noop();
      closed.close();
      for (const ftp of [never, closed, closed]) expect(await ftp.quit()).to.equal(undefined);
    });

    it('on a connection that the server has closed, resolves', async () => {
      const server = await stage.serve();
      const ftp = await stage.connect(server);
      for (const { control } of server.sessions) control.hangUp();
      await once(ftp, 'close');
      expect(await ftp.quit()).to.equal(undefined);
    });

    it('on a connection that the server closes at that moment, resolves', async () => {
      const server = await stage.serve({ script: { QUIT: [hangUp()] } });
      const ftp = await stage.connect(server);
      expect(await ftp.quit()).to.equal(undefined);
      await server.deserted();
    });
  });

  describe('in a pool, quit()', () => {
    function pool(server: FtpServer): FTPPool {
      return new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret', connections: 2 });
    }

    it('ends connections that nobody wants any more', async () => {
      const server = await stage.serve({ script: { GREETING: [silence()] } });
      const ours = pool(server);
      const stream = ours.retr('a');
      stream.read(0);
      await once(server, 'session');
      const closed = closing(stream);
      stream.destroy();
      await closed;
      await ours.quit();
      await server.deserted();
      expect(server.commands).to.deep.equal([]);
    });

    it('resolves where nothing ever connected, where the pool is closed, and where the server has closed', async () => {
      const server = await stage.serve({ files: FILES });
      const never = pool(server);
      await never.quit();
      await never.quit();
      const closed = pool(server);
      closed.close();
      await closed.quit();
      const lost = pool(server);
      expect(await text(lost.retr('a'))).to.equal('file a');
      for (const { control } of server.sessions) control.hangUp();
      await lost.quit();
      await server.deserted();
    });
  });
});

describe('a session whose connection and login take several calls', () => {
  const stage = scene();

  it('has every call answered once, whatever was called while it was made', async () => {
    const greet = gate();
    const server = await stage.serve({ files: FILES, script: { GREETING: [until(greet), send(GREETING)], PASS: [normal()] } });
    const ftp = stage.client(server);
    const calls = [ftp.login(), ftp.size('a'), text(ftp.retr('a')), ftp.login('user', 'secret'), ftp.pwd()] as const;
    greet.open();
    const [login, size, content, again, path] = await Promise.all(calls);
    expect([login.code, size, content, again.code, path]).to.deep.equal([230, 6, 'file a', 230, '/']);
    expect(server.sessions.size).to.equal(1);
  });
});
