import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A local folder for each test of the `describe` that it is made in; it is gone after the test. */
export class Scratch {
  #folder = '';

  constructor() {
    beforeEach(async () => {
      this.#folder = await mkdtemp(join(tmpdir(), 'ftplib-tree-'));
    });
    afterEach(() => rm(this.#folder, { recursive: true, force: true }));
  }

  path(...parts: readonly string[]): string {
    return join(this.#folder, ...parts);
  }

  /** Makes files with the folders that they are in; a path that ends in a slash is a folder. */
  async put(root: string, files: Readonly<Record<string, string | Uint8Array>>, time?: Date): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      const file = this.path(root, path);
      await mkdir(path.endsWith('/') ? file : dirname(file), { recursive: true });
      if (path.endsWith('/')) continue;
      await writeFile(file, content);
      if (time) await utimes(file, time, time);
    }
  }

  /** What is below a folder: the text of files, `link to …` for symlinks, a slash after the names of folders. */
  async tree(root: string): Promise<Record<string, string>> {
    return treeIn(this.path(root));
  }
}

/** What is below a folder on disk. */
export async function treeIn(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const visit = async (folder: string, prefix: string): Promise<void> => {
    for (const name of (await readdir(folder)).sort()) {
      const path = join(folder, name);
      const stats = await lstat(path);
      if (stats.isDirectory()) {
        found[`${prefix}${name}/`] = '';
        await visit(path, `${prefix}${name}/`);
      } else found[`${prefix}${name}`] = stats.isSymbolicLink() ? `link to ${await readlink(path)}` : await readFile(path, 'latin1');
    }
  };
  await visit(root, '');
  return found;
}
