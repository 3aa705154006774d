import { LimitError } from '../errors';
import { checkNames } from '../option-names';
import type { Entry } from './entry';
import { LIST_PARSER_OPTIONS, ListDecoder, type ListParserOptions } from './list-decoder';
import { Listing } from './listing';

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
