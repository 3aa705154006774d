import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { constants, type Stats } from 'node:fs';
import { chmod, copyFile, type FileHandle, lstat, open, readdir, readlink, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ArgumentError, ChangedError, MismatchError, PermanentError } from '../errors';
import { formatTime } from '../listing/time';
import { checkNames, type OptionNames } from '../options';
import { Backoff, checkSegments, type RetryOptions } from '../transfer/retry';
import { checkVerify, digestCommands, type Verify } from '../transfer/verify';
import { persist } from './persist';
import { checkPassage, Passage, type PassageOptions } from './progress';
import type { Remote } from './remote';
import { factsOf, type RemoteFacts } from './remote-facts';
import { assertSameHash, assertSameHashIfAny, holdsSameBytes, RangeReader } from './same-content';
import { asWork } from './work';

/** Writes into a file from a byte on, beside others that write elsewhere in it; the file stays open. */
class RangeWriter extends Writable {
  /** Bytes that are in the file. */
  bytesWritten = 0;

  constructor(
    private readonly file: FileHandle,
    private readonly start: number,
  ) {
    super({ highWaterMark: HIGH_WATER_MARK });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#write(chunk).then(() => callback(), callback);
  }

  async #write(chunk: Buffer): Promise<void> {
    for (let rest = chunk; rest.length > 0; ) {
      const { bytesWritten } = await this.file.write(rest, 0, rest.length, this.start + this.bytesWritten);
      this.bytesWritten += bytesWritten;
      rest = rest.subarray(bytesWritten);
    }
  }
}

/** As much as a download gives at a time. */
const HIGH_WATER_MARK = 512 * 1024;

/** What all ranges of a file have in common. */
interface RangeSetup {
  readonly remote: Remote;
  readonly path: string;
  readonly file: FileHandle;
  readonly retry: RetryOptions | number | boolean;
  readonly passage: Passage;
  readonly signal: AbortSignal | undefined;
  readonly onRetry: () => void;
}

/** Bytes of a remote file, and what to verify them by. */
interface Range {
  readonly start: number;
  /** Inclusive; undefined: to the end. */
  readonly end?: number;
  readonly verify?: Verify | undefined;
}

/** Downloads a range to where it belongs in the local file; resolves with its bytes. */
async function fetchRange(setup: RangeSetup, { start, end, verify }: Range): Promise<number> {
  const { remote, path, file, passage, signal, onRetry } = setup;
  const retry = setup.retry === false ? 0 : setup.retry; // also without another attempt, what came is compared with SIZE
  const stream = remote.retr(path, { start, retry, ...(end === undefined ? {} : { end }), ...(verify ? { verify } : {}) }).on('retry', onRetry);
  const writer = new RangeWriter(file, start);
  await pipeline([stream, ...passage.streams(), writer], signal ? { signal } : {});
  return writer.bytesWritten;
}

/** Downloads all of a file in so many parts at the same time; the first one that fails ends the others. */
async function fetchSegments(setup: RangeSetup, size: number, segments: number): Promise<void> {
  const stop = new AbortController();
  const signal = setup.signal ? AbortSignal.any([setup.signal, stop.signal]) : stop.signal;
  setMaxListeners(0, signal); // each part listens to it
  let failure: { readonly error: unknown } | undefined;
  const fetchOne = async ({ start, end }: Required<Pick<Range, 'start' | 'end'>>): Promise<void> => {
    // The last part ends with the file, and is not cut off: a server that takes REST and ignores it sends more than that.
    const range = end === size - 1 ? { start } : { start, end };
    try {
      const bytes = await fetchRange({ ...setup, signal }, range);
      if (bytes !== end - start + 1) throw new MismatchError(`${setup.path}: ${bytes} bytes came for those from ${start} to ${end}`);
    } catch (error) {
      failure ??= { error };
      stop.abort();
    }
  };
  await Promise.all(partsOf(size, segments).map(fetchOne));
  if (failure) throw failure.error;
}

function partsOf(size: number, segments: number): { start: number; end: number }[] {
  const length = Math.max(1, Math.ceil(size / segments));
  return Array.from({ length: Math.ceil(size / length) }, (_, n) => ({ start: n * length, end: Math.min(size, (n + 1) * length) - 1 }));
}

const MOST_LINKS = 32;
/** A link in the place of our partial file is not followed. */
const CONTINUE = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
/** Where the file system can, the copy shares its blocks with the original. */
const COPY = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE;
const OWNER_READS_AND_WRITES = 0o600;

/** A local file that is complete under its name, or as it was before: what comes is written beside it, and renamed over it at the end. */
class GetTarget {
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

/** The options after checks, with defaults. */
interface GetSetup {
  readonly retry: NonNullable<GetOptions['retry']>;
  readonly resume: boolean;
  readonly segments: number;
  readonly preserveTimes: boolean;
  readonly verify: Verify | undefined;
  readonly signal: AbortSignal | undefined;
  readonly backoff: () => Backoff;
  readonly passage: (total: number | undefined) => Passage;
  /** Whether the size has to be known beforehand. */
  readonly sized: boolean;
}

/** What became of it. */
type Whole = Pick<GetResult, 'local' | 'bytes' | 'resumedFrom'>;

/** Bytes of a file taken for a beginning that are compared: those that an editor or another file would change first, and those that what comes is joined to. */
const HEAD = 4 * 1024;
const BEFORE_SEAM = 64 * 1024;

const UNKNOWN: RemoteFacts = { size: undefined, modified: undefined };

/** One download into a local file. */
class GetJob {
  #facts: RemoteFacts = UNKNOWN;
  #retries = 0;

  constructor(
    private readonly remote: Remote,
    private readonly path: string,
    private readonly local: string,
    private readonly setup: GetSetup,
  ) {}

  async run(): Promise<GetResult> {
    const begun = performance.now();
    const { resume, segments, preserveTimes, sized } = this.setup;
    if (resume || segments > 1 || preserveTimes || sized) this.#facts = await this.#ask(() => factsOf(this.remote, this.path));
    const passage = this.setup.passage(this.#facts.size);
    try {
      const done = await this.#download(passage);
      passage.finish();
      return { path: this.path, ...done, retries: this.#retries, ms: performance.now() - begun };
    } finally {
      passage.stop();
    }
  }

  async #download(passage: Passage): Promise<Whole> {
    const { size, modified } = this.#facts;
    if (!this.setup.resume || size === undefined) return this.#into(await GetTarget.create(this.local), passage);
    const target = await GetTarget.continue(this.local, size, modified);
    try {
      return await this.#into(target, passage);
    } catch (error) {
      // What was there was not the beginning of this file, or the server does not go on from there.
      const useless = error instanceof MismatchError || error instanceof PermanentError;
      if (!useless || target.bytes === 0) throw error;
      return this.#into(await GetTarget.afresh(this.local, size, modified), passage);
    }
  }

  async #into(target: GetTarget, passage: Passage): Promise<Whole> {
    try {
      const bytes = await this.#fetch(target, passage);
      await target.publish(this.setup.preserveTimes ? this.#facts.modified : undefined);
      return { local: target.path, bytes, resumedFrom: target.bytes };
    } catch (error) {
      const useless = error instanceof MismatchError || error instanceof ChangedError || error instanceof PermanentError;
      await (this.setup.resume && !useless ? target.keep() : target.discard());
      throw error;
    }
  }

  /** Fetches what is missing; resolves with the bytes of the whole file. */
  async #fetch(target: GetTarget, passage: Passage): Promise<number> {
    const { remote, path } = this;
    const { retry, signal, verify } = this.setup;
    const segments = Math.min(this.setup.segments, remote.maxConnections ?? 1);
    const { size } = this.#facts;
    const setup = { remote, path, file: target.file, retry, passage, signal, onRetry: () => void (this.#retries += 1) };
    passage.begin(target.bytes);
    if (target.adopted && !(await this.#hashTells())) await this.#assertBeginning(target);
    if (target.bytes === 0 && (segments === 1 || size === undefined)) return fetchRange(setup, { start: 0, verify });
    if (segments > 1) await fetchSegments(setup, size as number, segments);
    else if (target.bytes < (size as number)) await fetchRange(setup, { start: target.bytes });
    await this.#assertWhole(target);
    return size as number;
  }

  /** Whether all of it will be compared by a hash in the end. */
  async #hashTells(): Promise<boolean> {
    return this.setup.verify !== 'size' && digestCommands(await this.#ask(() => this.remote.feat())).length > 0;
  }

  /** A file of the caller's is taken for the beginning of the remote one, and may be another: its head and its end are compared. */
  async #assertBeginning({ file, bytes }: GetTarget): Promise<void> {
    const { remote, path } = this;
    const ours = async (start: number, end: number): Promise<Buffer> => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
      return buffer.subarray(0, bytesRead);
    };
    for (const [start, end] of [[Math.max(0, bytes - BEFORE_SEAM), bytes], [0, Math.min(HEAD, bytes - BEFORE_SEAM)]] as const) {
      if (end <= start) continue;
      const same = await this.#ask(() => holdsSameBytes(remote, { path, start, end, ours, signal: this.setup.signal }));
      if (same === false) throw new MismatchError(`${this.local} is no beginning of ${path}: bytes ${start} to ${end - 1} differ`);
    }
  }

  /** For what did not come in one stream, which would know. */
  async #assertWhole({ file, bytes: before }: GetTarget): Promise<void> {
    const { size, modified } = this.#facts;
    const now = await this.#ask(() => factsOf(this.remote, this.path));
    if (now.size !== size || now.modified?.getTime() !== modified?.getTime()) throw new ChangedError(`${this.path} has changed while it was downloaded`);
    const { size: bytes } = await file.stat();
    if (bytes !== size) throw new MismatchError(`${this.path}: ${bytes} bytes came in place of ${size}`);
    const { verify = before > 0 ? 'best' : 'size' } = this.setup;
    const ours = (): RangeReader[] => [new RangeReader(file, 0, bytes)];
    if (verify === 'hash') await this.#ask(() => assertSameHash(this.remote, this.path, ours));
    else if (verify === 'best') await assertSameHashIfAny(this.remote, this.path, ours);
  }

  #ask<T>(question: () => Promise<T>): Promise<T> {
    const { backoff, signal } = this.setup;
    return persist(question, { backoff: backoff(), signal, onRetry: () => void (this.#retries += 1) });
  }
}

/** What `get` can be told. */
export interface GetOptions extends PassageOptions {
  /** How it goes on after a loss; default true, that is 5 attempts; a number of attempts; false for none. */
  retry?: RetryOptions | number | boolean;
  /**
   * Goes on with what is there of the file, and leaves what there is on a failure, as `<local>.<size>-<time>.part`; default false. A file under
   * its own name that is shorter than the remote one, and not older, is taken for its beginning: it is copied, and stays as it is until the whole
   * file takes its place. Where the server does not go on from there, the file is downloaded anew.
   */
  resume?: boolean;
  /** Parts that are fetched at the same time, on as many connections of a pool; a client has one, and fetches all in one. Not with `resume`. Default 1. */
  segments?: number;
  /**
   * Compares the hash of what came with what the server computes; its size must not be smaller than what SIZE says in any case, and with `size` it
   * must be the same. Default: a hash for a file that was there in part, where the server offers one.
   */
  verify?: 'size' | 'hash';
  /** Gives the file the time that MDTM tells; default false. */
  preserveTimes?: boolean;
  /** Ends it with an AbortError. */
  signal?: AbortSignal;
}

const GET_OPTIONS: OptionNames<GetOptions> = {
  retry: true, resume: true, segments: true, verify: true, preserveTimes: true, signal: true, throttle: true, progress: true,
};

/** A download that is complete. */
export interface GetResult {
  readonly path: string;
  /** The local file. */
  readonly local: string;
  /** Of the whole file. */
  readonly bytes: number;
  /** Bytes of it that were there before. */
  readonly resumedFrom: number;
  /** How often it went on after a loss. */
  readonly retries: number;
  /** Milliseconds that it took. */
  readonly ms: number;
}

/**
 * Downloads into a local file, going on after losses. The bytes come into a file beside it, which gets its name when all of them are there:
 * nobody sees half a file. A symbolic link is followed, as `fs` does.
 *
 * @throws ArgumentError; PermanentError when the server refuses; ChangedError when the remote file does not stay the same; MismatchError when
 * what came is not what the server says; else what the last attempt failed with, or the file system
 */
export async function get(remote: Remote, path: string, local: string, options: GetOptions = {}): Promise<GetResult> {
  checkNames(options, GET_OPTIONS);
  const { retry = true, resume = false, segments = 1, preserveTimes = false, verify, signal, progress } = options;
  if (typeof local !== 'string' || local === '') throw new ArgumentError('the local path must be that of a file');
  checkSegments(segments);
  if (resume && segments > 1) throw new ArgumentError('segments cannot be resumed: say one or the other');
  checkVerify(verify);
  const backoff = (): Backoff => new Backoff(retry === false ? 0 : retry);
  backoff();
  checkPassage(options);
  const passage = (total: number | undefined): Passage => new Passage(options, total);
  const setup = { retry, resume, segments, preserveTimes, verify, backoff, passage, sized: progress !== undefined };
  return asWork(remote, signal, (ended) => new GetJob(remote, path, local, { ...setup, signal: ended }).run());
}
