import { Transform, type TransformCallback } from 'node:stream';
import { LimitError } from '../errors';
import { checkNames, type OptionNames } from '../options';
import type { Entry } from './entry';
import { LineSplitter, LineText, type ListEncoding } from './lines';
import { Listing, type ListingOptions } from './listing';

/** How the bytes of a listing become entries. */
export interface ListParserOptions extends ListingOptions {
  /** How lines are bytes; default `auto`: UTF-8 for every line that is valid UTF-8, latin1 for the others. */
  readonly encoding?: ListEncoding | undefined;
  /** Longest line in bytes without its end; default 65536. */
  readonly maxLineBytes?: number | undefined;
}

const LIST_PARSER_OPTIONS: OptionNames<ListParserOptions> = {
  format: true, now: true, serverTimeZoneOffset: true, keepDots: true, onUnparsed: true, encoding: true, maxLineBytes: true,
};

const DEFAULT_MAX_LINE_BYTES = 65_536;

/** Turns the bytes of a listing into entries, without a stream. */
export class ListDecoder {
  readonly #line: LineText;
  readonly #splitter: LineSplitter;
  readonly #listing: Listing;
  #entries: Entry[] = [];

  /** @throws ArgumentError for a format or an encoding that there is not */
  constructor(options: ListParserOptions = {}) {
    const { encoding = 'auto', maxLineBytes = DEFAULT_MAX_LINE_BYTES } = options;
    const line = new LineText(encoding);
    this.#line = line;
    this.#listing = new Listing(options, (entry) => void this.#entries.push(entry));
    this.#splitter = new LineSplitter(maxLineBytes, (bytes, start, end, lineEnd) => {
      line.read(bytes, start, end);
      this.#listing.line(line.text, line.inexact ? bytes.subarray(start, end) : undefined, lineEnd);
    });
  }

  /**
   * The entries that are complete with these bytes.
   *
   * @throws LimitError for a line longer than `maxLineBytes`
   */
  decode(chunk: Buffer): Entry[] {
    this.#line.begin(chunk);
    this.#splitter.write(chunk);
    this.#line.end();
    return this.#drain();
  }

  /** What is left when the bytes have ended: a last line may lack its end. */
  end(): Entry[] {
    this.#splitter.end();
    this.#listing.end();
    return this.#drain();
  }

  #drain(): Entry[] {
    const entries = this.#entries;
    this.#entries = [];
    return entries;
  }
}

/**
 * The bytes of a listing in, `Entry` objects out, for any connection or file. Fails with LimitError for a line longer than
 * `maxLineBytes`; a line that cannot be read is no error but an event, `unparsed`, with the line, and the listing goes on.
 */
export class ListParser extends Transform {
  readonly #decoder: ListDecoder;

  /** @throws ArgumentError for an option, a format or an encoding that there is not */
  constructor(options: ListParserOptions = {}) {
    checkNames(options, LIST_PARSER_OPTIONS);
    super({ readableObjectMode: true });
    this.#decoder = new ListDecoder({
      ...options,
      onUnparsed: (line) => {
        options.onUnparsed?.(line);
        this.emit('unparsed', line);
      },
    });
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#run(() => this.#decoder.decode(chunk), done);
  }

  override _flush(done: TransformCallback): void {
    this.#run(() => this.#decoder.end(), done);
  }

  #run(decode: () => readonly unknown[], done: TransformCallback): void {
    try {
      for (const entry of decode()) this.push(entry);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  }
}

/**
 * The entries of a whole listing. The format is recognised unless it is given; lines that cannot be read are skipped, and
 * `onUnparsed` hears of them. A line may be of any length unless `maxLineBytes` is set, because it is in memory already.
 *
 * @throws ArgumentError for an option, a format or an encoding that there is not; LimitError for a line longer than `maxLineBytes`
 */
export function parseList(listing: string | Buffer, options: ListParserOptions = {}): Entry[] {
  checkNames(options, LIST_PARSER_OPTIONS);
  const { maxLineBytes = Infinity } = options;
  if (typeof listing === 'string') return fromText(listing, options, maxLineBytes);
  const decoder = new ListDecoder({ ...options, maxLineBytes });
  return [...decoder.decode(listing), ...decoder.end()];
}

/** Text needs no decoding: its lines go to the parser as they are. */
function fromText(text: string, options: ListParserOptions, maxLineBytes: number): Entry[] {
  const entries: Entry[] = [];
  const listing = new Listing(options, (entry) => void entries.push(entry));
  const take = (start: number, lf: number, ended: boolean): void => {
    const end = endWithoutCR(text, start, lf);
    const line = text.slice(start, end);
    if (line.length > maxLineBytes / MOST_BYTES && Buffer.byteLength(line) > maxLineBytes) throw new LimitError(`a line of the listing is longer than ${maxLineBytes} bytes (maxLineBytes)`);
    listing.line(line, undefined, !ended ? 'none' : end < lf ? 'crlf' : 'lf');
  };
  let start = 0;
  for (let lf = text.indexOf('\n'); lf >= 0; lf = text.indexOf('\n', start)) {
    take(start, lf, true);
    start = lf + 1;
  }
  if (start < text.length) take(start, text.length, false);
  listing.end();
  return entries;
}

/** That a UTF-16 unit takes in UTF-8: the bytes of most lines need no counting. */
const MOST_BYTES = 3;

const CR = 0x0d;

/** One or two CRs belong to the line end, as for LineSplitter. */
function endWithoutCR(text: string, start: number, lf: number): number {
  let end = lf;
  while (end > start && lf - end < 2 && text.charCodeAt(end - 1) === CR) end--;
  return end;
}
