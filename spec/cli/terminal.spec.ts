import { expect } from 'chai';
import { join } from 'node:path';
import { hasPseudoTerminal, PseudoTerminal } from '../support/pseudo-terminal';

/** Asks, prints what came of it, and how the terminal is afterwards. */
const ASKING = `require('ts-node/register');
  const { askPassword } = require(${JSON.stringify(join(__dirname, '..', '..', 'lib', 'cli', 'terminal'))});
  askPassword('Password of anna: ', typeof signal === 'undefined' ? undefined : signal).then((password) => console.log('got', JSON.stringify(password)), (error) => console.log('failed', error.name, error.code, error.message));`;

describe('the prompt for a password', () => {
  let terminal: PseudoTerminal;
  before(function () {
    if (!hasPseudoTerminal()) this.skip();
  });
  afterEach(() => terminal.close());

  it('shows nothing of what is typed', async () => {
    await ask();
    terminal.type('se\x7fsecret\x15s3cré日t\x1b[A\x7fT\r');
    expect(await shownAtEnd()).to.deep.equal(['Password of anna:', 'got "s3cré日T"', '0', 'echo']);
  });

  it('works where stdin and stdout are pipes', async () => {
    await ask('echo input | node -e "$ASKING" | cat; echo 0');
    terminal.type('secret\n');
    expect(await shownAtEnd()).to.deep.equal(['Password of anna:', 'got "secret"', '0', 'echo']);
  });

  it('ends with 130 by Ctrl-C, and echoes again', async () => {
    await ask();
    terminal.type('secr\x03');
    expect(await shownAtEnd()).to.deep.equal(['Password of anna:', '130', 'echo']);
  });

  it('fails with an AbortError by Ctrl-C where the program has a listener', async () => {
    await ask('node -e "process.on(\'SIGINT\', () => console.log(\'heard\')); $ASKING"; echo $?');
    terminal.type('secr\x03');
    expect((await shownAtEnd()).sort()).to.deep.equal(['0', 'Password of anna:', 'echo', 'failed AbortError 20 The prompt for the password was interrupted', 'heard']);
  });

  it('fails where its signal aborts it, and echoes again', async () => {
    await ask('node -e "const signal = AbortSignal.timeout(300); $ASKING"; echo $?');
    expect(await shownAtEnd()).to.deep.equal(['Password of anna:', 'failed TimeoutError 23 The operation was aborted due to timeout', '0', 'echo']);
  });

  it('shows nothing of what is typed after the process was stopped, and a shell had the terminal', async () => {
    const stopped = `require('child_process').spawnSync('sh', ['-c', 'kill -STOP $PPID; stty sane < /dev/tty; kill -CONT $PPID'], { stdio: 'inherit' })`;
    await ask('node -e "$ASKING; process.on(\'SIGCONT\', () => console.log(\'goes on\')); $STOPPED"; echo $?', 'goes on', { STOPPED: stopped });
    terminal.type('secret\r');
    expect(await shownAtEnd()).to.deep.equal(['Password of anna: goes on', '', 'got "secret"', '0', 'echo']);
  });

  it('fails by Ctrl-D, unless something was typed', async () => {
    await ask();
    terminal.type('x\x04\x7f\x04');
    expect(await shownAtEnd()).to.deep.equal(['Password of anna:', 'failed Error ENOTTY no password was given', '0', 'echo']);
  });

  it('echoes again where the program ends meanwhile, by itself or by a signal', async () => {
    await ask('node -e "$ASKING; setTimeout(() => process.exit(3), 300)"; echo $?');
    expect(await shownAtEnd()).to.deep.equal(['Password of anna:', '3', 'echo']);
    await ask('node -e "$ASKING; setTimeout(() => process.kill(process.pid, \'SIGTERM\'), 300)"; echo $?');
    expect((await shownAtEnd()).slice(-2)).to.deep.equal(['143', 'echo']);
  });

  it('fails where there is no terminal', async () => {
    await ask('setsid -w node -e "$ASKING"; echo $?', 'failed');
    expect(await shownAtEnd()).to.deep.equal(['failed Error ENOTTY there is no terminal to ask for the password on', '0', 'echo']);
  });

  /** Runs a command of the shell, and waits for the prompt. Then the shell says whether the terminal echoes. */
  async function ask(command = 'node -e "$ASKING"; echo $?', shows = 'Password of anna: ', env = {}): Promise<void> {
    terminal = new PseudoTerminal(['sh', '-c', `trap : INT; ${command}; stty -a | grep -qw -- "-echo" && echo silent || echo echo`], { cwd: join(__dirname, '..', '..'), env: { ASKING, ...env } });
    await terminal.until(() => terminal.written.includes(shows));
  }

  async function shownAtEnd(): Promise<string[]> {
    await terminal.exited;
    return terminal.screen.all;
  }
});
