import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The parts of a summary, in its order. */
const TOPICS = ['measured', 'TLS sessions', 'transfers left at random moments', 'cases of the contract', 'faults', 'skipped'] as const;
export type Topic = (typeof TOPICS)[number];

/** Where all processes of a run write; mocha's processes inherit it. */
const VARIABLE = 'FTPLIB_SUMMARY';

interface Note {
  readonly topic: Topic;
  readonly text: string;
}

/** Begins a run's summary. */
export function beginSummary(): void {
  const file = join(mkdtempSync(join(tmpdir(), 'ftplib-summary-')), 'notes');
  writeFileSync(file, '');
  process.env[VARIABLE] = file;
}

/** Says something at the end of the run; several lines stay together. */
export function note(topic: Topic, text: string): void {
  const file = process.env[VARIABLE];
  if (file === undefined) throw new Error('no run has begun');
  appendFileSync(file, `${JSON.stringify({ topic, text } satisfies Note)}\n`);
}

/** All that was noted, by topic; within one by name, for the order of parallel files is chance. */
export function endSummary(): string {
  const file = process.env[VARIABLE];
  if (file === undefined) return '';
  const notes = readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line) as Note);
  rmSync(dirname(file), { recursive: true });
  const parts = TOPICS.flatMap((topic) => {
    const texts = notes.filter((each) => each.topic === topic).map(({ text }) => text).sort();
    return texts.length === 0 ? [] : [`  ${topic}\n${indented(texts.join('\n'))}\n`];
  });
  return parts.join('\n');
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '    ');
}
