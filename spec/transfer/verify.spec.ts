import { expect } from 'chai';
import type { StorStream } from '../../lib/index';
import { ArgumentError, ConnectionClosedError, MismatchError, TransferError, UnsupportedError } from '../../lib/errors';
import { content } from '../support/server/content';
import type { Sequence } from '../support/server/script';
import { data, dataEnd, dataReset, hangUp, normal, openData, resetControl, send } from '../support/server/steps';
import { FEATURES } from '../support/server/server-options';
import { errorOf, outcomeOf, useBench } from '../support/transfers';
import { CUT, FILE, RetryScene, PATTERN, SIZE } from './retry-scene';

/** A download's other bytes, as many as the file's. */
const OTHER = content(SIZE, 2).read(0, SIZE);
const HASHES = [...FEATURES, 'HASH SHA-1*;SHA-256;SHA-512;MD5', 'XCRC', 'XSHA256', 'MD5'];

describe('a transfer that is verified', () => {
  const bench = useBench();
  const scene = new RetryScene(bench);
  const other: Sequence = [openData(), send('150 Here it comes.'), data(OTHER), dataEnd(), send('226 Done.')];

  beforeEach(() => bench.serve({ files: { '/file': PATTERN, '/empty': '', '/with blank': PATTERN }, features: HASHES }));

  /** Uploads bytes; resolves with the error, if there is one. */
  async function upload(stream: StorStream, bytes: Uint8Array): Promise<Error | undefined> {
    stream.end(bytes);
    return errorOf(stream);
  }

  describe('by its hash', () => {
    it('is complete when the hashes are the same', async () => {
      const ftp = bench.client();
      expect(await outcomeOf(ftp.retr('with blank', { verify: 'hash' }))).to.deep.equal({ bytes: FILE, error: undefined });
      expect(await outcomeOf(ftp.retr('empty', { verify: 'hash' }))).to.deep.equal({ bytes: Buffer.alloc(0), error: undefined });
      expect(await upload(ftp.stor('new', { verify: 'hash' }), FILE)).to.equal(undefined);
      expect(bench.server.commands.filter((line) => /HASH/.test(line))).to.deep.equal(['with blank', 'empty', 'new'].flatMap((path) => ['OPTS HASH SHA-512', `HASH ${path}`]));
    });

    it('fails with MismatchError in place of its end when a download differs', async () => {
      bench.server.script = { RETR: other };
      const stream = bench.client().retr('file', { verify: 'hash' });
      let ended = false;
      stream.on('end', () => (ended = true));
      const { error } = await outcomeOf(stream);
      expect(error).to.be.instanceOf(MismatchError).and.include({ code: 'ERR_FTP_MISMATCH', bytesTransferred: SIZE });
      expect(error?.message).to.match(/^RETR file: the server's sha512 of file is [0-9a-f]{128}, but that of what was transferred is [0-9a-f]{128}$/);
      expect(ended).to.equal(false);
    });

    it('fails with MismatchError in place of finish when an upload differs', async () => {
      const ftp = bench.client();
      bench.server.script = { HASH: [() => bench.server.write('/new', OTHER), normal()] };
      const stream = ftp.stor('new', { verify: 'hash' });
      let finished = false;
      stream.on('finish', () => (finished = true));
      expect(await upload(stream, FILE)).to.be.instanceOf(MismatchError);
      expect(finished).to.equal(false);
      expect(await ftp.pwd()).to.equal('/');
    });

    it('fails before anything is transferred where the server offers none', async () => {
      await bench.serve({ files: { '/file': PATTERN } });
      const ftp = bench.client();
      for (const error of [(await outcomeOf(ftp.retr('file', { verify: 'hash' }))).error, await upload(ftp.stor('new', { verify: 'hash' }), FILE)]) {
        expect(error).to.be.instanceOf(UnsupportedError).and.include({ code: 'ERR_FTP_UNSUPPORTED' });
      }
      expect(bench.server.commands.filter((line) => /^(RETR|STOR|EPSV)/.test(line))).to.deep.equal([]);
      expect(await ftp.pwd()).to.equal('/');
    });

    it('covers what was retried, and is asked again when its answer is lost', async () => {
      bench.server.script = { HASH: [[resetControl()], [normal()]] };
      const { bytes, error, retries } = await scene.download([[scene.arrive(CUT), dataReset(), send('426 Broken.')]], { verify: 'hash' });
      expect(error).to.equal(undefined);
      expect(bytes.equals(FILE)).to.equal(true);
      expect(retries.map(({ offset }) => offset)).to.deep.equal([CUT, SIZE]);
    });

    it('finds what a retry cannot: other bytes of the same size and time', async () => {
      const rest: Sequence = [openData(), send('150 Here it comes.'), data(OTHER.subarray(CUT)), dataEnd(), send('226 Done.')];
      const { error, retries } = await scene.download([[scene.arrive(CUT), dataReset(), send('426 Broken.')], rest], { verify: 'hash' });
      expect(error).to.be.instanceOf(MismatchError);
      expect(retries).to.have.length(1);
    });

    it('is no news of an upload when the answer is lost', async () => {
      bench.server.script = { HASH: [hangUp()] };
      const error = await upload(bench.client().stor('new', { verify: 'hash' }), FILE);
      expect(error).to.be.instanceOf(ConnectionClosedError).and.include({ maybeCompleted: true });
    });
  });

  describe('by its size', () => {
    it('is complete when the sizes are the same, of ranges too', async () => {
      const ftp = bench.client();
      for (const [range, expected] of [[{}, FILE], [{ start: 10 }, FILE.subarray(10)], [{ start: 10, end: 19 }, FILE.subarray(10, 20)], [{ start: 299_990, end: 400_000 }, FILE.subarray(299_990)]] as const) {
        expect(await outcomeOf(ftp.retr('file', { verify: 'size', ...range }))).to.deep.equal({ bytes: expected, error: undefined });
      }
      expect(await upload(ftp.stor('new', { verify: 'size' }), FILE.subarray(0, 1000))).to.equal(undefined);
      expect(await upload(ftp.stor('new', { verify: 'size', start: 1000 }), FILE.subarray(1000))).to.equal(undefined);
      expect(bench.server.read('/new').equals(FILE)).to.equal(true);
    });

    for (const [what, bytes] of [['less', OTHER.subarray(1)], ['more', Buffer.concat([OTHER, OTHER])]] as const) {
      it(`fails with MismatchError when a download gives ${what}`, async () => {
        bench.server.script = { RETR: [openData(), send('150 Here it comes.'), data(bytes), dataEnd(), send('226 Done.')] };
        const { error } = await outcomeOf(bench.client().retr('file', { verify: 'size' }));
        expect(error).to.be.instanceOf(MismatchError).and.include({ bytesTransferred: bytes.length });
      });
    }

    it('fails with MismatchError when the server has another size than was sent', async () => {
      const ftp = bench.client();
      bench.server.write('/new', FILE);
      expect(await upload(ftp.stor('new', { verify: 'size', start: 5 }), Buffer.from('in the middle'))).to.be.instanceOf(MismatchError);
      bench.server.script = { SIZE: [[normal()], '213 7'] };
      expect(await upload(ftp.stor('new', { verify: 'size' }), FILE)).to.be.instanceOf(MismatchError);
    });

    it('fails before anything is transferred where there is no SIZE', async () => {
      bench.server.script = { SIZE: '502 No SIZE.' };
      const ftp = bench.client();
      for (const error of [(await outcomeOf(ftp.retr('file', { verify: 'size' }))).error, await upload(ftp.stor('new', { verify: 'size' }), FILE)]) {
        expect(error).to.be.instanceOf(UnsupportedError);
      }
      expect(bench.server.commands.filter((line) => /^(RETR|STOR|EPSV)/.test(line))).to.deep.equal([]);
    });

    it('is a loss first where it may be retried', async () => {
      const { bytes, retries } = await scene.download([[scene.arrive(CUT, '150 Here it comes.'), dataEnd(), send('226 Done.')]], { verify: 'size' });
      expect(bytes.equals(FILE)).to.equal(true);
      expect(retries[0]?.error).to.be.instanceOf(TransferError);
    });
  });

  it('of a missing file is the server’s refusal', async () => {
    const ftp = bench.client();
    for (const verify of ['size', 'hash'] as const) expect((await outcomeOf(ftp.retr('missing', { verify }))).error).to.include({ code: 'ERR_FTP_PERMANENT', command: 'RETR missing' });
  });

  it('is refused at the door where it cannot be', () => {
    const ftp = bench.client();
    expect(() => ftp.retr('file', { verify: 'crc' as 'hash' })).to.throw(ArgumentError, "'size' or 'hash'");
    expect(() => ftp.retr('file', { verify: 'hash', start: 1 })).to.throw(ArgumentError, 'whole file');
    expect(() => ftp.retr('file', { verify: 'hash', end: 1 })).to.throw(ArgumentError, 'whole file');
    expect(() => ftp.stor('file', { verify: 'hash', start: 1 })).to.throw(ArgumentError, 'whole file');
    expect(() => ftp.storbinary('APPE file', { verify: 'size' })).to.throw(ArgumentError, 'for STOR');
    expect(() => ftp.storlines('STOR file', { verify: 'size' } as object)).to.throw(ArgumentError, 'not for text');
    expect(() => ftp.retrbinary('LIST', { verify: 'size' })).to.throw(ArgumentError, 'for RETR');
    expect(bench.server.commands).to.deep.equal([]);
  });
});
