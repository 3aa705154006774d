import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { certificate } from '../support/server/certificates';
import { content } from '../support/server/content';
import { FtpServer } from '../support/server/ftp-server';
import type { FtpServerOptions } from '../support/server/server-options';
import { boundary, data, dataClosed, dataCut, dataReset, normal, openData, send, silence, until } from '../support/server/steps';

// `npm run runtimes`: runs smoke.mjs with the packed package on every runtime, and says how large bundles of it are. Fails if a step fails where it must not.

const ROOT = dirname(dirname(__dirname));
const MODULES = join(__dirname, 'node_modules');

/** A program that runs JavaScript, and how. */
interface Runtime {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** It runs TypeScript by leaving out the types. */
  readonly stripsTypes: boolean;
  /** The steps that are known not to work there, each with the reason. */
  readonly lacks: Readonly<Record<string, string>>;
}

const node = (version: string): Runtime => ({
  name: `Node ${version}`, program: join(MODULES, `node-${version}/bin/node`), args: [], stripsTypes: Number(version) > 21, lacks: {},
});

const TLS_END = 'its node:tls ends a connection before the last bytes of an upload have left, so that the server answers 426';

const RUNTIMES: readonly Runtime[] = [
  ...['20.19', '22', '24', '26'].map(node),
  { name: 'Bun', program: join(MODULES, '@oven/bun-linux-x64/bin/bun'), args: [], stripsTypes: true, lacks: {} },
  {
    name: 'Deno', program: join(MODULES, '@deno/linux-x64-glibc/deno'), args: ['run', '--quiet', '--allow-all', '--node-modules-dir=manual'], stripsTypes: true,
    lacks: {
      'TLS sessions are resumed on data connections': 'its node:tls resumes none',
      'TLS, explicit': TLS_END, 'TLS, implicit': TLS_END, 'a Duplex of the caller': TLS_END, 'ends by itself': 'the connections of the steps that failed are open',
      'TLS without close_notify, strictly': 'its node:tls does not read the records that its socket has after the end, so that close_notify is not seen',
    },
  },
];

/** What smoke.mjs prints after its last step; then it has 5 seconds to end by itself. */
const LAST_LINE = 'that was the last step';

/** What a program is asked for in a bundle, and the most bytes that it may have, minified by esbuild. */
const PROGRAMS: Readonly<Record<string, { readonly code: string; readonly most?: number }>> = {
  'parseList only': { code: "import { parseList } from 'ftplib'; console.log(parseList('-rw-r--r-- 1 u g 5 Jan  1 2020 a')[0].name);", most: 40_000 },
  'FTP only': { code: "import { FTP } from 'ftplib'; console.log(new FTP('ftp://a') instanceof FTP);" },
  'everything': { code: "import * as all from 'ftplib'; console.log(Object.keys(all).length > 40);" },
};

const TYPES = `
import { FTP, type Entry, type FTPOptions } from 'ftplib';
const options: FTPOptions = { host: 'localhost' };
const names = (entries: readonly Entry[]): string[] => entries.map(({ name }) => name);
console.log(new FTP(options) instanceof FTP, names([]).length);
`;

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

async function main(wanted: readonly string[]): Promise<void> {
  install();
  const folder = mkdtempSync(join(tmpdir(), 'ftplib-runtimes-'));
  const { environment, close } = servers();
  try {
    installPackage(folder);
    const chosen = RUNTIMES.filter(({ name }) => wanted.length === 0 || wanted.some((each) => name.toLowerCase().includes(each.toLowerCase())));
    const results = await Promise.all(chosen.map(async (runtime) => [runtime, await smoke(runtime, folder, environment)] as const));
    printSteps(new Map(results));
    if (wanted.length === 0) await printBundles(folder);
  } finally {
    await close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Quick when there is nothing to do. */
function install(): void {
  const [lock, installed] = [join(__dirname, 'package-lock.json'), join(MODULES, '.installed')];
  if (existsSync(installed) && readFileSync(installed).equals(readFileSync(lock))) return;
  execFileSync('npm', ['ci', '--prefix', __dirname, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { stdio: 'inherit' });
  copyFileSync(lock, installed);
}

/** Installs the package in a folder as npm would from the registry. */
function installPackage(folder: string): void {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz')) ?? '';
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  execFileSync('npm', ['install', '--offline', '--silent', '--ignore-scripts', '--no-audit', '--no-fund', join(folder, tarball)], { cwd: folder, stdio: 'inherit' });
  copyFileSync(join(__dirname, 'smoke.mjs'), join(folder, 'smoke.mjs'));
  writeFileSync(join(folder, 'types.mts'), TYPES);
}

function servers() {
  const large = content(20_000_000);
  const files = { '/pub/a': 'aaa', '/pub/b': 'bbbb', '/pub/deep/c': 'ccccc', '/big': large, '/up/': '' };
  const lost = Buffer.alloc(500_000, 'file');
  const started: FtpServer[] = [];
  const start = async (options: FtpServerOptions): Promise<string> => {
    const server = await FtpServer.start({ files, ...options });
    started.push(server);
    return server.url.replace('127.0.0.1', options.tls ? 'localhost' : '127.0.0.1');
  };
  const tls = certificate('local');
  const losing = { RETR: [[openData(), send('150 Here it comes.'), data(lost.subarray(0, 200_000)), boundary(), dataReset(), send('426 Broken.')], [normal()]] };
  const cutting = { RETR: [[openData(), send('150 Here it comes.'), data('aaa'), dataCut(), send('226 Done.')], [normal()]] };
  const stopping = { STOR: [openData(), send('150 Go on.'), until(({ server }) => server.waitFor('ABOR')), dataClosed(), send('426 Aborted.')] };
  const hash = createHash('sha256').update(large.read(0, large.size)).digest('hex');
  return {
    /** Servers for one run, which no other run writes to. */
    environment: async () => ({
      plain: await start({}),
      explicit: await start({ tls: { mode: 'explicit', required: true, ...tls } }),
      implicit: await start({ tls: { mode: 'implicit', required: true, ...tls } }),
      reuse: await start({ tls: { mode: 'explicit', required: true, requireReuse: true, ...tls } }),
      another: await start({ tls: { mode: 'explicit', required: true, ...tls, data: certificate('local2') } }),
      silent: await start({ script: { SIZE: [silence()], EPSV: [silence()] } }),
      stuck: await start({ script: stopping }),
      lossy: await start({ files: { '/file': lost }, script: losing }),
      cut: await start({ tls: { mode: 'explicit', required: true, ...tls }, script: cutting }),
      big: hash,
      ca: { local: tls.cert, local2: certificate('local2').cert },
    }),
    close: async () => void (await Promise.all(started.map((server) => server.close()))),
  };
}

/** The steps of a run, each with `ok` or why it failed. */
async function smoke({ program, args, stripsTypes }: Runtime, folder: string, environment: () => Promise<object>): Promise<Map<string, string>> {
  const steps = new Map<string, string>();
  const { output, code } = await run(program, [...args, 'smoke.mjs'], folder, { SMOKE: JSON.stringify(await environment()) });
  for (const [, name = '', why] of output.matchAll(/^(?:ok|failed) ([^:\n]*)(?:: (.*))?$/gm)) steps.set(name, why ?? 'ok');
  steps.set('ends by itself', code === 0 ? 'ok' : output.slice(-1000));
  const types = stripsTypes ? await run(program, [...args, 'types.mts'], folder, {}) : undefined;
  steps.set('TypeScript, its types left out', types === undefined ? 'n/a' : types.output.trim() === 'true 0' ? 'ok' : types.output.slice(-1000));
  return steps;
}

function run(program: string, args: readonly string[], cwd: string, more: NodeJS.ProcessEnv): Promise<{ output: string; code: number }> {
  const env = { ...process.env, NODE_NO_WARNINGS: '1', NODE_OPTIONS: '', ...more };
  return new Promise((resolve) => {
    const child = execFile(program, args, { cwd, env, timeout: 120_000 }, (error, stdout, stderr) => {
      clearTimeout(late);
      resolve({ output: stdout + stderr, code: error ? (child.exitCode ?? -1) : 0 });
    });
    let late: NodeJS.Timeout | undefined;
    child.stdout?.on('data', (text: string) => {
      if (text.includes(`${LAST_LINE}\n`)) late ??= setTimeout(() => child.kill(), 5000);
    });
  });
}

function printSteps(results: ReadonlyMap<Runtime, ReadonlyMap<string, string>>): void {
  const names = new Set([...results.values()].flatMap((steps) => [...steps.keys()]));
  const failures: string[] = [];
  const rows = [...names].map((name) => [name, ...[...results].map(([{ name: runtime, lacks }, steps]) => {
    const outcome = steps.get(name) ?? 'did not run';
    if (outcome === 'ok' || outcome === 'n/a') return outcome;
    if (name in lacks) return 'known';
    failures.push(`${runtime}: ${name}: ${outcome}`);
    return 'FAILED';
  })]);
  const passed = [...results.values()].map((steps) => `${[...steps.values()].filter((outcome) => outcome === 'ok').length} of ${[...steps.values()].filter((outcome) => outcome !== 'n/a').length}`);
  console.log(table([['', ...[...results.keys()].map(({ name }) => name)], ...rows, ['passed', ...passed]]));
  if (failures.length === 0) return;
  console.log(`\n${failures.join('\n')}`);
  process.exitCode = 1;
}

async function printBundles(folder: string): Promise<void> {
  const rows = [['bytes', 'esbuild', 'esbuild --minify', 'with gzip', 'Rollup', 'webpack']];
  for (const [name, { code, most }] of Object.entries(PROGRAMS)) {
    writeFileSync(join(folder, 'program.mjs'), code);
    const bundles = await bundlesOf(folder);
    const wrong = bundles.filter((file) => !/^(a|true)$/.test(String(execFileSync(process.execPath, [file])).trim()));
    if (wrong.length > 0) throw new Error(`${name}: does not work: ${wrong.join(', ')}`);
    const [whole = '', minified = '', ...others] = bundles;
    const size = (file: string): string => statSync(file).size.toLocaleString('en');
    rows.push([name, size(whole), size(minified), gzipSync(readFileSync(minified)).length.toLocaleString('en'), ...others.map(size)]);
    if (most === undefined || statSync(minified).size <= most) continue;
    console.log(`${name}: more than ${most} bytes`);
    process.exitCode = 1;
  }
  console.log(`\n${table(rows)}`);
}

/** Bundles program.mjs with each bundler: esbuild, the same minified, Rollup, and webpack, which minifies. */
async function bundlesOf(folder: string): Promise<string[]> {
  const [esbuild, rollup, webpack] = ['esbuild/bin/esbuild', 'rollup/dist/bin/rollup', 'webpack/lib/index.js'].map((file) => join(MODULES, file));
  const files = ['whole.mjs', 'minified.mjs', 'rollup.mjs', 'webpack.cjs'].map((file) => join(folder, file));
  const [whole, minified, rolled] = files;
  const bundle = ['program.mjs', '--bundle', '--format=esm', '--platform=node', '--log-level=warning'];
  const viaWebpack = `require(${JSON.stringify(webpack)})({ mode: 'production', target: 'node', context: process.cwd(), entry: './program.mjs', output: { path: process.cwd(), filename: 'webpack.cjs' } },
    (error, stats) => { if (error || stats.hasErrors()) { console.error(error ?? stats.toString()); process.exit(1); } });`;
  const jobs = [
    [esbuild, ...bundle, `--outfile=${whole}`],
    [esbuild, ...bundle, '--minify', `--outfile=${minified}`],
    [rollup, 'program.mjs', '--plugin', join(MODULES, '@rollup/plugin-node-resolve/dist/cjs/index.js'), '--format', 'es', '--silent', '--file', rolled],
    ['--input-type=commonjs', '--eval', viaWebpack],
  ];
  for (const job of jobs) {
    const { output, code } = await run(process.execPath, job as string[], folder, {});
    if (code !== 0) throw new Error(output);
  }
  return files;
}

/** Rows of cells as columns. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')).join('\n');
}
