import { expect } from 'chai';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TransferError } from '../../lib/index';
import { chunksOf, content } from '../support/server/content';
import { PERSONALITIES } from '../support/server/personalities';
import type { Script } from '../support/server/script';
import { data, dataEnd, openData, send } from '../support/server/steps';
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
    ['that ends after the file', { start: 8, end: 1000 }, '89'],
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

  it('that begins after the end of the file is the server’s refusal', async () => {
    await bench.serve({ files: { '/file': DIGITS } });
    const ftp = bench.client();
    const { error } = await outcomeOf(ftp.retr('file', { start: 11 }));
    expect(error).to.include({ code: 'ERR_FTP_PERMANENT', phase: 'command' });
    expect(await ftp.pwd()).to.equal('/');
  });

  describe('on a server that answers 226 whatever the offset', () => {
    /** As servers do that seek beyond the end: nothing comes, and all is well. */
    const SEEKS: Script = {
      RETR: async (session) => {
        const socket = await session.dataConnection();
        session.reply('150 Here.');
        socket.end(DIGITS.slice(session.restart));
        session.reply('226 Done.');
      },
    };

    it('that begins after the end of the file is an error', async () => {
      await bench.serve({ files: { '/file': DIGITS }, script: SEEKS });
      const ftp = bench.client();
      const { error } = await outcomeOf(ftp.retr('file', { start: 11 }));
      expect(error).to.be.instanceOf(TransferError);
      expect(error?.message).to.equal('RETR file: byte 11 was asked for, and the file has 10 bytes');
      expect(await ftp.pwd()).to.equal('/');
      expect(bench.logins).to.equal(1);
    });

    it('that begins at the end of the file is empty', async () => {
      await bench.serve({ files: { '/file': DIGITS }, script: SEEKS });
      const ftp = bench.client();
      expect(await outcomeOf(ftp.retr('file', { start: 10 }))).to.deep.equal({ bytes: Buffer.alloc(0), error: undefined });
      expect((await outcomeOf(ftp.retr('file', { start: 8 }))).bytes.toString()).to.equal('89');
    });

    for (const said of ['213 ', '213 unknown', '213 0x1', '213 -1', '550 No.']) {
      it(`that begins after the end is empty where SIZE says ${JSON.stringify(said)}`, async () => {
        await bench.serve({ files: { '/file': DIGITS }, script: { ...SEEKS, SIZE: said } });
        const ftp = bench.client();
        expect(await outcomeOf(ftp.retr('file', { start: 11 }))).to.deep.equal({ bytes: Buffer.alloc(0), error: undefined });
        expect((await outcomeOf(ftp.retr('file', { start: 8 }))).bytes.toString()).to.equal('89');
      });
    }

    it('that begins after the end, with the next download already called, is an error of its own only', async () => {
      await bench.serve({ files: { '/file': DIGITS }, script: SEEKS });
      const ftp = bench.client();
      const [behind, next, size] = await Promise.all([outcomeOf(ftp.retr('file', { start: 11 })), outcomeOf(ftp.retr('file')), ftp.size('file')]);
      expect(behind.error).to.be.instanceOf(TransferError);
      expect([next.bytes.toString(), next.error, size]).to.deep.equal([DIGITS, undefined, 10]);
    });

    it('is empty where the server tells no SIZE to compare with', async () => {
      await bench.serve({ files: { '/file': DIGITS }, script: { ...SEEKS, SIZE: '502 No.' } });
      expect((await outcomeOf(bench.client().retr('file', { start: 11 }))).error).to.equal(undefined);
    });
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

  it('leaves nothing to a download that was called beside it, and waits for its 226', async () => {
    await bench.serve({ files: { '/file': DIGITS }, ...PERSONALITIES.earlyPassive }); // whose 226 takes a moment
    const ftp = bench.client();
    for (let round = 0; round < 3; round++) {
      const both = await Promise.all([outcomeOf(ftp.retr('file', { start: 4 })), outcomeOf(ftp.retr('file'))]);
      expect(both.map(({ bytes, error }) => error ?? bytes.toString())).to.deep.equal([DIGITS.slice(4), DIGITS]);
    }
    expect(bench.logins).to.equal(1);
  });

  it('resumes a download, and an upload', async () => {
    await bench.serve({ files: { '/file': DIGITS, '/part': '012' } });
    const ftp = bench.client();
    const { bytes } = await outcomeOf(ftp.retr('file', { start: 3 }));
    await pipeline(Readable.from([bytes]), ftp.stor('part', { start: await ftp.size('part') }));
    expect(bench.server.read('/part').toString()).to.equal(DIGITS);
  });
});

describe('a download of which the mark announces no bytes', () => {
  const bench = useBench();

  it('is an error where some come', async () => {
    await bench.serve({ script: { RETR: [openData(), send('150 Opening BINARY mode data connection for file (0 bytes).'), data('surprise'), dataEnd(), send('226 Done.')] } });
    const ftp = bench.client();
    const { error } = await outcomeOf(ftp.retr('file'));
    expect(error).to.be.instanceOf(TransferError).and.include({ bytesTransferred: 8, expectedBytes: 0 });
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.logins).to.equal(1);
  });

  it('is empty where none come', async () => {
    await bench.serve({ script: { RETR: [openData(), send('150 Opening BINARY mode data connection for file (0 bytes).'), dataEnd(), send('226 Done.')] } });
    expect(await outcomeOf(bench.client().retr('file'))).to.deep.equal({ bytes: Buffer.alloc(0), error: undefined });
  });
});
