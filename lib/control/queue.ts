import type { Readable } from 'node:stream';
import { ConnectionClosedError, TimeoutError } from '../errors';
import { WaitTimer } from '../net/wait-timer';
import type { Session } from './session';

/** What an operation does when its turn comes, in the session that it is given. It calls `release` when the next operation may write to the control connection. */
type Act = (release: () => void, session: Session) => void;

/** What the queue needs to know of an operation, and what it reports to it. */
export interface PlaceListener {
  /** The operation, for messages: `RETR a`. */
  readonly name: string;
  /** Why it does not get on while its place is paused, for messages: `its reader takes nothing`. */
  readonly pauseReason?: string;
  /** A value that changes when the caller's side moves while the place is paused, such as a reader that works on what it has taken. */
  progress?(): string;
  /** Another operation waits for the turn that this one has. */
  onContended?(): void;
  /** The turn will not come, or cannot go on: the operation fails with this error. */
  onDropped(error: Error): void;
  /** No connection can be opened for its turn. The place rests until it is ready again, or is left; an operation without this method fails. */
  onRefused?(error: Error): void;
  /** It has the turn, and `quit()` waits for its end; `stuck` where it has not moved for `stallTimeout`. */
  onQuitting?(stuck: boolean): void;
}

/** Options of a place. */
export interface PlaceOptions {
  /** The operation may never be used; until it is, only its caller keeps it in memory. */
  readonly unused?: boolean;
  /** It is the QUIT: its turn comes when no other operation is left. */
  readonly ends?: boolean;
}

/** What the queue asks and reports while `quit()` waits for work; an interface, because work is done in bulk, above this layer. */
export interface WorkListener {
  /** Whether it has moved since the last call; a stream whose reader takes nothing has not. */
  moved(): boolean;
  /** `quit()` waits for its end; `stuck` where no work has moved for `stallTimeout`. */
  onQuitting(stuck: boolean): void;
}

/** Work of many operations, such as a tree. `quit()` waits for its end, and `close()` ends it. */
export interface Work {
  /** Aborted when the client is closed, with a ConnectionClosedError as its reason. */
  readonly closed: AbortSignal;
  /** The work is over. */
  done(): void;
}

/** A download, as an upload of the same client needs to know it. */
export interface Download {
  /** Whether it is piped into that stream, through whatever lies between. */
  feeds(stream: Readable): boolean;
  /** Records that it is piped into the upload that has this place. False where both cannot run at the same time. */
  addPipe(upload: Place): boolean;
}

/** `idle`: the operation is not in use. `ready`: it waits for its turn. `running`: it has its turn. `done`: the turn is over, or will not come. */
type PlaceState = 'idle' | 'ready' | 'running' | 'done';

/** So many unused places are kept before the list is searched for those that were collected. */
const FIRST_SWEEP = 1024;

/**
 * The order of operations on one control connection (ClientQueue), or on those of a pool.
 *
 * An operation takes a place when its verb is called. The place becomes ready when the operation's stream is used, or at once for other verbs, and the
 * first ready place gets the next turn. The queue looks for it in `setImmediate`: a stream that is piped in this turn of the event loop then comes
 * before a plain command that was called after it.
 *
 * An operation that waits for another one which waits for it would wait for ever; a loop that reads a download and calls `size()` on the same client
 * is such a case. So, when the caller's side of every operation that has a turn stands still for `stallTimeout`, the operations that wait fail.
 */
export abstract class Queue {
  /** The downloads that are piped into something and are not over. */
  readonly downloads = new Set<Download>();
  #sequence = 0;
  /** The ready places, which know their neighbours. */
  protected first: Place | undefined;
  #last: Place | undefined;
  /** How many places are ready. */
  waitingCount = 0;
  #serving = false;
  readonly #unused = new Set<WeakRef<Place>>();
  #sweepAt = FIRST_SWEEP;
  /** `asked to end`: quit() was called in this turn of the event loop. `ending`: quit() waits for work, whose operations are still taken. */
  #state: 'open' | 'asked to end' | 'ending' | 'over' = 'open';
  /** The first place that was taken after the call of quit(). */
  #endSequence = Infinity;
  #reason: () => Error = () => new ConnectionClosedError('the client was closed', { final: true });
  #closed = new AbortController();
  /** Places for which no connection could be opened, and which may try again. */
  readonly #resting = new Set<Place>();
  readonly #works = new Map<Work, WorkListener | undefined>();
  #onWorkDone: () => void = () => undefined;
  /** Runs while quit() waits for work. */
  #notifying: NodeJS.Timeout | undefined;
  readonly #stallTimeout: number;
  readonly #stall: WaitTimer;
  /** The progress of the blocking places when the stall timer was started; undefined while it does not run. */
  #progress: string | undefined;

  /** @param stallTimeout milliseconds; 0 switches it off */
  constructor(stallTimeout = 0) {
    this.#stallTimeout = stallTimeout;
    this.#stall = new WaitTimer(stallTimeout);
  }

  /** Takes the next place. Nothing runs before its `ready()`. */
  enter(act: Act, listener: PlaceListener, options: PlaceOptions = {}): Place {
    const place = new Place(this, this.#sequence++, act, listener, options);
    if (options.unused) {
      if (this.#unused.size >= this.#sweepAt) this.#sweep();
      this.#unused.add((place.reference = new WeakRef(place)));
    }
    return place;
  }

  // ---- the life of the client

  /** True after `close()` and after QUIT: no operation is taken any more. */
  get over(): boolean {
    return this.#state === 'over';
  }

  /** Takes operations again: the client is connected by hand after its end. */
  open(): void {
    if (this.#state !== 'over') return;
    this.#state = 'open';
    this.#endSequence = Infinity;
    this.#closed = new AbortController();
  }

  /** Begins work. @throws ConnectionClosedError where the client is over */
  beginWork(listener?: WorkListener): Work {
    if (!this.#accepts() && this.#state !== 'asked to end') throw this.#reason();
    const work: Work = {
      closed: this.#closed.signal,
      done: () => {
        if (!this.#works.delete(work) || this.#works.size > 0) return;
        this.#stopNotifyingWork();
        this.#onWorkDone();
      },
    };
    this.#works.set(work, listener);
    return work;
  }

  /** True while work is under way. */
  get working(): boolean {
    return this.#works.size > 0;
  }

  /** Takes no operation any more, except those of work that is under way or begins in this turn of the event loop. Resolves when that work is done. */
  async end(): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'asked to end';
    this.#endSequence = this.#sequence;
    await new Promise(setImmediate);
    if (this.over) return;
    this.#state = 'ending';
    this.#notifyWork(false);
    if (this.#works.size > 0) await new Promise<void>((resolve) => (this.#onWorkDone = resolve));
  }

  /** Reports to all work that `quit()` waits for it, again and again: a stream whose reader waits for `quit()` must fail, or neither would end. */
  #notifyWork(stuck: boolean): void {
    for (const listener of [...this.#works.values()]) listener?.onQuitting(stuck);
    if (this.#works.size === 0 || this.#stallTimeout === 0) return;
    this.#notifying ??= setInterval(() => {
      const moved = [...this.#works.values()].map((listener) => listener?.moved() ?? true);
      this.#notifyWork(!moved.includes(true));
    }, this.#stallTimeout);
  }

  #stopNotifyingWork(): void {
    clearInterval(this.#notifying);
    this.#notifying = undefined;
  }

  /** Takes no operation any more. Work and everything that waits fail, each with an error of its own. */
  close(reason: () => Error): void {
    this.#state = 'over';
    this.#reason = reason;
    this.#closed.abort(reason());
    this.drop(reason);
  }

  /** Fails every operation whose turn has not come, each with an error of its own. */
  drop(reason: () => Error): void {
    for (let place = this.first; place; place = this.first) this.#drop(place, reason());
    for (const reference of this.#unused) {
      const place = reference.deref();
      if (place) this.#drop(place, reason());
    }
    this.#unused.clear();
    for (const place of this.#resting) this.#drop(place, reason());
  }

  /** True for a pool: an operation whose connection was lost before anything was sent can have another turn on another connection. */
  abstract readonly pooled: boolean;

  /** True when no operation runs and none is ready. */
  abstract get idle(): boolean;

  /** Whether a listing whose reader has paused should read on, because others wait for its turn; `ahead` bytes are read ahead already. */
  abstract contended(ahead: number): boolean;

  /** Records that the download is piped into the upload, so that both must run at the same time. False where they cannot. */
  abstract addPipe(download: Place, upload: Place): boolean;

  /** Gives a turn to as many ready places as can run. */
  protected abstract serve(): void;

  /** All places that have a turn, where each of them waits for the caller's side and no further turn can be had; else none. */
  protected abstract get blocking(): readonly Place[];

  /** True where QUIT is the next to get a turn. */
  get endsNext(): boolean {
    return this.first?.options.ends === true;
  }

  /** True where QUIT waits, after all others. */
  protected get ending(): boolean {
    return this.#last?.options.ends === true;
  }

  /** Gives turns in `setImmediate`. */
  protected serveSoon(): void {
    if (this.#serving) return;
    this.#serving = true;
    setImmediate(() => {
      this.#serving = false;
      this.serve();
    });
  }

  /** @internal called by Place: it waits for its turn from now on; undefined, or why its operation is not taken */
  admit(place: Place): Error | undefined {
    this.forget(place);
    const early = this.#state !== 'over' && place.sequence < this.#endSequence;
    if (!early && !place.options.ends && !this.#accepts()) return this.#reason();
    this.insert(place);
    return undefined;
  }

  /** Puts a place among the ready ones. */
  protected insert(place: Place): void {
    let after = place.urgent ? undefined : this.#last;
    while (after && !after.urgent && after.sequence > place.sequence) after = after.previous;
    place.previous = after;
    place.next = after ? after.next : this.first;
    if (place.next) place.next.previous = place;
    else this.#last = place;
    if (after) after.next = place;
    else this.first = place;
    this.waitingCount += 1;
    this.serveSoon();
    this.watchForStall();
  }

  /** @internal called by Place */
  remove(place: Place): void {
    if (place.previous) place.previous.next = place.next;
    else this.first = place.next;
    if (place.next) place.next.previous = place.previous;
    else this.#last = place.previous;
    place.previous = place.next = undefined;
    this.waitingCount -= 1;
    if (!this.first) this.watchForStall();
  }

  /** @internal called by Place: it is unused or resting no more */
  forget(place: Place): void {
    if (place.reference) this.#unused.delete(place.reference);
    place.reference = undefined;
    this.#resting.delete(place);
  }

  /** @internal called by Place: no connection can be opened for it, and it may try again */
  rested(place: Place): void {
    this.#resting.add(place);
  }

  /** @internal called by Place: its turn is over */
  abstract released(place: Place): void;

  /** @internal called by Place: the caller's side has stopped, or goes on */
  paused(): void {
    this.watchForStall();
  }

  /** Starts the stall timer when every operation that has a turn waits for the caller's side while others wait, and stops it when that is over. */
  protected watchForStall(): void {
    const stalled = this.first !== undefined && this.blocking.length > 0;
    if (stalled === (this.#progress !== undefined)) return;
    if (stalled) return this.#startStallTimer();
    this.#progress = undefined;
    this.#stall.stop(this.#onStall);
  }

  #startStallTimer(): void {
    this.#progress = progressOfCallers(this.blocking);
    this.#stall.start(this.#onStall);
  }

  readonly #onStall = (): void => {
    const { blocking } = this;
    if (this.#progress !== progressOfCallers(blocking)) return this.#startStallTimer();
    this.#progress = undefined;
    const long = process.uptime() * 1000 - this.#stallTimeout * 0.9;
    for (let place = this.first; place; ) {
      const { next } = place;
      if (place.options.ends) for (const each of blocking) each.listener.onQuitting?.(true);
      else if (place.readySince <= long) this.#drop(place, this.#stallError(place, blocking));
      place = next;
    }
    this.watchForStall();
  };

  #stallError({ listener }: Place, blocking: readonly Place[]): Error {
    const others = blocking.map((each) => `${each.listener.name} (${each.listener.pauseReason ?? 'it is paused'})`).join(' and ');
    return new TimeoutError(`${listener.name} waits for ${others}, and for ${this.#stallTimeout} ms nothing has moved (stallTimeout): does that wait for ${listener.name} in turn?`, { command: listener.name });
  }

  #accepts(): boolean {
    return this.#state === 'open' || (this.#state !== 'over' && this.#works.size > 0);
  }

  #drop(place: Place, error: Error): void {
    if (place.leave()) place.listener.onDropped(error);
  }

  #sweep(): void {
    for (const reference of this.#unused) if (!reference.deref()) this.#unused.delete(reference);
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#unused.size);
  }
}

function progressOfCallers(places: readonly Place[]): string {
  return places.map(({ listener }) => listener.progress?.() ?? '').join();
}

/** The place of one operation in the queue. */
export class Place {
  /** @internal the ready place before this one */
  previous: Place | undefined;
  /** @internal the ready place after this one */
  next: Place | undefined;
  /** @internal comes before all that are not urgent */
  urgent = false;
  /** @internal how the queue knows it while it is unused */
  reference: WeakRef<Place> | undefined;
  /** @internal the milliseconds of `process.uptime()` at which it became ready; `performance` takes a millisecond to load */
  readySince = 0;
  /** Moved by this class only. */
  state: PlaceState = 'idle';
  /** Whether the caller's side has stopped: a reader takes nothing, or a source gives nothing. */
  paused = false;
  readonly #queue: Queue;
  readonly #act: Act;

  /** @internal use `Queue.enter` */
  constructor(
    queue: Queue,
    readonly sequence: number,
    act: Act,
    readonly listener: PlaceListener,
    readonly options: PlaceOptions,
  ) {
    this.#queue = queue;
    this.#act = act;
  }

  /** The operation is used: it waits for its turn from now on. A second call does nothing. */
  ready(): void {
    if (this.state === 'idle') this.again();
  }

  /** Gives the place up before its turn. False where the turn has begun already. */
  leave(): boolean {
    if (this.state === 'running' || this.state === 'done') return false;
    const waited = this.state === 'ready';
    this.state = 'done';
    if (waited) this.#queue.remove(this);
    this.#queue.forget(this);
    return true;
  }

  /** No connection can be opened for its turn. */
  refuse(error: Error): void {
    if (this.listener.onRefused) {
      this.#queue.remove(this);
      this.state = 'idle';
      this.#queue.rested(this);
      this.listener.onRefused(error);
    } else if (this.leave()) this.listener.onDropped(error);
  }

  /** Waits for another turn, after one in which nothing was sent. */
  again(): void {
    this.state = 'ready';
    this.readySince = process.uptime() * 1000;
    const refusal = this.#queue.admit(this);
    if (!refusal) return;
    this.state = 'done';
    this.listener.onDropped(refusal);
  }

  /** The caller's side, a reader or a source, has stopped or goes on. */
  pause(paused: boolean): void {
    if (this.paused === paused) return;
    this.paused = paused;
    if (this.state === 'running') this.#queue.paused();
  }

  /** @internal called by Queue */
  run(session: Session): void {
    this.#queue.remove(this);
    this.state = 'running';
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      this.state = 'done';
      this.#queue.released(this);
    };
    this.#act(release, session);
  }
}

/** The order of operations on one control connection: one runs at a time. */
export class ClientQueue extends Queue {
  readonly pooled = false;
  readonly #session: Session;
  #running: Place | undefined;

  /** @param stallTimeout milliseconds; 0 switches it off */
  constructor(session: Session, stallTimeout = 0) {
    super(stallTimeout);
    this.#session = session;
  }

  get idle(): boolean {
    return !this.#running && !this.first;
  }

  contended(): boolean {
    return this.first !== undefined;
  }

  addPipe(): boolean {
    return false;
  }

  released(place: Place): void {
    if (this.#running !== place) return;
    this.#running = undefined;
    if (this.first) this.serveSoon();
    this.watchForStall();
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
    if (this.first && this.ending) this.#running?.listener.onQuitting?.(false);
  }
}
