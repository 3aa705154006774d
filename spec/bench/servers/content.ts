import { chmodSync, closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { MIB, PART, smallFiles, type Scale } from '../files';

/** What a server has: `big.bin`, and `half.bin`, of half its size; `small`, files of 0 to 9 KiB; `list`, empty files; `tree`, the small files in folders of 50, and these in two. */
export type Content = 'big' | 'half' | 'small' | 'list' | 'tree';

const FOLDER_SIZE = 50;

/** Puts files on disk for a server whose users read them, and write into `incoming`. */
export function fill(home: string, contents: ReadonlySet<Content>, scale: Scale): void {
  emptyIncoming(home);
  if (contents.has('big')) fillBig(join(home, nameOf('big')), scale.bigBytes);
  if (contents.has('half')) fillBig(join(home, nameOf('half')), scale.bigBytes / 2);
  if (contents.has('small')) fillSmall(home, scale.smallFiles);
  if (contents.has('list')) fillList(join(home, 'list'), scale.entries);
  if (contents.has('tree')) fillTree(home, scale.smallFiles);
}

/** The name of a large file. */
export function nameOf(content: 'big' | 'half'): string {
  return `${content}.bin`;
}

/** A new `incoming`, so that every upload makes its files. */
export function emptyIncoming(home: string): void {
  const incoming = join(home, 'incoming');
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(incoming);
  chmodSync(incoming, 0o777);
}

/** The n-th entry's name, long enough to be like those of real files. */
export function listName(n: number): string {
  return `report-${String(n).padStart(6, '0')}.csv`;
}

export function treeName(name: string, n: number): string {
  return `tree/${n < PART ? 'part' : 'rest'}/d${String(Math.floor(n / FOLDER_SIZE)).padStart(3, '0')}/${name}`;
}

function fillBig(file: string, bytes: number): void {
  const block = Buffer.from(Array.from({ length: MIB / 4 }, (_, n) => (n * 2_654_435_761) & 255));
  const descriptor = openSync(file, 'w');
  for (let at = 0; at < bytes; at += block.length) writeSync(descriptor, block);
  closeSync(descriptor);
}

function fillSmall(home: string, count: number): void {
  mkdirSync(join(home, 'small'));
  const { names, sizes } = smallFiles('small', count);
  names.forEach((name, n) => writeFileSync(join(home, name), 'x'.repeat(sizes[n] ?? 0)));
}

function fillList(folder: string, count: number): void {
  mkdirSync(folder);
  for (let n = 0; n < count; n++) closeSync(openSync(join(folder, listName(n)), 'w'));
}

function fillTree(home: string, count: number): void {
  const { names, sizes } = smallFiles('', count);
  names.forEach((name, n) => {
    const path = join(home, treeName(name.slice(1), n));
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, 'x'.repeat(sizes[n] ?? 0));
  });
}
