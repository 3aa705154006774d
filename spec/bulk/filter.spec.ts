import { expect } from 'chai';
import { type Filter, Glob, selector } from '../../lib/bulk/filter';
import type { WalkEntry } from '../../lib/bulk/listings';
import { ArgumentError, type EntryType } from '../../lib/index';

describe('a glob', () => {
  const cases: readonly [pattern: string, matching: readonly string[], others: readonly string[]][] = [
    ['a.txt', ['a.txt', 'a.txt/in/it'], ['b.txt', 'a.txtx', 'aXtxt', 'x/a.txt', '']],
    ['*.txt', ['a.txt', '.txt', 'a.b.txt', '.hidden.txt'], ['a.txt2', 'a/b.txt']],
    ['a*b*c', ['abc', 'aXXbYYc', 'abbcbc'], ['ab', 'acb', 'a/bc']],
    ['?', ['a', 'ü', '😀'], ['ab', '/']],
    ['a?c', ['abc'], ['ac', 'a/c']],
    ['**', ['a', 'a/b/c'], []],
    ['a/**', ['a/b', 'a/b/c'], ['a', 'b/a', 'ab/c']],
    ['**/a', ['a', 'x/a', 'x/y/a', 'x/a/below'], ['xa', 'b']],
    ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b'], ['ab', 'a/xb', 'b']],
    ['a**b', ['ab', 'axxb'], ['a/b']],
    ['[abc]x', ['ax', 'cx'], ['dx', 'x', '[abc]x']],
    ['[a-c]x', ['ax', 'bx'], ['dx', '-x']],
    ['[!a-c]x', ['dx', '-x'], ['ax', '/x']],
    ['[^a]', ['b'], ['a']],
    ['[]a]', [']', 'a'], ['b']],
    ['[a-]', ['a', '-'], ['b']],
    ['[a', ['[a'], ['a']],
    ['[😀-😂]', ['😁'], ['a']],
    ['{a,b}.txt', ['a.txt', 'b.txt'], ['c.txt', '{a,b}.txt']],
    ['{a,b{c,d}}x', ['ax', 'bcx', 'bdx'], ['bx', 'abcx']],
    ['{,x}a', ['a', 'xa'], ['ya']],
    ['{a,**/b}', ['a', 'b', 'x/y/b'], ['x/a']],
    ['{a', ['{a'], ['a']],
    ['a}', ['a}'], ['a']],
    ['\\*', ['*'], ['a', '\\*']],
    ['\\{a,b\\}', ['{a,b}'], ['a']],
    ['a.c', ['a.c'], ['abc']],
    ['A', ['A'], ['a']],
  ];
  for (const [pattern, matching, others] of cases) {
    it(pattern, () => {
      const glob = new Glob(pattern);
      expect(matching.filter((path) => !glob.test(path).matches), 'should match').to.deep.equal([]);
      expect(others.filter((path) => glob.test(path).matches), 'should not match').to.deep.equal([]);
    });
  }

  it('knows which folders it can reach', () => {
    const glob = new Glob('docs/*/img/**');
    expect(['docs', 'docs/a', 'docs/a/img', 'docs/a/img/b'].map((path) => glob.test(path).reaches)).to.deep.equal([true, true, true, true]);
    expect(['src', 'docs/a/b', 'doc'].map((path) => glob.test(path).reaches)).to.deep.equal([false, false, false]);
  });

  it('takes no time for patterns that send others back and forth', () => {
    const name = 'a'.repeat(2000);
    for (const pattern of [`${'*a'.repeat(100)}b`, `${'{a,*}'.repeat(100)}b`, `${'**/'.repeat(100)}b`]) {
      expect(new Glob(pattern).test(pattern.startsWith('**/') ? 'a/'.repeat(1000) : name).matches).to.equal(false);
    }
  }).timeout(5000);
});

describe('a filter', () => {
  const entry = (path: string, type: EntryType = 'file'): WalkEntry => ({
    path,
    type,
    name: path.slice(path.lastIndexOf('/') + 1),
    depth: path.split('/').length,
    raw: '',
  });
  const wanted = (filter: Filter, path: string, type?: EntryType): boolean => selector(filter)(entry(path, type)).wanted;
  const entered = (filter: Filter, path: string): boolean => selector(filter)(entry(path, 'directory')).entered;

  it('without a slash is about names in every folder', () => {
    expect(wanted('*.txt', 'a/b/c.txt')).to.equal(true);
    expect(wanted('*.txt', 'a/b/c.bin')).to.equal(false);
  });

  it('with a slash is about paths from the start', () => {
    expect(wanted('/a.txt', 'a.txt')).to.equal(true);
    expect(wanted('/a.txt', 'b/a.txt')).to.equal(false);
    expect(wanted('b/*.txt', 'b/a.txt')).to.equal(true);
    expect(wanted('b/*.txt', 'c/b/a.txt')).to.equal(false);
  });

  it('with a slash at its end is about folders, and what is in them', () => {
    expect(wanted('!build/', 'x/build', 'directory')).to.equal(false);
    expect(wanted('!build/', 'x/build/y')).to.equal(false);
    expect(wanted('!build/', 'x/build')).to.equal(true);
  });

  it('includes what one glob includes and none excludes', () => {
    const filter = ['docs', '*.md', '!*.tmp', '!private'];
    expect(['docs/a', 'x.md', 'y/x.md'].map((path) => wanted(filter, path))).to.deep.equal([true, true, true]);
    expect(['a', 'docs/a.tmp', 'docs/private/x', 'private/x.md'].map((path) => wanted(filter, path))).to.deep.equal([false, false, false, false]);
  });

  it('enters the folders in which something may be wanted', () => {
    expect(entered(['docs/**/*.md'], 'docs')).to.equal(true);
    expect(entered(['docs/**/*.md'], 'src')).to.equal(false);
    expect(wanted(['docs/**/*.md'], 'docs', 'directory')).to.equal(false);
    expect(entered(['*.md'], 'anything')).to.equal(true);
    expect(entered(['!tmp'], 'tmp')).to.equal(false);
  });

  it('may be a function', () => {
    expect(wanted(({ path }) => path !== 'a', 'a')).to.equal(false);
    expect(entered(({ path }) => path !== 'a', 'a')).to.equal(false);
    expect(wanted(({ path }) => path !== 'a', 'b')).to.equal(true);
  });

  it('of anything else is an ArgumentError', () => {
    for (const filter of [1, '', '!', '/', ['a', 1], [''], {}]) expect(() => selector(filter as unknown as Filter)).to.throw(ArgumentError);
  });
});
