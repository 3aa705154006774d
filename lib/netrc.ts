// The netrc file: names and passwords by host, read as Python's `netrc` module reads it.

import { closeSync, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { FTPError } from './errors';

/** The entry of a netrc file for one host; a field that the file leaves out is empty. */
export interface NetrcEntry {
  /** The user to log in as. */
  readonly login: string;
  /** The account for ACCT. */
  readonly account: string;
  /** The password of the user. */
  readonly password: string;
}

/** A netrc file cannot be parsed, or other users own it or have access to it; the message never shows what the file holds. */
export class NetrcParseError extends FTPError {
  override readonly name: string = 'NetrcParseError';
  override readonly code: string = 'ERR_FTP_NETRC';

  /** Puts the name of the file and the number of the line before the message. */
  constructor(
    message: string,
    /** The path of the netrc file. */
    readonly filename: string,
    /** The number of the line that is wrong, from 1. */
    readonly lineno: number,
  ) {
    super(`${filename}, line ${lineno}: ${message}`);
  }
}

/** An entry and its host; `default` is the host of the entry for all others. */
type HostEntry = readonly [host: string, entry: NetrcEntry];

/** The content of a netrc file, as `netrc()` returns it. */
export class Netrc {
  /** The entries by the names of their hosts as written; the entry for all other hosts is under `default`. Of two entries for one host it is the last one. */
  readonly hosts: ReadonlyMap<string, NetrcEntry>;
  /** The macros by their names: the lines of each `macdef`, without line ends. */
  readonly macros: ReadonlyMap<string, readonly string[]>;
  readonly #entries: readonly HostEntry[];

  /** @internal */
  constructor(entries: readonly HostEntry[], macros: ReadonlyMap<string, readonly string[]>) {
    this.hosts = new Map(entries);
    this.macros = macros;
    this.#entries = entries;
  }

  /**
   * Returns the entry for exactly this host, else the default entry, else undefined.
   *
   * @param user only an entry with this login counts, because a host may have several
   */
  authenticators(host: string, user?: string): NetrcEntry | undefined {
    if (user === undefined) return this.hosts.get(host) ?? this.hosts.get('default');
    return this.credentials(host, user) ?? this.credentials('default', user);
  }

  /** @internal the last entry for exactly this host that has a login, and a password if any of them has one; only an entry for `user` counts, if that is given */
  credentials(host: string, user?: string): NetrcEntry | undefined {
    const fitting = this.#entries.filter(([name, { login }]) => name === host && login !== '' && (user === undefined || login === user));
    const [, entry] = fitting.findLast(([, { password }]) => password !== '') ?? fitting.at(-1) ?? [];
    return entry;
  }
}

/**
 * Reads a netrc file as Python's `netrc` module does, at once: machine, default, login or user, account, password, macdef, comments,
 * quotes and backslashes, in UTF-8 or else in latin1.
 *
 * @param file default: `~/.netrc`, which is refused if it has a password of another user than anonymous, and other users own the
 *   file or have access to it (not on Windows)
 * @throws NetrcParseError for a file that cannot be parsed or is refused; the error of `node:fs`, such as ENOENT, where it cannot be read
 */
export function netrc(file?: string): Netrc {
  const filename = file ?? join(homedir(), '.netrc');
  const { bytes, stats } = read(filename);
  const parser = new Parser(decode(bytes), filename);
  const parsed = parser.parse();
  if (file === undefined && parser.secretLine !== undefined) {
    const danger = exposure(stats);
    if (danger !== undefined) throw new NetrcParseError(`refused because of the password here: ${danger}`, filename, parser.secretLine);
  }
  return parsed;
}

/** Both come from one descriptor, so that the mode is that of the file that was read. */
function read(filename: string): { bytes: Buffer; stats: Stats } {
  const descriptor = openSync(filename, 'r');
  try {
    return { stats: fstatSync(descriptor), bytes: readFileSync(descriptor) };
  } finally {
    closeSync(descriptor);
  }
}

/** Every line end becomes LF, as where Python reads text. */
function decode(bytes: Buffer): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    text = bytes.toString('latin1');
  }
  return text.replace(/\r\n?/g, '\n');
}

/** Why other users could know the passwords; undefined where they cannot. */
function exposure(stats: Stats): string | undefined {
  if (process.platform === 'win32' || process.getuid === undefined) return undefined;
  if (stats.uid !== process.getuid()) return 'the file belongs to another user';
  return (stats.mode & 0o077) === 0 ? undefined : 'other users have access to the file (chmod 600 it)';
}

const KEYWORDS: ReadonlySet<string> = new Set(['machine', 'default', 'macdef']);
const FIELDS: ReadonlyMap<string | undefined, keyof NetrcEntry> = new Map([
  ['login', 'login'],
  ['user', 'login'],
  ['account', 'account'],
  ['password', 'password'],
]);

/** Parses the words of one file from left to right. */
class Parser {
  /** The first line with a password or an account of another user than anonymous. */
  secretLine: number | undefined;
  readonly #entries: HostEntry[] = [];
  readonly #macros = new Map<string, string[]>();
  readonly #text: string;
  readonly #filename: string;
  #at = 0;
  /** Where the last word began. */
  #start = 0;

  constructor(text: string, filename: string) {
    this.#text = text;
    this.#filename = filename;
  }

  parse(): Netrc {
    let keyword = this.#keyword();
    while (keyword !== undefined) {
      if (keyword === 'macdef') {
        this.#macro();
        keyword = this.#keyword();
      } else if (keyword === 'machine' || keyword === 'default') {
        keyword = this.#entry(keyword === 'default' ? keyword : this.#name(keyword));
      } else {
        throw this.#error('expected machine, default or macdef');
      }
    }
    return new Netrc(this.#entries, this.#macros);
  }

  /** Reads the fields of one host, and returns the keyword after them. */
  #entry(host: string): string | undefined {
    const entry = { login: '', account: '', password: '' };
    const start = this.#start;
    let keyword = this.#keyword();
    for (let field = FIELDS.get(keyword); field !== undefined; field = FIELDS.get(keyword)) {
      entry[field] = this.#word();
      keyword = this.#keyword();
    }
    if (keyword !== undefined && !KEYWORDS.has(keyword)) throw this.#error('expected login, account, password, or the next machine');
    this.#entries.push([host, entry]);
    if (entry.login !== 'anonymous' && entry.password + entry.account !== '') this.secretLine ??= this.#line(start);
    return keyword;
  }

  /** Reads the lines of a macro, which an empty line ends. */
  #macro(): void {
    const name = this.#name('macdef');
    const start = this.#start;
    const besideName = this.#text[this.#at - 1] === '\n' ? '' : this.#restOfLine();
    const lines = besideName.trim() === '' ? [] : [besideName];
    for (;;) {
      if (this.#at >= this.#text.length) throw this.#error('a macro must end with an empty line', start);
      const line = this.#restOfLine();
      if (line === '') break;
      lines.push(line);
    }
    this.#macros.set(name, lines);
  }

  #name(keyword: string): string {
    const start = this.#start;
    const name = this.#word();
    if (name === '') throw this.#error(`${keyword} needs a name`, start);
    return name;
  }

  /** Reads a keyword; undefined at the end. A `#` begins a comment here, and not where a value is read. */
  #keyword(): string | undefined {
    while (this.#skipBlanks() === '#') this.#restOfLine();
    return this.#at < this.#text.length ? this.#word() : undefined;
  }

  #word(): string {
    const first = this.#skipBlanks();
    this.#start = this.#at;
    const ends = first === '"' ? '"' : BLANKS;
    if (first === '"') this.#at++;
    let word = '';
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text.charAt(this.#at);
      if (ends.includes(char)) {
        this.#at++;
        break;
      }
      word += char === '\\' ? this.#text.charAt(++this.#at) : char;
    }
    return word;
  }

  /** The character that is next; empty at the end. */
  #skipBlanks(): string {
    while (this.#at < this.#text.length && BLANKS.includes(this.#text.charAt(this.#at))) this.#at++;
    return this.#text.charAt(this.#at);
  }

  #restOfLine(): string {
    const end = this.#text.indexOf('\n', this.#at);
    const line = this.#text.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#text.length : end + 1;
    return line;
  }

  #line(offset: number): number {
    return this.#text.slice(0, offset).split('\n').length;
  }

  #error(message: string, offset = this.#start): NetrcParseError {
    return new NetrcParseError(message, this.#filename, this.#line(offset));
  }
}
const BLANKS = ' \t\n\r';
