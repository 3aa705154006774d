// The commands that have no final reply yet: which of them may be sent now, which one the next reply belongs to, and how long it may take.

import type { Command } from './command';
import { areAlike, type CommandRule } from './command-table';
import type { Trial } from './observed-server';
import type { Reply } from '../reply';
import { WaitTimer } from '../net/wait-timer';

/** So many plain commands may wait for their replies at a time; more of them would only fill buffers. */
const WINDOW = 1024;

/** Takes the replies to a command. */
export interface ReplyListener {
  /** Takes each 1yz. */
  readonly onPreliminary?: ((reply: Reply) => void) | undefined;
  /** Takes the final reply of a command that succeeded. */
  onReply(reply: Reply): void;
  /** Takes the error where the final reply is no success, or will not come. */
  onFailure(error: Error): void;
}

/** A command without its final reply. */
export interface Pending {
  /** Undefined for the greeting. */
  readonly command: Command | undefined;
  /** Undefined for the greeting. */
  readonly rule: CommandRule | undefined;
  readonly listener: ReplyListener;
  /** Whether a final reply of any class but 4yz and 5yz goes to the listener as it is, because the caller wrote the line himself. */
  readonly raw: boolean;
  /** Whether each later session is sent it, too. */
  readonly repeated: boolean;
  /** Once this is aborted, it is not sent any more. */
  readonly signal: AbortSignal | undefined;
  /** Whether it was sent. */
  sent: boolean;
  /** The `performance.now()` at which it was sent; undefined where nobody had subscribed to `ftplib:command` then. */
  sentAt: number | undefined;
  /** Whether it was sent before the final reply of a transfer. */
  early: boolean;
  /** Whether a 1yz has come. */
  preliminarySeen: boolean;
  /** Whether the reply timer runs while it is the next to be answered. */
  timed: boolean;
}

/** What a connection may do if the server takes it. */
export interface Trials {
  readonly pipelining: Trial;
  readonly earlyCommands: Trial;
  readonly utf8Option: Trial;
  /** Whether a transfer has ended with 226 or 250. */
  readonly endsInOrder: boolean;
}

/** A reply that stays out while something is tried is waited for so many times as long as the slowest reply so far, within these milliseconds. */
const PATIENCE = { times: 4, least: 1000, most: 10_000 };

/**
 * The commands that wait for their replies, in the order of the replies, and the timer for the next reply.
 *
 * A server may drop a command that shares a packet with another one, or answer commands in another order. So at first only commands share a
 * flight that change nothing, and whose replies cannot be taken for each other's. When two such commands of one flight were answered in
 * their order, the server is known to keep the order, and all commands may share flights. FEAT 211, TYPE 200 and EPSV 229 show it, which
 * are the first flight of most sessions.
 *
 * Both are tried: the first flight of all, and the first command that is sent before the final reply of a transfer. The server may close the
 * connection for it, or leave a reply out, and then goes one command at a time from there on.
 */
export class PendingReplies {
  #pending: Pending[] = [];
  /** How many of them were sent; they are the first ones. */
  #sent = 0;
  /** The rules of the commands that were sent since nothing was in flight. */
  #flight: CommandRule[] = [];
  /** How many commands were sent since nothing was in flight, and how many before that. */
  #flightSize = 0;
  #flightBefore = 0;
  /** How many replies of this flight can have answered one of its commands only, in its turn. */
  #distinct = 0;
  /** The caller has set something in the session that another connection would not have. */
  irreplaceable = false;
  /** How many commands in flight are barriers, how many are transfers, and how many were sent before the final reply of one. */
  #barriers = 0;
  #transfers = 0;
  #early = 0;
  #ordered = false;
  /** Whether commands may be sent after the data of a transfer, before its final reply. */
  #sendsBeforeCompletion = true;
  /** Undefined where one command goes at a time, because the caller wants it so. */
  readonly #trials: Trials | undefined;
  readonly #timer: WaitTimer;
  /** Runs while something is tried and a reply is due. */
  #trialTimer: NodeJS.Timeout | undefined;
  /** The `Date.now()` at which the head began to wait: a monotonic clock costs eight times as much, and `PATIENCE` bounds what a clock that is set can do. */
  #waitsSince = 0;
  /** The most milliseconds that a reply took. */
  #slowest = 0;
  readonly #waitingForRoom: (() => void)[] = [];
  readonly #onTimeout: () => void;

  /**
   * @param timeout milliseconds for a reply; 0 waits for ever
   * @param trials undefined for one command at a time
   */
  constructor(timeout: number, trials: Trials | undefined, onTimeout: () => void) {
    this.#trials = trials;
    this.#timer = new WaitTimer(timeout);
    this.#onTimeout = onTimeout;
  }

  /** The command that the next reply belongs to, if it was sent. */
  get head(): Pending | undefined {
    return this.#sent > 0 ? this.#pending[0] : undefined;
  }

  /** The command after the head, if it was sent, too. */
  get second(): Pending | undefined {
    return this.#sent > 1 ? this.#pending[1] : undefined;
  }

  /** The commands after the head that were sent, too. */
  get followers(): readonly Pending[] {
    return this.#pending.slice(1, this.#sent);
  }

  get #inFlight(): readonly Pending[] {
    return this.#pending.slice(0, this.#sent);
  }

  /** True once the server is known to answer the commands of a flight in their order. */
  get ordered(): boolean {
    return this.#ordered;
  }

  /**
   * The connection is lost, or a reply stays out: what was being tried has failed. A reply that fits no command shows the same at any time.
   *
   * @param misfit a reply fits no command
   * @returns true where something has failed, and no command in flight changes anything: all of them can be sent again on another connection
   */
  blame(misfit: boolean): boolean {
    const suspected = misfit && Math.max(this.#flightSize, this.#flightBefore) > 1;
    const trial = this.#tried ?? (suspected ? this.#trials?.[this.#transfers > 0 ? 'earlyCommands' : 'pipelining'] : undefined);
    trial?.fail();
    return trial !== undefined && this.changesNothing && !this.irreplaceable;
  }

  /** Whether a lost reply, or one that does not fit, is the outcome of what is being tried. */
  get onTrial(): boolean {
    return this.#tried !== undefined;
  }

  /** Whether no command in flight changes anything but the session, which is lost with the connection. */
  get changesNothing(): boolean {
    return this.#inFlight.every(({ rule }) => rule !== undefined && rule.changes !== 'server' && !rule.barrier);
  }

  /** Whether several commands may be in flight. That is not tried where the loss of the session would lose what the caller has set in it. */
  get pipelines(): boolean {
    const trial = this.#trials?.pipelining;
    return trial?.allows(this) === true && (trial.outcome === 'passed' || !this.irreplaceable);
  }

  /** Whether a command may be sent before the final reply of a transfer, and whether that is being tried. */
  get early(): 'no' | 'tried' | 'yes' {
    const trial = this.#trials?.earlyCommands;
    if (!trial || !this.#sendsBeforeCompletion || !this.pipelines || !trial.allows(this)) return 'no';
    return trial.outcome === 'passed' ? 'yes' : 'tried';
  }

  /** True where no command waits, sent or not. */
  get empty(): boolean {
    return this.#pending.length === 0;
  }

  /** Adds a command, which is sent when `next` returns it. */
  push(pending: Pending): void {
    this.#pending.push(pending);
  }

  /** The next command, if it may be sent now; it counts as sent. */
  next(): Pending | undefined {
    let next = this.#pending[this.#sent];
    while (next?.signal?.aborted) next = this.#afterUnwanted(next);
    if (!next || !this.#maySend(next.rule)) return undefined;
    next.sent = true;
    next.early = this.#transfers > 0 && !next.rule?.interrupts && !next.rule?.transfers;
    if (this.#sent === 0) [this.#flightBefore, this.#flightSize] = [this.#flightSize, 0];
    this.#flightSize += 1;
    this.#sent += 1;
    this.#count(next, 1);
    if (this.#sent > 1 && this.#trials?.pipelining.outcome === 'none') this.#trials.pipelining.begin(this);
    if (next.early && this.#trials?.earlyCommands.outcome === 'none') this.#trials.earlyCommands.begin(this);
    if (next.rule && !this.#ordered) this.#flight.push(next.rule);
    if (this.#sent === 1 || ((this.#early > 0 || this.#flight.length > 1) && this.#tried)) this.#await();
    return next;
  }

  /** The command after one that its caller has given up, which is not sent. */
  #afterUnwanted({ signal, listener }: Pending): Pending | undefined {
    this.#pending.splice(this.#sent, 1);
    listener.onFailure(signal?.reason as Error);
    if (this.#waitingForRoom.length > 0 && this.#pending.length <= WINDOW / 2) this.#makeRoom();
    return this.#pending[this.#sent];
  }

  /** Removes a command that has its final reply. @param inTurn whether that reply is a success of its own, in its turn */
  answered(pending: Pending, inTurn: boolean): void {
    this.#slowest = Math.max(this.#slowest, Date.now() - this.#waitsSince);
    if (this.#pending[0] === pending) this.#pending.shift();
    else this.#pending.splice(this.#pending.indexOf(pending), 1);
    this.#sent -= 1;
    this.#count(pending, -1);
    if (inTurn && pending.early) this.#trials?.earlyCommands.pass();
    if (inTurn && !this.#ordered && pending.rule) this.#noteOrder(pending.rule);
    if (this.#sent === 0) {
      this.#flight = [];
      this.#distinct = 0;
      if (this.#trials?.pipelining.outcome === 'none') this.#trials.pipelining.leave(this); // another connection may try
    }
    this.#await();
    if (this.#waitingForRoom.length > 0 && this.#pending.length <= WINDOW / 2) this.#makeRoom();
  }

  /** Takes back the command of this listener; false where it was sent, or is answered. */
  withdraw(listener: ReplyListener): boolean {
    const at = this.#pending.findIndex((each) => each.listener === listener);
    if (at < this.#sent) return false;
    this.#pending.splice(at, 1);
    return true;
  }

  /** The server has refused these commands because it takes none before the final reply of a transfer: they are sent again after it. */
  sendAgain(refused: readonly Pending[]): void {
    const head = this.#pending.slice(0, this.#sent).filter((each) => !refused.includes(each));
    for (const each of refused) {
      this.#count(each, -1);
      each.sent = each.early = false;
    }
    this.#pending = [...head, ...refused, ...this.#pending.slice(this.#sent)];
    this.#sent = head.length;
    this.requireCompletion();
  }

  /** From now on no command is sent before the final reply of a transfer. */
  requireCompletion(): void {
    this.#sendsBeforeCompletion = false;
    if (this.#trials?.earlyCommands.outcome === 'none') this.#trials.earlyCommands.fail();
  }

  /** The head has a 1yz: the final reply of a transfer may take as long as its data. */
  onPreliminary(head: Pending): void {
    head.preliminarySeen = true;
    if (head.rule?.transfers) head.timed = false;
    this.#await();
  }

  /** The timer runs for the final reply of the head now. */
  expect(): void {
    if (this.head) this.head.timed = true;
    this.#await();
  }

  /** Removes all commands, and returns them. */
  clear(): Pending[] {
    const pending = this.#pending;
    this.#pending = [];
    this.#sent = this.#distinct = this.#barriers = this.#transfers = this.#early = 0;
    this.#flight = [];
    clearTimeout(this.#trialTimer);
    this.#timer.stop(this.#onTimeout);
    this.#timer.release();
    this.#makeRoom();
    return pending;
  }

  /** The connection is closed: what was tried on it without an outcome may be tried on another one. */
  leaveTrials(): void {
    this.#trials?.pipelining.leave(this);
    this.#trials?.earlyCommands.leave(this);
  }

  /** Resolves once another plain command may be added; undefined where it may be at once. */
  room(): Promise<void> | undefined {
    return this.#pending.length < WINDOW ? undefined : new Promise((resolve) => this.#waitingForRoom.push(resolve));
  }

  /** Whether a command may share the flight of the commands that were sent. */
  #maySend(rule: CommandRule | undefined): boolean {
    if (this.#sent === 0 || !rule || rule.interrupts) return true;
    if (this.#barriers > 0 || (this.#trials?.pipelining.outcome !== 'passed' && !this.pipelines)) return false;
    if (this.#early > 0 && this.early !== 'yes') return false; // the server may drop it, and the next reply would pass for that to it
    if (this.#transfers > 0 && !this.#maySendEarly(rule)) return false;
    if (this.#ordered) return true;
    if (rule.changes !== 'nothing') return false;
    return this.#inFlight.every((each) => !each.rule || (each.rule.changes === 'nothing' && (each.rule.outcomeIgnored || rule.outcomeIgnored || !areAlike(each.rule, rule))));
  }

  /** Whether a command may be sent before the final reply of a transfer. While that is tried, not one that 200 answers, where the server may end a transfer with 200. */
  #maySendEarly(rule: CommandRule): boolean {
    return rule.allowedBeforeCompletion && (this.early === 'yes' || (this.early === 'tried' && (!rule.codes.has(200) || this.#trials?.endsInOrder === true)));
  }

  /** What is being tried with the commands in flight: a lost reply or connection is its outcome. */
  get #tried(): Trial | undefined {
    if (!this.#trials || this.#sent === 0) return undefined;
    const { pipelining, earlyCommands } = this.#trials;
    if (this.#early > 0 && earlyCommands.outcome !== 'passed') return earlyCommands;
    return this.#flight.length > 1 && pipelining.outcome !== 'passed' ? pipelining : undefined;
  }

  /** Counts a command that was sent, or is answered. */
  #count({ rule, early }: Pending, by: 1 | -1): void {
    if (early) this.#early += by;
    if (early && this.#early === 0) this.#trials?.earlyCommands.leave(this);
    if (!rule || rule.barrier) this.#barriers += by;
    if (rule?.transfers) this.#transfers += by;
  }

  /** A reply to one command of a flight that can have answered no other: two of them show that the server keeps the order. */
  #noteOrder(rule: CommandRule): void {
    if (this.#flight.length < 2) return;
    if (this.#flight.filter((each) => each === rule || areAlike(each, rule)).length > 1) return;
    this.#distinct += 1;
    if (this.#distinct < 2) return;
    this.#ordered = true;
    this.#trials?.pipelining.pass();
  }

  #makeRoom(): void {
    for (const resolve of this.#waitingForRoom.splice(0)) resolve();
  }

  /** Starts the timer for the next reply, if one is due. */
  #await(): void {
    this.#waitsSince = Date.now();
    clearTimeout(this.#trialTimer);
    if ((this.#early > 0 || this.#flight.length > 1) && this.#tried) this.#trialTimer = setTimeout(this.#onTimeout, this.#patience);
    if (this.head?.timed) this.#timer.start(this.#onTimeout);
    else this.#timer.stop(this.#onTimeout);
  }

  /** Milliseconds for the next reply while something is tried; the final reply of a transfer may take its time. */
  get #patience(): number {
    const { times, least, most } = PATIENCE;
    return this.head?.rule?.transfers ? most : Math.min(most, Math.max(least, times * this.#slowest));
  }
}
