import { expect } from 'chai';
import { EventEmitter } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as ftplib from '../../lib';
import { FACTS, type Facts } from '../contract/facts';
import { PERSONALITY_FACTS } from '../contract/personality-facts';

const ROOT = dirname(dirname(__dirname));
/** Words of the table of servers, and the verbs that they stand for. */
const ALSO = { 'active mode': 'PORT EPRT', text: 'TYPE A up, TYPE A down' };
/** What no client misses. */
const UNSAID = ['OPTS', 'HELP', 'SITE', 'SITE CHMOD'];
const DOCUMENTS = ['README.md', 'lib/README.md', 'spec/README.md', 'spec/bench/README.md', 'spec/model/README.md'];
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
/** Bytes that one sitting can read. */
const LONGEST = 26_000;

describe('README', () => {
  it('is short enough to be read', () => {
    expect(statSync(join(ROOT, 'README.md')).size).to.be.lessThan(LONGEST);
  });

  it('has near its beginning what a newcomer looks for', () => {
    const beginning = readme.slice(0, readme.indexOf('## Methods'));
    const words = ['make a folder', 'directory', 'delete a folder', 'exists', 'array', 'CommonJS', 'require(', 'migration', 'basic-ftp', 'promise-ftp', 'ssh2-sftp-client', 'pool of connections in TLS', 'time zone'];
    expect(words.filter((word) => !beginning.includes(word))).to.deep.equal([]);
    expect(Buffer.byteLength(beginning)).to.be.lessThan(9000);
  });

  it('links to files and headings that exist, as the other documents do', () => {
    const broken = DOCUMENTS.flatMap((file) => {
      const text = readFileSync(join(ROOT, file), 'utf8');
      const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)].map(([, path = '', anchor]) => ({ target: path === '' ? file : join(dirname(file), path), anchor }));
      return links.filter(({ target, anchor }) => !existsSync(join(ROOT, target)) || (anchor !== undefined && !anchorsIn(target).includes(anchor))).map(({ target, anchor }) => `${file}: ${target}#${anchor}`);
    });
    expect(broken).to.deep.equal([]);
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

  it('names every method of a client, and no other', () => {
    const documented = [...tableUnder('Methods').matchAll(/^\| (`[^|]*`)([^|]*)\|/gm)].flatMap(([, names = '', mark = '']) => [...names.matchAll(/`(\w+)\(/g)].map(([, name = '']) => ({ name, pooled: mark.includes('°') })));
    const methods = methodsOf(ftplib.FTP.prototype);
    expect(documented.map(({ name }) => name)).to.have.members(methods);
    const pooled = methodsOf(ftplib.FTPPool.prototype);
    expect(documented.filter((each) => each.pooled).map(({ name }) => name)).to.have.members(pooled);
  });

  it('says in the page about specs what each server of the contract lacks', () => {
    const specs = readFileSync(join(ROOT, 'spec/README.md'), 'utf8');
    const rows = new Map(specs.split('\n').map((line) => [line.split('|')[1]?.replace('\\*', '').trim(), line.split('|')[3] ?? '']));
    for (const { software, refuses } of Object.values<Facts>(FACTS)) {
      const [, lacks = ''] = [...rows].find(([name]) => name && software.replace(' server', '').startsWith(name)) ?? expect.fail(`no row for ${software}`);
      const said = Object.entries(ALSO).reduce((text, [phrase, verbs]) => text.replace(phrase, verbs), lacks);
      const verbs = Object.keys(refuses).filter((verb) => !UNSAID.includes(verb));
      expect(verbs.filter((verb) => !said.includes(verb)), software).to.deep.equal([]);
    }
  });

  it('says there what each personality with the contract lacks', () => {
    const rows = readFileSync(join(ROOT, 'spec/README.md'), 'utf8').split('\n').map((line) => line.split('|'));
    for (const [name, { facts }] of Object.entries(PERSONALITY_FACTS)) {
      const [, , , lacks = ''] = rows.find(([, first]) => first?.includes(`\`${name}\``)) ?? expect.fail(`no row for ${name}`);
      const said = Object.entries(ALSO).reduce((text, [phrase, verbs]) => text.replace(phrase, verbs), lacks);
      if (!said.includes('the same')) expect(Object.keys(facts.refuses).filter((verb) => !UNSAID.includes(verb) && !said.includes(verb)), name).to.deep.equal([]);
    }
  });

  it('names error codes that exist', () => {
    const stated = [...readme.matchAll(/\| `(\w+Error)`[^\n]*`(ERR_FTP\w*)`/g)];
    const kinds = new Map<string, unknown>(Object.entries(ftplib));
    expect(stated.map(([, name]) => name)).to.have.members(Object.keys(ftplib).filter((name) => /^[A-Z]\w+Error$/.test(name) && name !== 'FTPError'));
    for (const [, name = '', code = ''] of stated) {
      const source = ['errors.ts', 'netrc.ts'].map((file) => readFileSync(join(ROOT, 'lib', file), 'utf8')).join('\n');
      const [, actual] = new RegExp(`class ${name} [^]*?code: string = '(\\w+)'`).exec(source) ?? [];
      expect([name, kinds.has(name), actual]).to.deep.equal([name, true, code]);
    }
  });
});

/** The public methods of a class, those that it inherits from ours included. */
function methodsOf(prototype: object): string[] {
  const own = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor' && !INTERNAL.includes(name) && typeof Object.getOwnPropertyDescriptor(prototype, name)?.value === 'function');
  const parent = Object.getPrototypeOf(prototype) as object;
  return parent === EventEmitter.prototype ? own : [...new Set([...own, ...methodsOf(parent)])];
}
/** Marked `@internal` or protected. */
const INTERNAL = ['beginWork', 'setsTimes', 'quitWith', 'exec', 'sequence', 'hold', 'run'];

function tableUnder(heading: string): string {
  const [, section = ''] = new RegExp(`^## ${heading}$([^]*?)(?=^## |$(?![^]))`, 'm').exec(readme) ?? [];
  return section;
}

function anchorsIn(file: string): string[] {
  return [...readFileSync(join(ROOT, file), 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading));
}

/** As GitHub makes them. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}
