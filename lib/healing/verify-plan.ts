import { HashCheck, type Verify } from './verify';
import { identify } from './identity';
import type { Command } from '../control/command';
import type { ControlConnection } from '../control/control-connection';
import type { Features } from '../control/features';
import type { Session } from '../control/session';
import type { Plan } from '../data/plan';
import { MismatchError, UnsupportedError, type ReplyError } from '../errors';

/** A STOR whose file is compared with what was sent, before `finish`. */
export class VerifiedUpload implements Plan {
  #session: Session;
  readonly #command: Command;
  readonly #start: number;
  readonly #hash: HashCheck | undefined;
  #features: Features = new Map();

  /** @param start the byte from which the file is written; the file must then end where the upload does */
  constructor(session: Session, command: Command, start: number, verify: Verify) {
    this.#session = session;
    this.#command = command;
    this.#start = start;
    this.#hash = verify === 'hash' ? new HashCheck(session, command.argument) : undefined;
  }

  use(session: Session): void {
    this.#session = session;
    this.#hash?.use(session);
  }

  async begin(control: ControlConnection): Promise<Command> {
    this.#session.switchType(control, 'I'); // beside FEAT, as for a download
    this.#features = await this.#session.features();
    if (this.#hash) await this.#hash.prepare();
    else if ((await identify(this.#session, control, this.#command.argument, this.#features, true)).unsized) throw new UnsupportedError('the server has no SIZE to verify by');
    return this.#command;
  }

  observe(chunk: Uint8Array): void {
    this.#hash?.update(chunk);
  }

  async recover(refusal: ReplyError): Promise<never> {
    throw refusal;
  }

  async finish(control: ControlConnection, complete: boolean, bytes: number): Promise<void> {
    if (!complete) return;
    if (this.#hash) return this.#hash.compare(control);
    const path = this.#command.argument;
    const { size } = await identify(this.#session, control, path, this.#features, false);
    const wanted = this.#start + bytes;
    if (size !== wanted) throw new MismatchError(`the server's ${path} has ${size ?? 'an unknown number of'} bytes in place of ${wanted}`);
  }
}
