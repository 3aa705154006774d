import { setMaxListeners } from 'node:events';
import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { MismatchError } from '../errors';
import type { RetryOptions } from '../healing/backoff';
import type { Passage } from './passage';
import { RangeWriter } from './range-writer';
import type { Remote } from './remote';
import type { Verify } from '../healing/verify';

/** What all ranges of a file have in common. */
export interface RangeSetup {
  readonly remote: Remote;
  readonly path: string;
  readonly file: FileHandle;
  readonly retry: RetryOptions | number | boolean;
  readonly passage: Passage;
  readonly signal: AbortSignal | undefined;
  readonly onRetry: () => void;
}

/** Bytes of a remote file, and what to verify them by. */
export interface Range {
  readonly start: number;
  /** Inclusive; undefined: to the end. */
  readonly end?: number;
  readonly verify?: Verify | undefined;
}

/** Downloads a range to where it belongs in the local file; resolves with its bytes. */
export async function fetchRange(setup: RangeSetup, { start, end, verify }: Range): Promise<number> {
  const { remote, path, file, passage, signal, onRetry } = setup;
  const retry = setup.retry === false ? 0 : setup.retry; // also without another attempt, what came is compared with SIZE
  const stream = remote.retr(path, { start, retry, ...(end === undefined ? {} : { end }), ...(verify ? { verify } : {}) }).on('retry', onRetry);
  const writer = new RangeWriter(file, start);
  await pipeline([stream, ...passage.streams(), writer], signal ? { signal } : {});
  return writer.bytesWritten;
}

/** Downloads all of a file in so many parts at the same time; the first one that fails ends the others. */
export async function fetchSegments(setup: RangeSetup, size: number, segments: number): Promise<void> {
  const stop = new AbortController();
  const signal = setup.signal ? AbortSignal.any([setup.signal, stop.signal]) : stop.signal;
  setMaxListeners(0, signal); // each part listens to it
  let failure: { readonly error: unknown } | undefined;
  const fetchOne = async ({ start, end }: Required<Pick<Range, 'start' | 'end'>>): Promise<void> => {
    // The last part ends with the file, and is not cut off: a server that takes REST and ignores it sends more than that.
    const range = end === size - 1 ? { start } : { start, end };
    try {
      const bytes = await fetchRange({ ...setup, signal }, range);
      if (bytes !== end - start + 1) throw new MismatchError(`${setup.path}: ${bytes} bytes came for those from ${start} to ${end}`);
    } catch (error) {
      failure ??= { error };
      stop.abort();
    }
  };
  await Promise.all(partsOf(size, segments).map(fetchOne));
  if (failure) throw failure.error;
}

function partsOf(size: number, segments: number): { start: number; end: number }[] {
  const length = Math.max(1, Math.ceil(size / segments));
  return Array.from({ length: Math.ceil(size / length) }, (_, n) => ({ start: n * length, end: Math.min(size, (n + 1) * length) - 1 }));
}
