import { randomBytes } from 'node:crypto';
import fs, { type BigIntStats, constants, type Stats } from 'node:fs';
import { chmod, copyFile, readdir, readlink, realpath, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { ArgumentError, ChangedError, SecurityError } from '../errors';
import { formatTime } from '../listing/time';
import { shortened } from '../transfer/temporary-name';

// The FileHandles of fs/promises take three times the processor time of descriptors: for small files more than their transfer.
const open = promisify(fs.open);
const close = promisify(fs.close);
const read = promisify(fs.read);
const write = promisify(fs.write);
const fstat = promisify(fs.fstat);
const fchmod = promisify(fs.fchmod);
const truncate = promisify(fs.ftruncate);
const utimes = promisify(fs.futimes);
const lstat = promisify(fs.lstat);
const stat = promisify(fs.stat);
const rename = promisify(fs.rename);
const unlink = promisify(fs.unlink);

const O_CREAT = constants.O_CREAT;
const O_EXCL = constants.O_EXCL;
const O_RDONLY = constants.O_RDONLY;
const O_RDWR = constants.O_RDWR;
const O_WRONLY = constants.O_WRONLY;
/** Not on Windows. */
const O_NOFOLLOW = constants.O_NOFOLLOW ?? 0;
/** Opening a FIFO would else wait for its other end. Not on Windows. */
const O_NONBLOCK = constants.O_NONBLOCK ?? 0;
/** For a new file: one that is there is an error, and so is a symbolic link. */
const NEW = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
/** Where the file system can, the copy shares its blocks with the original. */
const COPY = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE;
const OWNER_READS_AND_WRITES = 0o600;
/** Without set-user-id, set-group-id and sticky bits. */
export const PERMISSIONS = 0o777;
const MOST_LINKS = 32;
/** Milliseconds since the last write after which a file is taken for one that an interrupted run has left. */
const FRESH = 600_000;

/**
 * Bytes that are read at a time: a mebibyte costs a third of the processor time of sixteen times 64 KiB, and on a slow connection it would let the progress stand
 * still for seconds. So pieces grow while they leave soon, and shrink while they do not.
 */
const PIECES = { first: 256 * 1024, least: 64 * 1024, most: 1024 * 1024 } as const;
/** Milliseconds in which a piece leaves. */
const SOON = 50;
const LATE = 500;

/** Memory that was lent: when, in seconds of the process, and how many of its bytes have not been given back. */
interface Lent {
  readonly piece: Buffer;
  readonly at: number;
  left: number;
}

/** Reads a file from a byte on; the descriptor stays open. It ends with an error rather than short. */
export class RangeReader extends Readable {
  readonly #file: number;
  readonly #start: number;
  #at: number;
  readonly #end: number;
  #piece: number = PIECES.first;
  /** A piece that was given back, which is read into next. */
  #free: Buffer | undefined;
  /** The pieces that are on their way, by their memory. */
  readonly #lent = new WeakMap<ArrayBufferLike, Lent>();

  /** @param end not included */
  constructor(file: number, start: number, end: number) {
    super({ highWaterMark: PIECES.least });
    this.#file = file;
    this.#start = this.#at = start;
    this.#end = end;
  }

  /** Takes bytes back that have left, so that their memory is read into again. Nobody need do so; other memory is taken then. */
  readonly release = (chunk: Uint8Array): void => {
    const lent = this.#lent.get(chunk.buffer);
    if (lent === undefined || (lent.left -= chunk.length) > 0) return;
    this.#lent.delete(chunk.buffer);
    const took = (process.uptime() - lent.at) * 1000;
    if (took < SOON) this.#piece = Math.min(PIECES.most, this.#piece * 2);
    else if (took > LATE) this.#piece = Math.max(PIECES.least, this.#piece / 2);
    this.#free = lent.piece;
  };

  override _read(): void {
    this.#read().then(
      (chunk) => {
        if (chunk) this.push(chunk);
        if (this.#at >= this.#end) this.push(null);
      },
      (error: Error) => this.destroy(error),
    );
  }

  async #read(): Promise<Buffer | undefined> {
    const wanted = Math.min(this.#piece, this.#end - this.#at);
    if (wanted <= 0) return undefined;
    const piece = this.#memory(wanted);
    const { bytesRead } = await read(this.#file, piece, 0, wanted, this.#at);
    if (bytesRead === 0) throw new ChangedError(`the source ended ${this.#end - this.#at} bytes short of the ${this.#end - this.#start} that were due`);
    this.#at += bytesRead;
    if (piece.length >= PIECES.least) this.#lent.set(piece.buffer, { piece, at: process.uptime(), left: bytesRead });
    return piece.subarray(0, bytesRead);
  }

  #memory(bytes: number): Buffer {
    const free = this.#free;
    this.#free = undefined;
    if (free !== undefined && free.length >= bytes && free.length <= this.#piece) return free;
    return bytes < PIECES.least ? Buffer.allocUnsafe(bytes) : Buffer.allocUnsafeSlow(bytes);
  }
}

/** Bytes of a small file, which is read with one call and uploaded with one write. */
export const SMALL = 16 * 1024;

/** A local file that is uploaded, held open so that every attempt reads the same one, whatever becomes of its name; or a small one in memory. */
export class LocalSource {
  private constructor(
    private readonly path: string,
    /** Its size, and its time to the nanosecond. */
    private readonly identity: BigIntStats,
    /** Its descriptor, or all of it. */
    private readonly held: number | Buffer,
  ) {}

  /** @throws ArgumentError for what is no file, and for one whose size is not known; SecurityError for a symbolic link that is not to be followed */
  static async open(path: string, followSymlinks = true): Promise<LocalSource> {
    const file = await open(path, O_RDONLY | O_NONBLOCK | (followSymlinks ? 0 : O_NOFOLLOW)).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ELOOP' && !followSymlinks ? new SecurityError(`${path} is a symlink: it is not followed`, { cause: error }) : error;
    });
    try {
      const identity = await fstat(file, { bigint: true });
      if (!identity.isFile()) throw new ArgumentError(`${path} is not a file`);
      if (identity.size === 0n && (await isUnsized(file))) throw new ArgumentError(`${path} has bytes, although the system says that it is empty: give put a stream of it, with retry: false`);
      return new LocalSource(path, identity, file);
    } catch (error) {
      await close(file);
      throw error;
    }
  }

  /** A small file, which is read into memory and closed; undefined where it is not small. */
  static async small(path: string, followSymlinks: boolean): Promise<LocalSource | undefined> {
    const source = await LocalSource.open(path, followSymlinks);
    try {
      const whole = await source.whole();
      return whole && new LocalSource(path, source.identity, whole);
    } finally {
      await source.close();
    }
  }

  get size(): number {
    return Number(this.identity.size);
  }

  /** Whole milliseconds; the file system's floating point may be a hair below what was set. */
  get modified(): number {
    return Math.floor(Number(this.identity.mtimeNs) / 1e6 + 0.01);
  }

  /** The permissions for owner, group and others; undefined on Windows, which has none. */
  get mode(): number | undefined {
    return process.platform === 'win32' ? undefined : Number(this.identity.mode) & PERMISSIONS;
  }

  read(offset: number): Readable[] {
    const { held } = this;
    return [typeof held === 'number' ? new RangeReader(held, offset, this.size) : Readable.from([held.subarray(offset)], { objectMode: false })];
  }

  /** All of a small file; undefined for others. @throws ChangedError where it has become shorter */
  whole(): Promise<Buffer> | undefined {
    return this.size <= SMALL ? this.#whole() : undefined;
  }

  async #whole(): Promise<Buffer> {
    const whole = await this.bytes(0, this.size);
    if (whole.length < this.size) throw new ChangedError(`the source ended ${this.size - whole.length} bytes short of the ${this.size} that were due`);
    return whole;
  }

  async bytes(start: number, end: number): Promise<Buffer> {
    if (typeof this.held !== 'number') return this.held.subarray(start, end);
    const { buffer, bytesRead } = await read(this.held, Buffer.allocUnsafe(end - start), 0, end - start, start);
    return buffer.subarray(0, bytesRead);
  }

  /** Whether it has become longer: it may have been appended to, as a log is. @throws ChangedError where it was changed otherwise */
  async check(): Promise<boolean> {
    const { identity, held } = this;
    const now = typeof held === 'number' ? await fstat(held, { bigint: true }) : await this.#named();
    if (now && (now.size < identity.size || (now.size === identity.size && now.mtimeNs !== identity.mtimeNs))) throw new ChangedError(`${this.path} was changed while it was uploaded`);
    return typeof held === 'number' && now !== undefined && now.size > identity.size; // what is in memory was read at once
  }

  /** What the system says of the file; undefined where it has its name no more. */
  async #named(): Promise<BigIntStats | undefined> {
    const named = await stat(this.path, { bigint: true }).catch(() => undefined);
    return named?.ino === this.identity.ino ? named : undefined;
  }

  async close(): Promise<void> {
    if (typeof this.held === 'number') await close(this.held);
  }
}

/** Whether a file of no bytes has some: their number shows only when it is read, as in /proc and in some mounted clouds. One that has just been appended to has a size by now. */
async function isUnsized(file: number): Promise<boolean> {
  const { bytesRead } = await read(file, Buffer.alloc(1), 0, 1, 0);
  return bytesRead > 0 && (await fstat(file)).size === 0;
}

/** What is under the name that is written to: an older file; all of the file, which the caller has had before; or only what has come. */
type Content = 'old' | 'whole' | 'ours';

/** How a file of a tree takes the place of another one. */
interface Replacing {
  /** Its name until it is complete; undefined writes in place. */
  readonly part: string | undefined;
  /**
   * Whether a file that has that name can only be what an interrupted run has left. Anything else that has the name stays, and another name is taken.
   */
  readonly isOurs: boolean;
  /** What is there. */
  readonly replaced: Stats | undefined;
}

/** What a local file takes over from the remote one besides its bytes; what is undefined stays as the system makes it. */
export interface Preserved {
  readonly modified: Date | undefined;
  /** The permissions, as far as they leave the owner those to read and write. */
  readonly mode?: number | undefined;
}

/**
 * A local file that is being written. Its bytes go into a file of another name, which is renamed over it when all of them are there; so it is complete,
 * or as it was before. The caller may also have it written under its own name.
 */
export class LocalPart {
  #content: Content;
  #closing: Promise<void> | undefined;

  private constructor(
    /** The file's own name. */
    readonly path: string,
    /** The name that is written to. */
    readonly name: string,
    /** Its descriptor. */
    readonly file: number,
    content: Content,
    /** Bytes that are there, and taken for the beginning of the file. */
    readonly bytes = 0,
    /** Those bytes were under the file's own name, and are not known to be its beginning by size and time. */
    readonly adopted = false,
    /** What it is, where another call may begin another file under its name. */
    private readonly identity?: Stats,
  ) {
    this.#content = content;
  }

  /** For `get`: a new file. Symbolic links in its place are followed. @throws ArgumentError where the path leads to something that is no file */
  static async create(local: string): Promise<LocalPart> {
    const path = await followLinks(local);
    const name = `${stemOf(path)}.${randomBytes(4).toString('hex')}.part`;
    return new LocalPart(path, name, await openNew(name, await statOf(path)), 'ours');
  }

  /**
   * For `get` with `resume`: a file that may be there in part. It has a name that says of which remote file it is, by size and time, so that the
   * beginning of one and the end of another never meet. Where there is none of that name, the file itself is taken for the beginning if it is no
   * longer than the remote file, and not older. It is the caller's: it is copied, so that it stays what it is until the whole file takes its
   * name, even if this process is killed.
   */
  static async continue(local: string, size: number, modified: Date | undefined): Promise<LocalPart> {
    const path = await followLinks(local);
    const name = partOf(path, size, modified);
    await forgetOthers(path, name);
    const own = (await statOf(name)) ? undefined : await statOf(path);
    const adopted = own !== undefined && own.size <= size && (modified === undefined || own.mtimeMs >= modified.getTime());
    if (adopted && own.size === size && size > 0) return new LocalPart(path, path, await open(path, O_RDONLY), 'whole', size, !isSameTime(own.mtimeMs, modified));
    if (adopted) await copy(path, name, own);
    const file = await open(name, O_RDWR | O_NOFOLLOW).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return openNew(name, own);
    });
    try {
      const identity = await fstat(file);
      if (identity.size > size) await truncate(file);
      return new LocalPart(path, name, file, 'ours', identity.size > size ? 0 : identity.size, adopted, identity);
    } catch (error) {
      await close(file);
      throw error;
    }
  }

  /** As `continue`, without anything that is there. */
  static async restart(local: string, size: number, modified: Date | undefined): Promise<LocalPart> {
    const path = await followLinks(local);
    const name = partOf(path, size, modified);
    await rm(name, { force: true });
    const file = await openNew(name, await statOf(path));
    return new LocalPart(path, name, file, 'ours', 0, false, await fstat(file));
  }

  /**
   * For trees: a file in a folder that was checked. No symbolic link in its place is followed.
   *
   * @throws SecurityError
   */
  static async replace(path: string, { part, isOurs, replaced }: Replacing): Promise<LocalPart> {
    if (part === undefined) return LocalPart.#inPlace(path);
    const name = join(dirname(path), part);
    try {
      return new LocalPart(path, name, await openNew(name, replaced), 'ours');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    // What an interrupted run has left is removed. What was written to recently may be another run's: it would rename our half a file.
    const stats = await statOf(name);
    const isLeftover = isOurs && stats?.isFile() === true && Date.now() - stats.mtimeMs >= FRESH;
    if (isLeftover) await unlink(name);
    const free = isLeftover ? name : join(dirname(name), unusedPart());
    return new LocalPart(path, free, await openNew(free, replaced), 'ours');
  }

  static async #inPlace(path: string): Promise<LocalPart> {
    try {
      return new LocalPart(path, path, await open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK), 'old');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ELOOP') throw new SecurityError(`${path} is a symlink: it is not followed`, { cause: error });
      if (code !== 'ENOENT') throw error;
      return new LocalPart(path, path, await open(path, NEW), 'ours');
    }
  }

  /** Writes bytes where they belong; no two calls for the same bytes at the same time. */
  async write(chunk: Buffer, at: number): Promise<void> {
    await this.#empty();
    for (let rest = chunk, position = at; rest.length > 0; ) {
      const { bytesWritten } = await write(this.file, rest, 0, rest.length, position);
      rest = rest.subarray(bytesWritten);
      position += bytesWritten;
    }
  }

  /** Bytes that were written, as far as there are any. */
  async read(start: number, end: number): Promise<Buffer> {
    const { buffer, bytesRead } = await read(this.file, Buffer.alloc(end - start), 0, end - start, start);
    return buffer.subarray(0, bytesRead);
  }

  /** Bytes that the file has now. */
  async size(): Promise<number> {
    return (await fstat(this.file)).size;
  }

  /** All is there: the file gets that time, those permissions, and its name. @throws ChangedError where another call has begun anew in its place */
  async publish({ modified, mode }: Preserved): Promise<void> {
    await this.#empty();
    if (modified) await utimes(this.file, modified, modified);
    if (mode !== undefined) await fchmod(this.file, (mode & PERMISSIONS) | OWNER_READS_AND_WRITES);
    if (await this.#isReplaced()) throw new ChangedError(`${this.name} is another file by now: another call downloads to ${this.path}`);
    await this.#close();
    if (this.name !== this.path) await rename(this.name, this.path);
  }

  /** Leaves what has come for another call. */
  async keep(): Promise<void> {
    const had = this.adopted ? this.bytes : 0;
    const left = await statOf(this.name).catch(() => undefined);
    if ((left?.size ?? 0) <= had) await this.discard();
    else await this.#close();
  }

  /** Removes what has come. */
  async discard(): Promise<void> {
    const isRemoved = this.#content === 'ours' && !(await this.#isReplaced());
    await this.#close();
    if (isRemoved) await unlink(this.name).catch(() => undefined); // what has failed before is the error
  }

  /** Whether another file has the name that is written to. */
  async #isReplaced(): Promise<boolean> {
    if (!this.identity) return false;
    const there = await statOf(this.name).catch(() => undefined);
    return there !== undefined && (there.ino !== this.identity.ino || there.dev !== this.identity.dev);
  }

  /** Removes the bytes of an older file: when the first byte of the new one has come, or the end of an empty one. */
  async #empty(): Promise<void> {
    if (this.#content !== 'old') return;
    this.#content = 'ours';
    await truncate(this.file);
  }

  #close(): Promise<void> {
    return (this.#closing ??= close(this.file));
  }
}

function partOf(path: string, size: number, modified: Date | undefined): string {
  return `${stemOf(path)}.${size}-${modified ? formatTime(modified) : 'undated'}.part`;
}

/** A name for a part that nothing has. */
export function unusedPart(): string {
  return `.${randomBytes(8).toString('hex')}.part`;
}

/** What the longest name of a part adds to that of its file: the size and the time. */
const LONGEST_ADDITION = `.${Number.MAX_SAFE_INTEGER}-20000101000000.part`.length;

/** The path that the parts of a file begin with. */
function stemOf(path: string): string {
  return join(dirname(path), shortened(basename(path), LONGEST_ADDITION));
}

/** Opens a new file, which may be read, written and executed by whom the one that it will replace may be. */
async function openNew(name: string, replaced: Stats | undefined): Promise<number> {
  if (!replaced) return open(name, NEW);
  const mode = replaced.mode & 0o777;
  const file = await open(name, NEW, mode);
  try {
    await fchmod(file, mode); // what the umask has left out
    return file;
  } catch (error) {
    await close(file);
    throw error;
  }
}

/** A copy that can be written to, also where the original cannot. */
async function copy(from: string, to: string, { mode }: Stats): Promise<void> {
  try {
    await copyFile(from, to, COPY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') await rm(to, { force: true }); // half a copy
    throw error;
  }
  if ((mode & OWNER_READS_AND_WRITES) !== OWNER_READS_AND_WRITES) await chmod(to, (mode & 0o777) | OWNER_READS_AND_WRITES);
}

/** The path after symbolic links, of which the last may lead to nothing yet. @throws ArgumentError */
async function followLinks(local: string): Promise<string> {
  let path = resolve(local);
  for (let links = 0; links < MOST_LINKS; links++) {
    const stats = await statOf(path);
    if (!stats || stats.isFile()) return path;
    if (!stats.isSymbolicLink()) throw new ArgumentError(`${local} is there, and is not a file`);
    path = resolve(await realpath(dirname(path)), await readlink(path));
  }
  throw new ArgumentError(`${local} leads through too many symbolic links`);
}

/** Removes parts of what the remote file was before it changed. */
async function forgetOthers(path: string, name: string): Promise<void> {
  const folder = dirname(path);
  const begin = `${basename(stemOf(path))}.`;
  for (const each of await readdir(folder)) {
    const ours = each.startsWith(begin) && /^\d+-(\d{14}|undated)\.part$/.test(each.slice(begin.length));
    if (ours && each !== basename(name)) await rm(join(folder, each), { force: true });
  }
}

/** Servers give whole seconds. */
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
