// The listings of VMS, now OpenVMS: `NAME.TYPE;1  4/15  1-JAN-2004 12:00:00  [GROUP,OWNER]  (RWED,RWED,RE,)`.

import { type Draft, setSize } from '../entry';
import type { ListFormat, Parsed } from '../format';
import type { Calendar } from '../time';
import { endOfWord, isDigit, skipBlanks } from '../words';

const LONGEST = 1024;
const HEADER = /^(?:Directory [^ ]*\[|(?:Grand )?Total of |Total \d)/;
const NAME = /^(?:\[[^\]]+\])?([^;]+);(\d{1,5})$/;
/** With the time where one follows, and the blanks after it. Hundredths of a second are dropped. */
const DATE = /^(\d{1,2})-([^-]{3,5})-(\d{4})(?:[ \t\n]+(\d{1,2}):(\d{1,2})(?::(\d\d)(?:\.\d+)?)?)?(?:[ \t\n]+|$)/;
const SIZE = /^(\d{1,30})(?:\/\d{1,30}|([KMG])B)?$/i;

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
    const date = entry.modified === undefined ? DATE.exec(line.slice(i)) : null;
    if (date !== null) {
      const [all, day, month, year, hour, minute, second] = date;
      const time = calendar.read(year, month, day, hour, minute, second);
      if (Number.isNaN(time)) return undefined;
      entry.modified = new Date(time);
      i += all.length;
      continue;
    }
    const end = endOfPart(line, i);
    const part = line.slice(i, end);
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

/** Sets the size from the blocks in use, `4` or `4/15`, or from `2KB`, as some servers print it; asterisks are a number that did not fit. */
function readSize(entry: Draft, part: string): boolean {
  if (/^\*+(?:\/[*\d]+)?$/.test(part)) return true;
  const [, count, unit = ''] = SIZE.exec(part) ?? [];
  if (count === undefined) return false;
  const size = BigInt(count) * (UNITS[unit.toUpperCase()] ?? 0n);
  const { facts } = entry;
  setSize(entry, Number(size), String(size));
  if (facts !== undefined) entry.facts = { ...entry.facts, ...facts };
  return true;
}
/** Without a unit, it is a number of blocks. */
const UNITS: Readonly<Record<string, bigint>> = { '': 512n, K: 1024n, M: 1024n ** 2n, G: 1024n ** 3n };

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
