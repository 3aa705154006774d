import type { Clock } from './clock';
import { Allowance } from './pool-allowance';
import { Lane } from './pool-lane';
import type { Session } from '../control/session';
import { ConnectionClosedError } from '../errors';

/** What the lanes of a pool tell. */
export interface LanesListener {
  /** Who waits may look again: a lane is free, or was lost, or none more can be had. */
  onChange(): void;
  /** There is no connection, and none can be made. */
  onFailure(error: Error): void;
  /** The signal of the options says that it is over. */
  onAborted(error: Error): void;
}

/** The connections of a pool: made when they are wanted, as many as the server bears, each lent to one operation at a time. */
export class Lanes {
  /** Why there are fewer than were asked for. */
  refusal: Error | undefined;
  readonly #kin: Session;
  readonly #clock: Clock;
  readonly #allowance: Allowance;
  readonly #listener: LanesListener;
  /** Those that are up, or that their holders make again. */
  readonly #lanes = new Set<Lane>();
  /** The one longest at rest comes first: the final replies of the others may be on their way. */
  readonly #free = new Set<Lane>();
  readonly #opening = new Set<Lane>();
  #pause: (() => void) | undefined;

  /** @param kin has the options; it is never connected itself */
  constructor(kin: Session, most: number, clock: Clock, listener: LanesListener) {
    this.#kin = kin;
    this.#clock = clock;
    this.#allowance = new Allowance(most, kin.settings.connectTimeout, clock);
    this.#listener = listener;
  }

  /** How many there are. */
  get size(): number {
    return this.#lanes.size;
  }

  /** How many nobody has. */
  get free(): number {
    return this.#free.size;
  }

  /** True while more may come without anybody giving one back. */
  get coming(): boolean {
    return this.#opening.size > 0 || this.#pause !== undefined;
  }

  /** A free one. */
  take(): Lane | undefined {
    const [lane] = this.#free;
    if (lane) this.#free.delete(lane);
    return lane;
  }

  /** Its holder is done. */
  giveBack(lane: Lane): void {
    lane.holder = undefined;
    if (lane.up) return void this.#free.add(lane);
    this.#lanes.delete(lane);
    lane.close(); // its holder may have left while it made the connection again, which then would be nobody's
  }

  /** So many operations wait for one. */
  want(count: number): void {
    if (this.#pause) return;
    const { signal } = this.#kin.settings;
    if (signal?.aborted) return this.#listener.onAborted(this.#aborted());
    signal?.addEventListener('abort', this.#onAbort, { once: true }); // until quit or close: a pause between tries is to end, too
    const more = Math.min(count - this.#opening.size, this.#allowance.room(this.#lanes.size, this.#opening.size));
    for (let made = 0; made < more; made++) void this.#connect(new Lane(this.#kin, { onLost: this.#onLost }));
  }

  /** Nobody waits for one any more: those that are being made are given up. */
  cancel(): void {
    this.rest();
    for (const lane of [...this.#opening]) lane.abandon();
  }

  /** Nobody waits: another try can wait, too. */
  rest(): void {
    this.#pause?.();
    this.#pause = undefined;
  }

  /** Says QUIT on all. */
  async quit(): Promise<void> {
    await Promise.all([...this.#lanes].map((lane) => lane.quit()));
    this.#unlisten();
  }

  /** Closes all at once. */
  close(error?: Error): void {
    this.cancel();
    for (const lane of [...this.#lanes]) lane.close(error);
    this.#unlisten();
  }

  async #connect(lane: Lane): Promise<void> {
    const tried = this.#allowance.careful ? 'alone' : 'with others';
    this.#opening.add(lane);
    let failure: Error | undefined;
    try {
      await lane.open();
      if (!lane.up) failure = new ConnectionClosedError('the server closed the connection behind the login', { phase: 'login' });
    } catch (error) {
      failure = error as Error;
    }
    this.#opening.delete(lane);
    if (lane.abandoned) lane.close();
    else if (!failure) this.#add(lane);
    else if (this.#lanes.size > 0) this.#onRefused(failure, tried);
    else this.#onNone(failure);
    this.#listener.onChange();
  }

  #add(lane: Lane): void {
    this.#lanes.add(lane);
    this.#free.add(lane);
    this.#allowance.granted(this.#lanes.size);
  }

  #onRefused(error: Error, tried: 'alone' | 'with others'): void {
    this.refusal = error;
    this.#allowance.refused(this.#lanes.size, tried);
  }

  #onNone(error: Error): void {
    const pause = this.#allowance.pauseAfter(error);
    if (pause === undefined) return this.#listener.onFailure(error);
    this.#pause = this.#clock.after(pause, () => {
      this.#pause = undefined;
      this.#listener.onChange();
    });
  }

  readonly #onLost = (lane: Lane): void => {
    this.#free.delete(lane);
    if (!lane.holder) this.#lanes.delete(lane);
    this.#listener.onChange();
  };

  readonly #onAbort = (): void => {
    this.#listener.onAborted(this.#aborted());
    this.close(this.#aborted());
  };

  #unlisten(): void {
    this.#kin.settings.signal?.removeEventListener('abort', this.#onAbort);
  }

  #aborted(): Error {
    return new ConnectionClosedError('the pool was aborted', { cause: this.#kin.settings.signal?.reason });
  }
}
