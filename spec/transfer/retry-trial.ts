import { MismatchError, TransferError, type FTP, type FTPError, type RetryEvent } from '../../lib/index';
import { isLoss } from '../../lib/transfer/retry';
import type { FaultKind, FaultProxy, Plan } from '../support/fault-proxy';
import { describeSeed, type Random } from '../support/seed';
import { outcomeOf } from '../support/transfers';

/** A file, and its bytes. */
export interface Sample {
  readonly path: string;
  readonly bytes: Buffer;
}

/** What became of a download, and what of it must not be. */
export interface Trial {
  readonly cuts: number;
  readonly retries: readonly RetryEvent[];
  readonly error: FTPError | undefined;
  readonly problem: string | undefined;
}

/** Freezes are waited for. */
export const KINDS: readonly FaultKind[] = ['fin', 'rst', 'rst', 'fin', 'rst', 'freeze', 'split'];
/** Bytes of the control connection among which it is cut: a login and a transfer. */
const CONTROL = 700;

/** Downloads with faults at random bytes, also of the tries that follow, and looks whether the stream kept its word. */
export class Trials {
  #number = 0;

  constructor(
    private readonly proxy: FaultProxy,
    private readonly random: Random,
    private readonly hashes: boolean,
    private readonly kinds: readonly FaultKind[] = KINDS,
  ) {}

  /** One download of the sample through the proxy. */
  async run(ftp: FTP, sample: Sample): Promise<Trial> {
    const { random, proxy } = this;
    const retry = { attempts: random.int(5), backoff: 1 + random.int(4), maxDelay: 1 + random.int(6) };
    const verified = this.hashes && random.int(4) === 0;
    const start = verified || random.int(3) > 0 ? 0 : random.int(sample.bytes.length + 1);
    const expected = sample.bytes.subarray(start);
    const plans = Array.from({ length: 1 + random.int(6) }, () => this.#plan(expected.length, verified));
    const described = `download ${(this.#number += 1)} ${describeSeed(random.seed)}: ${JSON.stringify({ ...sample, bytes: sample.bytes.length, start, retry, verified, plans })}`;

    let cuts = 0;
    const arm = (): void => {
      if (proxy.fired) cuts += 1;
      proxy.arm(plans.shift());
    };
    proxy.arm(plans.shift());
    const retries: RetryEvent[] = [];
    const stream = ftp.retr(sample.path, { retry, start, ...(verified ? { verify: 'hash' } : {}) });
    stream.on('retry', (event: RetryEvent) => {
      retries.push(event);
      arm();
    });
    const { bytes, error } = await outcomeOf(stream);
    arm();
    proxy.arm();
    const problem = problemOf(bytes, error, expected) ?? problemOfRetries(retries, retry, error, start);
    return { cuts, retries, error, problem: problem && `${problem}\n${described}\n${error?.stack ?? ''}` };
  }

  /** Mostly of the data, for they are what a retry makes good. */
  #plan(size: number, verified: boolean): Plan {
    const { random } = this;
    if (verified && random.int(3) === 0) return { on: 'data', direction: 'toClient', kind: 'corrupt', at: random.int(size + 1) };
    const kind = random.pick(this.kinds);
    if (random.int(3) > 0) return { on: 'data', direction: 'toClient', kind, at: random.int(size + 1) };
    return { on: 'control', direction: random.pick(['toClient', 'toServer']), kind, at: random.int(CONTROL) };
  }
}

function problemOf(bytes: Buffer, error: FTPError | undefined, expected: Buffer): string | undefined {
  if (!error) return bytes.equals(expected) ? undefined : 'a success with other bytes';
  if (error instanceof MismatchError) return bytes.equals(expected) ? 'a mismatch of equal bytes' : undefined;
  return bytes.equals(expected.subarray(0, bytes.length)) ? undefined : 'other bytes before the error';
}

/** The server called it complete too early. */
function isShort({ constructor, phase, reply }: Partial<FTPError> = {}): boolean {
  return constructor === TransferError && (phase === 'completion' || reply?.kind === 'completion');
}

/**
 * Attempts count up from one after each byte, unless the server has called two tries complete too early; delays keep their bounds, and a loss is the
 * end only when the attempts are used up.
 */
function problemOfRetries(retries: readonly RetryEvent[], { attempts, backoff, maxDelay }: { attempts: number; backoff: number; maxDelay: number }, error: FTPError | undefined, start: number): string | undefined {
  let failures = 0;
  let offset = start;
  let last: FTPError | undefined;
  for (const retry of retries) {
    failures = retry.offset > offset && !(isShort(retry.error) && isShort(last)) ? 1 : failures + 1;
    last = retry.error;
    if (retry.attempt !== failures || retry.offset < offset) return `attempt ${retry.attempt} at ${retry.offset} in place of ${failures} after ${offset}`;
    if (!(retry.delay >= 0 && retry.delay <= Math.min(maxDelay, backoff * 2 ** (failures - 1)))) return `a delay of ${retry.delay} ms for attempt ${failures}`;
    if (failures > attempts) return `attempt ${failures} of ${attempts}`;
    if (!isLoss(retry.error)) return `a retry after ${String(retry.error)}`;
    offset = retry.offset;
  }
  if (!error || !isLoss(error)) return undefined;
  const progress = start + (error.bytesTransferred ?? 0) > offset && !(isShort(error) && isShort(last));
  return attempts === 0 || (failures === attempts && !progress) ? undefined : `given up after ${failures} of ${attempts} attempts`;
}
