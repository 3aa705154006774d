import type { Command } from './command';

/** More steps than this are not kept: the way back would be longer than any path. */
const LONGEST = 1000;

/**
 * The way to the working folder, as the commands that led there from the login folder: it can be gone again on a new
 * connection without asking the old one, and without knowing how the server writes paths.
 */
export class Trail {
  #steps: Command[] = [];
  #lost = false;

  /** The commands to repeat; undefined when there are too many. */
  get steps(): readonly Command[] | undefined {
    return this.#lost ? undefined : this.#steps;
  }

  /** A command succeeded. */
  note(command: Command): void {
    const { verb, argument } = command;
    if (verb === 'CWD' || verb === 'XCWD') this.#enter(command, argument);
    else if (verb === 'CDUP' || verb === 'XCUP') this.#leave(command);
    else if (verb === 'REIN') this.clear();
  }

  /** The session is in its login folder again. */
  clear(): void {
    this.#steps = [];
    this.#lost = false;
  }

  #enter(command: Command, folder: string): void {
    if (folder === '.') return;
    if (folder.startsWith('/')) this.clear();
    this.#push(command);
  }

  #leave(command: Command): void {
    const last = this.#steps.at(-1);
    if (last && /^X?CWD$/.test(last.verb) && isPlainName(last.argument)) this.#steps.pop();
    else this.#push(command);
  }

  #push(command: Command): void {
    if (this.#steps.push(command) > LONGEST) {
      this.#steps = [];
      this.#lost = true;
    }
  }
}

/** One step down, on any server: its parent is where we were before. */
function isPlainName(folder: string): boolean {
  return /^[\w-][\w.-]*$/.test(folder);
}
