import { expect } from 'chai';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tls } from '../../examples/tls';
import { SecurityError } from '../../lib';
import { certificate } from '../support/server/certificates';
import { FtpServer } from '../support/server/ftp-server';

describe('examples: tls', () => {
  const home = process.cwd();
  let folder: string;
  let server: FtpServer;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ftplib-examples-'));
    process.chdir(folder);
    const options = { mode: 'explicit', required: true, ...certificate('local') } as const;
    server = await FtpServer.start({ users: { user: 'secret' }, tls: options, files: { '/pub/README': 'read me' } });
  });

  afterEach(async () => {
    process.chdir(home);
    await rm(folder, { recursive: true });
    await server.close();
  });

  it('downloads over TLS', async () => {
    await writeFile('ca.pem', certificate('local').cert);
    await tls('localhost', server.port);
    expect(await readFile('README.copy', 'utf8')).to.equal('read me');
    expect(server.commands).to.include.members(['AUTH TLS', 'PROT P']);
  });

  it('says nothing to a server whose certificate no authority vouches for', async () => {
    await writeFile('ca.pem', certificate('local2').cert);
    const error = await tls('localhost', server.port).catch((reason: unknown) => reason);
    expect(error).to.be.an.instanceOf(SecurityError);
    expect(server.commands).to.deep.equal(['AUTH TLS']);
  });
});
