import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as ts from 'typescript';

const ROOT = dirname(dirname(__dirname));
const CACHE = join(ROOT, 'node_modules/.cache/ftplib/lib');
/** Milliseconds after which a command hangs. */
const LONGEST = 30_000;
/** The user `nobody`: root may read and write everything. */
const NOBODY = 65_534;

/** What a command has printed, and how it has ended. */
export interface Outcome {
  /** As a shell has it: 128 and the number of the signal where one has ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is started. */
export interface RunOptions {
  /** What stdin gives; default: nothing. */
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether permissions of files hold for it, also where the specs run as root. */
  readonly unprivileged?: boolean;
  /** What a shell does with it, such as `> /dev/full`; default: nothing. */
  readonly redirected?: string;
  /** Called when the process runs. */
  readonly started?: (child: ChildProcess) => void;
}

/** The compiled command, run as a process of its own in an empty folder, which is its home, too. */
export class CommandLine {
  /** The working folder of each test. */
  folder = '';
  #compiled = '';

  constructor() {
    before(() => (this.#compiled = compileLib()));
    after(() => rmSync(this.#compiled, { recursive: true, force: true }));
    beforeEach(() => (this.folder = mkdtempSync(join(tmpdir(), 'ftplib-cli-'))));
    afterEach(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  get main(): string {
    return join(this.#compiled, 'cli/main.js');
  }

  /** Runs it to its end. It has no terminal to ask anything on. */
  async run(args: readonly string[], { input = '', env = {}, unprivileged = false, redirected, started }: RunOptions = {}): Promise<Outcome> {
    const other = unprivileged && process.getuid?.() === 0;
    if (other) chownSync(this.folder, NOBODY, NOBODY);
    const words = redirected === undefined ? [process.execPath, this.main, ...args] : ['sh', '-c', `"$@" ${redirected}`, 'sh', process.execPath, this.main, ...args];
    const child = spawn(words[0] as string, words.slice(1), {
      cwd: this.folder,
      env: { PATH: process.env['PATH'] ?? '', HOME: this.folder, USERPROFILE: this.folder, ...env },
      detached: true,
      ...(other ? { uid: NOBODY, gid: NOBODY } : {}),
    });
    const hangs = setTimeout(() => child.kill('SIGKILL'), LONGEST);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => undefined).end(input);
    started?.(child);
    const code = await new Promise<number>((resolve) => child.once('close', (status: number | null, signal: NodeJS.Signals) => resolve(status ?? 128 + constants.signals[signal])));
    clearTimeout(hangs);
    return { code, stdout, stderr };
  }

  /** Runs it, and expects that it does what it is asked for. */
  async done(args: readonly string[], options?: RunOptions): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    if (code !== 0) throw new Error(`ftplib ${args.join(' ')}: ${code}\n${stderr}`);
    return stdout;
  }

  /** The path of a file in the working folder. */
  path(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): Buffer {
    return readFileSync(this.path(name));
  }

  write(name: string, text: string | Uint8Array): void {
    writeFileSync(this.path(name), text);
  }
}

/** The objects in lines of JSON. */
export function objectsIn(text: string): Record<string, unknown>[] {
  return text.trimEnd().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Compiles lib into a folder for temporary files; what `npm run typecheck` has compiled is taken from there. */
function compileLib(): string {
  const target = mkdtempSync(join(tmpdir(), 'ftplib-compiled-'));
  chmodSync(target, 0o755);
  const lib = join(ROOT, 'lib');
  for (const file of readdirSync(lib, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const output = file.replace(/\.ts$/, '.js');
    mkdirSync(dirname(join(target, output)), { recursive: true });
    writeFileSync(join(target, output), cached(join(lib, file), join(CACHE, output)) ?? compile(join(lib, file)));
  }
  return target;
}

function cached(source: string, output: string): string | undefined {
  return existsSync(output) && statSync(output).mtimeMs > statSync(source).mtimeMs ? readFileSync(output, 'utf8') : undefined;
}

function compile(file: string): string {
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS, useDefineForClassFields: false, esModuleInterop: true };
  return ts.transpileModule(readFileSync(file, 'utf8'), { fileName: file, compilerOptions }).outputText;
}
