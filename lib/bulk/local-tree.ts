import fs, { type Dir, type Stats } from 'node:fs';
import { mkdir, opendir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SecurityError } from '../errors';

/** What `LocalTree` asks of a file system; a seam for specs. */
export interface LocalFiles {
  lstat(path: string): Promise<Stats>;
  realpath(path: string): Promise<string>;
}

/** Asked for each file, so in the way that costs least. */
const FILES: LocalFiles = { lstat: promisify(fs.lstat), realpath: promisify(fs.realpath.native) };

/**
 * A local folder in which a server chooses the names. No symlink is followed below its root, which may be one itself, and a
 * name that the file system takes for another one, because case does not count there, is refused.
 */
export class LocalTree {
  readonly #given: string;
  readonly #files: LocalFiles;
  #root: string | undefined;

  constructor(root: string, files: LocalFiles = FILES) {
    this.#given = root;
    this.#files = files;
  }

  /** Whether the root is there. */
  async open(): Promise<boolean> {
    this.#root = await this.#files.realpath(this.#given).catch(absent);
    return this.#root !== undefined;
  }

  /** The path of a file or folder whose names were checked. */
  path(relative: string): string {
    return relative === '' ? (this.#root ?? this.#given) : join(this.#root ?? this.#given, ...relative.split('/'));
  }

  /**
   * What is at a path, without following it; undefined where there is nothing.
   *
   * @throws SecurityError for a symlink, or where it is there by another name
   */
  async look(relative: string): Promise<Stats | undefined> {
    const path = this.path(relative);
    const stats = await this.#files.lstat(path).catch(absent);
    if (!stats) return undefined;
    if (stats.isSymbolicLink()) throw new SecurityError(`${path} is a symlink: it is not followed`);
    const real = await this.#files.realpath(path).catch(absent);
    if (real !== path) throw new SecurityError(`${path} is another name of ${real ?? 'something else'}: it is not written to`);
    return stats;
  }

  /** Makes sure that a folder is where its path says. @throws SecurityError */
  async check(relative: string): Promise<void> {
    const path = this.path(relative);
    const real = await this.#files.realpath(path);
    if (real !== path) throw new SecurityError(`${path} leads to ${real}: nothing is written there`);
  }

  /** Makes a folder in one that was checked; the root with all that it is in. */
  async makeFolder(relative: string): Promise<void> {
    await mkdir(this.path(relative), { recursive: relative === '' });
    if (relative === '') await this.open();
  }

  /** The names in a folder; nothing for one that is not there. */
  async *names(relative: string): AsyncGenerator<string> {
    const folder: Dir | undefined = await opendir(this.path(relative)).catch(absent);
    if (folder) for await (const { name } of folder) yield name;
  }

  /** Removes a file, or a symlink itself. */
  async removeFile(relative: string): Promise<void> {
    await unlink(this.path(relative));
  }

  /** Removes a folder that is empty. */
  async removeFolder(relative: string): Promise<void> {
    await rmdir(this.path(relative));
  }

  /** What is at a path, a symlink too; undefined where there is nothing. */
  async facts(relative: string): Promise<Stats | undefined> {
    return this.#files.lstat(this.path(relative)).catch(absent);
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
