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

/** Does it, and again after losses, until it succeeds or the backoff gives up. @throws what the last try failed with; an AbortError */
export async function persist<T>(act: () => Promise<T>, persistence: Persistence): Promise<T> {
  for (;;) {
    try {
      await assertNotAborted(persistence.signal);
      return await act();
    } catch (error) {
      await pauseAfter(error, persistence);
    }
  }
}

/** Waits till the next try. @throws the error where there is none; an AbortError */
export async function pauseAfter(error: unknown, { backoff, signal, hopeful, onRetry }: Persistence): Promise<void> {
  if (!hopeful?.(error) && (!isLoss(error) || wasClosed(error))) throw error;
  const next = backoff.next();
  if (!next) throw error;
  await onRetry?.(error);
  await pause(next.delay, undefined, signal ? { signal } : {});
}

/** @throws an AbortError, as a pipeline does */
export async function assertNotAborted(signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) await pause(0, undefined, { signal });
}

/** The client was closed on our side, or its user makes the connections: another try would find no connection. */
export function wasClosed(error: unknown): boolean {
  return error instanceof ConnectionClosedError && error.final === true;
}
