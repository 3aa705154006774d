// The commands that transfer: get, put, cat and mirror.

import { fstatSync } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { GetResult } from '../bulk/get';
import { mirror } from '../bulk/mirror';
import type { ProgressListener } from '../bulk/progress';
import type { PutResult } from '../bulk/put';
import type { FTP } from '../client/ftp';
import { sentenceOf, UsageError } from './failure';
import { advised, isFolder, refuseSameTargets } from './folders';
import type { Invocation } from './invocation';
import { nameOf, type Place, within } from './place';

/** Milliseconds between two reports: often enough for a bar to move smoothly. */
const SMOOTH = 100;

/** How a transfer reports how far it is. */
interface Reports {
  readonly progress: ProgressListener;
  readonly progressInterval: number;
}

/** Standard input or output. */
const STANDARD = '-';
const NEEDS_NAME = 'standard input needs a name of its own: ftplib put - host:name';

/** The client for a place, once its server has answered: a transfer is tried again and again, but a wrong host or port is to fail at once. */
async function reached(invocation: Invocation, place: Place): Promise<FTP> {
  const ftp = await invocation.client(place);
  await ftp.feat({ signal: invocation.signal });
  return ftp;
}

/** `ftplib get`: the last operand is local where it names no server, as for `scp`. */
export async function download(invocation: Invocation): Promise<void> {
  const { operands } = invocation.arguments;
  const last = operands[operands.length - 1] as string;
  const isTarget = operands.length > 1 && invocation.remotePlace(last) === undefined;
  const sources = invocation.places(isTarget ? operands.slice(0, -1) : operands);
  if (isTarget && last === STANDARD) return concatenate(invocation, sources);
  const folder = !isTarget ? '' : (await isLocalFolder(last)) ? last : undefined;
  if (folder === undefined && (sources.length > 1 || /[\\/]$/.test(last))) throw new UsageError(`'${last}' is no folder here: make it first, to download into it`);
  const targets = sources.map((source) => [source, folder === undefined ? last : join(folder, nameOf(source))] as const);
  refuseSameTargets(targets.map(([, target]) => target));
  for (const [source, target] of targets) await invocation.attempt(() => getOne(invocation, source, target));
}

const IS_FOLDER = 'it is a folder: ftplib mirror downloads folders';

async function getOne(invocation: Invocation, source: Place, target: string): Promise<void> {
  const { signal } = invocation;
  const ftp = await reached(invocation, source);
  await shown(invocation, basename(target), undefined, 'the same command goes on where it was', async (progress) => {
    await refuseReadOnly(target);
    const resume = !invocation.arguments.has('no-resume');
    const get = (): Promise<GetResult> => ftp.get(source.path, target, { resume, preserveTimes: true, ...progress, signal, ...invocation.throttle() });
    return advised(get, async () => ((await isFolder(ftp, source.path, signal)) ? IS_FOLDER : undefined));
  });
}

/** A file that is replaced by another one could be read-only; as for other programs, that protects it. */
async function refuseReadOnly(file: string): Promise<void> {
  try {
    await access(file, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') throw error;
  }
}

/** `ftplib put`: the last operand is the place. */
export async function upload(invocation: Invocation): Promise<void> {
  const { operands } = invocation.arguments;
  const sources = operands.slice(0, -1);
  const [target] = invocation.places(operands.slice(-1)) as [Place];
  if (sources.includes(STANDARD) && (sources.length > 1 || target.isFolder)) throw new UsageError(NEEDS_NAME);
  const names = sources.map((source) => nameHere(source, target));
  const ftp = await reached(invocation, target);
  const folder = target.isFolder || (await isFolder(ftp, target.path, invocation.signal));
  if (!folder && sources.length > 1) throw new UsageError(`${target.shown} is no folder: make it first, to upload into it`);
  if (folder && sources.includes(STANDARD)) throw new UsageError(`${target.shown} is a folder: ${NEEDS_NAME}`);
  if (folder) refuseSameTargets(names);
  for (const [i, source] of sources.entries()) {
    await invocation.attempt(() => putOne(invocation, ftp, source, folder ? within(target, names[i] as string) : target));
  }
}

/** @throws UsageError for a path without a name, such as `..` */
function nameHere(source: string, target: Place): string {
  return nameOf(within(target, basename(source)));
}

const MIRROR_UPLOADS = 'ftplib mirror uploads folders';

async function putOne(invocation: Invocation, ftp: FTP, source: string, target: Place): Promise<void> {
  const { signal } = invocation;
  const given = invocation.arguments;
  const parents = given.has('parents');
  const common = { parents, signal, ...invocation.throttle() };
  if (source === STANDARD) {
    if (fstatSync(process.stdin.fd).isDirectory()) throw new Error(`standard input is a folder: ${MIRROR_UPLOADS}`);
    const put = (progress: Reports): Promise<PutResult> => ftp.put(process.stdin, target.path, { ...common, ...progress, retry: false });
    return shown(invocation, nameOf(target), undefined, 'nothing is left of it', (progress) => advised(() => put(progress), missingFolder));
  }
  const found = await stat(source);
  if (found.isDirectory()) throw new Error(`${source} is a folder: ${MIRROR_UPLOADS}`);
  if (!found.isFile()) throw new Error(`${source} is not a file: ftplib put - host:name uploads what is piped in`);
  const put = (progress: Reports): Promise<PutResult> => ftp.put(source, target.path, { ...common, ...progress, resume: !given.has('no-resume') });
  return shown(invocation, nameOf(target), found.size, 'the same command goes on where it was', (progress) => advised(() => put(progress), missingFolder));

  async function missingFolder(): Promise<string | undefined> {
    const folder = target.path.slice(0, Math.max(0, target.path.lastIndexOf('/')));
    if (parents || folder === '' || (await isFolder(ftp, folder, signal))) return (await isFolder(ftp, target.path, signal)) ? 'it is a folder there' : undefined;
    return `there is no folder ${folder}, and -p makes those that are missing`;
  }
}

/** `ftplib cat`. */
export async function cat(invocation: Invocation): Promise<void> {
  await concatenate(invocation, invocation.places());
}

async function concatenate(invocation: Invocation, sources: readonly Place[]): Promise<void> {
  const { signal } = invocation;
  const { throttle } = invocation.throttle();
  for (const source of sources) {
    await invocation.attempt(async () => {
      const ftp = await reached(invocation, source);
      const print = (): Promise<void> => pipeline([ftp.retr(source.path, { retry: true, signal }), ...(throttle ? [throttle()] : []), invocation.output], { end: false });
      await advised(print, async () => ((await isFolder(ftp, source.path, signal)) ? IS_FOLDER : undefined));
    });
  }
}

/** `ftplib mirror`: one of the two operands names a server. */
export async function mirrorTree(invocation: Invocation): Promise<void> {
  const given = invocation.arguments;
  const [source, target] = given.operands as [string, string];
  const from = invocation.remotePlace(source);
  const to = invocation.remotePlace(target);
  const place = from ?? to;
  if (!place || (from && to)) throw new UsageError('one of the two folders must be here, and the other one on a server: ftp://host/path, host:path, or :path with --host');
  const pool = await invocation.pool(place, { connections: given.number('parallel') ?? 4 });
  const remote = { client: pool, path: place.path };
  const filter = given.texts('filter');
  const compare = given.text('compare') as 'size-time' | 'hash' | undefined;
  const results = mirror({
    from: from ? remote : source,
    to: to ? remote : target,
    delete: given.has('delete'),
    dryRun: given.has('dry-run'),
    ...(filter ? { filter } : {}),
    ...(compare ? { compare } : {}),
    names: 'native',
    continueOnError: true,
    retry: true,
    progress: (now) => tree.progress(now),
    progressInterval: SMOOTH,
    signal: invocation.signal,
    ...invocation.throttle(),
  });
  await pool.feat({ signal: invocation.signal }); // a wrong host is to fail at once, and not only after some tries
  const tree = invocation.display.tree({ dryRun: given.has('dry-run') });
  try {
    for await (const result of results) {
      const { path, error } = result;
      tree.result(error ? { ...result, error: new Error(sentenceOf(error), { cause: error }) } : result);
      if (result.action === 'failed') invocation.failed(`${path || '.'}: ${sentenceOf(error)}`);
    }
    tree.end();
  } catch (error) {
    sayIfInterrupted(invocation, 'the same command goes on with the files that are left');
    throw error;
  }
}

async function isLocalFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Shows the progress of one file while it is transferred, and what has become of it. @param interrupted what it says after Ctrl-C */
async function shown(
  invocation: Invocation,
  name: string,
  size: number | undefined,
  interrupted: string,
  transfer: (progress: Reports) => Promise<{ readonly bytes: number; readonly resumedFrom: number }>,
): Promise<void> {
  const file = invocation.display.file(name, size);
  try {
    const { bytes, resumedFrom } = await transfer({ progress: (now) => file.progress(now), progressInterval: SMOOTH });
    file.done(bytes - resumedFrom, resumedFrom);
  } catch (error) {
    if (!invocation.signal.aborted) {
      file.failed(sentenceOf(error));
      invocation.shownAsFailed(error as Error);
    }
    sayIfInterrupted(invocation, interrupted);
    throw error;
  }
}

/** Says after a signal what becomes of the work. The bars stay above it as they were. */
function sayIfInterrupted(invocation: Invocation, interrupted: string): void {
  if (!invocation.isInterrupted) return;
  invocation.display.close();
  invocation.warn(`interrupted: ${interrupted}`);
}
