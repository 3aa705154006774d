import type { Command } from '../control/command';
import { isTransferEnd, ruleOf, unexpected } from '../control/command-table';
import type { ControlConnection, Sending } from '../control/control-connection';
import type { ReplyListener } from '../control/pending-replies';
import type { Place, Queue } from '../control/queue';
import { announcedSize } from '../control/reply-text';
import { abortTransfer, takeNoopReplies } from '../control/resync';
import type { Session } from '../control/session';
import { AbortedError, annotate, ConnectionClosedError, FTPError, MismatchError, type Phase, ReplyError, SecurityError, TimeoutError, TransferError } from '../errors';
import { wasResetAtOnce } from '../net/dial';
import type { Reply } from '../reply';
import { openActive } from './active';
import type { DataConnection, DataListener, Direction } from './data-connection';
import { Enough, Interrupt, Milestone } from './interrupt';
import { openPassive } from './passive';

/** A transfer command that depends on answers which are not here yet: what asks for them leaves beside EPSV. */
export type Choice = () => Promise<Command>;

/** Commands around a transfer, in its turn: which one it is, what else to try, and what is to be done behind it. */
export interface Plan {
  /** The session that the turn is in: which of a pool's, is known only when the turn comes. */
  use(session: Session): void;
  /**
   * The transfer command, or how to choose it when it is to leave; `complete` when nothing is left to transfer.
   *
   * @param moved payload bytes of the tries before this one
   */
  begin(control: ControlConnection, moved: number): Promise<Command | Choice | 'complete'>;
  /** The command was refused before anything had begun: another one, or `complete` when the answer is known without; throws when there is none. */
  recover(refusal: ReplyError, control: ControlConnection): Promise<Command | 'complete'>;
  /** The transfer is over; after one that failed, this must not throw. */
  finish(control: ControlConnection, complete: boolean, bytes: number): Promise<void>;
  /** The data of a transfer have ended, and no command of this plan will follow if it is complete: another operation's may, before the final reply. */
  isLast?(): boolean;
  /** The last bytes that have passed: a try that goes on after them reads them again, where nothing else would show that it does go on there. */
  readonly seam?: Buffer | undefined;
  /** Payload bytes pass. */
  observe?(chunk: Uint8Array): void;
  /** A try failed and is over: resolves with true when the next is to begin, from byte `moved` of the request on; `signal` ends a pause. */
  again?(error: FTPError, moved: number, signal: AbortSignal): Promise<boolean>;
}

/** NOOPs during a transfer, until the timer is cleared; on request only, for they break it on some servers (Pure-FTPd 1.0.50 answers one for many). */
function sendNoops(session: Session, control: ControlConnection): NodeJS.Timeout | undefined {
  const { keepAlive, keepAliveDuringTransfers } = session.settings;
  if (keepAlive === 0 || !keepAliveDuringTransfers) return undefined;
  return setInterval(() => control.keepAlive(session.command('NOOP')), keepAlive);
}

/**
 * A download must have no fewer bytes than were announced; more are a file that grew, unless there were to be none. After REST, servers announce the whole
 * size (vsftpd, inetutils) or what is left of it (ProFTPD).
 *
 * @throws TransferError
 */
function checkSize(bytes: number, announced: number | undefined, start: number): void {
  if (announced === 0 && bytes > 0) throw new TransferError(`the server announced 0 bytes, and sent ${bytes}`, { phase: 'data' });
  if (announced === undefined || bytes >= announced || (start > 0 && bytes === Math.max(0, announced - start))) return;
  throw new TransferError(`the server said it was done after ${bytes} of ${announced} bytes`, { phase: 'data' });
}

/** One transfer command. */
interface ExchangeRequest {
  readonly command: Command | Choice;
  readonly type: 'I' | 'A';
  readonly direction: Direction;
  /** The byte that REST names; 0 sends no REST. */
  readonly start: number;
  /** Download: the listener is done with a chunk when it returns, and the next may come in the same memory. */
  readonly lent?: boolean;
}

/** What happens in an exchange. */
interface ExchangeListener {
  /** The mark came. */
  onOpen(reply: Reply): void;
  /** Bytes arrived; false pauses. */
  onChunk(chunk: Buffer): boolean;
  /** Upload: more may be written. */
  onWritable(): void;
  /** Download: the data have ended, and the next command need not wait for the final reply. */
  onDataEnd(): void;
}

/** Milliseconds for what is on its way when the server has said that the transfer failed. */
const LAST_BYTES = 500;

/** Milliseconds for making a data connection that is only to be reset. */
const VAIN = 2000;

const TRANSFER: Sending = { transfer: true };

/** Bytes that are read, and thrown away, of a listing that was left. */
const DRAINABLE = 16 * 1024 * 1024;

/** Milliseconds for them. */
const DRAIN = 5000;

/** One transfer command with its data connection and its replies, and what proves it complete (law 1). */
class Exchange implements DataListener, ReplyListener {
  /** Payload bytes moved. */
  bytes = 0;
  /** Payload bytes that the server announced in its mark. */
  announced: number | undefined;
  phase: Phase = 'command';
  /** The transfer command, once it was written. */
  command: Command | undefined;
  readonly #session: Session;
  readonly #control: ControlConnection;
  readonly #request: ExchangeRequest;
  readonly #listener: ExchangeListener;
  readonly #interrupt: Interrupt;
  #data: DataConnection | undefined;
  /** How it ends is told once; undefined before it was sent, and when it was given up. */
  #outcome: { resolve(reply: Reply): void; reject(error: Error): void } | undefined;
  #marked = false;
  /** The final reply; an error for a refusal, or when there will be none. */
  #answer: Reply | Error | undefined;
  #lastBytes: NodeJS.Timeout | undefined;
  #finishing = false;
  /** Download: the data have ended; upload: all has left. */
  #dataOver = false;
  #broken: Error | undefined;
  /** Nothing but the final reply is waited for. */
  #due = false;
  #noops: NodeJS.Timeout | undefined;
  /** The rest of a listing that was left is over, or more than may be read of it. */
  #drained: Milestone | undefined;
  #drainable = Infinity;

  constructor(session: Session, control: ControlConnection, request: ExchangeRequest, listener: ExchangeListener, interrupt: Interrupt) {
    this.#session = session;
    this.#control = control;
    this.#request = request;
    this.#listener = listener;
    this.#interrupt = interrupt;
  }

  /** Whether the data connection's TLS resumed a session; undefined without TLS, and before it. */
  get tlsResumed(): boolean | undefined {
    return this.#data?.tlsResumed;
  }

  /** True when the command was answered without a mark: nothing has begun. */
  get unbegun(): boolean {
    return this.#answer !== undefined && !this.#marked;
  }

  /** No reply to the transfer command is due any more. */
  get #over(): boolean {
    return this.#answer !== undefined || !this.#control.open;
  }

  /**
   * TYPE and EPSV in one flight, REST on its own, then the transfer command (law 11); resolves with its final reply when the
   * transfer is proved complete.
   */
  async run(): Promise<Reply> {
    const session = this.#session;
    const control = this.#control;
    const interrupt = this.#interrupt;
    const { command, type, direction, start, lent } = this.#request;
    const { passive } = session.settings;
    session.prepareNames();
    const typed = session.switchType(control, type);
    const cleared = start === 0 ? session.clearRestart(control) : undefined;
    cleared?.catch(ignore);
    if (!passive) await session.namesPrepared(); // pyftpdlib answers PORT when it has connected, and what comes behind it before that
    this.#data = await (passive ? openPassive : openActive)({ session, control, direction, lent, listener: this, interrupt });
    if (typed) await typed;
    if (cleared) await interrupt.race(cleared);
    const preparing = session.namesPrepared();
    if (preparing) await preparing; // its OPTS must not come behind the transfer command
    interrupt.check();
    // Awaited, because a server that refuses REST would send or overwrite the file from its beginning.
    if (start > 0) await interrupt.race(control.exec(session.command('REST', String(start))));
    const chosen = typeof command === 'function' ? await interrupt.race(command()) : command;
    interrupt.check();
    const reply = await this.#transfer(chosen);
    this.#data.close();
    if (control.noopsDue > 0) await takeNoopReplies(session, control, new FTPError('NOOP: not answered'));
    return reply;
  }

  /** After a failure or an interruption: leaves the control connection in step; resolves with the reply to ABOR, if there was one. */
  async end(reason: Error): Promise<Reply | undefined> {
    clearInterval(this.#noops);
    if (this.#over) this.#data?.abandon();
    else if (this.phase !== 'completion' || this.#request.direction === 'up') { // else the data are here, and the reply comes in its turn
      if (this.command && ruleOf(this.command.verb, true).lists && (await this.#drain(reason))) return undefined;
      if (this.#data) await this.#connectInVain(this.#data);
      if (this.command && !this.#over) return abortTransfer(this.#session, this.#control, reason);
    }
    if (this.#control.noopsDue > 0) await takeNoopReplies(this.#session, this.#control, reason);
    return undefined;
  }

  /**
   * A listing that was left is read to its end, and the bytes thrown away: Pure-FTPd 1.0.50 keeps what could not be sent, and the session's next
   * listing begins with it; ProFTPD 1.3.8 never answers an NLST whose connection was reset. One that does not end soon costs the session.
   */
  async #drain(reason: Error): Promise<boolean> {
    if (this.#broken || !this.#data) return false;
    this.#drained = new Milestone();
    this.#drainable = this.bytes + DRAINABLE;
    if (this.#dataOver) this.#expectReply();
    this.#data.resume();
    if (!(await this.#drained.within(DRAIN))) this.#control.destroy(new ConnectionClosedError('a listing that was left did not end soon', { cause: reason }));
    this.#data.abandon();
    return true;
  }

  /**
   * The server waits for the connection that it was told of: it is made, and reset. Twisted 22.4 reads no command before
   * that, and GridFTP 13.24 no ABOR. A TLS handshake is finished first: vsftpd 3.0.3 and Pure-FTPd 1.0.50 do not survive
   * one that is cut.
   */
  async #connectInVain(data: DataConnection): Promise<void> {
    if (this.command && this.#session.protection.secureData) {
      data.pause();
      await data.readyWithin(VAIN);
      if (this.#answer) return data.abandon();
    }
    data.reset();
    if (!(await data.madeWithin(VAIN))) this.#control.destroy(new TimeoutError('the data connection that the server waits for cannot be made'));
  }

  resume(): void {
    this.#data?.resume();
  }

  /** Upload: sends bytes; false means that `onWritable` will come. */
  write(chunks: readonly Uint8Array[]): boolean {
    for (const chunk of chunks) this.bytes += chunk.length;
    return this.#data?.write(chunks) ?? false;
  }

  /** Upload: all bytes have been written. */
  finish(): void {
    this.#finishing = true;
    this.#data?.end(() => this.#onDataOver());
  }

  // ---- the data connection's words

  onChunk(chunk: Buffer): boolean {
    if (this.#request.direction === 'up') return true;
    this.bytes += chunk.length;
    if (!this.#drained) return this.#listener.onChunk(chunk);
    if (this.bytes > this.#drainable) this.#drained.settle(false);
    return true;
  }

  onEnd(): void {
    if (this.#request.direction === 'up') return; // what counts is whether it takes what we send
    this.#onDataOver();
  }

  /** It broke: the server's own word on why is worth waiting for, unless it is the server that is silent. */
  onError(error: Error): void {
    this.#broken = error;
    this.#drained?.settle(false);
    if (!this.#outcome || this.#dataOver) return; // judged when the command is sent, or answered
    if (this.#answer) this.#fail(this.#answer instanceof FTPError ? annotate(this.#answer, { cause: error }) : error);
    // ProFTPD 1.3.8 resets the connection at once when it refuses the command.
    else if (error instanceof TimeoutError || !(this.#data?.made || wasResetAtOnce(error))) this.#fail(error);
    else this.#expectReply();
  }

  onWritable(): void {
    this.#listener.onWritable();
  }

  // ---- the replies to the transfer command

  onMark(reply: Reply): void {
    if (this.#due) this.#control.expectCompletion(); // a mark behind the data's end: it was late, or Pure-FTPd 1.0.50 tells a reset with one
    const { type, direction } = this.#request;
    if (direction === 'down' && type === 'I') this.announced ??= announcedSize(reply, this.command?.argument);
    if (this.#marked) return;
    this.#marked = true;
    this.phase = this.#dataOver ? 'completion' : 'data';
    this.#listener.onOpen(reply);
    if (this.#dataOver) this.#onDataEnd();
    else if (this.#outcome) this.#noops = sendNoops(this.#session, this.#control);
    this.#data?.begin();
  }

  onReply(reply: Reply): void {
    const { direction } = this.#request;
    if (reply.kind !== 'completion') return this.onFailure(unexpected(reply, this.command));
    this.#answer = reply;
    if (this.#drained) return this.#settleDrained();
    if (isTransferEnd(reply)) this.#session.dataMeans.mode.orderly = true;
    if (direction === 'up' && !this.#finishing) this.#fail(new TransferError(`the server ended the upload before we did: ${reply}`, { reply }));
    else if (this.#dataOver) this.#conclude(reply);
    else if (this.#broken) this.#fail(this.#broken);
    else if (!this.#marked) this.#data?.begin(); // a 2yz without a mark (Twisted's NLST): its data are due as well
  }

  /** A refusal in the middle of the data waits for the bytes that are on their way: what arrived is what a caller can resume from. */
  onFailure(error: Error): void {
    this.#answer = error;
    if (this.#drained) return this.#settleDrained();
    const { reply } = error as FTPError;
    const broken = this.#dataOver ? undefined : this.#broken;
    if (broken instanceof SecurityError) this.#fail(annotate(broken, { reply })); // the server only echoes what we refused
    else if (reply && broken) this.#fail(annotate(error as FTPError, { cause: broken }));
    else if (reply && this.#marked && this.#data?.made && !this.#dataOver && this.#request.direction === 'down') {
      this.#lastBytes = setTimeout(() => this.#fail(error), LAST_BYTES);
    } else this.#fail(error);
  }

  // ---- the steps

  /** Sends the transfer command; settles when it is known how the transfer has ended. */
  #transfer(command: Command): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#outcome = { resolve, reject };
      this.#interrupt.listen((reason) => this.#fail(reason));
      this.command = command;
      this.#control.request(command, this, TRANSFER);
      if (this.#dataOver) this.#onDataOver();
      else if (this.#broken) this.onError(this.#broken);
    });
  }

  #onDataOver(): void {
    const down = this.#request.direction === 'down';
    if (down) this.#data?.close();
    this.#dataOver = true;
    if (this.#drained) {
      this.#expectReply();
      return this.#settleDrained();
    }
    if (!this.#outcome) return; // the command is not sent yet, or the transfer was given up
    clearInterval(this.#noops);
    if (this.#marked) this.phase = 'completion'; // a server that refuses closes the data connection, too
    this.#expectReply();
    if (down && this.#marked) this.#onDataEnd();
    if (this.#answer instanceof Error) this.#fail(this.#answer);
    else if (this.#answer) this.#conclude(this.#answer);
  }

  /** The next command may leave, as replies come in order; not behind no data: pyftpdlib 1.5.7 may lose their connection, and then never answers. */
  #onDataEnd(): void {
    if (this.#outcome && this.bytes > 0 && this.#control.noopsDue === 0) this.#listener.onDataEnd();
  }

  /** A refusal ends it, and a connection that is gone; a 2yz when the data have ended, too. */
  #settleDrained(): void {
    if (this.#answer instanceof Error || (this.#answer && this.#dataOver)) this.#drained?.settle(true);
  }

  #expectReply(): void {
    this.#due = true;
    if (!this.#answer) this.#control.expectCompletion();
  }

  /**
   * The data ended cleanly and the final reply is 2yz. A download is complete when nothing that was announced is missing; an
   * upload when no reset came: what cuts an upload may end it properly for the server.
   */
  #conclude(reply: Reply): void {
    if (this.#request.direction === 'up') return void setImmediate(() => this.#concludeUpload(reply)); // a reset that came before this reply may be read after it
    try {
      checkSize(this.bytes, this.announced, this.#request.start);
      if (this.bytes === 0 && this.#request.start > 0 && this.command?.verb === 'RETR') void this.#concludeEmpty(reply, this.command.argument);
      else this.#outcome?.resolve(reply);
    } catch (error) {
      this.#fail(annotate(error as FTPError, { reply }));
    }
  }

  /** Nothing came from a byte on: servers say 226 as well where the file ends before that byte. And what ProFTPD announces is what is left from there on. */
  async #concludeEmpty(reply: Reply, path: string): Promise<void> {
    const { start } = this.#request;
    const { announced = 0 } = this;
    try {
      const size = Number((await this.#control.exec(this.#session.command('SIZE', path))).text.trim());
      if (start > size) throw new TransferError(`byte ${start} was asked for, and the file has ${size} bytes`, { phase: 'data' });
      if (announced > 0 && size >= start + announced) throw new TransferError(`the server said it was done after 0 of ${announced} bytes`, { phase: 'data' });
    } catch (error) {
      if (!(error instanceof ReplyError)) return this.#fail(error as Error); // else it cannot be told
    }
    this.#outcome?.resolve(reply);
  }

  #concludeUpload(reply: Reply): void {
    if (this.#broken) this.#fail(annotate(this.#broken as FTPError, { reply, maybeCompleted: true }));
    else this.#outcome?.resolve(reply);
  }

  #fail(error: Error): void {
    clearTimeout(this.#lastBytes);
    this.#outcome?.reject(error);
    this.#outcome = undefined;
  }
}

function ignore(): void {
  // awaited when the data connection is there
}

/** What is to be transferred, and how. */
export interface TransferRequest extends ExchangeRequest {
  /** What was asked for; a plan may know better. */
  readonly command: Command;
  readonly plan?: Plan | undefined;
}

/** The stream's side of a transfer. */
export interface TransferListener extends Omit<ExchangeListener, 'onDataEnd'> {
  /** Changes when its own side gets on, although it is paused. */
  progress(): string;
  /** Another operation waits for this one's turn. */
  onContended(): void;
  /** The client is to quit, and this is paused by its own side; `stuck` for `stallTimeout`. */
  onQuitting(stuck: boolean): void;
  /** Proved complete; without a reply when `enough()` ended it. */
  onComplete(reply: Reply | undefined): void;
  onError(error: FTPError): void;
}

/** Connections that may be found dead, one after the other, before that is the operation's own failure. */
const MOST_MOVES = 3;

/** One stream's turn: its place in the queue, its exchange with the server, and how it ends for the stream and the session (law 4). */
export class Transfer implements ExchangeListener {
  /** That of the turn, once it has come. */
  #session: Session;
  readonly #turns: Queue;
  readonly #request: TransferRequest;
  readonly #listener: TransferListener;
  readonly #place: Place;
  readonly #interrupt = new Interrupt();
  #exchange: Exchange | undefined;
  #release: () => void = () => undefined;
  /** Payload bytes of the tries before this one. */
  #moved = 0;
  /** The last of them, which this try reads again. */
  #seam: Buffer = Buffer.alloc(0);
  #announced: number | undefined;
  #moves = 0;
  /** Set while the consumer wants no more: a lost connection is then not made again. */
  #wanted: Milestone | undefined;
  #abortReply: Reply | undefined;
  #over: Promise<void> | undefined;
  #done = false;

  constructor(session: Session, turns: Queue, request: TransferRequest, listener: TransferListener) {
    this.#session = session;
    this.#turns = turns;
    this.#request = request;
    this.#listener = listener;
    this.#place = turns.enter(
      (release, current) => {
        this.#release = release;
        this.#session = current;
        request.plan?.use(current);
        this.#over = this.#run();
      },
      {
        name: request.command.shown,
        pauseReason: request.direction === 'down' ? 'its reader takes nothing' : 'its source gives nothing',
        progress: () => listener.progress(),
        onContended: () => listener.onContended(),
        onDropped: (error) => listener.onError(this.describe(error)),
        onRefused: (error) => void this.#onRefused(error),
        onQuitting: (stuck) => listener.onQuitting(stuck),
      },
      { unused: true },
    );
  }

  /** Its place in the queue. */
  get place(): Place {
    return this.#place;
  }

  /** Payload bytes moved. */
  get bytes(): number {
    return this.#moved + Math.max(0, (this.#exchange?.bytes ?? 0) - this.#seam.length);
  }

  /** The byte at which this try begins. */
  get #offset(): number {
    return this.#request.start + this.#moved - this.#seam.length;
  }

  /** Payload bytes that the server announced in its first mark. */
  get announced(): number | undefined {
    return this.#announced ?? this.#exchange?.announced;
  }

  /** The step that the transfer is in. */
  get phase(): Phase {
    return this.#exchange?.phase ?? 'connect';
  }

  /** True when another operation waits for this one's turn, and the paused reader of a listing should read ahead, further than `ahead` bytes. */
  contended(ahead: number): boolean {
    return this.#turns.contended(ahead);
  }

  /** What this download gives will be written by that upload: false where both cannot run at the same time. */
  addPipe(upload: Place): boolean {
    return this.#turns.addPipe(this.#place, upload);
  }

  /** Whether the data connection's TLS resumed a session; undefined without TLS, and before it. */
  get tlsResumed(): boolean | undefined {
    return this.#exchange?.tlsResumed;
  }

  /** The stream is in use: the transfer may have its turn. */
  start(): void {
    this.#place.ready();
  }

  /** The consumer has left, or failed: the transfer ends without a further word to its stream. */
  cancel(): void {
    this.#place.leave();
    if (!this.#done) this.#interrupt.raise(new Enough(false));
  }

  /** All that was wanted has arrived: the transfer ends early, and is complete. */
  enough(): void {
    this.#interrupt.raise(new Enough(true));
  }

  /** Ends the transfer with AbortedError, at once for the stream; resolves with the reply to ABOR, if it was sent and answered. */
  async abort(): Promise<Reply | undefined> {
    const reason = new AbortedError(`${this.#request.command.shown}: aborted`);
    this.#interrupt.raise(reason);
    if (this.#interrupt.reason === reason) this.#listener.onError(this.describe(reason));
    await this.#over;
    return this.#abortReply;
  }

  /** The client was closed: there is no further try, and a paused reader gets no more, even where the final reply is here already. */
  onClosed(error: Error): void {
    if (!this.#done) this.#interrupt.raise(error);
  }

  resume(): void {
    this.#place.pause(false);
    this.#wanted?.settle(true);
    this.#wanted = undefined;
    this.#exchange?.resume();
  }

  /** Its own side, the reader or the source, has stopped, or goes on. */
  pause(paused: boolean): void {
    this.#place.pause(paused);
  }

  /** Upload: sends bytes; false means that `onWritable` will come. */
  write(chunks: readonly Uint8Array[]): boolean {
    const { plan } = this.#request;
    if (plan?.observe) for (const chunk of chunks) plan.observe(chunk);
    return this.#exchange?.write(chunks) ?? false;
  }

  /** Upload: all bytes have been written. */
  finish(): void {
    this.#exchange?.finish();
  }

  /** The error with what is known of this transfer. */
  describe(error: Error): FTPError {
    const { command, direction } = this.#request;
    const known = error instanceof FTPError ? error : new FTPError(error.message, { cause: error });
    if (known.command === undefined && !known.message.startsWith(command.verb)) known.message = `${command.shown}: ${known.message}`;
    const maybeCompleted = (direction === 'up' && this.phase === 'completion' && !known.reply) || undefined;
    return annotate(known, { bytesTransferred: this.bytes, expectedBytes: this.announced, phase: this.phase, command: command.shown, maybeCompleted });
  }

  /** One try after another, until one succeeds or there is none left. */
  async #run(): Promise<void> {
    const { plan } = this.#request;
    this.#session.running = this;
    try {
      let over = false;
      while (!over) {
        let control: ControlConnection | undefined;
        try {
          control = await this.#ready();
          const reply = await (plan ? this.#follow(plan, control) : this.#exchangeFor(this.#request, control).run());
          this.#done = over = true;
          this.#listener.onComplete(reply);
        } catch (error) {
          over = await this.#isOverBehind(error as Error, control);
        }
      }
    } finally {
      this.#giveBack();
    }
  }

  /** The connection, with the session where this transfer needs it. */
  async #ready(): Promise<ControlConnection> {
    const session = this.#session;
    const needs = { folder: true, transfer: this.#offset > 0 ? 'restarted' : 'anew' } as const;
    if (session.control && session.meets(needs)) return session.control;
    return this.#interrupt.race(session.ready(needs));
  }

  /** Ends a try that failed; false when there is to be another. */
  async #isOverBehind(error: Error, control: ControlConnection | undefined): Promise<boolean> {
    if (this.#isUnsent(error, control)) await this.#moveOn(error);
    else {
      const reason = await this.#heal(error);
      if (!reason) return false;
      await this.#end(reason);
      await this.#interrupt.settled();
      if (control) await this.#request.plan?.finish(control, false, this.bytes);
    }
    return true;
  }

  /** The server's answer to the transfer command itself, before anything has begun; what is asked around it may fail with the same code. */
  isRefusal(error: FTPError): boolean {
    return !this.#marked && error.command !== undefined && error.command === this.#exchange?.command?.shown;
  }

  /** There is no connection: the plan may know when to try again. */
  async #onRefused(error: Error): Promise<void> {
    const reason = await this.#heal(error);
    if (!reason) this.#place.ready();
    else if (this.#place.leave() && !(reason instanceof Enough)) this.#listener.onError(this.describe(reason));
  }

  /** The connection was lost before the transfer command was written: an idle one whose end we had not heard of. */
  #isUnsent(error: Error, control: ControlConnection | undefined): boolean {
    if (!this.#turns.pooled || !control || control.open || this.#interrupt.reason || this.#moves === MOST_MOVES) return false;
    const lost = error instanceof FTPError && (error instanceof ConnectionClosedError || error.reply?.code === 421);
    return lost && this.bytes === 0 && !this.#marked && error.command !== undefined && error.command !== this.#exchange?.command?.shown;
  }

  /** Waits for its turn once more, on another connection. */
  async #moveOn(error: Error): Promise<void> {
    await this.#exchange?.end(error);
    this.#exchange = undefined;
    this.#moves += 1;
    this.#giveBack();
    this.#place.again();
  }

  get #marked(): boolean {
    return this.phase === 'data' || this.phase === 'completion';
  }

  /** Ends what failed and waits for the plan's next try; resolves with the reason why there is none. */
  async #heal(error: Error): Promise<Error | undefined> {
    const { plan } = this.#request;
    if (!plan?.again || this.#interrupt.reason) return error;
    const known = this.describe(error);
    await this.#exchange?.end(error);
    this.#announced = this.announced;
    this.#moved = this.bytes;
    this.#seam = plan.seam ?? this.#seam;
    this.#exchange = undefined;
    const pause = new AbortController();
    try {
      if (this.#wanted) await this.#interrupt.race(this.#wanted.reached());
      return (await this.#interrupt.race(plan.again(known, this.#moved, pause.signal))) ? undefined : known;
    } catch (reason) {
      return reason as Error;
    } finally {
      pause.abort();
    }
  }

  /** Tries the plan's commands until one is not refused. */
  async #follow(plan: Plan, control: ControlConnection): Promise<Reply | undefined> {
    let command = await this.#interrupt.step(plan.begin(control, this.#moved));
    let reply: Reply | undefined;
    while (command !== 'complete') {
      const exchange = this.#exchangeFor({ ...this.#request, command, start: this.#offset }, control);
      try {
        reply = await exchange.run();
        break;
      } catch (error) {
        if (!(error instanceof ReplyError) || !exchange.unbegun) throw error;
        await exchange.end(error);
        command = await this.#interrupt.step(plan.recover(error, control));
      }
    }
    await this.#interrupt.step(plan.finish(control, true, this.bytes));
    return reply;
  }

  #exchangeFor(request: ExchangeRequest, control: ControlConnection): Exchange {
    return (this.#exchange = new Exchange(this.#session, control, request, this, this.#interrupt));
  }

  // ---- the exchange's words

  onOpen(reply: Reply): void {
    this.#listener.onOpen(reply);
  }

  onChunk(received: Buffer): boolean {
    const { plan } = this.#request;
    const chunk = this.#pastSeam(received);
    if (chunk.length === 0) return true;
    plan?.observe?.(chunk);
    const more = this.#listener.onChunk(chunk);
    if (!more) {
      this.#place.pause(true);
      if (plan?.again) this.#wanted ??= new Milestone();
    }
    return more;
  }

  /** What is new of a chunk. */
  #pastSeam(chunk: Buffer): Buffer {
    const at = (this.#exchange?.bytes ?? 0) - chunk.length;
    if (at >= this.#seam.length) return chunk;
    const again = chunk.subarray(0, this.#seam.length - at);
    if (again.equals(this.#seam.subarray(at, at + again.length))) return chunk.subarray(again.length);
    this.#interrupt.raise(new MismatchError(`from byte ${this.#offset} on came other bytes than before: the server ignores REST, or the file has changed`));
    return chunk.subarray(chunk.length);
  }

  onWritable(): void {
    this.#listener.onWritable();
  }

  /** Law 11 has a download give way at once; a listing does when the server is known not to end one with a 200, as some devices do. */
  onDataEnd(): void {
    const { plan } = this.#request;
    if (!plan || (plan.isLast?.() && this.#session.dataMeans.mode.orderly)) this.#giveBack();
  }

  /** Tells the stream, and brings the control connection in step again before the turn is given back. */
  async #end(reason: Error): Promise<void> {
    if (!(reason instanceof Enough)) this.#listener.onError(this.describe(reason));
    this.#abortReply = await this.#exchange?.end(reason);
    if (reason instanceof Enough && reason.complete) this.#listener.onComplete(undefined);
  }

  /** The next operation may write. */
  #giveBack(): void {
    if (this.#session.running === this) this.#session.running = undefined;
    this.#release();
  }
}
