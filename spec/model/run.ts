import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joined, posix } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { ConnectionClosedError, FTP, FTPError, FTPPool, type FTPOptions } from '../../lib/index';
import { numbers, type Random } from '../support/seed';
import { bytesOf } from './content';
import { isExpectedError, LEFT, OurError, operation, type Actor, type Place, type Plan, type State } from './operations';
import { dataCut, type Interruption, type Sequence, type Session, type Step } from './steps';
import { StepProxy } from './step-proxy';
import { isServersOwn, LocalDisk, type Stage, type Target } from './targets';
import { beginningOf, exactly, isLitter, oneOf, parentOf, World, type Accept } from './world';

/** Something that is wrong. */
export interface Finding {
  readonly kind: 'wrong bytes' | 'wrong success' | 'wrong answer' | 'failure' | 'wrong error' | 'hang' | 'out of step' | 'leak' | 'unheard rejection' | 'left behind';
  readonly message: string;
  /** The number of the step, from 0 on; as many as there are steps: at the end. */
  readonly step: number;
  /** What was said on the control connections since the step began. */
  readonly dialogue: readonly string[];
}

class Wrong extends Error {
  constructor(
    readonly kind: Finding['kind'],
    message: string,
  ) {
    super(message);
  }
}

/** A failure that is the server's own doing. */
class Excused extends Error {}

const TIMEOUT = 5000;
/** The same where replies are lost by the server's nature, and all that a longer wait shows is patience. */
const SHORT_TIMEOUT = 250;
/** Milliseconds after which an operation is taken to hang: several timeouts and attempts may come one after the other. */
const DEADLINE = 60_000;

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** Rejections that nobody has heard of, of all runs of the process. */
const unheard: unknown[] = [];
process.on('unhandledRejection', (reason) => void unheard.push(reason));

/** Does a sequence from an empty folder on. Resolves with what is wrong, if anything is; @throws Error when the server cannot be had */
export async function run(target: Target, sequence: Sequence): Promise<Finding | undefined> {
  const stage = await target.open(`model-${process.pid}-${(runs += 1)}`);
  const proxy = await StepProxy.open();
  const local = new LocalDisk(mkdtempSync(joined(tmpdir(), 'ftplib-model-')));
  try {
    return await new Run(target, sequence, stage, proxy, local).whole();
  } finally {
    proxy.close();
    await stage.close();
    local.clear();
  }
}

let runs = 0;

class Run {
  #client: FTP | FTPPool;
  /** Known until something may have changed it. */
  #cwds: readonly string[] = [''];
  #closed = false;
  #over = new AbortController();
  #remote: World;
  #local: World;
  /** What the step before may still bring about, when the server is late. */
  #late: ReadonlyMap<string, Accept> = new Map();
  #probes = 0;
  readonly #random: Random;
  readonly #session: Session;

  constructor(
    private readonly target: Target,
    private readonly sequence: Sequence,
    private readonly stage: Stage,
    private readonly proxy: StepProxy,
    private readonly localDisk: LocalDisk,
  ) {
    this.#session = sequence.session;
    this.#random = numbers(sequence.seed ^ 0x5eed);
    this.#furnish();
    this.#remote = stage.disk.snapshot();
    this.#local = localDisk.snapshot();
    this.#client = this.#make();
  }

  async whole(): Promise<Finding | undefined> {
    let step = 0;
    try {
      await this.#begin();
      for (; step < this.sequence.steps.length; step++) {
        this.proxy.dialogue.length = 0;
        await this.#step(this.sequence.steps[step] as Step);
        this.#assertHeard();
      }
      this.proxy.dialogue.length = 0;
      await this.#leave(this.#random.pick(['quit', 'close'] as const));
      this.#assertHeard();
      return undefined;
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      return { kind: error.kind, message: error.message, step, dialogue: [...this.proxy.dialogue] };
    } finally {
      this.proxy.disarm();
      this.#client.close();
    }
  }

  #furnish(): void {
    const files = { f0: 3000, f1: 120_000, 'd0/x0': 40_000, 'd0/x1': 10, 'd0/s/x0': 5000, 'probe/p0': 2000, 'probe/p1': 30_000 };
    for (const [path, size] of Object.entries(files)) this.stage.disk.write(path, bytesOf(this.#random.int(2 ** 31), size));
    this.stage.disk.write('d1', 'folder');
    for (const [path, size] of Object.entries({ 'src/x0': 1000, 'src/x1': 70_000, 'src/s/x0': 200 })) this.localDisk.write(path, bytesOf(this.#random.int(2 ** 31), size));
  }

  #make(): FTP | FTPPool {
    const { client, connections, options } = this.#session;
    this.#closed = false;
    this.#over = new AbortController();
    const timeout = this.target.facts.outOfStep ? SHORT_TIMEOUT : TIMEOUT;
    const all: FTPOptions = {
      ...this.stage.options, ...options, connectTimeout: TIMEOUT, replyTimeout: timeout, stallTimeout: timeout, signal: this.#over.signal, createConnection: this.proxy.createConnection,
    };
    if (client === 'pool') return new FTPPool({ ...all, connections });
    const ftp = new FTP(all);
    ftp.on('close', () => void (this.#closed ||= ftp === this.#client));
    if (all.secure) ftp.on('command', (line) => this.proxy.dialogue.push(`> ${line}`)).on('reply', (reply) => this.proxy.dialogue.push(`< ${reply}`));
    return ftp;
  }

  async #begin(): Promise<void> {
    this.#cwds = [''];
    const client = this.#client;
    if (client instanceof FTPPool) return;
    const begin = async (): Promise<void> => {
      if (this.#session.client === 'by hand') {
        await client.connect();
        await client.login();
      }
      await client.cwd(this.stage.root);
    };
    if (!(await this.#excused(() => this.#must('the beginning', begin)))) return;
    this.#client.close();
    this.#client = this.#make();
    await this.#begin();
  }

  async #renew(): Promise<void> {
    this.#client.close();
    this.#client = this.#make();
    await this.#begin();
  }

  // ---- one step

  async #step(step: Step): Promise<void> {
    if ('fresh' in step) {
      await this.#leave(step.fresh);
      this.#client = this.#make();
      return this.#begin();
    }
    const { together, interruption } = step;
    const state = this.#state(interruption);
    const plans = together.map(({ op, with: params }) => operation(op).plan(params, state));
    const controller = new AbortController();
    const held: { readonly stream: Readable | Writable; readonly other: Readable | Writable | undefined }[] = [];
    const ending: Promise<unknown>[] = [];
    let over = false;
    if (interruption) this.proxy.arm(interruption.moment, interruption.turns, () => (over = this.#interrupt(interruption, held, controller, ending)));
    const actors = plans.map(() => this.#actor(controller.signal, held));
    const outcomes = await Promise.all(plans.map((plan, n) => this.#outcome(together[n]?.op ?? '', plan.act(actors[n] as Actor))));
    await Promise.all(ending.map((end) => this.#outcome('quit()', end)));
    const { fired } = this.proxy;
    this.proxy.disarm();

    const accepted = new Map<string, Accept>();
    const newFiles: (Plan['newFile'] & { readonly whole: boolean })[] = [];
    let whole = true;
    let excused = false;
    // There are servers that end a session in which a transfer was left, and whoever connects by hand is told so by what he has called beside it.
    const lost = this.#session.client === 'by hand' && this.#closed && (plans.some(({ due }) => due === 'left') || outcomes.some((outcome) => 'value' in outcome && outcome.value === LEFT));
    for (const [n, plan] of plans.entries()) {
      const outcome = outcomes[n] as Outcome;
      const succeeded = 'value' in outcome && typeof outcome.value !== 'symbol';
      const own = 'error' in outcome && (this.#isServersOwn(outcome.error) || (lost && outcome.error instanceof ConnectionClosedError));
      this.#judge(together[n]?.op ?? '', plan, outcome, fired || own, actors[n] as Actor);
      for (const [place, accept] of succeeded ? plan.after : plan.left) accepted.set(this.#key(place), accept);
      if (plan.newFile) newFiles.push({ ...plan.newFile, whole: succeeded });
      if (plan.cwd !== undefined) this.#cwds = succeeded ? [plan.cwd] : fired || own ? [...this.#cwds, plan.cwd] : this.#cwds;
      whole &&= succeeded;
      excused ||= own;
    }
    const quiet = whole && !fired;
    if (!quiet) {
      await this.proxy.quiet();
      if (over || (this.#session.client === 'by hand' && (this.#closed || excused))) await this.#renew();
      await this.#probe(accepted, this.#session.client === 'by hand');
    }
    this.#compare(accepted, newFiles, quiet);
  }

  #state(interruption: Interruption | undefined): State {
    return {
      remote: this.#remote, local: this.#local, facts: this.target.facts, cwd: this.#cwds[0] ?? '', home: posix.basename(this.stage.root), pool: this.#client instanceof FTPPool, interferes: interruption !== undefined || this.target.facts.outOfStep,
      cut: dataCut(interruption),
    };
  }

  #actor(signal: AbortSignal, held: { stream: Readable | Writable; other: Readable | Writable | undefined }[]): Actor {
    const cwd = this.#cwds[0] ?? '';
    return {
      client: this.#client,
      signal,
      got: [],
      remote: (path, relative = false) => {
        const below = cwd === '' ? path : path.startsWith(`${cwd}/`) ? path.slice(cwd.length + 1) : '';
        return relative && below !== '' && !(this.#client instanceof FTPPool) ? below : posix.join(this.stage.root, path);
      },
      local: (path) => joined(this.localDisk.root, path),
      hold: (stream, other) => {
        held.push({ stream, other });
        return stream;
      },
    };
  }

  /** Returns true when the client is over. */
  #interrupt({ what, which }: Interruption, held: readonly { stream: Readable | Writable; other: Readable | Writable | undefined }[], controller: AbortController, ending: Promise<unknown>[]): boolean {
    this.proxy.note(what);
    const { stream, other } = held[which % held.length] ?? {};
    switch (what) {
      case 'destroy':
        stream?.destroy();
        return false;
      case 'error':
        stream?.destroy(new OurError('left'));
        return false;
      case 'consumer':
        (other ?? stream)?.destroy(new OurError('the consumer or the source failed'));
        return false;
      case 'abort':
        if (this.#client instanceof FTP) ending.push(this.#client.abort());
        return false;
      case 'signal':
        controller.abort();
        return false;
      case 'close':
        this.#client.close();
        return true;
      case 'quit':
        ending.push(this.#client.quit());
        return true;
      case 'client signal':
        this.#over.abort();
        return true;
      case 'rst':
      case 'fin':
        this.proxy.cut('control', what);
        return false;
      case 'data rst':
      case 'data short':
      case 'data swallowed':
        this.proxy.cut('data', what.slice(5) as 'rst');
        return false;
    }
  }

  async #outcome(what: string, promise: Promise<unknown>): Promise<Outcome> {
    let timer: NodeJS.Timeout | undefined;
    const hang = new Promise<never>((_resolve, reject) => (timer = setTimeout(() => reject(new Wrong('hang', `${what} is not over after ${DEADLINE} ms`)), DEADLINE)));
    try {
      return { value: await Promise.race([promise, hang]) };
    } catch (error) {
      if (error instanceof Wrong) throw error;
      return { error };
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param excused something has interfered, or it is the server's own doing */
  #judge(op: string, plan: Plan, outcome: Outcome, excused: boolean, actor: Actor): void {
    if ('value' in outcome) {
      const left = typeof outcome.value === 'symbol';
      if (!left && plan.due === 'refusal') throw new Wrong('wrong success', `${op} succeeded though it must be refused (${Buffer.isBuffer(outcome.value) ? `${outcome.value.length} bytes` : String(outcome.value)})`);
      if (!left && plan.due === 'left' && !excused) throw new Wrong('wrong success', `${op} succeeded though it was left halfway`);
      const complaint = plan.delivered?.(outcome.value);
      if (complaint !== undefined) throw new Wrong(Buffer.isBuffer(outcome.value) ? 'wrong bytes' : 'wrong answer', `${op} gave what is wrong: ${complaint}`);
      return;
    }
    const { error } = outcome;
    this.proxy.note(`${op} failed: ${String(error)}`);
    if (!isExpectedError(error, plan)) throw new Wrong('wrong error', `${op} failed with an error that is none of the library's: ${error instanceof Error ? error.stack : String(error)}`);
    const wrong = plan.partial?.(Buffer.concat(actor.got));
    if (wrong !== undefined) throw new Wrong('wrong bytes', `${op} failed, and before that gave what is wrong: ${wrong}`);
    if (excused) return;
    if (plan.due === 'success') throw new Wrong('failure', `${op} failed though nothing interfered: ${String(error)}`);
    if (plan.due === 'refusal' && plan.code !== undefined && !(error instanceof FTPError && error.reply?.code === plan.code)) {
      throw new Wrong('out of step', `${op} was not refused with ${plan.code}: ${String(error)}`);
    }
  }

  // ---- what must work at any time

  async #must<T>(what: string, act: () => Promise<T>): Promise<T> {
    const outcome = await this.#outcome(what, act());
    if ('value' in outcome) return outcome.value as T;
    if (this.#isServersOwn(outcome.error)) throw new Excused();
    throw new Wrong('out of step', `${what} failed: ${String(outcome.error)}`);
  }

  #isServersOwn(error: unknown): boolean {
    return isServersOwn(error, this.target.facts, this.#session);
  }

  /** Resolves with whether it failed by the server's own doing. */
  async #excused(act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      return false;
    } catch (error) {
      if (!(error instanceof Excused)) throw error;
      return true;
    }
  }

  /** On the session as the step has left it: nothing is answered that was not asked, and a whole download, upload and listing have the right bytes. */
  async #probe(accepted: Map<string, Accept>, losable: boolean): Promise<void> {
    const client = this.#client;
    const at = (path: string): string => posix.join(this.stage.root, path);
    const fresh = bytesOf(this.#random.int(2 ** 31), this.#random.int(3000));
    const path = `probe/up-${(this.#probes += 1) % 3}`;
    // What an earlier probe of the same step has uploaded, before the server ended the session, is there, too.
    const stored = [...accepted.keys()].filter((key) => key.startsWith(this.#key('remote:probe/'))).map((key) => posix.basename(key));
    const names = new Set([...this.#remote.names('probe'), ...stored, posix.basename(path)]);
    const probes: (() => Promise<void>)[] = [
      async () => {
        const outcome = await this.#outcome('delete', client.delete(at(`probe/nothing-${this.#probes}`)));
        if ('value' in outcome) throw new Wrong('wrong success', 'then delete() of a file that is not there succeeded');
        if (this.#isServersOwn(outcome.error)) throw new Excused();
        if (!(outcome.error instanceof FTPError) || outcome.error.reply?.code !== 550) throw new Wrong('out of step', `then delete() of a file that is not there was not refused with 550: ${String(outcome.error)}`);
      },
      async () => {
        const bytes = await this.#must('then a whole download', async () => Buffer.concat((await client.retr(at('probe/p1')).toArray()) as Buffer[]));
        this.#sound('then a whole download', exactly(this.#remote.get('probe/p1'))(bytes));
      },
      async () => {
        accepted.set(this.#key(`remote:${path}`), oneOf(exactly(this.#remote.get(path)), beginningOf(fresh)));
        await this.#must('then a whole upload', () => new Promise<void>((resolve, reject) => void client.stor(at(path)).on('error', reject).on('finish', resolve).end(fresh)));
        accepted.set(this.#key(`remote:${path}`), exactly(fresh));
      },
      async () => {
        const found = await this.#must('then a listing', () => client.nlst(at('probe')).toArray());
        const wrong = found.map((name) => posix.basename(name)).filter((name) => !/^\.\.?$/.test(name) && !names.has(name));
        const missing = ['p0', 'p1'].filter((name) => !found.some((each) => posix.basename(each) === name));
        if (wrong.length + missing.length > 0 && !this.target.facts.listsAnything) throw new Wrong('wrong answer', `then a listing has too many: ${wrong.join(', ') || 'none'}; and lacks: ${missing.join(', ') || 'none'}`);
      },
      async () => {
        if (!(client instanceof FTP)) return;
        const found = await this.#must('then pwd()', () => client.pwd());
        const folder = this.#cwds.find((each) => posix.join(this.stage.root, each) === found);
        if (folder === undefined) throw new Wrong('wrong answer', `then pwd() is ${found}, and should be ${this.#cwds.map((each) => posix.join(this.stage.root, each)).join(' or ')}`);
        this.#cwds = [folder];
      },
    ];
    const order = probes.map((probe) => ({ probe, place: this.#random.next() })).sort((a, b) => a.place - b.place);
    try {
      const excused: boolean[] = [];
      if (this.#random.int(3) === 0) excused.push(...(await Promise.all(order.map(({ probe }) => this.#excused(probe)))));
      else for (const { probe } of order) excused.push(await this.#excused(probe));
      if (excused.includes(true) && (this.#session.client === 'by hand' || this.#cwds.length > 1)) await this.#renew();
    } catch (error) {
      // There are servers that end a session in which a transfer was left, and whoever connects by hand is told so by the next operation.
      if (!losable || !this.#closed || !(error instanceof Wrong) || error.kind !== 'out of step') throw error;
      await this.#renew();
      await this.#probe(accepted, false);
    }
  }

  // ---- what is on disk

  #compare(accepted: ReadonlyMap<string, Accept>, newFiles: readonly (Plan['newFile'] & { readonly whole: boolean })[], quiet: boolean): void {
    const remote = this.stage.disk.snapshot();
    const local = this.localDisk.snapshot();
    const stored = newFiles.length > 0 ? this.#takeStored(remote, newFiles) : undefined;
    this.#sound('on the server', stored ?? this.#compareSide('remote', this.#remote, remote, accepted));
    this.#sound('here', this.#compareSide('local', this.#local, local, accepted));
    if (quiet) {
      const known = new Set([...this.#remote.paths, ...this.#local.paths].map((path) => posix.basename(path))); // a tree has taken over what an earlier step has left
      const behind = [...remote.paths.filter((path) => !this.#remote.get(path)), ...local.paths.filter((path) => !this.#local.get(path))].filter((path) => isLitter(path) && !known.has(posix.basename(path)));
      if (behind.length > 0) throw new Wrong('left behind', `after a success there is ${behind.join(', ')}`);
    }
    this.#late = accepted;
    this.#remote = remote;
    this.#local = local;
  }

  #compareSide(side: 'remote' | 'local', before: World, now: World, accepted: ReadonlyMap<string, Accept>): string | undefined {
    const paths = new Map([...before.paths, ...now.paths].map((path) => [now.key(path), path]));
    for (const key of accepted.keys()) if (key.startsWith(`${side}:`)) paths.set(key.slice(side.length + 1), key.slice(side.length + 1));
    for (const [key, path] of paths) {
      if (isLitter(path)) continue;
      const place = `${side}:${key}`;
      const found = now.get(path);
      const complaint = (accepted.get(place) ?? exactly(before.get(path)))(found);
      if (complaint === undefined || (!accepted.has(place) && this.#late.get(place)?.(found) === undefined && this.#late.has(place))) continue;
      return `${path}: ${complaint}`;
    }
    return undefined;
  }

  /** STOU chooses the name: the one file that is new in the folder is taken away, when it is as it must be. */
  #takeStored(now: World, [stored]: readonly (Plan['newFile'] & { readonly whole: boolean })[]): string | undefined {
    if (!stored) return undefined;
    const found = now.paths.filter((path) => parentOf(path) === stored.folder && this.#remote.get(path) === undefined && !path.startsWith('probe/up-'));
    for (const path of found) {
      const complaint = stored.content(now.get(path));
      this.stage.disk.remove(path);
      now.set(path, undefined);
      if (complaint !== undefined) return `${path}: ${complaint}`;
    }
    return found.length > 1 || (stored.whole && found.length === 0) ? `${found.length} files of one STOU` : undefined;
  }

  #sound(what: string, complaint: string | undefined): void {
    if (complaint !== undefined) throw new Wrong('wrong bytes', `${what}: ${complaint}`);
  }

  #key(place: Place): string {
    const at = place.indexOf(':') + 1;
    return place.slice(0, at) + (place.startsWith('remote:') ? this.#remote.key(place.slice(at)) : place.slice(at));
  }

  // ---- the end

  async #leave(how: 'quit' | 'close'): Promise<void> {
    if (how === 'close') this.#client.close();
    else {
      const outcome = await this.#outcome('quit()', this.#client.quit());
      if ('error' in outcome) throw new Wrong('failure', `quit() failed: ${String(outcome.error)}`);
    }
    const open = await this.proxy.deserted();
    if (open > 0) throw new Wrong('leak', `after ${how}() ${open} connections are open`);
  }

  #assertHeard(): void {
    const reasons = unheard.splice(0);
    if (reasons.length > 0) throw new Wrong('unheard rejection', reasons.map((reason) => (reason instanceof Error ? (reason.stack ?? reason.message) : String(reason))).join('\n'));
  }
}
