/** The character codes of the blanks. */
export const SP = 0x20;
/** A tab, which some servers print for blanks. */
export const TAB = 0x09;
const LF = 0x0a;
const ZERO = 0x30;

/** SP, TAB, and the LF that joins the lines of a wrapped entry. Never `\s`: U+0085 and U+00A0 may be bytes of a name. */
export function isBlank(code: number): boolean {
  return code === SP || code === TAB || code === LF;
}

/** An ASCII digit. */
export function isDigit(code: number): boolean {
  return code >= ZERO && code <= 0x39;
}

/** The index of the first character from `from` that is no blank; the length where there is none. */
export function skipBlanks(line: string, from: number): number {
  let i = from;
  while (i < line.length && isBlank(line.charCodeAt(i))) i++;
  return i;
}

/** Longer words are in no column but the name. */
export const LONGEST_WORD = 255;

/** The index of the first blank from `from`, or the line's length; of a word longer than LONGEST_WORD an index within. */
export function endOfWord(line: string, from: number): number {
  return endOfWordBefore(line, from, from + LONGEST_WORD + 1);
}

function endOfWordBefore(line: string, from: number, limit: number): number {
  const most = Math.min(line.length, limit);
  let i = from;
  while (i < most && !isBlank(line.charCodeAt(i))) i++;
  return i;
}

/** More digits than this are no number that a listing has. */
const MOST_DIGITS = 40;

/** The number of the digits from `start` to `end`, which may have lost precision above 2^53; -1 where anything else is there. */
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

/** The index behind the digits that begin at `from`, of which no more are looked at than a number can have. */
export function skipDigits(line: string, from: number): number {
  const most = Math.min(line.length, from + MOST_DIGITS);
  let i = from;
  while (i < most && isDigit(line.charCodeAt(i))) i++;
  return i;
}

/** The first words of a line and no more, so that a line of a megabyte costs no list of its words. */
export function firstWords(line: string, most: number): string[] {
  const words: string[] = [];
  for (let i = skipBlanks(line, 0); i < line.length && words.length < most; ) {
    const end = endOfWordBefore(line, i, line.length);
    words.push(line.slice(i, end));
    i = skipBlanks(line, end);
  }
  return words;
}

/** True where a name would have nothing to show. */
export function isAllBlank(line: string, from = 0): boolean {
  return skipBlanks(line, from) === line.length;
}
