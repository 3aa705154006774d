import { expect } from 'chai';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { get } from '../../lib/bulk/get';
import { isLoss } from '../../lib/transfer/retry';
import { FTPPool } from '../../lib/index';
import { FaultProxy, type Plan } from '../support/fault-proxy';
import { assertNoLeaks, snapshot } from '../support/leaks';
import { describeSeed, random, type Random } from '../support/seed';
import { content } from '../support/server/content';
import { FtpServer } from '../support/server/ftp-server';
import { note } from '../support/summary';
import { Scratch } from './tree-scratch';

const DOWNLOADS = 200;
const LANES = 4;
const SIZES = [0, 1, 1000, 70_000, 600_000] as const;
const ATTEMPTS = 4;

describe('get through a network that cuts', () => {
  const scratch = new Scratch();

  it(`${DOWNLOADS} downloads: each that succeeds is whole, none shows half a file, and what fails was lost too often`, async () => {
    const before = await snapshot();
    const chance = random(20_261_127);
    await scratch.put('in', {});
    const problems: string[] = [];
    const tally = { cuts: 0, whole: 0, retries: 0 };
    let next = 0;
    const runLane = async (): Promise<void> => {
      while (next < DOWNLOADS) {
        const number = next++;
        const problem = await runTrial(scratch.path(`file-${number}`), chance, tally);
        if (problem !== undefined) problems.push(`download ${number}: ${problem}`);
      }
    };
    await Promise.all(Array.from({ length: LANES }, runLane));
    await assertNoLeaks(before);
    note('faults', `get(): ${DOWNLOADS} downloads, ${tally.cuts} cuts, ${tally.retries} retries: ${tally.whole} whole`);
    expect(problems.slice(0, 5).join('\n'), describeSeed(chance.seed)).to.equal('');
    expect(tally.cuts).to.be.greaterThan(DOWNLOADS / 2);
    expect(tally.whole).to.be.greaterThan(DOWNLOADS / 2);
  });
});

async function runTrial(local: string, chance: Random, tally: { cuts: number; whole: number; retries: number }): Promise<string | undefined> {
  const bytes = Buffer.from(content(chance.pick(SIZES), 1 + chance.int(7)).read(0, Infinity));
  const plans = Array.from({ length: 1 + chance.int(ATTEMPTS + 2) }, () => cut(bytes.length, chance));
  const way = chance.pick([{}, { resume: true }, { segments: 3 }]);
  const server = await FtpServer.start({ files: { '/file': bytes } });
  const proxy = await FaultProxy.open(server);
  const pool = new FTPPool({ host: '127.0.0.1', port: proxy.port, user: 'user', password: 'secret', connections: 3, timeout: 5000 });
  let half = false;
  const isWhole = (): boolean => readFileSync(local).equals(bytes);
  // Each new command may be that of another attempt.
  const watch = (): void => {
    half ||= existsSync(local) && !isWhole();
    if (!proxy.fired) return;
    tally.cuts += 1;
    proxy.arm(plans.shift());
  };
  server.on('command', watch);
  proxy.arm(plans.shift());
  const end = await get(pool, 'file', local, { retry: { attempts: ATTEMPTS, backoff: 1 }, ...way }).catch((error: Error) => error);
  watch();
  pool.close();
  await proxy.close();
  await server.close();
  if (half) return 'half a file under its name';
  if (!(end instanceof Error)) {
    tally.whole += 1;
    tally.retries += end.retries;
    return isWhole() ? undefined : `is told to be there, and is not: ${JSON.stringify(end)}`;
  }
  if (existsSync(local)) return `is there in spite of ${end.stack}`;
  const left = readdirSync(dirname(local)).filter((name) => name.startsWith(`${basename(local)}.`));
  if (left.length > 0 && !('resume' in way)) return `${left.join(', ')} is left`;
  return isLoss(end) ? undefined : `fails with ${end.stack}`;
}

/** Of any connection, at any byte. */
function cut(size: number, chance: Random): Plan {
  const kind = chance.pick(['rst', 'fin'] as const);
  if (chance.next() < 0.7) return { on: 'data', direction: 'toClient', at: chance.int(size + 1), kind };
  return { on: 'control', direction: chance.pick(['toClient', 'toServer'] as const), at: chance.int(900), kind };
}
