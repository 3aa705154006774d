import type { Command } from './command';
import type { Reply } from './reply';

/** What happens on a control connection. */
export interface ControlListener {
  /** A command is written. */
  onCommand(line: string): void;
  /** A reply came, secrets taken out. */
  onReply(reply: Reply): void;
  /** A command got its 2yz. */
  onSuccess(command: Command): void;
  /** The connection is gone; without an error where we closed it, or had said QUIT. */
  onClose(error: Error | undefined): void;
}

/** Takes every reply while the commands that wait are being given up. */
export interface Collector {
  onReply(reply: Reply): void;
  /** There will be no more. */
  onClose(): void;
}
