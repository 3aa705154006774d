// The formats that few servers print, and the order in which they are tried. `Listing` loads this file with the first line that needs it.

import { type Draft, type EntryType, lettersOf, setSize } from '../entry';
import type { ListFormat } from '../format';
import { Columns, unixAnyMode } from '../unix';
import { isAllBlank, numberAt, skipBlanks } from '../words';
import { mvs } from './mvs';
import { os400 } from './os400';
import { patterned } from './patterned';
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
const netware: ListFormat = {
  name: 'netware',
  parse(line, { calendar }) {
    const match = /^[ \t]*([d-])[ \t]?\[([-RWCEAFMS]{7,8})\][ \t]+(?=[^ \t])/.exec(line);
    if (match === null || !columns.read(line, match[0].length, calendar) || columns.count < 2) return undefined;
    const [, type, rights = ''] = match;
    const name = line.slice(skipBlanks(line, columns.name)); // some versions pad it
    const entry: Draft = { name, type: type === 'd' ? 'directory' : 'file', raw: line };
    columns.fill(entry, line);
    entry.permissions = rights;
    return entry;
  },
};

/** The columns of the line that is being read. */
const columns = new Columns();

/** IBM OS/2: size, attributes, date, time, name: `0  DIR  04-11-95   16:26  ADDRESS`. The year of 02-11-103 is 2003. */
const os2 = patterned('os2', Infinity, /~<size> (?:[RHSADC]{1,6} )?(?:<folder> )?<month>-<day>-(?<year>\d{2,4}) <hour>:<minute> <rest>/);

/** HP NonStop (Guardian): name, code, size, date, time, group and user, security: `FILE1 101 528 12-Jan-14 14:21:18 255, 0 "oooo"`. */
const nonstop = patterned(
  'nonstop', 512,
  /~<name> \d{1,5}[A-Z+]? <size> <day>-<month>-<year> <hour>:<minute>:<second> (?<owner>\d{1,3},~\d{1,3}) "?(?<permissions>[^"]{1,16})"?~/,
  /~File Code EOF Last (?<header>Modification).*/,
);

/**
 * z/VM: name, type, for a minidisk its mode, record format, record length, records, blocks, date, time, owner:
 * `WELCOME  README   V  82  21  1 1999-12-27 16:19:04 -`. RETR takes the name and the type with a dot between them. There is no
 * size: records of format V are shorter than the length that is printed, and those of format F are padded.
 */
const vm = patterned('vm', 512, /<name> (?:<folder>(?: -){3}|<type> (?:[A-Z]\d? )?[FV](?: \d+){3}) <year>-<month>-<day> <hour>:<minute>:<second>(?: (?:-|<owner>))?~/);

/** Sterling Connect:Enterprise: flags and protocol, binary or ASCII, mailbox, number of the batch, size, date, name: `-C--E-----FTP B QUA1I1      18128       41 Aug 12 13:56 QUADTEST`. */
const enterprise: ListFormat = {
  name: 'enterprise',
  parse(line, { calendar }) {
    const match = /^[-A-Z]{10}[A-Z]{3,4}[ \t]+[A-Z][ \t]+(?=[^ \t])/.exec(line);
    if (match === null || !columns.read(line, match[0].length, calendar)) return undefined;
    if (columns.count !== 3 || columns.size < 0 || numberAt(line, columns.start(1), columns.end(1)) < 0) return undefined;
    const entry: Draft = { name: line.slice(columns.name), type: 'file', raw: line };
    columns.fill(entry, line);
    entry.owner = columns.word(line, 0);
    entry.group = columns.word(line, 1);
    return entry;
  },
};

/** Old versions of VShell: size, date, time, name, and a slash after the name of a folder: `206876  Apr 04, 2000 21:06 name`. */
const vshell = patterned('vshell', Infinity, /~<size> <month> <day>, <year> <hour>:<minute> <rest>(?<folder>\/)?/);

/** Nortel's routers: VxWorks, `2048  Feb-28-1998  05:23:30  name <DIR>`, and wfFtp, `name  1014196  06/03/04  Thur.  10:20:03`. */
const nortel = patterned(
  'nortel', 1024,
  /~<size> <month>-<day>-<year> <hour>:<minute>:<second> <rest>(?: <tag>~)?/,
  /<name> <size> <month>\/<day>\/<year> [A-Z][a-z]{2,4}\.? <hour>:<minute>:<second>~/,
);

/** Microware OS-9: group and user, date with the year first, time, mode, sector, size, name: `20.20 07/03/29 1026 d-ewrewr 2650 85920 name`. */
const os9 = patterned('os9', Infinity, /~(?<group>\d{1,5})\.(?<owner>\d{1,5}) <year>\/<month>\/<day> <hour><minute> (?:(?<folder>d)|-)(?<permissions>[-serw]{7}) [0-9A-Fa-f]+ <size> <rest>/);

/** The numbers of stat(2): mode, user, group, size, seconds since 1970, name: `0100644  500  101  12345  123456789 name`. */
const numeric: ListFormat = {
  name: 'numeric',
  parse(line) {
    const match = /^[ \t]*(0[0-7]{5,6})[ \t]+(\d{1,10})[ \t]+(\d{1,10})[ \t]+(\d{1,30})[ \t]+(\d{1,12})[ \t]+(?=[^ \t])/.exec(line);
    if (match === null) return undefined;
    const [front, mode = '', owner = '', group = '', size = '', seconds] = match;
    const entry: Draft = { name: line.slice(front.length), type: TYPES[Number.parseInt(mode, 8) >> 12] ?? 'other', raw: line };
    const permissions = lettersOf(mode);
    setSize(entry, Number(size), size);
    if (permissions !== undefined) entry.permissions = permissions;
    return Object.assign(entry, { modified: new Date(Number(seconds) * 1000), owner, group });
  },
};
/** The types by the bits of the mode that hold them (S_IFMT of POSIX). */
const TYPES: Readonly<Record<number, EntryType>> = { 0o10: 'file', 0o4: 'directory', 0o12: 'symlink' };

/** SuperTCP and NetManage Chameleon, on MS-DOS: name, size or <DIR>, date, time, attributes: `README.TXT  1045  May 10 1995 11:01  RA`. */
const chameleon = patterned(
  'chameleon', 512,
  /<name> (?:<tag>|<size>) <month> <day> <year> <hour>:<minute>(?: [RHSA]{1,4})?~/,
  /<name> (?:<tag>|<size>) <month>[-/]<day>[-/](?<year>\d{2,4}) <hour>:<minute>(?: [RHSA]{1,4})?~/,
);

/** The rare formats in the order in which they are tried: first those whose lines only one server can have printed. */
export const RARE_FORMATS: readonly ListFormat[] = [eplf, netware, vms, os400, mvs, os2, nonstop, vm, enterprise, vshell, nortel, os9, numeric, chameleon, unixAnyMode];
