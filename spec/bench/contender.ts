import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { curl } from './clients/curl';
import { lftp } from './clients/lftp';
import { SOURCES } from './folders';
import type { Place, Work } from './work';
import type { Order } from './worker';

export const NAMES = ['ours', 'before', 'ours-awaited', 'net', 'basic-ftp', 'ftp', 'promise-ftp', 'python', 'curl', 'lftp'] as const;
export type ContenderName = (typeof NAMES)[number];

/** The other clients for Node.js. */
export const NODE_PEERS: readonly ContenderName[] = ['basic-ftp', 'ftp', 'promise-ftp'];

/** What needs nothing installed. */
const OWN: readonly ContenderName[] = ['ours', 'before', 'ours-awaited', 'net'];

/** A program to run. */
export interface Run {
  readonly command: readonly [program: string, ...args: string[]];
  /** Goes to its standard input. */
  readonly input?: string;
  /** Is added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What runs a contender at a piece of work; undefined where it has no way to do it. @param before the build of this library that `before` has */
export function runOf(name: ContenderName, place: Place | undefined, work: Work, before: string | undefined): Run | undefined {
  switch (name) {
    case 'python':
      return place && { command: ['python3', join(SOURCES, 'clients/ftplib_client.py'), JSON.stringify({ place, work })] };
    case 'curl': {
      const command = place && curl(place, work);
      return command && measured(command);
    }
    case 'lftp': {
      const input = place && lftp(place, work);
      return input === undefined ? undefined : { ...measured(['lftp', '--norc']), input };
    }
    case 'before':
      return before === undefined ? undefined : { ...worker({ client: 'ours', place, work }), env: { FTPLIB_BENCH_BUILD: before } };
    default:
      return worker({ client: name, place, work });
  }
}

function worker(order: Order): Run {
  return { command: [process.execPath, join(__dirname, 'worker.js'), JSON.stringify(order)] };
}

/** Why a contender cannot run here; undefined if it can. */
export function missing(name: ContenderName): string | undefined {
  if (OWN.includes(name)) return undefined;
  if (NODE_PEERS.includes(name)) return existsSync(join(SOURCES, 'node_modules', name)) ? undefined : 'not installed';
  const programs = name === 'python' ? ['python3'] : ['python3', name];
  return programs.every(hasProgram) ? undefined : 'not installed';
}

/** The contender's version, where it is easily had. */
export function versionOf(name: ContenderName): string {
  if (NODE_PEERS.includes(name)) return (require(join(SOURCES, 'node_modules', name, 'package.json')) as { version: string }).version;
  if (name === 'python') return firstNumber('python3');
  return name === 'curl' || name === 'lftp' ? firstNumber(name) : process.version.slice(1);
}

/** Programs that tell nothing of themselves. */
function measured(command: readonly string[]): Run {
  return { command: ['python3', join(SOURCES, 'measure.py'), ...command] };
}

function hasProgram(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function firstNumber(program: string): string {
  return /\d+(\.\d+)+/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[0] ?? '';
}
