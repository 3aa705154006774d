import { PermanentError, TransferError } from '../errors';
import { entryAt, type FactCommand, factsOf } from '../transfer/facts';
import { Backoff } from '../transfer/retry';
import { persist } from './persist';
import type { Remote } from './remote';
import { Budget } from './tree-budget';
import type { Doubt, Known } from './tree-compare';
import type { TreeSettings } from './tree-options';
import { joined, Listings } from './walk-listing';

/** The remote side of a tree. */
export class RemoteTree {
  readonly listings: Listings;
  /** What may be remembered of the tree. */
  readonly budget: Budget;
  readonly #retry: TreeSettings['retry'];
  readonly #lacks = new Set<FactCommand>();

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

  /** The file as SIZE, MDTM or MLST know it, as far as that is in doubt. */
  async exact(relative: string, known: Known, doubt: Doubt): Promise<Known> {
    const { size, modified } = await this.#persist(() => factsOf(this.remote, this.path(relative), { size: doubt.size, modified: doubt.time, patient: this.#retry === undefined, lacks: this.#lacks }));
    const time = modified?.getTime();
    return {
      ...known,
      ...(size === undefined ? {} : { size }),
      ...(time === undefined ? {} : { time, unit: time % 1000 === 0 ? 1000 : 1 }),
      exact: true,
    };
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
      if ((await this.#persist(() => entryAt(this.remote, path)))?.type === 'directory') return;
      if (!withParents || parent === '' || parent === path) throw error;
      await this.#make(parent, true);
      await this.#persist(() => this.remote.mkd(path));
    }
  }

  #persist<T>(act: () => Promise<T>): Promise<T> {
    return this.#retry === undefined ? act() : persist(act, { backoff: new Backoff(this.#retry), signal: this.signal });
  }
}
