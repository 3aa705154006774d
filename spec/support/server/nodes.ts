import { stored, type Content } from './content';

interface Facts {
  modified: Date;
  /** Permission bits, as 0o644. */
  mode: number;
}

/** A file of the embedded server. */
export interface FileNode extends Facts {
  readonly kind: 'file';
  content: Content;
  /** Uploads are counted and hashed, not stored. */
  readonly discard: boolean;
}

/** A directory of the embedded server. */
export interface DirectoryNode extends Facts {
  readonly kind: 'directory';
  /** Files that are new in it are sinks. */
  readonly discard: boolean;
  /** Lists these instead of what the tree has. */
  readonly entries?: VirtualEntries;
}

/** A symbolic link. */
export interface LinkNode extends Facts {
  readonly kind: 'symlink';
  readonly target: string;
}

export type Node = FileNode | DirectoryNode | LinkNode;

/** An entry that only listings know. */
export interface VirtualEntry {
  readonly name: string;
  /** In bytes; default 0. */
  readonly size?: number;
  /** Default `file`. */
  readonly type?: 'file' | 'directory';
  /** Default: the directory's time. */
  readonly modified?: Date;
}

/** Listed anew each time; a generator object can be listed only once, so give a function for one. */
export type VirtualEntries = Iterable<VirtualEntry> | (() => Iterable<VirtualEntry>);

/** What a test may put at a path. */
export type NodeInit = string | Uint8Array | Content | { readonly discard: true } | { readonly entries: VirtualEntries } | { readonly target: string };

/** When everything was made that a test has put there: old enough to be listed with its year. */
export const LONG_AGO = new Date('2020-02-29T12:34:56Z');

/** @param path ending in `/` for a directory */
export function makeNode(path: string, init: NodeInit): Node {
  const modified = LONG_AGO;
  const directory = { kind: 'directory', modified, mode: 0o755 } as const;
  if (typeof init === 'string' && path.endsWith('/')) return { ...directory, discard: false };
  if (typeof init === 'string') return makeFile(Buffer.from(init), modified);
  if (init instanceof Uint8Array) return makeFile(init, modified);
  if ('entries' in init) return { ...directory, discard: false, entries: init.entries };
  if ('target' in init) return { kind: 'symlink', modified, mode: 0o777, target: init.target };
  if (!('discard' in init)) return { ...makeFile(Buffer.alloc(0), modified), content: init };
  return path.endsWith('/') ? { ...directory, discard: true } : makeFile(Buffer.alloc(0), modified, true);
}

export function makeFile(bytes: Uint8Array, modified: Date, discard = false): FileNode {
  return { kind: 'file', modified, mode: 0o644, content: stored(bytes), discard };
}
