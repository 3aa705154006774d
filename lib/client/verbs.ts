import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { askUnlessAborted } from '../abort';
import { get, type GetOptions, type GetResult } from '../bulk/get';
import { put, type PutOptions, type PutResult, type PutSource } from '../bulk/put';
import { isListed } from '../bulk/listings';
import { asWork, type Remote } from '../bulk/remote';
import { downloadTree } from '../bulk/tree-download';
import type { TreeOptions } from '../bulk/tree-options';
import { assertRemovable, removeFolder } from '../bulk/tree-removal';
import type { TreeStream } from '../bulk/tree-run';
import { uploadTree } from '../bulk/tree-upload';
import { walk, type Walk, type WalkOptions } from '../bulk/walk';
import { watch, type Watch, type WatchOptions } from '../bulk/watch';
import type { Command } from '../control/command';
import type { ControlConnection, SendOptions } from '../control/control-connection';
import { isNotImplemented, unexpected } from '../control/command-table';
import type { Place, PlaceListener, PlaceOptions, Queue, Work, WorkListener } from '../control/queue';
import { emitToCaller, type Needs, type Session, type Turn } from '../control/session';
import { ArgumentError, awaitedCall, ConnectionClosedError, FTPError, isFTPError, ownError, PermanentError, ReplyError, showCall } from '../errors';
import type { Entry } from '../listing/entry';
import { type FolderOptions, folderOptions, signalOf, type VerbOptions } from '../options';
import type { Reply } from '../reply';
import { findTimeCommand, isThere, lookUp, setTime, sizeIn, timeCommand, timeIn } from '../transfer/facts';
import { makeFolders, pathIn } from '../transfer/folders';
import { type ListOptions, ListPlan, type MlsdOptions, MlsdPlan } from '../transfer/list-plan';
import type { RetrOptions, RetrStream } from '../transfer/retr-stream';
import type { StorOptions, StorStream } from '../transfer/stor-stream';
import { download, entries, lines, upload } from '../transfer/streams';
import { askDigest, checkAlgorithm, chooseDigest } from '../transfer/verify';

/** What an operation does in its turn. */
type Steps<T> = (turn: Turn) => Promise<T>;

/** How an operation is run. */
interface RunOptions {
  /** True for more than one command and one reply: the next operation then waits for the end of this one, and not only until its command is written. */
  readonly exclusive: boolean;
  /** True where its commands may contain names, whose encoding the server may have to be asked for first; false for a caller's own line. */
  readonly names: boolean;
  /** What the session must be; default: in the working folder. */
  readonly needs?: Needs | undefined;
  /** What the caller says, who may give the operation up. */
  readonly options?: VerbOptions | undefined;
}

/**
 * The verbs that a client (FTP) and a pool of connections (FTPPool) have in common: each is one operation, which waits in the queue for its turn and
 * runs in the session that the queue gives it.
 *
 * Promises reject, and streams fail, with the errors of `allErrors`: PermanentError and TemporaryError where the server refuses (5xx and 4xx),
 * ConnectionClosedError, TimeoutError and ProtocolError for the connection. Arguments that cannot be meant are an ArgumentError.
 */
export abstract class Verbs<Events extends Record<keyof Events, unknown[]>> extends EventEmitter<Events> implements Remote, AsyncDisposable {
  /** @internal has the options and the encoding of names; a pool's is never connected */
  abstract readonly session: Session;
  /** @internal where operations wait for their turn */
  abstract readonly queue: Queue;

  /** True while there is a connection on which commands can be sent. */
  abstract readonly connected: boolean;

  /** True once `close()` was called or `quit()` is done: every verb fails with ConnectionClosedError. */
  get closed(): boolean {
    return this.queue.over;
  }

  // ---- transfers

  /**
   * Downloads a file as a Readable of bytes, whose `end` proves that the file is whole (RFC 959, 4.1.3 RETR). Nothing is sent before the first read.
   *
   * @param path relative to the working folder, or from the root
   * @throws ArgumentError for an empty path or an option that cannot be; the stream fails with PermanentError where there is no such file, and with
   *   TransferError where bytes are missing
   */
  retr(path: string, options: RetrOptions = {}): RetrStream {
    return download(this, this.session.command('RETR', requirePath(path)), options);
  }

  /**
   * Uploads a file as a Writable, whose `finish` proves that the server has stored it (RFC 959, 4.1.3 STOR). The file is replaced, or written from
   * byte `start` on. Nothing is sent before the first write or `end()`.
   *
   * @throws ArgumentError for an empty path or an option that cannot be; the stream fails with PermanentError or TemporaryError where the server refuses
   */
  stor(path: string, options: StorOptions = {}): StorStream {
    return upload(this, this.session.command('STOR', requirePath(path)), options);
  }

  /**
   * Appends to a file as a Writable, whose `finish` proves that the server has stored it all; a file that is missing is made (RFC 959, 4.1.3 APPE).
   *
   * @throws ArgumentError for an empty path or an option that cannot be
   */
  appe(path: string, options: Pick<StorOptions, 'signal' | 'highWaterMark'> = {}): StorStream {
    return upload(this, this.session.command('APPE', requirePath(path)), options);
  }

  /**
   * Uploads a file under a name that the server chooses, which the stream's `storedAs` says once it is open (RFC 959, 4.1.3 and RFC 1123, 4.1.2.9 STOU).
   *
   * @param path a suggestion, which many servers ignore
   */
  stou(path?: string, options: Pick<StorOptions, 'signal' | 'highWaterMark'> = {}): StorStream {
    return upload(this, this.session.command('STOU', path), options);
  }

  /**
   * Downloads the data of any command as bytes, without conversion (TYPE I; `retrbinary` of Python's ftplib).
   *
   * @param cmd the whole command, such as `RETR a`
   * @throws ArgumentError for CR, LF and NUL in it
   */
  retrbinary(cmd: string, options: RetrOptions = {}): RetrStream {
    return download(this, this.session.rawCommand(cmd), options);
  }

  /**
   * Downloads the data of any command as a Readable of lines without their line ends (TYPE A; `retrlines` of Python's ftplib). A line that is longer
   * than `maxLineBytes` is a LimitError.
   *
   * @param cmd the whole command, such as `LIST -R`
   * @throws ArgumentError for CR, LF and NUL in it
   */
  retrlines(cmd: string, options: Pick<RetrOptions, 'signal' | 'highWaterMark'> = {}): RetrStream<string> {
    return lines(this, this.session.rawCommand(cmd), options);
  }

  /**
   * Uploads bytes with any command that takes data, without conversion (TYPE I; `storbinary` of Python's ftplib).
   *
   * @param cmd the whole command, such as `STOR a`
   * @throws ArgumentError for CR, LF and NUL in it
   */
  storbinary(cmd: string, options: StorOptions = {}): StorStream {
    return upload(this, this.session.rawCommand(cmd), options);
  }

  /**
   * Uploads text with any command that takes data; every line end is sent as CRLF (TYPE A; `storlines` of Python's ftplib).
   *
   * @param cmd the whole command, such as `STOR a.txt`
   * @throws ArgumentError for CR, LF and NUL in it
   */
  storlines(cmd: string, options: Omit<StorOptions, 'start' | 'verify'> = {}): StorStream {
    return upload(this, this.session.rawCommand(cmd), options, 'A');
  }

  // ---- listings

  /**
   * Lists the names in a folder as the server writes them, as a Readable of strings (RFC 959, 4.1.3 NLST). Some servers write whole paths, or
   * leave out folders.
   *
   * @param path default: the working folder
   */
  nlst(path?: string, options: Pick<RetrOptions, 'signal' | 'highWaterMark'> = {}): RetrStream<string> {
    return lines(this, this.session.command('NLST', path), options);
  }

  /**
   * Lists a folder as a Readable of the lines that the server writes for people (RFC 959, 4.1.3 LIST).
   *
   * @param path default: the working folder
   */
  dir(path?: string, options: Pick<RetrOptions, 'signal' | 'highWaterMark'> = {}): RetrStream<string> {
    return lines(this, this.session.command('LIST', path), options);
  }

  /**
   * Lists a folder, or the one file that the path names, as a Readable of entries: by MLSD where the server offers it (RFC 3659, 7), else by LIST.
   * A line that cannot be read is skipped, and the event `unparsed` gives it.
   *
   * @param path default: the working folder
   * @throws ArgumentError for an option that cannot be; the stream fails with PermanentError where there is no such folder or file, or it says that the folder could not be read
   */
  list(path?: string, options: ListOptions = {}): RetrStream<Entry> {
    const command = this.session.command('LIST', path === '' ? undefined : path);
    const plan = new ListPlan(this.session, path === '' ? undefined : path, options, (line) => emitToCaller(stream, 'unparsed', line));
    const stream = entries(this, command, plan, options);
    return stream;
  }

  /**
   * Lists a folder as a Readable of entries with the facts that the server sends (RFC 3659, 7 MLSD). It never falls back to LIST.
   *
   * @param path default: the working folder
   * @param options.facts asks for these facts by OPTS MLST, which holds for all later listings of the connection; a server may send others
   * @throws ArgumentError for an option that cannot be; the stream fails with PermanentError where the server has no MLSD, or no such folder, or says that it could not be read
   */
  mlsd(path?: string, options: MlsdOptions = {}): RetrStream<Entry> {
    const command = this.session.command('MLSD', path === '' ? undefined : path);
    const plan = new MlsdPlan(this.session, command, options, (line) => emitToCaller(stream, 'unparsed', line));
    const stream = entries(this, command, plan, options);
    return stream;
  }

  /**
   * Gives what the server knows of one path (RFC 3659, 7 MLST). Without MLST, `type` is `directory` where CWD enters the path and `file` elsewhere,
   * with `size` and `modified` by SIZE and MDTM.
   *
   * @throws PermanentError where there is no such file or folder
   */
  async mlst(path: string, options?: VerbOptions): Promise<Entry> {
    const command = this.session.command('MLST', requirePath(path));
    return this.sequence(command, (turn) => lookUp(turn, command), { options });
  }

  /**
   * Says whether there is a file, folder or symlink: by MLST (RFC 3659, 7), or by SIZE, MDTM and CWD, or else by the listing of the folder that it is in.
   * It is true or false only where the server leaves no doubt.
   *
   * @throws PermanentError where it does not say, as for a path that it lets nobody look at; the errors of the connection
   */
  async exists(path: string, options?: VerbOptions): Promise<boolean> {
    const command = this.session.command('MLST', requirePath(path));
    return this.#work(options, async (signal) => {
      const answer = await this.sequence(command, (turn) => isThere(turn, path), { options: { signal } });
      if (typeof answer === 'boolean') return answer;
      return isListed(this, path, signal, { exists: (folder) => this.exists(folder, { signal }), refusal: answer });
    });
  }

  // ---- files and folders

  /**
   * Makes a folder, and gives its name as the server says it (RFC 959, 4.1.3 MKD; appendix II for the quoted name). The name is empty where the
   * reply quotes none.
   *
   * @param options.recursive makes the folders that it is in, too, and takes one that is there for made; the name is empty then
   * @throws PermanentError where it exists, or its parent does not; with `recursive` where a file has the name of one of the folders
   */
  async mkd(dir: string, options?: FolderOptions): Promise<string> {
    const { recursive, ...rest } = folderOptions(options);
    const mkd = this.session.command('MKD', requirePath(dir));
    return recursive ? this.sequence(mkd, (turn) => makeFolders(turn, dir), { options: rest }) : pathIn(await this.exec(mkd, { options: rest }));
  }

  /**
   * Removes an empty folder (RFC 959, 4.1.3 RMD), or a folder and all that is in it. A symlink is removed itself, and not what it leads to; where a
   * server shows it as a folder, and DELE does not remove it (aioftp, Twisted), it is taken for one. A pool removes files on several connections.
   *
   * @param options.recursive removes what is in it first; default false
   * @returns the reply to the last command
   * @throws PermanentError where there is none, or it is not empty; with `recursive`: RemovalError where something could not be removed, and
   *   ArgumentError for the root and the working folder
   */
  async rmd(dir: string, options?: FolderOptions): Promise<Reply> {
    const { recursive, ...rest } = folderOptions(options);
    if (!recursive) return this.exec(this.session.command('RMD', requirePath(dir)), { options: rest });
    const mlst = this.session.command('MLST', requirePath(dir));
    assertRemovable(dir);
    return this.#work(rest, async (signal) => {
      const { type } = await this.sequence(mlst, (turn) => lookUp(turn, mlst, 'empty'), { options: { signal } });
      if (type !== 'directory' && type !== 'symlink') throw new PermanentError(`RMD ${dir}: it is no folder`, { command: `RMD ${dir}` });
      return removeFolder(this, dir, signal);
    });
  }

  /**
   * Removes a file (RFC 959, 4.1.3 DELE).
   *
   * @throws PermanentError where there is none
   */
  async delete(path: string, options?: VerbOptions): Promise<Reply> {
    return this.exec(this.session.command('DELE', requirePath(path)), { options });
  }

  /**
   * Renames or moves a file or folder, and gives the reply to RNTO, which is sent only after RNFR was answered with 3xx (RFC 959, 4.1.3). Whether a
   * file at the new name is replaced depends on the server.
   *
   * @throws PermanentError where there is none, or the new name cannot be had
   */
  async rename(from: string, to: string, options?: VerbOptions): Promise<Reply> {
    const rnfr = this.session.command('RNFR', requirePath(from));
    const rnto = this.session.command('RNTO', requirePath(to));
    return this.sequence(rnfr, async (turn) => {
      const { control, sending } = turn;
      await control.exec(rnfr, sending);
      try {
        return await control.exec(rnto, sending);
      } catch (error) {
        if (sending?.signal?.aborted && !(error instanceof FTPError)) await forgetRNFR(turn, from); // RNTO was not sent
        throw error;
      }
    }, { options });
  }

  /**
   * Gives the size of a file in bytes, as a download in TYPE I has them (RFC 3659, 4 SIZE).
   *
   * @throws PermanentError where there is no such file, or the server has no SIZE; ReplyError where the reply is no number
   */
  async size(path: string, options?: VerbOptions): Promise<number> {
    // TYPE I first: ProFTPD and pyftpdlib refuse SIZE in TYPE A, inetutils counts line ends twice.
    const command = this.session.command('SIZE', requirePath(path));
    const reply = await this.exec(command, { type: 'I', options });
    const size = sizeIn(reply);
    if (size === undefined) throw unexpected(reply, command);
    return size;
  }

  /**
   * Gives the time at which a file was modified; the server says it in UTC, to the second or finer (RFC 3659, 3 MDTM).
   *
   * @throws PermanentError where there is no such file, or the server has no MDTM; ReplyError where the reply is no time
   */
  async mdtm(path: string, options?: VerbOptions): Promise<Date> {
    const command = this.session.command('MDTM', requirePath(path));
    const reply = await this.exec(command, { options });
    const time = timeIn(reply);
    if (!time) throw unexpected(reply, command);
    return time;
  }

  /**
   * Sets the time at which a file was modified, to the second (draft-somers-ftp-mfxx, 3.1 MFMT). On a server that does not know MFMT, `MDTM time path`
   * and SITE UTIME are tried, and believed when the time that is read back is the one that was set.
   *
   * @throws ArgumentError for an invalid Date; PermanentError where the server sets no times, or there is no such file
   */
  async mfmt(path: string, date: Date, options?: VerbOptions): Promise<Reply> {
    if (!(date instanceof Date) || Number.isNaN(date.getTime())) throw new ArgumentError('mfmt takes a valid Date');
    const mfmt = timeCommand(this.session, requirePath(path), date);
    try {
      return await this.run((turn) => setTime(turn, path, date), mfmt, { exclusive: false, names: true, options });
    } catch (error) {
      if (!(error instanceof PermanentError) || !isNotImplemented(error.reply)) throw error;
      return this.sequence(mfmt, (turn) => findTimeCommand(turn, path, date, error), { options });
    }
  }

  /**
   * Sets the permissions of a file or folder (SITE CHMOD, which most servers on Unix have).
   *
   * @param mode from 0 to 0o7777: a number such as `0o644`, or its octal digits such as `'644'`
   * @throws ArgumentError for another mode; PermanentError where the server has no SITE CHMOD, or refuses it
   */
  async chmod(path: string, mode: number | string, options?: VerbOptions): Promise<Reply> {
    return this.exec(this.session.command('SITE', requirePath(path), `CHMOD ${octal(mode)} `), { options });
  }

  /** @internal Whether `mfmt` sets times, as far as that is known before it is tried. */
  async setsTimes(): Promise<boolean | undefined> {
    return this.sequence(this.session.command('FEAT'), async ({ session }) => {
      if ((await session.features()).has('MFMT')) return true;
      const by = session.observed.setsTimesBy;
      return by && by !== 'nothing';
    });
  }

  /**
   * Gives the hash of a file in lower-case hex, as the server computes it: by HASH (draft-bryan-ftpext-hash), CKSM, XSHA512 … XCRC, or MD5, as FEAT
   * offers. The server reads the whole file first, so `replyTimeout` must be long enough for that.
   *
   * @param algorithm `sha512`, `sha384`, `sha256`, `sha1`, `md5` or `crc32`; default: the first of these that the server offers
   * @throws ArgumentError for another one; UnsupportedError where the server does not offer it; PermanentError where there is no such file
   */
  async hash(path: string, algorithm?: string, options?: VerbOptions): Promise<string> {
    const wanted = algorithm === undefined ? undefined : checkAlgorithm(algorithm);
    return this.sequence(this.session.command('HASH', requirePath(path)), async (turn) => {
      return askDigest(turn, chooseDigest(await turn.session.features(), wanted), path);
    }, { options });
  }

  // ---- the server

  /**
   * Gives what the server offers: names in capitals, each with the text after it (RFC 2389, 3 FEAT). It is asked once for each login. A server without
   * FEAT gives an empty map.
   */
  async feat(options?: VerbOptions): Promise<Map<string, string>> {
    return new Map(await this.sequence(this.session.command('FEAT'), ({ session }) => session.features(), { options }));
  }

  /** Asks which system the server runs on; the reply's text begins with its name (RFC 959, 4.1.3 SYST). */
  async syst(options?: VerbOptions): Promise<Reply> {
    return this.exec(this.session.command('SYST'), { names: false, options });
  }

  /**
   * Asks for the server's state, or for a listing of a path on the control connection (RFC 959, 4.1.3 STAT).
   *
   * @param path default: the server's own state
   */
  async stat(path?: string, options?: VerbOptions): Promise<Reply> {
    return this.exec(this.session.command('STAT', path), { options });
  }

  /**
   * Sends a command that only this server has, such as `CHMOD 644 a` (RFC 959, 4.1.3 SITE). In a pool, it goes to any one of the connections: it
   * must leave no state on it.
   *
   * @throws PermanentError where the server does not know it
   */
  async site(cmd: string, options?: VerbOptions): Promise<Reply> {
    return this.exec(this.session.command('SITE', cmd), { options });
  }

  /** Does nothing but show that the server answers (RFC 959, 4.1.3 NOOP). */
  async noop(options?: VerbOptions): Promise<Reply> {
    return this.exec(this.session.command('NOOP'), { names: false, options });
  }

  /**
   * Asks for the server's help on a command, or in general (RFC 959, 4.1.3 HELP).
   *
   * @param cmd default: help in general
   */
  async help(cmd?: string, options?: VerbOptions): Promise<Reply> {
    return this.exec(this.session.command('HELP', cmd), { options });
  }

  // ---- bulk work

  /**
   * Walks a folder and everything below it, as a Readable of entries with their paths; each folder comes before what is in it. The event `unreadable`
   * reports what could not be listed.
   *
   * @param path default: the working folder
   * @throws ArgumentError for an option that cannot be; the stream fails where the first folder cannot be listed
   */
  walk(path?: string, options?: WalkOptions): Walk {
    return walk(this, path, options);
  }

  /**
   * Watches a folder, as a Readable of the files that have come and no longer grow: those that two looks, `settle` ms apart, show with the same size and
   * time. Each version of a file is given once, over lost connections, too; `state` is what was given, for the option `since` of a later watch. The loop
   * that reads it may use the same client. It has no end of its own: `quit()`, a break or the option `signal` ends it.
   *
   * @param path default: the working folder
   * @throws ArgumentError for an option that cannot be; the stream fails where the folder cannot be listed in the first look
   */
  watch(path?: string, options?: WatchOptions): Watch {
    return watch(this, path, options);
  }

  /**
   * Downloads a file into a local file and resolves with what was done. The local file is complete under its name, or as it was before. After a lost
   * connection it connects again and goes on where it was, up to 5 times in a row without a byte (option `retry`).
   *
   * @throws ArgumentError; PermanentError where there is no such file; ChangedError and MismatchError where the file changed, or does not fit what is
   *   resumed; errors of the local file system as Node gives them
   */
  get(path: string, local: string, options?: GetOptions): Promise<GetResult> {
    return get(this, path, local, options);
  }

  /**
   * Uploads a local file, bytes, a Blob, a stream or an iterable and resolves with what was done. The name on the server appears when the upload is complete. After a lost
   * connection it connects again and goes on where it was, up to 5 times in a row without a byte (option `retry`).
   *
   * @param source the path or `file:` URL of a local file, bytes, a Blob or File, a function that gives the bytes from an offset on; or a Readable, a web
   *   stream, or an iterable of bytes and strings, which need `retry: false`
   * @throws ArgumentError; PermanentError where the server refuses; ChangedError where the source changed meanwhile; errors of the local file system as
   *   Node gives them
   */
  put(source: PutSource, path: string, options?: PutOptions): Promise<PutResult> {
    return put(this, source, path, options);
  }

  /**
   * Downloads a folder and everything below it, as a Readable with one TreeResult for each file and folder; reading it does the work.
   *
   * @throws ArgumentError; the stream fails with the first error, or gives each as a result with `continueOnError`
   */
  downloadTree(remotePath: string, localPath: string, options?: TreeOptions): TreeStream {
    return downloadTree(this, remotePath, localPath, options);
  }

  /**
   * Uploads a folder and everything below it, as a Readable with one TreeResult for each file and folder; reading it does the work.
   *
   * @throws ArgumentError; the stream fails with the first error, or gives each as a result with `continueOnError`
   */
  uploadTree(localPath: string, remotePath: string, options?: TreeOptions): TreeStream {
    return uploadTree(this, localPath, remotePath, options);
  }

  // ---- the end

  /** Says QUIT once everything that is under way is done. */
  abstract quit(): Promise<unknown>;

  /** Closes at once: everything that is under way or waits fails with ConnectionClosedError. */
  abstract close(): void;

  /** Ends an `await using` block: as `quit()` where nothing is under way, else as `close()`, so that an exception which leaves the block is not held up. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.queue.idle && !this.queue.working) await this.quit();
    } catch (error) {
      if (!isFTPError(error)) throw error;
    } finally {
      this.close();
    }
  }

  /** @internal bulk work begins, which is many operations */
  beginWork(listener?: WorkListener): Work {
    return this.queue.beginWork(listener);
  }

  /** @internal takes no operation any more, and runs `sayQuit` when all that are under way are done; undefined where the client was closed before. */
  protected async quitWith<T>(sayQuit: () => Promise<T>): Promise<T | undefined> {
    if (this.queue.over) return undefined;
    await this.queue.end();
    try {
      return await this.hold('QUIT', sayQuit, { place: { ends: true } });
    } catch (error) {
      if (error instanceof ConnectionClosedError) return undefined; // there is nothing to quit any more
      throw error;
    }
  }

  // ---- how operations are run

  /**
   * @internal Runs one plain command. The next operation may begin as soon as the command is written.
   *
   * @param options.type is switched to first, in the same write
   * @param options.names whether there may be names in the command or in its reply; default true
   */
  protected exec(command: Command, { type, needs, names = true, options }: { readonly type?: 'I' | 'A' } & Partial<Omit<RunOptions, 'exclusive'>> = {}): Promise<Reply> {
    const act: Steps<Reply> = async ({ control, session, sending }) => {
      const typed = type && session.switchType(control, type);
      const [answer, set] = await Promise.allSettled([control.exec(command, sending), typed]);
      if (set.status === 'rejected' && set.reason instanceof ReplyError) throw set.reason;
      if (answer.status === 'rejected') throw answer.reason; // its own, also where many wait for one TYPE
      return answer.value;
    };
    return this.run(act, command, { exclusive: false, names, needs, options });
  }

  /** @internal Runs several commands, of which `first` is the first, without another operation between them. */
  sequence<T>(first: Command, act: Steps<T>, { needs, options }: Pick<RunOptions, 'needs' | 'options'> = {}): Promise<T> {
    return this.run(act, first, { exclusive: true, names: true, needs, options });
  }

  /** @internal Runs something in its turn that needs no connection. */
  protected hold<T>(name: string, act: (sending?: SendOptions) => Promise<T>, { options, place, ...listener }: Pick<PlaceListener, 'onQuitting'> & { readonly options?: VerbOptions | undefined; readonly place?: PlaceOptions } = {}): Promise<T> {
    return this.#enter(options, (resolve, reject, sending) =>
      this.queue.enter((release) => void act(sending).then(resolve, reject).finally(release), { ...listener, name, onDropped: reject }, place),
    );
  }

  /** @internal Waits for the turn, brings the session where the operation needs it, and runs the operation. */
  protected run<T>(act: Steps<T>, command: Command, { exclusive, names, needs, options }: RunOptions): Promise<T> {
    return this.#enter(options, (resolve, reject, sending) => {
      const run = async (release: () => void, session: Session): Promise<void> => {
        let control: ControlConnection | undefined;
        try {
          control = session.meets(needs) && session.control ? session.control : await session.ready(needs);
          if (sending?.signal?.aborted) return;
          // Until the server is known to keep the order of replies, a command that changes something is sent alone. FEAT before it would cost a round
          // trip, and saves some where others wait, if it shows the order.
          const alone = names && control.sendsAlone(command);
          const others = alone && this.queue.contended(0);
          if (names && (!alone || others || !command.ascii)) session.beginNegotiation();
          if (others) void session.switchType(control, 'I');
          if (exclusive || !command.ascii) await session.negotiationUnderWay();
          const outcome = act({ control, session, sending });
          if (!exclusive) {
            outcome.catch(ignore);
            const room = control.room();
            if (room) await room;
            release();
          }
          resolve(await outcome);
        } catch (error) {
          if (!control?.startsOver || error instanceof ReplyError || sending?.signal?.aborted) return reject(error as Error);
          release();
          place.again();
        } finally {
          release();
        }
      };
      const place = this.queue.enter((release, session) => void run(release, session), { name: command.shown, onDropped: reject });
      return place;
    });
  }

  /** Does work of several operations, which the caller may give up: the promise rejects at once then. */
  async #work<T>(options: VerbOptions | undefined, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = options === undefined ? undefined : signalOf(options);
    return askUnlessAborted(() => asWork(this, signal, act), signal);
  }

  /**
   * Enters the queue, and resolves with the outcome of the operation. Where its caller gives it up, the promise rejects at once: a place whose turn has
   * not come is left, and an operation that has begun sends no further command, and keeps its turn until it has its reply. An error shows the lines that
   * await it.
   *
   * @param enter takes the place
   */
  #enter<T>(options: VerbOptions | undefined, enter: (resolve: (value: T) => void, reject: (error: Error) => void, sending?: SendOptions) => Place): Promise<T> {
    const signal = options === undefined ? undefined : signalOf(options);
    let place: Place | undefined;
    const outcome = (): Promise<T> => new Promise((resolve, reject) => (place = enter(resolve, reject, signal && { signal })).ready());
    return (signal ? askUnlessAborted(outcome, signal, () => place?.leave()) : outcome()).catch(showAwaited);
  }
}

/**
 * Gives the hash of a file in lower-case hex, as the server computes it (draft-bryan-ftpext-hash, and the commands that were before it). The server
 * reads the whole file first, so `replyTimeout` must be long enough for that.
 *
 * @param remote a client or a pool
 * @param algorithm `sha512`, `sha384`, `sha256`, `sha1`, `md5` or `crc32`; default: the first of these that the server offers
 * @throws ArgumentError for another one; UnsupportedError where the server does not offer it; PermanentError where there is no such file
 */
export async function hash(remote: Pick<Remote, 'hash'>, path: string, algorithm?: string, options?: VerbOptions): Promise<string> {
  return remote.hash(path, algorithm, options);
}

/**
 * After an RNFR without its RNTO, ProFTPD 1.3.8 and Twisted 22.4 refuse every other command, with 501 and 503. There an RNTO that cannot succeed ends
 * that: to a name within the file itself.
 */
async function forgetRNFR({ session, control }: Turn, from: string): Promise<void> {
  try {
    await control.exec(session.command('PWD'));
  } catch (error) {
    if (!(error instanceof PermanentError) || ![501, 503].includes(error.reply?.code ?? 0)) return;
    await control.exec(session.command('RNTO', `${from}/${randomBytes(6).toString('hex')}/x`)).catch(ignore);
  }
}

/** Gives an error the lines that await the promise that this is a handler of; V8 finds them in the promise which the handler settles. */
function showAwaited(error: unknown): never {
  if (!(error instanceof FTPError)) throw error;
  const call = awaitedCall();
  throw showCall(ownError(error, call), call);
}

/** An empty path would make the command mean something else, or the working folder. @throws ArgumentError */
export function requirePath(path: unknown): string {
  if (typeof path !== 'string') throw new ArgumentError(`a path must be a string, not ${typeof path}`);
  if (path === '') throw new ArgumentError('a path must not be empty');
  return path;
}

/** The octal digits of a mode, three at least: pyftpdlib 1.5.7 takes no leading zero before four. @throws ArgumentError */
function octal(mode: unknown): string {
  const bits = typeof mode === 'string' && /^0?[0-7]{1,4}$/.test(mode) ? Number.parseInt(mode, 8) : mode;
  if (typeof bits !== 'number' || !Number.isInteger(bits) || bits < 0 || bits > 0o7777) {
    throw new ArgumentError(`a mode must be a number from 0 to 0o7777, or its octal digits, not ${typeof mode === 'string' ? JSON.stringify(mode) : String(mode)}`);
  }
  return bits.toString(8).padStart(3, '0');
}

function ignore(): void {
  // awaited a line later
}
