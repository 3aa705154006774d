import { expect } from 'chai';
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { FTPOptions } from '../../lib/options';
import { failure } from '../support/client';
import { CA, CONTENT, SecuredStage, WAYS } from '../support/secured';
import { certificate, type CertificateName } from '../support/server/certificates';

/** Each with what the client is told to trust, and Node's reason. */
const BAD: Readonly<Record<string, [name: CertificateName, tls: FTPOptions['tls'], code: string]>> = {
  'that nobody vouches for': ['local', {}, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  'of another key than the one that is trusted': ['local2', { ca: CA }, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  'of another host': ['otherHost', { ca: certificate('otherHost').cert }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  'that has expired': ['expired', { ca: certificate('expired').cert }, 'CERT_HAS_EXPIRED'],
};

describe('certificates', () => {
  const stage = new SecuredStage();

  for (const way of WAYS) {
    const lines = way.mode === 'explicit' ? ['AUTH TLS'] : [];

    for (const [what, [name, tls = {}, code]] of Object.entries(BAD)) {
      it(`${what} are refused before anything is said (${way.title})`, async () => {
        const server = await stage.serveWay(way, certificate(name));
        const error = await stage.refuses(server, stage.client(server, { tls }), lines);
        expect(error).to.include({ phase: 'connect' });
        expect(error.cause).to.include({ code });
      });
    }

    it(`are for the host that was asked for, by name and by address (${way.title})`, async () => {
      const server = await stage.serveWay(way);
      const reach = (): ReturnType<typeof connect> => connect({ host: server.host, port: server.port });
      await stage.client(server, { host: 'localhost', createConnection: reach }).login();
      const error = await failure(stage.client(server, { host: 'ftp.example.org', createConnection: reach }).login());
      expect(error.cause).to.include({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
      const named = stage.client(server, { host: 'ftp.example.org', createConnection: reach, tls: { ca: CA, servername: 'localhost' } });
      expect((await named.login()).code).to.equal(230);
    });

    it(`are for the IPv6 address that was asked for, and for no other (${way.title})`, async () => {
      const server = await stage.serveWay(way);
      const reach = (): ReturnType<typeof connect> => connect({ host: server.host, port: server.port });
      for (const host of ['::1', '0:0::0:1']) await stage.client(server, { host, createConnection: reach }).login();
      const error = await failure(stage.client(server, { host: '::2', createConnection: reach }).login());
      expect(error.cause).to.include({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    });

    it(`that checkServerIdentity refuses are refused (${way.title})`, async () => {
      const server = await stage.serveWay(way);
      const checkServerIdentity = (): Error => new Error('not the pinned one');
      const error = await stage.refuses(server, stage.client(server, { tls: { ca: CA, checkServerIdentity } }), lines);
      expect(error.message).to.equal('TLS: not the pinned one');
    });

    it(`that are pinned are taken whoever has signed them, and no others (${way.title})`, async () => {
      const { fingerprint256 } = new X509Certificate(certificate('expired').cert);
      const server = await stage.serveWay(way, certificate('expired'));
      for (const pin of [fingerprint256, fingerprint256.replaceAll(':', '').toLowerCase()]) {
        const ftp = stage.client(server, { pin, tls: {} });
        expect(await text(ftp.retr('file'))).to.equal(CONTENT);
        expect(await text(ftp.retr('file'))).to.equal(CONTENT);
      }
      const other = new X509Certificate(certificate('local').cert).fingerprint256;
      const { commands: { length } } = server;
      const error = await failure(stage.client(server, { pin: other, tls: {} }).login());
      expect(error).to.include({ code: 'ERR_FTP_SECURITY', phase: 'connect', message: `TLS: the certificate is not the one of the option pin; its SHA-256 fingerprint is ${fingerprint256}` });
      expect(server.commands.slice(length)).to.deep.equal(lines);
    });

    it(`of the client are shown where asked for, on both connections, and missed where there is none (${way.title})`, async () => {
      const server = await stage.serveWay(way, { requestCert: true, ca: certificate('client').cert });
      const known = stage.client(server, { tls: { ca: CA, ...certificate('client') } });
      expect(await text(known.retr('file'))).to.equal(CONTENT);
      await known.quit();
      server.commands.length = 0;
      await failure(stage.client(server).login());
      await server.deserted();
      expect(server.commands).to.deep.equal(lines);
    });
  }

  it('that rejectUnauthorized lets pass do pass, on both connections', async () => {
    const server = await stage.serve({ ...certificate('expired'), data: certificate('otherHost') });
    expect(await text(stage.client(server, { tls: { rejectUnauthorized: false } }).retr('file'))).to.equal(CONTENT);
  });

  it('are not asked for below minVersion', async () => {
    const server = await stage.serve({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
    await stage.refuses(server, stage.client(server, { tls: { ca: CA, minVersion: 'TLSv1.3' } }), ['AUTH TLS']);
  });
});
