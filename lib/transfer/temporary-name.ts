import { randomBytes } from 'node:crypto';
import { ArgumentError, FTPError, PermanentError, ReplyError } from '../errors';
import type { Remote } from './remote';

const LONGEST_NAME = 255;

/** The name that a file has until it is complete. Hidden where a dot hides; one that is too long for more is cut, because file systems end at 255 bytes. */
export function partName(name: string): string {
  const part = `.${name}.part`;
  if (Buffer.byteLength(part) <= LONGEST_NAME) return part;
  let kept = name.slice(0, LONGEST_NAME - 16);
  while (Buffer.byteLength(kept) > LONGEST_NAME - 16) kept = kept.slice(0, -1);
  return `.${kept}.${checksum(name)}.part`;
}

/** Characters of a file's own name in a name of ours, so that the longest ones stay within the 255 bytes of most systems. */
const KEPT = 60;

/** Another name in the folder of a path, made of the beginning of its name. */
function besides(path: string, make: (name: string) => string): string {
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
    return besides(path, (short) => `.${short}.${randomBytes(4).toString('hex')}.part`);
  };
}

/** What a caller's function made of the name. @throws ArgumentError for one that leaves the folder, or is the file's own */
export function checkedPart(part: unknown, name: string): string {
  // A backslash is a letter where the name itself has one.
  const path = name.includes('\\') ? /[/\0]/ : /[/\\\0]/;
  if (typeof part !== 'string' || part === '' || part === '.' || part === '..' || part === name || path.test(part)) {
    throw new ArgumentError(`temporaryName must make another name in the same folder, not ${JSON.stringify(part)}`);
  }
  return part;
}

/** Names that begin alike have parts of their own. */
function checksum(name: string): string {
  let sum = 5381;
  for (let i = 0; i < name.length; i++) sum = (Math.imul(sum, 33) + name.charCodeAt(i)) >>> 0;
  return sum.toString(36);
}

/**
 * Gives a file on the server the name of another one, which it replaces. RFC 959 leaves open what RNTO does to a file that is there: aioftp 0.21
 * and servers on Windows refuse it. There the old file gets another name first, and is deleted only when the new one has its name: the server
 * holds one of them whole at any time.
 */
export class Replacement {
  /** The name that the old file has, or may have, meanwhile. */
  #aside: string | undefined;

  constructor(
    private readonly remote: Remote,
    private readonly from: string,
    private readonly to: string,
  ) {}

  /** May be called again after a loss. @throws ReplyError with both names, when the server refuses, and the old file is where it was */
  async run(): Promise<void> {
    const { remote, from, to } = this;
    try {
      await remote.rename(from, to);
    } catch (refusal) {
      if (!isRefusalOf('RNTO', refusal) || !(await this.#stepAside())) throw this.#explained(refusal);
      try {
        await remote.rename(from, to);
      } catch (error) {
        if (isRefusal(error)) await this.restore();
        throw this.#explained(error);
      }
    }
    await this.forget();
  }

  /** The new file has its name: the old one goes. */
  async forget(): Promise<void> {
    if (this.#aside === undefined) return;
    await this.remote.delete(this.#aside).catch(ignoreRefusal); // the new file is in place all the same
    this.#aside = undefined;
  }

  /** The new file does not get the name: the old one gets it back, unless something has it. */
  async restore(): Promise<void> {
    if (this.#aside === undefined || (await this.#typeOf(this.to)) !== undefined) return;
    try {
      await this.remote.rename(this.#aside, this.to);
      this.#aside = undefined;
    } catch (error) {
      ignoreRefusal(error); // its name is in the error
    }
  }

  /** What the error of a failure must say besides. */
  explain(error: unknown): void {
    if (this.#aside === undefined || !(error instanceof FTPError) || error.message.includes(this.#aside)) return;
    error.message += ` (the old ${this.to} is called ${this.#aside} now)`;
  }

  /** The old file gets another name; false where there is none, or the server does not rename it either. */
  async #stepAside(): Promise<boolean> {
    const type = await this.#typeOf(this.to);
    if (type !== 'file' && type !== 'symlink') return false;
    const aside = (this.#aside ??= besides(this.to, (name) => `.${name}.${randomBytes(4).toString('hex')}.old`));
    try {
      await this.remote.rename(this.to, aside);
      return true;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#aside = undefined;
      return false;
    }
  }

  async #typeOf(path: string): Promise<string | undefined> {
    try {
      return (await this.remote.mlst(path)).type;
    } catch (error) {
      if (!(error instanceof PermanentError)) throw error;
      return undefined;
    }
  }

  #explained(error: unknown): unknown {
    if (isRefusal(error)) error.message += ` (${this.from} could not be given the name ${this.to}, and what had that name was left; temporaryName: false uploads under it at once)`;
    this.explain(error);
    return error;
  }
}

/** The server's word that it did not do it; 421 is one that it will not do anything more. */
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
