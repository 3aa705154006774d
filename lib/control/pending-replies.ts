import type { Command } from './command';
import type { Reply } from './reply';
import { Watch } from '../watch';

/** How many plain commands may wait for their replies at once; more would only fill buffers. */
const WINDOW = 1024;

/** What a caller of `exec` may say about the reply it waits for. */
export interface Expectation {
  /** A transfer command: a mark suspends the reply timer, and a 2yz other than 226 and 250 before the mark is thrown away. */
  readonly transfer?: boolean;
  /** Nothing may follow its final reply: TLS begins behind it, or ends. */
  readonly last?: boolean;
}

/** Hears of a command's replies. */
export interface ReplyListener {
  /** Each 1yz. */
  readonly onMark?: ((reply: Reply) => void) | undefined;
  /** The final reply, of class 2yz or 3yz. */
  onReply(reply: Reply): void;
  /** The final reply is of class 4yz or 5yz, or there will be none. */
  onFailure(error: Error): void;
}

/** A command (none for the greeting) whose final reply has not come. */
export interface Pending {
  readonly command: Command | undefined;
  readonly expectation: Expectation;
  readonly listener: ReplyListener;
  marked: boolean;
  /** The reply timer runs for it. */
  timed: boolean;
}

/** The commands that wait for their replies, in the order of the replies, and the one timer for the next reply due. */
export class PendingReplies {
  #pending: Pending[] = [];
  readonly #watch: Watch;
  #room: (() => void)[] = [];
  readonly #onTimeout: () => void;

  /** @param timeout milliseconds; 0 is for ever */
  constructor(timeout: number, onTimeout: () => void) {
    this.#watch = new Watch(timeout);
    this.#onTimeout = onTimeout;
  }

  /** The command that the next reply belongs to. */
  get head(): Pending | undefined {
    return this.#pending[0];
  }

  /** True when further commands wait behind the head. */
  get queued(): boolean {
    return this.#pending.length > 1;
  }

  push(pending: Pending): void {
    this.#pending.push(pending);
    if (this.#pending.length === 1) this.#await();
  }

  /** The head has its final reply. */
  shift(): Pending | undefined {
    const head = this.#pending.shift();
    this.#await();
    if (this.#pending.length <= WINDOW / 2) this.#makeRoom();
    return head;
  }

  /** The head has a 1yz: a transfer's final reply may take as long as its data do. */
  mark(head: Pending): void {
    head.marked = true;
    if (head.expectation.transfer) head.timed = false;
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
    this.#watch.stop(this.#onTimeout);
    this.#watch.release();
    this.#makeRoom();
    return pending;
  }

  /** Resolves once another plain command may be written; undefined: at once. */
  room(): Promise<void> | undefined {
    return this.#pending.length < WINDOW ? undefined : new Promise((resolve) => this.#room.push(resolve));
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
