import { posix } from 'node:path';
import { folded, type Naming } from '../support/server/deviations';
import { difference } from './content';

/** What is at a path. */
export type Node = Buffer | 'folder';

/** The files and folders of one side, by their path from the root of the run: `d0/x1`. */
export class World {
  readonly #nodes = new Map<string, { readonly path: string; readonly node: Node }>();

  constructor(readonly naming?: Naming) {}

  get paths(): string[] {
    return [...this.#nodes.values()].map(({ path }) => path);
  }

  /** A buffer for a file; the root is a folder. */
  get(path: string): Node | undefined {
    return path === '' ? 'folder' : this.#nodes.get(this.key(path))?.node;
  }

  file(path: string): Buffer | undefined {
    const node = this.get(path);
    return node === 'folder' ? undefined : node;
  }

  isFolder(path: string): boolean {
    return this.get(path) === 'folder';
  }

  set(path: string, node: Node | undefined): void {
    if (node === undefined) this.#nodes.delete(this.key(path));
    else this.#nodes.set(this.key(path), { path, node });
  }

  /** Whether something may be made there. */
  hasParent(path: string): boolean {
    return this.isFolder(parentOf(path));
  }

  /** Names in a folder, without those that the library has made for itself. */
  names(folder: string): string[] {
    return this.paths.filter((path) => path !== '' && this.key(parentOf(path)) === this.key(folder) && !isLitter(path)).map((path) => posix.basename(path));
  }

  /** Paths below a folder, from it on, without those that the library has made for itself. */
  below(folder: string): string[] {
    const begin = folder === '' ? '' : `${this.key(folder)}/`;
    return this.paths.filter((path) => this.key(path).startsWith(begin) && path !== folder && !isLitter(path)).map((path) => path.slice(begin.length));
  }

  /** What is equal for all paths that mean the same. */
  key(path: string): string {
    return folded(path, this.naming);
  }
}

/** Says what is wrong with what was found. */
export type Accept = (found: Node | undefined) => string | undefined;

export function parentOf(path: string): string {
  const parent = posix.dirname(path);
  return parent === '.' ? '' : parent;
}

export function join(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

/** Files that the library makes on its way to a result: parts, and what it moves aside. The model's own names have no dot in front, nor such an end. */
export function isLitter(path: string): boolean {
  return path.split('/').some((name) => /^\.|\.part$/.test(name));
}

export function exactly(wanted: Node | undefined): Accept {
  return (found) => {
    if (typeof found === 'object' && typeof wanted === 'object') return found.equals(wanted) ? undefined : difference(found, wanted);
    return found === wanted ? undefined : `${shown(found)} in place of ${shown(wanted)}`;
  };
}

export function oneOf(...ways: readonly Accept[]): Accept {
  return (found) => {
    const complaints = ways.map((way) => way(found));
    return complaints.includes(undefined) ? undefined : complaints.join('; or ');
  };
}

/** The beginning of it, or all. */
export function beginningOf(whole: Buffer): Accept {
  return (found) => {
    if (typeof found !== 'object') return `${shown(found)} in place of a beginning`;
    return whole.subarray(0, found.length).equals(found) ? undefined : `not a beginning: ${difference(found, whole.subarray(0, found.length))}`;
  };
}

/** Old bytes up to an offset, then a beginning of the new ones, then nothing, or the old ones that were there. */
export function writtenInto(old: Buffer, at: number, fresh: Buffer): Accept {
  return (found) => {
    if (typeof found !== 'object') return `${shown(found)} in place of a file written into`;
    let moved = 0;
    while (moved < fresh.length && found[at + moved] === fresh[moved]) moved += 1;
    const whole = Buffer.concat([old.subarray(0, at), fresh.subarray(0, moved), found.length > at + moved ? old.subarray(at + moved) : Buffer.alloc(0)]);
    return found.equals(whole) ? undefined : `written into: ${difference(found, whole)}`;
  };
}

function shown(node: Node | undefined): string {
  return node === undefined ? 'nothing' : node === 'folder' ? 'a folder' : `a file of ${node.length} bytes`;
}
