import { PermanentError } from '../errors';
import type { Remote } from './remote';
import { sizeOf } from './remote-facts';

/**
 * Gives a remote file another's name. RFC 959 leaves open what RNTO does to a file that is there: aioftp 0.21 and servers on
 * Windows refuse it, so that one is deleted then, and only then.
 *
 * @param onDeleted from here on `from` is all that there is: it must stay, even if it does not get its name
 * @throws PermanentError of the first rename, when nothing was changed
 */
export async function renameOver(remote: Remote, from: string, to: string, onDeleted: () => void): Promise<void> {
  try {
    await remote.rename(from, to);
  } catch (refusal) {
    if (!(refusal instanceof PermanentError) || !refusal.command?.startsWith('RNTO') || (await sizeOf(remote, to)) === undefined) throw refusal;
    await remote.delete(to).catch((error: unknown) => {
      throw error instanceof PermanentError ? refusal : error;
    });
    onDeleted();
    await remote.rename(from, to);
  }
}
