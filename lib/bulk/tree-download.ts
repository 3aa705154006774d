import { posix } from 'node:path';
import { ArgumentError, TransferError } from '../errors';
import type { Entry } from '../listing/entry';
import { checkedPart, partName, PartNames } from '../transfer/temporary-name';
import { FileDownload } from './get';
import { checkName, type FolderListing, joined, placed, type WalkEntry } from './listings';
import { LocalPart, unusedPart } from './local-file';
import type { FileTraffic, TreeTraffic } from './progress';
import type { Remote } from './remote';
import { BATCH, type Candidate, CandidateLog, decide, inBatches, type Known, knownLocally, knownOf } from './tree-compare';
import { Contents } from './tree-hash';
import { type Budget, TreeTable } from './tree-memory';
import { checkPlaces, type TreeOptions, type TreeResult, type TreeSettings, treeSettings } from './tree-options';
import { LocalRemoval } from './tree-removal';
import { inDoubt, inTheWay, isTransfer, Job, NamesInUse, type Step, stillInTheWay, TreeStream, unreadable } from './tree-run';
import { checkLocalName, LocalTree, parentOf, RemoteTree } from './tree-sides';
import { chainOfRoot, enter, type Folder, followed, LinkLog, listingPath, PendingFolders, type PendingFolder } from './walk';

/** Fetches files into a local tree. */
class Receiver {
  readonly #remote: RemoteTree;
  readonly #local: LocalTree;
  readonly #settings: TreeSettings;
  readonly #traffic: TreeTraffic;
  readonly #inUse: NamesInUse;

  constructor(remote: RemoteTree, local: LocalTree, settings: TreeSettings, traffic: TreeTraffic, inUse: NamesInUse) {
    this.#inUse = inUse;
    this.#remote = remote;
    this.#local = local;
    this.#settings = settings;
    this.#traffic = traffic;
  }

  /** @param parts what its folder on the server has under such names */
  async receive(path: string, listed: Known, planned: number | undefined, parts: PartNames): Promise<TreeResult> {
    const job = new Job('file', path);
    try {
      const { temporaryName } = this.#settings;
      const name = posix.basename(path);
      const usual = temporaryName && checkedPart(temporaryName(name), name);
      const isOurs = temporaryName === partName;
      const part = isOurs && usual !== undefined && parts.has(usual) ? unusedPart() : usual; // what has that name is downloaded, too
      const names = [path, ...(part === undefined ? [] : [path.slice(0, path.lastIndexOf('/') + 1) + part])];
      const { bytes } = await this.#inUse.alone(names, () => this.#traffic.file(path, planned, (traffic) => this.#download(path, listed, traffic, { part, isOurs })));
      return job.result('downloaded', { bytes });
    } catch (error) {
      return job.failed(error);
    }
  }

  async #download(path: string, listed: Known, traffic: FileTraffic, { part, isOurs }: { readonly part: string | undefined; readonly isOurs: boolean }): Promise<{ readonly bytes: number }> {
    const { preserveTimes, preserveModes, modeOf, retry, verify } = this.#settings;
    const { remote, signal } = this.#remote;
    signal.throwIfAborted();
    const folder = parentOf(path);
    const [replaced] = await Promise.all([this.#local.look(path), this.#local.checkForFile(folder)]);
    const download = new FileDownload({
      remote,
      path: this.#remote.path(path),
      open: () => LocalPart.replace(this.#local.path(path), { part, isOurs, replaced }),
      facts: 'not asked',
      retry,
      segments: 1,
      verify,
      traffic,
      judge: async (bytes) => {
        const { time, mode } = await this.#remote.judge(path, listed, bytes);
        const chosen = modeOf?.({ name: posix.basename(path), path, depth: path.split('/').length, type: 'file', size: bytes, ...(time === undefined ? {} : { modified: new Date(time) }), raw: '' });
        return { modified: preserveTimes && time !== undefined ? new Date(time) : undefined, mode: chosen ?? (preserveModes ? mode : undefined) };
      },
      signal,
    });
    return download.run();
  }
}

/**
 * Downloads a folder and all that is in it, and returns a Readable with a TreeResult for each file and folder. Nothing happens before it is read, and
 * destroying it ends the work. Folders are listed when they are reached; memory holds the names of what is still to be done.
 *
 * A name from the server is only ever a name in its local folder: one that is a path, a device, or another name of a file that is there is refused
 * with a SecurityError. No symlink in the local folder is followed; the local folder itself may be one. The stream fails with the first error, or
 * gives each error as a result with `continueOnError`. It fails with PermanentError where the path on the server is that of a file, and with
 * ArgumentError where the local one is.
 *
 * @param remote a client or a pool; a pool transfers several files at a time
 * @param remotePath the folder on the server; empty for the working folder
 * @param localPath the local folder, which is made where it is missing
 * @throws ArgumentError for paths that are no strings, and for options that are not known or out of range
 */
export function downloadTree(remote: Remote, remotePath: string, localPath: string, options: TreeOptions = {}): TreeStream {
  return downloads(remote, remotePath, localPath, treeSettings(options, { overwrite: 'always', preserveTimes: false }, remote));
}

/** @internal for settings that were checked */
export function downloads(remote: Remote, remotePath: string, localPath: string, settings: TreeSettings): TreeStream {
  checkPlaces(remotePath, localPath);
  if (settings.swap) throw new ArgumentError('swap is for uploads');
  return new TreeStream(remote, (signal, traffic) => new TreeDownload(new RemoteTree(remote, remotePath, signal, settings), localPath, settings, traffic).steps(), settings);
}

/** A remote folder, and what there is of it here. */
interface LocalFolder extends Folder {
  readonly parent: LocalFolder | undefined;
  /** It is there, or would be after a dry run. */
  made: boolean;
  /** It was there before. */
  readonly existed: boolean;
  /** Files in its listing. */
  readonly parts: PartNames;
}

/** What is to be done after the listing of a folder has been read. */
interface ListedFolder {
  readonly folder: LocalFolder;
  readonly folders: ReturnType<PendingFolders['in']>;
  readonly links: LinkLog;
  readonly candidates: CandidateLog;
  /** Every name of the listing, with `delete`; those of folders are marked. */
  readonly names: TreeTable<[]> | undefined;
}

/** Goes through a remote tree, and gives the steps to download it, which `perform` does. */
class TreeDownload {
  readonly #remote: RemoteTree;
  readonly #local: LocalTree;
  readonly #settings: TreeSettings;
  readonly #traffic: TreeTraffic;
  readonly #receiver: Receiver;
  readonly #removal: LocalRemoval;
  readonly #budget: Budget;
  readonly #pending: PendingFolders<LocalFolder>;
  #contents: Contents | undefined;

  constructor(remote: RemoteTree, localPath: string, settings: TreeSettings, traffic: TreeTraffic) {
    this.#remote = remote;
    this.#local = new LocalTree(localPath);
    this.#settings = settings;
    this.#traffic = traffic;
    const inUse = new NamesInUse();
    this.#receiver = new Receiver(remote, this.#local, settings, traffic, inUse);
    this.#budget = remote.budget;
    this.#removal = new LocalRemoval(this.#local, settings, inUse, this.#budget);
    this.#pending = new PendingFolders(this.#budget);
  }

  async *steps(): AsyncGenerator<Step, void, void> {
    this.#contents = await Contents.begin(this.#remote, this.#settings, 'local');
    const existed = await this.#local.open();
    if (existed) yield new Job('directory', '').result('skipped', { reason: 'exists' });
    yield* this.#folder({ path: '', chain: chainOfRoot(this.#remote.root), parent: undefined, made: existed, existed, parts: new PartNames() });
    for (let found = this.#pending.next(); found; found = this.#pending.next()) yield* this.#enter(found);
    this.#traffic.planned();
  }

  async *#enter(found: PendingFolder<LocalFolder>): AsyncGenerator<Step, void, void> {
    const { parent, path } = found;
    const { depth, depthChosen } = this.#settings;
    if (depthChosen && parent.chain.depth + 1 >= depth) return;
    const job = new Job('directory', path);
    try {
      const chain = enter(parent.chain, found, depth);
      const existed = parent.existed && (await this.#clearPlace(path, parent));
      const folder = { path, chain, parent, made: existed, existed, parts: new PartNames() };
      if (existed && found.wanted) yield job.result('skipped', { reason: 'exists' });
      if (found.wanted) yield* this.#make(folder);
      yield* this.#folder(folder);
    } catch (error) {
      yield job.failed(error);
    }
  }

  /** Whether the folder is there. A file in its place is removed with `delete`. */
  async #clearPlace(path: string, parent: LocalFolder): Promise<boolean> {
    const stats = await this.#local.look(path);
    if (!stats || stats.isDirectory()) return stats !== undefined;
    if (!this.#settings.delete) throw inTheWay(this.#local.path(path), 'file');
    if (!(await this.#remote.listings.showsAll(parent.listing))) throw inDoubt(this.#local.path(path), 'file');
    if (!this.#settings.dryRun) await this.#local.removeFile(path);
    return false;
  }

  /** Makes a folder that is missing, and those above it that were not needed so far. */
  async *#make(folder: LocalFolder): AsyncGenerator<Step, void, void> {
    if (folder.made) return;
    if (folder.parent) yield* this.#make(folder.parent);
    const job = new Job('directory', folder.path);
    let isNew = true;
    if (!this.#settings.dryRun) {
      if (folder.parent) await this.#local.check(folder.parent.path);
      const { path, chain } = folder;
      isNew = await this.#local.makeFolder(path, this.#settings.modeOf?.({ name: posix.basename(path), path, depth: chain.depth, type: 'directory', raw: '' }));
    }
    folder.made = true;
    yield isNew ? job.result('created') : job.result('skipped', { reason: 'exists' });
  }

  async *#folder(folder: LocalFolder): AsyncGenerator<Step, void, void> {
    const listed: ListedFolder = {
      folder,
      folders: this.#pending.in(folder),
      links: new LinkLog(this.#budget),
      candidates: new CandidateLog(this.#budget),
      names: this.#settings.delete && folder.existed ? new TreeTable(this.#budget) : undefined,
    };
    const { listings } = this.#remote;
    const listing = (folder.listing = listings.folder(listingPath(this.#remote.path(folder.path), folder.chain), folder.parent?.listing));
    try {
      const failure = yield* this.#read(listing, listed);
      if (this.#pending.isEmpty) this.#traffic.planned();
      if (failure) yield failure;
      if (!folder.parent) yield* this.#make(folder); // not before: a folder that is missing on the server makes none here
      // Read before anything is written here: a file that is being written has a name, too.
      const extraneous = listed.names && !failure && listing.readable ? yield* this.#removal.extraneous(folder.path, listed.names, listings.showsHidden) : undefined;
      listed.names?.clear();
      for (const batch of listed.candidates.batches()) yield* this.#batch(folder, batch);
      if (extraneous) yield* this.#removal.all(folder.path, folder.chain.depth + 1, extraneous, () => listings.showsAll(listing));
    } finally {
      listed.names?.clear();
      listed.candidates.clear();
      listed.links.clear();
    }
  }

  /** Reads the listing; returns why it could not be read to its end. */
  async *#read(listing: FolderListing, listed: ListedFolder): AsyncGenerator<Step, Step | undefined, void> {
    const { folder } = listed;
    try {
      for await (const entries of inBatches(listing, BATCH)) {
        yield* unreadable(folder, listing);
        yield* await this.#entries(entries, listed);
      }
      yield* unreadable(folder, listing);
      for (const link of listed.links.take()) {
        const end = await this.#remote.withRetry(() => followed(this.#remote.remote, this.#remote.path(joined(folder.path, link.name)), link));
        yield* await this.#compareAll([end], listed);
      }
      return undefined;
    } catch (error) {
      if (folder.path === '' || this.#remote.signal.aborted) throw error;
      return new Job('directory', folder.path).failed(error);
    }
  }

  /** Sorts entries into what is to be done later, and results of what need not be done. */
  async #entries(entries: readonly Entry[], listed: ListedFolder): Promise<TreeResult[]> {
    const named: Entry[] = [];
    const refused: TreeResult[] = [];
    for (const entry of entries) {
      listed.folder.parts.add(entry.name);
      if (isListedOtherwise(entry, listed.names)) refused.push(new Job(entry.type, joined(listed.folder.path, entry.name)).failed(new TransferError(`${entry.name} is listed as a file and as a folder`)));
      else if (entry.type === 'symlink' && this.#settings.symlinks === 'follow') listed.links.add(entry);
      else named.push(entry);
    }
    return [...refused, ...(await this.#compareAll(named, listed))];
  }

  async #compareAll(entries: readonly Entry[], listed: ListedFolder): Promise<TreeResult[]> {
    const looked = await Promise.all(entries.map((entry) => this.#look(entry, listed)));
    return looked.flatMap((found) => {
      if (!found || 'action' in found) return found ?? [];
      try {
        listed.candidates.add(found);
        this.#traffic.plan(found.remote.size);
        return [];
      } catch (error) {
        return new Job('file', joined(listed.folder.path, found.name)).failed(error);
      }
    });
  }

  /** Undefined for a folder, which is entered later, and for what is not wanted. */
  async #look(entry: Entry, { folder, folders }: ListedFolder): Promise<Candidate | TreeResult | undefined> {
    const job = new Job(entry.type, joined(folder.path, entry.name));
    try {
      const file = placed(entry, folder.path, folder.chain.depth + 1);
      const { wanted, entered } = this.#settings.select(file);
      if (!wanted && !entered) return undefined;
      checkName(entry.name);
      checkLocalName(entry.name, this.#settings.names);
      if (entry.type === 'directory') {
        if (entered) folders.add({ name: entry.name, unique: entry.facts?.['unique'], target: entry.target, wanted });
        return undefined;
      }
      if (!wanted) return undefined;
      if (folder.path === '' && entry.name === this.#settings.manifest) return job.result('skipped', { reason: 'manifest' });
      if (entry.type !== 'file') return job.result('skipped', { reason: entry.type === 'symlink' ? 'symlink' : 'not a file' });
      return (await this.#compare(file, folder)) ?? job.result('skipped', { reason: 'exists' });
    } catch (error) {
      return job.failed(error);
    }
  }

  /** Undefined where the file is here already, as far as `overwrite` says. */
  async #compare(entry: WalkEntry, folder: LocalFolder): Promise<Candidate | undefined> {
    const { overwrite, preserveTimes } = this.#settings;
    const candidate = { name: entry.name, remote: knownOf(entry), doubt: undefined, replaces: false };
    const stats = folder.existed ? await this.#local.look(entry.path) : undefined;
    if (!stats) return candidate;
    if (stats.isDirectory() && !this.#settings.delete) throw inTheWay(this.#local.path(entry.path), 'folder');
    if (stats.isDirectory()) return { ...candidate, replaces: true };
    const verdict = this.#contents ? { size: true, time: false } : decide(overwrite, candidate.remote, knownLocally(stats), preserveTimes);
    if (verdict === false) return undefined;
    return verdict === true ? candidate : { ...candidate, doubt: verdict };
  }

  /** Asks about candidates that are in doubt, all at the same time, and gives the downloads. */
  async *#batch(folder: LocalFolder, batch: readonly Candidate[]): AsyncGenerator<Step, void, void> {
    const steps = await Promise.all(batch.map((candidate) => this.#stepFor(folder, candidate)));
    for (const [index, step] of steps.entries()) {
      const { name, remote, replaces } = batch[index] as Candidate;
      const path = joined(folder.path, name);
      let stays = false;
      if (isTransfer(step)) {
        yield* this.#make(folder);
        if (replaces) stays = yield* this.#removal.one(path, folder.chain.depth + 1);
      }
      if (typeof step !== 'function' || stays) this.#traffic.unplan(remote.size);
      yield stays ? new Job('file', path).failed(stillInTheWay(this.#local.path(path))) : step;
    }
  }

  async #stepFor(folder: LocalFolder, { name, remote, doubt: asked, replaces }: Candidate): Promise<Step> {
    const { overwrite, preserveTimes, dryRun } = this.#settings;
    const path = joined(folder.path, name);
    const job = new Job('file', path);
    try {
      if (replaces && !(await this.#remote.listings.showsAll(folder.listing))) throw inDoubt(this.#local.path(path), 'folder');
      const forTime = preserveTimes && !dryRun && remote.unit > 1000;
      if (this.#contents && asked && (await this.#isHere(path, remote))) return job.result('skipped', { reason: 'exists' });
      const doubt = this.#contents ? undefined : asked;
      const known = doubt || forTime ? await this.#remote.exact(path, remote, { size: doubt?.size ?? false, time: forTime || (doubt?.time ?? false) }) : remote;
      const stats = doubt && (await this.#local.look(path));
      if (stats && decide(overwrite, { ...known, exact: true }, knownLocally(stats), preserveTimes) === false) return job.result('skipped', { reason: 'exists' });
      return dryRun ? job.result('downloaded') : () => this.#receiver.receive(path, known, remote.size, folder.parts);
    } catch (error) {
      return job.failed(error);
    }
  }

  /** Whether the local file has the content of the one on the server. */
  async #isHere(path: string, there: Known): Promise<boolean> {
    const stats = await this.#local.look(path);
    return stats?.isFile() === true && this.#contents !== undefined && this.#contents.areSame(path, this.#local.path(path), knownLocally(stats), there);
  }
}

/** Adds a name to those of its listing. Whether it was there as another kind of thing: of two that have one name, the second would be put in the place of the first. */
function isListedOtherwise({ name, type }: Entry, names: TreeTable<[]> | undefined): boolean {
  if (!names) return false;
  const isFolder = type === 'directory';
  if (!names.add(name)) return names.isMarked(name) !== isFolder;
  if (isFolder) names.mark(name);
  return false;
}
