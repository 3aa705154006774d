import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { NAMES, type ContenderName } from './contender';
import { FULL, QUICK, type Scale } from './files';

export const USAGE = `Measures this library against other FTP clients, on servers that it starts itself.

  npm run bench -- [--job NAME,…] [--only NAME,…] [--runs N] [--quick] [--pair DIR] [--round-trip MS] [--relay] [--folder DIR] [--json FILE] [--list]
  npm run bench -- --figures

  --job    these jobs, or those that begin with the name and a dash; default: all
  --only   these contenders: ${NAMES.join(', ')}
  --runs   rounds; in each, every contender runs once; default 5
  --pair   another build of this library, such as the dist of the commit before: it runs beside this one, and without --only they run alone
  --quick  smaller jobs, to see that all works
  --round-trip MS  of the link with a delay, default 20; more shows the count more clearly on a busy machine
  --relay  delay bytes in a relay and not packets: the making of a connection takes no time then
  --folder where the files are, default the system's temporary folder; one in memory (/dev/shm) keeps the disk out of it
  --json   where to write all samples as well
  --list   only name the jobs
  --figures  only print what the structure of the built package costs: files and functions that a small download runs through, and the start of a process`;

/** What the command line asks for. */
export interface Request {
  /** Empty: all. */
  readonly jobs: readonly string[];
  readonly only: readonly ContenderName[];
  readonly runs: number;
  /** The folder of another build of this library. */
  readonly before: string | undefined;
  readonly scale: Scale;
  readonly relay: boolean;
  readonly folder: string;
  readonly json: string | undefined;
  readonly list: boolean;
  readonly figures: boolean;
}

/** @throws Error for what is not understood */
export function readArguments(args: readonly string[]): Request {
  const options = { job: { type: 'string' }, only: { type: 'string' }, runs: { type: 'string' }, pair: { type: 'string' }, quick: { type: 'boolean' }, relay: { type: 'boolean' }, folder: { type: 'string' }, 'round-trip': { type: 'string' }, json: { type: 'string' }, list: { type: 'boolean' }, figures: { type: 'boolean' } } as const;
  const { values } = parseArgs({ args: [...args], options });
  const runs = Number(values.runs ?? 5);
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs ${values.runs}: no number of rounds`);
  const scale = { ...(values.quick ? QUICK : FULL), ...(values['round-trip'] === undefined ? {} : { roundTrip: Number(values['round-trip']) / 1000 }) };
  const before = values.pair === undefined ? undefined : resolve(values.pair);
  if (before !== undefined && !existsSync(join(before, 'index.js'))) throw new Error(`--pair ${values.pair}: there is no index.js`);
  const only = before !== undefined && values.only === undefined ? (['ours', 'before'] as const) : contenders(split(values.only));
  return { jobs: split(values.job), only, runs, before, scale, relay: values.relay ?? false, folder: values.folder ?? tmpdir(), json: values.json, list: values.list ?? false, figures: values.figures ?? false };
}

function contenders(names: readonly string[]): ContenderName[] {
  const unknown = names.find((name) => !NAMES.some((known) => known === name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: there are ${NAMES.join(', ')}`);
  return NAMES.filter((name) => names.length === 0 || names.includes(name));
}

function split(list: string | undefined): string[] {
  return (list ?? '').split(',').filter((name) => name !== '');
}
