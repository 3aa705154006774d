// The listings of MVS, now z/OS: data sets, members of a partitioned data set, load modules, and jobs.

import { type Draft, type EntryType, setSize } from '../entry';
import type { ListFormat, Parsed } from '../format';
import type { Calendar } from '../time';
import { firstWords } from '../words';
import { patterned } from './patterned';

const DATASETS = /^[ \t]*Volume[ \t]+Unit[ \t]/i;
const MEMBERS = /^[ \t]*Name[ \t]+(?:VV\.MM|Size)[ \t]/i;
const JOBS = /^[ \t]*JOBNAME[ \t]+JOBID[ \t]/i;

/** No line is longer: the name of a data set has at most 44 characters. */
const LONGEST = 512;
const MOST_WORDS = 16;

/**
 * Each kind of line comes after a header of its own. There is seldom a size in bytes: data sets have records and tracks, and
 * the size of a member is a number of records.
 */
export const mvs: ListFormat = {
  name: 'mvs',
  parse(line, context) {
    if (line.length > LONGEST) return undefined;
    if (DATASETS.test(line) || MEMBERS.test(line) || JOBS.test(line)) return 'header';
    const words = firstWords(line, MOST_WORDS);
    const { header = '', given, calendar } = context;
    return (
      dataset(words, line, calendar) ??
      withoutVolume(words, line, DATASETS.test(header)) ??
      member.parse(line, context) ??
      loadModule(words, line) ??
      job(words, line) ??
      (MEMBERS.test(header) || (given && header === '') ? bareMember(words, line) : undefined)
    );
  },
};

/** A data set: `WYOSPT 3420   2003/05/21  1  200  FB      80  8053  PS  NAME`; wide numbers leave no blanks between them. */
function dataset(words: readonly string[], line: string, calendar: Calendar): Parsed {
  const [volume = '', unit = '', referred = ''] = words;
  const name = words.at(-1) ?? '';
  const organisation = words.at(-2) ?? '';
  if (words.length < 4 || words.length > 11 || !VOLUME.test(volume) || !UNIT.test(unit)) return undefined;
  const isVsam = words.length === 4 && referred === 'VSAM';
  const date = /^(\d{4})\/(\d\d)\/(\d\d)$/.exec(referred);
  if (!isVsam && (words.length < 6 || (date === null && referred !== '**NONE**') || !ORGANISATION.test(organisation))) return undefined;
  const entry: Draft = { name, type: organisation.startsWith('PO') ? 'directory' : 'file', raw: line };
  // It is the day of the last use, not of the last change, but all clients show it.
  const time = date === null ? Number.NaN : calendar.read(date[1], date[2], date[3]);
  if (!Number.isNaN(time)) entry.modified = new Date(time);
  return entry;
}
const VOLUME = /^[A-Z0-9@#$*-]{1,6}$/i;
const UNIT = /^[A-Z0-9]{1,8}$/i;
const ORGANISATION = /^(?:P[SO]|DA|IS|VS|VSAM|U)(?:-[A-Z])?$/;

/** A data set with a note in place of volume and date: `Migrated`, `Pseudo Directory`, `ARCIVE Not Direct Access Device`, `V43525 Tape`. */
function withoutVolume(words: readonly string[], line: string, underHeader: boolean): Parsed {
  const name = words.at(-1) ?? '';
  const note = words.slice(0, -1).join(' ');
  if (note === '' || words.length > 8) return undefined;
  const known = NOTES.find(([pattern]) => pattern.test(note));
  if ((known === undefined && !underHeader) || (known?.[2] !== true && !WIDE_GAP.test(line))) return undefined;
  return { name, type: known?.[1] ?? 'other', raw: line };
}
/** The notes. The third value says that the note alone shows the format; after any other one there must be a wide gap, or the line may be something else. */
const NOTES: readonly (readonly [RegExp, EntryType, boolean])[] = [
  [/^Migrated$/i, 'file', true],
  [/^Pseudo Directory$/i, 'directory', true],
  [/Not Direct Access Device$/i, 'file', true],
  [/^\S{1,6} Tape$/, 'file', false],
  [/^GDG$|^User catalog connector$|^Error determining attributes$/i, 'other', false],
];
const WIDE_GAP = /^[ \t]*\S.{0,60} {8}\S+[ \t]*$/;

/** A member: name, version, created, changed, records now, records first, records changed, user: `NAME  01.03 2002/09/12 2002/10/11 09:37    11    11     0 KIL001`. */
const member = patterned('mvs', LONGEST, /~<name> \d\d\.\d\d \d{4}\/\d\d\/\d\d <year>\/<month>\/<day> <hour>:<minute>(?::<second>)?(?: \S+){3}(?: <owner>)?~/);

/** A load module, perhaps an alias; its size is in bytes, and hexadecimal: `NAME  00B308 000411  00 FO  RU  ANY  24`. */
function loadModule(words: readonly string[], line: string): Parsed {
  const [name = '', size = '', track = '', code = '', next = ''] = words;
  if (!/^[0-9A-F]{6,8}$/.test(size) || !/^[0-9A-F]{6}$/.test(track)) return undefined;
  if (!/^\d\d$/.test(code) && !/^\d\d$/.test(next)) return undefined;
  const entry: Draft = { name, type: 'file', raw: line };
  const bytes = Number.parseInt(size, 16);
  setSize(entry, bytes, String(bytes));
  return entry;
}

/** A job: `IBMUSER2 JOB01906 IBMUSER  OUTPUT A        RC=0000 3 spool files`. Its name is its number, because RETR takes that. */
function job(words: readonly string[], line: string): Parsed {
  const [, name = '', owner = '', status = ''] = words;
  if (!/^(?:JOB|STC|TSU|[JST]0)\d{4,7}$/.test(name)) return undefined;
  if (STATUS.test(owner)) return { name, type: 'file', raw: line };
  return STATUS.test(status) ? { name, type: 'file', owner, raw: line } : undefined;
}
const STATUS = /^(?:INPUT|ACTIVE|OUTPUT|HELD)$/;

/** A member without statistics, which is a name and nothing else. */
function bareMember(words: readonly string[], line: string): Parsed {
  const [name = ''] = words;
  return words.length === 1 && /^[A-Z0-9@#$-]{1,32}$/i.test(name) ? { name, type: 'file', raw: line } : undefined;
}
