import type { Command } from '../control/command';
import { isNotImplemented, unexpected } from '../control/command-table';
import { ClientQueue } from '../control/queue';
import { closedByClient, emitToCaller, Session } from '../control/session';
import { ArgumentError, ConnectionClosedError, PermanentError, ProtocolError, ReplyError } from '../errors';
import { checkAlone, checkHost, checkPort, type FTPOptions, settingsOf, type VerbOptions } from '../options';
import type { Reply } from '../reply';
import { pathIn } from '../transfer/folders';
import { parseServer } from '../url';
import { Verbs } from './verbs';

/**
 * The events of a client. There is no event `error`, so nothing crashes because nobody listens. What a listener throws is an uncaught exception of the
 * program, and disturbs no operation.
 */
export interface FTPEvents {
  /** A command was written; secrets in it are replaced by `****`. */
  command: [line: string];
  /** A reply came. */
  reply: [reply: Reply];
  /** The control connection is closed; the error says why, and is undefined where the client closed it. */
  close: [error: Error | undefined];
}

/** Raw commands that have more than one reply, or that change what the next command means: the next operation waits for their end. */
const EXCLUSIVE = new Set('RETR STOR STOU APPE LIST NLST MLSD AUTH CCC REIN USER PASS ACCT QUIT ABOR RNFR REST'.split(' '));

/**
 * An FTP client on one control connection (RFC 959).
 *
 * It connects and logs in by itself when the first operation needs it, and again after a lost connection. Operations run one at a time, in the order
 * in which they were called. Transfers are streams that exist at once, and send nothing before they are used.
 */
export class FTP extends Verbs<FTPEvents> {
  /** @internal */
  readonly session: Session;
  /** @internal */
  readonly queue: ClientQueue;
  #quitting: Promise<Reply | undefined> | undefined;

  /**
   * Checks the options, which are copied; nothing is sent.
   *
   * @param options or a host, with or without a port: `host`, `host:2121`, `[::1]:2121`; or a URL (RFC 1738, 3.2): `ftp://`, `ftpes://` with explicit
   *   TLS, or `ftps://` with implicit TLS, whose host, port, user and password count, and its path does not
   * @throws ArgumentError for an option, a host or a URL that cannot be; its message has no credentials
   */
  constructor(options: FTPOptions | string | URL = {}) {
    checkAlone(arguments.length);
    super();
    this.session = new Session(settingsOf(typeof options === 'string' || options instanceof URL ? parseServer(options) : options), {
      onCommand: (line) => emitToCaller(this, 'command', line),
      onReply: (reply) => emitToCaller(this, 'reply', reply),
      onClose: (error) => emitToCaller(this, 'close', error),
      onAborted: (error) => this.queue.close(() => closedByClient(error)),
      isIdle: () => this.queue.idle,
    });
    this.queue = new ClientQueue(this.session, this.session.settings.stallTimeout);
  }

  // ---- the control connection

  /** True while there is a control connection on which commands can be sent, logged in or not; a client that is not connected connects with its next verb. */
  get connected(): boolean {
    return this.session.usable !== undefined;
  }

  /** The server's greeting (RFC 959, 5.4); undefined before the first connection. */
  get welcome(): Reply | undefined {
    return this.session.welcome;
  }

  /**
   * Connects and resolves with the server's greeting (RFC 959, 5.4). After it, `login()` is the caller's task as well, and a lost connection is an
   * error; a client on which `connect()` was never called does both by itself.
   *
   * @param host default: the option `host`
   * @param port default: the option `port`
   * @throws ArgumentError; ConnectionClosedError; TimeoutError after `connectTimeout` ms; TemporaryError or PermanentError where the server refuses
   */
  async connect(host?: string, port?: number, options?: VerbOptions): Promise<Reply> {
    if (host !== undefined) checkHost(host);
    if (port !== undefined) checkPort(port);
    this.queue.open();
    return this.hold('connect()', (sending) => this.session.connect(host, port, sending?.signal), {
      options,
      onQuitting: () => {
        if (this.queue.endsNext) this.session.abandon(new ConnectionClosedError('the client quit while it was connecting', { final: true }));
      },
    });
  }

  /**
   * Logs in and resolves with the final reply, connecting first where need be (RFC 959, 5.4 USER, PASS, ACCT).
   *
   * @param user default: the option `user`, else `anonymous` (RFC 1635)
   * @param password default: `anonymous@` for `anonymous`, else empty
   * @throws PermanentError where the server refuses; ReplyError where it wants an account and none is given
   */
  async login(user?: string, password?: string, account?: string, options?: VerbOptions): Promise<Reply> {
    const credentials = { user: user || undefined, password, account };
    this.session.checkCredentials(credentials);
    return this.hold('login()', (sending) => this.session.login(credentials, sending), { options });
  }

  /**
   * Says QUIT after all operations that are under way, trees and other bulk work included, closes, and resolves with the reply (RFC 959, 4.1.1).
   * Streams that nobody reads fail: at once, or after `stallTimeout` ms where their reader has stopped. Afterwards every verb fails with
   * ConnectionClosedError.
   *
   * @returns the reply to QUIT, also a refusal; undefined where there was no connection, or it ended before the reply
   */
  async quit(): Promise<Reply | undefined> {
    return (this.#quitting ??= this.quitWith(() => this.#sayQuit()).finally(() => (this.#quitting = undefined)));
  }

  async #sayQuit(): Promise<Reply | undefined> {
    this.queue.close(() => new ConnectionClosedError('the client has quit', { final: true }));
    const control = this.session.usable;
    try {
      control?.expectClose();
      return await control?.exec(this.session.command('QUIT'));
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      return error.reply; // simple-ftpd does not know QUIT: the connection is closed all the same
    } finally {
      this.session.close();
    }
  }

  /**
   * Closes the connection at once, without QUIT: everything that is under way or waits fails with ConnectionClosedError, and so does every later verb.
   * `connect()` begins anew.
   */
  close(): void {
    this.queue.close(() => closedByClient(undefined));
    this.session.close();
  }

  /**
   * Aborts the transfer that is running now: its stream fails with AbortedError, and a `sendcmd` gets its final reply (RFC 959, 4.1.3 ABOR).
   *
   * @returns the reply to ABOR; undefined where nothing was running, or no reply came
   */
  async abort(): Promise<Reply | undefined> {
    const { runningTransfer, control } = this.session;
    if (runningTransfer) return runningTransfer.abort();
    return control?.transferring ? control.exec(this.session.command('ABOR')) : undefined;
  }

  // ---- the working folder

  /**
   * Changes the working folder, in which paths begin that do not begin with a slash (RFC 959, 4.1.1 CWD). A lost connection is made again in the same folder.
   *
   * @param dir `..` is sent as CDUP, and an empty one as `.`
   * @throws PermanentError where there is no such folder
   */
  async cwd(dir: string, options?: VerbOptions): Promise<Reply> {
    if (typeof dir !== 'string') throw new ArgumentError(`a path must be a string, not ${typeof dir}`);
    if (dir === '..') return this.cdup(options);
    return this.exec(this.session.command('CWD', dir === '' ? '.' : dir), { needs: { folder: !dir.startsWith('/') }, options });
  }

  /** Changes to the parent of the working folder (RFC 959, 4.1.1 CDUP), by `CWD ..` where the server does not know CDUP. */
  async cdup(options?: VerbOptions): Promise<Reply> {
    const cdup = this.session.command('CDUP');
    return this.sequence(cdup, async ({ control, session, sending }) => {
      try {
        return await control.exec(cdup, sending);
      } catch (error) {
        if (!(error instanceof PermanentError && isNotImplemented(error.reply))) throw error;
        return control.exec(session.command('CWD', '..'), sending);
      }
    }, { options });
  }

  /**
   * Gives the path of the working folder (RFC 959, 4.1.3 PWD).
   *
   * @throws ProtocolError where the server's reply quotes no path
   */
  async pwd(options?: VerbOptions): Promise<string> {
    const reply = await this.exec(this.session.command('PWD'), { options });
    const path = pathIn(reply);
    if (path === '') throw new ProtocolError(`PWD: ${reply}: it quotes no path`, { reply, command: 'PWD' });
    return path;
  }

  // ---- TLS by hand; the option `secure` takes all of these steps

  /**
   * Sends AUTH TLS and goes on in TLS on the control connection, with the server's certificate verified (RFC 4217, 4). It connects first where need be,
   * and must come before the login.
   *
   * @throws SecurityError where the server refuses or its certificate is not trusted; the connection is then closed
   */
  async auth(options?: VerbOptions): Promise<Reply> {
    return this.hold('AUTH TLS', async () => this.session.protection.authenticate(await this.session.connected()), { options });
  }

  /**
   * Sends PBSZ 0 and PROT P: all later data connections are in TLS (RFC 4217, 9).
   *
   * @throws SecurityError where the server refuses; the connection is then closed
   */
  async protP(options?: VerbOptions): Promise<Reply> {
    return this.sequence(this.session.command('PROT P'), ({ control }) => this.session.protection.protect(control, 'P'), { options });
  }

  /** Sends PROT C: all later data connections are in the clear, which nothing but this call brings about where TLS was asked for (RFC 4217, 9). */
  async protC(options?: VerbOptions): Promise<Reply> {
    return this.sequence(this.session.command('PROT C'), ({ control }) => this.session.protection.protect(control, 'C'), { options });
  }

  /** Sends CCC: the control connection goes on in the clear, so that a firewall can read it; it cannot go back to TLS (RFC 4217, 11.2). */
  async ccc(options?: VerbOptions): Promise<Reply> {
    return this.sequence(this.session.command('CCC'), ({ control }) => this.session.protection.clear(control), { options });
  }

  // ---- raw commands

  /**
   * Sends a line as it is and resolves with its first reply, 1xx to 3xx. After a 1xx, later operations wait for the final reply.
   *
   * @throws ArgumentError for CR, LF and NUL; TemporaryError and PermanentError for 4xx and 5xx
   */
  async sendcmd(line: string, options?: VerbOptions): Promise<Reply> {
    const command = this.session.rawCommand(line);
    return new Promise((resolve, reject) => {
      this.#execRaw(command, options, resolve).then(resolve, reject);
    });
  }

  /**
   * Sends a line as it is and resolves with its final reply, which must be 2xx.
   *
   * @throws ArgumentError for CR, LF and NUL; ReplyError for another reply
   */
  async voidcmd(line: string, options?: VerbOptions): Promise<Reply> {
    const command = this.session.rawCommand(line);
    const reply = await this.#execRaw(command, options);
    if (reply.kind !== 'completion') throw unexpected(reply, command);
    return reply;
  }

  /**
   * Sets an option of a command (RFC 2389, 4 OPTS).
   *
   * @param cmd what follows OPTS, such as `UTF8 ON`
   * @throws PermanentError where the server does not know it
   */
  async opts(cmd: string, options?: VerbOptions): Promise<Reply> {
    return this.exec(this.session.command('OPTS', cmd), { options });
  }

  #execRaw(command: Command, options: VerbOptions | undefined, onPreliminary?: (reply: Reply) => void): Promise<Reply> {
    const { verb, argument } = command;
    const isAbsolute = /^X?CWD$/.test(verb) && argument.startsWith('/'); // it means the same in any folder, and may be the way out of one that is gone
    const needs = isAbsolute ? { folder: false } : undefined;
    return this.run((turn) => turn.session.execRaw(turn, command, onPreliminary), command, { exclusive: EXCLUSIVE.has(verb), names: false, needs, options });
  }
}
