import { systemClock } from './clock';
import { Couples } from './pool-couples';
import type { Lane } from './pool-lane';
import { Lanes } from './pool-lanes';
import type { Session } from '../control/session';
import { Turns, type Act, type Place, type PlaceListener } from '../control/turns';
import { ConnectionClosedError, FTPError } from '../errors';

/** Bytes that a listing reads ahead as soon as anybody waits; more only when nothing else would get on. */
const EAGER = 1024 * 1024;

/** The order of operations on the connections of a pool: the first that is ready has the next that is free. */
export class PoolTurns extends Turns {
  readonly #kin: Session;
  readonly #most: number;
  readonly #eager: number;
  readonly #lanes: Lanes;
  readonly #couples = new Couples();
  readonly #holders = new Map<Place, Lane>();
  /** Places that wait until nothing else runs. */
  readonly #lasts = new WeakSet<Place>();
  #last: Place | undefined;

  /** @param kin has the options; it is never connected itself */
  constructor(kin: Session, connections: number, clock = systemClock) {
    super(kin.settings.stallTimeout);
    this.#kin = kin;
    this.#most = connections;
    this.#eager = Math.min(EAGER, kin.settings.maxReadAheadBytes / 2);
    this.#lanes = new Lanes(kin, connections, clock, {
      onChange: () => {
        if (this.first) this.wake();
      },
      onFailure: (error) => this.#fail(error),
      onAborted: (error) => super.close(() => copyOf(error)),
    });
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
    if (!this.first || (this.#lanes.free > 0 && !this.#lasts.has(this.first))) return false;
    return ahead < this.#eager || (!this.#lanes.coming && this.#running.every((place) => place.paused));
  }

  couple(download: Place, upload: Place): boolean {
    if (!this.#couples.add(download, upload, this.#most)) return false;
    for (const place of [download, upload]) if (place.running) this.#hurryPartners(place);
    return true;
  }

  /** Takes a place whose turn comes when everything that is ready before it is over; nobody else has one meanwhile. */
  enterLast(act: Act, listener: PlaceListener): Place {
    const place = this.enter(act, listener, { ends: true });
    this.#lasts.add(place);
    return place;
  }

  /** Says QUIT on all connections; what was not used fails. */
  quit(): Promise<void> {
    super.close(() => new ConnectionClosedError('the pool has quit', { final: true }));
    return this.#lanes.quit();
  }

  /** Closes all connections, and fails what waits. */
  override close(reason: () => Error): void {
    super.close(reason);
    this.#lanes.close();
  }

  /** The partner of one that runs goes first: others must not take the connection without which neither gets on. */
  override insert(place: Place): void {
    place.urgent = this.#couples.partnersOf(place).some(({ running }) => running);
    super.insert(place);
    if (this.ending) for (const each of this.#running) each.listener.onQuitting?.(false);
  }

  override remove(place: Place): void {
    super.remove(place);
    if (!this.first) this.#lanes.rest();
  }

  override paused(): void {
    if (this.first) this.wake();
    super.paused();
  }

  released(place: Place): void {
    const lane = this.#holders.get(place);
    this.#holders.delete(place);
    if (lane) this.#lanes.giveBack(lane);
    if (this.#last === place) this.#last = undefined;
    if (this.first) this.wake();
    this.look();
  }

  protected get blocking(): readonly Place[] {
    const running = this.#running;
    const waits = this.#lanes.free === 0 || (this.first !== undefined && this.#lasts.has(this.first));
    return waits && !this.#lanes.coming && running.every((place) => place.paused) ? running : [];
  }

  protected serve(): void {
    while (this.first && !this.#last) {
      if (this.#lasts.has(this.first)) return this.#serveLast(this.first);
      const lane = this.#lanes.take();
      if (!lane) break;
      this.#run(this.first, lane);
    }
    if (!this.first || this.#last) return;
    this.#lanes.want(this.ready);
    this.#relieve();
  }

  #run(place: Place, lane: Lane): void {
    lane.holder = place;
    this.#holders.set(place, lane);
    place.run(lane.session);
    this.#hurryPartners(place);
    if (this.ending) place.listener.onQuitting?.(false);
  }

  #serveLast(place: Place): void {
    if (this.#holders.size > 0) return this.#relieve();
    this.#lanes.cancel();
    this.#last = place;
    place.run(this.#kin);
  }

  #hurryPartners(place: Place): void {
    for (const partner of this.#couples.partnersOf(place)) {
      if (!partner.waiting || partner.urgent) continue;
      this.remove(partner);
      this.insert(partner);
    }
  }

  get #running(): Place[] {
    return [...this.#holders.keys()];
  }

  /** Somebody waits and nothing is free: readers who have paused may be what keeps it so. */
  #relieve(): void {
    const running = this.#running;
    for (const place of running) place.listener.onContended?.();
    if (this.#lanes.coming || this.#lanes.free > 0) return;
    const upload = this.#couples.deadlocked(running);
    if (!upload) return;
    upload.leave();
    const { size, refusal } = this.#lanes;
    const few = `there ${size === 1 ? 'is' : 'are'} only ${size}`;
    upload.listener.onDropped(new ConnectionClosedError(`the download that is piped into it needs a connection of its own, and ${few}`, { cause: refusal }));
  }

  /** All that waits for a connection fails. */
  #fail(error: Error): void {
    const failed: Place[] = [];
    for (let place = this.first; place; place = place.next) {
      if (!this.#lasts.has(place)) failed.push(place);
    }
    failed.forEach((place, index) => place.waiting && place.refuse(index === 0 ? error : copyOf(error)));
  }
}

/** Each of many has an error of its own, for streams add to it what they know. */
function copyOf(error: Error): Error {
  if (!(error instanceof FTPError)) return new FTPError(error.message, { cause: error });
  const { reply, phase, command } = error;
  return new (error.constructor as typeof FTPError)(error.message, { reply, phase, command, cause: error.cause });
}
