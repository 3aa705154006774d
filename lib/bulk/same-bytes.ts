import { ReplyError } from '../errors';
import type { Remote } from './remote';

/** A part of a file on the server that is to be compared with ours. */
export interface Part {
  readonly path: string;
  readonly start: number;
  /** Not included. */
  readonly end: number;
  /** Our bytes, piece by piece. */
  readonly ours: (start: number, end: number) => Promise<Buffer> | Buffer;
  readonly signal: AbortSignal | undefined;
}

/** Reads a part of a file on the server, and compares it with ours; undefined where the server does not let us read it. */
export async function holdsSameBytes(remote: Remote, { path, start, end, ours, signal }: Part): Promise<boolean | undefined> {
  let at = start;
  try {
    for await (const piece of remote.retr(path, { start, end: end - 1, ...(signal ? { signal } : {}) })) {
      const theirs = piece as Buffer;
      if (!theirs.equals(await ours(at, at + theirs.length))) return false;
      at += theirs.length;
    }
  } catch (error) {
    if (!(error instanceof ReplyError) || error.reply?.code === 421) throw error;
    return undefined;
  }
  return at === end;
}
