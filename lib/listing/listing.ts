import { ArgumentError } from '../errors';
import { Calendar } from './calendar';
import { setRawName, type Entry } from './entry';
import type { ListContext, ListFormat, ListFormatName, Parsed } from './format';
import { formatsFor } from './formats';
import type { LineEnd } from './line-splitter';
import { isFraming, isNoise } from './noise';
import { LONGEST_WORD, skipBlanks } from './words';

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
