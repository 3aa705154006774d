import { ReceiveBuffer } from '../data/receive-buffer';
import type { ConnectionAttempt } from '../dial';
import { ConnectionClosedError } from '../errors';
import type { Settings } from '../options';
import { Watch } from '../watch';

/** How data connections are made; what worked once is remembered. */
export interface DataMode {
  /** False once EPSV was refused or led nowhere. */
  epsv: boolean;
  /** A passive data connection was made: the transfer command need not wait for the next one. */
  proven: boolean;
  /** A transfer has ended with 226 or 250, as it should: the end of the next one can be told from the replies to what is behind it. */
  orderly: boolean;
}

/** What the data connections of a session have in common, one after the other. */
export class DataMeans {
  readonly mode: DataMode;
  /** The memory that they read into. */
  readonly receiveBuffer = new ReceiveBuffer();
  /** Runs while one is being made. */
  readonly connecting: Watch;
  /** Runs while the server keeps us waiting. */
  readonly stalling: Watch;
  /** The one that is being made. */
  attempt: Pick<ConnectionAttempt, 'destroy'> | undefined;

  /** @param kin those of a session with the same server */
  constructor({ extended, connectTimeout, stallTimeout }: Settings, kin: DataMeans | undefined) {
    this.mode = kin?.mode ?? { epsv: extended !== false, proven: false, orderly: false };
    this.connecting = new Watch(connectTimeout);
    this.stalling = new Watch(stallTimeout);
  }

  /** The control connection is gone: ends what waits for a data connection, and lets the timers go that nobody needs. */
  release(reason: Error | undefined): void {
    this.attempt?.destroy(reason ?? new ConnectionClosedError('the connection was closed'));
    this.connecting.release();
    this.stalling.release();
  }
}
