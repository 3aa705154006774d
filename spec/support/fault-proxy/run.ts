import { randomInt } from 'node:crypto';
import { finished } from 'node:stream/promises';
import { FTP } from '../../../lib/index';
import { leftBeyond, type Snapshot } from '../leaks';
import { note } from '../summary';
import { KNOWN, LINES, listed, NAMES } from './operations';
import { Lane, type Mode, type Outcome, type Stage, type Target } from './trial';

/** One operation of a run. */
export type Result = Outcome & { readonly index: number; readonly operation: string };

/** Milliseconds for what a client has left to close behind its `close()`: TLS waits up to two seconds for a close_notify. */
const CLOSING = 6000;

/** The seed of a run: the environment's SEED, or one that is drawn. */
export const SEED = Number(process.env['SEED'] || randomInt(2 ** 31));
/** The one operation that the environment's ONLY asks for. */
const ONLY = process.env['ONLY'] ? Number(process.env['ONLY']) : undefined;

/** A seeded run of operations that meet one fault each, on several servers and in several modes at once. */
export class FaultRun {
  /** The run's folder on the servers. */
  readonly folder = `/faults-${SEED}-${process.pid}`;
  readonly #lanes: Lane[] = [];
  readonly #stray: string[] = [];
  readonly #onStray = (reason: unknown): void => void this.#stray.push(String(reason instanceof Error ? reason.stack : reason));

  constructor() {
    process.on('unhandledRejection', this.#onStray);
  }

  /** Puts files where the operations look for them; servers may share a tree. */
  async furnish(target: Target): Promise<void> {
    const { folder } = this;
    await using ftp = clientFor(target);
    const put = async (name: string, bytes: Buffer): Promise<void> => {
      const stream = ftp.stor(`${folder}/${name}`);
      stream.end(bytes);
      await finished(stream);
    };
    await ftp.mkd(folder);
    await ftp.mkd(`${folder}/list`);
    await put(KNOWN.name, Buffer.alloc(KNOWN.bytes, 'known'));
    await put('lines.txt', Buffer.from(`${LINES.join('\n')}\n`));
    for (const name of NAMES) await put(`list/${name}`, Buffer.from(name));
  }

  /** Clients of that server, one for each mode in the list. */
  async add(target: Target, modes: readonly Mode[]): Promise<void> {
    const stage = await this.#survey(target);
    this.#lanes.push(...(await Promise.all(modes.map((mode) => Lane.open(target, mode, stage)))));
  }

  /** Runs so many operations, as many at once as there are clients; returns what went wrong, and notes the summary under that title. */
  async run(title: string, operations: number, quiet: Snapshot, closeServers: () => Promise<void> = () => Promise.resolve()): Promise<string[]> {
    const results: Result[] = [];
    await Promise.all(
      this.#lanes.map(async (lane, number) => {
        for (let index = number; index < operations; index += this.#lanes.length) {
          if (ONLY === undefined || index === ONLY) results.push({ index, ...(await lane.run(`op${index}`, generator(SEED, index))) });
        }
      }),
    );
    const open = (await Promise.all(this.#lanes.map((lane) => lane.close()))).reduce((sum, each) => sum + each, 0);
    await closeServers();
    const left = await leftBeyond(quiet, CLOSING);
    const repeated = this.#lanes.reduce((sum, lane) => sum + lane.repeated, 0);
    note('faults', `${title}, ${summary(results, open + (left === '' ? 0 : 1))}, preparations tried again ${repeated}`);
    const bad = results.filter(({ problems }) => problems.length > 0);
    return [...bad.map(describeResult), ...this.#stray.map((stack) => `unhandled rejection: ${stack}`), ...(open > 0 ? [`${open} sockets left open`] : []), ...(left === '' ? [] : [left])];
  }

  /** Closes what is open, on every path. */
  async close(): Promise<void> {
    process.off('unhandledRejection', this.#onStray);
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }

  async #survey(target: Target): Promise<Stage> {
    const { folder } = this;
    await using ftp = clientFor(target);
    const features = await ftp.feat();
    const facts = new Map([['MDTM', (await ftp.mdtm(`${folder}/${KNOWN.name}`)).toISOString()]]);
    for (const verb of ['LIST', 'NLST', ...(features.has('MLST') ? ['MLSD'] : [])]) {
      const lines: string[] = [];
      for await (const line of ftp.retrlines(`${verb} ${folder}/list`)) lines.push(line);
      facts.set(verb, listed(lines));
    }
    return { folder, store: target.store(folder), facts, features, traffic: new Map() };
  }
}

function clientFor({ host, port, user, password, secure, ca }: Target): FTP {
  return new FTP({ host, port, user, password, secure, ...(ca ? { tls: { ca } } : {}) });
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
    `seed ${SEED}: ${results.length} operations, faults ${fired.length} (${count(fired.map(({ plan }) => plan.kind))})`,
    `  complete ${results.length - errors.length}, typed errors ${errors.length} (${count(errors)})`,
    `  wrong successes ${problems('wrong success')}, hangs ${problems('hang')}, leaks ${problems('leak') + open}, out of step ${problems('out of step')}, wrong errors ${problems('error')}`,
  ].join('\n');
}

function describeResult({ index, operation, plan, fired, problems, transcript }: Result): string {
  const { on, direction, at, kind, amount } = plan;
  const what = problems.map((problem) => `${problem.kind}: ${problem.text}`).join('; ');
  return `ONLY=${index} ${operation}: ${kind} ${amount} at ${on} ${direction} ${at}${fired ? '' : ' (not reached)'}\n    ${what}\n    ${transcript.join('\n    ')}`;
}
