// The control connection: it writes commands, matches the replies to them, and goes into TLS and out of it.
//
// Replies come in the order of the commands (RFC 959, 5.4), so each belongs to the first command that waits. Servers break this in known
// ways, after the data of a transfer above all: `#match` and `#settleHeld` have the rules for them. What fits no rule closes the
// connection, because a reply that is taken for that of another command could prove what is not so.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { debuglog } from 'node:util';
import { commandChannel, type CommandMessage, type ConnectionNumbers } from '../diagnostics';
import { ConnectionClosedError, FTPError, ProtocolError, SecurityError, TemporaryError, TimeoutError } from '../errors';
import { deadline } from '../net/dial';
import { RecordTap, secure } from '../net/tls';
import type { Settings } from '../options';
import type { Reply } from '../reply';
import type { Command } from './command';
import { answersNoop, conceal, failureOf, isTransferEnd, isTransferFailure, judge, lostConnection, lostReply, ruleOf, unexpected, type Verdict } from './command-table';
import { type Pending, PendingReplies, type ReplyListener, type Trials } from './pending-replies';
import { ReplyParser } from './reply-parser';
import { setsState } from './server-state';

/** The limits and the timeouts of a control connection. */
type ControlOptions = Pick<Settings, 'replyTimeout' | 'connectTimeout' | 'pipelining'> & Partial<Pick<Settings, 'encoding' | 'maxReplyLineBytes' | 'maxReplyBytes'>>;

/** What a control connection reports to its session; an interface, because session.ts imports this file. */
export interface ControlListener {
  /** A command is written; the line is for people to read, without passwords. */
  onCommand(line: string): void;
  /** A reply has come; passwords that the server repeats are taken out. */
  onReply(reply: Reply): void;
  /** A command will be sent after those before it; the commands after it must expect what it changes. */
  onQueued(command: Command): void;
  /** A command has its final reply. */
  onAnswered(command: Command, reply: Reply, succeeded: boolean): void;
  /** The commands that wait were given up; whether they were carried out is not known. */
  onGivenUp(): void;
  /** The connection is closed; without an error where we closed it, or had sent QUIT. */
  onClose(error: Error | undefined): void;
}

/** Takes all replies after the commands that wait were given up; it is made in resync.ts, which imports this file. */
interface Collector {
  onReply(reply: Reply): void;
  /** The connection is closed. */
  onClose(): void;
}

const debug = debuglog('ftp');
/** After the replies to these commands, TLS begins or ends. */
const TLS_BEGINS_OR_ENDS = new Set(['AUTH', 'CCC']);

/** What does not follow from the verb of a command. */
export interface SendOptions {
  /** Whether it has a data connection, whatever its verb. */
  readonly transfer?: boolean;
  /** Whether the caller wrote the line himself, and judges a 3yz himself. */
  readonly raw?: boolean;
  /** Whether each later session is sent it, too. */
  readonly repeated?: boolean;
  /** Its caller may give it up: once this is aborted, it is not sent any more. */
  readonly signal?: AbortSignal;
}

const PLAIN: SendOptions = {};

/** One control connection; nothing else writes to its socket, or reads from it. */
export class ControlConnection {
  readonly #options: ControlOptions;
  readonly #listener: ControlListener;
  readonly #pending: PendingReplies;
  /** The connection without TLS. */
  readonly #base: Socket;
  #socket: Duplex;
  #tap: RecordTap | undefined;
  #parser: ReplyParser;
  #outgoing: Buffer[] = [];
  #closed: { readonly error: Error | undefined } | undefined;
  #closeExpected = false;
  #startsOver = false;
  /** ABOR was sent, whose reply may come late. */
  #hasAborted = false;
  /** The server may send another reply to OPTS than this one, as long as commands are in flight that were sent after it; undefined where it may not. */
  #answerToOptions: Reply | undefined;
  readonly #server: Trials;
  readonly #numbers: ConnectionNumbers;
  /** The numbers of its client and its own, for the log. */
  readonly #label: string;
  /** The verb of the command that was answered last. */
  #lastVerb: string | undefined;
  /** NOOPs during a transfer that are not answered yet. */
  unansweredNoops = 0;
  #collector: Collector | undefined;
  /** Refusals that came after the data of a transfer, while other commands were in flight: the next reply shows which commands they refuse. */
  #held: Reply[] = [];

  /** @param server what it was observed to take */
  constructor(socket: Duplex, options: ControlOptions, server: Trials, numbers: ConnectionNumbers, listener: ControlListener) {
    this.#options = options;
    this.#listener = listener;
    this.#server = server;
    this.#numbers = numbers;
    this.#label = `${numbers.client}.${numbers.connection}`;
    this.#pending = new PendingReplies(options.replyTimeout, options.pipelining ? server : undefined, this.#onTimeout);
    this.#socket = socket;
    this.#base = socket as Socket;
    this.#parser = this.#attach(socket);
  }

  /** False once the connection is lost or closed. */
  get open(): boolean {
    return this.#closed === undefined;
  }

  /** @throws the error that the connection was closed with */
  assertOpen(): void {
    if (this.#closed) throw lostConnection(this.#closed.error, undefined);
  }

  /** The address of the server; undefined where the stream is no socket. */
  get remoteAddress(): string | undefined {
    return this.#base.remoteAddress;
  }

  /** Our address; undefined where the stream is no socket. */
  get localAddress(): string | undefined {
    return this.#base.localAddress;
  }

  /**
   * True where the connection is closed because the server does not take several commands in flight, and none of those in flight changed anything:
   * what waited for their replies can begin again on another connection.
   */
  get startsOver(): boolean {
    return this.#startsOver;
  }

  /** Whether every command has its final reply. */
  get answered(): boolean {
    return this.#pending.empty;
  }

  /** Whether several commands may be in flight. */
  get pipelines(): boolean {
    return this.#pending.pipelines;
  }

  /** Whether a command may be sent before the final reply of a transfer, and whether that is being tried. */
  get early(): 'no' | 'tried' | 'yes' {
    return this.#pending.early;
  }

  /** True while a command waits for its final reply. */
  get waiting(): boolean {
    return this.#pending.head !== undefined;
  }

  /** True while a transfer command waits for its final reply. */
  get transferring(): boolean {
    return this.#pending.head?.rule?.transfers === true;
  }

  /** Resolves with the greeting, before which 120 may come (RFC 959, 5.4). */
  greeting(): Promise<Reply> {
    return new Promise((onReply, onFailure) => this.#expect(undefined, { onReply, onFailure }, PLAIN));
  }

  /**
   * Sends a command and resolves with its final reply. The commands of one turn of the event loop are written together, as far as they
   * may share a flight.
   *
   * @param onPreliminary is called with each 1yz
   * @throws TemporaryError or PermanentError for 4yz and 5yz; ReplyError for a reply that the command may not have; ConnectionClosedError,
   * TimeoutError or ProtocolError where no reply can come
   */
  exec(command: Command, sending: SendOptions = PLAIN, onPreliminary?: (reply: Reply) => void): Promise<Reply> {
    return new Promise((onReply, onFailure) => this.request(command, { onPreliminary, onReply, onFailure }, sending));
  }

  /** As `exec`, but `listener` takes each reply at the moment when it is read; a promise would take it later. */
  request(command: Command, listener: ReplyListener, sending: SendOptions = PLAIN): void {
    if (this.#closed) return listener.onFailure(lostConnection(this.#closed.error, command));
    this.#expect(command, listener, sending);
    this.#sendNext();
  }

  /** Takes back the transfer command of this listener, which hears nothing more of it; false where it was sent already, or is answered. */
  withdraw(listener: ReplyListener): boolean {
    return this.#pending.withdraw(listener);
  }

  /** Resolves once another plain command may be given; undefined where it may be at once. */
  room(): Promise<void> | undefined {
    return this.#pending.room();
  }

  /** True where the command is sent at once, and nothing may be in flight with it. */
  sendsAlone({ verb }: Command): boolean {
    return !this.#pending.ordered && ruleOf(verb, false).changes !== 'nothing' && this.#pending.empty;
  }

  /** Starts the reply timer for the transfer that waits for its final reply: its data have ended. */
  expectCompletion(): void {
    this.#pending.expect();
  }

  /**
   * Gives up the commands that wait, which fail with `reason`, and gives all replies to the collector until `release()`. Whoever hears of a failure may
   * close the connection at once.
   *
   * @returns how many of the commands were sent, so that their final replies may come
   */
  collect(reason: Error, collector: Collector): number {
    this.#collector = collector;
    this.unansweredNoops = 0;
    this.#held = [];
    const given = this.#pending.clear();
    this.#listener.onGivenUp();
    this.#base.ref?.();
    for (const each of given) this.#fail(each, reason);
    return given.filter(({ sent }) => sent).length;
  }

  /** The next reply belongs to the next command again. */
  release(): void {
    this.#collector = undefined;
    this.#base.unref?.(); // an idle connection keeps no process alive
  }

  /** Sends NOOP during a transfer; its reply may come before or after the transfer's final reply, or never (Pure-FTPd 1.0.50). */
  keepAlive(noop: Command): void {
    if (this.#closed) return;
    this.unansweredNoops += 1;
    this.#writeUnmatched(noop);
  }

  /** Writes a command; the collector takes its reply. */
  send(command: Command): void {
    if (this.#closed) return;
    this.#hasAborted ||= command.verb === 'ABOR';
    this.#writeUnmatched(command);
  }

  /**
   * Begins TLS (RFC 4217, 4). Bytes that came after the reply to AUTH were sent in the clear, by anybody, and would count as replies
   * within TLS, so they end the connection.
   *
   * @throws SecurityError for such bytes, and where the handshake fails
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

  /** Ends TLS after the reply to CCC (RFC 4217, 11.2): close_notify is sent, and all that follows is in the clear. */
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

  /** Replaces the stream that is read and written; an error ends the connection. */
  async #change<S extends Duplex>(step: () => Promise<S>): Promise<S> {
    this.assertOpen();
    this.#detach();
    try {
      const next = await step();
      this.#socket = next;
      this.#lastVerb = undefined;
      this.#parser = this.#attach(next);
      return next;
    } catch (error) {
      this.destroy(error as Error);
      throw error;
    }
  }

  /** Closes the connection; all commands that wait fail, with `error` as their reason. */
  destroy(error?: Error): void {
    if (this.#closed) return;
    this.#closed = { error };
    this.#outgoing = [];
    this.#detach();
    this.#socket.on('error', ignore).destroy();
    this.#base.destroy();
    this.#pending.leaveTrials();
    for (const each of this.#pending.clear()) this.#fail(each, each.sent ? lostReply(error, each.command) : lostConnection(error, each.command));
    debug('%s closed%s', this.#label, error ? `: ${error.message}` : '');
    this.#collector?.onClose();
    this.#collector = undefined;
    this.#listener.onClose(error);
  }

  /** The server has closed the connection, has left a reply out, or (`misfit`) has sent one that fits no command: that may come of several commands in flight. */
  #lose(error: Error, misfit = false): void {
    this.#startsOver = this.#pending.blame(misfit);
    this.destroy(error);
  }

  /** From now on it is no error where the server closes the connection: QUIT is sent. */
  expectClose(): void {
    this.#closeExpected = true;
  }

  // ---- replies

  /** After the reply to AUTH or CCC: further replies were sent where TLS should have begun or ended. */
  get #atTlsBoundary(): boolean {
    return TLS_BEGINS_OR_ENDS.has(this.#lastVerb ?? '');
  }

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
    if (debug.enabled) debug('%s < %s', this.#label, shown);
    this.#listener.onReply(shown);
    if (this.#closed) return;
    if (this.#collector) return this.#collector.onReply(shown);
    if (this.unansweredNoops > 0 && (!head || head.preliminarySeen) && answersNoop(shown)) return void (this.unansweredNoops -= 1);
    if (shown.code === 421 && head?.command?.verb !== 'QUIT') return this.#onServiceClosing(shown);
    if (this.#held.length > 0) this.#settleHeld(shown);
    this.#match(shown);
    this.#sendNext();
  };

  /**
   * Finds the command that a reply belongs to: the first one that waits.
   *
   * After the data of a transfer, commands are sent before its final reply, and there are two exceptions then. A refusal may be the
   * transfer's, or a server's that takes no command yet, so it is held until the next reply shows which. And the FTP servers of npm
   * answer the next EPSV before the 226, and before the commands sent with it; its code answers nothing else.
   */
  #match(reply: Reply): void {
    const { head, second } = this.#pending;
    if (this.#closed) return;
    if (reply.code === 225 && this.#hasAborted && head?.command?.verb !== 'ABOR') return; // ftp-srv answers ABOR after up to 5 seconds, and 225 answers nothing else
    if (!head && this.#answerToOptions) return void (this.#answerToOptions = undefined); // the second one
    if (!head) return this.#lose(new (this.#atTlsBoundary ? SecurityError : ProtocolError)(`a reply that no command waits for: ${reply}`, { reply }), true);
    const verdict = judge(reply, head.rule, head.preliminarySeen);
    if (this.#answerToOptions && !head.preliminarySeen && this.#isSecondAnswer(reply, this.#answerToOptions, verdict)) return this.#giveUpOptions(this.#outOfStep(reply, head));
    const hasEarly = head.rule?.transfers && head.preliminarySeen && second?.rule?.allowedBeforeCompletion;
    if (hasEarly && verdict === 'refusal' && !isTransferFailure(reply)) return void this.#held.push(reply);
    if (hasEarly && verdict !== 'success' && verdict !== 'preliminary') {
      const answered = this.#pending.followers.find(({ rule }, n) => rule?.allowedBeforeCompletion && (n === 0 || reply.code === 229 || reply.code === 227) && judge(reply, rule) === 'success');
      if (answered) {
        this.#pending.requireCompletion();
        return this.#deliver(answered, reply, 'success', false);
      }
    }
    if (verdict === 'preliminary') {
      this.#pending.onPreliminary(head);
      return head.listener.onPreliminary?.(reply);
    }
    if (verdict === 'foreign' || (second && this.#belongsLater(reply, head, verdict))) return this.#lose(this.#outOfStep(reply, head), true);
    if (verdict === 'unexpected' && !head.raw && !head.rule?.transfers && this.#pending.onTrial) return this.#lose(this.#outOfStep(reply, head), true);
    if (head.rule?.transfers && verdict === 'unexpected' && reply.kind === 'completion') {
      if (!head.preliminarySeen) return; // some servers answer LIST or STOR with 200 and then with 150, as Python's ftplib notes, too
      // pyftpdlib 1.5.7 can lose a transfer with its reply: the reply to the next command must not complete this one.
      if (hasEarly && this.#pending.followers.some(({ rule }) => rule?.codes.has(reply.code))) return this.destroy(this.#outOfStep(reply, head));
      this.#pending.requireCompletion();
      return this.#deliver(head, reply, 'success', false); // some devices end transfers with 200
    }
    this.#deliver(head, reply, verdict, true);
  }

  /**
   * Some servers answer OPTS UTF8 ON twice, and the second answer comes in place of the next command's: the same refusal once more, or a
   * 2yz that fits no command. What is in flight then begins again in a session without OPTS.
   */
  #isSecondAnswer(reply: Reply, first: Reply, verdict: Verdict): boolean {
    const isSame = reply.code === first.code && reply.text === first.text;
    return this.#pending.changesNothing && (verdict === 'refusal' ? isSame : verdict === 'foreign' || (verdict === 'unexpected' && reply.kind === 'completion' && !this.transferring));
  }

  /** It comes together with the first one, unless other commands are in flight. */
  #expectSecondAnswer(reply: Reply): void {
    if (this.#server.utf8Option.outcome === 'passed') return;
    this.#answerToOptions = reply;
    if (this.#pending.empty || !this.pipelines) setImmediate(() => (this.#answerToOptions = undefined));
  }

  #giveUpOptions(error: Error): void {
    this.#server.utf8Option.fail();
    this.#startsOver = !this.#pending.irreplaceable;
    this.destroy(error);
  }

  /** A command that was sent after OPTS has a reply of its own: OPTS was answered once. */
  #noteOptions(): void {
    this.#server.utf8Option.pass();
    this.#answerToOptions = undefined;
  }

  /** True for a 2yz that belongs to a command sent later: the server has skipped a command, or has changed their order. */
  #belongsLater({ code, kind }: Reply, { rule }: Pending, verdict: Verdict): boolean {
    if (kind !== 'completion' || !rule || rule.codes.has(code) || (verdict === 'success' && this.#pending.ordered)) return false;
    return this.#pending.followers.some((each) => each.rule?.codes.has(code));
  }

  /**
   * Refusals have come after the data of a transfer. Where the transfer's own completion follows them, the server takes no command before
   * it, and has refused the ones that were sent too early: these are sent again. Otherwise the first refusal is the transfer's.
   */
  #settleHeld(reply: Reply): void {
    const held = this.#held;
    const { followers } = this.#pending;
    const completed = isTransferEnd(reply);
    if (!completed && judge(reply, this.#pending.head?.rule) === 'refusal' && held.length < followers.length) return;
    this.#held = [];
    if (completed) return this.#pending.sendAgain(followers.slice(0, held.length));
    for (const refusal of held) {
      const { head } = this.#pending;
      if (head) this.#deliver(head, refusal, 'refusal', false);
    }
  }

  /** Gives a command its final reply. @param inTurn whether it is the first one that waits, and the reply one of its own */
  #deliver(pending: Pending, reply: Reply, verdict: Verdict, inTurn: boolean): void {
    const { command, rule, listener, raw, repeated } = pending;
    const succeeded = verdict === 'success';
    this.#pending.answered(pending, succeeded && inTurn);
    this.#lastVerb = command?.verb;
    if (succeeded && !repeated && rule?.irreplaceable) this.#pending.irreplaceable = true;
    if (command?.verb === 'OPTS') this.#expectSecondAnswer(reply);
    else if (this.#answerToOptions && inTurn && succeeded && reply.code !== this.#answerToOptions.code) this.#noteOptions();
    if (command) this.#listener.onAnswered(command, reply, succeeded);
    if (verdict === 'refusal') return this.#fail(pending, failureOf(reply, command), reply);
    if (verdict === 'unexpected' && !raw) return this.#fail(pending, unexpected(reply, command), reply);
    if (command?.verb === 'CCC' && !raw && this.#tap) {
      // The server's close_notify may be in one packet with its 200: it ends TLS, and not the connection.
      this.#tap.unwrap();
      this.#socket.off('end', this.#onEnd).off('close', this.#onEnd);
    }
    if (commandChannel.hasSubscribers) this.#publish(pending, reply, undefined);
    listener.onReply(reply);
  }

  /** Gives a command the error that it ends with. @param reply its final reply, where that is the reason */
  #fail(pending: Pending, error: Error, reply?: Reply): void {
    if (commandChannel.hasSubscribers) this.#publish(pending, reply, error);
    pending.listener.onFailure(error);
  }

  /** Publishes the end of a command that was sent. */
  #publish({ command, sent, sentAt }: Pending, reply: Reply | undefined, error: Error | undefined): void {
    if (!command || !sent) return;
    const ms = reply && sentAt !== undefined ? performance.now() - sentAt : undefined;
    const message: CommandMessage = { event: 'end', ...this.#numbers, command: command.shown, reply, error, ms };
    commandChannel.publish(message);
  }

  #outOfStep(reply: Reply, { command }: Pending): FTPError {
    return new ProtocolError(`${command?.shown}: its reply is missing before ${reply}`, { reply, command: command?.shown });
  }

  /** 421 ends the session, whatever command it answers (RFC 959, 5.4): the first command fails with it, the others with the lost connection. */
  #onServiceClosing(reply: Reply): void {
    const { head } = this.#pending;
    const error = new TemporaryError(`${head?.command ? `${head.command.shown}: ` : ''}${reply}`, { reply, command: head?.command?.shown });
    if (head) {
      this.#pending.answered(head, false);
      this.#fail(head, error, reply);
    }
    this.destroy(error);
  }

  readonly #onError = (error: Error): void => {
    // What is no reply may repeat the password. The stack shows the message, too, so a new error is made.
    if (this.#pending.head?.command?.secret && error instanceof ProtocolError) error = new ProtocolError(error.message.replace(/, not with .*/s, ''));
    if (this.#atTlsBoundary && error instanceof ProtocolError) error = new SecurityError(error.message, { cause: error });
    this.#lose(error instanceof FTPError ? error : new ConnectionClosedError(`the control connection was lost: ${error.message}`, { cause: error }));
  };

  readonly #onEnd = (): void => {
    if (this.#closeExpected) this.destroy();
    else this.#lose(new ConnectionClosedError('the server closed the control connection'));
  };

  // ---- commands

  /** Adds a command, or the greeting, to those that wait. */
  #expect(command: Command | undefined, listener: ReplyListener, { transfer = false, raw = false, repeated = false, signal }: SendOptions): void {
    const rule = command && ruleOf(command.verb, transfer);
    if (this.#pending.empty) this.#base.ref?.();
    const revocable = signal && command && !setsState(command) ? signal : undefined; // the commands after it count on what it sets
    this.#pending.push({ command, rule, listener, raw, repeated, signal: revocable, sent: false, sentAt: undefined, early: false, preliminarySeen: false, timed: command !== undefined });
    if (command) this.#listener.onQueued(command);
    else this.#pending.next();
  }

  /** Sends the commands that may be sent now. */
  #sendNext(): void {
    for (let next = this.#pending.next(); next; next = this.#pending.next()) {
      if (commandChannel.hasSubscribers) next.sentAt = performance.now();
      if (next.command) this.#write(next.command);
    }
    if (this.#pending.empty) this.#base.unref?.(); // an idle connection keeps no process alive
  }

  /** Writes a command, together with the others of this turn of the event loop. */
  #write(command: Command): void {
    if (debug.enabled) debug('%s > %s', this.#label, command.shown);
    this.#listener.onCommand(command.shown);
    if (this.#outgoing.push(command.bytes) === 1) process.nextTick(this.#flush);
  }

  /** Writes a command whose reply is not told apart from others. */
  #writeUnmatched(command: Command): void {
    this.#write(command);
    if (!commandChannel.hasSubscribers) return;
    const message: CommandMessage = { event: 'end', ...this.#numbers, command: command.shown, reply: undefined, error: undefined, ms: undefined };
    commandChannel.publish(message);
  }

  readonly #flush = (): void => {
    const [first, ...rest] = this.#outgoing.splice(0);
    if (first) this.#socket.write(rest.length > 0 ? Buffer.concat([first, ...rest]) : first);
  };

  readonly #onTimeout = (): void => {
    const command = this.#pending.head?.command?.shown;
    const { unfinished } = this.#parser;
    const missing = unfinished === undefined || this.#pending.head?.command?.secret ? 'no reply' : `no line that ends the reply ${JSON.stringify(unfinished)}`;
    this.#lose(new TimeoutError(`${command ?? 'the connection'}: ${missing} within ${this.#options.replyTimeout} ms (replyTimeout)`, { command }));
  };
}

function ignore(): void {
  // the reason for the end of the stream is known already; a late error must not crash the process
}
