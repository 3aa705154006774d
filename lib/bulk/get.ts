import { ArgumentError } from '../errors';
import { checkNames, type OptionNames } from '../options';
import { Backoff, checkSegments, type RetryOptions } from '../transfer/retry';
import { checkVerify } from '../transfer/verify';
import { FileDownload } from './download';
import { LocalPart } from './local-file';
import { checkTraffic, Traffic, type TrafficOptions } from './progress';
import type { Remote } from './remote';
import { asWork } from './work';

/** What `get` can be told. */
export interface GetOptions extends TrafficOptions {
  /** How it goes on after a loss; default true, that is 5 attempts; a number of attempts; false for none. */
  retry?: RetryOptions | number | boolean;
  /**
   * Goes on with what is there of the file, and leaves what there is on a failure, as `<local>.<size>-<time>.part`; default false. A file under
   * its own name that is shorter than the remote one, and not older, is taken for its beginning: it is copied, and stays as it is until the whole
   * file takes its place. Where the server does not go on from there, the file is downloaded anew.
   */
  resume?: boolean;
  /** Parts that are fetched at the same time, on as many connections of a pool; a client has one, and fetches all in one. Not with `resume`. Default 1. */
  segments?: number;
  /**
   * Compares the hash of what came with what the server computes; its size must not be smaller than what SIZE says in any case, and with `size` it
   * must be the same. Default: a hash for a file that was there in part, where the server offers one.
   */
  verify?: 'size' | 'hash';
  /** Gives the file the time that MDTM tells; default false. */
  preserveTimes?: boolean;
  /** Ends it with an AbortError. */
  signal?: AbortSignal;
}

const GET_OPTIONS: OptionNames<GetOptions> = {
  retry: true, resume: true, segments: true, verify: true, preserveTimes: true, signal: true, throttle: true, progress: true,
};

/** A download that is complete. */
export interface GetResult {
  readonly path: string;
  /** The local file. */
  readonly local: string;
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
 * Downloads into a local file, going on after losses. The bytes come into a file beside it, which gets its name when all of them are there:
 * nobody sees half a file. A symbolic link is followed, as `fs` does.
 *
 * @throws ArgumentError; PermanentError when the server refuses; ChangedError when the remote file does not stay the same; MismatchError when
 * what came is not what the server says; else what the last attempt failed with, or the file system
 */
export async function get(remote: Remote, path: string, local: string, options: GetOptions = {}): Promise<GetResult> {
  checkNames(options, GET_OPTIONS);
  const { retry = true, resume = false, segments = 1, preserveTimes = false, verify, signal, progress } = options;
  if (typeof local !== 'string' || local === '') throw new ArgumentError('the local path must be that of a file');
  checkSegments(segments);
  if (resume && segments > 1) throw new ArgumentError('segments cannot be resumed: say one or the other');
  checkVerify(verify);
  new Backoff(retry === false ? 0 : retry); // checks it
  checkTraffic(options);
  const traffic = new Traffic(options);
  const begun = performance.now();
  return asWork(remote, signal, async (ended) => {
    const download = new FileDownload({
      remote,
      path,
      open: ({ size, modified }) => (resume && size !== undefined ? LocalPart.continue(local, size, modified) : LocalPart.create(local)),
      restart: resume ? ({ size = 0, modified }) => LocalPart.restart(local, size, modified) : undefined,
      asksFacts: resume || segments > 1 || preserveTimes || progress !== undefined,
      retry,
      segments,
      verify,
      traffic,
      judge: (_bytes, { modified }) => (preserveTimes ? modified : undefined),
      signal: ended,
    });
    try {
      const done = await download.run();
      traffic.finish();
      return { path, ...done, ms: performance.now() - begun };
    } finally {
      traffic.stop();
    }
  });
}
