import { expect } from 'chai';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ConnectionRequest } from '../../lib/index';
import { ArgumentError, ChangedError, ConnectionClosedError, MismatchError, PermanentError, TemporaryError, TimeoutError, TransferError } from '../../lib/errors';
import { tapped } from '../support/client';
import { content } from '../support/server/content';
import { gate } from '../support/server/gate';
import { PERSONALITIES } from '../support/server/personalities';
import type { Sequence } from '../support/server/script';
import { data, dataClosed, dataEnd, dataReset, hangUp, normal, openData, resetControl, send, until } from '../support/server/steps';
import { closing, outcomeOf, useBench } from '../support/transfers';
import { CUT, FILE, RetryScene, PATTERN, QUICK, retriesOf, SIZE } from './retry-scene';

describe('a download with retry', () => {
  const bench = useBench();
  const scene = new RetryScene(bench);
  const broken: Sequence = [scene.arrive(CUT), dataReset(), send('426 Broken.')];
  const lost: Sequence = [scene.arrive(CUT), resetControl(), dataReset()];

  beforeEach(() => bench.serve({ files: { '/file': PATTERN, '/empty': '', '/folder/file': PATTERN } }));

  const losses: readonly (readonly [what: string, steps: Sequence, error: typeof TransferError | typeof TemporaryError | typeof PermanentError | typeof ConnectionClosedError | typeof TimeoutError])[] = [
    ['the data connection is reset', broken, TemporaryError],
    ['both connections are reset', lost, ConnectionClosedError],
    ['the control connection ends', [scene.arrive(CUT), hangUp(), dataClosed()], ConnectionClosedError],
    ['the data end early, and the server calls it complete', [scene.arrive(CUT), dataEnd(), send('226 Done.')], TransferError],
    ['the server says 421', [scene.arrive(CUT), send('421 Shutting down.'), hangUp(), dataClosed()], TemporaryError],
    ['the server says 451', [scene.arrive(CUT), dataEnd(), send('451 Disk trouble.')], TemporaryError],
    ["the server's 551 names what broke", [scene.arrive(CUT), dataEnd(), send('551 write ECONNRESET')], PermanentError], // npm's ftp-srv 4.6.3
    ['the server stands still', [scene.arrive(CUT), dataClosed(), send('426 Aborted.'), send('226 ABOR.')], TimeoutError],
  ];
  for (const [what, steps, Kind] of losses) {
    it(`goes on at the byte it has when ${what}`, async () => {
      const { bytes, error, retries, stream } = await scene.download([steps], {}, bench.client({ stallTimeout: 300 }));
      expect(error).to.equal(undefined);
      expect(bytes.equals(FILE)).to.equal(true);
      expect(stream.bytesRead).to.equal(SIZE);
      expect(retries).to.have.length(1);
      expect(retries[0]).to.include({ attempt: 1, offset: CUT });
      expect(retries[0]?.error).to.be.instanceOf(Kind).and.include({ bytesTransferred: CUT });
      expect(retries[0]?.delay).to.be.within(0, QUICK.backoff);
      expect(bench.server.commands.filter((line) => /^(REST|RETR)/.test(line))).to.deep.equal(['RETR file', `REST ${CUT}`, 'RETR file']);
    });
  }

  it('asks the facts of the file in the flight of EPSV, and again before it goes on', async () => {
    const writes: Buffer[] = [];
    const createConnection = ({ host, port, purpose }: ConnectionRequest): Socket => (purpose === 'control' ? tapped(connect({ host, port }), writes) : connect({ host, port }));
    const ftp = await bench.warmClient({ createConnection });
    writes.length = 0;
    const { bytes } = await scene.download([broken], {}, ftp);
    expect(bytes.equals(FILE)).to.equal(true);
    expect(String(writes[0])).to.equal('SIZE file\r\nMDTM file\r\nEPSV\r\n');
    expect(bench.transcript).to.deep.equal(['SIZE file', 'MDTM file', 'EPSV', 'RETR file', 'PWD', 'SIZE file', 'MDTM file', 'EPSV', `REST ${CUT}`, 'RETR file']);
  });

  describe('in a range that has an end', () => {
    const range = { end: SIZE - 1000 };

    it('reads again some of the bytes that it has, and goes on where these are the same', async () => {
      const { bytes, error } = await scene.download([broken], range);
      expect(error).to.equal(undefined);
      expect(bytes.equals(FILE.subarray(0, SIZE - 999))).to.equal(true);
    });

    it('fails where the server takes REST and ignores it, which no size can show', async () => {
      await bench.serve({ files: { '/file': PATTERN }, ...PERSONALITIES.ignoresREST });
      const { bytes, error } = await scene.download([broken], range);
      expect(error).to.be.instanceOf(MismatchError);
      expect(bytes.equals(FILE.subarray(0, CUT))).to.equal(true);
    });

    it('begins anew where next to nothing had come', async () => {
      const { bytes, error } = await scene.download([[scene.arrive(10), ...broken.slice(1)]], range);
      expect(error).to.equal(undefined);
      expect(bytes.equals(FILE.subarray(0, SIZE - 999))).to.equal(true);
      expect(bench.server.commands.filter((line) => /^(REST|RETR)/.test(line))).to.deep.equal(['RETR file', 'RETR file']);
    });
  });

  it('is complete without another transfer when only the last reply was lost', async () => {
    const { bytes, error, retries } = await scene.download([[scene.arrive(SIZE), dataEnd(), hangUp()]]);
    expect(error).to.equal(undefined);
    expect(bytes.equals(FILE)).to.equal(true);
    expect(retries).to.have.length(1);
    expect(bench.server.commands.filter((line) => /^(REST|RETR)/.test(line))).to.deep.equal(['RETR file']);
  });

  it('bears one loss after another, and begins to count anew after each byte', async () => {
    const offsets = [1000, 1001, 2000, 65_536, 100_000, 200_000, SIZE - 1];
    const cuts = offsets.map((offset, index): Sequence => [scene.arrive(offset), ...(index % 2 === 0 ? broken.slice(1) : lost.slice(1))]);
    const { bytes, error, retries } = await scene.download(cuts);
    expect(error).to.equal(undefined);
    expect(bytes.equals(FILE)).to.equal(true);
    expect(retries.map(({ attempt, offset }) => [attempt, offset])).to.deep.equal(offsets.map((offset) => [1, offset]));
  });

  it('gives up after so many attempts without a byte, with the last loss', async () => {
    const empty: Sequence = [openData(), send('150 Here it comes.'), dataReset(), send('426 Broken again.')];
    const { bytes, error, retries } = await scene.download([broken, empty, empty, empty]);
    expect(retries.map(({ attempt }) => attempt)).to.deep.equal([1, 2, 3]);
    expect(error).to.be.instanceOf(TemporaryError).and.include({ bytesTransferred: CUT, expectedBytes: SIZE });
    expect(error?.message).to.match(/426 Broken again\. \(given up after 3 retries\)$/);
    expect(bytes.equals(FILE.subarray(0, CUT))).to.equal(true);
  });

  it('tries a server that refuses its first connection again', async () => {
    bench.server.script = { GREETING: [['421 Too many users.', hangUp()], ['220 Ready.']] };
    const { bytes, retries } = await scene.download([]);
    expect(bytes.equals(FILE)).to.equal(true);
    expect(retries.map(({ offset }) => offset)).to.deep.equal([0]);
  });

  it('goes on in its folder', async () => {
    const ftp = bench.client();
    await ftp.cwd('folder');
    const { bytes, error } = await scene.download([lost], {}, ftp);
    expect(error).to.equal(undefined);
    expect(bytes.equals(FILE)).to.equal(true);
    expect(await ftp.pwd()).to.equal('/folder');
  });

  it('retries a range, counting from its start', async () => {
    const { bytes, error, retries } = await scene.download([[scene.arrive(5010), ...lost.slice(1)]], { start: 5000, end: 9999 });
    expect(error).to.equal(undefined);
    expect(bytes.equals(FILE.subarray(5000, 10_000))).to.equal(true);
    expect(retries.map(({ offset }) => offset)).to.deep.equal([5010]);
  });

  describe('makes sure that the file is the same', () => {
    const changes: readonly (readonly [what: string, change: () => void, message: RegExp])[] = [
      ['is longer', () => bench.server.write('/file', content(SIZE + 1)), /size was 300000, and is 300001/],
      ['is younger', () => (bench.server.file('/file').modified = new Date('2025-01-01T00:00:00Z')), /time was 2020-02-29T12:34:56.000Z, and is 2025-01-01/],
      ['is gone', () => bench.server.files.delete('/file'), /size was 300000, and is unknown/],
    ];
    for (const [what, change, message] of changes) {
      it(`and fails with ChangedError when it ${what}`, async () => {
        const { error, stream } = await scene.download([[scene.arrive(CUT), change, ...broken.slice(1)]]);
        expect(error).to.be.instanceOf(ChangedError).and.include({ code: 'ERR_FTP_CHANGED', bytesTransferred: CUT });
        expect(error?.message).to.match(message);
        expect(stream.bytesRead).to.equal(CUT);
      });
    }

    it('by its size alone where there is no MDTM', async () => {
      bench.server.script = { MDTM: '502 No MDTM.' };
      expect((await scene.download([broken])).bytes.equals(FILE)).to.equal(true);
    });

    it('and fails with the loss where the server tells neither size nor time', async () => {
      bench.server.script = { SIZE: '502 No SIZE.', MDTM: '502 No MDTM.' };
      const { error, retries } = await scene.download([[openData(), send('425 Not yet.')], broken]);
      expect(error).to.be.instanceOf(TemporaryError).and.include({ bytesTransferred: CUT });
      expect(retries.map(({ offset }) => offset), 'before the first byte nothing can be mixed up').to.deep.equal([0]);
    });

    it('asking one thing after the other, and MLST in the end, where FEAT does not tell of SIZE', async () => {
      await bench.serve({ files: { '/file': PATTERN }, features: [], script: { SIZE: '502 No SIZE.', MDTM: '502 No MDTM.' } });
      const { bytes, retries } = await scene.download([broken]);
      expect(bytes.equals(FILE)).to.equal(true);
      expect(retries).to.have.length(1);
      expect(bench.server.commands.filter((line) => /file$/.test(line))).to.deep.equal([1, 2].flatMap(() => ['SIZE file', 'MDTM file', 'MLST file', 'RETR file']));
    });

    it('and finds that bytes are missing where the mark announces none', async () => {
      const { bytes, retries } = await scene.download([[scene.arrive(CUT, '150 Here it comes.'), dataEnd(), send('226 Done.')]]);
      expect(bytes.equals(FILE)).to.equal(true);
      expect(retries[0]?.error).to.be.instanceOf(TransferError);
    });

    it('and fails when it gives more than it has', async () => {
      const more: Sequence = [openData(), send('150 Here it comes.'), data(Buffer.concat([FILE.subarray(CUT), Buffer.from('x')])), dataEnd(), send('226 Done.')];
      expect((await scene.download([broken, more])).error).to.be.instanceOf(ChangedError);
    });

    it('and asks again where the facts cannot be had now', async () => {
      bench.server.script = { SIZE: [[normal()], '450 Busy.', [normal()]] };
      const { bytes, retries } = await scene.download([broken]);
      expect(bytes.equals(FILE)).to.equal(true);
      expect(retries.map(({ attempt }) => attempt)).to.deep.equal([1, 2]);
    });
  });

  it('connects again only when its paused reader wants more', async () => {
    const ftp = bench.client();
    const sent = gate();
    const stream = scene.stream(ftp, [[openData(), send(`150 Opening (${SIZE} bytes).`), data(FILE.subarray(0, 1000)), until(sent), resetControl(), dataReset()]], { highWaterMark: 1 });
    const closed = once(ftp, 'close');
    await once(stream, 'readable');
    sent.open();
    await closed;
    await bench.server.deserted();
    await new Promise(setImmediate);
    expect(bench.logins).to.equal(1);
    expect((await outcomeOf(stream)).bytes.equals(FILE)).to.equal(true);
    expect(bench.logins).to.equal(2);
  });

  it('opens once, and is answered once', async () => {
    const events: string[] = [];
    const stream = scene.stream(bench.client(), [broken]);
    for (const name of ['open', 'retry', 'reply', 'end', 'close'] as const) stream.on(name, () => events.push(name));
    const closed = closing(stream);
    await outcomeOf(stream);
    await closed;
    expect(events).to.deep.equal(['open', 'retry', 'reply', 'end', 'close']);
  });

  it('without a loss gives what a download gives', async () => {
    const ftp = bench.client();
    for (const retry of [true, 3, {}, false] as const) {
      const stream = ftp.retr('file', { retry });
      const retries = retriesOf(stream);
      expect((await outcomeOf(stream)).bytes.equals(FILE)).to.equal(true);
      expect(retries).to.deep.equal([]);
      expect(await outcomeOf(ftp.retr('empty', { retry }))).to.deep.equal({ bytes: Buffer.alloc(0), error: undefined });
    }
    expect((await outcomeOf(ftp.retrbinary('RETR file', { retry: true }))).bytes.equals(FILE)).to.equal(true);
  });

  it('is refused at the door where it cannot be', () => {
    const ftp = bench.client();
    expect(() => ftp.retr('file', { retry: -1 })).to.throw(ArgumentError);
    expect(() => ftp.retrbinary('LIST', { retry: true })).to.throw(ArgumentError, 'for RETR');
    expect(() => ftp.retrlines('RETR file', { retry: true } as object)).to.throw(ArgumentError, 'not for text');
    expect(() => ftp.retr('file', { segments: 0 })).to.throw(ArgumentError, 'segments');
    expect(bench.server.commands).to.deep.equal([]);
  });
});
