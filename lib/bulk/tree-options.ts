import { ArgumentError } from '../errors';
import type { EntryType } from '../listing/entry';
import { checkNames, checkWhole, flag, oneOf, type OptionNames } from '../options';
import { Backoff, type RetryOptions } from '../transfer/retry';
import { checkVerify, type Verify } from '../transfer/verify';
import { partName } from '../transfer/temporary-name';
import { selector, type Filter } from './filter';
import type { WalkEntry } from './listings';
import { PERMISSIONS } from './local-file';
import { checkTraffic, type TrafficOptions } from './progress';
import type { Remote } from './remote';
import { MAX_PENDING_BYTES } from './tree-memory';

/** Which files that the target has are transferred again: the option `overwrite` of trees. */
export type Overwrite = 'always' | 'never' | 'newer' | 'size' | 'changed';

/** By what `overwrite: 'changed'` recognizes a file that has changed: the option `compare` of trees. */
export type Compare = 'size-time' | 'hash';

/** Permissions for what a tree writes, from 0 to 0o777: the option `modes` of trees. A function returns those of an entry of the source, or undefined to leave them. */
export type Modes = { readonly files?: number; readonly folders?: number } | ((entry: WalkEntry) => number | undefined);

/** The options of `downloadTree`, `uploadTree` and `mirror`. */
export interface TreeOptions extends TrafficOptions {
  /**
   * Which files that the target has are transferred again: `always` all, `never` none, `newer` those that are newer at the source, `size` those of
   * another size, `changed` those of another size or time. Where the target is not known to keep times (a server without MFMT before the first upload,
   * or `preserveTimes: false`), `changed` takes a newer time for another one, and an older one for the same. Default `always`; for `mirror`, and with
   * `compare`, `changed`.
   */
  overwrite?: Overwrite;
  /**
   * By what `overwrite: 'changed'` recognizes a change, and only by that: `size-time` by size and time, `hash` by the content, so that a fresh checkout,
   * whose files all have new times, transfers only what differs. Files of another size are transferred without a hash. For others the server computes
   * one (HASH, XSHA512 … XCRC, MD5, as FEAT offers), for which `replyTimeout` must be long enough, or, where it offers none, the manifest has it (see
   * `manifest`). What is equal keeps its time. Default `size-time`.
   */
  compare?: Compare;
  /**
   * The file at the top of the remote tree in which `compare: 'hash'` keeps sizes and hashes (SHA-256) where the server offers no hashes: true for
   * `.ftplib-manifest.json`, or another name. An upload writes it when all else is done, and believes it only for files whose size and time on the
   * server are those that it has noted; a file that was written less than a second before the manifest is read back once to be sure, and all files are
   * where two runs have uploaded at the same time. A file that has a name of your choice, and is no manifest, is an UnsupportedError, and stays. A download only
   * reads it, and is an UnsupportedError where there is none. It is neither uploaded, downloaded nor deleted. What cannot be read of it, or not be
   * written, has a result with the reason `manifest`. False is an UnsupportedError where the server offers no hashes. Default true.
   */
  manifest?: boolean | string;
  /**
   * Deletes from the target what the source does not have, in folders of which every line could be read; an upload does so when all files are there. What
   * `filter` excludes stays. What may be a file of the source under another spelling of its name (another case or Unicode form, dots at the end, or what a
   * server makes of it) stays too, and has a result with the reason `in doubt`. A symlink is deleted itself, not what it leads to; where a server shows it
   * as a folder, and DELE does not remove it (aioftp, Twisted), only one that leads back to a folder that it is in is recognized. Default false.
   */
  delete?: boolean;
  /** Which files and folders are transferred: globs, or a function that is asked for each entry. Default: all. */
  filter?: Filter;
  /** Changes nothing; the results say what would be done. Default false. */
  dryRun?: boolean;
  /**
   * Gives each file that is transferred the time of its source: on the server by MFMT (draft-somers-ftp-mfxx), or by `MDTM time path` or SITE UTIME, where
   * it has one of these. Default false; for `mirror` true.
   */
  preserveTimes?: boolean;
  /**
   * Gives each file that is transferred the permissions of its source: on the server by SITE CHMOD, where it has that, and here as far as the listing
   * has them. Set-user-id, set-group-id and sticky bits are left out, and here the owner may always read and write. Not from or on Windows. Default false.
   */
  preserveModes?: boolean;
  /**
   * The permissions of each file that is transferred and of each folder that is made, from 0 to 0o777: `{ files: 0o644, folders: 0o755 }`, or a function
   * that is asked for each entry. On the server by SITE CHMOD, where it has that; here the owner may always read and write. They go before
   * `preserveModes`. Default: those that the system gives.
   */
  modes?: Modes;
  /**
   * Uploads all of the tree into a new folder beside the target, `.name.<random>.new`, and exchanges the two by renames when everything is there: the
   * target is renamed to `.name.<random>.old`, and the new folder to the target. Where the second is refused, the first is undone. Nobody sees half of a
   * version. The old folder is deleted then, or stays with `keep`; what `filter` excludes is not deleted in it. A new folder that an interrupted run has
   * left is taken over, so that only one run at a time may write to a target. Nothing is skipped because the target has it; with `overwrite: 'changed'`
   * that is skipped which such a folder has with the same size and time, or the same hash. `delete` makes no difference. A server that does not rename folders is an UnsupportedError, before anything is
   * uploaded. For uploads only. Default false.
   */
  swap?: boolean | 'keep';
  /** Files that are transferred at the same time, from 1 on. Default: 1 for a client; for a pool 1.5 times its connections, so that each has its next file at hand. */
  concurrency?: number;
  /**
   * The name that a file has until it is complete, so that nobody sees a part of a file under its own name: true for `.name.part` in the same folder,
   * false for its own name, or a function that makes a name of the name. Two runs that upload the same files at the same time need different names.
   * Where a server does not rename over a file that is there, the old file is first renamed to `.name.<random>.old`, and deleted when the new one has
   * its name; where a server renames nothing at all, the old file stays, and the upload fails. Default true.
   */
  temporaryName?: boolean | ((name: string) => string);
  /**
   * Tries a file again after a lost connection, a timeout or a 4xx reply, from the byte that has arrived, as `get` and `put` do: true for 5 attempts in a
   * row, a number of attempts, or `{ attempts, backoff, maxDelay }` with milliseconds. Listing and making folders, and questions about files, are
   * tried again, too; deleting is not. Default false: the file that was lost is an error, and the client connects again for the next one.
   */
  retry?: RetryOptions | number | boolean;
  /**
   * Compares each file, before it gets its name, with what the server says: `size` by SIZE (RFC 3659, 4), `hash` by the strongest hash that the server
   * offers. A file that differs is a MismatchError; a server without the command an UnsupportedError. Default: a download must have as many bytes as
   * were listed, or as SIZE says; an upload is not compared.
   */
  verify?: Verify;
  /** What happens to symlinks of the source: `follow` transfers what they lead to, `skip` gives a result with the reason `symlink`. Default `skip`. */
  symlinks?: 'skip' | 'follow';
  /**
   * Which names a download refuses with a SecurityError: `portable` those that would be a path, a device or another name on any system (backslashes,
   * drive letters, `CON`, `NUL.txt`, dots and blanks at the end), `native` those that would be so on this one. Default `portable`.
   */
  names?: 'portable' | 'native';
  /** Gives each error as a result with the action `failed`, and goes on with the others. Default false: the first error ends the stream. */
  continueOnError?: boolean;
  /** Levels of folders, from 1 for the first folder only to Infinity; what lies deeper is left out. Default: 100, and what lies deeper is a LimitError. */
  depth?: number;
  /** Bytes that remembered names and facts may take at a time; more are a LimitError. Default 128 MiB, which is a million files in one folder with `delete`. */
  maxPendingBytes?: number;
  /** Whether the folders on the server are made that the first folder is in; the first folder itself always is. Default true. */
  parents?: boolean;
  /** Ends the stream with an AbortError when it is aborted. */
  signal?: AbortSignal;
}

export const TREE_OPTIONS: OptionNames<TreeOptions> = {
  overwrite: true, compare: true, manifest: true, modes: true, swap: true, delete: true, filter: true, dryRun: true, preserveTimes: true, preserveModes: true, concurrency: true, temporaryName: true, symlinks: true, names: true, continueOnError: true, depth: true,
  maxPendingBytes: true, parents: true, signal: true, retry: true, verify: true, throttle: true, progress: true, progressInterval: true,
};

/** What has become of one file or folder of a tree. */
export interface TreeResult {
  /** What was done; with `dryRun` what would be done. */
  readonly action: 'downloaded' | 'uploaded' | 'created' | 'deleted' | 'swapped' | 'skipped' | 'failed';
  /** What the source has; for what was deleted, what the target had. */
  readonly type: EntryType;
  /** The path from the start of the tree, its parts joined by `/`; empty for the start itself. For a line of a listing that cannot be read: the folder. */
  readonly path: string;
  /** Bytes of the file, where it was transferred. */
  readonly bytes: number;
  /** Milliseconds from the beginning of this file's work to its end. */
  readonly ms: number;
  /**
   * Why it was skipped: the target has it (`exists`), it is a symlink, it is neither a file nor a folder, or it is a folder to be deleted that is not
   * empty because of the filter. `in doubt`: `delete` leaves it, for it may be what the source has under another spelling of its name, or the listing
   * does not show that the source has none; for a folder, what is in it, for the server does not list it. `manifest`: it has the name of the manifest,
   * or is the manifest, and could not be read or written. `old version`: it is the folder that `swap` has replaced, and was to be kept, or could not be
   * deleted.
   */
  readonly reason?: 'exists' | 'symlink' | 'not a file' | 'not empty' | 'in doubt' | 'manifest' | 'old version';
  /** Why it failed; of what was skipped, why it could not be done. The latter does not end the stream. */
  readonly error?: Error;
}

/** The options after the checks, with the defaults. */
export interface TreeSettings extends Required<Omit<TreeOptions, 'signal' | 'filter' | 'temporaryName' | 'depth' | 'retry' | 'verify' | 'manifest' | 'modes' | keyof TrafficOptions>>, TrafficOptions {
  /** The name of the manifest with `compare: 'hash'`; undefined for none. */
  readonly manifest: string | undefined;
  readonly modeOf: ((entry: WalkEntry) => number | undefined) | undefined;
  readonly signal: AbortSignal | undefined;
  readonly depth: number;
  /** The caller has chosen the depth: what lies deeper is left out, and no error. */
  readonly depthChosen: boolean;
  readonly select: ReturnType<typeof selector>;
  /** Something may be left out of the source. */
  readonly isPartial: boolean;
  readonly temporaryName: ((name: string) => string) | undefined;
  readonly retry: RetryOptions | number | true | undefined;
  readonly verify: Verify | undefined;
}

/** The defaults that differ between a transfer and a mirror. */
type TreeDefaults = Pick<Required<TreeOptions>, 'overwrite' | 'preserveTimes'>;

/** The name of the manifest, where the caller does not choose. */
export const DEFAULT_MANIFEST = '.ftplib-manifest.json';

/** Levels of folders, where the caller does not choose. */
export const MOST_LEVELS = 100;

/** @throws ArgumentError */
export function treeSettings(options: TreeOptions, defaults: TreeDefaults, remote: Remote): TreeSettings {
  checkNames(options, TREE_OPTIONS);
  const settings = {
    overwrite: oneOf('overwrite', options.overwrite ?? (options.compare ? 'changed' : defaults.overwrite), ['always', 'never', 'newer', 'size', 'changed']),
    compare: oneOf('compare', options.compare ?? 'size-time', ['size-time', 'hash']),
    manifest: manifestName(options.manifest ?? true, options.compare),
    modeOf: modes(options.modes),
    swap: options.swap === 'keep' ? options.swap : flag('swap', options.swap, false),
    parents: flag('parents', options.parents, true),
    delete: flag('delete', options.delete, false),
    select: selector(options.filter),
    isPartial: options.filter !== undefined || options.depth !== undefined,
    dryRun: flag('dryRun', options.dryRun, false),
    preserveTimes: flag('preserveTimes', options.preserveTimes, defaults.preserveTimes),
    preserveModes: flag('preserveModes', options.preserveModes, false),
    concurrency: checkWhole('concurrency', options.concurrency ?? usual(remote.maxConnections ?? 1), 1),
    temporaryName: namer(options.temporaryName ?? true),
    symlinks: oneOf('symlinks', options.symlinks ?? 'skip', ['skip', 'follow']),
    names: oneOf('names', options.names ?? 'portable', ['portable', 'native']),
    continueOnError: flag('continueOnError', options.continueOnError, false),
    ...levels(options.depth),
    maxPendingBytes: checkWhole('maxPendingBytes', options.maxPendingBytes ?? MAX_PENDING_BYTES, 1),
    signal: options.signal,
    retry: options.retry === false ? undefined : options.retry,
    verify: checkVerify(options.verify),
    ...(options.throttle ? { throttle: options.throttle } : {}),
    ...(options.progress ? { progress: options.progress } : {}),
    ...(options.progressInterval === undefined ? {} : { progressInterval: options.progressInterval }),
  };
  if (settings.retry !== undefined) new Backoff(settings.retry); // checks it
  if (options.compare !== undefined && settings.overwrite !== 'changed') throw new ArgumentError(`compare is for overwrite: 'changed', not '${settings.overwrite}'`);
  checkTraffic(options);
  return settings;
}

/** A download that waits begins when the data of the one before have ended, and not with its 226: that saves a round trip each. */
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
  return { depth: depth === Infinity ? depth : checkWhole('depth', depth, 1), depthChosen: true };
}

function namer(option: unknown): TreeSettings['temporaryName'] {
  if (option === false) return undefined;
  if (option === true) return partName;
  if (typeof option === 'function') return option as (name: string) => string;
  throw new ArgumentError('temporaryName must be true, false, or a function');
}

function manifestName(option: unknown, compare: Compare | undefined): string | undefined {
  const name = option === true ? DEFAULT_MANIFEST : option;
  if (name !== false && (typeof name !== 'string' || /^\.{0,2}$|[/\0\r\n]/.test(name))) throw new ArgumentError(`manifest must be true, false, or the name of a file, not ${String(option)}`);
  return compare === 'hash' && name !== false ? name : undefined;
}

function modes(option: unknown): TreeSettings['modeOf'] {
  if (option === undefined) return undefined;
  if (typeof option === 'function') return (entry) => checkMode('modes()', (option as (entry: WalkEntry) => unknown)(entry));
  if (typeof option !== 'object' || option === null) throw new ArgumentError('modes must be { files, folders }, or a function');
  checkNames(option, MODES, 'modes.');
  const { files, folders } = option as Record<string, unknown>;
  const [ofFiles, ofFolders] = [checkMode('modes.files', files), checkMode('modes.folders', folders)];
  return ({ type }) => (type === 'directory' ? ofFolders : ofFiles);
}

const MODES: OptionNames<{ files?: number; folders?: number }> = { files: true, folders: true };

/** @throws ArgumentError */
function checkMode(name: string, mode: unknown): number | undefined {
  if (mode === undefined) return undefined;
  if (typeof mode !== 'number' || !Number.isInteger(mode) || mode < 0 || mode > PERMISSIONS) throw new ArgumentError(`${name} must be permissions from 0 to 0o777, not ${String(mode)}`);
  return mode;
}
