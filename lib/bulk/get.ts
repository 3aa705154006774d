import { pipeline } from 'node:stream/promises';
import { askUnlessAborted, assertNotAborted } from '../abort';
import { ArgumentError, ChangedError, MismatchError, PermanentError } from '../errors';
import { checkNames, checkWhole, flag, type OptionNames } from '../options';
import { assertSame, certainSize, factsOf, type FileFacts, UNKNOWN_FACTS } from '../transfer/facts';
import { Backoff, type RetryOptions } from '../transfer/retry';
import { checkVerify, digestCommands, type Verify } from '../transfer/verify';
import { LocalPart, type Preserved, RangeReader } from './local-file';
import { checkTraffic, type FileTraffic, Traffic, type TrafficOptions } from './progress';
import { asWork, type Remote, withRetry } from './remote';
import { assertSameHash, assertSameHashIfAny, holdsSameBytes } from './same-content';

/** The options of `get`. */
export interface GetOptions extends TrafficOptions {
  /**
   * Goes on after a lost connection, a timeout or a 4xx reply, from the byte that has arrived: true for 5 attempts in a row that bring no byte, a number
   * of attempts, `{ attempts, backoff, maxDelay }` with milliseconds, or false for none. Default true.
   */
  retry?: RetryOptions | number | boolean;
  /**
   * Goes on with what an earlier call has left of the file, and leaves what has come when it fails, as `<local>.<size>-<time>.part`. A file under the
   * file's own name that is shorter than the remote one, and not older, is taken for its beginning: it is copied, and stays as it is until the whole
   * file takes its place. Where the server does not go on from there, or the bytes differ, the file is downloaded from its first byte. Default false.
   */
  resume?: boolean;
  /**
   * Parts that are downloaded at the same time, from 1 on, on as many connections of a pool. A client has one connection, and downloads one part. Not
   * with `resume`. Default 1.
   */
  segments?: number;
  /**
   * Compares the file, before it gets its name, with what the server says: `size` by SIZE (RFC 3659, 4), `hash` by the strongest hash that the server
   * offers. A file that differs is a MismatchError; a server without the command an UnsupportedError. Default: the file must not be shorter than SIZE
   * says, and one that was there in part is compared by a hash, where the server offers one.
   */
  verify?: 'size' | 'hash';
  /** Gives the file the time that MDTM says (RFC 3659, 3). Default false. */
  preserveTimes?: boolean;
  /** Ends the download with an AbortError when it is aborted. */
  signal?: AbortSignal;
}

const GET_OPTIONS: OptionNames<GetOptions> = {
  retry: true, resume: true, segments: true, verify: true, preserveTimes: true, signal: true, throttle: true, progress: true, progressInterval: true,
};

/** What `get` resolves with: a download that is complete. */
export interface GetResult {
  /** The remote file. */
  readonly path: string;
  /** The path of the local file, after symbolic links. */
  readonly local: string;
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
 * Downloads a file (RETR, RFC 959, 4.1.3, in TYPE I) into a local one, and goes on after losses. The bytes are written into another file in the same
 * folder, which gets the file's name when all of them are there: nobody sees half a file, and what was there stays until then. The new file has the
 * permissions of the one that it replaces. A symbolic link in the local path is followed.
 *
 * @param remote a client or a pool
 * @param local the path of the local file; its folder must exist
 * @throws ArgumentError for options that are not known or out of range; PermanentError when the server refuses; ChangedError when the remote file
 * changes meanwhile, or, with `resume`, when another call begins anew with the same local file; MismatchError when what has come is not what the server says; else the error of the last attempt or of the file system
 */
export async function get(remote: Remote, path: string, local: string, options: GetOptions = {}): Promise<GetResult> {
  checkNames(options, GET_OPTIONS);
  const { retry = true, segments = 1, verify, signal, progress } = options;
  const resume = flag('resume', options.resume, false);
  const preserveTimes = flag('preserveTimes', options.preserveTimes, false);
  if (typeof local !== 'string' || local === '') throw new ArgumentError('the local path must be that of a file');
  checkWhole('segments', segments, 1);
  if (resume && segments > 1) throw new ArgumentError('segments cannot be resumed: say one or the other');
  checkVerify(verify);
  new Backoff(retry === false ? 0 : retry); // checks the option
  checkTraffic(options);
  const traffic = new Traffic(options);
  const begun = performance.now();
  return asWork(remote, signal, async (ended) => {
    const download = new FileDownload({
      remote,
      path,
      open: ({ size, modified }) => (resume && size !== undefined ? LocalPart.continue(local, size, modified) : LocalPart.create(local)),
      restart: resume ? ({ size = 0, modified }) => LocalPart.restart(local, size, modified) : undefined,
      facts: resume || segments > 1 || preserveTimes ? 'needed' : progress ? 'wanted' : 'not asked',
      retry,
      segments,
      verify,
      traffic,
      judge: (_bytes, { modified }) => ({ modified: preserveTimes ? modified : undefined }),
      signal: ended,
    });
    try {
      const done = await download.run();
      traffic.finish();
      return { path, ...done, ms: performance.now() - begun };
    } finally {
      traffic.stop();
    }
  });
}

/** How a file on a server becomes a local one. */
interface DownloadSetup {
  readonly remote: Remote;
  readonly path: string;
  /** Opens the local file to write to. */
  readonly open: (facts: FileFacts) => Promise<LocalPart>;
  /**
   * Opens it without what is there, where that is not the beginning of the file, or the server does not go on from there. Undefined: what has come of
   * a download that fails is not kept either.
   */
  readonly restart?: ((facts: FileFacts) => Promise<LocalPart>) | undefined;
  /** Whether size and time are asked for before the first byte. `restart`, `segments` and times need them; progress does without where the server sends 4yz. */
  readonly facts: 'needed' | 'wanted' | 'not asked';
  /** Undefined: one try, without a question about the size. */
  readonly retry: RetryOptions | number | boolean | undefined;
  /** Parts that are fetched at the same time. */
  readonly segments: number;
  readonly verify: Verify | undefined;
  readonly traffic: FileTraffic;
  /** Checks what has come, and gives the time and the permissions that the file is to have; undefined for those that it has when it is written. */
  readonly judge: (bytes: number, facts: FileFacts) => Promise<Preserved> | Preserved;
  readonly signal: AbortSignal | undefined;
}

/** Bytes of a remote file, and what to verify them by. */
interface Range {
  readonly start: number;
  /** Inclusive; undefined: to the end. */
  readonly end?: number;
  readonly verify?: Verify | undefined;
}

/** Bytes that are compared of a file that is taken for a beginning: the header, which differs in most formats when the file does, and the last ones. */
const HEAD = 4 * 1024;
const BEFORE_SEAM = 64 * 1024;

/** Downloads one file into a local one. */
export class FileDownload {
  readonly #setup: DownloadSetup;
  #facts: FileFacts = UNKNOWN_FACTS;
  #retries = 0;

  constructor(setup: DownloadSetup) {
    this.#setup = setup;
  }

  async run(): Promise<Omit<GetResult, 'path' | 'ms'>> {
    const { remote, path, open, restart, facts, traffic } = this.#setup;
    if (facts !== 'not asked') {
      const { size, modified } = await this.#ask(() => factsOf(remote, path, { ignoresTemporary: facts === 'wanted' }));
      this.#facts = { size: certainSize(size), modified };
      traffic.expect(this.#facts.size);
    }
    const part = await open(this.#facts);
    try {
      return await this.#into(part);
    } catch (error) {
      const useless = error instanceof MismatchError || error instanceof PermanentError;
      if (!useless || part.bytes === 0 || !restart) throw error;
      return this.#into(await restart(this.#facts));
    }
  }

  async #into(part: LocalPart): Promise<Omit<GetResult, 'path' | 'ms'>> {
    const { restart, judge, signal } = this.#setup;
    const isFoundAgain = restart !== undefined && this.#facts.size !== undefined;
    try {
      const bytes = await this.#fetch(part);
      const preserved = await judge(bytes, this.#facts);
      await assertNotAborted(signal);
      await part.publish(preserved);
      return { local: part.path, bytes, resumedFrom: part.bytes, retries: this.#retries };
    } catch (error) {
      const useless = error instanceof MismatchError || error instanceof ChangedError || error instanceof PermanentError;
      await (isFoundAgain && !useless ? part.keep() : part.discard());
      throw error;
    }
  }

  /** Fetches what is missing; resolves with the bytes of the whole file. */
  async #fetch(part: LocalPart): Promise<number> {
    const { remote, verify, traffic } = this.#setup;
    const segments = Math.min(this.#setup.segments, remote.maxConnections ?? 1);
    const { size } = this.#facts;
    traffic.begin(part.bytes);
    const isKnown = part.bytes === 0 || (!part.adopted && this.#facts.modified !== undefined);
    if (!isKnown && !(await this.#isHashed())) await this.#assertBeginning(part);
    if (part.bytes === 0 && (segments === 1 || size === undefined)) return this.#fetchRange(part, { start: 0, verify }, this.#setup.signal);
    if (segments > 1) await this.#fetchSegments(part, size as number, segments);
    else if (part.bytes < (size as number)) await this.#fetchRange(part, { start: part.bytes }, this.#setup.signal);
    await this.#assertWhole(part);
    return size as number;
  }

  /** Downloads a range to where it belongs in the local file; resolves with its bytes. */
  async #fetchRange(part: LocalPart, { start, end, verify }: Range, signal: AbortSignal | undefined): Promise<number> {
    const { remote, path, retry, traffic } = this.#setup;
    const stream = remote.retr(path, {
      start,
      ...(end === undefined ? {} : { end }),
      ...(retry === undefined ? {} : { retry: retry === false ? 0 : retry }), // also without another attempt, what came is compared with SIZE
      ...(verify ? { verify } : {}),
      ...(signal ? { signal } : {}),
    });
    stream.on('retry', () => (this.#retries += 1));
    const between = traffic.streams();
    const last = between.at(-1);
    if (!last) return writeAll(stream, part, start);
    // A pipeline would not wait for a write that is under way, and the file is closed next.
    const [written, passed] = await Promise.allSettled([writeAll(last, part, start), pipeline([stream, ...between])]);
    if (written.status === 'rejected') throw written.reason;
    if (passed.status === 'rejected') throw passed.reason;
    return written.value;
  }

  /** Downloads a file in so many parts at the same time; the first that fails ends the others. */
  async #fetchSegments(part: LocalPart, size: number, segments: number): Promise<void> {
    const { path } = this.#setup;
    const stop = new AbortController();
    const signal = this.#setup.signal ? AbortSignal.any([this.#setup.signal, stop.signal]) : stop.signal;
    let failure: { readonly error: unknown } | undefined;
    const fetchOne = async ({ start, end }: Required<Pick<Range, 'start' | 'end'>>): Promise<void> => {
      // The last segment ends with the file, and is not cut off: a server that takes REST and ignores it sends more than that.
      const range = end === size - 1 ? { start } : { start, end };
      try {
        const bytes = await this.#fetchRange(part, range, signal);
        if (bytes !== end - start + 1) throw new MismatchError(`${path}: ${bytes} bytes came for those from ${start} to ${end}`);
      } catch (error) {
        failure ??= { error };
        stop.abort();
      }
    };
    await Promise.all(rangesOf(size, segments).map(fetchOne));
    if (failure) throw failure.error;
  }

  /** Whether all of it will be compared by a hash in the end. */
  async #isHashed(): Promise<boolean> {
    const { remote, verify } = this.#setup;
    return verify !== 'size' && digestCommands(await this.#ask(() => remote.feat())).length > 0;
  }

  /** Compares the head and the end of what is taken for the beginning of the remote file, and may be that of another one. @throws MismatchError */
  async #assertBeginning(part: LocalPart): Promise<void> {
    const { remote, path, signal } = this.#setup;
    const { bytes } = part;
    const ours = (start: number, end: number): Promise<Buffer> => part.read(start, end);
    for (const [start, end] of [[Math.max(0, bytes - BEFORE_SEAM), bytes], [0, Math.min(HEAD, bytes - BEFORE_SEAM)]] as const) {
      if (end <= start) continue;
      const same = await this.#ask(() => holdsSameBytes(remote, { path, start, end, ours, signal }));
      if (same === false) throw new MismatchError(`${part.path} is no beginning of ${path}: bytes ${start} to ${end - 1} differ`);
    }
  }

  /** Compares what did not come in one stream; RetrStream has compared one that did. @throws ChangedError; MismatchError */
  async #assertWhole(part: LocalPart): Promise<void> {
    const { remote, path } = this.#setup;
    const { size } = this.#facts;
    assertSame(path, this.#facts, await this.#ask(() => factsOf(remote, path)));
    const bytes = await part.size();
    if (bytes !== size) throw new MismatchError(`${path}: ${bytes} bytes came in place of ${size}`);
    const { verify = part.bytes > 0 ? 'best' : 'size' } = this.#setup;
    const ours = (): RangeReader[] => [new RangeReader(part.file, 0, bytes)];
    if (verify === 'hash') await this.#ask(() => assertSameHash(remote, path, ours));
    else if (verify === 'best') await assertSameHashIfAny(remote, path, ours);
  }

  /** Asks the server, and again after a loss. */
  #ask<T>(question: () => Promise<T>): Promise<T> {
    const { retry = false, signal } = this.#setup;
    const policy = { backoff: new Backoff(retry === false ? 0 : retry), signal, onRetry: () => void (this.#retries += 1) };
    return withRetry(() => askUnlessAborted(question, signal), policy);
  }
}

/** Writes chunks to a file from a byte on; resolves with their bytes. */
async function writeAll(chunks: AsyncIterable<Buffer>, part: LocalPart, start: number): Promise<number> {
  let at = start;
  for await (const chunk of chunks) {
    await part.write(chunk, at);
    at += chunk.length;
  }
  return at - start;
}

function rangesOf(size: number, segments: number): { start: number; end: number }[] {
  const length = Math.max(1, Math.ceil(size / segments));
  return Array.from({ length: Math.ceil(size / length) }, (_, n) => ({ start: n * length, end: Math.min(size, (n + 1) * length) - 1 }));
}
