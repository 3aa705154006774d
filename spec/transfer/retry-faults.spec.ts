import { expect } from 'chai';
import { FTP } from '../../lib/index';
import { FaultProxy } from '../support/fault-proxy';
import { assertNoLeaks, snapshot } from '../support/leaks';
import { random } from '../support/seed';
import { content } from '../support/server/content';
import { FtpServer } from '../support/server/ftp-server';
import { FEATURES } from '../support/server/server-options';
import { note } from '../support/summary';
import { Trials, type Sample, type Trial } from './retry-trial';

const DOWNLOADS = 500;
const LANES = 5;
const SIZES = [0, 1, 1000, 65_536, 200_000];

describe('downloads with retry, cut at random bytes', () => {
  it(`${DOWNLOADS} of them: success is byte-identical, and giving up follows the options`, async () => {
    const before = await snapshot();
    const samples = SIZES.map((size, index): Sample => ({ path: `file${index}`, bytes: Buffer.from(content(size).read(0, size)) }));
    const server = await FtpServer.start({ files: Object.fromEntries(samples.map(({ path, bytes }) => [`/${path}`, bytes])), features: [...FEATURES, 'HASH SHA-256*'] });
    const trials: Trial[] = [];
    const lane = async (number: number): Promise<number> => {
      const proxy = await FaultProxy.open(server);
      const source = random(20_261_107 + number);
      const ftp = new FTP({ host: '127.0.0.1', port: proxy.port, user: 'user', password: 'secret', timeout: 400 });
      const runner = new Trials(proxy, source, true);
      for (let run = 0; run < DOWNLOADS / LANES; run++) trials.push(await runner.run(ftp, source.pick(samples)));
      ftp.close();
      return proxy.close();
    };
    const open = await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
    await server.close();
    const sum = (of: (trial: Trial) => number): number => trials.reduce((total, trial) => total + of(trial), 0);
    const whole = trials.filter(({ error }) => !error);
    note('faults', `retry: ${trials.length} downloads, ${sum(({ cuts }) => cuts)} faults, ${sum(({ retries }) => retries.length)} retries: ${whole.length} whole (${whole.filter(({ retries }) => retries.length > 0).length} retried), ${kinds(trials)}`);
    expect(trials.flatMap(({ problem }) => problem ?? []).slice(0, 3)).to.deep.equal([]);
    expect(whole.filter(({ retries }) => retries.length > 0)).to.have.length.above(DOWNLOADS / 5);
    expect(open, 'sockets left open').to.deep.equal(open.map(() => 0));
    await assertNoLeaks(before);
  });
});

function kinds(trials: readonly Trial[]): string {
  const counts = new Map<string, number>();
  for (const { error } of trials) if (error) counts.set(error.name, (counts.get(error.name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${name} ${count}`).join(', ');
}
