import { posix } from 'node:path';
import type { Stats } from 'node:fs';
import type { LocalTree } from './local-tree';
import { folded } from './same-name';
import type { Budget } from './tree-budget';
import { knownLocally, localTime } from './tree-compare';
import { TreeLog } from './tree-log';
import type { TreeSettings } from './tree-options';
import { Job, type Step } from './tree-run';
import { TreeTable } from './tree-table';
import { joined, type WalkEntry } from './walk-entry';

/** What a local folder has, and the server does not. */
export interface Extraneous {
  readonly log: TreeLog<[name: string]>;
  /** Names of the server, by what they have in common with one of those. */
  readonly namesakes: TreeTable<[name: string]>;
}

/** Removes from a local tree what the server does not have; never through a symlink. */
export class LocalRemoval {
  readonly #local: LocalTree;
  readonly #settings: TreeSettings;

  constructor(local: LocalTree, settings: TreeSettings) {
    this.#local = local;
    this.#settings = settings;
  }

  /** The names in a folder that are none of `names`; hidden ones only where the server would have shown them. */
  async extraneous(folder: string, names: TreeTable<[]>, showsHidden: boolean, budget: Budget): Promise<Extraneous> {
    const log = new TreeLog<[name: string]>(budget);
    const spellings = new TreeTable<[]>(budget);
    const namesakes = new TreeTable<[name: string]>(budget);
    for await (const name of this.#local.names(folder)) {
      if (names.has(name) || (!showsHidden && name.startsWith('.'))) continue;
      log.push([name]);
      spellings.add(folded(name));
    }
    if (log.size > 0) {
      for (const [name] of names.unmarked()) if (spellings.has(folded(name))) namesakes.add(folded(name), name);
    }
    spellings.clear();
    return { log, namesakes };
  }

  /** Removes the names of a folder; leaves them where it is in doubt whether the server has none of them. */
  async *all(folder: string, depth: number, { log, namesakes }: Extraneous, doubtful: boolean): AsyncGenerator<Step, void, void> {
    for (let record = log.shift(); record; record = log.shift()) {
      const [name] = record;
      const path = joined(folder, name);
      const [namesake] = namesakes.get(folded(name)) ?? [];
      if (doubtful || (namesake !== undefined && !(await this.#areTwo(path, joined(folder, namesake))))) yield* this.#leave(path, depth);
      else yield* this.one(path, depth);
    }
    namesakes.clear();
  }

  /** Reports what stays because it may be something of the server. */
  async *#leave(path: string, depth: number): AsyncGenerator<Step, void, void> {
    const stats = await this.#local.facts(path);
    if (!stats) return;
    const entry = localEntry(path, depth, stats);
    if (this.#settings.select(entry).wanted) yield new Job(entry.type, path).result('skipped', { reason: 'in doubt' });
  }

  /** Both are there, and the file system holds them apart. */
  async #areTwo(path: string, other: string): Promise<boolean> {
    const [one, two] = await Promise.all([this.#local.facts(path), this.#local.facts(other)]);
    return one !== undefined && two !== undefined && (one.ino !== two.ino || one.dev !== two.dev);
  }

  /** Removes what is at a path, as far as the filter wants it. */
  async *one(path: string, depth: number): AsyncGenerator<Step, void, void> {
    const stats = await this.#local.facts(path);
    if (!stats) return;
    const entry = localEntry(path, depth, stats);
    const { wanted, entered } = this.#settings.select(entry);
    if (entry.type === 'directory' && entered) {
      for await (const name of this.#local.names(path)) yield* this.one(joined(path, name), depth + 1);
    }
    if (wanted) yield await this.#remove(entry);
  }

  async #remove({ path, type }: WalkEntry): Promise<Step> {
    const job = new Job(type, path);
    try {
      if (this.#settings.dryRun) return job.result('deleted');
      if (type === 'directory') await this.#local.removeFolder(path);
      else await this.#local.removeFile(path);
      return job.result('deleted');
    } catch (error) {
      // A filter keeps what is in it.
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
