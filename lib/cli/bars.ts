import { escapeControls, formatCount, formatDuration, formatRate, formatSize, padded, shorten, textWidth } from './text';

/*
 * What a bar looks like, and what stays of it: functions of how far a transfer is, and of what the terminal is like. Nothing is written here.
 */

/** How far a file is, or a tree as a whole. */
export interface BarState {
  /** What stands in front of the bar, as the server names it; of these, the first that fits. */
  readonly labels: readonly [string, ...string[]];
  readonly bytes: number;
  readonly total: number | undefined;
  /** Bytes a second; 0 when nothing moves, undefined where that is not known. */
  readonly rate: number | undefined;
  /** Seconds that are left. */
  readonly eta: number | undefined;
  /** Seconds that it has taken so far. */
  readonly seconds: number;
}

/** A file that is done. */
export interface Done {
  readonly name: string;
  /** Bytes that came now. */
  readonly bytes: number;
  /** Bytes that were there before. */
  readonly resumedFrom: number;
  readonly seconds: number;
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
/** Of a tree, the names that will come are not known yet, and its bar is to stay where it is. */
export const LABEL_OF_TREE = 28;

/**
 * The lines of all bars. Those that do not fit into the height are counted in the last line. No line fills the last column: where a terminal goes to the
 * next line, and what it erases there, differs between terminals.
 *
 * @param labelWidth columns that labels may want: the longest so far, so that the bars do not jump when a file ends
 */
export function renderBars(states: readonly BarState[], look: Look, labelWidth: number): string[] {
  const room = Math.max(1, look.rows - 1);
  const fitting = states.length <= room ? states.length : Math.max(1, room - 1);
  const lines = states.slice(0, fitting).map((state) => renderBar(state, look, labelWidth));
  return fitting === states.length || room === 1 ? lines : [...lines, shorten(`and ${formatCount(states.length - fitting)} more`, widthOf(look), '')];
}

export function widthOf({ columns }: Look): number {
  return Math.max(1, columns - 1);
}

/** The columns of one line; `bar` and `bytes` are 0 where they have no room. */
interface Layout {
  readonly gap: number;
  readonly label: number;
  readonly bar: number;
  readonly bytes: number;
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
  const { labels, bytes, total } = state;
  const width = widthOf(look);
  if (!hasBegun(state)) return labelOf(labels, width, look).trimEnd();
  const layout = layoutOf(width, labelWidth);
  const percent = percentOf(state).padStart(PERCENT);
  if (!layout) {
    const figure = total === undefined ? formatSize(bytes) : percent;
    const label = width - figure.length - 1;
    return label >= 4 ? `${labelOf(labels, label, look)} ${figure}` : shorten(figure.trim(), width, '');
  }
  const label = labelOf(labels, layout.label, look);
  const rate = rateOf(state).padStart(RATE);
  const eta = (state.eta === undefined ? '' : formatDuration(state.eta)).padStart(ETA);
  // Without a total, there is no time left, and the bytes stand in its place.
  if (layout.bar === 0) return [label, percent, rate, total === undefined ? formatSize(bytes).padStart(ETA) : eta].join(' ').trimEnd();
  const size = (layout.bytes === BYTES ? formatSize(bytes) : bytesOf(state)).padStart(layout.bytes);
  return [label, barOf(state, layout.bar, look), percent, size, rate, eta].join(' '.repeat(layout.gap)).trimEnd();
}

/** The line that stays of a file that is done: what came where the bar was, without its rate and its time where those have no room. */
export function renderDone(done: Done, look: Look, labelWidth: number): string {
  const width = widthOf(look);
  const wanted = Math.min(labelWidth, layoutOf(width, labelWidth)?.label ?? width);
  const texts = [describeDone(done), describeDone(done, false), formatSize(done.bytes)] as const;
  const roomFor = (text: string): number => Math.min(wanted, width - text.length - 2);
  const text = texts.find((each) => roomFor(each) >= Math.min(wanted, NARROWEST_LABEL)) ?? texts[2];
  return roomFor(text) >= Math.min(wanted, 4) ? `${labelOf([done.name], roomFor(text), look)}  ${text}` : labelOf([done.name], width, look);
}

/** Letters that are written from right to left: in such a name's line, a terminal that knows of them would put the figures before it. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const LEFT_TO_RIGHT_MARK = '\u200e';

function labelOf(labels: readonly string[], width: number, { unicode }: Look): string {
  const all = labels.map(escapeControls);
  const fitting = all.find((label) => textWidth(label) <= width) ?? (all.at(-1) as string);
  const label = padded(shorten(fitting, width, unicode ? '…' : '...'), width);
  return unicode && RIGHT_TO_LEFT.test(label) ? LEFT_TO_RIGHT_MARK + label + LEFT_TO_RIGHT_MARK : label;
}

/** The bar itself, in steps of half a column. */
function barOf(state: BarState, width: number, look: Look): string {
  const { bytes, total } = state;
  if (total === undefined) return wanderingBar(state, width, look);
  const halves = Math.floor(ratioOf(bytes, total) * width * 2);
  const full = Math.floor(halves / 2);
  const half = look.unicode && halves % 2 === 1;
  return piece(full, true, look, half ? '╸' : '') + piece(width - full - (half ? 1 : 0), false, look);
}

/** Columns that a bar without a total goes in a second. */
const PACE = 5;

/** The bar without a total: a piece of it goes to and fro while bytes come. */
function wanderingBar({ rate = 0, seconds }: BarState, width: number, look: Look): string {
  if (rate === 0) return piece(width, false, look);
  const length = Math.ceil(width / 5);
  const way = width - length;
  const gone = Math.floor(seconds * PACE) % (2 * way);
  const left = Math.min(gone, 2 * way - gone);
  return piece(left, false, look) + piece(length, true, look) + piece(way - left, false, look);
}

/** A piece of a bar: what is done, in colour, or what is left. */
function piece(length: number, isDone: boolean, { color, unicode }: Look, end = ''): string {
  const text = (isDone ? (unicode ? '━' : '#') : unicode ? '─' : '.').repeat(length) + end;
  if (!color || text === '') return text;
  return isDone ? `\x1b[36m${text}\x1b[39m` : `\x1b[2m${text}\x1b[22m`;
}

/** Whether there is more to show than a name. */
function hasBegun({ bytes, total, rate }: BarState): boolean {
  return bytes > 0 || total !== undefined || rate !== undefined;
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

/** `1.4 MB/s`; nothing of what is not known, or is only waiting for the server's last word. */
function rateOf({ bytes, total, rate }: BarState): string {
  if (rate === undefined) return '';
  if (rate > 0) return formatRate(rate);
  return bytes === total ? '' : 'stalled';
}

/** `debian.iso: 42%, 12.3 MB of 29.1 MB, 1.4 MB/s, 03:12 left`: a bar in words. */
export function describeBar(state: BarState): string {
  const left = state.eta === undefined ? '' : `${formatDuration(state.eta)} left`;
  const figures = hasBegun(state) ? [percentOf(state), bytesOf(state), rateOf(state), left].filter((each) => each !== '') : ['no bytes yet'];
  return `${escapeControls(state.labels[0])}: ${figures.join(', ')}`;
}

/** `29.1 MB in 00:21, 1.4 MB/s`, and of a file of which a part was there before `12.0 MB of 29.1 MB in 00:09, 1.4 MB/s`. */
export function describeDone({ bytes, resumedFrom, seconds }: Omit<Done, 'name'>, hasRate = true): string {
  return `${resumedFrom > 0 ? `${formatSize(bytes)} of ` : ''}${describeTransfer(bytes + resumedFrom, seconds)}${hasRate ? describeRate(bytes, seconds) : ''}`;
}

/** `29.1 MB in 00:21`. */
function describeTransfer(bytes: number, seconds: number): string {
  return `${formatSize(bytes)} in ${seconds < 10 ? `${seconds.toFixed(1)} s` : formatDuration(seconds)}`;
}

/** `, 1.4 MB/s`; nothing of what took too short a time to know. */
function describeRate(bytes: number, seconds: number): string {
  return bytes > 0 && seconds >= 0.1 ? `, ${formatRate(bytes / seconds)}` : '';
}
