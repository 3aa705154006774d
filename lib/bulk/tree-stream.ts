import { setMaxListeners } from 'node:events';
import { addAbortSignal, type Readable } from 'node:stream';
import { PipedReadable, type ReadableEvents, unreadAtQuit } from '../transfer/piped-readable';
import { TreeTraffic } from './progress';
import type { Remote } from './remote';
import type { TreeResult, TreeSettings } from './tree-options';
import { perform, type Step } from './tree-run';
import { beginWork, type BegunWork } from './work';

/**
 * A Readable of what an async generator gives: nothing is done before it is read, and nothing is lost before an error. When it
 * is destroyed, or its client closed, the generator's signal ends what is under way, and `close` comes when the generator has cleaned up.
 */
export class Flow<T, E extends ReadableEvents<T> = ReadableEvents<T>> extends PipedReadable<T, E> {
  readonly #controller = new AbortController();
  readonly #begin: (signal: AbortSignal) => AsyncGenerator<T, void, void>;
  readonly #remote: Remote;
  #source: AsyncGenerator<T, void, void> | undefined;
  #work: BegunWork | undefined;
  /** The generator is at work; else its reader takes nothing. */
  #producing = false;
  /** Items given, and how many they were when that was asked last. */
  #given = 0;
  #givenBefore = 0;

  constructor(remote: Remote, begin: (signal: AbortSignal) => AsyncGenerator<T, void, void>, signal: AbortSignal | undefined) {
    // With one item at a time an error never overtakes an item that nobody has read.
    super({ objectMode: true, highWaterMark: 1 });
    setMaxListeners(0, this.#controller.signal);
    this.#remote = remote;
    this.#begin = begin;
    if (signal) addAbortSignal(signal, this as Readable);
  }

  override _read(): void {
    try {
      this.#work ??= beginWork(this.#remote, (reason) => this.destroy(reason), { moved: () => this.#moved(), onQuitting: (stuck) => this.#onQuitting(stuck) });
    } catch (error) {
      return void this.destroy(error as Error);
    }
    this.#source ??= this.#begin(this.#controller.signal);
    this.#producing = true;
    this.#source.next().then(
      ({ done, value }) => {
        this.#producing = false;
        this.#given += 1;
        if (!this.destroyed) this.push(done ? null : value);
      },
      (error: Error) => void this.destroy(this.#work?.closed ?? error),
    );
  }

  /** A reader who takes something now and then is slow, and no more. */
  #moved(): boolean {
    const moved = this.#producing || this.#given > this.#givenBefore;
    this.#givenBefore = this.#given;
    return moved;
  }

  #onQuitting(stuck: boolean): void {
    if (stuck || !this.isAttended) this.destroy(unreadAtQuit());
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#controller.abort(error ?? undefined);
    const done = (): void => {
      this.#work?.done();
      callback(error);
    };
    if (this.#source) this.#source.return().then(done, done);
    else done();
  }
}

/** What tree transfers are: a Readable with a `TreeResult` for each file and folder. */
export class TreeStream extends Flow<TreeResult> {
  /** @internal use `downloadTree`, `uploadTree` or `mirror` */
  constructor(remote: Remote, plan: (signal: AbortSignal, traffic: TreeTraffic) => AsyncGenerator<Step, void, void>, settings: TreeSettings) {
    super(remote, (stop) => {
      const traffic = new TreeTraffic(settings);
      const controller = new AbortController();
      setMaxListeners(0, controller.signal); // each transfer listens to it
      stop.addEventListener('abort', () => controller.abort(stop.reason), { once: true });
      return perform(plan(controller.signal, traffic), settings, controller, traffic);
    }, settings.signal);
  }
}
