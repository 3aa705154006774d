import type { Command } from './command';
import type { Reply } from './reply';

/** What happens on a control connection. */
export interface ControlListener {
  /** The line of a command that leaves, for people to read. */
  onCommand(line: string): void;
  /** A reply came, secrets taken out. */
  onReply(reply: Reply): void;
  /** A command will leave, after those that were given before it: what is given after it must count with what it changes. */
  onGiven(command: Command): void;
  /** A command has its final reply. */
  onAnswered(command: Command, reply: Reply, succeeded: boolean): void;
  /** The commands that wait were given up: what became of them is not known. */
  onGivenUp(): void;
  /** The connection is gone; without an error where we closed it, or had said QUIT. */
  onClose(error: Error | undefined): void;
}

/** Takes every reply while the commands that wait are being given up. */
export interface Collector {
  onReply(reply: Reply): void;
  /** There will be no more. */
  onClose(): void;
}
