import type { Session } from './session';
import { Turns, type Place } from './turns';

/** The order of operations on one control connection: one at a time. */
export class Queue extends Turns {
  readonly #session: Session;
  #running: Place | undefined;

  constructor(session: Session) {
    super();
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
  }

  released(place: Place): void {
    if (this.#running !== place) return;
    this.#running = undefined;
    if (this.first) this.wake();
  }

  protected serve(): void {
    while (this.first && !this.#running) {
      this.#running = this.first;
      this.#running.run(this.#session);
    }
    if (this.first) this.#running?.listener.onContended?.();
  }
}
