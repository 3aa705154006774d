import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { algorithmNamed, checkAlgorithm, Digest, HASH_ALGORITHMS, HEX_DIGITS } from '../../lib/transfer/verify';
import { ArgumentError } from '../../lib/errors';
import { describeSeed, random } from '../support/seed';

describe('digest', () => {
  for (const algorithm of HASH_ALGORITHMS) {
    it(`${algorithm} of bytes in pieces is that of the whole, in lower-case hex`, () => {
      const digest = new Digest(algorithm);
      for (const piece of ['1234', '', '56789']) digest.update(Buffer.from(piece));
      const hex = digest.hex();
      expect(hex).to.match(/^[0-9a-f]+$/).and.have.length(HEX_DIGITS[algorithm]);
      expect(hex).to.equal(algorithm === 'crc32' ? 'cbf43926' : createHash(algorithm).update('123456789').digest('hex'));
      expect(digest.hex(), 'asked again').to.equal(hex);
    });
  }

  it('is the same however the bytes are cut', () => {
    const { seed, bytes, int } = random(7);
    for (let round = 0; round < 100; round++) {
      const whole = bytes(int(300));
      const cut = int(whole.length + 1);
      for (const algorithm of HASH_ALGORITHMS) {
        const [once, twice] = [new Digest(algorithm), new Digest(algorithm)];
        once.update(whole);
        twice.update(whole.subarray(0, cut));
        twice.update(whole.subarray(cut));
        expect(twice.hex(), describeSeed(seed)).to.equal(once.hex());
      }
    }
  });

  it('keeps the leading zeros of a CRC', () => {
    expect(new Digest('crc32').hex()).to.equal('00000000');
  });

  it('knows a hash by any of its spellings', () => {
    for (const name of ['SHA-256', 'sha256', 'SHA256*', 'Sha_256']) expect(algorithmNamed(name)).to.equal('sha256');
    expect(algorithmNamed('CRC32')).to.equal('crc32');
    expect(algorithmNamed('adler32')).to.equal(undefined);
  });

  it('refuses what it does not know', () => {
    for (const name of ['sha3', '', 7, null]) expect(() => checkAlgorithm(name)).to.throw(ArgumentError, 'must be one of sha512');
  });
});
