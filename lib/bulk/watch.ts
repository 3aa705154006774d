import { askUnlessAborted, whenAborted } from '../abort';
import { emitToCaller } from '../control/session';
import { ArgumentError, TemporaryError } from '../errors';
import type { Entry } from '../listing/entry';
import { type Clock, systemClock } from '../net/clock';
import { checkMilliseconds, checkNames, checkWhole, flag, type OptionNames } from '../options';
import { certainSize, type FactCommand, factsOf } from '../transfer/facts';
import { Backoff, isLoss, type RetryEvent, type RetryOptions } from '../transfer/retry';
import { isTemporaryName } from '../transfer/temporary-name';
import type { ReadableEvents } from '../typed-streams';
import { type Filter, selector } from './filter';
import { checkName, type FolderListing, isAboutPath, joined, Listings, mayMeanMissing, placed, type WalkEntry } from './listings';
import { type NextTry, type Remote, wasClosed, withRetry, WorkStream } from './remote';
import { BATCH, knownOf } from './tree-compare';
import { Budget, MAX_PENDING_BYTES, TreeLog, TreeTable } from './tree-memory';
import { MOST_LEVELS } from './tree-options';
import { chainOfRoot, enter, type Folder, listingPath, type PendingFolder, PendingFolders, type Unreadable } from './walk';

/** The options of `watch`. */
export interface WatchOptions {
  /** Milliseconds from the end of a look at the folder to the next one; default 10000. A look comes earlier where a file may have settled by then, but not within 100. */
  interval?: number;
  /**
   * Milliseconds that lie at least between two looks that show a file with the same size and time before it is given; default 10000. It should be
   * longer than the longest pause of whoever uploads. Servers give times to the second, so that less than 1000 rests on the size alone.
   */
  settle?: number;
  /** Which files are given: globs, or a function that is asked for each entry. A folder that is excluded is not entered. Default: all. */
  filter?: Filter;
  /** Whether the folders in the folder are watched, too, 100 levels deep; default false. Symlinks are not followed. */
  recursive?: boolean;
  /**
   * What needs not be given: the `state` of an earlier watch, for what that one has given; or a Date, for what was modified before it by the server's
   * clock. Default: what is there at the beginning is given, too.
   */
  since?: WatchState | Date;
  /**
   * How often, and after which pauses, a look goes on after its connection was lost: true for 5 attempts in a row, a number of attempts,
   * `{ attempts, backoff, maxDelay }` with milliseconds, or false. The stream fails when they are used up. Default: 5 attempts, and it fails only in the first
   * look, so that a wrong host is an error; later a folder that could not be listed is left out of the look, and the watch never gives up.
   */
  retry?: RetryOptions | number | boolean;
  /** Bytes that the paths and facts of the files that are there may take, during a look twice; more are a LimitError. Default 128 MiB, which is half a million files. */
  maxPendingBytes?: number;
  /** Ends the stream with an AbortError when it is aborted. */
  signal?: AbortSignal;
  /** @internal for specs */
  readonly clock?: Clock;
}

const WATCH_OPTIONS: OptionNames<WatchOptions> = {
  interval: true, settle: true, filter: true, recursive: true, since: true, retry: true, maxPendingBytes: true, signal: true, clock: true,
};

/** What a watch has given: save it as JSON, and give it to a later watch of the same folder as `since`. */
export interface WatchState {
  /** The form of this state. */
  readonly version: 1;
  /** The files that are still there and were given, or were not to be given. */
  readonly files: readonly WatchedFile[];
  /** The Date of `since`, in milliseconds since 1970. */
  readonly after?: number;
}

/**
 * A file in the state of a watch: its path from the watched folder, and by what it is recognized, as it was listed and, where it was asked about, as SIZE and
 * MDTM said: bytes, milliseconds since 1970, and the milliseconds that these are exact to. What is not known is null.
 */
export type WatchedFile = readonly [
  path: string,
  listed: readonly [size: number | null, time: number | null, unit: number],
  asked?: readonly [size: number | null, time: number | null, unit: number],
];

/** What is shown of a file. */
type Shown = WatchedFile[1];

/** What a watch has seen in a look. */
export interface WatchLook {
  /** Files that are there and pass the filter. */
  readonly files: number;
  /** Those that may still grow. */
  readonly unsettled: number;
}

/** The events of a watch. */
export interface WatchEvents extends ReadableEvents<WalkEntry> {
  /** The folder was looked at: a sign of life. */
  look: [look: WatchLook];
  /** A connection was lost during a look, which goes on after a pause of `delay` milliseconds. */
  retry: [event: Omit<RetryEvent, 'offset'>];
  /** A folder, a name or a line was left out; it is reported once while it stays so. What was known of it before still holds. */
  unreadable: [what: Unreadable];
}

/**
 * Watches a folder, and gives the files that have come and no longer grow as a Readable that has no end: those that two looks, `settle` ms apart, show with
 * the same size and time. Where a listing may hide a change, because it is no MLSD or lacks one of the two, SIZE and MDTM are asked about the new files, and
 * the entry has what they say.
 *
 * Each file is given once, whatever becomes of connections. One that changes, is replaced, or comes again after two looks without it, is given again, once it
 * has settled; one of the same size and time is taken for the same. Names of uploads that are not complete, such as `.name.part`, are left out.
 *
 * It looks only while the reader waits for the next file, and no other operation has to wait for it meanwhile: the loop may download the file and move it
 * away on the same client. A folder that is missing or refused is an error in the first look; later it is reported by the event `unreadable`, and what was
 * known of it still holds. `quit()` ends the stream when the reader comes back for the next file; while a reader waits, the process stays alive.
 *
 * @param remote a client or a pool
 * @param path the folder; empty, as by default, for the working folder, which must stay the same
 * @throws ArgumentError for a path that is no string, for options that are not known or out of range, and for `since` that is no state of a watch
 */
export function watch(remote: Remote, path = '', options: WatchOptions = {}): Watch {
  if (typeof path !== 'string') throw new ArgumentError(`a path must be a string, not ${typeof path}`);
  return new Watch(remote, path, watchSettings(options));
}

type WatchSettings = ReturnType<typeof watchSettings>;

const SECOND = 1000;
const USUAL_INTERVAL = 10_000;
const USUAL_SETTLE = 10_000;
/** No look comes earlier after the end of the one before, whatever the options say: a file that grows all the time would have one follow the other. */
const SHORTEST_INTERVAL = 100;

function watchSettings(options: WatchOptions) {
  checkNames(options, WATCH_OPTIONS);
  const { interval, settle, filter, recursive, since, retry, maxPendingBytes = MAX_PENDING_BYTES, signal, clock = systemClock } = options;
  if (retry !== undefined && retry !== false) new Backoff(retry); // checks it
  return {
    interval: checkMilliseconds('interval', interval, USUAL_INTERVAL),
    settle: checkMilliseconds('settle', settle, USUAL_SETTLE),
    select: selector(filter),
    recursive: flag('recursive', recursive, false),
    ...checkSince(since),
    retry: retry === false ? 0 : retry,
    maxPendingBytes: checkWhole('maxPendingBytes', maxPendingBytes, 1),
    signal,
    clock,
  };
}

/** @throws ArgumentError */
function checkSince(since: unknown): { readonly after: number | undefined; readonly given: readonly WatchedFile[] } {
  if (since === undefined) return { after: undefined, given: [] };
  if (since instanceof Date) {
    if (Number.isNaN(since.getTime())) throw new ArgumentError('since must be a valid Date, or the state of a watch');
    return { after: since.getTime(), given: [] };
  }
  const { version, files, after } = (typeof since === 'object' && since !== null ? since : {}) as Partial<Record<keyof WatchState, unknown>>;
  if (version !== 1) throw new ArgumentError('since must be a Date or the state of a watch, and that of a watch has the version 1');
  if (!Array.isArray(files)) throw new ArgumentError('since is a damaged state of a watch: it has no files');
  const damaged = files.findIndex((file) => !isSaved(file));
  if (damaged >= 0) throw new ArgumentError(`since is a damaged state of a watch: files[${damaged}] is no file`);
  if (after !== undefined && !isTime(after)) throw new ArgumentError('since is a damaged state of a watch: after is no time');
  return { after, given: files as WatchedFile[] };
}

function isSaved(file: unknown): boolean {
  if (!Array.isArray(file) || file.length < 2 || file.length > 3) return false;
  const [path, ...shown] = file as unknown[];
  return typeof path === 'string' && path !== '' && shown.every(isShown);
}

function isShown(shown: unknown): boolean {
  if (!Array.isArray(shown) || shown.length !== 3) return false;
  const [size, time, unit] = shown as unknown[];
  return (size === null || Number.isSafeInteger(size)) && (time === null || isTime(time)) && Number.isSafeInteger(unit);
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= LATEST;
}

/** The last moment that a Date can be, in milliseconds since 1970. */
const LATEST = 8.64e15;

/** The stream that `watch` returns: a Readable of WalkEntry with the events `look`, `retry` and `unreadable`. */
export class Watch extends WorkStream<WalkEntry, WatchEvents> {
  readonly #remote: Remote;
  readonly #start: string;
  readonly #settings: WatchSettings;
  readonly #memory: WatchMemory;
  /** Aborted when there is to be no further look. */
  readonly #ending = new AbortController();
  /** The path of the entry that the reader works on. */
  #inHand: string | undefined;

  /** @internal use `watch` */
  constructor(remote: Remote, path: string, settings: WatchSettings) {
    // Nothing is read ahead: the reader asks for the next file when it is done with this one.
    super(remote, (stop) => this.#watch(stop), settings.signal, 0);
    this.#remote = remote;
    this.#start = path;
    this.#settings = settings;
    this.#memory = new WatchMemory(settings);
  }

  /**
   * What was given so far, to be saved as JSON for the option `since`. The entry that a `for await` loop works on counts when the loop asks for the next one, or
   * when `done()` is called: a program that saves the state after `done()` and stops at any time gets each file once, and one file again where it stopped
   * between its work and the save. With a `data` listener an entry counts when the listener returns, and
   * with `map` and `concurrency` while it is still worked on. Making it takes time in proportion to its files.
   */
  get state(): WatchState {
    return this.#memory.state();
  }

  /** Counts the entry that was given last, so that `state` has it. */
  done(): void {
    if (this.#inHand !== undefined) this.#memory.files.mark(this.#inHand);
    this.#inHand = undefined;
  }

  async *#watch(stop: AbortSignal): AsyncGenerator<WalkEntry, void, void> {
    const { signal } = this.#ending;
    const { clock } = this.#settings;
    stop.addEventListener('abort', () => this.#ending.abort(stop.reason), { once: true });
    const report = this.#reporter();
    try {
      for (;;) {
        const look = new Look(this.#remote, this.#start, this.#settings, this.#memory, report, signal);
        const { due, more, files, unsettled } = await look.run();
        const next = this.#memory.nextLook();
        emitToCaller(this, 'look', { files, unsettled } satisfies WatchLook);
        for (const entry of due) {
          this.#inHand = entry.path;
          yield entry;
          this.done();
          if (signal.aborted) return;
          if (clock.now() >= next) break; // what is due may have changed in the time that the reader took
        }
        if (!more) await sleepUntil(next, clock, signal);
      }
    } catch (error) {
      if (!signal.aborted || stop.aborted) throw error; // else the client quits
    }
  }

  /** Emits what happens in looks; what is left out in the same way in each look only once. */
  #reporter(): Reporter {
    let before = new Set<string>();
    let now = new Set<string>();
    return {
      begin: () => ([before, now] = [now, new Set()]),
      leaveOut: (what) => {
        const text = JSON.stringify([what.path, what.line, what.error.message]).slice(0, LONGEST_REPORT);
        if (now.size < MOST_REPORTED) now.add(text);
        if (!before.has(text)) emitToCaller(this, 'unreadable', what);
      },
      retry: (event) => emitToCaller(this, 'retry', event),
    };
  }

  /** @internal a watch has no end of its own: the reader finishes what it has, and gets no more */
  protected override onQuitting(stuck: boolean): void {
    this.#ending.abort();
    if (!this.isProducing || !this.isAttended) super.onQuitting(stuck);
  }
}

/** What is remembered as reported. */
const MOST_REPORTED = 100;
const LONGEST_REPORT = 1000;

/** What a look reports. */
interface Reporter {
  begin(): void;
  leaveOut(what: Unreadable): void;
  retry(event: Omit<RetryEvent, 'offset'>): void;
}

async function sleepUntil(time: number, clock: Clock, signal: AbortSignal): Promise<void> {
  // Node's timers may be early by a fraction of a millisecond.
  for (let left = time - clock.now(); left > 0; left = time - clock.now()) {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const ignoreSignal = whenAborted(signal, () => {
        cancel();
        reject(signal.reason as Error);
      });
      const cancel = clock.after(left, () => {
        ignoreSignal();
        resolve();
      });
    });
  }
  signal.throwIfAborted();
}

/** A file in memory: the number of the first look that has shown it so, what the listing showed, and what the server said when it was asked. */
type Remembered = [look: number, listed: Shown, asked?: Shown];
/** In place of the look, for a file that was given: whether the last look has shown it. */
const SEEN = 0;
const MISSED = -1;

/** What is known of the files that are there, and when there is to be a look. */
class WatchMemory {
  readonly budget: Budget;
  /** The files of the last look; those are marked that were given. */
  files: TreeTable<Remembered>;
  /** The commands that the server lacks. */
  readonly lacks = new Set<FactCommand>();
  /** The number of the last look that has begun. */
  look = 0;
  /** What no look has changed since this one has settled. */
  settledLook = -1;
  readonly #settings: WatchSettings;
  /** The looks that have shown new files, and when they ended. */
  #ends: { readonly look: number; readonly end: number }[] = [];
  #lastEnd: number | undefined;

  constructor(settings: WatchSettings) {
    this.#settings = settings;
    this.budget = new Budget(settings.maxPendingBytes);
    this.files = new TreeTable(this.budget);
    for (const [path, listed, asked] of settings.given) {
      this.files.add(path, ...((asked ? [0, listed, asked] : [0, listed]) as Remembered));
      this.files.mark(path);
    }
  }

  /** No look has ended so far. */
  get isEmpty(): boolean {
    return this.#lastEnd === undefined;
  }

  /** A look begins. The server may have made the listing of an earlier one at any time before its end. */
  begin(): void {
    const { clock, settle } = this.#settings;
    this.look += 1;
    for (let first = this.#ends[0]; first && clock.now() - first.end >= settle; first = this.#ends[0]) {
      this.settledLook = first.look;
      this.#ends.shift();
    }
  }

  /** A look has ended. */
  end(files: TreeTable<Remembered>, { fresh, unsettled }: { readonly fresh: number; readonly unsettled: number }): void {
    this.files.clear();
    this.files = files;
    this.#lastEnd = this.#settings.clock.now();
    if (unsettled === 0) this.#ends = [];
    if (fresh > 0) this.#ends.push({ look: this.look, end: this.#settings.clock.now() });
  }

  /** When the next look is due. */
  nextLook(): number {
    const { interval, settle } = this.#settings;
    const last = this.#lastEnd ?? 0;
    return Math.max(last + SHORTEST_INTERVAL, Math.min(last + interval, (this.#ends[0]?.end ?? Infinity) + settle));
  }

  state(): WatchState {
    const files: WatchedFile[] = [];
    for (const [path, given] of this.files.names()) {
      const [, ...shown] = this.files.get(path) as Remembered;
      if (given) files.push([path, ...shown]);
    }
    const { after } = this.#settings;
    return { version: 1, files, ...(after === undefined ? {} : { after }) };
  }
}

/** Entries that a look gives at most, and the characters of their lines: what else has settled is found by the next one, which follows at once. */
const MOST_DUE = 20_000;
const LONGEST_DUE = 4 * 1024 * 1024;

/** A file that has settled as far as its listing shows. */
interface Candidate {
  readonly entry: WalkEntry;
  readonly known: Remembered;
}

/** One look: reads the folder, compares it with the memory, and replaces that. */
class Look {
  /** Files that are there. */
  files = 0;
  readonly #remote: Remote;
  readonly #start: string;
  readonly #settings: WatchSettings;
  readonly #memory: WatchMemory;
  readonly #report: Reporter;
  readonly #signal: AbortSignal;
  readonly #listings: Listings;
  readonly #found: TreeTable<Remembered>;
  readonly #pending: PendingFolders;
  /** The folders of which something may not have been listed, with the lines that show it; without lines, it may be anything. */
  readonly #doubtful: TreeTable<string[]>;
  #due: Candidate[] = [];
  #dueLength = 0;
  #fresh = 0;
  #given = 0;
  #postponed = 0;

  constructor(remote: Remote, start: string, settings: WatchSettings, memory: WatchMemory, report: Reporter, signal: AbortSignal) {
    const { budget } = memory;
    this.#remote = remote;
    this.#start = start;
    this.#settings = settings;
    this.#memory = memory;
    this.#report = report;
    this.#signal = signal;
    this.#listings = new Listings(remote, signal, { retry: this.#retry, budget, onRetry: (error, next) => this.#onRetry(error, next) });
    this.#found = new TreeTable(budget);
    this.#pending = new PendingFolders(budget);
    this.#doubtful = new TreeTable(budget);
  }

  /** The entries that have settled, those first that came first. */
  get due(): WalkEntry[] {
    return this.#due.map(({ entry }) => entry);
  }

  /** More has settled than this look gives. */
  get more(): boolean {
    return this.#postponed > 0;
  }

  /** Files that have not settled. */
  get unsettled(): number {
    return this.#found.size - this.#given - this.#due.length - this.#postponed;
  }

  async run(): Promise<this> {
    this.#memory.begin();
    this.#report.begin();
    await this.#folder({ path: '', chain: chainOfRoot(this.#start) });
    for (let found = this.#pending.next(); found; found = this.#pending.next()) {
      const folder = this.#enter(found);
      if (folder) await this.#folder(folder, found.parent);
    }
    this.#keepMissing();
    this.#due.sort((a, b) => a.known[0] - b.known[0]);
    this.#memory.end(this.#found, { fresh: this.#fresh, unsettled: this.unsettled });
    return this;
  }

  get #retry(): RetryOptions | number | true {
    return this.#settings.retry ?? true;
  }

  /** A 450 or 451 in place of a listing leads to no other try before the next look. */
  #onRetry(error: unknown, next: NextTry): void {
    if (error instanceof TemporaryError && mayMeanMissing(error)) throw error;
    this.#report.retry({ ...next, error: error as RetryEvent['error'] });
  }

  /** Whether the next look may succeed, or get further, after what this one has failed with. */
  #isForNow(error: unknown): boolean {
    if (this.#signal.aborted || this.#memory.budget.exhausted) return false;
    return isAboutPath(error) || (this.#settings.retry === undefined && !this.#memory.isEmpty && isLoss(error) && !wasClosed(error));
  }

  // ---- reading

  #enter(found: PendingFolder): Folder | undefined {
    try {
      return { path: found.path, chain: enter(found.parent.chain, found, MOST_LEVELS) };
    } catch (error) {
      this.#leaveOut(found.path, error as Error);
      return undefined;
    }
  }

  async #folder(folder: Folder, parent?: Folder): Promise<void> {
    const folders = this.#pending.in(folder);
    const questions = new TreeLog<[path: string, listed: Shown]>(this.#memory.budget);
    const candidates: Candidate[] = [];
    const depth = folder.chain.depth + 1;
    const listing = (folder.listing = this.#listings.folder(listingPath(this.#remotePath(folder.path), folder.chain), parent?.listing));
    for await (const each of this.#entries(folder, listing)) {
      const entry = placed(each, folder.path, depth);
      const { wanted, entered } = this.#settings.select(entry);
      if (entry.type === 'directory') {
        if (this.#settings.recursive && entered) folders.add({ name: entry.name, unique: entry.facts?.['unique'] });
      } else if (entry.type === 'file' && wanted && !isTemporaryName(entry.name)) this.#file(entry, questions, candidates);
    }
    while (questions.size > 0) await this.#ask(questions);
    while (candidates.length > 0) await this.#confirm(candidates.splice(0, BATCH));
  }

  /** The entries of a folder, as far as they are names and it can be listed. */
  async *#entries(folder: Folder, listing: FolderListing): AsyncGenerator<Entry, void, void> {
    const { path } = folder;
    try {
      for await (const entry of listing) if (this.#isName(path, entry)) yield entry;
    } catch (error) {
      if (!this.#isForNow(error) || (path === '' && this.#memory.isEmpty)) throw error;
      return this.#leaveOut(path, error as Error);
    }
    const left = [...listing.takeLines()];
    for (const each of left) this.#report.leaveOut({ path, ...each });
    const lines = left.flatMap(({ line }) => line ?? []);
    if (!listing.completed || lines.length < left.length) this.#doubtful.add(path);
    else if (lines.length > 0) this.#doubtful.add(path, ...lines);
  }

  #isName(folder: string, { name }: Entry): boolean {
    try {
      checkName(name);
      return true;
    } catch (error) {
      this.#report.leaveOut({ path: joined(folder, name), error: error as Error });
      return false;
    }
  }

  #leaveOut(path: string, error: Error): void {
    this.#doubtful.add(path);
    this.#report.leaveOut({ path, error });
  }

  #remotePath(path: string): string {
    return path === '' ? this.#start : joined(this.#start, path);
  }

  // ---- comparing

  /** @param questions gets what the server must be asked about; @param candidates gets what must be asked about again, and has settled if nothing has changed */
  #file(entry: WalkEntry, questions: TreeLog<[path: string, listed: Shown]>, candidates: Candidate[]): void {
    const { path } = entry;
    const { files, settledLook } = this.#memory;
    const listed = shownBy(entry);
    const known = files.get(path);
    if (!known || !isSame(known, listed)) {
      if (isExact(entry)) this.#add(path, [this.#memory.look, listed]);
      else questions.push([path, listed]);
    } else if (files.isMarked(path) || known[0] > settledLook) this.#keep(path, known);
    else if (this.#due.length + candidates.length >= MOST_DUE || this.#dueLength >= LONGEST_DUE) {
      this.#postponed += 1;
      this.#keep(path, known);
    } else {
      this.#dueLength += entry.raw.length;
      if (isExact(entry)) this.#give({ entry, known });
      else candidates.push({ entry, known });
    }
  }

  /** Asks about files that are new or seem to have changed. A listing may show another time because a clock or a time zone has, or the file is half a year old. */
  async #ask(questions: TreeLog<[path: string, listed: Shown]>): Promise<void> {
    const batch: [path: string, listed: Shown][] = [];
    for (let next = questions.shift(); next; next = batch.length < BATCH ? questions.shift() : undefined) batch.push(next);
    const answers = await this.#facts(batch.map(([path]) => path));
    const { files, look } = this.#memory;
    for (const [index, [path, listed]] of batch.entries()) {
      const asked = answers?.[index];
      const known = files.get(path);
      const before = known && exactOf(known);
      const hadTime = before !== undefined && before[1] !== null;
      if (known && (!asked || (hadTime && asked[1] === null && known[1][0] === listed[0]))) this.#keep(path, known); // not known now
      else if (known && asked && hadTime && agree(before, asked)) this.#keep(path, [known[0], listed, asked]);
      else if (asked) this.#add(path, [look, listed, asked]);
    }
  }

  /** Asks again about files that have settled by their listing. */
  async #confirm(candidates: readonly Candidate[]): Promise<void> {
    const answers = await this.#facts(candidates.map(({ entry }) => entry.path));
    for (const [index, { entry, known }] of candidates.entries()) {
      const asked = answers?.[index];
      const before = exactOf(known);
      if (!asked) this.#keep(entry.path, known);
      else if (before && agree(before, asked)) this.#give({ entry: corrected(entry, asked), known });
      else this.#add(entry.path, [this.#memory.look, shownBy(entry), asked]);
    }
  }

  /** What the server says of files, which is not all of that for a file that is missing or busy; undefined where it cannot be asked now. */
  async #facts(paths: readonly string[]): Promise<Shown[] | undefined> {
    const { lacks } = this.#memory;
    const ask = async (path: string): Promise<Shown> => {
      const { size, modified } = await factsOf(this.#remote, this.#remotePath(path), { ignoresTemporary: true, lacks });
      const time = modified?.getTime() ?? null;
      return [size ?? null, time, time === null || time % SECOND === 0 ? SECOND : 1];
    };
    try {
      return await withRetry(() => askUnlessAborted(() => Promise.all(paths.map(ask)), this.#signal), {
        backoff: new Backoff(this.#retry),
        signal: this.#signal,
        onRetry: (error, next) => this.#onRetry(error, next),
      });
    } catch (error) {
      if (!this.#isForNow(error)) throw error;
      return undefined;
    }
  }

  #give(candidate: Candidate): void {
    if (this.#found.has(candidate.entry.path)) return;
    this.#due.push(candidate);
    this.#add(candidate.entry.path, candidate.known);
  }

  /** Remembers a file that is as it was before. */
  #keep(path: string, [look, ...shown]: Remembered): void {
    const given = this.#memory.files.isMarked(path);
    this.#add(path, [given ? SEEN : look, ...shown], given);
  }

  /** Remembers a file. @param given it was given, or needs not be */
  #add(path: string, file: Remembered, given = false): void {
    if (this.#found.has(path)) return; // it is listed twice
    const isNew = file[0] === this.#memory.look;
    this.files += 1;
    this.#found.add(path, ...file);
    if (given || (isNew && isBefore(file, this.#settings.after ?? -Infinity))) {
      this.#given += 1;
      this.#found.mark(path);
    } else if (isNew) this.#fresh += 1;
  }

  /**
   * Remembers files that were given, where they may be missing only because something was not listed, or could not be read. Each is also remembered for one
   * look without it: where a data connection is cut in such a way that it seems to end, and the server says 226, nothing shows that the listing is not whole.
   */
  #keepMissing(): void {
    const { files } = this.#memory;
    for (const [path, given] of files.names()) {
      if (!given || this.#found.has(path)) continue;
      const [look, ...shown] = files.get(path) as Remembered;
      const doubtful = this.#isDoubtful(path);
      if (look === MISSED && !doubtful) continue;
      this.#found.add(path, doubtful ? look : MISSED, ...shown);
      this.#given += 1;
      this.#found.mark(path);
    }
    this.#doubtful.clear();
  }

  #isDoubtful(path: string): boolean {
    return this.#doubtful.size > 0 && path.split('/').some((name, level, names) => {
      const lines = this.#doubtful.get(names.slice(0, level).join('/'));
      return lines && (lines.length === 0 || lines.some((line) => line.includes(name)));
    });
  }
}

// ---- versions of a file

function shownBy(entry: Entry): Shown {
  const { size, time, unit } = knownOf(entry);
  return [size ?? null, time ?? null, unit];
}

/**
 * Whether a listing shows every change: MLSD gives the size in bytes and the time to the second (RFC 3659, 7.5), if it gives them. Windows lists 0 for
 * a file that somebody still writes.
 */
function isExact({ size, modified, facts }: Entry): boolean {
  return certainSize(size) !== undefined && modified !== undefined && facts?.['modify'] !== undefined;
}

/** Gives an entry what the server has said of it. It stays the same object, for which the bytes of its name are remembered. */
function corrected(entry: WalkEntry, [size, time]: Shown): WalkEntry {
  return Object.assign(entry, size === null ? {} : { size }, time === null ? {} : { modified: new Date(time) });
}

/** What is known to the byte and to the second. */
function exactOf([, listed, asked]: Remembered): Shown | undefined {
  return asked ?? (listed[0] !== null && listed[1] !== null && listed[2] <= SECOND ? listed : undefined);
}

/** Whether a file is the one that is known. */
function isSame(known: Remembered, listed: Shown): boolean {
  if (agree(known[1], listed)) return true;
  const before = exactOf(known);
  const now = exactOf([0, listed]);
  return before !== undefined && now !== undefined && agree(before, now);
}

/** Whether both may be of the same version of a file, as far as both are exact. */
function agree([size, time, unit]: Shown, [otherSize, otherTime, otherUnit]: Shown): boolean {
  if (size !== otherSize) return false;
  if (time === otherTime) return true;
  if (time === null || otherTime === null) return false;
  // `ls` prints minutes without a year, which our own clock decides, and days of what is old: those of the server's time zone.
  if (unit === MINUTE && otherUnit === MINUTE) return dayAndTime(time) === dayAndTime(otherTime);
  const fine = unit < otherUnit ? time : otherTime;
  const coarse = unit < otherUnit ? otherTime : time;
  return unit !== otherUnit && fine >= coarse && fine < coarse + Math.max(unit, otherUnit);
}
const MINUTE = 60_000;

function dayAndTime(time: number): string {
  return new Date(time).toISOString().slice(-'12-31T23:59:59.999Z'.length);
}

/** Whether a file was modified before a moment, as far as its time is known. */
function isBefore([, listed, asked]: Remembered, moment: number): boolean {
  const [, time, unit] = asked && asked[1] !== null ? asked : listed;
  return time !== null && time + unit <= moment;
}
