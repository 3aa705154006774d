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

describe('the command line on a terminal', function () {
  this.timeout(60_000);
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
      expect(terminal.screen.all[0]).to.match(/^copy\.iso {2}600 kB in [\d.]+ s, \d+ kB\/s$/);
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
    await terminal.until(({ visible }) => /^\d of 2 files ━.* [1-9]\d?% .*\/s/.test(visible[0] ?? ''));
    expect(await ended()).to.equal(0);
    expect(terminal.screen.all.join('')).to.match(/^2 downloaded, 2 folders created: 600 kB in [\d.]+ s, \d+ kB\/s$/);
    expect(readFileSync(command.path('copy/deep/a.bin')).equals(image)).to.equal(true);
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
    expect(all.filter((line) => line.startsWith('copy.iso'))).to.have.length(1);
    expect(all.join('\n')).to.include('interrupted');
    const retrieved = server.commands.length;
    run(['get', `${home}/image.iso`, 'copy.iso']);
    expect(await ended()).to.equal(0);
    expect(command.read('copy.iso').equals(image)).to.equal(true);
    expect(server.commands.slice(retrieved).some((line) => /^REST [1-9]/.test(line))).to.equal(true);
  });

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
