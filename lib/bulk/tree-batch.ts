import { type Budget, TreeLog } from './tree-budget';
import { type Doubt, type Known, UNITS } from './tree-compare';

/** A file that is to be transferred, or about which more must be asked first. */
export interface Candidate {
  readonly name: string;
  /** The side that is on the server. */
  readonly remote: Known;
  /** What has to be asked before it is known whether the file is transferred. */
  readonly doubt: Doubt | undefined;
  /** A folder is in its place, and has to go first. */
  readonly replaces: boolean;
}

/** All are files; short, for there may be millions. */
type CandidateRecord = [name: string, size: number | null, time: number | null, flags: number];

const DOUBTS_SIZE = 1;
const DOUBTS_TIME = 2;
const REPLACES = 4;
/** What the flags are beside the place of the time's unit in UNITS. */
const FLAGS = 8;
/** So many files are asked about in one go: plain commands that are called together are written together, and the file system answers some at a time. */
export const BATCH = 64;

/** Files that wait for the end of the listing that showed them. */
export class CandidateLog {
  readonly #log: TreeLog<CandidateRecord>;

  constructor(budget: Budget) {
    this.#log = new TreeLog(budget);
  }

  /** @throws LimitError */
  add({ name, remote, doubt, replaces }: Candidate): void {
    const { size, time, unit } = remote;
    const flags = (doubt?.size ? DOUBTS_SIZE : 0) | (doubt?.time ? DOUBTS_TIME : 0) | (replaces ? REPLACES : 0);
    this.#log.push([name, size ?? null, time ?? null, UNITS.indexOf(unit) * FLAGS + flags]);
  }

  get size(): number {
    return this.#log.size;
  }

  /** Forgets what is left. */
  clear(): void {
    this.#log.clear();
  }

  *batches(): Generator<Candidate[]> {
    while (this.#log.size > 0) yield [...this.#take(BATCH)];
  }

  *#take(count: number): Generator<Candidate> {
    for (let taken = 0; taken < count; taken++) {
      const record = this.#log.shift();
      if (!record) return;
      const [name, size, time, flags] = record;
      const doubt = { size: (flags & DOUBTS_SIZE) !== 0, time: (flags & DOUBTS_TIME) !== 0 };
      yield {
        name,
        remote: { type: 'file', ...(size === null ? {} : { size }), ...(time === null ? {} : { time }), unit: UNITS[Math.floor(flags / FLAGS)] ?? 1, exact: false },
        doubt: doubt.size || doubt.time ? doubt : undefined,
        replaces: (flags & REPLACES) !== 0,
      };
    }
  }
}

/** The items in groups of up to so many; those before an error, too. */
export async function* inBatches<T>(items: AsyncIterable<T>, count: number): AsyncGenerator<T[], void, void> {
  let batch: T[] = [];
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const item of items) {
      if (batch.push(item) < count) continue;
      yield batch;
      batch = [];
    }
  } catch (error) {
    failure = { error };
  }
  if (batch.length > 0) yield batch;
  if (failure) throw failure.error;
}
