import type { Session } from './session';
import { Turns, type Place } from './turns';

/** The order of operations on one control connection: one at a time. */
export class Queue extends Turns {
  readonly #session: Session;
  #running: Place | undefined;

  /** @param stallTimeout milliseconds; 0 is for ever */
  constructor(session: Session, stallTimeout = 0) {
    super(stallTimeout);
    this.#session = session;
  }

  get several(): boolean {
    return false;
  }

  get idle(): boolean {
    return !this.#running && !this.first;
  }

  contended(): boolean {
    return this.first !== undefined;
  }

  couple(): boolean {
    return false;
  }

  override insert(place: Place): void {
    super.insert(place);
    this.#running?.listener.onContended?.();
    if (this.ending) this.#running?.listener.onQuitting?.(false);
  }

  released(place: Place): void {
    if (this.#running !== place) return;
    this.#running = undefined;
    if (this.first) this.wake();
    this.look();
  }

  protected get blocking(): readonly Place[] {
    return this.#running?.paused ? [this.#running] : [];
  }

  protected serve(): void {
    while (this.first && !this.#running) {
      this.#running = this.first;
      this.#running.run(this.#session);
    }
    if (this.first) this.#running?.listener.onContended?.();
    if (this.ending) this.#running?.listener.onQuitting?.(false);
  }
}
