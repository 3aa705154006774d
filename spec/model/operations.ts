import { posix } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { pathToFileURL } from 'node:url';
import { FTP, FTPError, mirror, type FTPPool, type PutSource, type RetryOptions, type TreeOptions, type TreeResult, type WalkEntry } from '../../lib/index';
import type { Random } from '../support/seed';
import { bytesOf, difference, isText, textOf } from './content';
import type { Cut } from './step-proxy';
import type { ServerFacts } from './targets';
import { beginningOf, exactly, isLitter, join, oneOf, parentOf, writtenInto, type Accept, type Node, type World } from './world';

/** What the model knows when a step begins. */
export interface State {
  readonly remote: World;
  readonly local: World;
  readonly facts: ServerFacts;
  /** The working folder, from the root of the run. */
  readonly cwd: string;
  /** The name of the root of the run. */
  readonly home: string;
  readonly pool: boolean;
  /** Something is to interfere with this step. */
  readonly interferes: boolean;
  /** How the data are to be cut in this step, if they are. */
  readonly cut: Cut | undefined;
}

/** What a step does its work with. */
export interface Actor {
  readonly client: FTP | FTPPool;
  readonly signal: AbortSignal;
  /** As the server names it; relative to the working folder where that is asked for, and there is one. */
  remote(path: string, relative?: boolean): string;
  local(path: string): string;
  /** A stream of the library's, and the consumer or source at its other end: what an interruption acts on. */
  hold<S extends Readable | Writable>(stream: S, other?: Readable | Writable): S;
  /** Bytes that have been delivered so far. */
  readonly got: Buffer[];
}

/** The consumer has left a stream by its own decision. */
export const LEFT = Symbol('left');

/** What a source or a consumer of the model fails with. */
export class OurError extends Error {}

/** What a step does, and what the model allows it to bring about. */
export interface Plan<T = unknown> {
  /** What must become of it where nothing interferes; `left`: it is given up halfway by the step itself. */
  readonly due: 'success' | 'refusal' | 'either' | 'left';
  /** The code that a refusal must have. */
  readonly code?: number;
  act(actor: Actor): Promise<T>;
  /** What is wrong with the value of a success. */
  delivered?(value: T): string | undefined;
  /** What is wrong with the bytes of a download that failed. */
  partial?(bytes: Buffer): string | undefined;
  /** What must be at each path after a success; at all others, what was there before. */
  readonly after: ReadonlyMap<Place, Accept>;
  /** What may be there after a failure. */
  readonly left: ReadonlyMap<Place, Accept>;
  /** The working folder after a success. */
  readonly cwd?: string;
  /** STOU has stored under this name. */
  readonly newFile?: { readonly folder: string; readonly content: Accept };
}

/** `remote:` or `local:` and a path. */
export type Place = `${'remote' | 'local'}:${string}`;

type What = 'stream' | 'promise' | 'tree' | 'command' | 'none';

export interface Operation {
  readonly name: string;
  /** How often it is done, compared with others. */
  readonly weight: number;
  readonly what: What;
  /** Cuts of data that it must find out. */
  readonly cuts: readonly Cut[];
  readonly poolToo: boolean;
  make(random: Random, facts: ServerFacts): object;
  plan(params: object, state: State): Plan;
}

interface Traits {
  readonly weight?: number;
  readonly what?: What;
  readonly cuts?: readonly Cut[];
  readonly poolToo?: boolean;
}

const NONE: ReadonlyMap<Place, Accept> = new Map();
const COLLECTED = 64 * 1024;

function define<P extends object, T>(name: string, traits: Traits, make: (random: Random, facts: ServerFacts) => P, plan: (params: P, state: State) => Plan<T>): Operation {
  const { weight = 1, what = 'command', cuts = [], poolToo = true } = traits;
  return { name, weight, what, cuts, poolToo, make, plan: (params, state) => plan(params as P, state) as Plan };
}

// ---- what the steps are about

const FOLDERS = ['d0', 'd1', 'd0/s'] as const;
const PAIRS: Readonly<Record<NonNullable<ServerFacts['naming']>, readonly string[]>> = {
  caseless: ['readme.txt', 'README.TXT'],
  NFD: ['e\u0301te\u0301', '\u00e9t\u00e9'],
  'without trailing dots': ['end', 'end.'],
};

function anyFile({ int, pick }: Random, { naming }: ServerFacts): string {
  const names = naming && int(3) === 0 ? PAIRS[naming] : ['x0', 'x1', 'x2'];
  return int(5) < 3 ? pick(naming && int(3) === 0 ? PAIRS[naming] : ['f0', 'f1', 'f2', 'f3']) : join(pick(FOLDERS), pick(names));
}

function anyFolder({ int, pick }: Random): string {
  return int(8) === 0 ? 'd9' : pick([...FOLDERS, '']);
}

function anySize({ int }: Random): number {
  const kind = int(100);
  if (kind < 8) return 0;
  if (kind < 22) return 1 + int(100);
  if (kind < 57) return 100 + int(20_000);
  if (kind < 96) return 20_000 + int(200_000);
  return 1_000_000 + int(1_000_000);
}

function anyId({ int }: Random): number {
  return 1 + int(2 ** 31);
}

function maybe<T>({ int }: Random, oneIn: number, value: T): T | undefined {
  return int(oneIn) === 0 ? value : undefined;
}

const RETRY: RetryOptions = { attempts: 3, backoff: 5 };

// ---- reading and writing

type Reading = 'array' | 'pipe' | 'loop';

async function read(actor: Actor, stream: Readable, how: Reading, leave: number | undefined): Promise<Buffer | typeof LEFT> {
  if (how === 'pipe') {
    const consumer = new Writable({ write: (chunk: Buffer, _encoding, done) => (actor.got.push(chunk), setImmediate(done)), highWaterMark: COLLECTED });
    await pipeline(actor.hold(stream, consumer), consumer);
    return Buffer.concat(actor.got);
  }
  actor.hold(stream);
  if (how === 'array') return Buffer.concat(await stream.toArray());
  let bytes = 0;
  for await (const chunk of stream) {
    actor.got.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (leave !== undefined && bytes >= leave) return LEFT;
  }
  return Buffer.concat(actor.got);
}

async function* pieces(bytes: Buffer, piece: number, fail: number | undefined): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += piece) {
    if (fail !== undefined && at >= fail) throw new OurError('the source failed');
    yield bytes.subarray(at, at + piece);
    await new Promise(setImmediate);
  }
  if (fail !== undefined) throw new OurError('the source failed');
}

async function write(actor: Actor, stream: Writable, bytes: Buffer, piece: number, fail: number | undefined): Promise<void> {
  const source = Readable.from(pieces(bytes, piece, fail), { objectMode: false });
  await pipeline(source, actor.hold(stream, source));
  // Node's pipeline() resolves, too, when its last stream is destroyed without an error after all bytes were written.
  if (!stream.writableFinished) throw new OurError('the upload was left');
}

// ---- what remains

function changes(...list: readonly (readonly [Place, Accept])[]): ReadonlyMap<Place, Accept> {
  return new Map(list);
}

function remote(path: string): Place {
  return `remote:${path}`;
}

function local(path: string): Place {
  return `local:${path}`;
}

/** What an upload under the file's own name may leave when it was interrupted. */
function interrupted(state: State, old: Node | undefined, fresh: Buffer): Accept {
  const { facts } = state;
  return wholeOnly(state) ? oneOf(exactly(old), exactly(fresh)) : oneOf(...untouched(facts, old), beginningOf(fresh));
}

/** Whether nothing may be left of an upload that was not complete; who swallows its end makes it look complete. */
function wholeOnly({ facts, cut }: State): boolean {
  return facts.keepsWholeOnly && cut !== 'swallowed';
}

/** What is there when nothing, or next to nothing, was written. */
function untouched({ mayRemove }: ServerFacts, old: Node | undefined): readonly Accept[] {
  return mayRemove && old !== undefined ? [exactly(old), exactly(undefined)] : [exactly(old)];
}

const IDLE: Plan<undefined> = { due: 'success', act: async () => undefined, after: NONE, left: NONE };

function unless(refused: boolean): 'success' | 'refusal' {
  return refused ? 'refusal' : 'success';
}

function same<T>(found: T, wanted: T): string | undefined {
  return found === wanted ? undefined : `${String(found)} in place of ${String(wanted)}`;
}

function sameNames(found: readonly string[], wanted: readonly string[], world: World): string | undefined {
  const [ours, theirs] = [found, wanted].map((names) => names.filter((name) => !isLitter(name)).map((name) => world.key(name)).sort()) as [string[], string[]];
  const extra = ours.filter((name, n) => !theirs.includes(name) || ours[n + 1] === name);
  const missing = theirs.filter((name) => !ours.includes(name));
  return extra.length + missing.length === 0 ? undefined : `too many: ${extra.join(', ') || 'none'}; missing: ${missing.join(', ') || 'none'}`;
}

// ---- transfers

interface Retr {
  readonly path: string;
  readonly relative: boolean;
  /** Percent of the file. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly retry?: true | undefined;
  readonly verify?: 'size' | 'hash' | undefined;
  readonly segments?: number | undefined;
  readonly highWaterMark?: number | undefined;
  readonly read: Reading;
  readonly leave?: number | undefined;
}

const retr = define<Retr, Buffer | typeof LEFT>(
  'retr',
  { weight: 10, what: 'stream', cuts: ['rst', 'short'] },
  (random, facts) => {
    const { int, pick } = random;
    const ranged = int(3) === 0;
    return {
      path: anyFile(random, facts),
      relative: int(2) === 0,
      from: ranged ? int(110) : undefined,
      to: ranged ? maybe(random, 2, int(100)) : undefined,
      retry: maybe(random, 4, true),
      verify: ranged ? maybe(random, 4, 'size') : maybe(random, 3, pick(['size', 'hash'])),
      segments: ranged ? undefined : maybe(random, 3, 2 + int(3)),
      highWaterMark: maybe(random, 4, 1 + int(100_000)),
      read: pick(['array', 'pipe', 'loop']),
      leave: maybe(random, 3, int(150_000)),
    };
  },
  ({ path, relative, from, to, retry, verify, segments, highWaterMark, read: how, leave }, { remote: world, facts, pool, cut }) => {
    const bytes = world.file(path);
    const size = bytes?.length ?? 0;
    const start = from === undefined ? undefined : from > 100 ? size + from : Math.floor((size * from) / 100);
    const end = to === undefined || start === undefined || start >= size ? undefined : start + Math.floor(((size - 1 - start) * to) / 100);
    const wanted = bytes?.subarray(start ?? 0, end === undefined ? size : end + 1) ?? Buffer.alloc(0);
    const careless = !retry && verify === undefined && (segments === undefined || !pool);
    const ignored = facts.restart === 'ignored' && (start ?? 0) > 0;
    // Nobody reads on after `end`, so that no size shows where the bytes have begun.
    const unshown = ignored && (careless || end !== undefined);
    const unsure = ignored || (start !== undefined && start >= size && start > 0) || (segments !== undefined && !facts.size);
    // Where a pool fetches parts it has the size from MLST, too.
    const refused = bytes === undefined || (verify === 'hash' && !facts.hash) || (verify === 'size' && !facts.size && (segments === undefined || !pool));
    const leaves = how === 'loop' && leave !== undefined && leave <= wanted.length && wanted.length > 0;
    const options = {
      ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }), ...(retry ? { retry: RETRY } : {}), ...(verify ? { verify } : {}),
      ...(segments === undefined || !pool ? {} : { segments }), ...(highWaterMark === undefined ? {} : { highWaterMark }),
    };
    return {
      due: refused ? 'refusal' : leaves ? 'left' : unsure ? 'either' : 'success',
      act: (actor) => read(actor, actor.client.retr(actor.remote(path, relative), { ...options, signal: actor.signal }) as Readable, how, leave),
      delivered: (found) => {
        if (found === LEFT || found.equals(wanted)) return undefined;
        if (careless && cut === 'short' && !facts.announces) return beginningOf(wanted)(found);
        if (unshown && bytes) return beginningOf(bytes)(found);
        return difference(found, wanted);
      },
      partial: (found) => (ignored ? undefined : beginningOf(wanted)(found)),
      after: NONE,
      left: NONE,
    };
  },
);

interface Upload {
  readonly path: string;
  readonly relative: boolean;
  readonly id: number;
  readonly size: number;
  readonly piece: number;
  readonly fail?: number | undefined;
}

function anyUpload(random: Random, facts: ServerFacts): Upload {
  const size = anySize(random);
  return {
    path: anyFile(random, facts), relative: random.int(2) === 0, id: anyId(random), size, piece: 1 + random.int(random.pick([64, 65_536])) + (size >> 6),
    fail: maybe(random, 6, random.int(1 + size)),
  };
}

const stor = define<Upload & { readonly at?: number | undefined; readonly verify?: 'size' | 'hash' | undefined; readonly parents?: true | undefined }, void>(
  'stor',
  { weight: 10, what: 'stream', cuts: ['rst', 'swallowed'] },
  (random, facts) => ({ ...anyUpload(random, facts), at: maybe(random, 4, random.int(101)), verify: maybe(random, 3, random.pick(['size', 'hash'])), parents: maybe(random, 3, true) }),
  ({ path, relative, id, size, piece, fail, at, verify: asked, parents }, state) => {
    const { remote: world, facts, cut } = state;
    const old = world.file(path);
    const start = Math.floor(((old?.length ?? 0) * (at ?? 0)) / 100);
    const fresh = bytesOf(id, size);
    // Bytes that something on the way has swallowed are seen by nobody who does not ask.
    const verify = start > 0 ? undefined : cut === 'swallowed' ? (asked ?? 'size') : asked;
    const homeless = !world.hasParent(path) && !parents;
    const refused = homeless || world.isFolder(path) || (verify === 'hash' && !facts.hash) || (verify === 'size' && !facts.size);
    const folders = parents ? foldersOf(path) : [];
    const options = { ...(start > 0 ? { start } : {}), ...(verify ? { verify } : {}), ...(parents ? { parents } : {}) };
    const after = start === 0 || !old ? fresh : restarted(facts, old, start, fresh);
    const through = wholeOnly(state) ? exactly(after) : start > 0 && old && facts.restart === 'keeps' ? writtenInto(old, start, fresh) : beginningOf(after);
    // ProFTPD and the embedded server make or empty a file before they know whether a restart is possible; none of them cuts what is before it.
    return {
      due: fail === undefined || refused ? unless(refused) : 'left',
      act: (actor) => write(actor, actor.client.stor(actor.remote(path, relative), { ...options, signal: actor.signal }), fresh, piece, fail),
      after: changes(...folders.map((each) => [remote(each), exactly('folder')] as const), [remote(path), cut === 'swallowed' && verify === undefined ? oneOf(exactly(after), through) : exactly(after)]),
      left: homeless ? NONE : changes(...madeOnTheWay(world, folders), [remote(path), oneOf(...untouched(facts, old), through, ...(start > 0 && old && facts.restart === 'cuts' ? [writtenInto(old, start, fresh)] : []))]),
    };
  },
);

function restarted({ restart }: ServerFacts, old: Buffer, start: number, fresh: Buffer): Buffer {
  if (restart === 'ignored') return fresh;
  if (restart === 'zeros') return Buffer.concat([Buffer.alloc(start), fresh]);
  const whole = Buffer.concat([old.subarray(0, start), fresh]);
  return restart === 'cuts' ? whole : Buffer.concat([whole, old.subarray(whole.length)]);
}

const appe = define<Upload, void>('appe', { weight: 3, what: 'stream', cuts: ['rst'] }, anyUpload, ({ path, relative, id, size, piece, fail }, state) => {
  const { remote: world, facts, cut } = state;
  const old = world.file(path);
  const fresh = bytesOf(id, size);
  const whole = Buffer.concat([old ?? Buffer.alloc(0), fresh]);
  const refused = !world.hasParent(path) || world.isFolder(path);
  const begun = old ? writtenInto(old, old.length, fresh) : beginningOf(whole);
  return {
    due: fail === undefined || refused ? unless(refused) : 'left',
    act: (actor) => write(actor, actor.client.appe(actor.remote(path, relative), { signal: actor.signal }), fresh, piece, fail),
    // What is called together with it may be cut in this way, and its bytes with that.
    after: changes([remote(path), cut === 'swallowed' ? begun : exactly(whole)]),
    left: refused ? NONE : changes([remote(path), oneOf(...untouched(facts, old), wholeOnly(state) ? exactly(whole) : begun)]),
  };
});

const stou = define<Omit<Upload, 'path' | 'relative'>, string>(
  'stou',
  { weight: 1, what: 'stream', cuts: ['rst'], poolToo: false },
  (random, facts) => anyUpload(random, facts),
  ({ id, size, piece, fail }, { cwd, facts }) => {
    if (!facts.stou) return IDLE as unknown as Plan<string>;
    const fresh = bytesOf(id, size);
    return {
      due: fail === undefined ? 'success' : 'left',
      act: async (actor) => {
        const stream = actor.client.stou(undefined, { signal: actor.signal });
        await write(actor, stream, fresh, piece, fail);
        return stream.storedAs ?? '';
      },
      delivered: (name) => (name === '' ? 'no name' : undefined),
      after: NONE,
      left: NONE,
      newFile: { folder: cwd, content: beginningOf(fresh) },
    };
  },
);

const storlines = define<Upload, void>(
  'storlines',
  { weight: 2, what: 'stream', cuts: ['rst'] },
  (random, facts) => ({ ...anyUpload(random, facts), path: random.pick(['t0', 't1']), size: random.int(2000) }),
  ({ path, relative, id, size: lines, piece, fail }, state) => {
    const old = state.remote.file(path);
    const text = Buffer.from(textOf(id, lines));
    const begun = interrupted(state, old, text);
    return {
      due: fail === undefined ? 'success' : 'left',
      act: (actor) => write(actor, actor.client.storlines(`STOR ${actor.remote(path, relative)}`, { signal: actor.signal }), text, piece + (text.length >> 6), fail),
      after: changes([remote(path), exactly(text)]),
      // A CR whose LF did not come any more may stay.
      left: changes([remote(path), (found) => begun(typeof found === 'object' && found.at(-1) === 0x0d ? found.subarray(0, -1) : found)]),
    };
  },
);

const retrlines = define<{ readonly path: string; readonly relative: boolean; readonly leave?: number | undefined }, string[] | typeof LEFT>(
  'retrlines',
  { weight: 2, what: 'stream', cuts: ['rst'] },
  (random) => ({ path: random.pick(['t0', 't1']), relative: random.int(2) === 0, leave: maybe(random, 3, random.int(200)) }),
  ({ path, relative, leave }, { remote: world }) => {
    const bytes = world.file(path);
    if (bytes && !isText(bytes)) return IDLE as unknown as Plan<string[]>;
    const wanted = bytes?.toString().split('\n').slice(0, -1) ?? [];
    return {
      due: bytes === undefined ? 'refusal' : leave !== undefined && leave < wanted.length ? 'left' : 'success',
      act: (actor) => items(actor, actor.client.retrlines(`RETR ${actor.remote(path, relative)}`, { signal: actor.signal }), leave),
      delivered: (found) => (found === LEFT ? undefined : same(found.join('\n'), wanted.join('\n')) && `${found.length} lines in place of ${wanted.length}`),
      after: NONE,
      left: NONE,
    };
  },
);

/** All items, or as many as the reader wants. */
async function items<T>(actor: Actor, stream: Readable, leave: number | undefined): Promise<T[] | typeof LEFT> {
  actor.hold(stream);
  const found: T[] = [];
  for await (const item of stream) {
    if (leave !== undefined && found.length >= leave) return LEFT;
    found.push(item as T);
  }
  return found;
}

// ---- listings

interface Listing {
  readonly path: string;
  readonly relative: boolean;
  readonly leave?: number | undefined;
}

function anyListing(random: Random): Listing {
  return { path: anyFolder(random), relative: random.int(2) === 0, leave: maybe(random, 3, random.int(3)) };
}

function listing<T>(
  name: 'nlst' | 'list' | 'mlsd' | 'dir',
  complain: (found: readonly T[], path: string, state: State) => string | undefined,
  refused: (facts: ServerFacts) => boolean = () => false,
): Operation {
  return define<Listing, T[] | typeof LEFT>(name, { weight: 3, what: 'stream', cuts: ['rst'] }, anyListing, ({ path, relative, leave }, state) => {
    const { remote: world, facts } = state;
    const missing = !world.isFolder(path);
    const mayRefuse = leave !== undefined || (facts.refusesEmptyFolder && name !== 'list' && world.names(path).length === 0);
    const due = refused(facts) ? 'refusal' : missing ? (facts.emptyIfMissing.includes(name) || facts.listsAnything ? 'either' : 'refusal') : mayRefuse ? 'either' : 'success';
    return {
      due,
      act: (actor) => items<T>(actor, actor.client[name](actor.remote(path, relative), { signal: actor.signal }) as Readable, leave),
      delivered: (found) => {
        if (found === LEFT || facts.listsAnything) return undefined;
        return missing ? (found.length > 0 ? `${found.length} entries of a folder that is not there` : undefined) : complain(found, path, state);
      },
      after: NONE,
      left: NONE,
    };
  });
}

type Named = { readonly name: string; readonly type: string; readonly size?: number | undefined };

function sameEntries(found: readonly Named[], path: string, { remote: world }: State): string | undefined {
  const entries = found.filter(({ name }) => name !== '.' && name !== '..');
  const wrong = sameNames(entries.map(({ name }) => name), world.names(path), world);
  if (wrong !== undefined) return wrong;
  for (const { name, type, size } of entries) {
    const node = world.get(join(path, name));
    if (typeof node === 'object' && !isLitter(name) && (type !== 'file' || size !== node.length)) return `${name}: ${type} of ${size} bytes in place of a file of ${node.length}`;
    if (node === 'folder' && type !== 'directory') return `${name}: ${type} in place of a folder`;
  }
  return undefined;
}

const listings: readonly Operation[] = [
  listing<string>('nlst', (found, path, { remote: world }) => sameNames(found.map((each) => posix.basename(each)).filter((each) => !/^\.\.?$/.test(each)), world.names(path), world)),
  listing<Named>('list', sameEntries),
  listing<Named>('mlsd', sameEntries, ({ mlsd }) => !mlsd),
  listing<string>('dir', (found, path, { remote: world }) => {
    const missing = world.names(path).filter((name) => !found.some((line) => world.key(line).endsWith(` ${world.key(name)}`)));
    return missing.length > 0 ? `no line for ${missing.join(', ')}` : undefined;
  }),
];

/** A transfer for each name, inside of the loop over the names. */
const nested = define<{ readonly path: string }, readonly (readonly [string, Buffer])[]>('nested', { weight: 2, what: 'stream', cuts: ['rst'] }, (random) => ({ path: random.pick(FOLDERS) }), ({ path }, { remote: world, facts }) => ({
  due: facts.listsAnything || (!world.isFolder(path) && facts.emptyIfMissing.includes('list')) ? 'either' : unless(!world.isFolder(path)),
  act: async (actor) => {
    const found: [string, Buffer][] = [];
    for await (const entry of actor.hold(actor.client.list(actor.remote(path)))) {
      if (entry.type !== 'file' || isLitter(entry.name)) continue;
      found.push([entry.name, Buffer.concat(await actor.client.retr(actor.remote(join(path, entry.name))).toArray())]);
    }
    return found;
  },
  delivered: (found) => {
    const files = world.names(path).filter((name) => world.file(join(path, name)));
    for (const [name, bytes] of found) {
      const wrong = exactly(world.get(join(path, name)))(bytes);
      if (wrong !== undefined) return `${name}: ${wrong}`;
    }
    return facts.listsAnything ? undefined : sameNames(found.map(([name]) => name), files, world);
  },
  after: NONE,
  left: NONE,
}));

const walk = define<Listing, WalkEntry[] | typeof LEFT>('walk', { weight: 3, what: 'tree', cuts: ['rst'] }, anyListing, ({ path, relative, leave }, { remote: world, facts, interferes, cwd, pool }) => {
  const missing = !world.isFolder(path);
  const unreadable: string[] = [];
  return {
    due: facts.listsAnything || (missing && facts.emptyIfMissing.includes('list')) ? 'either' : missing ? 'refusal' : leave === undefined ? 'success' : 'either',
    act: (actor) => {
      const stream = actor.client.walk(actor.remote(path, relative), { signal: actor.signal });
      stream.on('unreadable', (folder) => unreadable.push(folder.path));
      return items<WalkEntry>(actor, stream, leave);
    },
    delivered: (found) => {
      if (found === LEFT) return undefined;
      // What was cut may leave out a folder, and says so; what came of it before that must be there.
      const isCut = (each: string): boolean => unreadable.some((folder) => each.startsWith(`${folder}/`)) && world.below(path).includes(each);
      const known = world.below(path).filter((each) => !isCut(each));
      // The first listing is the working folder's, and where that is another one, nothing but a folder in it that cannot be entered can show it.
      if (facts.listsAnything && (unreadable.length > 0 || pool || path !== cwd)) return undefined;
      if (unreadable.length > 0 && !interferes) return `unreadable: ${unreadable.join(', ')}`;
      if (missing) return found.length > 0 && !facts.listsAnything ? `${found.length} entries of a folder that is not there` : undefined;
      return sameNames(found.map((entry) => entry.path).filter((each) => !isCut(each)), known, world);
    },
    after: NONE,
    left: NONE,
  };
});

// ---- files on both sides

interface Get {
  readonly path: string;
  readonly local: string;
  readonly resume?: true | undefined;
  readonly segments?: number | undefined;
  readonly verify?: 'size' | 'hash' | undefined;
  readonly retry: boolean;
}

const get = define<Get, { readonly bytes: number }>(
  'get',
  { weight: 8, what: 'promise', cuts: ['rst', 'short'] },
  (random, facts) => {
    const resume = maybe(random, 3, true as const);
    return {
      path: anyFile(random, facts), local: random.pick(['l0', 'l1', 'l2']), resume, segments: resume ? undefined : maybe(random, 3, 2 + random.int(3)),
      verify: maybe(random, 3, random.pick(['size', 'hash'])), retry: random.int(3) > 0,
    };
  },
  ({ path, local: to, resume, segments, verify, retry }, { remote: world, local: ours, facts }) => {
    const bytes = world.file(path);
    const old = ours.file(to);
    const refused = bytes === undefined || (verify === 'hash' && !facts.hash);
    const unsure = !facts.size || facts.restart === 'ignored';
    // A shorter file under the local name is taken for the beginning, as the documentation says; only a hash can show that it is not.
    const adopted = resume && bytes && old && old.length <= bytes.length ? Buffer.concat([old, bytes.subarray(old.length)]) : undefined;
    const whole = bytes ?? Buffer.alloc(0);
    return {
      due: refused ? 'refusal' : unsure || (adopted && !adopted.equals(whole)) ? 'either' : 'success',
      act: (actor) => actor.client.get(actor.remote(path), actor.local(to), {
        retry: retry ? RETRY : false, ...(resume ? { resume } : {}), ...(segments ? { segments } : {}), ...(verify ? { verify } : {}), signal: actor.signal,
      }),
      delivered: ({ bytes: count }) => same(count, whole.length),
      after: changes([local(to), adopted && !facts.hash ? oneOf(exactly(whole), exactly(adopted)) : exactly(whole)]),
      left: refused ? NONE : changes([local(to), adopted && old ? oneOf(exactly(old), writtenInto(old, old.length, whole.subarray(old.length)), exactly(whole)) : oneOf(exactly(old), exactly(bytes))]),
    };
  },
);

interface Put {
  readonly path: string;
  readonly id: number;
  readonly size: number;
  readonly source: 'bytes' | 'file' | 'URL' | 'function' | 'blob' | 'stream' | 'web' | 'iterable';
  readonly temporary: boolean | 'function';
  readonly resume?: true | undefined;
  readonly verify?: 'size' | 'hash' | undefined;
  readonly parents?: true | undefined;
  readonly retry: boolean;
}

const put = define<Put, { readonly bytes: number }>(
  'put',
  { weight: 8, what: 'promise', cuts: ['rst', 'swallowed'] },
  (random, facts) => {
    const source = random.pick(['bytes', 'file', 'file', 'URL', 'function', 'blob', 'stream', 'web', 'iterable'] as const);
    const once = ['stream', 'web', 'iterable'].includes(source);
    return {
      path: anyFile(random, facts), id: anyId(random), size: anySize(random), source, temporary: random.pick([true, true, true, false, 'function'] as const),
      resume: once ? undefined : maybe(random, 3, true), verify: maybe(random, 3, random.pick(['size', 'hash'])), retry: !once && random.int(3) > 0, parents: maybe(random, 3, true),
    };
  },
  ({ path, id, size, source, temporary, resume, verify: asked, retry, parents }, state) => {
    const { remote: world, facts, cut } = state;
    const fresh = bytesOf(id, size);
    const old = world.file(path);
    const verify = cut === 'swallowed' ? (asked ?? 'size') : asked;
    const renames = temporary !== false;
    const homeless = !world.hasParent(path) && !parents;
    const folders = parents ? foldersOf(path) : [];
    const refused = homeless || (verify === 'hash' && !facts.hash) || (renames && facts.rename === 'never') || (verify === 'size' && !facts.size);
    const from = `up-${id % 3}`;
    const options = {
      retry: retry ? RETRY : false, ...(temporary === true ? {} : { temporaryName: temporary ? (name: string) => `.${name}.part` : false }),
      ...(resume ? { resume } : {}), ...(verify ? { verify } : {}), ...(parents ? { parents } : {}), ...(['function', 'stream', 'web', 'iterable'].includes(source) ? { size } : {}),
    };
    // An old file of our name and of no more bytes, or a part that another call has left, is taken for our own, until the bytes at the seam show that it is not.
    const foreign = renames ? world.get(join(parentOf(path), `.${posix.basename(path)}.part`)) !== undefined : old !== undefined;
    const unsure = (!facts.size && (resume === true || retry)) || (resume === true && foreign);
    const kept = renames ? oneOf(exactly(old), exactly(fresh)) : interrupted(state, old, fresh);
    // It is joined before the bytes at the seam show that it was none of ours.
    const head = old && facts.restart === 'zeros' ? Buffer.alloc(old.length) : old; // such a server cuts the file to nothing, and put says what it has found
    const rest = head && fresh.subarray(head.length);
    const joined = !renames && resume && head && rest ? oneOf(writtenInto(head, head.length, rest), ...(facts.restart === 'ignored' ? [beginningOf(rest)] : []), ...(old ? [exactly(old)] : [])) : undefined;
    const began = !joined ? kept : oneOf(kept, wholeOnly(state) && old ? exactly(Buffer.concat([old, fresh.subarray(old.length)])) : joined);
    return {
      due: refused ? 'refusal' : unsure ? 'either' : 'success',
      act: async (actor) => {
        const { client, signal } = actor;
        return client.put(await sourceOf(source, fresh, actor, from), actor.remote(path), { ...options, signal });
      },
      delivered: ({ bytes }) => same(bytes, size),
      after: changes(...folders.map((each) => [remote(each), exactly('folder')] as const), [remote(path), exactly(fresh)], ...ourFile(source, from, fresh)),
      left: changes(...madeOnTheWay(world, folders), [remote(path), homeless ? exactly(old) : began], ...ourFile(source, from, fresh)),
    };
  },
);

function ourFile(source: Put['source'], from: string, fresh: Buffer): (readonly [Place, Accept])[] {
  return source === 'file' || source === 'URL' ? [[local(from), exactly(fresh)]] : [];
}

async function sourceOf(source: Put['source'], bytes: Buffer, actor: Actor, from: string): Promise<PutSource> {
  const stream = (offset = 0): Readable => Readable.from(pieces(bytes.subarray(offset), 30_000, undefined), { objectMode: false });
  if (source === 'bytes') return bytes;
  if (source === 'blob') return new Blob([new Uint8Array(bytes)]);
  if (source === 'function') return stream;
  if (source === 'stream') return stream();
  if (source === 'web') return Readable.toWeb(stream()) as ReadableStream<Uint8Array>;
  if (source === 'iterable') return pieces(bytes, 30_000, undefined);
  const { writeFile } = await import('node:fs/promises');
  await writeFile(actor.local(from), bytes);
  return source === 'URL' ? pathToFileURL(actor.local(from)) : actor.local(from);
}

// ---- trees

interface Tree {
  readonly path: string;
  readonly local: string;
  readonly mirror: boolean;
  readonly delete: boolean;
  readonly temporary: boolean;
  /** Contents are compared, where the server has hashes: elsewhere there would be a manifest. */
  readonly hash?: boolean | undefined;
  readonly leave?: number | undefined;
  /** Nothing is to change. */
  readonly dry?: true | undefined;
  readonly retry?: true | undefined;
  readonly concurrency?: number | undefined;
}

function anyTree(random: Random, locals: readonly string[]): Tree {
  return {
    path: random.pick(['d0', 'd1', 'd2', 'd0/s']), local: random.pick(locals), mirror: random.int(2) === 0, delete: random.int(2) === 0, temporary: random.int(4) > 0,
    leave: maybe(random, 5, random.int(3)), hash: maybe(random, 3, true), dry: maybe(random, 6, true), retry: maybe(random, 4, true), concurrency: maybe(random, 4, 1 + random.int(6)),
  };
}

function treeOptions({ delete: deletes, temporary, hash, dry, retry, concurrency }: Tree, facts: ServerFacts, signal: AbortSignal): TreeOptions {
  return {
    delete: deletes, ...(hash && facts.hash ? { compare: 'hash' } : {}), ...(temporary ? {} : { temporaryName: false }), ...(dry ? { dryRun: true } : {}),
    ...(retry ? { retry: RETRY } : {}), ...(concurrency === undefined ? {} : { concurrency }), signal,
  };
}

const down = define<Tree, TreeResult[] | typeof LEFT>(
  'downloadTree',
  { weight: 3, what: 'tree', cuts: ['rst'] },
  (random) => anyTree(random, ['c0', 'c1']),
  (params, { remote: world, local: ours, facts, home }) => {
    const { path, local: to, leave } = params;
    const missing = !world.isFolder(path);
    const after = new Map<Place, Accept>();
    const left = new Map<Place, Accept>();
    if (!missing && !params.dry) transferred({ params, facts, from: world, at: path, to: ours, into: to, side: local, after, left });
    if (missing) after.set(local(to), oneOf(exactly(ours.get(to)), exactly('folder')));
    if (missing) left.set(local(to), oneOf(exactly(ours.get(to)), exactly('folder')));
    // Folders of another listing may have been made before one of them cannot be entered.
    const strangers = facts.listsAnything ? [home, ...world.paths.filter((each) => world.isFolder(each)).map((each) => posix.basename(each))].map((name) => join(to, name)) : [];
    for (const each of strangers) if (!left.has(local(each))) left.set(local(each), oneOf(exactly(ours.get(each)), exactly('folder')));
    const vague = facts.listsAnything || (missing && facts.emptyIfMissing.includes('list'));
    return {
      due: vague ? 'either' : missing ? 'refusal' : leave === undefined ? 'success' : 'either',
      act: (actor) => {
        const options = treeOptions(params, facts, actor.signal);
        const { client } = actor;
        const from = actor.remote(path);
        const stream = params.mirror ? mirror({ from: { client, path: from }, to: actor.local(to), ...options }) : client.downloadTree(from, actor.local(to), options);
        return items<TreeResult>(actor, stream, leave);
      },
      delivered: (results) => (results === LEFT ? undefined : failed(results)),
      after,
      left,
    };
  },
);

const up = define<Tree, TreeResult[] | typeof LEFT>(
  'uploadTree',
  { weight: 3, what: 'tree', cuts: ['rst'] },
  (random) => anyTree(random, ['src', 'src', 'c0']),
  (params, state) => {
    const { remote: world, local: ours, facts, cwd } = state;
    const { path, local: from, leave } = params;
    const missing = !ours.isFolder(from);
    const inside = cwd === path || cwd.startsWith(`${path}/`);
    if (inside && params.delete) return IDLE as unknown as Plan<TreeResult[]>;
    const after = new Map<Place, Accept>();
    const left = new Map<Place, Accept>();
    const refused = missing || (params.temporary && !params.dry && facts.rename === 'never' && ours.below(from).some((each) => ours.file(join(from, each))));
    if (!missing && !params.dry) transferred({ params, facts, from: ours, at: from, to: world, into: path, side: remote, after, left, whole: wholeOnly(state), spares: facts.listsAnything });
    return {
      due: refused ? (!missing && !params.temporary ? 'either' : 'refusal') : facts.listsAnything ? 'either' : leave === undefined ? 'success' : 'either',
      act: (actor) => {
        const options = treeOptions(params, facts, actor.signal);
        const { client } = actor;
        const to = actor.remote(path);
        const stream = params.mirror ? mirror({ from: actor.local(from), to: { client, path: to }, ...options }) : client.uploadTree(actor.local(from), to, options);
        return items<TreeResult>(actor, stream, leave);
      },
      delivered: (results) => (results === LEFT ? undefined : failed(results)),
      after,
      left,
    };
  },
);

interface Transferred {
  readonly params: Tree;
  readonly facts: ServerFacts;
  readonly from: World;
  readonly at: string;
  readonly to: World;
  readonly into: string;
  readonly side: (path: string) => Place;
  readonly after: Map<Place, Accept>;
  readonly left: Map<Place, Accept>;
  readonly whole?: boolean;
  /** What should be deleted may stay: the first listing did not show it, being another folder's, and what a first listing does not show is spared. */
  readonly spares?: boolean;
}

/** What a tree's files are at the target after a success, and what they may be after a failure. */
function transferred({ params, facts, from, at, to, into, side, after, left, whole = false, spares = false }: Transferred): void {
  const { mirror: mirrored, delete: deletes, temporary, hash } = params;
  const onlyChanged = mirrored && !(hash && facts.hash);
  const put = (path: string, success: Accept, failure: Accept): void => {
    after.set(side(path), success);
    left.set(side(path), failure);
  };
  for (let folder = into; folder !== ''; folder = parentOf(folder)) put(folder, exactly('folder'), oneOf(exactly(to.get(folder)), exactly('folder')));
  const sources = from.below(at);
  for (const path of sources) {
    const node = from.get(join(at, path));
    const target = join(into, path);
    const old = to.get(target);
    if (node === 'folder') put(target, exactly('folder'), oneOf(exactly(old), exactly('folder')));
    else if (node) {
      const kept = onlyChanged && typeof old === 'object' && old.length === node.length ? [exactly(old)] : [];
      put(target, oneOf(exactly(node), ...kept), oneOf(exactly(old), ...(temporary ? [exactly(node)] : [exactly(undefined), whole ? exactly(node) : beginningOf(node)])));
    }
  }
  if (!deletes) return;
  const wanted = new Set(sources.map((path) => to.key(join(into, path))));
  for (const path of to.below(into)) {
    const target = join(into, path);
    const either = oneOf(exactly(to.get(target)), exactly(undefined));
    if (!wanted.has(to.key(target))) put(target, spares ? either : exactly(undefined), either);
  }
}

function failed(results: readonly TreeResult[]): string | undefined {
  const bad = results.find(({ action }) => action === 'failed');
  return bad ? `a result that failed in a run that did not: ${bad.path}: ${String(bad.error)}` : undefined;
}

// ---- commands

interface Named1 {
  readonly path: string;
  readonly relative: boolean;
}

function anyNamed(random: Random, facts: ServerFacts): Named1 {
  return { path: random.int(6) === 0 ? 'nothing' : anyFile(random, facts), relative: random.int(2) === 0 };
}

const size = define<Named1, number>('size', { weight: 4 }, anyNamed, ({ path, relative }, { remote: world, facts }) => ({
  due: unless(!facts.size || world.file(path) === undefined),
  act: ({ client, remote: at, signal }) => client.size(at(path, relative), { signal }),
  delivered: (found) => same(found, world.file(path)?.length),
  after: NONE,
  left: NONE,
}));

const mdtm = define<Named1, Date>('mdtm', {}, anyNamed, ({ path, relative }, { remote: world }) => ({
  due: unless(world.file(path) === undefined),
  act: ({ client, remote: at, signal }) => client.mdtm(at(path, relative), { signal }),
  delivered: (found) => (Number.isNaN(found.getTime()) ? 'no time' : undefined),
  after: NONE,
  left: NONE,
}));

const mlst = define<Named1, Named>('mlst', {}, anyNamed, ({ path, relative }, { remote: world }) => ({
  due: unless(world.file(path) === undefined),
  act: ({ client, remote: at, signal }) => client.mlst(at(path, relative), { signal }),
  delivered: ({ type, size: bytes }) => same(type, 'file') ?? (bytes === undefined || bytes === null ? undefined : same(bytes, world.file(path)?.length)),
  after: NONE,
  left: NONE,
}));

const remove = define<Named1, unknown>('delete', { weight: 6 }, anyNamed, ({ path, relative }, { remote: world }) => {
  const old = world.file(path);
  return {
    due: unless(old === undefined),
    code: 550,
    act: ({ client, remote: at, signal }) => client.delete(at(path, relative), { signal }),
    after: changes([remote(path), exactly(undefined)]),
    left: old ? changes([remote(path), oneOf(exactly(old), exactly(undefined))]) : NONE,
  };
});

const rename = define<Named1 & { readonly to: string }, unknown>(
  'rename',
  { weight: 4 },
  (random, facts) => ({ ...anyNamed(random, facts), to: anyFile(random, facts) }),
  ({ path, relative, to }, { remote: world, facts }) => {
    const [bytes, old] = [world.file(path), world.file(to)];
    if (world.key(path) === world.key(to)) return IDLE;
    const refused = bytes === undefined || !world.hasParent(to) || facts.rename === 'never' || (facts.rename === 'only new' && old !== undefined);
    return {
      due: unless(refused),
      act: ({ client, remote: at, signal }) => client.rename(at(path, relative), at(to), { signal }),
      after: changes([remote(path), exactly(undefined)], [remote(to), exactly(bytes)]),
      left: refused ? NONE : changes([remote(path), oneOf(exactly(bytes), exactly(undefined))], [remote(to), oneOf(exactly(old), exactly(bytes))]),
    };
  },
);

const mkd = define<Named1, string>('mkd', { weight: 2 }, (random) => ({ path: random.pick([...FOLDERS, 'd2', 'd1/s', 'd9/s']), relative: random.int(2) === 0 }), ({ path, relative }, { remote: world }) => {
  const refused = world.get(path) !== undefined || !world.hasParent(path);
  return {
    due: unless(refused),
    act: ({ client, remote: at, signal }) => client.mkd(at(path, relative), { signal }),
    delivered: (found) => (found.endsWith(posix.basename(path)) ? undefined : `${JSON.stringify(found)} for ${path}`),
    after: changes([remote(path), exactly('folder')]),
    left: refused ? NONE : changes([remote(path), oneOf(exactly(undefined), exactly('folder'))]),
  };
});

const rmd = define<Named1, unknown>('rmd', {}, (random) => ({ path: random.pick([...FOLDERS, 'd2', 'd1/s']), relative: random.int(2) === 0 }), ({ path, relative }, { remote: world, cwd }) => {
  if (cwd === path || cwd.startsWith(`${path}/`)) return IDLE;
  const refused = !world.isFolder(path) || world.paths.some((each) => each.startsWith(`${path}/`));
  return {
    due: unless(refused),
    act: ({ client, remote: at, signal }) => client.rmd(at(path, relative), { signal }),
    after: changes([remote(path), exactly(undefined)]),
    left: refused ? NONE : changes([remote(path), oneOf(exactly(undefined), exactly('folder'))]),
  };
});

/** Whether there is something: files, folders, and what is not there, in folders that are, that are not, and that are files. */
const exists = define<Named1, boolean>(
  'exists',
  { weight: 5 },
  (random, facts) => ({ path: random.int(2) === 0 ? anyNamed(random, facts).path : random.pick([...FOLDERS, 'd2', 'd9', 'd9/s', 'd1/nothing', 'f0/nothing']), relative: random.int(2) === 0 }),
  ({ path, relative }, { remote: world }) => ({
    due: 'success',
    act: ({ client, remote: at, signal }) => client.exists(at(path, relative), { signal }),
    delivered: (found) => same(found, world.get(path) !== undefined),
    after: NONE,
    left: NONE,
  }),
);

/** The folders that a path is in, the outermost first. */
function foldersOf(path: string): string[] {
  const parent = parentOf(path);
  return parent === '' ? [] : [...foldersOf(parent), parent];
}

const made = define<Named1, string>(
  'mkd recursive',
  { weight: 4 },
  ({ int, pick }) => ({ path: pick([...FOLDERS, 'd0/s', 'd2/s/t', 'd1/s/t/u', 'd9/s', 'probe/p0', 'probe/p0/s']), relative: int(2) === 0 }),
  ({ path, relative }, { remote: world }) => {
    const wanted = [...foldersOf(path), path];
    const refused = wanted.some((each) => world.file(each) !== undefined);
    return {
      due: unless(refused),
      act: ({ client, remote: at, signal }) => client.mkd(at(path, relative), { recursive: true, signal }),
      delivered: (found) => (found === '' || (!world.isFolder(path) && found.endsWith(posix.basename(path))) ? undefined : `${JSON.stringify(found)} for ${path}`),
      after: changes(...wanted.map((each) => [remote(each), exactly('folder')] as const)),
      left: changes(...madeOnTheWay(world, wanted)),
    };
  },
);

/** Folders that may be made, or not. */
function madeOnTheWay(world: World, folders: readonly string[]): (readonly [Place, Accept])[] {
  return folders.filter((each) => world.get(each) === undefined).map((each) => [remote(each), oneOf(exactly(undefined), exactly('folder'))] as const);
}

const removed = define<Named1, unknown>(
  'rmd recursive',
  { weight: 3, what: 'promise' },
  ({ int, pick }) => ({ path: pick(['d0', ...FOLDERS, 'd2', 'd1/s', 'd9', 'probe/p0']), relative: int(2) === 0 }),
  ({ path, relative }, { remote: world, cwd, facts }) => {
    if (cwd === path || cwd.startsWith(`${path}/`)) return IDLE;
    const refused = !world.isFolder(path);
    const all = refused ? [] : [path, ...world.below(path).map((each) => join(path, each))];
    return {
      due: refused ? 'refusal' : facts.listsAnything ? 'either' : 'success',
      act: ({ client, remote: at, signal }) => client.rmd(at(path, relative), { recursive: true, signal }),
      after: changes(...all.map((each) => [remote(each), exactly(undefined)] as const)),
      left: changes(...all.map((each) => [remote(each), oneOf(exactly(world.get(each)), exactly(undefined))] as const)),
    };
  },
);

const cwd = define<{ readonly path: string }, unknown>('cwd', { weight: 3, poolToo: false }, (random) => ({ path: anyFolder(random) }), ({ path }, { remote: world }) => ({
  due: unless(!world.isFolder(path)),
  act: (actor) => (actor.client as FTP).cwd(actor.remote(path), { signal: actor.signal }),
  after: NONE,
  left: NONE,
  cwd: path,
}));

const pwd = define<object, string>('pwd', { weight: 2, poolToo: false }, () => ({}), (_params, { cwd: folder }) => {
  let wanted = '';
  return {
    due: 'success',
    act: (actor) => {
      wanted = actor.remote(folder);
      return (actor.client as FTP).pwd({ signal: actor.signal });
    },
    delivered: (found) => same(found, wanted),
    after: NONE,
    left: NONE,
  };
});

/** Whatever the server says, it must be the answer to what was asked. */
const ask = define<{ readonly line: string; readonly code: number }, number>(
  'sendcmd',
  { weight: 2, poolToo: false },
  (random) => random.pick([{ line: 'NOOP', code: 200 }, { line: 'SYST', code: 215 }, { line: 'PWD', code: 257 }, { line: 'TYPE A', code: 200 }, { line: 'TYPE I', code: 200 }]),
  ({ line, code }) => ({
    due: 'success',
    act: async ({ client, signal }) => (await (client as FTP).sendcmd(line, { signal })).code,
    delivered: (found) => same(found, code),
    after: NONE,
    left: NONE,
  }),
);

const noop = define<object, number>('noop', {}, () => ({}), () => ({
  due: 'success',
  act: async ({ client, signal }) => (await client.noop({ signal })).code,
  delivered: (found) => same(found, 200),
  after: NONE,
  left: NONE,
}));

// ---- what is done without the library

const edit = define<{ readonly writes: readonly { readonly path: string; readonly id: number; readonly size: number }[]; readonly removes: readonly string[] }, undefined>(
  'edit',
  { weight: 3, what: 'none' },
  (random, { naming }) => {
    const names = ['x0', 'x1', 'x2', 's/x0', ...(naming ? PAIRS[naming] : [])];
    return {
      writes: Array.from({ length: 1 + random.int(3) }, () => ({ path: `src/${random.pick(names)}`, id: anyId(random), size: anySize(random) >> 1 })),
      removes: random.int(2) === 0 ? [`src/${random.pick(names)}`] : [],
    };
  },
  ({ writes, removes }, { local: ours, facts }) => {
    // Of two names that are one to the server, only one can be here.
    const twins = writes.flatMap(({ path }) => ours.paths.filter((each) => each !== path && twin(each, path, facts)));
    const nodes = new Map<string, Node | undefined>([...twins, ...removes].map((path) => [path, undefined]));
    for (const { path, id, size: bytes } of writes) {
      for (const each of nodes.keys()) if (twin(each, path, facts)) nodes.set(each, undefined);
      nodes.set(path, bytesOf(id, bytes));
    }
    return {
      due: 'success',
      act: async (actor) => {
        const { mkdir, rm, writeFile } = await import('node:fs/promises');
        for (const [path, node] of nodes) {
          await mkdir(actor.local(parentOf(path)), { recursive: true });
          await (node === undefined ? rm(actor.local(path), { force: true }) : writeFile(actor.local(path), node));
        }
        return undefined;
      },
      after: new Map([...[...nodes].map(([path, node]) => [local(path), exactly(node)] as const), [local('src'), exactly('folder')], [local('src/s'), oneOf(exactly('folder'), exactly(undefined))]]),
      left: NONE,
    };
  },
);

function twin(one: string, other: string, { naming }: ServerFacts): boolean {
  const pair = naming ? PAIRS[naming] : [];
  const [a, b] = [one, other].map((path) => pair.find((name) => path.endsWith(`/${name}`)));
  return a !== undefined && b !== undefined && a !== b && parentOf(one) === parentOf(other);
}

/** The local file is a beginning of the remote one, as an earlier run may leave it. */
const behead = define<{ readonly path: string; readonly local: string; readonly percent: number }, undefined>(
  'behead',
  { weight: 2, what: 'none' },
  (random, facts) => ({ path: anyFile(random, facts), local: random.pick(['l0', 'l1']), percent: random.int(101) }),
  ({ path, local: to, percent }, { remote: world }) => {
    const bytes = world.file(path);
    if (!bytes) return IDLE;
    const head = bytes.subarray(0, Math.floor((bytes.length * percent) / 100));
    return {
      due: 'success',
      act: async (actor) => {
        const { writeFile } = await import('node:fs/promises');
        await writeFile(actor.local(to), head);
        return undefined;
      },
      after: changes([local(to), exactly(head)]),
      left: NONE,
    };
  },
);

export const OPERATIONS: readonly Operation[] = [
  retr, stor, appe, stou, storlines, retrlines, ...listings, nested, walk, get, put, down, up, size, mdtm, mlst, remove, rename, mkd, rmd, exists, made, removed, cwd, pwd, ask, noop, edit, behead,
];

export function operation(name: string): Operation {
  const found = OPERATIONS.find((each) => each.name === name);
  if (!found) throw new Error(`no operation ${name}`);
  return found;
}

/** Whether the library, or a stream that it has to do with, may fail so; for what is missing here, the file system. */
export function isExpectedError(error: unknown, { due }: Plan): boolean {
  if (error instanceof FTPError || error instanceof OurError) return true;
  const { name, code, syscall } = error as NodeJS.ErrnoException;
  return name === 'AbortError' || code === 'ERR_STREAM_PREMATURE_CLOSE' || (due === 'refusal' && code === 'ENOENT' && syscall !== undefined);
}
