// The formats that few servers print, and the order in which they are tried. `Listing` loads this file with the first line that needs it.

import { type Draft, type EntryType, lettersOf, setSize } from '../entry';
import type { ListContext, ListFormat, ListFormatName, Parsed } from '../format';
import { fullYear, monthAt } from '../time';
import { Columns, unixAnyMode } from '../unix';
import { isAllBlank, numberAt, skipBlanks } from '../words';
import { mvs } from './mvs';
import { os400 } from './os400';
import { vms } from './vms';

/** EPLF of publicfile and anonftpd (cr.yp.to/ftp/list/eplf.html): facts, TAB, name: `+i8388621.48594,m825718503,r,s280,\tname`. */
const eplf: ListFormat = {
  name: 'eplf',
  parse(line) {
    if (!line.startsWith('+')) return undefined;
    const end = line.indexOf('\t');
    if (end < 0 || end > LONGEST_FACTS || isAllBlank(line, end + 1)) return undefined;
    const entry: Draft = { name: line.slice(end + 1), type: 'other', raw: line };
    for (const fact of line.slice(1, end).split(',')) takeFact(entry, fact);
    return entry;
  },
};
const LONGEST_FACTS = 1024;
/** Seconds: the range of Date. */
const LATEST = 8.64e12;

function takeFact(entry: Draft, fact: string): void {
  const value = fact.slice(1);
  const number = numberAt(fact, 1, fact.length);
  switch (fact.charAt(0)) {
    case '/':
      entry.type = 'directory';
      break;
    case 'r':
      if (entry.type === 'other') entry.type = 'file'; // one that can be entered, too, is a directory that the server packs
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

/** NetWare: type, trustee rights, owner, size, date, name: `d [RWCEAFMS] jrd  512 Oct 21 2001 apps`. Hellsoft's server prints links, too. */
const netware = patterned('netware', /^[ \t]*([d-])[ \t]?\[([-RWCEAFMS]{7,8})\][ \t]+(?=[^ \t])/, (match, line, { calendar }) => {
  if (!columns.read(line, match[0].length, calendar) || columns.count < 2) return undefined;
  const [, type, rights = ''] = match;
  const name = line.slice(skipBlanks(line, columns.name)); // some versions pad it
  const entry: Draft = { name, type: type === 'd' ? 'directory' : 'file', raw: line };
  columns.fill(entry, line);
  entry.permissions = rights;
  return entry;
});

/** The columns of the line that is being read. */
const columns = new Columns();

/** IBM OS/2: size, attributes, date, time, name: `0  DIR  04-11-95   16:26  ADDRESS`. The year of 02-11-103 is 2003. */
const os2 = patterned('os2', /^[ \t]*(\d{1,30})[ \t]+(?:(DIR|[RHSADC]{1,6})[ \t]+)?(?:(DIR)[ \t]+)?(\d{1,2})-(\d{1,2})-(\d{2,4})[ \t]+(\d{1,2}):(\d\d)[ \t]+(?=[^ \t])/, (match, line, { calendar }) => {
  const [front, size = '', attributes, directory, month, day, year = '', hour, minute] = match;
  const time = calendar.local(fullYear(Number(year), year.length), Number(month), Number(day), Number(hour), Number(minute));
  return entryOf(line.slice(front.length), attributes === 'DIR' || directory === 'DIR' ? 'directory' : 'file', size, time, line);
});

/** HP NonStop (Guardian): name, code, size, date, time, group and user, security: `FILE1 101 528 12-Jan-14 14:21:18 255, 0 "oooo"`. */
const nonstop: ListFormat = {
  name: 'nonstop',
  parse(line, { calendar }) {
    if (line.length > LONGEST_NONSTOP) return undefined;
    if (NONSTOP_HEADER.test(line)) return 'header';
    const match = NONSTOP.exec(line);
    if (match === null) return undefined;
    const [, name = '', size = '', day, month = '', year = '', hour, minute, second, owner = '', permissions = ''] = match;
    const date = [fullYear(Number(year), year.length), monthAt(month, 0, month.length), Number(day)] as const;
    const entry = entryOf(name, 'file', size, calendar.local(...date, Number(hour), Number(minute), Number(second)), line);
    return entry && Object.assign(entry, { permissions, owner });
  },
};
const LONGEST_NONSTOP = 512;
const NONSTOP_HEADER = /^[ \t]*File[ \t]+Code[ \t]+EOF[ \t]+Last Modification/i;
const NONSTOP =
  /^[ \t]*([^ \t]{1,64})[ \t]+\d{1,5}[A-Z+]?[ \t]+(\d{1,30})[ \t]+(\d{1,2})-([A-Za-z]{3})-(\d{2}|\d{4})[ \t]+(\d\d):(\d\d):(\d\d)[ \t]+(\d{1,3},[ \t]*\d{1,3})[ \t]+"?([^"]{1,16})"?[ \t]*$/;

/**
 * z/VM: name, type, for a minidisk its mode, record format, record length, records, blocks, date, time, owner:
 * `WELCOME  README   V  82  21  1 1999-12-27 16:19:04 -`. RETR takes the name and the type with a dot between them. There is no
 * size: records of format V are shorter than the length that is printed, and those of format F are padded.
 */
const vm: ListFormat = {
  name: 'vm',
  parse(line, { calendar }) {
    if (line.length > LONGEST_VM) return undefined;
    const folder = VM_FOLDER.exec(line);
    const match = folder ?? VM_FILE.exec(line);
    const rest = match === null ? null : VM_REST.exec(line.slice(match[0].length));
    if (match === null || rest === null) return undefined;
    const [, year, month, day, hour, minute, second, owner = '-'] = rest;
    const time = calendar.local(Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second));
    const [, name = '', type = ''] = match;
    const entry = folder ? entryOf(name, 'directory', undefined, time, line) : entryOf(`${name}.${type}`, 'file', undefined, time, line);
    if (entry && owner !== '-') entry.owner = owner;
    return entry;
  },
};
const LONGEST_VM = 512;
const VM_FILE = /^([^ \t]{1,8}|[^ \t]{1,255})[ \t]+([^ \t]{1,8})[ \t]+(?:[A-Z]\d?[ \t]+)?[FV][ \t]+\d+[ \t]+\d+[ \t]+\d+[ \t]+/;
const VM_FOLDER = /^([^ \t]{1,255})[ \t]+DIR[ \t]+-[ \t]+-[ \t]+-[ \t]+/;
const VM_REST = /^(\d{4})-(\d\d)-(\d\d)[ \t]+(\d{1,2}):(\d\d):(\d\d)(?:[ \t]+([^ \t]{1,32}))?[ \t]*$/;

/** Sterling Connect:Enterprise: flags and protocol, binary or ASCII, mailbox, number of the batch, size, date, name: `-C--E-----FTP B QUA1I1      18128       41 Aug 12 13:56 QUADTEST`. */
const enterprise = patterned('enterprise', /^[-A-Z]{10}[A-Z]{3,4}[ \t]+[A-Z][ \t]+(?=[^ \t])/, (match, line, { calendar }) => {
  if (!columns.read(line, match[0].length, calendar)) return undefined;
  if (columns.count !== 3 || columns.size < 0 || numberAt(line, columns.start(1), columns.end(1)) < 0) return undefined;
  const entry: Draft = { name: line.slice(columns.name), type: 'file', modified: new Date(columns.time), raw: line };
  setSize(entry, columns.size, columns.sizeText);
  entry.owner = columns.word(line, 0);
  entry.group = columns.word(line, 1);
  return entry;
});

/** Old versions of VShell: size, date, time, name, and a slash after the name of a folder: `206876  Apr 04, 2000 21:06 name`. */
const vshell = patterned('vshell', /^[ \t]*(\d{1,30})[ \t]+([A-Za-z]{3}) (\d\d), (\d{4})[ \t]+(\d\d):(\d\d)[ \t]+(?=[^ \t])/, (match, line, { calendar }) => {
  const [front, size = '', month = '', day, year, hour, minute] = match;
  const time = calendar.local(Number(year), monthAt(month, 0, month.length), Number(day), Number(hour), Number(minute));
  const name = line.slice(front.length);
  const isDirectory = name.length > 1 && name.endsWith('/');
  return entryOf(isDirectory ? name.slice(0, -1) : name, isDirectory ? 'directory' : 'file', size, time, line);
});

/** Nortel's routers: VxWorks, `2048  Feb-28-1998  05:23:30  name <DIR>`, and wfFtp, `name  1014196  06/03/04  Thur.  10:20:03`. */
const nortel: ListFormat = {
  name: 'nortel',
  parse(line, context) {
    return line.length > LONGEST_NORTEL ? undefined : (vxWorks(line, context) ?? wfFtp(line, context));
  },
};
const LONGEST_NORTEL = 1024;

function vxWorks(line: string, { calendar }: ListContext): Draft | undefined {
  const match = VXWORKS.exec(line);
  if (match === null) return undefined;
  const [front, size = '', month = '', day, year, hour, minute, second] = match;
  const time = calendar.local(Number(year), monthAt(month, 0, month.length), Number(day), Number(hour), Number(minute), Number(second));
  const name = line.slice(front.length);
  return entryOf(name.replace(VXWORKS_FOLDER, ''), VXWORKS_FOLDER.test(name) ? 'directory' : 'file', size, time, line);
}
const VXWORKS = /^[ \t]*(\d{1,30})[ \t]+([A-Za-z]{3})-(\d\d)-(\d{4})[ \t]+(\d\d):(\d\d):(\d\d)[ \t]+(?=[^ \t])/;
const VXWORKS_FOLDER = /[ \t]+<DIR>[ \t]*$/;

function wfFtp(line: string, { calendar }: ListContext): Draft | undefined {
  const match = WFFTP.exec(line);
  if (match === null) return undefined;
  const [, name = '', size = '', month, day, year = '', hour, minute, second] = match;
  const time = calendar.local(fullYear(Number(year), 2), Number(month), Number(day), Number(hour), Number(minute), Number(second));
  return entryOf(name, 'file', size, time, line);
}
const WFFTP = /^(\S{1,255})[ \t]+(\d{1,30})[ \t]+(\d\d)\/(\d\d)\/(\d\d)[ \t]+[A-Z][a-z]{2,4}\.?[ \t]+(\d\d):(\d\d):(\d\d)[ \t]*$/;

/** Microware OS-9: group and user, date with the year first, time, mode, sector, size, name: `20.20 07/03/29 1026 d-ewrewr 2650 85920 name`. */
const os9 = patterned('os9', /^[ \t]*(\d{1,5})\.(\d{1,5})[ \t]+(\d\d)\/(\d\d)\/(\d\d)[ \t]+(\d\d)(\d\d)[ \t]+([d-])([-serw]{7})[ \t]+[0-9A-Fa-f]+[ \t]+(\d{1,30})[ \t]+(?=[^ \t])/, (match, line, { calendar }) => {
  const [front, group = '', owner = '', year, month, day, hour, minute, type, permissions = '', size = ''] = match;
  const time = calendar.local(fullYear(Number(year), 2), Number(month), Number(day), Number(hour), Number(minute));
  const entry = entryOf(line.slice(front.length), type === 'd' ? 'directory' : 'file', size, time, line);
  return entry && Object.assign(entry, { permissions, owner, group });
});

/** The numbers of stat(2): mode, user, group, size, seconds since 1970, name: `0100644  500  101  12345  123456789 name`. */
const numeric = patterned('numeric', /^[ \t]*(0[0-7]{5,6})[ \t]+(\d{1,10})[ \t]+(\d{1,10})[ \t]+(\d{1,30})[ \t]+(\d{1,12})[ \t](?=.*[^ \t])/s, (match, line) => {
  const [front, mode = '', owner = '', group = '', size = '', seconds] = match;
  const name = line.slice(front.length).replace(/^[ \t]+/, '');
  const entry = entryOf(name, TYPES[Number.parseInt(mode, 8) >> 12] ?? 'other', size, Number(seconds) * 1000, line);
  const permissions = lettersOf(mode);
  return entry && Object.assign(entry, permissions === undefined ? {} : { permissions }, { owner, group });
});
/** The types by the bits of the mode that hold them (S_IFMT of POSIX). */
const TYPES: Readonly<Record<number, EntryType>> = { 0o10: 'file', 0o4: 'directory', 0o12: 'symlink' };

/** SuperTCP and NetManage Chameleon, on MS-DOS: name, size or <DIR>, date, time, attributes: `README.TXT  1045  May 10 1995 11:01  RA`. */
const chameleon = patterned('chameleon', /^(\S{1,255})[ \t]+(?:<(DIR)>|(\d{1,30}))[ \t]+(?:([A-Za-z]{3}) (\d{1,2}) (\d{4})|(\d{1,2})([-/])(\d{1,2})\8(\d{2,4}))[ \t]+(\d{1,2}):(\d\d)(?:[ \t]+[RHSA]{1,4})?[ \t]*$/, (match, line, { calendar }) => {
  const [, name = '', tag, size, word, wordDay, wordYear, number, , numberDay, numberYear = '', hour, minute] = match;
  const time =
    word !== undefined
      ? calendar.local(Number(wordYear), monthAt(word, 0, word.length), Number(wordDay), Number(hour), Number(minute))
      : calendar.local(fullYear(Number(numberYear), numberYear.length), Number(number), Number(numberDay), Number(hour), Number(minute));
  return entryOf(name, tag === undefined ? 'file' : 'directory', size, time, line);
}, 512);

/** A format whose lines match one pattern, and have at most `longest` characters. */
function patterned(name: ListFormatName, pattern: RegExp, read: (match: RegExpExecArray, line: string, context: ListContext) => Parsed, longest = Infinity): ListFormat {
  return {
    name,
    parse(line, context) {
      const match = line.length > longest ? null : pattern.exec(line);
      return match === null ? undefined : read(match, line, context);
    },
  };
}

/** The entry of those columns; undefined where it would have no name, or a time that does not exist. */
function entryOf(name: string, type: EntryType, size: string | undefined, time: number, raw: string): Draft | undefined {
  if (Number.isNaN(time) || name === '') return undefined;
  const entry: Draft = { name, type, raw };
  if (size !== undefined) setSize(entry, Number(size), size);
  entry.modified = new Date(time);
  return entry;
}

/** The rare formats in the order in which they are tried: first those whose lines only one server can have printed. */
export const RARE_FORMATS: readonly ListFormat[] = [eplf, netware, vms, os400, mvs, os2, nonstop, vm, enterprise, vshell, nortel, os9, numeric, chameleon, unixAnyMode];
