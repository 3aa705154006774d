import type { Work, WorkListener } from '../control/queue';
import { wasClosed } from './persist';
import type { Remote } from './remote';

/** A client or a pool; what merely looks like one has no end that could be told. */
type Working = Remote & { beginWork?(listener?: WorkListener): Work };

/**
 * Does work of many operations on a client: `close()` ends it at once, `quit()` waits for it.
 *
 * @param signal of the caller
 * @param act is given a signal that the caller or the end of the client aborts
 * @throws ConnectionClosedError where the client is closed, whatever the part failed with that was under way
 */
export async function asWork<T>(remote: Remote, signal: AbortSignal | undefined, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const work = beginWork(remote, (reason) => controller.abort(reason));
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort);
  try {
    return await act(controller.signal);
  } catch (error) {
    throw work.closed && !wasClosed(error) ? work.closed : error; // else it says the same, and more
  } finally {
    signal?.removeEventListener('abort', onAbort);
    work.done();
  }
}

/** Work that has begun. */
export interface BegunWork {
  /** Why the client is closed, if it is. */
  readonly closed: Error | undefined;
  done(): void;
}

/** Begins such work. @param onClosed called when the client is closed before `done()` @throws ConnectionClosedError where it is closed */
export function beginWork(remote: Remote, onClosed: (reason: Error) => void, listener?: WorkListener): BegunWork {
  const work = (remote as Working).beginWork?.(listener);
  const onAbort = (): void => onClosed(work?.closed.reason as Error);
  work?.closed.addEventListener('abort', onAbort);
  return {
    get closed() {
      return work?.closed.aborted ? (work.closed.reason as Error) : undefined;
    },
    done() {
      work?.closed.removeEventListener('abort', onAbort);
      work?.done();
    },
  };
}
