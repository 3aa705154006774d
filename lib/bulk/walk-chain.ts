import { posix } from 'node:path';
import { LimitError, SecurityError } from '../errors';
import type { Entry, EntryType } from '../listing/entry';

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
export interface Sighting extends Pick<Entry, 'name'> {
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
  return between !== '..' && !between.startsWith('../');
}

/** A relative path stays relative: the folder that it begins in is not known. */
function resolve(folder: string, path: string): string {
  return posix.isAbsolute(path) ? posix.normalize(path).replace(/(.)\/$/, '$1') : posix.join(folder, path);
}
