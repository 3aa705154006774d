import { Readable, type ReadableOptions } from 'node:stream';
import { ConnectionClosedError } from '../errors';

/** The events of every Readable that gives items of type T, each with its arguments. `void` is no argument; the `resolve` of a promise may listen to it. */
export interface ReadableEvents<T> {
  /** The stream is closed, and nothing follows. */
  close: [nothing: void];
  /** An item, or bytes, for a reader who takes them as they come. */
  data: [chunk: T];
  /** All of it was read, and all of it is proved to be there. */
  end: [nothing: void];
  /** It failed; only `close` follows. */
  error: [error: Error];
  /** `pause()` was called. */
  pause: [nothing: void];
  /** There is something to read, or the end was reached. */
  readable: [nothing: void];
  /** `resume()` was called. */
  resume: [nothing: void];
}

/** What may listen to an event. */
export type Listener<E, K extends keyof E> = E[K] extends unknown[] ? (...args: E[K]) => void : never;

/** What an event is emitted with. */
type Args<E, K extends keyof E> = E[K] extends unknown[] ? E[K] : never;

/** Options of the methods that Readable has in common with arrays. */
interface OperatorOptions {
  readonly concurrency?: number;
  readonly highWaterMark?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a function that is called for each item may look at besides. */
type OperatorContext = Pick<OperatorOptions, 'signal'>;

/** A function that is called for each item. */
type Each<T, R> = (item: T, context?: OperatorContext) => R | Promise<R>;

/**
 * A Node Readable whose items are of type T, and whose events are those of E, each with the list of its arguments. In Node's own types all of them are
 * `any`. There is nothing of this at run time: the stream is a Readable. An overload for `this: never` cannot be called: it makes the type one of those
 * that Node's functions take.
 */
export interface TypedReadable<T, E extends ReadableEvents<T> = ReadableEvents<T>> extends Readable {
  addListener<K extends keyof E>(event: K, listener: Listener<E, K>): this;
  on<K extends keyof E>(event: K, listener: Listener<E, K>): this;
  once<K extends keyof E>(event: K, listener: Listener<E, K>): this;
  prependListener<K extends keyof E>(event: K, listener: Listener<E, K>): this;
  prependOnceListener<K extends keyof E>(event: K, listener: Listener<E, K>): this;
  off<K extends keyof E>(event: K, listener: Listener<E, K>): this;
  off(this: never, event: string | symbol, listener: (...args: never[]) => void): this;
  removeListener<K extends keyof E>(event: K, listener: Listener<E, K>): this;
  emit<K extends keyof E>(event: K, ...args: Args<E, K>): boolean;
  emit(this: never, event: string | symbol, ...args: never[]): boolean;
  read(size?: number): T | null;
  read(this: never, size?: number): never;
  setEncoding(encoding: BufferEncoding): TypedReadable<string>;
  setEncoding(this: never, encoding: BufferEncoding): this;
  [Symbol.asyncIterator]<X>(this: never): X;
  [Symbol.asyncIterator](): NodeJS.AsyncIterator<T>;
  iterator(options?: { destroyOnReturn?: boolean }): NodeJS.AsyncIterator<T>;
  toArray(options?: OperatorContext): Promise<T[]>;
  forEach(each: Each<T, void>, options?: OperatorOptions): Promise<void>;
  map<U>(each: Each<T, U>, options?: OperatorOptions): TypedReadable<U>;
  filter<U extends T>(each: (item: T, context?: OperatorContext) => item is U, options?: OperatorOptions): TypedReadable<U>;
  filter(each: Each<T, boolean>, options?: OperatorOptions): TypedReadable<T>;
  flatMap<U>(each: Each<T, Iterable<U> | AsyncIterable<U>>, options?: OperatorOptions): TypedReadable<U>;
  find<U extends T>(each: (item: T, context?: OperatorContext) => item is U, options?: OperatorOptions): Promise<U | undefined>;
  find(each: Each<T, boolean>, options?: OperatorOptions): Promise<T | undefined>;
  some(each: Each<T, boolean>, options?: OperatorOptions): Promise<boolean>;
  every(each: Each<T, boolean>, options?: OperatorOptions): Promise<boolean>;
  drop(limit: number, options?: OperatorContext): TypedReadable<T>;
  take(limit: number, options?: OperatorContext): TypedReadable<T>;
  reduce(each: (previous: T, item: T, context?: OperatorContext) => T | Promise<T>, initial?: undefined, options?: OperatorContext): Promise<T>;
  reduce<U>(each: (previous: U, item: T, context?: OperatorContext) => U | Promise<U>, initial: U, options?: OperatorContext): Promise<U>;
}

/** Readable, as TypedReadable describes it. */
const Typed = Readable as unknown as abstract new <T, E extends ReadableEvents<T>>(options?: ReadableOptions) => TypedReadable<T, E>;

/**
 * A Readable that is left when nothing takes it any more: `pipe` of Node takes a destination that is gone off its list and leaves the source
 * paused for ever, with the connection that it holds; an HTTP response is gone whenever its browser leaves.
 */
export abstract class PipedReadable<T, E extends ReadableEvents<T> = ReadableEvents<T>> extends Typed<T, E> {
  override pipe<D extends NodeJS.WritableStream>(destination: D, options?: { end?: boolean }): D {
    const onUnpipe = (source: unknown): void => {
      if (source !== this) return;
      destination.off('unpipe', onUnpipe);
      // Not at once: whoever hears of the end may pipe this into something else.
      if (isGone(destination)) process.nextTick(() => this.#leaveIfUnread());
    };
    destination.on('unpipe', onUnpipe);
    return super.pipe(destination, options);
  }

  /** Whether somebody reads this: a pipe, a loop, a listener, who may have paused for a moment. */
  protected get isAttended(): boolean {
    return this.#isTaken || this.listenerCount('data') > 0;
  }

  /** Whether it goes on by itself: who merely counts what is piped does not read it on when the pipe is gone, for Node has paused it then. */
  get #isTaken(): boolean {
    return this.readableFlowing === true || this.listenerCount('readable') > 0 || pipesOf(this).length > 0;
  }

  #leaveIfUnread(): void {
    if (!this.#isTaken && !this.readableEnded) this.destroy();
  }
}

/**
 * What a stream fails with that keeps its client from quitting: nobody reads it on, or its reader may be the one who waits for the client's end.
 */
export function unreadAtQuit(): ConnectionClosedError {
  return new ConnectionClosedError('the client quit, and nobody read this stream on', { final: true });
}

/** What a stream is piped into: Node keeps it where only its own code looks; without that, nothing is known. */
export function pipesOf(stream: object): readonly object[] {
  return (stream as { _readableState?: { pipes?: readonly object[] } })._readableState?.pipes ?? [];
}

/**
 * Changes while what was read of a stream gets on, however slowly: through what it is piped into, and out of the socket in the end. One chunk may
 * keep a throttle or a browser busy for long, and so may its lines keep a loop that takes them singly.
 */
export function progressOf(stream: object, depth = 0): string {
  const { readableLength, writableLength, bytesWritten, socket = stream } = stream as Partial<import('node:net').Socket> & { socket?: object | null };
  const inKernel = (socket as { _handle?: { writeQueueSize?: number } | null } | null)?._handle?.writeQueueSize; // where Node's own timeout looks for it
  const here = [readableLength, writableLength, bytesWritten, inKernel].join(' ');
  return depth < LONGEST_PIPELINE ? [here, ...pipesOf(stream).map((next) => progressOf(next, depth + 1))].join('>') : here;
}

/** Streams after one another that are looked at. */
export const LONGEST_PIPELINE = 16;

function isGone(destination: NodeJS.WritableStream): boolean {
  const { destroyed, closed, errored, writableEnded } = destination as Partial<import('node:stream').Writable>;
  return destroyed === true || closed === true || Boolean(errored) || writableEnded === true;
}
