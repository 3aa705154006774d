import { expect } from 'chai';
import { crc32, tableCrc32 } from '../../lib/transfer/verify';
import { describeSeed, random } from '../support/seed';

describe('crc32', () => {
  for (const [name, compute] of [['by Node', crc32], ['by the table', tableCrc32]] as const) {
    it(`${name} gives the check value of the catalogues`, () => {
      expect(compute(Buffer.from('123456789'))).to.equal(0xcbf43926);
      expect(compute(Buffer.alloc(0))).to.equal(0);
    });
  }

  it('is the same however the bytes are cut', () => {
    const { seed, bytes, int } = random(7);
    for (let round = 0; round < 100; round++) {
      const whole = bytes(int(300));
      const cut = int(whole.length + 1);
      const pieces = tableCrc32(whole.subarray(cut), tableCrc32(whole.subarray(0, cut)));
      expect(pieces, describeSeed(seed)).to.equal(crc32(whole));
    }
  });
});
