import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Entry } from '../../lib/listing/entry';
import { parseList } from '../../lib/listing/list-parser';

/** What a record says about one entry; an absent key says nothing, null says that it is not known. */
interface Expected {
  readonly name?: string;
  readonly nameAny?: readonly string[];
  readonly type?: string;
  readonly size?: number | null;
  readonly sizeText?: string;
  readonly modified?: string | null;
  readonly modifiedAny?: readonly string[];
  readonly modifiedAlternatives?: Readonly<Record<string, string>>;
  readonly modifiedPrecision?: 'minute';
  readonly target?: string;
  readonly permissions?: string;
  readonly owner?: string | null;
  readonly group?: string | null;
  readonly facts?: Readonly<Record<string, string>>;
}

/** A listing as a server printed it, with what several clients make of it; `id` names the client whose test it is in. */
export interface ListingRecord {
  readonly id: string;
  readonly format: string;
  readonly raw: string;
  readonly rawBase64?: string;
  readonly now: string;
  readonly kind: 'entries' | 'listing' | 'ignored' | 'unparseable';
  readonly tier: string;
  readonly header?: string;
  readonly expected: readonly Expected[];
  readonly ignoredLines?: readonly number[];
  readonly unparseableLines?: readonly number[];
  readonly nameCompare?: 'case-insensitive' | 'version-insensitive';
  readonly nameAlternatives?: readonly string[];
  readonly typeAlternatives?: readonly string[];
  readonly mayBeOmitted?: boolean;
}

/** Facts collected from the tests of FTP clients and from RFC 3659. */
export const records = JSON.parse(readFileSync(join(__dirname, '../fixtures/listings.json'), 'utf8')) as readonly ListingRecord[];

/** The records that are one line, which is most of them. */
export const singleLines = records.filter(({ raw }) => !/[\r\n]./s.test(raw) && raw.length < 300);

export function bytesOf(record: ListingRecord): Buffer {
  return record.rawBase64 === undefined ? Buffer.from(record.raw, 'utf8') : Buffer.from(record.rawBase64, 'base64');
}

/** What is wrong with the reading of a record: nothing, when it is right. */
export function problemsOf(record: ListingRecord): string[] {
  const unparsed: string[] = [];
  const header = record.header === undefined ? [] : [Buffer.from(`${record.header}\r\n`)];
  const entries = parseList(Buffer.concat([...header, bytesOf(record)]), {
    now: new Date(record.now),
    keepDots: expectsDots(record),
    onUnparsed: (line) => void unparsed.push(line),
  });
  const { expected } = record;
  if (entries.length !== expected.length) return [`${entries.length} entries instead of ${expected.length}`];
  const problems = expected.flatMap((each, index) => compare(record, each, entries[index] as Entry));
  const lines = record.raw.split('\n').map((line) => line.replace(/\r+$/, ''));
  for (const index of record.ignoredLines ?? []) if (unparsed.includes(lines[index] ?? '')) problems.push(`reports line ${index}`);
  for (const index of record.unparseableLines ?? []) if (!unparsed.includes(lines[index] ?? '')) problems.push(`does not report line ${index}`);
  if (record.kind === 'unparseable' && unparsed.length === 0) problems.push('reports nothing');
  return problems;
}

function expectsDots({ expected, mayBeOmitted }: ListingRecord): boolean {
  return mayBeOmitted === true || expected.some(({ name }) => name === '.' || name === '..');
}

function compare(record: ListingRecord, expected: Expected, entry: Entry): string[] {
  const problems: string[] = [];
  const check = (what: string, actual: unknown, accepted: readonly unknown[]): void => {
    if (!accepted.includes(actual)) problems.push(`${what} ${JSON.stringify(actual)} instead of ${JSON.stringify(accepted)}`);
  };
  const names = [expected.name, ...(expected.nameAny ?? []), ...(record.nameAlternatives ?? [])].filter((name) => name !== undefined);
  check('name', comparable(record, entry.name), names.map((name) => comparable(record, name)));
  if (expected.type !== undefined) check('type', entry.type, [expected.type, ...(record.typeAlternatives ?? [])]);
  for (const key of ['size', 'target', 'permissions', 'owner', 'group'] as const) {
    if (key in expected) check(key, entry[key], [expected[key] ?? undefined]);
  }
  if (expected.sizeText !== undefined) check('facts.size', entry.facts?.['size'], [expected.sizeText]);
  for (const [key, value] of Object.entries(expected.facts ?? {})) check(`fact ${key}`, entry.facts?.[key], [value]);
  if ('modified' in expected || expected.modifiedAny) checkTime(expected, entry, check);
  return problems;
}

/** Clients guess years differently; ours is the newest date that is not more than a day in the future. */
function checkTime(expected: Expected, entry: Entry, check: (what: string, actual: unknown, accepted: readonly unknown[]) => void): void {
  const ours = expected.modifiedAlternatives?.['past+1day'];
  const accepted = ours !== undefined ? [ours] : (expected.modifiedAny ?? [expected.modified ?? undefined]);
  const cut = (time: string | undefined): string | undefined => (expected.modifiedPrecision === 'minute' ? time?.slice(0, 16) : time);
  check('modified', cut(entry.modified?.toISOString()), accepted.map((time) => cut(time)));
}

function comparable({ nameCompare }: ListingRecord, name: string): string {
  if (nameCompare === 'case-insensitive') return name.toLowerCase();
  return nameCompare === 'version-insensitive' ? name.replace(/;\d+$/, '') : name;
}
