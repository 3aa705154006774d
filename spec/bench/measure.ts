import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { Readable, Writable } from 'node:stream';
import type { Run } from './contender';
import type { Outcome, Sample } from './work';

/** Seconds after which a contender is given up. */
const PATIENCE = 60;

/** Runs a contender in a process of its own. @throws Error with the last of what it wrote to standard error, if it fails */
export async function measure({ command: [program, ...args], input = '', env = {} }: Run, patience = PATIENCE): Promise<Sample> {
  const started = process.hrtime.bigint();
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe', 'pipe'], env: { ...process.env, ...env }, timeout: patience * 1000 });
  let firstByte: number | undefined;
  child.stdout.on('data', () => (firstByte ??= Number(process.hrtime.bigint() - started) / 1e9));
  (child.stdin as Writable).on('error', () => undefined).end(input);
  const ended = new Promise<number | null>((resolve, reject) => child.on('close', resolve).on('error', reject));
  const [code, complaint, report] = await Promise.all([ended, text(child.stderr), text(child.stdio[3] as Readable)]);
  if (code !== 0 || report === '') throw new Error(lastLine(complaint) || `ended with ${code}`);
  return { ...(JSON.parse(report) as Outcome), firstByte };
}

function lastLine(complaint: string): string {
  const lines = complaint.split('\n').filter((line) => line.trim() !== '');
  return (lines.find((line) => /Error/.test(line)) ?? lines.at(-1) ?? '').trim().slice(0, 120);
}
