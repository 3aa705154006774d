import { posix } from 'node:path';
import { PermanentError } from '../errors';
import type { EntryType } from '../listing/entry';
import type { Budget } from './tree-budget';
import { TreeLog } from './tree-log';
import type { TreeSettings } from './tree-options';
import type { RemoteTree } from './tree-remote';
import { Job, type Step } from './tree-run';
import { checkName, joined, type WalkEntry } from './walk-entry';

/** Deletions that are called together: plain commands, which are written together. */
const BATCH = 32;

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

  /** Removes what a folder holds, as far as the filter wants it; returns whether it keeps something. */
  async *all(folder: string, depth: number, found: Iterable<[name: string, facts: Facts]>): AsyncGenerator<Step, boolean, void> {
    const folders = new TreeLog<[path: string]>(this.#budget);
    let kept = false;
    let batch: WalkEntry[] = [];
    for (const [name, [type, size, time]] of found) {
      const entry = { name, path: joined(folder, name), depth, type, raw: '', ...(size === null ? {} : { size }), ...(time === null ? {} : { modified: new Date(time) }) };
      const { wanted, entered } = this.#settings.select(entry);
      if (type === 'directory' && entered) folders.push([entry.path]);
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
      const kept = yield* this.all(path, depth + 1, await this.#list(path));
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
  async #list(path: string): Promise<Iterable<[string, Facts]>> {
    const log = new TreeLog<[string, Facts]>(this.#budget);
    for await (const { name, type, size, modified } of this.#remote.listings.folder(this.#remote.path(path))) {
      checkName(name);
      log.push([name, [type, size ?? null, modified?.getTime() ?? null]]);
    }
    return drain(log);
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

function* drain<T extends readonly unknown[]>(log: TreeLog<T>): Generator<T> {
  for (let record = log.shift(); record; record = log.shift()) yield record;
}
