import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';
import { ArgumentError, SecurityError, TimeoutError } from '../../lib/errors';
import type { FTP } from '../../lib/ftp';
import type { FTPOptions } from '../../lib/options';
import { failure, scene, tapped } from '../support/client';
import { certificate, type CertificateName } from '../support/server/certificates';
import type { FtpServer } from '../support/server/ftp-server';
import type { FtpServerOptions } from '../support/server/server-options';
import { boundary, dataCut, openData, raw, send, silence, startTls } from '../support/server/steps';
import type { TlsOptions } from '../support/server/tls-options';

const FILES = { '/file': 'protected content' };
const CA = certificate().cert;
/** A server that expects lines takes a handshake for some, too. */
const COMMAND = /^(AUTH|USER|PASS|ACCT|FEAT|PBSZ|PROT|NOOP|QUIT|TYPE|EPSV)\b/;

describe('TLS', () => {
  const stage = scene();

  function serve(tls: Partial<TlsOptions> = {}, options: FtpServerOptions = {}): Promise<FtpServer> {
    return stage.serve({ files: FILES, tls: { mode: 'explicit', ...certificate(), ...tls }, ...options });
  }

  function client(server: FtpServer, options: FTPOptions = {}): FTP {
    return stage.client(server, { secure: 'explicit', tls: { ca: CA }, ...options });
  }

  /** The verb fails with SecurityError, the connection is closed, and the server has got nothing but these lines. */
  async function refuses(server: FtpServer, ftp: FTP, lines: string[]): Promise<SecurityError> {
    const error = await failure(ftp.login());
    expect(error).to.be.instanceOf(SecurityError).and.include({ code: 'ERR_FTP_SECURITY' });
    await server.deserted();
    expect(server.commands.filter((line) => COMMAND.test(line))).to.deep.equal(lines);
    expect(ftp.session.control).to.equal(undefined);
    return error;
  }

  describe('explicit', () => {
    it('comes before the name and the password, and data are protected without asking', async () => {
      const server = await serve({ required: true });
      const ftp = client(server);
      expect(await text(ftp.retr('file'))).to.equal('protected content');
      await pipeline(Readable.from(['up']), ftp.stor('up'));
      expect(String(server.read('/up'))).to.equal('up');
      expect(server.commands.slice(0, 5)).to.deep.equal(['AUTH TLS', 'USER user', 'PASS secret', 'PBSZ 0', 'PROT P']);
    });

    it('lets nothing but AUTH TLS leave in the clear', async () => {
      const server = await serve();
      const sent: Buffer[] = [];
      const ftp = client(server, {
        createConnection: ({ host, port, purpose }) => {
          const socket = connect({ host, port, allowHalfOpen: purpose === 'data' });
          return purpose === 'control' ? tapped(socket, sent) : socket;
        },
      });
      await ftp.login();
      await ftp.noop();
      const wire = Buffer.concat(sent).toString('latin1');
      expect(wire.startsWith('AUTH TLS\r\n\x16\x03')).to.equal(true);
      expect(wire).to.not.match(/USER|PASS|secret|NOOP|PBSZ/);
    });

    for (const [act, shown] of [['500 What?', 500], ['502 No.', 502], ['504 No TLS.', 504], ['534 No.', 534], ['431 Not now.', 431], ['334 Say more.', 334]] as const) {
      it(`is not done without: AUTH answered ${act}`, async () => {
        const server = await serve({}, { script: { AUTH: act } });
        const error = await refuses(server, client(server), ['AUTH TLS']);
        expect(error).to.include({ command: 'AUTH TLS', phase: 'connect' });
        expect(error.reply?.code).to.equal(shown);
      });
    }

    it('is not done without: a greeting that logs in', async () => {
      const server = await serve({}, { script: { GREETING: '230 Welcome, whoever you are.' } });
      await refuses(server, client(server), []);
    });

    for (const [what, steps] of [
      ['a whole reply', [raw('234 Go.\r\n230 Logged in.\r\n')]],
      ['part of a line', [raw('234 Go.\r\n230')]],
      ['one byte', [raw('234 Go.\r\n\n')]],
      ['a reply in a packet of its own', [raw('234 Go.\r\n'), boundary(), raw('230 Logged in.\r\n'), startTls()]],
    ] as const) {
      it(`refuses ${what} in the clear behind the 234`, async () => {
        const server = await serve({}, { script: { AUTH: steps } });
        await refuses(server, client(server), ['AUTH TLS']);
      });
    }

    it('fails when the server hangs up in the handshake, or says nothing in it', async () => {
      const gone = await serve({}, { script: { AUTH: [send('234 Go.'), (session) => session.control.hangUp()] } });
      await refuses(gone, client(gone), ['AUTH TLS']);
      const silent = await serve({}, { script: { AUTH: [send('234 Go.'), silence()] } });
      const error = await failure(client(silent, { connectTimeout: 100 }).login());
      expect(error).to.be.instanceOf(TimeoutError).and.include({ phase: 'connect' });
      expect(silent.commands.filter((line) => COMMAND.test(line))).to.deep.equal(['AUTH TLS']);
    });

    for (const verb of ['PROT', 'PBSZ']) {
      for (const act of ['534 No.', '431 Not now.', '500 What?']) {
        it(`is not done without: ${verb} answered ${act}`, async () => {
          const server = await serve({}, { script: { [verb]: act } });
          const ftp = client(server);
          expect(await failure(finished(ftp.retr('file').resume()))).to.be.instanceOf(SecurityError);
          await server.deserted();
          expect(server.commands).to.deep.equal(['AUTH TLS', 'USER user', 'PASS secret', 'PBSZ 0', 'PROT P']);
        });
      }
    }

    it('comes again with a connection that is made again', async () => {
      const server = await serve();
      const ftp = client(server);
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
      const server = await serve({ mode: 'implicit', required: true });
      const ftp = client(server, { secure: 'implicit' });
      expect(await text(ftp.retr('file'))).to.equal('protected content');
      expect(server.commands.slice(0, 4)).to.deep.equal(['USER user', 'PASS secret', 'PBSZ 0', 'PROT P']);
    });

    it('fails on a server that greets in the clear, and sends it nothing', async () => {
      const server = await serve();
      await refuses(server, client(server, { secure: 'implicit' }), []);
    });

    it('has the handshake in connectTimeout', async () => {
      const server = await serve({ mode: 'implicit' }, { script: { CONNECT: [silence()] } });
      const error = await failure(client(server, { secure: 'implicit', connectTimeout: 100 }).connect());
      expect(error).to.be.instanceOf(TimeoutError).and.include({ phase: 'connect' });
    });
  });

  describe('certificates', () => {
    const bad: Readonly<Record<string, [name: CertificateName, tls: FTPOptions['tls'], code: RegExp]>> = {
      'that nobody vouches for': ['local', {}, /DEPTH_ZERO_SELF_SIGNED_CERT/],
      'of another host': ['otherHost', { ca: certificate('otherHost').cert }, /ERR_TLS_CERT_ALTNAME_INVALID/],
      'that has expired': ['expired', { ca: certificate('expired').cert }, /CERT_HAS_EXPIRED/],
    };
    for (const mode of ['explicit', 'implicit'] as const) {
      for (const [what, [name, tls = {}, code]] of Object.entries(bad)) {
        it(`${what} are refused before anything is said (${mode})`, async () => {
          const server = await serve({ mode, ...certificate(name) });
          const error = await refuses(server, client(server, { secure: mode, tls }), mode === 'explicit' ? ['AUTH TLS'] : []);
          expect((error.cause as { code: string }).code).to.match(code);
          expect(error.phase).to.equal('connect');
        });
      }
    }

    it('are for the host that was asked for, by name and by address', async () => {
      const server = await serve();
      await client(server, { host: 'localhost', family: 4 }).login();
      const other = client(server, { createConnection: () => connect({ host: server.host, port: server.port }), host: 'ftp.example.org' });
      expect((await failure(other.login())).cause).to.include({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    });

    it('that rejectUnauthorized lets pass do pass', async () => {
      const server = await serve({ ...certificate('expired') });
      expect(await text(client(server, { tls: { rejectUnauthorized: false } }).retr('file'))).to.equal('protected content');
    });

    it('of another key on the data connection end the transfer, and no byte of the file is believed or sent', async () => {
      const server = await serve({ data: certificate('local2') });
      const ftp = client(server);
      const error = await failure(finished(ftp.retr('file').resume()));
      expect(error).to.be.instanceOf(SecurityError).and.include({ bytesTransferred: 0 });
      expect(await failure(pipeline(Readable.from(['mine']), ftp.stor('up')))).to.be.instanceOf(SecurityError);
      expect(server.files.get('/up') === undefined || server.read('/up').length === 0).to.equal(true);
    });

    it('of the client are shown where asked for', async () => {
      const server = await serve({ requestCert: true, ca: certificate('client').cert });
      expect(await text(client(server, { tls: { ca: CA, ...certificate('client') } }).retr('file'))).to.equal('protected content');
    });
  });

  describe('session reuse', () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      it(`resumes the control connection's session on data connections (${version})`, async () => {
        const server = await serve({ requireReuse: true, minVersion: version, maxVersion: version });
        const ftp = client(server);
        for (let round = 0; round < 3; round++) {
          const down = ftp.retr('file');
          expect(await text(down)).to.equal('protected content');
          expect(down.tlsResumed).to.equal(true);
          const up = ftp.stor('up');
          await pipeline(Readable.from(['up']), up);
          expect(up.tlsResumed).to.equal(true);
        }
      });
    }

    it('says nothing of data connections without TLS', async () => {
      const server = await stage.serve({ files: FILES });
      const down = stage.client(server).retr('file');
      await text(down);
      expect(down.tlsResumed).to.equal(undefined);
    });
  });

  describe('by hand', () => {
    it('is auth, login and protP', async () => {
      const server = await serve();
      const ftp = client(server, { secure: false });
      await ftp.connect();
      expect((await ftp.auth()).code).to.equal(234);
      await ftp.login();
      await ftp.protP();
      expect(await text(ftp.retr('file'))).to.equal('protected content');
      expect(server.commands.slice(0, 5)).to.deep.equal(['AUTH TLS', 'USER user', 'PASS secret', 'PBSZ 0', 'PROT P']);
    });

    it('is refused twice, and PROT without TLS', async () => {
      const server = await serve();
      const ftp = client(server, { secure: false });
      await ftp.connect();
      await ftp.login();
      expect(await failure(ftp.protP())).to.be.instanceOf(ArgumentError);
      expect(await failure(ftp.ccc())).to.be.instanceOf(ArgumentError);
      await ftp.auth();
      expect(await failure(ftp.auth())).to.be.instanceOf(ArgumentError);
      expect((await ftp.noop()).code).to.equal(200);
    });

    it('that is refused closes the connection, and no login goes without on the next one', async () => {
      const server = await serve({}, { script: { AUTH: '502 No.' } });
      const ftp = client(server, { secure: false });
      await ftp.connect();
      const outcomes = await Promise.all([failure(ftp.auth()), failure(ftp.login()), failure(ftp.login())]);
      for (const error of outcomes) expect(error).to.be.instanceOf(SecurityError);
      await server.deserted();
      expect(server.commands).to.deep.equal(['AUTH TLS', 'AUTH TLS', 'AUTH TLS']);
    });

    it('puts data in the clear by protC, and nothing else does', async () => {
      const server = await serve();
      const ftp = client(server);
      await ftp.login();
      expect((await ftp.protC()).code).to.equal(200);
      const down = ftp.retr('file');
      expect(await text(down)).to.equal('protected content');
      expect(down.tlsResumed).to.equal(undefined);
      await ftp.protP();
      const again = ftp.retr('file');
      await text(again);
      expect(again.tlsResumed).to.be.a('boolean');
      expect(server.commands.filter((line) => line.startsWith('PROT'))).to.deep.equal(['PROT P', 'PROT C', 'PROT P']);
    });

    it('goes on in the clear by ccc, with data as they were', async () => {
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const server = await serve({ minVersion: version, maxVersion: version });
        const ftp = client(server);
        await ftp.login();
        expect((await ftp.ccc()).code).to.equal(200);
        expect((await Promise.all([ftp.noop(), ftp.noop()])).map(({ code }) => code)).to.deep.equal([200, 200]);
        const down = ftp.retr('file');
        expect(await text(down)).to.equal('protected content');
        expect(down.tlsResumed).to.be.a('boolean');
        for (const { control } of server.sessions) expect(control.cleared).to.equal(true);
        await ftp.quit();
      }
    });

    it('stays in TLS where CCC is refused', async () => {
      const server = await serve({}, { script: { CCC: '534 No.' } });
      const ftp = client(server);
      await ftp.login();
      expect((await failure(ftp.ccc())).reply?.code).to.equal(534);
      expect((await ftp.noop()).code).to.equal(200);
      for (const { control } of server.sessions) expect(control.secure).to.equal(true);
    });
  });

  it('takes a download without close_notify as an error only where strictTlsClose says so', async () => {
    const script = { RETR: [send('150 Here.'), openData(), async (session: { protectedData(): Promise<NodeJS.WritableStream> }) => void (await session.protectedData()).write('all'), boundary(), dataCut(), send('226 Done.')] };
    const lax = await serve({}, { script });
    expect(await text(client(lax).retr('file'))).to.equal('all');
    const strict = await serve({}, { script });
    const error = await failure(finished(client(strict, { strictTlsClose: true }).retr('file').resume()));
    expect(error.message).to.match(/close_notify|strictTlsClose/);
  });
});
