import { setMaxListeners } from 'node:events';
import type { Readable } from 'node:stream';
import { ConnectionClosedError, TimeoutError } from '../errors';
import { WaitTimer } from '../net/wait-timer';
import type { Session } from './session';

/** What a place does when its turn comes, in that session; it calls `release` when the next may write to the control connection. */
export type Act = (release: () => void, session: Session) => void;

/** What a place hears of the others. */
export interface PlaceListener {
  /** What has the place, for messages: `RETR a`. */
  readonly name: string;
  /** What keeps it from getting on while its place is paused: `its reader takes nothing`. */
  readonly pauseReason?: string;
  /** Changes when its own side gets on while its place is paused: a reader is busy with what it has taken. */
  progress?(): string;
  /** Somebody ready waits behind this place's turn. */
  onContended?(): void;
  /** The turn will not come, or cannot go on. */
  onDropped(error: Error): void;
  /** There is no connection to have the turn on, and none can be made: the place rests until it is ready again, or is left. Without this, it is dropped. */
  onRefused?(error: Error): void;
  /** It has the turn, and the client is to quit after it; `stuck` where it has not got on for `stallTimeout`. */
  onQuitting?(stuck: boolean): void;
}

/** How a place is had. */
export interface PlaceOptions {
  /** It may never be used: until then nobody but its holder keeps it in memory. */
  readonly unused?: boolean;
  /** It ends the client, and comes when nothing else may. */
  readonly ends?: boolean;
}

/** What work is asked, and hears, when the client is to quit after it. */
export interface WorkListener {
  /** Whether it has got on since this was asked last: a stream whose reader takes nothing has not. */
  moved(): boolean;
  /** The client is to quit after it; `stuck` where no work has got on for `stallTimeout`. */
  onQuitting(stuck: boolean): void;
}

/** Work of many operations, such as a tree: `quit()` waits for it, `close()` ends it. */
export interface Work {
  /** Aborted when the client is closed; its reason is the ConnectionClosedError. */
  readonly closed: AbortSignal;
  /** The work is over. */
  done(): void;
}

/** A download as an upload of the same client looks at it. */
export interface Download {
  /** Whether it is piped into that stream, through whatever lies between. */
  feeds(stream: Readable): boolean;
  /** What it gives is written by the upload that has this place: false where both cannot run at the same time. */
  addPipe(upload: Place): boolean;
}

type PlaceState = 'idle' | 'ready' | 'running' | 'done';

/** Unused places that are looked through for those that nobody has any more. */
const FIRST_SWEEP = 1024;

/**
 * The order of operations on one control connection, or on several.
 *
 * A place is taken when a verb is called and becomes ready when its stream is used; the first ready place runs.
 * The search waits for `setImmediate`, so that a stream that is being piped in this very turn is not overtaken
 * by a plain command that was called after it.
 *
 * An operation that waits for one that waits for it in turn would wait for ever: a download whose reader asks for something else on the
 * same client. So, when all that have a turn are paused by their own side for `stallTimeout`, and nothing moves there either, those that wait fail.
 */
export abstract class Queue {
  /** The downloads that are piped and not over: whether one of them can be piped into an upload, `addPipe` says. */
  readonly downloads = new Set<Download>();
  #sequence = 0;
  #first: Place | undefined;
  #last: Place | undefined;
  #ready = 0;
  #woken = false;
  readonly #unused = new Set<WeakRef<Place>>();
  #sweepAt = FIRST_SWEEP;
  /** `asked to end`: quit() was called in this turn of the event loop; `ending`: it waits for work, whose operations are still taken. */
  #state: 'open' | 'asked to end' | 'ending' | 'over' = 'open';
  /** Places from here on were taken after quit() was called. */
  #endSequence = Infinity;
  #reason: () => Error = () => new ConnectionClosedError('the client was closed', { final: true });
  #closed = new AbortController();
  /** Places that rest, because no connection could be made for them. */
  readonly #resting = new Set<Place>();
  readonly #work = new Map<Work, WorkListener | undefined>();
  #onWorkDone: () => void = () => undefined;
  /** Runs while quit() waits for work. */
  #quitting: NodeJS.Timeout | undefined;
  readonly #stallTimeout: number;
  readonly #stall: WaitTimer;
  #stalled = false;
  /** The progress of the places that are blocking, when their time began. */
  #progress = '';

  /** @param stallTimeout milliseconds; 0 is for ever */
  constructor(stallTimeout = 0) {
    this.#stallTimeout = stallTimeout;
    this.#stall = new WaitTimer(stallTimeout);
  }

  /** Takes the next place; nothing runs before `ready()`. */
  enter(act: Act, listener: PlaceListener, options: PlaceOptions = {}): Place {
    const place = new Place(this, this.#sequence++, act, listener, options);
    if (options.unused) this.#remember(place);
    return place;
  }

  // ---- the life of the client

  /** True after `close()`, and after a quit: no operation is taken any more. */
  get over(): boolean {
    return this.#state === 'over';
  }

  /** Operations are taken again: the client was connected by hand. */
  open(): void {
    if (this.#state !== 'over') return;
    this.#state = 'open';
    this.#endSequence = Infinity;
    this.#closed = new AbortController();
  }

  /** Work begins. @throws ConnectionClosedError where the client is closed */
  beginWork(listener?: WorkListener): Work {
    if (!this.#takes() && this.#state !== 'asked to end') throw this.#reason();
    setMaxListeners(0, this.#closed.signal);
    const work: Work = {
      closed: this.#closed.signal,
      done: () => {
        if (!this.#work.delete(work) || this.#work.size > 0) return;
        this.#restFromWork();
        this.#onWorkDone();
      },
    };
    this.#work.set(work, listener);
    return work;
  }

  /** True while work is under way. */
  get working(): boolean {
    return this.#work.size > 0;
  }

  /** Takes no operation any more but those of work that is under way, or begins in this very turn of the event loop; resolves when that is done. */
  async end(): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'asked to end';
    this.#endSequence = this.#sequence;
    await new Promise(setImmediate);
    if (this.over) return;
    this.#state = 'ending';
    this.#tellWork(false);
    if (this.#work.size > 0) await new Promise<void>((resolve) => (this.#onWorkDone = resolve));
  }

  /** A stream whose reader waits for the end of the client in turn would keep it from its end. What is part of other work is read by that. */
  #tellWork(stuck: boolean): void {
    for (const listener of [...this.#work.values()]) listener?.onQuitting(stuck);
    if (this.#work.size === 0 || this.#stallTimeout === 0) return;
    this.#quitting ??= setInterval(() => {
      const moved = [...this.#work.values()].map((listener) => listener?.moved() ?? true);
      this.#tellWork(!moved.includes(true));
    }, this.#stallTimeout);
  }

  #restFromWork(): void {
    clearInterval(this.#quitting);
    this.#quitting = undefined;
  }

  /** Takes no operation any more; all that wait fail, each with an error of its own, and so does work. */
  close(reason: () => Error): void {
    this.#state = 'over';
    this.#reason = reason;
    this.#closed.abort(reason());
    this.drop(reason);
  }

  /** Drops every place whose turn has not come; each is told an error of its own. */
  drop(reason: () => Error): void {
    for (let place = this.#first; place; place = this.#first) this.#drop(place, reason());
    for (const reference of this.#unused) {
      const place = reference.deref();
      if (place) this.#drop(place, reason());
    }
    this.#unused.clear();
    for (const place of this.#resting) this.#drop(place, reason());
  }

  /** True where a turn in which nothing was sent may come again on another connection. */
  abstract get pooled(): boolean;

  /** True when nothing runs and nothing is ready. */
  abstract get idle(): boolean;

  /** True when others wait for what this place holds, so that its reader, who has paused, must not keep it; so many bytes are read ahead already. */
  abstract contended(ahead: number): boolean;

  /** The upload will be written what the download reads, so that both must run at a time: false where they cannot. */
  abstract addPipe(download: Place, upload: Place): boolean;

  /** Gives turns to as many ready places as can run. */
  protected abstract serve(): void;

  /** The places that have a turn, where none of them gets on by itself and no further turn can be had; else none. */
  protected abstract get blocking(): readonly Place[];

  /** True where nothing but the end of the client waits. */
  get endsNext(): boolean {
    return this.#first?.options.ends === true;
  }

  /** True where the end of the client waits, after all others. */
  protected get ending(): boolean {
    return this.#last?.options.ends === true;
  }

  /** The first of the ready places. */
  protected get first(): Place | undefined {
    return this.#first;
  }

  /** How many places are ready. */
  protected get ready(): number {
    return this.#ready;
  }

  /** Serves soon. */
  protected wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    setImmediate(() => {
      this.#woken = false;
      this.serve();
    });
  }

  /** @internal called by Place */
  insert(place: Place): void {
    let after = place.urgent ? undefined : this.#last;
    while (after && !after.urgent && after.sequence > place.sequence) after = after.previous;
    place.previous = after;
    place.next = after ? after.next : this.#first;
    if (place.next) place.next.previous = place;
    else this.#last = place;
    if (after) after.next = place;
    else this.#first = place;
    this.#ready += 1;
    this.wake();
    this.look();
  }

  /** @internal called by Place */
  remove(place: Place): void {
    if (place.previous) place.previous.next = place.next;
    else this.#first = place.next;
    if (place.next) place.next.previous = place.previous;
    else this.#last = place.previous;
    place.previous = place.next = undefined;
    this.#ready -= 1;
    if (!this.#first) this.look();
  }

  /** @internal called by Place: it is used, or left */
  forget(place: Place, reference: WeakRef<Place> | undefined): void {
    if (reference) this.#unused.delete(reference);
    this.#resting.delete(place);
  }

  /** @internal called by Place: no connection can be made for it, and it may try again */
  rested(place: Place): void {
    this.#resting.add(place);
  }

  /** @internal called by Place: why it is not taken, if it is not */
  refusal(place: Place): Error | undefined {
    const early = this.#state !== 'over' && place.sequence < this.#endSequence;
    return early || place.options.ends || this.#takes() ? undefined : this.#reason();
  }

  /** @internal called by Place: its turn is over */
  abstract released(place: Place): void;

  /** @internal called by Place: its own side has stopped, or goes on */
  paused(): void {
    this.look();
  }

  /** Looks whether all that have a turn wait for their own side while others wait for them. */
  protected look(): void {
    const stalled = this.#first !== undefined && this.blocking.length > 0;
    if (stalled === this.#stalled) return;
    this.#stalled = stalled;
    if (stalled) this.#time();
    else this.#stall.stop(this.#onStall);
  }

  #time(): void {
    this.#progress = progressOf(this.blocking);
    this.#stall.start(this.#onStall);
  }

  readonly #onStall = (): void => {
    const { blocking } = this;
    if (this.#progress !== progressOf(blocking)) return this.#time();
    this.#stalled = false;
    const long = performance.now() - this.#stallTimeout * 0.9;
    for (let place = this.#first; place; ) {
      const { next } = place;
      if (place.options.ends) for (const each of blocking) each.listener.onQuitting?.(true);
      else if (place.readySince <= long) this.#drop(place, this.#stuck(place, blocking));
      place = next;
    }
    this.look();
  };

  #stuck({ listener }: Place, blocking: readonly Place[]): Error {
    const others = blocking.map((each) => `${each.listener.name} (${each.listener.pauseReason ?? 'it is paused'})`).join(' and ');
    return new TimeoutError(`${listener.name} waits for ${others}, and for ${this.#stallTimeout} ms nothing has moved (stallTimeout): does that wait for ${listener.name} in turn?`);
  }

  #takes(): boolean {
    return this.#state === 'open' || (this.#state !== 'over' && this.#work.size > 0);
  }

  #drop(place: Place, error: Error): void {
    if (place.leave()) place.listener.onDropped(error);
  }

  #remember(place: Place): void {
    if (this.#unused.size >= this.#sweepAt) this.#sweep();
    this.#unused.add((place.reference = new WeakRef(place)));
  }

  #sweep(): void {
    for (const reference of this.#unused) if (!reference.deref()) this.#unused.delete(reference);
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#unused.size);
  }
}

function progressOf(places: readonly Place[]): string {
  return places.map(({ listener }) => listener.progress?.() ?? '').join();
}

/** One operation's place among the others. */
export class Place {
  /** @internal the neighbours among the ready places */
  previous: Place | undefined;
  /** @internal */
  next: Place | undefined;
  /** @internal goes before all that are not */
  urgent = false;
  /** @internal by which it is known while it is unused */
  reference: WeakRef<Place> | undefined;
  /** @internal when it became ready, as `performance.now()` */
  readySince = 0;
  #state: PlaceState = 'idle';
  #paused = false;
  readonly #turns: Queue;
  readonly #act: Act;

  /** @internal use `Queue.enter` */
  constructor(
    turns: Queue,
    readonly sequence: number,
    act: Act,
    readonly listener: PlaceListener,
    readonly options: PlaceOptions,
  ) {
    this.#turns = turns;
    this.#act = act;
  }

  /** True while it has its turn. */
  get running(): boolean {
    return this.#state === 'running';
  }

  /** True while it is ready, and its turn has not come. */
  get waiting(): boolean {
    return this.#state === 'ready';
  }

  /** True when its turn is over, or will not come. */
  get over(): boolean {
    return this.#state === 'done';
  }

  /** True while its reader takes nothing. */
  get paused(): boolean {
    return this.#paused;
  }

  /** The operation is wanted now; a second call does nothing. */
  ready(): void {
    if (this.#state !== 'idle') return;
    this.#forget();
    this.#wait();
  }

  /** Gives the place up before its turn; returns false when the turn has begun already. */
  leave(): boolean {
    if (this.#state === 'running' || this.#state === 'done') return false;
    const waited = this.#state === 'ready';
    this.#state = 'done';
    if (waited) this.#turns.remove(this);
    this.#forget();
    return true;
  }

  /** No connection can be made for it. */
  refuse(error: Error): void {
    if (this.listener.onRefused) {
      this.#turns.remove(this);
      this.#state = 'idle';
      this.#turns.rested(this);
      this.listener.onRefused(error);
    } else if (this.leave()) this.listener.onDropped(error);
  }

  /** Behind a turn in which nothing was done: the turn shall come once more. */
  again(): void {
    this.#wait();
  }

  /** Its own side, the reader or the source, has stopped, or goes on. */
  pause(paused: boolean): void {
    if (this.#paused === paused) return;
    this.#paused = paused;
    if (this.#state === 'running') this.#turns.paused();
  }

  /** @internal called by Queue */
  run(session: Session): void {
    this.#turns.remove(this);
    this.#state = 'running';
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      this.#state = 'done';
      this.#turns.released(this);
    };
    this.#act(release, session);
  }

  #wait(): void {
    const refusal = this.#turns.refusal(this);
    this.#state = refusal ? 'done' : 'ready';
    if (refusal) return this.listener.onDropped(refusal);
    this.readySince = performance.now();
    this.#turns.insert(this);
  }

  #forget(): void {
    this.#turns.forget(this, this.reference);
    this.reference = undefined;
  }
}

/** The order of operations on one control connection: one at a time. */
export class ClientQueue extends Queue {
  readonly #session: Session;
  #running: Place | undefined;

  /** @param stallTimeout milliseconds; 0 is for ever */
  constructor(session: Session, stallTimeout = 0) {
    super(stallTimeout);
    this.#session = session;
  }

  get pooled(): boolean {
    return false;
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
