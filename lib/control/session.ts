// One login on one server. A session makes its control connection, logs in, and brings the server's session where an operation needs it:
// into the working folder, to the protection of data, to the beginning of a file.
//
// It outlives its control connection. After a connection was lost, the next operation makes another one, logs in and goes back to the
// working folder. Where the caller has made the connection by hand, with `connect()`, he has to make the next one, too.

import type { EventEmitter } from 'node:events';
import { whenAborted } from '../abort';
import { connectionChannel, type ConnectionEvent, type ConnectionMessage, type ConnectionNumbers } from '../diagnostics';
import { type Codec, isUTF8, NameMemory } from '../encoding';
import { annotate, ArgumentError, ConnectionClosedError, FTPError, type Phase, ReplyError, TemporaryError, UnsupportedError } from '../errors';
import { ConnectionAttempt, deadline } from '../net/dial';
import { ThroughProxy } from '../net/proxy';
import { ReceiveBuffer } from '../net/receive-buffer';
import { WaitTimer } from '../net/wait-timer';
import { netrc } from '../netrc';
import type { Settings } from '../options';
import type { ProxyServer } from '../proxy-url';
import type { Reply } from '../reply';
import { Command } from './command';
import { isNotImplemented, ruleOf } from './command-table';
import { ControlConnection, type ControlListener, type SendOptions } from './control-connection';
import { type Features, Negotiation } from './features';
import { ObservedServer, observedServer } from './observed-server';
import { parse257 } from './reply-text';
import { Protection } from './security';
import { ServerState, WorkingFolder } from './server-state';

/** What the server's session must be for an operation. */
export interface Needs {
  /** Whether it must be in the working folder, where names without a path belong. */
  readonly folder: boolean;
  /** Whether it must be ready for a data connection, protected where TLS was asked for; `anew`: at the beginning of the file, too, whatever offset a REST has set. */
  readonly transfer?: 'anew' | 'restarted' | undefined;
}

const FTP_PORT = 21;
/** The port that IANA has for `ftps`: a server there says nothing before TLS. */
const IMPLICIT_TLS_PORT = 990;

/** The needs of a command with a name. */
const PLAIN: Needs = { folder: true };

/** What the steps of an operation work with in its turn. */
export interface Turn {
  readonly session: Session;
  readonly control: ControlConnection;
  /** How the steps are sent whose operation the caller may give up; undefined where he cannot. What only brings the session back is always sent. */
  readonly sending?: SendOptions | undefined;
}

/** What a session reports, and what it asks: a client, or one connection of a pool. */
interface SessionListener {
  onCommand(line: string): void;
  onReply(reply: Reply): void;
  onClose(error: Error | undefined): void;
  /** The option `signal` closes the client. */
  onAborted?(error: Error): void;
  /** Whether no operation uses the connection. */
  isIdle(): boolean;
}

/** The user who logs in. */
interface Credentials {
  readonly user: string;
  readonly password: string;
  readonly account?: string | undefined;
}

/** What a caller says of them. */
type GivenCredentials = Partial<Readonly<Record<keyof Credentials, string | undefined>>>;

/** One login on one server, over one control connection after the other. */
export class Session implements ControlListener {
  readonly codec: NameMemory;
  readonly dataConnections: DataConnections;
  /** TLS on the control connection and on data connections. */
  readonly protection: Protection;
  readonly onCommand: SessionListener['onCommand'];
  readonly onReply: SessionListener['onReply'];
  /** What the server's session is known to be. */
  readonly state = new ServerState();
  /** The greeting of the last connection. */
  welcome: Reply | undefined;
  /**
   * The host of data connections, whatever the server says: the address that the control connection leads to. That may be a proxy's where a proxy hands on
   * bytes, or `createConnection` made the connection, so it is the host that was asked for then.
   */
  peerHost = '';
  /** The way of the control connection and of data connections, where a proxy hands on their bytes. */
  route: ThroughProxy | undefined;
  /** What the server was observed to do, by this session and by others. */
  observed = new ObservedServer();
  #observedAt: string | undefined;
  /** The transfer that has its turn. */
  runningTransfer: { abort(): Promise<Reply | undefined>; onClosed(error: Error): void } | undefined;
  #control: ControlConnection | undefined;
  #negotiation: Negotiation | undefined;
  #host: string | undefined;
  #port: number;
  #credentials: Credentials;
  /** Whether the credentials are the ones to use, and no netrc file is read. */
  #credentialsGiven: boolean;
  /** Whether the caller connects and logs in himself: no lost connection is made again without him. */
  #manual = false;
  /** A connection made by hand was lost to a trial of ours: it is made again without the caller. */
  #remakes = false;
  /** The number of the client, and how many connections it has begun; a pool's sessions share it. */
  readonly #count: { readonly client: number; connections: number };
  #numbers: ConnectionNumbers;
  /** From where the server is reached. Others may reach another one by its name. */
  readonly #origin: string;
  /** The FTP proxy that the control connection leads to, which is to be told the server's name. */
  #gateway: ProxyServer | undefined;
  /** Ends the waiting for the option `signal`. */
  #ignoreSignal: (() => void) | undefined;
  #lastError: Error | undefined;
  /** Why no further connection is made, if none is. */
  #closedFor: Error | undefined;
  /** Brings the session where an operation needs it. It goes on where that operation is cancelled, and the next operation waits for it. */
  #preparing: Promise<void> | undefined;
  /** Gives up the connection that is being made, until its greeting has come. */
  #abandonAttempt: ((error: Error) => void) | undefined;
  readonly #folder = new WorkingFolder();
  /** Whether the way to the working folder is being gone again. */
  #restoring = false;
  /** The folder that one operation has entered, which is not the working folder: the way back, if it is known. */
  #visit: { readonly wayBack: readonly Command[] | undefined; entered: boolean } | undefined;
  #typeSwitch: { readonly type: string; readonly reply: Promise<Reply> } | undefined;
  /** The caller's own TYPE, for the next connection as well. */
  #callersType: Command | undefined;
  /** Whether the caller has sent the last MODE himself, for his own transfers. */
  #modeIsCallers = false;
  /** Whether the caller has sent a REST himself, for his next transfer. */
  #restartIsCallers = false;
  /** Sends NOOP while the client is idle. */
  #noops: NodeJS.Timeout | undefined;

  /** @param sibling a session with the same server and options: it shares the names that were listed, and what the server was observed to do */
  constructor(readonly settings: Settings, readonly listener: SessionListener, sibling?: Session) {
    Object.defineProperty(this, 'settings', { enumerable: false }); // console.log and JSON.stringify of a client would show its password
    this.codec = sibling?.codec ?? new NameMemory(settings.encoding);
    this.onCommand = listener.onCommand;
    this.onReply = listener.onReply;
    this.protection = new Protection(settings, this.codec, this.state);
    this.dataConnections = new DataConnections(settings);
    this.#count = sibling ? sibling.#count : { client: ++clients, connections: 0 };
    this.#numbers = { client: this.#count.client, connection: 0 };
    this.#origin = sibling ? sibling.#origin : settings.createConnection ? `by way ${++ways}` : (settings.localAddress ?? '');
    this.#host = settings.host;
    this.#port = settings.port;
    this.#credentials = settings;
    this.#credentialsGiven = !settings.netrc;
    this.checkCredentials(settings);
    for (const line of settings.afterLogin ?? []) this.#checkSetup(this.rawCommand(line));
  }

  /** The control connection, if there is one that is ready for commands. */
  get control(): ControlConnection | undefined {
    return this.#preparing ? undefined : this.#control;
  }

  /** The control connection, if commands may be sent on it: also one that is logged in, and on its way to where an operation needs it. */
  get usable(): ControlConnection | undefined {
    return this.state.loggedIn ? this.#control : this.control;
  }

  /** The numbers of the client and of its last connection, which is 0 before the first one is begun. */
  get numbers(): ConnectionNumbers {
    return this.#numbers;
  }

  /** Whether `ready()` may succeed. */
  get reconnects(): boolean {
    return !this.#closedFor && (!this.#manual || this.#remakes || this.#control !== undefined);
  }

  /**
   * A checked command in the session's encoding.
   *
   * @param path its argument, or the path in it, whose parts may be names that are no valid UTF-8
   * @param before what the argument has before the path, such as `CHMOD 644 `
   * @param after what it has after the path
   * @throws ArgumentError for CR, LF and NUL, and for what the encoding cannot express
   */
  command(verb: string, path?: string, before = '', after = ''): Command {
    if (path === undefined) return new Command(verb, this.codec);
    if (typeof path !== 'string') throw new ArgumentError(`${verb} takes a string, not ${typeof path}`);
    const line = `${verb} ${before}${path}${after}`;
    const from = verb.length + 1 + before.length;
    return new Command(line, before + after === '' ? this.codec : { encode: () => this.codec.encode(line, from, from + path.length) });
  }

  /** A caller's own line as a command. @throws ArgumentError as `command()` does */
  rawCommand(line: string): Command {
    return new Command(line, this.codec);
  }

  // ---- connecting and logging in

  /** Connects and waits for the greeting; the caller does all further steps. A connection that is being made for an operation is given up. */
  async connect(host: string | undefined, port: number | undefined, signal?: AbortSignal): Promise<Reply> {
    this.#closedFor = undefined;
    if (this.#preparing) {
      this.abandon(new ConnectionClosedError('connect() was called'));
      await this.#prepared();
    }
    if (this.#control) throw new ConnectionClosedError('already connected: quit() or close() first');
    this.#host = host ?? this.#host;
    this.#port = port ?? this.#port;
    this.#manual = true;
    this.#forget();
    const stop = signal && whenAborted(signal, () => this.abandon(new ConnectionClosedError('connect() was aborted')));
    try {
      await this.#open();
    } finally {
      stop?.();
    }
    return this.welcome as Reply;
  }

  /** Logs in, and connects before where there is no connection. */
  async login({ user, password = user === 'anonymous' ? 'anonymous@' : '', account }: GivenCredentials, sending?: SendOptions): Promise<Reply> {
    await this.#prepared();
    if (user !== undefined) {
      this.#credentials = { user, password, account };
      this.#credentialsGiven = true;
      this.#forget();
    }
    return this.#logIn(this.#control ?? (await this.#open()), { sending });
  }

  /** @throws ArgumentError for a name or a password that cannot be sent */
  checkCredentials({ user, password, account }: GivenCredentials): void {
    if (user !== undefined) this.command('USER', user);
    if (password !== undefined) this.command('PASS', password);
    if (account !== undefined) this.command('ACCT', account);
  }

  /** A control connection that may lack its login, for AUTH, which comes before USER. */
  async connected(): Promise<ControlConnection> {
    await this.#prepared();
    if (this.#control) return this.#control;
    if (this.#manual) throw this.#notConnected();
    return this.#open();
  }

  /** Ends a connection that is being made, or is not ready for commands yet. */
  abandon(reason: Error): void {
    this.#abandonAttempt?.(reason);
    if (!this.control) this.#control?.destroy(reason);
  }

  /** Ends the connection, even one that is being made; no other one is made before `connect()`. */
  close(error?: Error): void {
    this.#forget();
    const reason = error ?? closedByClient(undefined);
    this.#closedFor = reason;
    this.#ignoreSignal?.();
    this.#ignoreSignal = undefined;
    this.runningTransfer?.onClosed(reason);
    this.#abandonAttempt?.(reason);
    this.#control?.destroy(error);
  }

  async #open(): Promise<ControlConnection> {
    const host = this.#host;
    if (host === undefined) throw new ArgumentError('no host to connect to: give it to connect() or in the options');
    const { settings } = this;
    const { connectTimeout, signal } = settings;
    if (signal?.aborted) throw new ConnectionClosedError('the client was aborted', { cause: signal.reason, final: true });
    this.#numbers = { client: this.#count.client, connection: ++this.#count.connections };
    const begun = connectionChannel.hasSubscribers ? performance.now() : undefined;
    const proxy = settings.proxy?.serverFor(host, this.#port, settings);
    this.#gateway = proxy?.speaksFTP ? proxy : undefined;
    this.route = proxy && !this.#gateway ? new ThroughProxy(proxy, settings) : undefined;
    const attempt = new ConnectionAttempt({ host: this.#gateway?.host ?? host, port: this.#gateway?.port ?? this.#port, purpose: 'control' }, settings, undefined, this.route);
    const late = `${host}:${this.#port}: no connection and greeting within ${connectTimeout} ms (connectTimeout)${proxy ? ` by way of the proxy ${proxy.address}` : ''}`;
    const hint = settings.secure === 'implicit' ? '' : "; a server that says nothing may wait for TLS (option secure: 'implicit')";
    const inTime = deadline(attempt, connectTimeout, () => (control || this.#port === IMPLICIT_TLS_PORT ? late + hint : late));
    this.#abandonAttempt = (error) => attempt.destroy(error);
    if (signal) this.#ignoreSignal ??= whenAborted(signal, this.#onAbort);
    let control: ControlConnection | undefined;
    try {
      const address = `${host}:${this.#port}`;
      if (this.#observedAt !== address) this.observed = observedServer(host, this.#port, proxy ? `${this.#origin} ${proxy.scheme}://${proxy.address}` : this.#origin);
      this.#observedAt = address;
      control = this.#adopt(new ControlConnection(await attempt.made(), settings, this.observed, this.#numbers, this));
      await this.protection.beforeGreeting(control, host);
      this.welcome = await control.greeting();
      this.observed.greeted(this.welcome.text);
      await this.protection.afterGreeting(control, host, this.welcome);
      control.assertOpen(); // a 421 may have come together with the greeting
      if (begun !== undefined) this.#publish({ event: 'open', ms: performance.now() - begun });
      return control;
    } catch (error) {
      attempt.destroy();
      control?.destroy(error as Error); // now, and not when its socket reports the end: the next operation makes another connection
      if (begun !== undefined) this.#publish({ event: 'failed', ms: performance.now() - begun, error: error as Error });
      throw during('connect', error);
    } finally {
      inTime();
      this.#abandonAttempt = undefined;
    }
  }

  readonly #onAbort = (): void => {
    const error = new ConnectionClosedError('the client was aborted', { cause: this.settings.signal?.reason });
    this.listener.onAborted?.(error);
    this.close(error);
  };

  #adopt(control: ControlConnection): ControlConnection {
    this.#control = control;
    this.#negotiation = new Negotiation(control, this.codec, isUTF8(this.settings.encoding), this.observed);
    this.peerHost = this.route?.peer ?? (this.settings.createConnection ? undefined : control.remoteAddress) ?? this.#host ?? '';
    this.state.reset();
    this.#folder.leave();
    this.#visit = undefined;
    return control;
  }

  /** @param greeted the server's greeting, where it says that we are logged in already (230) */
  async #logIn(control: ControlConnection, { greeted, sending }: { readonly greeted?: Reply | undefined; readonly sending?: SendOptions | undefined }): Promise<Reply> {
    try {
      const reply = greeted ?? (await (this.#gateway ? this.#logInBy(this.#gateway, control, sending) : login(control, this.codec.plain, this.#credentialsToUse(), sending)));
      await this.protection.protectData(control);
      await this.#setUp(control);
      control.assertOpen(); // or with the 230
      this.state.loggedIn = true;
      this.#sendNoops();
      return reply;
    } catch (error) {
      if (!this.#manual) control.destroy(); // the next operation begins with a new connection
      if (error instanceof ReplyError && !this.protection.active && /\b(TLS|SSL|FTPS|encrypt)/i.test(error.reply?.text ?? '')) {
        error.message += " (secure: 'explicit' begins TLS before the login)";
      }
      throw during('login', error);
    }
  }

  /** An FTP proxy has its own login first, and is told the server with the user, as lftp and most such proxies have it. */
  async #logInBy(gateway: ProxyServer, control: ControlConnection, sending: SendOptions | undefined): Promise<Reply> {
    const credentials = this.#credentialsToUse();
    if (gateway.credentials) await login(control, this.codec.plain, gateway.credentials, sending, true);
    const host = this.#host?.includes(':') ? `[${this.#host}]` : this.#host;
    return login(control, this.codec.plain, { ...credentials, user: `${credentials.user}@${host}${this.#port === FTP_PORT ? '' : `:${this.#port}`}` }, sending);
  }

  /** Sends the commands of the option `afterLogin`. Where they lead is the login folder. */
  async #setUp(control: ControlConnection): Promise<void> {
    this.#restoring = true;
    try {
      for (const line of this.settings.afterLogin ?? []) await control.exec(this.rawCommand(line), { repeated: true });
    } finally {
      this.#restoring = false;
    }
  }

  /** @throws ArgumentError for a command that cannot come after a login */
  #checkSetup({ verb, shown }: Command): void {
    const { transfers, barrier, interrupts } = ruleOf(verb, false);
    if (transfers || barrier || interrupts || verb === 'REST' || verb === 'RNFR') throw new ArgumentError(`afterLogin cannot have ${shown}`);
  }

  /** The option `keepAlive`. No NOOP is sent while a reply is due, because aioftp 0.21 answers it before a PWD that waits. The timer does not keep the process alive. */
  #sendNoops(): void {
    const { keepAlive } = this.settings;
    clearInterval(this.#noops);
    if (keepAlive === 0) return;
    this.#noops = setInterval(() => {
      if (this.control?.waiting === false && this.listener.isIdle()) this.control.exec(this.command('NOOP')).catch(ignore);
    }, keepAlive).unref();
  }

  /** The credentials of the options; or those of a netrc entry for exactly this host, and for the user of the options, if there is one. */
  #credentialsToUse(): Credentials {
    const { netrc: file, netrcUser } = this.settings;
    const entry = this.#credentialsGiven || !file ? undefined : netrc(file === true ? undefined : file).credentials(this.#host ?? '', netrcUser);
    if (!entry) return this.#credentials;
    this.checkCredentials({ user: entry.login, password: entry.password, account: entry.account });
    return { user: entry.login, password: entry.password, account: entry.account || undefined };
  }

  /** The next login is that of another user, or on another server. */
  #forget(): void {
    this.#folder.clear();
    this.#callersType = undefined;
  }

  /** Waits until no operation is being prepared. @throws ConnectionClosedError where the client was closed meanwhile */
  async #prepared(): Promise<void> {
    await this.#preparing?.catch(ignore);
    if (this.#closedFor) throw closedByClient(this.#closedFor);
  }

  #notConnected(): ConnectionClosedError {
    return new ConnectionClosedError(`not connected: ${this.#lastError?.message ?? 'the connection was closed'}`, { cause: this.#lastError, final: true });
  }

  // ---- preparing an operation

  /** Whether the session is where an operation needs it. */
  meets({ folder, transfer }: Needs = PLAIN): boolean {
    if (!this.control) return false;
    if (!this.#manual && !this.state.loggedIn) return false;
    if (folder && !this.#folder.arrived) return false;
    if (transfer && !this.protection.readyForData(this.#manual)) return false;
    return transfer !== 'anew' || this.state.restart.value === 0 || this.#restartIsCallers;
  }

  /**
   * Resolves with the control connection once the session is where an operation needs it; no other method brings it there. A missing
   * connection is made and logged in with the options, unless the caller does that himself.
   */
  async ready(needs: Needs = PLAIN): Promise<ControlConnection> {
    for (let tried = false; !this.meets(needs); ) {
      if (this.#closedFor) throw closedByClient(this.#closedFor);
      if (this.#preparing) await this.#preparing;
      else if (tried) throw new ConnectionClosedError(this.#lastError?.message ?? 'the connection was closed', { cause: this.#lastError });
      else {
        tried = true;
        await (this.#preparing = this.#prepare(needs).finally(() => (this.#preparing = undefined)));
      }
    }
    return this.#control as ControlConnection;
  }

  /** Takes the steps that are missing, each after the reply to the one before. */
  async #prepare({ folder, transfer }: Needs): Promise<void> {
    if (!this.#control && this.#manual && !this.#remakes) throw this.#notConnected();
    if (transfer && this.protection.resumptionLost && !this.#manual) await this.#closeUnfit();
    const control = this.#control ?? (await this.#open());
    if ((!this.#manual || this.#remakes) && !this.state.loggedIn) {
      await this.#logIn(control, { greeted: this.welcome?.code === 230 && !this.#gateway ? this.welcome : undefined });
      this.#remakes = false;
      if (this.#callersType) await control.exec(this.#callersType);
    }
    if (folder && !this.#folder.arrived) await this.#restoreFolder(control);
    if (transfer) await this.protection.protectData(control);
    if (transfer !== 'anew' || this.state.restart.value === 0) return;
    try {
      await this.switchType(control, 'I'); // ProFTPD 1.3.8 and pyftpdlib 1.5.7 take no REST in ASCII
      await control.exec(this.command('REST', '0'));
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      control.destroy(new ConnectionClosedError('a restart offset may be set, and REST 0 is refused: the connection was closed to clear it', { cause: error }));
      if (this.#manual) throw this.#notConnected();
      await this.#prepare({ folder, transfer });
    }
  }

  /** Closes a connection that can have no data connections any more, after the replies that other operations wait for. */
  async #closeUnfit(): Promise<void> {
    await this.#control?.exec(this.command('PWD')).catch(ignore);
    this.#control?.destroy(new ConnectionClosedError('a TLS handshake on a data connection was cut, and the server may refuse others: the connection was closed'));
  }

  /** Goes back to the working folder of the connection before. */
  async #restoreFolder(control: ControlConnection): Promise<void> {
    const { steps } = this.#folder;
    this.#restoring = true;
    try {
      if (!steps) throw new ConnectionClosedError('the way to the working folder had too many steps to go it again');
      await Promise.all(steps.map((command) => control.exec(command)));
      this.#folder.arrived = true;
    } catch (error) {
      control.destroy(); // the session may be half-way, and in another folder every name would mean another file
      throw during('login', error);
    } finally {
      this.#restoring = false;
    }
  }

  // ---- steps of operations

  /** The features of the server; it is asked once for each connection. */
  features(): Promise<Features> {
    return this.#negotiation?.features() ?? Promise.reject(new ConnectionClosedError('not connected'));
  }

  /** Asks for the features in the flight of the command that follows, unless that was done. */
  beginNegotiation(): void {
    if (this.state.loggedIn && this.#negotiation?.state === 'not begun') this.#negotiation.features().catch(ignore);
  }

  /**
   * Sends PRET with a transfer command, in one flight with the command that follows, where the server offers it: one that is spread over several
   * machines then knows which of them is to listen (drftpd). A refusal says nothing: the transfer command will have its own.
   */
  announceTransfer(control: ControlConnection, { verb, argument }: Command): void {
    control.exec(argument === '' ? this.command('PRET', verb) : this.command('PRET', argument, `${verb} `)).catch(ignore);
  }

  /** Resolves once all that `beginNegotiation()` has to send was written, so that names have their encoding; undefined where it was. */
  negotiationUnderWay(): Promise<unknown> | undefined {
    return this.#negotiation?.state === 'under way' ? this.#negotiation.features() : undefined;
  }

  /** Sends TYPE, in one flight with the command that follows; undefined where the type is known to be that one. */
  switchType(control: ControlConnection, type: 'I' | 'A'): Promise<Reply> | undefined {
    if (this.state.type.value === type) return undefined;
    if (this.state.type.next === type && this.#typeSwitch?.type === type) return this.#typeSwitch.reply;
    if (this.observed.takes.get('TYPE') === false) return undefined;
    const command = this.command('TYPE', type);
    const reply = control.exec(command).catch((refusal: unknown) => this.#withoutType(control, command, refusal));
    this.#typeSwitch = { type, reply };
    reply.catch(ignore);
    return reply;
  }

  /**
   * Brings the session to the transfer mode that the option `compress` wants: MODE Z for what may be compressed, where the server offers it, and MODE S
   * for all else. Nothing is sent where the session is in that mode.
   *
   * Not compressed are transfers from an offset on, because RFC 3659 (5) defines REST for MODE S only; and uploads, because ProFTPD 1.3.8 stores
   * other bytes than those it was sent in MODE Z, and says 226 (its issue 1896).
   *
   * @returns whether the next transfer is compressed, once the reply has come
   * @throws UnsupportedError where the option is true and the server does not offer it
   */
  async chooseMode(control: ControlConnection, compressible: boolean): Promise<boolean> {
    const { observed, settings } = this;
    if (compressible && observed.offersModeZ === undefined) await this.features();
    if (compressible && observed.offersModeZ) {
      try {
        await this.#switchMode(control, 'Z');
        return true;
      } catch (error) {
        if (!(error instanceof ReplyError) || !control.open) throw error;
        observed.offersModeZ = false;
        if (settings.compress === true) throw new UnsupportedError(`the server refuses MODE Z (option compress): ${error.message}`, { cause: error });
      }
    } else if (compressible && settings.compress === true) throw new UnsupportedError('the server does not offer MODE Z (option compress)');
    await this.#switchMode(control, 'S');
    return false;
  }

  /** Sends MODE S where a transfer of ours has set another mode: for data that the caller moves himself, or that go to another server. */
  async clearMode(control: ControlConnection): Promise<void> {
    if (!this.#modeIsCallers) await this.#switchMode(control, 'S');
  }

  /** Sends MODE, in one flight with the command that follows, unless the mode is known to be that one. */
  async #switchMode(control: ControlConnection, mode: 'S' | 'Z'): Promise<void> {
    if (this.state.mode.value === mode) return;
    this.#modeIsCallers = false;
    await control.exec(this.command('MODE', mode), { repeated: true });
  }

  /**
   * lwIP's server knows no TYPE, and sends bytes as they are; a server that knows it answers 504 to a type that it does not have. TYPE is asked twice: the first
   * refusal may be that of a command after it, which SuSE's ftp-proxy answers sooner. Then the next reply shows that they are out of order.
   */
  async #withoutType(control: ControlConnection, command: Command, refusal: unknown): Promise<Reply> {
    if (!isTYPEUnknown(refusal)) throw refusal;
    try {
      return await control.exec(command);
    } catch (error) {
      if (!isTYPEUnknown(error)) throw error;
      this.observed.takes.set('TYPE', false);
      return error.reply;
    }
  }

  /**
   * Sends REST 0 after a transfer that has used a restart offset, in one flight with the command that follows: the server should have
   * forgotten the offset, but the next transfer must not depend on it. A server that refuses REST has no offset set.
   */
  clearRestart(control: ControlConnection): Promise<unknown> | undefined {
    if (!this.state.restartUsed || this.#restartIsCallers) return undefined;
    return control.exec(this.command('REST', '0')).catch((error: unknown) => {
      if (!(error instanceof ReplyError)) throw error;
    });
  }

  /** Sends a caller's own command, and remembers what it changes. */
  async execRaw({ control, sending }: Turn, command: Command, onPreliminary?: (reply: Reply) => void): Promise<Reply> {
    const { transfers } = ruleOf(command.verb, false);
    if (command.verb === 'QUIT') control.expectClose();
    if (transfers) await this.clearMode(control);
    const reply = await control.exec(command, { ...sending, transfer: transfers, raw: true }, onPreliminary);
    if (command.verb === 'TYPE') this.#callersType = command;
    if (command.verb === 'MODE') this.#modeIsCallers = true;
    if (command.verb === 'REST') this.#restartIsCallers = true;
    return reply;
  }

  /** Enters a folder for one operation, until `leaveFolder()`. @throws PermanentError where it cannot be entered; the session is where it was then */
  async enterFolder(control: ControlConnection, folder: string): Promise<void> {
    const visit = (this.#visit ??= { wayBack: await this.#wayBack(control), entered: false });
    await control.exec(this.command('CWD', folder));
    visit.entered = true;
  }

  /** Goes back to the working folder. Without a way back it closes the connection, because in another folder every name would mean another file. */
  async leaveFolder(control: ControlConnection): Promise<void> {
    const visit = this.#visit;
    if (!visit || !control.open) return;
    if (!visit.entered) return void (this.#visit = undefined);
    if (!visit.wayBack) return control.destroy(new ConnectionClosedError('the server does not say where the working folder is: the connection was closed, so that the next one begins there'));
    try {
      for (const step of visit.wayBack) await control.exec(step);
      this.#visit = undefined;
    } catch (error) {
      control.destroy(error as Error);
    }
  }

  /** The path of the working folder from PWD, or else the caller's own steps where the first one begins at the root. */
  async #wayBack(control: ControlConnection): Promise<readonly Command[] | undefined> {
    try {
      const path = parse257(await control.exec(this.command('PWD')));
      if (path !== '') return [this.command('CWD', path)];
    } catch (error) {
      if (!control.open || !(error instanceof FTPError) || error instanceof TemporaryError) throw error;
    }
    const { steps } = this.#folder;
    return steps?.[0]?.argument.startsWith('/') ? steps : undefined;
  }

  /** Our own address on the control connection, where active mode listens. */
  get localHost(): string | undefined {
    return this.#control?.localAddress ?? this.settings.localAddress;
  }

  // ---- ControlListener

  onQueued(command: Command): void {
    this.state.onQueued(command);
  }

  onAnswered(command: Command, reply: Reply, succeeded: boolean): void {
    this.state.onAnswered(command, reply, succeeded);
    const rule = ruleOf(command.verb, false);
    if (rule.transfers) this.#restartIsCallers = false;
    if (succeeded && rule.changes === 'session' && !this.#restoring && !this.#visit) this.#folder.follow(command);
  }

  onGivenUp(): void {
    this.state.onGivenUp();
    this.#restartIsCallers = false;
  }

  onClose(error: Error | undefined): void {
    this.#remakes = this.#manual && this.#control?.startsOver === true && this.state.loggedIn;
    this.#control = undefined;
    this.#negotiation = undefined;
    this.#lastError = error;
    clearInterval(this.#noops);
    this.dataConnections.release(error);
    if (connectionChannel.hasSubscribers && !this.#abandonAttempt) this.#publish({ event: 'close', error });
    this.listener.onClose(error);
  }

  #publish(what: ConnectionEvent): void {
    const message: ConnectionMessage = { ...what, ...this.#numbers, host: this.#host ?? '', port: this.#port, secure: this.settings.secure };
    connectionChannel.publish(message);
  }
}

/**
 * Sends USER, and PASS and ACCT where the server asks for them (RFC 959, 5.4).
 *
 * Each waits for the reply to the one before: vsftpd and Pure-FTPd answer 230 to an anonymous USER, and a PASS after that would be a
 * second login.
 *
 * @param concealed whether the name of the user is not to be shown
 */
async function login(control: ControlConnection, codec: Codec, { user, password, account }: Credentials, sending?: SendOptions, concealed = false): Promise<Reply> {
  const command = new Command(`USER ${user}`, codec, concealed);
  let reply = await control.exec(command, sending);
  if (reply.code === 331) reply = await control.exec(new Command(`PASS ${password}`, codec), sending);
  if (reply.code === 332) {
    if (account === undefined) throw new ReplyError(`the server wants an account, and the option account is not set: ${reply}`, { reply, command: 'ACCT' });
    reply = await control.exec(new Command(`ACCT ${account}`, codec), sending);
  }
  if (reply.kind !== 'completion') throw new ReplyError(`${command.shown}: ${reply}`, { reply, command: command.shown });
  return reply;
}

/** Clients and pools that were made. */
let clients = 0;

/** Sessions whose connections the caller makes: what they observe is their own. */
let ways = 0;

/** What the data connections of a session share; there is one of them at a time. */
class DataConnections {
  /** The memory that they read into. */
  readonly receiveBuffer = new ReceiveBuffer();
  /** Runs while a data connection is being made. */
  readonly connecting: WaitTimer;
  /** Runs while only the server keeps the data from moving. */
  readonly stalling: WaitTimer;
  /** The data connection that is being made. */
  attempt: Pick<ConnectionAttempt, 'destroy'> | undefined;

  constructor({ connectTimeout, stallTimeout }: Settings) {
    this.connecting = new WaitTimer(connectTimeout);
    this.stalling = new WaitTimer(stallTimeout);
  }

  /** The control connection is closed: gives up the data connection that is being made, and clears the timers. */
  release(reason: Error | undefined): void {
    this.attempt?.destroy(reason ?? new ConnectionClosedError('the connection was closed'));
    this.connecting.release();
    this.stalling.release();
  }
}

/**
 * Emits an event of a client or of a stream. What one of the caller's listeners throws is his own exception, and must not end the step that emits the
 * event: it is thrown again in a turn of its own, where it is uncaught, as Node does with the listeners of an EventTarget.
 */
export function emitToCaller(emitter: EventEmitter, event: string, ...args: unknown[]): void {
  try {
    emitter.emit(event, ...args);
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

/** The server does not know TYPE; 504 says that it does not have this one. */
function isTYPEUnknown(error: unknown): error is ReplyError & { readonly reply: Reply } {
  return error instanceof ReplyError && isNotImplemented(error.reply) && error.reply?.code !== 504;
}

function during(phase: Phase, error: unknown): unknown {
  return error instanceof FTPError ? annotate(error, { phase }) : error;
}

/** The error of operations after `close()` and `quit()`: no other connection is made for them. */
export function closedByClient(cause: Error | undefined): ConnectionClosedError {
  return new ConnectionClosedError(cause?.message ?? 'the client was closed', { cause: cause?.cause, final: true });
}

function ignore(): void {
  // those who wait for the reply get the error
}
