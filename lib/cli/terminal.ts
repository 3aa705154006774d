import { openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { escapeControls } from './text';

/*
 * The terminal: lines that stand at its bottom and are drawn anew in their places, and the prompt for a password.
 */

/** Where a display writes: a terminal, a file, a pipe. */
export interface DisplayOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/**
 * Erases the line of the cursor and all below it: first that line, then, from the next one on, the rest. tmux keeps a screen that is erased from its
 * first corner among the lines that have scrolled away.
 */
const ERASE = '\r\x1b7\x1b[K\x1b[B\x1b[J\x1b8';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Lines at the bottom of a terminal that are drawn anew in their places. The cursor is hidden while they stand, and stays at the beginning of the first
 * of them: when the terminal gets another width and breaks the lines anew, it is still there.
 */
export class LiveLines {
  #drawn: readonly string[] = [];
  /** Lines to be printed above, with the next drawing. */
  #above: string[] = [];
  #isResized = false;

  constructor(private readonly output: DisplayOutput) {}

  /** Prints a line above the block: with the next drawing, or now where nothing stands. */
  print(line: string): void {
    this.#above.push(line);
    if (this.#drawn.length === 0) this.draw([]);
  }

  /** Draws the lines in place of those that stand, in one write, and only those that differ. */
  draw(lines: readonly string[]): void {
    const before = this.#drawn;
    const isWhole = this.#isResized || this.#above.length > 0;
    if (!isWhole && lines.length === before.length && lines.every((line, i) => line === before[i])) return;
    let text = '';
    let row = 0;
    const moveTo = (next: number): void => {
      text += '\r\n'.repeat(next - row);
      row = next;
    };
    if (before.length > 0) text += isWhole ? ERASE : '\r';
    text += this.#above.map((line) => `${line}\r\n`).join('');
    if (before.length === 0 && lines.length > 0) text += '\x1b[?25l';
    lines.forEach((line, i) => {
      if (!isWhole && line === before[i]) return;
      moveTo(i);
      // A terminal that takes a character for wider than we do cuts the line, and does not begin another.
      text += `\x1b[?7l${line}\x1b[K\x1b[?7h`;
    });
    if (!isWhole && lines.length < before.length) {
      moveTo(lines.length);
      text += ERASE;
    }
    if (row > 0) text += `\x1b[${row}A`;
    if (lines.length > 0) text += '\r';
    else if (before.length > 0) text += '\x1b[?25h';
    this.#drawn = lines;
    this.#above = [];
    this.#isResized = false;
    if (before.length === 0 && lines.length > 0) this.#listen();
    if (before.length > 0 && lines.length === 0) this.#unlisten();
    // Where the cursor moves between lines, a terminal that can shows them when all are there (DEC private mode 2026).
    this.output.write(text.includes('\n') ? `\x1b[?2026h${text}\x1b[?2026l` : text);
  }

  /** Leaves the lines as they stand, and the cursor below them. */
  readonly leave = (): void => {
    if (this.#drawn.length === 0) return;
    const lines = this.#drawn;
    this.#isResized = true;
    this.draw(lines);
    this.#drawn = [];
    this.#unlisten();
    this.output.write(`${'\r\n'.repeat(lines.length)}\x1b[?25h`);
  };

  /** Another listener ends the program by itself, or goes on. */
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (process.listenerCount(signal) > 1) return;
    this.leave();
    process.kill(process.pid, signal);
  };

  /** When the process goes on, the next drawing hides the cursor again. */
  readonly #onStop = (): void => {
    this.leave();
    process.kill(process.pid, 'SIGSTOP');
  };

  readonly #onResize = (): void => {
    this.#isResized = true;
  };

  #listen(): void {
    this.output.on('resize', this.#onResize);
    process.on('exit', this.leave).on('uncaughtExceptionMonitor', this.leave).on('SIGTSTP', this.#onStop);
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  #unlisten(): void {
    this.output.off('resize', this.#onResize);
    process.off('exit', this.leave).off('uncaughtExceptionMonitor', this.leave).off('SIGTSTP', this.#onStop);
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }
}

/** What the keys of an escape sequence send, which are no part of a password: arrows, Home, F1, and the marks around a paste. */
const KEYS = /\x1b(\[[0-9;?]*[ -/]*[@-~]|O.)?/g;

/**
 * Asks for a password on the terminal of the process, whatever stdin is, and shows nothing of what is typed. Backspace takes one character back, Ctrl-U
 * all. The terminal echoes again when the promise settles, and when the process ends before.
 *
 * @param signal aborts the prompt
 * @throws Error with the code `ENOTTY` where there is no terminal, or where Ctrl-D ends the prompt; an AbortError after Ctrl-C, which is a
 *   SIGINT to the process as elsewhere: without a listener it ends by it, for a shell with 130
 */
export function askPassword(prompt: string, signal?: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const { input, write } = openTerminal();
    let typed = '';
    const restore = (): void => {
      process.off('exit', restore).off('SIGCONT', hide);
      signal?.removeEventListener('abort', onAbort);
      // A terminal that is gone cannot be restored, and need not be.
      input.off('data', onData).off('error', fail).off('end', onEnd).on('error', () => undefined).setRawMode(false);
      write('\n');
      if (input === process.stdin) input.pause();
      else input.destroy();
    };
    const fail = (error: unknown): void => {
      restore();
      reject(error as Error);
    };
    const onAbort = (): void => fail(signal?.reason);
    const onEnd = (): void => fail(noTerminal('the terminal has closed before a password was given'));
    /** While the process was stopped, the shell had the terminal, and has left it in its own mode. */
    const hide = (): void => void input.setRawMode(false).setRawMode(true);
    const onData = (chunk: string): void => {
      for (const key of chunk.replace(KEYS, '')) {
        if (key === '\r' || key === '\n') return restore(), resolve(typed);
        if (key === '\x03' || key === '\x1c') {
          fail(new DOMException('The prompt for the password was interrupted', 'AbortError'));
          // A signal that is sent comes only to a process that waits for something else, too.
          if (process.listenerCount('SIGINT') > 0) process.emit('SIGINT', 'SIGINT');
          else process.kill(process.pid, 'SIGINT');
          return;
        }
        if (key === '\x04' && typed === '') return fail(noTerminal('no password was given'));
        if (key === '\x7f' || key === '\b') typed = Array.from(typed).slice(0, -1).join('');
        else if (key === '\x15') typed = '';
        else if (key >= ' ') typed += key;
      }
    };
    process.once('exit', restore).on('SIGCONT', hide);
    signal?.addEventListener('abort', onAbort);
    try {
      input.setRawMode(true);
      write(escapeControls(prompt));
      input.setEncoding('utf8').on('error', fail).on('end', onEnd).on('data', onData);
    } catch (error) {
      fail(error);
    }
  });
}

/** The terminal of the process, whose own input and output may be files or pipes. Windows has no /dev/tty: there it is stdin. */
function openTerminal(): { input: ReadStream; write: (text: string) => void } {
  if (process.platform === 'win32') {
    if (!process.stdin.isTTY) throw noTerminal('there is no terminal to ask for the password on');
    return { input: process.stdin as ReadStream, write: (text) => void process.stderr.write(text) };
  }
  try {
    const terminal = openSync('/dev/tty', 'r+');
    return { input: new ReadStream(terminal), write: (text) => writeIfOpen(terminal, text) };
  } catch {
    throw noTerminal('there is no terminal to ask for the password on');
  }
}

function writeIfOpen(terminal: number, text: string): void {
  try {
    writeSync(terminal, text);
  } catch {
    // the terminal is gone, and its reading end reports that
  }
}

function noTerminal(message: string): Error {
  return Object.assign(new Error(message), { code: 'ENOTTY' });
}
