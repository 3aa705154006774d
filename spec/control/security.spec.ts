import { expect } from 'chai';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';
import { SecurityError, TimeoutError } from '../../lib/errors';
import type { FTP } from '../../lib/client/ftp';
import { failure } from '../support/client';
import { CONTENT, SecuredStage, WAYS } from '../support/secured';
import { certificate } from '../support/server/certificates';
import type { Session } from '../support/server/session';
import { boundary, raw, send, silence, split, startTls } from '../support/server/steps';

describe('TLS', () => {
  const stage = new SecuredStage();

  describe('explicit', () => {
    it('comes before the name and the password, and data are protected without asking', async () => {
      const server = await stage.serve({ required: true });
      const ftp = stage.client(server);
      expect(await text(ftp.retr('file'))).to.equal(CONTENT);
      await pipeline(Readable.from(['up']), ftp.stor('up'));
      expect(String(server.read('/up'))).to.equal('up');
      expect(server.commands.slice(0, 5)).to.deep.equal(['AUTH TLS', 'USER user', 'PASS secret', 'PBSZ 0', 'PROT P']);
    });

    it('lets nothing but AUTH TLS leave in the clear', async () => {
      const server = await stage.serve();
      const ftp = stage.client(server);
      await ftp.login();
      await ftp.quit();
      const { clear, records, behind } = stage.sent(ftp);
      expect(clear).to.equal('AUTH TLS\r\n');
      expect(records).to.have.length.greaterThan(6);
      expect(behind.toString('latin1')).to.equal('');
    });

    it('begins after a 234 of many lines, and after one that comes byte by byte', async () => {
      for (const [start, rest] of [['234-Hello.\r\n', '234 Go.\r\n'], ['234 Go.\r', '\n']] as const) {
        const last = (session: Session): void => void session.writeRaw(rest); // TLS must be ready before it has arrived
        const server = await stage.serve({}, { script: { AUTH: [split(start, 1), last, startTls()] } });
        expect((await stage.client(server).login()).code).to.equal(230);
      }
    });

    for (const [act, shown] of [['500 What?', 500], ['502 No.', 502], ['504 No TLS.', 504], ['534 No.', 534], ['431 Not now.', 431], ['334 Say more.', 334]] as const) {
      it(`is not done without: AUTH answered ${act}`, async () => {
        const server = await stage.serve({}, { script: { AUTH: act } });
        const error = await stage.refuses(server, stage.client(server), ['AUTH TLS']);
        expect(error).to.include({ command: 'AUTH TLS', phase: 'connect' });
        expect(error.reply?.code).to.equal(shown);
      });
    }

    for (const greeting of ['230 Welcome, whoever you are.', '230-Welcome,\r\n230 whoever you are.']) {
      it(`is not done without: a greeting that logs in (${JSON.stringify(greeting)})`, async () => {
        const server = await stage.serve({}, { script: { GREETING: greeting } });
        const error = await stage.refuses(server, stage.client(server), []);
        expect(error).to.include({ phase: 'connect' });
        expect(error.reply?.code).to.equal(230);
      });
    }

    it('is not done without: options that cannot be used', async () => {
      const server = await stage.serve();
      const error = await stage.refuses(server, stage.client(server, { tls: { cert: certificate('client').cert, key: certificate('local').key } }), []);
      expect(error.message).to.match(/the option tls/);
    });

    for (const [what, steps] of [
      ['a whole reply', [raw('234 Go.\r\n230 Logged in.\r\n')]],
      ['part of a line', [raw('234 Go.\r\n230')]],
      ['one byte', [raw('234 Go.\r\n\n')]],
      ['a space', [raw('234 Go.\r\n ')]],
      ['a line end cut in two', [raw('234 Go.\r\n\r')]],
      ['part of a line in a packet of its own', [raw('234 Go.\r\n'), boundary(), raw('230 Logged'), startTls()]],
      ['part of a line after a 234 that comes byte by byte', [split('234 Go.\r\n230 Logged', 1), startTls()]],
      ['a reply in a packet of its own', [raw('234 Go.\r\n'), boundary(), raw('230 Logged in.\r\n'), startTls()]],
    ] as const) {
      it(`refuses ${what} in the clear after the 234`, async () => {
        const server = await stage.serve({}, { script: { AUTH: steps } });
        await stage.refuses(server, stage.client(server), ['AUTH TLS']);
      });
    }

    it('fails when the server hangs up in the handshake, or says nothing in it', async () => {
      const gone = await stage.serve({}, { script: { AUTH: [send('234 Go.'), (session) => session.control.hangUp()] } });
      await stage.refuses(gone, stage.client(gone), ['AUTH TLS']);
      const silent = await stage.serve({}, { script: { AUTH: [send('234 Go.'), silence()] } });
      const error = await failure(stage.client(silent, { connectTimeout: 100 }).login());
      expect(error).to.be.instanceOf(TimeoutError).and.include({ phase: 'connect' });
      expect(silent.commands[0]).to.equal('AUTH TLS');
    });

    it('comes again with a connection that is made again', async () => {
      const server = await stage.serve();
      const ftp = stage.client(server);
      await ftp.noop();
      const closed = once(ftp, 'close');
      for (const { control } of server.sessions) control.reset();
      await closed;
      server.commands.length = 0;
      await ftp.noop();
      expect(server.commands.slice(0, 5)).to.deep.equal(['AUTH TLS', 'USER user', 'PASS secret', 'PBSZ 0', 'PROT P']);
    });
  });

  describe('implicit', () => {
    it('begins with the first byte, and data are protected', async () => {
      const server = await stage.serve({ mode: 'implicit', required: true });
      const ftp = stage.client(server, { secure: 'implicit' });
      expect(await text(ftp.retr('file'))).to.equal(CONTENT);
      expect(server.commands.slice(0, 4)).to.deep.equal(['USER user', 'PASS secret', 'PBSZ 0', 'PROT P']);
    });

    it('fails on a server that greets in the clear, and sends it nothing', async () => {
      const server = await stage.serve();
      const error = await stage.refuses(server, stage.client(server, { secure: 'implicit' }), []);
      expect(error.message).to.match(/^TLS: [a-z ]+: the server does not speak TLS here, or not yet \(option secure\)$/);
    });

    it('is what an error names where port 990 says nothing in the clear', async () => {
      const server = await stage.serve({ mode: 'implicit' });
      const error = await failure(stage.client(server, { secure: false, port: 990, connectTimeout: 50, createConnection: () => new Promise(() => {}) }).connect());
      expect(error).to.be.instanceOf(TimeoutError);
      expect(error.message).to.match(/option secure/);
    });

    it('has the handshake in connectTimeout', async () => {
      const server = await stage.serve({ mode: 'implicit' }, { script: { CONNECT: [silence()] } });
      const error = await failure(stage.client(server, { secure: 'implicit', connectTimeout: 100 }).connect());
      expect(error).to.be.instanceOf(TimeoutError).and.include({ phase: 'connect' });
    });
  });

  describe('on data connections', () => {
    for (const way of WAYS) {
      it(`is not done without: PROT refused (${way.title})`, async () => {
        for (const act of ['534 No.', '431 Not now.', '500 What?', '536 Not that.']) {
          for (const use of [(ftp: FTP) => finished(ftp.retr('file').resume()), (ftp: FTP) => pipeline(Readable.from(['mine']), ftp.stor('up')), (ftp: FTP) => ftp.list().toArray(), (ftp: FTP) => ftp.login()]) {
            const server = await stage.serveWay(way, {}, { script: { PROT: act } });
            const error = await failure(use(stage.client(server)));
            expect(error).to.be.instanceOf(SecurityError);
            expect(error.reply?.code).to.equal(Number(act.slice(0, 3)));
            await server.deserted();
            expect(server.commands).to.deep.equal([...(way.mode === 'explicit' ? ['AUTH TLS'] : []), 'USER user', 'PASS secret', 'PBSZ 0', 'PROT P']);
          }
        }
      });

      it(`does without PBSZ, which some servers do not know: PROT decides (${way.title})`, async () => {
        const server = await stage.serveWay(way, {}, { script: { PBSZ: (session) => ((session.bufferSize = true), session.reply('502 What?')) }, files: { '/file': 'abc' } });
        expect((await stage.client(server).retr('file').toArray()).join('')).to.equal('abc');
        const ftp = stage.client(server);
        expect((await ftp.protC()).code).to.equal(200);
        expect((await ftp.retr('file').toArray()).join('')).to.equal('abc');
      });
    }
  });

  describe('session reuse', () => {
    for (const way of WAYS) {
      it(`resumes the control connection's session on data connections (${way.title})`, async () => {
        const server = await stage.serveWay(way, { requireReuse: true });
        const ftp = stage.client(server);
        for (let round = 0; round < 3; round++) {
          const down = ftp.retr('file');
          expect(await text(down)).to.equal(CONTENT);
          expect(down.tlsResumed).to.equal(true);
          const up = ftp.stor('up');
          await pipeline(Readable.from(['up']), up);
          expect(up.tlsResumed).to.equal(true);
        }
      });
    }

    it('says nothing of data connections without TLS', async () => {
      const server = await stage.serve();
      const down = stage.client(server, { secure: false }).retr('file');
      await text(down);
      expect(down.tlsResumed).to.equal(undefined);
    });
  });
});
