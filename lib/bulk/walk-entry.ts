import { SecurityError } from '../errors';
import type { Entry } from '../listing/entry';

/** An entry of a tree. */
export interface WalkEntry extends Entry {
  /** From the start of the tree, its parts joined by `/`. */
  readonly path: string;
  /** 1 for what is in the start itself. */
  readonly depth: number;
}

/** The entry with its place: the same object, so that the bytes of its name stay known. */
export function placed(entry: Entry, folder: string, depth: number): WalkEntry {
  return Object.assign(entry, { path: joined(folder, entry.name), depth });
}

/** A path and a name in it; the empty path is the start. */
export function joined(folder: string, name: string): string {
  return folder === '' || folder.endsWith('/') ? `${folder}${name}` : `${folder}/${name}`;
}

/** A name from a server that is no name but a path leads somewhere else. @throws SecurityError */
export function checkName(name: string): void {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
    throw new SecurityError(`the server gave a name that is a path: ${JSON.stringify(name.slice(0, 200))}`);
  }
}
