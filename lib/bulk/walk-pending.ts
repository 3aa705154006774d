import { posix } from 'node:path';
import { LimitError, SecurityError } from '../errors';
import type { Entry, EntryType } from '../listing/entry';
import { type Budget, TreeLog } from './tree-budget';
import { type FolderListing, joined } from './walk-listing';

/** A folder and the folders that it is in, as far as their identity is known. */
export interface Link {
  /** Without the symlinks that led there, as far as their targets were told. */
  readonly real: string;
  /** The server's own name for it (RFC 3659, 7.5.2). */
  readonly unique: string | undefined;
  readonly depth: number;
  readonly parent: Link | undefined;
  /** It was reached by a symlink that the listing told. */
  readonly linked: boolean;
}

/** What is known of a folder before it is entered. */
interface Sighting extends Pick<Entry, 'name'> {
  readonly unique?: string | undefined;
  /** Where the symlink leads that it was reached by. */
  readonly target?: string | undefined;
  /** False for a folder that is only passed on the way to what is wanted. */
  readonly wanted?: boolean;
  /** What is in its place on the other side, if anything. */
  readonly opposite?: EntryType | undefined;
}

/** The start of a tree. */
export function chainFrom(path: string): Link {
  return { real: posix.normalize(path === '' ? '.' : path).replace(/(.)\/$/, '$1'), unique: undefined, depth: 0, parent: undefined, linked: false };
}

/**
 * The folder as the next one of the chain.
 *
 * @throws SecurityError when it is one of those that it is in, LimitError beyond `depth` levels
 */
export function enter(parent: Link, { name, unique, target }: Sighting, depth: number): Link {
  const real = resolve(parent.real, target ?? name);
  for (let above: Link | undefined = parent; above; above = above.parent) {
    if ((unique !== undefined && unique === above.unique) || (target !== undefined && isWithin(above.real, real))) {
      throw new SecurityError(`${JSON.stringify(name)} leads back to a folder that it is in: it is not entered`);
    }
  }
  if (parent.depth + 1 >= depth) throw new LimitError(`folders are nested deeper than ${depth} levels (depth)`);
  return { real, unique, depth: parent.depth + 1, parent, linked: target !== undefined };
}

/** The path to list a folder by: with a slash, LIST of inetutils and ftpd-ssl gives what is behind a symlink, and not the link. */
export function listingPath(path: string, { linked }: Pick<Link, 'linked'>): string {
  return linked ? `${path}/` : path;
}

/** Whether a folder is another one, or lies in it. */
function isWithin(inner: string, outer: string): boolean {
  if (posix.isAbsolute(inner) !== posix.isAbsolute(outer)) return false;
  const between = posix.relative(outer, inner);
  return between !== '..' && !between.startsWith('..');
}

/** A relative path stays relative: the folder that it begins in is not known. */
function resolve(folder: string, path: string): string {
  return posix.isAbsolute(path) ? posix.normalize(path).replace(/(.)\/$/, '$1') : posix.join(folder, path);
}

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

  /** No folder is left to be entered. */
  get isEmpty(): boolean {
    return this.#groups.every(({ log }) => log.size === 0);
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
