import type { Command } from './command';
import { areAlike, type CommandRule } from './command-table';
import type { Reply } from '../reply';
import { WaitTimer } from '../net/wait-timer';

/** How many plain commands may wait for their replies at once; more would only fill buffers. */
const WINDOW = 1024;

/** Hears of a command's replies. */
export interface ReplyListener {
  /** Each 1yz. */
  readonly onPreliminary?: ((reply: Reply) => void) | undefined;
  /** The final reply, which says that the command succeeded. */
  onReply(reply: Reply): void;
  /** The final reply says something else, or there will be none. */
  onFailure(error: Error): void;
}

/** A command whose final reply has not come. */
export interface Pending {
  /** None for the greeting. */
  readonly command: Command | undefined;
  readonly rule: CommandRule | undefined;
  readonly listener: ReplyListener;
  /** A caller's own line: he judges a 3yz himself. */
  readonly raw: boolean;
  /** It has left. */
  sent: boolean;
  preliminarySeen: boolean;
  /** The reply timer runs for it. */
  timed: boolean;
}

/**
 * The commands that wait for their replies, in the order of the replies; which of them may leave; and the one timer for the next reply due.
 *
 * A server may drop a command that shares a packet with another, or answer out of order. So until a session has shown that it keeps
 * the order, only such commands are in flight together as change nothing and whose replies cannot be taken for each other's. It has
 * shown it when two such commands of one flight were answered in their order (FEAT 211, TYPE 200, EPSV 229: the first flight of most sessions).
 */
export class PendingReplies {
  #pending: Pending[] = [];
  /** How many of them have left. */
  #sent = 0;
  /** The rules of all that has left since nothing was in flight. */
  #flight: CommandRule[] = [];
  #toldApart = 0;
  /** How many in flight let nothing follow them, and how many are transfers. */
  #alone = 0;
  #transfers = 0;
  #ordered = false;
  #followsData = true;
  readonly #watch: WaitTimer;
  #room: (() => void)[] = [];
  readonly #onTimeout: () => void;

  /** @param timeout milliseconds; 0 is for ever */
  constructor(timeout: number, onTimeout: () => void) {
    this.#watch = new WaitTimer(timeout);
    this.#onTimeout = onTimeout;
  }

  /** The command that the next reply belongs to, if it has left. */
  get head(): Pending | undefined {
    return this.#sent > 0 ? this.#pending[0] : undefined;
  }

  /** The first command after the head, if it has left, too. */
  get second(): Pending | undefined {
    return this.#sent > 1 ? this.#pending[1] : undefined;
  }

  /** The commands after the head that have left, too. */
  get followers(): readonly Pending[] {
    return this.#pending.slice(1, this.#sent);
  }

  /** True once the server has shown that it keeps the order of commands that share a flight. */
  get ordered(): boolean {
    return this.#ordered;
  }

  /** True where nothing waits, sent or not. */
  get empty(): boolean {
    return this.#pending.length === 0;
  }

  push(pending: Pending): void {
    this.#pending.push(pending);
  }

  /** The next command that may leave now; it counts as sent. */
  next(): Pending | undefined {
    const next = this.#pending[this.#sent];
    if (!next || !this.#mayLeave(next.rule)) return undefined;
    next.sent = true;
    this.#sent += 1;
    this.#count(next, 1);
    if (next.rule && !this.#ordered) this.#flight.push(next.rule);
    if (this.#sent === 1) this.#await();
    return next;
  }

  /** That command has its final reply. @param proves the reply is its own success, in its turn */
  answered(pending: Pending, proves: boolean): void {
    if (this.#pending[0] === pending) this.#pending.shift();
    else this.#pending.splice(this.#pending.indexOf(pending), 1);
    this.#sent -= 1;
    this.#count(pending, -1);
    if (proves && pending.rule) this.#prove(pending.rule);
    if (this.#sent === 0) {
      this.#flight = [];
      this.#toldApart = 0;
    }
    this.#await();
    if (this.#pending.length <= WINDOW / 2) this.#makeRoom();
  }

  /** The server takes no command before a transfer's final reply: these were refused for that, and leave again after it. */
  sendAgain(refused: readonly Pending[]): void {
    const head = this.#pending.slice(0, this.#sent).filter((each) => !refused.includes(each));
    for (const each of refused) {
      each.sent = false;
      this.#count(each, -1);
    }
    this.#pending = [...head, ...refused, ...this.#pending.slice(this.#sent)];
    this.#sent = head.length;
    this.#followsData = false;
  }

  /** From now on nothing leaves before a transfer's final reply. */
  keepToOneTransfer(): void {
    this.#followsData = false;
  }

  /** The head has a 1yz: a transfer's final reply may take as long as its data do. */
  onPreliminary(head: Pending): void {
    head.preliminarySeen = true;
    if (head.rule?.transfers) head.timed = false;
    this.#await();
  }

  /** The head's final reply is due now. */
  expect(): void {
    if (this.head) this.head.timed = true;
    this.#await();
  }

  /** Takes all out. */
  clear(): Pending[] {
    const pending = this.#pending;
    this.#pending = [];
    this.#sent = this.#toldApart = this.#alone = this.#transfers = 0;
    this.#flight = [];
    this.#watch.stop(this.#onTimeout);
    this.#watch.release();
    this.#makeRoom();
    return pending;
  }

  /** Resolves once another plain command may be given; undefined: at once. */
  room(): Promise<void> | undefined {
    return this.#pending.length < WINDOW ? undefined : new Promise((resolve) => this.#room.push(resolve));
  }

  #mayLeave(rule: CommandRule | undefined): boolean {
    if (this.#sent === 0 || !rule || rule.interrupts) return true;
    if (this.#alone > 0) return false;
    if (this.#transfers > 0 && !(rule.allowedBeforeCompletion && this.#followsData)) return false;
    if (this.#ordered) return true;
    const inFlight = this.#pending.slice(0, this.#sent);
    return rule.changes === 'nothing' && inFlight.every((each) => !each.rule || each.rule.outcomeIgnored || rule.outcomeIgnored || !areAlike(each.rule, rule));
  }

  #count({ rule }: Pending, by: 1 | -1): void {
    if (!rule || rule.barrier) this.#alone += by;
    if (rule?.transfers) this.#transfers += by;
  }

  #prove(rule: CommandRule): void {
    if (this.#ordered || this.#flight.length < 2) return;
    if (this.#flight.filter((each) => each === rule || areAlike(each, rule)).length > 1) return;
    this.#toldApart += 1;
    if (this.#toldApart === 2) this.#ordered = true;
  }

  #makeRoom(): void {
    if (this.#room.length > 0) for (const resolve of this.#room.splice(0)) resolve();
  }

  /** The time for the next reply begins, if one is due. */
  #await(): void {
    if (this.head?.timed) this.#watch.start(this.#onTimeout);
    else this.#watch.stop(this.#onTimeout);
  }
}
