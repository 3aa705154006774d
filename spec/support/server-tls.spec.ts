import { expect } from 'chai';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { RawClient } from './raw-client';
import { Served } from './served';
import { certificate, type CertificateName } from './server/certificates';
import { content } from './server/content';
import type { FtpServerOptions } from './server/server-options';
import { boundary, data, dataCut, dataEnd, dataReset, raw, send, startTls } from './server/steps';

const BIG = content(3_000_000);
const local = certificate();
const trusting = { ca: local.cert, host: '127.0.0.1' };

describe('embedded server: TLS', () => {
  const served = new Served({ files: { '/a': 'abc', '/big': BIG }, tls: { mode: 'explicit', ...local } });

  /** AUTH TLS and login, with the data connections protected. */
  async function login(options: ConnectionOptions = trusting): Promise<TLSSocket> {
    await served.client.codes(1);
    expect(await served.said('AUTH TLS')).to.equal('234');
    const secured = await served.client.secure(options);
    expect(await served.said('USER user', 'PASS secret', 'PBSZ 0', 'PROT P', 'TYPE I')).to.equal('331 230 200 200 200');
    return secured;
  }

  /** A data connection whose handshake begins after the mark. */
  async function protectedData(line: string, options: ConnectionOptions = trusting): Promise<TLSSocket> {
    const socket = await served.client.passive();
    expect(await served.client.command(line)).to.match(/^150 /);
    return connect({ socket, ...options });
  }

  it('protects both connections', async () => {
    await login();
    const down = await protectedData('RETR big');
    expect((await buffer(down)).equals(BIG.read(0, BIG.size))).to.equal(true);
    expect(await served.client.codes(1)).to.equal('226');
    const up = await protectedData('STOR new');
    up.resume().end('xyz');
    expect(await served.client.codes(1)).to.equal('226');
    expect(served.server.read('/new').toString()).to.equal('xyz');
    await served.server.idle();
    expect(served.server.url).to.match(/^ftpes:/);
    expect(await served.client.command('FEAT')).to.include('\n AUTH TLS\n PBSZ\n PROT\n');
  });

  it('connects actively, too', async () => {
    await login();
    const { socket } = await served.client.active('EPRT');
    expect(await served.client.command('RETR a')).to.match(/^150 /);
    expect((await buffer(connect({ socket: await socket, ...trusting }))).toString()).to.equal('abc');
    expect(await served.client.codes(1)).to.equal('226');
  });

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`resumes sessions, and can insist on it, with ${maxVersion}`, async () => {
      await served.restart({ tls: { mode: 'explicit', ...local, maxVersion, requireReuse: true } });
      const secured = await login();
      const fresh = await protectedData('RETR a');
      await buffer(fresh).catch(() => undefined);
      expect(await served.client.reply()).to.match(/^522 .*session reuse required/);
      const session = secured.getSession();
      const resumed = await protectedData('RETR a', { ...trusting, ...(session ? { session } : {}) });
      await once(resumed, 'secureConnect');
      expect(resumed.isSessionReused()).to.equal(true);
      expect((await buffer(resumed)).toString()).to.equal('abc');
      expect(await served.client.codes(1)).to.equal('226');
    });
  }

  it('refuses what would be in the clear, where TLS is required', async () => {
    await served.restart({ tls: { mode: 'explicit', ...local, required: true } });
    await served.client.codes(1);
    expect(await served.said('USER user', 'PBSZ 0', 'PROT P', 'CCC')).to.equal('530 503 503 533');
    await served.said('AUTH TLS');
    await served.client.secure(trusting);
    expect(await served.said('AUTH TLS', 'USER user', 'PASS secret', 'PROT P', 'PBSZ 0', 'PROT S', 'EPSV', 'RETR a')).to.equal('503 331 230 503 200 536 229 522');
  });

  it('has no TLS where none is set', async () => {
    await served.restart({ tls: undefined } as unknown as FtpServerOptions);
    expect(await served.said('AUTH TLS')).to.equal('502');
  });

  it('drops what came in the clear after AUTH', async () => {
    await served.client.codes(1);
    served.client.write('AUTH TLS\r\nUSER user\r\nPASS sec');
    expect(await served.client.codes(1)).to.equal('234');
    await served.client.secure(trusting);
    expect(await served.said('PASS secret', 'AUTH SSL')).to.equal('503 503');
  });

  it('goes on in the clear after CCC', async () => {
    const secured = await login();
    const ended = once(secured, 'end');
    served.client.leaveTls();
    expect(await served.said('CCC')).to.equal('200');
    await ended;
    expect(await served.said('PWD', 'NOOP', 'AUTH TLS')).to.equal('257 200 503');
    const down = await protectedData('RETR a');
    expect((await buffer(down)).toString()).to.equal('abc');
    expect(await served.said('QUIT')).to.equal('226');
  });

  it('begins with TLS in implicit mode', async () => {
    await served.restart({ tls: { mode: 'implicit', ...local } });
    expect(served.server.url).to.match(/^ftps:/);
    const client = await RawClient.connect(served.server, trusting);
    expect(await client.reply()).to.equal('220 Ready.');
    expect(await client.command('AUTH TLS')).to.match(/^503/);
    expect(await client.command('QUIT')).to.match(/^221/);
    await client.ended();
  });

  const refusals: readonly [CertificateName, string][] = [
    ['local2', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['otherHost', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['expired', 'CERT_HAS_EXPIRED'],
  ];
  for (const [name, code] of refusals) {
    it(`can have a certificate that clients refuse: ${name}`, async () => {
      const pair = certificate(name);
      await served.restart({ tls: { mode: 'implicit', ...pair } });
      const error = await RawClient.connect(served.server, { host: '127.0.0.1', ca: name === 'local2' ? local.cert : pair.cert }).catch((reason: Error) => reason);
      expect(error).to.have.property('code', code);
      expect(served.server.commands).to.deep.equal([]);
    });
  }

  it('can have another certificate on data connections', async () => {
    await served.restart({ tls: { mode: 'explicit', ...local, data: certificate('local2') } });
    await login();
    const [error] = (await once(await protectedData('RETR a'), 'error')) as [Error];
    expect(error).to.have.property('code', 'DEPTH_ZERO_SELF_SIGNED_CERT');
    expect(await served.client.reply()).to.match(/^522 |^426 /);
  });

  it('asks for a client certificate where told', async () => {
    const pair = certificate('client');
    await served.restart({ tls: { mode: 'explicit', ...local, requestCert: true, ca: pair.cert } });
    await login({ ...trusting, ...pair });
    const stranger = await RawClient.connect(served.server);
    await stranger.codes(1);
    await stranger.command('AUTH TLS');
    await stranger.secure({ ...trusting, maxVersion: 'TLSv1.2' }).catch(() => undefined);
    await stranger.ended();
  });

  it('aborts under TLS', async () => {
    await login();
    const down = await protectedData('RETR big');
    await once(down, 'readable');
    expect(await served.said('ABOR')).to.equal('426');
    expect(await served.client.codes(1)).to.equal('226');
    down.on('error', () => undefined).destroy();
    await served.server.idle();
  });

  it('cuts and resets by script', async () => {
    served.server.script = {
      RETR: [[send('150 go'), data('half'), dataCut(), send('226 ok')], [send('150 go'), data('half'), boundary(), dataReset(), send('426 no')], [send('150 go'), data('whole'), dataEnd(), send('226 ok')]],
    };
    await login();
    const cut = await protectedData('RETR a');
    expect(String(await buffer(cut).catch((error: Error) => error))).to.match(/half|Error/);
    expect(await served.client.codes(1)).to.equal('226');
    const reset = await protectedData('RETR a');
    expect(await buffer(reset).catch((error: Error) => error)).to.have.property('code', 'ECONNRESET');
    expect(await served.client.codes(1)).to.equal('426');
    expect((await buffer(await protectedData('RETR a'))).toString()).to.equal('whole');
    expect(await served.client.codes(1)).to.equal('226');
  });

  it('can send bytes in the clear after its 234', async () => {
    served.server.script = { AUTH: [raw('234 go\r\n220 injected\r\n'), startTls()] };
    await served.client.codes(1);
    served.client.write('AUTH TLS\r\n');
    expect(await served.client.codes(2)).to.equal('234 220');
    await served.client.secure(trusting);
    expect(await served.said('NOOP')).to.equal('200');
  });

  it('ends a session whose handshake fails', async () => {
    await served.client.codes(1);
    expect(await served.said('AUTH TLS')).to.equal('234');
    served.client.write('USER in the clear\r\n');
    await served.client.ended();
    await served.server.deserted();
  });
});
