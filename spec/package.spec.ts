import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import * as ts from 'typescript';

const run = promisify(execFile);
const ROOT = dirname(__dirname);
/** What `npm pack` may take. */
const MOST_FILES = 200;
/** What the compiler says of a name that is not there, or is there twice. */
const NAMES = [2300, 2304, 2451, 2503, 2552, 18004];
const NPM = process.platform === 'win32' ? 'npm.cmd' : 'npm';

interface Manifest {
  readonly dependencies?: object;
  readonly exports: { readonly '.': { readonly types: string; readonly module: string; readonly default: string } };
}

describe('package', function () {
  this.timeout(60_000);
  let folder: string;
  let installed: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ftplib-package-'));
    const stage = join(folder, 'stage');
    stageSources(stage);
    await npm(stage, 'run', 'build');
    await npm(stage, 'pack', '--ignore-scripts', '--pack-destination', folder);
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz')) ?? '';
    await npm(folder, 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', join(folder, tarball));
    installed = join(folder, 'node_modules/ftplib');
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('holds the compiled library, its papers and nothing else', () => {
    const files = filesUnder(installed);
    expect(files).to.include.members(['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'lib/API.md', 'dist/index.js', 'dist/index.mjs', 'dist/index.d.ts']);
    expect(files.filter((file) => !/^(package\.json|README\.md|CHANGELOG\.md|LICENSE|lib\/API\.md|dist\/index\.mjs|dist\/[\w/-]+(\.js|\.d\.ts))$/.test(file))).to.deep.equal([]);
    expect(files).to.have.length.at.most(MOST_FILES);
  });

  it('has no dependencies', () => {
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Manifest;
    expect(manifest.dependencies ?? {}).to.deep.equal({});
    // Node must not see the ES module: two FTPErrors in a process would be strangers.
    expect(manifest.exports['.']).to.deep.equal({ types: './dist/index.d.ts', module: './dist/index.mjs', default: './dist/index.js' });
  });

  it('has a command, which npx finds, and whose help loads nothing of the library', async () => {
    const npx = (...args: string[]): ReturnType<typeof run> => run(process.platform === 'win32' ? 'npx.cmd' : 'npx', ['--offline', 'ftplib', ...args], { cwd: folder, shell: process.platform === 'win32' });
    expect((await npx('--help')).stdout).to.match(/^Usage: ftplib <command>/).and.include('  mirror ');
    expect((await npx('--version')).stdout).to.equal(`${(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version}\n`);
    const script = "process.argv[1] = 'ftplib'; process.argv[2] = '--help'; process.on('exit', () => console.error(Object.keys(require.cache).join('\\n'))); require('./node_modules/ftplib/dist/cli/main.js')";
    const { stderr } = await run(process.execPath, ['-e', script], { cwd: folder });
    const loaded = stderr.trim().split('\n').map((file) => relative(join(installed, 'dist'), file).split(sep).join('/'));
    expect(loaded).to.have.members(['cli/main.js', 'cli/commands.js', 'cli/help.js']);
  });

  it('is required', () => {
    const { FTP, ReplyParser } = createRequire(join(folder, 'here.js'))('ftplib') as Record<string, unknown>;
    expect(FTP).to.be.a('function');
    expect(ReplyParser).to.be.a('function');
  });

  it('is imported by name, and is the same', async () => {
    const script = `
      import { createRequire } from 'node:module';
      import * as all from 'ftplib';
      import { FTP, ReplyParser, Reply, PermanentError, ftpcp, netrc, open } from 'ftplib';
      const required = createRequire(import.meta.url)('ftplib');
      const missing = Object.keys(required).filter((name) => all[name] !== required[name]);
      if (missing.length > 0) throw new Error('not imported by name: ' + missing.join(', '));
      console.log(FTP === required.FTP, [ReplyParser, Reply, PermanentError, ftpcp, netrc, open].every((each) => typeof each === 'function'));`;
    writeFileSync(join(folder, 'names.mjs'), script);
    const { stdout } = await run(process.execPath, ['names.mjs'], { cwd: folder });
    expect(stdout).to.equal('true true\n');
  });

  it('has an ES module for bundlers, which is the same package', async () => {
    const script = `
      import * as all from './node_modules/ftplib/dist/index.mjs';
      import { createRequire } from 'node:module';
      const required = createRequire(import.meta.url)('ftplib');
      const other = Object.keys({ ...required, ...all }).filter((name) => typeof all[name] !== typeof required[name] || all[name].length !== required[name].length);
      if (other.length > 0) throw new Error('not the same: ' + other.join(', '));
      const listing = '-rw-r--r-- 1 u g 5 Jan  1 2020 a\\r\\nDIR1 OS/2 line\\r\\n';
      if (JSON.stringify(all.parseList(listing)) !== JSON.stringify(required.parseList(listing))) throw new Error('another listing');
      const ftp = new all.FTP({ host: '127.0.0.1', createConnection: () => { throw new Error('no'); } });
      console.log(await ftp.size('a').catch((error) => error instanceof all.FTPError && !(error instanceof required.FTPError)));`;
    writeFileSync(join(folder, 'bundled.mjs'), script);
    const { stdout } = await run(process.execPath, ['bundled.mjs'], { cwd: folder });
    expect(stdout).to.equal('true\n');
  });

  it('computes nothing in that module when it is loaded that a bundler would have to keep', () => {
    const text = readFileSync(join(installed, 'dist/index.mjs'), 'utf8');
    const source = ts.createSourceFile('index.mjs', text, ts.ScriptTarget.ES2022, true);
    const constants = source.statements.filter(ts.isVariableStatement).flatMap((statement) => statement.declarationList.declarations);
    expect(constants).to.have.length.greaterThan(100);
    const computed = constants.filter(({ initializer }) => initializer && (ts.isCallExpression(initializer) || ts.isNewExpression(initializer)));
    expect(computed.filter(({ initializer }) => !initializer?.getFullText().trimStart().startsWith('/* @__PURE__ */')).map((each) => each.getText())).to.deep.equal([]);
    expect(text).to.not.include('//# sourceMappingURL').and.not.include('require(');
  });

  it('finds in that module every name that it uses', () => {
    const options: ts.CompilerOptions = {
      allowJs: true, checkJs: true, noEmit: true, target: ts.ScriptTarget.ES2022, lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
      module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, types: ['node'], typeRoots: [join(ROOT, 'node_modules/@types')],
    };
    const program = ts.createProgram([join(installed, 'dist/index.mjs')], options);
    const found = program.getSemanticDiagnostics().filter(({ code }) => NAMES.includes(code));
    expect(found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).to.deep.equal([]);
  });

  it('loads only the files that are needed', async () => {
    const script = `
      const { FTP } = require('ftplib');
      const stream = new FTP({ host: '127.0.0.1', createConnection: () => { throw new Error('no'); } }).retr('a');
      stream.once('error', () => console.log(Object.keys(require.cache).join('\\n'))).resume();`;
    writeFileSync(join(folder, 'download.js'), script);
    const { stdout } = await run(process.execPath, ['download.js'], { cwd: folder });
    const loaded = stdout.split('\n').map((file) => relative(join(installed, 'dist'), file).split(sep).join('/'));
    expect(loaded).to.include('client/ftp.js');
    expect(loaded.filter((file) => /^(bulk|listing)\/|pool|stor-stream|net\/tls|netrc|url|ftpcp/.test(file))).to.deep.equal([]);
  });

  it('has nothing internal but through its front door', () => {
    const require = createRequire(join(folder, 'here.js'));
    expect(() => require('ftplib/dist/client.js') as unknown).to.throw(/not defined by "exports"/);
    expect(require('ftplib/package.json')).to.include({ name: 'ftplib' });
  });

  it('is typed for CommonJS and for ES modules, and its types refuse what cannot be', async () => {
    mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
    for (const name of ['@types/node', 'undici-types']) symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name), 'junction');
    for (const file of ['consumer.cts', 'consumer.mts']) writeFileSync(join(folder, file), CONSUMER);
    expect(await typecheck()).to.equal('');
  });

  async function typecheck(): Promise<string> {
    const options = { strict: true, module: 'nodenext', target: 'es2022', noEmit: true, types: ['node'], exactOptionalPropertyTypes: true, preserveSymlinks: true };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['consumer.cts', 'consumer.mts'] }));
    try {
      return (await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder])).stdout;
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  }
});

/** A clean tree to build in, so that what an older build has left behind is not packed. */
function stageSources(stage: string): void {
  mkdirSync(stage);
  for (const entry of ['lib', 'README.md', 'CHANGELOG.md', 'LICENSE', 'package.json', 'tsconfig.json']) cpSync(join(ROOT, entry), join(stage, entry), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(stage, 'node_modules'), 'junction');
}

function npm(cwd: string, ...args: string[]): Promise<unknown> {
  return run(NPM, args, { cwd, shell: process.platform === 'win32' });
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

const CONSUMER = `
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { FTP, ReplyParser, allErrors, ftpcp, isFTPError, netrc, open, parse227, PermanentError, type FTPOptions, type Reply, type RetrStream } from 'ftplib';

const options: FTPOptions = { host: 'localhost', secure: 'explicit', timeout: 1000, createConnection: ({ host, port }) => { throw new Error(host + port); } };
export const ftp = new FTP(options);
export async function use(): Promise<number> {
  const stream: RetrStream = ftp.retr('a', { start: 1, end: 2 });
  stream.once('open', (reply: Reply) => reply.code);
  await pipeline(stream, createWriteStream('a'));
  for await (const name of ftp.nlst()) console.log(name.length);
  for await (const chunk of ftp.retr('b')) console.log(chunk.length);
  ftp.on('command', (line) => line.length).on('reply', (reply) => reply.lines.length);
  const copied = await ftpcp(ftp, 'a', new FTP('ftp://localhost'));
  open('ftp://localhost/a').pipe(new ReplyParser());
  const port: number = parse227('227 (127,0,0,1,1,1)').port + (netrc().authenticators('a')?.login.length ?? 0);
  return copied.source.code + port + (await ftp.size('a'));
}
// @ts-expect-error a path is a string
ftp.retr(1);
// @ts-expect-error explicit or implicit
new FTP({ secure: true });
export const describe = (error: unknown): string => error instanceof PermanentError ? String(error.reply?.code) : isFTPError(error) ? error.message : String(allErrors.length);
`;
