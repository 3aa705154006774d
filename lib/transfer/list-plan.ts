import type { Command } from '../control/command';
import type { ControlConnection } from '../control/control-connection';
import type { Features } from '../control/features';
import type { Session } from '../control/session';
import { isUTF8 } from '../encoding';
import { ArgumentError, PermanentError, type ReplyError } from '../errors';
import { type Entry, rawNameOf } from '../listing/entry';
import { ListDecoder, type ListParserOptions } from '../listing/list-parser';
import { mlstEntry } from '../listing/mlsx';
import { checkNames, type OptionNames } from '../options';
import { isNotImplemented, lookUpEmpty } from './facts';
import type { Decoder } from './lines';
import type { Choice, Plan } from './transfer';

/** 450 in place of a listing is how some servers say that a folder is empty, and others that it is missing: what the path is has to be asked. */
function saysEmpty({ reply }: ReplyError): boolean {
  return reply?.code === 450;
}

/** How MLSD is asked. */
export interface MlsdOptions extends Pick<ListParserOptions, 'keepDots'> {
  /** The facts wanted, such as `['type', 'size', 'modify']`. */
  facts?: readonly string[];
  /** Ends the stream with an AbortError. */
  signal?: AbortSignal;
}

const MLSD_OPTIONS: OptionNames<MlsdOptions> = { facts: true, keepDots: true, signal: true };

/** MLSD and nothing else, after OPTS MLST where facts are asked for (RFC 3659, 7.9). */
export class MlsdPlan implements Plan, Decoder<Entry> {
  #session: Session;
  readonly #command: Command;
  readonly #facts: Command | undefined;
  readonly #decoder: ListDecoder;

  /** @throws ArgumentError for facts that are no names */
  constructor(session: Session, command: Command, options: MlsdOptions, onUnparsed: (line: string) => void) {
    checkNames(options, MLSD_OPTIONS);
    const { facts, keepDots } = options;
    this.#session = session;
    this.#command = command;
    if (facts !== undefined && !isNames(facts)) throw new ArgumentError('facts must be an array of names such as size or unix.mode');
    this.#facts = facts && session.command('OPTS', `MLST ${facts.map((fact) => `${fact};`).join('')}`);
    const { encoding, maxLineBytes } = session.settings;
    this.#decoder = new ListDecoder({ format: 'mlsd', encoding: isUTF8(encoding) ? 'auto' : encoding, maxLineBytes, keepDots, onUnparsed });
  }

  use(session: Session): void {
    this.#session = session;
  }

  async begin(control: ControlConnection): Promise<Command> {
    if (this.#facts) await control.exec(this.#facts);
    return this.#command;
  }

  async recover(refusal: ReplyError, control: ControlConnection): Promise<'complete'> {
    const path = this.#command.argument;
    if (!saysEmpty(refusal) || path === '') throw refusal;
    await lookUpEmpty(this.#session, control, this.#session.command('MLST', path));
    return 'complete';
  }

  isLast(): boolean {
    return true;
  }

  async finish(): Promise<void> {
    // nothing was changed that is to be undone
  }

  decode(chunk: Buffer): Entry[] {
    return this.#remembered(this.#decoder.decode(chunk));
  }

  end(): Entry[] {
    return this.#remembered(this.#decoder.end());
  }

  #remembered(entries: Entry[]): Entry[] {
    for (const entry of entries) this.#session.codec.remember(entry.name, rawNameOf(entry));
    return entries;
  }
}

function isNames(facts: unknown): boolean {
  return Array.isArray(facts) && facts.every((fact) => typeof fact === 'string' && /^[\w.-]+$/.test(fact));
}

/** How a folder is listed. */
export interface ListOptions extends Pick<ListParserOptions, 'format' | 'now' | 'serverTimeZoneOffset' | 'keepDots'> {
  /** Ask LIST for names that begin with a dot, by its option `-a`, which aioftp takes for a path; default false. MLSD tells them always. */
  all?: boolean;
  /** @internal goes to the folder first, and lists it without a path: for servers that do not look at the path of a listing; default false. */
  enter?: boolean;
  /** Ends the stream with an AbortError. */
  signal?: AbortSignal;
}

const LIST_OPTIONS: OptionNames<ListOptions> = { format: true, now: true, serverTimeZoneOffset: true, keepDots: true, all: true, enter: true, signal: true };

/**
 * MLSD where FEAT offers it (RFC 3659, 7), else LIST, with what each of them needs to mean the path and nothing else.
 *
 * LIST takes its argument for options and patterns (inetutils, ftpd-ssl and Pure-FTPd split it at blanks), so a path with
 * such characters is entered first. Either command may show a missing folder as an empty one (LIST of vsftpd 3.0.3, MLSD of
 * Apache FtpServer), so an answer without a line is checked: MLST or CWD must know the folder.
 */
export class ListPlan implements Plan, Decoder<Entry> {
  #session: Session;
  readonly #path: string | undefined;
  readonly #options: ListOptions;
  readonly #onUnparsed: (line: string) => void;
  #mode: 'MLSD' | 'LIST' = 'LIST';
  #decoder: ListDecoder | undefined;
  #entry: Entry | undefined;
  #found = false;
  #decoded = 0;
  /** The session was taken to another folder. */
  #away = false;
  /** The name that is wanted of the folder that was entered. */
  #only: string | undefined;
  /** Why the path could not be entered: what holds when no file has that name either. */
  #refusal: PermanentError | undefined;

  /** @throws ArgumentError */
  constructor(session: Session, path: string | undefined, options: ListOptions, onUnparsed: (line: string) => void) {
    checkNames(options, LIST_OPTIONS);
    this.#session = session;
    this.#path = path;
    this.#options = options;
    this.#onUnparsed = onUnparsed;
  }

  use(session: Session): void {
    this.#session = session;
  }

  async begin(control: ControlConnection): Promise<Command | Choice> {
    this.#away = false; // of another connection
    this.#only = this.#refusal = undefined;
    this.#session.beginNegotiation();
    const asks = this.#session.negotiationUnderWay() !== undefined;
    const features = this.#session.lacksMLSD ? undefined : this.#session.features(); // held: a session that is lost meanwhile forgets why
    return asks && this.#needsNoEntering ? () => this.#choose(control, features) : this.#choose(control, features);
  }

  async recover(refusal: ReplyError, control: ControlConnection): Promise<Command | 'complete'> {
    if (saysEmpty(refusal) && this.#path !== undefined) {
      if (!this.#away) await this.#verify(control, this.#path);
      return 'complete';
    }
    if (this.#mode === 'LIST' || !(refusal instanceof PermanentError)) throw refusal;
    if (isNotImplemented(refusal.reply)) {
      this.#session.lacksMLSD = true;
      this.#mode = 'LIST';
      return this.#list(control);
    }
    if (this.#path === undefined) throw refusal;
    // MLSD is for folders only: a file's path lists the file.
    const reply = await control.exec(this.#session.command('MLST', this.#path)).catch(() => undefined);
    const entry = reply && mlstEntry(reply);
    if (!entry || entry.type === 'directory') throw refusal;
    this.#entry = entry;
    return 'complete';
  }

  async finish(control: ControlConnection, complete: boolean, bytes: number): Promise<void> {
    // Bytes that wait for a slow reader are taken for entries; what MLSD says of the folder itself shows that it is there.
    const empty = this.#mode === 'MLSD' ? bytes === 0 : !this.#found && bytes === this.#decoded;
    try {
      if (complete && empty && this.#path !== undefined && !this.#away && !this.#refusal && !this.#entry) await this.#verify(control, this.#path);
    } finally {
      if (this.#away) await this.#session.leaveFolder(control);
    }
  }

  /** What was listed is there, and what was entered is left behind it. */
  isLast(): boolean {
    return !this.#away && (this.#path === undefined || (this.#mode === 'MLSD' ? this.#decoded > 0 : this.#found));
  }

  decode(chunk: Buffer): Entry[] {
    this.#decoded += chunk.length;
    return this.#wanted((this.#decoder ??= this.#makeDecoder()).decode(chunk));
  }

  end(): Entry[] {
    const entries = this.#wanted(this.#decoder?.end() ?? []);
    if (this.#refusal && !this.#found) throw this.#refusal;
    return this.#entry ? [...entries, this.#entry] : entries;
  }

  async #choose(control: ControlConnection, features: Promise<Features> | undefined): Promise<Command> {
    this.#mode = (await features)?.has('MLST') ? 'MLSD' : 'LIST';
    if (this.#mode === 'LIST') return this.#list(control);
    if (this.#options.enter && this.#path !== undefined) await this.#visit(control, this.#path);
    return this.#session.command('MLSD', this.#away ? undefined : this.#path);
  }

  /** LIST takes the path for itself. */
  get #needsNoEntering(): boolean {
    return this.#path === undefined || (!this.#options.enter && /^[\w/.][^\s*?[\]{}\\"'~]*$/.test(this.#path));
  }

  /** An empty answer is a folder that is empty, or a file that the server does not list (aioftp 0.21), or nothing at all. */
  async #verify(control: ControlConnection, path: string): Promise<void> {
    const entry = await lookUpEmpty(this.#session, control, this.#session.command('MLST', path));
    if (entry.type !== 'directory') this.#entry = entry;
  }

  #wanted(entries: Entry[]): Entry[] {
    for (const entry of entries) this.#session.codec.remember(entry.name, rawNameOf(entry));
    const wanted = this.#only === undefined ? entries : entries.filter(({ name }) => name === this.#only);
    if (wanted.length > 0) this.#found = true;
    return wanted;
  }

  #makeDecoder(): ListDecoder {
    const { settings } = this.#session;
    const { all: _all, enter: _enter, signal: _signal, ...options } = this.#options;
    return new ListDecoder({
      ...options,
      ...(this.#mode === 'MLSD' ? { format: 'mlsd' } : {}),
      encoding: isUTF8(settings.encoding) ? 'auto' : settings.encoding,
      maxLineBytes: settings.maxLineBytes,
      onUnparsed: this.#onUnparsed,
    });
  }

  async #list(control: ControlConnection): Promise<Command> {
    const path = this.#path;
    const flags = this.#options.all ? '-a' : undefined;
    if (path === undefined || this.#away) return this.#session.command('LIST', flags);
    if (this.#needsNoEntering) return this.#session.command('LIST', flags ? `${flags} ${path}` : path);
    await this.#enter(control, path);
    return this.#session.command('LIST', flags);
  }

  /** Goes where the path leads, or, for a file, to the folder that it is in. */
  async #enter(control: ControlConnection, path: string): Promise<void> {
    try {
      await this.#visit(control, path);
    } catch (refusal) {
      if (!(refusal instanceof PermanentError)) throw refusal;
      this.#refusal = refusal;
      const slash = path.lastIndexOf('/');
      this.#only = path.slice(slash + 1);
      if (slash >= 0) await this.#visit(control, path.slice(0, slash) || '/');
    }
  }

  async #visit(control: ControlConnection, folder: string): Promise<void> {
    this.#away = true;
    await this.#session.enterFolder(control, folder);
  }
}
