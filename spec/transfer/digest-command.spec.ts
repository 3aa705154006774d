import { expect } from 'chai';
import { chooseDigest, digestCommands } from '../../lib/transfer/verify';
import { UnsupportedError } from '../../lib/errors';

function features(...lines: string[]): Map<string, string> {
  return new Map(lines.map((line) => [line.split(' ')[0] ?? '', line.split(' ').slice(1).join(' ')]));
}

describe('digest commands', () => {
  it('are those of ProFTPD 1.3.8, the strongest first, and HASH before the others', () => {
    const found = digestCommands(features('HASH CRC32;MD5;SHA-1*;SHA-256;SHA-512;', 'MD5', 'XCRC', 'XMD5', 'XSHA', 'XSHA1', 'XSHA256', 'XSHA512'));
    expect(found.map(({ verb, name }) => (verb === name ? verb : `${verb} ${name}`))).to.deep.equal([
      'HASH SHA-512', 'XSHA512', 'HASH SHA-256', 'XSHA256', 'HASH SHA-1', 'XSHA1', 'XSHA', 'HASH MD5', 'XMD5', 'MD5', 'HASH CRC32', 'XCRC',
    ]);
  });

  it('are those of GridFTP 13.24', () => {
    const found = digestCommands(features('CKSM MD5:10;ADLER32:10;SHA1:10;SHA256:11;SHA512:12;'));
    expect(found.map(({ verb, name }) => `${verb} ${name}`)).to.deep.equal(['CKSM SHA512', 'CKSM SHA256', 'CKSM SHA1', 'CKSM MD5']);
  });

  it('are told by the verb alone, whatever FEAT has after it', () => {
    expect(chooseDigest(features('XCRC "filename" SP EP', 'XMD5 filename;start;end'))).to.include({ verb: 'XMD5', algorithm: 'md5' });
  });

  it('are chosen by the hash that is wanted', () => {
    const offered = features('HASH SHA-1;SHA-256*', 'XCRC');
    expect(chooseDigest(offered)).to.include({ verb: 'HASH', name: 'SHA-256' });
    expect(chooseDigest(offered, 'sha1')).to.include({ verb: 'HASH', name: 'SHA-1' });
    expect(chooseDigest(offered, 'crc32')).to.include({ verb: 'XCRC' });
    expect(() => chooseDigest(offered, 'md5')).to.throw(UnsupportedError, 'the server offers no md5 of a file, but sha256, sha1, crc32');
    expect(() => chooseDigest(features('SIZE', 'MDTM'))).to.throw(UnsupportedError, 'no hash of a file');
  });
});
