import type { Encoding } from './encoding';

/** The caps and the timeouts of a control connection. */
export interface ControlOptions {
  readonly encoding?: Encoding | undefined;
  readonly maxReplyLineBytes?: number | undefined;
  readonly maxReplyBytes?: number | undefined;
  /** Milliseconds; 0 is for ever. */
  readonly replyTimeout: number;
  /** Milliseconds for a TLS handshake; 0 is for ever. */
  readonly connectTimeout: number;
}
