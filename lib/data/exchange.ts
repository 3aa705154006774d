import type { Command } from '../control/command';
import type { ControlConnection } from '../control/control-connection';
import { isTransferEnd, unexpected } from '../control/judgement';
import { ruleOf } from '../control/command-table';
import type { Sending } from '../control/control-connection';
import type { ReplyListener } from '../control/pending-replies';
import type { Reply } from '../control/reply';
import { announcedSize } from '../control/reply-text';
import type { Session } from '../control/session';
import { wasResetAtOnce } from '../dial';
import { annotate, ConnectionClosedError, FTPError, ReplyError, SecurityError, TimeoutError, TransferError, type Phase } from '../errors';
import { openActive } from './active';
import { checkSize } from './announced';
import type { DataConnection } from './data-connection';
import type { DataListener, Direction } from './data-request';
import type { Interrupt } from './interrupt';
import { abortTransfer, takeNoopReplies } from '../control/resync';
import { sendNoops } from './noops';
import { Milestone } from './milestone';
import { openPassive } from './passive';
import type { Choice } from './plan';

/** One transfer command. */
export interface ExchangeRequest {
  readonly command: Command | Choice;
  readonly type: 'I' | 'A';
  readonly direction: Direction;
  /** The byte that REST names; 0 sends no REST. */
  readonly start: number;
  /** Download: the listener is done with a chunk when it returns, and the next may come in the same memory. */
  readonly lent?: boolean;
}

/** What happens in an exchange. */
export interface ExchangeListener {
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
export class Exchange implements DataListener, ReplyListener {
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
