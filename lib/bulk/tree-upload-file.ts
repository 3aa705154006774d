import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SecurityError, TransferError } from '../errors';
import { checkedPart } from './part-name';
import { wasClosed } from './persist';
import type { Remote } from './remote';
import { Replacement } from './replacement';
import { localTime } from './tree-compare';
import { isAboutPath } from './walk-listing';

const O_NOFOLLOW = constants.O_NOFOLLOW ?? 0;
/** A FIFO that has come into the file's place would never be open otherwise. */
const O_NONBLOCK = constants.O_NONBLOCK ?? 0;

/** How a local file is sent. */
export interface Sending {
  /** The name that it has till it is complete; undefined: its own. */
  readonly temporaryName: ((name: string) => string) | undefined;
  /** Gives it the local file's time. */
  readonly keepTime: boolean;
  /** A local symlink is read as what it leads to. */
  readonly followSymlinks: boolean;
  readonly signal: AbortSignal;
}

/** Sends a local file; what is incomplete is deleted. @returns the bytes sent */
export async function sendLocalFile(localPath: string, remote: Remote, path: string, sending: Sending): Promise<number> {
  const handle = await openPlain(localPath, sending.followSymlinks);
  try {
    return await send(handle, remote, path, sending);
  } finally {
    await handle.close();
  }
}

async function send(handle: FileHandle, remote: Remote, path: string, { temporaryName, keepTime, signal }: Sending): Promise<number> {
  const stats = await handle.stat();
  if (!stats.isFile()) throw new TransferError(`STOR ${path}: the local path is no file any more`);
  const name = posix.basename(path);
  const part = temporaryName ? path.slice(0, path.length - name.length) + checkedPart(temporaryName(name), name) : path;
  const upload = remote.stor(part, { signal });
  const replacement = temporaryName && new Replacement(remote, part, path);
  try {
    await pipeline(handle.createReadStream(), upload);
    signal.throwIfAborted();
    if (keepTime) await remote.mfmt(part, new Date(localTime(stats))).catch(ignoreRefusal);
    signal.throwIfAborted();
    await replacement?.run();
    return upload.bytesWritten;
  } catch (error) {
    const touched = part !== path || !upload.pending; // a STOR that was refused has left under the file's own name what was there
    if (touched && !wasClosed(error) && !wasClosed(signal.reason)) {
      await replacement?.restore().catch(() => undefined);
      await remote.delete(part).catch(() => undefined);
    }
    replacement?.explain(error);
    throw error;
  }
}

async function openPlain(path: string, followSymlinks: boolean): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | O_NONBLOCK | (followSymlinks ? 0 : O_NOFOLLOW));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw error;
    throw new SecurityError(`${path} is a symlink: it is not followed`, { cause: error });
  }
}

function ignoreRefusal(error: unknown): void {
  if (!isAboutPath(error)) throw error;
}
