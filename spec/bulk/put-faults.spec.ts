import { expect } from 'chai';
import { Readable } from 'node:stream';
import { isLoss } from '../../lib/transfer/retry';
import { put } from '../../lib/bulk/put';
import { FTP } from '../../lib/client/ftp';
import { FaultProxy, type Plan, type Traffic } from '../support/fault-proxy';
import { assertNoLeaks, snapshot } from '../support/leaks';
import { describeSeed, random, type Random } from '../support/seed';
import { content } from '../support/server/content';
import { FtpServer } from '../support/server/ftp-server';

const UPLOADS = 500;
/** Uploads at the same time. */
const LANES = 4;
const SIZES = [0, 1, 1000, 70_000, 300_000] as const;
const ATTEMPTS = 4;
const RETRY = { attempts: ATTEMPTS, backoff: 1 };

/** One upload and what is to befall it. */
interface Trial {
  readonly path: string;
  readonly bytes: Buffer;
  /** One for each attempt; none when they run out. */
  readonly cuts: readonly Plan[];
  /** Every attempt is cut before it can send a byte. */
  readonly hopeless: boolean;
  readonly resume: boolean;
}

describe('put through a network that cuts', () => {
  it(`${UPLOADS} uploads: each that succeeds is whole, none shows half a file, and those without hope give up in time`, async () => {
    const before = await snapshot();
    const chance = random(20_261_122);
    const server = await FtpServer.start({ files: { '/in/': '' } });
    const problems: string[] = [];
    let next = 0;
    let cuts = 0;
    const runLane = async (): Promise<void> => {
      while (next < UPLOADS) {
        const trial = plan(next++, chance);
        const outcome = await runTrial(server, trial);
        cuts += outcome.cuts;
        if (outcome.problem !== undefined) problems.push(`${JSON.stringify({ ...trial, bytes: trial.bytes.length })}: ${outcome.problem}`);
      }
    };
    await Promise.all(Array.from({ length: LANES }, runLane));
    await server.close();
    await assertNoLeaks(before);
    expect(problems.slice(0, 10).join('\n'), describeSeed(chance.seed)).to.equal('');
    expect(cuts, 'most of the cuts were made').to.be.greaterThan(UPLOADS);
  });
});

/** What passes on the control connection while one file is uploaded, more or less. */
const TRAFFIC: Traffic['control'] = { toClient: 600, toServer: 250 };

function plan(number: number, chance: Random): Trial {
  const size = chance.pick(SIZES);
  const hopeless = number % 10 === 9;
  const amount = hopeless ? ATTEMPTS + 5 : 1 + chance.int(ATTEMPTS);
  const cuts = Array.from({ length: amount }, (): Plan => {
    const kind = chance.pick(['rst', 'fin'] as const);
    if (hopeless) return { on: 'control', direction: 'toClient', at: 1, kind };
    if (chance.next() < 0.6) return { on: 'data', direction: 'toServer', at: chance.int(size + 1), kind };
    const direction = chance.pick(['toClient', 'toServer'] as const);
    return { on: 'control', direction, at: chance.int(TRAFFIC[direction]), kind };
  });
  return { path: `/in/${number}`, bytes: content(size, 1 + (number % 7)).read(0, size), cuts, hopeless, resume: chance.next() < 0.3 };
}

async function runTrial(server: FtpServer, { path, bytes, cuts, hopeless, resume }: Trial): Promise<{ cuts: number; problem: string | undefined }> {
  const proxy = await FaultProxy.open(server);
  const ftp = new FTP({ host: '127.0.0.1', port: proxy.port, user: 'user', password: 'secret', timeout: 10_000 });
  const plans = [...cuts];
  let made = 0;
  let attempts = 0;
  const arm = (): void => {
    if (proxy.fired) made += 1;
    proxy.arm(plans.shift());
  };
  /** Called by each attempt that comes to sending. */
  const source = (offset: number): Readable => {
    attempts += 1;
    arm();
    return Readable.from([bytes.subarray(offset)]);
  };
  const isWhole = (): boolean => server.read(path).equals(bytes);
  let half = false;
  const watch = (): void => void (half ||= server.files.has(path) && !isWhole());
  server.on('command', watch);
  if (!hopeless) arm();
  const end: unknown = await put(ftp, source, path, { retry: RETRY, size: bytes.length, resume }).catch((error: unknown) => error);
  watch();
  server.off('command', watch);
  if (proxy.fired) made += 1;
  ftp.close();
  await proxy.close();
  const problem = (): string | undefined => {
    const told = end instanceof Error ? `${end.name}: ${end.message}` : JSON.stringify(end);
    if (half) return `half a file under its name: ${told}`;
    if (end instanceof Error) return hopeless && isLoss(end) && attempts === 1 + ATTEMPTS ? undefined : `failed after ${attempts} attempts: ${told}`;
    if (hopeless) return `has succeeded: ${told}`;
    return server.files.has(path) ? undefined : `says that it is there, and is not: ${told}`;
  };
  return { cuts: made, problem: problem() };
}
