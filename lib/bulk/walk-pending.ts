import type { EntryType } from '../listing/entry';
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
export interface SeenFolder<F extends Folder = Folder> extends Sighting {
  readonly path: string;
  readonly parent: F;
}

type FolderRecord = [name: string, unique: string | null, target: string | null, wanted: 0 | 1, opposite: EntryType | null];

/** What one listing showed: the first of them may have been looked at ahead. */
class Group<F extends Folder> {
  readonly #parent: F;
  readonly #log: TreeLog<FolderRecord>;
  readonly #ahead: SeenFolder<F>[] = [];

  constructor(parent: F, budget: Budget) {
    this.#parent = parent;
    this.#log = new TreeLog(budget);
  }

  /** @throws LimitError */
  add({ name, unique, target, wanted = true, opposite }: Sighting): void {
    this.#log.push([name, unique ?? null, target ?? null, wanted ? 1 : 0, opposite ?? null]);
  }

  next(): SeenFolder<F> | undefined {
    return this.#ahead.shift() ?? this.#read();
  }

  /** The next ones, which stay. */
  peek(count: number): readonly SeenFolder<F>[] {
    while (this.#ahead.length < count) {
      const seen = this.#read();
      if (!seen) break;
      this.#ahead.push(seen);
    }
    return this.#ahead.slice(0, count);
  }

  #read(): SeenFolder<F> | undefined {
    const record = this.#log.shift();
    if (!record) return undefined;
    const [name, unique, target, wanted, opposite] = record;
    return {
      name,
      unique: unique ?? undefined,
      target: target ?? undefined,
      wanted: wanted === 1,
      opposite: opposite ?? undefined,
      parent: this.#parent,
      path: joined(this.#parent.path, name),
    };
  }
}

/** The folders that are still to be entered, depth first, each group behind the listing that showed it. */
export class PendingFolders<F extends Folder = Folder> {
  readonly #budget: Budget;
  readonly #groups: Group<F>[] = [];

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** What is added comes before everything else, in the order in which it is added. @throws LimitError */
  in(parent: F): { add(sighting: Sighting): void } {
    const group = new Group(parent, this.#budget);
    this.#groups.push(group);
    return group;
  }

  next(): SeenFolder<F> | undefined {
    for (let group = this.#groups.at(-1); group; group = this.#groups.at(-1)) {
      const seen = group.next();
      if (seen) return seen;
      this.#groups.pop();
    }
    return undefined;
  }

  /**
   * The paths by which the next ones will be listed.
   *
   * @param pathOf undefined, or an error, for one that will not be
   */
  upcoming(count: number, pathOf: (seen: SeenFolder<F>) => string | undefined): string[] {
    const seen: SeenFolder<F>[] = [];
    for (let at = this.#groups.length - 1; at >= 0 && seen.length < count; at--) seen.push(...(this.#groups[at]?.peek(count - seen.length) ?? []));
    return seen.flatMap((folder) => {
      try {
        return pathOf(folder) ?? [];
      } catch {
        return []; // told when it is its turn
      }
    });
  }
}
