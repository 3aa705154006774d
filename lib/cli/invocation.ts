import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { throttle, type Throttle } from '../bulk/throttle';
import { FTP } from '../client/ftp';
import { FTPPool, type FTPPoolOptions } from '../client/pool';
import type { FTPOptions } from '../options';
import type { Reply } from '../reply';
import type { Arguments } from './arguments';
import { EXIT, exitCodeOf, NoPasswordError, sentenceOf } from './failure';
import { credentialsFor, type DefaultServer, type Place, placeOnServer, remotePlace } from './place';
import { ProgressDisplay } from './progress-display';
import { askPassword, escapeControls, jsonLine } from './terminal';

/** Why a command ends before its work is done. */
type Stop = 'SIGINT' | 'SIGTERM' | 'output closed';

const STOP_CODES: Readonly<Record<Stop, number>> = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated, 'output closed': EXIT.done };

/** One run of a command: its arguments, its clients, what it prints, and what becomes of it. */
export class Invocation {
  readonly arguments: Arguments;
  readonly #defaults: DefaultServer;
  readonly #abort = new AbortController();
  readonly #clients = new Map<string, FTP | FTPPool>();
  readonly #mode: 'json' | 'quiet' | 'auto';
  /** Made when there is something to show: `ls` is faster without it. */
  #display: ProgressDisplay | undefined;
  readonly #shown = new WeakSet<object>();
  #stop: Stop | undefined;
  #failures = 0;

  constructor(given: Arguments) {
    this.arguments = given;
    this.#defaults = { host: given.text('host'), user: given.text('user') };
    this.#mode = given.has('json') ? 'json' : given.has('quiet') ? 'quiet' : 'auto';
  }

  /** Where progress goes: to stderr, but what a dry run lists is what was asked for. */
  get display(): ProgressDisplay {
    return (this.#display ??= new ProgressDisplay({ mode: this.#mode, output: this.arguments.has('dry-run') ? process.stdout : this.#stderr }));
  }

  get #stderr(): NodeJS.WriteStream {
    return process.stderr.listenerCount('error') > 0 ? process.stderr : process.stderr.on('error', this.#onClosed);
  }

  /** Nobody reads any more. */
  readonly #onClosed = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EPIPE') this.stop('output closed');
    else throw error;
  };

  /** Aborted when the command is to end early. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether a signal of the system ends it: a reader that has left needs no word about it. */
  get isInterrupted(): boolean {
    return this.#stop === 'SIGINT' || this.#stop === 'SIGTERM';
  }

  /** Ends the work early: what has come of a file stays, and the next run goes on with it. */
  stop(why: Stop): void {
    this.#stop ??= why;
    this.#abort.abort();
  }

  /** Does the work of a command; resolves with the exit code when everything is closed. */
  async run(work: (invocation: Invocation) => Promise<void>): Promise<number> {
    process.stdout.on('error', this.#onClosed);
    try {
      await work(this);
      for (const client of this.#clients.values()) await client.quit();
    } catch (error) {
      if (!this.#stop) return this.#fail(error);
    } finally {
      for (const client of this.#clients.values()) client.close();
      this.#display?.close();
    }
    if (this.#stop) return STOP_CODES[this.#stop];
    return this.#failures === 0 ? EXIT.done : EXIT.failed;
  }

  /** Does a part of the work. If it fails, that is reported and the rest goes on; without a connection nothing goes on. */
  async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#stop || exitCodeOf(error) !== EXIT.failed) throw error;
      this.#fail(error);
    }
  }

  /** Counts what has failed, and says so. */
  #fail(error: unknown): number {
    this.#failures += 1;
    const isShown = typeof error === 'object' && error !== null && this.#shown.has(error);
    if (!isShown) this.warn(sentenceOf(error));
    if (process.env['FTPLIB_DEBUG'] && error instanceof Error) this.warn(error.stack ?? '');
    return exitCodeOf(error);
  }

  /** The display has said that this has failed; on stderr it still has to be said where the display has no messages. */
  shownAsFailed(error: object): void {
    if (this.#mode === 'auto') this.#shown.add(error);
  }

  /** Counts a failure that the display has said. */
  failed(message: string): void {
    this.#failures += 1;
    if (this.#mode !== 'auto') this.warn(message);
  }

  /** Shows a message on stderr. */
  warn(message: string): void {
    this.#say(`ftplib: ${message}`);
  }

  #say(text: string): void {
    if (this.#mode === 'auto') this.display.line(text);
    else this.#stderr.write(`${text.split('\n').map(escapeControls).join('\n')}\n`);
  }

  /** Writes a line that was asked for to stdout; it waits where nobody reads so fast. On a terminal nothing in it is obeyed. */
  async print(line: string): Promise<void> {
    if (this.signal.aborted) this.signal.throwIfAborted();
    if (!process.stdout.write(`${process.stdout.isTTY ? escapeControls(line) : line}\n`)) await once(process.stdout, 'drain', { signal: this.signal });
  }

  /** With --json: writes what was done as a line of JSON. */
  async report(result: object): Promise<void> {
    if (this.arguments.has('json')) await this.print(jsonLine(result));
  }

  /** The operands are places on a server. */
  places(operands: readonly string[] = this.arguments.operands): Place[] {
    return operands.map((operand) => placeOnServer(operand, this.#defaults));
  }

  /** A place on a server; undefined for a local path. */
  remotePlace(operand: string): Place | undefined {
    return remotePlace(operand, this.#defaults);
  }

  /** The limit of --rate, which all transfers share. */
  throttle(): { throttle?: Throttle } {
    const rate = this.arguments.number('rate');
    return rate === undefined ? {} : { throttle: throttle(rate) };
  }

  /** The client for the server of a place; one for each server. */
  async client(place: Place): Promise<FTP> {
    const key = JSON.stringify(place.server);
    const known = this.#clients.get(key);
    if (known instanceof FTP) return known;
    const ftp = new FTP(await this.#optionsFor(place));
    this.#clients.set(key, ftp);
    if (this.arguments.has('verbose')) {
      ftp.on('command', (line) => this.#say(`> ${line}`)).on('reply', (reply) => this.#sayReply('', reply));
    }
    return ftp;
  }

  /** A pool for the server of a place. */
  async pool(place: Place, connections: Pick<FTPPoolOptions, 'connections'>): Promise<FTPPool> {
    const pool = new FTPPool({ ...(await this.#optionsFor(place)), ...connections });
    this.#clients.set('pool', pool);
    if (this.arguments.has('verbose')) {
      pool.on('command', (line, number) => this.#say(`${number} > ${line}`)).on('reply', (reply, number) => this.#sayReply(`${number} `, reply));
    }
    return pool;
  }

  #sayReply(prefix: string, { lines }: Reply): void {
    for (const line of lines) this.#say(`${prefix}< ${line}`);
  }

  async #optionsFor({ server }: Place): Promise<FTPOptions> {
    const given = this.arguments;
    const ca = given.text('ca');
    const pin = given.text('pin');
    const timeout = given.number('timeout');
    const proxy = given.text('proxy') ?? (given.has('active') ? '' : 'env');
    return {
      ...server,
      ...(await this.#credentials(server)),
      ...(ca === undefined ? {} : { tls: { ca: readFileSync(ca) } }),
      ...(pin === undefined ? {} : { pin }),
      ...(timeout === undefined ? {} : { timeout }),
      ...(proxy === '' ? {} : { proxy }),
      ...(given.has('active') ? { passive: false } : {}),
    };
  }

  async #credentials(server: FTPOptions): Promise<FTPOptions> {
    const found = credentialsFor(server, process.env);
    if (found.kind === 'known') return found.options;
    const who = `${found.user} at ${server.host}`;
    try {
      return { user: found.user, password: await askPassword(`Password of ${who}: `) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTTY') throw error;
      throw new NoPasswordError(`there is no password of ${who}, and no terminal to ask on: set FTPLIB_PASSWORD, or write it into ~/.netrc`);
    }
  }
}
