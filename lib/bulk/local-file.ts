import { randomBytes } from 'node:crypto';
import fs, { constants } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { RetrStream } from '../transfer/retr-stream';
import { SecurityError } from '../errors';
import { checkedPart } from './replacement';

// The FileHandles of fs/promises take three times the processor time of descriptors: for small files more than their transfer.
const [open, close, truncate, utimes] = [promisify(fs.open), promisify(fs.close), promisify(fs.ftruncate), promisify(fs.futimes)];
const [write, lstat, rename, unlink] = [promisify(fs.write), promisify(fs.lstat), promisify(fs.rename), promisify(fs.unlink)];

const { O_CREAT, O_EXCL, O_WRONLY } = constants;
/** Not on Windows. */
const O_NOFOLLOW = constants.O_NOFOLLOW ?? 0;
/** A FIFO without a reader would never be open otherwise. */
const O_NONBLOCK = constants.O_NONBLOCK ?? 0;

/** Milliseconds for which nothing may come for a file that is being written. */
const FRESH = 600_000;

/** How a local file is written. */
interface LocalWriting {
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
  const { name: part, file, old } = await (temporaryName ? openNew(join(dirname(path), checkedPart(temporaryName(basename(path)), basename(path)))) : openPlace(path));
  let stream: RetrStream | undefined;
  const begun = (): RetrStream => (stream = source());
  try {
    const bytes = await fill(file, begun, old, judge);
    signal.throwIfAborted();
    if (temporaryName) await rename(part, path);
    return bytes;
  } catch (error) {
    if (!old || stream?.pending === false) await unlink(part).catch(() => undefined);
    throw error;
  }
}

async function fill(file: number, source: () => RetrStream, old: boolean, judge: LocalWriting['judge']): Promise<number> {
  try {
    const stream = source();
    let empty = !old;
    for await (const chunk of stream) {
      if (!empty) await truncate(file); // what it holds stays until the server has begun to send another
      empty = true;
      await writeAll(file, chunk as Buffer);
    }
    if (!empty) await truncate(file);
    const time = await judge(stream.bytesRead);
    if (time) await utimes(file, time, time);
    return stream.bytesRead;
  } finally {
    await close(file);
  }
}

async function writeAll(file: number, chunk: Buffer): Promise<void> {
  for (let rest = chunk; rest.length > 0; ) rest = rest.subarray((await write(file, rest, 0, rest.length, null)).bytesWritten);
}

/** A file that was opened, and the name that it has. */
interface Opened {
  readonly name: string;
  readonly file: number;
  /** It was there before, and holds what it held. */
  readonly old: boolean;
}

/**
 * What an interrupted run has left behind is removed, and a symlink in its place, too, which is not followed. What was written to of
 * late may be another run's, whose rename would give its name to our half: we take another name then.
 */
async function openNew(name: string): Promise<Opened> {
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  try {
    return { name, file: await open(name, flags), old: false };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const stats = await lstat(name).catch(() => undefined);
    const taken = stats?.isFile() && Date.now() - stats.mtimeMs < FRESH;
    if (!taken) await unlink(name);
    const other = taken ? join(dirname(name), `.${randomBytes(8).toString('hex')}.part`) : name;
    return { name: other, file: await open(other, flags), old: false };
  }
}

async function openPlace(name: string): Promise<Opened> {
  try {
    return { name, file: await open(name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK), old: true };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ELOOP') throw new SecurityError(`${name} is a symlink: it is not followed`, { cause: error });
    if (code !== 'ENOENT') throw error;
    return { name, file: await open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW), old: false };
  }
}
