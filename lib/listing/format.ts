import type { Calendar } from './time';
import type { Entry } from './entry';

/** The formats by name; `mlsd` is also that of MLST. */
export type ListFormatName =
  | 'mlsd'
  | 'unix'
  | 'dos'
  | 'eplf'
  | 'vms'
  | 'mvs'
  | 'os400'
  | 'netware'
  | 'os2'
  | 'nonstop'
  | 'vm'
  | 'enterprise'
  | 'chameleon'
  | 'vshell'
  | 'nortel'
  | 'os9'
  | 'numeric';

/** What a line means beside its own text. */
export interface ListContext {
  readonly calendar: Calendar;
  /** The caller named the format, so that a line with little to recognise is enough. */
  readonly given: boolean;
  /** The caller named the format, or an earlier line showed it. */
  settled: boolean;
  /** The last line that was a header of this format. */
  header: string | undefined;
}

/**
 * What a format makes of a line: an entry; `header`, a line of this format that is no entry; `more`, the beginning of an
 * entry that goes on in the next line; undefined, no line of this format.
 */
export type Parsed = Entry | 'header' | 'more' | undefined;

/** One way to print a listing. */
export interface ListFormat {
  readonly name: ListFormatName;
  parse(line: string, context: ListContext): Parsed;
}
