import { Writable, type Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MismatchError, UnsupportedError } from '../errors';
import { isLoss } from '../healing/backoff';
import { Digest } from '../healing/digest';
import { chooseDigest } from '../healing/digest-command';
import { wasClosed } from './persist';
import type { Remote } from './remote';

/**
 * Compares a file on the server with our bytes by the strongest hash that the server offers.
 *
 * @param read gives our bytes: a Readable, and what it goes through
 * @throws UnsupportedError when the server offers none; MismatchError
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
  const ours = digest.hex();
  if (ours !== theirs) throw new MismatchError(`${path}: its ${algorithm} is ${theirs}, and ours is ${ours}`);
}

/** The same, where the server offers a hash and computes it within `replyTimeout`. @throws MismatchError */
export async function assertSameHashIfAny(...file: Parameters<typeof assertSameHash>): Promise<void> {
  try {
    await assertSameHash(...file);
  } catch (error) {
    if (!(error instanceof UnsupportedError || (isLoss(error) && !wasClosed(error)))) throw error;
  }
}
