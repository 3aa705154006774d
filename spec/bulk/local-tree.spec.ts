import { expect } from 'chai';
import { lstat, mkdir, realpath, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LocalTree } from '../../lib/bulk/tree-sides';
import { ArgumentError, SecurityError } from '../../lib/index';
import { Scratch } from './tree-scratch';

describe('a local folder in which a server chooses the names', () => {
  const scratch = new Scratch();

  async function opened(root: string): Promise<LocalTree> {
    const tree = new LocalTree(scratch.path(root));
    await tree.open();
    return tree;
  }

  async function refusal(promise: Promise<unknown>): Promise<void> {
    expect(await promise.then(() => undefined, (error: unknown) => error)).to.be.instanceOf(SecurityError);
  }

  it('knows what is there, and what is not', async () => {
    await scratch.put('root', { 'a/b.txt': 'b' });
    const tree = await opened('root');
    expect((await tree.look('a/b.txt'))?.isFile()).to.equal(true);
    expect((await tree.look('a'))?.isDirectory()).to.equal(true);
    expect(await tree.look('a/missing')).to.equal(undefined);
    await tree.check('a');
  });

  it('follows no symlink, be it a file, a folder, or on the way', async () => {
    await scratch.put('outside', { 'secret/x': 'x' });
    await scratch.put('root', { 'in/y': 'y' });
    await symlink(scratch.path('outside/secret'), scratch.path('root/folder'));
    await symlink(scratch.path('outside/secret/x'), scratch.path('root/file'));
    await symlink('nowhere', scratch.path('root/dangling'));
    const tree = await opened('root');
    for (const path of ['folder', 'file', 'dangling', 'folder/x']) await refusal(tree.look(path));
    await refusal(tree.check('folder'));
  });

  it('may itself be a symlink', async () => {
    await scratch.put('real', { a: 'a' });
    await symlink(scratch.path('real'), scratch.path('root'));
    const tree = await opened('root');
    expect((await tree.look('a'))?.isFile()).to.equal(true);
    expect(tree.path('a')).to.equal(await realpath(scratch.path('real/a')));
  });

  it('is no file', async () => {
    await scratch.put('root', { file: 'x' });
    expect(await opened('root/file').catch((error: unknown) => error)).to.be.instanceOf(ArgumentError);
  });

  it('looks up the real path of a folder once for the files that are written to it in a moment, and again after another folder', async () => {
    await scratch.put('root', { 'a/x': 'x', 'b/x': 'x' });
    const asked: string[] = [];
    const tree = new LocalTree(scratch.path('root'), { lstat, realpath: async (path) => (asked.push(basename(path)), realpath(path)) });
    await tree.open();
    asked.length = 0;
    await Promise.all(['a', 'a', 'a', 'b', 'a'].map((folder) => tree.checkForFile(folder)));
    expect(asked).to.deep.equal(['a', 'b', 'a']);
    await symlink(scratch.path('root/a'), scratch.path('root/c'));
    for (let time = 0; time < 2; time++) await refusal(tree.checkForFile('c'));
    await tree.check('a');
    expect(asked.at(-1)).to.equal('a');
  });

  it('refuses a name where the file system takes it for another one', async () => {
    await scratch.put('root', { 'Readme/x': 'x' });
    await mkdir(scratch.path('root/other'));
    // A file system in which case does not count: it finds the file, and knows its name.
    const actual = async (path: string): Promise<string> => join(await realpath(dirname(path)), /^readme$/i.test(basename(path)) ? 'Readme' : basename(path));
    const tree = new LocalTree(scratch.path('root'), { lstat: async (path) => lstat(await actual(path)), realpath: async (path) => realpath(await actual(path)) });
    await tree.open();
    expect((await tree.look('Readme'))?.isDirectory()).to.equal(true);
    await refusal(tree.look('README'));
    await refusal(tree.check('readme'));
  });
});
