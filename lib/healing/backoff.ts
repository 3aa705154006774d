import { ArgumentError, ConnectionClosedError, PermanentError, SecurityError, TemporaryError, TimeoutError, TransferError, type FTPError } from '../errors';
import { checkNames, type OptionNames } from '../option-names';

/** How a download goes on after a loss. */
export interface RetryOptions {
  /** Retries in a row that bring no byte before the download fails; default 5; `Infinity` never gives up. */
  attempts?: number;
  /** Milliseconds that the first retry waits at most; each that follows without progress may wait twice as long. Default 500. */
  backoff?: number;
  /** Milliseconds that any retry waits at most; default 30000. */
  maxDelay?: number;
}

const RETRY_OPTIONS: OptionNames<RetryOptions> = { attempts: true, backoff: true, maxDelay: true };

/** What the event `retry` tells, before the pause. */
export interface RetryEvent {
  /** 1 for the first retry since the last byte that arrived. */
  readonly attempt: number;
  /** Milliseconds until the retry begins. */
  readonly delay: number;
  /** Why there is one. */
  readonly error: FTPError;
  /** The byte of the file from which it goes on. */
  readonly offset: number;
}

/** The codes of Node's errors for a connection that was cut. */
const CUT: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT']);
const LONGEST_TIMER = 2 ** 31 - 1;

/** How long each retry waits: exponential, with "full jitter", so that clients that were cut together do not come back together. */
export class Backoff {
  readonly #attempts: number;
  readonly #first: number;
  readonly #most: number;
  readonly #random: () => number;
  #failures = 0;

  /**
   * @param retry true for the defaults, a number for `attempts`
   * @param random from 0 up to, not including, 1
   * @throws ArgumentError
   */
  constructor(retry: RetryOptions | number | true, random: () => number = Math.random) {
    if (retry !== true && typeof retry !== 'number' && (typeof retry !== 'object' || retry === null)) {
      throw new ArgumentError(`retry must be true, a number of attempts or { attempts, backoff, maxDelay }, not ${String(retry)}`);
    }
    if (typeof retry === 'object') checkNames(retry, RETRY_OPTIONS, 'retry.');
    const { attempts = 5, backoff = 500, maxDelay = 30_000 } = typeof retry === 'number' ? { attempts: retry } : retry === true ? {} : retry;
    if (attempts !== Infinity && !(Number.isSafeInteger(attempts) && attempts >= 0)) throw new ArgumentError(`retry.attempts must be a whole number from 0 on, not ${String(attempts)}`);
    this.#attempts = attempts;
    this.#first = milliseconds('retry.backoff', backoff);
    this.#most = milliseconds('retry.maxDelay', maxDelay);
    this.#random = random;
  }

  /** Retries since there was progress. */
  get failures(): number {
    return this.#failures;
  }

  /** There was progress: the next retry is the first again. */
  reset(): void {
    this.#failures = 0;
  }

  /** The next retry; undefined when there have been enough. */
  next(): { readonly attempt: number; readonly delay: number } | undefined {
    if (this.#failures >= this.#attempts) return undefined;
    const longest = Math.min(this.#most, this.#first * 2 ** this.#failures);
    this.#failures += 1;
    return { attempt: this.#failures, delay: Math.round(this.#random() * longest) };
  }
}

/**
 * Whether another try may succeed: the connection was lost or stood still, the data broke, or the server said 4yz.
 * Never after `abort()`, data that were compared and differ, a 5yz that is not merely the echo of data that broke, or a SecurityError
 * that is not merely a TLS handshake that was cut: the next handshake is as strict.
 */
export function isLoss(error: unknown): error is FTPError {
  // Its kinds are final: AbortedError, ChangedError, MismatchError.
  if (error instanceof TransferError) return error.constructor === TransferError;
  if (error instanceof SecurityError) return CUT.has((error.cause as NodeJS.ErrnoException | undefined)?.code);
  // GridFTP 13.24 calls a data connection that broke a 500.
  if (error instanceof PermanentError) return error.phase === 'data' && isLoss(error.cause);
  return error instanceof ConnectionClosedError || error instanceof TimeoutError || error instanceof TemporaryError;
}

function milliseconds(name: string, value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= LONGEST_TIMER)) throw new ArgumentError(`${name} must be milliseconds from 0 to ${LONGEST_TIMER}, not ${String(value)}`);
  return value;
}
