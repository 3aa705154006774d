import { type Readable, type Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ReplyError, UnsupportedError } from '../errors';
import { isLoss } from '../transfer/retry';
import { chooseDigest, Digest } from '../transfer/verify';
import { type Remote, wasClosed } from './remote';

/** A part of a file on the server, and our bytes to compare it with. */
interface Part {
  readonly path: string;
  readonly start: number;
  /** Not included. */
  readonly end: number;
  /** Gives some of our bytes; `end` is not included. */
  readonly ours: (start: number, end: number) => Promise<Buffer> | Buffer;
  readonly signal: AbortSignal | undefined;
}

/** Reads a part of a file on the server and compares it with our bytes; undefined where the server does not let us read it. */
export async function holdsSameBytes(remote: Remote, { path, start, end, ours, signal }: Part): Promise<boolean | undefined> {
  let at = start;
  try {
    for await (const theirs of remote.retr(path, { start, end: end - 1, ...(signal ? { signal } : {}) })) {
      if (!theirs.equals(await ours(at, at + theirs.length))) return false;
      at += theirs.length;
    }
  } catch (error) {
    if (!(error instanceof ReplyError) || error.reply?.code === 421) throw error;
    return undefined;
  }
  return at === end;
}

/**
 * Compares a file on the server with our bytes by the strongest hash that the server offers.
 *
 * @param read gives our bytes: a Readable, and the streams that they pass
 * @throws MismatchError; UnsupportedError where the server offers no hash
 */
export async function assertSameHash(remote: Remote, path: string, read: () => readonly (Readable | Transform)[]): Promise<void> {
  const { algorithm } = chooseDigest(await remote.feat());
  const digest = new Digest(algorithm);
  const theirs = await remote.hash(path, algorithm);
  const write = (bytes: Uint8Array, _encoding: BufferEncoding, callback: () => void): void => {
    digest.update(bytes);
    callback();
  };
  await pipeline([...read(), new Writable({ write })]);
  digest.assertIs(theirs, path);
}

/** Does so where the server offers a hash and computes it within `replyTimeout`. @throws MismatchError */
export async function assertSameHashIfAny(...file: Parameters<typeof assertSameHash>): Promise<void> {
  try {
    await assertSameHash(...file);
  } catch (error) {
    if (!(error instanceof UnsupportedError || (isLoss(error) && !wasClosed(error)))) throw error;
  }
}
