import { posix } from 'node:path';
import { LimitError, PermanentError, SecurityError, TransferError } from '../errors';
import type { EntryType } from '../listing/entry';
import { partName } from './part-name';
import type { Budget } from './tree-budget';
import { TreeLog } from './tree-log';
import { MOST_LEVELS, type TreeSettings } from './tree-options';
import type { RemoteTree } from './tree-remote';
import { Job, type Step } from './tree-run';
import { TreeTable } from './tree-table';
import { checkName, joined, type WalkEntry } from './walk-entry';

/** Deletions that are called together: plain commands, which are written together. */
const BATCH = 32;

/** Folders above one that are listed to compare it with them. */
const MOST_COMPARED = 8;

/** A name, its type, size and time. */
export type Facts = [type: EntryType, size: number | null, time: number | null];

/** Removes from a server what the local tree does not have; symlinks themselves, not what they lead to. */
export class RemoteRemoval {
  readonly #remote: RemoteTree;
  readonly #settings: TreeSettings;
  readonly #budget: Budget;

  constructor(remote: RemoteTree, settings: TreeSettings, budget: Budget) {
    this.#remote = remote;
    this.#settings = settings;
    this.#budget = budget;
  }

  /**
   * Removes what a folder holds, as far as the filter wants it; returns whether it keeps something.
   *
   * @param isDoubtful whether something may be what the source has under another name
   */
  async *all(folder: string, depth: number, found: Iterable<[name: string, facts: Facts]>, isDoubtful: (name: string) => boolean = () => false): AsyncGenerator<Step, boolean, void> {
    const folders = new TreeLog<[path: string]>(this.#budget);
    let kept = false;
    let batch: WalkEntry[] = [];
    for (const [name, [type, size, time]] of found) {
      const entry = { name, path: joined(folder, name), depth, type, raw: '', ...(size === null ? {} : { size }), ...(time === null ? {} : { modified: new Date(time) }) };
      const { wanted, entered } = this.#settings.select(entry);
      if ((wanted || entered) && isDoubtful(name)) {
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

  /** Removes a folder and what is in it; returns whether it stays, because the filter keeps something. */
  async *folder(path: string, depth: number): AsyncGenerator<Step, boolean, void> {
    const job = new Job('directory', path);
    const { wanted } = this.#settings.select({ name: posix.basename(path), path, depth, type: 'directory', raw: '' });
    try {
      // MLSD of ProFTPD and pyftpdlib shows a symlink to a folder as a folder: what DELE can remove is none.
      if (wanted && !this.#settings.dryRun && (await this.#isGone(path))) {
        yield job.result('deleted');
        return false;
      }
      if (depth >= MOST_LEVELS) throw new LimitError(`folders are nested deeper than ${MOST_LEVELS} levels`);
      const found = await this.#list(path);
      await this.#assertNoLoop(path, found);
      const kept = yield* this.all(path, depth + 1, drain(found));
      if (kept && wanted) yield job.result('skipped', { reason: 'not empty' });
      if (kept || !wanted) return true;
      if (!this.#settings.dryRun) await this.#remote.remote.rmd(this.#remote.path(path));
      yield job.result('deleted');
      return false;
    } catch (error) {
      yield job.failed(error);
      return true;
    }
  }

  async #isGone(path: string): Promise<boolean> {
    try {
      await this.#remote.remote.delete(this.#remote.path(path));
      return true;
    } catch (error) {
      if (!(error instanceof PermanentError)) throw error;
      return false;
    }
  }

  /** To its end before anything is deleted: that would wait for the same connection. */
  async #list(path: string): Promise<TreeTable<Facts>> {
    const found = new TreeTable<Facts>(this.#budget);
    const listing = this.#remote.listings.sureFolder(this.#remote.path(path));
    for await (const { name, type, size, modified } of listing) {
      checkName(name);
      found.add(name, type, size ?? null, modified?.getTime() ?? null);
    }
    for (const { error } of listing.takeLines()) throw error;
    if (!listing.whole) throw new TransferError(`${this.#remote.path(path)}: the server does not show what is in it: nothing is deleted`);
    return found;
  }

  /**
   * aioftp 0.21 and Twisted show a symlink as the folder that it leads to, and do not let DELE have it. One that leads back to a folder
   * that it is in shows what that folder shows, in which files are that must stay.
   *
   * @throws SecurityError
   */
  async #assertNoLoop(path: string, found: TreeTable<Facts>): Promise<void> {
    const parts = path.split('/');
    let compared = 0;
    for (const [index, part] of parts.entries()) {
      if (found.get(part)?.[0] !== 'directory') continue;
      if (++compared > MOST_COMPARED) return; // a hostile server: what is deleted is its own
      const above = parts.slice(0, index).join('/');
      if (!this.#isWithin(found, await this.#list(above))) continue;
      throw new SecurityError(`${this.#remote.path(path)} shows what ${this.#remote.path(above)} shows, that it is in: nothing is deleted in it`);
    }
  }

  /** Whether a folder has all that another has, apart from uploads that are under way: what has come since it was listed is no difference. */
  #isWithin(found: TreeTable<Facts>, there: TreeTable<Facts>): boolean {
    const { temporaryName } = this.#settings;
    try {
      for (const [name, [type]] of found.unmarked()) {
        const passing = type === 'file' && temporaryName && (temporaryName !== partName || name.endsWith('.part'));
        if (!passing && !there.has(name)) return false;
      }
      return true;
    } finally {
      there.clear();
    }
  }

  async #removeAll(batch: readonly WalkEntry[]): Promise<Step[]> {
    this.#remote.signal.throwIfAborted();
    return Promise.all(batch.map((entry) => this.#remove(entry)));
  }

  async #remove({ path, type }: WalkEntry): Promise<Step> {
    const job = new Job(type, path);
    try {
      if (!this.#settings.dryRun) await this.#remote.remote.delete(this.#remote.path(path));
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
