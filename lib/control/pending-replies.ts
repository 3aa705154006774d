import type { Command } from './command';
import type { Reply } from './reply';

/** How many plain commands may wait for their replies at once; more would only fill buffers. */
const WINDOW = 1024;

/** What a caller of `exec` may say about the reply it waits for. */
export interface Expectation {
  /** A transfer command: a mark suspends the reply timer, and a 2yz other than 226 and 250 before the mark is thrown away. */
  readonly transfer?: boolean;
  /** Nothing may follow its final reply: TLS begins behind it, or ends. */
  readonly last?: boolean;
  /** Hears each 1yz. */
  readonly onMark?: (reply: Reply) => void;
  /** Hears the final reply the moment it is read, before anything else can happen. */
  readonly onFinal?: () => void;
}

/** A command (none for the greeting) whose final reply has not come. */
export interface Pending {
  readonly command: Command | undefined;
  readonly expectation: Expectation;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
  marked: boolean;
  /** The reply timer runs for it. */
  timed: boolean;
}

/** The commands that wait for their replies, in the order of the replies, and the one timer for the next reply due. */
export class PendingReplies {
  #pending: Pending[] = [];
  /** Runs on, unheard, while no reply is due: to stop it and start another costs more than to let it be. */
  #timer: NodeJS.Timeout | undefined;
  #due = false;
  #room: (() => void)[] = [];
  readonly #timeout: number;
  readonly #onTimeout: () => void;

  /** @param timeout milliseconds; 0 is for ever */
  constructor(timeout: number, onTimeout: () => void) {
    this.#timeout = timeout;
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
    if (this.#pending.length === 1) this.#watch();
  }

  /** The head has its final reply. */
  shift(): Pending | undefined {
    const head = this.#pending.shift();
    this.#watch();
    if (this.#pending.length <= WINDOW / 2) this.#makeRoom();
    return head;
  }

  /** The head has a 1yz: a transfer's final reply may take as long as its data do. */
  mark(head: Pending): void {
    head.marked = true;
    if (head.expectation.transfer) head.timed = false;
    this.#watch();
  }

  /** The head's final reply is due now. */
  expect(): void {
    if (this.head) this.head.timed = true;
    this.#watch();
  }

  /** Takes all out. */
  clear(): Pending[] {
    const pending = this.#pending;
    this.#pending = [];
    this.#due = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
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

  #watch(): void {
    if (this.#timeout === 0) return;
    this.#due = this.head?.timed === true;
    if (this.#due) this.#timer = this.#timer?.refresh().ref() ?? setTimeout(this.#expire, this.#timeout);
    else this.#timer?.unref();
  }

  readonly #expire = (): void => {
    this.#timer = undefined;
    if (this.#due) this.#onTimeout();
  };
}
