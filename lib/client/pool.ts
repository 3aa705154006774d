import { get, type GetOptions, type GetResult } from '../bulk/get';
import { put, type PutOptions, type PutResult, type PutSource } from '../bulk/put';
import type { Remote } from '../bulk/remote';
import { segmented, type SegmentedStream } from '../bulk/segments';
import { downloadTree } from '../bulk/tree-download';
import type { TreeOptions } from '../bulk/tree-options';
import type { TreeStream } from '../bulk/tree-stream';
import { uploadTree } from '../bulk/tree-upload';
import { walk, type Walk, type WalkOptions } from '../bulk/walk';
import type { Work, WorkListener } from '../control/queue';
import { ArgumentError, ConnectionClosedError, isFTPError } from '../errors';
import type { Entry } from '../listing/entry';
import { checkNames, FTP_OPTIONS, type FTPOptions, type OptionNames } from '../options';
import type { Reply } from '../reply';
import type { ListOptions, MlsdOptions } from '../transfer/list-plan';
import { RETR_OPTIONS, type RetrOptions, type RetrStream } from '../transfer/retr-stream';
import type { StorOptions, StorStream } from '../transfer/stor-stream';
import { parseFTPURL } from '../url';
import { FTP } from './ftp';
import { PoolQueue } from './pool-queue';

/** The verbs of a client, which take their turns on a pool's connections: its own session has the options and is never connected. */
class PoolVerbs extends FTP {
  readonly #turns: PoolQueue;

  constructor(options: FTPOptions, connections: number) {
    super(options);
    this.#turns = new PoolQueue(this.session, connections);
  }

  override get queue(): PoolQueue {
    return this.#turns;
  }
}

/** What a pool can be told: what each of its connections is, and how many there may be. */
export interface FTPPoolOptions extends FTPOptions {
  /** The most connections at a time; default 4. A server that refuses one is asked for no more for a minute. */
  connections?: number;
}

const POOL_OPTIONS: OptionNames<FTPPoolOptions> = { connections: true, ...FTP_OPTIONS };

/**
 * Several connections to one server with one login, which share the work: the verbs are those of FTP, and each operation has a free
 * connection for itself, in the order of the calls. Connections are made when there is work and none is free, replaced when they
 * are lost, and stay until `quit()` or `close()`.
 *
 * Paths are absolute or relative to the login folder. When the server refuses a connection (421, 530) while others are
 * there, these do the work; without any, everything that waits fails with the first refusal.
 */
export class FTPPool implements Remote, AsyncDisposable {
  /** How many connections there may be at a time. */
  readonly maxConnections: number;
  readonly #verbs: PoolVerbs;
  #quitting: Promise<void> | undefined;

  /**
   * Checks the options, which are copied; does no I/O.
   *
   * @param options or an `ftp://` or `ftps://` URL
   * @throws ArgumentError
   */
  constructor(options: FTPPoolOptions | string = {}) {
    const given: FTPPoolOptions = typeof options === 'string' ? parseFTPURL(options).options : options;
    checkNames(given, POOL_OPTIONS);
    const { connections = 4, ...rest } = given;
    if (!Number.isSafeInteger(connections) || connections < 1) throw new ArgumentError(`connections must be a whole number from 1 on, not ${String(connections)}`);
    this.maxConnections = connections;
    this.#verbs = new PoolVerbs({ ...rest, ...(rest.tls ? { tls: { ...rest.tls } } : {}) }, connections);
  }

  /** How many connections there are now. */
  get connections(): number {
    return this.#verbs.queue.connections;
  }

  /**
   * Says QUIT on all connections after all operations in use are done, bulk work such as trees included (RFC 959, 4.1.1). Streams that nobody
   * reads fail, at once or, where their reader has stopped, after `stallTimeout`. After it the pool is over.
   */
  quit(): Promise<void> {
    return (this.#quitting ??= this.#quit().finally(() => (this.#quitting = undefined)));
  }

  /** Closes all connections at once: everything that is under way or waits fails with ConnectionClosedError. After it the pool is over. */
  close(): void {
    this.#verbs.queue.close(() => new ConnectionClosedError('the pool was closed', { final: true }));
  }

  /** `quit()` where nothing is under way; else `close()`: what is unfinished fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#verbs.queue.idle && !this.#verbs.queue.working) await this.quit();
    } catch (error) {
      if (!isFTPError(error)) throw error;
    } finally {
      this.close();
    }
  }

  /** @internal bulk work begins, which is many operations */
  beginWork(listener?: WorkListener): Work {
    return this.#verbs.beginWork(listener);
  }

  async #quit(): Promise<void> {
    const turns = this.#verbs.queue;
    if (turns.over) return;
    await turns.end();
    await new Promise<void>((resolve, reject) => {
      const act = (release: () => void): void => void turns.quit().then(resolve, reject).finally(release);
      turns.enterLast(act, { name: 'QUIT', onDropped: () => resolve() }).ready(); // dropped: the pool was closed meanwhile
    });
  }

  // ---- transfers

  /** See `FTP.retr`. With `segments`, parts of the file are fetched at the same time, in order: see SegmentedStream. */
  retr(path: string, options: RetrOptions & { segments: number }): RetrStream | SegmentedStream;
  retr(path: string, options?: Omit<RetrOptions, 'segments' | 'segmentBuffer'>): RetrStream;
  retr(path: string, options: RetrOptions = {}): RetrStream | SegmentedStream {
    checkNames(options, RETR_OPTIONS);
    return (options.segments ?? 1) > 1 ? segmented(this, path, options) : this.#verbs.retr(path, options);
  }

  /** See `FTP.stor`. A download of the same pool may be piped into it, where the pool may have two connections. */
  stor(path: string, options?: StorOptions): StorStream {
    return this.#verbs.stor(path, options);
  }

  /** See `FTP.appe`. */
  appe(...args: Parameters<PoolVerbs['appe']>): StorStream {
    return this.#verbs.appe(...args);
  }

  /** See `FTP.stou`. */
  stou(...args: Parameters<PoolVerbs['stou']>): StorStream {
    return this.#verbs.stou(...args);
  }

  /** See `FTP.retrbinary`. */
  retrbinary(cmd: string, options?: RetrOptions): RetrStream {
    return this.#verbs.retrbinary(cmd, options);
  }

  /** See `FTP.retrlines`. */
  retrlines(...args: Parameters<PoolVerbs['retrlines']>): RetrStream<string> {
    return this.#verbs.retrlines(...args);
  }

  /** See `FTP.storbinary`. */
  storbinary(cmd: string, options?: StorOptions): StorStream {
    return this.#verbs.storbinary(cmd, options);
  }

  /** See `FTP.storlines`. */
  storlines(...args: Parameters<PoolVerbs['storlines']>): StorStream {
    return this.#verbs.storlines(...args);
  }

  // ---- listings

  /** See `FTP.nlst`. */
  nlst(path?: string): RetrStream<string> {
    return this.#verbs.nlst(path);
  }

  /** See `FTP.dir`. */
  dir(path?: string): RetrStream<string> {
    return this.#verbs.dir(path);
  }

  /** See `FTP.list`. */
  list(path?: string, options?: ListOptions): RetrStream<Entry> {
    return this.#verbs.list(path, options);
  }

  /** See `FTP.mlsd`. */
  mlsd(path?: string, options?: MlsdOptions): RetrStream<Entry> {
    return this.#verbs.mlsd(path, options);
  }

  /** See `FTP.mlst`. */
  mlst(path: string): Promise<Entry> {
    return this.#verbs.mlst(path);
  }

  // ---- files and folders

  /** See `FTP.mkd`. */
  mkd(dir: string): Promise<string> {
    return this.#verbs.mkd(dir);
  }

  /** See `FTP.rmd`. */
  rmd(dir: string): Promise<Reply> {
    return this.#verbs.rmd(dir);
  }

  /** See `FTP.delete`. */
  delete(path: string): Promise<Reply> {
    return this.#verbs.delete(path);
  }

  /** See `FTP.rename`. */
  rename(from: string, to: string): Promise<Reply> {
    return this.#verbs.rename(from, to);
  }

  /** See `FTP.size`. */
  size(path: string): Promise<number> {
    return this.#verbs.size(path);
  }

  /** See `FTP.mdtm`. */
  mdtm(path: string): Promise<Date> {
    return this.#verbs.mdtm(path);
  }

  /** See `FTP.mfmt`. */
  mfmt(path: string, date: Date): Promise<Reply> {
    return this.#verbs.mfmt(path, date);
  }

  /** See `FTP.hash`. */
  hash(path: string, algorithm?: string): Promise<string> {
    return this.#verbs.hash(path, algorithm);
  }

  // ---- the server

  /** See `FTP.feat`. */
  feat(): Promise<Map<string, string>> {
    return this.#verbs.feat();
  }

  /** See `FTP.syst`. */
  syst(): Promise<Reply> {
    return this.#verbs.syst();
  }

  /** See `FTP.stat`. */
  stat(path?: string): Promise<Reply> {
    return this.#verbs.stat(path);
  }

  /** See `FTP.site`; for commands that leave no state behind on the connection. */
  site(cmd: string): Promise<Reply> {
    return this.#verbs.site(cmd);
  }

  /** See `FTP.noop`. */
  noop(): Promise<Reply> {
    return this.#verbs.noop();
  }

  /** See `FTP.help`. */
  help(cmd?: string): Promise<Reply> {
    return this.#verbs.help(cmd);
  }

  // ---- bulk work

  /** See the function `walk`. */
  walk(path?: string, options?: WalkOptions): Walk {
    return walk(this, path, options);
  }

  /** See the function `downloadTree`. */
  downloadTree(remotePath: string, localPath: string, options?: TreeOptions): TreeStream {
    return downloadTree(this, remotePath, localPath, options);
  }

  /** See the function `uploadTree`. */
  uploadTree(localPath: string, remotePath: string, options?: TreeOptions): TreeStream {
    return uploadTree(this, localPath, remotePath, options);
  }

  /** See the function `get`. */
  get(path: string, local: string, options?: GetOptions): Promise<GetResult> {
    return get(this, path, local, options);
  }

  /** See the function `put`. */
  put(source: PutSource, path: string, options?: PutOptions): Promise<PutResult> {
    return put(this, source, path, options);
  }
}
