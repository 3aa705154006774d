import { ArgumentError } from '../errors';
import { Glob } from './filter-glob';
import type { WalkEntry } from './walk-entry';

/**
 * Which entries of a tree are wanted.
 *
 * Globs are matched with paths relative to the start of the tree: `*` and `?` (not a slash), `**` (any folders), `[a-z]`,
 * `[!a]`, `{a,b}`, `\` before a character that is meant as it is. A glob without a slash in it matches names in every
 * folder; one that ends in a slash matches folders only; one that begins with `!` excludes, wherever it stands. What
 * matches a folder matches everything in it. Without a glob that includes, everything is included.
 *
 * A function is asked for each entry; a folder that it refuses is not entered.
 */
export type Filter = string | readonly string[] | ((entry: WalkEntry) => boolean);

/** What a filter says of an entry. */
export interface Selection {
  /** The entry is wanted. */
  readonly wanted: boolean;
  /** Something in it may be wanted, if it is a folder. */
  readonly entered: boolean;
}

const ALL: Selection = { wanted: true, entered: true };
const NOTHING: Selection = { wanted: false, entered: false };

interface Rule {
  readonly glob: Glob;
  readonly foldersOnly: boolean;
}

/** @throws ArgumentError */
export function selector(filter: Filter | undefined): (entry: WalkEntry) => Selection {
  if (filter === undefined) return () => ALL;
  if (typeof filter === 'function') return (entry) => (filter(entry) ? ALL : NOTHING);
  const globs: readonly unknown[] = Array.isArray(filter) ? filter : [filter];
  if (!globs.every((glob) => typeof glob === 'string' && /^(?:!\/?[^/]|\/?[^/!])/.test(glob))) {
    throw new ArgumentError('filter must be a glob, an array of globs, or a function');
  }
  const patterns = globs as readonly string[];
  const excluding = patterns.filter((glob) => glob.startsWith('!')).map((glob) => rule(glob.slice(1)));
  const including = patterns.filter((glob) => !glob.startsWith('!')).map(rule);
  return (entry) => {
    if (excluding.some((each) => matches(each, entry))) return NOTHING;
    if (including.length === 0 || including.some((each) => matches(each, entry))) return ALL;
    return { wanted: false, entered: entry.type !== 'file' && including.some(({ glob }) => glob.test(entry.path).reaches) };
  };
}

function rule(pattern: string): Rule {
  const foldersOnly = pattern.endsWith('/');
  const path = foldersOnly ? pattern.slice(0, -1) : pattern;
  const rooted = path.includes('/');
  return { foldersOnly, glob: new Glob(rooted ? path.replace(/^\//, '') : `**/${path}`) };
}

/** For folders only: also what is in such a folder. */
function matches({ glob, foldersOnly }: Rule, { path, type }: WalkEntry): boolean {
  const wanted = foldersOnly && type !== 'directory' ? path.slice(0, Math.max(0, path.lastIndexOf('/'))) : path;
  return glob.test(wanted).matches;
}
