import { posix } from 'node:path';
import { askUnlessAborted } from '../abort';
import { emitToCaller } from '../control/session';
import { ArgumentError, LimitError, SecurityError } from '../errors';
import type { Entry, EntryType } from '../listing/entry';
import { checkNames, checkWhole, flag, type OptionNames } from '../options';
import { entryAt, factsOf } from '../transfer/facts';
import type { ReadableEvents } from '../typed-streams';
import { type Filter, selector } from './filter';
import { checkName, type FolderListing, isAboutPath, joined, Listings, placed, type WalkEntry } from './listings';
import { type Remote, WorkStream } from './remote';
import { Budget, MAX_PENDING_BYTES, TreeLog } from './tree-memory';
import { levels } from './tree-options';

/** Symlinks whose targets are to be asked for. They wait for the end of the listing that showed them, which uses the connection until then. */
export class LinkLog {
  readonly #log: TreeLog<[entry: Omit<Entry, 'modified'>, modified: number | null]>;

  constructor(budget: Budget) {
    this.#log = new TreeLog(budget);
  }

  /** @throws LimitError */
  add({ modified, ...entry }: Entry): void {
    this.#log.push([entry, modified?.getTime() ?? null]);
  }

  /** Forgets those that are left. */
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
 * Gives a symlink the type, size and time of what it leads to; one that leads nowhere stays as it is. MLST follows links on most servers. That of
 * Pure-FTPd describes the link itself; there SIZE answers for files only, and `link/.` is the folder.
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

/** The options of `walk`. */
export interface WalkOptions {
  /**
   * Levels of folders that are listed: 1 lists the first folder only, Infinity all. What lies deeper than a number that you give is left out without
   * a word. Default: 100 levels, and the event `unreadable` reports a folder that lies deeper.
   */
  depth?: number;
  /** Which entries are given: globs, or a function that is asked for each entry. A folder that is excluded is not entered. Default: all. */
  filter?: Filter;
  /** Gives each symlink with the type, size and time of what it leads to, and enters it where that is a folder. Default false. */
  followSymlinks?: boolean;
  /** Bytes that the names of folders may take that are still to be entered; more are a LimitError. Default 128 MiB. */
  maxPendingBytes?: number;
  /** Ends the stream with an AbortError when it is aborted. */
  signal?: AbortSignal;
}

const WALK_OPTIONS: OptionNames<WalkOptions> = { depth: true, filter: true, followSymlinks: true, maxPendingBytes: true, signal: true };

/** What a walk has left out: a folder, a name, or a line of a listing. */
export interface Unreadable {
  /** The path from the start of the tree. For a name that is itself a path: the folder with that name after it. For a line: the folder. */
  readonly path: string;
  /** The line, where a line of a listing could not be read. What it shows is not known. */
  readonly line?: string;
  /** Why it was left out. */
  readonly error: Error;
}

/**
 * Gives all that is in a folder and below it as a Readable of entries with their paths, each folder before what is in it. A folder is listed (by
 * MLSD, RFC 3659, 7, or LIST) when the reader comes to it. Memory holds only the names of folders that are still to be entered.
 *
 * The event `unreadable` reports what was left out: a folder that the server does not list, a folder that leads back to one that it is in (by its
 * `unique` fact or its symlink's target) or lies too deep, a name that is a path, a line of a listing that cannot be read. The stream fails when the
 * first folder cannot be listed, or is a file, or the connection is lost.
 *
 * @param remote a client or a pool
 * @param path the first folder; empty, as by default, for the working folder
 * @throws ArgumentError for a path that is no string, and for options that are not known or out of range
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
    maxPendingBytes: checkWhole('maxPendingBytes', maxPendingBytes, 1),
    signal,
  };
}

/** The events of a walk. */
export interface WalkEvents extends ReadableEvents<WalkEntry> {
  /** A folder, a name or a line was left out. */
  unreadable: [what: Unreadable];
}

/** The stream that `walk` returns: a Readable of WalkEntry with the event `unreadable`. */
export class Walk extends WorkStream<WalkEntry, WalkEvents> {
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
    yield* this.#folder({ path: '', chain: chainOfRoot(this.#start) }, listings, pending);
    for (let found = pending.next(); found; found = pending.next()) {
      const chain = this.#enter(found);
      if (!chain) continue;
      try {
        yield* this.#folder({ path: found.path, chain }, listings, pending, found.parent);
      } catch (error) {
        if (signal.aborted || !isAboutPath(error)) throw error;
        this.#leaveOut(found.path, error as Error);
      }
    }
  }

  async *#folder(folder: Folder, listings: Listings, pending: PendingFolders, parent?: Folder): AsyncGenerator<WalkEntry, void, void> {
    const folders = pending.in(folder);
    const links = new LinkLog(this.#budget);
    const depth = folder.chain.depth + 1;
    const listing = (folder.listing = listings.folder(listingPath(this.#remotePath(folder.path), folder.chain), parent?.listing));
    for await (const entry of listing) {
      if (listing.hasLines) this.#leaveOutLines(folder, listing);
      if (!this.#isName(folder, entry)) continue;
      if (entry.type === 'symlink' && this.#settings.follow) links.add(entry);
      else yield* this.#entry(placed(entry, folder.path, depth), folders);
    }
    this.#leaveOutLines(folder, listing);
    for (const link of links.take()) {
      const end = await askUnlessAborted(() => followed(this.#remote, this.#remotePath(joined(folder.path, link.name)), link), listings.signal);
      yield* this.#entry(placed(end, folder.path, depth), folders);
    }
  }

  *#entry(entry: WalkEntry, folders: ReturnType<PendingFolders['in']>): Generator<WalkEntry> {
    const { wanted, entered } = this.#settings.select(entry);
    if (entry.type === 'directory' && entered && !this.#isTooDeep(entry.depth)) folders.add({ name: entry.name, unique: entry.facts?.['unique'], target: entry.target });
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
  #enter(folder: PendingFolder): FolderChain | undefined {
    try {
      return enter(folder.parent.chain, folder, this.#settings.depth);
    } catch (error) {
      this.#leaveOut(folder.path, error as Error);
      return undefined;
    }
  }

  /** What is deeper was not asked for. */
  #isTooDeep(level: number): boolean {
    const { depth, depthChosen } = this.#settings;
    return depthChosen && level >= depth;
  }

  #leaveOutLines({ path }: Folder, listing: FolderListing): void {
    for (const each of listing.takeLines()) emitToCaller(this, 'unreadable', { path, ...each } satisfies Unreadable);
  }

  #leaveOut(path: string, error: Error): void {
    emitToCaller(this, 'unreadable', { path, error } satisfies Unreadable);
  }

  #remotePath(path: string): string {
    return path === '' ? this.#start : joined(this.#start, path);
  }
}

/** A folder and the folders that it is in, to recognize one that leads back to one of them. */
interface FolderChain {
  /** The path without symlinks, as far as listings give their targets. */
  readonly real: string;
  /** The fact `unique`, by which the server identifies it (RFC 3659, 7.5.2). */
  readonly unique: string | undefined;
  /** 0 for the first folder. */
  readonly depth: number;
  readonly parent: FolderChain | undefined;
  /** The listing showed it as a symlink with a target. */
  readonly throughSymlink: boolean;
}

/** A folder that a listing has shown. */
interface FoundFolder extends Pick<Entry, 'name'> {
  readonly unique?: string | undefined;
  /** Where it leads, if it is a symlink. */
  readonly target?: string | undefined;
  /** False where the filter excludes the folder, but may include something in it. Default true. */
  readonly wanted?: boolean;
  /** What is in its place on the other side of a transfer, if anything. */
  readonly opposite?: EntryType | undefined;
}

/** The chain of the first folder of a tree. */
export function chainOfRoot(path: string): FolderChain {
  return { real: posix.normalize(path === '' ? '.' : path).replace(/(.)\/$/, '$1'), unique: undefined, depth: 0, parent: undefined, throughSymlink: false };
}

/**
 * Lengthens the chain by a folder.
 *
 * @throws SecurityError for a folder that leads back to one that it is in; LimitError beyond `depth` levels
 */
export function enter(parent: FolderChain, { name, unique, target }: FoundFolder, depth: number): FolderChain {
  const real = resolve(parent.real, target ?? name);
  for (let above: FolderChain | undefined = parent; above; above = above.parent) {
    if ((unique !== undefined && unique === above.unique) || (target !== undefined && isWithin(above.real, real))) {
      throw new SecurityError(`${JSON.stringify(name)} leads back to a folder that it is in: it is not entered`);
    }
  }
  if (parent.depth + 1 >= depth) throw new LimitError(`folders are nested deeper than ${depth} levels (depth)`);
  return { real, unique, depth: parent.depth + 1, parent, throughSymlink: target !== undefined };
}

/** The path to list a folder by: LIST of inetutils and ftpd-ssl lists the target of a symlink only if a slash follows it, and else the link itself. */
export function listingPath(path: string, { throughSymlink }: Pick<FolderChain, 'throughSymlink'>): string {
  return throughSymlink ? `${path}/` : path;
}

/** Whether a folder is `outer` or lies in it. */
function isWithin(inner: string, outer: string): boolean {
  if (posix.isAbsolute(inner) !== posix.isAbsolute(outer)) return false;
  const between = posix.relative(outer, inner);
  return between !== '..' && !between.startsWith('..');
}

/** Joins a path to a folder. A relative path stays relative, for the working folder that it begins in is not known. */
function resolve(folder: string, path: string): string {
  return posix.isAbsolute(path) ? posix.normalize(path).replace(/(.)\/$/, '$1') : posix.join(folder, path);
}

/** A folder that is to be listed. */
export interface Folder {
  /** From the start of the tree; empty for the start. */
  readonly path: string;
  readonly chain: FolderChain;
  /** Its listing by the server; undefined before that, and where there is nothing to list. */
  listing?: FolderListing | undefined;
}

/** A folder that is still to be entered. It may turn out to be none, or one that must not be entered. */
export interface PendingFolder<F extends Folder = Folder> extends FoundFolder {
  readonly path: string;
  readonly parent: F;
}

type FolderRecord = [name: string, unique: string | null, target: string | null, wanted: 0 | 1, opposite: EntryType | null];

/** The folders that are still to be entered, depth first. */
export class PendingFolders<F extends Folder = Folder> {
  readonly #budget: Budget;
  readonly #groups: { readonly parent: F; readonly log: TreeLog<FolderRecord> }[] = [];

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Begins the folders of one listing. They come before all others, in the order in which they are added. @throws LimitError */
  in(parent: F): { add(found: FoundFolder): void } {
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

  /** The next folder to enter; undefined when there is none. */
  next(): PendingFolder<F> | undefined {
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
