// Listings: which command lists a folder, and how its path is given so that the server takes it for a path; MLSD, LIST, and what takes their place.

import type { Command } from '../control/command';
import type { Features } from '../control/features';
import type { Session, Turn } from '../control/session';
import { isUTF8 } from '../encoding';
import { ArgumentError, PermanentError, type ReplyError } from '../errors';
import { type Entry, rawNameOf } from '../listing/entry';
import { ListDecoder, type ListParserOptions } from '../listing/list-parser';
import { mlstEntry } from '../listing/mlsx';
import { checkNames, type OptionNames } from '../options';
import { isNotImplemented, lookUp } from './facts';
import type { Decoder } from './lines';
import type { Choice, Plan } from './transfer';

/** True for 450, by which some servers say that a folder is empty, and others that it is missing: the server is asked then what the path is. */
function saysEmpty({ reply }: ReplyError): boolean {
  return reply?.code === 450;
}

/** The options of `mlsd`. */
export interface MlsdOptions extends Pick<ListParserOptions, 'keepDots'> {
  /** The facts to ask for with OPTS MLST (RFC 3659, 7.9), such as `['type', 'size', 'modify']`; default: the server's choice. */
  facts?: readonly string[];
  /** Ends the stream with an AbortError when it is aborted. */
  signal?: AbortSignal;
}

const MLSD_OPTIONS: OptionNames<MlsdOptions> = { facts: true, keepDots: true, signal: true };

/** The plan of `mlsd`: MLSD and no other command, after OPTS MLST where facts are asked for (RFC 3659, 7.9). */
export class MlsdPlan implements Plan, Decoder<Entry> {
  readonly #session: Session;
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

  async begin({ control }: Turn): Promise<Command> {
    if (this.#facts) await control.exec(this.#facts);
    return this.#command;
  }

  async recover(refusal: ReplyError, turn: Turn): Promise<'complete'> {
    const path = this.#command.argument;
    if (!saysEmpty(refusal) || path === '') throw refusal;
    await lookUp(turn, turn.session.command('MLST', path), 'empty');
    return 'complete';
  }

  isLast(): boolean {
    return true;
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

/** The options of `list`. */
export interface ListOptions extends Pick<ListParserOptions, 'format' | 'now' | 'serverTimeZoneOffset' | 'keepDots'> {
  /** Whether LIST is asked for names that begin with a dot, by `-a`, which aioftp 0.21 takes for a path; default false. MLSD always lists them. */
  all?: boolean;
  /** @internal whether the folder is entered, and listed without a path, for servers that ignore the path of a listing; default false */
  enter?: boolean;
  /** Ends the stream with an AbortError when it is aborted. */
  signal?: AbortSignal;
}

const LIST_OPTIONS: OptionNames<ListOptions> = { format: true, now: true, serverTimeZoneOffset: true, keepDots: true, all: true, enter: true, signal: true };

/**
 * The plan of `list`: MLSD where FEAT offers it (RFC 3659, 7), and LIST otherwise.
 *
 * Servers take the argument of LIST for options and patterns, and inetutils, ftpd-ssl and Pure-FTPd split it at blanks. So a folder whose path
 * has such characters is entered first. Some servers list a missing folder as an empty one (LIST of vsftpd 3.0.3, MLSD of Apache FtpServer).
 * So an empty listing is checked: MLST or CWD must know the folder.
 */
export class ListPlan implements Plan, Decoder<Entry> {
  /** For the names and the limits, which all sessions of a pool share. */
  readonly #session: Session;
  readonly #path: string | undefined;
  readonly #options: ListOptions;
  readonly #onUnparsed: (line: string) => void;
  #mode: 'MLSD' | 'LIST' = 'LIST';
  #decoder: ListDecoder | undefined;
  #entry: Entry | undefined;
  #found = false;
  #decoded = 0;
  /** Whether the session is in another folder than the working folder. */
  #away = false;
  /** The only name to list of the folder that was entered. */
  #only: string | undefined;
  /** Why the path could not be entered; the listing fails with it where no file has that name, either. */
  #refusal: PermanentError | undefined;

  /** @throws ArgumentError for an unknown option */
  constructor(session: Session, path: string | undefined, options: ListOptions, onUnparsed: (line: string) => void) {
    checkNames(options, LIST_OPTIONS);
    this.#session = session;
    this.#path = path;
    this.#options = options;
    this.#onUnparsed = onUnparsed;
  }

  async begin(turn: Turn): Promise<Command | Choice> {
    const { session } = turn;
    this.#away = false; // it may have been true on the connection before
    this.#only = this.#refusal = undefined;
    session.beginNegotiation();
    const asks = session.negotiationUnderWay() !== undefined;
    const features = session.observed.lacksMLSD ? undefined : session.features(); // asked now: a session that is lost meanwhile would not say why
    return asks && this.#needsNoEntering ? () => this.#choose(turn, features) : this.#choose(turn, features);
  }

  async recover(refusal: ReplyError, turn: Turn): Promise<Command | 'complete'> {
    if (saysEmpty(refusal) && this.#path !== undefined) {
      if (!this.#away) await this.#verify(turn, this.#path);
      return 'complete';
    }
    if (this.#mode === 'LIST' || !(refusal instanceof PermanentError)) throw refusal;
    if (isNotImplemented(refusal.reply)) {
      turn.session.observed.lacksMLSD = true;
      this.#mode = 'LIST';
      return this.#list(turn);
    }
    if (this.#path === undefined) throw refusal;
    // MLSD is for folders only. The path may be that of a file, which is then the listing.
    const reply = await turn.control.exec(turn.session.command('MLST', this.#path)).catch(() => undefined);
    const entry = reply && mlstEntry(reply);
    if (!entry || entry.type === 'directory') throw refusal;
    this.#entry = entry;
    return 'complete';
  }

  async finish(turn: Turn, complete: boolean, bytes: number): Promise<void> {
    // Bytes that are not decoded yet, because the reader is slow, count as entries. MLSD lists the folder itself as well, which shows that it exists.
    const empty = this.#mode === 'MLSD' ? bytes === 0 : !this.#found && bytes === this.#decoded;
    try {
      if (complete && empty && this.#path !== undefined && !this.#away && !this.#refusal && !this.#entry) await this.#verify(turn, this.#path);
    } finally {
      if (this.#away) await turn.session.leaveFolder(turn.control);
    }
  }

  /** True where the listing needs no check after it, and no folder has to be left. */
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

  async #choose(turn: Turn, features: Promise<Features> | undefined): Promise<Command> {
    this.#mode = (await features)?.has('MLST') ? 'MLSD' : 'LIST';
    if (this.#mode === 'LIST') return this.#list(turn);
    if (this.#options.enter && this.#path !== undefined) await this.#visit(turn, this.#path);
    return turn.session.command('MLSD', this.#away ? undefined : this.#path);
  }

  /** True for a path that LIST takes as it is. */
  get #needsNoEntering(): boolean {
    return this.#path === undefined || (!this.#options.enter && /^[\w/.][^\s*?[\]{}\\"'~]*$/.test(this.#path));
  }

  /** Checks an empty listing: the path may be an empty folder, a file that the server does not list (aioftp 0.21), or missing. */
  async #verify(turn: Turn, path: string): Promise<void> {
    const entry = await lookUp(turn, turn.session.command('MLST', path), 'empty');
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

  async #list(turn: Turn): Promise<Command> {
    const { session } = turn;
    const path = this.#path;
    const flags = this.#options.all ? '-a' : undefined;
    if (path === undefined || this.#away) return session.command('LIST', flags);
    if (this.#needsNoEntering) return session.command('LIST', flags ? `${flags} ${path}` : path);
    await this.#enter(turn, path);
    return session.command('LIST', flags);
  }

  /** Enters the folder at the path, or, where that is a file, the folder that it is in. */
  async #enter(turn: Turn, path: string): Promise<void> {
    try {
      await this.#visit(turn, path);
    } catch (refusal) {
      if (!(refusal instanceof PermanentError)) throw refusal;
      this.#refusal = refusal;
      const slash = path.lastIndexOf('/');
      this.#only = path.slice(slash + 1);
      if (slash >= 0) await this.#visit(turn, path.slice(0, slash) || '/');
    }
  }

  async #visit({ session, control }: Turn, folder: string): Promise<void> {
    this.#away = true;
    await session.enterFolder(control, folder);
  }
}
