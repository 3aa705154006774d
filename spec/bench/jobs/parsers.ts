import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContenderName } from '../contender';
import type { Scale } from '../files';
import { ROOT } from '../folders';
import type { Job } from '../job';
import { listingOf, type MadeFormat } from '../listings';
import { ratio } from '../target';
import { cpuEach, PEAK, rate } from './measures';

/** What the specs' fixtures have of each listing. */
interface Fixture {
  readonly format: string;
  readonly raw: string;
  readonly kind: string;
}

const MADE: Readonly<Record<MadeFormat, readonly ContenderName[]>> = { unix: ['ours', 'before', 'basic-ftp'], mlsd: ['ours', 'before', 'basic-ftp'], dos: ['ours', 'before', 'basic-ftp'] };
const LINES = 100;

/** Parsers alone, without a connection. */
export function parserJobs({ replies, entries }: Scale): Job[] {
  const made = Object.entries(MADE).map(([format, contenders]) => entriesJob(format, listingOf(format as MadeFormat, LINES), LINES, contenders, entries));
  const others = [...fixtures()].map(([format, text]) => entriesJob(format, text, 1, ['ours', 'before'], entries));
  return [repliesJob(replies), ...made, ...others];
}

function repliesJob(count: number): Job {
  return {
    name: 'parse-replies',
    title: `${count} replies of one line`,
    where: 'nowhere',
    content: [],
    contenders: ['ours', 'before', 'basic-ftp', 'ftp'],
    measures: [rate('replies', count), cpuEach('reply', count, 'µs'), PEAK],
    targets: [ratio(rate('replies', count), 'basic-ftp', 1.2)],
    work: () => ({ kind: 'replies', count }),
    // basic-ftp 6.2.6 loses some where a chunk ends between CR and LF.
    check: ({ counted = 0 }) => (counted > 0.999 * count && counted <= count ? undefined : `${counted} replies`),
  };
}

function entriesJob(format: string, text: string, lines: number, contenders: readonly ContenderName[], count: number): Job {
  return {
    name: `parse-${format}`,
    title: `${count} entries in the format ${format}`,
    where: 'nowhere',
    content: [],
    contenders,
    measures: [rate('entries', count), cpuEach('entry', count, 'µs'), PEAK],
    targets: contenders.includes('basic-ftp') ? [ratio(rate('entries', count), 'basic-ftp', 1.2)] : [],
    work: () => ({ kind: 'entries', text, copies: count / lines }),
    check: ({ counted = 0 }) => (counted === count ? undefined : `${counted} entries`),
  };
}

/** The first listing of one entry in each format that is not made here. */
function fixtures(): Map<string, string> {
  const all = JSON.parse(readFileSync(join(ROOT, 'spec/fixtures/listings.json'), 'utf8')) as Fixture[];
  const found = new Map<string, string>();
  for (const { format, raw, kind } of all) {
    if (kind !== 'entries' || format === 'other' || format in MADE || found.has(format) || raw.includes('\n')) continue;
    found.set(format, `${raw}\r\n`);
  }
  return found;
}
