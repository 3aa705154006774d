import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import * as ts from 'typescript';

const ROOT = dirname(dirname(__dirname));

/** examples/gateway in a process of its own, compiled as a user's would be: what it takes is its memory and nothing else. */
export class GatewayProcess {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.port = port;
  }

  static async start(url: string, root = '/'): Promise<GatewayProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'ftplib-gateway-'));
    const files = ['examples/gateway/server.ts', ...readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts')).map((file) => `lib/${file}`)];
    for (const file of files) {
      const target = join(folder, file.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, ts.transpileModule(readFileSync(join(ROOT, file), 'utf8'), { compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, useDefineForClassFields: false } }).outputText);
    }
    cpSync(join(ROOT, 'examples/gateway/page.html'), join(folder, 'examples/gateway/page.html'));
    const child = spawn(process.execPath, [join(folder, 'examples/gateway/server.js'), url, root, '0'], { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env['PATH'] } });
    const [line] = (await once(child.stdout as Readable, 'data')) as [Buffer];
    return new GatewayProcess(child, folder, Number(/:(\d+)\/\n$/.exec(String(line))?.[1]));
  }

  /** The most bytes of memory that the process had at any time (its resident set, VmHWM of Linux). */
  get mostMemory(): number {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'))?.[1]) * 1024;
  }

  async stop(): Promise<void> {
    this.#child.kill();
    await once(this.#child, 'exit');
    rmSync(this.#folder, { recursive: true });
  }
}
