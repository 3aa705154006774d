import { expect } from 'chai';
import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { FtpServer } from '../support/server/ftp-server';
import { data, normal, resetControl, send } from '../support/server/steps';
import { CommandLine } from './command-line';

/** What must stay, whatever a command is asked for: the same rule for what is here and for what is on the server. */
describe('what the command line leaves as it is', () => {
  const command = new CommandLine();
  let server: FtpServer;
  let home: string;
  beforeEach(async () => {
    server = await FtpServer.start({
      users: { user: 'secret' },
      files: { '/a.txt': 'file a', '/pub/a.txt': 'another a', '/pub/deep/b.txt': 'file b', '/link': { target: '/pub' }, '/in/': '' },
    });
    home = server.url.slice(0, -1);
  });
  afterEach(() => server.close());
  const remote = (path: string): string => String(server.read(path));
  const here = (name: string): string => String(command.read(name));

  describe('where two files would have one name, the first of them', () => {
    const refused = /^ftplib: two of the files would be '.*a\.txt': give each a name of its own, one by one\n$/;

    it('of get', async () => {
      const { code, stderr } = await command.run(['get', `${home}/a.txt`, `${home}/pub/a.txt`, '.']);
      expect([code, readdirSync(command.folder)]).to.deep.equal([2, []]);
      expect(stderr).to.match(refused);
    });

    it('of put', async () => {
      mkdirSync(command.path('x'));
      command.write('a.txt', '1');
      command.write('x/a.txt', '2');
      const { code, stderr } = await command.run(['put', 'a.txt', 'x/a.txt', `${home}/in`]);
      expect(code).to.equal(2);
      expect(stderr).to.match(refused);
      expect(() => server.read('/in/a.txt')).to.throw();
    });

    it('of mv', async () => {
      const { code, stderr } = await command.run(['mv', `${home}/a.txt`, `${home}/pub/a.txt`, `${home}/in`]);
      expect(code).to.equal(2);
      expect(stderr).to.match(refused);
      expect([remote('/a.txt'), remote('/pub/a.txt')]).to.deep.equal(['file a', 'another a']);
    });
  });

  describe('a local file', () => {
    it('where the download fails', async () => {
      command.write('a.txt', 'old and longer than the new one');
      expect((await command.run(['get', `${home}/none`, 'a.txt'])).code).to.equal(1);
      server.script = { RETR: [send('150 go'), data('fil'), resetControl()], USER: [[normal()], [send('530 no')]] };
      expect((await command.run(['get', `${home}/a.txt`, 'a.txt'])).code).to.equal(3);
      expect(here('a.txt')).to.equal('old and longer than the new one');
    });

    it('that is read-only', async () => {
      command.write('a.txt', 'old');
      chmodSync(command.path('a.txt'), 0o444);
      const { code, stderr } = await command.run(['get', `${home}/a.txt`], { unprivileged: true });
      expect([code, stderr]).to.deep.equal([1, 'a.txt: a.txt: permission denied: the permissions of the local folder or file do not allow it\n']);
      expect([here('a.txt'), readdirSync(command.folder)]).to.deep.equal(['old', ['a.txt']]);
    });

    it('that is a folder or a device, and the others are downloaded', async () => {
      mkdirSync(command.path('d/a.txt'), { recursive: true });
      const { code, stderr } = await command.run(['get', `${home}/a.txt`, `${home}/pub/deep/b.txt`, 'd']);
      expect([code, here('d/b.txt'), lstatSync(command.path('d/a.txt')).isDirectory()]).to.deep.equal([1, 'file b', true]);
      expect(stderr).to.match(/^a\.txt: d.a\.txt is there, and is not a file\nb\.txt: 6 B /);
      if (process.platform !== 'win32') expect((await command.run(['get', `${home}/a.txt`, '/dev/null'])).code).to.equal(1);
    });

    it('that is a link: what it leads to is replaced', async () => {
      command.write('target', 'old');
      symlinkSync('target', command.path('link'));
      await command.done(['get', `${home}/a.txt`, 'link']);
      expect([here('target'), lstatSync(command.path('link')).isSymbolicLink()]).to.deep.equal(['file a', true]);
    });
  });

  describe('a folder here that cannot be written', () => {
    it('has nothing in it afterwards, and the sentence says why', async () => {
      mkdirSync(command.path('d'));
      chmodSync(command.path('d'), 0o555);
      const denied = 'permission denied: the permissions of the local folder or file do not allow it';
      const got = await command.run(['get', `${home}/a.txt`, 'd'], { unprivileged: true });
      expect([got.code, got.stderr.endsWith(`.part: ${denied}\n`)]).to.deep.equal([1, true]);
      const mirrored = await command.run(['mirror', `${home}/pub`, 'd'], { unprivileged: true });
      expect([mirrored.code, mirrored.stderr.split(denied).length]).to.deep.equal([1, 3]);
      expect(readdirSync(command.path('d'))).to.deep.equal([]);
    });
  });

  describe('a file on the server', () => {
    it('where the upload fails', async () => {
      command.write('a.txt', 'new');
      server.script = { STOR: '550 no' };
      expect((await command.run(['put', 'a.txt', `${home}/a.txt`])).code).to.equal(1);
      server.script = { RNTO: '550 no' };
      expect((await command.run(['put', 'a.txt', `${home}/a.txt`])).code).to.equal(1);
      expect((await command.run(['put', '-', `${home}/a.txt`], { input: 'new' })).code).to.equal(1);
      expect(remote('/a.txt')).to.equal('file a');
    });

    it('where standard input is a folder, of which Node gives nothing', async () => {
      const { code, stderr } = await command.run(['put', '-', `${home}/a.txt`], { redirected: '< .' });
      expect([code, stderr]).to.deep.equal([1, 'ftplib: standard input is a folder: ftplib mirror uploads folders\n']);
      expect(remote('/a.txt')).to.equal('file a');
    });

    it('that is a folder: standard input has no name in it', async () => {
      const { code, stderr } = await command.run(['put', '-', `${home}/in`], { input: 'new' });
      expect([code, stderr]).to.deep.equal([2, `ftplib: ftp://127.0.0.1:${server.port}/in is a folder: standard input needs a name of its own: ftplib put - host:name\n`]);
      expect(server.commands.some((line) => line.startsWith('STOR'))).to.equal(false);
    });
  });

  describe('rm -r', () => {
    it('deletes neither the root nor the login folder, however it is written', async () => {
      for (const words of [[home], [`${home}/`], [`${home}/.`], [`${home}/pub/..`], ['--host', server.url, ':'], ['--host', server.url, ':.'], ['--host', server.url, ':pub/..'], ['--host', server.url, '/'], ['--host', server.url, '']]) {
        const { code, stderr } = await command.run(['rm', '-r', ...words]);
        expect([1, 2], `${words.join(' ')}: ${stderr}`).to.include(code);
        expect(stderr).to.match(/login folder|neither the root nor|an argument is empty/);
      }
      expect(server.commands.filter((line) => /^(DELE|RMD) /.test(line))).to.deep.equal([]);
    });

    it('deletes a link, and not what it leads to', async () => {
      await command.run(['rm', '-r', `${home}/link`]);
      expect([remote('/pub/a.txt'), remote('/pub/deep/b.txt')]).to.deep.equal(['another a', 'file b']);
    });
  });

  describe('mirror --delete', () => {
    const nothingIsDeleted = async (words: readonly string[], sentence: RegExp, options = {}): Promise<void> => {
      const { code, stderr } = await command.run(['mirror', '--delete', ...words], options);
      expect([1, 2], stderr).to.include(code);
      expect(stderr).to.match(sentence);
      expect(server.commands.filter((line) => /^(DELE|RMD) /.test(line))).to.deep.equal([]);
      expect([remote('/pub/a.txt'), remote('/pub/deep/b.txt')]).to.deep.equal(['another a', 'file b']);
    };

    it('deletes nothing on the server where the source is not there, is a file, or has no name', async () => {
      command.write('file', '');
      await nothingIsDeleted(['none', `${home}/pub`], /none: no such file or directory: check the local path/);
      await nothingIsDeleted(['file', `${home}/pub`], /file is no folder/);
      await nothingIsDeleted(['', `${home}/pub`], /an argument is empty/);
      await nothingIsDeleted(['.', `${home}/pub`, '-f', ''], /--filter has an empty value/);
    });

    it('deletes nothing in a folder that cannot be read here', async () => {
      mkdirSync(command.path('source/deep'), { recursive: true });
      command.write('source/a.txt', 'a');
      chmodSync(command.path('source/deep'), 0);
      await command.run(['mirror', '--delete', 'source', `${home}/pub`], { unprivileged: true }).then(({ code, stderr }) => {
        expect([code, /failed deep: \S*source\/deep/.test(stderr)], stderr).to.deep.equal([1, true]);
        expect(stderr).to.include('permission denied');
      });
      expect(remote('/pub/deep/b.txt')).to.equal('file b');
      chmodSync(command.path('source/deep'), 0o755);
    });

    it('deletes nothing here where the source is not there, or cannot be listed', async () => {
      mkdirSync(command.path('copy'));
      command.write('copy/mine', 'mine');
      expect((await command.run(['mirror', '--delete', `${home}/none`, 'copy'])).code).to.equal(1);
      server.script = { MLSD: '550 Permission denied', LIST: '550 Permission denied' };
      expect((await command.run(['mirror', '--delete', `${home}/pub`, 'copy'])).code).to.equal(1);
      expect(here('copy/mine')).to.equal('mine');
    });

    it('deletes nothing that the filter leaves out', async () => {
      mkdirSync(command.path('source'));
      command.write('source/new', 'new');
      await command.done(['mirror', '--delete', '-f', '!deep', 'source', `${home}/pub`]);
      expect([remote('/pub/new'), remote('/pub/deep/b.txt')]).to.deep.equal(['new', 'file b']);
      expect(() => server.read('/pub/a.txt')).to.throw();
    });
  });

  describe('watch --state', () => {
    const watch = ['watch', '--settle', '0.05', '--interval', '0.1', '--state'];
    const listing = (state: string): Promise<unknown> => command.run([...watch, state, `${home}/pub`], { started: (child) => child.stdout?.once('data', () => child.kill('SIGINT')) });

    it("writes no file but its own, and that as a whole", async () => {
      for (const name of ['state.new', 'state.part', 'state.tmp', 'state~']) command.write(name, 'mine');
      await listing('state');
      expect(readdirSync(command.folder).sort()).to.deep.equal(['state', 'state.new', 'state.part', 'state.tmp', 'state~']);
      for (const name of ['state.new', 'state.part', 'state.tmp', 'state~']) expect(here(name)).to.equal('mine');
      expect(JSON.parse(here('state'))).to.have.property('version', 1);
    });

    it('takes no other file for one of its own', async () => {
      for (const text of ['{"name":"package"}', '[]', 'null', 'text', '']) {
        command.write('mine', text);
        const { code, stderr } = await command.run([...watch, 'mine', `${home}/pub`]);
        expect([code, stderr]).to.deep.equal([2, 'ftplib: mine is not what an earlier watch has kept: give --state a file of its own\n']);
        expect(here('mine')).to.equal(text);
      }
    });

    it('lists nothing that it could not note', async () => {
      const { code, stdout, stderr } = await command.run([...watch, 'none/state', `${home}/pub`]);
      expect([code, stdout, stderr]).to.deep.equal([1, '', 'ftplib: none/state: no such file or directory: check the local path\n']);
    });

    it('notes nothing that nobody has read', async () => {
      server.write('/in/1', '1');
      const { code } = await command.run([...watch, 'state', `${home}/in`], { redirected: '| true' });
      expect(code).to.equal(0);
      expect(JSON.parse(here('state'))).to.deep.equal({ version: 1, files: [] });
    });
  });

  it('is complete, byte for byte, where the file here has the size but not the content of that on the server', async () => {
    for (const old of ['FILE A', 'FIL', 'FILE A AND MORE']) {
      command.write('a.txt', old);
      await command.done(['get', `${home}/a.txt`]);
      expect(here('a.txt')).to.equal('file a');
      rmSync(command.path('a.txt'));
    }
  });
});
