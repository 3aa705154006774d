import { posix } from 'node:path';
import type { Node, VirtualEntry } from './nodes';
import type { Tree } from './tree';

/** One line of a listing to be. */
export interface Item {
  readonly name: string;
  readonly kind: Node['kind'];
  /** In bytes. */
  readonly size: number;
  readonly modified: Date;
  readonly mode: number;
  readonly target?: string;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const HALF_A_YEAR = 182 * 24 * 3600 * 1000;
const BATCH = 64 * 1024;

/** The facts that MLSD and MLST know, in the order in which they are given (RFC 3659, 7). */
export const FACTS = ['modify', 'perm', 'size', 'type', 'UNIX.mode'];

/** What is in a directory, or the file itself under the name that was asked for. @throws Refusal 550 */
export function itemsOf(tree: Tree, path: string, name: string): Iterable<Item> {
  const { node, path: real } = tree.follow(path);
  return node.kind === 'directory' ? itemsIn(tree, real) : [itemOf(name, node)];
}

/** What is in a directory. @throws Refusal 550 */
export function itemsIn(tree: Tree, path: string): Iterable<Item> {
  const { node, path: real } = tree.directory(path);
  const { entries } = node;
  if (entries) return virtualItems(typeof entries === 'function' ? entries() : entries, node.modified);
  return tree.names(real).flatMap((name) => {
    const child = tree.get(posix.join(real, name));
    return child ? [itemOf(name, child)] : [];
  });
}

export function itemOf(name: string, node: Node): Item {
  const { kind, modified, mode } = node;
  const size = kind === 'file' ? node.content.size : kind === 'symlink' ? Buffer.byteLength(node.target) : 4096;
  return { name, kind, size, modified, mode, ...(kind === 'symlink' ? { target: node.target } : {}) };
}

function* virtualItems(entries: Iterable<VirtualEntry>, time: Date): Generator<Item> {
  for (const { name, size = 0, type = 'file', modified = time } of entries) {
    yield { name, kind: type, size, modified, mode: type === 'file' ? 0o644 : 0o755 };
  }
}

/** As `ls -l` has it: the time for what is younger than half a year, the year for the rest. */
export function listLine({ name, kind, size, modified, mode, target }: Item, now: Date): string {
  const letter = kind === 'directory' ? 'd' : kind === 'symlink' ? 'l' : '-';
  const permissions = Array.from('rwxrwxrwx', (bit, i) => (mode & (0o400 >> i) ? bit : '-')).join('');
  const links = String(kind === 'directory' ? 2 : 1).padStart(4);
  const arrow = target === undefined ? '' : ` -> ${target}`;
  return `${letter}${permissions} ${links} 1000     1000     ${String(size).padStart(8)} ${date(modified, now)} ${name}${arrow}`;
}

function date(modified: Date, now: Date): string {
  const age = now.getTime() - modified.getTime();
  const clock = age >= 0 && age < HALF_A_YEAR ? modified.toISOString().slice(11, 16) : String(modified.getUTCFullYear()).padStart(5);
  return `${MONTHS[modified.getUTCMonth()] ?? ''} ${String(modified.getUTCDate()).padStart(2, '0')} ${clock}`;
}

/** `fact=value;… name` with the facts that are asked for. */
export function factsLine(item: Item, facts: readonly string[]): string {
  const values: Readonly<Record<string, string | undefined>> = {
    modify: timeValue(item.modified),
    perm: item.kind === 'directory' ? 'flcdmpe' : 'adfrw',
    size: item.kind === 'directory' ? undefined : String(item.size),
    type: item.kind === 'directory' ? 'dir' : item.kind === 'file' ? 'file' : `OS.unix=slink:${item.target ?? ''}`,
    'UNIX.mode': `0${item.mode.toString(8).padStart(3, '0')}`,
  };
  const given = FACTS.filter((fact) => facts.includes(fact) && values[fact] !== undefined);
  return `${given.map((fact) => `${fact}=${values[fact] ?? ''};`).join('')} ${item.name}`;
}

/** YYYYMMDDHHMMSS, with milliseconds where there are any (RFC 3659, 2.3). */
export function timeValue(time: Date): string {
  const digits = time.toISOString().replace(/[-:T]/g, '');
  return digits.replace(/(\.000)?Z$/, '');
}

/** Lines as chunks, so that a million of them need no memory. */
export function* linesOf<T>(items: Iterable<T>, line: (item: T) => string, encoding: BufferEncoding): Generator<Uint8Array> {
  let text = '';
  for (const item of items) {
    text += `${line(item)}\r\n`;
    if (text.length >= BATCH) {
      yield Buffer.from(text, encoding);
      text = '';
    }
  }
  if (text !== '') yield Buffer.from(text, encoding);
}
