import { whenAborted } from '../abort';
import { type Clock, systemClock } from '../net/clock';
import { type Place, Queue } from '../control/queue';
import { Session } from '../control/session';
import { ConnectionClosedError, copyOf, FTPError, isFTPError } from '../errors';
import type { Reply } from '../reply';

/** Milliseconds after a refusal until one more connection is tried. */
const REFUSAL_HOLDS = 60_000;
/** Milliseconds until the first connection is tried again; each pause is twice as long as the one before. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 30_000;

/** How many connections the server allows: as many as were asked for, until it refuses one. */
export class ConnectionLimit {
  readonly #wanted: number;
  /** Milliseconds that a pool which had connections waits for a server that is full; 0 for ever. */
  readonly #longestWait: number;
  readonly #clock: Clock;
  /** How many there were when one was refused; that holds until `#limitEnds`. */
  #limit: number;
  #limitEnds = 0;
  #everRefused = false;
  #everOpened = false;
  #pause = FIRST_PAUSE;
  #waited = 0;

  constructor(wanted: number, longestWait: number, clock: Clock) {
    this.#wanted = wanted;
    this.#longestWait = longestWait;
    this.#clock = clock;
    this.#limit = wanted;
  }

  /** True after a refusal: from then on, connections are tried one at a time. */
  get oneAtATime(): boolean {
    return this.#everRefused;
  }

  /**
   * How many connections may be begun now, where so many are open and so many are being opened.
   *
   * The first one is tried alone: a wrong password is then tried once only, and what is refused after it is not the login.
   */
  room(open: number, opening: number): number {
    if (open > 0 && !this.#everRefused) return this.#wanted - open - opening;
    const limit = this.#clock.now() >= this.#limitEnds ? this.#wanted : this.#limit;
    return opening > 0 || open >= limit ? 0 : 1;
  }

  /** A connection was opened; with it there are so many. */
  onOpened(open: number): void {
    this.#everOpened = true;
    this.#limit = Math.max(this.#limit, open);
    this.#resetPause();
  }

  /** A connection was refused while so many others are open. Where it was tried with others, one of these may have taken its place, and the limit is not known. */
  onRefused(open: number, tried: 'alone' | 'with others'): void {
    this.#everRefused = true;
    if (tried === 'with others') return;
    this.#limit = open;
    this.#limitEnds = this.#clock.now() + REFUSAL_HOLDS;
  }

  /**
   * No connection is open, and the only one that was tried has failed: the milliseconds after which to try again. Undefined where that is of no use.
   *
   * A server that has let us in before and now says that it is full (421, 530) may not have noticed yet that our old connections are lost.
   */
  pauseAfter(error: Error): number | undefined {
    const pause = this.#pause;
    const code = error instanceof FTPError ? error.reply?.code : undefined;
    const full = this.#everOpened && (code === 421 || code === 530);
    if (!full || (this.#longestWait > 0 && this.#waited + pause > this.#longestWait)) {
      this.#resetPause();
      return undefined;
    }
    this.#waited += pause;
    this.#pause = Math.min(2 * pause, LONGEST_PAUSE);
    return pause;
  }

  #resetPause(): void {
    this.#pause = FIRST_PAUSE;
    this.#waited = 0;
  }
}

/** What the connections of a pool report to the FTPPool, which imports this file; `connection` is the number of the one that reports it, from 1 on. */
interface PoolListener {
  onCommand(line: string, connection: number): void;
  onReply(reply: Reply, connection: number): void;
  onClose(error: Error | undefined, connection: number): void;
}

/** One connection of a pool, and the operation that uses it. */
class PooledConnection {
  readonly session: Session;
  /** The operation that may write to the connection. It also connects again where it needs that. */
  operation: Place | undefined;
  /** True when no operation waited for it any more before it was open. */
  abandoned = false;

  /** @param template a session that is never connected: this one takes from it the options, and what is known of the server */
  constructor(template: Session, listener: PoolListener, onLost: (connection: PooledConnection) => void) {
    const { signal: _ofThePool, ...settings } = template.settings;
    this.session = new Session(
      settings,
      {
        onCommand: (line) => listener.onCommand(line, this.session.numbers.connection),
        onReply: (reply) => listener.onReply(reply, this.session.numbers.connection),
        isIdle: () => !this.operation,
        onClose: (error) => {
          onLost(this);
          listener.onClose(error, this.session.numbers.connection);
        },
      },
      template,
    );
  }

  /** True while there is a control connection. */
  get open(): boolean {
    return this.session.usable !== undefined;
  }

  /** Says QUIT after what is still to be answered, and closes; a server that is gone is no error. */
  async quit(): Promise<void> {
    const control = this.session.usable;
    control?.expectClose();
    try {
      await control?.exec(this.session.command('QUIT'));
    } catch (error) {
      if (!isFTPError(error)) throw error;
    } finally {
      this.session.close();
    }
  }
}

/** What the connections of a pool report to its queue. */
interface ConnectionsListener extends PoolListener {
  /** A connection is free, or was lost, or no more can be opened. */
  onChange(): void;
  /** No connection is open, and none can be opened. */
  onFailure(error: Error): void;
  /** The option `signal` was aborted. */
  onAborted(error: Error): void;
}

/** The connections of a pool: opened when there is work for them, as many as the server allows, each used by one operation at a time. */
class Connections {
  /** Why there are fewer than were asked for. */
  refusal: Error | undefined;
  readonly #template: Session;
  readonly #clock: Clock;
  readonly #limit: ConnectionLimit;
  readonly #listener: ConnectionsListener;
  /** Those that are open, or that their operations open again. */
  readonly #all = new Set<PooledConnection>();
  /** Those that no operation uses; replies may still be on their way, which an operation that comes next would wait for. The one that is free longest comes first. */
  readonly #free = new Set<PooledConnection>();
  readonly #opening = new Set<PooledConnection>();
  /** Ends the pause before the next try. */
  #cancelRetry: (() => void) | undefined;
  /** Ends the waiting for the option `signal`. */
  #ignoreSignal: (() => void) | undefined;

  /** @param template a session that is never connected: the others take from it the options, and what is known of the server */
  constructor(template: Session, wanted: number, clock: Clock, listener: ConnectionsListener) {
    this.#template = template;
    this.#clock = clock;
    this.#limit = new ConnectionLimit(wanted, template.settings.connectTimeout, clock);
    this.#listener = listener;
  }

  /** How many there are. */
  get count(): number {
    return this.#all.size;
  }

  /** True where one of them is open, and not only being opened again. */
  get open(): boolean {
    return [...this.#all].some(({ open }) => open);
  }

  /** How many of them are free. */
  get free(): number {
    return this.#free.size;
  }

  /** True while one more may be free soon, without any operation's end. */
  get expected(): boolean {
    return this.#opening.size > 0 || this.#cancelRetry !== undefined;
  }

  /** A free one, which is free no more: one that has answered everything, where there is one. */
  take(): PooledConnection | undefined {
    let [connection] = this.#free;
    for (const each of this.#free) {
      if (!each.session.usable?.answered) continue;
      connection = each;
      break;
    }
    if (connection) this.#free.delete(connection);
    return connection;
  }

  /** Its operation is over. */
  giveBack(connection: PooledConnection): void {
    connection.operation = undefined;
    if (connection.open) return void this.#free.add(connection);
    this.#all.delete(connection);
    connection.session.close(); // its operation may have left while it connected again, and then no other would use the connection
  }

  /** Opens connections for so many operations that wait. */
  request(count: number): void {
    if (this.#cancelRetry) return;
    const { signal } = this.#template.settings;
    if (signal?.aborted) return this.#listener.onAborted(this.#aborted());
    if (signal) this.#ignoreSignal ??= whenAborted(signal, this.#onAbort); // until quit or close, for a pause between two tries is to end, too
    const more = Math.min(count - this.#opening.size, this.#limit.room(this.#all.size, this.#opening.size));
    for (let made = 0; made < more; made++) void this.#open(new PooledConnection(this.#template, this.#listener, this.#onLost));
  }

  /** Nobody waits for a connection: no further try is made. */
  stopTrying(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
  }

  /** Gives up those that are being opened. */
  abandon(): void {
    this.stopTrying();
    for (const connection of [...this.#opening]) {
      connection.abandoned = true;
      connection.session.close();
    }
  }

  /** Says QUIT on all. */
  async quit(): Promise<void> {
    await Promise.all([...this.#all].map((connection) => connection.quit()));
    this.#unlisten();
  }

  /** Closes all at once. */
  close(reason?: () => Error): void {
    this.abandon();
    for (const connection of [...this.#all]) connection.session.close(reason?.());
    this.#unlisten();
  }

  async #open(connection: PooledConnection): Promise<void> {
    const tried = this.#limit.oneAtATime ? 'alone' : 'with others';
    this.#opening.add(connection);
    let failure: Error | undefined;
    try {
      await connection.session.ready();
      if (!connection.open) failure = new ConnectionClosedError('the server closed the connection after the login', { phase: 'login' });
    } catch (error) {
      failure = error as Error;
    }
    this.#opening.delete(connection);
    if (connection.abandoned) connection.session.close();
    else if (!failure) {
      this.#all.add(connection);
      this.#free.add(connection);
      this.#limit.onOpened(this.#all.size);
    } else if (this.#all.size > 0) {
      this.refusal = failure;
      this.#limit.onRefused(this.#all.size, tried);
    } else this.#onNoneOpen(failure);
    this.#listener.onChange();
  }

  /** No connection is open, and the only one that was tried has failed: tries again after a pause, or fails what waits. */
  #onNoneOpen(error: Error): void {
    const pause = this.#limit.pauseAfter(error);
    if (pause === undefined) return this.#listener.onFailure(error);
    this.#cancelRetry = this.#clock.after(pause, () => {
      this.#cancelRetry = undefined;
      this.#listener.onChange();
    });
  }

  readonly #onLost = (connection: PooledConnection): void => {
    this.#free.delete(connection);
    if (!connection.operation) this.#all.delete(connection);
    this.#listener.onChange();
  };

  readonly #onAbort = (): void => {
    this.#listener.onAborted(this.#aborted());
    this.close(() => this.#aborted());
  };

  #unlisten(): void {
    this.#ignoreSignal?.();
    this.#ignoreSignal = undefined;
  }

  #aborted(): Error {
    return new ConnectionClosedError('the pool was aborted', { cause: this.#template.settings.signal?.reason });
  }
}

/** Which downloads are piped into which uploads of the same pool. Neither end of a pipe gets on without the other, so both need a connection. */
export class Pipes {
  readonly #uploads = new WeakMap<Place, Set<Place>>();
  readonly #downloads = new WeakMap<Place, Set<Place>>();

  /** False where the download and all that it is piped into are more than `limit` operations. */
  add(download: Place, upload: Place, limit: number): boolean {
    const uploads = [...(this.#uploads.get(download) ?? []), upload].filter((place) => place.state !== 'done');
    if (1 + uploads.length > limit) return false;
    this.#uploads.set(download, new Set(uploads));
    this.#downloads.set(upload, new Set([...(this.#downloads.get(upload) ?? []), download].filter((place) => place.state !== 'done')));
    return true;
  }

  /** The other ends of an operation's pipes. */
  otherEnds(place: Place): Place[] {
    return [...(this.#uploads.get(place) ?? []), ...(this.#downloads.get(place) ?? [])];
  }

  /** Where all that run wait for other ends, which need the connections that they have: an upload that must fail. */
  deadlocked(running: readonly Place[]): Place | undefined {
    if (running.length === 0 || !running.every((place) => this.#waitsForUpload(place) || this.#waitsForDownload(place))) return undefined;
    const uploads = running.flatMap((place) => [...(this.#uploads.get(place) ?? []), place]).filter((place) => this.#downloads.has(place));
    return uploads.find((place) => place.state === 'ready') ?? uploads[0];
  }

  #waitsForUpload(place: Place): boolean {
    return place.paused && [...(this.#uploads.get(place) ?? [])].some((upload) => upload.state === 'ready');
  }

  #waitsForDownload(place: Place): boolean {
    const downloads = [...(this.#downloads.get(place) ?? [])].filter((download) => download.state !== 'done');
    return downloads.length > 0 && downloads.every((download) => download.state === 'ready' || this.#waitsForUpload(download));
  }
}

/** Bytes that a listing reads ahead as soon as another operation waits; it reads more only where nothing else would get on. */
const READ_AHEAD = 1024 * 1024;

/** The order of operations on the connections of a pool: the first that is ready gets the next connection that is free. */
export class PoolQueue extends Queue {
  readonly pooled = true;
  readonly #template: Session;
  readonly #limit: number;
  readonly #readAhead: number;
  readonly #connections: Connections;
  readonly #pipes = new Pipes();
  readonly #running = new Map<Place, PooledConnection>();
  /** The QUIT, while it runs: it has no connection of its own, and nothing else runs. */
  #quit: Place | undefined;

  /** @param template a session that is never connected: the others take from it the options, and what is known of the server */
  constructor(template: Session, limit: number, listener: PoolListener, clock = systemClock) {
    super(template.settings.stallTimeout);
    this.#template = template;
    this.#limit = limit;
    this.#readAhead = Math.min(READ_AHEAD, template.settings.maxReadAheadBytes / 2);
    this.#connections = new Connections(template, limit, clock, {
      ...listener,
      onChange: () => {
        if (this.first) this.serveSoon();
      },
      onFailure: (error) => this.#failAll(error),
      onAborted: (error) => super.close(() => copyOf(error)),
    });
  }

  /** True where commands can be sent on one of the connections. */
  get connected(): boolean {
    return this.#connections.open;
  }

  /** How many connections there are. */
  get connections(): number {
    return this.#connections.count;
  }

  get idle(): boolean {
    return this.#running.size === 0 && !this.first;
  }

  contended(ahead: number): boolean {
    if (!this.first || (this.#connections.free > 0 && !this.endsNext)) return false;
    return ahead < this.#readAhead || (!this.#connections.expected && this.#places.every((place) => place.paused));
  }

  addPipe(download: Place, upload: Place): boolean {
    if (!this.#pipes.add(download, upload, this.#limit)) return false;
    for (const place of [download, upload]) if (place.state === 'running') this.#hurryOtherEnds(place);
    return true;
  }

  /** Says QUIT on all connections; what was not used fails. */
  quit(): Promise<void> {
    super.close(() => new ConnectionClosedError('the pool has quit', { final: true }));
    return this.#connections.quit();
  }

  /** Closes all connections, and fails what waits. */
  override close(reason: () => Error): void {
    super.close(reason);
    this.#connections.close();
  }

  /** The other end of a pipe that runs already goes first: another operation must not take the connection without which neither end gets on. */
  protected override insert(place: Place): void {
    place.urgent = this.#pipes.otherEnds(place).some(({ state }) => state === 'running');
    super.insert(place);
    if (this.ending) for (const each of this.#places) each.listener.onQuitting?.(false);
  }

  override remove(place: Place): void {
    super.remove(place);
    if (!this.first) this.#connections.stopTrying();
  }

  override paused(): void {
    if (this.first) this.serveSoon();
    super.paused();
  }

  released(place: Place): void {
    const connection = this.#running.get(place);
    this.#running.delete(place);
    if (connection) this.#connections.giveBack(connection);
    if (this.#quit === place) this.#quit = undefined;
    if (this.first) this.serveSoon();
    this.watchForStall();
  }

  protected get blocking(): readonly Place[] {
    const places = this.#places;
    const waits = this.#connections.free === 0 || this.endsNext;
    return waits && !this.#connections.expected && places.every((place) => place.paused) ? places : [];
  }

  protected serve(): void {
    while (this.first && !this.#quit) {
      if (this.endsNext) return this.#serveQuit(this.first);
      const connection = this.#connections.take();
      if (!connection) break;
      this.#run(this.first, connection);
    }
    if (!this.first || this.#quit) return;
    this.#connections.request(this.waitingCount);
    this.#relieve();
  }

  #run(place: Place, connection: PooledConnection): void {
    connection.operation = place;
    this.#running.set(place, connection);
    place.run(connection.session);
    this.#hurryOtherEnds(place);
    if (this.ending) place.listener.onQuitting?.(false);
  }

  #serveQuit(place: Place): void {
    if (this.#running.size > 0) return this.#relieve();
    this.#connections.abandon();
    this.#quit = place;
    place.run(this.#template);
  }

  #hurryOtherEnds(place: Place): void {
    for (const end of this.#pipes.otherEnds(place)) {
      if (end.state !== 'ready' || end.urgent) continue;
      this.remove(end);
      this.insert(end);
    }
  }

  /** The operations that have a connection. */
  get #places(): Place[] {
    return [...this.#running.keys()];
  }

  /** An operation waits and no connection is free. The operations that have one learn of it, and a pipe that cannot get on is broken. */
  #relieve(): void {
    const places = this.#places;
    for (const place of places) place.listener.onContended?.();
    if (this.#connections.expected || this.#connections.free > 0) return;
    const upload = this.#pipes.deadlocked(places);
    if (!upload) return;
    upload.leave();
    const { count, refusal } = this.#connections;
    const few = `there ${count === 1 ? 'is' : 'are'} only ${count}`;
    upload.listener.onDropped(new ConnectionClosedError(`the download that is piped into it needs a connection of its own, and ${few}`, { cause: refusal }));
  }

  /** Fails everything that waits for a connection. */
  #failAll(error: Error): void {
    const failed: Place[] = [];
    for (let place = this.first; place; place = place.next) {
      if (!place.options.ends) failed.push(place);
    }
    failed.forEach((place, index) => place.state === 'ready' && place.refuse(index === 0 ? error : copyOf(error)));
  }
}
