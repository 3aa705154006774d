import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';

/** Relays between its stdio and a pseudo terminal in which a command runs; file 3 brings new sizes. Ends as the command does, by a signal as shells have it. */
const RELAY = `
import fcntl, os, pty, select, struct, sys, termios
def resize(file, columns, rows):
    fcntl.ioctl(file, termios.TIOCSWINSZ, struct.pack('HHHH', int(rows), int(columns), 0, 0))
pid, terminal = pty.fork()
if pid == 0:
    resize(0, sys.argv[1], sys.argv[2])
    os.execvp(sys.argv[3], sys.argv[3:])
files = [terminal, 0, 3]
while terminal in files:
    for file in select.select(files, [], [])[0]:
        try:
            data = os.read(file, 65536)
        except OSError:
            data = b''
        if not data:
            files.remove(file)
        elif file == terminal:
            os.write(1, data)
        elif file == 0:
            os.write(terminal, data)
        else:
            resize(terminal, *data.split()[-2:])
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.exit(code if code >= 0 else 128 - code)
`;

/** Of a terminal without a program: a character, a sequence that is known, or one that may go on in the next chunk. */
const TOKEN = /\x1b\[(\??)(\d*)([A-Za-z])|\x1b[78]|\x1b(?:\[[?\d]*)?$|[^]/gu;

/** What a terminal shows of what was written to it. It knows what the command line writes, and throws at any other sequence. */
export class Screen {
  /** All lines, those that have gone at the top included: the text of each cell, `''` for the second half of a wide one. */
  #lines: string[][] = [[]];
  /** Lines that go on in the next one. */
  #wrapped = new Set<string[]>();
  #top = 0;
  #row = 0;
  #column = 0;
  #saved = { row: 0, column: 0 };
  #wrapsNext = false;
  #autoWrap = true;
  #rest = '';
  /** Times that a text has gone on in the next line, or was cut at the last column because it must not. */
  overlong = 0;
  isCursorVisible = true;
  /** Whether the terminal shows nothing new for now (DEC private mode 2026). */
  isHeld = false;

  /**
   * @param reflow whether a new width breaks the lines anew, as VTE, kitty and Windows Terminal do, and xterm does not
   * @param joins whether joined emoji are one picture, as in newer terminals
   */
  constructor(
    public columns: number,
    public rows: number,
    private readonly reflow = false,
    private readonly joins = true,
  ) {}

  write(text: string): void {
    const whole = this.#rest + text;
    this.#rest = '';
    for (const [token, , number, letter] of whole.matchAll(TOKEN)) {
      if (letter) this.#sequence(token, Number(number || 1), letter);
      else if (token === '\x1b7') this.#saved = this.cursor;
      else if (token === '\x1b8') this.#move(this.#saved.row, this.#saved.column);
      else if (token.startsWith('\x1b')) this.#rest = token;
      else if (token === '\r') this.#move(this.#row, 0);
      else if (token === '\n') this.#move(this.#row + 1, this.#column);
      else if (token < ' ' || token === '\x7f') throw new Error(`a control character on the screen: ${JSON.stringify(token)}`);
      else this.#put(token);
    }
  }

  /** What can be seen, without blanks at the ends of lines, and empty lines at the end. */
  get visible(): string[] {
    return shown(this.#lines.slice(this.#top, this.#top + this.rows));
  }

  /** The same with what has gone at the top. */
  get all(): string[] {
    return shown(this.#lines);
  }

  /** The cursor's column, and its row among `all`. */
  get cursor(): { readonly row: number; readonly column: number } {
    return { row: this.#row, column: this.#column };
  }

  /** The column at which a text begins, in cells, in the first line that has it. */
  columnOf(text: string): number {
    for (const line of this.#lines) {
      const at = line.join('').indexOf(text);
      for (let column = 0, length = 0; at >= 0 && column < line.length; length += (line[column] as string).length, column++) if (length >= at) return column;
    }
    return -1;
  }

  resize(columns: number, rows: number): void {
    if (this.reflow) this.#breakAnew(columns);
    else this.#lines.forEach((line) => line.splice(columns));
    this.columns = columns;
    this.rows = rows;
    this.#column = Math.min(this.#column, columns - 1);
    this.#top = Math.min(this.#row, Math.max(0, this.#lines.length - rows));
  }

  #sequence(token: string, number: number, letter: string): void {
    const line = this.#lines[this.#row] as string[];
    if (token === '\x1b[?25l' || token === '\x1b[?25h') this.isCursorVisible = letter === 'h';
    else if (token === '\x1b[?7l' || token === '\x1b[?7h') this.#autoWrap = letter === 'h';
    else if (token === '\x1b[?2026h' || token === '\x1b[?2026l') this.isHeld = letter === 'h';
    else if (token === '\x1b[K') line.splice(this.#column);
    else if (token === '\x1b[J') this.#eraseBelow();
    else if (letter === 'B') this.#move(Math.min(this.#top + this.rows - 1, this.#row + number), this.#column);
    else if (letter === 'A') this.#move(Math.max(this.#top, this.#row - number), this.#column);
    else if (letter !== 'm') throw new Error(`a sequence that the screen does not know: ${JSON.stringify(token)}`);
  }

  /** As tmux does it: a screen that is erased from its first corner is kept among the lines that have scrolled away. */
  #eraseBelow(): void {
    if (this.#row === this.#top && this.#column === 0) {
      this.#top = this.#lines.length;
      return this.#move(this.#top, 0);
    }
    this.#lines[this.#row]?.splice(this.#column);
    this.#lines.splice(this.#row + 1);
  }

  #move(row: number, column: number): void {
    this.#row = row;
    this.#column = column;
    this.#wrapsNext = false;
    while (this.#lines.length <= row) this.#lines.push([]);
    if (row >= this.#top + this.rows) this.#top = row - this.rows + 1;
  }

  #put(character: string): void {
    const line = this.#lines[this.#row] as string[];
    const last = line[this.#column - 1] === '' ? this.#column - 2 : this.#column - 1;
    const joined = this.joins && isJoined(line[last] ?? '', character);
    const width = joined ? 0 : widthOf(character);
    if (width === 0) {
      if (last >= 0) line[last] += character;
      // A variation selector makes a picture of the character before.
      if (character === '\ufe0f' && last === this.#column - 1) this.#advance(line, '', 1);
      return;
    }
    if (this.#wrapsNext || this.#column + width > this.columns) {
      this.overlong += 1;
      if (!this.#autoWrap) return;
      this.#wrapped.add(line);
      this.#move(this.#row + 1, 0);
      return this.#put(character);
    }
    this.#advance(line, character, width);
  }

  #advance(line: string[], character: string, width: number): void {
    while (line.length < this.#column) line.push(' ');
    for (let i = 0; i < width; i++) line[this.#column + i] = i === 0 ? character : '';
    this.#column += width;
    if (this.#column < this.columns) return;
    this.#column = this.columns - 1;
    this.#wrapsNext = true;
  }

  #breakAnew(columns: number): void {
    const lines: string[][] = [];
    const wrapped = new Set<string[]>();
    let row = 0;
    for (let i = 0; i < this.#lines.length; i++) {
      const first = i;
      while (this.#wrapped.has(this.#lines[i] as string[])) i += 1;
      const parts = this.#lines.slice(first, i + 1);
      const cells = parts.flat();
      const start = lines.length;
      do lines.push(cells.splice(0, columns));
      while (cells.length > 0);
      lines.slice(start, -1).forEach((line) => wrapped.add(line));
      if (this.#row < first || this.#row > i) continue;
      const offset = parts.slice(0, this.#row - first).flat().length + this.#column;
      row = start + Math.floor(offset / columns);
      this.#column = offset % columns;
    }
    this.#lines = lines;
    this.#wrapped = wrapped;
    this.#row = row;
  }
}

function shown(lines: readonly (readonly string[])[]): string[] {
  const texts = lines.map((line) => line.join('').trimEnd());
  while (texts.at(-1) === '') texts.pop();
  return texts;
}

/** Whether a character is one picture with those before: after a joiner, as a skin colour, as the second half of a flag. */
function isJoined(before: string, character: string): boolean {
  return before.endsWith('\u200d') || /[\u{1f3fb}-\u{1f3ff}]/u.test(character) || /^\p{Regional_Indicator}{2}$/u.test(before + character);
}

/** The columns of a character, by the rough rules of a terminal: another opinion than that of the code under test. */
function widthOf(character: string): number {
  if (/[\p{Mn}\p{Me}\p{Cf}]/u.test(character)) return 0;
  return /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60]/u.test(character) && !/[\uff61-\uffdc]/.test(character) ? 2 : 1;
}

/** Whether there is what runs a command in a pseudo terminal: Python 3, whose `pty` sets a size, which `script` of util-linux does not. */
export function hasPseudoTerminal(): boolean {
  if (process.platform === 'win32') return false;
  const found = spawnSync(PYTHON, ['-c', 'import pty'], { stdio: 'ignore' }).status === 0;
  if (!found && process.env['FTPLIB_REQUIRE_SERVERS'] === '1') throw new Error('Python 3 is needed for the specs of the pseudo terminal');
  return found;
}

const PYTHON = 'python3';

export interface PseudoTerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly cwd?: string;
  /** Beside PATH, HOME, a locale in UTF-8, and a TERM with colours. */
  readonly env?: NodeJS.ProcessEnv;
}

/** A command in a pseudo terminal. */
export class PseudoTerminal {
  readonly screen: Screen;
  /** All that the command wrote, sequences included. */
  written = '';
  /** The exit code; 128 and the number of the signal where one ended it. */
  readonly exited: Promise<number>;
  readonly #relay: ChildProcess;
  #waiting: (() => void)[] = [];

  constructor(command: readonly [string, ...string[]], { columns = 80, rows = 24, cwd, env }: PseudoTerminalOptions = {}) {
    this.screen = new Screen(columns, rows);
    this.#relay = spawn(PYTHON, ['-u', '-c', RELAY, String(columns), String(rows), ...command], {
      stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
      cwd,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LANG: 'C.UTF-8', TERM: 'xterm-256color', ...env },
    });
    this.#relay.stdin?.on('error', () => undefined);
    this.#relay.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.written += text;
      this.screen.write(text);
      this.#look();
    });
    this.exited = new Promise((resolve) => this.#relay.once('close', (code) => resolve(code ?? -1)));
  }

  /** Resolves as soon as the condition holds, and fails where the command ends before. */
  async until(holds: (screen: Screen) => boolean): Promise<void> {
    let isOver = false;
    void this.exited.then(() => {
      isOver = true;
      this.#look();
    });
    while (!holds(this.screen)) {
      if (isOver) throw new Error(`the command has ended, and the screen shows:\n${this.screen.all.join('\n')}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Resolves as soon as a line shows the text. */
  untilShown(text: string): Promise<void> {
    return this.until(({ all }) => all.some((line) => line.includes(text)));
  }

  type(keys: string): void {
    this.#relay.stdin?.write(keys);
  }

  resize(columns: number, rows: number): void {
    this.screen.resize(columns, rows);
    (this.#relay.stdio[3] as Writable).write(`${columns} ${rows}\n`);
  }

  /** Takes the terminal away: the command gets SIGHUP. */
  close(): void {
    this.#relay.kill('SIGKILL');
  }

  #look(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
