import { MismatchError, ReplyError } from '../errors';
import type { Remote } from './remote';

/**
 * Compares a part of a file on the server with ours.
 *
 * @param end not included
 * @returns false where the server does not let us read it
 * @throws MismatchError
 */
export async function assertSameBytes(remote: Remote, path: string, ours: Buffer, start: number, end: number, signal: AbortSignal | undefined): Promise<boolean> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of remote.retr(path, { start, end: end - 1, ...(signal ? { signal } : {}) })) chunks.push(chunk as Buffer);
  } catch (error) {
    if (!(error instanceof ReplyError) || error.reply?.code === 421) throw error;
    return false;
  }
  if (!Buffer.concat(chunks).equals(ours)) throw new MismatchError(`${path}: on the server, the bytes from ${start} to ${end - 1} are not those that were to be there`);
  return true;
}
