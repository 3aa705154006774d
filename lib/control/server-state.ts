import type { Command } from './command';
import { ruleOf } from './command-table';
import type { Reply } from '../reply';

/** More steps than this are not kept: the way back would be longer than any path. */
const LONGEST = 1000;

/** One thing that a command of ours sets in the server's session. It is unknown while such a command waits for its reply. */
export class Setting<T> {
  #value: T | undefined;
  /** What the commands set that wait for their turn or their replies, in their order. */
  #coming: T[] = [];

  constructor(value: T | undefined) {
    this.#value = value;
  }

  /** What it is; undefined where that is not known. */
  get value(): T | undefined {
    return this.#coming.length > 0 ? undefined : this.#value;
  }

  /** What it is, apart from what the commands set that wait. */
  get settled(): T | undefined {
    return this.#value;
  }

  /** What it will be when all that was sent has succeeded. */
  get next(): T | undefined {
    return this.#coming.at(-1) ?? this.#value;
  }

  sent(value: T): void {
    this.#coming.push(value);
  }

  answered(succeeded: boolean): void {
    const value = this.#coming.shift();
    if (succeeded) this.#value = value;
  }

  /** A command has changed it that was given before all that wait. */
  settle(value: T | undefined): void {
    this.#value = value;
  }

  set(value: T | undefined): void {
    this.#value = value;
    this.#coming = [];
  }

  /** What became of the commands that wait is not known. */
  givenUp(): void {
    if (this.#coming.length > 0) this.set(undefined);
  }
}

/**
 * What the session of one control connection is known to be (law 13). Only replies move it; after anything that was interrupted, what
 * may have changed is unknown.
 */
export class ServerState {
  loggedIn = false;
  /** The representation type. */
  readonly type = new Setting<string>(undefined);
  /** The byte at which the next transfer begins: 0, or what a REST has armed. */
  readonly restart = new Setting<number>(0);
  /** A transfer has used what REST armed. RFC 3659 has the server forget it then; one that does not would begin the next transfer there. */
  restartUsed = false;
  /** The protection level of data connections (RFC 2228, 3). */
  readonly protection = new Setting<string>(undefined);
  /** Whether names are in UTF-8 because we asked for it (RFC 2640). */
  readonly utf8 = new Setting<boolean>(false);

  onQueued({ verb, argument }: Command): void {
    if (verb === 'TYPE') this.type.sent(typeIn(argument));
    else if (verb === 'REST') this.restart.sent(Number(argument));
    else if (verb === 'PROT') this.protection.sent(argument.toUpperCase());
    else if (isUTF8On(verb, argument)) this.utf8.sent(true);
    else if (verb === 'USER') this.loggedIn = false;
  }

  onAnswered({ verb, argument }: Command, reply: Reply, succeeded: boolean): void {
    if (verb === 'TYPE') this.type.answered(succeeded);
    else if (verb === 'REST') this.#rest(succeeded);
    else if (verb === 'PROT') this.protection.answered(succeeded);
    else if (isUTF8On(verb, argument)) this.utf8.answered(succeeded);
    else if (verb === 'USER' || verb === 'PASS' || verb === 'ACCT') this.loggedIn = succeeded && reply.kind === 'completion';
    else if (verb === 'REIN') this.reset();
    else if (ruleOf(verb, false).transfers) this.#used(succeeded);
  }

  /** The commands that wait were given up, a transfer among them. */
  onGivenUp(): void {
    for (const setting of [this.type, this.restart, this.protection, this.utf8]) setting.givenUp();
    this.#used(false);
  }

  /** A new connection, or REIN. */
  reset(): void {
    this.loggedIn = false;
    this.type.set(undefined);
    this.restart.set(0);
    this.restartUsed = false;
    this.protection.set(undefined);
    this.utf8.set(false);
  }

  #rest(succeeded: boolean): void {
    this.restart.answered(succeeded);
    if (succeeded && this.restart.value === 0) this.restartUsed = false;
  }

  /** A transfer uses what REST has armed; one that did not come about may have left it: some servers keep it then. */
  #used(succeeded: boolean): void {
    const armed = this.restart.settled;
    if (armed !== 0) this.restartUsed = true;
    if (succeeded) this.restart.settle(0);
    else if (armed !== 0) this.restart.settle(undefined);
  }
}

/** `A N` is A, `L 8` is a type of its own. */
function typeIn(argument: string): string {
  const type = argument.toUpperCase();
  return /^[AI]( |$)/.test(type) ? type.charAt(0) : type;
}

function isUTF8On(verb: string, argument: string): boolean {
  return verb === 'OPTS' && /^utf8 +on$/i.test(argument);
}

/**
 * The way to the working folder, as the commands that led there from the login folder: it can be gone again on a new connection without
 * asking the old one, and without knowing how the server writes paths.
 */
export class WorkingFolder {
  #steps: Command[] = [];
  #lost = false;
  #arrived = true;

  /** The commands that lead there from the login folder.; undefined where there were too many */
  get steps(): readonly Command[] | undefined {
    return this.#lost ? undefined : this.#steps;
  }

  /** The session is in it; false on a new connection, until the way was gone again. */
  get arrived(): boolean {
    return this.#arrived;
  }

  /** A new login begins in the login folder. */
  leave(): void {
    this.#arrived = this.#steps.length === 0 && !this.#lost;
  }

  arrive(): void {
    this.#arrived = true;
  }

  /** A command succeeded. */
  note(command: Command): void {
    const { verb, argument } = command;
    if (verb === 'CWD' || verb === 'XCWD') this.#enter(command, argument);
    else if (verb === 'CDUP' || verb === 'XCUP') this.#goUp(command);
    else if (verb === 'REIN') this.clear();
  }

  /** The session is in its login folder. */
  clear(): void {
    this.#steps = [];
    this.#lost = false;
    this.#arrived = true;
  }

  #enter(command: Command, folder: string): void {
    if (folder === '.') return;
    if (folder.startsWith('/')) this.clear();
    this.#push(command);
  }

  #goUp(command: Command): void {
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
