import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import * as ts from 'typescript';

const ROOT = dirname(__dirname);

/** One `import … from` or `export … from` of a file, of values or of types. */
interface Import {
  readonly file: string;
  /** Another file of lib, as `control/reply.ts`, or a module's name. */
  readonly target: string;
  readonly names: readonly string[];
  readonly typeOnly: boolean;
}

/** The folders of lib from the ground up: a file imports only from its own folder and from those before it. `.` is lib itself. */
const LAYERS: readonly string[] = ['.', 'net', 'control', 'listing', 'transfer', 'bulk', 'client', 'cli'];

/** Imports everything, and nothing of lib imports it. */
const TOP = 'index.ts';

/** Starts the process of the command line: nothing imports it, and its last line is a call. */
const ENTRY = 'cli/main.ts';

/** A shorter file with a single importer is a satellite, and belongs into the file that it serves. */
const WHOLE = 60;

/** Why a short file with a single importer stands alone. */
const STANDS_ALONE: Readonly<Record<string, string>> = {
  [ENTRY]: 'nothing imports it: the process starts there',
  'cli/run.ts': 'the build makes one file of it and of all that it needs',
};

const ALLOWED_ENTRIES = [
  '.ci', '.git', '.github', '.gitignore', '.mocharc.json', 'CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'examples', 'lib', 'node_modules',
  'package-lock.json', 'package.json', 'spec', 'tsconfig.json',
];

describe('layout', () => {
  const files = filesUnder('lib');
  const imports = files.flatMap(importsOf);
  const within = imports.filter(({ target }) => files.includes(target));

  it('reads the imports of lib', () => {
    expect(files).to.include('control/control-connection.ts');
    expect(within).to.deep.include({ file: 'client/verbs.ts', target: 'bulk/walk.ts', names: ['walk', 'Walk', 'WalkOptions'], typeOnly: false });
    expect(within).to.deep.include({ file: 'errors.ts', target: 'reply.ts', names: ['Reply'], typeOnly: true });
    expect(imports).to.deep.include({ file: 'transfer/piped-readable.ts', target: 'node:net', names: ['*'], typeOnly: true });
  });

  it('lets the command line use nothing but what is public', () => {
    const exported = within.filter(({ file }) => file === 'index.ts').flatMap(({ names }) => names);
    const used = within.filter(({ file, target }) => file.startsWith('cli/') && !target.startsWith('cli/')).flatMap(({ names }) => names);
    expect(used.filter((name) => !exported.includes(name))).to.deep.equal([]);
  });

  it('loads nothing but by imports at the top', () => {
    const loads = files.filter((file) => loadsWithin(sourceOf('lib', file)));
    expect(loads).to.deep.equal([]);
  });

  it('does nothing when it is loaded but declare, so that modules may load in any order, and a bundler may drop what is not used', () => {
    const others = files.flatMap((file) => sourceOf('lib', file).statements.filter((each) => !isDeclaration(each)).map((each) => `${file}: ${ts.SyntaxKind[each.kind]}`));
    expect(others).to.deep.equal([`${ENTRY}: ExpressionStatement`]);
    expect(within.filter(({ file, target }) => target === ENTRY || (target.startsWith('cli/') && !file.startsWith('cli/')))).to.deep.equal([]);
  });

  it('has a layer for every folder', () => {
    expect(files.filter((file) => layerOf(file) < 0)).to.deep.equal([]);
  });

  it('lets imports point one way, those of types too', () => {
    const upward = within.filter(({ file, target }) => layerOf(target) > layerOf(file) || target === TOP);
    expect(upward.map(show)).to.deep.equal([]);
  });

  it('has no cycles, those of types included', () => {
    expect(cyclesOf(files, within).map((cycle) => cycle.join(' → '))).to.deep.equal([]);
  });

  it('has no satellites', () => {
    const importersOf = (file: string): string[] => [...new Set(within.filter(({ target }) => target === file).map((each) => each.file))];
    const satellites = files.filter((file) => {
      const [first, ...others] = importersOf(file);
      return linesOf(file) < WHOLE && first !== TOP && others.length === 0 && file !== TOP && !(file in STANDS_ALONE);
    });
    expect(satellites).to.deep.equal([]);
  });

  it('lets only net connect, listen and do TLS', () => {
    const network = imports.filter(({ file, target, typeOnly }) => !typeOnly && /^(node:)?(net|tls|dgram|dns|http|https)$/.test(target) && layerOf(file) !== LAYERS.indexOf('net'));
    expect(network.filter(({ names }) => names.some((name) => name !== 'isIP')).map(show)).to.deep.equal([]);
  });

  it('imports nothing that Node does not ship', () => {
    const foreign = imports.filter(({ target }) => !files.includes(target) && !target.startsWith('node:'));
    expect(foreign.map(show)).to.deep.equal([]);
  });

  it('has one barrel: only index.ts passes on what others export', () => {
    const barrels = files.filter((file) => file !== TOP && sourceOf('lib', file).statements.some((each) => ts.isExportDeclaration(each) && each.moduleSpecifier));
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
  const source = sourceOf('lib', file);
  const atTheTop = source.statements.flatMap((statement) => {
    if (!(ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement))) return [];
    const { moduleSpecifier } = statement;
    if (!moduleSpecifier || !ts.isStringLiteral(moduleSpecifier)) return [];
    return [{ file, target: resolve(file, moduleSpecifier.text), names: namesOf(statement), typeOnly: isTypeOnly(statement) }];
  });
  return [...atTheTop, ...innerImportsOf(file, source)];
}

/** What a type within the file names, `import('./x').Y`. Nothing is loaded there: the build lets every import load its module when it is first used. */
function innerImportsOf(file: string, node: ts.Node): Import[] {
  const imports: Import[] = [];
  const visit = (each: ts.Node): void => {
    if (ts.isImportTypeNode(each) && ts.isLiteralTypeNode(each.argument) && ts.isStringLiteral(each.argument.literal)) {
      imports.push({ file, target: resolve(file, each.argument.literal.text), names: ['*'], typeOnly: true });
    }
    ts.forEachChild(each, visit);
  };
  visit(node);
  return imports;
}

/** Whether a call of `require()` or `import()` is in it. */
function loadsWithin(node: ts.Node): boolean {
  const loads = ts.isCallExpression(node) && (node.expression.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(node.expression) && node.expression.text === 'require'));
  return loads || (ts.forEachChild(node, (child) => loadsWithin(child) || undefined) ?? false);
}

/** Whether a statement gives names to something, and does nothing else: a class has no static part, and a constant no pattern, which a bundler would keep. */
function isDeclaration(statement: ts.Statement): boolean {
  if (ts.isClassDeclaration(statement)) return !statement.members.some((member) => ts.isClassStaticBlockDeclaration(member) || (ts.isPropertyDeclaration(member) && isStatic(member)));
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.every(({ name }) => ts.isIdentifier(name));
  return [ts.isImportDeclaration, ts.isExportDeclaration, ts.isFunctionDeclaration, ts.isInterfaceDeclaration, ts.isTypeAliasDeclaration].some((is) => is(statement));
}

function isStatic(member: ts.PropertyDeclaration): boolean {
  return (ts.getModifiers(member) ?? []).some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword);
}

function namesOf(statement: ts.ImportDeclaration | ts.ExportDeclaration): string[] {
  const names = ts.isExportDeclaration(statement) ? statement.exportClause : statement.importClause?.namedBindings;
  if (names && (ts.isNamedImports(names) || ts.isNamedExports(names))) return names.elements.map(({ name, propertyName }) => (propertyName ?? name).text);
  return ['*'];
}

function linesOf(file: string): number {
  return readFileSync(join(ROOT, 'lib', file), 'utf8').split('\n').length - 1;
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

function layerOf(file: string): number {
  return file === TOP ? LAYERS.length : LAYERS.indexOf(posix.dirname(file).split('/')[0] as string);
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
