import { Readable } from 'node:stream';
import { ArgumentError } from '../errors';
import { checkNames, type OptionNames } from '../option-names';
import { checkOffset } from '../options';
import { Backoff, type RetryOptions } from '../healing/backoff';
import { checkPassage, Passage, type PassageOptions } from './passage';
import { PutJob } from './put-job';
import { openSource, type PutSource } from './put-source';
import { PutTarget, type TemporaryName } from './put-target';
import type { Remote } from './remote';
import { asWork } from './work';

/** What `put` can be told. */
export interface PutOptions extends PassageOptions {
  /** How it goes on after a loss; default true, that is 5 attempts; a number of attempts; false for a source that can be read once only. */
  retry?: RetryOptions | number | boolean;
  /**
   * Goes on with what an earlier call with `resume` has left on the server, and leaves what there is on a failure; default false. It begins anew
   * where our file was changed since; where that was within a second, or the server does not say when it has written, it reads back what is there.
   */
  resume?: boolean;
  /**
   * Upload under another name in the same folder, and rename when all is there, so that nobody sees half a file; default true: `.name.part`
   * with `resume`, else a new name each time. False: under its own name; a function makes the other name of the name.
   */
  temporaryName?: TemporaryName;
  /**
   * Compares the size on the server with ours, or also a hash that the server computes. Default: nothing for an upload in one go; where it was
   * continued the size, and what the server has at the beginning and where it was continued, as far as it gives that back; where an earlier call has begun it
   * also a hash, if the server offers one. What is wrong is uploaded anew.
   */
  verify?: 'size' | 'hash' | false;
  /** Bytes of a source that is a function or a stream, where that is known. */
  size?: number;
  /** Ends it with an AbortError. */
  signal?: AbortSignal;
}

const PUT_OPTIONS: OptionNames<PutOptions> = {
  retry: true, resume: true, temporaryName: true, verify: true, size: true, signal: true, throttle: true, progress: true,
};

/** An upload that is complete. */
export interface PutResult {
  readonly path: string;
  /** Of the whole file. */
  readonly bytes: number;
  /** Bytes of it that were there before. */
  readonly resumedFrom: number;
  /** How often it went on after a loss. */
  readonly retries: number;
  /** Milliseconds that it took. */
  readonly ms: number;
}

/**
 * Uploads what can be read again from any byte on: a local file by its path, bytes, or a function that gives a Readable from an offset on.
 * After a loss it asks how much the server has, and goes on from there; it resolves when the server has all of it under its name.
 *
 * @throws ArgumentError; PermanentError when the server refuses; ChangedError when the source does not stay the same; MismatchError when
 * the server has something else than we sent; else what the last attempt failed with
 */
export async function put(remote: Remote, source: PutSource, path: string, options: PutOptions = {}): Promise<PutResult> {
  checkNames(options, PUT_OPTIONS);
  const { retry = true, resume = false, temporaryName = true, verify, size, signal } = options;
  if (typeof path !== 'string' || path === '' || path.endsWith('/')) throw new ArgumentError('the path must be that of a file');
  if (![undefined, false, 'size', 'hash'].includes(verify)) throw new ArgumentError(`verify must be 'size', 'hash' or false, not ${String(verify)}`);
  if (typeof temporaryName !== 'boolean' && typeof temporaryName !== 'function') throw new ArgumentError('temporaryName must be true, false or a function');
  if (size !== undefined) checkOffset('size', size);
  const backoff = new Backoff(retry === false ? 0 : retry);
  checkSource(source, options);
  checkPassage(options);
  return asWork(remote, signal, async (ended) => {
    const opened = await openSource(source, size);
    try {
      const target = new PutTarget(remote, path, temporaryName, resume);
      const passage = new Passage(options, opened.size);
      return await new PutJob({ remote, source: opened, target, backoff, passage, resume, verify, signal: ended }).run();
    } finally {
      await opened.close();
    }
  });
}

function checkSource(source: unknown, { retry, resume }: PutOptions): void {
  if (source instanceof Readable) {
    if (retry !== false || resume) throw new ArgumentError('a stream cannot be read again: give put a path, bytes or a function, or say retry: false, and not resume');
  } else if (typeof source !== 'string' && typeof source !== 'function' && !(source instanceof Uint8Array)) {
    throw new ArgumentError('put takes a local path, bytes, a function (offset) => Readable, or a Readable');
  }
}
