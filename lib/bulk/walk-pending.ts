import type { EntryType } from '../listing/entry';
import type { Budget } from './tree-budget';
import { TreeLog } from './tree-log';
import type { Link, Sighting } from './walk-chain';
import { joined } from './walk-entry';
import type { FolderListing } from './walk-listing';

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
