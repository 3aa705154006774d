import { expect } from 'chai';
import { SegmentedStream } from '../../lib/bulk/segments';
import { RetrStream, type RetryEvent } from '../../lib/index';
import { content } from '../support/server/content';
import { FEATURES } from '../support/server/server-options';
import type { Sequence } from '../support/server/script';
import { data, normal, openData, resetControl, send } from '../support/server/steps';
import { errorOf, outcomeOf } from '../support/transfers';
import { FILE, PATTERN, QUICK, SIZE } from './retry-scene';
import { loginsOf, poolScene } from '../client/pool-scene';

const FILES = { '/file': PATTERN };

describe('a pool', () => {
  const { stage, pool: open } = poolScene();

  it('retries a download on its connection, and goes on with others', async () => {
    const lost: Sequence = [openData(), send(`150 Opening (${SIZE} bytes).`), data(FILE.subarray(0, 1000)), resetControl()];
    const server = await stage.serve({ files: FILES, script: { RETR: [lost, lost, [normal()]] } });
    const pool = open(server, { connections: 2 });
    const retries: RetryEvent[] = [];
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, () => outcomeOf(pool.retr('file', { retry: QUICK }).on('retry', (event: RetryEvent) => retries.push(event)))),
    );
    for (const outcome of outcomes) expect(outcome).to.deep.equal({ bytes: FILE, error: undefined });
    expect(retries).to.have.length(2);
    expect(pool.connections).to.be.at.most(2);
    expect(loginsOf(server)).to.be.at.most(4);
    expect(await pool.size('file')).to.equal(SIZE);
    await pool.quit();
  });

  it('ends a download that waits for its retry with close()', async () => {
    const lost: Sequence = [openData(), send('150 Opening.'), data(FILE.subarray(0, 1000)), resetControl()];
    const server = await stage.serve({ files: FILES, script: { RETR: lost } });
    const pool = open(server);
    const stream = pool.retr('file', { retry: { backoff: 2 ** 31 - 1, maxDelay: 2 ** 31 - 1 } });
    stream.on('retry', () => pool.close()).resume();
    expect(await errorOf(stream)).to.include({ code: 'ERR_FTP_CONNECTION_CLOSED' });
    expect(loginsOf(server)).to.equal(1);
  });

  it('fetches the segments of a file at the same time, on as many connections', async () => {
    const size = 2_000_000;
    const server = await stage.serve({ files: { '/big': content(size) } });
    const pool = open(server, { connections: 4, timeout: 5000 });
    const stream = pool.retr('big', { segments: 4 });
    expect(stream).to.be.instanceOf(SegmentedStream);
    const { bytes, error } = await outcomeOf(stream);
    expect(error).to.equal(undefined);
    expect(bytes.equals(content(size).read(0, size))).to.equal(true);
    expect(server.commands.filter((line) => /^REST/.test(line)).sort()).to.deep.equal(['REST 1000000', 'REST 1500000', 'REST 500000']);
    expect(loginsOf(server)).to.be.within(2, 4);
  });

  it('fetches one segment as it is', async () => {
    const server = await stage.serve({ files: FILES });
    const stream = open(server).retr('file', { segments: 1 });
    expect(stream).to.be.instanceOf(RetrStream);
    expect(await outcomeOf(stream)).to.deep.equal({ bytes: FILE, error: undefined });
  });

  it('verifies and hashes', async () => {
    const server = await stage.serve({ files: FILES, features: [...FEATURES, 'HASH SHA-256*'] });
    const pool = open(server);
    expect(await pool.hash('file', 'sha256')).to.equal(PATTERN.sha256);
    for (const verify of ['size', 'hash'] as const) {
      expect(await outcomeOf(pool.retr('file', { verify }))).to.deep.equal({ bytes: FILE, error: undefined });
      const stream = pool.stor('new', { verify });
      stream.end(FILE);
      expect(await errorOf(stream)).to.equal(undefined);
    }
    expect(await outcomeOf(pool.retr('file', { segments: 2, verify: 'hash' }))).to.deep.equal({ bytes: FILE, error: undefined });
  });
});
