import { setMaxListeners } from 'node:events';
import type { Readable, ReadableOptions } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { assertNotAborted, destroyWhenAborted, whenAborted } from '../abort';
import type { Work, WorkListener } from '../control/queue';
import { awaitedCall, type Call, ConnectionClosedError, copyOf, showCall } from '../errors';
import type { Entry } from '../listing/entry';
import { checkSignal, type FolderOptions, type VerbOptions } from '../options';
import type { Reply } from '../reply';
import type { ListOptions, MlsdOptions } from '../transfer/list-plan';
import { PipedReadable, unreadAtQuit } from '../transfer/piped-readable';
import type { ReadableEvents } from '../typed-streams';
import type { RetrOptions, RetrStream } from '../transfer/retr-stream';
import { type Backoff, isLoss } from '../transfer/retry';
import type { StorOptions, StorStream } from '../transfer/stor-stream';

/** The verbs that `get`, `put`, `walk` and trees use: a client (`FTP`) and a pool (`FTPPool`) both have them. */
export interface Remote {
  /** Operations that can run at the same time: the connections that a pool may have; undefined means one, as a client has. */
  readonly maxConnections?: number;
  /** A file as a Readable of bytes, whose `end` proves that it is whole (RFC 959, 4.1.3 RETR). */
  retr(path: string, options?: Omit<RetrOptions, 'segments' | 'segmentBuffer'>): RetrStream;
  /** A Writable that replaces a file; `finish` proves that the server has it (RFC 959, 4.1.3 STOR). */
  stor(path: string, options?: StorOptions): StorStream;
  /** A Writable that appends to a file, or makes it (RFC 959, 4.1.3 APPE). */
  appe(path: string, options?: Pick<StorOptions, 'signal' | 'highWaterMark'>): StorStream;
  /** A Writable that makes a file whose name the server chooses (RFC 1123, 4.1.2.9 STOU). */
  stou(path?: string, options?: Pick<StorOptions, 'signal' | 'highWaterMark'>): StorStream;
  /** The data of any command that sends some, as lines in TYPE A. */
  retrlines(cmd: string, options?: Pick<RetrOptions, 'signal' | 'highWaterMark'>): RetrStream<string>;
  /** Uploads text in TYPE A with any command that takes some; line ends are sent as CRLF. */
  storlines(cmd: string, options?: Omit<StorOptions, 'start' | 'verify'>): StorStream;
  /** The names in a folder, as the server gives them (RFC 959, 4.1.3 NLST). */
  nlst(path?: string, options?: Pick<RetrOptions, 'signal' | 'highWaterMark'>): RetrStream<string>;
  /** The lines of LIST, as the server gives them (RFC 959, 4.1.3 LIST). */
  dir(path?: string, options?: Pick<RetrOptions, 'signal' | 'highWaterMark'>): RetrStream<string>;
  /** The entries of a folder, by MLSD where the server offers it, else by LIST; a missing folder is a PermanentError. */
  list(path?: string, options?: ListOptions): RetrStream<Entry>;
  /** The entries of a folder, by MLSD only (RFC 3659, 7). */
  mlsd(path?: string, options?: MlsdOptions): RetrStream<Entry>;
  /** What the server knows of one path (RFC 3659, 7 MLST), or else by CWD, SIZE and MDTM; PermanentError where there is nothing. */
  mlst(path: string, options?: VerbOptions): Promise<Entry>;
  /** Makes a folder, with those that it is in where `recursive` is set, and resolves with its name as the server says it (RFC 959, 4.1.3 MKD). */
  mkd(dir: string, options?: FolderOptions): Promise<string>;
  /** Removes an empty folder (RFC 959, 4.1.3 RMD), or with `recursive` what is in it, too. */
  rmd(dir: string, options?: FolderOptions): Promise<Reply>;
  /** Removes a file (RFC 959, 4.1.3 DELE). */
  delete(path: string, options?: VerbOptions): Promise<Reply>;
  /** Renames a file or folder (RFC 959, 4.1.3 RNFR and RNTO). */
  rename(from: string, to: string, options?: VerbOptions): Promise<Reply>;
  /** The size of a file in bytes, in TYPE I (RFC 3659, 4 SIZE). */
  size(path: string, options?: VerbOptions): Promise<number>;
  /** When a file was modified, in UTC (RFC 3659, 3 MDTM). */
  mdtm(path: string, options?: VerbOptions): Promise<Date>;
  /** Sets when a file was modified (draft-somers-ftp-mfxx, 3.1 MFMT), or by what takes its place; PermanentError where nothing does. */
  mfmt(path: string, date: Date, options?: VerbOptions): Promise<Reply>;
  /** Sets the permissions of a file or folder (SITE CHMOD). */
  chmod(path: string, mode: number | string, options?: VerbOptions): Promise<Reply>;
  /** What the server offers: names in capitals, and the text after each (RFC 2389, 3 FEAT). */
  feat(options?: VerbOptions): Promise<Map<string, string>>;
  /** The hash of a file as the server computes it, in lower-case hex; UnsupportedError where it offers none. */
  hash(path: string, algorithm?: string, options?: VerbOptions): Promise<string>;
}

/** A client or a pool. An object of the caller's with the same verbs has no `beginWork`, and is never closed. */
type Working = Remote & { beginWork?(listener?: WorkListener): Work };

/**
 * Does work that takes several operations of a client: `close()` ends it at once, `quit()` waits for it.
 *
 * @param signal the caller's
 * @param act gets a signal that is aborted by the caller's, or when the client is closed
 * @throws ConnectionClosedError where the client is closed, whatever the operation under way has failed with
 */
export async function asWork<T>(remote: Remote, signal: AbortSignal | undefined, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  if (signal !== undefined) checkSignal(signal);
  const work = beginWork(remote, (reason) => controller.abort(reason));
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  const stop = signal && whenAborted(signal, onAbort);
  try {
    return await act(controller.signal);
  } catch (error) {
    throw showCall(work.closed && !wasClosed(error) ? work.closed : error, awaitedCall()); // that of the operation says the same, and more
  } finally {
    stop?.();
    work.done();
  }
}

/** Work that has begun. */
export interface BegunWork {
  /** Why the client is closed, if it is. */
  readonly closed: Error | undefined;
  done(): void;
}

/** Begins such work, until `done()`. @param onClosed called when the client is closed before that @throws ConnectionClosedError where it is closed already */
export function beginWork(remote: Remote, onClosed: (reason: Error) => void, listener?: WorkListener): BegunWork {
  const work = (remote as Working).beginWork?.(listener);
  let reason: Error | undefined;
  const closed = (): Error | undefined => (work?.closed.aborted ? (reason ??= copyOf(work.closed.reason as Error)) : undefined); // other work has that error, too
  const stop = work && whenAborted(work.closed, () => onClosed(closed() as Error));
  return {
    get closed() {
      return closed();
    },
    done() {
      stop?.();
      work?.done();
    },
  };
}

/** A Readable of what work on a client gives. `quit()` waits for the work, but not for a reader who takes nothing. */
export abstract class WorkReadable<T, E extends ReadableEvents<T> = ReadableEvents<T>> extends PipedReadable<T, E> {
  /** @internal items given */
  protected given = 0;
  /** How many they were when `quit()` asked last. */
  #givenBefore = 0;
  readonly #call: Call = {};

  constructor(options: ReadableOptions) {
    super(options);
    Error.captureStackTrace(this.#call, new.target);
  }

  /** @internal whether the next item is on its way, so that nothing waits for the reader */
  protected abstract readonly isProducing: boolean;

  /** @internal begins the work, whose end by the client ends the stream */
  protected beginWork(remote: Remote): BegunWork {
    return beginWork(remote, (reason) => this.fail(reason), {
      // A reader that takes an item now and then is slow, but not stuck.
      moved: () => {
        const moved = this.isProducing || this.given > this.#givenBefore;
        this.#givenBefore = this.given;
        return moved;
      },
      onQuitting: (stuck) => this.onQuitting(stuck),
    });
  }

  /** @internal `quit()` waits for the end of the work; `stuck` where nothing has moved for `stallTimeout` */
  protected onQuitting(stuck: boolean): void {
    if (stuck || !this.isAttended) this.fail(unreadAtQuit());
  }

  /** @internal the work has failed */
  protected fail(error: Error): void {
    this.destroy(showCall(error, this.#call));
  }
}

/**
 * Work as a Readable of what an async generator gives. Nothing is done before it is read, and what was given before an error is read before it. When
 * the stream is destroyed or the client closed, the generator's signal is aborted, and `close` comes when the generator has cleaned up.
 */
export class WorkStream<T, E extends ReadableEvents<T> = ReadableEvents<T>> extends WorkReadable<T, E> {
  readonly #controller = new AbortController();
  readonly #begin: (signal: AbortSignal) => AsyncGenerator<T, void, void>;
  readonly #remote: Remote;
  #source: AsyncGenerator<T, void, void> | undefined;
  #work: BegunWork | undefined;
  /** @internal the generator is at work; else the reader has taken nothing since */
  protected isProducing = false;

  /** @param ahead items that are made before the reader asks for them: with one at most an error never overtakes an item that nobody has read */
  constructor(remote: Remote, begin: (signal: AbortSignal) => AsyncGenerator<T, void, void>, signal: AbortSignal | undefined, ahead: 0 | 1 = 1) {
    super({ objectMode: true, highWaterMark: ahead });
    setMaxListeners(0, this.#controller.signal);
    this.#remote = remote;
    this.#begin = begin;
    if (signal !== undefined) destroyWhenAborted(this as Readable, checkSignal(signal));
  }

  override _read(): void {
    try {
      this.#work ??= this.beginWork(this.#remote);
    } catch (error) {
      return this.fail(error as Error);
    }
    this.#source ??= this.#begin(this.#controller.signal);
    this.isProducing = true;
    this.#source.next().then(
      ({ done, value }) => {
        this.isProducing = false;
        this.given += 1;
        if (!this.destroyed) this.push(done ? null : value);
      },
      (error: Error) => this.fail(this.#work?.closed ?? error),
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#controller.abort(error ?? undefined);
    const done = (): void => {
      this.#work?.done();
      callback(error);
    };
    if (this.#source) this.#source.return().then(done, done);
    else done();
  }
}

/** A try after a loss: its number since there was progress, and the milliseconds before it. */
export type NextTry = NonNullable<ReturnType<Backoff['next']>>;

/** When something is tried again. */
interface RetryPolicy {
  readonly backoff: Backoff;
  readonly signal: AbortSignal | undefined;
  /** Whether an error that is no loss is worth another try, too. */
  readonly isRetryable?: (error: unknown) => boolean;
  /** Called before the pause; what it throws ends the tries. */
  readonly onRetry?: ((error: unknown, next: NextTry) => Promise<void> | void) | undefined;
}

/** Does something, and again after each loss, until it succeeds or the backoff gives up. @throws what the last try failed with; an AbortError */
export async function withRetry<T>(act: () => Promise<T>, policy: RetryPolicy): Promise<T> {
  for (;;) {
    try {
      await assertNotAborted(policy.signal);
      return await act();
    } catch (error) {
      await pauseBeforeRetry(error, policy);
    }
  }
}

/** Waits until the next try. @throws the error where there is none; an AbortError */
export async function pauseBeforeRetry(error: unknown, { backoff, signal, isRetryable, onRetry }: RetryPolicy): Promise<void> {
  if (!isRetryable?.(error) && (!isLoss(error) || wasClosed(error))) throw error;
  const next = backoff.next();
  if (!next) throw error;
  await onRetry?.(error, next);
  await pause(next.delay, undefined, signal ? { signal } : {});
}

/** Whether the client was closed on our side, or is connected by hand: another try would find no connection. */
export function wasClosed(error: unknown): boolean {
  return error instanceof ConnectionClosedError && error.final === true;
}
