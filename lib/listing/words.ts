// Characters, words and numbers of a line, found by their index: a listing has many lines, and a string for each word would cost more than reading it.

export const TAB = 0x09;
export const SP = 0x20;
export const COMMA = 0x2c;
export const DASH = 0x2d;
export const DOT = 0x2e;
const LF = 0x0a;
export const CR = 0x0d;
const ZERO = 0x30;
const NINE = 0x39;

/** A word that is longer is in no column but the name. */
export const LONGEST_WORD = 255;

/** More digits than this are no number that a listing has. */
const MOST_DIGITS = 40;

/** SP, TAB, and the LF that joins the lines of one entry. Never `\s`: U+0085 and U+00A0 may be bytes of a name. */
export function isBlank(code: number): boolean {
  return code === SP || code === TAB || code === LF;
}

/** An ASCII digit. */
export function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

/** The index of the first character from `from` on that is no blank; the line's length where there is none. */
export function skipBlanks(line: string, from: number): number {
  let i = from;
  while (i < line.length && isBlank(line.charCodeAt(i))) i++;
  return i;
}

/** True where nothing but blanks follows: a name would have nothing to show. */
export function isAllBlank(line: string, from = 0): boolean {
  return skipBlanks(line, from) === line.length;
}

/** A text without those of its last characters that are among `characters`. A regular expression such as `/\/+$/` takes the square of the length of a run within the text. */
export function withoutEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

/** The index of the first blank from `from` on, or the line's length; for a word longer than LONGEST_WORD an index within it. */
export function endOfWord(line: string, from: number): number {
  return endOfWordBefore(line, from, from + LONGEST_WORD + 1);
}

function endOfWordBefore(line: string, from: number, limit: number): number {
  const most = Math.min(line.length, limit);
  let i = from;
  while (i < most && !isBlank(line.charCodeAt(i))) i++;
  return i;
}

/** Where the name that begins at `at` and takes the rest of its line ends; -1 for `.` and `..`, a link of that name, and a name that begins with a blank or has a CR. */
export function endOfName(text: string, at: number): number {
  NAME.lastIndex = at;
  return NAME.test(text) ? NAME.lastIndex : -1;
}
const NAME = /(?!\.\.?(?:[\r\n]|$| -> ))[^ \t\r\n][^\r\n]*(?=\r?\n|$)/y;

/** The first `most` words of a line: a line of a megabyte must not become a list of all its words. */
export function firstWords(line: string, most: number): string[] {
  const words: string[] = [];
  for (let i = skipBlanks(line, 0); i < line.length && words.length < most; ) {
    const end = endOfWordBefore(line, i, line.length);
    words.push(line.slice(i, end));
    i = skipBlanks(line, end);
  }
  return words;
}

/** The index after the digits that begin at `from`; it looks at no more of them than a number can have. */
export function skipDigits(line: string, from: number): number {
  const most = Math.min(line.length, from + MOST_DIGITS);
  let i = from;
  while (i < most && isDigit(line.charCodeAt(i))) i++;
  return i;
}

/** The number from `start` to `end`, rounded above 2^53; -1 where anything but digits is there. */
export function numberAt(line: string, start: number, end: number): number {
  if (start >= end || end - start > MOST_DIGITS) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = line.charCodeAt(i) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** The number whose last digit is before `end`, where at most fifteen digits are known to be there. */
export function numberBefore(text: string, end: number): number {
  let value = 0;
  let weight = 1;
  for (let i = end - 1, digit = text.charCodeAt(i) - ZERO; digit >= 0 && digit <= 9; digit = text.charCodeAt(--i) - ZERO) {
    value += digit * weight;
    weight *= 10;
  }
  return value;
}

/** The number of two characters that are known to be digits. */
export function twoDigits(text: string, at: number): number {
  return text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - 11 * ZERO;
}
