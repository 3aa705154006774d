import { expect } from 'chai';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { FTP } from '../../lib/index';
import { KNOWN, LINES, listed, NAMES } from '../support/fault-proxy/operations';
import { Lane, type Mode, type Outcome, type Stage, type Target } from '../support/fault-proxy/trial';
import { assertNoLeaks, snapshot, type Snapshot } from '../support/leaks';
import { availableServers, SERVERS_REQUIRED, type RealServer } from './servers';

const SEED = Number(process.env['SEED'] ?? randomInt(2 ** 31));
const ONLY = process.env['ONLY'] === undefined ? undefined : Number(process.env['ONLY']);
const OPERATIONS = Number(process.env['FAULTS'] ?? 2400);
const NAMES_OF_SERVERS = ['vsftpd-plain', 'proftpd-plain', 'vsftpd-tls', 'proftpd-tls'];
const FOLDER = `/faults-${SEED}`;

// Asked for by FAULTS=2400 (how many operations): it still finds what is not mended, see the README.
if (process.env['FAULTS'] !== undefined) describe(`faults at any byte, seed ${SEED}`, function () {
  this.timeout(300_000);
  const lanes: Lane[] = [];
  const stray: string[] = [];
  const onStray = (reason: unknown): void => void stray.push(String(reason instanceof Error ? reason.stack : reason));
  let quiet: Snapshot = new Map();
  let found: readonly Target[] = [];

  before(async function () {
    quiet = await snapshot();
    found = (await availableServers()).filter(({ name }) => NAMES_OF_SERVERS.includes(name)).map(targetOf);
    if (found.length < NAMES_OF_SERVERS.length) {
      const missing = NAMES_OF_SERVERS.filter((name) => !found.some((target) => target.name === name)).join(', ');
      if (SERVERS_REQUIRED) throw new Error(`not up: ${missing}`);
      console.log(`      faults: skipped, not up: ${missing}`);
      return this.skip();
    }
    process.on('unhandledRejection', onStray);
    await furnish(found[0] as Target);
    for (const target of found) {
      const stage = await survey(target);
      for (const mode of modes(target)) lanes.push(await Lane.open(target, mode, stage));
    }
  });

  after(async () => {
    process.off('unhandledRejection', onStray);
    await Promise.all(lanes.map((lane) => lane.close()));
    // Not by FTP: ProFTPD 1.3.8 takes CR and LF that come in two segments into the name of the file.
    if (found[0]) await rm(join(found[0].home, FOLDER), { recursive: true, force: true });
  });

  it('never make the client lie, hang or leak', async () => {
    const results: Result[] = [];
    await Promise.all(
      lanes.map(async (lane, number) => {
        for (let index = number; index < OPERATIONS; index += lanes.length) {
          if (ONLY === undefined || index === ONLY) results.push({ index, ...(await lane.run(`op${index}`, generator(SEED, index))) });
        }
      }),
    );
    const open = (await Promise.all(lanes.map((lane) => lane.close()))).reduce((sum, each) => sum + each, 0);
    const left = await leftBeyond(quiet, Date.now() + 3000); // a TLS connection may take two seconds for its close_notify
    console.log(summary(results, open + (left === '' ? 0 : 1)));
    const bad = results.filter(({ problems }) => problems.length > 0);
    expect(bad.slice(0, 10).map(describeResult).join('\n'), `${bad.length} wrong, SEED=${SEED}`).to.equal('');
    expect(stray, `unhandled rejections, SEED=${SEED}`).to.deep.equal([]);
    expect(open, 'sockets left open').to.equal(0);
    expect(left).to.equal('');
  });
});

/** What is open beyond `before` and stays so until then. */
async function leftBeyond(before: Snapshot, end: number): Promise<string> {
  for (;;) {
    try {
      await assertNoLeaks(before);
      return '';
    } catch (error) {
      if (Date.now() > end) return (error as Error).message;
    }
  }
}

type Result = Outcome & { readonly index: number; readonly operation: string };

function modes({ secure }: Target): readonly Mode[] {
  const plain = ['EPSV', 'PASV', 'EPRT', 'PORT', 'seam'] as const;
  return secure === false ? [...plain, ...plain] : ['seam', 'PORT']; // two lanes each: freezes are waited for, not worked on
}

function targetOf({ name, host, port, user, password, home, secure, certificate }: RealServer): Target {
  return { name, host, port, user, password, home, secure, ...(secure === false ? {} : { ca: readFileSync(certificate) }) };
}

function clientFor({ host, port, user, password, secure, ca }: Target): FTP {
  return new FTP({ host, port, user, password, secure, ...(ca ? { tls: { ca } } : {}) });
}

async function furnish(target: Target): Promise<void> {
  await using ftp = clientFor(target);
  const put = async (name: string, bytes: Buffer): Promise<void> => {
    const stream = ftp.stor(`${FOLDER}/${name}`);
    stream.end(bytes);
    await finished(stream);
  };
  await ftp.mkd(FOLDER);
  await ftp.mkd(`${FOLDER}/list`);
  await put(KNOWN.name, Buffer.alloc(KNOWN.bytes, 'known'));
  await put('lines.txt', Buffer.from(`${LINES.join('\n')}\n`));
  for (const name of NAMES) await put(`list/${name}`, Buffer.from(name));
}

async function survey(target: Target): Promise<Stage> {
  await using ftp = clientFor(target);
  const features = await ftp.feat();
  const facts = new Map([['MDTM', (await ftp.mdtm(`${FOLDER}/${KNOWN.name}`)).toISOString()]]);
  for (const verb of ['LIST', 'NLST', ...(features.has('MLST') ? ['MLSD'] : [])]) {
    const lines: string[] = [];
    for await (const line of ftp.retrlines(`${verb} ${FOLDER}/list`)) lines.push(line);
    facts.set(verb, listed(lines));
  }
  return { folder: FOLDER, disk: join(target.home, FOLDER), facts, features };
}

/** mulberry32, seeded by the run and the operation. */
function generator(seed: number, index: number): () => number {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(index + 1, 0xc2b2ae35)) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function summary(results: readonly Result[], open: number): string {
  const count = (keys: readonly string[]): string => {
    const counts = new Map<string, number>();
    for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
    return [...counts].sort(([, a], [, b]) => b - a).map(([key, n]) => `${key} ${n}`).join(', ');
  };
  const problems = (kind: string): number => results.filter((result) => result.problems.some((problem) => problem.kind === kind)).length;
  const fired = results.filter((result) => result.fired);
  const errors = results.flatMap(({ error }) => (error === undefined ? [] : [error]));
  return [
    `      seed ${SEED}: ${results.length} operations, faults ${fired.length} (${count(fired.map(({ plan }) => plan.kind))})`,
    `      complete ${results.length - errors.length}, typed errors ${errors.length} (${count(errors)})`,
    `      wrong successes ${problems('wrong success')}, hangs ${problems('hang')}, leaks ${problems('leak') + open}, out of step ${problems('out of step')}, wrong errors ${problems('error')}`,
  ].join('\n');
}

function describeResult({ index, operation, plan, fired, problems, transcript }: Result): string {
  const { on, direction, at, kind, amount } = plan;
  const what = problems.map((problem) => `${problem.kind}: ${problem.text}`).join('; ');
  return `ONLY=${index} ${operation}: ${kind} ${amount} at ${on} ${direction} ${at}${fired ? '' : ' (not reached)'}\n    ${what}\n    ${transcript.join('\n    ')}`;
}
