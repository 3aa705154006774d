import { LimitError } from '../errors';
import type { Entry } from './entry';
import type { LineEnd } from './line-splitter';
import { ListDecoder, type ListParserOptions } from './list-decoder';
import { Listing } from './listing';

/**
 * The entries of a whole listing. The format is recognised unless it is given; lines that cannot be read are skipped, and
 * `onUnparsed` hears of them. A line may be of any length unless `maxLineBytes` is set, because it is in memory already.
 *
 * @throws ArgumentError for a format or an encoding that there is not; LimitError for a line longer than `maxLineBytes`
 */
export function parseList(listing: string | Buffer, options: ListParserOptions = {}): Entry[] {
  const { maxLineBytes = Infinity } = options;
  if (typeof listing === 'string') return fromText(listing, options, maxLineBytes);
  const decoder = new ListDecoder({ ...options, maxLineBytes });
  return [...decoder.decode(listing), ...decoder.end()];
}

/** Text needs no decoding: its lines go to the parser as they are. */
function fromText(text: string, options: ListParserOptions, maxLineBytes: number): Entry[] {
  const entries: Entry[] = [];
  const listing = new Listing(options, (entry) => void entries.push(entry));
  const take = (line: string, ended: boolean): void => {
    const body = line.replace(/\r{1,2}$/, '');
    if (Buffer.byteLength(body) > maxLineBytes) throw new LimitError(`a line of the listing is longer than ${maxLineBytes} bytes (maxLineBytes)`);
    const lineEnd: LineEnd = body.length < line.length ? 'crlf' : 'lf';
    listing.line(body, undefined, ended ? lineEnd : 'none');
  };
  let start = 0;
  for (let lf = text.indexOf('\n'); lf >= 0; lf = text.indexOf('\n', start)) {
    take(text.slice(start, lf), true);
    start = lf + 1;
  }
  if (start < text.length) take(text.slice(start), false);
  listing.end();
  return entries;
}
