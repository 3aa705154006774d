import { get, type GetOptions, type GetResult } from '../bulk/get';
import { put, type PutOptions, type PutResult, type PutSource } from '../bulk/put';
import type { Remote } from '../bulk/remote';
import { downloadTree } from '../bulk/tree-download';
import type { TreeOptions } from '../bulk/tree-options';
import type { TreeStream } from '../bulk/tree-stream';
import { uploadTree } from '../bulk/tree-upload';
import { walk, type Walk, type WalkOptions } from '../bulk/walk';
import { unexpected } from '../control/command-table';
import type { Features } from '../control/features';
import { parse257 } from '../control/reply-text';
import { ArgumentError, PermanentError, ProtocolError } from '../errors';
import type { Entry } from '../listing/entry';
import { formatTime, parseTime } from '../listing/time';
import type { Reply } from '../reply';
import { type ListOptions, ListPlan, lookUp, type MlsdOptions, MlsdPlan } from '../transfer/list-plan';
import type { RetrOptions, RetrStream } from '../transfer/retr-stream';
import type { StorOptions, StorStream } from '../transfer/stor-stream';
import { download, entries, lines, upload } from '../transfer/streams';
import { askDigest, checkAlgorithm, chooseDigest } from '../transfer/verify';
import { Client } from './client';

/** Bulk work as verbs of a client: the functions of the same names do it. */
abstract class BulkClient extends Client {
  /** All that is in a folder and below, as a Readable of entries with their paths: see the function `walk`. */
  walk(this: Remote, path?: string, options?: WalkOptions): Walk {
    return walk(this, path, options);
  }

  /** Downloads a folder and all that is in it, as a Readable of results: see the function `downloadTree`. */
  downloadTree(this: Remote, remotePath: string, localPath: string, options?: TreeOptions): TreeStream {
    return downloadTree(this, remotePath, localPath, options);
  }

  /** Uploads a folder and all that is in it, as a Readable of results: see the function `uploadTree`. */
  uploadTree(this: Remote, localPath: string, remotePath: string, options?: TreeOptions): TreeStream {
    return uploadTree(this, localPath, remotePath, options);
  }

  /** Downloads into a local file, going on after losses: see the function `get`. */
  get(this: Remote, path: string, local: string, options?: GetOptions): Promise<GetResult> {
    return get(this, path, local, options);
  }

  /** Uploads what can be read again, going on after losses: see the function `put`. */
  put(this: Remote, source: PutSource, path: string, options?: PutOptions): Promise<PutResult> {
    return put(this, source, path, options);
  }
}

/**
 * An FTP client on one control connection (RFC 959).
 *
 * Transfers are streams that exist at once and send nothing before they are used; operations run one at a time in the
 * order they were called. Promises reject, and streams fail, with the errors of `allErrors`.
 */
export class FTP extends BulkClient {
  // ---- transfers

  /** A file as a Readable of bytes; `end` proves that it is whole (RFC 959, 4.1.3 RETR). */
  retr(path: string, options: RetrOptions = {}): RetrStream {
    return download(this, this.session.command('RETR', requirePath(path)), options);
  }

  /** A Writable that replaces the file, or writes it from byte `start` on; `finish` proves that the server has it (RFC 959, 4.1.3 STOR). */
  stor(path: string, options: StorOptions = {}): StorStream {
    return upload(this, this.session.command('STOR', requirePath(path)), options);
  }

  /** A Writable that appends to the file, or makes it (RFC 959, 4.1.3 APPE). */
  appe(path: string, options: Omit<StorOptions, 'start' | 'verify'> = {}): StorStream {
    return upload(this, this.session.command('APPE', requirePath(path)), options);
  }

  /** A Writable that makes a file whose name the server chooses: see `storedAs` (RFC 1123, 4.1.2.9 STOU). */
  stou(path?: string, options: Omit<StorOptions, 'start' | 'verify'> = {}): StorStream {
    return upload(this, this.session.command('STOU', path), options);
  }

  /** The data of any command that sends some, as they are: TYPE I (ftplib's `retrbinary`). */
  retrbinary(cmd: string, options: RetrOptions = {}): RetrStream {
    return download(this, this.session.rawCommand(cmd), options);
  }

  /** The data of any command that sends some, as lines without their ends: TYPE A (ftplib's `retrlines`). */
  retrlines(cmd: string, options: Pick<RetrOptions, 'signal' | 'highWaterMark'> = {}): RetrStream<string> {
    return lines(this, this.session.rawCommand(cmd), options);
  }

  /** Uploads bytes as they are with any command that takes some: TYPE I (ftplib's `storbinary`). */
  storbinary(cmd: string, options: StorOptions = {}): StorStream {
    return upload(this, this.session.rawCommand(cmd), options);
  }

  /** Uploads text with any command that takes some: TYPE A, line ends sent as CRLF (ftplib's `storlines`). */
  storlines(cmd: string, options: Omit<StorOptions, 'start' | 'verify'> = {}): StorStream {
    return upload(this, this.session.rawCommand(cmd), options, 'A');
  }

  /** The names in a folder, as the server gives them (RFC 959, 4.1.3 NLST). */
  nlst(path?: string): RetrStream<string> {
    return lines(this, this.session.command('NLST', path), {});
  }

  /** The lines of LIST, as the server gives them (RFC 959, 4.1.3 LIST). */
  dir(path?: string): RetrStream<string> {
    return lines(this, this.session.command('LIST', path), {});
  }

  /**
   * What is in a folder, or the file that the path names, as entries: MLSD where the server offers it, else LIST.
   * Lines that cannot be read are skipped, and told by the event `unparsed`. A missing folder is a PermanentError.
   */
  list(path?: string, options: ListOptions = {}): RetrStream<Entry> {
    const command = this.session.command('LIST', path === '' ? undefined : path);
    const plan = new ListPlan(this.session, path === '' ? undefined : path, options, (line) => void stream.emit('unparsed', line));
    const stream = entries(this, command, plan, options);
    return stream;
  }

  /**
   * What is in a folder as the server's facts tell it; never falls back to LIST (RFC 3659, 7).
   *
   * @param options.facts asks for these facts by OPTS MLST, for all that follows; a server may send others
   */
  mlsd(path?: string, options: MlsdOptions = {}): RetrStream<Entry> {
    const command = this.session.command('MLSD', path === '' ? undefined : path);
    const plan = new MlsdPlan(this.session, command, options, (line) => void stream.emit('unparsed', line));
    const stream = entries(this, command, plan, options);
    return stream;
  }

  /**
   * Aborts the transfer that is running now: its stream fails with AbortedError, or its `sendcmd` gets its final reply.
   * Resolves with the reply to ABOR; undefined when nothing was running or no reply came (RFC 959, 4.1.3 ABOR).
   */
  async abort(): Promise<Reply | undefined> {
    const { running, control } = this.session;
    if (running) return running.abort();
    return control?.transferring ? control.exec(this.session.command('ABOR')) : undefined;
  }

  // ---- files and folders

  /** Changes the working folder; `..` is CDUP, and no name is `.` (RFC 959, 4.1.1 CWD). */
  async cwd(dir: string): Promise<Reply> {
    const cwd = this.session.command('CWD', requireString(dir) === '' ? '.' : dir);
    if (dir !== '..') return this.exec(cwd, { needs: { folder: !dir.startsWith('/') } });
    const cdup = this.session.command('CDUP');
    return this.sequence(cdup, async (control) => {
      try {
        return await control.exec(cdup);
      } catch (error) {
        if (!(error instanceof PermanentError) || error.reply?.code !== 500) throw error;
        return control.exec(cwd);
      }
    });
  }

  /** Changes to the parent folder (RFC 959, 4.1.1 CDUP). */
  async cdup(): Promise<Reply> {
    return this.exec(this.session.command('CDUP'));
  }

  /** The working folder (RFC 959, 4.1.3 PWD). @throws ProtocolError where the server's 257 quotes none */
  async pwd(): Promise<string> {
    const reply = await this.exec(this.session.command('PWD'));
    const path = parse257(reply);
    if (path === '') throw new ProtocolError(`PWD: ${reply}: the path is empty`, { reply, command: 'PWD' });
    return path;
  }

  /** Makes a folder and resolves with its name as the server says it; empty where the reply quotes no path (RFC 959, 4.1.3 MKD). */
  async mkd(dir: string): Promise<string> {
    const reply = await this.exec(this.session.command('MKD', requirePath(dir)));
    return reply.code === 257 && reply.text.includes('"') ? parse257(reply) : '';
  }

  /** Removes an empty folder (RFC 959, 4.1.3 RMD). */
  async rmd(dir: string): Promise<Reply> {
    return this.exec(this.session.command('RMD', requirePath(dir)));
  }

  /** Removes a file (RFC 959, 4.1.3 DELE). */
  async delete(path: string): Promise<Reply> {
    return this.exec(this.session.command('DELE', requirePath(path)));
  }

  /** Renames a file or folder: RNFR, then RNTO only after its 3yz (RFC 959, 4.1.3). */
  async rename(from: string, to: string): Promise<Reply> {
    const rnfr = this.session.command('RNFR', requirePath(from));
    const rnto = this.session.command('RNTO', requirePath(to));
    return this.sequence(rnfr, async (control) => {
      await control.exec(rnfr);
      return control.exec(rnto);
    });
  }

  /** The size in bytes, as a transfer in TYPE I would give it (RFC 3659, 4 SIZE). */
  async size(path: string): Promise<number> {
    // TYPE I first: ProFTPD and pyftpdlib refuse SIZE in TYPE A, inetutils counts line ends twice.
    const command = this.session.command('SIZE', requirePath(path));
    const reply = await this.exec(command, { type: 'I' });
    const digits = /^\d+$/.exec(reply.text.trim())?.[0];
    const size = Number(digits);
    if (reply.code !== 213 || digits === undefined || !Number.isSafeInteger(size)) throw unexpected(reply, command);
    return size;
  }

  /** When the file was modified, in UTC (RFC 3659, 3 MDTM). */
  async mdtm(path: string): Promise<Date> {
    const command = this.session.command('MDTM', requirePath(path));
    const reply = await this.exec(command);
    const time = reply.code === 213 ? parseTime(reply.text.trim()) : undefined;
    if (!time) throw unexpected(reply, command);
    return time;
  }

  /**
   * The file's hash, in lower-case hex, as the server computes it: by HASH (draft-bryan-ftpext-hash), CKSM, XSHA512 … XCRC, or
   * MD5, as FEAT offers. `replyTimeout` must allow for the server to read the whole file.
   *
   * @param algorithm `sha512`, `sha384`, `sha256`, `sha1`, `md5` or `crc32`; default: the first of these that the server offers
   * @throws ArgumentError for another; UnsupportedError when the server does not offer it
   */
  async hash(path: string, algorithm?: string): Promise<string> {
    const wanted = algorithm === undefined ? undefined : checkAlgorithm(algorithm);
    return this.sequence(this.session.command('HASH', requirePath(path)), async (control, session) => {
      return askDigest(session, control, chooseDigest(await session.features(), wanted), path);
    });
  }

  /**
   * What the server knows of one path (RFC 3659, 7 MLST). Where it has no MLST: `type` is `directory` if CWD leads there,
   * else `file`, with `size` and `modified` by SIZE and MDTM.
   */
  async mlst(path: string): Promise<Entry> {
    const command = this.session.command('MLST', requirePath(path));
    return this.sequence(command, (control, session) => lookUp(session, control, command));
  }

  /** Sets when the file was modified (draft-somers-ftp-mfxx, 3.1 MFMT). */
  async mfmt(path: string, date: Date): Promise<Reply> {
    if (!(date instanceof Date) || Number.isNaN(date.getTime())) throw new ArgumentError('mfmt takes a valid Date');
    return this.exec(this.session.command('MFMT', `${formatTime(date)} ${requirePath(path)}`));
  }

  // ---- TLS by hand; `secure` does all of it

  /** AUTH TLS: the control connection goes on in TLS, the server's certificate verified (RFC 4217, 4); connects first where need be, and comes before the login. Refused: SecurityError, and the connection is closed. */
  async auth(): Promise<Reply> {
    return this.hold('AUTH TLS', async () => this.session.protection.authenticate(await this.session.connected()));
  }

  /** PBSZ 0 and PROT P: data connections in TLS (RFC 4217, 9). Refused: SecurityError, and the connection is closed. */
  async protP(): Promise<Reply> {
    return this.sequence(this.session.command('PROT P'), (control) => this.session.protection.protect(control, 'P'));
  }

  /** PROT C: data connections in the clear, which nothing else brings about (RFC 4217, 9). */
  async protC(): Promise<Reply> {
    return this.sequence(this.session.command('PROT C'), (control) => this.session.protection.protect(control, 'C'));
  }

  /** CCC: the control connection goes on in the clear, so that firewalls can follow it; TLS cannot be had again on it (RFC 4217, 11.2). */
  async ccc(): Promise<Reply> {
    return this.sequence(this.session.command('CCC'), (control) => this.session.protection.clear(control));
  }

  // ---- the server

  /** What the server offers: names in capitals, and what follows them; asked once a login (RFC 2389, 3 FEAT). */
  async feat(): Promise<Map<string, string>> {
    const features: Features = await this.sequence(this.session.command('FEAT'), (_control, session) => session.features());
    return new Map(features);
  }

  /** Sets an option of a command, such as `UTF8 ON` (RFC 2389, 4 OPTS). */
  async opts(cmd: string): Promise<Reply> {
    return this.exec(this.session.command('OPTS', cmd));
  }

  /** What system the server runs on (RFC 959, 4.1.3 SYST). */
  async syst(): Promise<Reply> {
    return this.exec(this.session.command('SYST'));
  }

  /** The server's state, or what it knows of a path, on the control connection (RFC 959, 4.1.3 STAT). */
  async stat(path?: string): Promise<Reply> {
    return this.exec(this.session.command('STAT', path));
  }

  /** A command of this server's own (RFC 959, 4.1.3 SITE). */
  async site(cmd: string): Promise<Reply> {
    return this.exec(this.session.command('SITE', cmd));
  }

  /** Does nothing, and proves that the server answers (RFC 959, 4.1.3 NOOP). */
  async noop(): Promise<Reply> {
    return this.exec(this.session.command('NOOP'));
  }

  /** The server's help, on a command or in general (RFC 959, 4.1.3 HELP). */
  async help(cmd?: string): Promise<Reply> {
    return this.exec(this.session.command('HELP', cmd));
  }
}

function requireString(value: unknown): string {
  if (typeof value !== 'string') throw new ArgumentError(`a path must be a string, not ${typeof value}`);
  return value;
}

/** Without a path, servers would take the command for one that means something else, or for the working folder. */
function requirePath(path: unknown): string {
  if (requireString(path) === '') throw new ArgumentError('a path must not be empty');
  return path as string;
}
