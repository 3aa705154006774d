import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { debuglog } from 'node:util';
import type { Encoding } from '../encoding';
import { ConnectionClosedError, FTPError, ProtocolError, SecurityError, TemporaryError, TimeoutError } from '../errors';
import { deadline } from '../net/dial';
import { RecordTap, secure } from '../net/tls';
import type { Reply } from '../reply';
import type { Command } from './command';
import { answersNoop, conceal, failureOf, isTransferEnd, isTransferFailure, judge, lostConnection, lostReply, ruleOf, unexpected, type Verdict } from './command-table';
import { type Pending, PendingReplies, type ReplyListener } from './pending-replies';
import { ReplyParser } from './reply-parser';

/** The caps and the timeouts of a control connection. */
interface ControlOptions {
  readonly encoding?: Encoding | undefined;
  readonly maxReplyLineBytes?: number | undefined;
  readonly maxReplyBytes?: number | undefined;
  /** Milliseconds; 0 is for ever. */
  readonly replyTimeout: number;
  /** Milliseconds for a TLS handshake; 0 is for ever. */
  readonly connectTimeout: number;
}

/** What happens on a control connection. */
export interface ControlListener {
  /** The line of a command that leaves, for people to read. */
  onCommand(line: string): void;
  /** A reply came, secrets taken out. */
  onReply(reply: Reply): void;
  /** A command will leave, after those that were given before it: what is given after it must count with what it changes. */
  onQueued(command: Command): void;
  /** A command has its final reply. */
  onAnswered(command: Command, reply: Reply, succeeded: boolean): void;
  /** The commands that wait were given up: what became of them is not known. */
  onGivenUp(): void;
  /** The connection is gone; without an error where we closed it, or had said QUIT. */
  onClose(error: Error | undefined): void;
}

/** Takes every reply while the commands that wait are being given up. */
interface Collector {
  onReply(reply: Reply): void;
  /** There will be no more. */
  onClose(): void;
}

const debug = debuglog('ftp');
/** What the server says right after the reply to these is not in the same clear or TLS any more. */
const TLS_BEGINS_OR_ENDS = new Set(['AUTH', 'CCC']);

/** What is special about one command, apart from what its verb says. */
export interface SendOptions {
  /** It has a data connection, whatever its verb. */
  readonly transfer?: boolean;
  /** A caller's own line: he judges a 3yz himself. */
  readonly raw?: boolean;
}

const PLAIN: SendOptions = {};

/** The one place that writes to the control socket, and that matches its replies to commands in order. */
export class ControlConnection {
  readonly #options: ControlOptions;
  readonly #listener: ControlListener;
  readonly #pending: PendingReplies;
  /** The connection itself, below TLS. */
  readonly #base: Socket;
  #socket: Duplex;
  #tap: RecordTap | undefined;
  #parser: ReplyParser;
  #outgoing: Buffer[] = [];
  #closed: { readonly error: Error | undefined } | undefined;
  #hungUp = false;
  #sealed = false;
  #noopsDue = 0;
  #collector: Collector | undefined;
  /** Refusals after the data of a transfer, while other commands are in flight: whose they are, the next reply shows; without one, nobody's. */
  #held: Reply[] = [];

  constructor(socket: Duplex, options: ControlOptions, listener: ControlListener) {
    this.#options = options;
    this.#listener = listener;
    this.#pending = new PendingReplies(options.replyTimeout, this.#onTimeout);
    this.#socket = socket;
    this.#base = socket as Socket;
    this.#parser = this.#attach(socket);
  }

  /** False once the connection is lost or closed. */
  get open(): boolean {
    return this.#closed === undefined;
  }

  /** @throws what it was closed for */
  assertOpen(): void {
    if (this.#closed) throw lostConnection(this.#closed.error, undefined);
  }

  /** The server's address; undefined where the stream is no socket. */
  get remoteAddress(): string | undefined {
    return this.#base.remoteAddress;
  }

  /** Our address; undefined where the stream is no socket. */
  get localAddress(): string | undefined {
    return this.#base.localAddress;
  }

  /** True while any command waits for its final reply. */
  get waiting(): boolean {
    return this.#pending.head !== undefined;
  }

  /** True while a transfer command waits for its final reply. */
  get transferring(): boolean {
    return this.#pending.head?.rule?.transfers === true;
  }

  /** Waits for the greeting: 120 marks may come first (RFC 959, 5.4). */
  greeting(): Promise<Reply> {
    return new Promise((onReply, onFailure) => this.#expect(undefined, { onReply, onFailure }, PLAIN));
  }

  /**
   * Sends one command and waits for its final reply; commands of one turn of the event loop leave in one write, as far as they may be
   * in flight together.
   *
   * @param onPreliminary is called with each 1yz
   * @throws TemporaryError, PermanentError for 4yz and 5yz; ReplyError for what the command may not be answered; ConnectionClosedError,
   * TimeoutError, ProtocolError when no reply can come
   */
  exec(command: Command, sending: SendOptions = PLAIN, onPreliminary?: (reply: Reply) => void): Promise<Reply> {
    return new Promise((onReply, onFailure) => this.request(command, { onPreliminary, onReply, onFailure }, sending));
  }

  /** The same for one who hears of the replies the moment that they are read, before anything else can happen. */
  request(command: Command, listener: ReplyListener, sending: SendOptions = PLAIN): void {
    if (this.#closed) return listener.onFailure(lostConnection(this.#closed.error, command));
    this.#expect(command, listener, sending);
    this.#sendNext();
  }

  /** Resolves once another plain command may be written; undefined: at once. */
  room(): Promise<void> | undefined {
    return this.#pending.room();
  }

  /** True where that command would leave only when nothing is in flight. */
  sendsAlone({ verb }: Command): boolean {
    return !this.#pending.ordered && ruleOf(verb, false).changes !== 'nothing' && this.#pending.empty;
  }

  /** Lets the reply timer run again for the transfer command that waits for its final reply. */
  expectCompletion(): void {
    this.#pending.expect();
  }

  /**
   * Gives up the commands that wait, which fail with `reason`, and hands every reply to the collector until `release` is called; `due` is how
   * many had left, whose final replies may come.
   */
  collect(reason: Error, collector: Collector): { readonly due: number; release(): void } {
    this.#collector = collector;
    this.#noopsDue = 0;
    this.#held = [];
    const given = this.#pending.clear();
    for (const { listener } of given) listener.onFailure(reason);
    this.#listener.onGivenUp();
    this.#base.ref?.();
    const release = (): void => {
      this.#collector = undefined;
      this.#rest();
    };
    return { due: given.filter(({ sent }) => sent).length, release };
  }

  /** NOOPs sent during a transfer that are not answered yet. */
  get unansweredNoops(): number {
    return this.#noopsDue;
  }

  /** Sends NOOP during a transfer, whose replies may come before the transfer's own, behind it, or not at all (Pure-FTPd). */
  keepAlive(noop: Command): void {
    if (this.#closed) return;
    this.#noopsDue += 1;
    this.#write(noop);
  }

  /** Writes a command whose reply goes to the collector. */
  send(command: Command): void {
    if (!this.#closed) this.#write(command);
  }

  /**
   * Goes on in TLS (RFC 4217, 4). Bytes that came behind the reply to AUTH were sent in the clear and would pass for
   * the server's first words in TLS, so they end the connection.
   *
   * @throws SecurityError
   */
  async secure(options: ConnectionOptions): Promise<TLSSocket> {
    const raw = this.#socket;
    const tap = new RecordTap(raw);
    return this.#change(async () => {
      if (this.#parser.pending || raw.readableLength > 0) throw new SecurityError('the server sent more than its reply before TLS began');
      const { connectTimeout } = this.#options;
      const inTime = deadline(raw, connectTimeout, `no TLS on the control connection within ${connectTimeout} ms (connectTimeout)`);
      try {
        const secured = await secure(tap, options);
        this.#tap = tap;
        return secured;
      } finally {
        inTime();
      }
    });
  }

  /** Goes on in the clear behind the reply to CCC (RFC 4217, 11.2): close_notify leaves, and what the server says next is text. */
  async unsecure(): Promise<void> {
    const secured = this.#socket;
    await this.#change(async () => {
      if (!this.#tap || this.#parser.pending) throw new SecurityError('the server sent more than its reply before TLS ended');
      const clear = this.#tap.unwrap();
      secured.on('error', ignore).resume().end();
      this.#tap = undefined;
      return clear;
    });
  }

  /** Puts another stream in the socket's place; whatever goes wrong on the way ends the connection. */
  async #change<S extends Duplex>(step: () => Promise<S>): Promise<S> {
    if (this.#closed) throw lostConnection(this.#closed.error, undefined);
    this.#detach();
    try {
      const next = await step();
      this.#socket = next;
      this.#sealed = false;
      this.#parser = this.#attach(next);
      return next;
    } catch (error) {
      this.destroy(error as Error);
      throw error;
    }
  }

  /** Ends the connection: everything that waits fails with `error`, or with the plain fact that it was closed. */
  destroy(error?: Error): void {
    if (this.#closed) return;
    this.#closed = { error };
    this.#outgoing = [];
    this.#detach();
    this.#socket.on('error', ignore).destroy();
    this.#base.destroy();
    for (const { command, listener, sent } of this.#pending.clear()) listener.onFailure(sent ? lostReply(error, command) : lostConnection(error, command));
    debug('closed%s', error ? `: ${error.message}` : '');
    this.#collector?.onClose();
    this.#collector = undefined;
    this.#listener.onClose(error);
  }

  /** The server may close now without that being an error: QUIT was sent. */
  expectClose(): void {
    this.#hungUp = true;
  }

  // ---- in

  #attach(socket: Duplex): ReplyParser {
    const { encoding, maxReplyLineBytes, maxReplyBytes } = this.#options;
    const parser = new ReplyParser({ encoding, maxLineBytes: maxReplyLineBytes, maxReplyBytes });
    parser.on('data', this.#onReply).on('error', this.#onError);
    socket.on('error', this.#onError).on('end', this.#onEnd).on('close', this.#onEnd);
    socket.pipe(parser);
    return parser;
  }

  #detach(): void {
    this.#socket.unpipe(this.#parser);
    this.#socket.off('error', this.#onError).off('end', this.#onEnd).off('close', this.#onEnd);
    this.#parser.off('data', this.#onReply).off('error', this.#onError).on('error', ignore).destroy();
  }

  readonly #onReply = (reply: Reply): void => {
    const { head } = this.#pending;
    const shown = head?.command?.secret ? conceal(reply, head.command.secret) : reply;
    debug('< %s', shown);
    this.#listener.onReply(shown);
    if (this.#closed) return;
    if (this.#collector) return this.#collector.onReply(shown);
    if (this.#noopsDue > 0 && (!head || head.preliminarySeen) && answersNoop(shown)) return void (this.#noopsDue -= 1);
    if (shown.code === 421 && head?.command?.verb !== 'QUIT') return this.#onServiceClosing(shown);
    if (this.#held.length > 0) this.#settleHeld(shown);
    this.#match(shown);
    this.#sendNext();
  };

  /** Finds the command that a reply belongs to: the first that waits, but for what came too early after the data of a transfer. */
  #match(reply: Reply): void {
    const { head } = this.#pending;
    if (this.#closed) return;
    if (!head) return this.destroy(this.#stray(reply));
    const verdict = judge(reply, head.rule, head.preliminarySeen);
    const { second } = this.#pending;
    const next = head.rule?.transfers && head.preliminarySeen && second?.rule?.allowedBeforeCompletion ? second : undefined;
    if (next && verdict === 'refusal' && !isTransferFailure(reply)) return void this.#held.push(reply);
    if (next && verdict !== 'success' && verdict !== 'preliminary') {
      // npm's FTP servers answer the next EPSV before the 226, and before what has left with it: its code answers nothing else.
      const answered = this.#pending.followers.find(({ rule }, n) => rule?.allowedBeforeCompletion && (n === 0 || reply.code === 229 || reply.code === 227) && judge(reply, rule) === 'success');
      if (answered) {
        this.#pending.keepToOneTransfer();
        return this.#deliver(answered, reply, 'success', false);
      }
    }
    if (verdict === 'preliminary') return this.#onPreliminary(head, reply);
    if (verdict === 'foreign' || this.#belongsLater(reply, head, verdict)) return this.destroy(this.#outOfStep(reply, head));
    if (head.rule?.transfers && verdict === 'unexpected' && reply.kind === 'completion') {
      if (!head.preliminarySeen) return; // some servers answer 200 to a LIST or STOR, then 150 (ftplib's ntransfercmd knows them)
      // pyftpdlib 1.5.7 can lose a transfer and its reply: what the next command is answered must not prove this one.
      if (next) return this.destroy(this.#outOfStep(reply, head));
      return this.#deliver(head, reply, 'success', false); // devices end transfers with 200
    }
    this.#deliver(head, reply, verdict, true);
  }

  /** A 2yz that is not the command's own, but that of one that has left after it: the server has left a command out, or has changed their order. */
  #belongsLater({ code, kind }: Reply, { rule }: Pending, verdict: Verdict): boolean {
    if (kind !== 'completion' || !rule || rule.codes.has(code) || (verdict === 'success' && this.#pending.ordered)) return false;
    return this.#pending.followers.some((each) => each.rule?.codes.has(code));
  }

  /**
   * Refusals came after the data of a transfer. Where the transfer's own end follows, they were the commands' that had left before it, and
   * these leave again after it; otherwise the first was the transfer's.
   */
  #settleHeld(reply: Reply): void {
    const held = this.#held;
    if (!isTransferEnd(reply)) {
      if (judge(reply, this.#pending.head?.rule) === 'refusal' && held.length < this.#pending.followers.length) return;
      return this.#giveUpHeld();
    }
    this.#held = [];
    this.#pending.sendAgain(this.#pending.followers.slice(0, held.length));
  }

  /** The refusals that were held are the transfer's, and those of the commands after it. */
  #giveUpHeld(): void {
    for (const reply of this.#held.splice(0)) {
      const { head } = this.#pending;
      if (head) this.#deliver(head, reply, 'refusal', false);
    }
  }

  #deliver(pending: Pending, reply: Reply, verdict: Verdict, inTurn: boolean): void {
    const { command, listener, raw } = pending;
    const succeeded = verdict === 'success';
    this.#pending.answered(pending, succeeded && inTurn);
    this.#sealed = TLS_BEGINS_OR_ENDS.has(command?.verb ?? '');
    if (command) this.#listener.onAnswered(command, reply, succeeded);
    if (this.#pending.empty) this.#rest();
    if (verdict === 'refusal') return listener.onFailure(failureOf(reply, command));
    if (verdict === 'unexpected' && !raw) return listener.onFailure(unexpected(reply, command));
    if (command?.verb === 'CCC' && !raw && this.#tap) this.#leaveTls(this.#tap);
    listener.onReply(reply);
  }

  /** The server's close_notify may be in the packet of its 200: it ends TLS, not the connection. */
  #leaveTls(tap: RecordTap): void {
    tap.unwrap();
    this.#socket.off('end', this.#onEnd).off('close', this.#onEnd);
  }

  #outOfStep(reply: Reply, { command }: Pending): FTPError {
    return new ProtocolError(`${command?.shown}: its reply is missing before ${reply}`, { reply });
  }

  #stray(reply: Reply): FTPError {
    return new (this.#sealed ? SecurityError : ProtocolError)(`a reply that no command waits for: ${reply}`, { reply });
  }

  #onPreliminary(head: Pending, reply: Reply): void {
    this.#pending.onPreliminary(head);
    head.listener.onPreliminary?.(reply);
  }

  /** 421 ends the session whatever it answers (RFC 959, 5.4): the first that waits gets the reply, the others its consequence. */
  #onServiceClosing(reply: Reply): void {
    const { head } = this.#pending;
    const error = new TemporaryError(`${head?.command ? `${head.command.shown}: ` : ''}${reply}`, { reply, command: head?.command?.shown });
    if (head) this.#pending.answered(head, false);
    head?.listener.onFailure(error);
    this.destroy(error);
  }

  readonly #onError = (error: Error): void => {
    // An answer that is no reply may be an echo. The stack has the message too, so this is another error.
    if (this.#pending.head?.command?.secret && error instanceof ProtocolError) error = new ProtocolError(error.message.replace(/, not with .*/s, ''));
    if (this.#sealed && error instanceof ProtocolError) error = new SecurityError(error.message, { cause: error });
    this.destroy(error instanceof FTPError ? error : new ConnectionClosedError(`the control connection was lost: ${error.message}`, { cause: error }));
  };

  readonly #onEnd = (): void => {
    this.destroy(this.#hungUp ? undefined : new ConnectionClosedError('the server closed the control connection'));
  };

  // ---- out

  #expect(command: Command | undefined, listener: ReplyListener, { transfer = false, raw = false }: SendOptions): void {
    const rule = command && ruleOf(command.verb, transfer);
    if (this.#pending.empty) this.#base.ref?.();
    this.#pending.push({ command, rule, listener, raw, sent: false, preliminarySeen: false, timed: command !== undefined });
    if (command) this.#listener.onQueued(command);
    else this.#pending.next();
  }

  /** Sends what may leave now. */
  #sendNext(): void {
    for (let next = this.#pending.next(); next; next = this.#pending.next()) if (next.command) this.#write(next.command);
  }

  #write(command: Command): void {
    debug('> %s', command.shown);
    this.#listener.onCommand(command.shown);
    if (this.#outgoing.push(command.bytes) === 1) process.nextTick(this.#flush);
  }

  /** Nothing is awaited: the process may end. */
  #rest(): void {
    this.#base.unref?.();
  }

  readonly #flush = (): void => {
    const [first, ...rest] = this.#outgoing.splice(0);
    if (first) this.#socket.write(rest.length > 0 ? Buffer.concat([first, ...rest]) : first);
  };

  readonly #onTimeout = (): void => {
    const command = this.#pending.head?.command?.shown;
    this.destroy(new TimeoutError(`${command ?? 'the connection'}: no reply within ${this.#options.replyTimeout} ms (replyTimeout)`, { command }));
  };
}

function ignore(): void {
  // the reason for destroying the socket is known already; its echo must not crash the process
}
