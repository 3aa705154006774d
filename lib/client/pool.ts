import { type SegmentedDownload, SegmentedStream } from '../bulk/segments';
import { emitToCaller, Session } from '../control/session';
import { ConnectionClosedError } from '../errors';
import { checkAlone, checkNames, checkWhole, FTP_OPTIONS, type FTPOptions, type OptionNames, settingsOf } from '../options';
import type { Reply } from '../reply';
import { RETR_OPTIONS, type RetrOptions, type RetrStream } from '../transfer/retr-stream';
import { parseServer } from '../url';
import { PoolQueue } from './pool-queue';
import { Verbs } from './verbs';

/** The options of a pool: those of each of its connections, and how many there may be. */
export interface FTPPoolOptions extends FTPOptions {
  /** The most connections at a time; default 4. After a server has refused one, one more than it allowed is tried once a minute. */
  connections?: number;
}

const POOL_OPTIONS: OptionNames<FTPPoolOptions> = { connections: true, ...FTP_OPTIONS };

/** The events of a pool; `connection` is the number of the connection, from 1 on, in the order in which they were begun. */
export interface FTPPoolEvents {
  /** A command was written; secrets in it are replaced by `****`. */
  command: [line: string, connection: number];
  /** A reply came. */
  reply: [reply: Reply, connection: number];
  /** A control connection is closed; the error says why, and is undefined where the pool closed it. */
  close: [error: Error | undefined, connection: number];
}

/**
 * A pool of connections to one server with one login, which share the work: it has the verbs of FTP, and each operation uses one free connection
 * alone, in the order of the calls. Connections are opened when an operation waits and none is free, replaced when they are lost, and stay open until
 * `quit()` or `close()`.
 *
 * Paths begin at the root or in the login folder. Where the server refuses a connection (421, 530) while others are open, these do the work; where
 * none is open, everything that waits fails with the first refusal.
 */
export class FTPPool extends Verbs<FTPPoolEvents> {
  /** How many connections there may be at a time. */
  readonly maxConnections: number;
  /** @internal */
  readonly session: Session;
  /** @internal */
  readonly queue: PoolQueue;
  #quitting: Promise<void> | undefined;

  /**
   * Checks the options, which are copied; nothing is sent.
   *
   * @param options or a host, with or without a port: `host`, `host:2121`, `[::1]:2121`; or a URL (RFC 1738, 3.2): `ftp://`, `ftpes://` with explicit
   *   TLS, or `ftps://` with implicit TLS, whose host, port, user and password count, and its path does not
   * @throws ArgumentError for an option, a host or a URL that cannot be; its message has no credentials
   */
  constructor(options: FTPPoolOptions | string | URL = {}) {
    checkAlone(arguments.length);
    super();
    const given: FTPPoolOptions = typeof options === 'string' || options instanceof URL ? parseServer(options) : options;
    checkNames(given, POOL_OPTIONS);
    const { connections = 4, ...rest } = given;
    this.maxConnections = checkWhole('connections', connections, 1);
    const listener = {
      onCommand: (line: string, connection: number) => emitToCaller(this, 'command', line, connection),
      onReply: (reply: Reply, connection: number) => emitToCaller(this, 'reply', reply, connection),
      onClose: (error: Error | undefined, connection: number) => emitToCaller(this, 'close', error, connection),
    };
    this.session = new Session(settingsOf(rest), NEVER_CONNECTED);
    this.queue = new PoolQueue(this.session, connections, listener);
  }

  /** True while there is at least one connection on which commands can be sent; a pool without one connects with its next verb. */
  get connected(): boolean {
    return this.queue.connected;
  }

  /** How many connections there are now. */
  get connections(): number {
    return this.queue.connections;
  }

  /**
   * Downloads a file as a Readable of bytes, whose `end` proves that the file is whole (RFC 959, 4.1.3 RETR). With `segments`, so many parts of it are
   * downloaded at the same time, each on a connection of its own, and read in order. Nothing is sent before the first read.
   *
   * @param path relative to the login folder, or from the root
   * @throws ArgumentError for an empty path or an option that cannot be; the stream fails with PermanentError where there is no such file, with
   *   TransferError where bytes are missing, and with ChangedError where the file changed between its parts
   */
  override retr(path: string, options: RetrOptions & { segments: number }): SegmentedDownload;
  override retr(path: string, options?: Omit<RetrOptions, 'segments' | 'segmentBuffer'>): RetrStream;
  override retr(path: string, options: RetrOptions = {}): RetrStream | SegmentedDownload {
    checkNames(options, RETR_OPTIONS);
    return typeof options.segments === 'number' && options.segments > 1 ? new SegmentedStream(this, path, options) : super.retr(path, options);
  }

  /**
   * Says QUIT on all connections after all operations that are under way, trees and other bulk work included, and closes them (RFC 959, 4.1.1).
   * Streams that nobody reads fail: at once, or after `stallTimeout` ms where their reader has stopped. Afterwards every verb fails with
   * ConnectionClosedError.
   */
  quit(): Promise<void> {
    return (this.#quitting ??= this.quitWith(() => this.queue.quit()).finally(() => (this.#quitting = undefined)));
  }

  /** Closes all connections at once, without QUIT: everything that is under way or waits fails with ConnectionClosedError, and so does every later verb. */
  close(): void {
    this.queue.close(() => new ConnectionClosedError('the pool was closed', { final: true }));
  }
}

/** The session that has the options and the encoding of names for all others. */
const NEVER_CONNECTED = { onCommand: ignore, onReply: ignore, onClose: ignore, isIdle: () => false };

function ignore(): void {
  // it has no connection of which anything could be reported
}
