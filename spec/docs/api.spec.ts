import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as ftplib from '../../lib';

const ROOT = dirname(dirname(__dirname));

/** What lib/api.cjs exports. */
interface Script {
  readonly FILE: string;
  apiReference(): { readonly text: string; readonly undocumented: readonly string[] };
}

describe('API reference', () => {
  const { FILE, apiReference } = createRequire(__filename)(join(ROOT, 'lib/api.cjs')) as Script;
  let made: ReturnType<Script['apiReference']>;

  before(() => {
    made = apiReference();
  });

  it('has a sentence for every export, and for every public member of each', () => {
    expect(made.undocumented, 'give these a doc comment, and run `npm run api`').to.deep.equal([]);
  });

  it('is up to date', () => {
    expect(readFileSync(FILE, 'utf8') === made.text, 'lib/API.md is not what the doc comments say: run `npm run api`, and commit it (after a conflict, too)').to.equal(true);
  });

  it('has a section for every value that the package exports, and for every method of a client and of a pool', () => {
    const headings = made.text.split('\n').filter((line) => line.startsWith('#'));
    expect(Object.keys(ftplib).filter((name) => !headings.includes(`### ${name}`))).to.deep.equal([]);
    const heads = (variable: string): string[] => headings.flatMap((line) => new RegExp(`^#### ${variable}\\.(\\w+)\\(`).exec(line)?.[1] ?? []);
    expect(heads('ftp')).to.include.members(['retr', 'stor', 'list', 'walk', 'connect', 'quit', 'sendcmd']);
    expect(heads('pool')).to.include.members(['retr', 'quit', 'close']).and.not.include('stor');
  });

  it('links to headings that it has', () => {
    expect(made.text).to.include('[FTPOptions](#ftpoptions)').and.not.include('(#undefined)');
  });

  it('shows nothing that is internal', () => {
    expect(made.text).to.not.match(/@internal|^#### \w+\._|^#### \w+\.#/m);
    for (const name of ['beginWork', 'setsTimes', 'quitWith', 'PipedReadable', 'WorkStream', 'Verbs']) expect(made.text).to.not.include(name);
  });
});
