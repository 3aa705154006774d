import type { Stats } from 'node:fs';
import { posix } from 'node:path';
import { ArgumentError, LimitError, RemovalError, type RemovalFailure, type ReplyError, SecurityError, TransferError } from '../errors';
import type { EntryType } from '../listing/entry';
import { parseList } from '../listing/list-parser';
import { lastName } from '../listing/mlsx';
import type { VerbOptions } from '../options';
import type { Reply } from '../reply';
import { isAnswer } from '../transfer/facts';
import { folded, partName } from '../transfer/temporary-name';
import { checkName, isAboutPath, joined, type WalkEntry } from './listings';
import type { Remote } from './remote';
import { knownLocally, knownOf, localTime } from './tree-compare';
import { type Budget, TreeLog, TreeTable } from './tree-memory';
import { MOST_LEVELS, type TreeResult, treeSettings, type TreeSettings } from './tree-options';
import { Job, type NamesInUse, PendingTasks, type Step, unreadable } from './tree-run';
import { type LocalTree, RemoteTree } from './tree-sides';
import { type Folder, listingPath } from './walk';

/** What a local folder has and the server does not. */
interface LocalExtraneous {
  readonly log: TreeLog<[name: string]>;
  /** Names on the server that may mean one of those files, by their `folded` form. */
  readonly similar: TreeTable<[name: string]>;
}

/** Removes from a local tree what the server does not have, and never follows a symlink. */
export class LocalRemoval {
  readonly #local: LocalTree;
  readonly #settings: TreeSettings;
  readonly #inUse: NamesInUse;

  readonly #budget: Budget;

  /** @param inUse an earlier run may have left what a download is writing again */
  constructor(local: LocalTree, settings: TreeSettings, inUse: NamesInUse, budget: Budget) {
    this.#local = local;
    this.#settings = settings;
    this.#inUse = inUse;
    this.#budget = budget;
  }

  /** Finds the names in a folder that are none of `names`; those that begin with a dot only where the server would have shown them. Undefined where it finds none. */
  async *extraneous(folder: string, names: TreeTable<[]>, showsHidden: boolean): AsyncGenerator<Step, LocalExtraneous | undefined, void> {
    const log = new TreeLog<[name: string]>(this.#budget);
    const spellings = new TreeTable<[]>(this.#budget);
    const similar = new TreeTable<[name: string]>(this.#budget);
    try {
      for await (const name of this.#local.names(folder)) {
        if (names.has(name) || (!showsHidden && name.startsWith('.'))) continue;
        log.push([name]);
        spellings.add(folded(name));
      }
      if (log.size === 0) return undefined;
      for (const [name] of names.names()) if (spellings.has(folded(name))) similar.add(folded(name), name);
      return { log, similar };
    } catch (error) {
      log.clear();
      similar.clear();
      yield new Job('directory', folder).failed(error);
      return undefined;
    } finally {
      spellings.clear();
    }
  }

  /** Removes what was found in a folder. @param showsAll false: the server may have all of it, and it stays */
  async *all(folder: string, depth: number, { log, similar }: LocalExtraneous, showsAll: () => Promise<boolean>): AsyncGenerator<Step, void, void> {
    try {
      const inDoubt = !(await showsAll());
      for (let record = log.shift(); record; record = log.shift()) {
        const [name] = record;
        const path = joined(folder, name);
        const [other] = similar.get(folded(name)) ?? [];
        if (inDoubt || (other !== undefined && !(await this.#areTwo(path, joined(folder, other))))) yield* this.#leave(path, depth);
        else yield* this.one(path, depth);
      }
    } catch (error) {
      yield new Job('directory', folder).failed(error);
    } finally {
      log.clear();
      similar.clear();
    }
  }

  /** Reports what stays because it may be on the server. */
  async *#leave(path: string, depth: number): AsyncGenerator<Step, void, void> {
    const stats = await this.#local.facts(path);
    if (!stats) return;
    const entry = localEntry(path, depth, stats);
    if (this.#settings.select(entry).wanted) yield new Job(entry.type, path).result('skipped', { reason: 'in doubt' });
  }

  /** Whether both are there, and are two files. */
  async #areTwo(path: string, other: string): Promise<boolean> {
    const [one, two] = await Promise.all([this.#local.facts(path), this.#local.facts(other)]);
    return one !== undefined && two !== undefined && (one.ino !== two.ino || one.dev !== two.dev);
  }

  /** Removes what is at a path, as far as the filter includes it; returns whether something stays. */
  async *one(path: string, depth: number): AsyncGenerator<Step, boolean, void> {
    let job = new Job('other', path);
    try {
      const stats = await this.#local.facts(path);
      if (!stats) return false;
      const entry = localEntry(path, depth, stats);
      job = new Job(entry.type, path);
      const { wanted, entered } = this.#settings.select(entry);
      const kept = entry.type === 'directory' && entered && (yield* this.#contents(path, depth));
      if (kept && wanted) yield job.result('skipped', { reason: 'not empty' });
      if (kept || !wanted) return true;
      const result = await this.#inUse.alone([path], () => this.#remove(entry, job));
      if (result) yield result;
      return result !== undefined && result.action !== 'deleted';
    } catch (error) {
      yield job.failed(error);
      return true;
    }
  }

  /** Reads a folder to its end first: what is removed from one that is being read may keep other names from being read, and each one that is open takes a descriptor. */
  async *#contents(folder: string, depth: number): AsyncGenerator<Step, boolean, void> {
    const names = new TreeLog<[name: string]>(this.#budget);
    let kept = false;
    try {
      for await (const name of this.#local.names(folder)) names.push([name]);
      for (let record = names.shift(); record; record = names.shift()) kept = (yield* this.one(joined(folder, record[0]), depth + 1)) || kept;
      return kept;
    } finally {
      names.clear();
    }
  }

  /** Undefined where it is gone. */
  async #remove({ path, type }: WalkEntry, job: Job): Promise<TreeResult | undefined> {
    try {
      if (!(await this.#local.facts(path))) return undefined;
      if (this.#settings.dryRun) return job.result('deleted');
      if (type === 'directory') await this.#local.removeFolder(path);
      else await this.#local.removeFile(path);
      return job.result('deleted');
    } catch (error) {
      // The filter excludes something that is in it.
      if (['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) return job.result('skipped', { reason: 'not empty' });
      return job.failed(error);
    }
  }
}

/** A local file as an entry of a tree. */
export function localEntry(path: string, depth: number, stats: Stats): WalkEntry {
  const { type } = knownLocally(stats);
  return { name: posix.basename(path), path, depth, type, size: stats.size, modified: new Date(localTime(stats)), raw: '' };
}

/** Deletions that are called together, so that their commands are written together. */
const BATCH = 32;

/** Folders above one that are listed at most, to compare it with them. */
const MOST_COMPARED = 8;

/** The type, size and time of a name. */
type Facts = [type: EntryType, size: number | null, time: number | null];

/**
 * What is removed of a folder: what was found in it; or all, whether it is listed or not, by RMD alone where it is empty; or all, where the server may
 * lie when it says that RMD has removed it.
 */
type Scope = 'as found' | 'everything' | 'everything listed';

/** Removes from a server what the local tree does not have. It deletes symlinks themselves, not what they lead to. */
export class RemoteRemoval {
  readonly #remote: RemoteTree;
  readonly #settings: TreeSettings;
  readonly #budget: Budget;
  readonly #scope: Scope;

  constructor(remote: RemoteTree, settings: TreeSettings, budget: Budget, scope: Scope = 'as found') {
    this.#remote = remote;
    this.#settings = settings;
    this.#budget = budget;
    this.#scope = scope;
  }

  /**
   * Removes what was found in a folder, as far as the filter includes it; returns whether something stays.
   *
   * @param isInDoubt whether a name may mean something that the source has under another name
   */
  async *all(folder: string, depth: number, found: Iterable<[name: string, facts: Facts]>, isInDoubt: (name: string) => boolean = () => false): AsyncGenerator<Step, boolean, void> {
    const folders = new TreeLog<[path: string]>(this.#budget);
    let kept = false;
    let batch: WalkEntry[] = [];
    for (const [name, [type, size, time]] of found) {
      const entry = { name, path: joined(folder, name), depth, type, raw: '', ...(size === null ? {} : { size }), ...(time === null ? {} : { modified: new Date(time) }) };
      const { wanted, entered } = this.#settings.select(entry);
      if ((wanted || entered) && isInDoubt(name)) {
        kept = true;
        if (wanted) yield new Job(type, entry.path).result('skipped', { reason: 'in doubt' });
      } else if (type === 'directory' && entered) folders.push([entry.path]);
      else if (!wanted) kept = true;
      else if (batch.push(entry) === BATCH) {
        yield* await this.#removeAll(batch);
        batch = [];
      }
    }
    yield* await this.#removeAll(batch);
    for (let record = folders.shift(); record; record = folders.shift()) kept = (yield* this.folder(record[0], depth)) || kept;
    return kept;
  }

  /** Removes a folder and what is in it; returns whether it stays, because the filter excludes something in it. */
  async *folder(path: string, depth: number): AsyncGenerator<Step, boolean, void> {
    const job = new Job('directory', path);
    const { wanted } = this.#settings.select({ name: posix.basename(path), path, depth, type: 'directory', raw: '' });
    try {
      if (wanted && !this.#settings.dryRun && (await this.removeAtOnce(path))) {
        yield job.result('deleted');
        return false;
      }
      const kept = yield* this.contents(path, depth);
      if (kept && wanted) yield job.result('skipped', { reason: 'not empty' });
      if (kept || !wanted) return true;
      if (!this.#settings.dryRun) await this.removeEmptied(path);
      yield job.result('deleted');
      return false;
    } catch (error) {
      yield job.failed(error);
      return true;
    }
  }

  /** Removes what is in a folder, as far as the filter includes it; returns whether something stays. */
  async *contents(path: string, depth: number): AsyncGenerator<Step, boolean, void> {
    if (depth >= MOST_LEVELS) throw new LimitError(`folders are nested deeper than ${MOST_LEVELS} levels`);
    const found = await this.#list(path);
    await this.#assertNoLoop(path, found);
    return yield* this.all(path, depth + 1, drain(found));
  }

  /**
   * Removes what is listed as a folder if that needs no more than a command: a symlink to one, which MLSD of ProFTPD and pyftpdlib shows as a folder, by
   * DELE; where all is to be removed, an empty folder by RMD. Returns the reply; undefined where it is a folder with something in it.
   *
   * @throws SecurityError for a symlink that the server does not remove (inetutils, Twisted, ftp-srv)
   */
  async removeAtOnce(path: string): Promise<Reply | undefined> {
    const { remote, signal } = this.#remote;
    const whole = this.#remote.path(path);
    for (const remove of [() => remote.delete(whole, { signal }), ...(this.#scope === 'everything' ? [() => remote.rmd(whole, { signal })] : [])]) {
      try {
        return await remove();
      } catch (error) {
        if (!isAnswer(error, true)) throw error;
        if (this.#scope === 'as found' || !saysNoFolder(error, whole)) continue;
        throw path === '' ? error : new SecurityError(`${whole} is a symlink that the server does not remove: it is not followed`, { cause: error });
      }
    }
    return undefined;
  }

  /** Removes a folder that shows nothing any more. Where all is to be removed, LIST and NLST may show more: MLSD of ProFTPD and pyftpdlib hides a symlink that leads nowhere. */
  async removeEmptied(path: string): Promise<Reply> {
    const { remote, signal } = this.#remote;
    const whole = this.#remote.path(path);
    try {
      return await remote.rmd(whole, { signal });
    } catch (error) {
      if (this.#scope === 'as found' || !isAnswer(error, true) || !(await this.#removeHidden(whole))) throw error;
      return remote.rmd(whole, { signal });
    }
  }

  /** Whether LIST or NLST has shown something that could be deleted. */
  async #removeHidden(folder: string): Promise<boolean> {
    const { remote, signal } = this.#remote;
    const listings = [
      async () => parseList((await remote.dir(folder, { signal }).toArray()).join('\n')).map(({ name }) => name),
      async () => (await remote.nlst(folder, { signal }).toArray()).map(lastName),
    ];
    let deleted = false;
    for (const list of listings) {
      const names = await list().catch((error: unknown) => (ignoreAboutPath(error), []));
      for (const name of names) if (!/^\.{0,2}$|\//.test(name)) await remote.delete(joined(folder, name), { signal }).then(() => (deleted = true), ignoreAboutPath);
    }
    return deleted;
  }

  /** Reads a listing to its end, for a deletion would wait for the same connection. */
  async #list(path: string): Promise<TreeTable<Facts>> {
    const found = new TreeTable<Facts>(this.#budget);
    const listing = this.#remote.listings.sureFolder(this.#remote.path(path));
    for await (const { name, type, size, modified } of listing) {
      checkName(name);
      found.add(name, type, size ?? null, modified?.getTime() ?? null);
    }
    for (const { error } of listing.takeLines()) throw error;
    if (!listing.whole && (found.size > 0 || this.#scope === 'as found')) throw new TransferError(`${this.#remote.path(path)}: the server does not show what is in it: nothing is deleted`);
    return found;
  }

  /**
   * aioftp 0.21 and Twisted show a symlink as the folder that it leads to, and DELE does not remove it. One that leads back to a folder that it is in
   * shows what that folder shows, and that has files that must stay.
   *
   * @throws SecurityError
   */
  async #assertNoLoop(path: string, found: TreeTable<Facts>): Promise<void> {
    const parts = path.split('/');
    let compared = 0;
    for (const [index, part] of parts.entries()) {
      if (found.get(part)?.[0] !== 'directory') continue;
      if (++compared > MOST_COMPARED) return; // a hostile server, whose own files are deleted
      const above = parts.slice(0, index).join('/');
      if (!(await this.#mayBe(above, path, found))) continue;
      throw new SecurityError(`${this.#remote.path(path)} shows what ${this.#remote.path(above)} shows, that it is in: nothing is deleted in it`);
    }
  }

  /**
   * Whether a folder may be the one that another path shows. It has all that the other shows, though uploads under way make no difference, nor does what has
   * come since; and the other shows all that the folder has before and after that is listed again: a folder `app` that has nothing but a folder `app` is another.
   */
  async #mayBe(folder: string, path: string, found: TreeTable<Facts>): Promise<boolean> {
    const { temporaryName } = this.#settings;
    const before = await this.#list(folder);
    try {
      for (const [name, [type]] of found.unmarked()) {
        const isUpload = type === 'file' && temporaryName && (temporaryName !== partName || name.endsWith('.part'));
        if (!isUpload && !before.has(name)) return false;
      }
      for (const [name] of drain(await this.#list(path))) before.mark(name);
      return [...drain(await this.#list(folder))].every(([name]) => !before.has(name) || before.isMarked(name));
    } finally {
      before.clear();
    }
  }

  async #removeAll(batch: readonly WalkEntry[]): Promise<Step[]> {
    this.#remote.signal.throwIfAborted();
    return Promise.all(batch.map((entry) => this.#remove(entry)));
  }

  async #remove({ path, type }: WalkEntry): Promise<Step> {
    const { remote, signal } = this.#remote;
    const job = new Job(type, path);
    try {
      if (!this.#settings.dryRun) await remote.delete(this.#remote.path(path), { signal });
      return job.result('deleted');
    } catch (error) {
      return job.failed(error);
    }
  }
}

function* drain<T extends readonly unknown[]>(table: TreeTable<T>): Generator<[name: string, facts: T]> {
  yield* table.unmarked();
  table.clear();
}

/** What a server has in one folder. */
export type Index = TreeTable<[type: EntryType, size: number | null, time: number | null, unit: number]>;

/** A local folder, and what there is of it on the server. */
export interface RemoteFolder extends Folder {
  readonly parent: RemoteFolder | undefined;
  made: boolean;
  /** Whether it was missing after all, as a refused upload to it made one ask. */
  remade?: Promise<boolean>;
  /** What this run has made in it, with `delete`. */
  newNames?: NewNames | undefined;
}

/** Names that were not there before this run. */
interface NewNames {
  /** False for what the server has refused, and may have all the same. */
  readonly names: TreeTable<[there: boolean]>;
  /** There was memory for all of them. */
  complete: boolean;
}

/** What a folder has and the source does not. */
interface ExtraneousFolder {
  readonly folder: RemoteFolder;
  readonly log: TreeLog<[name: string, ...Facts]>;
}

/**
 * Removes from a server what the source does not have, when all uploads are done: what is new may need nothing of it, and what is old may need all.
 *
 * What is deleted was listed before the uploads and is listed after them, and is nothing that this run has made. A server may store a name in another
 * way (in another case, decomposed, without its last dot, with other letters). Each name that this run has made must therefore be recognized in the
 * listing after the uploads; else nothing is deleted from that folder.
 */
export class RemoteExtraneous {
  readonly #remote: RemoteTree;
  readonly #settings: TreeSettings;
  readonly #budget: Budget;
  readonly #removal: RemoteRemoval;
  readonly #outstanding = new PendingTasks();
  /** What was found in each folder; a folder comes after the one that it is in. */
  readonly #waiting: ExtraneousFolder[] = [];

  constructor(remote: RemoteTree, settings: TreeSettings, budget: Budget, removal: RemoteRemoval) {
    this.#remote = remote;
    this.#settings = settings;
    this.#budget = budget;
    this.#removal = removal;
  }

  /** Uploads to a folder begin. */
  begin(folder: RemoteFolder): void {
    if (this.#settings.delete && folder.listing) folder.newNames = { names: new TreeTable(this.#budget), complete: true };
  }

  /** Counts an upload, which removing waits for. */
  counted(task: () => Promise<TreeResult>): () => Promise<TreeResult> {
    return this.#outstanding.counted(task);
  }

  /** Remembers that this run has made something. @param there false where the server has refused it, and may have it all the same */
  noteNew({ path, parent }: { readonly path: string; readonly parent: RemoteFolder | undefined }, there = true): void {
    const { newNames } = parent ?? {};
    try {
      newNames?.names.add(posix.basename(path), there);
    } catch (error) {
      if (!newNames || !(error instanceof LimitError)) throw error;
      newNames.complete = false;
    }
  }

  /** The source's folder was read: finds what is not marked in the index of the server's. @param index undefined where the source was not read to its end */
  findExtraneous(folder: RemoteFolder, index: Index | undefined): void {
    const log: ExtraneousFolder['log'] = new TreeLog(this.#budget);
    if (folder.newNames && folder.listing?.whole) for (const [name, [type, size, time]] of index?.unmarked() ?? []) log.push([name, type, size, time]);
    if (log.size > 0) this.#waiting.push({ folder, log });
    else forget(folder);
  }

  /** Resolves when all uploads are done. */
  uploaded(): Promise<void> {
    return this.#outstanding.allDone(this.#remote.signal);
  }

  /** Removes what was found, when all uploads are done, from the innermost folders first. */
  async *remove(): AsyncGenerator<Step, void, void> {
    if (this.#waiting.length > 0) await this.uploaded();
    for (let last = this.#waiting.pop(); last; last = this.#waiting.pop()) {
      try {
        yield* this.#remove(last);
      } catch (error) {
        if (this.#remote.signal.aborted) throw error;
        yield new Job('directory', last.folder.path).failed(error);
      } finally {
        last.log.clear();
        forget(last.folder);
      }
    }
  }

  async *#remove({ folder, log }: ExtraneousFolder): AsyncGenerator<Step, void, void> {
    const { dryRun } = this.#settings;
    const now: Index = new TreeTable(this.#budget);
    const spellings = new TreeTable<[]>(this.#budget);
    try {
      const whole = dryRun || (yield* this.#lookAgain(folder, now));
      const recognized = this.#recognize(folder, now, spellings) || dryRun;
      yield* this.#removal.all(folder.path, folder.chain.depth + 1, this.#stillThere(log, now), (name) => !whole || !recognized || spellings.has(folded(name)));
    } finally {
      now.clear();
      spellings.clear();
    }
  }

  /** Lists a folder when all uploads are done; returns whether all of it could be read. */
  async *#lookAgain(folder: RemoteFolder, now: Index): AsyncGenerator<Step, boolean, void> {
    const listing = this.#remote.listings.sureFolder(listingPath(this.#remote.path(folder.path), folder.chain));
    for await (const entry of listing) {
      const { type, size, time, unit } = knownOf(entry);
      now.add(entry.name, type, size ?? null, time ?? null, unit);
    }
    yield* unreadable(folder, listing);
    return listing.whole;
  }

  /** Collects how new names may be spelled that are not listed as they were sent; returns whether each of them is listed in some spelling. */
  #recognize({ newNames }: RemoteFolder, now: Index, spellings: TreeTable<[]>): boolean {
    if (!newNames?.complete) return false;
    const missing = new TreeTable<[]>(this.#budget);
    const { showsHidden } = this.#remote.listings;
    try {
      for (const [name, [there]] of newNames.names.unmarked()) {
        if (now.has(name)) continue;
        spellings.add(folded(name));
        if (there && (showsHidden || !name.startsWith('.'))) missing.add(folded(name));
      }
      if (missing.size > 0) for (const [name] of now.unmarked()) missing.mark(folded(name));
      return missing.unmarked().next().done === true;
    } finally {
      missing.clear();
    }
  }

  /** What was found before the uploads and is listed after them. */
  *#stillThere(log: ExtraneousFolder['log'], now: Index): Generator<[name: string, facts: Facts]> {
    for (let record = log.shift(); record; record = log.shift()) {
      const [name, type, size, time] = record;
      if (this.#settings.dryRun || now.get(name)?.[0] === type) yield [name, [type, size, time]];
    }
  }
}

function forget(folder: RemoteFolder): void {
  folder.newNames?.names.clear();
  folder.newNames = undefined;
}

/** Failures that an error keeps. */
const MOST_FAILURES = 1000;
/** Failures that its message shows. */
const MOST_SHOWN = 3;

/** @throws ArgumentError for the root and the working folder, and for what they are in */
export function assertRemovable(path: string): void {
  const plain = posix.normalize(path).replace(/(?<=.)\/+$/, '');
  if (plain === '/' || plain === '.' || /(?:^|\/)\.\.$/.test(plain)) throw new ArgumentError(`rmd with recursive removes neither the root nor the working folder: ${JSON.stringify(path)}`);
}

/**
 * Removes a folder and all that is in it, files several at a time. The names of one folder are remembered, and those of the folders that it is in.
 *
 * @returns the reply to the last command
 * @throws PermanentError where it cannot be listed, or is empty and cannot be removed; RemovalError where something of it stays
 */
export async function removeFolder(client: Remote & { exists(path: string, options?: VerbOptions): Promise<boolean> }, path: string, signal: AbortSignal): Promise<Reply> {
  const settings = treeSettings({}, { overwrite: 'always', preserveTimes: false }, client);
  const tree = new RemoteTree(client, path, signal, settings);
  let lie: TransferError | undefined;
  for (const scope of ['everything', 'everything listed'] as const) {
    const removal = new RemoteRemoval(tree, settings, tree.budget, scope);
    const failures = new RemovalFailures(path);
    let reply = await removal.removeAtOnce('');
    if (!reply) {
      for await (const step of removal.contents('', 0)) failures.note(tree, step as TreeResult);
      failures.assertNone();
      reply = await removal.removeEmptied('').catch((error: Error) => failures.ofFolder(error));
    }
    if (!(await client.exists(path, { signal }).catch(() => false))) return reply;
    lie = new TransferError(`RMD ${path}: the server says ${reply}, and it is still there`, { reply });
  }
  throw new RemovalError(lie?.message ?? path, { failures: lie ? [{ path, error: lie }] : [], cause: lie });
}

/** Whether a refusal says that a path leads to no folder. */
function saysNoFolder({ reply }: ReplyError, path: string): boolean {
  return /not a directory|ENOTDIR|NOT_A_DIRECTORY/i.test(reply?.lines.join('\n').replaceAll(path, '') ?? '');
}

function ignoreAboutPath(error: unknown): void {
  if (!isAboutPath(error)) throw error;
}

/** What a removal has left. */
class RemovalFailures {
  readonly #path: string;
  readonly #failures: RemovalFailure[] = [];
  #count = 0;
  #removed = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws an error that all further removals would have, too */
  note(tree: RemoteTree, { action, path, error }: TreeResult): void {
    if (action === 'deleted') this.#removed += 1;
    if (!error) return;
    if (!isAboutPath(error) && !(error instanceof SecurityError)) throw error;
    this.#count += 1;
    if (this.#failures.length < MOST_FAILURES) this.#failures.push({ path: tree.path(path), error });
  }

  /** @throws RemovalError */
  assertNone(): void {
    if (this.#count > 0) throw this.#error();
  }

  /** Why the folder itself stays, which is empty. @throws it as it is where nothing was removed; RemovalError; */
  ofFolder(error: Error): never {
    if (this.#removed === 0 || !isAboutPath(error)) throw error;
    this.#count += 1;
    this.#failures.push({ path: this.#path, error });
    throw this.#error();
  }

  #error(): RemovalError {
    const shown = this.#failures.slice(0, MOST_SHOWN).map(({ path, error }) => `${path} (${error.message})`).join(', ');
    const more = this.#count > MOST_SHOWN ? ` and ${this.#count - MOST_SHOWN} more` : '';
    return new RemovalError(`RMD ${this.#path}: what could not be removed: ${shown}${more}`, { failures: this.#failures, cause: this.#failures[0]?.error });
  }
}
