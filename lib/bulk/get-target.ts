import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { chmod, copyFile, lstat, open, readdir, readlink, realpath, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ArgumentError } from '../errors';
import { formatTime } from '../listing/time';

const MOST_LINKS = 32;
/** A link in the place of our partial file is not followed. */
const CONTINUE = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
/** Where the file system can, the copy shares its blocks with the original. */
const COPY = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE;
const OWNER_READS_AND_WRITES = 0o600;

/** A local file that is complete under its name, or as it was before: what comes is written beside it, and renamed over it at the end. */
export class GetTarget {
  private constructor(
    /** Where the caller's path leads. */
    readonly path: string,
    /** Where the bytes go. */
    readonly name: string,
    readonly file: FileHandle,
    /** Bytes that are there. */
    readonly bytes: number,
    /** Those bytes were under the file's own name, and are not known to be its beginning by size and time. */
    readonly adopted: boolean,
  ) {}

  /** For a new file. @throws ArgumentError where the path leads to something that is no file */
  static async create(local: string): Promise<GetTarget> {
    const path = await followLinks(local);
    const name = `${path}.${randomBytes(4).toString('hex')}.part`;
    return new GetTarget(path, name, await open(name, 'wx+'), 0, false);
  }

  /**
   * For one that may be there in part: under a name that says of which remote file, by its size and time, so that the beginning of
   * one and the end of another never meet; or else under its own, where it is no longer than the remote file, and not older. That one
   * is the caller's: it is copied, so that it stays what it is until the whole file takes its name, even if this process is killed.
   */
  static async continue(local: string, size: number, modified: Date | undefined): Promise<GetTarget> {
    const path = await followLinks(local);
    const name = partOf(path, size, modified);
    await forgetOthers(path, name);
    const own = (await statOf(name)) ? undefined : await statOf(path);
    const adopted = own !== undefined && own.size <= size && (modified === undefined || own.mtimeMs >= modified.getTime());
    if (adopted && own.size === size) return new GetTarget(path, path, await open(path, 'r'), size, !isSameTime(own.mtimeMs, modified));
    if (adopted) await copy(path, name, own);
    const file = await open(name, CONTINUE);
    try {
      const { size: bytes } = await file.stat();
      if (bytes > size) await file.truncate(0);
      return new GetTarget(path, name, file, bytes > size ? 0 : bytes, adopted);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** As `continue`, without anything that is there. */
  static async afresh(local: string, size: number, modified: Date | undefined): Promise<GetTarget> {
    const path = await followLinks(local);
    const name = partOf(path, size, modified);
    await rm(name, { force: true });
    return new GetTarget(path, name, await open(name, 'wx+'), 0, false);
  }

  /** All is there: the file gets its name, and that time. */
  async publish(modified: Date | undefined): Promise<void> {
    if (modified) await this.file.utimes(modified, modified);
    await this.file.close();
    if (this.name !== this.path) await rename(this.name, this.path);
  }

  /** What has come stays for another call. */
  async keep(): Promise<void> {
    const had = this.adopted ? this.bytes : 0;
    await this.file.close();
    if (((await statOf(this.name))?.size ?? 0) <= had) return this.discard(); // by its name: it may be closed already
  }

  async discard(): Promise<void> {
    await this.file.close();
    if (this.name !== this.path) await rm(this.name, { force: true });
  }
}

function partOf(path: string, size: number, modified: Date | undefined): string {
  return `${path}.${size}-${modified ? formatTime(modified) : 'undated'}.part`;
}

/** A copy that can be written to, also where the original cannot. */
async function copy(from: string, to: string, { mode }: Stats): Promise<void> {
  try {
    await copyFile(from, to, COPY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') await rm(to, { force: true }); // a part of a copy is none
    throw error;
  }
  if ((mode & OWNER_READS_AND_WRITES) !== OWNER_READS_AND_WRITES) await chmod(to, (mode & 0o777) | OWNER_READS_AND_WRITES);
}

/** As `fs` does when it writes, also where the last link leads to nothing yet. */
async function followLinks(local: string): Promise<string> {
  let path = resolve(local);
  for (let links = 0; links < MOST_LINKS; links++) {
    const stat = await statOf(path);
    if (!stat || stat.isFile()) return path;
    if (!stat.isSymbolicLink()) throw new ArgumentError(`${local} is there, and is not a file`);
    path = resolve(await realpath(dirname(path)), await readlink(path));
  }
  throw new ArgumentError(`${local} leads through too many symbolic links`);
}

/** Partial files of what the remote file was before it changed. */
async function forgetOthers(path: string, name: string): Promise<void> {
  const folder = dirname(path);
  const begin = `${basename(path)}.`;
  for (const each of await readdir(folder)) {
    const ours = each.startsWith(begin) && /^\d+-(\d{14}|undated)\.part$/.test(each.slice(begin.length));
    if (ours && each !== basename(name)) await rm(join(folder, each), { force: true });
  }
}

/** A server tells whole seconds. */
function isSameTime(milliseconds: number, modified: Date | undefined): boolean {
  return modified !== undefined && Math.floor(milliseconds / 1000) === Math.floor(modified.getTime() / 1000);
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
