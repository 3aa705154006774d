import { randomBytes } from 'node:crypto';
import type { Command } from '../control/command';
import type { Turn } from '../control/session';
import { AbortedError, ArgumentError, FTPError, isFTPError, ReplyError } from '../errors';
import type { Entry } from '../listing/entry';
import { withoutEnd } from '../listing/words';
import { entryAt, lookUp } from './facts';
import type { Choice, Plan } from './transfer';
import type { UploadPlan } from './verify';

/** Bytes that the name of a file can have on most file systems. */
const LONGEST_NAME = 255;
/** A dot and the longest checksum. */
const CHECKSUM = 8;

/** A name to which so many bytes can be added: the name itself, or, of one that is too long, the beginning and a checksum. */
export function shortened(name: string, added: number): string {
  if (Buffer.byteLength(name) + added <= LONGEST_NAME) return name;
  const kept = [...name.slice(0, LONGEST_NAME)];
  while (Buffer.byteLength(kept.join('')) > LONGEST_NAME - added - CHECKSUM) kept.pop();
  return `${kept.join('')}.${checksum(name)}`;
}

/** The name of a partial file, the same each time. It begins with a dot, which hides it on most systems. */
export function partName(name: string): string {
  return `.${shortened(name, '..part'.length)}.part`;
}

/**
 * Whether a file is called as one that is not complete, or not in its place: by an upload of ours (`.name.part`, and `.name.<random>.old` for what it
 * replaces), by HiddenStores of ProFTPD (`.in.name.`), or by Pure-FTPd (`.pureftpd-upload.<random>`).
 */
export function isTemporaryName(name: string): boolean {
  return name.startsWith('.') && /\.part$|\.[0-9a-f]{8}\.old$|^\.in\..*\.$|^\.pureftpd-upload\./is.test(name);
}

/** Characters of a file's own name that a name of ours begins with, so that the longest ones stay within the 255 bytes of most systems. */
const KEPT = 60;

/** The path of another name in the same folder, made of the beginning of the file's name. */
function inSameFolder(path: string, make: (name: string) => string): string {
  const at = path.lastIndexOf('/') + 1;
  return path.slice(0, at) + make([...path.slice(at)].slice(0, KEPT).join(''));
}

/** How an upload is named until it is complete: true is a name of ours, false its own, a function makes another one of that, in the same folder. */
export type TemporaryName = boolean | ((name: string) => string);

/**
 * Makes the paths that an upload is written to until it is complete. With `again` a lost session may still write to the first of them.
 *
 * @param ours how the names of ours are: the same in every run, so that a later one finds what an earlier one has left, or another one each time,
 * or both, one after the other
 */
export function temporaryPaths(path: string, temporaryName: TemporaryName, ours: 'same' | 'new' | 'same, then new'): (again: boolean) => string {
  const at = path.lastIndexOf('/') + 1;
  const name = path.slice(at);
  return (again) => {
    if (temporaryName === false) return path;
    if (typeof temporaryName === 'function') return path.slice(0, at) + checkedPart(temporaryName(name), name);
    if (ours === 'same' || (ours === 'same, then new' && !again)) return path.slice(0, at) + partName(name);
    return inSameFolder(path, (short) => `.${short}.${randomBytes(4).toString('hex')}.part`);
  };
}

/**
 * A caller's temporary name for a file.
 *
 * @throws ArgumentError for one that leaves the folder, and for one that may be the file's own on a server that ignores case or Unicode's form
 */
export function checkedPart(part: unknown, name: string): string {
  // A backslash is a letter where the name itself has one.
  const path = name.includes('\\') ? /[/\0]/ : /[/\\\0]/;
  if (typeof part !== 'string' || part === '' || part === '.' || part === '..' || folded(part) === folded(name) || path.test(part)) {
    throw new ArgumentError(`temporaryName must make another name in the same folder, not ${JSON.stringify(part)}`);
  }
  return part;
}

/**
 * The form that names share which a file system may take for the same name: Windows and macOS ignore case, macOS the Unicode form, Windows dots and
 * blanks at the end.
 */
export function folded(name: string): string {
  return withoutEnd(name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC'), '. ');
}

/** Names that are remembered, and their characters; a folder with more of them is taken to have any. */
const MOST_PART_NAMES = 10_000;
const MOST_CHARACTERS = 1024 * 1024;

/** The files of a folder that are called as a partial file of ours would be: no other file is written to such a name. */
export class PartNames {
  readonly #names = new Set<string>();
  /** Of all of them. */
  #characters = 0;

  /** Remembers a name of the folder, if it is one. */
  add(name: string): void {
    if (this.#isFull || !/^\..*\.part[. ]*$/is.test(name)) return;
    const part = folded(name);
    this.#names.add(part);
    this.#characters += part.length;
  }

  /** Whether a file of the folder has that name, or one that its file system may take for it. */
  has(part: string): boolean {
    return this.#isFull || this.#names.has(folded(part));
  }

  get #isFull(): boolean {
    return this.#names.size >= MOST_PART_NAMES || this.#characters >= MOST_CHARACTERS;
  }
}

/** A short text by which long names differ that begin alike. */
function checksum(name: string): string {
  let sum = 5381;
  for (let i = 0; i < name.length; i++) sum = (Math.imul(sum, 33) + name.charCodeAt(i)) >>> 0;
  return sum.toString(36);
}

/** What a replacement asks of a server: verbs that a client and a pool have, and a transfer in its turn. */
interface Renaming {
  rename(from: string, to: string): Promise<unknown>;
  delete(path: string): Promise<unknown>;
  mlst(path: string): Promise<Entry>;
}

/**
 * Gives a file on the server the name of another one, which it replaces. RFC 959 leaves open what RNTO does to a file that is there: aioftp 0.21
 * and servers on Windows refuse it. There the old file gets another name first, and is deleted only when the new one has its name: the server
 * has one of them whole at any time.
 */
export class Replacement {
  /** The name that the old file has, or may have, meanwhile. */
  #aside: string | undefined;
  /** The error that says so. */
  #explainedError: unknown;

  constructor(
    private readonly remote: Renaming,
    private readonly from: string,
    private readonly to: string,
  ) {}

  /** May be called again after a lost connection. @throws ReplyError with both names when the server refuses; the old file then has its name */
  async run(): Promise<void> {
    const { remote, from, to } = this;
    try {
      await remote.rename(from, to);
    } catch (refusal) {
      if (!isRefusalOf('RNTO', refusal) || !(await this.#stepAside())) throw this.#explained(refusal);
      try {
        await remote.rename(from, to);
      } catch (error) {
        if (isRefusal(error) || error instanceof AbortedError) await this.restore();
        throw this.#explained(error);
      }
    }
    await this.forget();
  }

  /** The new file has its name: deletes the old one. */
  async forget(): Promise<void> {
    if (this.#aside === undefined) return;
    await this.remote.delete(this.#aside).catch(ignoreRefusal); // the new file is in place all the same
    this.#aside = undefined;
  }

  /** The new file does not get the name: gives it back to the old one, unless something has it. */
  async restore(): Promise<void> {
    if (this.#aside === undefined || (await entryAt(this.remote, this.to))) return;
    try {
      await this.remote.rename(this.#aside, this.to);
      this.#aside = undefined;
    } catch (error) {
      ignoreRefusal(error); // the error of the failure says what the old file is called
    }
  }

  /** Adds to the error of a failure what the old file is called. */
  explain(error: unknown): void {
    if (this.#aside === undefined || !(error instanceof FTPError) || error === this.#explainedError) return;
    this.#explainedError = error;
    error.message += ` (the old ${this.to} is called ${this.#aside} now)`;
  }

  /** Gives the old file another name; false where there is none, or the server does not rename it either. */
  async #stepAside(): Promise<boolean> {
    const type = (await entryAt(this.remote, this.to))?.type;
    if (type !== 'file' && type !== 'symlink') return false;
    const aside = (this.#aside ??= inSameFolder(this.to, (name) => `.${name}.${randomBytes(4).toString('hex')}.old`));
    try {
      await this.remote.rename(this.to, aside);
      return true;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#aside = undefined;
      return false;
    }
  }

  #explained(error: unknown): unknown {
    if (isRefusal(error)) error.message += ` (${this.from} could not be given the name ${this.to}, and what had that name was left; temporaryName: false uploads under it at once)`;
    this.explain(error);
    return error;
  }
}

/** The server has refused the command; 421 ends the connection, and says nothing of the command. */
function isRefusal(error: unknown): error is ReplyError {
  return error instanceof ReplyError && error.reply !== undefined && error.reply.code !== 421;
}

function isRefusalOf(verb: string, error: unknown): boolean {
  return isRefusal(error) && error.command?.startsWith(verb) === true;
}

/** Throws what is no refusal. */
export function ignoreRefusal(error: unknown): void {
  if (!isRefusal(error)) throw error;
}

/**
 * The path that the bytes of a stream go to.
 *
 * @throws ArgumentError
 */
export function temporaryPath(path: string, temporaryName: unknown): string {
  if (path.endsWith('/')) throw new ArgumentError('temporaryName is for the path of a file, which does not end in /');
  const name = typeof temporaryName === 'string' ? () => temporaryName : temporaryName;
  if (name !== true && typeof name !== 'function') throw new ArgumentError('temporaryName must be true, false, a name or a function');
  return temporaryPaths(path, name as TemporaryName, 'new')(false);
}

/** What an upload under a temporary name is made of. */
interface TemporaryUploadSetup {
  /** The STOR to the temporary name. */
  readonly command: Command;
  /** The file's own name. */
  readonly path: string;
  /** We made the temporary name, and nobody else's file has it. */
  readonly isOurs: boolean;
  /** Compares what the server has under the temporary name. */
  readonly verified: UploadPlan | undefined;
  /** The stream was destroyed, and its file is not wanted any more. */
  isLeft(): boolean;
}

/** A STOR to a temporary name, which the file exchanges for its own when all of it is there. After a failure the temporary file is deleted. */
export class TemporaryUpload implements Plan {
  readonly #setup: TemporaryUploadSetup;
  /** The server may have a file of ours under the temporary name. */
  #isThere = false;

  constructor(setup: TemporaryUploadSetup) {
    this.#setup = setup;
  }

  async begin(turn: Turn): Promise<Choice> {
    await this.#setup.verified?.begin(turn);
    return async () => {
      this.#isThere = true;
      return this.#setup.command;
    };
  }

  observe(chunk: Uint8Array): void {
    this.#setup.verified?.observe(chunk);
  }

  /** vsftpd 3.0.3, ProFTPD 1.3.8 and Pure-FTPd 1.0.50 have made an empty file when they answer 425. A file under the caller's own temporary name may be somebody else's, and stays. */
  async recover(refusal: ReplyError): Promise<never> {
    this.#isThere = this.#setup.isOurs;
    throw refusal;
  }

  async finish(turn: Turn, complete: boolean, bytes: number): Promise<void> {
    if (!complete) return this.#remove(turn);
    const { command, path, verified } = this.#setup;
    await verified?.finish(turn, true, bytes);
    this.#checkWanted();
    const onServer = renamingIn(turn, (from) => {
      if (from === command.argument) this.#checkWanted();
    });
    await new Replacement(onServer, command.argument, path).run();
    this.#isThere = false;
  }

  /** @throws AbortedError where the file must not get its own name any more */
  #checkWanted(): void {
    if (this.#setup.isLeft()) throw new AbortedError('the stream was destroyed');
  }

  async #remove(turn: Turn): Promise<void> {
    if (!this.#isThere || !turn.control.open) return;
    try {
      await renamingIn(turn).delete(this.#setup.command.argument);
    } catch (error) {
      if (!isFTPError(error)) throw error; // the server keeps it
    }
  }
}

/** @param beforeRNTO is called before a file gets another name; what it throws leaves it as it is */
function renamingIn(turn: Turn, beforeRNTO?: (from: string) => void): Renaming {
  const { session, control } = turn;
  const exec = (verb: string, path: string): Promise<unknown> => control.exec(session.command(verb, path));
  return {
    rename: async (from, to) => {
      await exec('RNFR', from);
      beforeRNTO?.(from);
      await exec('RNTO', to);
    },
    delete: (path) => exec('DELE', path),
    mlst: (path) => lookUp(turn, session.command('MLST', path)),
  };
}
