// What the server's session is known to be, as far as our commands change it: logged in, type, mode, restart offset, protection, UTF-8, working folder.
//
// Only replies change these values. After anything that was interrupted, a value that may have changed is unknown, and is set again before
// it matters.

import type { Command } from './command';
import { ruleOf } from './command-table';
import type { Reply } from '../reply';

/** More steps are not kept: the way back would be longer than any path. */
const MOST_STEPS = 1000;

/** One value of the server's session that a command sets; it is unknown while such a command waits for its reply. */
export class Setting<T> {
  /** The value before the waiting commands; undefined where it is not known. */
  confirmed: T | undefined;
  /** The values that the waiting commands set, in the order of the commands. */
  #coming: T[] = [];

  constructor(value: T | undefined) {
    this.confirmed = value;
  }

  /** The value; undefined where it is not known. */
  get value(): T | undefined {
    return this.#coming.length > 0 ? undefined : this.confirmed;
  }

  /** The value after the waiting commands, if all of them succeed. */
  get next(): T | undefined {
    return this.#coming.at(-1) ?? this.confirmed;
  }

  /** A command waits that sets the value. */
  sent(value: T): void {
    this.#coming.push(value);
  }

  /** The first of the waiting commands is answered. */
  answered(succeeded: boolean): void {
    const value = this.#coming.shift();
    if (succeeded) this.confirmed = value;
  }

  /** Sets the value; no command waits. */
  set(value: T | undefined): void {
    this.confirmed = value;
    this.#coming = [];
  }

  /** Whether the waiting commands were carried out is not known. */
  givenUp(): void {
    if (this.#coming.length > 0) this.set(undefined);
  }
}

/** Whether a command sets what the commands after it count on, before it is answered. */
export function setsState({ verb, argument }: Command): boolean {
  return ['TYPE', 'REST', 'PROT', 'USER'].includes(verb) || (verb === 'OPTS' && isUTF8On(argument));
}

/** What the session of one control connection is known to be, apart from its working folder. */
export class ServerState {
  loggedIn = false;
  /** The representation type (RFC 959, 3.1.1). */
  readonly type = new Setting<string>(undefined);
  /** The transfer mode: S for stream, Z for compressed (RFC 959, 3.4; draft-preston-ftpext-deflate). */
  readonly mode = new Setting<string>('S');
  /** The byte at which the next transfer begins: 0, or the offset of a REST (RFC 3659, 5). */
  readonly restart = new Setting<number>(0);
  /** Whether a transfer has used the offset of a REST. The server must forget the offset then (RFC 3659, 5.3); one that does not would begin the next transfer there. */
  restartUsed = false;
  /** The protection level of data connections (RFC 2228, 3). */
  readonly protection = new Setting<string>(undefined);
  /** Whether names are in UTF-8, because OPTS UTF8 ON succeeded (RFC 2640). */
  readonly utf8 = new Setting<boolean>(false);

  /** A command waits. */
  onQueued({ verb, argument }: Command): void {
    if (verb === 'TYPE') this.type.sent(typeIn(argument));
    else if (verb === 'MODE') this.mode.sent(argument.toUpperCase());
    else if (verb === 'REST') this.restart.sent(Number(argument));
    else if (verb === 'PROT') this.protection.sent(argument.toUpperCase());
    else if (verb === 'OPTS' && isUTF8On(argument)) this.utf8.sent(true);
    else if (verb === 'USER') this.loggedIn = false;
  }

  /** A command has its final reply. */
  onAnswered({ verb, argument }: Command, reply: Reply, succeeded: boolean): void {
    if (verb === 'TYPE') this.type.answered(succeeded);
    else if (verb === 'MODE') this.mode.answered(succeeded);
    else if (verb === 'REST') this.#confirmRestart(succeeded);
    else if (verb === 'PROT') this.protection.answered(succeeded);
    else if (verb === 'OPTS' && isUTF8On(argument)) this.utf8.answered(succeeded);
    else if (verb === 'USER' || verb === 'PASS' || verb === 'ACCT') this.loggedIn = succeeded && reply.kind === 'completion';
    else if (verb === 'REIN') this.reset();
    else if (ruleOf(verb, false).transfers) this.#useRestart(succeeded);
  }

  /** The waiting commands were given up, and a transfer with them. */
  onGivenUp(): void {
    for (const setting of [this.type, this.mode, this.restart, this.protection, this.utf8]) setting.givenUp();
    this.#useRestart(false);
  }

  /** The session is a new one: there is a new connection, or REIN has succeeded. */
  reset(): void {
    this.loggedIn = false;
    this.type.set(undefined);
    this.mode.set('S');
    this.restart.set(0);
    this.restartUsed = false;
    this.protection.set(undefined);
    this.utf8.set(false);
  }

  #confirmRestart(succeeded: boolean): void {
    this.restart.answered(succeeded);
    if (succeeded && this.restart.value === 0) this.restartUsed = false;
  }

  /** A transfer is over, and has used the offset of a REST. After one that failed the offset is unknown, because some servers keep it. */
  #useRestart(succeeded: boolean): void {
    if (this.restart.confirmed === 0) return;
    this.restartUsed = true;
    this.restart.confirmed = succeeded ? 0 : undefined;
  }
}

/** The type in an argument of TYPE: `A N` is `A`, and `L 8` is a type of its own. */
function typeIn(argument: string): string {
  const type = argument.toUpperCase();
  return /^[AI]( |$)/.test(type) ? type.charAt(0) : type;
}

function isUTF8On(argument: string): boolean {
  return /^utf8 +on$/i.test(argument);
}

/**
 * The working folder, as the commands that led there from the login folder. A new connection can send them again, whatever the server's
 * paths look like.
 */
export class WorkingFolder {
  #steps: Command[] = [];
  #lost = false;
  /** Whether the session is in it: false on a new connection, until the commands were sent again. */
  arrived = true;

  /** The commands that lead there from the login folder; undefined where there were too many. */
  get steps(): readonly Command[] | undefined {
    return this.#lost ? undefined : this.#steps;
  }

  /** There is a new connection, which begins in the login folder. */
  leave(): void {
    this.arrived = this.#steps.length === 0 && !this.#lost;
  }

  /** A command has succeeded, which may have led to another folder. */
  follow(command: Command): void {
    const { verb, argument } = command;
    if (verb === 'CWD' || verb === 'XCWD') this.#enter(command, argument);
    else if (verb === 'CDUP' || verb === 'XCUP') this.#goUp(command);
    else if (verb === 'REIN') this.clear();
  }

  /** The login folder is the working folder. */
  clear(): void {
    this.#steps = [];
    this.#lost = false;
    this.arrived = true;
  }

  #enter(command: Command, folder: string): void {
    if (folder === '.') return;
    if (folder === '..') return this.#goUp(command);
    if (folder.startsWith('/')) this.clear();
    this.#push(command);
  }

  #goUp(command: Command): void {
    const last = this.#steps.at(-1);
    if (last && /^X?CWD$/.test(last.verb) && isPlainName(last.argument)) this.#steps.pop();
    else this.#push(command);
  }

  #push(command: Command): void {
    if (this.#steps.push(command) > MOST_STEPS) {
      this.#steps = [];
      this.#lost = true;
    }
  }
}

/** True for a name that leads one level down on any server, so that CDUP leads back. */
function isPlainName(folder: string): boolean {
  return /^[\w-][\w.-]*$/.test(folder);
}
