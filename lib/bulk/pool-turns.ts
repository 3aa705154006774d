import { systemClock, type Clock } from './clock';
import { Allowance } from './pool-allowance';
import { Couples } from './pool-couples';
import { Lane } from './pool-lane';
import type { Session } from '../control/session';
import { Turns, type Act, type Place, type PlaceListener } from '../control/turns';
import { ConnectionClosedError, FTPError } from '../errors';

/** Bytes that a listing reads ahead as soon as anybody waits; more only when nothing else would get on. */
const EAGER = 1024 * 1024;

/** The order of operations on the connections of a pool: each takes the one that has been free longest. */
export class PoolTurns extends Turns {
  readonly #kin: Session;
  readonly #most: number;
  readonly #clock: Clock;
  readonly #allowance: Allowance;
  readonly #couples = new Couples();
  /** Lanes that are up, or whose holders make them again. */
  readonly #lanes = new Set<Lane>();
  readonly #free = new Set<Lane>();
  readonly #opening = new Set<Lane>();
  readonly #holders = new Map<Place, Lane>();
  /** Places that wait until nothing else runs. */
  readonly #lasts = new WeakSet<Place>();
  #last: Place | undefined;
  /** Why the first connection could not be made, while others are being tried. */
  #failure: Error | undefined;
  /** Why there are fewer connections than were asked for. */
  #refusal: Error | undefined;
  #rest: (() => void) | undefined;

  /** @param kin has the options; it is never connected itself */
  constructor(kin: Session, connections: number, clock = systemClock) {
    super();
    this.#kin = kin;
    this.#most = connections;
    this.#clock = clock;
    this.#allowance = new Allowance(connections, kin.settings.connectTimeout, clock);
  }

  /** How many connections there are. */
  get connections(): number {
    return this.#lanes.size;
  }

  get several(): boolean {
    return true;
  }

  get idle(): boolean {
    return this.#holders.size === 0 && !this.first;
  }

  contended(ahead: number): boolean {
    return this.first !== undefined && this.#free.size === 0 && (ahead < EAGER || [...this.#holders.keys()].every((place) => place.paused));
  }

  couple(download: Place, upload: Place): boolean {
    if (!this.#couples.add(download, upload, this.#most)) return false;
    for (const place of [download, upload]) if (place.running) this.#hurry(place);
    return true;
  }

  /** Takes a place whose turn comes when everything that is ready before it is over; nobody else has one meanwhile. */
  enterLast(act: Act, listener: PlaceListener): Place {
    const place = this.enter(act, listener);
    this.#lasts.add(place);
    return place;
  }

  /** Says QUIT on all connections. */
  async quit(): Promise<void> {
    await Promise.all([...this.#lanes].map((lane) => lane.quit()));
  }

  /** Closes all connections, and fails what waits. */
  close(error?: Error): void {
    this.drop(() => new ConnectionClosedError(error?.message ?? 'the pool was closed', { cause: error?.cause }));
    for (const lane of [...this.#opening]) lane.abandon();
    for (const lane of [...this.#lanes]) lane.close(error);
  }

  /** The partner of one that runs goes first: others must not take the connection without which neither gets on. */
  override insert(place: Place): void {
    place.urgent = this.#couples.partnersOf(place).some(({ running }) => running);
    super.insert(place);
  }

  override remove(place: Place): void {
    super.remove(place);
    if (this.first) return;
    this.#rest?.();
    this.#rest = undefined;
  }

  override paused(): void {
    if (this.first) this.wake();
  }

  released(place: Place): void {
    const lane = this.#holders.get(place);
    if (lane) this.#handBack(lane);
    this.#holders.delete(place);
    if (this.#last === place) this.#last = undefined;
    if (this.first) this.wake();
  }

  protected serve(): void {
    while (this.first && !this.#last) {
      const place = this.first;
      if (this.#lasts.has(place)) {
        if (this.#holders.size > 0) break;
        for (const lane of [...this.#opening]) lane.abandon();
        this.#last = place;
        place.run(this.#kin);
        return;
      }
      const [lane] = this.#free;
      if (!lane) break;
      this.#free.delete(lane);
      this.#holders.set(place, lane);
      lane.holder = place;
      place.run(lane.session);
      this.#hurry(place);
    }
    if (!this.first || this.#last) return;
    this.#open();
    this.#relieve();
  }

  #handBack(lane: Lane): void {
    lane.holder = undefined;
    if (lane.up) this.#free.add(lane);
    else this.#forget(lane);
  }

  #hurry(place: Place): void {
    for (const partner of this.#couples.partnersOf(place)) {
      if (!partner.waiting || partner.urgent) continue;
      this.remove(partner);
      this.insert(partner);
    }
  }

  // ---- connections

  #open(): void {
    if (this.#rest || this.#lasts.has(this.first as Place)) return;
    const { signal } = this.#kin.settings;
    if (signal?.aborted) return this.#onAbort();
    const wanted = Math.min(this.ready, this.#allowance.limit - this.#lanes.size) - this.#opening.size;
    if (wanted > 0) signal?.addEventListener('abort', this.#onAbort, { once: true });
    for (let count = 0; count < wanted; count++) void this.#connect(new Lane(this.#kin, { onLost: this.#onLost }));
  }

  async #connect(lane: Lane): Promise<void> {
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
    else if (!failure) this.#onUp(lane);
    else if (this.#lanes.size + this.#opening.size > 0) this.#onRefused(failure);
    else this.#onNone(this.#failure ?? failure);
    this.#forget(lane.up ? undefined : lane);
    this.wake();
  }

  #onUp(lane: Lane): void {
    this.#lanes.add(lane);
    this.#free.add(lane);
    this.#failure = undefined;
    this.#allowance.granted(this.#lanes.size);
  }

  /** Others are there, or may come: fewer will do. */
  #onRefused(error: Error): void {
    if (this.#lanes.size === 0) this.#failure ??= error;
    this.#refusal = error;
    this.#allowance.refused(this.#lanes.size + this.#opening.size);
  }

  /** There is none and none to come. */
  #onNone(error: Error): void {
    this.#failure = undefined;
    const pause = this.first && this.#allowance.pauseAfter(error);
    if (pause === undefined) return this.#fail(error);
    this.#rest = this.#clock.after(pause, () => {
      this.#rest = undefined;
      this.wake();
    });
  }

  /** All that needs a connection fails. */
  #fail(error: Error): void {
    const failed: Place[] = [];
    for (let place = this.first, next; place; place = next) {
      next = place.next;
      if (!this.#lasts.has(place) && place.leave()) failed.push(place);
    }
    failed.forEach((place, index) => place.listener.onDropped(index === 0 ? error : copyOf(error)));
  }

  readonly #onLost = (lane: Lane): void => {
    this.#free.delete(lane);
    if (!lane.holder) this.#forget(lane);
    if (this.first) this.wake();
  };

  #forget(lane: Lane | undefined): void {
    if (lane) this.#lanes.delete(lane);
    if (this.#lanes.size + this.#opening.size === 0) this.#kin.settings.signal?.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => {
    this.close(new ConnectionClosedError('the pool was aborted', { cause: this.#kin.settings.signal?.reason }));
  };

  // ---- who waits for whom

  /** Somebody waits and nothing is free: readers who have paused may be what keeps it so. */
  #relieve(): void {
    for (const place of [...this.#holders.keys()]) place.listener.onContended?.();
    if (this.#opening.size > 0 || this.#holders.size < this.#lanes.size) return;
    const upload = this.#couples.deadlocked([...this.#holders.keys()]);
    if (!upload) return;
    upload.leave();
    const { size } = this.#lanes;
    upload.listener.onDropped(new ConnectionClosedError(`the download that it is piped from needs a connection of its own, and there are only ${size}`, { cause: this.#refusal }));
  }
}

/** Each of many has an error of its own, for streams add to it what they know. */
function copyOf(error: Error): Error {
  if (!(error instanceof FTPError)) return new FTPError(error.message, { cause: error });
  const { reply, phase, command } = error;
  return new (error.constructor as typeof FTPError)(error.message, { reply, phase, command, cause: error.cause });
}
