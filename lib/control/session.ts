import { Command } from './command';
import { ControlConnection } from './control-connection';
import type { ControlListener } from './control-listener';
import { DataMeans } from './data-means';
import { isUTF8 } from './encoding';
import { NameMemory } from './name-memory';
import { Negotiation, type Features } from './features';
import { login, type Credentials } from './login';
import type { Reply } from './reply';
import { Protection } from './protection';
import { Trail } from './trail';
import type { RetrStream } from '../data/retr-stream';
import { connected, deadline, dial } from '../dial';
import { annotate, ArgumentError, ConnectionClosedError, FTPError, type Phase } from '../errors';
import { netrc } from '../netrc';
import type { Settings } from '../options';

/** What a session tells its client. */
export interface SessionListener {
  onCommand(line: string): void;
  onReply(reply: Reply): void;
  onLogin(): void;
  onClose(error: Error | undefined): void;
}

/** One login on one server, which may outlive its control connection: what is needed to work in it and to make it again. */
export class Session implements ControlListener {
  readonly codec: NameMemory;
  readonly dataMeans: DataMeans;
  /** TLS on the control connection and on data connections. */
  readonly protection: Protection;
  /** FEAT offers MLST, but MLSD was refused. */
  lacksMLSD = false;
  /** The transfer type that the server has, as far as we know. */
  type: string | undefined;
  welcome: Reply | undefined;
  /** The downloads that are not over: whether one of them can be piped into an upload, the turns decide. */
  readonly downloads = new Set<RetrStream<unknown>>();
  /** The transfer that has the turn. */
  running: { abort(): Promise<Reply | undefined>; onClosed(error: Error): void } | undefined;
  #control: ControlConnection | undefined;
  #establishing: Promise<ControlConnection> | undefined;
  #abandon: ((error: Error) => void) | undefined;
  #negotiation: Negotiation | undefined;
  #host: string | undefined;
  #port: number;
  #credentials: Credentials;
  #named: boolean;
  /** The caller makes the steps himself: a lost connection is not made again behind his back. */
  #manual = false;
  #loggedIn = false;
  #lastError: Error | undefined;
  readonly #trail = new Trail();
  #rawType: Command | undefined;

  /** @param kin a session with the same options, which knows the server: names that were listed, and how data connections are made */
  constructor(readonly settings: Settings, readonly listener: SessionListener, kin?: Session) {
    this.codec = kin?.codec ?? new NameMemory(settings.encoding);
    this.protection = new Protection(settings, this.codec);
    this.dataMeans = new DataMeans(settings, kin?.dataMeans);
    this.#host = settings.host;
    this.#port = settings.port;
    this.#credentials = settings;
    this.#named = !settings.netrc;
    this.checkCredentials(settings);
  }

  /** The control connection, if there is one that is ready for commands. */
  get control(): ControlConnection | undefined {
    return this.#establishing ? undefined : this.#control;
  }

  /** Whether `ready()` may still lead somewhere. */
  get reconnects(): boolean {
    return !this.#manual || this.#control !== undefined;
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

  /** The control connection, ready for commands; one that is missing is made with the options, unless the caller does the steps. */
  async ready(): Promise<ControlConnection> {
    if (this.control) return this.control;
    if (this.#manual) throw new ConnectionClosedError(`not connected: ${this.#lastError?.message ?? 'the connection was closed'}`, { cause: this.#lastError });
    // Shared: an operation may be cancelled while it connects, and the next one then waits for the same connection.
    return (this.#establishing ??= this.#establish().finally(() => (this.#establishing = undefined)));
  }

  /** Connects and waits for the greeting. */
  async connect(host: string | undefined, port: number | undefined): Promise<Reply> {
    if (this.#control) throw new ConnectionClosedError('already connected: quit() or close() first');
    this.#host = host ?? this.#host;
    this.#port = port ?? this.#port;
    this.#manual = true;
    await this.#open();
    return this.welcome as Reply;
  }

  /** Logs in, connecting first where need be. */
  async login(credentials: Partial<Credentials>): Promise<Reply> {
    if (credentials.user !== undefined) {
      const { user, password = user === 'anonymous' ? 'anonymous@' : '', account } = credentials;
      this.#credentials = { user, password, account };
      this.#named = true;
      this.#forget();
    }
    return this.#logIn(this.#control ?? (await this.#open()));
  }

  /** What the server offers; asked once a connection. */
  features(): Promise<Features> {
    return this.#negotiation?.learn() ?? Promise.reject(new ConnectionClosedError('not connected'));
  }

  /** Begins to learn what the server offers, in the flight of the command that follows. */
  prepareNames(): void {
    if (this.#loggedIn) this.#negotiation?.begin();
  }

  /** Resolves when nothing of what `prepareNames` began is still to be written; undefined: it is so. */
  namesPrepared(): Promise<unknown> | undefined {
    return this.#negotiation?.underWay;
  }

  /** Switches the transfer type where it differs; the command leaves with what is written next. */
  switchType(control: ControlConnection, type: 'I' | 'A'): Promise<Reply> | undefined {
    if (this.type === type) return undefined;
    this.type = type;
    const switched = control.exec(this.command('TYPE', type));
    switched.catch(() => (this.type = undefined));
    return switched;
  }

  /** Writes a caller's own command, keeping in mind what it changes. */
  async execRaw(control: ControlConnection, command: Command, transfer: boolean, onMark?: (reply: Reply) => void): Promise<Reply> {
    if (command.verb === 'TYPE' || command.verb === 'REIN') this.type = undefined;
    if (command.verb === 'QUIT') control.hangUp();
    const reply = await control.exec(command, { transfer }, onMark);
    if (command.verb === 'TYPE') this.#rawType = command;
    return reply;
  }

  /** The address that the control connection leads to: the only one for data. */
  get peerHost(): string {
    return this.#control?.remoteAddress ?? this.#host ?? '';
  }

  /** Our own address on the control connection: where active mode listens. */
  get localHost(): string | undefined {
    return this.#control?.localAddress ?? this.settings.localAddress;
  }

  /** Ends the connection, also one that is still being made. */
  close(error: Error | undefined): void {
    this.#forget();
    const reason = error ?? new ConnectionClosedError('the client was closed');
    this.running?.onClosed(reason);
    this.#abandon?.(reason);
    this.#control?.destroy(error);
  }

  async #establish(): Promise<ControlConnection> {
    const control = await this.#open();
    await this.#logIn(control);
    try {
      await this.#restore(control);
    } catch (error) {
      control.destroy(); // in another folder, every name would mean another file
      throw during('login', error);
    }
    return control;
  }

  async #open(): Promise<ControlConnection> {
    const host = this.#host;
    if (host === undefined) throw new ArgumentError('no host to connect to: give it to connect() or in the options');
    const { settings } = this;
    const { connectTimeout, localAddress, family, signal } = settings;
    if (signal?.aborted) throw new ConnectionClosedError('the client was aborted', { cause: signal.reason });
    const socket = dial(
      { host, port: this.#port, purpose: 'control', ...(localAddress === undefined ? {} : { localAddress }), ...(family === undefined ? {} : { family }) },
      settings,
    );
    const inTime = deadline(socket, connectTimeout, `${host}:${this.#port}: no connection and greeting within ${connectTimeout} ms (connectTimeout)`);
    this.#abandon = (error) => socket.destroy(error);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    try {
      await connected(socket);
      const control = this.#adopt(new ControlConnection(socket, settings, this));
      await this.protection.beforeGreeting(control, host);
      this.welcome = await control.greeting();
      await this.protection.afterGreeting(control, host, this.welcome);
      return control;
    } catch (error) {
      socket.destroy();
      signal?.removeEventListener('abort', this.#onAbort);
      throw during('connect', error);
    } finally {
      inTime();
      this.#abandon = undefined;
    }
  }

  readonly #onAbort = (): void => {
    this.close(new ConnectionClosedError('the client was aborted', { cause: this.settings.signal?.reason }));
  };

  #adopt(control: ControlConnection): ControlConnection {
    this.#control = control;
    this.#negotiation = new Negotiation(control, this.codec, isUTF8(this.settings.encoding));
    this.#loggedIn = false;
    this.type = undefined;
    return control;
  }

  // ---- the control connection's words

  onCommand(line: string): void {
    this.listener.onCommand(line);
  }

  onReply(reply: Reply): void {
    this.listener.onReply(reply);
  }

  onSuccess(command: Command): void {
    if (!this.#establishing) this.#trail.note(command);
  }

  onClose(error: Error | undefined): void {
    this.#control = undefined;
    this.#negotiation = undefined;
    this.#lastError = error;
    this.dataMeans.release();
    this.settings.signal?.removeEventListener('abort', this.#onAbort);
    this.listener.onClose(error);
  }

  async #logIn(control: ControlConnection): Promise<Reply> {
    try {
      const reply = await login(control, this.codec, this.#who());
      await this.protection.afterLogin(control);
      this.#loggedIn = true;
      this.listener.onLogin();
      return reply;
    } catch (error) {
      // A connection that is not logged in is of no use to those who did not ask for it.
      if (!this.#manual) control.destroy();
      throw during('login', error);
    }
  }

  /** The user of the options, or of the netrc entry for exactly this host. */
  #who(): Credentials {
    const { netrc: file, netrcUser } = this.settings;
    const entry = this.#named || !file ? undefined : netrc(file === true ? undefined : file).hosts.get(this.#host ?? '');
    if (!entry || (netrcUser !== undefined && entry.login !== netrcUser)) return this.#credentials;
    this.checkCredentials({ user: entry.login, password: entry.password, account: entry.account });
    return { user: entry.login, password: entry.password, account: entry.account || undefined };
  }

  /** Where the session was before its connection was lost. */
  async #restore(control: ControlConnection): Promise<void> {
    const { steps } = this.#trail;
    if (!steps) throw new ConnectionClosedError('the working folder was reached in too many steps to go there again');
    const type = this.#rawType;
    await Promise.all([...steps, ...(type ? [type] : [])].map((command) => control.exec(command)));
  }

  /** The next login is a fresh one. */
  #forget(): void {
    this.#trail.clear();
    this.#rawType = undefined;
  }
}

function during(phase: Phase, error: unknown): unknown {
  return error instanceof FTPError ? annotate(error, { phase }) : error;
}
