// Listings: which command lists a folder, and how its path is given so that the server takes it for a path; MLSD, LIST, and what takes their place.

import type { Command } from '../control/command';
import { isNotImplemented } from '../control/command-table';
import type { ObservedServer } from '../control/observed-server';
import type { Session, Turn } from '../control/session';
import { isUTF8 } from '../encoding';
import { ArgumentError, PermanentError, type ReplyError } from '../errors';
import { type Draft, type Entry, rawNameOf, setRawName } from '../listing/entry';
import { ListDecoder, type ListParserOptions } from '../listing/list-parser';
import { mlstEntry } from '../listing/mlsx';
import { checkNames, flag, type OptionNames } from '../options';
import type { Reply } from '../reply';
import { enters, lookUp } from './facts';
import type { Decoder } from './lines';
import type { Choice, Plan } from './transfer';

/** True for 450, by which some servers say that a folder is empty, and others that it is missing: the server is asked then what the path is. */
function saysEmpty({ reply }: ReplyError): boolean {
  return reply?.code === 450;
}

/**
 * What servers say in or after a listing of a folder that they must not read: `226 Transfer done (but failed to open directory).` (vsftpd 3.0.3),
 * `226-Sorry, we were unable to read [box]` (Pure-FTPd 1.0.50), `box: Permission denied` as the only line (inetutils 2.4),
 * `/bin/ls: cannot open directory 'box': Permission denied` (ftpd-ssl 0.17).
 */
const UNREAD = /\b(?:failed|unable) to (?:open|read)\b|: permission denied$/im;

/** A refusal that says nothing of the folder (RFC 959, 4.2.1: x2z). */
function isAboutConnection({ reply }: ReplyError): boolean {
  return reply !== undefined && Math.floor(reply.code / 10) === 42;
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
  #found = false;
  /** The reply that says that the folder could not be read. */
  #unread: string | undefined;

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

  async recover(refusal: ReplyError, turn: Turn, begun: boolean): Promise<'complete'> {
    const path = this.#command.argument;
    if (begun || !saysEmpty(refusal) || path === '') throw refusal;
    await lookUp(turn, turn.session.command('MLST', path), 'empty');
    return 'complete';
  }

  async next(_turn: Turn, reply: Reply): Promise<'complete'> {
    if (UNREAD.test(reply.text)) this.#unread = String(reply);
    return 'complete';
  }

  isLast(): boolean {
    return true;
  }

  decode(chunk: Buffer): Entry[] {
    return this.#remembered(this.#decoder.decode(chunk));
  }

  end(): Entry[] {
    const entries = this.#remembered(this.#decoder.end());
    if (this.#unread !== undefined && !this.#found) throw new PermanentError(this.#unread);
    return entries;
  }

  #remembered(entries: Entry[]): Entry[] {
    if (entries.length > 0) this.#found = true;
    rememberNames(this.#session, entries, this.#decoder);
    return entries;
  }
}

function isNames(facts: unknown): boolean {
  return Array.isArray(facts) && facts.every((fact) => typeof fact === 'string' && /^[\w.-]+$/.test(fact));
}

/** The options of `list`. */
export interface ListOptions extends Pick<ListParserOptions, 'format' | 'now' | 'serverTimeZoneOffset' | 'keepDots'> {
  /**
   * Whether LIST is asked for names that begin with a dot, by `-a`; a server that refuses that, or takes it for a path (aioftp 0.21), is asked without.
   * Default false. MLSD always lists them.
   */
  all?: boolean;
  /** Whether the folder is entered (CWD) and listed without a path, for servers that ignore the path of LIST; default: the client's option `enterFolders`. */
  enter?: boolean;
  /** Ends the stream with an AbortError when it is aborted. */
  signal?: AbortSignal;
  /** @internal called at the end, with what the listing shows, unless it is an empty one; after that with `doubtful` where it may be more, or `file` where it is of no folder */
  onListed?: (shown: Shown) => void;
}

/**
 * What a listing shows: all names, or those that do not begin with a dot. `doubtful`: nothing, after the server had refused to list the folder in
 * another way; or something, and the server says that it could not read it. `file`: the path cannot be entered, and a file is its own listing.
 */
type Shown = 'all' | 'visible' | 'doubtful' | 'file';

const LIST_OPTIONS: OptionNames<ListOptions> = { format: true, now: true, serverTimeZoneOffset: true, keepDots: true, all: true, enter: true, signal: true, onListed: true };

/** The ways to have a folder listed, in the order in which they are tried. */
type ListWay = 'MLSD' | 'LIST -a' | 'LIST';

/** So many entries and lines are withheld until they prove to be an answer; with more of them they are taken for one. */
const MOST_WITHHELD = 1000;

/** What LIST takes for a path: no option, no pattern, and no blank in it. */
const PLAIN_PATH = /^[\w/.][^\s*?[\]{}\\"'~]*$/;

/** How servers say that a folder must not be listed: it may have something in it. */
const DENIED = /denied|permission|forbidden|not (?:allowed|permitted|authori[sz]ed)|privilege/i;

/**
 * The plan of `list`: MLSD where FEAT offers it (RFC 3659, 7); LIST elsewhere, and where MLSD is refused or gives names without facts. The way that has
 * given entries is taken from then on; those before it are not tried again, unless they may have been refused for the moment only.
 *
 * Servers take the argument of LIST for options and patterns, and inetutils, ftpd-ssl and Pure-FTPd split it at blanks. So a folder whose path
 * has such characters is entered first. Some servers ignore the argument, and list the working folder, in which a part of the path is a folder. So
 * where a listing has such a folder, the path is entered and listed again.
 *
 * Some servers list a missing folder as an empty one (LIST of vsftpd 3.0.3, MLSD of Apache FtpServer). So an empty listing is checked: MLST or CWD must
 * know the folder. Others refuse to list an empty folder. So where a listing is refused with 450 or 550, a folder that CWD enters is empty. Others list a
 * folder that they must not read as an empty one, and say so in a text: then the listing fails.
 */
export class ListPlan implements Plan, Decoder<Entry> {
  /** For the names and the limits, which all sessions of a pool share. */
  readonly #session: Session;
  readonly #path: string | undefined;
  readonly #options: ListOptions;
  readonly #onUnparsed: (line: string) => void;
  /** What the server was observed to take. */
  #takes: ObservedServer['takes'];
  #way: ListWay = 'LIST';
  /** The ways that the server lacks if another one gives entries. */
  readonly #doubted = new Set<ListWay>();
  /** Why the first way was refused: the error where all are. */
  #firstRefusal: ReplyError | undefined;
  /** The refusals that are about the folder, the last one first: of MLSD and LIST, where the server has them. LIST -a may be refused for its option. */
  readonly #ofFolder: ReplyError[] = [];
  /** LIST may be sent once more after its data connection was refused. */
  #mayReconnect = true;
  #decoder: ListDecoder | undefined;
  #entry: Entry | undefined;
  #found = false;
  #decoded = 0;
  /** What may be no answer to what was asked; undefined where it is taken for one. */
  #withheld: { readonly entries: Entry[]; readonly lines: string[] } | undefined;
  /** The listing from a server that may have ignored the path, and the name in it that the folder itself need not have. */
  #suspect: { readonly name: string; readonly listing: string } | undefined;
  /** The turn may have been given back: no other way is tried. */
  #settled = false;
  /** Whether the folder is known to be there. */
  #verified = false;
  /** Whether the session is in another folder than the working folder. */
  #away = false;
  /** The only name to list of the folder that was entered. */
  #only: string | undefined;
  /** What says that the folder could not be read, and whether it is a line of the listing. */
  #unread: { readonly text: string; readonly isLine: boolean } | undefined;
  /** Why the path could not be entered; the listing fails with it where no file has that name, either. */
  #refusal: PermanentError | undefined;

  /** @throws ArgumentError for an option that is unknown, or cannot be */
  constructor(session: Session, path: string | undefined, options: ListOptions, onUnparsed: (line: string) => void) {
    checkNames(options, LIST_OPTIONS);
    flag('all', options.all, false);
    flag('enter', options.enter, false);
    this.#session = session;
    this.#takes = session.observed.takes;
    this.#path = path;
    this.#options = options;
    this.#onUnparsed = onUnparsed;
    this.#makeDecoder(); // checks the others
  }

  async begin(turn: Turn): Promise<Command | Choice> {
    const { session } = turn;
    this.#takes = session.observed.takes;
    this.#away = false; // it may have been true on the connection before
    this.#only = this.#refusal = this.#unread = undefined;
    session.beginNegotiation();
    const asks = session.negotiationUnderWay() !== undefined;
    const features = session.settings.mlsd && this.#takes.get('MLSD') !== false ? session.features() : undefined; // asked now: a session that is lost meanwhile would not say why
    const choose = async (): Promise<Command> => this.#ask(turn, (await features)?.has('MLST') ? 'MLSD' : this.#listWay);
    return asks && !this.#mustEnter('LIST') ? choose : choose();
  }

  async recover(refusal: ReplyError, turn: Turn, begun: boolean): Promise<Command | 'complete'> {
    const isFirst = this.#firstRefusal === undefined;
    this.#firstRefusal ??= refusal;
    if (!turn.control.open) throw refusal; // 421 has ended the session
    if (begun && this.#way !== 'LIST -a') throw isAboutConnection(refusal) ? refusal : this.#firstRefusal;
    const isPermanent = refusal instanceof PermanentError;
    const isLacking = isNotImplemented(refusal.reply);
    if (isPermanent || isLacking) this.#doubted.add(this.#way);
    if (!isLacking && this.#way !== 'LIST -a' && !isAboutConnection(refusal)) this.#ofFolder.unshift(refusal);
    if (this.#way === 'MLSD') {
      if (isLacking) this.#takes.set('MLSD', false);
      const there = isPermanent && !isLacking ? await this.#whatIsThere(turn) : 'unknown';
      if (there === 'file') return 'complete';
      if (!this.#takes.get('MLSD')) return this.#askAgain(turn, this.#listWay); // where it has worked before, it is refused for the path
      if (there === 'nothing') throw this.#firstRefusal;
    } else if (this.#way === 'LIST -a') return this.#askAgain(turn, 'LIST');
    if (isAboutConnection(refusal)) {
      // After a refusal, SuSE's ftp-proxy 1.9 may close the next data connection together with the one that was left.
      if (isFirst || !this.#mayReconnect) throw refusal;
      this.#mayReconnect = false;
      return this.#askAgain(turn, 'LIST');
    }
    for (const each of this.#ofFolder) {
      if (!(await this.#isEmpty(each, turn))) continue;
      this.#verified = true;
      return 'complete';
    }
    throw isAboutConnection(this.#firstRefusal) ? refusal : this.#firstRefusal;
  }

  async next(turn: Turn, reply: Reply): Promise<Command | 'complete'> {
    const { entries } = this.#withheld ?? {};
    if (UNREAD.test(reply.text)) this.#unread ??= { text: String(reply), isLine: false };
    if (entries) entries.push(...this.#wanted(this.#decoder?.end() ?? []));
    if (this.#settled) return 'complete';
    if (this.#way === 'MLSD') {
      if (!entries || !this.#lacksFacts) {
        if (this.#decoded > 0) this.#takes.set('MLSD', true);
        return 'complete';
      }
      this.#doubted.add('MLSD');
      return this.#askAgain(turn, this.#listWay);
    }
    const name = this.#suspicious;
    if (entries && name !== undefined) {
      this.#suspect = { name, listing: textOf(entries) };
      return this.#askAgain(turn, this.#way);
    }
    if (this.#way === 'LIST' || this.#found || this.#takes.get('LIST -a')) return 'complete';
    this.#doubted.add('LIST -a'); // the option may have been taken for a name
    return this.#askAgain(turn, 'LIST');
  }

  async finish(turn: Turn, complete: boolean, bytes: number): Promise<void> {
    // Bytes that are not decoded yet, because the reader is slow, count as entries. MLSD lists the folder itself as well, which shows that it exists.
    const empty = this.#way === 'MLSD' ? bytes === 0 : !this.#found && bytes === this.#decoded;
    try {
      if (complete && empty && this.#path !== undefined && !this.#away && !this.#refusal && !this.#entry && !this.#verified) await this.#verify(turn, this.#path);
    } finally {
      if (this.#away) await turn.session.leaveFolder(turn.control);
    }
  }

  /** True where no other way is to be tried, the listing needs no check after it, and no folder has to be left: it is taken for an answer then. */
  isLast(): boolean {
    if (this.#away || (this.#withheld && (this.#way === 'MLSD' || this.#suspicious !== undefined))) return false;
    if (this.#path !== undefined || this.#way === 'LIST -a') this.#settled = this.#way === 'MLSD' ? this.#decoded > 0 : this.#found;
    else this.#settled = true;
    return this.#settled;
  }

  decode(chunk: Buffer): Entry[] {
    this.#decoded += chunk.length;
    const entries = this.#wanted((this.#decoder ??= this.#makeDecoder()).decode(chunk));
    if (!this.#withheld) return entries;
    this.#withheld.entries.push(...entries);
    return this.#isUndecided ? [] : this.#release();
  }

  end(): Entry[] {
    const entries = [...this.#release(), ...this.#wanted(this.#decoder?.end() ?? [])];
    if (this.#refusal && !this.#found) throw this.#refusal;
    const unread = this.#unread;
    if (unread && !this.#found && !this.#entry) throw new PermanentError(unread.text);
    if (this.#found) this.#remember();
    if (unread || (this.#ofFolder.length > 0 && !this.#found)) this.#options.onListed?.('doubtful');
    if (this.#refusal) this.#options.onListed?.('file');
    if (unread?.isLine) this.#onUnparsed(unread.text);
    return this.#entry ? [...entries, this.#entry] : entries;
  }

  // ---- asking

  get #listWay(): ListWay {
    return this.#options.all && this.#takes.get('LIST -a') !== false && !this.#doubted.has('LIST -a') ? 'LIST -a' : 'LIST';
  }

  /** What has come so far was no answer. */
  #askAgain(turn: Turn, way: ListWay): Promise<Command> {
    this.#decoder = undefined;
    this.#decoded = 0;
    this.#found = false;
    this.#unread = undefined;
    return this.#ask(turn, way);
  }

  async #ask(turn: Turn, way: ListWay): Promise<Command> {
    const path = this.#path;
    this.#way = way;
    if (path !== undefined && !this.#away && this.#mustEnter(way)) await (way === 'MLSD' ? this.#visit(turn, path) : this.#enter(turn, path));
    const argument = path !== undefined && !this.#away ? path : undefined;
    if (!this.#decoder) this.#withheld = this.#mayBeNoAnswer ? { entries: [], lines: [] } : undefined;
    if (way !== 'LIST -a') return turn.session.command(way, argument);
    return argument === undefined ? turn.session.command('LIST', '-a') : turn.session.command('LIST', argument, '-a ');
  }

  #mustEnter(way: ListWay): boolean {
    if (this.#path === undefined) return false;
    const { enter = this.#session.settings.enterFolders } = this.#options;
    if (enter || this.#suspect) return true;
    return way !== 'MLSD' && (!PLAIN_PATH.test(this.#path) || (enter === undefined && this.#takes.get('LIST path') === false));
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

  // ---- judging what comes of it

  /** What MLST says of the path, for which MLSD is refused: that is for folders only, and a file is its own listing. */
  async #whatIsThere({ session, control }: Turn): Promise<'file' | 'nothing' | 'unknown'> {
    if (this.#path === undefined || this.#away) return 'unknown';
    try {
      const entry = mlstEntry(await control.exec(session.command('MLST', this.#path)), this.#path);
      if (!entry || entry.type === 'directory') return 'unknown';
      this.#entry = entry;
      return 'file';
    } catch (error) {
      return error instanceof PermanentError && !isNotImplemented(error.reply) ? 'nothing' : 'unknown';
    }
  }

  /** Whether a refusal says that there is nothing to list. @throws PermanentError where there is no folder, and 450 leaves that open */
  async #isEmpty({ reply }: ReplyError, turn: Turn): Promise<boolean> {
    if (!reply || DENIED.test(reply.text) || (reply.code !== 450 && reply.code !== 550)) return false;
    if (this.#path === undefined) return reply.code === 550 && enters(turn, '.');
    if (this.#away) return true;
    if (reply.code === 550) return enters(turn, this.#path);
    await this.#verify(turn, this.#path);
    return true;
  }

  /** Checks an empty listing: the path may be an empty folder, a file that the server does not list (aioftp 0.21), or missing. */
  async #verify(turn: Turn, path: string): Promise<void> {
    const entry = await lookUp(turn, turn.session.command('MLST', path), 'empty');
    if (entry.type !== 'directory') this.#entry = entry;
  }

  /** Whether the server may lack MLSD, or ignore the path of LIST. After a listing that is suspicious, this one is to be compared with it. */
  get #mayBeNoAnswer(): boolean {
    if (this.#way === 'MLSD') return !this.#takes.get('MLSD');
    const { enter = this.#session.settings.enterFolders } = this.#options;
    return this.#suspect !== undefined || (this.#path !== undefined && !this.#away && enter === undefined);
  }

  get #isUndecided(): boolean {
    const { entries, lines } = this.#withheld ?? { entries: [], lines: [] };
    if (this.#way === 'MLSD') return !entries.some(hasFacts) && entries.length < MOST_WITHHELD;
    return entries.length + lines.length < MOST_WITHHELD;
  }

  /** What MLSD has given is something, and has no facts. */
  get #lacksFacts(): boolean {
    const { entries = [], lines = [] } = this.#withheld ?? {};
    return entries.length + lines.length > 0 && !entries.some(hasFacts);
  }

  /**
   * The name of a folder that is a part of the path: the listing may be that of the working folder, which the path leads from. Where it is the folder's own
   * name, and nothing else is listed, the folder may be one that must not be read, which vsftpd 3.0.3 lists as if it were a file.
   */
  get #suspicious(): string | undefined {
    if (this.#suspect || !this.#withheld || this.#path === undefined) return undefined;
    const { entries } = this.#withheld;
    const parts = partsOf(this.#path).map(folded);
    const suspects = this.#takes.get('LIST path') ? (entries.length === 1 ? parts.slice(-1) : []) : parts;
    return entries.find(({ name, type }) => (type === 'directory' || type === 'symlink') && suspects.includes(folded(name)))?.name;
  }

  /** Takes what was withheld for an answer. */
  #release(): Entry[] {
    const { entries = [], lines = [] } = this.#withheld ?? {};
    if (this.#suspect && this.#withheld && !this.#refusal) this.#compare(entries, this.#suspect);
    this.#withheld = undefined;
    for (const line of lines) this.#onUnparsed(line);
    return entries;
  }

  /** Compares the listing of the folder that was entered with the suspicious one. An empty one shows nothing: it may be of a folder that must not be read. */
  #compare(entries: readonly Entry[], suspect: { readonly name: string; readonly listing: string }): void {
    if (textOf(entries) === suspect.listing) this.#takes.set('LIST path', true);
    else if (entries.length > 0 && !entries.some(({ name }) => name === suspect.name)) this.#takes.set('LIST path', false);
  }

  /** There are entries: the server has this way, and lacks those that have failed before it. */
  #remember(): void {
    for (const way of this.#doubted) if (way !== 'LIST') this.#takes.set(way, false);
    if (this.#way !== 'LIST') this.#takes.set(this.#way, true);
    this.#options.onListed?.(this.#way === 'LIST' ? 'visible' : 'all');
  }

  // ---- reading

  #makeDecoder(): ListDecoder {
    const { encoding, maxLineBytes, serverTimeZoneOffset: usual } = this.#session.settings;
    const { format, now, serverTimeZoneOffset = usual, keepDots } = this.#options;
    return new ListDecoder({
      format: this.#way === 'MLSD' ? 'mlsd' : format,
      now,
      serverTimeZoneOffset,
      keepDots,
      encoding: isUTF8(encoding) ? 'auto' : encoding,
      maxLineBytes,
      onUnparsed: (line) => {
        if (!this.#unread && UNREAD.test(line)) this.#unread = { text: line, isLine: true };
        else if (!this.#withheld) this.#onUnparsed(line);
        else if (this.#withheld.lines.length < MOST_WITHHELD) this.#withheld.lines.push(line);
      },
    });
  }

  #wanted(entries: Entry[]): Entry[] {
    const wantsAll = this.#only === undefined && (this.#path === undefined || !entries.some(({ name }) => name.includes('/')));
    const wanted = wantsAll ? entries : entries.filter((entry) => this.#hasName(entry) && (this.#only === undefined || entry.name === this.#only));
    if (this.#decoder) rememberNames(this.#session, wanted, this.#decoder);
    if (wanted.length > 0) this.#found = true;
    return wanted;
  }

  /**
   * Takes the path away where the server names an entry by it: `outbound/hold` for what `outbound` has, or a file by its path from the root, as Twisted does.
   *
   * @returns false for the folder itself, and its parent
   */
  #hasName(entry: Draft): boolean {
    if (this.#path === undefined || !entry.name.includes('/')) return true;
    const { name } = entry;
    const slash = name.lastIndexOf('/');
    const path = partsOf(this.#path).join('/');
    const isItself = `/${partsOf(name).join('/')}`.endsWith(`/${path}`);
    if (slash + 1 === name.length || !(isItself || partsOf(name.slice(0, slash)).join('/') === path)) return true;
    const raw = rawNameOf(entry);
    if (raw) setRawName(entry, raw.subarray(raw.lastIndexOf(SLASH) + 1));
    entry.name = name.slice(slash + 1);
    return this.#options.keepDots === true || (entry.name !== '.' && entry.name !== '..');
  }
}
const SLASH = 0x2f;

/** Has the session remember the bytes of names that are no valid UTF-8; most listings have none, and most sessions have seen none. */
function rememberNames({ codec }: Session, entries: readonly Entry[], { hasRawNames }: ListDecoder): void {
  if (hasRawNames || !codec.isEmpty) for (const entry of entries) codec.remember(entry.name, rawNameOf(entry));
}

/** The names in a path. */
function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function hasFacts({ facts }: Entry): boolean {
  return facts !== undefined && Object.keys(facts).length > 0;
}

function textOf(entries: readonly Entry[]): string {
  return entries.map(({ raw }) => raw).join('\n');
}

/** Names that some servers take for the same are equal. */
function folded(name: string): string {
  return name.normalize('NFC').toLowerCase();
}
