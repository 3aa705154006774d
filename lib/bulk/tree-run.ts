import { setMaxListeners } from 'node:events';
import { performance } from 'node:perf_hooks';
import { ConnectionClosedError, FTPError, TransferError } from '../errors';
import type { EntryType } from '../listing/entry';
import { folded } from '../transfer/temporary-name';
import type { FolderListing } from './listings';
import { TreeTraffic } from './progress';
import { type Remote, WorkStream } from './remote';
import type { TreeResult, TreeSettings } from './tree-options';
import type { Folder } from './walk';

/** What a plan gives: a result of what is done already, or a task that is still to be done. */
export type Step = TreeResult | (() => Promise<TreeResult>);

/** Whether a file is transferred by a step, or would be in a dry run: its folder is made for it, and what is in its place removed. */
export function isTransfer(step: Step): boolean {
  return typeof step === 'function' || step.action === 'downloaded' || step.action === 'uploaded';
}

/** Tasks that wait for each one that may run, so that folders are listed while files are transferred. */
const AHEAD = 4;

/**
 * Does the steps of a plan, at most `concurrency` tasks at the same time, and gives their results as they come. With one task at a time the plan waits
 * for it, for there may be only one connection. While nobody takes the results, nothing new is begun.
 *
 * An error ends everything; with `continueOnError` only one that every other file would have, too.
 */
export async function* perform(
  plan: AsyncGenerator<Step, void, void>,
  { concurrency, continueOnError }: Pick<TreeSettings, 'concurrency' | 'continueOnError'>,
  controller: AbortController,
  traffic?: TreeTraffic,
): AsyncGenerator<TreeResult, void, void> {
  const runner = new TaskRunner(plan, concurrency);
  try {
    for (;;) {
      for (let result = runner.results.shift(); result; result = runner.results.shift()) {
        yield result;
        if (result.action === 'failed' && result.error && (!continueOnError || isFatal(result.error))) throw result.error;
      }
      if (!runner.advance()) {
        traffic?.finish();
        return;
      }
      await runner.change();
    }
  } finally {
    traffic?.stop();
    controller.abort();
    await runner.stop();
  }
}

/** Counts the tasks that a plan has given and that are not done. */
export class PendingTasks {
  #tasks = 0;
  #onNone: () => void = () => undefined;

  /** The task, counted until it is done. */
  counted(task: () => Promise<TreeResult>): () => Promise<TreeResult> {
    this.#tasks += 1;
    return () =>
      task().finally(() => {
        this.#tasks -= 1;
        if (this.#tasks === 0) this.#onNone();
      });
  }

  /** Resolves when all are done. @throws the signal's reason, for then tasks that have not begun never will */
  async allDone(signal: AbortSignal): Promise<void> {
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

/**
 * Files that are written or removed, by their names as `folded` has them. What may be one file, temporary names too, is worked on by one at a time:
 * the next one finds what the one before has left.
 */
export class NamesInUse {
  readonly #work = new Map<string, Promise<unknown>>();

  /** Does something with files when nobody else works on them. @param paths from the start of the tree */
  async alone<T>(paths: readonly string[], act: () => Promise<T>): Promise<T> {
    const names = paths.map(folded);
    const other = (): Promise<unknown> | undefined => names.map((name) => this.#work.get(name)).find((work) => work);
    for (let work = other(); work; work = other()) await work.catch(() => undefined);
    const work = act();
    for (const name of names) this.#work.set(name, work);
    try {
      return await work;
    } finally {
      for (const name of names) this.#work.delete(name);
    }
  }
}

/** Asks a plan for its steps, runs the tasks, and collects the results. */
class TaskRunner {
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

  /** Waits for the plan and the tasks that are running, which the aborted signal ends. */
  async stop(): Promise<void> {
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

/** The server cannot be reached, or refuses the login: every other file would fail in the same way. */
function isFatal(error: Error): boolean {
  return error instanceof FTPError && (error.phase === 'login' || (error.phase === 'connect' && error instanceof ConnectionClosedError));
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

/** The stream that `downloadTree`, `uploadTree` and `mirror` return: a Readable with a TreeResult for each file and folder. */
export class TreeStream extends WorkStream<TreeResult> {
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

/** The lines of a listing that cannot be read, as results. */
export function* unreadable({ path }: Folder, listing: FolderListing): Generator<TreeResult> {
  if (listing.hasLines) for (const { error } of listing.takeLines()) yield new Job('other', path).failed(error);
}

/** Why a file or folder is not put in its place. */
export function inTheWay(path: string, what: 'file' | 'folder'): Error {
  return new TransferError(`${path}: a ${what} is in its place, and \`delete\` is not set`);
}

/** Why a file is not put there although the folder was to be removed. */
export function stillInTheWay(path: string): Error {
  return new TransferError(`${path}: a folder is in its place, and something in it stays`);
}

/** Why it is not put there with `delete` either. */
export function inDoubt(path: string, what: 'file' | 'folder'): Error {
  return new TransferError(`${path}: a ${what} is in its place, and is not deleted, as the listing of its folder could not be read whole, or may be of another folder`);
}
