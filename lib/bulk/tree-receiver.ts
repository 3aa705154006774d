import { posix } from 'node:path';
import { writeLocalFile } from './local-file';
import type { LocalTree } from './local-tree';
import type { Known } from './tree-compare';
import type { TreeResult, TreeSettings } from './tree-options';
import type { RemoteTree } from './tree-remote';
import { folded } from './same-name';
import { Job } from './tree-run';

/** Fetches files into a local tree. */
export class Receiver {
  readonly #remote: RemoteTree;
  readonly #local: LocalTree;
  readonly #settings: TreeSettings;
  /** Files that are being written, by what a file system may take for the same name. */
  readonly #writing = new Map<string, Promise<unknown>>();

  constructor(remote: RemoteTree, local: LocalTree, settings: TreeSettings) {
    this.#remote = remote;
    this.#local = local;
    this.#settings = settings;
  }

  async receive(path: string, known: Known): Promise<TreeResult> {
    const job = new Job('file', path);
    try {
      const bytes = await this.#alone(path, () => this.#write(path, known));
      return job.result('downloaded', { bytes });
    } catch (error) {
      return job.failed(error);
    }
  }

  async #write(path: string, known: Known): Promise<number> {
    const { preserveTimes, temporaryName } = this.#settings;
    const { signal } = this.#remote;
    signal.throwIfAborted();
    const folder = posix.dirname(path);
    await Promise.all([this.#local.check(folder === '.' ? '' : folder), this.#local.look(path)]);
    return writeLocalFile(this.#local.path(path), () => this.#remote.download(path), {
      temporaryName,
      judge: async (bytes) => {
        const { time } = await this.#remote.judge(path, known, bytes);
        return preserveTimes && time !== undefined ? new Date(time) : undefined;
      },
      signal,
    });
  }

  /** Two names that may be one file are not written at the same time: the second one then finds the first. */
  async #alone<T>(path: string, act: () => Promise<T>): Promise<T> {
    const key = folded(path);
    for (let other = this.#writing.get(key); other; other = this.#writing.get(key)) await other.catch(() => undefined);
    const work = act();
    this.#writing.set(key, work);
    try {
      return await work;
    } finally {
      this.#writing.delete(key);
    }
  }
}
