import { setMaxListeners } from 'node:events';
import { performance } from 'node:perf_hooks';
import { TransferError } from '../errors';
import type { EntryType } from '../listing/entry';
import type { FolderListing } from './listings';
import { TreeTraffic } from './progress';
import type { Remote } from './remote';
import type { TreeResult, TreeSettings } from './tree-options';
import type { Folder } from './walk';
import { Flow } from './work';

/** What a plan gives: what is done already, or what is to be done by and by. */
export type Step = TreeResult | (() => Promise<TreeResult>);

/** Tasks that wait for each one that runs, so that folders are listed while files are transferred. */
const AHEAD = 4;

/**
 * Does the steps of a plan, at most `concurrency` tasks at a time, and gives their results as they come. One at a time means that
 * the plan rests meanwhile: there may be only one connection. While nobody takes the results, nothing new is begun.
 *
 * An error ends everything, unless errors are results; then only one that leaves no hope does.
 */
export async function* perform(
  plan: AsyncGenerator<Step, void, void>,
  { concurrency, continueOnError }: Pick<TreeSettings, 'concurrency' | 'continueOnError'>,
  controller: AbortController,
  traffic?: TreeTraffic,
): AsyncGenerator<TreeResult, void, void> {
  const crew = new Crew(plan, concurrency);
  try {
    for (;;) {
      for (let result = crew.results.shift(); result; result = crew.results.shift()) {
        yield result;
        if (result.error && (!continueOnError || isHopeless(result.error))) throw result.error;
      }
      if (!crew.advance()) {
        traffic?.finish();
        return;
      }
      await crew.change();
    }
  } finally {
    traffic?.stop();
    controller.abort();
    await crew.dismiss();
  }
}

/** The tasks that a plan has given, as far as they are not done. */
export class Outstanding {
  #tasks = 0;
  #onNone: () => void = () => undefined;

  /** The same task, counted till it is done. */
  counted(task: () => Promise<TreeResult>): () => Promise<TreeResult> {
    this.#tasks += 1;
    return () =>
      task().finally(() => {
        this.#tasks -= 1;
        if (this.#tasks === 0) this.#onNone();
      });
  }

  /** Resolves when all are done. @throws the signal's reason: tasks that have not begun by then never will */
  async none(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#tasks === 0) return;
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#onNone = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
    });
  }
}

class Crew {
  readonly results: TreeResult[] = [];
  readonly #plan: AsyncGenerator<Step, void, void>;
  readonly #concurrency: number;
  readonly #waiting: (() => Promise<TreeResult>)[] = [];
  readonly #running = new Set<Promise<void>>();
  #planning = false;
  #planned = false;
  #failure: { readonly error: unknown } | undefined;
  #changed: () => void = () => undefined;
  #change: Promise<void> | undefined;

  constructor(plan: AsyncGenerator<Step, void, void>, concurrency: number) {
    this.#plan = plan;
    this.#concurrency = concurrency;
  }

  /** Begins what can be begun; false when all is done. @throws what the plan has thrown */
  advance(): boolean {
    if (this.#failure) throw this.#failure.error;
    while (this.#running.size < this.#concurrency && this.#waiting.length > 0) this.#begin();
    const busy = this.#running.size + this.#waiting.length;
    const most = this.#concurrency === 1 ? 1 : this.#concurrency * AHEAD;
    if (!this.#planned && !this.#planning && busy < most) this.#goOnPlanning();
    this.#change = new Promise((resolve) => (this.#changed = resolve));
    return this.#planning || this.#running.size > 0;
  }

  /** Resolves when something has happened since `advance`. */
  change(): Promise<void> | undefined {
    return this.#change;
  }

  /** Waits for what is still at work, which was told to stop. */
  async dismiss(): Promise<void> {
    this.#waiting.length = 0;
    await Promise.allSettled([this.#plan.return(), ...this.#running]);
  }

  #begin(): void {
    const task = this.#waiting.shift();
    if (!task) return;
    const work = task()
      .then((result) => void this.results.push(result), (error: unknown) => this.#fail(error))
      .finally(() => {
        this.#running.delete(work);
        this.#changed();
      });
    this.#running.add(work);
  }

  #goOnPlanning(): void {
    this.#planning = true;
    this.#plan
      .next()
      .then(
        ({ done, value }) => {
          if (done) this.#planned = true;
          else if (typeof value === 'function') this.#waiting.push(value);
          else this.results.push(value);
        },
        (error: unknown) => this.#fail(error),
      )
      .finally(() => {
        this.#planning = false;
        this.#changed();
      });
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
  }
}

/** The server cannot be reached, or does not let us in: every other file would fail likewise. */
function isHopeless(error: Error & { readonly phase?: string; readonly code?: string }): boolean {
  return error.phase === 'login' || (error.phase === 'connect' && error.code === 'ERR_FTP_CONNECTION_CLOSED');
}

/** Measures the work on one file or folder. */
export class Job {
  readonly #began = performance.now();

  constructor(
    private readonly type: EntryType,
    private readonly path: string,
  ) {}

  result(action: TreeResult['action'], more: Partial<Pick<TreeResult, 'bytes' | 'reason' | 'error'>> = {}): TreeResult {
    return { action, type: this.type, path: this.path, bytes: 0, ms: performance.now() - this.#began, ...more };
  }

  failed(error: unknown): TreeResult {
    return this.result('failed', { error: error instanceof Error ? error : new Error(String(error)) });
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

/** The lines of a listing that nobody can read, as results. */
export function* unreadable({ path }: Folder, listing: FolderListing): Generator<TreeResult> {
  if (listing.hasLines) for (const { error } of listing.takeLines()) yield new Job('other', path).failed(error);
}

/** Why something is not put where something else is. */
export function inTheWay(path: string, what: 'file' | 'folder'): Error {
  return new TransferError(`${path}: a ${what} is in its place, and \`delete\` is not set`);
}

/** Why it is not with `delete` either. */
export function inDoubt(path: string, what: 'file' | 'folder'): Error {
  return new TransferError(`${path}: a ${what} is in its place, and is not deleted, as the listing of its folder could not be read whole, or may be of another folder`);
}
