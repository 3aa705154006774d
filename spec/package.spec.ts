import { expect } from 'chai';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import * as ts from 'typescript';
import { FtpServer } from './support/server/ftp-server';

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

/** How a run of the command has begun and ended. */
interface Start {
  readonly code: number;
  readonly stdout: string;
  readonly files: readonly string[];
  readonly scripts: readonly ('kept' | 'compiled')[];
  readonly builtins: readonly string[];
}

describe('package', () => {
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
    const { files, scripts, builtins } = await startOf(['--help']);
    expect([files, scripts]).to.deep.equal([['cli/main.js'], []]);
    expect(builtins.filter((name) => /^(net|stream|tls|crypto|internal\/util\/parse_args\/parse_args)$/.test(name))).to.deep.equal([]);
  });

  describe('starts its command fast', () => {
    let server: FtpServer;
    let caches: string;
    before(async () => {
      server = await FtpServer.start({ users: { user: 'secret' }, files: { '/pub/a.txt': 'file a' } });
    });
    after(() => server.close());
    beforeEach(() => (caches = mkdtempSync(join(tmpdir(), 'ftplib-caches-'))));
    afterEach(() => rmSync(caches, { recursive: true, force: true }));
    const kept = (): string[] => (existsSync(join(caches, 'ftplib')) ? readdirSync(join(caches, 'ftplib')) : []);
    const only = (): string => join(caches, 'ftplib', kept()[0] ?? expect.fail('nothing is kept'));
    const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Start> => startOf(args, { XDG_CACHE_HOME: caches, LOCALAPPDATA: caches, ...env });

    for (const [name, path, printed] of [['ls', 'pub', 'a.txt\n'], ['cat', 'pub/a.txt', 'file a']] as const) {
      it(`loads one file and no part of Node that it does not need: ${name}`, async () => {
        const { stdout, files, scripts, builtins } = await start([name, `${server.url}${path}`]);
        expect([stdout, files, scripts.length]).to.deep.equal([printed, ['cli/main.js'], 1]);
        expect(builtins).to.include('net');
        expect(builtins.filter((each) => /^(tls|_tls.*|crypto|zlib|dns|dns\/promises|readline|perf_hooks|http|worker_threads|fs\/promises|child_process|inspector)$/.test(each))).to.deep.equal([]);
      });
    }

    it('compiles nothing at the second start that the first one has compiled', async () => {
      const words = ['ls', `${server.url}pub`];
      const [first, second] = [await start(words), await start(words)];
      expect([first.stdout, first.scripts]).to.deep.equal(['a.txt\n', ['compiled']]);
      expect([second.stdout, second.scripts]).to.deep.equal(['a.txt\n', ['kept']]);
      expect(kept()).to.deep.equal([`ls-${process.version}-${process.platform}-${process.arch}`]);
    });

    it('takes no code that is damaged, for another version of the package, or that somebody else may write', async () => {
      const words = ['completion', 'bash'];
      const { stdout } = await start(words);
      const whole = readFileSync(only());
      const other = Buffer.concat([whole.subarray(0, -64), Buffer.from('0'.repeat(64))]);
      for (const wrong of [Buffer.alloc(0), whole.subarray(0, 5000), whole.subarray(1), other]) {
        writeFileSync(only(), wrong);
        const again = await start(words);
        expect([again.stdout === stdout, again.scripts, readFileSync(only()).length > 50_000]).to.deep.equal([true, ['compiled'], true]);
      }
      if (process.platform === 'win32') return;
      expect([statSync(join(caches, 'ftplib')).mode & 0o777, statSync(only()).mode & 0o777]).to.deep.equal([0o700, 0o600]);
      chmodSync(only(), 0o666);
      expect((await start(words)).scripts).to.deep.equal(['compiled']);
      expect([statSync(only()).mode & 0o777, (await start(words)).scripts]).to.deep.equal([0o600, ['kept']]);
    });

    it('keeps nothing of a run that fails, where nothing can be kept, and where it shall not', async () => {
      expect((await start(['completion', 'fish'])).code).to.equal(2);
      expect((await start(['completion', 'bash'], { NODE_DISABLE_COMPILE_CACHE: '1' })).code).to.equal(0);
      for (const place of ['relative', join(caches, 'none/at/all')]) expect((await start(['completion', 'bash'], { XDG_CACHE_HOME: place, LOCALAPPDATA: 'relative' })).code).to.equal(0);
      expect(readdirSync(caches)).to.deep.equal([]);
      if (process.platform === 'linux') {
        await start(['completion', 'bash'], { XDG_CACHE_HOME: '', HOME: caches });
        expect(readdirSync(join(caches, '.cache/ftplib'))).to.have.length(1);
      }
      writeFileSync(join(caches, 'ftplib'), 'not a folder');
      expect((await start(['completion', 'bash'])).code).to.equal(0);
    });
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
    const module = readFileSync(join(installed, 'dist/index.mjs'), 'utf8');
    const source = ts.createSourceFile('index.mjs', module, ts.ScriptTarget.ES2022, true);
    const constants = source.statements.filter(ts.isVariableStatement).flatMap((statement) => statement.declarationList.declarations);
    expect(constants).to.have.length.greaterThan(100);
    const computed = constants.filter(({ initializer }) => initializer && (ts.isCallExpression(initializer) || ts.isNewExpression(initializer)));
    expect(computed.filter(({ initializer }) => !initializer?.getFullText().trimStart().startsWith('/* @__PURE__ */')).map((each) => each.getText())).to.deep.equal([]);
    expect(module).to.not.include('//# sourceMappingURL').and.not.include('require(');
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

  /** Runs the command, and reports what it has loaded: files of the package, scripts, with or without kept code, and modules of Node. */
  async function startOf(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Start> {
    const script = `
      const before = new Set(process.moduleLoadList);
      const vm = require('node:vm');
      const scripts = [];
      const { Script } = vm;
      vm.Script = function (text, options) {
        const script = new Script(text, options);
        scripts.push(script.cachedDataRejected === false ? 'kept' : 'compiled');
        return script;
      };
      process.argv.splice(1, 0, 'ftplib');
      process.once('exit', () => {
        const builtins = process.moduleLoadList.filter((name) => !before.has(name)).map((name) => name.replace(/^.* /, ''));
        require('node:fs').writeSync(2, JSON.stringify({ files: Object.keys(require.cache), scripts, builtins }));
      });
      require('./node_modules/ftplib/dist/cli/main.js');`;
    const child = spawn(process.execPath, ['-e', script, '--', ...args], { cwd: folder, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 });
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close') as Promise<[number]>]);
    const loaded = JSON.parse(stderr.slice(stderr.lastIndexOf('{"files"'))) as Omit<Start, 'code' | 'stdout'>;
    return { ...loaded, code, stdout, files: loaded.files.map((file) => relative(join(installed, 'dist'), file).split(sep).join('/')) };
  }

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
