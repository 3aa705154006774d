import type { ExchangeListener, ExchangeRequest } from './exchange';
import type { Plan } from './plan';
import type { Command } from '../control/command';
import type { Reply } from '../control/reply';
import type { FTPError } from '../errors';

/** What is to be transferred, and how. */
export interface TransferRequest extends ExchangeRequest {
  /** What was asked for; a plan may know better. */
  readonly command: Command;
  readonly plan?: Plan | undefined;
}

/** The stream's side of a transfer. */
export interface TransferListener extends Omit<ExchangeListener, 'onDataEnd'> {
  /** Changes when its own side gets on, although it is paused. */
  progress(): string;
  /** Another operation waits for this one's turn. */
  onContended(): void;
  /** The client is to quit, and this is paused by its own side; `stuck` for `stallTimeout`. */
  onQuitting(stuck: boolean): void;
  /** Proved complete; without a reply when `enough()` ended it. */
  onComplete(reply: Reply | undefined): void;
  onError(error: FTPError): void;
}
