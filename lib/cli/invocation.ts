import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { throttle, type Throttle } from '../bulk/throttle';
import { FTP } from '../client/ftp';
import { FTPPool, type FTPPoolOptions } from '../client/pool';
import { ArgumentError } from '../errors';
import type { FTPOptions } from '../options';
import type { Reply } from '../reply';
import type { Arguments } from './arguments';
import { EXIT, exitCodeOf, NoPasswordError, sentenceOf, UsageError } from './failure';
import { credentialsFor, type DefaultServer, type Place, placeOnServer, remotePlace } from './place';
import { ProgressDisplay } from './progress-display';
import { askPassword } from './terminal';
import { escapeControls, jsonLine } from './text';

/** Why a command ends before its work is done: by a signal, because nobody reads its output any more, or because that cannot be written. */
type Stop = 'SIGINT' | 'SIGTERM' | 'output closed' | 'output failed';

/** The exit codes of a work that was not finished. Who leaves the reading of what was to be read has had enough; but other work is missing then. */
const STOP_CODES: Readonly<Record<Stop, Readonly<Record<'output' | 'change', number>>>> = {
  SIGINT: { output: EXIT.interrupted, change: EXIT.interrupted },
  SIGTERM: { output: EXIT.terminated, change: EXIT.terminated },
  'output closed': { output: EXIT.done, change: EXIT.failed },
  'output failed': { output: EXIT.failed, change: EXIT.failed },
};

/** Milliseconds after which a server has said enough to QUIT. */
const LONGEST_QUIT = 1000;

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
  /** What the work is for: what it prints, or a change here or on the server. */
  #worksFor: 'output' | 'change' = 'change';
  #failures = 0;

  constructor(given: Arguments) {
    this.arguments = given;
    this.#defaults = { host: given.text('host'), user: given.text('user') };
    this.#mode = given.has('json') ? 'json' : given.has('quiet') ? 'quiet' : 'auto';
  }

  /** Where progress goes: to stderr, but what a dry run lists is what was asked for. */
  get display(): ProgressDisplay {
    return (this.#display ??= new ProgressDisplay({ mode: this.#mode, output: this.arguments.has('dry-run') ? this.output : this.#stderr }));
  }

  get #stderr(): NodeJS.WriteStream {
    // Where messages cannot be written, nobody can be told, and the work goes on.
    return process.stderr.listenerCount('error') > 0 ? process.stderr : process.stderr.on('error', () => undefined);
  }

  /** Nobody reads stdout any more, or there is no room for it. */
  readonly #onOutputError = (error: NodeJS.ErrnoException): void => {
    if (this.#stop) return;
    this.stop(error.code === 'EPIPE' ? 'output closed' : 'output failed');
    if (error.code !== 'EPIPE') this.warn(`standard output: ${sentenceOf(error)}`);
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
    process.stdout.on('error', this.#onOutputError);
    hidePasswords();
    let isFinished = false;
    try {
      await work(this);
      isFinished = true;
      await this.#quit();
    } catch (error) {
      if (!this.#isStopped()) return this.#fail(error);
    } finally {
      for (const client of this.#clients.values()) client.close();
      this.#display?.close();
    }
    if (this.#stop && !(this.#stop === 'output closed' && isFinished)) return STOP_CODES[this.#stop][this.#worksFor];
    return this.#failures === 0 ? EXIT.done : EXIT.failed;
  }

  /** The work is done, whatever the servers say to QUIT. */
  async #quit(): Promise<void> {
    const clients = [...this.#clients.values()];
    const timer = setTimeout(() => clients.forEach((client) => client.close()), LONGEST_QUIT);
    await Promise.allSettled(clients.map((client) => client.quit()));
    clearTimeout(timer);
  }

  /** Whether an error only says that the work was stopped. That of stdout may come before its event. */
  #isStopped(): boolean {
    if (process.stdout.errored) this.#onOutputError(process.stdout.errored);
    return this.#stop !== undefined;
  }

  /** Does a part of the work. If it fails, that is reported and the rest goes on; without a connection nothing goes on. */
  async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // Wrong arguments and a missing connection concern all that is left to do; any other error concerns this part only.
      if (this.#isStopped() || error instanceof UsageError || exitCodeOf(error) === EXIT.unreachable) throw error;
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

  /** Counts a failure after which the same part of the work goes on, and says so. */
  problem(message: string): void {
    this.#failures += 1;
    this.warn(message);
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
    // What stands on a terminal is moved out of the way; a list that is read elsewhere has no messages in it.
    if (this.#mode === 'auto' && (process.stdout.isTTY || !this.arguments.has('dry-run'))) this.display.line(text);
    else this.#stderr.write(`${text.split('\n').map(escapeControls).join('\n')}\n`);
  }

  /** Writes a line that was asked for to stdout; it waits where nobody reads so fast. On a terminal nothing in it is obeyed. */
  async print(line: string): Promise<void> {
    await this.#write(this.output, process.stdout.isTTY ? escapeControls(line) : line);
  }

  /** The same for an object, as a line of JSON. */
  async printObject(value: object): Promise<void> {
    await this.#write(this.output, jsonLine(value));
  }

  /** With --json: writes what was done as a line of JSON. */
  async report(result: object): Promise<void> {
    if (this.arguments.has('json')) await this.#write(process.stdout, jsonLine(result));
  }

  /** stdout, for what was asked for: when its reader leaves, nothing is missing. */
  get output(): NodeJS.WriteStream {
    this.#worksFor = 'output';
    return process.stdout;
  }

  /** Resolves when the system has all that was printed, and rejects where nobody reads it any more. */
  async printed(): Promise<void> {
    await new Promise<void>((resolve, reject) => process.stdout.write('', (error) => (error ? reject(error) : resolve())));
  }

  async #write(output: NodeJS.WriteStream, line: string): Promise<void> {
    this.signal.throwIfAborted();
    if (!output.write(`${line}\n`)) await once(output, 'drain', { signal: this.signal });
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

  /** The client for the server of a place; one for each server. @throws UsageError for options that do not fit */
  async client(place: Place): Promise<FTP> {
    const key = JSON.stringify(place.server);
    const known = this.#clients.get(key);
    if (known instanceof FTP) return known;
    const options = await this.#optionsFor(place);
    const ftp = fromArguments(() => new FTP(options));
    this.#clients.set(key, ftp);
    if (this.arguments.has('verbose')) {
      ftp.on('command', (line) => this.#say(`> ${line}`)).on('reply', (reply) => this.#sayReply('', reply));
    }
    return ftp;
  }

  /** A pool for the server of a place. */
  async pool(place: Place, connections: Pick<FTPPoolOptions, 'connections'>): Promise<FTPPool> {
    const options = { ...(await this.#optionsFor(place)), ...connections };
    const pool = fromArguments(() => new FTPPool(options));
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
    const tls = ca === undefined ? {} : { tls: { ca: certificatesIn(ca) } };
    if (!server.secure && (ca ?? pin) !== undefined) throw new UsageError(`--${ca === undefined ? 'pin' : 'ca'} is for TLS: name the server with ftpes:// or ftps://`);
    return {
      ...server,
      ...(await this.#credentials(server)),
      ...tls,
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
      return { user: found.user, password: await askPassword(`Password of ${who}: `, this.signal) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTTY') throw error;
      throw new NoPasswordError(`there is no password of ${who}, and no terminal to ask on: set FTPLIB_PASSWORD, or write it into ~/.netrc`);
    }
  }
}

/** @throws UsageError for a file without a certificate, in place of which Node would trust nobody, and say only that */
function certificatesIn(file: string): Buffer {
  const text = read(file);
  if (!text.includes('-----BEGIN ')) throw new UsageError(`${file} has no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----`);
  return text;
}

/** @throws the error of the file system, with the path, which Node leaves out where it has opened a folder */
function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw Object.assign(error as NodeJS.ErrnoException, { path });
  }
}

/** What options of the library are wrong here was given as arguments. */
function fromArguments<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof ArgumentError ? new UsageError(error.message, { cause: error }) : error;
  }
}

/** What may be a name and a password in an argument: up to its last @, in a URL, or where a colon comes before, as in `--host me:secret@host`. */
const CREDENTIALS = /(:\/\/|^(?!.*:\/\/)(?=.*:.*@)(?:-[^=]*=)?).*@/s;

/** Replaces the arguments that other users of the machine can list, where one of them has a password. */
function hidePasswords(): void {
  const words = process.argv.slice(2);
  const shown = words.map((word) => word.replace(CREDENTIALS, '$1****@'));
  if (shown.some((word, i) => word !== words[i])) process.title = ['ftplib', ...shown].join(' ');
}
