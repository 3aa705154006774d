import { Columns } from './columns';
import { setSize, type Draft, type Entry, type EntryType } from './entry';
import type { ListContext, ListFormat, Parsed } from './format';
import { monthAt } from './months';
import { usualEntry } from './unix-usual';
import { firstWords, isAllBlank, isBlank, isDigit, numberAt, skipBlanks, skipDigits } from './words';

/**
 * The letters that stand for a type in front of the nine of the mode: POSIX's, and those of Solaris (D, P), HP-UX (n),
 * Cray (C, M), the BSDs (w, A), and Plan 9's append-only (a). An unknown letter is no listing of a Unix.
 */
const TYPES = new Map<number, EntryType>(
  Object.entries({ '-': 'file', d: 'directory', l: 'symlink', C: 'file', M: 'file', A: 'file', a: 'file' } as const).map(
    ([letter, type]) => [letter.charCodeAt(0), type],
  ),
);
for (const letter of 'bcpsDPnw') TYPES.set(letter.charCodeAt(0), 'other');

const DASH = 0x2d;
const MODE_LENGTH = 10;
/** Behind the mode: `+` for an ACL, `.` for a label of SELinux, `@` for extended attributes. */
const SUFFIXES = '+.@*';

const columns = new Columns();

/** `ls -l`, and every server that imitates it: most of those without MLSD. */
export const unix: ListFormat = {
  name: 'unix',
  parse(line, context) {
    const usual = usualEntry(line, context.calendar);
    if (usual !== undefined) return usual.type === 'symlink' ? splitTarget(usual) : usual;
    const mode = findMode(line);
    const end = mode < 0 ? -1 : endOfMode(line, mode);
    if (end < 0) return undefined;
    return columns.read(line, end, context.calendar) ? fromColumns(line, mode) : withoutDate(line, mode, end);
  },
};

function fromColumns(line: string, mode: number): Entry | undefined {
  const type = TYPES.get(line.charCodeAt(mode)) ?? 'other';
  const entry: Draft = { name: line.slice(columns.name), type, raw: line };
  if (type === 'other') columns.size = -1; // what a device has there are its numbers
  columns.fill(entry, line);
  entry.permissions = line.slice(mode + 1, mode + MODE_LENGTH);
  return type === 'symlink' ? splitTarget(entry) : entry;
}

/** The mode's index: the first column, or behind the inode and the blocks of `ls -lis`; -1 without one. */
function findMode(line: string): number {
  let i = skipBlanks(line, 0);
  for (let numbers = 0; numbers < 2 && isDigit(line.charCodeAt(i)); numbers++) {
    const end = skipDigits(line, i);
    if (!isBlank(line.charCodeAt(end))) return -1;
    i = skipBlanks(line, end);
  }
  if (isMode(line, i)) return i;
  // Plan 9 and some PHP servers print one dash too many
  return line.charCodeAt(i) === DASH && isMode(line, i + 1) ? i + 1 : -1;
}

function isMode(line: string, at: number): boolean {
  if (line.length < at + MODE_LENGTH || !TYPES.has(line.charCodeAt(at))) return false;
  return isTriad(line, at + 1) && isTriad(line, at + 4) && isTriad(line, at + 7);
}

function isTriad(line: string, at: number): boolean {
  const read = line.charCodeAt(at);
  const write = line.charCodeAt(at + 1);
  const execute = line.charCodeAt(at + 2);
  return (read === 0x72 || read === DASH) && (write === 0x77 || write === DASH) && (execute === DASH || EXECUTE.has(execute));
}
/** Execute, set-id and sticky, with and without execute; Solaris shows mandatory locking as l. */
const EXECUTE = new Set([...'xsStTlL'].map((letter) => letter.charCodeAt(0)));

/** Where the columns begin; -1 when letters go on, so that it was no mode. */
function endOfMode(line: string, mode: number): number {
  const end = mode + MODE_LENGTH;
  const columnsAt = end < line.length && SUFFIXES.includes(line.charAt(end)) ? end + 1 : end;
  const code = line.charCodeAt(columnsAt);
  return isBlank(code) || isDigit(code) ? columnsAt : -1; // four digits of links leave no blank
}

/** `name -> target`; where there are several arrows, the size tells, because it is the length of the target. */
function splitTarget(entry: Draft): Entry {
  const { name } = entry;
  const arrow = findArrow(name, entry.size);
  if (arrow <= 0 || isAllBlank(name.slice(0, arrow))) return entry;
  entry.name = name.slice(0, arrow);
  if (arrow + ARROW.length < name.length) entry.target = name.slice(arrow + ARROW.length);
  return entry;
}

function findArrow(name: string, size: number | undefined): number {
  const first = name.indexOf(ARROW);
  if (first < 0 || name.indexOf(ARROW, first + 1) < 0) return first;
  let behind = Buffer.byteLength(name);
  for (let from = 0, arrow = first; arrow >= 0; from = arrow, arrow = name.indexOf(ARROW, arrow + 1)) {
    behind -= Buffer.byteLength(name.slice(from, arrow));
    if (behind - ARROW.length === size) return arrow;
  }
  return first;
}
const ARROW = ' -> ';

const LONGEST = 1024;

/** A server without dates: links, owner, group, size and a name without blanks, and nothing else. */
function withoutDate(line: string, mode: number, end: number): Parsed {
  if (line.length > LONGEST) return undefined;
  const words = firstWords(line.slice(end), 6);
  const [links = '', owner = '', group = '', size = '', name = ''] = words;
  if (words.length !== 5 || !/^\d+$/.test(links) || !/^\d{1,15}$/.test(size)) return undefined;
  if (monthAt(group, 0, group.length) > 0 || /^[\d:./-]+$/.test(name)) return undefined; // a date behind which the name is missing
  const type = TYPES.get(line.charCodeAt(mode)) ?? 'other';
  return { name, type, size: Number(size), permissions: line.slice(mode + 1, mode + MODE_LENGTH), owner, group, raw: line };
}

/**
 * A Unix listing whose mode cannot be read, as long as it does not look like one: count of links, owner, group, size,
 * date and name must all be there.
 */
export const unixAnyMode: ListFormat = {
  name: 'unix',
  parse(line, context) {
    return unix.parse(line, context) ?? withIllegibleMode(line, context);
  },
};

function withIllegibleMode(line: string, context: ListContext): Parsed {
  if (/^.{0,2}[-rwxsStT]{5}/.test(line) || !columns.read(line, 0, context.calendar) || columns.size < 0) return undefined;
  const links = columns.count - 4;
  if (links < 1 || numberAt(line, columns.start(links), columns.end(links)) < 0) return undefined;
  const entry: Draft = { name: line.slice(columns.name), type: 'file', modified: new Date(columns.time), raw: line };
  setSize(entry, columns.size, columns.sizeText);
  entry.owner = columns.word(line, links + 1);
  entry.group = columns.word(line, links + 2);
  return entry;
}
