import { expect } from 'chai';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { chunksOf, content } from '../support/server/content';
import { outcomeOf, useBench } from '../support/transfers';

const DIGITS = '0123456789';

describe('a range of a file', () => {
  const bench = useBench();

  for (const [what, range, expected] of [
    ['from a byte on', { start: 3 }, '3456789'],
    ['up to a byte, which is in it', { end: 4 }, '01234'],
    ['from a byte to a byte', { start: 3, end: 5 }, '345'],
    ['of one byte', { start: 9, end: 9 }, '9'],
    ['of the first byte', { start: 0, end: 0 }, '0'],
    ['that is all of it', { start: 0, end: 9 }, DIGITS],
    ['that ends behind the file', { start: 8, end: 1000 }, '89'],
    ['that begins at the end of the file', { start: 10 }, ''],
    ['that begins and ends at the end of the file', { start: 10, end: 20 }, ''],
  ] as const) {
    it(`${what} is "${expected}"`, async () => {
      await bench.serve({ files: { '/file': DIGITS } });
      const ftp = bench.client();
      const { bytes, error } = await outcomeOf(ftp.retr('file', range));
      expect(error).to.equal(undefined);
      expect(bytes.toString()).to.equal(expected);
      expect(await ftp.pwd()).to.equal('/');
      expect(bench.logins).to.equal(1);
    });
  }

  it('that begins behind the end of the file is the server’s refusal', async () => {
    await bench.serve({ files: { '/file': DIGITS } });
    const ftp = bench.client();
    const { error } = await outcomeOf(ftp.retr('file', { start: 11 }));
    expect(error).to.include({ code: 'ERR_FTP_PERMANENT', phase: 'command' });
    expect(await ftp.pwd()).to.equal('/');
  });

  it('of an empty file is empty', async () => {
    await bench.serve({ files: { '/file': '' } });
    const ftp = bench.client();
    for (const range of [{}, { start: 0 }, { end: 5 }]) expect(await outcomeOf(ftp.retr('file', range))).to.deep.equal({ bytes: Buffer.alloc(0), error: undefined });
  });

  it('of a large file ends without the rest of it, and the session goes on', async () => {
    const file = content(1024 ** 3);
    await bench.serve({ files: { '/file': file } });
    const ftp = bench.client();
    for (const [start, end] of [[0, 99_999], [700_000_000, 700_500_000], [2 ** 30 - 10, 2 ** 30 + 10]] as const) {
      const stream = ftp.retr('file', { start, end });
      const { bytes, error } = await outcomeOf(stream);
      expect(error).to.equal(undefined);
      expect(bytes.equals(Buffer.concat([...chunksOf({ ...file, size: Math.min(end + 1, file.size), read: file.read }, start)].map((chunk) => Buffer.from(chunk))).subarray(0, end + 1 - start))).to.equal(true);
      expect(stream.bytesRead).to.equal(bytes.length);
    }
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.logins).to.equal(1);
  });

  it('sends REST just before RETR, and does not leave it to the next', async () => {
    await bench.serve({ files: { '/file': DIGITS } });
    const ftp = await bench.warmClient();
    await outcomeOf(ftp.retr('file', { start: 4 }));
    const { bytes } = await outcomeOf(ftp.retr('file'));
    expect(bytes.toString()).to.equal(DIGITS);
    const again = await outcomeOf(ftp.retr('file'));
    expect(again.bytes.toString()).to.equal(DIGITS);
    expect(bench.transcript).to.deep.equal(['EPSV', 'REST 4', 'RETR file', 'REST 0', 'EPSV', 'RETR file', 'EPSV', 'RETR file']);
  });

  it('resumes a download, and an upload', async () => {
    await bench.serve({ files: { '/file': DIGITS, '/part': '012' } });
    const ftp = bench.client();
    const { bytes } = await outcomeOf(ftp.retr('file', { start: 3 }));
    await pipeline(Readable.from([bytes]), ftp.stor('part', { start: await ftp.size('part') }));
    expect(bench.server.read('/part').toString()).to.equal(DIGITS);
  });
});
