import type { Dirent } from 'node:fs';
import { lstat, opendir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type FTPError, PermanentError, SecurityError } from '../errors';
import type { EntryType } from '../listing/entry';
import { Backoff } from '../transfer/retry';
import { folded, partName, PartNames, temporaryPaths } from '../transfer/temporary-name';
import { type FolderListing, mayMeanMissing, joined, type WalkEntry } from './listings';
import { LocalSource, SMALL } from './local-file';
import type { FileTraffic, TreeTraffic } from './progress';
import { FileUpload, UploadTarget } from './put';
import type { Remote } from './remote';
import { BATCH, decide, inBatches, type Known, knownLocally, knownOf } from './tree-compare';
import { Contents, HashedSource, type Manifest } from './tree-hash';
import { type Budget, TreeTable } from './tree-memory';
import { checkPlaces, type TreeOptions, type TreeResult, treeSettings, type TreeSettings } from './tree-options';
import { type Index, localEntry, RemoteExtraneous, type RemoteFolder, RemoteRemoval } from './tree-removal';
import { inDoubt, inTheWay, isTransfer, Job, NamesInUse, PendingTasks, type Step, stillInTheWay, TreeStream, unreadable } from './tree-run';
import { LocalTree, parentOf, RemoteTree } from './tree-sides';
import { checkSwap, FolderSwap } from './tree-swap';
import { chainOfRoot, enter, listingPath, PendingFolders, type PendingFolder } from './walk';

/**
 * Uploads a local folder and all that is in it, and returns a Readable with a TreeResult for each file and folder. Nothing happens before it is read,
 * and destroying it ends the work. Local folders are read when they are reached. Remote ones are listed once, to know what is there, and once more
 * where `delete` finds something to delete. The stream fails with the first error, or gives each error as a result with `continueOnError`.
 *
 * @param remote a client or a pool; a pool transfers several files at a time
 * @param localPath the local folder
 * @param remotePath the folder on the server, which is made where it is missing; empty for the working folder
 * @throws ArgumentError for paths that are no strings, and for options that are not known or out of range
 */
export function uploadTree(remote: Remote, localPath: string, remotePath: string, options: TreeOptions = {}): TreeStream {
  return uploads(remote, localPath, remotePath, treeSettings(options, { overwrite: 'always', preserveTimes: false }, remote));
}

/** @internal for settings that were checked */
export function uploads(remote: Remote, localPath: string, remotePath: string, settings: TreeSettings): TreeStream {
  checkPlaces(remotePath, localPath);
  if (settings.swap) checkSwap(remotePath);
  const stepsTo = (path: string, options: TreeSettings, signal: AbortSignal, traffic: TreeTraffic): AsyncGenerator<Step, void, void> =>
    new TreeUpload(new RemoteTree(remote, path, signal, options), localPath, options, traffic).steps();
  return new TreeStream(
    remote,
    async function* (signal, traffic) {
      if (!settings.swap) return yield* stepsTo(remotePath, settings, signal, traffic);
      const swap = await FolderSwap.begin(remote, remotePath, signal, settings);
      const tasks = new PendingTasks();
      let failures = 0;
      const noted = (result: TreeResult): TreeResult => {
        if (result.action === 'failed') failures += 1;
        return result;
      };
      // What an interrupted run has left is made like the source, whatever there is: it may be of another version.
      const overwrite = settings.overwrite === 'changed' ? 'changed' : 'always';
      for await (const step of stepsTo(swap.path, { ...settings, overwrite, delete: swap.isReused }, signal, traffic)) {
        yield typeof step === 'function' ? tasks.counted(async () => noted(await step())) : noted(step);
      }
      await tasks.allDone(signal);
      yield* swap.finish(failures);
    },
    settings,
  );
}

/** A local file that is to be uploaded, unless the file of its name on the server will do. */
interface UploadCandidate {
  readonly file: WalkEntry;
  readonly local: Known;
  readonly there: Known | undefined;
  readonly job: Job;
}

/** A folder on the server, what the local one has under names of partial files, and its small files. */
interface SourceFolder {
  readonly folder: RemoteFolder;
  readonly parts: PartNames;
  readonly ahead: SmallFiles;
}

/** Files that are read together. */
const TOGETHER = 8;
/** Seconds after which what was read is read again, so that a file that is rewritten meanwhile is not uploaded as it was. */
const STALE = 0.1;

/**
 * Reads the small files of a folder ahead, some at a time: calls of the file system that wait for a thread together take a third of the processor time, and
 * one check of the folder does for all of them.
 */
class SmallFiles {
  /** In the order in which they will be uploaded. */
  readonly #paths: string[] = [];
  readonly #read: (path: string) => Promise<LocalSource | undefined>;
  readonly #check: () => Promise<void>;
  readonly #ahead = new Map<string, { readonly source: Promise<LocalSource | undefined>; readonly at: number }>();
  #next = 0;

  /** @param check checks their folder, when some were read */
  constructor(read: (path: string) => Promise<LocalSource | undefined>, check: () => Promise<void>) {
    this.#read = read;
    this.#check = check;
  }

  /** This file will be uploaded next. */
  add(path: string): void {
    this.#paths.push(path);
  }

  /** A file that was read, whose folder was checked then; undefined where it is to be opened, which shows why it could not be read. */
  async take(path: string): Promise<LocalSource | undefined> {
    if (path === this.#paths[this.#next]) this.#readSome();
    const ahead = this.#ahead.get(path);
    this.#ahead.delete(path);
    const source = await ahead?.source;
    return ahead && process.uptime() - ahead.at < STALE ? source : undefined;
  }

  #readSome(): void {
    const paths = this.#paths.slice(this.#next, (this.#next += TOGETHER));
    const at = process.uptime();
    const all = Promise.all(paths.map((path) => this.#read(path).catch(() => undefined))).then(async (sources) => (await this.#check(), sources));
    for (const [index, path] of paths.entries()) this.#ahead.set(path, { at, source: all.then((sources) => sources[index], () => undefined) });
  }
}

/** Names that the file system gives at a time where only they are of interest. */
const NAMES_AT_A_TIME = 1024;

/** Goes through a local tree, and gives the steps to upload it, which `perform` does. */
class TreeUpload {
  readonly #remote: RemoteTree;
  readonly #local: LocalTree;
  readonly #settings: TreeSettings;
  readonly #traffic: TreeTraffic;
  readonly #removal: RemoteRemoval;
  readonly #budget: Budget;
  readonly #pending: PendingFolders<RemoteFolder>;
  readonly #extraneous: RemoteExtraneous;
  readonly #inUse = new NamesInUse();
  #contents: Contents | undefined;

  constructor(remote: RemoteTree, root: string, settings: TreeSettings, traffic: TreeTraffic) {
    this.#remote = remote;
    this.#local = new LocalTree(root);
    this.#settings = settings;
    this.#traffic = traffic;
    this.#budget = remote.budget;
    this.#removal = new RemoteRemoval(remote, settings, this.#budget);
    this.#pending = new PendingFolders(this.#budget);
    this.#extraneous = new RemoteExtraneous(remote, settings, this.#budget, this.#removal);
  }

  async *steps(): AsyncGenerator<Step, void, void> {
    await this.#local.open();
    const stats = await stat(this.#local.path('')); // fails where it is missing
    await this.#remote.begin();
    this.#contents = await Contents.begin(this.#remote, this.#settings, 'remote');
    if (this.#manifest?.problem) yield this.#aboutManifest(this.#manifest.problem);
    const chain = { ...chainOfRoot(''), unique: `${stats.dev}:${stats.ino}` };
    const listing = this.#remote.listings.folder(listingPath(this.#remote.path(''), chain));
    const index = await this.#index(listing);
    // tcllib's ftpd lists and enters a folder that is missing as if it were an empty one: MKD shows whether it is.
    const mayBeMissing = index === undefined || (index.size === 0 && listing.completed && listing.path !== '' && !this.#settings.dryRun);
    const root: RemoteFolder = { path: '', chain, parent: undefined, made: !mayBeMissing, listing: index && listing };
    if (index) yield* unreadable(root, listing);
    if (root.made) yield new Job('directory', '').result('skipped', { reason: this.#reason(listing) });
    else yield* this.#make(root);
    yield* this.#folder(root, index);
    for (let found = this.#pending.next(); found; found = this.#pending.next()) yield* this.#enter(found);
    this.#traffic.planned();
    yield* this.#extraneous.remove();
    yield* this.#writeManifest();
  }

  get #manifest(): Manifest | undefined {
    return this.#contents?.manifest;
  }

  /** After all else: it claims only what is there. */
  async *#writeManifest(): AsyncGenerator<Step, void, void> {
    if (!this.#manifest || this.#settings.dryRun) return;
    await this.#extraneous.uploaded();
    try {
      await this.#manifest.write();
    } catch (error) {
      if (this.#remote.signal.aborted) throw error;
      yield this.#aboutManifest(error as Error);
    }
  }

  /** All files are there, or will be: without a manifest, the next run uploads more. */
  #aboutManifest(error: Error): TreeResult {
    return new Job('file', this.#settings.manifest ?? '').result('skipped', { reason: 'manifest', error });
  }

  async *#enter(found: PendingFolder<RemoteFolder>): AsyncGenerator<Step, void, void> {
    const { parent, path, opposite } = found;
    const { depth, depthChosen } = this.#settings;
    if (depthChosen && parent.chain.depth + 1 >= depth) return;
    const job = new Job('directory', path);
    try {
      const chain = enter(parent.chain, found, depth);
      const existed = opposite !== undefined && (await this.#clearPlace(path, opposite, parent));
      const listing = existed ? this.#remote.listings.folder(listingPath(this.#remote.path(path), { throughSymlink: opposite === 'symlink' }), parent.listing) : undefined;
      const index = listing && (await this.#index(listing));
      const folder: RemoteFolder = { path, chain, parent, made: index !== undefined, listing };
      if (listing) yield* unreadable(folder, listing);
      if (listing && found.wanted) yield job.result('skipped', { reason: this.#reason(listing) });
      if (found.wanted) yield* this.#make(folder);
      yield* this.#folder(folder, index);
    } catch (error) {
      yield job.failed(error);
    }
  }

  /** Whether the folder is there. A file in its place is deleted with `delete`. */
  async #clearPlace(path: string, opposite: EntryType, parent: RemoteFolder): Promise<boolean> {
    if (opposite === 'directory') return true;
    if (opposite === 'symlink' && this.#settings.delete) throw new SecurityError(`${this.#remote.path(path)} is a symlink: nothing is deleted where it leads`);
    if (opposite === 'symlink') return true;
    if (!this.#settings.delete) throw inTheWay(this.#remote.path(path), 'file');
    if (!parent.listing?.whole) throw inDoubt(this.#remote.path(path), 'file');
    if (!this.#settings.dryRun) await this.#remote.remote.delete(this.#remote.path(path));
    return false;
  }

  /** Makes a folder that is missing, and those above it that were not needed so far. */
  async *#make(folder: RemoteFolder): AsyncGenerator<Step, void, void> {
    if (folder.made) return;
    if (folder.parent) yield* this.#make(folder.parent);
    const job = new Job('directory', folder.path);
    const isNew = this.#settings.dryRun || (await this.#remote.makeFolder(folder.path));
    folder.made = true;
    const { path, chain } = folder;
    const mode = isNew && !this.#settings.dryRun ? this.#settings.modeOf?.({ name: basename(path), path, depth: chain.depth, type: 'directory', raw: '' }) : undefined;
    await this.#remote.setMode(this.#remote.path(path), mode);
    this.#extraneous.noteNew(folder);
    yield isNew ? job.result('created') : job.result('skipped', { reason: 'exists' });
  }

  /** What the server has in a folder; undefined where the folder is missing. The listing is not complete where the server does not list it. */
  async #index(listing: FolderListing): Promise<Index | undefined> {
    const index: Index = new TreeTable(this.#budget);
    try {
      for await (const entry of listing) {
        if (entry.name.includes('/')) continue; // a path: no local file has that name
        const { type, size, time, unit } = knownOf(entry);
        index.add(entry.name, type, size ?? null, time ?? null, unit);
      }
    } catch (error) {
      // Servers refuse to list a folder that is missing, or that takes uploads only, with 450, 451, 501, 550, 553 and others.
      if (!mayMeanMissing(error)) throw error;
      if (!(await this.#remote.isFolder(listing.path))) return undefined;
    }
    return index;
  }

  /** Why a folder is not made. What is in one that the server does not list is not known, and `delete` leaves it. */
  #reason({ completed }: FolderListing): 'exists' | 'in doubt' {
    return completed || !this.#settings.delete ? 'exists' : 'in doubt';
  }

  async *#folder(folder: RemoteFolder, index: Index | undefined): AsyncGenerator<Step, void, void> {
    const folders = this.#pending.in(folder);
    this.#extraneous.begin(folder);
    try {
      const failure = yield* this.#read(folder, index, folders);
      if (folder.path === '' && this.#settings.manifest !== undefined) index?.mark(this.#settings.manifest);
      this.#extraneous.findExtraneous(folder, failure ? undefined : index); // what was not seen here is not deleted there
      if (failure) yield failure;
    } finally {
      index?.clear();
    }
  }

  /** Reads the local folder; returns why it was not read to its end. */
  async *#read(folder: RemoteFolder, index: Index | undefined, folders: ReturnType<PendingFolders['in']>): AsyncGenerator<Step, Step | undefined, void> {
    try {
      let parts: PartNames | undefined;
      for await (const entries of inBatches(await opendir(this.#local.path(folder.path)), BATCH)) {
        await this.#assertInPlace(folder.path);
        parts ??= await this.#partNames(folder, entries);
        const found = await Promise.all(entries.map(({ name }) => this.#look(folder, name, index, folders)));
        const isLast = entries.length < BATCH && this.#pending.isEmpty;
        yield* found.filter((each): each is TreeResult => each !== undefined && 'action' in each);
        yield* this.#batch({ folder, parts }, found.filter((each): each is UploadCandidate => each !== undefined && !('action' in each)), isLast);
      }
      return undefined;
    } catch (error) {
      if (this.#remote.signal.aborted) throw error;
      return new Job('directory', folder.path).failed(error);
    }
  }

  /** Files of a local folder that are called as a partial file would be. @param begin its first names, all of them where there are fewer than BATCH */
  async #partNames(folder: RemoteFolder, begin: readonly Dirent[]): Promise<PartNames> {
    const parts = new PartNames();
    if (this.#settings.temporaryName !== partName) return parts;
    const all = begin.length < BATCH ? begin : await opendir(this.#local.path(folder.path), { bufferSize: NAMES_AT_A_TIME });
    for await (const { name } of all) parts.add(name);
    return parts;
  }

  /** A file to be compared, a result, or nothing where it is a folder or not wanted. */
  async #look(folder: RemoteFolder, name: string, index: Index | undefined, folders: ReturnType<PendingFolders['in']>): Promise<UploadCandidate | TreeResult | undefined> {
    const path = joined(folder.path, name);
    const there = index?.get(name);
    index?.mark(name);
    try {
      const own = await lstat(this.#local.path(path));
      const stats = own.isSymbolicLink() && this.#settings.symlinks === 'follow' ? await stat(this.#local.path(path)) : own;
      const file = localEntry(path, folder.chain.depth + 1, stats);
      const { wanted, entered } = this.#settings.select(file);
      const job = new Job(file.type, path);
      if (file.type === 'directory' && entered) folders.add({ name, unique: `${stats.dev}:${stats.ino}`, wanted, opposite: there?.[0] });
      if (file.type === 'directory' || !wanted) return undefined;
      if (this.#settings.manifest !== undefined && folded(path) === folded(this.#settings.manifest)) return job.result('skipped', { reason: 'manifest' });
      if (file.type !== 'file') return job.result('skipped', { reason: file.type === 'symlink' ? 'symlink' : 'not a file' });
      return { file, local: knownLocally(stats), there: there && knownAs(there), job };
    } catch (error) {
      return new Job('other', path).failed(error);
    }
  }

  /** Asks about files that are in doubt, all at the same time, and gives the uploads. @param isLast no file comes after these */
  async *#batch({ folder, parts }: Pick<SourceFolder, 'folder' | 'parts'>, batch: readonly UploadCandidate[], isLast: boolean): AsyncGenerator<Step, void, void> {
    const ahead = new SmallFiles((path) => LocalSource.small(this.#local.path(path), this.#settings.symlinks === 'follow'), () => this.#assertInPlace(folder.path));
    const steps = await Promise.all(batch.map((candidate) => this.#stepFor({ folder, parts, ahead }, candidate)));
    for (const [index, step] of steps.entries()) {
      const { file, local } = batch[index] as UploadCandidate;
      if (typeof step === 'function' && (local.size ?? Infinity) <= SMALL) ahead.add(file.path);
    }
    for (const [index, step] of steps.entries()) if (typeof step === 'function') this.#traffic.plan(batch[index]?.local.size);
    if (isLast) this.#traffic.planned();
    for (const [index, step] of steps.entries()) {
      const candidate = batch[index] as UploadCandidate;
      if (isTransfer(step)) {
        yield* this.#make(folder);
        const { file, local, there, job } = candidate;
        if (there?.type === 'directory' && (yield* this.#removal.folder(file.path, file.depth))) {
          if (typeof step === 'function') this.#traffic.unplan(local.size);
          yield job.failed(stillInTheWay(this.#remote.path(file.path)));
          continue;
        }
      }
      yield typeof step === 'function' ? this.#extraneous.counted(step) : step; // not before: one that is never begun would be waited for
    }
  }

  async #stepFor(source: SourceFolder, { file, local, there, job }: UploadCandidate): Promise<Step> {
    const { path } = file;
    const { folder } = source;
    const { overwrite, dryRun } = this.#settings;
    try {
      if (there?.type === 'directory' && !this.#settings.delete) throw inTheWay(this.#remote.path(path), 'folder');
      if (there?.type === 'directory' && !folder.listing?.whole) throw inDoubt(this.#remote.path(path), 'folder');
      const known = there ?? (folder.listing && !folder.listing.completed && overwrite !== 'always' ? await this.#remote.find(path) : undefined);
      if (known && known.type !== 'directory' && !(await this.#differs(path, local, known, overwrite))) return job.result('skipped', { reason: 'exists' });
      if (dryRun && !there) this.#extraneous.noteNew({ path, parent: folder });
      return dryRun ? job.result('uploaded') : () => this.#send(source, file, there === undefined);
    } catch (error) {
      return job.failed(error);
    }
  }

  async #differs(path: string, local: Known, there: Known, rule: TreeSettings['overwrite']): Promise<boolean> {
    if (this.#contents) return !(await this.#contents.areSame(path, this.#local.path(path), local, there));
    const { swap } = this.#settings; // what an interrupted run has left is another file unless its time is the same, whether it was given that or not
    const verdict = decide(rule, local, there, this.#remote.keepsTimes || swap !== false);
    if (typeof verdict === 'boolean') return verdict;
    return decide(rule, local, await this.#remote.exact(path, there, verdict), this.#remote.keepsTimes || swap !== false) === true;
  }

  async #send(source: SourceFolder, file: WalkEntry, isFresh: boolean): Promise<TreeResult> {
    const { path } = file;
    const { folder, parts } = source;
    const job = new Job('file', path);
    try {
      const target = await this.#target(path, parts);
      const names = [path, joined(folder.path, basename(target.name))];
      const { bytes } = await this.#inUse.alone(names, () => this.#traffic.file(file.path, file.size, (traffic) => this.#uploadInto(source, file, target, traffic)));
      if (isFresh) this.#extraneous.noteNew({ path, parent: folder });
      return job.result('uploaded', { bytes });
    } catch (error) {
      if (isFresh) this.#extraneous.noteNew({ path, parent: folder }, !(error instanceof PermanentError)); // else the server may have stored it all the same
      return job.failed(error);
    }
  }

  /** Makes sure that a folder has not become a symlink since it was found. @throws SecurityError */
  async #assertInPlace(folder: string): Promise<void> {
    if (this.#settings.symlinks === 'skip') await this.#local.check(folder);
  }

  async #target(relative: string, parts: PartNames): Promise<UploadTarget> {
    const { temporaryName } = this.#settings;
    const path = this.#remote.path(relative);
    const part = temporaryName?.(basename(relative));
    const isOurs = temporaryName === partName;
    const taken = part !== undefined && (isOurs ? parts.has(part) : await isThere(join(this.#local.path(dirname(relative)), part))); // it is uploaded, too
    const temporaryPath = temporaryPaths(path, taken || isOurs ? true : part !== undefined && ((): string => part), taken ? 'new' : 'same, then new');
    return new UploadTarget({ remote: this.#remote.remote, path, temporaryPath, isOurs: isOurs || taken, deletesOwnName: true });
  }

  /** simple-ftpd of npm lists another folder in place of one that is missing: only the refused upload to it shows that. With `swap`, one that is missing was taken away. */
  async #uploadInto({ folder, ahead }: SourceFolder, file: WalkEntry, target: UploadTarget, traffic: FileTraffic): Promise<{ readonly bytes: number }> {
    try {
      return await this.#upload(file, target, traffic, await ahead.take(file.path));
    } catch (error) {
      const isRefused = mayMeanMissing(error) && (error as FTPError).command?.startsWith('STOR ');
      if (!isRefused || this.#settings.swap || !(await (folder.remade ??= this.#remote.makeFolder(folder.path).catch(() => false)))) throw error;
      return this.#upload(file, target, traffic);
    }
  }

  async #upload(file: WalkEntry, target: UploadTarget, traffic: FileTraffic, ahead?: LocalSource): Promise<{ readonly bytes: number }> {
    const { path } = file;
    const { symlinks, retry = 0, verify, preserveModes, modeOf } = this.#settings;
    const { remote, signal } = this.#remote;
    signal.throwIfAborted();
    const opened = ahead ?? (await LocalSource.open(this.#local.path(path), symlinks === 'follow'));
    const source = this.#manifest ? new HashedSource(opened) : opened;
    try {
      if (!ahead) await this.#assertInPlace(parentOf(path));
      await this.#manifest?.beforeUpload(path, source.size, source.modified);
      const mode = modeOf?.(file) ?? (preserveModes ? opened.mode : undefined);
      let time: number | undefined;
      const complete = async (name: string): Promise<void> => {
        await this.#remote.preserve(name, new Date(source.modified), mode);
        time = this.#manifest?.mayRenameKeepTime ? await this.#manifest.timeNow(joined(parentOf(path), basename(name))) : undefined;
      };
      const done = await new FileUpload({ remote, source, target, backoff: new Backoff(retry), traffic, resume: false, verify, parents: false, complete, signal }).run();
      if (source instanceof HashedSource && source.hash !== undefined) await this.#manifest?.noteUploaded(path, done.bytes, source.hash, time);
      return done;
    } finally {
      await source.close();
    }
  }
}

function knownAs([type, size, time, unit]: [EntryType, number | null, number | null, number]): Known {
  return { type, ...(size === null ? {} : { size }), ...(time === null ? {} : { time }), unit, exact: false };
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
