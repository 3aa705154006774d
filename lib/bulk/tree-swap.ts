// `swap` of trees: a folder on the server is replaced as a whole, by renames.

import { randomBytes } from 'node:crypto';
import { ArgumentError, ReplyError, TransferError, UnsupportedError } from '../errors';
import { entryAt } from '../transfer/facts';
import { Backoff } from '../transfer/retry';
import { folded, ignoreRefusal, shortened } from '../transfer/temporary-name';
import { joined, mayMeanMissing } from './listings';
import { type Remote, withRetry } from './remote';
import type { TreeResult, TreeSettings } from './tree-options';
import { RemoteRemoval } from './tree-removal';
import { inTheWay, Job } from './tree-run';
import { RemoteTree } from './tree-sides';

/** The random part of a name, which is eight hex digits. */
const RANDOM_BYTES = 4;

/** The folder and the last name of a path. @throws ArgumentError where there is no name that can be given to another folder */
function split(path: string): { readonly parent: string; readonly name: string } {
  const plain = path.replace(/\/+$/, '');
  const at = plain.lastIndexOf('/') + 1;
  const name = plain.slice(at);
  if (name === '' || name === '.' || name === '..') throw new ArgumentError(`swap needs the path of a folder that can be renamed, not ${JSON.stringify(path)}`);
  return { parent: at === 1 ? '/' : plain.slice(0, Math.max(0, at - 1)), name };
}

/** Checks the path of a folder that is to be swapped. @throws ArgumentError */
export function checkSwap(path: string): void {
  split(path);
}

/**
 * A new version of a folder on a server, which is made beside it and takes its name when it is complete. FTP has no command that exchanges two folders,
 * so that there is none between two renames. What happens to the connection there is found out and undone, or the error says what is where.
 */
export class FolderSwap {
  readonly #remote: Remote;
  readonly #signal: AbortSignal;
  readonly #settings: TreeSettings;
  readonly #target: string;
  readonly #old: string;
  /** The target is there. */
  readonly #replaces: boolean;

  private constructor(
    { remote, signal }: RemoteTree,
    settings: TreeSettings,
    { target, old, replaces }: { readonly target: string; readonly old: string; readonly replaces: boolean },
    /** The folder that the new version is written to. */
    readonly path: string,
    /** An interrupted run has left it. */
    readonly isReused: boolean,
  ) {
    this.#remote = remote;
    this.#signal = signal;
    this.#settings = settings;
    this.#target = target;
    this.#old = old;
    this.#replaces = replaces;
  }

  /**
   * Makes the new folder, or takes over one that an interrupted run has left. Either is renamed, which shows that the server does that with folders, and
   * by which a run that is still at work loses its folder rather than to share it.
   *
   * @throws UnsupportedError where the server does not rename it
   */
  static async begin(remote: Remote, path: string, signal: AbortSignal, settings: TreeSettings): Promise<FolderSwap> {
    const { parent, name } = split(path);
    const tree = new RemoteTree(remote, parent, signal, { ...settings, swap: false });
    const target = joined(parent, name);
    const begin = `.${shortened(name, 2 * RANDOM_BYTES + '...new'.length)}.`;
    const newName = (end: '.new' | '.old'): string => joined(parent, `${begin}${randomBytes(RANDOM_BYTES).toString('hex')}${end}`);
    const there = await tree.withRetry(() => entryAt(remote, target));
    if (there && there.type !== 'directory' && there.type !== 'symlink') throw inTheWay(target, 'file');
    const { left, isMissing } = await lookBeside(tree, begin, name);
    const setup = { target, old: newName('.old'), replaces: there !== undefined && !isMissing };
    const own = newName('.new');
    if (settings.dryRun) return new FolderSwap(tree, settings, setup, own, false);
    if (left !== undefined && (await isRenamed(remote, left, own))) {
      if (!settings.isPartial) return new FolderSwap(tree, settings, setup, own, true);
      const { error } = await removeFolder(remote, own, signal, { ...settings, select: () => ALL, isPartial: false }); // it may have what is left out this time
      if (error) throw error;
    }
    const made = newName('.new');
    await tree.makeFolder(made.slice(made.lastIndexOf('/') + 1));
    if (!(await isRenamed(remote, made, own))) {
      await remote.rmd(made).catch(ignoreRefusal);
      throw new UnsupportedError(`the server does not rename the folder ${made}: swap cannot exchange folders`);
    }
    await tree.setMode(own, settings.modeOf?.({ name: '', path: '', depth: 0, type: 'directory', raw: '' }));
    return new FolderSwap(tree, settings, setup, own, false);
  }

  /** Exchanges the folders, and deletes the old one. @param failures files of the new version that are missing */
  async *finish(failures: number): AsyncGenerator<TreeResult, void, void> {
    const job = new Job('directory', '');
    if (failures > 0) {
      yield job.failed(new TransferError(`${this.#target} was not exchanged, for ${failures} of the results are failures; what was uploaded is in ${this.path}`));
      return;
    }
    if (!this.#settings.dryRun) await this.#exchange();
    yield job.result('swapped');
    if (this.#replaces && !this.#settings.dryRun) yield await this.#removeOld();
  }

  /** What has begun here is done or undone, also when the work is to end: nothing is under the target's name meanwhile. */
  async #exchange(): Promise<void> {
    this.#signal.throwIfAborted();
    if ((await entryAt(this.#remote, this.path)) === undefined) throw new TransferError(`${this.path} is not there any more: another run has taken it over, and ${this.#target} was not exchanged`);
    this.#signal.throwIfAborted();
    if (this.#replaces) {
      try {
        await this.#rename(this.#target, this.#old);
      } catch (error) {
        throw this.#explained(error, `${this.#target} has its name, unless the server has carried the rename out after all and calls it ${this.#old}; the new version is ${this.path}`);
      }
    }
    try {
      await this.#rename(this.path, this.#target);
    } catch (error) {
      await this.#undo(error);
    }
  }

  /** Gives the old folder its name back. @throws the error, unless the new one has that name after all */
  async #undo(error: unknown): Promise<void> {
    if (!this.#replaces) throw this.#explained(error, `the new version is ${this.path}`);
    try {
      await this.#rename(this.#old, this.#target);
    } catch {
      if (await this.#hasBecome(this.path, this.#target)) return;
      throw this.#explained(error, `what was ${this.#target} is called ${this.#old} now, and the new version ${this.path}; nothing has the name ${this.#target}`);
    }
    throw this.#explained(error, `${this.#target} is what it was; the new version is ${this.path}`);
  }

  /** Renames a folder. Where the reply is lost, the names show whether it was done. */
  async #rename(from: string, to: string): Promise<void> {
    const once = async (): Promise<void> => {
      try {
        await this.#remote.rename(from, to);
      } catch (error) {
        if (!(await this.#hasBecome(from, to))) throw error;
      }
    };
    const { retry } = this.#settings;
    await (retry === undefined ? once() : withRetry(once, { backoff: new Backoff(retry), signal: undefined }));
  }

  /** Whether a folder has the other name, and not its own. False also where the server cannot be asked. */
  async #hasBecome(from: string, to: string): Promise<boolean> {
    try {
      return (await entryAt(this.#remote, from)) === undefined && (await entryAt(this.#remote, to)) !== undefined;
    } catch {
      return false;
    }
  }

  /** Adds to an error what is where; to that of `close()` or of a signal too, which ends the stream in its place. After `destroy()` there is none: a warning says it. */
  #explained(error: unknown, where: string): unknown {
    const { aborted, reason } = this.#signal;
    const isShown = (each: unknown): each is Error => each instanceof Error && !(each instanceof DOMException);
    for (const each of new Set([error, reason])) if (isShown(each)) each.message += ` (${where})`;
    if (aborted && !isShown(reason)) process.emitWarning(where, 'FTPWarning');
    return error;
  }

  async #removeOld(): Promise<TreeResult> {
    const job = new Job('directory', `../${this.#old.slice(this.#old.lastIndexOf('/') + 1)}`);
    if (this.#settings.swap === 'keep') return job.result('skipped', { reason: 'old version' });
    const { select } = this.#settings;
    const { isGone, error } = await removeFolder(this.#remote, this.#old, this.#signal, { ...this.#settings, select: (entry) => (entry.path === '' ? ALL : select(entry)) });
    return isGone ? job.result('deleted') : job.result('skipped', { reason: 'old version', ...(error ? { error } : {}) });
  }
}

const ALL = { wanted: true, entered: true };

/**
 * Removes a folder and what is in it, as far as the filter includes it. Where that is all, RMD comes first: aioftp and Twisted show a symlink as the folder
 * that it leads to, and only refuse RMD for it. What it leads to must stay.
 */
async function removeFolder(remote: Remote, path: string, signal: AbortSignal, settings: TreeSettings): Promise<{ readonly isGone: boolean; readonly error?: Error }> {
  const tree = new RemoteTree(remote, path, signal, settings);
  const steps = new RemoteRemoval(tree, settings, tree.budget, settings.isPartial ? 'as found' : 'everything').folder('', 0);
  let error: Error | undefined;
  try {
    let step = await steps.next();
    for (; !step.done; step = await steps.next()) if (typeof step.value !== 'function') error ??= step.value.error;
    return { isGone: !step.value, ...(error ? { error } : {}) };
  } catch (failure) {
    return { isGone: false, error: error ?? (failure as Error) };
  }
}

/**
 * Looks for a new folder that an interrupted run has left, and for the target: tcllib's ftpd enters a folder that is missing, and only a listing shows
 * that it is.
 *
 * @param begin what the names of new folders begin with
 */
async function lookBeside(tree: RemoteTree, begin: string, target: string): Promise<{ readonly left: string | undefined; readonly isMissing: boolean }> {
  const listing = tree.listings.sureFolder(tree.root);
  let left: string | undefined;
  let isListed = target.startsWith('.'); // it may be hidden
  try {
    for await (const { name, type } of listing) {
      isListed ||= folded(name) === folded(target);
      if (type === 'directory' && name.startsWith(begin) && /^[0-9a-f]{8}\.new$/.test(name.slice(begin.length))) left ??= tree.path(name);
    }
  } catch (error) {
    if (!mayMeanMissing(error)) throw error;
  }
  return { left, isMissing: listing.whole && !isListed };
}

/** Renames a folder; false where the server refuses. */
async function isRenamed(remote: Remote, from: string, to: string): Promise<boolean> {
  try {
    await remote.rename(from, to);
    return true;
  } catch (error) {
    if (!(error instanceof ReplyError) || error.reply?.code === 421) throw error;
    return false;
  }
}
