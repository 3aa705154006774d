'use strict';
// The last step of `npm run build`: lets the compiled package load a module when the first line that needs it runs, and not before. A program that
// only downloads a file then loads a third of the files, and neither TLS nor crypto.
//
// What TypeScript makes of an import,
//   const walk_1 = require("../bulk/walk");   …   return (0, walk_1.walk)(this, path);
// becomes
//   let walk_1;   …   return (0, (walk_1 ??= require("../bulk/walk")).walk)(this, path);
// Lines stay where they are, so a stack shows the lines that TypeScript wrote. What a class extends, and what a constant is made of, is still loaded
// with its file. No module does anything but declare, so the order in which they are loaded makes no difference.

const { readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const ts = require('typescript');

const DIST = join(__dirname, '..', 'dist');

/** Folders whose files call each other for each line: to ask each time whether a neighbour is loaded makes a listing a tenth slower. */
const TOGETHER = ['control', 'listing'];

/** What every program that uses the package has loaded by then. */
const LOADED = /^require\("(node:(buffer|events|stream)|\.\.\/(errors|reply|encoding))"\)$/;

for (const file of readdirSync(DIST, { recursive: true })) {
  if (file.endsWith('.js')) writeFileSync(join(DIST, file), lazy(readFileSync(join(DIST, file), 'utf8'), TOGETHER.includes(dirname(file))));
}

/** The text of a compiled module, whose imports are loaded when they are used; those from its own folder with it where they belong together. */
function lazy(text, together) {
  const source = ts.createSourceFile('module.js', text, ts.ScriptTarget.ES2022, true);
  const isLazy = ([, call]) => !LOADED.test(call) && !(together && /^require\("\.\/[^/]+"\)$/.test(call));
  const lazyImportsOf = (statement) => importsOf(statement).filter(isLazy);
  const imports = new Map(source.statements.flatMap(lazyImportsOf));
  const edits = [];
  const visit = (node) => {
    if (ts.isVariableStatement(node) && lazyImportsOf(node).length > 0) return void edits.push([node, `let ${lazyImportsOf(node)[0][0]};`]);
    if (ts.isIdentifier(node) && imports.has(node.text)) edits.push([node, `(${node.text} ??= ${imports.get(node.text)})`]);
    ts.forEachChild(node, visit);
  };
  visit(source);
  const result = edits.reduceRight((edited, [node, replacement]) => edited.slice(0, node.getStart()) + replacement + edited.slice(node.getEnd()), text);
  // Node reads in the text which names an ES module can import. It finds all of index.js in `exports.a = exports.b = … = void 0`, but takes away a name
  // that `Object.defineProperty` gives a getter which does more than `return a.b`.
  return result.replaceAll(/\bObject(?=\.defineProperty\(exports, "(?!__esModule"))/g, 'Reflect');
}

/** The name and the call of `const name_1 = require("…")`, which TypeScript writes for an import. */
function importsOf(statement) {
  const [declaration] = ts.isVariableStatement(statement) ? statement.declarationList.declarations : [];
  const { name, initializer } = declaration ?? {};
  if (!initializer || !/_\d+$/.test(name.getText()) || !/^require\("[^"]+"\)$/.test(initializer.getText())) return [];
  return [[name.text, initializer.getText()]];
}
