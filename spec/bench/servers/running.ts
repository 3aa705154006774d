import type { Place } from '../work';

/** A server that was started. */
export interface Running {
  readonly place: Place;
  stop(): void;
}
