import { ArgumentError } from '../errors';
import { dos } from './dos';
import { type Entry, setRawName } from './entry';
import type { ListContext, ListFormat, ListFormatName, Parsed } from './format';
import type { LineEnd } from './lines';
import { mlsx } from './mlsx';
import { mvs } from './mvs';
import { os400 } from './os400';
import { chameleon, enterprise, eplf, netware, nonstop, nortel, numeric, os2, os9, vm, vshell } from './rare-formats';
import { Calendar } from './time';
import { unix, unixAnyMode } from './unix';
import { vms } from './vms';
import { isBlank, LONGEST_WORD, skipBlanks } from './words';

/** At least one. */
type Formats = readonly [ListFormat, ...ListFormat[]];

/** In the order in which they are tried: what only one server could have printed comes first. */
const FORMATS: Formats = [
  unix,
  mlsx,
  dos,
  eplf,
  netware,
  vms,
  os400,
  mvs,
  os2,
  nonstop,
  vm,
  enterprise,
  vshell,
  nortel,
  os9,
  numeric,
  chameleon,
  unixAnyMode,
];

/**
 * The formats that a listing can be in.
 *
 * @param name the only one, where the caller knows it
 * @throws ArgumentError for a name that there is not
 */
function formatsFor(name?: ListFormatName): Formats {
  if (name === undefined) return FORMATS;
  const format = FORMATS.findLast((candidate) => candidate.name === name); // of two the more lenient one
  if (format === undefined) throw new ArgumentError(`there is no listing format ${JSON.stringify(name)}`);
  return [format];
}

/** The word for the sum of blocks that `ls` prints first, where the server's language is not English. */
const TOTAL = new Set(
  'total totale totaal totalt totali gesamt insgesamt summe summa yhteensä razem celkem celkom összesen toplam итого всего усього σύνολο ukupno skupaj samtals 合計 总用量 总计 總計 總用量 합계'.split(' '),
);
const SUM = /^[ \t]*(\S{2,12}?):?[ \t]*\d[\d.,]{0,24}[KMGTP]?(?:[ \t]+\S{1,12})?[ \t]*$/;
const LONGEST = 80;

/** A line that every format may hold and that tells nothing of a file: no characters, or a sum such as `total 14`. */
function isNoise(line: string): boolean {
  const first = line.charCodeAt(0);
  if (Number.isNaN(first)) return true;
  if (line.length > LONGEST || !(isBlank(first) || first === 0 || isLetter(first))) return isEmpty(line);
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
 * A line around entries which is none: `213-Status follows:` and `213 End of status` in a reply to STAT, and the folders'
 * names of `ls -R`. A name could look like that, so no format must know the line.
 */
function isFraming(line: string): boolean {
  return /^2\d\d[ -][A-Za-z]/.test(line) || (line.endsWith(':') && /^[./]/.test(line));
}

/** How lines become entries. */
export interface ListingOptions {
  /** The format of the listing; default: recognised from the first line that shows one, and then kept. */
  readonly format?: ListFormatName | undefined;
  /** The time by which years that are not printed are told, as a Date or in milliseconds since 1970; default: the clock. */
  readonly now?: Date | number | undefined;
  /** The server's time zone in minutes, east of Greenwich positive; default 0. MLSD and EPLF are UTC always. */
  readonly serverTimeZoneOffset?: number | undefined;
  /** Keep `.`, `..` and MLSD's cdir and pdir as entries; default false. */
  readonly keepDots?: boolean | undefined;
  /** Hears of every line that is no entry and should be one: what is no header, no sum, and not empty. */
  readonly onUnparsed?: ((line: string) => void) | undefined;
}

/** A line, with its bytes where they may be others than its text in UTF-8. */
interface Line {
  readonly text: string;
  readonly bytes: Buffer | undefined;
}

/** A line that may go on in the next one: the format says so, or a name in a CRLF listing holds an LF. */
interface Open extends Line {
  readonly format: ListFormat;
  /** What the line is when it does not go on. */
  readonly entry?: Entry;
}

/** How many entries must have ended in CRLF before an LF alone is doubted. */
const ENOUGH_CRLF = 2;
const LONGEST_NAME_WITH_LF = 4096;

/** The rules above the formats: which one it is, what goes on in the next line, what is left out. */
export class Listing {
  readonly #options: ListingOptions;
  readonly #emit: (entry: Entry) => void;
  /** The formats that the listing can still be in. */
  #formats: readonly ListFormat[];
  readonly #context: ListContext;
  /** The format of the last line that had one. */
  #matched: ListFormat;
  #open: Open | undefined;
  #crlf = 0;

  /** @throws ArgumentError */
  constructor(options: ListingOptions, emit: (entry: Entry) => void) {
    const { format, now = Date.now(), serverTimeZoneOffset = 0 } = options;
    if (!Number.isFinite(Number(now))) throw new ArgumentError('now must be a valid Date, or milliseconds since 1970');
    if (!Number.isFinite(serverTimeZoneOffset)) throw new ArgumentError('serverTimeZoneOffset must be a number of minutes');
    this.#options = options;
    this.#emit = emit;
    const formats = formatsFor(format);
    this.#formats = formats;
    this.#matched = formats[0];
    const given = format !== undefined;
    this.#context = { calendar: new Calendar(Number(now), serverTimeZoneOffset), given, settled: given, header: undefined };
  }

  line(text: string, bytes: Buffer | undefined, lineEnd: LineEnd): void {
    const line = { text, bytes };
    if (this.#open !== undefined && this.#goOn(this.#open, line, lineEnd)) return;
    this.#take(line, lineEnd);
  }

  end(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) this.#close(open);
  }

  #take(line: Line, lineEnd: LineEnd): void {
    if (isNoise(line.text)) return;
    const parsed = this.#parse(line.text);
    if (parsed === undefined && isFraming(line.text)) return;
    if (parsed === undefined) this.#unparsed(line.text);
    else if (parsed === 'header') this.#context.header = line.text;
    else if (parsed === 'more') this.#open = { ...copyOf(line), format: this.#matched };
    else this.#takeEntry(parsed, line, lineEnd);
  }

  #takeEntry(entry: Entry, line: Line, lineEnd: LineEnd): void {
    this.#settle(this.#matched);
    if (lineEnd === 'lf' && this.#crlf >= ENOUGH_CRLF) {
      this.#open = { ...copyOf(line), format: this.#matched, entry };
      return;
    }
    if (lineEnd === 'crlf') this.#crlf++;
    this.#entry(entry, line);
  }

  /** Only an entry shows the format: a server of another kind may print what looks like a header. */
  #settle(format: ListFormat): void {
    if (this.#context.settled) return;
    this.#matched = format;
    this.#formats = [format];
    this.#context.settled = true;
  }

  /** Notes in `#matched` which format it was. */
  #parse(text: string): Parsed {
    if (!this.#context.settled && skipBlanks(text, 0) > LONGEST_WORD) return undefined; // every format would skip them again
    for (const format of this.#formats) {
      const parsed = this.#parseAs(format, text);
      if (parsed === undefined) continue;
      this.#matched = format;
      return parsed;
    }
    return undefined;
  }

  #parseAs(format: ListFormat, text: string): Parsed {
    if (text.includes('\0')) return undefined; // no file system has it in a name
    const parsed = format.parse(text, this.#context);
    return isEntry(parsed) && text.includes('\r') && !isPlausible(parsed) ? undefined : parsed;
  }

  /** True where the line was the rest of the open one. */
  #goOn(open: Open, line: Line, lineEnd: LineEnd): boolean {
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

  /** In a listing of CRLF lines, what stands behind an LF alone belongs to the name, if it is no line by itself. */
  #isRestOfName(line: Line, lineEnd: LineEnd, joined: Line): boolean {
    if (lineEnd !== 'none' && joined.text.length <= LONGEST_NAME_WITH_LF && !isNoise(line.text) && this.#parse(line.text) === undefined) return true;
    this.#crlf = Number.NEGATIVE_INFINITY; // an LF alone ends lines here
    return false;
  }

  #close(open: Open): void {
    if (open.entry !== undefined) this.#entry(open.entry, open);
    else this.#unparsed(open.text);
  }

  #entry(entry: Entry, line: Line): void {
    if (this.#options.keepDots !== true && isDot(entry)) return;
    if (line.bytes !== undefined) this.#keepBytes(entry, line.bytes);
    this.#emit(entry);
  }

  /** Read as latin1, every byte is one character, so that the characters of the name are its bytes. */
  #keepBytes(entry: Entry, bytes: Buffer): void {
    const latin1 = this.#matched.parse(bytes.toString('latin1'), this.#context);
    if (!isEntry(latin1)) return;
    const name = Buffer.from(latin1.name, 'latin1');
    if (!name.equals(Buffer.from(entry.name, 'utf8'))) setRawName(entry, name);
  }

  #unparsed(text: string): void {
    this.#options.onUnparsed?.(text);
  }
}

function isEntry(parsed: Parsed): parsed is Entry {
  return typeof parsed === 'object';
}

/** A CR is possible in a name, though not alone, and in a target; anywhere else it shows that the line is broken. */
function isPlausible({ name, owner, group, permissions }: Entry): boolean {
  return /[^ \t\r\n]/.test(name) && ![owner, group, permissions].some((field) => field?.includes('\r'));
}

/** The folder itself and the one above it, by name or by fact (RFC 3659, 7.5.1). */
function isDot(entry: Entry): boolean {
  if (entry.name === '.' || entry.name === '..') return true;
  const type = entry.facts?.['type'];
  return type !== undefined && type.length === 4 && /^[cp]dir$/i.test(type);
}

/** A line that outlives the chunk that it was in. */
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

/** A line without bytes is one whose text in UTF-8 is exact. */
function bytesOf(line: Line): Buffer {
  return line.bytes ?? Buffer.from(line.text, 'utf8');
}
