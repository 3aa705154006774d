import type { Stats } from 'node:fs';
import type { Entry, EntryType } from '../listing/entry';
import { PERMISSIONS } from './local-file';
import { type Budget, TreeLog } from './tree-memory';
import type { Overwrite } from './tree-options';

const SECOND = 1000;
const MINUTE = 60_000;
const DAY = 86_400_000;
/** What times of listings are exact to, in milliseconds. */
const UNITS: readonly number[] = [1, SECOND, MINUTE, DAY];

/** What is known of a file on one side. */
export interface Known {
  readonly type: EntryType;
  /** Bytes. */
  readonly size?: number;
  /** When it was modified, in milliseconds since 1970. */
  readonly time?: number;
  /** Milliseconds that `time` is exact to: a listing may give minutes or days. */
  readonly unit: number;
  /** The permissions for owner, group and others. */
  readonly mode?: number | undefined;
  /** It is from the local file system, or the server was asked about this file: nothing better is to be had. */
  readonly exact: boolean;
}

/** What must be asked of the server before it is known whether a file is transferred. */
export interface Doubt {
  readonly size: boolean;
  readonly time: boolean;
}

/** What a listing says of an entry. */
export function knownOf(entry: Entry): Known {
  const { type, size, modified } = entry;
  return {
    type,
    ...(size === undefined ? {} : { size }),
    ...(modified === undefined ? {} : { time: modified.getTime() }),
    unit: unitOf(entry),
    mode: modeOf(entry),
    exact: false,
  };
}

/** The permissions of an entry, by its fact `unix.mode` or the nine letters of `ls`. Set-user-id, set-group-id and sticky bits are none. */
function modeOf({ facts, permissions = '' }: Pick<Entry, 'facts' | 'permissions'>): number | undefined {
  const digits = facts?.['unix.mode'];
  if (digits !== undefined && /^[0-7]{1,7}$/.test(digits)) return Number.parseInt(digits, 8) & PERMISSIONS;
  if (!/^(?:[r-][w-][xsStT-]){3}/.test(permissions)) return undefined;
  return [...permissions.slice(0, 9)].reduce((mode, letter) => mode * 2 + (/[rwxst]/.test(letter) ? 1 : 0), 0);
}

/** What the local file system says of a file. */
export function knownLocally(stats: Stats): Known {
  const type = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'symlink' : 'other';
  return { type, size: stats.size, time: localTime(stats), unit: 1, exact: true };
}

/** The time in whole milliseconds; the file system's floating point may be slightly below what was set. */
export function localTime({ mtimeMs }: Stats): number {
  return Math.floor(mtimeMs + 0.01);
}

/** The `modify` fact is exact to the second at least (RFC 3659, 2.3); `ls` prints minutes, or days for what is old. */
function unitOf({ facts, modified, raw, name }: Entry): number {
  const modify = facts?.['modify'];
  const time = modified?.getTime() ?? 0;
  if (time % SECOND !== 0) return 1;
  if (modify !== undefined || time % MINUTE !== 0) return SECOND;
  const nameAt = raw.lastIndexOf(name);
  const columns = nameAt < 0 ? raw : raw.slice(0, nameAt);
  if (/\d:\d\d:\d\d/.test(columns)) return SECOND;
  return /\d:\d/.test(columns) ? MINUTE : DAY;
}

/** Below 0 where `a` is older, as far as both are exact; undefined where a time is not known. */
function compareTimes(a: Known, b: Known): number | undefined {
  if (a.time === undefined || b.time === undefined) return undefined;
  // A server that prints fractions may not have stored any.
  const stored = (known: Known): number => (known.unit === 1 && !known.exact && (known.time ?? 0) % SECOND === 0 ? SECOND : known.unit);
  const unit = Math.max(stored(a), stored(b));
  return Math.floor(a.time / unit) - Math.floor(b.time / unit);
}

/**
 * Whether the source's file is to be transferred over the target's.
 *
 * @param keepsTimes the target keeps the times that it is given, so that any other time means another file; else only a newer source does
 * @returns a Doubt where it depends on facts that a listing may have wrong: ProFTPD lists a link's own size and time, VMS sizes in blocks, and `ls`
 * times in minutes or days, in a time zone that is not known
 */
export function decide(rule: Overwrite, source: Known, target: Known, keepsTimes: boolean): boolean | Doubt {
  if (rule === 'always' || rule === 'never') return rule === 'always';
  const remote = source.exact ? target : source;
  const differ = source.size === undefined || target.size === undefined || source.size !== target.size;
  if (rule !== 'newer') {
    if (differ) return remote.exact || { size: true, time: rule === 'changed' };
    if (rule === 'size') return false;
  }
  const order = compareTimes(source, target);
  const transfer = order === undefined ? differ : rule === 'changed' && keepsTimes ? order !== 0 : order > 0;
  if (!remote.exact && (transfer || remote.unit > SECOND || order === undefined)) return { size: false, time: true };
  return transfer;
}

/** A file that is to be downloaded, unless the answer to a question shows that the local one will do. */
export interface Candidate {
  readonly name: string;
  /** What is known of the file on the server. */
  readonly remote: Known;
  /** What must be asked first. */
  readonly doubt: Doubt | undefined;
  /** A local folder is in its place, and is removed first. */
  readonly replaces: boolean;
}

/** A candidate as it is remembered: short, for there may be millions. */
type CandidateRecord = [name: string, size: number | null, time: number | null, flags: number];

const DOUBTS_SIZE = 1;
const DOUBTS_TIME = 2;
const REPLACES = 4;
/** Above the flags is the index of the time's unit in UNITS, and above that the mode, which is one more there; 0 for none. */
const FLAGS = 8;
/** Files that are asked about at the same time: commands that are called together are written together, and the file system answers several, too. */
export const BATCH = 64;

/** Candidates that wait for the end of the listing that showed them. */
export class CandidateLog {
  readonly #log: TreeLog<CandidateRecord>;

  constructor(budget: Budget) {
    this.#log = new TreeLog(budget);
  }

  /** @throws LimitError */
  add({ name, remote, doubt, replaces }: Candidate): void {
    const { size, time, unit, mode = -1 } = remote;
    const flags = (doubt?.size ? DOUBTS_SIZE : 0) | (doubt?.time ? DOUBTS_TIME : 0) | (replaces ? REPLACES : 0);
    this.#log.push([name, size ?? null, time ?? null, (UNITS.indexOf(unit) + (mode + 1) * UNITS.length) * FLAGS + flags]);
  }

  get size(): number {
    return this.#log.size;
  }

  /** Forgets those that are left. */
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
      const rest = Math.floor(flags / FLAGS);
      const mode = Math.floor(rest / UNITS.length) - 1;
      const doubt = { size: (flags & DOUBTS_SIZE) !== 0, time: (flags & DOUBTS_TIME) !== 0 };
      yield {
        name,
        remote: { type: 'file', ...(size === null ? {} : { size }), ...(time === null ? {} : { time }), unit: UNITS[rest % UNITS.length] ?? 1, ...(mode < 0 ? {} : { mode }), exact: false },
        doubt: doubt.size || doubt.time ? doubt : undefined,
        replaces: (flags & REPLACES) !== 0,
      };
    }
  }
}

/** Groups items by `count`; those before an error are given before it. */
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
