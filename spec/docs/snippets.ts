import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as ts from 'typescript';
import * as ftplib from '../../lib';
import type { FtpServer } from '../support/server/ftp-server';

const ROOT = dirname(dirname(__dirname));

/** A piece of code in the README. */
export interface Snippet {
  /** The heading that it stands under, and a number where that has more than one. */
  readonly name: string;
  readonly code: string;
  /** `ts` is an ES module in TypeScript, `js` a CommonJS one in JavaScript. */
  readonly language: 'ts' | 'js';
}

/** All pieces of code in a document, but for those of a shell. */
export function snippetsOf(markdown: string): Snippet[] {
  const snippets: Snippet[] = [];
  let heading = '';
  for (const [, title, language, code] of markdown.matchAll(/^#+ (.*)$|^```(\w+)\n([^]*?)^```$/gm)) {
    if (title !== undefined) heading = title;
    if (code === undefined || (language !== 'ts' && language !== 'js')) continue;
    const before = snippets.filter(({ name }) => name.replace(/ \d+$/, '') === heading).length;
    snippets.push({ name: before === 0 ? heading : `${heading} ${before + 1}`, code, language });
  }
  return snippets;
}

/** What the compiler says of the snippets as they stand, each a file of a project of its own that has the package. */
export function diagnosticsOf(snippets: readonly Snippet[]): string[] {
  const files = new Map(snippets.map(({ code, language }, i) => [join(ROOT, `snippet-${i}.${language === 'ts' ? 'mts' : 'cjs'}`), code]));
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, target: ts.ScriptTarget.ES2022, lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    types: ['node'], strict: true, exactOptionalPropertyTypes: true, noUnusedLocals: true, allowJs: true, checkJs: true, noEmit: true, skipLibCheck: true,
    paths: { ftplib: [join(ROOT, 'lib/index.ts')] },
  };
  const host = ts.createCompilerHost(options);
  host.getCurrentDirectory = () => ROOT;
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, how, ...rest) => {
    const code = files.get(name);
    return code === undefined ? getSourceFile(name, how, ...rest) : ts.createSourceFile(name, code, how);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files.keys()].flatMap((name, i) => {
    const file = program.getSourceFile(name);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(({ start = 0, messageText }) => {
      return `${snippets[i]?.name}, line ${(file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
  });
}

/** Makes a folder one in which `import … from 'ftplib'` and `require('ftplib')` find the library of these specs. */
export function installIn(folder: string): void {
  const installed = join(folder, 'node_modules/ftplib');
  mkdirSync(installed, { recursive: true });
  // Node finds the names to import in the text of a CommonJS module.
  const names = Object.keys(ftplib).map((name) => `exports.${name} = ftplib.${name};\n`);
  writeFileSync(join(installed, 'index.js'), `const ftplib = require(${JSON.stringify(join(ROOT, 'lib'))});\n${names.join('')}`);
}

let loaded = 0;

/** Runs a snippet in the working folder, as far as it goes by itself; host names become servers of ours, and the port of an HTTP server any that is free. */
export async function run({ code, language }: Snippet, folder: string, servers: Readonly<Record<string, FtpServer>>): Promise<void> {
  let text = code.replaceAll('.listen(8080)', ".listen(0, '127.0.0.1')");
  for (const [host, { port }] of Object.entries(servers)) {
    const ours = text.includes('secure:') ? 'localhost' : '127.0.0.1';
    if (!text.includes('tls:')) text = text.replaceAll("secure: 'explicit'", "secure: 'explicit', tls: { ca: process.getBuiltinModule('fs').readFileSync('ca.pem') }");
    text = text.replaceAll(`@${host}`, `@${ours}:${port}`).replaceAll(`host: '${host}'`, `host: '${ours}', port: ${port}`);
  }
  const file = join(folder, `snippet-${(loaded += 1)}.${language === 'ts' ? 'mjs' : 'cjs'}`);
  writeFileSync(file, language === 'js' ? text : ts.transpileModule(text, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } }).outputText);
  await import(pathToFileURL(file).href);
}

/** The cells of the rows of the table under a heading of the README. */
export function rowsUnder(heading: string): string[][] {
  const [, section = ''] = new RegExp(`^## ${heading}$([^]*?)(?=^## |$(?![^]))`, 'm').exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? [];
  return [...section.matchAll(/^\|(.*)\|$/gm)].slice(2).map(([, row = '']) => row.split('|').map((cell) => cell.trim()));
}

export function readSnippets(): Snippet[] {
  return snippetsOf(readFileSync(join(ROOT, 'README.md'), 'utf8'));
}
