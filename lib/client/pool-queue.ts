import { type Clock, systemClock } from '../bulk/clock';
import { KeepAlive } from '../control/keep-alive';
import { type Act, type Place, type PlaceListener, Queue } from '../control/queue';
import { Session } from '../control/session';
import { ConnectionClosedError, FTPError, isFTPError } from '../errors';

/** Milliseconds behind a refusal after which one more connection is tried. */
const PROBATION = 60_000;
/** Milliseconds until the first connection is tried again; twice as many each time. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 30_000;

/** How many connections the server lets a pool have: as many as were asked for, until it refuses one. */
export class ConnectionLimit {
  readonly #most: number;
  /** Milliseconds that a pool which had connections waits for a server that has none to spare; 0 for ever. */
  readonly #patience: number;
  readonly #clock: Clock;
  #limit: number;
  #probation = 0;
  #careful = false;
  #served = false;
  #pause = FIRST_PAUSE;
  #waited = 0;

  constructor(most: number, patience: number, clock: Clock) {
    this.#most = most;
    this.#patience = patience;
    this.#clock = clock;
    this.#limit = most;
  }

  /** True once one was refused: from then on they are tried one at a time. */
  get careful(): boolean {
    return this.#careful;
  }

  /**
   * How many may be begun while so many are there, and so many are being made.
   *
   * The first is tried alone: a wrong password is then tried once, and what is refused behind it is not the login.
   */
  room(up: number, opening: number): number {
    if (up === 0 || this.#careful) return opening > 0 || up >= this.#limitNow() ? 0 : 1;
    return this.#most - up - opening;
  }

  /** A connection was made. */
  granted(up: number): void {
    this.#served = true;
    this.#limit = Math.max(this.#limit, up);
    this.#rested();
  }

  /** A connection was refused while so many others are there; `tried` with others at the same time, it may have been one of these that was in its way. */
  refused(up: number, tried: 'alone' | 'with others'): void {
    this.#careful = true;
    if (tried === 'with others') return;
    this.#limit = up;
    this.#probation = this.#clock.now() + PROBATION;
  }

  /**
   * There is none, and none can be made: the milliseconds after which to try again, where the server has let us in before and now says
   * that it is full, which it may believe until it has heard of the connections we lost. Undefined: this is how it is.
   */
  pauseAfter(error: Error): number | undefined {
    const pause = this.#pause;
    const code = error instanceof FTPError ? error.reply?.code : undefined;
    const full = this.#served && (code === 421 || code === 530);
    if (!full || (this.#patience > 0 && this.#waited + pause > this.#patience)) {
      this.#rested();
      return undefined;
    }
    this.#waited += pause;
    this.#pause = Math.min(2 * pause, LONGEST_PAUSE);
    return pause;
  }

  #limitNow(): number {
    return this.#clock.now() >= this.#probation ? this.#most : this.#limit;
  }

  #rested(): void {
    this.#pause = FIRST_PAUSE;
    this.#waited = 0;
  }
}

/** What a lane tells its pool. */
interface LaneListener {
  /** Its connection is gone. */
  onLost(lane: Lane): void;
}

/** One connection of a pool, and the operation that has it. */
class Lane {
  readonly session: Session;
  /** The operation that may write to the connection; it may also make it again. */
  holder: Place | undefined;
  /** Given up before it was up. */
  abandoned = false;
  readonly #keepAlive: KeepAlive;

  /** @param kin the session whose options it has */
  constructor(kin: Session, listener: LaneListener) {
    const { signal: _pools, ...settings } = kin.settings;
    this.session = new Session(
      settings,
      {
        onCommand: ignore,
        onReply: ignore,
        onLogin: () => this.#keepAlive.start(),
        onClose: () => {
          this.#keepAlive.stop();
          listener.onLost(this);
        },
      },
      kin,
    );
    this.#keepAlive = new KeepAlive(this.session, () => !this.holder);
  }

  /** True while there is a connection. */
  get up(): boolean {
    return this.session.control !== undefined;
  }

  /** Connects and logs in. */
  async open(): Promise<void> {
    await this.session.ready();
  }

  /** Gives the connection up while it is being made. */
  abandon(): void {
    this.abandoned = true;
    this.close();
  }

  /** Says QUIT behind what is still to be answered, and closes; a server that is gone need not be told. */
  async quit(): Promise<void> {
    const { control } = this.session;
    control?.hangUp();
    try {
      await control?.exec(this.session.command('QUIT'));
    } catch (error) {
      if (!isFTPError(error)) throw error;
    } finally {
      this.close();
    }
  }

  /** Closes at once: what is under way fails. */
  close(error?: Error): void {
    this.session.close(error);
  }

}

function ignore(): void {
  // the pool hears of what matters otherwise
}

/** What the lanes of a pool tell. */
interface LanesListener {
  /** Who waits may look again: a lane is free, or was lost, or none more can be had. */
  onChange(): void;
  /** There is no connection, and none can be made. */
  onFailure(error: Error): void;
  /** The signal of the options says that it is over. */
  onAborted(error: Error): void;
}

/** The connections of a pool: made when they are wanted, as many as the server bears, each lent to one operation at a time. */
class Lanes {
  /** Why there are fewer than were asked for. */
  refusal: Error | undefined;
  readonly #kin: Session;
  readonly #clock: Clock;
  readonly #allowance: ConnectionLimit;
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
    this.#allowance = new ConnectionLimit(most, kin.settings.connectTimeout, clock);
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

/** Downloads that are piped into uploads of the same pool: neither gets on without the other. */
export class Pipes {
  readonly #sinks = new WeakMap<Place, Set<Place>>();
  readonly #feeders = new WeakMap<Place, Set<Place>>();

  /** False where the download and all that it is piped into are more than can run at a time. */
  add(download: Place, upload: Place, most: number): boolean {
    const sinks = [...(this.#sinks.get(download) ?? []), upload].filter((place) => !place.over);
    if (1 + sinks.length > most) return false;
    this.#sinks.set(download, new Set(sinks));
    this.#feeders.set(upload, new Set([...(this.#feeders.get(upload) ?? []), download].filter((place) => !place.over)));
    return true;
  }

  /** What is at the other end of the place's pipes. */
  partnersOf(place: Place): Place[] {
    return [...(this.#sinks.get(place) ?? []), ...(this.#feeders.get(place) ?? [])];
  }

  /** Of operations that all wait for partners, and so keep the connections that these would need: an upload that must go. */
  deadlocked(running: readonly Place[]): Place | undefined {
    if (running.length === 0 || !running.every((place) => this.#isBlocked(place) || this.#starves(place))) return undefined;
    const uploads = running.flatMap((place) => [...(this.#sinks.get(place) ?? []), place]).filter((place) => this.#feeders.has(place));
    return uploads.find((place) => place.waiting) ?? uploads[0];
  }

  /** A download that can give its bytes to nobody yet. */
  #isBlocked(place: Place): boolean {
    return place.paused && [...(this.#sinks.get(place) ?? [])].some((sink) => sink.waiting);
  }

  /** An upload whose bytes do not come yet. */
  #starves(place: Place): boolean {
    const feeders = [...(this.#feeders.get(place) ?? [])].filter((feeder) => !feeder.over);
    return feeders.length > 0 && feeders.every((feeder) => feeder.waiting || this.#isBlocked(feeder));
  }
}

/** Bytes that a listing reads ahead as soon as anybody waits; more only when nothing else would get on. */
const EAGER = 1024 * 1024;

/** The order of operations on the connections of a pool: the first that is ready has the next that is free. */
export class PoolQueue extends Queue {
  readonly #kin: Session;
  readonly #most: number;
  readonly #eager: number;
  readonly #lanes: Lanes;
  readonly #couples = new Pipes();
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

  get pooled(): boolean {
    return true;
  }

  get idle(): boolean {
    return this.#holders.size === 0 && !this.first;
  }

  contended(ahead: number): boolean {
    if (!this.first || (this.#lanes.free > 0 && !this.#lasts.has(this.first))) return false;
    return ahead < this.#eager || (!this.#lanes.coming && this.#running.every((place) => place.paused));
  }

  addPipe(download: Place, upload: Place): boolean {
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
