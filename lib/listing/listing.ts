// The rules that are the same for all formats: which format a listing is in, which lines are no entries, and which lines belong together.

import { ArgumentError } from '../errors';
import { checkFunction, checkTimeZone, flag } from '../options';
import { dos } from './dos';
import { type Entry, isDot, setRawName } from './entry';
import type { ListContext, ListFormat, ListFormatName, Parsed } from './format';
import { charactersIn, type LineEnd, lineOf } from './lines';
import { mlsx } from './mlsx';
import { RARE_FORMATS } from './rare/rare-formats';
import { Calendar } from './time';
import { unix, unixAnyMode } from './unix';
import { isBlank, LONGEST_WORD, skipBlanks } from './words';

/** The options of a listing, however its lines come. */
export interface ListingOptions {
  /** The format of the listing; default: recognised from the first line that is an entry, and kept from there on. */
  readonly format?: ListFormatName | undefined;
  /** The present, as a Date or in milliseconds since 1970, which decides the year of dates that are printed without one; default: the clock. */
  readonly now?: Date | number | undefined;
  /** The server's time zone in minutes, positive east of Greenwich; default 0. MLSD and EPLF are always in UTC. */
  readonly serverTimeZoneOffset?: number | undefined;
  /** Whether `.`, `..` and MLSD's cdir and pdir are entries; default false: they are left out. */
  readonly keepDots?: boolean | undefined;
  /** Called with every line that should be an entry and cannot be read: one that is not empty, no header, and no sum. */
  readonly onUnparsed?: ((line: string) => void) | undefined;
}

/** The formats of nearly all servers, in the order in which they are tried. The others are tried, and loaded, after them. */
const COMMON_FORMATS: readonly ListFormat[] = [unix, mlsx, dos];

/** @throws ArgumentError for a name that no format has */
function formatNamed(name: ListFormatName): ListFormat {
  const isNamed = (format: ListFormat): boolean => format.name === name;
  const format = [unixAnyMode, mlsx, dos].find(isNamed) ?? RARE_FORMATS.find(isNamed);
  if (format === undefined) throw new ArgumentError(`there is no listing format ${typeof name === 'string' ? JSON.stringify(name) : typeof name}`);
  return format;
}

/** A line, with its bytes where its text in UTF-8 may differ from them. */
interface Line {
  readonly text: string;
  readonly bytes: Buffer | undefined;
}

/** A line that may continue in the next one: its format says so; or the listing ends its lines in CRLF, and the LF after this one is part of a name. */
interface Open extends Line {
  readonly format: ListFormat;
  /** The entry that the line is if it does not continue. */
  readonly entry?: Entry;
}

/** After so many entries that ended in CRLF, an LF alone may be a part of a name. */
const ENOUGH_CRLF = 2;
const LONGEST_NAME_WITH_LF = 4096;
/** So many characters are read by one call: V8 runs what it has compiled from the next one on. */
const PORTION = 4096;
/** So many lines may wait for one that shows whether there are columns. */
const MOST_UNSURE = 1000;

/** Turns the lines of one listing into entries. */
export class Listing {
  readonly #options: ListingOptions;
  readonly #context: ListContext;
  /** The format that has read the last line that could be read; once it is settled, no other one is tried. */
  #matched: ListFormat;
  #open: Open | undefined;
  /** Lines whose names depend on whether there are columns. */
  #unsure: Line[] = [];
  /** How many entries have ended in CRLF. */
  #crlf = 0;
  #entries: Entry[] = [];
  #hasRawNames = false;

  /** @throws ArgumentError for an unknown format, and for an option that cannot be */
  constructor(options: ListingOptions) {
    const { format, now = Date.now(), serverTimeZoneOffset, keepDots, onUnparsed } = options;
    if (!(now instanceof Date || typeof now === 'number') || !Number.isFinite(Number(now))) throw new ArgumentError('now must be a valid Date, or milliseconds since 1970');
    checkFunction('onUnparsed', onUnparsed);
    flag('keepDots', keepDots, false);
    this.#options = options;
    const given = format !== undefined;
    this.#matched = given ? formatNamed(format) : unix;
    const calendar = new Calendar(Number(now), checkTimeZone(serverTimeZoneOffset));
    const last = { columns: '', permissions: '', owner: '', group: '' };
    this.#context = { calendar, given, settled: given, aligned: false, unsure: false, header: undefined, last, days: new Map() };
  }

  /** The next line. @param bytes its bytes, where the text in UTF-8 may differ from them; they are valid during the call only */
  line(text: string, bytes: Buffer | undefined, lineEnd: LineEnd): void {
    const line = { text, bytes };
    if (this.#open !== undefined && this.#continue(this.#open, line, lineEnd)) return;
    this.#take(line, lineEnd);
  }

  /**
   * The lines of a text; what follows its last LF is one, too. A usual line of the settled format is an entry whatever the lines around it are.
   *
   * @throws LimitError for a line that has more than `maxBytes` in UTF-8
   */
  text(text: string, maxBytes: number): void {
    const endLength = text.includes('\r\n') ? 2 : 1;
    const mayBeUsual = text.length <= charactersIn(maxBytes) && !text.includes('\0') && (endLength === 2 || !text.includes('\r'));
    for (let start = 0; start < text.length; ) {
      const next = mayBeUsual ? this.#readUsual(text, start, endLength) : start;
      if (next > start) {
        start = next;
        continue;
      }
      const lf = indexOf(text, '\n', start);
      const { line, lineEnd } = lineOf(text, start, lf, lf < text.length, maxBytes);
      this.line(line, undefined, lineEnd);
      start = lf + 1;
    }
  }

  /** Reads usual lines, unless the format is not known yet, lines wait for what follows them, or an LF may be a part of a name. */
  #readUsual(text: string, start: number, endLength: 1 | 2): number {
    const isReady = this.#context.settled && this.#open === undefined && this.#unsure.length === 0 && (endLength === 2 || this.#crlf < ENOUGH_CRLF);
    if (!isReady || !this.#matched.readUsual) return start;
    const before = this.#entries.length;
    const end = this.#matched.readUsual(text, start, Math.min(start + PORTION, text.length), endLength, this.#context, this.#entries);
    if (endLength === 2) this.#crlf += this.#entries.length - before;
    return end;
  }

  /** Whether `rawNameOf` knows the bytes of a name. */
  get hasRawNames(): boolean {
    return this.#hasRawNames;
  }

  /** The entries that are complete, once. */
  take(): Entry[] {
    const entries = this.#entries;
    this.#entries = [];
    return entries;
  }

  /** There are no more lines. */
  end(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) this.#close(open);
    this.#takeUnsure();
  }

  #take(line: Line, lineEnd: LineEnd): void {
    if (isNoise(line.text)) return;
    this.#context.unsure = false;
    const parsed = this.#parse(line.text);
    if (parsed === undefined && isFraming(line.text)) return;
    if (parsed === undefined) this.#options.onUnparsed?.(line.text);
    else if (parsed === 'header') this.#context.header = line.text;
    else if (parsed === 'more') this.#open = { ...copyOf(line), format: this.#matched };
    else this.#takeEntry(parsed, line, lineEnd);
  }

  #takeEntry(entry: Entry, line: Line, lineEnd: LineEnd): void {
    this.#settle(this.#matched);
    if (this.#context.unsure && this.#unsure.length < MOST_UNSURE) return void this.#unsure.push(copyOf(line));
    this.#takeUnsure();
    if (lineEnd === 'lf' && this.#crlf >= ENOUGH_CRLF) {
      this.#open = { ...copyOf(line), format: this.#matched, entry };
      return;
    }
    if (lineEnd === 'crlf') this.#crlf++;
    this.#entry(entry, line);
  }

  /** As much is known about columns now as will be. */
  #takeUnsure(): void {
    for (const line of this.#unsure.splice(0)) {
      const entry = this.#parseAs(this.#matched, line.text);
      if (isEntry(entry)) this.#entry(entry, line);
    }
  }

  /** The format is known now. Only an entry shows it: what looks like a header of one format may be a line of another server. */
  #settle(format: ListFormat): void {
    if (this.#context.settled) return;
    this.#matched = format;
    this.#context.settled = true;
  }

  /** Reads a line, and keeps in `#matched` which format has read it. */
  #parse(text: string): Parsed {
    if (this.#context.settled) return this.#parseAs(this.#matched, text);
    if (skipBlanks(text, 0) > LONGEST_WORD) return undefined; // every format would have to skip all these blanks
    return this.#parseAsOneOf(COMMON_FORMATS, text) ?? this.#parseAsOneOf(RARE_FORMATS, text);
  }

  #parseAsOneOf(formats: readonly ListFormat[], text: string): Parsed {
    for (const format of formats) {
      const parsed = this.#parseAs(format, text);
      if (parsed === undefined) continue;
      this.#matched = format;
      return parsed;
    }
    return undefined;
  }

  #parseAs(format: ListFormat, text: string): Parsed {
    if (text.includes('\0')) return undefined; // no file system allows NUL in a name
    const parsed = format.parse(text, this.#context);
    return isEntry(parsed) && text.includes('\r') && !isPlausible(parsed) ? undefined : parsed;
  }

  /** Joins the line to the open one; false where it is a line of its own. */
  #continue(open: Open, line: Line, lineEnd: LineEnd): boolean {
    this.#open = undefined;
    const joined = join(open, line);
    const parsed = this.#parseAs(open.format, joined.text);
    if (!isEntry(parsed) || (open.entry !== undefined && !this.#isRestOfName(line, lineEnd, joined))) {
      this.#close(open);
      return false;
    }
    if (open.entry !== undefined && lineEnd === 'lf') this.#open = { ...joined, format: open.format, entry: open.entry };
    else {
      this.#settle(open.format);
      this.#entry(parsed, joined);
    }
    return true;
  }

  /** In a listing of CRLF lines, the text after an LF alone belongs to the name, unless it is an entry or a header by itself. */
  #isRestOfName(line: Line, lineEnd: LineEnd, joined: Line): boolean {
    if (lineEnd !== 'none' && joined.text.length <= LONGEST_NAME_WITH_LF && !isNoise(line.text) && this.#parse(line.text) === undefined) return true;
    this.#crlf = Number.NEGATIVE_INFINITY; // an LF alone ends lines in this listing
    return false;
  }

  #close(open: Open): void {
    if (open.entry !== undefined) this.#entry(open.entry, open);
    else this.#options.onUnparsed?.(open.text);
  }

  #entry(entry: Entry, line: Line): void {
    if (this.#options.keepDots !== true && isDot(entry)) return;
    if (line.bytes !== undefined) this.#keepBytes(entry, line.bytes);
    this.#entries.push(entry);
  }

  /** Keeps the bytes of the name. In latin1 every byte is one character, so that the name of the line as latin1 has the bytes of the name. */
  #keepBytes(entry: Entry, bytes: Buffer): void {
    const latin1 = this.#matched.parse(bytes.toString('latin1'), this.#context);
    if (!isEntry(latin1)) return;
    const name = Buffer.from(latin1.name, 'latin1');
    if (name.equals(Buffer.from(entry.name, 'utf8'))) return;
    setRawName(entry, name);
    this.#hasRawNames = true;
  }
}

function isEntry(parsed: Parsed): parsed is Entry {
  return typeof parsed === 'object';
}

/** A name may hold a CR, though not CRs and blanks only, and so may a target; in any other field a CR shows that the line is broken. */
function isPlausible({ name, owner, group, permissions }: Entry): boolean {
  return /[^ \t\r\n]/.test(name) && ![owner, group, permissions].some((field) => field?.includes('\r'));
}

/** Where `character` comes next from `from` on; the length of the text where it does not. */
function indexOf(text: string, character: string, from: number): number {
  const index = text.indexOf(character, from);
  return index < 0 ? text.length : index;
}

/** A copy that stays valid after the chunk. */
function copyOf(line: Line): Line {
  return { text: line.text, bytes: line.bytes === undefined ? undefined : Buffer.from(line.bytes) };
}

function join(first: Line, second: Line): Line {
  const bytes =
    first.bytes === undefined && second.bytes === undefined
      ? undefined
      : Buffer.concat([bytesOf(first), Buffer.from('\n'), bytesOf(second)]);
  return { text: `${first.text}\n${second.text}`, bytes };
}

/** The bytes of a line that has none are its text in UTF-8. */
function bytesOf(line: Line): Buffer {
  return line.bytes ?? Buffer.from(line.text, 'utf8');
}

/** The word of `total 14`, the sum of blocks that `ls` prints first, in English and in other languages. */
const TOTAL = new Set(
  'total totale totaal totalt totali gesamt insgesamt summe summa yhteensä razem celkem celkom összesen toplam итого всего усього σύνολο ukupno skupaj samtals 合計 总用量 总计 總計 總用量 합계'.split(' '),
);
const SUM = /^[ \t]*(\S{2,12}?):?[ \t]*\d[\d.,]{0,24}[KMGTP]?(?:[ \t]+\S{1,12})?[ \t]*$/;
const LONGEST_SUM = 80;

/** A line that any format may hold and that is no entry: an empty one, or a sum such as `total 14`. */
function isNoise(line: string): boolean {
  const first = line.charCodeAt(0);
  if (Number.isNaN(first)) return true;
  if (line.length > LONGEST_SUM || !(isBlank(first) || first === 0 || isLetter(first))) return isEmpty(line);
  const word = SUM.exec(line)?.[1];
  return (word !== undefined && TOTAL.has(word.toLowerCase())) || isEmpty(line);
}

function isLetter(code: number): boolean {
  return (code | 0x20) >= 0x61;
}

function isEmpty(line: string): boolean {
  for (let i = 0; i < line.length; i++) {
    const code = line.charCodeAt(i);
    if (!isBlank(code) && code !== 0 && code !== 0x0d) return false;
  }
  return true;
}

/**
 * A line before or after entries: `213-Status follows:` and `213 End of status` of a reply to STAT, and the names of folders in
 * `ls -R`. A name could look like that, so this counts only for lines that no format reads.
 */
function isFraming(line: string): boolean {
  return /^2\d\d[ -][A-Za-z]/.test(line) || (line.endsWith(':') && /^[./]/.test(line));
}
