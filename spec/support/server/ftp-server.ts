import { EventEmitter, once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { posix } from 'node:path';
import { chunksOf, stored } from './content';
import { makeFile, type FileNode, type NodeInit } from './nodes';
import { OpenHandles } from './open-handles';
import type { Deviations } from './deviations';
import { PassivePorts } from './passive-ports';
import { Refusal } from './refusal';
import { ScriptRun, type Script } from './script';
import { FEATURES, USERS, type Account, type FtpServerOptions } from './server-options';
import { Session } from './session';
import { TlsSide } from './tls-options';
import { Transcript, type Awaited } from './transcript';
import { Tree } from './tree';
import { DiscardedUpload, StoredUpload, type OpenUpload } from './upload';

/**
 * An FTP server on loopback whose every answer can be scripted, with the steps of steps.ts.
 *
 *     const server = await FtpServer.start({
 *       files: { '/a': 'abc', '/big': content(1e9), '/incoming/': '' },
 *       script: { SIZE: ['213 7', '550 gone'], RETR: [send('150 go'), data('ab'), until(read), dataEnd(), send('226 ok')] },
 *     });
 *
 * Emits `command` (line, session) for each command as it arrives, before it is answered, and `session` (session) for each client.
 */
export class FtpServer extends EventEmitter {
  /** All that the server has; specs may change it at any time. */
  readonly files: Tree;
  readonly sessions = new Set<Session>();
  readonly scripts: ScriptRun;
  readonly tls: TlsSide | undefined;
  readonly encoding: 'utf8' | 'latin1';
  readonly features: readonly string[];
  readonly deviations: Deviations;
  readonly acceptTimeout: number;
  readonly now: () => Date;
  readonly host: string;
  /** For the sessions. */
  readonly ports: PassivePorts;
  readonly #listener = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => void this.#serve(socket));
  readonly #users: ReadonlyMap<string, string | Account>;
  readonly #transcript = new Transcript();
  readonly #control = new OpenHandles<Socket>();
  readonly #data = new OpenHandles<Socket>();
  readonly #listeners = new OpenHandles<Server>();
  readonly #failures: unknown[] = [];
  #port = 0;
  #mark = 0;

  private constructor(options: FtpServerOptions) {
    super();
    this.files = new Tree(options.files, options.names);
    this.deviations = options;
    this.scripts = new ScriptRun(options.script ?? {});
    this.tls = options.tls && new TlsSide(options.tls);
    this.encoding = options.encoding ?? 'utf8';
    this.features = options.features ?? FEATURES;
    this.acceptTimeout = options.acceptTimeout ?? 10_000;
    this.now = options.now ?? (() => new Date());
    this.host = options.host ?? '127.0.0.1';
    this.ports = new PassivePorts(this.host, (listener) => this.#listeners.track(listener));
    this.#listeners.track(this.#listener);
    this.#users = new Map(Object.entries(options.users ?? USERS));
  }

  /** Resolves when it listens. @throws Error for a host that is not loopback */
  static async start(options: FtpServerOptions = {}): Promise<FtpServer> {
    const server = new FtpServer(options);
    if (server.host !== '127.0.0.1' && server.host !== '::1') throw new Error(`loopback only, not ${server.host}`);
    await once(server.#listener.listen(options.port ?? 0, server.host), 'listening');
    server.#port = (server.#listener.address() as AddressInfo).port;
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** With the name and password of the first user that needs one; `ftps:` and `ftpes:` as the server does TLS. */
  get url(): string {
    const scheme = this.tls ? (this.tls.options.mode === 'implicit' ? 'ftps' : 'ftpes') : 'ftp';
    const [user, password] = [...this.#users.keys()].map((name) => [name, this.account(name)?.password ?? '*'] as const).find(([, word]) => word !== '*') ?? [];
    const who = user === undefined ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(password ?? '')}@`;
    return `${scheme}://${who}${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}/`;
  }

  /** Every command line that was received, in order of arrival, of all sessions; decoded, without CRLF. */
  get commands(): string[] {
    return this.#transcript.commands;
  }

  /** The same as bytes. */
  get commandBytes(): Buffer[] {
    return this.#transcript.commandBytes;
  }

  /** What is done in place of the built-in behaviour; a new script begins anew. */
  get script(): Script {
    return this.scripts.script;
  }

  set script(script: Script) {
    this.scripts.script = script;
  }

  /** How many sockets are open now, and at how many ports somebody is expected. */
  get connections(): { readonly control: number; readonly data: number; readonly listeners: number } {
    const listeners = this.#listener.listening ? 1 : 0;
    return { control: this.#control.size, data: this.#data.size, listeners: listeners + this.ports.lent };
  }

  /** All bytes of a file. @throws Refusal when there is none */
  read(path: string): Buffer {
    return Buffer.concat([...chunksOf(this.file(path).content)]);
  }

  /** Makes or replaces what is at a path. */
  write(path: string, init: NodeInit): void {
    this.files.put(path, init);
  }

  /** The file at a path; of a sink, `content` has the `size` and the `sha256` of what came. @throws Refusal when there is none */
  file(path: string): FileNode {
    const { node } = this.files.follow(path);
    if (node.kind !== 'file') throw new Refusal(`550 ${path} is not a file.`);
    return node;
  }

  /** From here on `waitFor` looks, unless told otherwise; returns the number of commands so far. */
  mark(): number {
    this.#mark = this.commands.length;
    return this.#mark;
  }

  /** Resolves with the first such command after the mark or number `since`, also when it was received before. */
  waitFor(what: Awaited, since = this.#mark): Promise<string> {
    return this.#transcript.waitFor(what, since);
  }

  /** Resolves when no data connection is open. */
  idle(): Promise<void> {
    return this.#data.empty();
  }

  /** Resolves when no client is connected. */
  deserted(): Promise<void> {
    return this.#control.empty();
  }

  /** Ends everything; resolves when no socket is left. @throws what a script's function has thrown */
  async close(): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    for (const socket of [...this.#control, ...this.#data]) socket.destroy();
    await Promise.all([this.#control.empty(), this.#data.empty(), this.#listeners.empty()]);
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  // What follows is for the sessions.

  account(name: string): Account | undefined {
    const known = this.#users.get(name === 'ftp' ? 'anonymous' : name);
    return typeof known === 'string' ? { password: known } : known;
  }

  arrived(line: string, bytes: Buffer, session: Session): void {
    this.#transcript.add(line, bytes);
    this.emit('command', line, session);
  }

  /** Something that a spec must hear of: `close` throws it. */
  fail(error: unknown): void {
    this.#failures.push(error);
  }

  trackData(socket: Socket): void {
    this.#data.track(socket);
  }

  /** @throws Refusal 553 where no file can be written */
  requireWritable(path: string): void {
    const place = this.files.place(path, 553);
    if (this.deviations.forbids?.test(posix.basename(path))) throw new Refusal('550 The filename, directory name, or volume label syntax is incorrect.');
    if (this.files.has(place) && this.files.follow(place).node.kind === 'directory') throw new Refusal('553 Could not create file.');
  }

  /** Makes the file, or empties it, or keeps what is before and after byte `from`. */
  openUpload(path: string, from: number | 'end'): OpenUpload {
    const place = this.files.place(path, 553);
    const isNew = !this.files.has(place);
    if (isNew) {
      const { node } = this.files.directory(posix.dirname(place));
      this.files.set(place, makeFile(Buffer.alloc(0), this.now(), node.discard));
    }
    const file = this.file(place);
    const { content, modified } = file;
    const before = this.deviations.restart === 'truncates' && from !== 'end' ? stored(Buffer.alloc(0)) : content;
    const upload = file.discard ? new DiscardedUpload() : new StoredUpload(before, from === 'end' ? content.size : from);
    file.content = upload;
    file.modified = this.now();
    return { take: (chunk) => upload.take(chunk), undo: () => (isNew ? void this.files.delete(place) : void Object.assign(file, { content, modified })) };
  }

  async #serve(socket: Socket): Promise<void> {
    this.#control.track(socket);
    if (this.deviations.clients === 'one' && this.sessions.size > 0) return void socket.resume().end('421 Only one client at a time.\r\n');
    const session = new Session(this, socket);
    this.sessions.add(session);
    this.emit('session', session);
    await session.run();
    this.sessions.delete(session);
  }
}
