import { PermanentError } from '../errors';
import type { Entry } from '../listing/entry';
import type { Remote } from './remote';

/** What a server tells of a file; undefined is what it does not tell. */
export interface RemoteFacts {
  readonly size: number | undefined;
  readonly modified: Date | undefined;
}

/** The server has no such command (aioftp 0.21 has no SIZE, but MLST). */
const NOT_IMPLEMENTED: readonly (number | undefined)[] = [500, 502, 504];

/** Size and time of a file; a file that is missing has neither. @throws what is no refusal, such as a lost connection */
export async function factsOf(remote: Remote, path: string): Promise<RemoteFacts> {
  const [size, modified] = await Promise.all([told(remote.size(path)), told(remote.mdtm(path))]);
  if (size !== 'unknown command') return { size, modified: modified === 'unknown command' ? undefined : modified };
  const entry = await entryOf(remote, path);
  return { size: entry?.size, modified: entry?.modified };
}

/** The size of a file in bytes; undefined for one that is missing, and where the server does not tell. */
export async function sizeOf(remote: Remote, path: string): Promise<number | undefined> {
  const size = await told(remote.size(path));
  return size === 'unknown command' ? (await entryOf(remote, path))?.size : size;
}

async function entryOf(remote: Remote, path: string): Promise<Entry | undefined> {
  const entry = await told(remote.mlst(path));
  return entry === 'unknown command' || entry?.type === 'directory' ? undefined : entry;
}

async function told<T>(answer: Promise<T>): Promise<T | undefined | 'unknown command'> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return NOT_IMPLEMENTED.includes(error.reply?.code) ? 'unknown command' : undefined;
  }
}
