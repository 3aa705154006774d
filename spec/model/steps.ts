import type { Random } from '../support/seed';
import { numbers } from '../support/seed';
import { name as shownId } from './content';
import { OPERATIONS, operation, type Operation } from './operations';
import type { Cut, Moment } from './step-proxy';
import type { ServerFacts, Target } from './targets';

/** What interferes with a step. */
export type Action = 'destroy' | 'error' | 'abort' | 'signal' | 'consumer' | 'close' | 'quit' | 'client signal' | 'rst' | 'fin' | 'data rst' | 'data short' | 'data swallowed';

/** At which moment it does, and how long the network stands still then. */
export interface Interruption {
  readonly moment: Moment;
  readonly what: Action;
  /** Turns of the event loop. */
  readonly turns: number;
  /** Which of the streams, where there are several. */
  readonly which: number;
}

/** One operation, with all that it takes to do it again: nothing in it refers to another step. */
export interface Doing {
  readonly op: string;
  readonly with: object;
}

/** One or several operations called together, or the end of the client and the beginning of another one. */
export type Step = { readonly together: readonly Doing[]; readonly interruption?: Interruption | undefined } | { readonly fresh: 'quit' | 'close' };

/** How the client of a sequence is made. */
export interface Session {
  /** Logs in by itself, was connected by hand, or is a pool. */
  readonly client: 'auto' | 'by hand' | 'pool';
  readonly connections: number;
  readonly options: { readonly keepAlive?: number; readonly keepAliveDuringTransfers?: boolean; readonly passive?: boolean; readonly extended?: boolean };
}

/** A run from an empty folder to the end of a client. */
export interface Sequence {
  readonly seed: number;
  readonly session: Session;
  readonly steps: readonly Step[];
}

const MOST_EVENTS = 9;

/** The sequence that a seed makes for a server. */
export function sequence(seed: number, length: number, target: Target): Sequence {
  const random = numbers(seed);
  for (let n = 0; n < 8; n++) random.next(); // seeds that are neighbours begin alike
  const session = anySession(random, target.facts);
  const steps: Step[] = [];
  for (let count = 0; count < length; ) {
    const step = anyStep(random, session, target.facts);
    steps.push(step);
    count += operationsOf(step);
  }
  return { seed, session, steps };
}

/** How many operations a step is. */
export function operationsOf(step: Step): number {
  return 'fresh' in step ? 1 : step.together.length;
}

function anySession({ int, pick }: Random, { sessions, closesDuringTransfer }: ServerFacts): Session {
  const keepAlive = int(4) === 0 ? { keepAlive: pick([20, 60]), ...(int(2) === 0 && !closesDuringTransfer ? { keepAliveDuringTransfers: true } : {}) } : {};
  const mode = int(6) === 0 ? { passive: false } : {};
  const commands = int(6) === 0 ? { extended: int(2) === 0 } : {};
  const client = pick(['auto', 'auto', 'by hand', 'pool'] as const);
  return { client, connections: sessions ? 1 + int(4) : 1, options: { ...keepAlive, ...mode, ...commands } };
}

function anyStep(random: Random, session: Session, facts: ServerFacts): Step {
  if (random.int(40) === 0) return { fresh: random.pick(['quit', 'close'] as const) };
  const usable = OPERATIONS.filter(({ poolToo }) => poolToo || session.client !== 'pool');
  if (random.int(5) === 0) return several(random, usable, facts);
  const chosen = weighted(random, usable);
  const together = [{ op: chosen.name, with: chosen.make(random, facts) }];
  return { together, interruption: random.int(3) === 0 ? interruption(random, chosen, session) : undefined };
}

function weighted({ int }: Random, operations: readonly Operation[]): Operation {
  let left = int(operations.reduce((sum, { weight }) => sum + weight, 0));
  return operations.find(({ weight }) => (left -= weight) < 0) as Operation;
}

/** What does not depend on what the others do, when each has files of its own. */
const ALONE = ['retr', 'stor', 'appe', 'get', 'put', 'size', 'mlst', 'delete', 'rename', 'mkd', 'exists', 'mkd recursive', 'pwd', 'noop', 'sendcmd'];

function several(random: Random, usable: readonly Operation[], facts: ServerFacts): Step {
  const files = shuffled(random, ['f0', 'f1', 'f2', 'f3', 'd0/x0', 'd0/x1', 'd1/x0', 'd0/s/x0']);
  const together = Array.from({ length: 2 + random.int(5) }, (_, n): Doing => {
    const chosen = weighted(random, usable.filter(({ name }) => ALONE.includes(name)));
    const given = chosen.make(random, facts);
    const path = chosen.name === 'mkd' ? `m${n}` : chosen.name === 'mkd recursive' ? `m/${n % 2}/${n % 3}` : 'path' in given && given.path === 'nothing' ? 'nothing' : files[n];
    const own = { path, ...('to' in given && chosen.name === 'rename' ? { to: `r${n}` } : {}), ...('local' in given ? { local: `l${n}` } : {}), ...('source' in given ? { source: 'bytes' } : {}), ...('parents' in given ? { parents: undefined } : {}) };
    return { op: chosen.name, with: 'path' in given ? { ...given, ...own } : given };
  });
  return { together, interruption: random.int(3) === 0 ? interruption(random, operation(random.pick(together).op), { client: 'auto', connections: 1, options: {} }) : undefined };
}

const ACTIONS: Readonly<Record<Operation['what'], readonly Action[]>> = {
  stream: ['destroy', 'destroy', 'error', 'abort', 'abort', 'signal', 'consumer', 'close', 'quit', 'client signal', 'rst', 'fin'],
  promise: ['signal', 'signal', 'abort', 'close', 'quit', 'client signal', 'rst', 'fin'],
  tree: ['destroy', 'signal', 'close', 'quit', 'client signal', 'rst', 'fin'],
  command: ['signal', 'signal', 'signal', 'close', 'quit', 'client signal', 'rst', 'fin'],
  none: [],
};

function interruption(random: Random, { what, cuts }: Operation, { client, options }: Session): Interruption | undefined {
  const { int, pick } = random;
  const actions = ACTIONS[what].filter((action) => action !== 'abort' || client !== 'pool');
  if (actions.length === 0) return undefined;
  const data = cuts.length > 0 && options.passive !== false && int(3) === 0;
  const action = data ? (`data ${pick(cuts)}` as Action) : pick(actions);
  const on = data || (what !== 'command' && int(4) === 0) ? 'data' : pick(['command', 'reply'] as const);
  const moment: Moment = on === 'data' ? { on, bytes: int(pick([10, 1000, 100_000])) } : { on, nth: 1 + int(what === 'command' ? 4 : MOST_EVENTS) };
  return { moment, what: action, turns: int(pick([1, 5, 40])), which: int(6) };
}

/** How the data of the step are cut. */
export function dataCut(interruption: Interruption | undefined): Cut | undefined {
  return interruption?.what.startsWith('data ') ? (interruption.what.slice(5) as Cut) : undefined;
}

function shuffled<T>({ int }: Random, list: readonly T[]): T[] {
  const left = [...list];
  return list.map(() => left.splice(int(left.length), 1)[0] as T);
}

// ---- for people

export function describeSession({ client, connections, options }: Session): string {
  return `a client that is ${client === 'auto' ? 'connected by itself' : client === 'pool' ? `a pool of ${connections}` : 'connected by hand'}${Object.keys(options).length > 0 ? `, ${shown(options)}` : ''}`;
}

export function describeStep(step: Step): string {
  if ('fresh' in step) return `${step.fresh}(), and another client`;
  const { together, interruption: broken } = step;
  const doings = together.map(({ op, with: given }) => `${op} ${shown(given)}`.trimEnd()).join('\n      + ');
  if (!broken) return doings;
  const { moment, what, turns, which } = broken;
  const when = moment.on === 'data' ? `after ${moment.bytes} bytes of data` : `before ${moment.on} ${moment.nth}`;
  return `${doings}\n      ! ${when}: ${what}${together.length > 1 ? ` (stream ${which})` : ''}, and on after ${turns} turns`;
}

function shown(given: object): string {
  return Object.entries(given)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([key, value]) => (key === 'id' ? shownId(value as number) : value === true ? key : `${key}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`))
    .join(' ');
}
