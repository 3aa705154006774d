import { Digest } from './digest';
import { askDigest, chooseDigest, type DigestCommand } from './digest-command';
import type { ControlConnection } from '../control/control-connection';
import type { Session } from '../control/session';
import { ArgumentError, MismatchError } from '../errors';

/**
 * How a transfer is checked against the server before `end` or `finish`: by the size that SIZE tells, or by a hash that is
 * computed while the bytes pass and asked of the server behind them, the strongest that FEAT offers. The server reads the whole
 * file before it answers: `replyTimeout` must allow for that.
 */
export type Verify = 'size' | 'hash';

/** @throws ArgumentError */
export function checkVerify(verify: unknown): Verify | undefined {
  if (verify === undefined || verify === 'size' || verify === 'hash') return verify;
  throw new ArgumentError(`verify must be 'size' or 'hash', not ${String(verify)}`);
}

/** The hash of one file as it passes, and as the server has it. */
export class HashCheck {
  #session: Session;
  readonly #path: string;
  #command: DigestCommand | undefined;
  #digest: Digest | undefined;

  constructor(session: Session, path: string) {
    this.#session = session;
    this.#path = path;
  }

  /** The session whose server is asked from here on. */
  use(session: Session): void {
    this.#session = session;
  }

  /** Before the transfer; on a new connection to the same server the choice stays. @throws UnsupportedError when the server offers no hash */
  async prepare(): Promise<void> {
    this.#command = chooseDigest(await this.#session.features(), this.#digest?.algorithm);
    this.#digest ??= new Digest(this.#command.algorithm);
  }

  update(chunk: Uint8Array): void {
    this.#digest?.update(chunk);
  }

  /** Behind the transfer, and again where the answer was lost. @throws MismatchError */
  async compare(control: ControlConnection): Promise<void> {
    if (!this.#command || !this.#digest) throw new TypeError('prepare() first');
    const { algorithm } = this.#command;
    const theirs = await askDigest(this.#session, control, this.#command, this.#path);
    const ours = this.#digest.hex();
    if (theirs !== ours) throw new MismatchError(`the server's ${algorithm} of ${this.#path} is ${theirs}, but that of what was transferred is ${ours}`);
  }
}
