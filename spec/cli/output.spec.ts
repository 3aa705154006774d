import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
import { FtpServer } from '../support/server/ftp-server';
import { content } from '../support/server/content';
import { gate } from '../support/server/gate';
import { data, dataEnd, send, until } from '../support/server/steps';
import { CommandLine, objectsIn, type RunOptions } from './command-line';

const SIZE = 3_000_000;
const BIG = content(SIZE);
const HOSTILE = 'a\x1b]0;title\x07\u202e\u009b31m';

describe('the output of the command line', () => {
  const command = new CommandLine();
  let server: FtpServer;
  let home: string;
  let place: string;
  beforeEach(async () => {
    server = await FtpServer.start({
      users: { user: 'secret' },
      files: { '/a.txt': 'file a', '/b.txt': 'file b', '/big.bin': BIG, '/pub/x': 'x', '/pub/link': { target: '/a.txt' }, [`/evil/${HOSTILE}`]: 'x', '/in/': '' },
    });
    home = server.url.slice(0, -1);
    place = `ftp://127.0.0.1:${server.port}`;
  });
  afterEach(() => server.close());

  describe('that cannot be written is a sentence, and 1', () => {
    before(function () {
      if (!existsSync('/dev/full')) this.skip();
    });
    const full: RunOptions = { redirected: '> /dev/full' };
    const sentence = 'ftplib: standard output: no space left on device: make room on the disk, and run the same command again to go on\n';

    it('for all that is printed', async () => {
      const commands = [['ls'], ['ls', '-U', '-l'], ['ls', '--json'], ['cat', '/a.txt'], ['cat', '/big.bin'], ['get', '/big.bin', '-'], ['get', '--json', '/a.txt', 'a'], ['mirror', '-n', '/pub', 'copy'], ['rm', '--json', '/b.txt'], ['watch', '--settle', '0', '--interval', '0.1', '/pub']];
      for (const words of commands) {
        const args = words.map((word) => (word.startsWith('/') ? home + word : word));
        const outcome = await command.run(words[0] === 'ls' ? [...args, home] : args, full);
        expect(outcome, words.join(' ')).to.deep.equal({ code: 1, stdout: '', stderr: sentence });
      }
    });

    it('and messages that cannot be written stop nothing', async () => {
      expect(await command.run(['get', `${home}/big.bin`], { redirected: '2> /dev/full' })).to.deep.equal({ code: 0, stdout: '', stderr: '' });
      expect(command.read('big.bin').equals(server.read('/big.bin'))).to.equal(true);
      expect((await command.run(['get', `${home}/none`], { redirected: '2> /dev/full' })).code).to.equal(1);
    });
  });

  describe('that nobody reads any more', () => {
    /** Runs it without a reader of stdout, with the code of the command itself. */
    const unread = (words: readonly string[]): Promise<unknown> => command.run(words, { redirected: '| true; exit 0' }).then(({ stderr }) => stderr);
    const closed = async (words: readonly string[]): Promise<number> => {
      await command.run(words, { redirected: '| true' });
      return (await command.run(words, { started: (child) => child.stdout?.destroy() })).code;
    };

    before(function () {
      if (process.platform === 'win32') this.skip();
    });

    it('ends quietly what only prints', async () => {
      for (const words of [['ls', home], ['ls', '--json', home], ['cat', `${home}/big.bin`], ['get', `${home}/big.bin`, '-'], ['mirror', '-n', home, 'copy'], ['watch', '--settle', '0', '--interval', '0.1', `${home}/pub`], ['--help'], ['help', 'get'], ['completion', 'bash']]) {
        expect([await unread(words), await closed(words)], words.join(' ')).to.deep.equal(['', 0]);
      }
    });

    it('is no success of what was not done', async () => {
      const held = gate();
      server.script = { RETR: [[send('150 go'), data('file a'), dataEnd(), send('226 done')], [send('150 go'), until(held), dataEnd(), send('226 done')]] };
      const { code, stderr } = await command.run(['get', '--json', `${home}/a.txt`, `${home}/b.txt`, '.'], { started: (child) => child.stdout?.destroy() });
      held.open();
      expect([code, stderr]).to.deep.equal([1, '']);
      expect(existsSync(command.path('b.txt'))).to.equal(false);
    });
  });

  describe('in JSON has the fields that the help names', () => {
    const documented = async (name: string): Promise<string> => {
      const page = await command.done(['help', name]);
      return (/--json: ([^]*?)\n\n/.exec(page)?.[1] ?? '').replaceAll(/\s+/g, ' ');
    };

    it('of ls and watch', async () => {
      const listed = objectsIn(await command.done(['ls', '--json', `${home}/pub`]));
      expect(listed[1]).to.deep.equal({ place: `${place}/pub`, name: 'x', type: 'file', size: 1, modified: '2020-02-29T12:34:56.000Z', permissions: 'rw-r--r--' });
      const page = await documented('ls');
      for (const field of listed.flatMap((line) => Object.keys(line))) expect(page).to.match(new RegExp(`\\b${field}\\b`));
      const { stdout } = await command.run(['watch', '--json', '--settle', '0', '--interval', '0.1', `${home}/pub`], { started: (child) => child.stdout?.once('data', () => child.kill('SIGINT')) });
      expect(objectsIn(stdout)[0]).to.deep.equal({ ...listed[1], path: 'x' });
    });

    it('of get, put and mirror', async () => {
      const of = async (words: readonly string[]): Promise<Record<string, unknown>[]> => {
        const { stdout } = await command.run(words);
        const page = await documented(words[0] as string);
        for (const field of objectsIn(stdout).flatMap((line) => Object.keys(line))) {
          if (['downloaded', 'uploaded', 'created', 'skipped', 'failed'].includes(field)) continue; // the numbers of `end`
          expect(page, words.join(' ')).to.match(new RegExp(`\\b${field}\\b`));
        }
        return objectsIn(stdout);
      };
      expect((await of(['get', '--json', `${home}/a.txt`, 'copy']))[0]).to.include({ event: 'done', name: 'copy', bytes: 6 });
      expect((await of(['put', '--json', 'copy', `${home}/in/`]))[0]).to.include({ event: 'done', name: 'copy', bytes: 6 });
      expect((await of(['get', '--json', `${home}/none`]))[0]).to.include({ event: 'failed', name: 'none', bytes: 0 });
      const slow = await of(['get', '--json', '--rate', '2M', `${home}/big.bin`]);
      expect(slow[0]).to.include({ event: 'progress', name: 'big.bin' });
      const tree = await of(['mirror', '--json', `${home}/pub`, 'tree']);
      expect(tree.find(({ path }) => path === 'x')).to.include({ event: 'result', action: 'downloaded', type: 'file', bytes: 1 });
      expect(tree.at(-1)).to.include({ event: 'end', downloaded: 1, created: 1, bytes: 1 });
    });

    it('of rm, mkdir and mv', async () => {
      for (const [words, line] of [
        [['mkdir', `${home}/new`], { event: 'created', place: `${place}/new` }],
        [['mv', `${home}/new`, `${home}/old`], { event: 'renamed', place: `${place}/new`, to: `${place}/old` }],
        [['rm', '-r', `${home}/old`], { event: 'deleted', place: `${place}/old` }],
      ] as const) {
        expect(objectsIn(await command.done([words[0], '--json', ...words.slice(1)]))).to.deep.equal([line]);
        for (const field of Object.keys(line)) expect(await documented(words[0])).to.include(field);
      }
    });

    it('is one object a line, whatever the names are', async () => {
      const lines = await command.done(['ls', '--json', `${home}/evil`]);
      expect(lines).to.match(/^[\x20-\x7e]*\n$/);
      expect(objectsIn(lines)[0]).to.include({ name: HOSTILE });
    });
  });

  it('has names as they are for programs, and for people nothing that controls a terminal', async () => {
    expect(await command.done(['ls', `${home}/evil`])).to.equal(`${HOSTILE}\n`);
    expect(await command.done(['ls', '-l', `${home}/evil`])).to.include('  a\\x1b]0;title\\x07\\u202e\\x9b31m\n');
  });

  it('is on stdout what was asked for, on stderr all else, and with --quiet errors only', async () => {
    for (const words of [['get', `${home}/a.txt`], ['get', `${home}/a.txt`], ['put', 'a.txt', `${home}/in/`], ['mirror', `${home}/pub`, 'copy'], ['mkdir', `${home}/new`], ['mv', `${home}/new`, `${home}/old`], ['rm', '-r', `${home}/old`]]) {
      expect(await command.run([words[0] as string, '-q', ...words.slice(1)]), words.join(' ')).to.deep.equal({ code: 0, stdout: '', stderr: '' });
    }
    const { code, stdout, stderr } = await command.run(['get', '-q', `${home}/none`, `${home}/a.txt`, '.']);
    expect([code, stdout, stderr]).to.deep.equal([1, '', 'ftplib: RETR none: 550 No such file or directory\n']);
  });

  it('says when a folder must not be read, of which servers show an empty listing or a line of ls', async () => {
    for (const [reply, line, stderr] of [
      ['226 Transfer done (but failed to open directory).', '', 'ftplib: LIST pub: 226 Transfer done (but failed to open directory)\n'],
      ['226 Transfer complete.', 'pub: Permission denied\r\n', 'ftplib: LIST pub: pub: Permission denied\n'],
    ] as const) {
      server.script = { MLSD: '500 no', LIST: [send('150 go'), data(line), dataEnd(), send(reply)] };
      expect(await command.run(['ls', `${home}/pub`])).to.deep.equal({ code: 1, stdout: '', stderr });
    }
  });

  it('shows a password nowhere: not in the list of processes, not in the dialogue, not in errors', async function () {
    const held = gate();
    server.script = { RETR: [send('150 go'), until(held), send('451 no')] };
    let shown = '';
    const { stdout, stderr } = await command.run(['get', '-v', '--json', '--proxy=', `${home}/a.txt`], {
      env: { FTPLIB_DEBUG: '1' },
      started: (child) => {
        void server.waitFor('RETR').then(() => {
          if (process.platform === 'linux') shown = readFileSync(`/proc/${child.pid}/cmdline`, 'utf8');
          child.kill('SIGINT');
          held.open();
        });
      },
    });
    if (process.platform === 'linux') expect(shown).to.match(/^ftplib get -v --json --proxy= ftp:\/\/\*{4}@127\.0\.0\.1:\d+\/a\.txt/);
    expect(stdout + stderr + shown).to.include('PASS ****').and.not.include('secret');
    const refused = await command.run(['ls', '-v', '--json', '--proxy', 'http://me:hidden@127.0.0.1:1', home], { env: { FTPLIB_DEBUG: '1' } });
    expect(refused.code).to.equal(3);
    expect(refused.stdout + refused.stderr).to.not.include('secret').and.not.include('hidden');
  });

  it('shows a password nowhere in the list of processes, either, where the host is no URL', async function () {
    if (process.platform !== 'linux') return this.skip();
    for (const host of [['--host', 'user:secret'], ['--host=user:secret'], ['--host', 'user@example.com:secret']]) {
      server.script = { USER: [until(gate())] };
      let shown = '';
      const since = server.mark();
      await command.run(['mkdir', ...host.slice(0, -1), `${host.at(-1)}@127.0.0.1:${server.port}`, 'new'], {
        started: (child) => {
          void server.waitFor('USER', since).then(() => {
            shown = readFileSync(`/proc/${child.pid}/cmdline`, 'utf8');
            child.kill('SIGINT');
          });
        },
      });
      expect(shown).to.match(/^ftplib mkdir --host[ =]\*{4}@127\.0\.0\.1:\d+ new/).and.not.include('secret');
    }
  });
});
