import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import * as ts from 'typescript';

const ROOT = dirname(__dirname);

/** One `import … from` or `export … from` of a file. */
interface Import {
  readonly file: string;
  /** Another file of lib, as `control/reply.ts`, or a module's name. */
  readonly target: string;
  /** Gone after compilation. */
  readonly typeOnly: boolean;
}

/** The parts of the library, from the ground up: a part imports values only from itself and from what stands before it. */
const LAYERS: readonly (readonly string[])[] = [
  ['errors.ts'],
  ['control/encoding.ts', 'option-names.ts', 'options.ts', 'netrc.ts', 'url.ts', 'dial.ts', 'record-tap.ts', 'watch.ts'],
  ['control/reply.ts', 'control/reply-text.ts', 'control/command.ts', 'data/host-port.ts', 'data/lines.ts', 'data/decoder.ts', 'listing/'],
  ['control/reply-parser.ts'],
  ['control/', 'data/receive-buffer.ts'],
  ['control/abort.ts', 'control/features.ts', 'control/login.ts', 'control/protection.ts', 'control/security.ts', 'control/session.ts'],
  ['data/'],
  ['healing/'],
  ['data/transfer.ts'],
  ['data/retr-stream.ts', 'data/stor-stream.ts', 'data/streams.ts'],
  ['client.ts', 'bulk/'],
  ['bulk/bulk-client.ts'],
  ['ftp.ts'],
  ['ftpcp.ts', 'open.ts', 'bulk/pool-verbs.ts', 'bulk/pool.ts'],
  ['index.ts'],
];

/** What may import `node:net` or `node:tls`: everything else is given its connections. */
const MAY_CONNECT = ['dial.ts', 'data/active.ts', 'control/security.ts'];

const ALLOWED_ENTRIES = [
  '.ci', '.git', '.github', '.gitignore', '.mocharc.json', 'CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'examples', 'lib', 'node_modules',
  'package-lock.json', 'package.json', 'spec', 'tsconfig.json',
];

describe('layout', () => {
  const files = filesUnder('lib');
  const imports = files.flatMap(importsOf);
  const values = imports.filter(({ typeOnly }) => !typeOnly);

  it('reads the imports of lib', () => {
    expect(files).to.include('control/control-connection.ts');
    expect(values).to.deep.include({ file: 'ftp.ts', target: 'bulk/bulk-client.ts', typeOnly: false });
    expect(imports).to.deep.include({ file: 'errors.ts', target: 'control/reply.ts', typeOnly: true });
  });

  it('gives every file a layer', () => {
    expect(files.filter((file) => layerOf(file) < 0)).to.deep.equal([]);
  });

  it('lets imports point one way', () => {
    const upward = values.filter(({ file, target }) => files.includes(target) && layerOf(target) > layerOf(file));
    expect(upward.map(show)).to.deep.equal([]);
  });

  it('has no cycles', () => {
    expect(cyclesOf(files, values).map((cycle) => cycle.join(' → '))).to.deep.equal([]);
  });

  it('keeps lib/control free of the data connection', () => {
    // receive-buffer is memory that outlives each data connection; the session owns it and nothing of data calls back.
    const data = values.filter(({ file, target }) => file.startsWith('control/') && target.startsWith('data/') && target !== 'data/receive-buffer.ts');
    expect(data.map(show)).to.deep.equal([]);
  });

  it('lets only the makers of connections import node:net and node:tls', () => {
    const network = values.filter(({ file, target }) => /^(node:)?(net|tls|dgram|dns|http|https)$/.test(target) && !MAY_CONNECT.includes(file));
    expect(network.map(show)).to.deep.equal([]);
  });

  it('imports nothing that Node does not ship', () => {
    const foreign = imports.filter(({ target }) => !files.includes(target) && !target.startsWith('node:'));
    expect(foreign.map(show)).to.deep.equal([]);
  });

  it('has one barrel: only index.ts passes on what others export', () => {
    const barrels = files.filter((file) => file !== 'index.ts' && sourceOf('lib', file).statements.some((each) => ts.isExportDeclaration(each) && each.moduleSpecifier));
    expect(barrels).to.deep.equal([]);
    expect(files.filter((file) => /(^|\/)utils?\.ts$/.test(file))).to.deep.equal([]);
  });

  it('exports by name only', () => {
    const every = ['lib', 'spec', 'examples'].flatMap((folder) => filesUnder(folder).map((file) => [folder, file] as const));
    const defaults = every.filter(([folder, file]) => sourceOf(folder, file).statements.some(isDefaultExport));
    expect(defaults.map((parts) => parts.join('/'))).to.deep.equal([]);
  });

  it('has nothing at the top but what belongs there', () => {
    expect(readdirSync(ROOT).filter((entry) => !ALLOWED_ENTRIES.includes(entry))).to.deep.equal([]);
  });
});

function filesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => file.split(sep).join('/'))
    .filter((file) => file.endsWith('.ts') && !file.includes('node_modules/'))
    .sort();
}

function sourceOf(folder: string, file: string): ts.SourceFile {
  return ts.createSourceFile(file, readFileSync(join(ROOT, folder, file), 'utf8'), ts.ScriptTarget.ES2022);
}

function importsOf(file: string): Import[] {
  return sourceOf('lib', file).statements.flatMap((statement) => {
    if (!(ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement))) return [];
    const { moduleSpecifier } = statement;
    if (!moduleSpecifier || !ts.isStringLiteral(moduleSpecifier)) return [];
    return [{ file, target: resolve(file, moduleSpecifier.text), typeOnly: isTypeOnly(statement) }];
  });
}

function resolve(file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return relative('/', posix.join('/', posix.dirname(file), `${specifier}.ts`)).split(sep).join('/');
}

function isTypeOnly(statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(statement)) return statement.isTypeOnly || isNamesOfTypes(statement.exportClause);
  const clause = statement.importClause;
  return clause !== undefined && (clause.phaseModifier === ts.SyntaxKind.TypeKeyword || (clause.name === undefined && isNamesOfTypes(clause.namedBindings)));
}

function isNamesOfTypes(names: ts.NamedImportBindings | ts.NamedExportBindings | undefined): boolean {
  return names !== undefined && (ts.isNamedImports(names) || ts.isNamedExports(names)) && names.elements.every(({ isTypeOnly: type }) => type);
}

function isDefaultExport(statement: ts.Statement): boolean {
  if (ts.isExportAssignment(statement)) return true;
  return ts.canHaveModifiers(statement) && (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword);
}

/** The layer that names the file, else the one that names its folder. */
function layerOf(file: string): number {
  const exact = LAYERS.findIndex((layer) => layer.includes(file));
  return exact >= 0 ? exact : LAYERS.findIndex((layer) => layer.some((part) => part.endsWith('/') && file.startsWith(part)));
}

function cyclesOf(files: readonly string[], edges: readonly Import[]): string[][] {
  const done = new Set<string>();
  const cycles: string[][] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) return void cycles.push([...path.slice(path.indexOf(file)), file]);
    if (done.has(file)) return;
    for (const edge of edges) {
      if (edge.file === file && files.includes(edge.target)) visit(edge.target, [...path, file]);
    }
    done.add(file);
  };
  for (const file of files) visit(file, []);
  return cycles;
}

function show({ file, target }: Import): string {
  return `${file} imports ${target}`;
}
