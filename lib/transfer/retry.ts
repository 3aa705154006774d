// Retries: whether a transfer may be tried again, how long to wait before, and a download that goes on after its connection was lost.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from '../control/command';
import type { Features } from '../control/features';
import type { Turn } from '../control/session';
import { ArgumentError, ChangedError, ConnectionClosedError, type FTPError, MismatchError, PermanentError, SecurityError, TemporaryError, TimeoutError, TransferError, UnsupportedError } from '../errors';
import { checkMilliseconds, checkNames, checkWhole, type OptionNames } from '../options';
import { assertSame, certainSize, identify, type Identity } from './facts';
import type { Plan } from './transfer';
import { checkVerify, HashCheck, UploadPlan, type Verify } from './verify';

/** The option `retry`: how often, and after which pauses, a download goes on after its connection was lost. */
export interface RetryOptions {
  /** How many retries in a row may bring no byte before the download fails; default 5; `Infinity` never gives up. */
  attempts?: number;
  /** The most milliseconds before the first retry; default 500. Each further retry without progress may wait twice as long. */
  backoff?: number;
  /** The most milliseconds before any retry; default 30000. */
  maxDelay?: number;
}

const RETRY_OPTIONS: OptionNames<RetryOptions> = { attempts: true, backoff: true, maxDelay: true };

/** The argument of the event `retry`, which is emitted before the pause. */
export interface RetryEvent {
  /** The number of the retry since the last byte that arrived, from 1. */
  readonly attempt: number;
  /** Milliseconds until the retry begins. */
  readonly delay: number;
  /** The error that made the last try fail. */
  readonly error: FTPError;
  /** The byte of the file at which the download goes on. */
  readonly offset: number;
}

/** The codes of Node's errors for a connection that was cut. */
const CUT: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT']);

/** How long each retry waits: a random time below a limit that doubles ("full jitter"), so that clients that were cut together do not all come back at once. */
export class Backoff {
  readonly #attempts: number;
  readonly #first: number;
  readonly #most: number;
  readonly #random: () => number;
  #failures = 0;

  /**
   * @param retry true for the defaults, a number for `attempts`
   * @param random a number from 0 up to, and not including, 1
   * @throws ArgumentError for options that cannot be
   */
  constructor(retry: RetryOptions | number | true, random: () => number = Math.random) {
    if (retry !== true && typeof retry !== 'number' && (typeof retry !== 'object' || retry === null)) {
      throw new ArgumentError(`retry must be true, a number of attempts or { attempts, backoff, maxDelay }, not ${String(retry)}`);
    }
    if (typeof retry === 'object') checkNames(retry, RETRY_OPTIONS, 'retry.');
    const { attempts = 5, backoff, maxDelay }: RetryOptions = typeof retry === 'number' ? { attempts: retry } : retry === true ? {} : retry;
    this.#attempts = attempts === Infinity ? attempts : checkWhole('retry.attempts', attempts, 0);
    this.#first = checkMilliseconds('retry.backoff', backoff, 500);
    this.#most = checkMilliseconds('retry.maxDelay', maxDelay, 30_000);
    this.#random = random;
  }

  /** How many retries there were since the last progress. */
  get failures(): number {
    return this.#failures;
  }

  /** There was progress: the next retry counts as the first one. */
  reset(): void {
    this.#failures = 0;
  }

  /** The next retry; undefined where there were as many as allowed. */
  next(): { readonly attempt: number; readonly delay: number } | undefined {
    if (this.#failures >= this.#attempts) return undefined;
    const longest = Math.min(this.#most, this.#first * 2 ** this.#failures);
    this.#failures += 1;
    return { attempt: this.#failures, delay: Math.round(this.#random() * longest) };
  }
}

/** Texts of replies about a data connection that broke. */
const BROKEN = /\b(ECONNRESET|EPIPE|ECONNABORTED)\b|connection reset|broken pipe/i;

/**
 * Whether another try may succeed: a connection was lost or stood still, the data connection broke, or the server sent 4yz.
 *
 * It is false after `abort()`, for data that differ from the server's, for a 5yz that does not come of a broken data connection, and for a
 * SecurityError, unless a TLS handshake was cut: the next handshake is as strict as the last one.
 */
export function isLoss(error: unknown): error is FTPError {
  // No try helps after its subclasses: AbortedError, ChangedError, MismatchError.
  if (error instanceof TransferError) return error.constructor === TransferError;
  if (error instanceof SecurityError) return CUT.has((error.cause as NodeJS.ErrnoException | undefined)?.code);
  // GridFTP 13.24 answers 500 where the data connection broke, and ftp-srv 550 or 551 with the system's error as its text.
  if (error instanceof PermanentError) return (error.phase === 'data' && isLoss(error.cause)) || (error.phase !== 'command' && BROKEN.test(error.reply?.text ?? ''));
  return error instanceof ConnectionClosedError || error instanceof TimeoutError || error instanceof TemporaryError;
}

/** So many bytes before a loss are read again. */
const OVERLAP = 4096;
const NOTHING = Buffer.alloc(0);

/** Which bytes of a file are wanted, and how they are checked. */
interface DownloadSetup {
  /** The first byte. */
  readonly start: number;
  /** The last byte, which is wanted, too; undefined: the last one of the file. */
  readonly end: number | undefined;
  /** Undefined: there are no retries. */
  readonly backoff: Backoff | undefined;
  readonly verify: Verify | undefined;
  readonly onRetry: (event: RetryEvent) => void;
}

/**
 * A RETR that goes on after its connection was lost, and whose bytes are compared with what the server says about the file.
 *
 * SIZE and MDTM are asked before the first byte: asked after a loss, they could not show whether the file has changed. They are sent in one
 * flight with EPSV, and cost no round trip where FEAT has SIZE.
 */
class DownloadPlan implements Plan {
  readonly #command: Command;
  readonly #setup: DownloadSetup;
  readonly #hash: HashCheck | undefined;
  #identity: Promise<Identity> | undefined;
  /** How many bytes had arrived when the last retry began. */
  #progress = 0;
  #continued = false;
  /** Whether the last try ended with a completion that came too early. */
  #short = false;
  /** For a range: it may end before the file does, and then the size cannot show whether the download went on at the right byte after a loss. */
  overlap: Buffer | undefined;

  constructor(command: Command, setup: DownloadSetup) {
    this.#command = command;
    this.#setup = setup;
    if (setup.backoff && setup.end !== undefined) this.overlap = NOTHING;
    this.#hash = setup.verify === 'hash' ? new HashCheck(command.argument) : undefined;
  }

  async begin(turn: Turn, moved: number): Promise<Command | 'complete'> {
    const { session, control } = turn;
    session.switchType(control, 'I'); // in one flight with FEAT: two replies that differ show that the server keeps the order, and the next commands can share a flight
    const features = await session.features();
    this.#hash?.prepare(features);
    if (moved > 0) return this.#continue(turn, features, moved);
    this.#identity = identify(turn, this.#command.argument, features, true);
    this.#identity.catch(ignore);
    if (!features.has('SIZE')) await this.#identity;
    if (this.#setup.verify === 'size' && (await this.#identity).unsized) throw new UnsupportedError('the server has no SIZE to verify by');
    return this.#command;
  }

  observe(chunk: Uint8Array): void {
    this.#hash?.update(chunk);
    if (this.overlap) this.overlap = Buffer.concat([chunk.length < OVERLAP ? this.overlap : NOTHING, chunk.subarray(-OVERLAP)]).subarray(-OVERLAP);
  }

  async again(error: FTPError, moved: number, signal: AbortSignal): Promise<boolean> {
    const { backoff, start, onRetry } = this.#setup;
    if (!backoff || !isLoss(error)) return false;
    // A download can only go on where the size is known: some servers accept REST and ignore it, which nothing but the size would show.
    if (moved > 0 && certainSize((await this.#identity)?.size) === undefined) return false;
    const short = isShort(error);
    if (moved > this.#progress && !(short && this.#short)) backoff.reset();
    this.#short = short;
    this.#progress = moved;
    const next = backoff.next();
    if (!next) {
      if (backoff.failures > 0) error.message += ` (given up after ${backoff.failures} retries)`;
      return false;
    }
    onRetry({ ...next, error, offset: start + moved });
    await sleep(next.delay, undefined, { signal });
    return true;
  }

  async finish(turn: Turn, complete: boolean, bytes: number): Promise<void> {
    if (!complete) return;
    this.#judgeSize((await this.#identity)?.size, bytes);
    await this.#hash?.compare(turn);
  }

  async #continue(turn: Turn, features: Features, moved: number): Promise<Command | 'complete'> {
    const path = this.#command.argument;
    const before = (await this.#identity) as Identity;
    assertSame(path, before, await identify(turn, path, features, false));
    this.#continued = true;
    // If all bytes are here, only the final reply was lost. Some servers refuse a REST to the end of a file.
    return before.size !== undefined && this.#setup.start + moved >= before.size ? 'complete' : this.#command;
  }

  #judgeSize(said: number | undefined, bytes: number): void {
    const { start, end = Infinity, verify, backoff } = this.#setup;
    const path = this.#command.argument;
    const size = verify === 'size' ? said : certainSize(said);
    if (size === undefined) {
      if (verify === 'size') throw new UnsupportedError(`the server does not say the size of ${path}, to verify it by`);
      return;
    }
    const wanted = Math.max(0, Math.min(end + 1, size) - start);
    if (bytes < wanted && backoff) throw new TransferError(`the server said it was done after ${bytes} of ${wanted} bytes`, { phase: 'completion' });
    // A file that grows gives more bytes than SIZE says. But where all of the file comes in place of its end, REST was ignored.
    if (start > 0 && bytes > wanted && bytes >= size) throw new MismatchError(`the server ignores REST: ${bytes} bytes came from byte ${start} on, and the file has ${size}`);
    if (bytes !== wanted && verify === 'size') throw new MismatchError(`SIZE gives ${wanted} bytes, and RETR gave ${bytes}`);
    if (bytes > wanted && this.#continued) throw new ChangedError(`${path} has changed: it gave ${bytes} bytes in place of ${wanted}`);
  }
}

/**
 * True where the server has completed a transfer too early. The first time, the data may have been cut on their way. Where the next try ends in the
 * same way, its bytes count as no progress.
 */
function isShort({ constructor, phase, reply }: FTPError): boolean {
  return constructor === TransferError && (phase === 'completion' || reply?.kind === 'completion');
}

function ignore(): void {
  // the result is looked at when the transfer is over, or was lost
}

/** The options of a transfer that are about retries and checks. */
export interface PlanOptions {
  readonly start?: number;
  readonly end?: number;
  readonly retry?: RetryOptions | number | boolean;
  readonly verify?: Verify;
  readonly segments?: number;
  readonly segmentBuffer?: number;
}

/** The plan of a download with retries or a check; undefined where its options ask for neither. @throws ArgumentError for options that cannot be */
export function planDownload(command: Command, options: PlanOptions, onRetry: (event: RetryEvent) => void): DownloadPlan | undefined {
  const { start = 0, end, retry, segments } = options;
  if (segments !== undefined) checkWhole('segments', segments, 1);
  const backoff = retry === undefined || retry === false ? undefined : new Backoff(retry);
  const verify = checkVerify(options.verify);
  if (!backoff && !verify) return undefined;
  if (command.verb !== 'RETR') throw new ArgumentError(`retry and verify are for RETR, not ${command.verb}`);
  if (verify === 'hash' && (start > 0 || end !== undefined)) throw new ArgumentError("verify: 'hash' is for a whole file, not for a range of it");
  return new DownloadPlan(command, { start, end, backoff, verify, onRetry });
}

/** The plan of an upload that is verified; undefined where its options do not ask for that. @throws ArgumentError for options that cannot be */
export function planUpload(command: Command, { start = 0, ...options }: PlanOptions): UploadPlan | undefined {
  const verify = checkVerify(options.verify);
  if (!verify) return undefined;
  if (command.verb !== 'STOR') throw new ArgumentError(`verify is for STOR, not ${command.verb}`);
  if (verify === 'hash' && start > 0) throw new ArgumentError("verify: 'hash' is for a whole file, not for a part of it");
  return new UploadPlan(command, start, verify);
}
