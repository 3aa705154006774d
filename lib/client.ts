import { EventEmitter } from 'node:events';
import type { Command } from './control/command';
import type { ControlConnection } from './control/control-connection';
import { unexpected } from './control/judgement';
import { KeepAlive } from './control/keep-alive';
import { Queue } from './control/queue';
import type { Reply } from './control/reply';
import { Session } from './control/session';
import type { Turns } from './control/turns';
import { ConnectionClosedError, isFTPError } from './errors';
import { checkHost, checkPort, settle, type FTPOptions } from './options';
import { parseFTPURL } from './url';

/** What a client tells: never `error`, so that nothing crashes because nobody listens. */
export interface FTPEvents {
  /** A command was written; secrets are replaced by `****`. */
  command: [line: string];
  /** A reply came. */
  reply: [reply: Reply];
  /** The control connection is gone; with the error unless we closed it. */
  close: [error: Error | undefined];
}

/** How a command is run. */
interface ExecOptions {
  /** Switched to first, in the same write. */
  readonly type?: 'I' | 'A';
}

/** What an operation does in its turn, on the connection and in the session that it was given. */
type Steps<T> = (control: ControlConnection, session: Session) => Promise<T>;

/** Verbs that are more than one command and one reply: the next operation waits for their final reply. */
const EXCLUSIVE = new Set('RETR STOR STOU APPE LIST NLST MLSD AUTH CCC REIN USER PASS ACCT QUIT ABOR RNFR REST'.split(' '));
const TRANSFERS = new Set('RETR STOR STOU APPE LIST NLST MLSD'.split(' '));

/** The client without the verbs: its session, the order of its operations, and its events. */
export abstract class Client extends EventEmitter<FTPEvents> implements AsyncDisposable {
  /** @internal */
  readonly session: Session;
  readonly #queue: Queue;
  readonly #keepAlive: KeepAlive;

  /**
   * Checks the options; does no I/O.
   *
   * @param options or an `ftp://` or `ftps://` URL
   * @throws ArgumentError
   */
  constructor(options: FTPOptions | string = {}) {
    super();
    this.session = new Session(settle(typeof options === 'string' ? parseFTPURL(options).options : options), {
      onCommand: (line) => void this.emit('command', line),
      onReply: (reply) => void this.emit('reply', reply),
      onLogin: () => this.#keepAlive.start(),
      onClose: (error) => {
        this.#keepAlive.stop();
        this.emit('close', error);
      },
    });
    this.#queue = new Queue(this.session);
    this.#keepAlive = new KeepAlive(this.session, () => this.queue.idle);
  }

  /** @internal where operations take their turns */
  get queue(): Turns {
    return this.#queue;
  }

  /** The server's greeting; undefined before the first connection. */
  get welcome(): Reply | undefined {
    return this.session.welcome;
  }

  /**
   * Connects and waits for the greeting. Whoever connects by hand also logs in by hand, and is told when the
   * connection is lost; a client that was never connected by hand connects and logs in by itself.
   *
   * @throws ArgumentError, ConnectionClosedError, TimeoutError (`connectTimeout`), TemporaryError or PermanentError for the greeting
   */
  async connect(host?: string, port?: number): Promise<Reply> {
    if (host !== undefined) checkHost(host);
    if (port !== undefined) checkPort(port);
    return this.hold(() => this.session.connect(host, port));
  }

  /**
   * Logs in, connecting first where need be; default are the options, and `anonymous` (RFC 959, 5.4; RFC 1635).
   *
   * @throws PermanentError when refused
   */
  async login(user?: string, password?: string, account?: string): Promise<Reply> {
    const credentials = {
      ...(user === undefined || user === '' ? {} : { user }),
      ...(password === undefined ? {} : { password }),
      ...(account === undefined ? {} : { account }),
    };
    this.session.checkCredentials(credentials);
    return this.hold(() => this.session.login(credentials));
  }

  /**
   * Says QUIT after all operations in use are done, and closes; streams that nobody reads fail (RFC 959, 4.1.1).
   *
   * @throws ConnectionClosedError when there is no connection
   */
  async quit(): Promise<Reply> {
    return this.hold(async (sequence) => {
      this.queue.drop(() => new ConnectionClosedError('the client quit before this stream was used'), sequence);
      const { control } = this.session;
      if (!control) throw new ConnectionClosedError('not connected');
      control.hangUp();
      try {
        return await control.exec(this.session.command('QUIT'));
      } finally {
        this.session.close(undefined);
      }
    });
  }

  /** Closes at once: everything that is under way or waits fails with ConnectionClosedError. */
  close(): void {
    this.queue.drop(() => new ConnectionClosedError('the client was closed'));
    this.session.close(undefined);
  }

  /** `quit()`, or `close()` where the server is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.session.control || !this.queue.idle) await this.quit();
    } catch (error) {
      if (!isFTPError(error)) throw error;
    } finally {
      this.close();
    }
  }

  /**
   * Sends a line as it is and resolves with the first reply, 1yz to 3yz; a 1yz is followed by a final reply, which
   * later operations wait for.
   *
   * @throws ArgumentError for CR, LF and NUL; TemporaryError, PermanentError
   */
  async sendcmd(line: string): Promise<Reply> {
    const command = this.session.rawCommand(line);
    return new Promise((resolve, reject) => {
      const act = (control: ControlConnection): Promise<Reply> => this.session.execRaw(control, command, TRANSFERS.has(command.verb), resolve);
      this.#run(act, EXCLUSIVE.has(command.verb), command, false).then(resolve, reject);
    });
  }

  /**
   * Sends a line as it is and resolves with its final reply, which must be 2yz.
   *
   * @throws ReplyError for another class
   */
  async voidcmd(line: string): Promise<Reply> {
    const command = this.session.rawCommand(line);
    const reply = await this.#run((control) => this.session.execRaw(control, command, TRANSFERS.has(command.verb)), EXCLUSIVE.has(command.verb), command, false);
    if (reply.kind !== 'completion') throw unexpected(reply, command);
    return reply;
  }

  /** @internal runs one plain command: its turn ends when it is written. */
  protected async exec(command: Command, { type }: ExecOptions = {}): Promise<Reply> {
    const reply = await this.#run(
      async (control, session) => {
        const typed = type && session.switchType(control, type);
        const [answer] = await Promise.all([control.exec(command), typed]);
        return answer;
      },
      false,
      command,
      true,
    );
    if (reply.kind !== 'completion') throw unexpected(reply, command);
    return reply;
  }

  /** @internal runs several commands in one turn. */
  sequence<T>(first: Command, act: Steps<T>): Promise<T> {
    return this.#run(act, true, first, true);
  }

  /** @internal holds the turn without asking for a connection. */
  protected hold<T>(act: (sequence: number) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const place = this.queue.enter((release) => void act(place.sequence).then(resolve, reject).finally(release), { onDropped: reject });
      place.ready();
    });
  }

  /** @param names false for a caller's own line, about which we know nothing */
  #run<T>(act: Steps<T>, exclusive: boolean, command: Command, names: boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = async (release: () => void, session: Session): Promise<void> => {
        try {
          const control = session.control ?? (await session.ready());
          if (names) session.prepareNames();
          if (exclusive || !command.ascii) await session.namesPrepared();
          const outcome = act(control, session);
          if (!exclusive) {
            outcome.catch(ignore);
            const room = control.room();
            if (room) await room;
            release();
          }
          resolve(await outcome);
        } catch (error) {
          reject(error as Error);
        } finally {
          release();
        }
      };
      this.queue.enter((release, session) => void run(release, session), { onDropped: reject }).ready();
    });
  }
}

function ignore(): void {
  // awaited a line later
}
