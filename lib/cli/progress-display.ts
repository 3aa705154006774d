import { posix } from 'node:path';
import type { Progress } from '../bulk/progress';
import type { TreeResult } from '../bulk/tree-options';
import { type BarState, describeBar, describeDone, type Done, LABEL_OF_TREE, type Look, renderBars, renderDone, widthOf } from './bars';
import { sentenceOf } from './failure';
import { type DisplayOutput, LiveLines } from './terminal';
import { escapeControls, formatCount, formatSize, jsonLine, textWidth } from './text';

/*
 * How far transfers are, and what has become of them. The display knows what runs; a manner shows it: bars for people at a terminal, lines for logs,
 * JSON for programs. Below them stands in words what has become of files and trees.
 */

export interface ProgressDisplayOptions {
  /** `auto`: bars on a terminal, else lines. `json`: a line of JSON for each transfer, each second, and for all that is done. `quiet`: nothing. Default `auto`. */
  readonly mode?: 'auto' | 'json' | 'quiet';
  /** Where bars and lines go. Default: stderr, so that stdout is free for the bytes of a file. */
  readonly output?: DisplayOutput;
  /** Where lines of JSON go. Default: stdout. */
  readonly json?: Pick<DisplayOutput, 'write'>;
  /** `NO_COLOR`, `TERM`, and the locale of `LC_ALL`, `LC_CTYPE`, `LANG` count. Default: that of the process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default: the time of this machine. */
  readonly clock?: DisplayClock;
}

/** Where the time comes from. */
export interface DisplayClock {
  /** Milliseconds that only ever grow. */
  now(): number;
  /** Calls back at this interval, and keeps no process alive; the function returned calls it off. */
  every(milliseconds: number, act: () => void): () => void;
}

const systemClock: DisplayClock = {
  now: () => performance.now(),
  every(milliseconds, act) {
    const timer = setInterval(act, milliseconds).unref();
    return () => clearInterval(timer);
  },
};

/** The transfer of a file, as the display has it. */
export interface FileDisplay {
  progress(progress: Progress): void;
  /** All has passed. @param bytes those that came now @param resumedFrom those that were there before */
  done(bytes: number, resumedFrom?: number): void;
  failed(message: string): void;
}

/** The transfer of a tree, as the display has it. */
export interface TreeDisplay {
  progress(progress: Progress): void;
  result(result: TreeResult): void;
  /** No more results come. */
  end(): void;
}

export interface TreeDisplayOptions {
  /** The results say what would be done. Default false. */
  readonly dryRun?: boolean;
}

/** What is said once, when it has happened. */
type Notice =
  | (Done & { readonly kind: 'done' })
  | { readonly kind: 'failed'; readonly name: string; readonly bytes: number; readonly message: string }
  | { readonly kind: 'result'; readonly result: TreeResult; readonly dryRun: boolean }
  | { readonly kind: 'end'; readonly count: TreeCount; readonly seconds: number; readonly dryRun: boolean }
  | { readonly kind: 'message'; readonly text: string };

/** A way of showing. */
interface Manner {
  /** Milliseconds between two calls of `tick`. */
  readonly interval: number;
  /** Shows how far each transfer is. */
  tick(running: readonly Running[]): void;
  show(notice: Notice): void;
  /** Nothing runs any more. */
  rest?(): void;
  /** What runs is not followed any more. */
  close?(): void;
}

/** Shows how far files and trees are, several at the same time. It never throws, and keeps no process alive. */
export class ProgressDisplay {
  /** Undefined: nothing is shown. */
  readonly #manner: Manner | undefined;
  readonly #clock: DisplayClock;
  readonly #running = new Set<Running>();
  #stopTimer: (() => void) | undefined;

  constructor({ mode = 'auto', output = process.stderr, json = process.stdout, env = process.env, clock = systemClock }: ProgressDisplayOptions = {}) {
    this.#clock = clock;
    if (mode === 'quiet') return;
    if (mode === 'json') this.#manner = new JsonLines(json);
    else this.#manner = output.isTTY && env['TERM'] !== 'dumb' ? new Bars(output, env) : new Lines(output);
  }

  /** A file's transfer begins. `total`: its bytes, where they are known. */
  file(name: string, total?: number): FileDisplay {
    const file = new Running(this.#clock, { name, total });
    this.#begin(file);
    return {
      progress: (progress) => file.report(progress),
      done: (bytes, resumedFrom = 0) => this.#end(file, { kind: 'done', name, bytes, resumedFrom, seconds: file.seconds }),
      failed: (message) => this.#end(file, { kind: 'failed', name, bytes: file.bytes, message }),
    };
  }

  /** A tree's transfer begins. */
  tree({ dryRun = false }: TreeDisplayOptions = {}): TreeDisplay {
    const count = new TreeCount();
    const tree = new Running(this.#clock, { count, dryRun });
    this.#begin(tree);
    return {
      progress: (progress) => tree.report(progress),
      result: (result) => {
        count.add(result);
        if (!isUnchanged(result)) this.#manner?.show({ kind: 'result', result, dryRun });
      },
      end: () => this.#end(tree, { kind: 'end', count, seconds: tree.seconds, dryRun }),
    };
  }

  /** Shows a text above the bars. Its newlines stay, and other controls are shown as such. */
  line(text: string): void {
    this.#manner?.show({ kind: 'message', text });
  }

  /** Shows no more of what runs: a bar stays as it is, and the cursor is seen again, below it. May be called more than once. */
  close(): void {
    this.#running.clear();
    this.#stop();
    this.#manner?.close?.();
  }

  #begin(running: Running): void {
    const manner = this.#manner;
    this.#running.add(running);
    if (manner) this.#stopTimer ??= this.#clock.every(manner.interval, () => manner.tick([...this.#running]));
  }

  #end(running: Running, notice: Notice): void {
    if (!this.#running.delete(running)) return;
    this.#manner?.show(notice);
    if (this.#running.size > 0) return;
    this.#stop();
    this.#manner?.rest?.();
  }

  #stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }
}

/** Milliseconds for which rate and time left stand, so that they can be read. */
const FIGURES_STAND = 500;
/** Milliseconds after which a file of a tree gets a bar of its own: most files are done by then. */
const BAR_OF_ITS_OWN = 1000;

/** A file or tree that is being transferred. */
class Running {
  #now: Progress | undefined;
  #figures: { readonly at: number; readonly rate: number; readonly eta: number | undefined } | undefined;
  /** Of a tree: since when each of its files is being transferred. */
  #since = new Map<string, number>();
  readonly #began: number;

  constructor(
    private readonly clock: DisplayClock,
    readonly what: { readonly name: string; readonly total: number | undefined } | { readonly count: TreeCount; readonly dryRun: boolean },
  ) {
    this.#began = clock.now();
  }

  get seconds(): number {
    return (this.clock.now() - this.#began) / 1000;
  }

  get bytes(): number {
    return this.#now?.bytes ?? 0;
  }

  report(progress: Progress): void {
    const at = this.clock.now();
    this.#now = progress;
    const { rate, eta } = progress;
    const stand = this.#figures && at - this.#figures.at < FIGURES_STAND && (this.#figures.eta === undefined) === (eta === undefined) && eta !== 0;
    if (!stand) this.#figures = { at, rate, eta };
    this.#since = new Map(progress.current?.map(({ path }) => [path, this.#since.get(path) ?? at]));
  }

  /** The bar of the whole, and those of a tree's files that take longer. */
  get bars(): readonly [BarState, ...BarState[]] {
    const { seconds } = this;
    const { rate, eta } = this.#figures ?? {};
    const whole = { labels: this.#labels, bytes: this.bytes, total: this.#total, rate, eta, seconds };
    const slow = this.#now?.current?.filter(({ path }) => this.clock.now() - (this.#since.get(path) ?? Infinity) >= BAR_OF_ITS_OWN) ?? [];
    return [whole, ...slow.map(({ path, bytes, total }) => ({ labels: [`  ${path}`, `  ${posix.basename(path)}`] as const, bytes, total, rate: undefined, eta: undefined, seconds }))];
  }

  /** The same as one object of JSON. */
  get json(): object {
    const { bytes, rate = 0, eta, files, totalFiles } = this.#now ?? { bytes: 0 };
    const whole = 'name' in this.what ? { name: this.what.name } : { files, totalFiles };
    return { ...whole, bytes, total: this.#total, rate: Math.round(rate), eta: eta === undefined ? undefined : Math.round(eta) };
  }

  get #total(): number | undefined {
    return this.#now?.total ?? ('name' in this.what ? this.what.total : undefined);
  }

  get #labels(): readonly [string, ...string[]] {
    if ('name' in this.what) return [this.what.name];
    const { unchanged = 0 } = this.what.count.actions;
    if (!this.#now) return [unchanged === 0 ? 'comparing' : `${formatCount(unchanged)} unchanged`];
    const { files = 0, totalFiles } = this.#now;
    const done = formatCount(files);
    return totalFiles === undefined ? [`${done} ${files === 1 ? 'file' : 'files'}`] : [`${done} of ${formatCount(totalFiles)} files`, `${done}/${formatCount(totalFiles)}`];
  }
}

/** A line for all that is done, and for what takes longer one each ten seconds, after a minute one each minute. */
class Lines implements Manner {
  readonly interval = 10_000;

  constructor(private readonly output: Pick<DisplayOutput, 'write'>) {}

  tick(running: readonly Running[]): void {
    for (const { what, seconds, bars: [whole] } of running) {
      // The list of a dry run is what was asked for, and nothing else stands in it.
      if ('dryRun' in what && what.dryRun) continue;
      const step = Math.round((seconds * 1000) / this.interval);
      if (step <= 6 || step % 6 === 0) this.#line(describeBar(whole));
    }
  }

  show(notice: Notice): void {
    this.#line(inWords(notice));
  }

  #line(text: string): void {
    this.output.write(`${text.split('\n').map(escapeControls).join('\n')}\n`);
  }
}

/** A line of JSON for each transfer each second, and for all that is done. */
class JsonLines implements Manner {
  readonly interval = 1000;

  constructor(private readonly output: Pick<DisplayOutput, 'write'>) {}

  tick(running: readonly Running[]): void {
    for (const { json } of running) this.#write({ event: 'progress', ...json });
  }

  show(notice: Notice): void {
    this.#write(this.#objectOf(notice));
  }

  #objectOf(notice: Notice): object {
    switch (notice.kind) {
      case 'done':
        return { event: 'done', name: notice.name, bytes: notice.bytes, resumedFrom: notice.resumedFrom || undefined, seconds: rounded(notice.seconds) };
      case 'failed':
        return { event: 'failed', name: notice.name, bytes: notice.bytes, error: notice.message };
      case 'result': {
        const { error, ...result } = notice.result;
        return { event: 'result', ...result, ms: Math.round(result.ms), error: error?.message, dryRun: notice.dryRun || undefined };
      }
      case 'end':
        return { event: 'end', ...notice.count.actions, bytes: notice.count.bytes, seconds: rounded(notice.seconds), dryRun: notice.dryRun || undefined };
      case 'message':
        return { event: 'message', text: notice.text };
    }
  }

  #write(value: object): void {
    this.output.write(`${jsonLine(value)}\n`);
  }
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}

function red(text: string): string {
  return `\x1b[31m${text}\x1b[39m`;
}

/** Seconds without a bar: a file that is done by then has a line only. */
const WITHOUT_BAR = 0.25;

/** Bars at the bottom of a terminal, and lines above them for what is done and what went wrong. */
class Bars implements Manner {
  readonly interval = 100;
  readonly #lines: LiveLines;
  readonly #color: boolean;
  readonly #unicode: boolean;
  #labelWidth = 0;

  constructor(
    private readonly terminal: DisplayOutput,
    env: NodeJS.ProcessEnv,
  ) {
    this.#lines = new LiveLines(terminal);
    this.#color = !env['NO_COLOR'];
    const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
    // Terminals of East Asia may draw lines and dots two columns wide.
    this.#unicode = /utf-?8/i.test(locale) && !/^(ja|ko|zh)/.test(locale);
  }

  tick(running: readonly Running[]): void {
    const shown = running.filter(({ seconds }) => seconds >= WITHOUT_BAR);
    for (const { what } of shown) this.#widenTo('name' in what ? textWidth(escapeControls(what.name)) : LABEL_OF_TREE);
    this.#lines.draw(renderBars(shown.flatMap(({ bars }) => bars), this.#look, this.#labelWidth));
  }

  show(notice: Notice): void {
    const isFailure = notice.kind === 'failed' || (notice.kind === 'result' && notice.result.action === 'failed');
    // What became of each file of a tree is too much to read, unless something is wrong with it.
    if (notice.kind === 'result' && !isFailure && notice.result.action !== 'skipped' && !notice.dryRun) return;
    if (notice.kind === 'done') return this.#showDone(notice);
    for (const line of inWords(notice, widthOf(this.#look)).split('\n').map(escapeControls)) this.#lines.print(isFailure && this.#color ? red(line) : line);
  }

  rest(): void {
    this.#lines.draw([]);
  }

  close(): void {
    this.#lines.leave();
  }

  #showDone(done: Done): void {
    this.#widenTo(textWidth(escapeControls(done.name)));
    this.#lines.print(renderDone(done, this.#look, this.#labelWidth));
  }

  #widenTo(width: number): void {
    this.#labelWidth = Math.max(this.#labelWidth, width);
  }

  get #look(): Look {
    return { columns: this.terminal.columns || 80, rows: this.terminal.rows || 24, color: this.#color, unicode: this.#unicode };
  }
}

/** A notice in words. What is from the server is escaped; the newlines are those of a message, and of what is wider than `width`. */
function inWords(notice: Notice, width = Infinity): string {
  switch (notice.kind) {
    case 'done':
      return `${escapeControls(notice.name)}: ${describeDone(notice)}`;
    case 'failed':
      return `${escapeControls(notice.name)}: ${escapeControls(notice.message)}`;
    case 'result':
      return describeResult(notice.result, notice.dryRun);
    case 'end':
      return describeTree(notice, width);
    case 'message':
      return notice.text;
  }
}

type Action = TreeResult['action'];

const WOULD: Readonly<Record<Action, string>> = {
  downloaded: 'would download', uploaded: 'would upload', created: 'would create', deleted: 'would delete', swapped: 'would swap', skipped: 'would skip', failed: 'failed',
};

/** `downloaded deep/notes.txt, 12.3 kB`. */
export function describeResult({ action, path, bytes, reason, error }: TreeResult, dryRun = false): string {
  const isSized = (action === 'downloaded' || action === 'uploaded') && !(dryRun && bytes === 0); // what an upload would send is not known
  const size = isSized ? `, ${formatSize(bytes)}` : '';
  const why = [...(reason === undefined ? [] : [reason]), ...(error ? [sentenceOf(error)] : [])];
  return [`${dryRun ? WOULD[action] : action} ${escapeControls(path || '.')}${size}`, ...why].join(': ');
}

function isUnchanged({ action, reason, error }: TreeResult): boolean {
  return action === 'skipped' && reason === 'exists' && !error;
}

/** What has become of a tree. */
class TreeCount {
  readonly actions: Partial<Record<Action | 'unchanged', number>> = {};
  bytes = 0;

  add(result: TreeResult): void {
    const action = isUnchanged(result) ? 'unchanged' : result.action;
    if (action === 'unchanged' && result.type === 'directory') return;
    this.actions[action] = (this.actions[action] ?? 0) + 1;
    if (action !== 'unchanged') this.bytes += result.bytes;
  }
}

/** `1,203 downloaded, 2 deleted, 797 unchanged, 1 failed: 29.1 MB in 00:21, 1.4 MB/s`. */
function describeTree({ count: { actions, bytes }, seconds, dryRun }: Notice & { kind: 'end' }, width: number): string {
  const order = ['downloaded', 'uploaded', 'created', 'swapped', 'deleted', 'unchanged', 'skipped', 'failed'] as const;
  const nameOf = (action: Action | 'unchanged', count: number): string => (action === 'created' ? `${count === 1 ? 'folder' : 'folders'} created` : action);
  const counts = order.flatMap((action) => (actions[action] ? [`${formatCount(actions[action])} ${nameOf(action, actions[action])}`] : []));
  if (counts.length === 0) return 'nothing to do';
  const what = `${dryRun ? 'dry run: ' : ''}${counts.join(', ')}`;
  if (bytes === 0) return what;
  const size = dryRun ? formatSize(bytes) : describeDone({ bytes, resumedFrom: 0, seconds });
  return what.length + size.length + 2 <= width ? `${what}: ${size}` : `${what}\n${size}`;
}
