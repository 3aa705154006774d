import type { Command } from '../control/command';
import type { ControlConnection } from '../control/control-connection';
import type { Session } from '../control/session';
import type { FTPError, ReplyError } from '../errors';

/** A transfer command that depends on answers which are not here yet: what asks for them leaves beside EPSV. */
export type Choice = () => Promise<Command>;

/** Commands around a transfer, in its turn: which one it is, what else to try, and what is to be done behind it. */
export interface Plan {
  /** The session that the turn is in: which of a pool's, is known only when the turn comes. */
  use(session: Session): void;
  /**
   * The transfer command, or how to choose it when it is to leave; `complete` when nothing is left to transfer.
   *
   * @param moved payload bytes of the tries before this one
   */
  begin(control: ControlConnection, moved: number): Promise<Command | Choice | 'complete'>;
  /** The command was refused before anything had begun: another one, or `complete` when the answer is known without; throws when there is none. */
  recover(refusal: ReplyError, control: ControlConnection): Promise<Command | 'complete'>;
  /** The transfer is over; after one that failed, this must not throw. */
  finish(control: ControlConnection, complete: boolean, bytes: number): Promise<void>;
  /** The data of a transfer have ended, and no command of this plan will follow if it is complete: another operation's may, before the final reply. */
  isLast?(): boolean;
  /** The last bytes that have passed: a try that goes on after them reads them again, where nothing else would show that it does go on there. */
  readonly seam?: Buffer | undefined;
  /** Payload bytes pass. */
  observe?(chunk: Uint8Array): void;
  /** A try failed and is over: resolves with true when the next is to begin, from byte `moved` of the request on; `signal` ends a pause. */
  again?(error: FTPError, moved: number, signal: AbortSignal): Promise<boolean>;
}
