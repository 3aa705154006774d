import type { Progress } from '../bulk/progress';
import type { TreeResult } from '../bulk/tree-options';
import { escapeControls, formatCount, formatDuration, formatRate, formatSize, jsonLine, padded, shorten, textWidth } from './terminal';

/*
 * How far transfers are, for people at a terminal, for logs, and for programs. What is to be seen is made by functions of a state and a width, in the
 * first half; when and how it is written, by the classes of the second.
 */

/** How far a file is, or a tree as a whole. */
export interface BarState {
  /** What stands in front of the bar, as the server names it; of these, the first that fits. */
  readonly labels: readonly [string, ...string[]];
  readonly bytes: number;
  readonly total: number | undefined;
  /** Bytes a second. */
  readonly rate: number;
  /** Seconds that are left. */
  readonly eta: number | undefined;
  /** Of a tree: what was done last. */
  readonly path?: string;
}

/** What a terminal is like. */
export interface Look {
  readonly columns: number;
  readonly rows: number;
  readonly color: boolean;
  /** Whether lines and dots of Unicode are drawn, and one column wide; else there are those of ASCII. */
  readonly unicode: boolean;
}

/** Columns of the figures, which keep their places while they grow. */
const PERCENT = 4;
const BYTES = 7;
const BYTES_OF_TOTAL = 18;
const RATE = 9;
const ETA = 7;

const WIDEST_BAR = 40;
const NARROWEST_BAR = 10;
const NARROWEST_LABEL = 12;

/**
 * The lines of all bars. One that does not fit into the height is counted in the last line. No line fills the last column: where a terminal goes to the
 * next line, and what it erases there, differs between terminals.
 *
 * @param labelWidth columns that labels may want: the longest so far, so that the bars do not jump when a file ends
 */
export function renderBars(states: readonly BarState[], look: Look, labelWidth = widestLabel(states)): string[] {
  const room = Math.max(1, look.rows - 1);
  const lines = states.flatMap((state) => [renderBar(state, look, labelWidth), ...(state.path === undefined ? [] : [renderPath(state.path, look)])]);
  if (lines.length <= room) return lines;
  return room === 1 ? lines.slice(0, 1) : [...lines.slice(0, room - 1), shorten(`and ${formatCount(lines.length - room + 1)} more`, widthOf(look), '')];
}

export function widestLabel(states: readonly BarState[]): number {
  return Math.max(0, ...states.map(({ labels: [label] }) => textWidth(escapeControls(label))));
}

/** The columns of one line; `bar` and `bytes` are 0 where they have no room. */
interface Layout {
  readonly gap: number;
  readonly label: number;
  readonly bar: number;
  readonly bytes: number;
}

function widthOf({ columns }: Look): number {
  return Math.max(1, columns - 1);
}

/** From the widest terminal to the narrowest: all figures; those of the bytes without the total; neither bytes nor bar; undefined for the percentage alone. */
function layoutOf(width: number, labelWidth: number): Layout | undefined {
  const gap = width >= 90 ? 2 : 1;
  const bytes = width >= 90 ? BYTES_OF_TOTAL : BYTES;
  const rest = width - PERCENT - bytes - RATE - ETA - 5 * gap;
  if (rest >= NARROWEST_LABEL + NARROWEST_BAR) {
    const label = Math.min(labelWidth, Math.max(NARROWEST_LABEL, Math.floor(rest * 0.55)));
    return { gap, label, bar: Math.min(WIDEST_BAR, rest - label), bytes };
  }
  const label = width - PERCENT - RATE - ETA - 3;
  return label >= NARROWEST_LABEL ? { gap: 1, label, bar: 0, bytes: 0 } : undefined;
}

function renderBar(state: BarState, look: Look, labelWidth: number): string {
  const width = widthOf(look);
  const layout = layoutOf(width, labelWidth);
  const percent = percentOf(state).padStart(PERCENT);
  if (!layout) {
    const figure = state.total === undefined ? formatSize(state.bytes) : percent;
    const label = width - figure.length - 1;
    return label >= 4 ? `${labelOf(state, label, look)} ${figure}` : shorten(figure.trim(), width, '');
  }
  const label = labelOf(state, layout.label, look);
  const rate = formatRate(state.rate).padStart(RATE);
  const eta = (state.eta === undefined ? '' : formatDuration(state.eta)).padStart(ETA);
  // Without a total, there is no time left, and the bytes stand in its place.
  if (layout.bar === 0) return [label, percent, rate, state.total === undefined ? formatSize(state.bytes).padStart(ETA) : eta].join(' ').trimEnd();
  const bytes = (layout.bytes === BYTES ? formatSize(state.bytes) : bytesOf(state)).padStart(layout.bytes);
  return [label, barOf(state, layout.bar, look), percent, bytes, rate, eta].join(' '.repeat(layout.gap)).trimEnd();
}

/** The line that stays of a file that is done: what came where the bar was, without its rate where that has no room. */
function renderDone(name: string, bytes: number, seconds: number, look: Look, labelWidth: number): string {
  const width = widthOf(look);
  const wanted = Math.min(Math.max(labelWidth, textWidth(escapeControls(name))), layoutOf(width, labelWidth)?.label ?? 0);
  for (const text of [`${describeTransfer(bytes, seconds)}${describeRate(bytes, seconds)}`, describeTransfer(bytes, seconds)]) {
    const room = Math.min(wanted, width - text.length - 2);
    if (room >= Math.min(wanted, NARROWEST_LABEL)) return `${labelOf({ labels: [name] }, room, look)}  ${text}`;
  }
  return `${escapeControls(name)}: ${describeTransfer(bytes, seconds)}`;
}

function labelOf({ labels }: Pick<BarState, 'labels'>, width: number, { unicode }: Look): string {
  const all = labels.map(escapeControls);
  const fitting = all.find((label) => textWidth(label) <= width) ?? (all.at(-1) as string);
  return padded(shorten(fitting, width, unicode ? '…' : '...'), width);
}

function renderPath(path: string, look: Look): string {
  const text = shorten(escapeControls(path), widthOf(look), look.unicode ? '…' : '...');
  return look.color && text !== '' ? dim(text) : text;
}

/** Whole percent; 100 only when all bytes have passed. */
function percentOf({ bytes, total }: BarState): string {
  return total === undefined ? '' : `${Math.floor(ratioOf(bytes, total) * 100)}%`;
}

function ratioOf(bytes: number, total: number): number {
  return total > 0 ? Math.min(1, bytes / total) : 1;
}

function bytesOf({ bytes, total }: BarState): string {
  return total === undefined ? formatSize(bytes) : `${formatSize(bytes)} of ${formatSize(total)}`;
}

/** The bar itself, in steps of half a column; an empty one without a total. */
function barOf({ bytes, total }: BarState, width: number, { color, unicode }: Look): string {
  const halves = total === undefined ? 0 : Math.floor(ratioOf(bytes, total) * width * 2);
  const full = Math.floor(halves / 2);
  const half = unicode && halves % 2 === 1 ? '╸' : '';
  const done = (unicode ? '━' : '#').repeat(full) + half;
  const left = (unicode ? '─' : '.').repeat(width - full - half.length);
  return color ? (done && `\x1b[36m${done}\x1b[39m`) + (left && dim(left)) : done + left;
}

function dim(text: string): string {
  return `\x1b[2m${text}\x1b[22m`;
}

function red(text: string): string {
  return `\x1b[31m${text}\x1b[39m`;
}

/** `42%, 12.3 MB of 29.1 MB, 1.4 MB/s, 03:12 left`: a bar in words, for where there is no terminal. */
export function describeBar(state: BarState): string {
  const left = state.eta === undefined ? '' : `${formatDuration(state.eta)} left`;
  return [percentOf(state), bytesOf(state), formatRate(state.rate), left].filter((each) => each !== '').join(', ');
}

/** `29.1 MB in 00:21`. */
function describeTransfer(bytes: number, seconds: number): string {
  return `${formatSize(bytes)} in ${seconds < 10 ? `${seconds.toFixed(1)} s` : formatDuration(seconds)}`;
}

/** `, 1.4 MB/s`; nothing of what took too short a time to know. */
function describeRate(bytes: number, seconds: number): string {
  return seconds >= 0.1 ? `, ${formatRate(bytes / seconds)}` : '';
}

type Action = TreeResult['action'];

const WOULD: Readonly<Record<Action, string>> = {
  downloaded: 'would download', uploaded: 'would upload', created: 'would create', deleted: 'would delete', swapped: 'would swap', skipped: 'would skip', failed: 'failed',
};

/** `downloaded deep/notes.txt, 12.3 kB`. */
export function describeResult({ action, path, bytes, reason, error }: TreeResult, dryRun = false): string {
  const isSized = (action === 'downloaded' || action === 'uploaded') && !(dryRun && bytes === 0); // what an upload would send is not known
  const size = isSized ? `, ${formatSize(bytes)}` : '';
  const why = [reason, error?.message].filter((each) => each !== undefined);
  return `${dryRun ? WOULD[action] : action} ${escapeControls(path || '.')}${size}${why.map((each) => `: ${escapeControls(each)}`).join('')}`;
}

/** What has become of a tree. */
export class TreeCount {
  readonly actions: Partial<Record<Action | 'unchanged', number>> = {};
  bytes = 0;

  add({ action, type, bytes, reason }: TreeResult): void {
    if (action === 'skipped' && reason === 'exists') {
      if (type !== 'directory') this.#count('unchanged');
      return;
    }
    this.#count(action);
    this.bytes += bytes;
  }

  /** `1,203 downloaded, 2 deleted, 797 unchanged, 1 failed: 29.1 MB in 00:21, 1.4 MB/s`. */
  describe(seconds: number, dryRun: boolean): string {
    const order = ['downloaded', 'uploaded', 'created', 'swapped', 'deleted', 'unchanged', 'skipped', 'failed'] as const;
    const nameOf = (action: (typeof order)[number], count: number): string => (action === 'created' ? `${count === 1 ? 'folder' : 'folders'} created` : action);
    const counts = order.flatMap((action) => (this.actions[action] ? [`${formatCount(this.actions[action])} ${nameOf(action, this.actions[action])}`] : []));
    if (counts.length === 0) return 'nothing to do';
    const bytes = this.bytes === 0 ? '' : `: ${dryRun ? formatSize(this.bytes) : describeTransfer(this.bytes, seconds) + describeRate(this.bytes, seconds)}`;
    return `${dryRun ? 'dry run: ' : ''}${counts.join(', ')}${bytes}`;
  }

  #count(action: Action | 'unchanged'): void {
    this.actions[action] = (this.actions[action] ?? 0) + 1;
  }
}

/** Where a display writes: a terminal, a file, a pipe. */
export interface DisplayOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/** Where the time comes from. */
export interface DisplayClock {
  /** Milliseconds that only ever grow. */
  now(): number;
  /** Calls back at this interval, and keeps no process alive; the function returned calls it off. */
  every(milliseconds: number, act: () => void): () => void;
}

export interface ProgressDisplayOptions {
  /** `auto`: bars on a terminal, else lines. `json`: a line of JSON for each report, each second, and for each file that is done. `quiet`: nothing. Default `auto`. */
  readonly mode?: 'auto' | 'lines' | 'json' | 'quiet';
  /** Where bars and lines go. Default: stderr, so that stdout is free for the bytes of a file. */
  readonly output?: DisplayOutput;
  /** Where lines of JSON go. Default: stdout. */
  readonly json?: Pick<DisplayOutput, 'write'>;
  /** `NO_COLOR`, `TERM`, and the locale of `LC_ALL`, `LC_CTYPE`, `LANG` count. Default: that of the process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default: the time of this machine. */
  readonly clock?: DisplayClock;
}

/** The transfer of a file, as the display has it. */
export interface FileDisplay {
  /** So many more bytes have passed. */
  advance(bytes: number): void;
  /** The library's own report, which knows what an earlier attempt has done. */
  progress(progress: Progress): void;
  /** All has passed. `bytes`: those that came now, where a part was there before; default: all. */
  done(bytes?: number): void;
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
  /** Shows a line for every result, also on a terminal and for what is as it should be. Default false. */
  readonly all?: boolean;
  /** The results say what would be done. Default false. */
  readonly dryRun?: boolean;
}

/** A way of showing: on a terminal, in lines, as JSON, or not at all. */
interface Manner {
  /** Milliseconds between two calls of `tick`. */
  readonly interval: number;
  tick(running: readonly Running[]): void;
  fileDone(file: Running, transferred: number, seconds: number): void;
  fileFailed(file: Running, message: string): void;
  treeResult(result: TreeResult, options: TreeDisplayOptions): void;
  treeEnd(count: TreeCount, seconds: number, options: TreeDisplayOptions): void;
  line(text: string): void;
  /** Nothing runs any more. */
  rest(): void;
  close(): void;
}

const systemClock: DisplayClock = {
  now: () => performance.now(),
  every(milliseconds, act) {
    const timer = setInterval(act, milliseconds).unref();
    return () => clearInterval(timer);
  },
};

/** Shows how far files and trees are, several at the same time. It never throws, and keeps no process alive. */
export class ProgressDisplay {
  readonly #manner: Manner;
  readonly #clock: DisplayClock;
  readonly #running = new Set<Running>();
  #stopTimer: (() => void) | undefined;

  constructor({ mode = 'auto', output = process.stderr, json = process.stdout, env = process.env, clock = systemClock }: ProgressDisplayOptions = {}) {
    this.#clock = clock;
    if (mode === 'quiet') this.#manner = nothing;
    else if (mode === 'json') this.#manner = new JsonLines(json);
    else if (mode === 'auto' && output.isTTY && env['TERM'] !== 'dumb') this.#manner = new Bars(output, env);
    else this.#manner = new Lines(output);
  }

  /** A file's transfer begins. `total`: its bytes, where they are known. */
  file(name: string, total?: number): FileDisplay {
    const file = new Running(this.#clock, name, total);
    this.#begin(file);
    return {
      advance: (bytes) => file.advance(bytes),
      progress: (progress) => file.report(progress),
      done: (bytes) => this.#end(file, (seconds) => this.#manner.fileDone(file, bytes ?? file.bytes, seconds)),
      failed: (message) => this.#end(file, () => this.#manner.fileFailed(file, message)),
    };
  }

  /** A tree's transfer begins. */
  tree(options: TreeDisplayOptions = {}): TreeDisplay {
    const tree = new Running(this.#clock);
    const count = new TreeCount();
    this.#begin(tree);
    return {
      progress: (progress) => tree.report(progress),
      result: (result) => {
        count.add(result);
        if (!isUnchanged(result)) tree.path = result.path;
        this.#manner.treeResult(result, options);
      },
      end: () => this.#end(tree, (seconds) => this.#manner.treeEnd(count, seconds, options)),
    };
  }

  /** Shows a text above the bars. Its newlines stay, and other controls are shown as such. */
  line(text: string): void {
    this.#manner.line(text);
  }

  /** Shows no more: a bar whose transfer has not ended stays as it is, and the cursor is seen again. May be called more than once. */
  close(): void {
    this.#running.clear();
    this.#stop();
    this.#manner.close();
  }

  #begin(running: Running): void {
    this.#running.add(running);
    this.#stopTimer ??= this.#clock.every(this.#manner.interval, () => this.#manner.tick([...this.#running]));
  }

  #end(running: Running, show: (seconds: number) => void): void {
    if (!this.#running.delete(running)) return;
    show(running.seconds);
    if (this.#running.size > 0) return;
    this.#stop();
    this.#manner.rest();
  }

  #stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }
}

/** Milliseconds over which the rate is taken, and between two looks at the bytes. */
const RATE_WINDOW = 5000;
const RATE_STEP = 250;

/** A file or tree that is being transferred. */
class Running {
  bytes = 0;
  /** Of a tree: the path of its last result. */
  path: string | undefined;
  #progress: Progress | undefined;
  readonly #began: number;
  #samples: { readonly at: number; readonly bytes: number }[];

  /** @param name the file's; none for a tree */
  constructor(
    private readonly clock: DisplayClock,
    readonly name?: string,
    private total?: number,
  ) {
    this.#began = clock.now();
    this.#samples = [{ at: this.#began, bytes: 0 }];
  }

  get seconds(): number {
    return (this.clock.now() - this.#began) / 1000;
  }

  advance(bytes: number): void {
    this.bytes += bytes;
  }

  report(progress: Progress): void {
    this.#progress = progress;
    this.bytes = progress.bytes;
    this.total = progress.total ?? this.total;
  }

  get state(): BarState {
    const { bytes, total } = this;
    const rate = this.#progress?.rate ?? this.#rate();
    const left = total === undefined ? undefined : Math.max(0, total - bytes);
    const eta = this.#progress ? this.#progress.eta : left === 0 ? 0 : left !== undefined && rate > 0 ? left / rate : undefined;
    return { labels: this.#labels(), bytes, total, rate, eta, ...(this.name === undefined ? { path: this.path ?? '' } : {}) };
  }

  /** The same as one object of JSON. */
  get json(): object {
    const { bytes, total, rate, eta } = this.state;
    const { files, totalFiles } = this.#progress ?? {};
    return { ...(this.name === undefined ? { files, totalFiles } : { name: this.name }), bytes, total, rate: Math.round(rate), eta: eta === undefined ? undefined : Math.round(eta) };
  }

  #labels(): readonly [string, ...string[]] {
    if (this.name !== undefined) return [this.name];
    const { files = 0, totalFiles } = this.#progress ?? {};
    const done = formatCount(files);
    return totalFiles === undefined ? [`${done} ${files === 1 ? 'file' : 'files'}`] : [`${done} of ${formatCount(totalFiles)} files`, `${done}/${formatCount(totalFiles)}`];
  }

  #rate(): number {
    const now = this.clock.now();
    const newest = this.#samples.at(-1);
    if (newest && now - newest.at >= RATE_STEP) this.#samples.push({ at: now, bytes: this.bytes });
    while (this.#samples.length > 2 && now - (this.#samples[1] as { at: number }).at >= RATE_WINDOW) this.#samples.shift();
    const [first = { at: now, bytes: 0 }] = this.#samples;
    return now > first.at ? ((this.bytes - first.bytes) / (now - first.at)) * 1000 : 0;
  }
}

function isUnchanged({ action, reason, error }: TreeResult): boolean {
  return action === 'skipped' && reason === 'exists' && !error;
}

const nothing: Manner = {
  interval: 3_600_000,
  tick: () => undefined,
  fileDone: () => undefined,
  fileFailed: () => undefined,
  treeResult: () => undefined,
  treeEnd: () => undefined,
  line: () => undefined,
  rest: () => undefined,
  close: () => undefined,
};

/** A line for each file when it is done, and one each ten seconds for what takes longer. */
class Lines implements Manner {
  readonly interval: number = 10_000;

  constructor(private readonly output: Pick<DisplayOutput, 'write'>) {}

  tick(running: readonly Running[]): void {
    for (const { state } of running) this.line(`${escapeControls(state.labels[0])}: ${describeBar(state)}`);
  }

  fileDone({ name = '' }: Running, transferred: number, seconds: number): void {
    this.line(`${escapeControls(name)}: ${describeTransfer(transferred, seconds)}${describeRate(transferred, seconds)}`);
  }

  fileFailed({ name = '' }: Running, message: string): void {
    this.line(`${escapeControls(name)}: ${escapeControls(message)}`);
  }

  treeResult(result: TreeResult, { all = false, dryRun = false }: TreeDisplayOptions): void {
    if (all || !isUnchanged(result)) this.line(describeResult(result, dryRun));
  }

  treeEnd(count: TreeCount, seconds: number, { dryRun = false }: TreeDisplayOptions): void {
    this.line(count.describe(seconds, dryRun));
  }

  line(text: string): void {
    this.output.write(`${text.split('\n').map(escapeControls).join('\n')}\n`);
  }

  rest(): void {
    // nothing stands that would have to go
  }

  close(): void {
    // nothing stands that would have to go
  }
}

/** A line of JSON for each transfer each second, and one for each file that is done. */
class JsonLines implements Manner {
  readonly interval = 1000;

  constructor(private readonly output: Pick<DisplayOutput, 'write'>) {}

  tick(running: readonly Running[]): void {
    for (const { json } of running) this.#write({ event: 'progress', ...json });
  }

  fileDone({ name }: Running, bytes: number, seconds: number): void {
    this.#write({ event: 'done', name, bytes, seconds: rounded(seconds) });
  }

  fileFailed({ name, bytes }: Running, error: string): void {
    this.#write({ event: 'failed', name, bytes, error });
  }

  treeResult({ error, ...result }: TreeResult, { dryRun }: TreeDisplayOptions): void {
    this.#write({ event: 'result', ...result, ms: Math.round(result.ms), error: error?.message, dryRun });
  }

  treeEnd({ actions, bytes }: TreeCount, seconds: number, { dryRun }: TreeDisplayOptions): void {
    this.#write({ event: 'end', ...actions, bytes, seconds: rounded(seconds), dryRun });
  }

  line(text: string): void {
    this.#write({ event: 'message', text });
  }

  rest(): void {
    // nothing stands that would have to go
  }

  close(): void {
    // nothing stands that would have to go
  }

  #write(value: object): void {
    this.output.write(`${jsonLine(value)}\n`);
  }
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}

/** The same lines on a terminal, in colour, and bars below them. */
class Bars extends Lines {
  override readonly interval: number = 100;
  readonly #block: Block;
  readonly #color: boolean;
  readonly #unicode: boolean;
  #labelWidth = 0;

  constructor(
    private readonly terminal: DisplayOutput,
    env: NodeJS.ProcessEnv,
  ) {
    super(terminal);
    this.#block = new Block(terminal);
    this.#color = !env['NO_COLOR'];
    const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
    // Terminals of East Asia may draw lines and dots two columns wide.
    this.#unicode = /utf-?8/i.test(locale) && !/^(ja|ko|zh)/.test(locale);
  }

  override tick(running: readonly Running[]): void {
    const states = running.map(({ state }) => state);
    this.#labelWidth = Math.max(this.#labelWidth, widestLabel(states));
    this.#block.draw(renderBars(states, this.#look, this.#labelWidth));
  }

  override fileDone({ name = '' }: Running, transferred: number, seconds: number): void {
    this.#labelWidth = Math.max(this.#labelWidth, textWidth(escapeControls(name)));
    this.#block.print(renderDone(name, transferred, seconds, this.#look, this.#labelWidth));
  }

  override fileFailed({ name = '' }: Running, message: string): void {
    this.#fail(`${name}: ${message}`);
  }

  override treeResult(result: TreeResult, options: TreeDisplayOptions): void {
    const isAsItShouldBe = result.action !== 'failed' && (result.action !== 'skipped' || isUnchanged(result));
    if (isAsItShouldBe && !options.all && !options.dryRun) return;
    if (result.action === 'failed') this.#fail(describeResult(result));
    else if (options.all || !isUnchanged(result)) this.line(describeResult(result, options.dryRun));
  }

  override line(text: string): void {
    for (const line of text.split('\n')) this.#block.print(escapeControls(line));
  }

  override rest(): void {
    this.#block.draw([]);
  }

  override close(): void {
    this.#block.leave();
  }

  #fail(text: string): void {
    const escaped = escapeControls(text);
    this.#block.print(this.#color ? red(escaped) : escaped);
  }

  get #look(): Look {
    return { columns: this.terminal.columns || 80, rows: this.terminal.rows || 24, color: this.#color, unicode: this.#unicode };
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Lines at the bottom of a terminal that are drawn anew in their places. The cursor is hidden while they stand, and stays at the beginning of the first
 * of them: when the terminal gets another width and breaks the lines anew, it is still there.
 */
class Block {
  #drawn: readonly string[] = [];
  /** Lines to be printed above, with the next drawing. */
  #above: string[] = [];
  #isResized = false;

  constructor(private readonly output: DisplayOutput) {}

  /** Prints a line above the block: with the next drawing, or now where nothing stands. */
  print(line: string): void {
    this.#above.push(line);
    if (this.#drawn.length === 0) this.draw([]);
  }

  /** Draws the lines in place of those that stand, in one write, and only those that differ. */
  draw(lines: readonly string[]): void {
    const before = this.#drawn;
    const isWhole = this.#isResized || this.#above.length > 0;
    if (!isWhole && lines.length === before.length && lines.every((line, i) => line === before[i])) return;
    let text = '';
    let row = 0;
    const moveTo = (next: number): void => {
      text += '\r\n'.repeat(next - row);
      row = next;
    };
    if (before.length > 0) text += isWhole ? '\r\x1b[J' : '\r';
    text += this.#above.map((line) => `${line}\r\n`).join('');
    if (before.length === 0 && lines.length > 0) text += '\x1b[?25l';
    lines.forEach((line, i) => {
      if (!isWhole && line === before[i]) return;
      moveTo(i);
      // A terminal that takes a character for wider than we do cuts the line, and does not begin another.
      text += `\x1b[?7l${line}\x1b[K\x1b[?7h`;
    });
    if (!isWhole && lines.length < before.length) {
      moveTo(lines.length);
      text += '\r\x1b[J';
    }
    if (row > 0) text += `\x1b[${row}A`;
    if (lines.length > 0) text += '\r';
    else if (before.length > 0) text += '\x1b[?25h';
    this.#drawn = lines;
    this.#above = [];
    this.#isResized = false;
    if (before.length === 0 && lines.length > 0) this.#listen();
    if (before.length > 0 && lines.length === 0) this.#unlisten();
    this.output.write(text);
  }

  /** Leaves the lines as they stand, and the cursor below them. */
  readonly leave = (): void => {
    if (this.#drawn.length === 0) return;
    const lines = this.#drawn;
    this.#isResized = true;
    this.draw(lines);
    this.#drawn = [];
    this.#unlisten();
    this.output.write(`${'\r\n'.repeat(lines.length)}\x1b[?25h`);
  };

  /** Another listener ends the program by itself, or goes on. */
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (process.listenerCount(signal) > 1) return;
    this.leave();
    process.kill(process.pid, signal);
  };

  /** When the process goes on, the next drawing hides the cursor again. */
  readonly #onStop = (): void => {
    this.leave();
    process.kill(process.pid, 'SIGSTOP');
  };

  readonly #onResize = (): void => {
    this.#isResized = true;
  };

  #listen(): void {
    this.output.on('resize', this.#onResize);
    process.on('exit', this.leave).on('uncaughtExceptionMonitor', this.leave).on('SIGTSTP', this.#onStop);
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  #unlisten(): void {
    this.output.off('resize', this.#onResize);
    process.off('exit', this.leave).off('uncaughtExceptionMonitor', this.leave).off('SIGTSTP', this.#onStop);
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }
}
