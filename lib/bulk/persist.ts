import { setTimeout as pause } from 'node:timers/promises';
import { ConnectionClosedError } from '../errors';
import { isLoss, type Backoff } from '../healing/backoff';
import type { Remote } from './remote';

/** How something is tried again. */
export interface Persistence {
  /** Whoever closes it, or quits, ends the pauses, too. */
  readonly remote?: Remote;
  readonly backoff: Backoff;
  readonly signal: AbortSignal | undefined;
  /** Whether another try is of use although nothing was lost. */
  readonly hopeful?: (error: unknown) => boolean;
  /** Before the pause; what it throws is the end. */
  readonly onRetry?: (error: unknown) => Promise<void> | void;
}

/** Does it, and again behind losses, until it succeeds or the backoff gives up. @throws what the last try failed with; an AbortError */
export async function persist<T>(act: () => Promise<T>, { remote, backoff, signal, hopeful, onRetry }: Persistence): Promise<T> {
  for (;;) {
    try {
      if (signal?.aborted) await pause(0, undefined, { signal }); // rejects, as a pipeline does
      return await act();
    } catch (error) {
      if (!hopeful?.(error) && (!isLoss(error) || wasClosed(error))) throw error;
      const next = backoff.next();
      if (!next) throw error;
      await onRetry?.(error);
      await wait(next.delay, signal, remote);
    }
  }
}

/** Nothing under way would tell that a client is closed meanwhile; a stream that waits to be used is told. */
async function wait(milliseconds: number, signal: AbortSignal | undefined, remote: Remote | undefined): Promise<void> {
  const sentinel = remote?.retr('unread');
  const stop = new AbortController();
  const closed = new Promise<never>((_, reject) => sentinel?.once('error', reject));
  try {
    await Promise.race([closed, pause(milliseconds, undefined, { signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal })]);
  } finally {
    closed.catch(ignore);
    stop.abort();
    sentinel?.destroy();
  }
}

function ignore(): void {
  // told already, or nobody's concern any more
}

/** The client was closed on our side, or its user makes the connections: then a loss has a cause, and this does not, or is told as such. */
export function wasClosed(error: unknown): boolean {
  return error instanceof ConnectionClosedError && (error.cause === undefined || error.message.includes('not connected'));
}
