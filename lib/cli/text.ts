/*
 * What a terminal shows of a text: the columns that it takes, and what a name from a server may do there. A text is taken apart into graphemes, what a
 * reader sees as one character (UAX 29), so that no accent or joined emoji is cut in two. The texts have no colours: who shows them adds those. The figures
 * for people are here, too.
 */

/** Nothing but printable ASCII: the quick way for nearly all names. */
const PLAIN = /^[\x20-\x7e]*$/;

/** An emoji that stands as a picture: by itself, with a variation selector, with a skin colour, joined with others, or as a flag. */
const PICTURE = /^(?=\p{Emoji}).*[\p{Emoji_Presentation}\ufe0f]/su;

/** Marks on the character before, formats, controls, and the vowels and finals of a Hangul syllable in parts. */
const WITHOUT_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}\p{Zl}\p{Zp}\u1160-\u11ff\ud7b0-\ud7ff]$/u;

/** East_Asian_Width W and F (UAX 11) without the emoji, as `first, last` in pairs. What is ambiguous there counts as narrow. */
const WIDE = [
  0x1100, 0x115f, 0x2329, 0x232a, 0x2e80, 0x303e, 0x3041, 0x3247, 0x3250, 0xa4cf, 0xa960, 0xa97f, 0xac00, 0xd7a3, 0xf900, 0xfaff, 0xfe10, 0xfe19, 0xfe30, 0xfe6f,
  0xff01, 0xff60, 0xffe0, 0xffe6, 0x16fe0, 0x18d08, 0x1aff0, 0x1b2fb, 0x1d300, 0x1d376, 0x1f200, 0x1f265, 0x20000, 0x3fffd,
];

/** What shows nothing, or changes what stands around it: controls, bidi marks and overrides, separators of lines, tags, fillers, halves of a pair. */
const HIDDEN =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u00ad\u061c\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e00ff}\u{e01f0}-\u{e0fff}]/gu;

/** The flags of England, Scotland, Wales, Texas: the one good use of tags. */
const FLAG_OF_TAGS = /^\u{1f3f4}[\u{e0030}-\u{e007a}]{3,6}\u{e007f}$/u;

let segmenter: Intl.Segmenter | undefined;

/** What a reader takes for one character each. */
function graphemes(text: string): string[] {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/**
 * The columns that a text takes on a terminal, 2 for wide characters and emoji, 0 for marks and controls. Terminals differ in joined emoji and in scripts
 * of India: none that draws a grapheme as a whole takes more columns.
 */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  return graphemes(text).reduce((width, grapheme) => width + graphemeWidth(grapheme), 0);
}

function graphemeWidth(grapheme: string): number {
  if (PICTURE.test(grapheme)) return 2;
  let width = 0;
  for (const character of grapheme) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  if (WITHOUT_WIDTH.test(character)) return 0;
  const code = character.codePointAt(0) as number;
  return WIDE.some((first, i) => i % 2 === 0 && code >= first && code <= (WIDE[i + 1] as number)) ? 2 : 1;
}

/** A text of at most `width` columns: what is too long loses its middle, in whole graphemes, and keeps its end, where the extension of a file's name is. */
export function shorten(text: string, width: number, ellipsis = '…'): string {
  if (textWidth(text) <= width) return text;
  const room = width - textWidth(ellipsis);
  if (room < 0) return '';
  const all = graphemes(text);
  const tail = taken(all.toReversed(), Math.ceil(room / 2)).reverse();
  const head = taken(all.slice(0, all.length - tail.length), room - textWidth(tail.join('')));
  return head.join('') + ellipsis + tail.join('');
}

/** As many from the beginning as fit into `width` columns. */
function taken(all: readonly string[], width: number): string[] {
  let left = width;
  const end = all.findIndex((grapheme) => (left -= graphemeWidth(grapheme)) < 0);
  return all.slice(0, end < 0 ? all.length : end);
}

/** A text filled up with blanks to `width` columns. */
export function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)));
}

/**
 * A name or message from a server as a terminal may show it. Controls, bidi marks, and what has no width and so would hide itself or sit on our own
 * text, stand as `\n`, `\x1b`, `\u202e`; all else stays. Backslashes stay, too: the result is for people, and not to be read back.
 */
export function escapeControls(text: string): string {
  if (PLAIN.test(text)) return text;
  return graphemes(text).map(escapeGrapheme).join('');
}

function escapeGrapheme(grapheme: string): string {
  if (graphemeWidth(grapheme) === 0) return Array.from(grapheme, escapeCharacter).join('');
  return FLAG_OF_TAGS.test(grapheme) ? grapheme : grapheme.replace(HIDDEN, escapeCharacter);
}

function escapeCharacter(character: string): string {
  const named = ({ '\n': '\\n', '\r': '\\r', '\t': '\\t' } as Readonly<Record<string, string>>)[character];
  if (named) return named;
  const code = (character.codePointAt(0) as number).toString(16);
  if (code.length <= 2) return `\\x${code.padStart(2, '0')}`;
  return code.length <= 4 ? `\\u${code.padStart(4, '0')}` : `\\u{${code}}`;
}

/** A value as one line of JSON without its newline, in which all that a terminal could obey stands as an escape of JSON: the same value, safe to look at. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(HIDDEN, (character) => character.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`));
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

/** Bytes for people, in units of 1000 as disks and networks have them (kB, MB, GB; IEC 80000-13), in at most 7 columns: `999 B`, `1.4 MB`, `12.3 GB`. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  const digits = (): string => (unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1));
  while (Number(digits()) >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${digits()} ${UNITS[unit] as string}`;
}

/** Bytes a second for people, in at most 9 columns: `1.4 MB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatSize(bytesPerSecond)}/s`;
}

/** Seconds for people, in at most 7 columns: `03:12`, `1:03:12`, `10h 05m`, `5d 05h`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [days, hours, minutes] = [Math.floor(whole / 86_400), Math.floor(whole / 3600), Math.floor(whole / 60)];
  const two = (value: number): string => String(value).padStart(2, '0');
  if (days > 99) return '>99d';
  if (hours > 99) return `${days}d ${two(hours % 24)}h`;
  if (hours > 9) return `${hours}h ${two(minutes % 60)}m`;
  if (hours > 0) return `${hours}:${two(minutes % 60)}:${two(whole % 60)}`;
  return `${two(minutes)}:${two(whole % 60)}`;
}

/** A number with commas: `1,203`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}
