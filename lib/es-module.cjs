'use strict';
// A step of `npm run build`: makes dist/index.mjs, the whole package as one ES module, of which a bundler takes what a program uses.
//
// Node, Bun and Deno load dist/index.js, by `import` too, so that there is one FTPError in a process. Bundlers find this file by the condition `module`
// of package.json, for `import` and `require` alike.
//
// The modules are joined in the order in which they need each other. Where two have declared the same name, it gets a number. What a constant computes is
// marked as pure, because a bundler keeps each call that could have an effect. No module does anything but declare, which spec/layout.spec.ts checks.

const { readFileSync, writeFileSync } = require('node:fs');
const { join, posix, sep } = require('node:path');
const ts = require('typescript');

/** The compiler's paths have slashes everywhere. */
const LIB = __dirname.split(sep).join('/');
const ENTRY = `${LIB}/index.js`;
const OPTIONS = {
  target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022, moduleResolution: ts.ModuleResolutionKind.Bundler,
  useDefineForClassFields: false, removeComments: true, allowJs: true, noLib: true, types: [],
};

const program = ts.createProgram([ENTRY], OPTIONS, hostOfCompiled());
const checker = program.getTypeChecker();
const modules = inOrder(program.getSourceFile(ENTRY));
const identifiers = new Map(modules.map((file) => [file, identifiersOf(file)]));
const { names, imports } = namesOfTop();
const body = modules.map(textOf).join('\n');
writeFileSync(join(__dirname, '..', 'dist', 'index.mjs'), [...importLines(), body, exportLine(), ''].join('\n'));

/** Lets the compiler read lib as the JavaScript that it makes of each file. */
function hostOfCompiled() {
  const host = ts.createCompilerHost(OPTIONS);
  const sourceOf = (file) => (file.startsWith(LIB) ? file.replace(/\.js$/, '.ts') : undefined);
  host.fileExists = (file) => file.endsWith('.js') && ts.sys.fileExists(sourceOf(file) ?? file);
  host.getSourceFile = (file, how) => {
    const { outputText } = ts.transpileModule(readFileSync(sourceOf(file), 'utf8'), { compilerOptions: OPTIONS });
    return ts.createSourceFile(file, outputText, how, true);
  };
  return host;
}

/** A module after all that it imports. */
function inOrder(file, seen = new Set()) {
  if (seen.has(file)) return [];
  seen.add(file);
  const needed = file.statements.filter(({ moduleSpecifier }) => moduleSpecifier?.text.startsWith('.'));
  return [...needed.flatMap(({ moduleSpecifier }) => inOrder(program.getSourceFile(`${posix.join(posix.dirname(file.fileName), moduleSpecifier.text)}.js`), seen)), file];
}

function identifiersOf(file) {
  const found = [];
  const visit = (node) => {
    if (ts.isMetaProperty(node)) return;
    if (ts.isIdentifier(node) && !(ts.isPropertyAccessExpression(node.parent) && node.parent.name === node)) found.push(node);
    ts.forEachChild(node, visit);
  };
  file.statements.filter((statement) => !isLink(statement)).forEach(visit);
  return found;
}

/** What stands at the top of a module only to connect it with others. */
function isLink(statement) {
  return ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement);
}

/** What an identifier stands for: a symbol, or `node:fs readFile` where it is imported from Node; undefined for what is global. */
function meaningOf(identifier) {
  const isShort = ts.isShorthandPropertyAssignment(identifier.parent);
  const symbol = isShort ? checker.getShorthandAssignmentValueSymbol(identifier.parent) : checker.getSymbolAtLocation(identifier);
  return symbol && resolved(symbol);
}

function resolved(symbol) {
  const [declaration] = symbol.declarations ?? [];
  if (!(symbol.flags & ts.SymbolFlags.Alias)) return symbol;
  const { moduleSpecifier } = ts.findAncestor(declaration, isLink);
  if (!moduleSpecifier?.text.startsWith('node:')) return checker.getAliasedSymbol(symbol);
  return `${moduleSpecifier.text} ${declaration.propertyName?.text ?? (ts.isImportClause(declaration) ? 'default' : declaration.name.text)}`;
}

/** The name that each declaration at the top of a module, and each import from Node, has in the one file. */
function namesOfTop() {
  const names = new Map();
  const imports = new Map();
  const every = modules.flatMap((file) => identifiers.get(file).map((identifier) => ({ file, identifier, meaning: meaningOf(identifier) })));
  const taken = new Set(every.filter(({ meaning }) => meaning === undefined).map(({ identifier }) => identifier.text));
  const nameOnce = (meaning, wanted) => {
    if (names.has(meaning)) return;
    let name = wanted;
    for (let i = 1; taken.has(name); i += 1) name = `${wanted}$${i}`;
    taken.add(name);
    names.set(meaning, name);
  };
  for (const { file, identifier, meaning } of every) {
    if (typeof meaning === 'string') {
      nameOnce(meaning, identifier.text);
      imports.set(meaning, names.get(meaning));
    } else if (meaning?.declarations?.some((each) => each.name === identifier && isTop(each, file))) {
      nameOnce(meaning, identifier.text);
    }
  }
  return { names, imports };
}

function isTop(declaration, file) {
  const statement = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  return statement.parent === file;
}

/** A module without its imports and exports, in which names are those of the one file. */
function textOf(file) {
  const edits = [];
  for (const statement of file.statements) {
    if (isLink(statement)) edits.push([statement.getStart(), statement.getEnd(), '']);
    const word = ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.find(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (word) edits.push([word.getStart(), word.getEnd() + 1, '']);
    for (const { initializer } of ts.isVariableStatement(statement) ? statement.declarationList.declarations : []) {
      if (!initializer || !mayHaveEffects(initializer)) continue;
      edits.push([initializer.getStart(), initializer.getStart(), '/* @__PURE__ */ (() => ('], [initializer.getEnd(), initializer.getEnd(), '))()']);
    }
  }
  for (const identifier of identifiers.get(file)) {
    const name = names.get(meaningOf(identifier));
    if (name === undefined || name === identifier.text) continue;
    const text = ts.isShorthandPropertyAssignment(identifier.parent) ? `${identifier.text}: ${name}` : name;
    edits.push([identifier.getStart(), identifier.getEnd(), text]);
  }
  edits.sort(([a], [b]) => b - a);
  return edits.reduce((text, [start, end, replacement]) => text.slice(0, start) + replacement + text.slice(end), file.text).trim();
}

/** Whether it runs what a bundler cannot see through: a call, a getter, an iterator, a conversion. */
function mayHaveEffects(node) {
  if (ts.isFunctionLike(node)) return false;
  if (ts.isCallExpression(node) || ts.isNewExpression(node) || ts.isPropertyAccessExpression(node)) return true;
  if (ts.isSpreadElement(node) || ts.isSpreadAssignment(node) || ts.isTemplateSpan(node)) return true;
  if (ts.isIdentifier(node) && ts.isBinaryExpression(node.parent)) return true;
  return ts.forEachChild(node, (child) => mayHaveEffects(child) || undefined) ?? false;
}

function importLines() {
  const lines = new Map();
  for (const [meaning, name] of imports) {
    const [from, exported] = meaning.split(' ');
    lines.set(from, [...(lines.get(from) ?? []), exported === name ? name : `${exported} as ${name}`]);
  }
  return [...lines].map(([from, each]) => `import { ${each.join(', ')} } from '${from}';`);
}

function exportLine() {
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(ENTRY))).map((symbol) => {
    const name = names.get(resolved(symbol));
    return name === symbol.name ? name : `${name} as ${symbol.name}`;
  });
  return `export { ${exported.join(', ')} };`;
}
