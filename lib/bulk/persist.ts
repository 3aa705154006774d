import { setTimeout as pause } from 'node:timers/promises';
import { ConnectionClosedError } from '../errors';
import { isLoss, type Backoff } from '../transfer/retry';

/** How something is tried again. */
interface Persistence {
  readonly backoff: Backoff;
  readonly signal: AbortSignal | undefined;
  /** Whether another try is of use although nothing was lost. */
  readonly hopeful?: (error: unknown) => boolean;
  /** Before the pause; what it throws is the end. */
  readonly onRetry?: (error: unknown) => Promise<void> | void;
}

/** Does it, and again behind losses, until it succeeds or the backoff gives up. @throws what the last try failed with; an AbortError */
export async function persist<T>(act: () => Promise<T>, { backoff, signal, hopeful, onRetry }: Persistence): Promise<T> {
  for (;;) {
    try {
      if (signal?.aborted) await pause(0, undefined, { signal }); // rejects, as a pipeline does
      return await act();
    } catch (error) {
      if (!hopeful?.(error) && (!isLoss(error) || wasClosed(error))) throw error;
      const next = backoff.next();
      if (!next) throw error;
      await onRetry?.(error);
      await pause(next.delay, undefined, signal ? { signal } : {});
    }
  }
}

/** The client was closed on our side, or its user makes the connections: another try would find no connection. */
export function wasClosed(error: unknown): boolean {
  return error instanceof ConnectionClosedError && error.final === true;
}
