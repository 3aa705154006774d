import { expect } from 'chai';
import { X509Certificate } from 'node:crypto';
import { pinned } from '../../examples/pinned';
import { SecurityError } from '../../lib';
import { certificate } from '../support/server/certificates';
import { FtpServer } from '../support/server/ftp-server';

describe('examples: pinned', () => {
  let server: FtpServer;

  beforeEach(async () => {
    server = await FtpServer.start({ users: { user: 'secret' }, tls: { mode: 'explicit', required: true, ...certificate('local') } });
  });

  afterEach(() => server.close());

  it('takes the pinned certificate', async () => {
    const { cert } = certificate('local');
    expect(await pinned('127.0.0.1', server.port, new X509Certificate(cert).fingerprint256)).to.equal('/');
  });

  it('says nothing to a server with another one', async () => {
    const other = new X509Certificate(certificate('local2').cert).fingerprint256;
    const error = await pinned('127.0.0.1', server.port, other).catch((reason: unknown) => reason);
    expect(error).to.be.an.instanceOf(SecurityError);
    expect(server.commands).to.deep.equal(['AUTH TLS']);
  });
});
