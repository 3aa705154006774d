#!/usr/bin/env node
// The command `ftplib`. The help loads nothing of the library; the build lets each module load when the first line that needs it runs.

import { readFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { join } from 'node:path';
import { Arguments } from './arguments';
import { COMMANDS, SHARED } from './commands';
import { sentenceOf, UsageError } from './failure';
import { commandHelp, overview, sharedHelp } from './help';
import { Invocation } from './invocation';

const DONE = 0;
const FAILED = 1;
const USAGE = 2;

/** Carries out a command line; resolves with the exit code. */
async function main(words: readonly string[]): Promise<number> {
  keepCompiled();
  const [name = '', ...rest] = words;
  if (name === '') return refuse('a command is missing', overview(COMMANDS));
  if (name === '--version') return show(`${version()}\n`);
  if (name === 'help' || name === '--help' || name === '-h') return help(rest[0]);
  const command = COMMANDS.find((each) => each.name === name);
  if (!command) return refuse(`there is no command '${name}'`, 'ftplib --help lists them.\n');
  let invocation: Invocation;
  try {
    const given = new Arguments(command, rest);
    if (given.has('help')) return show(commandHelp(command));
    invocation = new Invocation(given);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return refuse(sentenceOf(error), `ftplib ${name} --help explains it.\n`);
  }
  listen(invocation);
  return invocation.run((run) => command.run(run));
}

/** The first signal ends the work in good order, the second one at once, with the same exit code even when the work has ended by then. */
function listen(invocation: Invocation): void {
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signals++ > 0) process.exit(signal === 'SIGINT' ? 130 : 143);
    invocation.stop(signal === 'SIGINT' ? 'SIGINT' : 'SIGTERM');
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
}

function help(name?: string): number {
  if (name === undefined || name.startsWith('-')) return show(overview(COMMANDS));
  if (name === 'options') return show(sharedHelp(SHARED));
  const command = COMMANDS.find((each) => each.name === name);
  return command ? show(commandHelp(command)) : refuse(`there is no command '${name}'`, 'ftplib --help lists them.\n');
}

/** A reader such as `head` may leave before the end. */
function show(text: string): number {
  process.stdout.on('error', () => undefined).write(text);
  return DONE;
}

function refuse(message: string, hint: string): number {
  process.stderr.on('error', () => undefined).write(`ftplib: ${message}\n${hint}`);
  return USAGE;
}

function version(): string {
  const manifest = JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8')) as { readonly version: string };
  return manifest.version;
}

/** From 22.1 on, Node keeps what it has compiled in a folder for temporary files, which makes the next start faster. */
function keepCompiled(): void {
  (nodeModule as { enableCompileCache?: () => unknown }).enableCompileCache?.();
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    process.stderr.write(`ftplib: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = FAILED;
  },
);
