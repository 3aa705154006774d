import { posix } from 'node:path';
import { ArgumentError, LimitError, SecurityError } from '../errors';
import type { Entry, EntryType } from '../listing/entry';
import { checkNames, type OptionNames } from '../options';
import { entryAt, factsOf } from '../transfer/facts';
import type { ReadableEvents } from '../transfer/piped-readable';
import { type Filter, selector } from './filter';
import { checkName, type FolderListing, isAboutPath, joined, Listings, placed, type WalkEntry } from './listings';
import type { Remote } from './remote';
import { Budget, MAX_PENDING_BYTES, TreeLog } from './tree-memory';
import { flag, levels, whole } from './tree-options';
import { Flow } from './work';

/** Symlinks that wait for the end of the listing that showed them: till then the connection has no time to tell where they lead. */
export class LinkLog {
  readonly #log: TreeLog<[entry: Omit<Entry, 'modified'>, modified: number | null]>;

  constructor(budget: Budget) {
    this.#log = new TreeLog(budget);
  }

  /** @throws LimitError */
  add({ modified, ...entry }: Entry): void {
    this.#log.push([entry, modified?.getTime() ?? null]);
  }

  /** Forgets what is left. */
  clear(): void {
    this.#log.clear();
  }

  *take(): Generator<Entry> {
    for (let record = this.#log.shift(); record; record = this.#log.shift()) {
      const [entry, modified] = record;
      yield modified === null ? entry : { ...entry, modified: new Date(modified) };
    }
  }
}

/**
 * The symlink at a path with the type, size and time of what it leads to; unchanged where it leads nowhere. MLST follows
 * links on most servers; Pure-FTPd tells of the link itself, has a SIZE for files only, and takes `link/.` for the folder.
 */
export async function followed(remote: Remote, path: string, link: Entry): Promise<Entry> {
  const end = await entryAt(remote, path);
  if (end === undefined) return link;
  if (end.type !== 'symlink') return as(link, end);
  const { size } = await factsOf(remote, path, { modified: false });
  if (size !== undefined) return as(link, { type: 'file', size });
  const folder = await entryAt(remote, `${path}/.`);
  return folder?.type === 'directory' ? as(link, folder) : link;
}

function as({ name, target, raw }: Entry, { type, size, modified, facts }: Pick<Entry, 'type' | 'size' | 'modified' | 'facts'>): Entry {
  return {
    name,
    type,
    ...(size === undefined ? {} : { size }),
    ...(modified === undefined ? {} : { modified }),
    ...(target === undefined ? {} : { target }),
    ...(facts === undefined ? {} : { facts }),
    raw,
  };
}

/** How a tree is walked. */
export interface WalkOptions {
  /** Levels of folders, 1 for what is in the first one only; default 100, and what is deeper is told by `unreadable`. */
  depth?: number;
  /** Which entries are given; a folder that is excluded is not entered. */
  filter?: Filter;
  /** Gives symlinks as what they lead to, and enters them; default false. */
  followSymlinks?: boolean;
  /** Most bytes of names of folders that are remembered to be entered later; default 128 MiB. */
  maxPendingBytes?: number;
  /** Ends the stream with an AbortError. */
  signal?: AbortSignal;
}

const WALK_OPTIONS: OptionNames<WalkOptions> = { depth: true, filter: true, followSymlinks: true, maxPendingBytes: true, signal: true };

/** What a walk left out, and why. */
export interface Unreadable {
  /** From the start of the tree; where a name is itself a path, that name after its folder; for a line, the folder whose listing has it. */
  readonly path: string;
  /** The line, where it is one of a listing that cannot be read: nobody knows what it shows. */
  readonly line?: string;
  readonly error: Error;
}

/**
 * All that is in a folder and below, as a Readable of entries with their paths: each folder comes before what is in it, and is
 * listed when it is read. Memory holds the names of folders that are still to be entered, and nothing else.
 *
 * The event `unreadable` (an `Unreadable`) reports what was left out: a folder that the server does not list, one that leads back
 * to a folder that it is in (by its `unique` fact or its symlink's target) or is too deep, a name that is a path, a line of a listing
 * that cannot be read. The stream fails when the first folder cannot be listed, or the connection is lost.
 *
 * @param path of the first folder; empty for the working folder
 * @throws ArgumentError
 */
export function walk(remote: Remote, path = '', options: WalkOptions = {}): Walk {
  if (typeof path !== 'string') throw new ArgumentError(`a path must be a string, not ${typeof path}`);
  return new Walk(remote, path, walkSettings(options));
}

type WalkSettings = ReturnType<typeof walkSettings>;

function walkSettings(options: WalkOptions) {
  checkNames(options, WALK_OPTIONS);
  const { depth, filter, followSymlinks, maxPendingBytes = MAX_PENDING_BYTES, signal } = options;
  return {
    select: selector(filter),
    follow: flag('followSymlinks', followSymlinks, false),
    ...levels(depth),
    maxPendingBytes: whole('maxPendingBytes', maxPendingBytes),
    signal,
  };
}

/** The events of a walk. */
export interface WalkEvents extends ReadableEvents<WalkEntry> {
  /** A folder, a name or a line was left out. */
  unreadable: [what: Unreadable];
}

/** What `walk` makes. */
export class Walk extends Flow<WalkEntry, WalkEvents> {
  readonly #remote: Remote;
  readonly #start: string;
  readonly #settings: WalkSettings;
  readonly #budget: Budget;

  /** @internal use `walk` */
  constructor(remote: Remote, path: string, settings: WalkSettings) {
    super(remote, (stop) => this.#walk(stop), settings.signal);
    this.#remote = remote;
    this.#start = path;
    this.#settings = settings;
    this.#budget = new Budget(settings.maxPendingBytes);
  }

  async *#walk(signal: AbortSignal): AsyncGenerator<WalkEntry, void, void> {
    const listings = new Listings(this.#remote, signal);
    const pending = new PendingFolders(this.#budget);
    yield* this.#folder({ path: '', link: chainFrom(this.#start) }, listings, pending);
    for (let seen = pending.next(); seen; seen = pending.next()) {
      const link = this.#enter(seen);
      if (!link) continue;
      try {
        yield* this.#folder({ path: seen.path, link }, listings, pending, seen.parent);
      } catch (error) {
        if (signal.aborted || !isAboutPath(error)) throw error;
        this.#leaveOut(seen.path, error as Error);
      }
    }
  }

  async *#folder(folder: Folder, listings: Listings, pending: PendingFolders, parent?: Folder): AsyncGenerator<WalkEntry, void, void> {
    const folders = pending.in(folder);
    const links = new LinkLog(this.#budget);
    const depth = folder.link.depth + 1;
    const listing = (folder.listing = listings.folder(listingPath(this.#remotePath(folder.path), folder.link), parent?.listing));
    for await (const entry of listing) {
      if (listing.hasLines) this.#leaveOutLines(folder, listing);
      if (!this.#isName(folder, entry)) continue;
      if (entry.type === 'symlink' && this.#settings.follow) links.add(entry);
      else yield* this.#give(placed(entry, folder.path, depth), folders);
    }
    this.#leaveOutLines(folder, listing);
    for (const link of links.take()) {
      const end = await followed(this.#remote, this.#remotePath(joined(folder.path, link.name)), link);
      yield* this.#give(placed(end, folder.path, depth), folders);
    }
  }

  *#give(entry: WalkEntry, folders: ReturnType<PendingFolders['in']>): Generator<WalkEntry> {
    const { wanted, entered } = this.#settings.select(entry);
    if (entry.type === 'directory' && entered && !this.#isEnough(entry.depth)) folders.add({ name: entry.name, unique: entry.facts?.['unique'], target: entry.target });
    if (wanted) yield entry;
  }

  #isName(folder: Folder, { name }: Entry): boolean {
    try {
      checkName(name);
      return true;
    } catch (error) {
      this.#leaveOut(joined(folder.path, name), error as Error);
      return false;
    }
  }

  /** Undefined where the folder is not to be entered. */
  #enter(seen: SeenFolder): Link | undefined {
    try {
      return enter(seen.parent.link, seen, this.#settings.depth);
    } catch (error) {
      this.#leaveOut(seen.path, error as Error);
      return undefined;
    }
  }

  /** What is deeper was not asked for. */
  #isEnough(level: number): boolean {
    const { depth, depthChosen } = this.#settings;
    return depthChosen && level >= depth;
  }

  #leaveOutLines({ path }: Folder, listing: FolderListing): void {
    for (const each of listing.takeLines()) this.emit('unreadable', { path, ...each } satisfies Unreadable);
  }

  #leaveOut(path: string, error: Error): void {
    this.emit('unreadable', { path, error } satisfies Unreadable);
  }

  #remotePath(path: string): string {
    return path === '' ? this.#start : joined(this.#start, path);
  }
}

/** A folder and the folders that it is in, as far as their identity is known. */
export interface Link {
  /** Without the symlinks that led there, as far as their targets were told. */
  readonly real: string;
  /** The server's own name for it (RFC 3659, 7.5.2). */
  readonly unique: string | undefined;
  readonly depth: number;
  readonly parent: Link | undefined;
  /** It was reached by a symlink that the listing told. */
  readonly linked: boolean;
}

/** What is known of a folder before it is entered. */
interface Sighting extends Pick<Entry, 'name'> {
  readonly unique?: string | undefined;
  /** Where the symlink leads that it was reached by. */
  readonly target?: string | undefined;
  /** False for a folder that is only passed on the way to what is wanted. */
  readonly wanted?: boolean;
  /** What is in its place on the other side, if anything. */
  readonly opposite?: EntryType | undefined;
}

/** The start of a tree. */
export function chainFrom(path: string): Link {
  return { real: posix.normalize(path === '' ? '.' : path).replace(/(.)\/$/, '$1'), unique: undefined, depth: 0, parent: undefined, linked: false };
}

/**
 * The folder as the next one of the chain.
 *
 * @throws SecurityError when it is one of those that it is in, LimitError beyond `depth` levels
 */
export function enter(parent: Link, { name, unique, target }: Sighting, depth: number): Link {
  const real = resolve(parent.real, target ?? name);
  for (let above: Link | undefined = parent; above; above = above.parent) {
    if ((unique !== undefined && unique === above.unique) || (target !== undefined && isWithin(above.real, real))) {
      throw new SecurityError(`${JSON.stringify(name)} leads back to a folder that it is in: it is not entered`);
    }
  }
  if (parent.depth + 1 >= depth) throw new LimitError(`folders are nested deeper than ${depth} levels (depth)`);
  return { real, unique, depth: parent.depth + 1, parent, linked: target !== undefined };
}

/** The path to list a folder by: with a slash, LIST of inetutils and ftpd-ssl gives what is behind a symlink, and not the link. */
export function listingPath(path: string, { linked }: Pick<Link, 'linked'>): string {
  return linked ? `${path}/` : path;
}

/** Whether a folder is another one, or lies in it. */
function isWithin(inner: string, outer: string): boolean {
  if (posix.isAbsolute(inner) !== posix.isAbsolute(outer)) return false;
  const between = posix.relative(outer, inner);
  return between !== '..' && !between.startsWith('..');
}

/** A relative path stays relative: the folder that it begins in is not known. */
function resolve(folder: string, path: string): string {
  return posix.isAbsolute(path) ? posix.normalize(path).replace(/(.)\/$/, '$1') : posix.join(folder, path);
}

/** A folder that is to be listed. */
export interface Folder {
  /** From the start of the tree; empty for the start. */
  readonly path: string;
  readonly link: Link;
  /** How the server has listed it; undefined before that, and where there is nothing to list. */
  listing?: FolderListing | undefined;
}

/** One that was seen, and may turn out to be no folder, or one that must not be entered. */
export interface SeenFolder<F extends Folder = Folder> extends Sighting {
  readonly path: string;
  readonly parent: F;
}

type FolderRecord = [name: string, unique: string | null, target: string | null, wanted: 0 | 1, opposite: EntryType | null];

/** The folders that are still to be entered, depth first, each group behind the listing that showed it. */
export class PendingFolders<F extends Folder = Folder> {
  readonly #budget: Budget;
  readonly #groups: { readonly parent: F; readonly log: TreeLog<FolderRecord> }[] = [];

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** What is added comes before everything else, in the order in which it is added. @throws LimitError */
  in(parent: F): { add(sighting: Sighting): void } {
    const log = new TreeLog<FolderRecord>(this.#budget);
    this.#groups.push({ parent, log });
    return {
      add: ({ name, unique, target, wanted = true, opposite }) => log.push([name, unique ?? null, target ?? null, wanted ? 1 : 0, opposite ?? null]),
    };
  }

  /** No folder is left to be entered. */
  get isEmpty(): boolean {
    return this.#groups.every(({ log }) => log.size === 0);
  }

  next(): SeenFolder<F> | undefined {
    for (let group = this.#groups.at(-1); group; group = this.#groups.at(-1)) {
      const record = group.log.shift();
      if (record) {
        const [name, unique, target, wanted, opposite] = record;
        const { parent } = group;
        return {
          name,
          unique: unique ?? undefined,
          target: target ?? undefined,
          wanted: wanted === 1,
          opposite: opposite ?? undefined,
          parent,
          path: joined(parent.path, name),
        };
      }
      this.#groups.pop();
    }
    return undefined;
  }
}
