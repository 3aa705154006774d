import { expect } from 'chai';
import { chmodSync, mkdirSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { FtpServer } from '../support/server/ftp-server';
import { CommandLine, objectsIn } from './command-line';

const TIME = '2020-02-29T12:34:56.000Z';
const FILES = {
  '/a.txt': 'file a', '/pub/b.txt': 'file b', '/pub/big.bin': 'x'.repeat(1_234_567), '/pub/.hidden': 'hidden', '/pub/sub/c.txt': 'file c', '/pub/two words': 'two', '/incoming/': '',
};

describe('the command line', () => {
  const command = new CommandLine();
  let server: FtpServer;
  let home: string;
  beforeEach(async () => {
    server = await FtpServer.start({ users: { user: 'secret' }, files: FILES });
    home = server.url.slice(0, -1);
  });
  afterEach(() => server.close());
  const named = (path: string): string => `ftp://127.0.0.1:${server.port}/${path}`;

  describe('ls', () => {
    it('prints names, sorted, and those with a dot when asked', async () => {
      expect(await command.done(['ls', `${home}/pub`])).to.equal('b.txt\nbig.bin\nsub\ntwo words\n');
      expect(await command.done(['ls', '-a', `${home}/pub/`])).to.equal('.hidden\nb.txt\nbig.bin\nsub\ntwo words\n');
      expect((await command.done(['ls', '-U', home])).split('\n')).to.have.members(['a.txt', 'incoming', 'pub', '']);
    });

    it('prints lines for people', async () => {
      const lines = await command.done(['ls', '-l', `${home}/pub`], { env: { TZ: 'UTC' } });
      expect(lines.split('\n')).to.deep.equal([
        '-rw-r--r--      6 B  2020-02-29 12:34  b.txt', '-rw-r--r--   1.2 MB  2020-02-29 12:34  big.bin', 'drwxr-xr-x        -  2020-02-29 12:34  sub',
        '-rw-r--r--      3 B  2020-02-29 12:34  two words', '',
      ]);
    });

    it('prints JSON for programs', async () => {
      expect(objectsIn(await command.done(['ls', '--json', `${home}/pub`]))[1]).to.deep.equal({
        place: named('pub'), name: 'big.bin', type: 'file', size: 1_234_567, modified: TIME, permissions: 'rw-r--r--',
      });
    });

    it('prints several folders under their names, and goes on after one that is not there', async () => {
      const { code, stdout, stderr } = await command.run(['ls', `${home}/incoming`, `${home}/none`, `${home}/pub/sub`]);
      expect([code, stderr.includes('550')]).to.deep.equal([1, true]);
      expect(stdout).to.equal(`${named('incoming')}:\n\n${named('none')}:\n\n${named('pub/sub')}:\nc.txt\n`);
    });

    it('takes the server from --host, and the password from the environment', async () => {
      const args = ['--host', `ftp://127.0.0.1:${server.port}`, '--user', 'user'];
      expect(await command.done(['ls', ...args], { env: { FTPLIB_PASSWORD: 'secret' } })).to.equal('a.txt\nincoming\npub\n');
      expect(await command.done(['ls', ...args, 'pub/sub', ':pub/sub'], { env: { FTPLIB_PASSWORD: 'secret' } })).to.match(/c\.txt\n.*c\.txt\n$/s);
    });

    it('takes user and password from ~/.netrc', async () => {
      command.write('.netrc', 'machine 127.0.0.1 login user password secret\n');
      chmodSync(command.path('.netrc'), 0o600);
      for (const user of ['', 'user@']) expect(await command.done(['ls', `ftp://${user}127.0.0.1:${server.port}/pub/sub`])).to.equal('c.txt\n');
    });
  });

  describe('get', () => {
    it('downloads into the working folder, under a name, into a folder, with the times', async () => {
      await command.done(['get', `${home}/pub/big.bin`]);
      await command.done(['get', `${home}/a.txt`, 'named.txt']);
      mkdirSync(command.path('folder'));
      await command.done(['get', `${home}/a.txt`, `${home}/pub/two%20words`, 'folder']);
      expect(command.read('big.bin')).to.have.length(1_234_567);
      expect(statSync(command.path('big.bin')).mtime.toISOString()).to.equal(TIME);
      expect(['named.txt', 'folder/a.txt', 'folder/two words'].map((name) => String(command.read(name)))).to.deep.equal(['file a', 'file a', 'two']);
    });

    it('writes to the standard output, and to nothing else', async () => {
      expect(await command.run(['get', `${home}/a.txt`, `${home}/pub/b.txt`, '-'])).to.deep.equal({ code: 0, stdout: 'file afile b', stderr: '' });
    });

    it('says on stderr what it has done, in lines where that is no terminal', async () => {
      const { code, stdout, stderr } = await command.run(['get', `${home}/a.txt`]);
      expect([code, stdout]).to.deep.equal([0, '']);
      expect(stderr).to.match(/^a\.txt: 6 B in [\d.]+ s(, .*)?\n$/);
      expect(await command.run(['get', '--quiet', `${home}/a.txt`])).to.deep.equal({ code: 0, stdout: '', stderr: '' });
    });

    it('goes on with the others where one fails, and says so in JSON', async () => {
      const { code, stdout, stderr } = await command.run(['get', '--json', `${home}/none`, `${home}/a.txt`, '.']);
      expect(code).to.equal(1);
      expect(stderr).to.match(/^ftplib: RETR none: 550 .*\n$/);
      const [failed, done] = objectsIn(stdout);
      expect(failed).to.include({ event: 'failed', name: 'none' });
      expect(done).to.include({ event: 'done', name: 'a.txt', bytes: 6 });
    });

    it('goes on with what an earlier run has left, unless told not to', async () => {
      command.write('big.bin', 'x'.repeat(1_000_000));
      utimesSync(command.path('big.bin'), new Date(TIME), new Date(TIME));
      await command.done(['get', `${home}/pub/big.bin`]);
      expect(server.commands).to.include('REST 1000000');
      expect(command.read('big.bin').equals(server.read('/pub/big.bin'))).to.equal(true);
    });

    it('limits the rate', async () => {
      const began = performance.now();
      await command.done(['get', '--rate', '2M', `${home}/pub/big.bin`]);
      expect(performance.now() - began).to.be.above(400);
    });
  });

  describe('put', () => {
    beforeEach(() => {
      command.write('x', 'file x');
      command.write('y', 'file y');
    });

    it('uploads under a name, into a folder, and several files', async () => {
      await command.done(['put', 'x', `${home}/incoming/named`]);
      await command.done(['put', 'x', `${home}/incoming`]);
      await command.done(['put', 'x', 'y', `${home}/pub/sub/`]);
      expect(['/incoming/named', '/incoming/x', '/pub/sub/x', '/pub/sub/y'].map((path) => String(server.read(path)))).to.deep.equal(['file x', 'file x', 'file x', 'file y']);
    });

    it('uploads the standard input, and makes folders when asked', async () => {
      await command.done(['put', '-', `${home}/incoming/in`], { input: 'from a pipe' });
      await command.done(['put', '-p', 'x', `${home}/new/er/x`]);
      expect(['/incoming/in', '/new/er/x'].map((path) => String(server.read(path)))).to.deep.equal(['from a pipe', 'file x']);
    });

    it('says what it has done in JSON', async () => {
      const [done] = objectsIn(await command.done(['put', '--json', 'x', `${home}/incoming/`]));
      expect(done).to.include({ event: 'done', name: 'x', bytes: 6 });
    });

    it('refuses several files for one name', async () => {
      const { code, stderr } = await command.run(['put', 'x', 'y', `${home}/incoming/z`]);
      expect([code, stderr]).to.deep.equal([2, `ftplib: ${named('incoming/z')} is no folder: make it first, to upload into it\n`]);
    });
  });

  it('cat prints files one after the other', async () => {
    expect(await command.run(['cat', `${home}/a.txt`, `${home}/pub/b.txt`])).to.deep.equal({ code: 0, stdout: 'file afile b', stderr: '' });
  });

  describe('mirror', () => {
    it('goes both ways, with filters and without what the source has not', async () => {
      await command.done(['mirror', `${home}/pub`, 'copy']);
      expect(readdirSync(command.path('copy')).sort()).to.deep.equal(['.hidden', 'b.txt', 'big.bin', 'sub', 'two words']);
      command.write('copy/new.txt', 'new');
      command.write('copy/new.tmp', 'new');
      await command.done(['mirror', '-P', '2', '-f', '!*.tmp', '-f', '!.*', 'copy', `${home}/up`]);
      expect(await command.done(['ls', '-a', `${home}/up`])).to.equal('b.txt\nbig.bin\nnew.txt\nsub\ntwo words\n');
      await command.done(['mirror', '--delete', `${home}/pub`, 'copy']);
      expect(readdirSync(command.path('copy')).sort()).to.deep.equal(['.hidden', 'b.txt', 'big.bin', 'sub', 'two words']);
    });

    it('lists on the standard output what a dry run would do, and does nothing', async () => {
      const { code, stdout } = await command.run(['mirror', '-n', `${home}/pub`, 'copy']);
      expect(code).to.equal(0);
      expect(stdout).to.match(/^would download b\.txt/m).and.match(/^would download sub\/c\.txt/m);
      expect(readdirSync(command.folder)).to.deep.equal([]);
    });

    it('reports each file in JSON', async () => {
      const results = objectsIn(await command.done(['mirror', '--json', '--compare', 'size-time', `${home}/pub`, 'copy'])).filter(({ event }) => event === 'result');
      expect(results.map(({ action, path }) => `${String(action)} ${String(path)}`)).to.include.members(['created sub', 'downloaded b.txt', 'downloaded sub/c.txt']);
    });
  });

  it('mkdir, mv and rm change what is there', async () => {
    await command.done(['mkdir', `${home}/one`]);
    await command.done(['mkdir', '-p', `${home}/two/three`]);
    await command.done(['mv', `${home}/a.txt`, `${home}/one/c.txt`]);
    await command.done(['mv', `${home}/one/c.txt`, `${home}/pub/b.txt`, `${home}/two`]);
    expect(await command.done(['ls', `${home}/two`])).to.equal('b.txt\nc.txt\nthree\n');
    const { code, stderr } = await command.run(['rm', `${home}/two`]);
    expect([code, stderr.startsWith('ftplib: DELE two: 550')]).to.deep.equal([1, true]);
    expect(objectsIn(await command.done(['rm', '--json', '-r', `${home}/two`, `${home}/pub/big.bin`]))).to.deep.equal([
      { event: 'deleted', place: named('two') }, { event: 'deleted', place: named('pub/big.bin') },
    ]);
    expect(objectsIn(await command.done(['mkdir', '--json', `${home}/four`]))).to.deep.equal([{ event: 'created', place: named('four') }]);
    expect(objectsIn(await command.done(['mv', '--json', `${home}/four`, `${home}/five`]))).to.deep.equal([{ event: 'renamed', place: named('four'), to: named('five') }]);
    expect(await command.done(['ls', home])).to.equal('five\nincoming\none\npub\n');
  });

  it('watch prints the files that have come, and goes on where it was', async () => {
    server.write('/incoming/first', '1');
    const watched = (args: readonly string[], last: string): Promise<string> =>
      command
        .run(['watch', '--settle', '0.05', '--interval', '0.1', '--state', 'state', ...args, `${home}/incoming`], {
          started: (child) => child.stdout?.on('data', (text: string) => void (text.includes(last) && setTimeout(() => child.kill('SIGINT'), 200))),
        })
        .then(({ code, stdout }) => `${code} ${stdout}`);
    expect(await watched([], 'first')).to.equal('130 first\n');
    server.write('/incoming/second', '22');
    const line = await watched(['--json'], 'second');
    expect(line.startsWith('130 ')).to.equal(true);
    expect(objectsIn(line.slice(4))[0]).to.include({ place: named('incoming'), path: 'second', name: 'second', size: 2 });
    expect(objectsIn(line.slice(4))).to.have.length(1);
  });

  it('--verbose shows what is said, without the password', async () => {
    const { code, stdout, stderr } = await command.run(['ls', '-v', `${home}/pub/sub`]);
    expect([code, stdout]).to.deep.equal([0, 'c.txt\n']);
    expect(stderr).to.match(/^< 220 .*\n> USER user\n/).and.include('> PASS ****\n').and.include('> MLSD pub/sub\n');
    expect(stderr).to.not.include('secret');
  });

  it('--active lets the server connect', async () => {
    expect(await command.done(['ls', '--active', `${home}/pub/sub`])).to.equal('c.txt\n');
    expect(server.commands.some((line) => line.startsWith('PORT '))).to.equal(true);
  });
});
