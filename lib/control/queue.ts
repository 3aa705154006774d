/** What a place does when its turn comes; it calls `release` when the next may write to the control connection. */
export type Act = (release: () => void) => void;

/** What a place hears of the others. */
export interface PlaceListener {
  /** Somebody ready waits behind this place's turn. */
  onContended?(): void;
  /** The queue was emptied: the turn will not come. */
  onDropped(error: Error): void;
}

type PlaceState = 'idle' | 'ready' | 'running' | 'done';

/**
 * The order of operations on one control connection.
 *
 * A place is taken when a verb is called and becomes ready when its stream is used; the first ready place runs.
 * The search waits for `setImmediate`, so that a stream that is being piped in this very turn is not overtaken
 * by a plain command that was called after it.
 */
export class Queue {
  #sequence = 0;
  #first: Place | undefined;
  #last: Place | undefined;
  #running: Place | undefined;
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

  /** True when an operation waits for the turn that is running. */
  get contended(): boolean {
    return this.#first !== undefined;
  }

  /** True when nothing runs and nothing is ready. */
  get idle(): boolean {
    return !this.#running && !this.#first;
  }

  /** @internal called by Place */
  insert(place: Place): void {
    let after = this.#last;
    while (after && after.sequence > place.sequence) after = after.previous;
    place.previous = after;
    place.next = after ? after.next : this.#first;
    if (place.next) place.next.previous = place;
    else this.#last = place;
    if (after) after.next = place;
    else this.#first = place;
    if (this.#running) this.#running.listener.onContended?.();
    else this.#wake();
  }

  /** @internal called by Place */
  remove(place: Place): void {
    if (place.previous) place.previous.next = place.next;
    else this.#first = place.next;
    if (place.next) place.next.previous = place.previous;
    else this.#last = place.previous;
    place.previous = place.next = undefined;
  }

  /** @internal called by Place: it no longer waits */
  left(place: Place): void {
    this.#waiting.delete(place);
  }

  /** @internal called by Place */
  released(place: Place): void {
    if (this.#running !== place) return;
    this.#running = undefined;
    if (this.#first) this.#wake();
  }

  #wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    setImmediate(this.#runReady);
  }

  readonly #runReady = (): void => {
    this.#woken = false;
    while (this.#first && !this.#running) {
      const place = this.#first;
      this.remove(place);
      this.#running = place;
      place.run();
    }
    if (this.#first) this.#running?.listener.onContended?.();
  };
}

/** One operation's place in the queue. */
export class Place {
  /** @internal the neighbours among the ready places */
  previous: Place | undefined;
  /** @internal */
  next: Place | undefined;
  #state: PlaceState = 'idle';
  readonly #queue: Queue;
  readonly #act: Act;

  /** @internal use `Queue.enter` */
  constructor(
    queue: Queue,
    readonly sequence: number,
    act: Act,
    readonly listener: PlaceListener,
  ) {
    this.#queue = queue;
    this.#act = act;
  }

  /** The operation is wanted now; a second call does nothing. */
  ready(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'ready';
    this.#queue.insert(this);
  }

  /** Gives the place up before its turn; returns false when the turn has begun already. */
  leave(): boolean {
    if (this.#state === 'running' || this.#state === 'done') return false;
    if (this.#state === 'ready') this.#queue.remove(this);
    this.#state = 'done';
    this.#queue.left(this);
    return true;
  }

  /** @internal called by Queue */
  run(): void {
    this.#state = 'running';
    this.#queue.left(this);
    this.#act(() => {
      this.#state = 'done';
      this.#queue.released(this);
    });
  }
}
