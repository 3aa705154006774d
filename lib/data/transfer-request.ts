import type { Command } from '../control/command';
import type { Reply } from '../control/reply';
import type { FTPError } from '../errors';

/** What is to be transferred, and how. */
export interface TransferRequest {
  readonly command: Command;
  readonly type: 'I' | 'A';
  readonly direction: 'down' | 'up';
  /** The byte that REST names; 0 sends no REST. */
  readonly start: number;
}

/** The stream's side of a transfer. */
export interface TransferListener {
  /** The mark came. */
  onOpen(reply: Reply): void;
  /** Bytes arrived; false pauses. */
  onChunk(chunk: Buffer): boolean;
  /** Upload: more may be written. */
  onWritable(): void;
  /** Another operation waits for this one's turn. */
  onContended(): void;
  /** Proved complete; without a reply when `enough()` ended it. */
  onComplete(reply: Reply | undefined): void;
  onError(error: FTPError): void;
}
