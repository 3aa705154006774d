import type { Session } from './session';

/** What a place does when its turn comes, in that session; it calls `release` when the next may write to the control connection. */
export type Act = (release: () => void, session: Session) => void;

/** What a place hears of the others. */
export interface PlaceListener {
  /** Somebody ready waits behind this place's turn. */
  onContended?(): void;
  /** The turn will not come, or cannot go on. */
  onDropped(error: Error): void;
  /** There is no connection to have the turn on, and none can be made: the place rests until it is ready again, or is left. Without this, it is dropped. */
  onRefused?(error: Error): void;
}

type PlaceState = 'idle' | 'ready' | 'running' | 'done';

/**
 * The order of operations on one control connection, or on several.
 *
 * A place is taken when a verb is called and becomes ready when its stream is used; the first ready place runs.
 * The search waits for `setImmediate`, so that a stream that is being piped in this very turn is not overtaken
 * by a plain command that was called after it.
 */
export abstract class Turns {
  #sequence = 0;
  #first: Place | undefined;
  #last: Place | undefined;
  #ready = 0;
  #woken = false;
  readonly #waiting = new Set<Place>();

  /** Takes the next place; nothing runs before `ready()`. */
  enter(act: Act, listener: PlaceListener): Place {
    const place = new Place(this, this.#sequence++, act, listener);
    this.#waiting.add(place);
    return place;
  }

  /** Drops every place whose turn has not come, or those taken before the place `before`; each is told an error of its own. */
  drop(reason: () => Error, before = Infinity): void {
    for (const place of this.#waiting) {
      if (place.sequence < before && place.leave()) place.listener.onDropped(reason());
    }
  }

  /** True where a turn in which nothing was sent may come again on another connection. */
  abstract get several(): boolean;

  /** True when nothing runs and nothing is ready. */
  abstract get idle(): boolean;

  /** True when others wait for what this place holds, so that its reader, who has paused, must not keep it; so many bytes are read ahead already. */
  abstract contended(ahead: number): boolean;

  /** The upload will be written what the download reads, so that both must run at a time: false where they cannot. */
  abstract couple(download: Place, upload: Place): boolean;

  /** Gives turns to as many ready places as can run. */
  protected abstract serve(): void;

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
  }

  /** @internal called by Place */
  remove(place: Place): void {
    if (place.previous) place.previous.next = place.next;
    else this.#first = place.next;
    if (place.next) place.next.previous = place.previous;
    else this.#last = place.previous;
    place.previous = place.next = undefined;
    this.#ready -= 1;
  }

  /** @internal called by Place: it waits, once more */
  returned(place: Place): void {
    this.#waiting.add(place);
  }

  /** @internal called by Place: it no longer waits */
  left(place: Place): void {
    this.#waiting.delete(place);
  }

  /** @internal called by Place: its turn is over */
  abstract released(place: Place): void;

  /** @internal called by Place: its reader has paused */
  paused(): void {
    // who else may run does not depend on it
  }
}

/** One operation's place among the others. */
export class Place {
  /** @internal the neighbours among the ready places */
  previous: Place | undefined;
  /** @internal */
  next: Place | undefined;
  /** @internal goes before all that are not */
  urgent = false;
  #state: PlaceState = 'idle';
  #paused = false;
  readonly #turns: Turns;
  readonly #act: Act;

  /** @internal use `Turns.enter` */
  constructor(
    turns: Turns,
    readonly sequence: number,
    act: Act,
    readonly listener: PlaceListener,
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
    this.#state = 'ready';
    this.#turns.insert(this);
  }

  /** Gives the place up before its turn; returns false when the turn has begun already. */
  leave(): boolean {
    if (this.#state === 'running' || this.#state === 'done') return false;
    if (this.#state === 'ready') this.#turns.remove(this);
    this.#state = 'done';
    this.#turns.left(this);
    return true;
  }

  /** No connection can be made for it. */
  refuse(error: Error): void {
    if (this.listener.onRefused) {
      this.#turns.remove(this);
      this.#state = 'idle';
      this.listener.onRefused(error);
    } else if (this.leave()) this.listener.onDropped(error);
  }

  /** Behind a turn in which nothing was done: the turn shall come once more. */
  again(): void {
    this.#state = 'ready';
    this.#turns.returned(this);
    this.#turns.insert(this);
  }

  /** The reader takes nothing, or takes more again. */
  pause(paused: boolean): void {
    if (this.#paused === paused) return;
    this.#paused = paused;
    if (paused) this.#turns.paused();
  }

  /** @internal called by Turns */
  run(session: Session): void {
    this.#turns.remove(this);
    this.#turns.left(this);
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
}
