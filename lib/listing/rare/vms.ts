// The listings of VMS, now OpenVMS: `NAME.TYPE;1  4/15  1-JAN-2004 12:00:00  [GROUP,OWNER]  (RWED,RWED,RE,)`.

import { type Draft, setSize } from '../entry';
import type { ListFormat, Parsed } from '../format';
import { type Calendar, ClockTime, monthAt } from '../time';
import { endOfWord, isDigit, skipBlanks } from '../words';

const BLOCK = 512n;
const LONGEST = 1024;
const HEADER = /^(?:Directory [^ ]*\[|(?:Grand )?Total of |Total \d)/;
const NAME = /^(?:\[[^\]]+\])?([^;]+);(\d{1,5})$/;
const DATE = /^(\d{1,2})-([^-]{3,5})-(\d{4})$/;
const BLOCKS = /^(\d{1,30})(?:\/\d{1,30})?$/;
const BYTES = /^(\d{1,12})([KMG])B$/i;

/**
 * `NAME.TYPE;version`, and then, in several orders, blocks used and allocated, date, `[group,owner]` and `(rights)`. After a
 * long name the rest is in the next line. A name in capitals is given without its version, which is in `facts.version`: that
 * name fetches the newest version. In a name with small letters, `;1` may be a part of the name and stays there.
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

/** Every part must be one that VMS prints, and come only once; date and blocks must be there. */
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

/** A part ends at a blank; one in brackets ends at its closing bracket, or before the rights where a wide owner was cut. */
function endOfPart(line: string, from: number): number {
  const open = line.charAt(from);
  if (open !== '[' && open !== '(') return endOfWord(line, from);
  const close = line.indexOf(open === '[' ? ']' : ')', from);
  const cut = open === '[' ? line.indexOf('(', from) : -1;
  if (cut >= 0 && (close < 0 || cut < close)) return cut;
  return close < 0 ? line.length : close + 1;
}

const clock = new ClockTime();

/** Sets the date, with the time where one follows; returns the index after them, -1 where they do not exist. Hundredths of a second are dropped. */
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

/** Sets the size from the blocks in use, `4` or `4/15`, or from `2KB`, as some servers print it; asterisks are a number that did not fit. */
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

/** Sets the rights, `(RWED,RE)`, or owner and group, `[GROUP,OWNER]` or a word. */
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
