import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { hash } from '../../lib/client/verbs';
import { ArgumentError, PermanentError, ReplyError, UnsupportedError } from '../../lib/errors';
import { failure, scene } from '../support/client';
import { FEATURES } from '../support/server/server-options';

const TEXT = 'what is hashed';
const FILES = { '/file': TEXT, '/with blank': TEXT, '/ünï "q"': TEXT };

function hex(algorithm: string): string {
  return createHash(algorithm).update(TEXT).digest('hex');
}

describe('hash()', () => {
  const stage = scene();

  it('gives the hash that is asked for, by HASH', async () => {
    const server = await stage.serve({ files: FILES, features: [...FEATURES, 'HASH SHA-1*;SHA-256;MD5'] });
    const ftp = stage.client(server);
    for (const [name, algorithm] of [['sha256', 'sha256'], ['SHA-1', 'sha1'], ['md5', 'md5']] as const) {
      for (const path of ['file', 'with blank', 'ünï "q"']) expect(await ftp.hash(path, name)).to.equal(hex(algorithm));
    }
    expect(await hash(ftp, 'file')).to.equal(hex('sha256'));
  });

  it('gives several at once, each its own', async () => {
    const server = await stage.serve({ files: FILES, features: [...FEATURES, 'HASH SHA-1*;SHA-256;MD5'] });
    const ftp = stage.client(server);
    const names = ['md5', 'sha256', 'sha1', 'sha256', 'md5'];
    expect(await Promise.all(names.map((name) => ftp.hash('file', name)))).to.deep.equal(names.map(hex));
  });

  it('gives the strongest that the older commands have, names with blanks in quotes', async () => {
    const server = await stage.serve({ files: FILES, features: [...FEATURES, 'XCRC', 'XMD5', 'XSHA256', 'XSHA1', 'XSHA512'] });
    const ftp = stage.client(server);
    for (const path of ['file', 'with blank']) {
      expect(await ftp.hash(path)).to.equal(hex('sha512'));
      for (const name of ['sha256', 'sha1', 'md5']) expect(await ftp.hash(path, name)).to.equal(hex(name));
      expect(await ftp.hash(path, 'CRC32')).to.equal('88f48f24');
    }
    expect(server.commands).to.include('XSHA512 file').and.include('XSHA512 "with blank"');
  });

  it('reads MD5 of draft-twine-ftpmd5, and CKSM of GridFTP', async () => {
    const server = await stage.serve({ files: FILES, features: [...FEATURES, 'MD5', 'CKSM SHA256:10;'], script: { CKSM: `213 ${hex('sha256')}` } });
    const ftp = stage.client(server);
    expect(await ftp.hash('with blank', 'md5')).to.equal(hex('md5'));
    expect(await ftp.hash('with blank')).to.equal(hex('sha256'));
    expect(server.commands.at(-1)).to.equal('CKSM SHA256 0 -1 with blank');
  });

  it('reads ProFTPD’s replies of two lines, and a CRC without its leading zeros', async () => {
    const script = { HASH: `213-Computing SHA-256 digest\r\n213 SHA-256 0-14 ${hex('sha256')} file`, XCRC: '250-Computing CRC32 digest\r\n250 A1B' };
    const server = await stage.serve({ files: FILES, features: [...FEATURES, 'HASH SHA-256*', 'XCRC'], script });
    const ftp = stage.client(server);
    expect(await ftp.hash('file')).to.equal(hex('sha256'));
    expect(await ftp.hash('file', 'crc32')).to.equal('00000a1b');
  });

  it('leaves TYPE A for it', async () => {
    const server = await stage.serve({ files: FILES, features: [...FEATURES, 'HASH SHA-256*'] });
    const ftp = stage.client(server);
    await ftp.retrlines('RETR file').toArray();
    await ftp.hash('file');
    expect(server.commands.filter((line) => line.startsWith('TYPE'))).to.deep.equal(['TYPE A', 'TYPE I']);
  });

  it('fails where the server offers no such hash, and for a hash that nobody knows', async () => {
    const server = await stage.serve({ files: FILES, features: [...FEATURES, 'XCRC'] });
    const ftp = stage.client(server);
    expect(await failure(ftp.hash('file', 'sha256'))).to.be.instanceOf(UnsupportedError).and.include({ message: 'the server offers no sha256 of a file, but crc32' });
    expect(await failure(ftp.hash('file', 'rot13'))).to.be.instanceOf(ArgumentError);
    expect(await failure(ftp.hash(''))).to.be.instanceOf(ArgumentError);
    expect(await failure(ftp.hash('missing'))).to.be.instanceOf(PermanentError);
  });

  for (const [what, reply] of [
    ['is of another algorithm than was asked for', `213 SHA-1 0-14 ${'a'.repeat(40)} file`],
    ['is too short', '213 SHA-256 0-14 abc file'],
    ['has none', '213 Done.'],
  ] as const) {
    it(`fails with a ReplyError when the answer ${what}`, async () => {
      const server = await stage.serve({ files: FILES, features: [...FEATURES, 'HASH SHA-256*'], script: { HASH: reply } });
      expect(await failure(stage.client(server).hash('file'))).to.be.instanceOf(ReplyError).and.include({ message: `HASH file: ${reply}` });
    });
  }
});
