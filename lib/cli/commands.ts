// The commands: from this table come the parsing of arguments, the help and the completion. What they do is in run.ts, which the help does not load.

import type { Options } from './arguments';
import type { Described } from './help';

/** The options that commands share. */
export const SHARED: Options = {
  host: { value: 'HOST', help: 'the server, or its URL, of paths that name none' },
  user: { short: 'u', value: 'NAME', help: 'the user, where the place names none' },
  ca: { value: 'FILE', values: 'files', help: 'trust the authorities in this PEM file, and no others' },
  pin: { value: 'SHA256', help: 'take the certificate with this fingerprint only' },
  proxy: { value: 'URL', mayBeEmpty: true, help: "http://, socks5h://, socks4a:// ...; '' for none" },
  timeout: { value: 'SECONDS', number: 'seconds', help: 'how long the server may keep us waiting (30)' },
  active: { help: 'the server connects to us for data' },
  rate: { value: 'BYTES', number: 'rate', help: 'the most bytes a second, such as 500k or 2M' },
  json: { help: 'a line of JSON for each result' },
  quiet: { short: 'q', help: 'only errors' },
  verbose: { short: 'v', help: 'what is said to the server, without passwords' },
  help: { short: 'h', help: 'explain the command' },
};

const SERVER = ['host', 'user', 'ca', 'pin', 'proxy', 'timeout', 'active'];
const OUTPUT = ['quiet', 'verbose', 'help'];

/** A command with its own options, and after them those that it shares with others. @param described `shared` names these; default: all but `rate` */
function command(described: Omit<Described, 'shared'> & { readonly shared?: readonly string[] }): Described {
  const { shared = [...SERVER, 'json', ...OUTPUT], options } = described;
  const common = Object.entries(SHARED).filter(([name]) => shared.includes(name));
  return { ...described, shared, options: { ...options, ...Object.fromEntries(common) } };
}

const TRANSFER = [...SERVER, 'rate', 'json', ...OUTPUT];
/** What get and put say. */
const FILE_EVENTS =
  'event (progress, done, failed), name, bytes; progress: [total], rate, [eta]; done: seconds, and bytes without those of earlier runs; failed: error';
const FRESH = { 'no-resume': { help: 'begin anew, whatever an earlier run has left' } } as const;
const FILTER = { filter: { short: 'f', value: 'GLOB', multiple: true, help: "only what matches; '!GLOB' leaves out; repeatable" } } as const;

export const COMMANDS: readonly Described[] = [
  command({
    name: 'get',
    summary: 'download files, and go on where an earlier run was cut off',
    usage: '<place>... [<local file or folder>]',
    least: 1,
    most: Infinity,
    options: FRESH,
    shared: TRANSFER,
    json: FILE_EVENTS,
    examples: ['ftplib get ftp://ftp.example.com/pub/image.iso', 'ftplib get host:a host:b folder', 'ftplib get ftpes://me@host/dump.gz - | gunzip'],
  }),
  command({
    name: 'put',
    summary: 'upload files; each has its name when all of it is there',
    usage: '<local file or ->... <place>',
    least: 2,
    most: Infinity,
    options: { ...FRESH, parents: { short: 'p', help: 'make the folders that are missing' } },
    shared: TRANSFER,
    json: FILE_EVENTS,
    examples: ['ftplib put a.zip b.zip ftpes://me@host/incoming/', 'tar cz . | ftplib put - host:backup.tgz'],
  }),
  command({
    name: 'ls',
    summary: 'list folders',
    usage: '<place>...',
    least: 0,
    most: Infinity,
    options: {
      long: { short: 'l', help: 'permissions, size and time, too' },
      all: { short: 'a', help: 'also names that begin with a dot' },
      unsorted: { short: 'U', help: 'in the order of the server, while they come' },
    },
    json: 'place, name, type (file, directory, symlink, other), [size], [modified], [permissions], [owner], [group], [target]',
    examples: ['ftplib ls -l ftp://ftp.example.com/pub', 'ftplib ls --json host: | jq .size'],
  }),
  command({
    name: 'cat',
    summary: 'write files to the standard output',
    usage: '<place>...',
    least: 1,
    most: Infinity,
    options: {},
    shared: [...SERVER, 'rate', ...OUTPUT],
    examples: ['ftplib cat ftp://ftp.example.com/pub/README | less'],
  }),
  command({
    name: 'mirror',
    summary: 'make a folder like another one: one of them here, one on a server',
    usage: '<source> <target>',
    least: 2,
    most: 2,
    options: {
      delete: { help: 'delete what the source does not have' },
      'dry-run': { short: 'n', help: 'change nothing, and list what would be done' },
      ...FILTER,
      compare: { value: 'HOW', values: ['size-time', 'hash'], help: 'how a change is seen: size-time (default) or hash' },
      parallel: { short: 'P', value: 'N', number: 'whole', help: 'connections at the same time (4)' },
    },
    shared: TRANSFER,
    json: 'event (progress, result, end), bytes; progress: [files], [totalFiles], [total], rate, [eta]; result: action, type, path, ms, [reason], [error]; end: a number for each action, seconds; both: dryRun',
    examples: ['ftplib mirror ftp://ftp.example.com/pub copy', "ftplib mirror --delete -f '!*.tmp' dist ftpes://me@host/www"],
  }),
  command({
    name: 'rm',
    summary: 'delete files',
    usage: '<place>...',
    least: 1,
    most: Infinity,
    options: { recursive: { short: 'r', help: 'folders and all that is in them, too' } },
    json: 'event (deleted), place',
    examples: ['ftplib rm host:old.txt', 'ftplib rm -r ftpes://me@host/tmp'],
  }),
  command({
    name: 'mkdir',
    summary: 'make folders',
    usage: '<place>...',
    least: 1,
    most: Infinity,
    options: { parents: { short: 'p', help: 'with those that they are in; one that is there is no error' } },
    json: 'event (created), place',
    examples: ['ftplib mkdir -p host:a/b/c'],
  }),
  command({
    name: 'mv',
    summary: 'rename files and folders, or move them into a folder',
    usage: '<place>... <place>',
    least: 2,
    most: Infinity,
    options: {},
    json: 'event (renamed), place, to',
    examples: ['ftplib mv host:a.txt host:b.txt', 'ftplib mv --host host a.txt b.txt done/'],
  }),
  command({
    name: 'watch',
    summary: 'print each file that has come and no longer grows; until Ctrl-C',
    usage: '<place>',
    least: 0,
    most: 1,
    options: {
      ...FILTER,
      recursive: { short: 'r', help: 'the folders in it, too' },
      interval: { value: 'SECONDS', number: 'seconds', help: 'from a look at the folder to the next (10)' },
      settle: { value: 'SECONDS', number: 'seconds', help: 'how long a file stays the same before it counts (10)' },
      state: { value: 'FILE', values: 'files', help: 'what was listed is kept there, for the next run' },
    },
    json: 'place, path in it, name, type, [size], [modified] and the others of ls',
    examples: ['ftplib watch host:in | while read -r f; do ftplib get "host:in/$f"; done'],
  }),
  command({
    name: 'completion',
    summary: 'the script for a shell that completes these commands: bash or zsh',
    usage: 'bash|zsh',
    least: 1,
    most: 1,
    options: {},
    shared: ['help'],
    examples: ['eval "$(ftplib completion bash)"'],
  }),
];
