import { expect } from 'chai';
import { once } from 'node:events';
import { SegmentedStream } from '../../lib/bulk/segments';
import type { Remote } from '../../lib/bulk/remote';
import type { FTP, RetrOptions } from '../../lib/index';
import { ArgumentError, ChangedError, MismatchError, TransferError, UnsupportedError } from '../../lib/errors';
import { content } from '../support/server/content';
import type { Sequence } from '../support/server/script';
import { data, dataEnd, dataReset, normal, openData, send } from '../support/server/steps';
import { FEATURES } from '../support/server/server-options';
import { closing, outcomeOf, useBench } from '../support/transfers';

const SIZE = 3_000_000;
const PATTERN = content(SIZE);
const FILE = PATTERN.read(0, SIZE);
const QUICK = { attempts: 3, backoff: 2 } as const;

describe('a download in segments', () => {
  const bench = useBench();
  beforeEach(() => bench.serve({ files: { '/file': PATTERN, '/small': 'abc', '/empty': '' }, features: [...FEATURES, 'HASH SHA-256*'] }));

  /** Clients that take turns, as a pool has them. */
  function remote(connections = 4): Remote {
    const clients = Array.from({ length: connections }, () => bench.client());
    let turn = 0;
    const next = (): FTP => clients[turn++ % connections] ?? bench.client();
    const first = clients[0] ?? bench.client();
    const { size, mdtm, mlst, feat, hash } = first;
    const others = Object.fromEntries(Object.entries({ size, mdtm, mlst, feat, hash }).map(([verb, act]) => [verb, (act as () => unknown).bind(first)]));
    return { ...others, retr: (...args: Parameters<Remote['retr']>) => next().retr(...args) } as unknown as Remote;
  }

  /** The first bytes of the parts, in the order in which they were asked for. */
  function starts(): number[] {
    return bench.server.commands.flatMap((line) => (line.startsWith('REST ') ? [Number(line.slice(5))] : [])).sort((a, b) => a - b);
  }

  const divisions: readonly (readonly [what: string, options: RetrOptions, parts: readonly number[]])[] = [
    ['is all of the file, in as many parts', { segments: 4 }, [750_000, 1_500_000, 2_250_000]],
    ['is all of the file in more parts where the buffer holds no more', { segments: 3, segmentBuffer: 1_200_000 }, [400_000, 800_000, 1_200_000, 1_600_000, 2_000_000, 2_400_000, 2_800_000]],
    ['is not divided further than is of use', { segments: 100 }, Array.from({ length: 11 }, (_, index) => (index + 1) * 262_144)],
    ['in one segment is a download', { segments: 1 }, []],
    ['may be a range', { segments: 2, start: 1_000_000, end: 1_999_999 }, [1_000_000, 1_500_000]],
  ];
  for (const [what, options, parts] of divisions) {
    it(what, async () => {
      const { start = 0, end = SIZE - 1 } = options;
      const stream = new SegmentedStream(remote(), 'file', options);
      const { bytes, error } = await outcomeOf(stream);
      expect(error).to.equal(undefined);
      expect(bytes.equals(FILE.subarray(start, end + 1))).to.equal(true);
      expect(stream).to.include({ bytesRead: end + 1 - start, expectedBytes: end + 1 - start, pending: false });
      expect(starts()).to.deep.equal(parts);
    });
  }

  it('of a small or empty file is one part', async () => {
    expect((await outcomeOf(new SegmentedStream(remote(), 'small', { segments: 4 }))).bytes.toString()).to.equal('abc');
    expect(await outcomeOf(new SegmentedStream(remote(), 'empty', { segments: 4 }))).to.deep.equal({ bytes: Buffer.alloc(0), error: undefined });
    expect(await outcomeOf(new SegmentedStream(remote(), 'small', { segments: 4, start: 3 }))).to.deep.equal({ bytes: Buffer.alloc(0), error: undefined });
    expect(bench.server.commands.filter((line) => line.startsWith('RETR'))).to.deep.equal(['RETR small', 'RETR empty', 'RETR small']);
  });

  it('does the same on one connection, one part after the other', async () => {
    const { bytes, error } = await outcomeOf(new SegmentedStream(bench.client(), 'file', { segments: 4 }));
    expect(error).to.equal(undefined);
    expect(bytes.equals(FILE)).to.equal(true);
    expect(bench.logins).to.equal(1);
  });

  it('sends nothing before it is read', async () => {
    const stream = new SegmentedStream(remote(), 'file', { segments: 4 });
    await new Promise(setImmediate);
    expect(bench.server.commands).to.deep.equal([]);
    expect(stream.pending).to.equal(true);
    stream.destroy();
  });

  it('fetches no more than the buffer while its reader has paused', async () => {
    const stream = new SegmentedStream(remote(2), 'file', { segments: 2, segmentBuffer: 600_000, highWaterMark: 1 });
    await once(stream, 'readable');
    // Both parts that the buffer holds have arrived when their connections are free again.
    while (stream.bytesRead < 600_000) await new Promise(setImmediate);
    await bench.server.idle();
    await new Promise(setImmediate);
    expect(stream.bytesRead).to.equal(600_000);
    expect(starts()).to.deep.equal([300_000]);
    expect((await outcomeOf(stream)).bytes.equals(FILE)).to.equal(true);
  });

  it('is one part that heeds its reader where the server tells no size', async () => {
    bench.server.script = { SIZE: '502 No SIZE.', MLST: '502 No MLST.', MDTM: '502 No MDTM.' };
    const stream = new SegmentedStream(remote(), 'file', { segments: 4, highWaterMark: 1 });
    await once(stream, 'readable');
    expect(stream.expectedBytes).to.equal(undefined);
    await new Promise(setImmediate);
    expect(stream.bytesRead).to.be.below(SIZE);
    expect((await outcomeOf(stream)).bytes.equals(FILE)).to.equal(true);
    expect(starts()).to.deep.equal([]);
  });

  it('retries each part', async () => {
    const broken: Sequence = [openData(), send('150 Here it comes.'), dataReset(), send('426 Broken.')];
    bench.server.script = { SIZE: [['421 Not now.'], [normal()]], RETR: [broken, broken, [normal()]] };
    const stream = new SegmentedStream(remote(), 'file', { segments: 4, retry: QUICK });
    let retries = 0;
    stream.on('retry', () => (retries += 1));
    const { bytes, error } = await outcomeOf(stream);
    expect(error).to.equal(undefined);
    expect(bytes.equals(FILE)).to.equal(true);
    expect(retries).to.equal(2);
  });

  it('fails as a whole with the first part that fails', async () => {
    bench.server.script = { RETR: [[normal()], [openData(), send('150 Here it comes.'), dataReset(), send('426 Broken.')], [normal()]] };
    const stream = new SegmentedStream(remote(), 'file', { segments: 4 });
    expect((await outcomeOf(stream)).error).to.include({ code: 'ERR_FTP_TEMPORARY' });
  });

  it('fails when a part is too short, or too long', async () => {
    for (const [bytes, Kind] of [[750_000 - 1, TransferError], [750_000 + 1, ChangedError]] as const) {
      const wrong: Sequence = [async (session) => {
        if (session.restart !== 2_250_000) return session.normal();
        await openData()(session);
        session.reply('150 Here it comes.');
        await data(FILE.subarray(0, bytes))(session);
        await dataEnd()(session);
        session.reply('226 Done.');
      }];
      bench.server.script = { RETR: wrong };
      expect((await outcomeOf(new SegmentedStream(remote(), 'file', { segments: 4 }))).error).to.be.instanceOf(Kind);
    }
  });

  it('fails when the file has changed meanwhile', async () => {
    bench.server.script = { MDTM: [[normal()], '213 20250101000000'] };
    expect((await outcomeOf(new SegmentedStream(remote(), 'file', { segments: 4 }))).error).to.be.instanceOf(ChangedError);
  });

  it('is verified as a whole', async () => {
    for (const verify of ['size', 'hash'] as const) {
      expect(await outcomeOf(new SegmentedStream(remote(), 'file', { segments: 4, verify }))).to.deep.equal({ bytes: FILE, error: undefined });
    }
    bench.server.script = { HASH: `213 SHA-256 0-${SIZE} ${'a'.repeat(64)} file` };
    expect((await outcomeOf(new SegmentedStream(remote(), 'file', { segments: 4, verify: 'hash' }))).error).to.be.instanceOf(MismatchError);
    await bench.serve({ files: { '/file': PATTERN }, script: { SIZE: '502 No.', MLST: '502 No.' } });
    for (const verify of ['size', 'hash'] as const) {
      expect((await outcomeOf(new SegmentedStream(remote(), 'file', { segments: 4, verify }))).error).to.be.instanceOf(UnsupportedError);
    }
  });

  it('ends all its parts when its reader leaves', async () => {
    const stream = new SegmentedStream(remote(), 'file', { segments: 4, segmentBuffer: 1_000_000 });
    for await (const chunk of stream) {
      expect(chunk).to.be.instanceOf(Buffer);
      break;
    }
    expect(stream.destroyed).to.equal(true);
    const controller = new AbortController();
    const aborted = new SegmentedStream(remote(), 'file', { segments: 4, signal: controller.signal });
    const closed = closing(aborted);
    aborted.once('data', () => controller.abort()).on('error', (error) => expect(error.name).to.equal('AbortError'));
    await closed;
  });

  it('of a missing file is the server’s refusal', async () => {
    expect((await outcomeOf(new SegmentedStream(remote(), 'missing', { segments: 4 }))).error).to.include({ code: 'ERR_FTP_PERMANENT' });
  });

  it('is refused at the door where it cannot be', () => {
    for (const options of [{ segments: 1.5 }, { segments: -1 }, { start: -1 }, { start: 2, end: 1 }, { retry: -1 }, { verify: 'hash', start: 1 } as const, { segmentBuffer: -1 }]) {
      expect(() => new SegmentedStream(remote(), 'file', { segments: 2, ...options }), JSON.stringify(options)).to.throw(ArgumentError);
    }
    expect(bench.server.commands).to.deep.equal([]);
  });
});
