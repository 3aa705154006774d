'use strict';
// The last step of `npm run build`: joins the modules of the command line, and those of the library that it uses, to two files, dist/cli/main.js and
// dist/cli/run.js. Each module becomes a function, which runs when its module is first needed. To find, read and compile 50 files takes longer than all
// that `ftplib ls` does with them.

const { createHash } = require('node:crypto');
const { readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const ts = require('typescript');

const CLI = join(__dirname, '..', 'dist', 'cli');
/** What a compiled module needs of its neighbours; what it needs of Node stays as it is. */
const REQUIRE = /\brequire\("(\.[^"]+)"\)/g;

/** What needs no blank before or after it: the last or first character of a token. */
const APART = /[()[\]{};,:?=&|]$/;

const main = `'use strict';\n${joined(join(CLI, 'main.js'))}load(0);\n`;
// A script whose value is a function of `require`. Within a function instead of a block, V8 would read the text of each module twice.
const run = `'use strict';\n{\nlet require;\n${joined(join(CLI, 'run.js'))}(given) => {\nrequire = given;\nreturn load(0);\n};\n}\n`;
for (const file of readdirSync(CLI)) if (file.endsWith('.js')) rmSync(join(CLI, file));
writeFileSync(join(CLI, 'main.js'), `#!/usr/bin/env node\n${main}`);
writeFileSync(join(CLI, 'run.js'), `// ${createHash('sha256').update(run).digest('hex')}\n${run}`);

/** A module and all that it needs; `load(0)` runs it. */
function joined(entry) {
  const numbers = new Map();
  const add = (file) => {
    if (numbers.has(file)) return;
    numbers.set(file, numbers.size);
    for (const [, path] of readFileSync(file, 'utf8').matchAll(REQUIRE)) add(neighbour(file, path));
  };
  add(entry);
  const functions = [...numbers].map(([file, number]) => {
    const text = compact(readFileSync(file, 'utf8')).replaceAll(REQUIRE, (_, path) => `load(${numbers.get(neighbour(file, path))})`);
    return `${number}: (exports) => {\n${text}},`;
  });
  const lines = ['const loaded = [];', 'const load = (number) => loaded[number] ?? (modules[number]((loaded[number] = {})), loaded[number]);'];
  return ascii([...lines, 'const modules = {', ...functions, '};', ''].join('\n'));
}

function neighbour(file, path) {
  return `${join(dirname(file), path)}.js`;
}

/** The tokens of a module, without comments and indentation: that is half of the text, which is read at each start. */
function compact(text) {
  const source = ts.createSourceFile('module.js', text.replace(/^(#!.*\n)?"use strict";\n/, ''), ts.ScriptTarget.ES2022, true);
  let result = '';
  const visit = (node) => {
    if (ts.isJSDoc(node)) return;
    const children = node.getChildren(source);
    if (children.length > 0) return children.forEach(visit);
    const token = node.getText(source);
    if (token === '') return;
    const between = source.text.slice(node.pos, node.getStart(source));
    if (between.includes('\n')) result += '\n';
    else if (between !== '' && !(APART.test(result) || APART.test(token[0]))) result += ' ';
    result += token;
  };
  visit(source);
  return result;
}

/** V8 reads ASCII faster, and needs half of the memory for it. */
function ascii(text) {
  return text.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
