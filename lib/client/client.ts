import { EventEmitter } from 'node:events';
import type { Command } from '../control/command';
import { ruleOf, unexpected } from '../control/command-table';
import type { ControlConnection } from '../control/control-connection';
import { KeepAlive } from '../control/keep-alive';
import { type PlaceListener, type PlaceOptions, ClientQueue, type Queue, type Work, type WorkListener } from '../control/queue';
import { closedByClient, type Needs, Session } from '../control/session';
import { ConnectionClosedError, isFTPError, ReplyError } from '../errors';
import { checkHost, checkPort, type FTPOptions, settle } from '../options';
import type { Reply } from '../reply';
import { parseFTPURL } from '../url';

/** What a client tells: never `error`, so that nothing crashes because nobody listens. */
export interface FTPEvents {
  /** A command was written; secrets are replaced by `****`. */
  command: [line: string];
  /** A reply came. */
  reply: [reply: Reply];
  /** The control connection is gone; with the error unless we closed it. */
  close: [error: Error | undefined];
}

/** What a plain command needs. */
interface ExecOptions {
  /** Switched to first, in the same write. */
  readonly type?: 'I' | 'A';
  /** Default: to be in the working folder. */
  readonly needs?: Needs;
}

/** What an operation does in its turn, on the connection and in the session that it was given. */
type Steps<T> = (control: ControlConnection, session: Session) => Promise<T>;

/** How an operation is run. */
interface RunOptions {
  /** It is more than one command and one reply: the next operation waits for its end. */
  readonly exclusive: boolean;
  /** False for a caller's own line, about which we know nothing. */
  readonly names: boolean;
  readonly needs?: Needs | undefined;
}

/** Verbs of callers' own lines after whose reply more may be to come, or nothing may leave before it. */
const EXCLUSIVE = new Set('RETR STOR STOU APPE LIST NLST MLSD AUTH CCC REIN USER PASS ACCT QUIT ABOR RNFR REST'.split(' '));
const ANYWHERE: Needs = { folder: false };

/** The client without the verbs: its session, the order of its operations, and its events. */
export abstract class Client extends EventEmitter<FTPEvents> implements AsyncDisposable {
  /** @internal */
  readonly session: Session;
  readonly #queue: ClientQueue;
  readonly #keepAlive: KeepAlive;
  #quitting: Promise<Reply | undefined> | undefined;

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
      onAborted: (error) => this.queue.close(() => closedByClient(error)),
    });
    this.#queue = new ClientQueue(this.session, this.session.settings.stallTimeout);
    this.#keepAlive = new KeepAlive(this.session, () => this.queue.idle);
  }

  /** @internal where operations take their turns */
  get queue(): Queue {
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
    this.queue.open();
    return this.hold('connect()', () => this.session.connect(host, port), {
      onQuitting: () => {
        if (this.queue.endsNext) this.session.abandon(new ConnectionClosedError('the client quit while it was connecting', { final: true }));
      },
    });
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
    return this.hold('login()', () => this.session.login(credentials));
  }

  /**
   * Says QUIT after all operations in use are done, bulk work such as `get` and trees included, and closes (RFC 959, 4.1.1). Streams that
   * nobody reads fail, at once or, where their reader has stopped, after `stallTimeout`. After it the client is over.
   *
   * @returns the reply to QUIT; undefined where there was no connection, or it ended before the reply
   */
  async quit(): Promise<Reply | undefined> {
    return (this.#quitting ??= this.#quit().finally(() => (this.#quitting = undefined)));
  }

  /**
   * Closes at once: everything that is under way or waits fails with ConnectionClosedError. After it the client is over; `connect()` begins
   * anew.
   */
  close(): void {
    this.queue.close(() => closedByClient(undefined));
    this.session.close(undefined);
  }

  /** `quit()` where nothing is under way; else `close()`: what is unfinished fails, and an exception that leaves the block is not held up. */
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

  async #quit(): Promise<Reply | undefined> {
    if (this.queue.over) return undefined;
    await this.queue.end();
    try {
      return await this.hold('QUIT', () => this.#sayQuit(), {}, { ends: true });
    } catch (error) {
      if (error instanceof ConnectionClosedError) return undefined; // there is nothing to quit any more
      throw error;
    }
  }

  async #sayQuit(): Promise<Reply | undefined> {
    this.queue.close(() => new ConnectionClosedError('the client has quit', { final: true }));
    const { control } = this.session;
    try {
      control?.hangUp();
      return await control?.exec(this.session.command('QUIT'));
    } finally {
      this.session.close(undefined);
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
      const act: Steps<Reply> = (control, session) => session.execRaw(control, command, ruleOf(command.verb, false).transfers, resolve);
      this.#run(act, command, { exclusive: EXCLUSIVE.has(command.verb), names: false, needs: needsOf(command) }).then(resolve, reject);
    });
  }

  /**
   * Sends a line as it is and resolves with its final reply, which must be 2yz.
   *
   * @throws ReplyError for another class
   */
  async voidcmd(line: string): Promise<Reply> {
    const command = this.session.rawCommand(line);
    const act: Steps<Reply> = (control, session) => session.execRaw(control, command, ruleOf(command.verb, false).transfers);
    const reply = await this.#run(act, command, { exclusive: EXCLUSIVE.has(command.verb), names: false, needs: needsOf(command) });
    if (reply.kind !== 'completion') throw unexpected(reply, command);
    return reply;
  }

  /** @internal runs one plain command: its turn ends when it is given to the connection. */
  protected exec(command: Command, { type, needs }: ExecOptions = {}): Promise<Reply> {
    const act: Steps<Reply> = async (control, session) => {
      const typed = type && session.switchType(control, type);
      const [answer, set] = await Promise.allSettled([control.exec(command), typed]);
      if (set.status === 'rejected' && set.reason instanceof ReplyError) throw set.reason;
      if (answer.status === 'rejected') throw answer.reason; // its own, also where many wait for one TYPE
      return answer.value;
    };
    return this.#run(act, command, { exclusive: false, names: true, needs });
  }

  /** @internal runs several commands in one turn. */
  sequence<T>(first: Command, act: Steps<T>, needs?: Needs): Promise<T> {
    return this.#run(act, first, { exclusive: true, names: true, needs });
  }

  /** @internal holds the turn without asking for a connection. */
  protected hold<T>(name: string, act: () => Promise<T>, listener: Pick<PlaceListener, 'onQuitting'> = {}, options?: PlaceOptions): Promise<T> {
    return new Promise((resolve, reject) => {
      this.queue.enter((release) => void act().then(resolve, reject).finally(release), { ...listener, name, onDropped: reject }, options).ready();
    });
  }

  #run<T>(act: Steps<T>, command: Command, { exclusive, names, needs }: RunOptions): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = async (release: () => void, session: Session): Promise<void> => {
        try {
          const control = session.meets(needs) && session.control ? session.control : await session.ready(needs);
          // A change leaves alone where the order of replies is not proven, so that asking FEAT first would cost a round trip.
          if (names && !(command.ascii && control.alone(command))) session.prepareNames();
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
      this.queue.enter((release, session) => void run(release, session), { name: command.shown, onDropped: reject }).ready();
    });
  }
}

/** A path from the root means the same in any folder, and it may be the way out of one that is gone. */
function needsOf({ verb, argument }: Command): Needs | undefined {
  return /^X?CWD$/.test(verb) && argument.startsWith('/') ? ANYWHERE : undefined;
}

function ignore(): void {
  // awaited a line later
}
