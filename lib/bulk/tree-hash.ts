// `compare: 'hash'` of trees: contents are compared by the server's hashes, or by a manifest that an upload has left on the server.

import { posix } from 'node:path';
import { Readable, Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LimitError, PermanentError, TransferError, UnsupportedError } from '../errors';
import { LineDecoder } from '../transfer/lines';
import type { StorStream } from '../transfer/stor-stream';
import { Digest, digestCommands, type HashAlgorithm, HEX_DIGITS } from '../transfer/verify';
import { isAboutPath, mayMeanMissing } from './listings';
import { LocalSource } from './local-file';
import type { Remote } from './remote';
import type { Known } from './tree-compare';
import { TreeTable } from './tree-memory';
import { DEFAULT_MANIFEST, type TreeSettings } from './tree-options';
import type { RemoteTree } from './tree-sides';

/** The algorithm of manifests, whatever the server has. */
const ALGORITHM = 'sha256';
const SECOND = 1000;

/** Computes the hash of a local file, with one piece of it in memory at a time. @throws ChangedError where it is written to meanwhile */
async function hashOf(path: string, algorithm: HashAlgorithm, followSymlinks: boolean): Promise<string> {
  const source = await LocalSource.open(path, followSymlinks);
  try {
    const digest = new Digest(algorithm);
    for (const stream of source.read(0)) for await (const chunk of stream) digest.update(chunk as Buffer);
    await source.check();
    return digest.hex();
  } finally {
    await source.close();
  }
}

/** A local file whose hash is computed while it is uploaded: each byte once, also where it is sent again after a loss. */
export class HashedSource {
  readonly #source: LocalSource;
  readonly #digest = new Digest(ALGORITHM);
  #hashed = 0;

  constructor(source: LocalSource) {
    this.#source = source;
  }

  get size(): number {
    return this.#source.size;
  }

  get modified(): number {
    return this.#source.modified;
  }

  /** The hash, when all has been read; undefined before that. */
  get hash(): string | undefined {
    return this.#hashed === this.size ? this.#digest.hex() : undefined;
  }

  read(offset: number): (Readable | Transform)[] {
    let position = offset;
    const observe = (chunk: Buffer): void => {
      const known = this.#hashed - position; // the file is the same in each attempt, or the upload fails
      if (known >= 0 && known < chunk.length) {
        this.#digest.update(chunk.subarray(known));
        this.#hashed = position + chunk.length;
      }
      position += chunk.length;
    };
    return [...this.#source.read(offset), new Observer(observe)];
  }

  bytes(start: number, end: number): Promise<Buffer> {
    return this.#source.bytes(start, end);
  }

  check(): Promise<boolean> {
    return this.#source.check();
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}

/** Passes bytes on, and shows them. */
class Observer extends Transform {
  constructor(private readonly observe: (chunk: Buffer) => void) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.observe(chunk);
    callback(null, chunk);
  }
}

/** How many trees of a client or pool have asked for hashes. */
const treesAsking = new WeakMap<Remote, number>();

/**
 * The hash that a tree asks for; undefined where the server offers none. Trees of one client take turns with the strong ones: a session of ProFTPD 1.3.8
 * remembers the hash of a young file by algorithm, path, size and second of its time, so that after another upload in that second it would give the old one.
 */
function nextAlgorithm(remote: Remote, features: ReadonlyMap<string, string>): HashAlgorithm | undefined {
  const offered = [...new Set(digestCommands(features).map(({ algorithm }) => algorithm))];
  const strong = offered.filter((algorithm) => algorithm !== 'crc32');
  const turn = treesAsking.get(remote) ?? 0;
  treesAsking.set(remote, turn + 1);
  return strong[turn % strong.length] ?? offered[0];
}

/** Compares files by their contents. */
export class Contents {
  readonly #remote: RemoteTree;
  readonly #followSymlinks: boolean;
  readonly #by: HashAlgorithm | Manifest;

  private constructor(remote: RemoteTree, followSymlinks: boolean, by: HashAlgorithm | Manifest) {
    this.#remote = remote;
    this.#followSymlinks = followSymlinks;
    this.#by = by;
  }

  /**
   * Finds out by what contents are compared; undefined where they are not.
   *
   * @param side which side the tree is written to
   * @throws UnsupportedError where there is nothing to compare them by
   */
  static async begin(remote: RemoteTree, settings: TreeSettings, side: 'remote' | 'local'): Promise<Contents | undefined> {
    if (settings.compare !== 'hash') return undefined;
    const followSymlinks = side === 'remote' && settings.symlinks === 'follow';
    const algorithm = nextAlgorithm(remote.remote, await remote.withRetry(() => remote.remote.feat()));
    if (algorithm) return new Contents(remote, followSymlinks, algorithm);
    const name = settings.manifest;
    const manifest = name === undefined ? undefined : await Manifest.read(remote, name, settings, side);
    if (manifest?.isOther && name !== undefined && name !== DEFAULT_MANIFEST) {
      throw new UnsupportedError(`${remote.path(name)} is no manifest, and stays as it is: the option manifest needs another name`, { cause: manifest.problem });
    }
    if (manifest && (side === 'remote' || manifest.isRead)) return new Contents(remote, followSymlinks, manifest);
    const missing = name === undefined ? 'manifest is false' : (manifest?.problem?.message ?? `there is no manifest ${remote.path(name)}`);
    throw new UnsupportedError(`compare: 'hash' has nothing to go by: the server offers no hash of a file (no HASH, XCRC or the like in FEAT), and ${missing}`);
  }

  /** The manifest, where the server offers no hashes. */
  get manifest(): Manifest | undefined {
    return this.#by instanceof Manifest ? this.#by : undefined;
  }

  /**
   * Whether a file on the server has the content of a local one.
   *
   * @param file the path of the local file
   * @param local what is known of it
   */
  async areSame(path: string, file: string, local: Known, listed: Known): Promise<boolean> {
    // ProFTPD lists a link's own size, and VMS sizes in blocks.
    const there = listed.size === local.size || listed.exact ? listed : await this.#remote.exact(path, listed, { size: true, time: false });
    if (there.size === undefined || there.size !== local.size) return false;
    const hash = (algorithm: HashAlgorithm): Promise<string> => hashOf(file, algorithm, this.#followSymlinks);
    if (this.#by instanceof Manifest) return this.#by.hasSame(path, { ...listed, size: there.size }, () => hash(ALGORITHM));
    const [ours, theirs] = await Promise.all([hash(this.#by), this.#remote.hash(path, this.#by)]);
    return ours === theirs;
  }
}

/** What the manifest has of a file: its size and hash, and the time that the server has given it, if any. */
type Noted = [size: number, hash: string, time: number | null];

/** What a manifest of any version begins with. */
const ANY_MANIFEST = '{"version":';
const FIRST_LINE = `${ANY_MANIFEST}1,"hash":"${ALGORITHM}","files":{`;
const LAST_LINE = '}}';
/** Bytes of a line, which is a file: more than any system's longest path. */
const LONGEST_LINE = 64 * 1024;
const LONGEST_SHOWN = 200;

/**
 * A JSON file with a line for each file of a tree on the server, which an upload leaves there. It is believed of a file as long as that has the size and
 * time that it has noted. A run that ends early leaves the old manifest, so that what it has uploaded is uploaded again.
 */
export class Manifest {
  readonly #remote: RemoteTree;
  readonly #name: string;
  readonly #settings: TreeSettings;
  readonly #side: 'remote' | 'local';
  /** What was read; what was found equal is marked. */
  readonly #old: TreeTable<Noted>;
  /** What this run has uploaded or read back. */
  readonly #new: TreeTable<Noted>;
  /** The file that was read, as the server has written it. */
  #found: Known | undefined;
  #isRead = false;
  #isOther = false;
  #isChanged = false;
  #removed: Promise<void> | undefined;
  #problem: Error | undefined;
  /** A rename leaves the time of a file as it is; undefined: not known before the first one. */
  #renameKeepsTime: boolean | undefined;
  /** There is no memory for what is to be noted. */
  #full: LimitError | undefined;

  private constructor(remote: RemoteTree, name: string, settings: TreeSettings, side: 'remote' | 'local') {
    const budget = remote.budget.half();
    this.#remote = remote;
    this.#name = name;
    this.#settings = settings;
    this.#side = side;
    this.#old = new TreeTable(budget);
    this.#new = new TreeTable(budget);
  }

  /** Reads it. One that is missing, or that cannot be read, has nothing. */
  static async read(remote: RemoteTree, name: string, settings: TreeSettings, side: 'remote' | 'local'): Promise<Manifest> {
    const manifest = new Manifest(remote, name, settings, side);
    try {
      manifest.#found = await remote.find(name, true); // before it is read: the time of a newer one would make too much of it believed
      await remote.withRetry(() => manifest.#read());
      manifest.#isRead = true;
    } catch (error) {
      manifest.#old.clear();
      if (remote.signal.aborted) throw error;
      if (error instanceof LimitError || error instanceof TransferError) manifest.#problem = error;
      else if (!mayMeanMissing(error)) throw error;
    }
    return manifest;
  }

  /** It was there, and could be read. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /** Why it could not be read, if it is there. */
  get problem(): Error | undefined {
    return this.#problem;
  }

  /** It is a file that was never a manifest. */
  get isOther(): boolean {
    return this.#isOther;
  }

  async #read(): Promise<void> {
    const path = this.#remote.path(this.#name);
    const lines = new LineDecoder((bytes) => bytes.toString(), LONGEST_LINE);
    let next: 'first' | 'file' | 'none' = 'first';
    const take = (line: string): void => {
      this.#isOther = next === 'first' && !line.startsWith(ANY_MANIFEST);
      if (next === 'first' && line === FIRST_LINE) next = 'file';
      else if (next === 'file' && line === LAST_LINE) next = 'none';
      else if (next !== 'file' || !this.#take(line)) throw new TransferError(`${path} is no manifest: ${JSON.stringify(line.slice(0, LONGEST_SHOWN))}`);
    };
    this.#old.clear();
    for await (const chunk of this.#remote.remote.retr(path, { signal: this.#remote.signal })) {
      this.#isOther = next === 'first'; // unless its first line comes, which may be too long
      lines.decode(chunk).forEach(take);
    }
    lines.end().forEach(take);
    if ((next as string) !== 'none') throw new TransferError(`${path} is no manifest: its end is missing`);
  }

  /** Takes the line of a file; false where it is none. @throws LimitError */
  #take(line: string): boolean {
    const file = fileIn(line);
    if (!file || this.#old.has(file.path)) return false;
    this.#old.add(file.path, ...file.noted);
    return true;
  }

  /** Whether a file on the server has the hash of the local one. @param hash computes that */
  async hasSame(path: string, there: Known, hash: () => Promise<string>): Promise<boolean> {
    const noted = this.#old.get(path);
    if (!noted || noted[0] !== there.size) return false;
    const [size, theirs, time] = noted;
    const now = await this.#timeOf(path, there, time);
    if (time !== null && !isSameTime(now, time)) return false;
    if ((await hash()) !== theirs) return false;
    const isSure = time !== null && inSeconds(time) < inSeconds(this.#found?.time ?? -Infinity);
    if (!isSure && !(await this.#isReadBack(path, theirs))) return false;
    if (time !== null) this.#old.mark(path);
    else this.#note(path, size, theirs, now ?? null);
    this.#isChanged ||= !isSure; // the next manifest is younger, and believed
    return true;
  }

  /** The time of a file, as far as the server says it. MDTM is asked where the listing has no seconds, or another time than was noted. */
  async #timeOf(path: string, { time, ...there }: Known, noted: number | null): Promise<number | undefined> {
    const isEnough = there.exact || (time !== undefined && there.unit <= SECOND && (noted === null || isSameTime(time, noted)));
    return isEnough ? time : (await this.#remote.exact(path, there, { size: false, time: true })).time;
  }

  /** Reads a file that may have been written to in the second of its time, after the manifest was made. A download would read it just as well. */
  async #isReadBack(path: string, hash: string): Promise<boolean> {
    if (this.#side === 'local') return false;
    try {
      return await this.#remote.withRetry(async () => {
        const digest = new Digest(ALGORITHM);
        for await (const chunk of this.#remote.remote.retr(this.#remote.path(path), { signal: this.#remote.signal })) digest.update(chunk);
        return digest.hex() === hash;
      });
    } catch (error) {
      if (!isAboutPath(error)) throw error;
      return false;
    }
  }

  /**
   * Before a file gets new content. Where that gets the size and the time which the manifest on the server has noted, a run that ends before it has
   * written the next manifest would leave one that is wrong: it is deleted first.
   *
   * @param modified the time that the file is to be given
   */
  async beforeUpload(path: string, size: number, modified: number): Promise<void> {
    const [oldSize, , time = null] = this.#old.get(path) ?? [];
    if (oldSize !== size || time === null || !this.#remote.mayKeepTimes || inSeconds(modified) !== inSeconds(time)) return;
    await (this.#removed ??= this.#remove());
  }

  async #remove(): Promise<void> {
    this.#isChanged = true;
    try {
      await this.#remote.withRetry(() => this.#remote.remote.delete(this.#remote.path(this.#name)));
    } catch (error) {
      if (!(error instanceof PermanentError) || (await this.#remote.find(this.#name, true))) throw error;
    }
  }

  /** The time that the server has given a file; undefined also where it cannot be asked now. */
  async timeNow(path: string): Promise<number | undefined> {
    const { time } = await this.#remote.exact(path, { type: 'file', unit: SECOND, exact: false }, { size: false, time: true }).catch((): { time?: number } => ({}));
    return time;
  }

  /** Whether the time of a file that is under its temporary name is worth asking for. */
  get mayRenameKeepTime(): boolean {
    return this.#renameKeepsTime !== false;
  }

  /**
   * Notes a file that was uploaded, with the time that the server has given it. That is asked for under the temporary name, for under its own somebody else may
   * have replaced it by now. The first files show whether a rename leaves the time as it is.
   */
  async noteUploaded(path: string, size: number, hash: string, temporary: number | undefined): Promise<void> {
    this.#isChanged = true;
    if (this.#renameKeepsTime && temporary !== undefined) return this.#note(path, size, hash, temporary);
    const time = await this.timeNow(path);
    if (temporary !== undefined && time !== undefined) this.#renameKeepsTime ??= temporary === time;
    this.#note(path, size, hash, temporary === undefined || temporary === time ? (time ?? null) : null);
  }

  #note(path: string, ...noted: Noted): void {
    try {
      this.#new.add(path, ...noted);
    } catch (error) {
      if (!(error instanceof LimitError)) throw error;
      this.#full = error;
    }
  }

  /**
   * Writes the next manifest, if anything has changed. It has another name until it is complete, as files have. Where another run has written or deleted it
   * meanwhile, it has no times, so that the next run reads each file back: that one may have replaced what this one has uploaded before its time was asked for.
   */
  async write(): Promise<void> {
    const { remote, signal } = this.#remote;
    for (const [path] of this.#old.unmarked()) this.#isChanged ||= !this.#isLeftOut(path);
    if (!this.#isChanged) return;
    if (this.#full) throw this.#full;
    const known = this.#removed ? undefined : this.#found;
    const now = await this.#remote.find(this.#name, true);
    const isShared = now?.size !== known?.size || now?.time !== known?.time;
    const stor = (): StorStream => remote.stor(this.#remote.path(this.#name), { temporaryName: this.#settings.temporaryName !== undefined, signal });
    await this.#remote.withRetry(() => pipeline(Readable.from(this.#text(isShared), { objectMode: false }), stor()));
  }

  /** What was uploaded or found equal, and, as it was, what the filter excludes. */
  *#files(): Generator<[path: string, noted: Noted]> {
    yield* this.#old.marked();
    for (const file of this.#old.unmarked()) if (this.#isLeftOut(file[0])) yield file;
    yield* this.#new.unmarked();
  }

  /** This run does not look at a file, because the filter or the depth excludes it. */
  #isLeftOut(path: string): boolean {
    const { select, depth } = this.#settings;
    const level = path.split('/').length;
    return level > depth || !select({ name: posix.basename(path), path, depth: level, type: 'file', raw: '' }).wanted;
  }

  *#text(withoutTimes: boolean): Generator<string> {
    let text = FIRST_LINE;
    let separator = '\n';
    for (const [path, [size, hash, time]] of this.#files()) {
      text += `${separator}${JSON.stringify(path)}:${JSON.stringify({ size, hash, ...(time === null || withoutTimes ? {} : { time }) })}`;
      separator = ',\n';
      if (text.length < LONGEST_LINE) continue;
      yield text;
      text = '';
    }
    yield `${text}\n${LAST_LINE}\n`;
  }
}

/** What a line says of a file; undefined for any other line. */
function fileIn(line: string): { readonly path: string; readonly noted: Noted } | undefined {
  try {
    const [file, ...others] = Object.entries(JSON.parse(`{${line.replace(/,$/, '')}}`) as Record<string, unknown>);
    if (!file || others.length > 0 || typeof file[1] !== 'object' || file[1] === null) return undefined;
    const [path, { size, hash, time = null }] = file as [string, { size?: unknown; hash?: unknown; time?: unknown }];
    if (/(?:^|\/)\.{0,2}(?:\/|$)|\0/.test(path) || typeof hash !== 'string' || hash.length !== HEX_DIGITS[ALGORITHM] || /[^0-9a-f]/.test(hash)) return undefined;
    return isWhole(size) && (time === null || isWhole(time)) ? { path, noted: [size, hash, time] } : undefined;
  } catch {
    return undefined; // no JSON
  }
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function inSeconds(time: number): number {
  return Math.floor(time / SECOND);
}

/** Whether two times are the same, as far as both are exact: to the second, or to the millisecond where both have some. */
function isSameTime(a: number | undefined, b: number): boolean {
  return a === b || (a !== undefined && inSeconds(a) === inSeconds(b) && (a % SECOND === 0 || b % SECOND === 0));
}
