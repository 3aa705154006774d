import type { Budget } from './tree-budget';
import { TreeLog } from './tree-log';
import type { Link, Sighting } from './walk-chain';
import { joined } from './walk-entry';

/** A folder that is to be listed. */
export interface Folder {
  /** From the start of the tree; empty for the start. */
  readonly path: string;
  readonly link: Link;
}

/** One that was seen, and may turn out to be no folder, or one that must not be entered. */
export interface SeenFolder extends Sighting {
  readonly path: string;
  readonly parent: Folder;
}

type Record = [name: string, unique: string | null, target: string | null];

/** The folders that are still to be entered, depth first, each group behind the listing that showed it. */
export class PendingFolders {
  readonly #budget: Budget;
  readonly #groups: { readonly parent: Folder; readonly log: TreeLog<Record> }[] = [];

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** What is added comes before everything else, in the order in which it is added. @throws LimitError */
  in(parent: Folder): { add(sighting: Sighting): void } {
    const log = new TreeLog<Record>(this.#budget);
    this.#groups.push({ parent, log });
    return { add: ({ name, unique, target }) => log.push([name, unique ?? null, target ?? null]) };
  }

  next(): SeenFolder | undefined {
    for (let group = this.#groups.at(-1); group; group = this.#groups.at(-1)) {
      const record = group.log.shift();
      if (record) {
        const [name, unique, target] = record;
        return { name, unique: unique ?? undefined, target: target ?? undefined, parent: group.parent, path: joined(group.parent.path, name) };
      }
      this.#groups.pop();
    }
    return undefined;
  }
}
