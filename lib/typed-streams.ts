// Types of Node's streams that name what a stream gives and what its events carry; in Node's own types all of that is `any`. There is nothing of them at run time.

import type { Readable, Transform, TransformCallback } from 'node:stream';

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
 * A Node Readable whose items are of type T, and whose events are those of E, each with the list of its arguments. An overload for `this: never` cannot
 * be called: it makes the type one of those that Node's functions take.
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

/** The events of a Transform that gives items of type T. */
export interface TransformEvents<T> extends ReadableEvents<T> {
  /** `write()` may be called again. */
  drain: [nothing: void];
  /** All that was written has been taken. */
  finish: [nothing: void];
  /** A Readable is piped into it. */
  pipe: [source: Readable];
  /** A Readable is no longer piped into it. */
  unpipe: [source: Readable];
}

/** What a Transform has and a Readable does not, without the methods that TypedTransform declares: those that return `this`, and those that a class implements. */
type WritableSide = Omit<Transform, keyof Readable | 'end' | 'setDefaultEncoding' | '_transform' | '_flush'>;

/** A Node Transform that gives items of type T, and whose events are those of E. */
export interface TypedTransform<T, E extends TransformEvents<T> = TransformEvents<T>> extends TypedReadable<T, E>, WritableSide {
  /** Ends the writable side, after a last chunk if there is one. */
  end(callback?: () => void): this;
  end(chunk: Uint8Array | string, callback?: () => void): this;
  end(chunk: Uint8Array | string, encoding: BufferEncoding, callback?: () => void): this;
  /** Sets the encoding of strings that are written without one. */
  setDefaultEncoding(encoding: BufferEncoding): this;
  /** @internal */
  _transform(chunk: unknown, encoding: BufferEncoding, callback: TransformCallback): void;
  /** @internal */
  _flush(callback: TransformCallback): void;
}
