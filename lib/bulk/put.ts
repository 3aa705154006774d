import { Readable, Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ReadableStream, type ReadableStreamDefaultReader } from 'node:stream/web';
import { fileURLToPath } from 'node:url';
import { assertNotAborted, whenAborted } from '../abort';
import { closedByClient } from '../control/session';
import { ArgumentError, ChangedError, FTPError, MismatchError, PermanentError, ReplyError } from '../errors';
import { checkNames, checkOffset, flag, type OptionNames } from '../options';
import { factsOf, folderOf } from '../transfer/facts';
import { Backoff, isLoss, type RetryOptions } from '../transfer/retry';
import type { StorStream } from '../transfer/stor-stream';
import { Replacement, type TemporaryName, temporaryPaths } from '../transfer/temporary-name';
import { LocalSource, RangeReader } from './local-file';
import { checkTraffic, type FileTraffic, Traffic, type TrafficOptions } from './progress';
import { asWork, type Remote, wasClosed, withRetry } from './remote';
import { assertSameHash, assertSameHashIfAny, holdsSameBytes } from './same-content';

/**
 * What `put` uploads: a local file by its path or its `file:` URL, bytes, a Blob or File, a function that returns a Readable of the bytes from an offset
 * on; or, read only once, a Readable, a web stream, or any iterable of bytes and strings (UTF-8).
 */
export type PutSource = string | URL | Uint8Array | Blob | ((offset: number) => Readable) | Readable | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

/** The options of `put`. */
export interface PutOptions extends TrafficOptions {
  /**
   * Goes on after a lost connection, a timeout or a 4xx reply, from the byte that the server has: true for 5 attempts in a row that bring no byte, a
   * number of attempts, `{ attempts, backoff, maxDelay }` with milliseconds, or false for none, as a Readable needs it. Default true.
   */
  retry?: RetryOptions | number | boolean;
  /**
   * Goes on with what an earlier call with `resume` has left on the server, and leaves what has arrived when it fails. Where the local file was changed
   * since, the upload begins with the first byte; where that was within a second, or the server does not say when it has written, what is there is
   * read back and compared. Default false.
   */
  resume?: boolean;
  /**
   * The name that the file has until it is complete, in the same folder, so that nobody sees half a file: true for `.name.part` with `resume` and
   * `.name.<random>.part` without, false for its own name, or a function that makes a name of the name. Default true.
   */
  temporaryName?: TemporaryName;
  /**
   * Compares the file on the server, before it gets its name, with the source: `size` by SIZE (RFC 3659, 4), `hash` by the strongest hash that the
   * server offers (UnsupportedError where it offers none), false not at all. Default: an upload in one go is not compared. One that was continued is
   * compared by size, and by its bytes at the beginning and where it was continued, as far as the server gives them back; one that an earlier call has
   * begun also by a hash, where the server offers one. What differs after a continuation is uploaded again. Where a local file has become longer
   * meanwhile, its beginning and the end of what was uploaded are compared, and a hash where the server offers one: it may have been written anew.
   */
  verify?: 'size' | 'hash' | false;
  /** Makes the folder of the file, and those that it is in, where the server refuses the upload because they are missing. Default: no, but the error says so. */
  parents?: boolean;
  /** The bytes of a source that is a function or a Readable; more or fewer are a ChangedError. Default: not known. */
  size?: number;
  /** Ends the upload with an AbortError when it is aborted. */
  signal?: AbortSignal;
}

const PUT_OPTIONS: OptionNames<PutOptions> = {
  retry: true, resume: true, temporaryName: true, verify: true, parents: true, size: true, signal: true, throttle: true, progress: true, progressInterval: true,
};

/** What `put` resolves with: an upload that is complete. */
export interface PutResult {
  /** The remote file. */
  readonly path: string;
  /** Bytes of the whole file. */
  readonly bytes: number;
  /** Bytes of it that were there before. */
  readonly resumedFrom: number;
  /** Times that it has gone on after a loss. */
  readonly retries: number;
  /** Milliseconds that it took. */
  readonly ms: number;
}

/**
 * Uploads a local file, bytes, or what a function gives (STOR, RFC 959, 4.1.3, in TYPE I), and goes on after losses: it asks how much the server has,
 * and sends the rest. It resolves when the server has all of it under its name; what had that name stays until then. A Readable is destroyed in the
 * end, as a pipeline does, whether it was uploaded or not.
 *
 * @param remote a client or a pool
 * @param source a local path, a `file:` URL, bytes, a Blob, a function `(offset) => Readable`; or, with `retry: false`, a stream or an iterable
 * @param path the remote file
 * @throws ArgumentError for a source that is none, and for options that are not known or out of range; PermanentError when the server refuses;
 * ChangedError when the source changes meanwhile; MismatchError when the server has something else; else the error of the last attempt
 */
export async function put(remote: Remote, source: PutSource, path: string, options: PutOptions = {}): Promise<PutResult> {
  const isReadAgain = typeof source === 'string' || typeof source === 'function' || source instanceof Uint8Array || source instanceof Blob || source instanceof URL;
  assertUnread(source);
  const reader = source instanceof ReadableStream ? (source.getReader() as ReadableStreamDefaultReader<unknown>) : undefined;
  const given = isReadAgain || source instanceof Readable || !isIterable(source) ? source : Readable.from(itemsOf(reader ? chunksOf(reader) : source));
  try {
    return await upload(remote, given as RepeatableSource | Readable, path, options);
  } finally {
    if (given instanceof Readable) given.destroy(); // also where nothing has read it, so that its file does not stay open
    reader?.cancel().catch(() => undefined); // also where it waits for a chunk; whose cancelling takes time holds nobody up
    reader?.releaseLock();
  }
}

/** A source that can be read more than once. */
type RepeatableSource = Extract<PutSource, string | URL | Uint8Array | Blob> | ((offset: number) => Readable);

function isIterable(source: unknown): source is AsyncIterable<unknown> | Iterable<unknown> {
  return typeof source === 'object' && source !== null && (Symbol.asyncIterator in source || Symbol.iterator in source);
}

/** What was read to its end gives nothing any more, which would make an empty file. @throws ArgumentError for such a stream, and for one that somebody else reads */
function assertUnread(source: unknown): void {
  if (source instanceof Readable && source.readableEnded) throw new ArgumentError('the stream was read to its end before');
  if (!(source instanceof ReadableStream)) return;
  if (source.locked) throw new ArgumentError('the web stream is locked: somebody else reads it');
  if (Readable.isDisturbed(source as unknown as Readable)) throw new ArgumentError('the web stream was read, or cancelled, before');
}

async function* chunksOf(reader: ReadableStreamDefaultReader<unknown>): AsyncGenerator<unknown> {
  for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
}

async function* itemsOf(source: AsyncIterable<unknown> | Iterable<unknown>): AsyncGenerator<Uint8Array | string> {
  for await (const item of source) yield bytesOrText(item);
}

/** @throws ArgumentError */
function bytesOrText(item: unknown): Uint8Array | string {
  if (typeof item !== 'string' && !(item instanceof Uint8Array)) throw new ArgumentError(`put takes bytes and strings from a stream or an iterable, not ${item === null ? 'null' : `what is of type ${typeof item}`}`);
  return item;
}

/** Makes bytes of what a stream in object mode gives. Two strings may share a character: one ends with its first half, a surrogate, and the next one begins with the other. */
class Encoder extends Transform {
  #half = '';

  constructor() {
    super({ writableObjectMode: true });
  }

  override _transform(item: unknown, _encoding: BufferEncoding, callback: TransformCallback): void {
    try {
      const chunk = bytesOrText(item);
      const text = this.#half + (typeof chunk === 'string' ? chunk : '');
      this.#half = typeof chunk === 'string' ? (/[\ud800-\udbff]$/.exec(text)?.[0] ?? '') : '';
      this.push(Buffer.from(text.slice(0, text.length - this.#half.length)));
      callback(null, typeof chunk === 'string' ? undefined : chunk);
    } catch (error) {
      callback(error as Error);
    }
  }

  override _flush(callback: TransformCallback): void {
    callback(null, Buffer.from(this.#half));
  }
}

async function upload(remote: Remote, source: RepeatableSource | Readable, path: string, options: PutOptions): Promise<PutResult> {
  checkNames(options, PUT_OPTIONS);
  const { retry = true, temporaryName = true, verify, parents, size, signal } = options;
  const resume = flag('resume', options.resume, false);
  flag('parents', parents, false);
  if (typeof path !== 'string' || path === '' || path.endsWith('/')) throw new ArgumentError('the path must be that of a file');
  if (![undefined, false, 'size', 'hash'].includes(verify)) throw new ArgumentError(`verify must be 'size', 'hash' or false, not ${String(verify)}`);
  if (typeof temporaryName !== 'boolean' && typeof temporaryName !== 'function') throw new ArgumentError('temporaryName must be true, false or a function');
  if (size !== undefined) checkOffset('size', size);
  const backoff = new Backoff(retry === false ? 0 : retry);
  checkSource(source, options);
  checkTraffic(options);
  const traffic = new Traffic(options);
  const begun = performance.now();
  return asWork(remote, signal, async (ended) => {
    const opened = await openSource(source, size);
    traffic.expect(opened.size);
    try {
      const target = new UploadTarget({ remote, path, temporaryPath: temporaryPaths(path, temporaryName, resume ? 'same' : 'new'), isOurs: temporaryName === true, deletesOwnName: false });
      const done = await new FileUpload({ remote, source: opened, target, backoff, traffic, resume, verify, parents, signal: ended }).run();
      traffic.finish();
      return { path, ...done, ms: performance.now() - begun };
    } finally {
      traffic.stop();
      await opened.close();
    }
  });
}

function checkSource(source: unknown, { retry, resume }: PutOptions): void {
  if (source instanceof Readable) {
    if (retry !== false || resume) throw new ArgumentError('a stream cannot be read again: give put a path, bytes, a Blob or a function, or say retry: false, and not resume');
  } else if (source instanceof URL) {
    if (source.protocol !== 'file:') throw new ArgumentError('put takes a file: URL, and no other');
  } else if (typeof source !== 'string' && typeof source !== 'function' && !(source instanceof Uint8Array) && !(source instanceof Blob)) {
    throw new ArgumentError('put takes a local path or a file: URL, bytes, a Blob, a function (offset) => Readable, a stream, or an iterable of bytes and strings');
  }
}

/** Bytes of a Buffer that are sent at a time. */
const CHUNK = 256 * 1024;

/** @throws ArgumentError for what is no source, and for a path that is not that of a file */
async function openSource(source: RepeatableSource | Readable, size: number | undefined): Promise<UploadSource> {
  if (source instanceof URL || (typeof source === 'string' && /^file:\/\//i.test(source))) return LocalSource.open(localPath(source));
  if (typeof source === 'string') return LocalSource.open(source);
  const read = readerOf(source);
  const known = source instanceof Uint8Array ? source.length : source instanceof Blob ? source.size : size;
  const exact = source instanceof Uint8Array ? undefined : known;
  return {
    size: known,
    modified: undefined,
    once: source instanceof Readable,
    read: (offset) => {
      const stream = read(offset);
      return [stream, ...(stream.readableObjectMode ? [new Encoder()] : []), ...(exact === undefined ? [] : [new ExactLength(exact - offset)])];
    },
    bytes: (start, end) => firstOf(read(start), end - start),
    check: async () => false,
    close: async () => undefined,
  };
}

/** @throws ArgumentError for a URL with a host, or a name that cannot be */
function localPath(url: string | URL): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw new ArgumentError(`not the URL of a local file: ${(error as Error).message}`, { cause: error });
  }
}

function readerOf(source: Exclude<RepeatableSource, string | URL> | Readable): (offset: number) => Readable {
  if (source instanceof Blob) return (offset) => Readable.fromWeb(source.slice(offset).stream());
  if (source instanceof Uint8Array) return (offset) => Readable.from(piecesOf(source, offset), { objectMode: false });
  if (source instanceof Readable) return () => source;
  return (offset) => {
    const stream: unknown = source(offset);
    if (!(stream instanceof Readable)) throw new ArgumentError('a source function must return a Readable of the bytes from the offset on');
    return stream;
  };
}

function* piecesOf(bytes: Uint8Array, offset: number): Generator<Buffer> {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = offset; at < all.length; at += CHUNK) yield all.subarray(at, at + CHUNK);
}

/** The first bytes of a stream, which is then destroyed. */
async function firstOf(stream: Readable, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    chunks.push(Buffer.from(chunk as Uint8Array));
    bytes += (chunk as Uint8Array).length;
    if (bytes >= length) break;
  }
  return Buffer.concat(chunks).subarray(0, length);
}

/** Fails where bytes are missing or too many: the server would take the end of the stream for the end of the file. */
class ExactLength extends Transform {
  #left: number;

  constructor(private readonly bytes: number) {
    super();
    this.#left = bytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#left -= chunk.length;
    if (this.#left < 0) callback(new ChangedError(`the source has more than the ${this.bytes} bytes that were due`));
    else callback(null, chunk);
  }

  override _flush(callback: TransformCallback): void {
    callback(this.#left > 0 ? new ChangedError(`the source ended ${this.#left} bytes short of the ${this.bytes} that were due`) : null);
  }
}

/** What is uploaded. */
interface UploadSource {
  /** Bytes of all of it; undefined where that shows at its end only. */
  readonly size: number | undefined;
  /** When a file was last written, as `Date.getTime()`. */
  readonly modified: number | undefined;
  /** It can be read only once. */
  readonly once?: boolean;
  /** Streams that give the bytes from an offset on, one after the other; they end with an error rather than short. */
  read(offset: number): (Readable | Transform)[];
  /** All bytes of a small file, whose streams would take longer than its transfer; undefined for others. @throws ChangedError where there are fewer */
  whole?(): Promise<Buffer> | undefined;
  /** Some of its bytes; `end` is not included. */
  bytes(start: number, end: number): Promise<Buffer>;
  /** Makes sure that the source is what it was before the first attempt. Resolves with true where it has become longer, and may have changed otherwise, too. @throws ChangedError */
  check(): Promise<boolean>;
  close(): Promise<void>;
}

/** The names of an upload. */
interface TargetSetup {
  readonly remote: Remote;
  /** The file's own name. */
  readonly path: string;
  /**
   * The path that is written to until the upload is complete, which may be the file's own; with `again`, the one to write to when a lost session
   * may still write to the first.
   */
  readonly temporaryPath: (again: boolean) => string;
  /** We make the temporary names, so that no file of somebody else has one. */
  readonly isOurs: boolean;
  /** What is incomplete is deleted even if it has the file's own name. */
  readonly deletesOwnName: boolean;
}

/** A file on the server that is complete under its name, or as it was before: it is written under another name, unless the caller wants its own. */
export class UploadTarget {
  readonly #setup: TargetSetup;
  #name: string;
  readonly #abandoned: string[] = [];
  #replacement: Replacement | undefined;

  /** @throws ArgumentError for a name that the caller's function has made and that is none */
  constructor(setup: TargetSetup) {
    this.#setup = setup;
    this.#name = setup.temporaryPath(false);
  }

  /** The file's own name. */
  get path(): string {
    return this.#setup.path;
  }

  /** Where the bytes go. */
  get name(): string {
    return this.#name;
  }

  /**
   * Takes another name, where there is one: a STOR that the server has not answered may still be carried out when the next one is under way,
   * and empty its file.
   */
  renew(): void {
    const next = this.#setup.temporaryPath(true);
    if (next !== this.#name) this.#abandoned.push(this.#name);
    this.#name = next;
  }

  /** Gives the complete upload its name. */
  async publish(size: number): Promise<void> {
    if (this.#name === this.path) return;
    const { remote } = this.#setup;
    const again = this.#replacement;
    const replacement = (this.#replacement ??= new Replacement(remote, this.#name, this.path));
    try {
      await replacement.run();
    } catch (error) {
      if (!(error instanceof PermanentError && again && (await this.#isRenamed(size)))) throw error;
      await replacement.forget();
    }
    for (const name of this.#abandoned.splice(0)) await remote.delete(name).catch(ignore);
  }

  /**
   * Cleans up after an upload that has failed: gives an old file that was renamed its name back, and deletes what is left. vsftpd 3.0.3, ProFTPD 1.3.8
   * and Pure-FTPd 1.0.50 have made an empty file when they answer 425; under a name that is not ours there may be somebody else's, and that stays. A
   * refusal is ignored, for nothing can be done about it.
   *
   * @param keep a later call is to find what is left
   * @param begun the server has begun to write under the name
   */
  async leave(keep: boolean, begun: boolean): Promise<void> {
    await this.#replacement?.restore().catch(ignore);
    if (keep) return;
    const { remote, isOurs, deletesOwnName } = this.#setup;
    const isDeleted = this.#name === this.path ? begun && deletesOwnName : begun || isOurs;
    for (const name of [...this.#abandoned, ...(isDeleted ? [this.#name] : [])]) await remote.delete(name).catch(ignore);
  }

  /** Adds to the error of a failure what has become of the files on the server. */
  explain(error: unknown): void {
    this.#replacement?.explain(error);
  }

  /** Whether an earlier attempt has renamed the file, although the connection was lost before its reply. */
  async #isRenamed(size: number): Promise<boolean> {
    const { remote } = this.#setup;
    const sizeOf = async (path: string): Promise<number | undefined> => (await factsOf(remote, path, { modified: false })).size;
    return (await sizeOf(this.#name)) === undefined && (await sizeOf(this.path)) === size;
  }
}

function ignore(error: unknown): void {
  if (!(error instanceof FTPError)) throw error;
}

/** How a source becomes a file on a server. */
interface UploadSetup {
  readonly remote: Remote;
  readonly source: UploadSource;
  readonly target: UploadTarget;
  /** How often it is tried again after a loss. */
  readonly backoff: Backoff;
  readonly traffic: FileTraffic;
  /** It goes on with what an earlier call has left, and leaves what has arrived for a later one. */
  readonly resume: boolean;
  readonly verify: 'size' | 'hash' | false | undefined;
  /** Whether folders that are missing are made; undefined: no, but the error says so. */
  readonly parents?: boolean | undefined;
  /** What is done to the complete file before it gets its name. */
  readonly complete?: ((name: string) => Promise<void>) | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * The ways to go on from a byte, the safest first. With REST and STOR each byte is written to its place, even if a session that was lost still writes;
 * after APPE its bytes would be there twice. REST at the size of the file leaves no tail after it, which Pure-FTPd 1.0.50 would cut off. A server
 * that does not offer REST STREAM may use REST for downloads only, and STOR then writes from the first byte.
 */
const WAYS = ['REST', 'APPE', 'anew'] as const;

/** The unit of MDTM: what the server has written within that time of a change of our file may be of either version. */
const SECOND = 1000;

/**
 * Bytes that are read back after a continued upload. Before the seam, where it was continued: as many as the largest usual block of a file system and
 * buffer of a server, which a cut may leave unwritten; ftp-srv and uftpd write zeros to all that is before the seam. After the seam: enough to see that
 * the rest begins there. At the beginning of the file: the header, which differs in most formats when the file does.
 */
const BEFORE_SEAM = 64 * 1024;
const AFTER_SEAM = 64;
const HEAD = 4 * 1024;
/** Bytes that are searched at a time. */
const PIECE = 1024 * 1024;

/** Uploads one source, in as many attempts as are necessary and allowed. */
export class FileUpload {
  readonly #setup: UploadSetup;
  /** The index in WAYS. */
  #way = 0;
  /** Bytes of ours that the server can have at most; 0 while its file is not ours. */
  #sent: number;
  /** The most bytes that the server has said it has. */
  #best = 0;
  #resumedFrom = 0;
  /** The last attempt has not begun with the first byte. */
  #continued = false;
  /** Where this attempt has begun to write. */
  #seam = 0;
  /** A session that was lost may still write, empty or delete what is under the target's name. */
  #isContested = false;
  #retries = 0;
  /** Whether a STOR or APPE was sent, and the server has begun to write. */
  #writing: 'not asked' | 'asked' | 'begun' = 'not asked';
  #triedParents = false;
  /** The bytes of the file when all of them are there and verified; what is left is its name. */
  #bytes: number | undefined;

  constructor(setup: UploadSetup) {
    this.#setup = setup;
    this.#sent = setup.resume ? (setup.source.size ?? Infinity) : 0;
  }

  async run(): Promise<Omit<PutResult, 'path' | 'ms'>> {
    const { target, backoff, resume, signal } = this.#setup;
    try {
      const bytes = await withRetry(() => this.#attempt(), {
        backoff,
        signal,
        isRetryable: (error) => isBroken(error) || (error instanceof MismatchError && this.#continued),
        onRetry: (error) => this.#recover(error),
      });
      return { bytes, resumedFrom: this.#resumedFrom, retries: this.#retries };
    } catch (failure) {
      const error = wasClosed(signal?.reason) ? closedByClient(signal?.reason as Error) : failure;
      const useless = !resume || error instanceof MismatchError || error instanceof ChangedError;
      if (this.#writing !== 'not asked' && !isUnreachable(error)) await target.leave(!useless, this.#writing === 'begun');
      target.explain(error);
      throw error;
    }
  }

  async #attempt(): Promise<number> {
    const { source, target, complete, signal } = this.#setup;
    if (this.#bytes === undefined) {
      const bytes = await this.#upload(await this.#offset());
      if (await source.check()) await this.#assertBeginning(bytes);
      await this.#verify(bytes);
      this.#bytes = bytes;
    }
    await assertNotAborted(signal);
    await complete?.(target.name);
    await assertNotAborted(signal);
    await target.publish(this.#bytes);
    return this.#bytes;
  }

  async #recover(error: unknown): Promise<void> {
    this.#retries += 1;
    if (error instanceof MismatchError) {
      this.#sent = 0;
      this.#isContested = true;
    }
    await this.#setup.source.check();
  }

  /** Asks the server for the byte to go on from. */
  async #offset(): Promise<number> {
    const { remote, source, target, backoff } = this.#setup;
    if (this.#sent === 0 || WAYS[this.#way] === 'anew') return 0;
    const first = this.#writing === 'not asked';
    const { size: there, modified } = await factsOf(remote, target.name, { modified: first });
    if (there === undefined || there > this.#sent) return 0;
    if (first && there > 0 && source.modified !== undefined && !(await this.#isBeginning(there, source.modified, modified?.getTime()))) return 0;
    if (there > 0 && WAYS[this.#way] === 'REST' && !(await this.#offersRestart())) this.#way += 1;
    if (first) this.#resumedFrom = there;
    if (there > this.#best) {
      this.#best = there;
      backoff.reset();
    }
    return there;
  }

  /** Whether what is there is the beginning of our file, and not of what it was before a change. Where the times do not show it, all of it is read back. */
  async #isBeginning(there: number, changed: number, written: number | undefined): Promise<boolean> {
    if (written !== undefined && written - SECOND >= changed) return true;
    if (written !== undefined && written + SECOND <= changed) return false;
    const { remote, source, target, signal } = this.#setup;
    return (await holdsSameBytes(remote, { path: target.name, start: 0, end: there, ours: (start, end) => source.bytes(start, end), signal })) === true;
  }

  async #offersRestart(): Promise<boolean> {
    return /\bSTREAM\b/i.test((await this.#setup.remote.feat()).get('REST') ?? '');
  }

  /** Sends what is missing; resolves with the bytes that the file has then. */
  async #upload(offset: number): Promise<number> {
    const { source, target, traffic, signal } = this.#setup;
    this.#continued = offset > 0;
    if (offset === 0) this.#resumedFrom = 0;
    if (offset === 0 && this.#isContested) target.renew();
    traffic.begin(offset);
    this.#seam = offset;
    if (offset > 0 && offset === source.size) return offset;
    const between = traffic.streams();
    const whole = offset === 0 && between.length === 0 ? await source.whole?.() : undefined;
    await assertNotAborted(signal);
    const stream = this.#open(offset);
    try {
      if (whole) await endWith(stream, whole, signal);
      else {
        const read = source.read(offset);
        for (const reader of read) if (reader instanceof RangeReader) stream.sent = reader.release;
        await pipeline([...read, ...between, stream], signal ? { signal } : {});
      }
      return offset + stream.bytesWritten;
    } catch (error) {
      await stream.turnOver(); // a DELE on another connection of a pool could overtake the STOR, which would then make the file
      if (stream.pending && offset > 0 && isRefusal(error)) {
        this.#way += 1;
        return await this.#upload(await this.#offset());
      }
      if ((!stream.pending || stream.bytesWritten > 0) && offset === 0 && (await this.#madeParents(error))) return await this.#upload(0);
      this.#isContested ||= !isUnreachable(error);
      throw error;
    } finally {
      if (!stream.pending) this.#writing = 'begun';
      if (!stream.pending) this.#sent = Math.max(offset > 0 ? this.#sent : 0, offset + stream.bytesWritten);
    }
  }

  /** Whether folders were made, after ftp-srv or npm's ftpd has begun the upload and refused it then. */
  async #madeParents(error: unknown): Promise<boolean> {
    const { remote, source, target, parents } = this.#setup;
    if (!parents || this.#triedParents || source.once || !(error instanceof ReplyError)) return false;
    this.#triedParents = true;
    return remote.mkd(folderOf(target.path), { recursive: true }).then(() => true, () => false);
  }

  #open(offset: number): StorStream {
    const { remote, target, verify, parents } = this.#setup;
    if (this.#writing === 'not asked') this.#writing = 'asked';
    if (offset === 0) return remote.stor(target.name, { ...(verify ? { verify } : {}), ...(parents === undefined ? {} : { parents }) });
    return WAYS[this.#way] === 'APPE' ? remote.appe(target.name) : remote.stor(target.name, { start: offset });
  }

  /** Compares what was uploaded of a source that has become longer with what that has now: it may have been appended to, as a log is, or written anew. @throws ChangedError */
  async #assertBeginning(bytes: number): Promise<void> {
    const { remote, source, target, verify } = this.#setup;
    if (bytes === 0 || verify === false) return;
    try {
      const begin = Math.max(0, bytes - BEFORE_SEAM);
      if ((await this.#readBack(begin, bytes)) && begin > 0) await this.#readBack(0, Math.min(HEAD, begin));
      await assertSameHashIfAny(remote, target.name, () => source.read(0));
    } catch (error) {
      throw error instanceof MismatchError ? new ChangedError(`${target.path}: the source was changed while it was uploaded`, { cause: error }) : error;
    }
  }

  /** Compares an upload that was continued, whose size alone proves nothing. StorStream has compared one in one go. */
  async #verify(bytes: number): Promise<void> {
    const { remote, source, target, verify = 'size' } = this.#setup;
    if (!this.#continued || verify === false) return;
    const { size: there } = await factsOf(remote, target.name, { modified: false });
    if (there !== bytes) throw new MismatchError(`${target.path}: the server has ${there ?? 'none'} of ${bytes} bytes`);
    const begin = Math.max(0, this.#seam - BEFORE_SEAM);
    const isRead = await this.#readBack(begin, Math.min(bytes, this.#seam + AFTER_SEAM));
    if (isRead && begin > 0) await this.#readBack(0, Math.min(HEAD, begin));
    const nonZero = isRead ? await this.#firstNonZero(begin) : undefined;
    if (nonZero !== undefined) await this.#readBack(nonZero, Math.min(begin, nonZero + HEAD));
    const ours = (): ReturnType<UploadSource['read']> => source.read(0);
    if (verify === 'hash') await assertSameHash(remote, target.name, ours);
    else if (this.#resumedFrom > 0) await assertSameHashIfAny(remote, target.name, ours);
  }

  /**
   * Where all that was read back is zeros, a server that has written zeros in place of the bytes before the seam would not be noticed: finds the first
   * byte of ours before `begin` that is not zero.
   */
  async #firstNonZero(begin: number): Promise<number | undefined> {
    const { source } = this.#setup;
    if (begin <= HEAD || !isZero(await source.bytes(0, HEAD)) || !isZero(await source.bytes(begin, this.#seam))) return undefined;
    for (let at = HEAD; at < begin; at += PIECE) {
      const piece = await source.bytes(at, Math.min(begin, at + PIECE));
      if (!isZero(piece)) return at + piece.findIndex((byte) => byte !== 0);
    }
    return undefined;
  }

  /** Compares bytes on the server with ours; false where the server does not give them back, as many that only take uploads. @throws MismatchError */
  async #readBack(start: number, end: number): Promise<boolean> {
    const { remote, source, target, signal } = this.#setup;
    const ours = await source.bytes(start, end);
    const same = await holdsSameBytes(remote, { path: target.name, start, end, ours: (from, to) => ours.subarray(from - start, to - start), signal });
    if (same === false) throw new MismatchError(`${target.path}: on the server, the bytes from ${start} to ${end - 1} are not those that were to be there`);
    return same === true;
  }
}

/** Uploads the bytes of a whole file, as a pipeline would upload those of a stream. @param signal is not aborted yet @throws the stream's error; an AbortError */
async function endWith(stream: StorStream, bytes: Buffer, signal: AbortSignal | undefined): Promise<void> {
  const stop = signal && whenAborted(signal, () => void assertNotAborted(signal).catch((error: Error) => stream.destroy(error)));
  try {
    await new Promise<void>((resolve, reject) => {
      stream.on('error', reject);
      stream.on('finish', resolve);
      if (bytes.length > 0) stream.end(bytes);
      else stream.end();
    });
  } finally {
    stop?.();
  }
}

function isZero(bytes: Buffer): boolean {
  return bytes.equals(Buffer.alloc(bytes.length));
}

/** The server does not write from that byte on; ProFTPD without AllowStoreRestart replies 451. */
function isRefusal(error: unknown): boolean {
  return error instanceof PermanentError || (error instanceof FTPError && error.reply?.code === 451);
}

/** The data connection broke: GridFTP 13.24 then replies 500. To any other command, 500 is the answer. */
function isBroken(error: unknown): boolean {
  return error instanceof PermanentError && (error.phase === 'data' || error.phase === 'completion') && error.reply?.code === 500;
}

/** The server was not asked for anything, and cannot be. */
function isUnreachable(error: unknown): boolean {
  return wasClosed(error) || (isLoss(error) && (error.phase === 'connect' || error.phase === 'login'));
}
