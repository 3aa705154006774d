import { expect } from 'chai';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as ftplib from '../../lib';
import { FACTS, type Facts } from '../contract/facts';

const ROOT = dirname(dirname(__dirname));
/** Words of the table of servers, and the verbs that they stand for. */
const ALSO = { 'active mode': 'PORT EPRT', text: 'TYPE A up, TYPE A down' };
/** What no client misses. */
const UNTOLD = ['OPTS', 'HELP', 'SITE'];
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const examples = readdirSync(join(ROOT, 'examples')).filter((file) => file.endsWith('.ts'));

describe('README', () => {
  it('shows only code that an example has, which a spec runs', () => {
    const missing = snippetsOf(readme).filter((snippet) => !examples.some((file) => holds(readExample(file), snippet)));
    expect(snippetsOf(readme)).to.have.length.greaterThan(5);
    expect(missing).to.deep.equal([]);
  });

  it('would notice a snippet that has changed', () => {
    const [first = ''] = snippetsOf(readme);
    expect(examples.some((file) => holds(readExample(file), first.replace('await', 'awaits')))).to.equal(false);
  });

  it('links to files that exist', () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, path = '']) => path);
    expect(links).to.include('examples/download.ts');
    expect(links.filter((path) => !existsSync(join(ROOT, path)))).to.deep.equal([]);
  });

  it('links to headings that exist', () => {
    const anchors = [...readme.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading));
    const links = [...readme.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = '']) => anchor);
    expect(links.filter((anchor) => !anchors.includes(anchor))).to.deep.equal([]);
  });

  it('names every option, and no other', () => {
    const source = readFileSync(join(ROOT, 'lib/options.ts'), 'utf8');
    const [declaration = ''] = /^export interface FTPOptions \{[^]*?^\}/m.exec(source) ?? [];
    const options = [...declaration.matchAll(/^ {2}(\w+)\?:/gm)].map(([, name = '']) => name);
    const documented = [...tableUnder('Options').matchAll(/^\| `(\w+)`/gm)].map(([, name = '']) => name);
    expect(options).to.include('stallTimeout');
    expect(documented).to.have.members(options);
  });

  it('maps to names that the client has', () => {
    const table = tableUnder('Coming from ftplib');
    const classes = [...table.matchAll(/`([A-Z]\w+Error)`/g)].map(([, name = '']) => name);
    const methods = [...table.matchAll(/\bftp\.(\w+)\(/g)].map(([, name = '']) => name);
    expect(classes).to.include('TemporaryError');
    expect(methods).to.include('storlines');
    expect(classes.filter((name) => !(name in ftplib))).to.deep.equal([]);
    expect(methods.filter((name) => !(name in ftplib.FTP.prototype))).to.deep.equal([]);
  });

  it('tells what each server of the contract lacks', () => {
    const rows = new Map(tableUnder('Servers').split('\n').map((line) => [line.split('|')[1]?.trim(), line.split('|')[3] ?? '']));
    for (const { software, refuses } of Object.values<Facts>(FACTS)) {
      const [, lacks = ''] = [...rows].find(([name]) => name && software.replace(' server', '').startsWith(name)) ?? expect.fail(`no row for ${software}`);
      const told = Object.entries(ALSO).reduce((text, [phrase, verbs]) => text.replace(phrase, verbs), lacks);
      const verbs = Object.keys(refuses).filter((verb) => !UNTOLD.includes(verb));
      expect(verbs.filter((verb) => !told.includes(verb)), software).to.deep.equal([]);
    }
  });

  it('names error codes that exist', () => {
    const stated = [...readme.matchAll(/\| `(\w+Error)`[^\n]*`(ERR_FTP\w*)`/g)];
    const kinds = new Map<string, unknown>(Object.entries(ftplib));
    expect(stated).to.have.length.greaterThan(5);
    for (const [, name = '', code = ''] of stated) {
      const source = ['errors.ts', 'netrc.ts'].map((file) => readFileSync(join(ROOT, 'lib', file), 'utf8')).join('\n');
      const [, actual] = new RegExp(`class ${name} [^]*?code: string = '(\\w+)'`).exec(source) ?? [];
      expect([name, kinds.has(name), actual]).to.deep.equal([name, true, code]);
    }
  });
});

function snippetsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = '']) => code.replaceAll("from 'ftplib'", "from '../lib'"));
}

function readExample(file: string): string {
  return readFileSync(join(ROOT, 'examples', file), 'utf8');
}

/** Each part between empty lines stands in the source as it is, but for the indentation of its block. */
function holds(source: string, snippet: string): boolean {
  const lines = source.split('\n');
  return snippet
    .trim()
    .split(/\n{2,}/)
    .every((part) => {
      const wanted = part.split('\n');
      return lines.some((_, at) => matches(lines.slice(at, at + wanted.length), wanted));
    });
}

function matches(lines: readonly string[], wanted: readonly string[]): boolean {
  const indent = (lines[0] ?? '').length - (lines[0] ?? '').trimStart().length;
  return lines.length === wanted.length && lines.every((line, i) => line.slice(0, indent).trim() === '' && line.slice(indent) === wanted[i]);
}

function tableUnder(heading: string): string {
  const [, section = ''] = new RegExp(`^## ${heading}$([^]*?)(?=^## |$(?![^]))`, 'm').exec(readme) ?? [];
  return section;
}

/** As GitHub makes them. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}
