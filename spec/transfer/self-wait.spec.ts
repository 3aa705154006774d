import { expect } from 'chai';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { FTPPool } from '../../lib/client/pool';
import { TimeoutError } from '../../lib/errors';
import type { FTPOptions } from '../../lib/index';
import { failure } from '../support/client';
import { content } from '../support/server/content';
import { gate } from '../support/server/gate';
import { dataClosed, openData, send } from '../support/server/steps';
import { outcomeOf, useBench } from '../support/transfers';

const BIG = 20_000_000;
const FILES = { '/big': content(BIG), '/bigger': content(BIG), '/small': 'small' };
const STALL = 150;

describe('an operation that waits for a stream which waits for it', () => {
  const pools: FTPPool[] = [];
  // Registered before the bench's own, which looks for what is left open.
  afterEach(() => pools.splice(0).forEach((each) => each.close()));
  const bench = useBench();

  function pool(options: FTPOptions = {}): FTPPool {
    const { host, port } = bench.server;
    const ours = new FTPPool({ host, port, user: 'user', password: 'secret', connections: 2, stallTimeout: STALL, ...options });
    pools.push(ours);
    return ours;
  }

  /** Comes back when another client has waited for its own stallTimeout of so many milliseconds. */
  async function pass(ms: number): Promise<void> {
    bench.server.script = { NLST: [openData(), send('150 Opening.'), dataClosed(), send('426 Aborted.')] };
    const { error } = await outcomeOf(bench.client({ stallTimeout: ms }).nlst());
    expect(error).to.be.instanceOf(TimeoutError);
  }

  it('in the loop that reads a download fails, and its error names both', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client({ stallTimeout: STALL });
    const begun = performance.now();
    const error = await failure((async () => {
      for await (const chunk of ftp.retr('big')) if (chunk.length > 0) await ftp.size('small');
    })());
    expect(error).to.be.instanceOf(TimeoutError);
    expect(error.message).to.match(/^SIZE small waits for RETR big \(its reader takes nothing\)/).and.include('(stallTimeout)');
    expect(performance.now() - begun).to.be.below(20 * STALL);
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.logins).to.equal(1);
  });

  it('in a pipeline that downloads and uploads on one client fails, and the client can be used', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client({ stallTimeout: STALL });
    const error = await failure(pipeline(ftp.retr('big'), async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) yield chunk;
    }, ftp.stor('copy')));
    expect(error).to.be.instanceOf(TimeoutError);
    expect(error.message).to.match(/STOR copy/).and.match(/RETR big/);
    expect(await ftp.size('small')).to.equal(5);
    expect(() => bench.server.read('/copy')).to.throw();
  });

  it('in the source of an upload fails, and its error names both', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client({ stallTimeout: STALL });
    const source = Readable.from((async function* () {
      yield 'first';
      yield String(await ftp.size('small'));
    })());
    const error = await failure(pipeline(source, ftp.stor('up')));
    expect(error).to.be.instanceOf(TimeoutError);
    expect(error.message).to.match(/^SIZE small waits for STOR up \(its source gives nothing\)/);
    expect(await ftp.size('small')).to.equal(5);
  });

  it('on a pool all of whose connections are stuck fails, and names them all', async () => {
    await bench.serve({ files: FILES });
    const ours = pool();
    const error = await failure((async () => {
      for await (const chunk of ours.retr('big')) {
        if (chunk.length === 0) continue;
        for await (const other of ours.retr('bigger')) if (other.length > 0) await ours.size('small');
      }
    })());
    expect(error).to.be.instanceOf(TimeoutError);
    expect(error.message).to.match(/^SIZE small waits for /).and.include('RETR big (its reader takes nothing)').and.include('RETR bigger (its reader takes nothing)');
    expect(await ours.size('small')).to.equal(5);
  });

  it('on a pool that has a connection left is done', async () => {
    await bench.serve({ files: FILES });
    const ours = pool();
    let bytes = 0;
    let sizes = 0;
    for await (const chunk of ours.retr('big')) {
      bytes += chunk.length;
      sizes += await ours.size('small');
    }
    expect(bytes).to.equal(BIG);
    expect(sizes % 5).to.equal(0);
  });

  it('is none where nobody waits: a reader may take his time', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client({ stallTimeout: STALL });
    let bytes = 0;
    let pauses = 0;
    for await (const chunk of ftp.retr('big')) {
      bytes += chunk.length;
      if (pauses++ === 0) await pass(5 * STALL);
    }
    expect(bytes).to.equal(BIG);
  });

  it('is none where the reader takes something now and then, with somebody waiting', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client({ stallTimeout: 4 * STALL });
    let size: Promise<number> | undefined;
    let bytes = 0;
    let pauses = 0;
    for await (const chunk of ftp.retr('big', { highWaterMark: 64 * 1024 })) {
      bytes += chunk.length;
      size ??= ftp.size('small');
      if (pauses++ < 8) await pass(STALL);
    }
    expect(bytes).to.equal(BIG);
    expect(await size).to.equal(5);
  });

  it('is none where the source of an upload gives something now and then, with somebody waiting', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client({ stallTimeout: 4 * STALL });
    let size: Promise<number> | undefined;
    const source = Readable.from((async function* () {
      for (let index = 0; index < 8; index++) {
        yield String(index);
        size ??= ftp.size('small');
        await pass(STALL);
      }
    })());
    await pipeline(source, ftp.stor('up'));
    expect(bench.server.read('/up').toString()).to.equal('01234567');
    expect(await size).to.equal(5);
  });

  it('waits for ever with stallTimeout 0, and goes on when the reader does', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client({ stallTimeout: 0 });
    const stream = ftp.retr('big');
    stream.once('data', () => stream.pause());
    await once(stream, 'data');
    let settled = false;
    const size = ftp.size('small').finally(() => (settled = true));
    await pass(3 * STALL);
    expect(settled).to.equal(false);
    stream.resume();
    await finished(stream);
    expect(await size).to.equal(5);
  });

  it('fails only itself: the download that it waited for goes on when its reader does', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client({ stallTimeout: STALL });
    const go = gate();
    let bytes = 0;
    const reading = (async () => {
      for await (const chunk of ftp.retr('big')) {
        bytes += chunk.length;
        await go.promise;
      }
    })();
    await bench.server.waitFor('RETR');
    expect(await failure(ftp.size('small'))).to.be.instanceOf(TimeoutError);
    go.open();
    await reading;
    expect(bytes).to.equal(BIG);
    expect(await ftp.size('small')).to.equal(5);
    expect(bench.logins).to.equal(1);
  });
});
