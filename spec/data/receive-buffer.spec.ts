import { expect } from 'chai';
import { ReceiveBuffer } from '../../lib/data/receive-buffer';

describe('ReceiveBuffer', () => {
  /** Reads of these sizes, filled with a running byte; what was handed on. */
  function read(sizes: number[]): { chunks: Buffer[]; spaces: number[] } {
    const chunks: Buffer[] = [];
    const spaces: number[] = [];
    const { buffer, callback } = new ReceiveBuffer().onread((chunk) => chunks.push(chunk) > 0);
    sizes.forEach((size, index) => {
      const space = buffer();
      spaces.push(space.length);
      space.fill(index + 1, 0, Math.min(size, space.length));
      callback(Math.min(size, space.length));
    });
    return { chunks, spaces };
  }

  it('hands on what was read, and later reads do not change it', () => {
    const sizes = [1, 5000, 20_000, 65_536, 3, 40_000, 9000, 64];
    const { chunks } = read(sizes);
    chunks.forEach((chunk, index) => expect(chunk.every((byte) => byte === index + 1), `read ${index}`).to.equal(true));
  });

  it('grows while reads fill it, to 512 KiB', () => {
    const { spaces } = read(Array.from({ length: 8 }, () => Infinity));
    expect(spaces).to.deep.equal([65_536, 131_072, 262_144, 524_288, 524_288, 524_288, 524_288, 524_288]);
  });

  it('a small read kept by its consumer does not keep the whole buffer alive', () => {
    const { chunks } = read([100, 8192]);
    for (const chunk of chunks) expect(chunk.buffer.byteLength).to.be.at.most(2 * Buffer.poolSize); // one of Node's pools, which many share
  });

  it('a large read is handed on without a copy', () => {
    const { buffer, callback } = new ReceiveBuffer().onread((chunk) => {
      expect(chunk.buffer).to.equal(space.buffer);
      return true;
    });
    const space = buffer();
    callback(50_000);
  });
});
