import { constants } from 'node:fs';
import { open, rename, unlink, writeFile, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { RetrStream } from '../data/retr-stream';
import { SecurityError } from '../errors';
import { checkedPart } from './part-name';

const { O_CREAT, O_EXCL, O_TRUNC, O_WRONLY } = constants;
/** Not on Windows. */
const O_NOFOLLOW = constants.O_NOFOLLOW ?? 0;

/** How a local file is written. */
export interface LocalWriting {
  /** The name that it has till it is complete; undefined: its own. */
  readonly temporaryName: ((name: string) => string) | undefined;
  /** Throws where what came is not what it should be; tells when it was modified, where it is to have that time. */
  readonly judge: (bytes: number) => Promise<Date | undefined>;
  readonly signal: AbortSignal;
}

/**
 * Writes a stream to a file whose folder was checked. No symlink is followed; what is incomplete is removed.
 *
 * @returns the bytes written
 */
export async function writeLocalFile(path: string, source: () => RetrStream, { temporaryName, judge, signal }: LocalWriting): Promise<number> {
  const part = temporaryName ? join(dirname(path), checkedPart(temporaryName(basename(path)), basename(path))) : path;
  const handle = await (temporaryName ? openNew(part) : openPlace(part));
  try {
    const bytes = await fill(handle, source, judge);
    signal.throwIfAborted();
    if (temporaryName) await rename(part, path);
    return bytes;
  } catch (error) {
    await unlink(part).catch(() => undefined);
    throw error;
  }
}

async function fill(handle: FileHandle, source: () => RetrStream, judge: LocalWriting['judge']): Promise<number> {
  try {
    const stream = source();
    await writeFile(handle, stream);
    const time = await judge(stream.bytesRead);
    if (time) await handle.utimes(time, time);
    return stream.bytesRead;
  } finally {
    await handle.close();
  }
}

/** What an interrupted run has left behind is removed; a symlink in its place is removed, too, and not followed. */
async function openNew(path: string): Promise<FileHandle> {
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  try {
    return await open(path, flags);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    await unlink(path);
    return open(path, flags);
  }
}

async function openPlace(path: string): Promise<FileHandle> {
  try {
    return await open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw error;
    throw new SecurityError(`${path} is a symlink: it is not followed`, { cause: error });
  }
}
