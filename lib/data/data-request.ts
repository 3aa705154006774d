import type { ControlConnection } from '../control/control-connection';
import type { Session } from '../control/session';
import type { Interrupt } from './interrupt';

/** Which way the payload goes. */
export type Direction = 'down' | 'up';

/** What opening a data connection needs to know. */
export interface DataRequest {
  readonly session: Session;
  readonly control: ControlConnection;
  readonly direction: Direction;
  /** What is read may be overwritten when the listener returns. */
  readonly lent: boolean | undefined;
  readonly listener: DataListener;
  readonly interrupt: Interrupt;
}

/** What happens on a data connection; nothing is told after `onError`, `close()`, `reset()` or `abandon()`. */
export interface DataListener {
  /** Bytes arrived; false pauses the connection until `resume()`. */
  onChunk(chunk: Buffer): boolean;
  /** The server closed its side cleanly. */
  onEnd(): void;
  /** The connection broke, could not be made, or stood still; also behind our own end, when the server or the way to it resets. */
  onError(error: Error): void;
  /** The first bytes of an upload, or more of them, may be written. */
  onWritable(): void;
}
