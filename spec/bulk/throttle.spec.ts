import { expect } from 'chai';
import { once } from 'node:events';
import { PassThrough, Readable, type Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { throttle } from '../../lib/bulk/throttle';
import { ArgumentError } from '../../lib/errors';
import { assertNoLeaks, snapshot } from '../support/leaks';
import { ManualClock } from '../support/manual-clock';

const KB = 1000;

describe('throttle', () => {
  let clock: ManualClock;
  beforeEach(() => (clock = new ManualClock()));

  it('keeps to the rate over seconds', async () => {
    const limit = throttle(100 * KB, { clock });
    const passed = countOf(feed(limit(), 1000, 10 * KB));
    await clock.pass(1000);
    expect(passed()).to.be.within(98 * KB, 104 * KB);
    await clock.pass(4000);
    expect(passed()).to.be.within(498 * KB, 504 * KB);
  });

  it('keeps to it when timers are late', async () => {
    const late = new ManualClock();
    const limit = throttle(100 * KB, { clock: { now: () => late.now(), after: (ms, act) => late.after(ms + 15, act), every: late.every.bind(late) } });
    const passed = countOf(feed(limit(), 1000, 10 * KB));
    await late.pass(5000);
    expect(passed()).to.be.within(490 * KB, 504 * KB);
  });

  it('shares the rate fairly, whatever the chunks', async () => {
    const limit = throttle(100 * KB, { clock });
    const small = countOf(feed(limit(), 4000, 250));
    const large = countOf(feed(limit(), 4, 1000 * KB));
    const middling = countOf(feed(limit(), 400, 16 * KB));
    await clock.pass(6000);
    expect(small() + large() + middling()).to.be.within(595 * KB, 606 * KB);
    for (const passed of [small, large, middling]) expect(passed()).to.be.within(190 * KB, 210 * KB);
  });

  it('gives one that comes later its share, and nothing for the time before', async () => {
    const limit = throttle(100 * KB, { clock });
    const first = countOf(feed(limit(), 1000, 10 * KB));
    await clock.pass(3000);
    const second = countOf(feed(limit(), 1000, 10 * KB));
    const before = first();
    await clock.pass(2000);
    expect(first() - before).to.be.within(95 * KB, 105 * KB);
    expect(second()).to.be.within(95 * KB, 105 * KB);
  });

  it('gives the whole rate to the one that is left', async () => {
    const limit = throttle(100 * KB, { clock });
    const other = limit();
    countOf(feed(other, 1000, 10 * KB));
    const passed = countOf(feed(limit(), 1000, 10 * KB));
    await clock.pass(1000);
    const before = passed();
    expect(before).to.be.within(48 * KB, 52 * KB);
    other.destroy();
    await clock.pass(1000);
    expect(passed() - before).to.be.within(98 * KB, 104 * KB);
  });

  it('saves up no more than a tenth of a second', async () => {
    const limit = throttle(100 * KB, { clock });
    await clock.pass(60_000);
    const passed = countOf(feed(limit(), 1000, 10 * KB));
    await clock.pass(0);
    expect(passed()).to.be.within(10 * KB, 13 * KB);
  });

  it('bears rates below a byte a slice, and far beyond the timers', async () => {
    const slow = countOf(feed(throttle(2, { clock })(), 1, 100));
    const fast = countOf(feed(throttle(1e12, { clock })(), 1, 50_000 * KB));
    await clock.pass(10_000);
    expect(slow()).to.be.within(20, 21);
    expect(fast()).to.equal(50_000 * KB);
  });

  it('changes and copies nothing', async () => {
    const whole = Buffer.from(Array.from({ length: 300 }, (_, n) => n & 0xff));
    const chunks: Buffer[] = [];
    const stream = throttle(1e9)();
    stream.on('data', (chunk: Buffer) => chunks.push(chunk)); // an iterator would join, and so copy, what it finds waiting
    await pipeline(Readable.from([whole, Buffer.alloc(0), Buffer.from('end')]), stream);
    expect(Buffer.concat(chunks)).to.deep.equal(Buffer.concat([whole, Buffer.from('end')]));
    expect(chunks[0]?.buffer).to.equal(whole.buffer);
  });

  it('takes strings, as any stream of bytes does', async () => {
    const stream = throttle(1e9)();
    stream.end('grün', 'utf8');
    expect((await buffer(stream)).toString()).to.equal('grün');
  });

  it('leaves no timer behind at the end', async () => {
    const limit = throttle(100 * KB, { clock });
    const stream = feed(limit(), 3, 10 * KB).resume();
    const ended = once(stream, 'end');
    await clock.pass(1000);
    await ended;
    expect(clock.timers).to.equal(0);
  });

  it('leaves no timer behind when it is destroyed, and others go on', async () => {
    const limit = throttle(100 * KB, { clock });
    const [first, second] = [feed(limit(), 100, 10 * KB).resume(), feed(limit(), 100, 10 * KB).resume()];
    await clock.pass(100);
    expect(clock.timers).to.equal(1);
    first.destroy();
    expect(clock.timers).to.equal(1);
    second.destroy();
    expect(clock.timers).to.equal(0);
  });

  it('leaves no timer of the system behind', async () => {
    const before = await snapshot();
    const stream = feed(throttle(1000)(), 10, KB).resume();
    await once(stream, 'data');
    stream.destroy();
    await once(stream, 'close');
    await assertNoLeaks(before);
  });

  for (const rate of [0, -1, NaN, Infinity, '5' as unknown as number]) {
    it(`refuses a rate of ${rate}`, () => {
      expect(() => throttle(rate)).to.throw(ArgumentError, 'bytesPerSecond');
    });
  }
});

/** Chunks as fast as the stream takes them. */
function feed(stream: Transform, chunks: number, size: number): Transform {
  const source = Readable.from(Array.from({ length: chunks }, () => Buffer.alloc(size)));
  source.pipe(stream).once('close', () => source.destroy());
  return stream;
}

/** Reads as fast as it comes; the function tells how much has. */
function countOf(stream: Transform): () => number {
  let bytes = 0;
  stream.pipe(new PassThrough()).on('data', (chunk: Buffer) => (bytes += chunk.length));
  return () => bytes;
}
