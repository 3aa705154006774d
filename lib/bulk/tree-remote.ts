import { PermanentError, ReplyError, TransferError } from '../errors';
import type { Entry } from '../listing/entry';
import { Backoff } from '../transfer/retry';
import { persist } from './persist';
import type { Remote } from './remote';
import { Budget } from './tree-budget';
import type { TreeSettings } from './tree-options';
import { type Doubt, type Known, knownOf } from './tree-compare';
import { isAboutPath, joined, Listings } from './walk-listing';

type Query = 'SIZE' | 'MDTM' | 'MLST';

const UNKNOWN_COMMAND = new Set([500, 502, 504]);

/** The remote side of a tree. */
export class RemoteTree {
  readonly listings: Listings;
  /** What may be remembered of the tree. */
  readonly budget: Budget;
  readonly #retry: TreeSettings['retry'];
  readonly #lacks = new Set<Query>();

  constructor(
    readonly remote: Remote,
    readonly root: string,
    readonly signal: AbortSignal,
    { retry, maxPendingBytes }: TreeSettings,
  ) {
    this.budget = new Budget(maxPendingBytes);
    this.#retry = retry;
    this.listings = new Listings(remote, signal, retry === undefined ? undefined : { retry, budget: this.budget });
  }

  /** The path that the server knows. */
  path(relative: string): string {
    return relative === '' ? this.root : joined(this.root, relative);
  }

  /** Whether times can be set: MFMT is offered (draft-somers-ftp-mfxx, 3). */
  async keepsTimes(): Promise<boolean> {
    return (await this.remote.feat()).has('MFMT');
  }

  /** The file as SIZE and MDTM know it, or MLST where the server lacks them (aioftp), as far as it is asked. */
  async exact(relative: string, known: Known, doubt: Doubt): Promise<Known> {
    const path = this.path(relative);
    const [size, modified] = await Promise.all([
      doubt.size ? this.#ask('SIZE', () => this.remote.size(path)) : undefined,
      doubt.time ? this.#ask('MDTM', () => this.remote.mdtm(path)) : undefined,
    ]);
    if ((doubt.size && this.#lacks.has('SIZE')) || (doubt.time && this.#lacks.has('MDTM'))) {
      const facts = await this.#ask('MLST', () => this.#facts(path));
      if (facts) return { ...known, ...knownOf(facts), exact: true };
    }
    const time = modified?.getTime();
    return {
      ...known,
      ...(size === undefined ? {} : { size }),
      ...(time === undefined ? {} : { time, unit: time % 1000 === 0 ? 1000 : 1 }),
      exact: true,
    };
  }

  /** Without MLST there are no facts: what it would be put together from was asked already. */
  async #facts(path: string): Promise<Entry | undefined> {
    const entry = await this.remote.mlst(path);
    if (!entry.facts) this.#lacks.add('MLST');
    return entry.facts && entry;
  }

  /**
   * What is known of a file, now that it has come: as it was listed; where another number of bytes came, as SIZE and MDTM tell. A
   * file may grow while it is fetched, and ProFTPD lists symlinks with their own size.
   *
   * @throws TransferError where SIZE contradicts, too
   */
  async judge(relative: string, known: Known, bytes: number): Promise<Known> {
    if (known.size === undefined || bytes === known.size) return known;
    const exact = await this.exact(relative, { ...known, size: bytes }, { size: true, time: true });
    if (exact.size === bytes || (bytes > known.size && (exact.size ?? 0) > bytes)) return exact;
    throw new TransferError(`RETR ${this.path(relative)}: ${bytes} bytes came, where the listing has ${known.size} and SIZE ${exact.size}`, {
      bytesTransferred: bytes,
      expectedBytes: exact.size,
      phase: 'completion',
    });
  }

  /** Makes a folder, and those that it is in; one that is there is fine. */
  async makeFolder(relative: string): Promise<void> {
    await this.#make(this.path(relative), relative === '');
  }

  async #make(path: string, withParents: boolean): Promise<void> {
    this.signal.throwIfAborted();
    try {
      await this.#persist(() => this.remote.mkd(path));
    } catch (error) {
      if (!(error instanceof PermanentError)) throw error;
      const parent = path.replace(/\/+[^/]*\/*$/, '');
      if (await this.#isFolder(path)) return;
      if (!withParents || parent === '' || parent === path) throw error;
      await this.#make(parent, true);
      await this.#persist(() => this.remote.mkd(path));
    }
  }

  async #isFolder(path: string): Promise<boolean> {
    try {
      return (await this.#persist(() => this.remote.mlst(path))).type === 'directory';
    } catch (error) {
      if (error instanceof ReplyError) return false;
      throw error;
    }
  }

  /** Undefined where the server does not tell. */
  async #ask<T>(command: Query, act: () => Promise<T>): Promise<T | undefined> {
    if (this.#lacks.has(command)) return undefined;
    try {
      return await this.#persist(act);
    } catch (error) {
      if (!isAboutPath(error)) throw error;
      if (UNKNOWN_COMMAND.has((error as ReplyError).reply?.code ?? 0)) this.#lacks.add(command);
      return undefined;
    }
  }

  #persist<T>(act: () => Promise<T>): Promise<T> {
    return this.#retry === undefined ? act() : persist(act, { backoff: new Backoff(this.#retry), signal: this.signal });
  }
}
