import { setMaxListeners } from 'node:events';
import { addAbortSignal, Readable } from 'node:stream';

/** What a flow reads as. */
export interface Flow<T> {
  [Symbol.asyncIterator](): NodeJS.AsyncIterator<T>;
  toArray(options?: { signal?: AbortSignal }): Promise<T[]>;
}

/**
 * A Readable of what an async generator gives: nothing is done before it is read, and nothing is lost before an error. When it
 * is destroyed, the generator's signal ends what is under way, and `close` comes when the generator has cleaned up.
 */
export class Flow<T> extends Readable {
  readonly #controller = new AbortController();
  readonly #begin: (signal: AbortSignal) => AsyncGenerator<T, void, void>;
  #source: AsyncGenerator<T, void, void> | undefined;

  constructor(begin: (signal: AbortSignal) => AsyncGenerator<T, void, void>, signal: AbortSignal | undefined) {
    // With one item at a time an error never overtakes an item that nobody has read.
    super({ objectMode: true, highWaterMark: 1 });
    setMaxListeners(0, this.#controller.signal);
    this.#begin = begin;
    if (signal) addAbortSignal(signal, this);
  }

  override _read(): void {
    this.#source ??= this.#begin(this.#controller.signal);
    this.#source.next().then(
      ({ done, value }) => void (this.destroyed || this.push(done ? null : value)),
      (error: Error) => void this.destroy(error),
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#controller.abort();
    const done = (): void => callback(error);
    if (this.#source) this.#source.return().then(done, done);
    else done();
  }
}
