import { posix } from 'node:path';
import { folded, spelled, type Naming } from './deviations';
import { makeNode, type DirectoryNode, type LinkNode, type Node, type NodeInit } from './nodes';
import { Refusal } from './refusal';

/** A node and the absolute path that leads to it without links. */
export interface Found<N extends Node = Node> {
  readonly path: string;
  readonly node: N;
}

const MOST_LINKS = 16;

/** The files of a server by their absolute path; parents come with their children, and children go with their parents. */
export class Tree extends Map<string, Node> {
  readonly #names = new Map<string, Set<string>>();
  /** Paths as they are stored, by what is equal for all that mean the same. */
  readonly #paths = new Map<string, string>();

  constructor(
    files: Readonly<Record<string, NodeInit>> = {},
    private readonly naming?: Naming,
  ) {
    super();
    this.set('/', makeNode('/', ''));
    for (const [path, init] of Object.entries(files)) this.put(path, init);
  }

  /** @param path absolute; ending in `/` for a directory */
  put(path: string, init: NodeInit): void {
    if (!path.startsWith('/')) throw new Error(`the path of a file must be absolute: ${path}`);
    this.set(posix.resolve(path), makeNode(path, init));
  }

  override has(path: string): boolean {
    return super.has(this.#stored(path));
  }

  override get(path: string): Node | undefined {
    return super.get(this.#stored(path));
  }

  override set(newPath: string, node: Node): this {
    const path = this.#stored(newPath);
    if (this.naming) this.#paths.set(folded(path, this.naming), path);
    const parent = posix.dirname(path);
    if (path !== '/') {
      if (!this.has(parent)) this.set(parent, makeNode('/', ''));
      const names = this.#names.get(parent) ?? new Set();
      this.#names.set(parent, names.add(posix.basename(path)));
    }
    return super.set(path, node);
  }

  override delete(anyPath: string): boolean {
    const path = this.#stored(anyPath);
    if (this.naming) this.#paths.delete(folded(path, this.naming));
    for (const name of this.names(path)) this.delete(posix.join(path, name));
    this.#names.get(posix.dirname(path))?.delete(posix.basename(path));
    this.#names.delete(path);
    return super.delete(path);
  }

  /** What is in a directory, in the order of making. */
  names(path: string): string[] {
    return [...(this.#names.get(this.#stored(path)) ?? [])];
  }

  /** Moves all that is below, too. */
  move(oldPath: string, to: string): void {
    const from = this.#stored(oldPath);
    const moved = [...this.#below(from)].map((path) => [path, this.get(path)] as const);
    this.delete(from);
    this.delete(to);
    for (const [path, node] of moved) if (node) this.set(posix.join(to, path.slice(from.length)), node);
  }

  /** The node itself, where it is a link. @throws Refusal 550 */
  find(path: string, links = 0): Found {
    const place = path === '/' ? path : this.#stored(posix.join(this.follow(posix.dirname(path), links).path, posix.basename(path)));
    const node = this.get(place);
    if (!node) throw new Refusal('550 No such file or directory.');
    return { path: place, node };
  }

  /** The node that links lead to. @throws Refusal 550 */
  follow(path: string, links = 0): Found<Exclude<Node, LinkNode>> {
    const { path: place, node } = this.find(path, links);
    if (node.kind !== 'symlink') return { path: place, node };
    if (links === MOST_LINKS) throw new Refusal('550 Too many levels of symbolic links.');
    return this.follow(posix.resolve(posix.dirname(place), node.target), links + 1);
  }

  /** @throws Refusal 550 */
  directory(path: string): Found<DirectoryNode> {
    const { path: real, node } = this.follow(path);
    if (node.kind !== 'directory') throw new Refusal('550 Not a directory.');
    return { path: real, node };
  }

  /** Where something new at `path` would be. @throws Refusal with `code` when its folder is missing */
  place(path: string, code: 550 | 553): string {
    try {
      return posix.join(this.directory(posix.dirname(path)).path, posix.basename(path));
    } catch {
      throw new Refusal(`${code} No such directory.`);
    }
  }

  /** How a path is, or would be, stored. */
  #stored(path: string): string {
    if (!this.naming || path === '/') return path;
    return this.#paths.get(folded(path, this.naming)) ?? posix.join(this.#stored(posix.dirname(path)), spelled(posix.basename(path), this.naming));
  }

  *#below(path: string): Generator<string> {
    yield path;
    for (const name of this.names(path)) yield* this.#below(posix.join(path, name));
  }
}
