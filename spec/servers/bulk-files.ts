import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mirror, type MirrorOptions } from '../../lib/index';
import { random } from '../support/seed';

const DAY = 86_400_000;
const FOLDERS = ['', 'sub', 'sub/deep', 'sub/deep/er', 'with blank', '.hidden', 'a', 'b', 'c', 'd', 'e', 'f'];

/** Files of up to 2 kB, and of all ages, in folders of folders; one folder is empty. Returns their paths. */
export function fillTree(root: string, count: number): string[] {
  const { int, bytes } = random(7);
  for (const folder of [...FOLDERS, 'sub/empty']) mkdirSync(join(root, folder), { recursive: true });
  return Array.from({ length: count }, (_, n) => {
    const path = join(FOLDERS[n % FOLDERS.length] ?? '', `file ${n}.bin`);
    writeFileSync(join(root, path), bytes(int(2000)));
    const time = new Date(Date.now() - (1 + int(1000)) * DAY - int(DAY));
    utimesSync(join(root, path), time, time);
    return path;
  });
}

/** What is below a folder, by path: the bytes of files, nothing for folders. At once, for there are thousands. */
export function filesIn(root: string): Map<string, Buffer> {
  const paths = (readdirSync(root, { recursive: true }) as string[]).sort();
  return new Map(paths.map((path) => [path, statSync(join(root, path)).isFile() ? readFileSync(join(root, path)) : Buffer.alloc(0)]));
}

/** How often each thing was done to a file. */
export async function done(options: MirrorOptions): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for await (const { action, type } of mirror(options)) {
    if (type === 'file' && action !== 'skipped') counts[action] = (counts[action] ?? 0) + 1;
  }
  return counts;
}
