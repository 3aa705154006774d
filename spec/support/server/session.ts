import { isUtf8 } from 'node:buffer';
import type { Socket } from 'node:net';
import { posix } from 'node:path';
import type { Duplex } from 'node:stream';
import { withoutTelnet } from './command-lines';
import { ControlChannel } from './control-channel';
import { DataChannel, type DataHost } from './data-channel';
import { answered, worded, type ListLines } from './deviations';
import type { FtpServer } from './ftp-server';
import { FACTS } from './listing';
import { OpenHandles } from './open-handles';
import type { PassivePorts } from './passive-ports';
import { Refusal } from './refusal';
import { firstFolder, mainframePath } from './verbs/mainframes';
import { isTransfer, runVerb } from './verbs/verbs';

/** One client's session: its control connection, what it has said so far, and its data connection. */
export class Session implements DataHost {
  readonly control: ControlChannel;
  /** What PASV, EPSV, PORT or EPRT agreed on, until the next transfer has used it. */
  data: DataChannel | undefined;
  /** What EPSV or PASV agreed on while a transfer ran, where they are answered at once. */
  #nextData: DataChannel | undefined;
  /** The transfer that ABOR would end. */
  running: AbortController | undefined;
  /** True when the transfer that is being answered came to its end. */
  completed = false;
  /** True from ABOR's arrival during a transfer to its reply. */
  aborted = false;
  user: string | undefined;
  login: 'none' | 'password' | 'account' | 'done' = 'none';
  cwd: string;
  type: 'A' | 'I';
  /** Z: each transfer is one stream of zlib. */
  mode: 'S' | 'Z' = 'S';
  /** How LIST prints an entry; SITE may change it. */
  lines: ListLines | undefined;
  restart = 0;
  renameFrom: string | undefined;
  epsvOnly = false;
  bufferSize = false;
  protection: 'C' | 'P' = 'C';
  facts: readonly string[] = FACTS;
  /** What OPTS HASH chose. */
  hash: string | undefined;
  /** The command that is being answered. */
  verb = '';
  argument = '';
  /** A command is being answered. */
  #busy = false;
  readonly #dataSockets = new OpenHandles<Socket>();

  constructor(
    readonly server: FtpServer,
    socket: Socket,
  ) {
    const { paths, types, lines } = server.deviations;
    this.cwd = paths === undefined ? '/' : firstFolder(paths);
    this.type = types === 'bytes only' ? 'I' : 'A';
    this.lines = lines;
    this.control = new ControlChannel(socket, (lines) => this.#arrived(lines));
  }

  /** Answers one command after the other until the connection is gone. */
  async run(): Promise<void> {
    void this.#serve();
    await this.control.closed;
    this.running?.abort();
    this.setData(undefined);
    this.#nextData?.destroy();
    for (const socket of this.#dataSockets) socket.destroy();
  }

  /** Sends a reply: its lines, without the last CRLF. */
  reply(text: string): void {
    const { wording, lineEnds } = this.server.deviations;
    const lines = `${worded(text, this.verb, this.argument, wording)}\r\n`;
    const bytes = Buffer.from(lineEnds === undefined ? lines : lines.replaceAll('\r\n', lineEnds), this.server.encoding);
    // 0xff is Telnet's IAC and doubled on the control connection; UTF-8 has none.
    void this.control.write(bytes.includes(0xff) ? Buffer.from(bytes.toString('latin1').replaceAll('\xff', '\xff\xff'), 'latin1') : bytes);
  }

  /** Resolves when the bytes have been given to the system. */
  writeRaw(bytes: string | Uint8Array): Promise<void> {
    return this.control.write(typeof bytes === 'string' ? Buffer.from(bytes, this.server.encoding) : bytes);
  }

  /** The data connection as it is, without TLS. @throws Refusal 425 */
  async dataConnection(): Promise<Socket> {
    try {
      if (!this.data) throw new Error('no PASV or PORT');
      return await this.data.connection();
    } catch {
      throw new Refusal('425 Failed to establish connection.');
    }
  }

  /** The data connection, under TLS after PROT P. @throws Refusal 425, 522 */
  async protectedData(): Promise<Duplex> {
    const socket = await this.dataConnection();
    const { tls } = this.server;
    if (this.protection === 'C' || !tls || !this.data) return socket;
    return this.data.secured(tls).catch((error: Error) => {
      throw new Refusal(`522 TLS on the data connection failed: ${error.message}`);
    });
  }

  /** True where a data connection in the clear is against the server's rules. */
  get clearDataRefused(): boolean {
    return this.server.tls?.options.required === true && this.protection === 'C';
  }

  /** Listens for a data connection; resolves with the port. */
  async listen(): Promise<number> {
    if (!this.running) this.setData(undefined);
    const data = await DataChannel.passive(this, this.control.socket.remoteAddress);
    if (!this.data?.used) this.setData(data);
    else {
      this.#nextData?.destroy();
      this.#nextData = data;
    }
    return data.port;
  }

  /** Takes the place of what was agreed on before, and closes it. */
  setData(data: DataChannel | undefined): void {
    this.data?.destroy();
    this.data = data;
  }

  get acceptTimeout(): number {
    return this.server.acceptTimeout;
  }

  get ports(): PassivePorts {
    return this.server.ports;
  }

  trackData(socket: Socket): void {
    this.#dataSockets.track(socket);
    this.server.trackData(socket);
  }

  /** The built-in behaviour of the command that is being answered, or of another one. */
  async normal(verb = this.verb, argument = this.argument): Promise<void> {
    try {
      await runVerb(this, verb, argument);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.reply(error.reply);
    }
  }

  /** TLS on the control connection; the connection is closed when the handshake fails. */
  async startTls(): Promise<void> {
    const { tls } = this.server;
    if (!tls) throw new Error('the server was started without the option `tls`');
    await this.control.startTls(tls).catch(() => this.control.destroy());
  }

  /** A transfer has begun: what was sent in one flight with its command comes during the transfer, such as ABOR. */
  begin(transfer: AbortController): void {
    this.running = transfer;
    this.control.sift((line) => this.#waits(this.#decode(line)));
  }

  /** The absolute path that an argument means. */
  path(argument: string): string {
    return this.server.deviations.paths === undefined ? posix.resolve(this.cwd, argument) : mainframePath(this.cwd, argument);
  }

  async #serve(): Promise<void> {
    try {
      await this.#greet();
      for (let line = await this.control.next(); line; line = await this.control.next()) await this.#execute(this.#decode(line));
    } catch (error) {
      this.server.fail(error);
      this.control.destroy();
    }
  }

  async #greet(): Promise<void> {
    const { scripts, tls } = this.server;
    await scripts.run('CONNECT', this, '');
    if (tls?.options.mode === 'implicit') await this.startTls();
    this.control.start();
    this.verb = 'GREETING';
    if (!(await scripts.run('GREETING', this, ''))) this.reply('220 Ready.');
  }

  async #execute(line: string): Promise<void> {
    [this.verb, this.argument] = partsOf(line);
    this.completed = false;
    this.#busy = true;
    try {
      if (!(await this.server.scripts.run(this.verb, this, this.argument))) await this.normal();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.reply(error.reply);
    } finally {
      this.#busy = false;
      this.#forget();
    }
  }

  /** What holds for one transfer only: its REST, and a data connection that a verb or a script has used. */
  #forget(): void {
    if (isTransfer(this.verb) && this.#forgetsRestart) this.restart = 0;
    if (this.data?.used) {
      this.data.release();
      this.data = undefined;
    }
    if (this.#nextData) this.setData(this.#nextData);
    this.#nextData = undefined;
  }

  get #forgetsRestart(): boolean {
    const { restart } = this.server.deviations;
    return restart === 'until done' ? this.completed : restart !== 'until the next';
  }

  #arrived(lines: readonly Buffer[]): readonly Buffer[] {
    for (const line of lines) this.server.arrived(this.#decode(line), line, this);
    const { packets, overlap } = this.server.deviations;
    if (lines.length > 1 && packets === 'fused') this.reply('500 Unknown command.');
    const isOverlapping = overlap === 'reset' && (lines.length > 1 || this.#busy) && !lines.some((line) => isAbor(this.#decode(line)));
    if (isOverlapping || (lines.length > 1 && packets === 'none')) this.control.reset();
    return answered(lines, packets).filter((line) => this.#waits(this.#decode(line)));
  }

  /** False for a command that a transfer under way does not keep waiting: it is answered now. */
  #waits(line: string): boolean {
    if (!this.running) return true;
    const { duringTransfer, abort } = this.server.deviations;
    const [verb, argument] = partsOf(line);
    if (isAbor(line)) {
      if (abort === 'resets') this.control.reset();
      else if (abort === undefined) this.#abort();
    } else if (duringTransfer === 'refused') {
      this.reply('503 Not while a transfer is under way.');
      return false;
    } else if (duringTransfer === 'dropped') return false;
    else if (duringTransfer === 'closed') {
      this.control.hangUp();
      return false;
    } else if (duringTransfer === 'passive at once' && (verb === 'EPSV' || verb === 'PASV')) {
      void this.normal(verb, argument).catch((error: unknown) => this.server.fail(error));
      return false;
    }
    return true;
  }

  #abort(): void {
    if (!this.running) return;
    this.aborted = true;
    this.running.abort();
  }

  #decode(line: Buffer): string {
    const bytes = withoutTelnet(line);
    return bytes.toString(this.server.encoding === 'utf8' && isUtf8(bytes) ? 'utf8' : 'latin1');
  }
}

/** The verb in capitals, and what follows it. */
function partsOf(line: string): [verb: string, argument: string] {
  const [, verb = '', argument = ''] = /^(\S*) ?(.*)$/s.exec(line) ?? [];
  return [verb.toUpperCase(), argument];
}

function isAbor(line: string): boolean {
  return /^ABOR\s*$/i.test(line);
}
