import fs from 'node:fs';
import type { Dir, Stats } from 'node:fs';
import { chmod, mkdir, opendir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { askUnlessAborted } from '../abort';
import { ArgumentError, ConnectionClosedError, PermanentError, SecurityError, TimeoutError, TransferError } from '../errors';
import type { Reply } from '../reply';
import { isNotImplemented } from '../control/command-table';
import { certainSize, entryAt, type FactCommand, factsOf } from '../transfer/facts';
import { Backoff } from '../transfer/retry';
import { ignoreRefusal } from '../transfer/temporary-name';
import type { HashAlgorithm } from '../transfer/verify';
import { isAboutPath, joined, Listings } from './listings';
import { type Remote, wasClosed, withRetry } from './remote';
import type { Doubt, Known } from './tree-compare';
import { Budget } from './tree-memory';
import type { TreeSettings } from './tree-options';

/** What a system takes for a device, with any extension (Windows, "Naming Files, Paths, and Namespaces"). */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9¹²³]|lpt[0-9¹²³])(?=$|[ .:])/i;

/**
 * Checks that a name from a server is nothing but a name in a local folder.
 *
 * @param rules `portable`: on every system; `native`: on `platform`
 * @throws SecurityError
 */
export function checkLocalName(name: string, rules: 'portable' | 'native', platform: NodeJS.Platform = process.platform): void {
  const reason = universal(name) ?? (rules === 'portable' || platform === 'win32' ? portable(name) : undefined) ?? (platform === 'win32' ? windows(name) : undefined);
  if (reason !== undefined) throw new SecurityError(`the name ${JSON.stringify(name.slice(0, 200))} ${reason}: nothing is written`);
}

function universal(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') return 'is no name of a file';
  if (name.includes('/')) return 'is a path';
  return name.includes('\0') ? 'has a NUL in it' : undefined;
}

function portable(name: string): string | undefined {
  if (name.includes('\\')) return 'is a path on Windows';
  if (/^[a-z]:/i.test(name)) return 'begins with a drive letter';
  if (DEVICE.test(name)) return 'is a device on Windows';
  return /[. ]$/.test(name) ? 'is another name on Windows, without the dot or blank at its end' : undefined;
}

/** What Windows does not allow, and the colon, after which it expects the name of a stream. */
function windows(name: string): string | undefined {
  return /[<>:"|?*\x00-\x1f]/.test(name) ? 'has a character that has another meaning here' : undefined;
}

/** What `LocalTree` asks of a file system, which a spec may replace. */
interface LocalFiles {
  lstat(path: string): Promise<Stats>;
  realpath(path: string): Promise<string>;
}

/** What a folder needs for files to be written to it. */
const OWNER_MAY_ALL = 0o700;

/** For so many seconds, a check of a folder counts for the files that are written to it. */
const A_MOMENT = 0.1;

/** The system's, called for each file in the way that costs least. */
const FILES: LocalFiles = { lstat: promisify(fs.lstat), realpath: promisify(fs.realpath.native) };

/**
 * A local folder in which a server chooses the names. No symlink is followed below its root, which may be one itself. A name that the file system
 * takes for another one, because it ignores case, is refused.
 */
export class LocalTree {
  readonly #given: string;
  readonly #files: LocalFiles;
  #root: string | undefined;
  #checked: { readonly folder: string; readonly at: number; readonly done: Promise<void> } | undefined;

  constructor(root: string, files: LocalFiles = FILES) {
    this.#given = root;
    this.#files = files;
  }

  /** Whether the root is there; from here on it is the folder that its path leads to now. @throws ArgumentError for a file */
  async open(): Promise<boolean> {
    this.#root = await this.#files.realpath(this.#given).catch(absent);
    if (this.#root === undefined) return false;
    if (!(await this.#files.lstat(this.#root)).isDirectory()) throw new ArgumentError(`${this.#given} is no folder`);
    return true;
  }

  /** The path of a file or folder whose names were checked. */
  path(relative: string): string {
    return join(this.#root ?? this.#given, relative);
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
    if (real === path) return stats;
    if (real === undefined && !(await this.#files.lstat(path).catch(absent))) return undefined; // it has gone between the two
    throw new SecurityError(`${path} is another name of ${real ?? 'something else'}: it is not written to`);
  }

  /** Makes sure that a folder is where its path says. @throws SecurityError */
  async check(relative: string): Promise<void> {
    const path = this.path(relative);
    const real = await this.#files.realpath(path);
    if (real !== path) throw new SecurityError(`${path} leads to ${real}: it is not followed`);
  }

  /**
   * As `check`, for each file of many: the last check counts for a moment, if it was of the same folder. Between a check and the write that it is for, another
   * program may exchange the folder anyhow.
   *
   * @throws SecurityError
   */
  checkForFile(folder: string): Promise<void> {
    const now = process.uptime();
    if (this.#checked?.folder !== folder || now - this.#checked.at > A_MOMENT) this.#checked = { folder, at: now, done: this.check(folder) };
    return this.#checked.done;
  }

  /**
   * Makes a folder in one that was checked; the root with all that it is in. Resolves with whether it was missing: another run may have made it meanwhile.
   *
   * @param mode its permissions; undefined leaves those that the system gives
   */
  async makeFolder(relative: string, mode?: number): Promise<boolean> {
    const path = this.path(relative);
    if (relative === '') await mkdir(path, { recursive: true });
    else {
      const failure = await mkdir(path).then(() => undefined, (error: NodeJS.ErrnoException) => error);
      if (failure?.code === 'EEXIST' && (await this.look(relative))?.isDirectory()) return false;
      if (failure) throw failure;
    }
    if (mode !== undefined) await chmod(path, mode | OWNER_MAY_ALL);
    if (relative === '') await this.open();
    return true;
  }

  /** The names in a folder; nothing for one that is not there. @throws SecurityError for a folder that is not where its path says */
  async *names(relative: string): AsyncGenerator<string> {
    const folder: Dir | undefined = await this.check(relative).then(() => opendir(this.path(relative))).catch(absent);
    if (folder) for await (const { name } of folder) yield name;
  }

  /** Removes a file, or a symlink itself. @throws SecurityError where its folder is not where its path says */
  async removeFile(relative: string): Promise<void> {
    await this.check(parentOf(relative));
    await unlink(this.path(relative));
  }

  /** Removes a folder that is empty. @throws SecurityError where it is not where its path says */
  async removeFolder(relative: string): Promise<void> {
    await this.check(parentOf(relative));
    await rmdir(this.path(relative));
  }

  /** What is at a path, a symlink too; undefined where there is nothing. */
  async facts(relative: string): Promise<Stats | undefined> {
    return this.#files.lstat(this.path(relative)).catch(absent);
  }
}

/** The folder of a path from the start of the tree. */
export function parentOf(relative: string): string {
  return relative.slice(0, Math.max(0, relative.lastIndexOf('/')));
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}

/** A client or a pool; an object of the caller's with the same verbs says by FEAT only whether it sets times. */
type TimeSetting = Remote & { setsTimes?(): Promise<boolean | undefined> };

/** A folder on a server, and all that is in it. */
export class RemoteTree {
  readonly listings: Listings;
  /** The memory for what is remembered of the tree. */
  readonly budget: Budget;
  readonly #retry: TreeSettings['retry'];
  /** A folder that is missing above one is made. With `swap`, it was taken away. */
  readonly #makesParents: boolean;
  readonly #lacks = new Set<FactCommand>();
  /** Folders that were missing when one in them was to be made. */
  readonly #parents = new Set<string>();
  /** One folder is made after the other, so that it shows which was missing. */
  #making: Promise<unknown> = Promise.resolve();
  /** Whether the server sets times and modes; undefined: not known before the first file. */
  readonly #sets: { times: boolean | undefined; modes: boolean | undefined };

  constructor(
    readonly remote: Remote,
    readonly root: string,
    readonly signal: AbortSignal,
    { retry, maxPendingBytes, preserveTimes, preserveModes, modeOf, swap, parents }: TreeSettings,
  ) {
    this.budget = new Budget(maxPendingBytes);
    this.#retry = retry;
    this.#makesParents = parents && !swap;
    this.#sets = { times: preserveTimes ? undefined : false, modes: preserveModes || modeOf ? undefined : false };
    this.listings = new Listings(remote, signal, retry === undefined ? undefined : { retry, budget: this.budget });
  }

  /** The path on the server. */
  path(relative: string): string {
    return relative === '' ? this.root : joined(this.root, relative);
  }

  /** Finds out, before the first file, whether times that are to be preserved can be set: MFMT is offered (draft-somers-ftp-mfxx, 3), or another way is known. */
  async begin(): Promise<void> {
    const remote: TimeSetting = this.remote;
    if (this.#sets.times !== undefined) return;
    this.#sets.times = await this.withRetry(async () => (remote.setsTimes ? remote.setsTimes() : (await remote.feat()).has('MFMT') || undefined));
  }

  /** Files keep the times that they are given, as far as that is known. */
  get keepsTimes(): boolean {
    return this.#sets.times === true;
  }

  /** Files may keep the times that they are given. */
  get mayKeepTimes(): boolean {
    return this.#sets.times !== false;
  }

  /** Gives an uploaded file its time and its mode. What the server does not know is not asked for again, and what it refuses is left. */
  async preserve(path: string, modified: Date, mode: number | undefined): Promise<void> {
    if (this.#sets.times !== false) this.#sets.times = await isSet(this.remote.mfmt(path, modified), this.#sets.times);
    await this.setMode(path, mode);
  }

  /** Gives a file or folder its mode. */
  async setMode(path: string, mode: number | undefined): Promise<void> {
    if (this.#sets.modes !== false && mode !== undefined) this.#sets.modes = await isSet(this.remote.chmod(path, mode), this.#sets.modes);
  }

  /** The hash of a file; undefined where the server refuses to compute it. */
  async hash(relative: string, algorithm: HashAlgorithm): Promise<string | undefined> {
    try {
      return await this.withRetry(() => this.remote.hash(this.path(relative), algorithm));
    } catch (error) {
      if (!isAboutPath(error)) throw error;
      return undefined;
    }
  }

  /** What the server says of a folder that it does not list: it may be missing, or take uploads only. */
  async isFolder(path: string): Promise<boolean> {
    try {
      return (await this.withRetry(() => entryAt(this.remote, path)))?.type === 'directory';
    } catch (error) {
      if (!isAboutPath(error)) throw error;
      return false;
    }
  }

  /** Asks for a file of a folder that is not listed; undefined where the server knows of none. @param ignoresTemporary a 4yz may mean that, too */
  async find(relative: string, ignoresTemporary = this.#retry === undefined): Promise<Known | undefined> {
    const known = await this.exact(relative, { type: 'file', unit: 1, exact: false }, { size: true, time: true }, ignoresTemporary);
    return known.size === undefined && known.time === undefined ? undefined : known;
  }

  /** Asks the server for the facts of a file that are in doubt. */
  async exact(relative: string, known: Known, doubt: Doubt, ignoresTemporary = this.#retry === undefined): Promise<Known> {
    const asked = { size: doubt.size, modified: doubt.time, ignoresTemporary, lacks: this.#lacks };
    const { size, modified } = await this.withRetry(() => factsOf(this.remote, this.path(relative), asked));
    const time = modified?.getTime();
    return {
      ...known,
      ...(size === undefined ? {} : { size }),
      ...(time === undefined ? {} : { time, unit: time % 1000 === 0 ? 1000 : 1 }),
      exact: true,
    };
  }

  /**
   * What is known of a file when it has come: what was listed, or, where another number of bytes has come, what SIZE and MDTM say. A file may grow
   * while it is downloaded, and ProFTPD lists symlinks with their own size.
   *
   * @throws TransferError where the bytes are not those of SIZE either
   */
  async judge(relative: string, known: Known, bytes: number): Promise<Known> {
    if (known.size === undefined || bytes === known.size) return known;
    const exact = await this.exact(relative, { ...known, size: bytes }, { size: true, time: true });
    if (exact.size === bytes || (bytes > known.size && (certainSize(exact.size) ?? Infinity) > bytes)) return { ...exact, mode: undefined }; // that of the symlink
    throw new TransferError(`RETR ${this.path(relative)}: ${bytes} bytes came, where the listing has ${known.size} and SIZE ${exact.size}`, {
      bytesTransferred: bytes,
      expectedBytes: exact.size,
      phase: 'completion',
    });
  }

  /** Makes a folder, and those that it is in, unless they are there. Resolves with whether it was missing. */
  makeFolder(relative: string): Promise<boolean> {
    const made = this.#making.then(() => this.#make(this.path(relative)));
    this.#making = made.catch(() => undefined);
    return made;
  }

  async #make(path: string): Promise<boolean> {
    this.signal.throwIfAborted();
    const make = (): Promise<string> => this.withRetry(() => this.remote.mkd(path));
    try {
      await make();
    } catch (error) {
      if (!isAboutPath(error)) throw error;
      const parent = path.replace(/\/+[^/]*\/*$/, '');
      if (await this.isFolder(path)) return this.#parents.has(path);
      if (!this.#makesParents || parent === '' || parent === path || !(await this.#make(parent))) throw error;
      this.#parents.add(parent);
      await make();
    }
    return true;
  }

  /** Asks the server, and again after a loss, as far as `retry` says. */
  withRetry<T>(act: () => Promise<T>): Promise<T> {
    const once = (): Promise<T> => askUnlessAborted(act, this.signal);
    return this.#retry === undefined ? once() : withRetry(once, { backoff: new Backoff(this.#retry), signal: this.signal });
  }
}

/**
 * Whether the server does what was asked for. A refusal that is about the one file says nothing new. A server that closes the connection the first time,
 * or does not answer, is not asked again: some do so where they do not know a command.
 */
async function isSet(answer: Promise<Reply>, known: boolean | undefined): Promise<boolean | undefined> {
  try {
    await answer;
    return true;
  } catch (error) {
    if (known === undefined && (error instanceof ConnectionClosedError || error instanceof TimeoutError) && !wasClosed(error)) return false;
    ignoreRefusal(error);
    return error instanceof PermanentError && isNotImplemented(error.reply) ? false : known;
  }
}
