import { PermanentError } from '../errors';
import type { Entry } from '../listing/entry';
import type { Remote } from './remote';
import type { Budget } from './tree-budget';
import { TreeLog } from './tree-log';

/** Symlinks that wait for the end of the listing that showed them: till then the connection has no time to tell where they lead. */
export class LinkLog {
  readonly #log: TreeLog<[entry: Omit<Entry, 'modified'>, modified: number | null]>;

  constructor(budget: Budget) {
    this.#log = new TreeLog(budget);
  }

  /** @throws LimitError */
  add({ modified, ...entry }: Entry): void {
    this.#log.push([entry, modified?.getTime() ?? null]);
  }

  /** Forgets what is left. */
  clear(): void {
    this.#log.clear();
  }

  *take(): Generator<Entry> {
    for (let record = this.#log.shift(); record; record = this.#log.shift()) {
      const [entry, modified] = record;
      yield modified === null ? entry : { ...entry, modified: new Date(modified) };
    }
  }
}

/**
 * The symlink at a path with the type, size and time of what it leads to; unchanged where it leads nowhere. MLST follows
 * links on most servers; Pure-FTPd tells of the link itself, has a SIZE for files only, and takes `link/.` for the folder.
 */
export async function followed(remote: Remote, path: string, link: Entry): Promise<Entry> {
  const end = await remote.mlst(path).catch(ignoreRefusal);
  if (end === undefined) return link;
  if (end.type !== 'symlink') return as(link, end);
  const size = await remote.size(path).catch(ignoreRefusal);
  if (size !== undefined) return as(link, { type: 'file', size });
  const folder = await remote.mlst(`${path}/.`).catch(ignoreRefusal);
  return folder?.type === 'directory' ? as(link, folder) : link;
}

function as({ name, target, raw }: Entry, { type, size, modified, facts }: Pick<Entry, 'type' | 'size' | 'modified' | 'facts'>): Entry {
  return {
    name,
    type,
    ...(size === undefined ? {} : { size }),
    ...(modified === undefined ? {} : { modified }),
    ...(target === undefined ? {} : { target }),
    ...(facts === undefined ? {} : { facts }),
    raw,
  };
}

function ignoreRefusal(error: unknown): undefined {
  if (!(error instanceof PermanentError)) throw error;
  return undefined;
}
