import { ArgumentError } from '../errors';
import type { EntryType } from '../listing/entry';
import { checkNames, type OptionNames } from '../options';
import { Backoff, type RetryOptions } from '../transfer/retry';
import { checkVerify, type Verify } from '../transfer/verify';
import { partName } from '../transfer/temporary-name';
import { selector, type Filter } from './filter';
import { checkTraffic, type TrafficOptions } from './progress';
import type { Remote } from './remote';
import { MAX_PENDING_BYTES } from './tree-memory';

/** When a file that the target has is transferred again. */
export type Overwrite = 'always' | 'never' | 'newer' | 'size' | 'changed';

/** How a tree is transferred. */
export interface TreeOptions extends TrafficOptions {
  /**
   * What happens to a file that the target has: `always` and `never` say it; `newer` transfers what is newer at the source,
   * `size` what has another size, `changed` what has another size or time. Where the target does not keep times (a server without
   * MFMT, or `preserveTimes: false`), `changed` takes only a newer time for another one. Default `always`; `changed` for `mirror`.
   */
  overwrite?: Overwrite;
  /**
   * Removes from the target what the source does not have, where every line of the source's folder could be read; what `filter` excludes stays.
   * What may be a file of the source under another spelling of its name (in case, Unicode form, dots at the end, or what a server makes of it)
   * stays too, and has a result with the reason `in doubt`: an upload compares the folder before and after it. Symlinks go themselves,
   * not what they lead to; where a server shows them as folders and DELE does not remove them (aioftp, Twisted), only those that lead
   * back are known. Default false.
   */
  delete?: boolean;
  /** What is transferred; default everything. */
  filter?: Filter;
  /** Only tells what would be done; default false. */
  dryRun?: boolean;
  /** Gives files the source's time of modification: MFMT where the server has it, utimes locally. Default false; true for `mirror`. */
  preserveTimes?: boolean;
  /** Transfers at a time; default: half as many again as a pool may have connections, so that each has its next one at hand; 1 for a client. */
  concurrency?: number;
  /**
   * A file is written under another name in its folder, and renamed when it is complete, so that no part of a file is seen under its name.
   * A function makes the other name of the name. Default true: `.name.part`; two runs that upload the same
   * names at the same time need names of their own. Where a server renames nothing over a file that is there, the old file is
   * renamed first, to `.name.<random>.old`, and deleted when the new one has its name; where it renames nothing at all, the old
   * file stays, and the upload fails.
   */
  temporaryName?: boolean | ((name: string) => string);
  /**
   * How a file goes on after a loss, as in `get` and `put`: true for 5 attempts, a number of attempts, or `{ attempts, backoff, maxDelay }`. What is
   * asked about files and the making of folders are tried again likewise. Default false: a file that was lost is an error, and the client connects
   * again for the next one only.
   */
  retry?: RetryOptions | number | boolean;
  /**
   * Compares each file with what the server says of it when it is there: its size, or the strongest hash that the server offers (UnsupportedError
   * where it offers none). What differs is a MismatchError. Default: a download must have as many bytes as were listed or as SIZE says, an upload is
   * not compared.
   */
  verify?: Verify;
  /** `follow`: a symlink is what it leads to; `skip` (the default): a result tells that it was skipped. */
  symlinks?: 'skip' | 'follow';
  /**
   * Names that a download writes: `portable` (the default) refuses what would be a path, a device or another name on any system
   * (backslashes, drive letters, `CON`, `NUL.txt`, trailing dots and blanks); `native` what would be so on this one.
   */
  names?: 'portable' | 'native';
  /** An error is a result, and the others go on; default false: the first error ends the stream. */
  continueOnError?: boolean;
  /** Levels of folders, 1 for the files of the first one only; default 100, and what is deeper is an error. */
  depth?: number;
  /** Most bytes of names and facts that are remembered at a time, for folders with millions of files; default 128 MiB, a million files with `delete`; what is more fails with a LimitError. */
  maxPendingBytes?: number;
  /** Ends the stream with an AbortError. */
  signal?: AbortSignal;
}

export const TREE_OPTIONS: OptionNames<TreeOptions> = {
  overwrite: true, delete: true, filter: true, dryRun: true, preserveTimes: true, concurrency: true, temporaryName: true, symlinks: true, names: true, continueOnError: true, depth: true,
  maxPendingBytes: true, signal: true, retry: true, verify: true, throttle: true, progress: true,
};

/** What became of one file or folder. */
export interface TreeResult {
  /** With `dryRun`, what would have become of it. */
  readonly action: 'downloaded' | 'uploaded' | 'created' | 'deleted' | 'skipped' | 'failed';
  readonly type: EntryType;
  /** From the start of the tree, its parts joined by `/`; empty for the start itself; for a line of a listing that cannot be read, the folder. */
  readonly path: string;
  /** Payload bytes that were transferred. */
  readonly bytes: number;
  /** Milliseconds from the beginning of this file's work to its end. */
  readonly ms: number;
  /**
   * Why it was skipped: the target has it, or it is a symlink, or nothing that has bytes, or a folder that is not empty because of the filter;
   * `in doubt`: `delete` would have removed it, but it may be what the source has under another spelling of its name, or the listing does not
   * prove that the source has none.
   */
  readonly reason?: 'exists' | 'symlink' | 'not a file' | 'not empty' | 'in doubt';
  /** Why it failed. */
  readonly error?: Error;
}

/** The options after checks, defaults filled in. */
export interface TreeSettings extends Required<Omit<TreeOptions, 'signal' | 'filter' | 'temporaryName' | 'depth' | 'retry' | 'verify' | keyof TrafficOptions>>, TrafficOptions {
  readonly signal: AbortSignal | undefined;
  readonly depth: number;
  /** What is deeper is left out without an error. */
  readonly depthChosen: boolean;
  readonly select: ReturnType<typeof selector>;
  readonly temporaryName: ((name: string) => string) | undefined;
  readonly retry: RetryOptions | number | true | undefined;
  readonly verify: Verify | undefined;
}

/** What differs between a transfer and a mirror. */
type TreeDefaults = Pick<Required<TreeOptions>, 'overwrite' | 'preserveTimes'>;

/** Levels of folders that nobody has asked for. */
export const MOST_LEVELS = 100;

/** @throws ArgumentError */
export function treeSettings(options: TreeOptions, defaults: TreeDefaults, remote: Remote): TreeSettings {
  checkNames(options, TREE_OPTIONS);
  const settings = {
    overwrite: oneOf('overwrite', options.overwrite ?? defaults.overwrite, ['always', 'never', 'newer', 'size', 'changed']),
    delete: flag('delete', options.delete, false),
    select: selector(options.filter),
    dryRun: flag('dryRun', options.dryRun, false),
    preserveTimes: flag('preserveTimes', options.preserveTimes, defaults.preserveTimes),
    concurrency: whole('concurrency', options.concurrency ?? usual(remote.maxConnections ?? 1)),
    temporaryName: namer(options.temporaryName ?? true),
    symlinks: oneOf('symlinks', options.symlinks ?? 'skip', ['skip', 'follow']),
    names: oneOf('names', options.names ?? 'portable', ['portable', 'native']),
    continueOnError: flag('continueOnError', options.continueOnError, false),
    ...levels(options.depth),
    maxPendingBytes: whole('maxPendingBytes', options.maxPendingBytes ?? MAX_PENDING_BYTES),
    signal: options.signal,
    retry: options.retry === false ? undefined : options.retry,
    verify: checkVerify(options.verify),
    ...(options.throttle ? { throttle: options.throttle } : {}),
    ...(options.progress ? { progress: options.progress } : {}),
  };
  if (settings.retry !== undefined) new Backoff(settings.retry); // checks it
  checkTraffic(options);
  return settings;
}

/** A download that waits begins when the data of another have ended, and not with its 226: that saves a round trip each. */
function usual(connections: number): number {
  return connections === 1 ? 1 : Math.ceil(connections * 1.5);
}

/** Where a tree is, on both sides. @throws ArgumentError */
export function checkPlaces(remotePath: unknown, localPath: unknown): void {
  if (typeof remotePath !== 'string') throw new ArgumentError(`a remote path must be a string, not ${typeof remotePath}`);
  if (typeof localPath !== 'string' || localPath === '') throw new ArgumentError('a local path must be a string that is not empty');
}

/** The option `depth`. @throws ArgumentError */
export function levels(depth: number | undefined): { depth: number; depthChosen: boolean } {
  if (depth === undefined) return { depth: MOST_LEVELS, depthChosen: false };
  return { depth: depth === Infinity ? depth : whole('depth', depth), depthChosen: true };
}

/** @throws ArgumentError */
export function whole(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) throw new ArgumentError(`${name} must be a whole number from 1 on, not ${String(value)}`);
  return value;
}

/** @throws ArgumentError */
export function flag(name: string, value: unknown, fallback: boolean): boolean {
  if (value !== undefined && typeof value !== 'boolean') throw new ArgumentError(`${name} must be true or false, not ${String(value)}`);
  return value ?? fallback;
}

function oneOf<const T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) throw new ArgumentError(`${name} must be one of ${allowed.join(', ')}, not ${String(value)}`);
  return value;
}

function namer(option: unknown): TreeSettings['temporaryName'] {
  if (option === false) return undefined;
  if (option === true) return partName;
  if (typeof option === 'function') return option as (name: string) => string;
  throw new ArgumentError('temporaryName must be true, false, or a function');
}
