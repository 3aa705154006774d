import { type Draft, setSize } from './entry';
import type { ListFormat, Parsed } from './format';
import { type Calendar, ClockTime, monthAt } from './time';
import { endOfWord, isDigit, skipBlanks } from './words';

const BLOCK = 512n;
const LONGEST = 1024;
const HEADER = /^(?:Directory [^ ]*\[|(?:Grand )?Total of |Total \d)/;
const NAME = /^(?:\[[^\]]+\])?([^;]+);(\d{1,5})$/;
const DATE = /^(\d{1,2})-([^-]{3,5})-(\d{4})$/;
const BLOCKS = /^(\d{1,30})(?:\/\d{1,30})?$/;
const BYTES = /^(\d{1,12})([KMG])B$/i;

/**
 * VMS: `NAME.TYPE;version`, blocks used and allocated, date, `[group,owner]`, `(rights)` in several orders; a long name has
 * a line of its own, and the rest follows in the next one. A name in capitals only is given without its version, which is
 * in `facts.version`: that name fetches the newest one. With a small letter in it, `;1` may as well be a part of the name.
 */
export const vms: ListFormat = {
  name: 'vms',
  parse(line, { calendar }) {
    if (HEADER.test(line)) return 'header';
    if (line.length > LONGEST) return undefined;
    const start = skipBlanks(line, 0);
    const end = endOfWord(line, start);
    const match = NAME.exec(line.slice(start, end));
    if (match === null) return undefined;
    const [word, name = '', version = ''] = match;
    const rest = skipBlanks(line, end);
    if (rest === line.length) return 'more';
    return readRest(draftOf(word, name, version, line), line, rest, calendar);
  },
};

function draftOf(word: string, name: string, version: string, line: string): Draft {
  if (/.\.dir$/i.test(name)) return { name: name.slice(0, -4), type: 'directory', raw: line };
  if (/[a-z]/.test(name)) return { name: word, type: 'file', raw: line };
  return { name, type: 'file', facts: { version }, raw: line };
}

/** Everything must be something that VMS prints, and once only; the date and the blocks must be there. */
function readRest(entry: Draft, line: string, from: number, calendar: Calendar): Parsed {
  let hasBlocks = false;
  for (let i = from; i < line.length; ) {
    const end = endOfPart(line, i);
    const part = line.slice(i, end);
    const date = entry.modified === undefined ? DATE.exec(part) : null;
    if (date !== null) {
      i = readDate(entry, date, line, skipBlanks(line, end), calendar);
      if (i < 0) return undefined;
      continue;
    }
    const isSize = part.startsWith('*') || isDigit(part.charCodeAt(0));
    if (isSize ? hasBlocks || !readSize(entry, part) : !readOwner(entry, part)) return undefined;
    hasBlocks ||= isSize;
    i = skipBlanks(line, end);
  }
  return entry.modified !== undefined && hasBlocks ? entry : undefined;
}

/** A part ends at a blank; in brackets at the closing one, or before the next kind where a wide owner was cut. */
function endOfPart(line: string, from: number): number {
  const open = line.charAt(from);
  if (open !== '[' && open !== '(') return endOfWord(line, from);
  const close = line.indexOf(open === '[' ? ']' : ')', from);
  const cut = open === '[' ? line.indexOf('(', from) : -1;
  if (cut >= 0 && (close < 0 || cut < close)) return cut;
  return close < 0 ? line.length : close + 1;
}

const clock = new ClockTime();

/** The index behind the date and its time, if there is one; -1 for what is no date. Hundredths of a second are dropped. */
function readDate(entry: Draft, match: RegExpExecArray, line: string, next: number, calendar: Calendar): number {
  const [, day, word = '', year] = match;
  let end = next;
  const isTime = isDigit(line.charCodeAt(next)) && line.slice(next, endOfWord(line, next)).includes(':');
  if (isTime && (!clock.read(line, next) || clock.end !== endOfWord(line, next))) return -1;
  if (isTime) end = skipBlanks(line, clock.end);
  const { hour, minute, second } = isTime ? clock : { hour: 0, minute: 0, second: 0 };
  const time = calendar.local(Number(year), monthAt(word, 0, word.length), Number(day), hour, minute, second);
  if (Number.isNaN(time)) return -1;
  entry.modified = new Date(time);
  return end;
}

/** Blocks in use, `4` or `4/15`; `2KB` of some servers; asterisks where the number does not fit. */
function readSize(entry: Draft, part: string): boolean {
  if (/^\*+(?:\/[*\d]+)?$/.test(part)) return true;
  const [, count, unit] = BLOCKS.exec(part) ?? BYTES.exec(part) ?? [];
  if (count === undefined) return false;
  const size = BigInt(count) * (unit === undefined ? BLOCK : UNITS[unit.toUpperCase()] ?? BLOCK);
  const { facts } = entry;
  setSize(entry, Number(size), String(size));
  if (facts !== undefined) entry.facts = { ...entry.facts, ...facts };
  return true;
}
const UNITS: Readonly<Record<string, bigint>> = { K: 1024n, M: 1024n ** 2n, G: 1024n ** 3n };

function readOwner(entry: Draft, part: string): boolean {
  if (part.startsWith('(')) {
    const rights = part.slice(1, part.endsWith(')') ? -1 : undefined);
    if (entry.permissions !== undefined || !/^[RWEDC, ]*$/i.test(rights)) return false;
    if (rights !== '') entry.permissions = rights;
    return true;
  }
  if (entry.owner !== undefined || !/^(?:\[[^[\]()]+\]?|[A-Za-z_][\w$-]*)$/.test(part)) return false;
  const [first = '', second] = part.replace(/^\[|\]$/g, '').trim().split(',', 2);
  if (first === '' && !second) return false;
  entry.owner = second || first;
  if (second && first !== '') entry.group = first;
  return true;
}
