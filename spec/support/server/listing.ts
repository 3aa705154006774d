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
  const links = String(kind === 'directory' ? 2 : 1).padStart(4);
  const arrow = target === undefined ? '' : ` -> ${target}`;
  return `${letter}${permissions(mode)} ${links} 1000     1000     ${String(size).padStart(8)} ${date(modified, now)} ${name}${arrow}`;
}

/** As IIS does by default, in the columns of `dir`. */
export function dosLine({ name, kind, size, modified }: Item): string {
  const iso = modified.toISOString();
  const hour = modified.getUTCHours();
  const clock = `${String(hour % 12 || 12).padStart(2, '0')}:${iso.slice(14, 16)}${hour < 12 ? 'AM' : 'PM'}`;
  return `${iso.slice(5, 10)}-${iso.slice(2, 4)}  ${clock}${kind === 'directory' ? '       <DIR>          ' : `${String(size).padStart(21)} `}${name}`;
}

/** As IIS does when it is set to Unix. */
export function iisLine(item: Item, now: Date): string {
  const { name, kind, size, modified } = item;
  return `${kind === 'directory' ? 'd' : '-'}rwxrwxrwx   1 owner    group${String(kind === 'directory' ? 0 : size).padStart(16)} ${date(modified, now).replace(/^(\w{3}) 0/, '$1  ')} ${name}`;
}

/** As OS/400 does without LISTFMT 1: `BAILEYSE     5263360 06/11/97 12:27:39 *STMF      report`. */
export function os400Line({ name, kind, size, modified }: Item): string {
  const iso = modified.toISOString();
  const type = kind === 'directory' ? '*DIR' : '*STMF';
  return `${'USER'.padEnd(10)} ${String(size).padStart(10)} ${iso.slice(5, 7)}/${iso.slice(8, 10)}/${iso.slice(2, 4)} ${iso.slice(11, 19)} ${type.padEnd(10)} ${name}${kind === 'directory' ? '/' : ''}`;
}

/** As VxWorks does: `     512    Jan-01-1980  00:00:00   name              <DIR>`. */
export function vxWorksLine({ name, kind, size, modified }: Item): string {
  const iso = modified.toISOString();
  const front = `${String(size).padStart(8)}    ${MONTHS[modified.getUTCMonth()] ?? ''}-${iso.slice(8, 10)}-${iso.slice(0, 4)}  ${iso.slice(11, 19)}   `;
  return kind === 'directory' ? `${front}${name.padEnd(17)} <DIR>` : front + name;
}

function permissions(mode: number): string {
  let text = '';
  for (let i = 0; i < 9; i++) text += mode & (0o400 >> i) ? 'rwx'.charAt(i % 3) : '-';
  return text;
}

function date(modified: Date, now: Date): string {
  const age = now.getTime() - modified.getTime();
  const clock = age >= 0 && age < HALF_A_YEAR ? modified.toISOString().slice(11, 16) : String(modified.getUTCFullYear()).padStart(5);
  return `${MONTHS[modified.getUTCMonth()] ?? ''} ${String(modified.getUTCDate()).padStart(2, '0')} ${clock}`;
}

const VALUES: Readonly<Record<string, (item: Item) => string | undefined>> = {
  modify: ({ modified }) => timeValue(modified),
  perm: ({ kind }) => (kind === 'directory' ? 'flcdmpe' : 'adfrw'),
  size: ({ kind, size }) => (kind === 'directory' ? undefined : String(size)),
  type: ({ kind, target }) => (kind === 'directory' ? 'dir' : kind === 'file' ? 'file' : `OS.unix=slink:${target ?? ''}`),
  'UNIX.mode': ({ mode }) => `0${mode.toString(8).padStart(3, '0')}`,
};

/** The facts that MLSD and MLST know, in the order in which they are given (RFC 3659, 7.5). */
export const FACTS: readonly string[] = Object.keys(VALUES);

/** `fact=value;… name` with the facts that are asked for (RFC 3659, 7.2). */
export function factsLine(item: Item, facts: readonly string[]): string {
  let line = '';
  for (const fact of facts) {
    const value = VALUES[fact]?.(item);
    if (value !== undefined) line += `${fact}=${value};`;
  }
  return `${line} ${item.name}`;
}

let lastTime = { time: NaN, value: '' };

/** YYYYMMDDHHMMSS, with milliseconds where there are any (RFC 3659, 2.3). */
export function timeValue(date: Date): string {
  const time = date.getTime();
  // A long listing has the same time over and over.
  if (time !== lastTime.time) lastTime = { time, value: date.toISOString().replace(/[-:T]/g, '').replace(/(\.000)?Z$/, '') };
  return lastTime.value;
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
