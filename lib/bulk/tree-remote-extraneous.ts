import { posix } from 'node:path';
import { LimitError } from '../errors';
import type { EntryType } from '../listing/entry';
import { folded } from './same-name';
import type { Budget } from './tree-budget';
import { knownOf } from './tree-compare';
import { unreadable } from './tree-doubt';
import { TreeLog } from './tree-log';
import type { TreeResult, TreeSettings } from './tree-options';
import type { RemoteTree } from './tree-remote';
import { RemoteRemoval, type Facts } from './tree-remote-removal';
import { Job, Outstanding, type Step } from './tree-run';
import { TreeTable } from './tree-table';
import { listingPath } from './walk-chain';
import type { Folder } from './walk-pending';

/** What a server holds in one folder. */
export type Index = TreeTable<[type: EntryType, size: number | null, time: number | null, unit: number]>;

/** A folder on both sides. */
export interface RemoteFolder extends Folder {
  readonly parent: RemoteFolder | undefined;
  made: boolean;
  /** What this run has made in it, where something may have to be deleted. */
  fresh?: Fresh | undefined;
}

/** Names that were not listed before. */
interface Fresh {
  /** False for what the server has refused. */
  readonly names: TreeTable<[there: boolean]>;
  /** There was room for all of them. */
  complete: boolean;
}

/** What a folder has, and the source does not. */
interface Extraneous {
  readonly folder: RemoteFolder;
  readonly log: TreeLog<[name: string, ...Facts]>;
}

/**
 * Removes from a server what the source does not have: from each folder when all that the source has is in it, and in what it holds.
 *
 * What goes was listed before the uploads and is listed after them, and is nothing that this run has made. A server may store a name in
 * another way (in other case, decomposed, without its last dot, with other letters). What it has made of a name shows by that, or not at all,
 * and then nothing goes from that folder.
 */
export class RemoteExtraneous {
  readonly #remote: RemoteTree;
  readonly #settings: TreeSettings;
  readonly #budget: Budget;
  readonly #removal: RemoteRemoval;
  readonly #outstanding = new Outstanding();
  /** Of folders that are not done; the innermost is the last. */
  readonly #waiting: Extraneous[] = [];

  constructor(remote: RemoteTree, settings: TreeSettings, budget: Budget, removal: RemoteRemoval) {
    this.#remote = remote;
    this.#settings = settings;
    this.#budget = budget;
    this.#removal = removal;
  }

  /** A folder that was listed is to be filled. */
  begin(folder: RemoteFolder): void {
    if (this.#settings.delete && folder.listing) folder.fresh = { names: new TreeTable(this.#budget), complete: true };
  }

  /** An upload, which what is removed from its folder waits for. */
  counted(task: () => Promise<TreeResult>): () => Promise<TreeResult> {
    return this.#outstanding.counted(task);
  }

  /** Something is in a folder that was not listed before, or may be. */
  note({ path, parent }: { readonly path: string; readonly parent: RemoteFolder | undefined }, there = true): void {
    const { fresh } = parent ?? {};
    try {
      fresh?.names.add(posix.basename(path), there);
    } catch (error) {
      if (!fresh || !(error instanceof LimitError)) throw error;
      fresh.complete = false;
    }
  }

  /** The source's folder was read: what is not marked in the index is extraneous. Undefined: that is not known. */
  settle(folder: RemoteFolder, index: Index | undefined): void {
    const log: Extraneous['log'] = new TreeLog(this.#budget);
    if (folder.fresh && folder.listing?.whole) for (const [name, [type, size, time]] of index?.unmarked() ?? []) log.push([name, type, size, time]);
    if (log.size > 0) this.#waiting.push({ folder, log });
    else forget(folder);
  }

  /** Removes what is extraneous in the folders that are done when the next one is in that one. */
  async *removeBefore(next: RemoteFolder | undefined): AsyncGenerator<Step, void, void> {
    for (let last = this.#waiting.at(-1); last && !isWithin(next, last.folder); last = this.#waiting.at(-1)) {
      this.#waiting.pop();
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

  async *#remove({ folder, log }: Extraneous): AsyncGenerator<Step, void, void> {
    const { dryRun } = this.#settings;
    const now: Index = new TreeTable(this.#budget);
    const spellings = new TreeTable<[]>(this.#budget);
    try {
      const whole = dryRun || (yield* this.#lookAgain(folder, now));
      const identified = this.#spell(folder, now, spellings) || dryRun;
      yield* this.#removal.all(folder.path, folder.link.depth + 1, this.#stillThere(log, now), (name) => !whole || !identified || spellings.has(folded(name)));
    } finally {
      now.clear();
      spellings.clear();
    }
  }

  /** Lists a folder that all of its uploads have come to; returns whether all of it could be read. */
  async *#lookAgain(folder: RemoteFolder, now: Index): AsyncGenerator<Step, boolean, void> {
    await this.#outstanding.none(this.#remote.signal);
    const listing = this.#remote.listings.sureFolder(listingPath(this.#remote.path(folder.path), folder.link));
    for await (const entry of listing) {
      const { type, size, time, unit } = knownOf(entry);
      now.add(entry.name, type, size ?? null, time ?? null, unit);
    }
    yield* unreadable(folder, listing);
    return listing.whole;
  }

  /** How names may be spelled that are not listed as they were sent; returns whether there is one for each that must be there. */
  #spell({ fresh }: RemoteFolder, now: Index, spellings: TreeTable<[]>): boolean {
    if (!fresh?.complete) return false;
    const missing = new TreeTable<[]>(this.#budget);
    const { showsHidden } = this.#remote.listings;
    try {
      for (const [name, [there]] of fresh.names.unmarked()) {
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

  *#stillThere(log: Extraneous['log'], now: Index): Generator<[name: string, facts: Facts]> {
    for (let record = log.shift(); record; record = log.shift()) {
      const [name, type, size, time] = record;
      if (this.#settings.dryRun || now.get(name)?.[0] === type) yield [name, [type, size, time]];
    }
  }
}

function forget(folder: RemoteFolder): void {
  folder.fresh?.names.clear();
  folder.fresh = undefined;
}

function isWithin(folder: RemoteFolder | undefined, outer: RemoteFolder): boolean {
  for (let above = folder; above; above = above.parent) if (above === outer) return true;
  return false;
}
