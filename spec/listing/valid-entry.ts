import { expect } from 'chai';
import type { Entry } from '../../lib/listing/entry';

const TYPES = ['file', 'directory', 'symlink', 'other'];
const TEXTS = ['target', 'permissions', 'owner', 'group'] as const;
const KEYS = ['name', 'type', 'size', 'modified', 'facts', 'raw', ...TEXTS];

/** Holds that an entry invents nothing: every field is there with a value that can be meant, or is not there. */
export function assertValidEntry(entry: Entry, why: () => string): void {
  const problem = problemOf(entry);
  if (problem !== undefined) expect.fail(`${problem} in ${JSON.stringify(entry)}: ${why()}`);
}

function problemOf(entry: Entry): string | undefined {
  const { name, type, size, modified, facts, raw } = entry;
  for (const [key, value] of Object.entries(entry)) if (value === undefined || !KEYS.includes(key)) return key;
  if (typeof name !== 'string' || !/[^ \t\r\n]/.test(name) || name.includes('\0')) return 'name';
  if (!TYPES.includes(type)) return 'type';
  if ('size' in entry && !(Number.isSafeInteger(size) && Number(size) >= 0)) return 'size';
  if ('modified' in entry && !(modified instanceof Date && Number.isFinite(modified.getTime()))) return 'modified';
  for (const key of TEXTS) if (key in entry && (typeof entry[key] !== 'string' || entry[key] === '')) return key;
  for (const value of Object.values(facts ?? {})) if (typeof value !== 'string') return 'facts';
  return typeof raw === 'string' ? undefined : 'raw';
}
