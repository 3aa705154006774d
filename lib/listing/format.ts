// The interface between the listing, which has lines, and the formats, which read them.

import type { Entry } from './entry';
import type { Calendar } from './time';

/**
 * The name of a listing format, for the option `format`.
 *
 * `mlsd` is the format of MLSD and MLST, `unix` that of `ls -l`, and `dos` that of `dir` and IIS. The others are of publicfile (`eplf`),
 * OpenVMS, z/OS (`mvs`), IBM i (`os400`), NetWare, OS/2, HP NonStop, z/VM, Connect:Enterprise, NetManage Chameleon, VShell, Nortel's
 * routers, OS-9, and of servers that print the numbers of stat(2) (`numeric`).
 */
export type ListFormatName =
  | 'mlsd' | 'unix' | 'dos' | 'eplf' | 'vms' | 'mvs' | 'os400' | 'netware' | 'os2' | 'nonstop' | 'vm' | 'enterprise' | 'chameleon' | 'vshell' | 'nortel' | 'os9' | 'numeric';

/** What the meaning of a line depends on besides its text. */
export interface ListContext {
  readonly calendar: Calendar;
  /** The caller named the format, so that a line needs to show little of it. */
  readonly given: boolean;
  /** The format is known: the caller named it, or an earlier line showed it. */
  settled: boolean;
  /** An earlier line has shown that the names begin in one column, so that a blank there is a part of a name. */
  aligned: boolean;
  /** The name in the last line may begin with a blank: it does if a later line shows that there are columns. */
  unsure: boolean;
  /** The last line that was a header of this format. */
  header: string | undefined;
  /** The strings of the last usual line: most lines have the same ones, and need none of their own. */
  readonly last: { columns: string; permissions: string; owner: string; group: string };
  /** The days of usual lines as they are printed, and their milliseconds since 1970: a listing has few different ones. */
  readonly days: Map<string, number>;
}

/**
 * What a format makes of a line: an entry; `header`, a line of this format that is no entry; `more`, the beginning of an
 * entry that continues in the next line; undefined, a line that is not of this format.
 */
export type Parsed = Entry | 'header' | 'more' | undefined;

/** One way in which servers print a listing. */
export interface ListFormat {
  readonly name: ListFormatName;
  /**
   * Reads lines as most servers print them, those that begin from `start` on and before `limit`, adds their entries, and returns where it stopped: at a sum
   * such as `total 14`, at `.` and `..`, at a line with a CR in it, or at one whose end is not `endLength` characters, CRLF or LF. `parse` would give the
   * same entries, and take longer: V8 has compiled one loop long before it has compiled the functions that each line passes through otherwise.
   */
  readonly readUsual?: (text: string, start: number, limit: number, endLength: 1 | 2, context: ListContext, entries: Entry[]) => number;
  parse(line: string, context: ListContext): Parsed;
}
