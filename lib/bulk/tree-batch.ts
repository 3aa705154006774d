import type { EntryType } from '../listing/entry';
import type { Doubt, Known } from './tree-compare';
import { TreeLog } from './tree-log';
import type { Budget } from './tree-budget';

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

type CandidateRecord = [name: string, type: EntryType, size: number | null, time: number | null, unit: number, flags: number];

const DOUBTS_SIZE = 1;
const DOUBTS_TIME = 2;
const REPLACES = 4;
/** So many files are asked about in one go: plain commands that are called together are written together. */
const BATCH = 64;

/** Files that wait for the end of the listing that showed them. */
export class CandidateLog {
  readonly #log: TreeLog<CandidateRecord>;

  constructor(budget: Budget) {
    this.#log = new TreeLog(budget);
  }

  /** @throws LimitError */
  add({ name, remote, doubt, replaces }: Candidate): void {
    const { type, size, time, unit } = remote;
    const flags = (doubt?.size ? DOUBTS_SIZE : 0) | (doubt?.time ? DOUBTS_TIME : 0) | (replaces ? REPLACES : 0);
    this.#log.push([name, type, size ?? null, time ?? null, unit, flags]);
  }

  get size(): number {
    return this.#log.size;
  }

  *batches(): Generator<Candidate[]> {
    while (this.#log.size > 0) yield [...this.#take(BATCH)];
  }

  *#take(count: number): Generator<Candidate> {
    for (let taken = 0; taken < count; taken++) {
      const record = this.#log.shift();
      if (!record) return;
      const [name, type, size, time, unit, flags] = record;
      const doubt = { size: (flags & DOUBTS_SIZE) !== 0, time: (flags & DOUBTS_TIME) !== 0 };
      yield {
        name,
        remote: { type, ...(size === null ? {} : { size }), ...(time === null ? {} : { time }), unit, exact: false },
        doubt: doubt.size || doubt.time ? doubt : undefined,
        replaces: (flags & REPLACES) !== 0,
      };
    }
  }
}
