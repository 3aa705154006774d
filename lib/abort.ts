// How a caller gives up what he waits for: by an AbortSignal.

import { addAbortSignal, type Readable, type Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';

/** What waits for each signal. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back when the signal is aborted, which it is not yet. However many operations wait for a signal, it has one listener of ours: Node warns of more
 * than ten.
 *
 * @returns ends the waiting; it may be called more than once
 */
export function whenAborted(signal: AbortSignal, callback: () => void): () => void {
  const own = (): void => callback(); // one callback may be given twice
  let callbacks = waiting.get(signal);
  if (!callbacks) {
    waiting.set(signal, (callbacks = new Set()));
    signal.addEventListener('abort', onAbort);
  }
  callbacks.add(own);
  return () => {
    const left = waiting.get(signal);
    if (left?.delete(own) && left.size === 0) stopListening(signal);
  };
}

/** In Node 20, `currentTarget` is null for all listeners but the first. */
function onAbort({ target }: Event): void {
  const signal = target as AbortSignal;
  const callbacks = waiting.get(signal) ?? [];
  stopListening(signal);
  for (const callback of callbacks) callback();
}

function stopListening(signal: AbortSignal): void {
  waiting.delete(signal);
  signal.removeEventListener('abort', onAbort);
}

/** Destroys a stream with Node's AbortError when the signal is aborted; at once where it is. */
export function destroyWhenAborted(stream: Readable | Writable, signal: AbortSignal): void {
  const own = new AbortController();
  addAbortSignal(own.signal, stream);
  if (signal.aborted) own.abort(signal.reason);
  else stream.once('close', whenAborted(signal, () => own.abort(signal.reason)));
}

/** @throws Node's AbortError where the signal is aborted, with its reason as the cause */
export async function assertNotAborted(signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) await pause(0, undefined, { signal });
}

/**
 * Asks, and waits for the answer until the signal is aborted: a server that is silent must not hold up who has no use for it any more.
 *
 * @param onLeft called where the answer is waited for no more
 * @throws an AbortError
 */
export async function askUnlessAborted<T>(question: () => Promise<T>, signal: AbortSignal | undefined, onLeft?: () => void): Promise<T> {
  if (!signal) return question();
  if (signal.aborted) await assertNotAborted(signal);
  return new Promise((resolve, reject) => {
    const stop = whenAborted(signal, () => {
      assertNotAborted(signal).catch(reject);
      onLeft?.();
    });
    question().then(resolve, reject).finally(stop);
  });
}
