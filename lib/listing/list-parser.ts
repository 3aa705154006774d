// The three ways to have a listing read: `ListParser`, a stream; `parseList`, a function for a whole listing; and `ListDecoder`, which both use.

import { isAscii, isUtf8 } from 'node:buffer';
import { Transform, type TransformCallback, type TransformOptions } from 'node:stream';
import { decoderFor, decodesASCII, type Encoding, isUTF8 } from '../encoding';
import { checkByteCount, checkFunction, checkNames, type OptionNames } from '../options';
import type { TransformEvents, TypedTransform } from '../typed-streams';
import type { Entry } from './entry';
import { endOfLine, endOfPortion, LineSplitter } from './lines';
import { Listing, type ListingOptions } from './listing';

/** The options of `ListParser` and `parseList`. */
export interface ListParserOptions extends ListingOptions {
  /** The encoding of the lines; default `auto`: UTF-8 for every line that is valid UTF-8, and latin1 for the others. */
  readonly encoding?: Encoding | undefined;
  /** The most bytes of a line, without its end; default 65536 for `ListParser`, and no limit for `parseList`. */
  readonly maxLineBytes?: number | undefined;
}

const LIST_PARSER_OPTIONS: OptionNames<ListParserOptions> = {
  format: true, now: true, serverTimeZoneOffset: true, keepDots: true, onUnparsed: true, encoding: true, maxLineBytes: true,
};

const DEFAULT_MAX_LINE_BYTES = 65_536;

/**
 * Returns the entries of a whole listing, of LIST or MLSD, in the order of its lines.
 *
 * The format is recognised unless it is given. A line that cannot be read is skipped, and reported to `onUnparsed`.
 *
 * @param listing the text, or its bytes; a text needs no `encoding`
 * @throws ArgumentError for an unknown option, format or encoding; LimitError for a line longer than `maxLineBytes`
 */
export function parseList(listing: string | Buffer, options: ListParserOptions = {}): Entry[] {
  checkNames(options, LIST_PARSER_OPTIONS);
  const maxLineBytes = checkByteCount('maxLineBytes', options.maxLineBytes, Infinity);
  if (typeof listing !== 'string') {
    const decoder = new ListDecoder(options, maxLineBytes);
    return [...decoder.decode(listing), ...decoder.end()];
  }
  decoderFor(options.encoding); // checks it
  const lines = new Listing(options);
  lines.text(listing, maxLineBytes);
  lines.end();
  return lines.take();
}

/** The events of a ListParser. */
export interface ListParserEvents extends TransformEvents<Entry> {
  /** A line that cannot be read was skipped. */
  unparsed: [line: string];
}

/** Transform, as TypedTransform describes it. */
const Typed = Transform as unknown as new (options?: TransformOptions) => TypedTransform<Entry, ListParserEvents>;

/**
 * A Transform from the bytes of a listing, of LIST or MLSD, to `Entry` objects; it may be piped from any connection or file.
 *
 * A line that cannot be read is no error: it is skipped, and emitted as `unparsed`. A line longer than `maxLineBytes` fails
 * the stream with a LimitError.
 */
export class ListParser extends Typed {
  readonly #decoder: ListDecoder;

  /**
   * Checks the options; without any, the format is recognised, and years that are not printed follow from the clock.
   *
   * @throws ArgumentError for an unknown option, format or encoding
   */
  constructor(options: ListParserOptions = {}) {
    checkNames(options, LIST_PARSER_OPTIONS);
    checkFunction('onUnparsed', options.onUnparsed);
    super({ readableObjectMode: true });
    this.#decoder = new ListDecoder({
      ...options,
      onUnparsed: (line) => {
        options.onUnparsed?.(line);
        this.emit('unparsed', line);
      },
    });
  }

  /** @internal */
  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#run(() => this.#decoder.decode(chunk), done);
  }

  /** @internal */
  override _flush(done: TransformCallback): void {
    this.#run(() => this.#decoder.end(), done);
  }

  #run(decode: () => readonly Entry[], done: TransformCallback): void {
    try {
      for (const entry of decode()) this.push(entry);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  }
}

/** Turns the bytes of a listing into entries, without a stream. */
export class ListDecoder {
  readonly #splitter: LineSplitter;
  readonly #listing: Listing;
  readonly #isUTF8: boolean;
  readonly #decodesASCII: boolean;
  readonly #maxLineBytes: number;

  /** @throws ArgumentError for an option that cannot be */
  constructor(options: ListParserOptions = {}, maxLineBytes = checkByteCount('maxLineBytes', options.maxLineBytes, DEFAULT_MAX_LINE_BYTES)) {
    const { encoding = 'auto' } = options;
    const decode = decoderFor(encoding);
    this.#isUTF8 = isUTF8(encoding);
    this.#decodesASCII = decodesASCII(encoding);
    this.#maxLineBytes = maxLineBytes;
    this.#listing = new Listing(options);
    this.#splitter = new LineSplitter(maxLineBytes, (bytes, lineEnd) => {
      const isExact = this.#isUTF8 ? isUtf8(bytes) : isAscii(bytes); // its text in UTF-8 has the same bytes
      this.#listing.line(decode(bytes), isExact ? undefined : bytes, lineEnd);
    });
  }

  /**
   * The entries that are complete with these bytes.
   *
   * @throws LimitError for a line longer than `maxLineBytes`
   */
  decode(chunk: Buffer): Entry[] {
    if (this.#decodesASCII) {
      const ascii = isAscii(chunk);
      for (let start = 0; start < chunk.length; ) start = this.#readPortion(chunk, start, ascii);
    } else this.#splitter.write(chunk);
    return this.#listing.take();
  }

  /** Reads the next lines, and returns where they end. Lines in ASCII or valid UTF-8, as nearly all of them are, become one text. @param ascii whether all of the chunk is in ASCII */
  #readPortion(chunk: Buffer, start: number, ascii: boolean): number {
    const portion = this.#splitter.pending ? -1 : endOfPortion(chunk, start);
    const end = portion < 0 ? endOfLine(chunk, start) : portion;
    const lines = chunk.subarray(start, end);
    if (portion >= 0 && (ascii || isAscii(lines))) this.#listing.text(lines.toString('latin1'), this.#maxLineBytes);
    else if (portion >= 0 && this.#isUTF8 && isUtf8(lines)) this.#listing.text(lines.toString('utf8'), this.#maxLineBytes);
    else this.#splitter.write(lines);
    return end;
  }

  /** Whether `rawNameOf` knows the bytes of the name of an entry. */
  get hasRawNames(): boolean {
    return this.#listing.hasRawNames;
  }

  /** The entries that are complete now that the bytes have ended: the last line may lack its end. */
  end(): Entry[] {
    this.#splitter.end();
    this.#listing.end();
    return this.#listing.take();
  }
}
