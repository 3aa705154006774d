import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { expect } from 'chai';
import { progress, type Progress, Traffic } from '../../lib/bulk/progress';
import { ArgumentError } from '../../lib/errors';
import { ManualClock } from '../support/manual-clock';

describe('progress', () => {
  let clock: ManualClock;
  let told: Progress[];
  beforeEach(() => {
    clock = new ManualClock();
    told = [];
  });

  it('tells bytes, rate, percentage and time left, at the interval', async () => {
    const stream = progress({ total: 1000, interval: 500, clock }, (now) => told.push(now)).resume();
    stream.write(Buffer.alloc(100));
    await clock.pass(500);
    stream.write(Buffer.alloc(150));
    await clock.pass(500);
    expect(told).to.deep.equal([
      { bytes: 100, rate: 200, total: 1000, percent: 10, eta: 4.5 },
      { bytes: 250, rate: 250, total: 1000, percent: 25, eta: 3 },
    ]);
    stream.destroy();
  });

  it('knows no percentage and no time left without a total', async () => {
    const stream = progress({ clock }, (now) => told.push(now)).resume();
    stream.write(Buffer.alloc(100));
    await clock.pass(1000);
    expect(told).to.deep.equal([{ bytes: 100, rate: 100 }]);
    stream.destroy();
  });

  it('tells all at the end, once, and then no more', async () => {
    const stream = progress({ total: 5, clock }, (now) => told.push(now));
    await pipeline(Readable.from([Buffer.from('one'), Buffer.from('23')]), stream, async (source) => void (await buffer(source)));
    await clock.pass(10_000);
    expect(told).to.deep.equal([{ bytes: 5, rate: 0, total: 5, percent: 100, eta: 0 }]);
    expect(clock.timers).to.equal(0);
  });

  it('tells of nothing, too', async () => {
    await pipeline(Readable.from([]), progress({ total: 0, clock }, (now) => told.push(now)).resume());
    expect(told).to.deep.equal([{ bytes: 0, rate: 0, total: 0, percent: 100, eta: 0 }]);
  });

  it('says nothing and has no timer before the first byte, nor when it is destroyed', async () => {
    const stream = progress({ interval: 10, clock }, (now) => told.push(now)).resume();
    await clock.pass(100);
    expect([clock.timers, told.length]).to.deep.equal([0, 0]);
    stream.write('x');
    await clock.pass(0);
    expect(clock.timers).to.equal(1);
    stream.destroy();
    await clock.pass(100);
    expect([clock.timers, told.length]).to.deep.equal([0, 0]);
  });

  it('sees that nothing moves any more', async () => {
    const stream = progress({ total: 1000, interval: 1000, clock }, (now) => told.push(now)).resume();
    stream.write(Buffer.alloc(500));
    await clock.pass(30_000);
    expect(told.at(-1)).to.deep.equal({ bytes: 500, rate: 0, total: 1000, percent: 50 });
    stream.destroy();
  });

  for (const interval of [1, 10, 100, 250]) {
    it(`takes the rate of the last ten seconds: each ${interval} ms`, async () => {
      const stream = progress({ interval, clock }, (now) => told.push(now)).resume();
      const write = async (seconds: number, bytes: number): Promise<void> => {
        for (let i = 0; i < seconds * 2; i++) {
          stream.write(Buffer.alloc(bytes));
          await clock.pass(500);
        }
      };
      await write(10, 5000);
      expect(told.at(-1)?.rate).to.equal(10_000);
      await write(5, 500);
      expect(told.at(-1)?.rate).to.be.within(5400, 5700);
      await write(6, 500);
      expect(told.at(-1)?.rate).to.be.within(990, 1010);
      stream.destroy();
    });
  }

  it('takes it over ten reports, where those take longer', async () => {
    const stream = progress({ interval: 60_000, clock }, (now) => told.push(now)).resume();
    stream.write(Buffer.alloc(600_000));
    await clock.pass(600_000);
    expect(told.at(-1)?.rate).to.equal(1000);
    await clock.pass(60_000);
    expect(told.at(-1)?.rate).to.equal(0);
    stream.destroy();
  });

  it('counts for the rate what passes, and not what was there before an attempt', async () => {
    const traffic = new Traffic({ progress: (now) => told.push(now), progressInterval: 100 }, clock);
    traffic.expect(1000);
    traffic.begin(900);
    const send = async (bytes: number): Promise<void> => {
      traffic.streams()[0]?.resume().end(Buffer.alloc(bytes));
      await clock.pass(100);
    };
    await send(10);
    traffic.begin(905); // the server has lost half of that
    await send(15);
    traffic.begin(0); // the file has changed
    await send(300);
    traffic.stop();
    expect(told.map(({ bytes, rate }) => [bytes, Math.round(rate)])).to.deep.equal([[910, 100], [920, 125], [300, 1083]]);
    expect(told[1]).to.deep.equal({ bytes: 920, rate: 125, total: 1000, percent: 92, eta: 0.64 });
  });

  it('is an event, too, and takes a listener alone', async () => {
    const stream = progress((now) => told.push(now));
    stream.on('progress', (now: Progress) => told.push(now));
    stream.end('12345');
    expect((await buffer(stream)).toString()).to.equal('12345');
    expect(told.map(({ bytes }) => bytes)).to.deep.equal([5, 5]);
  });

  it('hands on what it gets without a copy', async () => {
    const chunk = Buffer.from('abc');
    const stream = progress();
    stream.end(chunk);
    expect((await stream.toArray())[0]).to.equal(chunk);
  });

  for (const options of [{ total: -1 }, { total: 1.5 }, { interval: 0 }, { interval: NaN }]) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => progress(options)).to.throw(ArgumentError);
    });
  }
});
