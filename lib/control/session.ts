import { type Codec, isUTF8, NameMemory } from '../encoding';
import { annotate, ArgumentError, ConnectionClosedError, FTPError, type Phase, ReplyError, TemporaryError } from '../errors';
import { ConnectionAttempt, deadline } from '../net/dial';
import { ReceiveBuffer } from '../net/receive-buffer';
import { WaitTimer } from '../net/wait-timer';
import { netrc } from '../netrc';
import type { Settings } from '../options';
import type { Reply } from '../reply';
import { Command } from './command';
import { ruleOf } from './command-table';
import { ControlConnection, type ControlListener } from './control-connection';
import { type Features, Negotiation } from './features';
import { parse257 } from './reply-text';
import { Protection } from './security';
import { ServerState, WorkingFolder } from './server-state';

/** How data connections are made; what worked once is remembered. */
interface ObservedBehaviour {
  /** False once EPSV was refused or led nowhere. */
  epsvWorks: boolean;
  /** A passive data connection was made: the transfer command need not wait for the next one. */
  passiveWorks: boolean;
  /** A transfer has ended with 226 or 250, as it should: the end of the next one can be told from the replies to what is behind it. */
  endsInOrder: boolean;
}

/** What the data connections of a session have in common, one after the other. */
class DataConnections {
  readonly observed: ObservedBehaviour;
  /** The memory that they read into. */
  readonly receiveBuffer = new ReceiveBuffer();
  /** Runs while one is being made. */
  readonly connecting: WaitTimer;
  /** Runs while the server keeps us waiting. */
  readonly stalling: WaitTimer;
  /** The one that is being made. */
  attempt: Pick<ConnectionAttempt, 'destroy'> | undefined;

  /** @param sibling those of another session with the same server, whose mode is shared */
  constructor({ extended, connectTimeout, stallTimeout }: Settings, sibling: DataConnections | undefined) {
    this.observed = sibling?.observed ?? { epsvWorks: extended !== false, passiveWorks: false, endsInOrder: false };
    this.connecting = new WaitTimer(connectTimeout);
    this.stalling = new WaitTimer(stallTimeout);
  }

  /** The control connection is gone: ends what waits for a data connection, and lets the timers go that nobody needs. */
  release(reason: Error | undefined): void {
    this.attempt?.destroy(reason ?? new ConnectionClosedError('the connection was closed'));
    this.connecting.release();
    this.stalling.release();
  }
}

/** Who logs in. */
interface Credentials {
  readonly user: string;
  readonly password: string;
  readonly account?: string | undefined;
}

/**
 * USER, then PASS and ACCT as far as the server asks for them (RFC 959, 5.4).
 *
 * Each waits for the reply before it: vsftpd and Pure-FTPd answer 230 to an anonymous USER, and a PASS behind that
 * would be a second login.
 */
async function login(control: ControlConnection, codec: Codec, { user, password, account }: Credentials): Promise<Reply> {
  let reply = await control.exec(new Command(`USER ${user}`, codec));
  if (reply.code === 331) reply = await control.exec(new Command(`PASS ${password}`, codec));
  if (reply.code === 332) {
    if (account === undefined) throw new ReplyError(`the server wants an account, and the option is not set: ${reply}`, { reply, command: 'ACCT' });
    reply = await control.exec(new Command(`ACCT ${account}`, codec));
  }
  if (reply.kind !== 'completion') throw new ReplyError(`USER ${user}: ${reply}`, { reply, command: `USER ${user}` });
  return reply;
}

/** What a session tells its client. */
interface SessionListener {
  onCommand(line: string): void;
  onReply(reply: Reply): void;
  onLogin(): void;
  onClose(error: Error | undefined): void;
  /** The option `signal` has closed the client. */
  onAborted?(error: Error): void;
}

/** What an operation needs the server's session to be. */
export interface Needs {
  /** In the working folder: names without a path mean files there. */
  readonly folder: boolean;
  /** Ready for a data connection, which goes protected where TLS was asked for; `anew` from the file's beginning, whatever a REST has armed. */
  readonly transfer?: 'anew' | 'restarted' | undefined;
}

/** What a command with a name needs. */
const PLAIN: Needs = { folder: true };

/** One login on one server, which may outlive its control connection: what is needed to work in it and to make it again. */
export class Session implements ControlListener {
  readonly codec: NameMemory;
  readonly dataConnections: DataConnections;
  /** TLS on the control connection and on data connections. */
  readonly protection: Protection;
  /** FEAT offers MLST, but MLSD was refused. */
  lacksMLSD = false;
  /** What the server's session is known to be. */
  readonly state = new ServerState();
  welcome: Reply | undefined;
  /** The transfer that has the turn. */
  runningTransfer: { abort(): Promise<Reply | undefined>; onClosed(error: Error): void } | undefined;
  #control: ControlConnection | undefined;
  /** What brings the session where an operation needs it: shared, for an operation may be cancelled meanwhile, and the next one then waits for the same. */
  #underWay: Promise<void> | undefined;
  #abandon: ((error: Error) => void) | undefined;
  #negotiation: Negotiation | undefined;
  #host: string | undefined;
  #port: number;
  #credentials: Credentials;
  #named: boolean;
  /** The caller makes the steps himself: a lost connection is not made again behind his back. */
  #manual = false;
  #lastError: Error | undefined;
  /** Why there will be no further connection. */
  #over: Error | undefined;
  readonly #folder = new WorkingFolder();
  /** The session is in another folder for one operation, whose commands must not move the working folder: how to get back. */
  #visit: { readonly home: readonly Command[] | undefined; entered: boolean } | undefined;
  #restoring = false;
  #typing: { readonly type: string; readonly reply: Promise<Reply> } | undefined;
  #rawType: Command | undefined;
  /** The caller has sent REST himself, for his next transfer. */
  #restartIsCallers = false;

  /** @param sibling another session with the same server and options, with which this one shares what is known: names that were listed, and how data connections are made */
  constructor(readonly settings: Settings, readonly listener: SessionListener, sibling?: Session) {
    this.codec = sibling?.codec ?? new NameMemory(settings.encoding);
    this.protection = new Protection(settings, this.codec, this.state);
    this.dataConnections = new DataConnections(settings, sibling?.dataConnections);
    this.#host = settings.host;
    this.#port = settings.port;
    this.#credentials = settings;
    this.#named = !settings.netrc;
    this.checkCredentials(settings);
  }

  /** The control connection, if there is one that is ready for commands. */
  get control(): ControlConnection | undefined {
    return this.#underWay ? undefined : this.#control;
  }

  /** Whether `ready()` may still lead somewhere. */
  get reconnects(): boolean {
    return !this.#over && (!this.#manual || this.#control !== undefined);
  }

  /** A checked command in the session's encoding. */
  command(verb: string, argument?: string): Command {
    if (argument !== undefined && typeof argument !== 'string') throw new ArgumentError(`${verb} takes a string, not ${typeof argument}`);
    return new Command(argument === undefined ? verb : `${verb} ${argument}`, this.codec);
  }

  /** A caller's own line, checked. */
  rawCommand(line: string): Command {
    return new Command(line, this.codec);
  }

  /** Refuses names and passwords that could not be sent, before anything is. */
  checkCredentials({ user, password, account }: Partial<Credentials>): void {
    if (user !== undefined) this.command('USER', user);
    if (password !== undefined) this.command('PASS', password);
    if (account !== undefined) this.command('ACCT', account);
  }

  /** Whether the session is where an operation needs it. */
  meets({ folder, transfer }: Needs = PLAIN): boolean {
    if (!this.control) return false;
    if (!this.#manual && !this.state.loggedIn) return false;
    if (folder && !this.#folder.arrived) return false;
    if (transfer && this.protection.wanted && this.state.protection.value !== 'P') return false;
    if (transfer && this.protection.resumptionLost && !this.#manual) return false;
    return transfer !== 'anew' || this.state.restart.value === 0 || this.#restartIsCallers;
  }

  /**
   * The control connection, with the session where an operation needs it: this is the one place that brings it there. A connection that is
   * missing is made with the options, unless the caller does the steps.
   */
  async ready(needs: Needs = PLAIN): Promise<ControlConnection> {
    for (let tried = false; !this.meets(needs); ) {
      if (this.#over) throw closedByClient(this.#over);
      if (this.#underWay) await this.#underWay;
      else if (tried) throw new ConnectionClosedError(this.#lastError?.message ?? 'the connection was closed', { cause: this.#lastError });
      else {
        tried = true;
        await (this.#underWay = this.#bring(needs).finally(() => (this.#underWay = undefined)));
      }
    }
    return this.#control as ControlConnection;
  }

  /** Connects and waits for the greeting; a connection that is being made for nobody any more gives way. */
  async connect(host: string | undefined, port: number | undefined): Promise<Reply> {
    this.#over = undefined;
    if (this.#underWay) {
      this.abandon(new ConnectionClosedError('connect() was called'));
      await this.#settled();
    }
    if (this.#control) throw new ConnectionClosedError('already connected: quit() or close() first');
    this.#host = host ?? this.#host;
    this.#port = port ?? this.#port;
    this.#manual = true;
    this.#forget();
    await this.#open();
    return this.welcome as Reply;
  }

  /** Ends a connection that is being made, or is not ready for commands yet. */
  abandon(reason: Error): void {
    this.#abandon?.(reason);
    if (!this.control) this.#control?.destroy(reason);
  }

  /** Logs in, connecting first where need be; after what is under way. */
  async login(credentials: Partial<Credentials>): Promise<Reply> {
    await this.#settled();
    if (credentials.user !== undefined) {
      const { user, password = user === 'anonymous' ? 'anonymous@' : '', account } = credentials;
      this.#credentials = { user, password, account };
      this.#named = true;
      this.#forget();
    }
    return this.#logIn(this.#control ?? (await this.#open()));
  }

  /** A control connection that need not be logged in: for AUTH, which comes before USER. */
  async connected(): Promise<ControlConnection> {
    await this.#settled();
    if (this.#control) return this.#control;
    if (this.#manual) throw this.#notConnected();
    return this.#open();
  }

  /** What the server offers; asked once a connection. */
  features(): Promise<Features> {
    return this.#negotiation?.learn() ?? Promise.reject(new ConnectionClosedError('not connected'));
  }

  /** Begins to learn what the server offers, in the flight of the command that follows. */
  beginNegotiation(): void {
    if (this.state.loggedIn) this.#negotiation?.begin();
  }

  /** Resolves when nothing of what `prepareNames` began is still to be written; undefined: it is so. */
  negotiationUnderWay(): Promise<unknown> | undefined {
    return this.#negotiation?.underWay;
  }

  /** Switches the transfer type where it is not known to be that; the command leaves with what is written next. */
  switchType(control: ControlConnection, type: 'I' | 'A'): Promise<Reply> | undefined {
    if (this.state.type.value === type) return undefined;
    if (this.state.type.next === type && this.#typing?.type === type) return this.#typing.reply;
    const reply = control.exec(this.command('TYPE', type));
    this.#typing = { type, reply };
    reply.catch(ignore);
    return reply;
  }

  /**
   * Where a transfer has used a restart offset, REST 0 leaves with what is written next: the next transfer from the beginning does not
   * depend on the server's having forgotten it. A server that refuses it has none armed.
   */
  clearRestart(control: ControlConnection): Promise<unknown> | undefined {
    if (!this.state.restartUsed || this.#restartIsCallers) return undefined;
    return control.exec(this.command('REST', '0')).catch((error: unknown) => {
      if (!(error instanceof ReplyError)) throw error;
    });
  }

  /** Sends a caller's own command, keeping in mind what it changes. */
  async execRaw(control: ControlConnection, command: Command, transfer: boolean, onPreliminary?: (reply: Reply) => void): Promise<Reply> {
    if (command.verb === 'QUIT') control.expectClose();
    const reply = await control.exec(command, { transfer, raw: true }, onPreliminary);
    if (command.verb === 'TYPE') this.#rawType = command;
    if (command.verb === 'REST') this.#restartIsCallers = true;
    return reply;
  }

  /** Enters a folder for one operation; `comeBack()` ends that. @throws PermanentError where it cannot be entered: the session is where it was */
  async enterFolder(control: ControlConnection, folder: string): Promise<void> {
    const visit = (this.#visit ??= { home: await this.#wayHome(control), entered: false });
    await control.exec(this.command('CWD', folder));
    visit.entered = true;
  }

  /** Goes back to the working folder, or closes the connection where there is no proven way: in another folder, every name would mean another file. */
  async leaveFolder(control: ControlConnection): Promise<void> {
    const visit = this.#visit;
    if (!visit || !control.open) return;
    if (!visit.entered) return void (this.#visit = undefined);
    if (!visit.home) return control.destroy(new ConnectionClosedError('the server does not say where the working folder is: closed, to begin there again'));
    try {
      for (const step of visit.home) await control.exec(step);
      this.#visit = undefined;
    } catch (error) {
      control.destroy(error as Error);
    }
  }

  /** By the path that PWD gives, or else by the caller's own steps where these begin at the root. */
  async #wayHome(control: ControlConnection): Promise<readonly Command[] | undefined> {
    try {
      const path = parse257(await control.exec(this.command('PWD')));
      if (path !== '') return [this.command('CWD', path)];
    } catch (error) {
      if (!control.open || !(error instanceof FTPError) || error instanceof TemporaryError) throw error;
    }
    const { steps } = this.#folder;
    return steps?.[0]?.argument.startsWith('/') ? steps : undefined;
  }

  /**
   * Where data connections go, and nowhere else: to the address that the control connection leads to. One that `createConnection` made may lead
   * to a proxy, so that the host counts that was asked for.
   */
  get peerHost(): string {
    return (this.settings.createConnection ? undefined : this.#control?.remoteAddress) ?? this.#host ?? '';
  }

  /** Our own address on the control connection: where active mode listens. */
  get localHost(): string | undefined {
    return this.#control?.localAddress ?? this.settings.localAddress;
  }

  /** Ends the connection, also one that is still being made; no other is made before `connect()`. */
  close(error: Error | undefined): void {
    this.#forget();
    const reason = error ?? closedByClient(undefined);
    this.#over = reason;
    this.settings.signal?.removeEventListener('abort', this.#onAbort);
    this.runningTransfer?.onClosed(reason);
    this.#abandon?.(reason);
    this.#control?.destroy(error);
  }

  /** Sends what is missing for an operation, each step after the reply to the one before. */
  async #bring({ folder, transfer }: Needs): Promise<void> {
    if (!this.#control && this.#manual) throw this.#notConnected();
    if (transfer && this.protection.resumptionLost && !this.#manual) await this.#beginAnew();
    const control = this.#control ?? (await this.#open());
    if (!this.#manual && !this.state.loggedIn) {
      await this.#logIn(control);
      if (this.#rawType) await control.exec(this.#rawType);
    }
    if (folder && !this.#folder.arrived) await this.#restore(control);
    if (transfer && this.protection.wanted && this.state.protection.value !== 'P') await this.protection.protect(control, 'P');
    if (transfer !== 'anew' || this.state.restart.value === 0) return;
    try {
      await this.switchType(control, 'I'); // ProFTPD 1.3.8 and pyftpdlib 1.5.7 take no REST in ASCII
      await control.exec(this.command('REST', '0'));
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      control.destroy(new ConnectionClosedError('a restart offset may be armed, and REST 0 is refused: closed, to begin without', { cause: error }));
      if (this.#manual) throw this.#notConnected();
      await this.#bring({ folder, transfer });
    }
  }

  /** Closes a connection that is of no use for data any more, after the replies to what others have sent. */
  async #beginAnew(): Promise<void> {
    await this.#control?.exec(this.command('PWD')).catch(ignore);
    this.#control?.destroy(new ConnectionClosedError('a TLS handshake on a data connection was cut: closed, to begin anew'));
  }

  /** What was under way is over, however. */
  async #settled(): Promise<void> {
    await this.#underWay?.catch(ignore);
    if (this.#over) throw closedByClient(this.#over);
  }

  #notConnected(): ConnectionClosedError {
    return new ConnectionClosedError(`not connected: ${this.#lastError?.message ?? 'the connection was closed'}`, { cause: this.#lastError, final: true });
  }

  async #open(): Promise<ControlConnection> {
    const host = this.#host;
    if (host === undefined) throw new ArgumentError('no host to connect to: give it to connect() or in the options');
    const { settings } = this;
    const { connectTimeout, signal } = settings;
    if (signal?.aborted) throw new ConnectionClosedError('the client was aborted', { cause: signal.reason, final: true });
    const attempt = new ConnectionAttempt({ host, port: this.#port, purpose: 'control' }, settings);
    const inTime = deadline(attempt, connectTimeout, `${host}:${this.#port}: no connection and greeting within ${connectTimeout} ms (connectTimeout)`);
    this.#abandon = (error) => attempt.destroy(error);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    try {
      const control = this.#adopt(new ControlConnection(await attempt.made(), settings, this));
      await this.protection.beforeGreeting(control, host);
      this.welcome = await control.greeting();
      await this.protection.afterGreeting(control, host, this.welcome);
      return control;
    } catch (error) {
      attempt.destroy();
      throw during('connect', error);
    } finally {
      inTime();
      this.#abandon = undefined;
    }
  }

  readonly #onAbort = (): void => {
    const error = new ConnectionClosedError('the client was aborted', { cause: this.settings.signal?.reason });
    this.listener.onAborted?.(error);
    this.close(error);
  };

  #adopt(control: ControlConnection): ControlConnection {
    this.#control = control;
    this.#negotiation = new Negotiation(control, this.codec, isUTF8(this.settings.encoding));
    this.state.reset();
    this.#folder.leave();
    this.#visit = undefined;
    return control;
  }

  // ---- the control connection's words

  onCommand(line: string): void {
    this.listener.onCommand(line);
  }

  onReply(reply: Reply): void {
    this.listener.onReply(reply);
  }

  onQueued(command: Command): void {
    this.state.onQueued(command);
  }

  onAnswered(command: Command, reply: Reply, succeeded: boolean): void {
    this.state.onAnswered(command, reply, succeeded);
    if (ruleOf(command.verb, false).transfers) this.#restartIsCallers = false;
    if (succeeded && !this.#restoring && !this.#visit) this.#folder.note(command);
  }

  onGivenUp(): void {
    this.state.onGivenUp();
    this.#restartIsCallers = false;
  }

  onClose(error: Error | undefined): void {
    this.#control = undefined;
    this.#negotiation = undefined;
    this.#lastError = error;
    this.dataConnections.release(error);
    this.listener.onClose(error);
  }

  async #logIn(control: ControlConnection): Promise<Reply> {
    try {
      const reply = await login(control, this.codec, this.#who());
      await this.protection.afterLogin(control);
      this.state.loggedIn = true;
      this.listener.onLogin();
      return reply;
    } catch (error) {
      // A connection that is not logged in is of no use to those who did not ask for it.
      if (!this.#manual) control.destroy();
      throw during('login', error);
    }
  }

  /** The user of the options, or of a netrc entry for exactly this host, and for that user if the options name one. */
  #who(): Credentials {
    const { netrc: file, netrcUser } = this.settings;
    const entry = this.#named || !file ? undefined : netrc(file === true ? undefined : file).credentials(this.#host ?? '', netrcUser);
    if (!entry) return this.#credentials;
    this.checkCredentials({ user: entry.login, password: entry.password, account: entry.account });
    return { user: entry.login, password: entry.password, account: entry.account || undefined };
  }

  /** Where the session was before its connection was lost. */
  async #restore(control: ControlConnection): Promise<void> {
    const { steps } = this.#folder;
    this.#restoring = true;
    try {
      if (!steps) throw new ConnectionClosedError('the working folder was reached in too many steps to go there again');
      await Promise.all(steps.map((command) => control.exec(command)));
      this.#folder.arrive();
    } catch (error) {
      control.destroy(); // half of the way may be gone, and in another folder every name would mean another file
      throw during('login', error);
    } finally {
      this.#restoring = false;
    }
  }

  /** The next login is a fresh one. */
  #forget(): void {
    this.#folder.clear();
    this.#rawType = undefined;
  }
}

function during(phase: Phase, error: unknown): unknown {
  return error instanceof FTPError ? annotate(error, { phase }) : error;
}

/** The client was closed, or has said QUIT: nobody wants another connection. */
export function closedByClient(cause: Error | undefined): ConnectionClosedError {
  return new ConnectionClosedError(cause?.message ?? 'the client was closed', { cause: cause?.cause, final: true });
}

function ignore(): void {
  // told where it is awaited
}
