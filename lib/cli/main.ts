#!/usr/bin/env node
// The command `ftplib`. The help loads nothing of the library, and what the commands need comes in one file.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadKept } from './code-cache';
import { COMMANDS, SHARED } from './commands';
import { commandHelp, overview, refuse, sharedHelp, show } from './help';

const FAILED = 1;

/** Carries out a command line; resolves with the exit code. */
async function main([name = '', ...words]: readonly string[]): Promise<number> {
  if (name === '') return refuse('a command is missing', overview(COMMANDS));
  if (name === '--version') return show(`${version()}\n`);
  if (name === 'help' || name === '--help' || name === '-h') return help(words[0]);
  const command = COMMANDS.find((each) => each.name === name);
  if (!command) return refuse(`there is no command '${name}'`, 'ftplib --help lists them.\n');
  const { runCommand } = loadKept<typeof import('./run')>(join(__dirname, 'run.js'), name, require);
  return runCommand(command, words);
}

function help(name?: string): number {
  if (name === undefined || name.startsWith('-')) return show(overview(COMMANDS));
  if (name === 'options') return show(sharedHelp(SHARED));
  const command = COMMANDS.find((each) => each.name === name);
  return command ? show(commandHelp(command)) : refuse(`there is no command '${name}'`, 'ftplib --help lists them.\n');
}

function version(): string {
  const manifest = JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8')) as { readonly version: string };
  return manifest.version;
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    process.stderr.write(`ftplib: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = FAILED;
  },
);
