import { randomBytes } from 'node:crypto';
import { FTPError, PermanentError } from '../errors';
import { checkedPart } from './part-name';
import type { Remote } from './remote';
import { sizeOf } from './remote-facts';
import { renameOver } from './rename-over';

/** How an upload is named until it is complete: true is a name of ours, false the file's own, a function makes another of that; in the file's folder. */
export type TemporaryName = boolean | ((name: string) => string);

/** Characters of the file's own name in a name of ours, so that the longest ones stay within the 255 bytes of most systems. */
const KEPT = 60;

/** A file on the server that is complete under its name, or not there: it is written under another one. */
export class PutTarget {
  #name: string;
  readonly #abandoned: string[] = [];
  #renaming = false;
  #irreplaceable = false;

  constructor(
    private readonly remote: Remote,
    /** The file's own name. */
    readonly path: string,
    private readonly temporaryName: TemporaryName,
    /** A later call is to find what this one leaves. */
    private readonly resume: boolean,
  ) {
    this.#name = this.#choose();
  }

  /** Where the bytes go. */
  get name(): string {
    return this.#name;
  }

  /**
   * Another name of ours, where that is free: a STOR that the server has not answered may be carried out yet, when the next one is
   * under way, and empty its file.
   */
  renew(): void {
    const next = this.#choose();
    if (next !== this.#name) this.#abandoned.push(this.#name);
    this.#name = next;
  }

  /** Gives the complete upload its name. */
  async publish(size: number): Promise<void> {
    if (this.#name === this.path) return;
    try {
      await this.#rename(size);
    } catch (error) {
      if (error instanceof PermanentError) error.message += ` (${this.#name} cannot be given the name ${this.path}; temporaryName: false uploads under that name at once)`;
      throw error;
    }
    for (const name of this.#abandoned.splice(0)) await this.remote.delete(name).catch(ignore);
  }

  /** Takes away what is left under a name of ours; nothing can be done about a refusal. */
  async discard(): Promise<void> {
    const names = this.#name === this.path || this.#irreplaceable ? this.#abandoned : [...this.#abandoned, this.#name];
    for (const name of names) await this.remote.delete(name).catch(ignore);
  }

  async #rename(size: number): Promise<void> {
    const again = this.#renaming;
    this.#renaming = true;
    try {
      await renameOver(this.remote, this.#name, this.path, () => (this.#irreplaceable = true));
    } catch (error) {
      if (!(error instanceof PermanentError && again && (await this.#isRenamed(size)))) throw error;
    }
  }

  /** The connection was lost before the reply to an earlier attempt, which may have been carried out. */
  async #isRenamed(size: number): Promise<boolean> {
    return (await sizeOf(this.remote, this.#name)) === undefined && (await sizeOf(this.remote, this.path)) === size;
  }

  #choose(): string {
    if (this.temporaryName === false) return this.path;
    const at = this.path.lastIndexOf('/') + 1;
    const name = this.path.slice(at);
    if (typeof this.temporaryName === 'function') return this.path.slice(0, at) + checkedPart(this.temporaryName(name), name);
    const part = this.resume ? `.${name}.part` : `.${[...name].slice(0, KEPT).join('')}.${randomBytes(4).toString('hex')}.part`;
    return this.path.slice(0, at) + part;
  }
}

function ignore(error: unknown): void {
  if (!(error instanceof FTPError)) throw error;
}
