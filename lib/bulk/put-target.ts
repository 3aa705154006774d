import { randomBytes } from 'node:crypto';
import { FTPError, PermanentError } from '../errors';
import { besides, checkedPart } from './part-name';
import type { Remote } from './remote';
import { sizeOf } from './remote-facts';
import { Replacement } from './replacement';

/** How an upload is named until it is complete: true is a name of ours, false the file's own, a function makes another of that; in the file's folder. */
export type TemporaryName = boolean | ((name: string) => string);

/** A file on the server that is complete under its name, or not there: it is written under another one. */
export class PutTarget {
  #name: string;
  readonly #abandoned: string[] = [];
  #replacement: Replacement | undefined;

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
    const again = this.#replacement;
    const replacement = (this.#replacement ??= new Replacement(this.remote, this.#name, this.path));
    try {
      await replacement.run();
    } catch (error) {
      if (!(error instanceof PermanentError && again && (await this.#isRenamed(size)))) throw error;
      await replacement.forget();
    }
    for (const name of this.#abandoned.splice(0)) await this.remote.delete(name).catch(ignore);
  }

  /**
   * The upload has failed: a file that stepped aside for it gets its name back, and what is left under names of ours is taken away, unless
   * a later call is to find it. Nothing can be done about a refusal.
   */
  async leave(keep: boolean): Promise<void> {
    await this.#replacement?.restore().catch(ignore);
    if (keep) return;
    const names = this.#name === this.path ? this.#abandoned : [...this.#abandoned, this.#name];
    for (const name of names) await this.remote.delete(name).catch(ignore);
  }

  /** What the error of a failure must say of the files on the server. */
  explain(error: unknown): void {
    this.#replacement?.explain(error);
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
    if (this.resume) return `${this.path.slice(0, at)}.${name}.part`;
    return besides(this.path, (short) => `.${short}.${randomBytes(4).toString('hex')}.part`);
  }
}

function ignore(error: unknown): void {
  if (!(error instanceof FTPError)) throw error;
}
