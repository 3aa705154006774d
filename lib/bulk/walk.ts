import { ArgumentError } from '../errors';
import type { Entry } from '../listing/entry';
import { checkNames, type OptionNames } from '../options';
import { entryAt, factsOf } from '../transfer/facts';
import type { ReadableEvents } from '../transfer/piped-readable';
import { type Filter, selector } from './filter';
import type { Remote } from './remote';
import { Budget, MAX_PENDING_BYTES, TreeLog } from './tree-budget';
import { flag, levels, whole } from './tree-options';
import { Flow } from './tree-stream';
import { checkName, type FolderListing, isAboutPath, joined, Listings, placed, type WalkEntry } from './walk-listing';
import { chainFrom, enter, type Folder, type Link, listingPath, PendingFolders, type SeenFolder } from './walk-pending';

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
