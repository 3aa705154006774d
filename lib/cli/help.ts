// The help and the completion of the shell, from the table of commands.

import { writeSync } from 'node:fs';
import type { Option, Options, Syntax } from './arguments';

/** What the help says of a command. */
export interface Described extends Syntax {
  /** What it does, in a few words. */
  readonly summary: string;
  readonly examples: readonly string[];
  /** The fields of its lines with --json; what is in brackets may be missing. */
  readonly json?: string;
  /** Which of its options the page `options` explains. */
  readonly shared: readonly string[];
}

/** The columns of a terminal that the help fits into. */
const WIDTH = 80;

/** The first page: what there is. */
export function overview(commands: readonly Described[]): string {
  const longest = Math.max(...commands.map(({ name }) => name.length));
  return [
    'Usage: ftplib <command> [options] <arguments>',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(longest)}  ${summary}`),
    '',
    'ftplib help <command> explains one of them, ftplib help options what all have.',
    'A <place> is a URL, ftp://user@host/path, relative to the login folder; with',
    'ftpes:// for explicit and ftps:// for implicit TLS; or host:path.',
    '',
    ...EXIT_CODES,
    '',
  ].join('\n');
}

const EXIT_CODES = ['Exit codes: 0 done; 1 something failed; 2 wrong arguments; 3 no connection or no', 'login; 130 ended by Ctrl-C; 143 by SIGTERM.'];

/** The page of one command. */
export function commandHelp({ name, summary, usage, options, shared, json, examples }: Described): string {
  const own = Object.entries(options).filter(([option]) => !shared.includes(option));
  const others = shared.map((option) => (options[option]?.short ? `-${options[option].short}` : `--${option}`)).join(' ');
  return [
    `Usage: ftplib ${name} [options] ${usage}`,
    '',
    summary[0]?.toUpperCase() + summary.slice(1),
    '',
    ...optionLines(Object.fromEntries(own)),
    ...(own.length > 0 ? [''] : []),
    ...(others === '' ? [] : [...wrapped(`And ${others}: see ftplib help options`), '']),
    ...(json === undefined ? [] : [...wrapped(`--json: ${json}`), '']),
    ...examples.map((example) => `  ${example}`),
    '',
  ].join('\n');
}

/** The page of the options that commands share. */
export function sharedHelp(options: Options): string {
  return [
    'Options of all commands that can use them:',
    '',
    ...optionLines(options),
    '',
    'The password of a user is that of the URL, of FTPLIB_PASSWORD, or of ~/.netrc,',
    'or is asked for. ftp_proxy, all_proxy and no_proxy are read as curl reads them.',
    'FTPLIB_DEBUG=1 shows the stacks of errors.',
    '',
    ...EXIT_CODES,
    '',
  ].join('\n');
}

function optionLines(options: Options): string[] {
  const titles = Object.entries(options).map(([name, option]) => [titleOf(name, option), option.help] as const);
  const longest = Math.max(...titles.map(([title]) => title.length));
  return titles.map(([title, help]) => `  ${title.padEnd(longest)}  ${help}`);
}

function titleOf(name: string, { short, value }: Option): string {
  return `${short ? `-${short}, ` : '    '}--${name}${value ? ` ${value}` : ''}`;
}

function wrapped(text: string): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1] as string;
    if (line !== '' && line.length + 1 + word.length > WIDTH) lines.push(`  ${word}`);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

/** The shells that can complete the commands; zsh can do it in the way of bash. */
export const SHELLS = ['bash', 'zsh'] as const;

/** A script for the shell that completes commands, options, their values, and files. */
export function completionFor(shell: (typeof SHELLS)[number], commands: readonly Described[]): string {
  const cases = commands.filter(({ name }) => name !== 'completion').map(({ name, options }) => `    ${name}) flags='${Object.keys(options).map((option) => `--${option}`).join(' ')}' ;;`);
  const every = new Map(commands.flatMap(({ options }) => Object.entries(options)));
  const values = [...every].flatMap(([name, { short, value, values: choices }]) => {
    if (value === undefined) return [];
    const pattern = [`--${name}`, ...(short ? [`-${short}`] : [])].join('|');
    if (choices === 'files') return [`    ${pattern}) return ;;`];
    return [`    ${pattern}) COMPREPLY=($(compgen -W '${choices?.join(' ') ?? ''}' -- "$current")); return ;;`];
  });
  return [
    `# ftplib: completion for ${shell}. In ~/.${shell}rc: eval "$(ftplib completion ${shell})"`,
    ...(shell === 'zsh' ? ['autoload -Uz compinit bashcompinit', '(( $+functions[compdef] )) || compinit', 'bashcompinit'] : []),
    '_ftplib() {',
    '  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} flags=',
    '  COMPREPLY=()',
    '  # --option=value is three words for bash',
    '  if [ "$current" = "=" ]; then current=',
    '  elif [ "$previous" = "=" ]; then previous=${COMP_WORDS[COMP_CWORD-2]}',
    '  fi',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    COMPREPLY=($(compgen -W '${[...commands.map(({ name }) => name), 'help'].join(' ')} --help --version' -- "$current"))`,
    '    return',
    '  fi',
    '  case $previous in',
    ...values,
    '  esac',
    '  case ${COMP_WORDS[1]} in',
    ...cases,
    `    help) COMPREPLY=($(compgen -W '${[...commands.map(({ name }) => name), 'options'].join(' ')}' -- "$current")); return ;;`,
    `    completion) COMPREPLY=($(compgen -W '${SHELLS.join(' ')} --help' -- "$current")); return ;;`,
    '  esac',
    '  case $current in',
    '    -*) COMPREPLY=($(compgen -W "$flags" -- "$current")) ;;',
    '  esac',
    '}',
    '# where there is nothing else, names of files',
    'complete -o default -F _ftplib ftplib',
  ].join('\n');
}

/**
 * Writes a page to stdout, whose reader, such as `head`, may leave before the end. `process.stdout` would load the sockets of Node, which takes longer
 * than all else that the help does. Returns the exit code.
 */
export function show(text: string): number {
  let rest = Buffer.from(text);
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(1, rest));
  } catch (error) {
    // A pipe that is full, and that somebody has set not to wait.
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') process.stdout.on('error', () => undefined).write(rest);
  }
  return 0;
}

/** Says on stderr why the arguments cannot be understood. Returns the exit code. */
export function refuse(message: string, hint: string): number {
  process.stderr.on('error', () => undefined).write(`ftplib: ${message}\n${hint}`);
  return 2;
}
