import { expect } from 'chai';
import { ReceiveBuffer } from '../../lib/net/receive-buffer';

/** Another thread's view of the bytes, to which their memory was transferred. */
function transfer(chunk: Buffer): Uint8Array {
  const moved = structuredClone(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length), { transfer: [chunk.buffer as ArrayBuffer] });
  expect(chunk.length).to.equal(0);
  return moved;
}

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

  it('grows while reads fill it, to 512 KiB: once, and for good 64 MiB later', () => {
    const { spaces } = read(Array.from({ length: 600 }, () => Infinity));
    const modest = Math.ceil((64 * 1024 * 1024 - 524_288) / 122_880);
    const expected = [65_536, 131_072, 262_144, 524_288, ...Array<number>(modest).fill(122_880)];
    expect(spaces).to.deep.equal([...expected, ...Array<number>(600 - expected.length).fill(524_288)]);
  });

  it('a read that its consumer keeps takes at most twice its bytes', () => {
    const { chunks } = read([100, 8192, 20_000, 32_767, 32_768, 65_536, 60_000, 70_000]);
    for (const chunk of chunks) expect(chunk.buffer.byteLength).to.be.at.most(2 * chunk.length);
  });

  it('what was handed on has memory of its own, which its consumer may transfer at any time', () => {
    const sizes = [1, 5000, 20_000, 65_536, 20_000, 40_000, 70_000, 3, 40_000, 9000];
    const { buffer, callback } = new ReceiveBuffer().onread((chunk) => chunks.push(chunk) > 0);
    const chunks: Buffer[] = [];
    const transferred: Uint8Array[] = [];
    let space = buffer();
    sizes.forEach((size, index) => {
      if (index % 3 === 2) transferred.push(...chunks.splice(0).map(transfer)); // while the next read is under way
      space.fill(index + 1, 0, size);
      callback(size);
      space = buffer();
    });
    transferred.push(...chunks.map(transfer));
    expect(transferred.map(({ length }) => length)).to.deep.equal(sizes);
    transferred.forEach((chunk, index) => expect(chunk.every((byte) => byte === index + 1), `read ${index}`).to.equal(true));
  });

  it('a large read is handed on without a copy', () => {
    const { buffer, callback } = new ReceiveBuffer().onread((chunk) => {
      expect(chunk.buffer).to.equal(space.buffer);
      return true;
    });
    const space = buffer();
    callback(50_000);
  });

  describe('lent', () => {
    function lend(sizes: number[]): { reads: Buffer[]; spaces: number[] } {
      const reads: Buffer[] = [];
      const spaces: number[] = [];
      const { buffer, callback } = new ReceiveBuffer().onread((chunk) => reads.push(chunk) > 0, 'lent');
      for (const size of sizes) {
        const space = buffer();
        spaces.push(space.length);
        callback(Math.min(size, space.length));
      }
      return { reads, spaces };
    }

    it('is read into again and again', () => {
      const { reads } = lend([1, 5000, 40_000, 60_000, 9000]);
      expect(new Set(reads.map(({ buffer }) => buffer)).size).to.equal(1);
      expect(reads.map(({ byteOffset, length }) => [byteOffset, length])).to.deep.equal([1, 5000, 40_000, 60_000, 9000].map((length) => [0, length]));
    });

    it('grows while reads fill it, to 128 KiB', () => {
      expect(lend(Array.from({ length: 4 }, () => Infinity)).spaces).to.deep.equal([65_536, 131_072, 131_072, 131_072]);
    });

    it('is not what was given away before, and is not given away after it', () => {
      const memory = new ReceiveBuffer();
      const given: Buffer[] = [];
      const read = (size: number, byte: number, lent: boolean): void => {
        const { buffer, callback } = memory.onread((chunk) => (lent ? true : given.push(chunk) > 0), lent ? 'lent' : 'given');
        buffer().fill(byte);
        callback(size);
      };
      [20_000, 50_000, 9000, 20_000].forEach((size, index) => {
        read(size, 2 * index, false);
        read(size, 2 * index + 1, true);
      });
      given.forEach((chunk, index) => expect(chunk.every((byte) => byte === 2 * index), `read ${index}`).to.equal(true));
    });
  });
});
