import { expect } from 'chai';
import { mkdirSync, readFileSync } from 'node:fs';
import { hasPseudoTerminal, PseudoTerminal, type PseudoTerminalOptions } from '../support/pseudo-terminal';
import { content } from '../support/server/content';
import { FtpServer } from '../support/server/ftp-server';
import { CommandLine } from './command-line';

const SIZE = 600_000;
const IMAGE = content(SIZE);
const image = Buffer.from(IMAGE.read(0, SIZE));

/** Half a second of a transfer is seen, and the whole is no longer than it must be. */
const SLOW = ['--rate', '300000'];

describe('the command line on a terminal', () => {
  const command = new CommandLine();
  let server: FtpServer;
  let home: string;
  let terminal: PseudoTerminal;
  before(function () {
    if (!hasPseudoTerminal()) this.skip();
  });
  beforeEach(async () => {
    server = await FtpServer.start({ users: { user: 'secret' }, files: { '/image.iso': IMAGE, '/tree/deep/a.bin': IMAGE, '/tree/日本語.txt': 'text', '/in/': '' } });
    home = server.url.slice(0, -1);
  });
  afterEach(async () => {
    terminal.close();
    await server.close();
  });

  for (const columns of [40, 60, 120, 200]) {
    it(`get shows a bar, and what has come: ${columns} columns`, async () => {
      run(['get', ...SLOW, `${home}/image.iso`, 'copy.iso'], { columns });
      await terminal.until(({ visible }) => /^copy\.iso .* [1-9]\d?% .*\/s/.test(visible[0] ?? ''));
      expect(terminal.screen.isCursorVisible).to.equal(false);
      expect(await ended()).to.equal(0);
      expect(terminal.screen.all).to.have.length(1);
      expect(terminal.screen.all[0]).to.match(/^copy\.iso {2}600 kB in (?:[\d.]+ s|\d\d:\d\d), [\d.]+ kB\/s$/);
      expect(command.read('copy.iso').equals(image)).to.equal(true);
    });
  }

  it('put shows a bar', async () => {
    command.write('image.iso', image);
    run(['put', ...SLOW, 'image.iso', `${home}/in/`], { columns: 120 });
    await terminal.until(({ visible }) => /^image\.iso {2}━+.* [1-9]\d?% .* of 600 kB /.test(visible[0] ?? ''));
    expect(await ended()).to.equal(0);
    expect(terminal.screen.all).to.have.length(1);
    expect(server.read('/in/image.iso').equals(image)).to.equal(true);
  });

  it('mirror shows one bar for all, and what it came to', async () => {
    run(['mirror', ...SLOW, `${home}/tree`, 'copy'], { columns: 60 });
    await terminal.until(({ visible }) => /^\d of 2 files +━.* [1-9]\d?% .*\/s/.test(visible[0] ?? ''));
    expect(await ended()).to.equal(0);
    expect(terminal.screen.all.join('')).to.match(/^2 downloaded, 2 folders created: 600 kB in [\d.]+ s, \d+ kB\/s$/);
    expect(readFileSync(command.path('copy/deep/a.bin')).equals(image)).to.equal(true);
  });

  for (const columns of [60, 120]) {
    it(`mirror shows a bar for all, and one for a file that takes longer: ${columns} columns`, async () => {
      run(['mirror', '--rate', '200000', `${home}/tree`, 'copy'], { columns });
      await terminal.until(({ visible }) => {
        const at = visible.findIndex((line) => /^\d of \d files +[━─].* [1-9]\d?% .*\/s/.test(line));
        return at >= 0 && /^ {2}(deep\/)?a\.bin +[━─].* [1-9]\d?% .*kB( of 600 kB)?$/.test(visible[at + 1] ?? '');
      });
      expect(await ended()).to.equal(0);
      expect(terminal.screen.all.filter((line) => line.includes('%'))).to.deep.equal([]);
    });
  }

  it('moves the bar about ten times a second, and follows the size of the terminal', async () => {
    run(['get', ...SLOW, `${home}/image.iso`, 'copy.iso'], { columns: 120 });
    await terminal.until(({ visible }) => /^copy\.iso {2}━.* of 600 kB /.test(visible[0] ?? ''));
    terminal.resize(40, 24);
    await terminal.until(({ visible }) => /^copy\.iso +\d+% +\d+ kB\/s/.test(visible[0] ?? ''));
    terminal.resize(60, 24);
    expect(await ended()).to.equal(0);
    expect(terminal.screen.all).to.have.length(1);
    expect(terminal.written.split('%').length - 1).to.be.within(8, 25);
  });

  it('says what went wrong above the bar, with nothing that a terminal would obey', async () => {
    const hostile = 'a\x1b]0;title\x07';
    server.write(`/tree/${hostile}`, 'x');
    mkdirSync(command.path(`copy/${hostile}/in the way`), { recursive: true });
    run(['mirror', ...SLOW, `${home}/tree`, 'copy'], { columns: 200 });
    expect(await ended()).to.equal(1);
    expect(terminal.screen.all[0]).to.match(/^failed a\\x1b\]0;title\\x07: /);
    expect(terminal.screen.all.at(-1)).to.match(/^2 downloaded, 1 folder created, 1 failed: 600 kB in /);
    expect(terminal.written).to.not.include('\x1b]').and.not.include('\x07');
  });

  it('leaves the bar as it stands after Ctrl-C, a visible cursor, and a part to go on with', async () => {
    run(['get', '--rate', '100000', `${home}/image.iso`, 'copy.iso']);
    await terminal.until(({ visible }) => / [1-9]\d?% /.test(visible[0] ?? ''));
    terminal.type('\x03');
    expect(await ended()).to.equal(130);
    const { all } = terminal.screen;
    expect(all[0]).to.match(/^copy\.iso .*\d%/);
    expect(all.slice(1)).to.deep.equal(['ftplib: interrupted: the same command goes on where it was']);
    const retrieved = server.commands.length;
    run(['get', `${home}/image.iso`, 'copy.iso']);
    expect(await ended()).to.equal(0);
    expect(command.read('copy.iso').equals(image)).to.equal(true);
    expect(server.commands.slice(retrieved).some((line) => /^REST [1-9]/.test(line))).to.equal(true);
    expect(terminal.screen.all[0]).to.match(/^copy\.iso {2}\d+ kB of 600 kB in /);
  });

  it('leaves the bars of a tree as they stand after Ctrl-C', async () => {
    run(['mirror', '--rate', '200000', `${home}/tree`, 'copy'], { columns: 120 });
    await terminal.until(({ visible }) => /^ {2}deep\/a\.bin .* [1-9]\d?% /.test(visible[1] ?? ''));
    terminal.type('\x03');
    expect(await ended()).to.equal(130);
    const [tree, file, ...rest] = terminal.screen.all;
    expect([/ \d+% /.test(tree ?? ''), / \d+% /.test(file ?? ''), rest]).to.deep.equal([true, true, ['ftplib: interrupted: the same command goes on with the files that are left']]);
  });

  it('put leaves the bar as it stands after Ctrl-C, and a part on the server to go on with', async () => {
    command.write('image.iso', image);
    run(['put', '--rate', '100000', 'image.iso', `${home}/in/`]);
    await terminal.until(({ visible }) => / [1-9]\d?% /.test(visible[0] ?? ''));
    terminal.type('\x03');
    expect(await ended()).to.equal(130);
    const { all } = terminal.screen;
    expect([/^image\.iso .*\d%/.test(all[0] ?? ''), all.slice(1)]).to.deep.equal([true, ['ftplib: interrupted: the same command goes on where it was']]);
    await server.deserted();
    const part = server.read('/in/.image.iso.part');
    expect([part.length > 0, part.equals(image.subarray(0, part.length))]).to.deep.equal([true, true]);
    expect(() => server.read('/in/image.iso')).to.throw();
    run(['put', 'image.iso', `${home}/in/`]);
    expect(await ended()).to.equal(0);
    expect(terminal.screen.all[0]).to.match(/^image\.iso {2}\d+ kB of 600 kB in /);
    expect(server.read('/in/image.iso').equals(image)).to.equal(true);
    expect(() => server.read('/in/.image.iso.part')).to.throw();
  });

  it('watch prints what has come, and ends by Ctrl-C with nothing more', async () => {
    run(['watch', '--settle', '0.05', '--interval', '0.1', `${home}/in`]);
    await server.waitFor('MLSD');
    server.write('/in/日本語\x07.txt', 'text');
    await terminal.untilShown('日本語\\x07.txt');
    terminal.type('\x03');
    expect(await terminal.exited).to.equal(130);
    expect(terminal.screen.all).to.deep.equal(['日本語\\x07.txt', '^C']);
    expect(terminal.screen.isCursorVisible).to.equal(true);
  });

  for (const columns of [40, 200]) {
    it(`ls shows hostile names so that nothing in them is obeyed: ${columns} columns`, async () => {
      const shown = { 'a\x1b]0;title\x07': 'a\\x1b]0;title\\x07', 'b\x1b[2J\x1b[H': 'b\\x1b[2J\\x1b[H', 'c\x9b31m\x7f': 'c\\x9b31m\\x7f', 'd\u202egpj.exe': 'd\\u202egpj.exe', 'e\u0301': 'e\u0301', 'f\tg': 'f\\tg', '日本語.txt': '日本語.txt', '\u0301h': '\\u0301h', '-rf': '-rf', עברית: 'עברית', ['z'.repeat(255)]: 'z'.repeat(255) };
      for (const name of Object.keys(shown)) server.write(`/in/${name}`, 'x');
      for (const words of [['ls'], ['ls', '-U'], ['ls', '-l'], ['ls', '--json'], ['ls', '-l', `${home}/none`]]) {
        run([...words, `${home}/in`], { columns });
        expect(await terminal.exited).to.equal(words.length === 3 ? 1 : 0);
        expect(terminal.written.replaceAll(/\r\r?\n|\x1b\[\?2026[hl]/g, '')).to.not.match(/[\p{Cc}\u202e]/u);
        const text = terminal.written.replaceAll('\r\n', '\n');
        for (const [name, safe] of Object.entries(shown)) expect(text, words.join(' ')).to.include(words.includes('--json') ? `"name":${jsonOf(name)}` : `${safe}\n`);
      }
    });
  }

  it('asks for a password, and shows nothing of it', async () => {
    run(['ls', `ftp://user@127.0.0.1:${server.port}/`]);
    await terminal.untilShown('Password of user at 127.0.0.1:');
    terminal.type('secret\r');
    expect(await ended()).to.equal(0);
    expect(terminal.written).to.not.include('secret');
    expect(terminal.screen.all).to.deep.equal(['Password of user at 127.0.0.1:', 'image.iso', 'in', 'tree']);
  });

  it('ends with 130 at the prompt', async () => {
    run(['ls', `ftp://user@127.0.0.1:${server.port}/`]);
    await terminal.untilShown('Password of user at 127.0.0.1:');
    terminal.type('sec\x03');
    expect(await ended()).to.equal(130);
    expect(server.commands).to.deep.equal([]);
  });

  it('ends with 143 at the prompt by SIGTERM', async () => {
    terminal = new PseudoTerminal(['sh', '-c', 'echo pid $$; exec "$@"', 'sh', process.execPath, command.main, 'ls', `ftp://user@127.0.0.1:${server.port}/`], { cwd: command.folder, env: { HOME: command.folder } });
    await terminal.untilShown('Password of user at 127.0.0.1:');
    process.kill(Number(/^pid (\d+)/.exec(terminal.screen.all[0] ?? '')?.[1]), 'SIGTERM');
    expect(await ended()).to.equal(143);
    expect(server.commands).to.deep.equal([]);
  });

  function run(args: readonly string[], options: PseudoTerminalOptions = {}): void {
    terminal = new PseudoTerminal([process.execPath, command.main, ...args], { cwd: command.folder, env: { HOME: command.folder }, ...options });
  }

  /** The exit code; by then the cursor is visible, below all that was printed, and nothing has gone into a next line. */
  async function ended(): Promise<number> {
    const code = await terminal.exited;
    const { all, cursor, isCursorVisible, overlong } = terminal.screen;
    expect({ isCursorVisible, cursor, overlong }).to.deep.equal({ isCursorVisible: true, cursor: { row: all.length, column: 0 }, overlong: 0 });
    return code;
  }
});

/** A text in JSON in which nothing controls a terminal. */
function jsonOf(text: string): string {
  return JSON.stringify(text).replaceAll(/[\x7f\x9b\u202e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
