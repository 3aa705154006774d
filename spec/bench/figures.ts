import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as ftplib from '../../lib';
import { QUICK } from './files';
import { ROOT, SOURCES } from './folders';
import { startEmbedded } from './servers/embedded';
import { median } from './statistics';
import type { Place } from './work';

/** The package as users load it, and its command. */
const DIST = join(ROOT, 'dist');
const COMMAND = join(DIST, 'cli/main.js');
const PEER = join(SOURCES, 'node_modules/basic-ftp');

/** The file that is downloaded, and its bytes. */
const NAME = 'big.bin';
const BYTES = 1024;

/** Downloads before the one that is counted: by then every lazy part is loaded, and the session is as it stays. */
const WARM_UP = 5;

/** How often each program is started; the programs take turns, so that what slows the machine slows all of them. */
const STARTS = 15;

const GOALS = { files: 24, functions: 150, frames: 6, firstByte: 1.25, command: 1.3 };

/** Programs for `node -e`, which print the first byte that they download; their arguments are the module and the server. */
const PROGRAMS = {
  ftplib: `const { FTP } = require(process.argv[1]);
    new FTP(JSON.parse(process.argv[2])).retr('${NAME}').once('data', (chunk) => (fs.writeSync(1, chunk), process.exit()));`,
  'basic-ftp': `const { Client } = require(process.argv[1]);
    const { Writable } = require('node:stream');
    const into = new Writable({ write: (chunk) => (fs.writeSync(1, chunk), process.exit()) });
    const client = new Client();
    client.access(JSON.parse(process.argv[2])).then(() => client.downloadTo(into, '${NAME}'));`,
};

/** The session of `ftplib ls` by hand, for `node -e`: its argument is the server. */
const LISTING = `const { host, port, user, password } = JSON.parse(process.argv[1]);
  const { connect } = require('node:net');
  const control = connect({ host, port, noDelay: true }).setEncoding('latin1');
  let text = '';
  const steps = [
    [/^220 .*\\r\\n/m, () => control.write('USER ' + user + '\\r\\n')],
    [/^331 .*\\r\\n/m, () => control.write('PASS ' + password + '\\r\\n')],
    [/^230 .*\\r\\n/m, () => control.write('FEAT\\r\\nTYPE A\\r\\nEPSV\\r\\n')],
    [/^229 .*\\|(\\d+)\\|.*\\r\\n/m, ([, port]) => connect({ host, port }, () => control.write('MLSD\\r\\n')).pipe(process.stdout, { end: false })],
    [/^226 .*\\r\\n/m, () => control.write('QUIT\\r\\n')],
    [/^221 .*\\r\\n/m, () => control.destroy()],
  ];
  control.on('data', (more) => {
    text += more;
    for (let found; steps.length > 0 && (found = steps[0][0].exec(text)); ) {
      text = text.slice(found.index + found[0].length);
      steps.shift()[1](found);
    }
  });`;

/**
 * Prints what the structure of the built package costs: the files and functions that run for one small download, the calls between
 * the socket and the stream's `push`, and the starts of a process and of the command `ftplib`, against the goals.
 *
 * @param folder for the server's files
 */
export async function printFigures(folder: string): Promise<void> {
  const server = await startEmbedded(folder, { ...QUICK, bigBytes: BYTES, smallFiles: 1, entries: 1 }, {});
  try {
    await printWarmDownload(server.place);
    await printStart(server.place);
    await printCommand(server.place, folder);
  } finally {
    server.stop();
  }
}

async function printWarmDownload(place: Place): Promise<void> {
  const { FTP } = require(DIST) as typeof ftplib;
  const ftp = new FTP({ ...optionsOf(place), keepAlive: 0 });
  for (let n = 0; n < WARM_UP; n++) await download(ftp);
  const functions = await functionsOf(() => download(ftp));
  const files = new Set(functions.map(({ file }) => file));
  const calls = functions.reduce((sum, { count }) => sum + count, 0);
  console.log(`a warm download of ${BYTES} bytes (${calls} calls):`);
  console.log(`  files      ${against(files.size, GOALS.files)}`);
  console.log(`  functions  ${against(functions.length, GOALS.functions)}`);
  for (const file of files) {
    const names = functions.filter((each) => each.file === file).map(({ name }) => name || '=>');
    console.log(`    ${String(names.length).padStart(3)}  ${relative(DIST, file)}: ${names.join(', ')}`);
  }
  let frames: readonly string[] = [];
  await download(ftp, (stack) => (frames = stack));
  console.log(`from the socket to push, for one chunk:`);
  console.log(`  frames     ${against(frames.length, GOALS.frames)}`);
  for (const frame of frames) console.log(`    ${frame}`);
  await ftp.quit();
}

async function printStart(place: Place): Promise<void> {
  const order = JSON.stringify(optionsOf(place));
  const programs: Record<string, readonly string[]> = {
    node: ['-e', 'fs.writeSync(1, "x")'],
    'load ftplib': ['-e', 'new (require(process.argv[1]).FTP)(); fs.writeSync(1, "x"); process.exit()', DIST],
    'load basic-ftp': ['-e', 'new (require(process.argv[1]).Client)(); fs.writeSync(1, "x"); process.exit()', PEER],
    ftplib: ['-e', PROGRAMS.ftplib, DIST, order],
    'basic-ftp': ['-e', PROGRAMS['basic-ftp'], PEER, order],
  };
  if (!existsSync(PEER)) for (const name of ['load basic-ftp', 'basic-ftp']) delete programs[name];
  const of = await mediansOf(programs, timeToFirstByte);
  console.log(`a fresh process (medians of ${STARTS}; bare Node ${of('node').toFixed(0)} ms):`);
  for (const [name, module] of [['ftplib', 'load ftplib'], ['basic-ftp', 'load basic-ftp']] as const) {
    console.log(`  ${name.padEnd(10)} ${of(name).toFixed(0)} ms to the first byte of a file, of which ${(of(module) - of('node')).toFixed(0)} ms for require() and a new client`);
  }
  console.log(`  ftplib ÷ basic-ftp  ${against(of('ftplib') / of('basic-ftp'), GOALS.firstByte, 2)}`);
}

/** The command from its start to its end, once it has kept its code; what the session takes is that of a loop by hand. */
async function printCommand(place: Place, folder: string): Promise<void> {
  const { host, port, user, password } = place;
  const programs = {
    node: ['-e', '0'],
    session: ['-e', LISTING, JSON.stringify(optionsOf(place))],
    help: [COMMAND, '--help'],
    ls: [COMMAND, 'ls', `ftp://${user}:${password}@${host}:${port}`],
  };
  const env = { ...process.env, XDG_CACHE_HOME: folder, LOCALAPPDATA: folder };
  await timeToEnd(programs.ls, env);
  const of = await mediansOf(programs, (args) => timeToEnd(args, env));
  console.log(`the command ftplib (medians of ${STARTS}; bare Node ${of('node').toFixed(0)} ms, with the session of ls by hand ${of('session').toFixed(0)} ms):`);
  console.log(`  --help ÷ node                ${against(of('help') / of('node'), GOALS.command, 2)}`);
  console.log(`  ls without session ÷ node    ${against(1 + (of('ls') - of('session')) / of('node'), GOALS.command, 2)}`);
}

/** The median for each program; they take turns. */
async function mediansOf(programs: Readonly<Record<string, readonly string[]>>, measure: (args: readonly string[]) => Promise<number>): Promise<(name: string) => number> {
  const times = new Map<string, number[]>(Object.keys(programs).map((name) => [name, []]));
  for (let n = 0; n < STARTS; n++) {
    for (const [name, args] of Object.entries(programs)) times.get(name)?.push(await measure(args));
  }
  return (name) => median(times.get(name) ?? []);
}

function optionsOf({ host, port, user, password }: Place): { host: string; port: number; user: string; password: string } {
  return { host, port, user, password };
}

function against(value: number, goal: number, digits = 0): string {
  if (Number.isNaN(value)) return 'not measured: basic-ftp is not installed';
  return `${value.toFixed(digits)} (goal: at most ${goal}; ${value <= goal ? 'met' : 'NOT MET'})`;
}

/** Downloads the file; `onPush` gets the frames of the package's code that lead to the stream's `push`. */
async function download(ftp: ftplib.FTP, onPush?: (frames: readonly string[]) => void): Promise<void> {
  const stream = ftp.retr(NAME);
  if (onPush) {
    const push = stream.push.bind(stream);
    stream.push = (chunk, encoding) => {
      if (chunk !== null) onPush(framesHere());
      return push(chunk, encoding);
    };
  }
  let bytes = 0;
  stream.on('data', (chunk) => (bytes += chunk.length));
  await once(stream, 'close');
  if (bytes !== BYTES) throw new Error(`${bytes} bytes in place of ${BYTES}`);
}

function framesHere(): string[] {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 100;
  const lines = (new Error().stack ?? '').split('\n');
  Error.stackTraceLimit = stackTraceLimit;
  return lines.filter((line) => line.includes(DIST)).map((line) => line.trim().replace(DIST, 'dist'));
}

/** One function that ran, and how often. */
interface Ran {
  readonly file: string;
  readonly name: string;
  readonly count: number;
}

/** The package's functions that run in an act, by V8's own count. */
async function functionsOf(act: () => Promise<void>): Promise<Ran[]> {
  const inspector = new Session();
  inspector.connect();
  try {
    await inspector.post('Profiler.enable');
    await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    await act();
    const { result } = await inspector.post('Profiler.takePreciseCoverage');
    return result
      .filter(({ url }) => url.startsWith('file:') && fileURLToPath(url).startsWith(DIST))
      .flatMap(({ url, functions }) => functions.map(({ functionName, ranges }) => ({ file: fileURLToPath(url), name: functionName, count: ranges[0]?.count ?? 0 })))
      .filter(({ count }) => count > 0);
  } finally {
    inspector.disconnect();
  }
}

/** Milliseconds from the start of a Node process to its first byte on standard output. */
async function timeToFirstByte(args: readonly string[]): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 10_000 });
  let time: number | undefined;
  child.stdout.once('data', () => (time = performance.now() - started));
  const [code] = (await once(child, 'close')) as [number | null];
  if (time === undefined) throw new Error(`${args.join(' ')}: ended with ${code}, and without a byte`);
  return time;
}

/** Milliseconds from the start of a Node process to its end. */
async function timeToEnd(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'], env, timeout: 10_000 });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${args.join(' ')}: ended with ${code}`);
  return performance.now() - started;
}
