// MLSD and MLST, the listings for programs: `type=file;size=6; name` (RFC 3659, 7).

import type { Reply } from '../reply';
import { type Draft, type Entry, type EntryType, type Facts, isDot, lettersOf } from './entry';
import type { ListFormat } from './format';
import { parseTime } from './time';
import { isAllBlank, numberAt, skipBlanks, SP, withoutEnd } from './words';

/** The lines of MLSD. */
export const mlsx: ListFormat = {
  name: 'mlsd',
  readUsual(text, start, limit, endLength, _context, entries) {
    const [first] = expected;
    let at = start;
    while (first !== undefined && at < limit && text.startsWith(first.sent, at)) {
      const lf = text.indexOf('\n', at);
      const end = lf + 1 - endLength;
      const entry = lf >= 0 && (endLength === 1 || text.indexOf('\r', at) === end) ? parseFacts(text.slice(at, end)) : undefined;
      if (entry === undefined || isDot(entry)) return at;
      entries.push(entry);
      at = lf + 1;
    }
    return at;
  },
  parse(line, context) {
    return context.settled || begins(line) ? parseFacts(line) : undefined;
  },
};

/** Whether the line alone shows that it is MLSD's: it begins, perhaps after blanks, with a fact that ends in `;`, or with a known fact; or with a blank and a path. */
function begins(line: string): boolean {
  const start = skipBlanks(line, 0);
  return FIRST_FACT.test(line.slice(start, start + 64)) || (start === 1 && line.charAt(1) === '/');
}
const FIRST_FACT = /^(?:[A-Za-z][\w.-]*=[^; ]*;|(?:type|size|sizd|modify|create|perm|unique|lang|media-type|charset|unix\.\w+)=)/i;

/**
 * Reads one line of MLSD, or the line between the first and the last line of a reply to MLST, with or without its leading
 * blank (RFC 3659, 7.2); some servers send two. The name is everything after the first blank after the facts. The names of facts become lower case;
 * where a fact comes twice, the last one counts. A value that makes no sense, such as a size of letters, leaves its field
 * absent and stays in `facts`. `type=cdir` and `type=pdir` are directories here; `Listing` leaves them out.
 *
 * @returns undefined where there is no name, or neither a fact nor a blank before the name
 */
export function parseFacts(line: string): Entry | undefined {
  const blanks = line.charCodeAt(0) === SP ? skipBlanks(line, 0) : 0;
  const start = blanks > 0 && (blanks === 1 ? HAS_FACT : FIRST_FACT).test(line.slice(blanks, blanks + 64)) ? blanks : 0;
  const end = endOfFacts(line, start);
  if (end < 0 || isAllBlank(line, end + 1)) return undefined;
  if (end > start && line.charCodeAt(end - 1) !== SEMICOLON && !line.slice(start, end).includes('=')) return undefined;
  return fromFacts(readFacts(line, start, end), line.slice(end + 1), line);
}
const HAS_FACT = /^[A-Za-z][\w.-]*=/;
const SEMICOLON = 0x3b;

/** The index of the blank before the name; -1 without one. */
function endOfFacts(line: string, start: number): number {
  const blank = line.indexOf(' ', start);
  const tab = line.indexOf(';\t', start); // some servers send a tab for the blank
  if (tab >= 0 && (blank < 0 || tab < blank)) return tab + 1;
  // The blank is within the target of a link: facts follow it.
  if (blank > 0 && line.charCodeAt(blank - 1) !== SEMICOLON && IN_TARGET.test(line.slice(start, blank))) {
    const end = line.indexOf('; ', blank);
    if (end >= 0) return end + 1;
  }
  return blank;
}
const IN_TARGET = /(?:^|;)type=os\.unix=s(?:ym)?link:[^;]*$/i;

/** The name of a fact as the server sends it, with its `=`, and in lower case. */
interface FactName {
  readonly sent: string;
  readonly name: string;
}

/** The names of the facts in the last line, in their order, and all names so far: a server sends the same ones in every line. */
const expected: FactName[] = [];
const seen = new Map<string, FactName>();
const MOST_SEEN = 256;

/** No server sends more; the facts that a line of a megabyte could hold would cost seconds. */
const MOST_FACTS = 256;
const LONGEST_NAME = 64;

function readFacts(line: string, start: number, end: number): Record<string, string> {
  const facts: Record<string, string> = {};
  for (let from = start, count = 0; from < end && count < MOST_FACTS; count++) {
    const semicolon = line.indexOf(';', from);
    const to = semicolon < 0 || semicolon > end ? end : semicolon;
    const known = expected[count];
    const fact = known !== undefined && line.startsWith(known.sent, from) ? known : learnName(line, from, to, count);
    if (fact !== undefined) facts[fact.name] = line.slice(from + fact.sent.length, to);
    from = to + 1;
  }
  return facts;
}

/** The name of the fact at `from`; undefined where there is no name or no `=`. */
function learnName(line: string, from: number, to: number, count: number): FactName | undefined {
  const equals = line.slice(from, Math.min(to, from + LONGEST_NAME)).indexOf('=');
  if (equals <= 0) return undefined;
  const sent = line.slice(from, from + equals + 1);
  const fact = seen.get(sent) ?? factNamed(sent);
  expected[count] = fact;
  return fact;
}

function factNamed(sent: string): FactName {
  const [name = '', own = ''] = Object.keys({ [sent.slice(0, -1).toLowerCase()]: 0, [sent]: 0 }); // keys: V8 assigns by them faster, and they keep no listing in memory
  const fact = { sent: own, name };
  if (seen.size < MOST_SEEN) seen.set(own, fact);
  return fact;
}

function fromFacts(facts: Facts, name: string, line: string): Entry {
  const { type = '', modify } = facts;
  const entry: Draft = { name, type: typeOf(type), raw: line };
  const size = facts['size'] ?? facts['sizd']; // Pure-FTPd 1.0.50 and NcFTPd: the size of a directory
  const bytes = size === undefined ? -1 : numberAt(size, 0, size.length);
  if (bytes >= 0 && Number.isSafeInteger(bytes)) entry.size = bytes;
  const modified = modify === undefined ? undefined : parseTime(modify);
  if (modified !== undefined) entry.modified = modified;
  const target = entry.type === 'symlink' ? TARGET.exec(type)?.[1] : facts['unix.slink']; // GridFTP 13.24
  if (target) entry.target = target;
  const permissions = facts['unix.mode'] === undefined ? undefined : lettersOf(facts['unix.mode']);
  if (permissions !== undefined) entry.permissions = permissions;
  const owner = facts['unix.ownername'] ?? facts['unix.owner'] ?? facts['unix.uid'];
  if (owner) entry.owner = owner;
  const group = facts['unix.groupname'] ?? facts['unix.group'] ?? facts['unix.gid'];
  if (group) entry.group = group;
  entry.facts = facts;
  return entry;
}
const TARGET = /^os\.unix=s(?:ym)?link:(.+)$/is;

/** The value of the fact `type` (RFC 3659, 7.5.1), and `link` and `OS.unix=symlink`, which servers send as well. */
function typeOf(fact: string): EntryType {
  const type = fact.toLowerCase();
  if (type === 'file') return 'file';
  if (type === 'dir' || type === 'cdir' || type === 'pdir') return 'directory';
  return /^(?:os\.unix=s(?:ym)?link(?::|$)|link$)/.test(type) ? 'symlink' : 'other';
}

/**
 * The entry in the reply to MLST (RFC 3659, 7.2); its name has no path, whatever path the server puts before it.
 *
 * @param path what was asked for: a blank before the name is a part of it only if the path has it, for some servers send two
 */
export function mlstEntry(reply: Reply, path = ''): Entry | undefined {
  for (const line of reply.lines.slice(1, -1)) {
    const entry = parseFacts(line);
    if (!entry) continue;
    const name = lastName(entry.name);
    return { ...entry, name: name === ` ${lastName(path)}` ? name.slice(1) : name };
  }
  return undefined;
}

/** The last name of a path: ProFTPD 1.3.8 prints the path as it was asked for, pyftpdlib 1.5.7 the absolute one. */
export function lastName(path: string): string {
  const plain = withoutEnd(path, '/');
  return plain === '' ? path : plain.slice(plain.lastIndexOf('/') + 1);
}
