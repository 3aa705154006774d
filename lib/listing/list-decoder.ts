import type { OptionNames } from '../option-names';
import type { Entry } from './entry';
import { LineSplitter } from './line-splitter';
import { LineText, type ListEncoding } from './line-text';
import { Listing, type ListingOptions } from './listing';

/** How the bytes of a listing become entries. */
export interface ListParserOptions extends ListingOptions {
  /** How lines are bytes; default `auto`: UTF-8 for every line that is valid UTF-8, latin1 for the others. */
  readonly encoding?: ListEncoding | undefined;
  /** Longest line in bytes without its end; default 65536. */
  readonly maxLineBytes?: number | undefined;
}

export const LIST_PARSER_OPTIONS: OptionNames<ListParserOptions> = {
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
