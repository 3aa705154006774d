'use strict';
// How ts-node compiles: it takes what `npm run typecheck` has written of a file, unless the file is newer; so that a run of all specs,
// in its many processes, compiles once. One spec alone needs nothing of it.

const { readFileSync, statSync } = require('node:fs');
const { join, relative } = require('node:path');
const ts = require('typescript');

const ROOT = join(__dirname, '..', '..');
const COMPILED = join(ROOT, 'node_modules', '.cache', 'ftplib');

exports.create = ({ service }) => {
  const compilerOptions = service.config.options;
  const transpile = (source, { fileName }) => compiled(fileName) ?? ts.transpileModule(source, { fileName, compilerOptions });
  return { transpile };
};

function compiled(fileName) {
  const output = join(COMPILED, relative(ROOT, fileName)).replace(/\.ts$/, '.js');
  if (!(modified(output) > modified(fileName))) return undefined;
  return { outputText: readFileSync(output, 'utf8'), sourceMapText: readFileSync(`${output}.map`, 'utf8') };
}

function modified(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}
