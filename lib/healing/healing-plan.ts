import { setTimeout as sleep } from 'node:timers/promises';
import { isLoss, type Backoff, type RetryEvent } from './backoff';
import { assertSame, identify, type Identity } from './identity';
import { HashCheck, type Verify } from './verify';
import type { Command } from '../control/command';
import type { ControlConnection } from '../control/control-connection';
import type { Features } from '../control/features';
import type { Session } from '../control/session';
import type { Plan } from '../data/plan';
import { ChangedError, MismatchError, TransferError, UnsupportedError, type FTPError, type ReplyError } from '../errors';

/** Bytes before a loss that are read again. */
const SEAM = 4096;
const NOTHING = Buffer.alloc(0);

/** What is wanted of a file, and how sure it must be. */
export interface HealingSetup {
  /** First byte. */
  readonly start: number;
  /** Last byte, inclusive; undefined: all. */
  readonly end: number | undefined;
  /** Undefined: the first loss is the end. */
  readonly backoff: Backoff | undefined;
  readonly verify: Verify | undefined;
  readonly onRetry: (event: RetryEvent) => void;
}

/**
 * A RETR that goes on behind losses, and whose bytes are compared with what the server says of the file.
 *
 * SIZE and MDTM are asked before the first byte, for what is asked only after a loss cannot tell whether the file was another one
 * before. They leave in the flight of EPSV and cost no round trip where FEAT has SIZE.
 */
export class HealingPlan implements Plan {
  #session: Session;
  readonly #command: Command;
  readonly #setup: HealingSetup;
  readonly #hash: HashCheck | undefined;
  #identity: Promise<Identity> | undefined;
  /** Bytes that had arrived when the last retry began. */
  #progress = 0;
  #continued = false;
  /** How the last try has ended. */
  #short = false;
  /** A range that ends before the file is cut off there, so that its size cannot show where it went on after a loss. */
  seam: Buffer | undefined;

  constructor(session: Session, command: Command, setup: HealingSetup) {
    this.#session = session;
    this.#command = command;
    this.#setup = setup;
    if (setup.backoff && setup.end !== undefined) this.seam = NOTHING;
    this.#hash = setup.verify === 'hash' ? new HashCheck(session, command.argument) : undefined;
  }

  use(session: Session): void {
    this.#session = session;
    this.#hash?.use(session);
  }

  async begin(control: ControlConnection, moved: number): Promise<Command | 'complete'> {
    const session = this.#session;
    session.switchType(control, 'I'); // beside FEAT: two answers that differ show that the server keeps the order, so that what follows can share a flight
    const features = await session.features();
    await this.#hash?.prepare();
    if (moved > 0) return this.#continue(control, features, moved);
    this.#identity = identify(session, control, this.#command.argument, features, true);
    this.#identity.catch(ignore);
    if (!features.has('SIZE')) await this.#identity;
    if (this.#setup.verify === 'size' && (await this.#identity).unsized) throw new UnsupportedError('the server has no SIZE to verify by');
    return this.#command;
  }

  observe(chunk: Uint8Array): void {
    this.#hash?.update(chunk);
    if (this.seam) this.seam = Buffer.concat([chunk.length < SEAM ? this.seam : NOTHING, chunk.subarray(-SEAM)]).subarray(-SEAM);
  }

  async recover(refusal: ReplyError): Promise<never> {
    throw refusal;
  }

  async again(error: FTPError, moved: number, signal: AbortSignal): Promise<boolean> {
    const { backoff, start, onRetry } = this.#setup;
    if (!backoff || !isLoss(error) || !this.#session.reconnects || !(await this.#canContinue(moved))) return false;
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

  async finish(control: ControlConnection, complete: boolean, bytes: number): Promise<void> {
    if (!complete) return;
    this.#judgeSize((await this.#identity)?.size, bytes);
    await this.#hash?.compare(control);
  }

  /** Only the size shows in the end whether what came after a loss began where it should: some servers take REST, and ignore it. */
  async #canContinue(moved: number): Promise<boolean> {
    return moved === 0 || (await this.#identity)?.size !== undefined;
  }

  async #continue(control: ControlConnection, features: Features, moved: number): Promise<Command | 'complete'> {
    const path = this.#command.argument;
    const before = (await this.#identity) as Identity;
    assertSame(path, before, await identify(this.#session, control, path, features, false));
    this.#continued = true;
    // Only the final reply was lost; some servers refuse a REST to the end of a file.
    return before.size !== undefined && this.#setup.start + moved >= before.size ? 'complete' : this.#command;
  }

  #judgeSize(size: number | undefined, bytes: number): void {
    const { start, end = Infinity, verify, backoff } = this.#setup;
    const path = this.#command.argument;
    if (size === undefined) {
      if (verify === 'size') throw new UnsupportedError(`the server does not tell the size of ${path} to verify it by`);
      return;
    }
    const wanted = Math.max(0, Math.min(end + 1, size) - start);
    if (bytes < wanted && backoff) throw new TransferError(`the server said it was done after ${bytes} of ${wanted} bytes`, { phase: 'completion' });
    // A file that grows gives more than SIZE told; all of the file in place of its end is no growth.
    if (start > 0 && bytes > wanted && bytes >= size) throw new MismatchError(`the server ignores REST: ${bytes} bytes came from byte ${start} on, and the file has ${size}`);
    if (bytes !== wanted && verify === 'size') throw new MismatchError(`SIZE gives ${wanted} bytes, and RETR gave ${bytes}`);
    if (bytes > wanted && this.#continued) throw new ChangedError(`${path} has changed: it gave ${bytes} bytes in place of ${wanted}`);
  }
}

/**
 * The server has called a transfer complete too early. Once, its data may have been cut on their way; where the next try ends so, too, that is
 * the server's answer, and the bytes before it are no progress.
 */
function isShort({ constructor, phase, reply }: FTPError): boolean {
  return constructor === TransferError && (phase === 'completion' || reply?.kind === 'completion');
}

function ignore(): void {
  // what it tells is looked at when the transfer is over, or was lost
}
