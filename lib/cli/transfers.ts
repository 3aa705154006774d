// The commands that transfer: get, put, cat and mirror.

import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { mirror } from '../bulk/mirror';
import type { ProgressListener } from '../bulk/progress';
import type { FTP } from '../client/ftp';
import { isFolder } from './folders';
import { sentenceOf, UsageError } from './failure';
import type { Invocation } from './invocation';
import { nameOf, type Place, within } from './place';

/** Standard input or output. */
const STANDARD = '-';

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
  for (const [source, target] of targets) await invocation.attempt(() => getOne(invocation, source, target));
}

async function getOne(invocation: Invocation, source: Place, target: string): Promise<void> {
  const { signal } = invocation;
  const ftp = await reached(invocation, source);
  await shown(invocation, basename(target), undefined, async (progress) => {
    const resume = !invocation.arguments.has('no-resume');
    return ftp.get(source.path, target, { resume, preserveTimes: true, progress, signal, ...invocation.throttle() });
  });
}

/** `ftplib put`: the last operand is the place. */
export async function upload(invocation: Invocation): Promise<void> {
  const { operands } = invocation.arguments;
  const sources = operands.slice(0, -1);
  const [target] = invocation.places(operands.slice(-1)) as [Place];
  if (sources.includes(STANDARD) && (sources.length > 1 || target.isFolder)) throw new UsageError('standard input needs a name of its own: ftplib put - host:name');
  const ftp = await reached(invocation, target);
  const folder = target.isFolder || (sources[0] !== STANDARD && (await isFolder(ftp, target.path, invocation.signal)));
  if (!folder && sources.length > 1) throw new UsageError(`${target.shown} is no folder: make it first, to upload into it`);
  for (const source of sources) {
    await invocation.attempt(() => putOne(invocation, ftp, source, folder ? within(target, basename(source)) : target));
  }
}

async function putOne(invocation: Invocation, ftp: FTP, source: string, target: Place): Promise<void> {
  const { signal } = invocation;
  const given = invocation.arguments;
  const common = { parents: given.has('parents'), signal, ...invocation.throttle() };
  const size = source === STANDARD ? undefined : (await stat(source)).size;
  await shown(invocation, nameOf(target), size, async (progress) => {
    if (source === STANDARD) return ftp.put(process.stdin, target.path, { ...common, progress, retry: false });
    return ftp.put(source, target.path, { ...common, progress, resume: !given.has('no-resume') });
  });
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
      const bytes = (await reached(invocation, source)).retr(source.path, { retry: true, signal });
      await pipeline([bytes, ...(throttle ? [throttle()] : []), process.stdout], { end: false });
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
  await pool.feat({ signal: invocation.signal });
  const remote = { client: pool, path: place.path };
  const filter = given.texts('filter');
  const compare = given.text('compare') as 'size-time' | 'hash' | undefined;
  const tree = invocation.display.tree({ dryRun: given.has('dry-run') });
  const results = mirror({
    from: from ? remote : source,
    to: to ? remote : target,
    delete: given.has('delete'),
    dryRun: given.has('dry-run'),
    ...(filter ? { filter } : {}),
    ...(compare ? { compare } : {}),
    continueOnError: true,
    retry: true,
    progress: (now) => tree.progress(now),
    signal: invocation.signal,
    ...invocation.throttle(),
  });
  for await (const result of results) {
    tree.result(result);
    if (result.action === 'failed') invocation.failed(`${result.path}: ${sentenceOf(result.error)}`);
  }
  tree.end();
}

async function isLocalFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Shows the progress of one file while it is transferred, and what has become of it. */
async function shown(
  invocation: Invocation,
  name: string,
  size: number | undefined,
  transfer: (progress: ProgressListener) => Promise<{ readonly bytes: number; readonly resumedFrom: number }>,
): Promise<void> {
  const file = invocation.display.file(name, size);
  try {
    const { bytes, resumedFrom } = await transfer((now) => file.progress(now));
    file.done(bytes - resumedFrom);
  } catch (error) {
    if (invocation.isInterrupted) invocation.warn('interrupted: the same command goes on where it was');
    else if (!invocation.signal.aborted) {
      file.failed(sentenceOf(error));
      invocation.shownAsFailed(error as Error);
    }
    throw error;
  }
}
