import { type Draft, type Entry, type EntryType, setSize } from './entry';
import type { ListContext, ListFormat } from './format';
import { lettersOf } from './permissions';
import { fullYear, monthAt } from './time';
import { Columns } from './unix';
import { isAllBlank, numberAt, skipBlanks } from './words';

const CHAMELEON =
  /^(\S{1,255})[ \t]+(?:<(DIR)>|(\d{1,30}))[ \t]+(?:([A-Za-z]{3}) (\d{1,2}) (\d{4})|(\d{1,2})([-/])(\d{1,2})\8(\d{2,4}))[ \t]+(\d{1,2}):(\d\d)(?:[ \t]+[RHSA]{1,4})?[ \t]*$/;

/** SuperTCP and NetManage Chameleon: the name of MS-DOS comes first: `README.TXT  1045  May 10 1995 11:01  RA`. */
export const chameleon: ListFormat = {
  name: 'chameleon',
  parse(line, { calendar }) {
    if (line.length > LONGEST_CHAMELEON) return undefined;
    const match = CHAMELEON.exec(line);
    if (match === null) return undefined;
    const [, name = '', tag, size, word, wordDay, wordYear, number, , numberDay, numberYear = '', hour, minute] = match;
    const time =
      word !== undefined
        ? calendar.local(Number(wordYear), monthAt(word, 0, word.length), Number(wordDay), Number(hour), Number(minute))
        : calendar.local(fullYear(Number(numberYear), numberYear.length), Number(number), Number(numberDay), Number(hour), Number(minute));
    if (Number.isNaN(time)) return undefined;
    const entry: Draft = { name, type: tag === undefined ? 'file' : 'directory', raw: line };
    if (size !== undefined) setSize(entry, Number(size), size);
    entry.modified = new Date(time);
    return entry;
  },
};
const LONGEST_CHAMELEON = 512;

/** Ten flags and the protocol that brought the batch; then binary or ASCII, the mailbox, and the batch's number. */
const ENTERPRISE = /^[-A-Z]{10}[A-Z]{3,4}[ \t]+[A-Z][ \t]+(?=[^ \t])/;

const columns = new Columns();

/** Sterling Connect:Enterprise: `-C--E-----FTP B QUA1I1      18128       41 Aug 12 13:56 QUADTEST`. */
export const enterprise: ListFormat = {
  name: 'enterprise',
  parse(line, { calendar }) {
    const match = ENTERPRISE.exec(line);
    if (match === null || !columns.read(line, match[0].length, calendar)) return undefined;
    if (columns.count !== 3 || columns.size < 0 || numberAt(line, columns.start(1), columns.end(1)) < 0) return undefined;
    const entry: Draft = { name: line.slice(columns.name), type: 'file', modified: new Date(columns.time), raw: line };
    setSize(entry, columns.size, columns.sizeText);
    entry.owner = columns.word(line, 0);
    entry.group = columns.word(line, 1);
    return entry;
  },
};

const LONGEST_FACTS = 1024;
const LATEST = 8.64e12; // seconds: the range of Date

/** EPLF of publicfile and anonftpd: `+i8388621.48594,m825718503,r,s280,` TAB `name` (cr.yp.to/ftp/list/eplf.html). */
export const eplf: ListFormat = {
  name: 'eplf',
  parse(line) {
    if (!line.startsWith('+')) return undefined;
    const end = line.indexOf('\t');
    if (end < 0 || end > LONGEST_FACTS || isAllBlank(line, end + 1)) return undefined;
    const entry: Draft = { name: line.slice(end + 1), type: 'other', raw: line };
    for (const fact of line.slice(1, end).split(',')) take(entry, fact);
    return entry;
  },
};

function take(entry: Draft, fact: string): void {
  const value = fact.slice(1);
  const number = numberAt(fact, 1, fact.length);
  switch (fact.charAt(0)) {
    case '/':
      entry.type = 'directory';
      break;
    case 'r':
      if (entry.type === 'other') entry.type = 'file'; // what can be entered and fetched is a directory that the server packs
      break;
    case 's':
      if (number >= 0) setSize(entry, number, value);
      break;
    case 'm':
      if (number >= 0 && number <= LATEST) entry.modified = new Date(number * 1000);
      break;
    case 'u': {
      const letters = value.startsWith('p') ? lettersOf(value.slice(1)) : undefined;
      if (letters !== undefined) entry.permissions = letters;
    }
  }
}

const NETWARE = /^[ \t]*([d-])[ \t]?\[([-RWCEAFMS]{7,8})\][ \t]+(?=[^ \t])/;

/** NetWare's trustee rights in place of a mode: `d [RWCEAFMS] jrd  512 Oct 21 2001 apps`; Hellsoft prints links too. */
export const netware: ListFormat = {
  name: 'netware',
  parse(line, { calendar }) {
    const match = NETWARE.exec(line);
    if (match === null || !columns.read(line, match[0].length, calendar) || columns.count < 2) return undefined;
    const [, type, rights = ''] = match;
    const name = line.slice(skipBlanks(line, columns.name)); // padded by some versions
    const entry: Draft = { name, type: type === 'd' ? 'directory' : 'file', raw: line };
    columns.fill(entry, line);
    entry.permissions = rights;
    return entry;
  },
};

const HEADER = /^[ \t]*File[ \t]+Code[ \t]+EOF[ \t]+Last Modification/i;
const NONSTOP =
  /^[ \t]*([^ \t]{1,64})[ \t]+\d{1,5}[A-Z+]?[ \t]+(\d{1,30})[ \t]+(\d{1,2})-([A-Za-z]{3})-(\d{2}|\d{4})[ \t]+(\d\d):(\d\d):(\d\d)[ \t]+(\d{1,3},[ \t]*\d{1,3})[ \t]+"?([^"]{1,16})"?[ \t]*$/;
const LONGEST = 512;

/** HP NonStop (Guardian): name, code, size, date, time, group and user, security: `FILE1 101 528 12-Jan-14 14:21:18 255, 0 "oooo"`. */
export const nonstop: ListFormat = {
  name: 'nonstop',
  parse(line, { calendar }) {
    if (line.length > LONGEST) return undefined;
    if (HEADER.test(line)) return 'header';
    const match = NONSTOP.exec(line);
    if (match === null) return undefined;
    const [, name = '', size = '', day, month = '', year = '', hour, minute, second, owner, permissions] = match;
    const date = [fullYear(Number(year), year.length), monthAt(month, 0, month.length), Number(day)] as const;
    const time = calendar.local(...date, Number(hour), Number(minute), Number(second));
    if (Number.isNaN(time)) return undefined;
    const entry: Draft = { name, type: 'file', raw: line };
    setSize(entry, Number(size), size);
    entry.modified = new Date(time);
    if (permissions !== undefined) entry.permissions = permissions;
    if (owner !== undefined) entry.owner = owner;
    return entry;
  },
};

const VXWORKS = /^[ \t]*(\d{1,30})[ \t]+([A-Za-z]{3})-(\d\d)-(\d{4})[ \t]+(\d\d):(\d\d):(\d\d)[ \t]+(?=[^ \t])/;
const WFFTP = /^(\S{1,255})[ \t]+(\d{1,30})[ \t]+(\d\d)\/(\d\d)\/(\d\d)[ \t]+[A-Z][a-z]{2,4}\.?[ \t]+(\d\d):(\d\d):(\d\d)[ \t]*$/;
const NORTEL_FOLDER = /[ \t]+<DIR>[ \t]*$/;
const LONGEST_NORTEL = 1024;

/** Routers: VxWorks, `2048  Feb-28-1998  05:23:30  name <DIR>`, and wfFtp, `name  1014196  06/03/04  Thur.  10:20:03`. */
export const nortel: ListFormat = {
  name: 'nortel',
  parse(line, context) {
    return line.length > LONGEST_NORTEL ? undefined : (vxWorks(line, context) ?? wfFtp(line, context));
  },
};

function vxWorks(line: string, { calendar }: ListContext): Entry | undefined {
  const match = VXWORKS.exec(line);
  if (match === null) return undefined;
  const [front, size = '', month = '', day, year, hour, minute, second] = match;
  const time = calendar.local(Number(year), monthAt(month, 0, month.length), Number(day), Number(hour), Number(minute), Number(second));
  const name = line.slice(front.length);
  return entryOf(name.replace(NORTEL_FOLDER, ''), NORTEL_FOLDER.test(name) ? 'directory' : 'file', size, time, line);
}

function wfFtp(line: string, { calendar }: ListContext): Entry | undefined {
  const match = WFFTP.exec(line);
  if (match === null) return undefined;
  const [, name = '', size = '', month, day, year = '', hour, minute, second] = match;
  const time = calendar.local(fullYear(Number(year), 2), Number(month), Number(day), Number(hour), Number(minute), Number(second));
  return entryOf(name, 'file', size, time, line);
}

function entryOf(name: string, type: Entry['type'], size: string, time: number, line: string): Entry | undefined {
  if (Number.isNaN(time) || name === '') return undefined;
  const entry: Draft = { name, type, raw: line };
  setSize(entry, Number(size), size);
  entry.modified = new Date(time);
  return entry;
}

const NUMERIC = /^[ \t]*(0[0-7]{5,6})[ \t]+(\d{1,10})[ \t]+(\d{1,10})[ \t]+(\d{1,30})[ \t]+(\d{1,12})[ \t](?=.*[^ \t])/s;

/** The bits of the mode that tell the type (POSIX's S_IFMT). */
const TYPES: Readonly<Record<number, EntryType>> = { 0o10: 'file', 0o4: 'directory', 0o12: 'symlink' };

/** What stat(2) gives, as numbers: mode, user, group, size, seconds since 1970: `0100644  500  101  12345  123456789 name`. */
export const numeric: ListFormat = {
  name: 'numeric',
  parse(line) {
    const match = NUMERIC.exec(line);
    if (match === null) return undefined;
    const [front, mode = '', owner = '', group = '', size = '', seconds] = match;
    const name = line.slice(front.length).replace(/^[ \t]+/, '');
    const entry: Draft = { name, type: TYPES[Number.parseInt(mode, 8) >> 12] ?? 'other', raw: line };
    setSize(entry, Number(size), size);
    entry.modified = new Date(Number(seconds) * 1000);
    const permissions = lettersOf(mode);
    if (permissions !== undefined) entry.permissions = permissions;
    entry.owner = owner;
    entry.group = group;
    return entry;
  },
};

const OS2 =
  /^[ \t]*(\d{1,30})[ \t]+(?:(DIR|[RHSADC]{1,6})[ \t]+)?(?:(DIR)[ \t]+)?(\d{1,2})-(\d{1,2})-(\d{2,4})[ \t]+(\d{1,2}):(\d\d)[ \t]+(?=[^ \t])/;

/** IBM OS/2: size, attributes, date, time, name: `0  DIR  04-11-95   16:26  ADDRESS`; 02-11-103 is in 2003. */
export const os2: ListFormat = {
  name: 'os2',
  parse(line, { calendar }) {
    const match = OS2.exec(line);
    if (match === null) return undefined;
    const [front, size = '', attributes, directory, month, day, year = '', hour, minute] = match;
    const time = calendar.local(fullYear(Number(year), year.length), Number(month), Number(day), Number(hour), Number(minute));
    if (Number.isNaN(time)) return undefined;
    const isDirectory = attributes === 'DIR' || directory === 'DIR';
    const entry: Draft = { name: line.slice(front.length), type: isDirectory ? 'directory' : 'file', raw: line };
    setSize(entry, Number(size), size);
    entry.modified = new Date(time);
    return entry;
  },
};

const OS9 = /^[ \t]*(\d{1,5})\.(\d{1,5})[ \t]+(\d\d)\/(\d\d)\/(\d\d)[ \t]+(\d\d)(\d\d)[ \t]+([d-])([-serw]{7})[ \t]+[0-9A-Fa-f]+[ \t]+(\d{1,30})[ \t]+(?=[^ \t])/;

/** Microware OS-9: group.user, year first, time, mode, sector, size: `20.20 07/03/29 1026 d-ewrewr 2650 85920 name`. */
export const os9: ListFormat = {
  name: 'os9',
  parse(line, { calendar }) {
    const match = OS9.exec(line);
    if (match === null) return undefined;
    const [front, group = '', owner = '', year, month, day, hour, minute, type, permissions = '', size = ''] = match;
    const time = calendar.local(fullYear(Number(year), 2), Number(month), Number(day), Number(hour), Number(minute));
    if (Number.isNaN(time)) return undefined;
    const entry: Draft = { name: line.slice(front.length), type: type === 'd' ? 'directory' : 'file', raw: line };
    setSize(entry, Number(size), size);
    entry.modified = new Date(time);
    entry.permissions = permissions;
    entry.owner = owner;
    entry.group = group;
    return entry;
  },
};

/** Name, type, for a minidisk its mode, record format, record length, records, blocks, date, time, owner. */
const FILE = /^([^ \t]{1,8}|[^ \t]{1,255})[ \t]+([^ \t]{1,8})[ \t]+(?:[A-Z]\d?[ \t]+)?[FV][ \t]+\d+[ \t]+\d+[ \t]+\d+[ \t]+/;
const VM_FOLDER = /^([^ \t]{1,255})[ \t]+DIR[ \t]+-[ \t]+-[ \t]+-[ \t]+/;
const REST = /^(\d{4})-(\d\d)-(\d\d)[ \t]+(\d{1,2}):(\d\d):(\d\d)(?:[ \t]+([^ \t]{1,32}))?[ \t]*$/;

/**
 * z/VM: `WELCOME  README   V  82  21  1 1999-12-27 16:19:04 -`; RETR takes the name and its type with a dot between. There
 * is no size: records of format V are shorter than the length that is printed, and F ones are padded.
 */
export const vm: ListFormat = {
  name: 'vm',
  parse(line, { calendar }) {
    if (line.length > LONGEST) return undefined;
    const folder = VM_FOLDER.exec(line);
    const match = folder ?? FILE.exec(line);
    const rest = match === null ? null : REST.exec(line.slice(match[0].length));
    if (match === null || rest === null) return undefined;
    const [, year, month, day, hour, minute, second, owner = '-'] = rest;
    const time = calendar.local(Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second));
    if (Number.isNaN(time)) return undefined;
    const [, name = '', type = ''] = match;
    const entry: Draft = { name: folder ? name : `${name}.${type}`, type: folder ? 'directory' : 'file', raw: line };
    entry.modified = new Date(time);
    if (owner !== '-') entry.owner = owner;
    return entry;
  },
};

const VSHELL = /^[ \t]*(\d{1,30})[ \t]+([A-Za-z]{3}) (\d\d), (\d{4})[ \t]+(\d\d):(\d\d)[ \t]+(?=[^ \t])/;

/** Old VShell: size, date, time, name, and a slash behind a folder: `206876  Apr 04, 2000 21:06 name`. */
export const vshell: ListFormat = {
  name: 'vshell',
  parse(line, { calendar }) {
    const match = VSHELL.exec(line);
    if (match === null) return undefined;
    const [front, size = '', month = '', day, year, hour, minute] = match;
    const time = calendar.local(Number(year), monthAt(month, 0, month.length), Number(day), Number(hour), Number(minute));
    if (Number.isNaN(time)) return undefined;
    const name = line.slice(front.length);
    const isDirectory = name.length > 1 && name.endsWith('/');
    const entry: Draft = { name: isDirectory ? name.slice(0, -1) : name, type: isDirectory ? 'directory' : 'file', raw: line };
    setSize(entry, Number(size), size);
    entry.modified = new Date(time);
    return entry;
  },
};
