// The commands about folders, and about files without what is in them: ls, watch, mkdir, rm and mv.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { WatchState } from '../bulk/watch';
import type { FTP } from '../client/ftp';
import { PermanentError } from '../errors';
import type { Entry } from '../listing/entry';
import { AdvisedError, UsageError } from './failure';
import type { Invocation } from './invocation';
import { nameOf, type Place, within } from './place';
import { escapeControls, formatSize } from './text';

/** Whether there is a folder at a path; a server that says nothing of it has none. */
export async function isFolder(ftp: FTP, path: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await ftp.mlst(path, { signal })).type === 'directory';
  } catch (error) {
    if (error instanceof PermanentError && error.phase !== 'login') return false;
    throw error;
  }
}

/** Does the work on a file; where the server refuses it for a reason that can be found out, the error has that, and what to do. */
export async function advised<T>(work: () => Promise<T>, reason: () => Promise<string | undefined>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PermanentError) || error.phase === 'login') throw error;
    const advice = await reason().catch(() => undefined);
    throw advice === undefined ? error : new AdvisedError(error, advice);
  }
}

/** @throws UsageError where the second of two files would replace the first one */
export function refuseSameTargets(targets: readonly string[]): void {
  const twice = targets.find((target, i) => targets.indexOf(target) < i);
  if (twice !== undefined) throw new UsageError(`two of the files would be '${twice}': give each a name of its own, one by one`);
}

/** `ftplib ls`. */
export async function list(invocation: Invocation): Promise<void> {
  const { operands } = invocation.arguments;
  const places = invocation.places(operands.length === 0 ? [''] : operands);
  for (const [i, place] of places.entries()) {
    await invocation.attempt(async () => {
      const isTitled = places.length > 1 && !invocation.arguments.has('json');
      if (isTitled) await invocation.print(`${i === 0 ? '' : '\n'}${place.shown}:`);
      await listOne(invocation, place);
    });
  }
}

async function listOne(invocation: Invocation, place: Place): Promise<void> {
  const { arguments: given, signal } = invocation;
  const ftp = await invocation.client(place);
  const all = given.has('all');
  const entries = ftp.list(place.path === '' ? undefined : place.path, { all, signal });
  entries.on('unparsed', (line) => invocation.problem(`a line of ${place.shown} cannot be read: ${line}`));
  const print = async (entry: Entry): Promise<void> => {
    if (given.has('json')) await invocation.printObject({ place: place.shown, ...fieldsOf(entry) });
    else await invocation.print(given.has('long') ? longLine(entry) : entry.name);
  };
  const found: Entry[] = [];
  for await (const entry of entries) {
    if (!all && entry.name.startsWith('.')) continue;
    if (given.has('unsorted')) await print(entry);
    else found.push(entry);
  }
  for (const entry of found.sort((a, b) => (a.name < b.name ? -1 : 1))) await print(entry);
}

/** The fields of an entry that lines of JSON have, those that the server gave. */
function fieldsOf({ name, type, size, modified, permissions, owner, group, target }: Entry): object {
  return { name, type, size, modified, permissions, owner, group, target };
}

const LETTERS = { file: '-', directory: 'd', symlink: 'l', other: '?' } as const;
/** The columns of permissions and of a size: `drwxr-xr-x`, `999.9 MB`. */
const MODE_WIDTH = 10;
const SIZE_WIDTH = 8;

function longLine({ name, type, size, modified, permissions = '', target }: Entry): string {
  const letters = /^[a-zA-Z-]{9}$/.test(permissions) ? permissions : '---------'.replaceAll('-', '?');
  const shownSize = size === undefined || type === 'directory' ? '-' : formatSize(size);
  // These lines are for people, on whatever terminal they come to see them.
  const shownName = escapeControls(target === undefined ? name : `${name} -> ${target}`);
  return `${(LETTERS[type] + letters).padEnd(MODE_WIDTH)} ${shownSize.padStart(SIZE_WIDTH)}  ${timeOf(modified)}  ${shownName}`;
}

/** To the minute, in the time zone of the reader. */
function timeOf(time: Date | undefined): string {
  if (time === undefined) return ' '.repeat('2026-01-31 12:00'.length);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

/** `ftplib watch`. */
export async function watchFolder(invocation: Invocation): Promise<void> {
  const { arguments: given, signal } = invocation;
  const [place] = invocation.places(given.operands.length === 0 ? [''] : given.operands) as [Place];
  const [interval, settle, filter, file] = [given.number('interval'), given.number('settle'), given.texts('filter'), given.text('state')];
  const since = file === undefined ? undefined : savedState(file);
  if (file !== undefined) save(file, since ?? NOTHING_LISTED);
  const ftp = await invocation.client(place);
  await ftp.feat({ signal }); // a wrong host is to fail at once, and not only after some tries
  const files = ftp.watch(place.path, {
    ...(interval === undefined ? {} : { interval }),
    ...(settle === undefined ? {} : { settle }),
    ...(filter ? { filter } : {}),
    ...(since ? { since } : {}),
    recursive: given.has('recursive'),
    signal,
  });
  files.on('unreadable', ({ path, error }) => invocation.warn(`${path}: ${error.message}`));
  for await (const entry of files) {
    if (given.has('json')) await invocation.printObject({ place: place.shown, path: entry.path, ...fieldsOf(entry) });
    else await invocation.print(entry.path);
    await invocation.printed();
    files.done();
    if (file !== undefined) save(file, files.state);
  }
}

/** The state of a watch that has listed nothing. It is written at once: a file that cannot be written is to be an error before anything is listed. */
const NOTHING_LISTED: WatchState = { version: 1, files: [] };

/** @throws UsageError for a file that is no state of a watch */
function savedState(file: string): WatchState | undefined {
  try {
    const state = JSON.parse(readFileSync(file, 'utf8')) as WatchState | null;
    if (state?.version === NOTHING_LISTED.version && Array.isArray(state.files)) return state;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (!(error instanceof SyntaxError)) throw Object.assign(error as NodeJS.ErrnoException, { path: file });
  }
  throw new UsageError(`${file} is not what an earlier watch has kept: give --state a file of its own`);
}

/** A run that ends in the middle leaves the old state. */
function save(file: string, state: WatchState): void {
  const temporary = `${file}.${Math.random().toString(36).slice(2)}.new`;
  try {
    writeFileSync(temporary, JSON.stringify(state), { flag: 'wx' });
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw Object.assign(error as NodeJS.ErrnoException, { path: file });
  }
}

/** `ftplib mkdir`. */
export async function makeFolders(invocation: Invocation): Promise<void> {
  const recursive = invocation.arguments.has('parents');
  for (const place of invocation.places()) {
    await invocation.attempt(async () => {
      const ftp = await invocation.client(place);
      await ftp.mkd(place.path, { recursive, signal: invocation.signal });
      await invocation.report({ event: 'created', place: place.shown });
    });
  }
}

/** `ftplib rm`. */
export async function remove(invocation: Invocation): Promise<void> {
  const { arguments: given, signal } = invocation;
  const places = invocation.places();
  const nothing = places.find(({ path }) => path === '');
  if (nothing) throw new UsageError(`${nothing.shown} is the login folder, which is not deleted: a path is missing`);
  for (const place of places) {
    await invocation.attempt(async () => {
      const ftp = await invocation.client(place);
      if (given.has('recursive') && (await isFolder(ftp, place.path, signal))) await ftp.rmd(place.path, { recursive: true, signal });
      else await advised(() => ftp.delete(place.path, { signal }), async () => ((await isFolder(ftp, place.path, signal)) ? 'it is a folder: -r deletes folders' : undefined));
      await invocation.report({ event: 'deleted', place: place.shown });
    });
  }
}

/** `ftplib mv`. */
export async function move(invocation: Invocation): Promise<void> {
  const { signal } = invocation;
  const places = invocation.places();
  const target = places[places.length - 1] as Place;
  const sources = places.slice(0, -1);
  if (sources.some(({ server }) => JSON.stringify(server) !== JSON.stringify(target.server))) throw new UsageError('what is moved stays on its server: get and put take it to another one');
  const ftp = await invocation.client(target);
  const folder = target.isFolder || (await isFolder(ftp, target.path, signal));
  if (!folder && sources.length > 1) throw new UsageError(`${target.shown} is no folder: make it first, to move files into it`);
  if (folder) refuseSameTargets(sources.map(nameOf));
  for (const source of sources) {
    const to = folder ? within(target, nameOf(source)) : target;
    await invocation.attempt(async () => {
      await ftp.rename(source.path, to.path, { signal });
      await invocation.report({ event: 'renamed', place: source.shown, to: to.shown });
    });
  }
}
