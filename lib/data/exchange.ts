import { setImmediate as turn } from 'node:timers/promises';
import { abortTransfer } from '../control/abort';
import type { Command } from '../control/command';
import type { ControlConnection } from '../control/control-connection';
import type { Reply } from '../control/reply';
import { announcedSize } from '../control/reply-text';
import { resynchronise } from '../control/resync';
import type { Session } from '../control/session';
import { wasResetAtOnce } from '../dial';
import { annotate, FTPError, ReplyError, SecurityError, TimeoutError, TransferError, type Phase } from '../errors';
import { openActive } from './active';
import { checkSize } from './announced';
import type { DataConnection, DataListener } from './data-connection';
import { Deferred, within } from './deferred';
import type { Interrupt } from './interrupt';
import { openPassive } from './passive';

/** One transfer command. */
export interface ExchangeRequest {
  readonly command: Command;
  readonly type: 'I' | 'A';
  readonly direction: 'down' | 'up';
  /** The byte that REST names; 0 sends no REST. */
  readonly start: number;
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

/** One transfer command with its data connection and its replies, and what proves it complete (law 1). */
export class Exchange implements DataListener {
  /** Payload bytes moved. */
  bytes = 0;
  /** Payload bytes that the server announced in its mark. */
  announced: number | undefined;
  phase: Phase = 'command';
  readonly #session: Session;
  readonly #control: ControlConnection;
  readonly #request: ExchangeRequest;
  readonly #listener: ExchangeListener;
  readonly #interrupt: Interrupt;
  readonly #dataEnded = new Deferred();
  readonly #begun = new Deferred();
  #data: DataConnection | undefined;
  #completion: Promise<Reply> | undefined;
  #marked = false;
  #answered = false;
  #finishing = false;
  /** The final reply came before we had ended the upload; that our last byte has left may well be heard of later. */
  #early = false;
  #insecure: SecurityError | undefined;
  #broken: Error | undefined;
  #dataOver = false;
  /** Nothing but the final reply is waited for. */
  #due = false;
  #noops: NodeJS.Timeout | undefined;

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

  /** True when the server refused the command before it began. */
  get refused(): boolean {
    return this.#answered && !this.#marked;
  }

  /** Resolves with the final reply when the transfer is proved complete. */
  async run(): Promise<Reply> {
    await this.#open();
    const reply = await this.#interrupt.race(this.#request.direction === 'down' ? this.#download() : this.#upload());
    this.#data?.close();
    const due = this.#control.noopsDue;
    if (due > 0) await resynchronise(this.#session, this.#control, { finals: due, mark: false, reason: new FTPError('NOOP: not answered'), maybeAll: () => true });
    return reply;
  }

  /** After a failure or an interruption: leaves the control connection in step; resolves with the reply to ABOR, if there was one. */
  async end(reason: Error): Promise<Reply | undefined> {
    clearInterval(this.#noops);
    if (!this.#control.open || this.#answered) this.#data?.abandon();
    else if (!this.#completion) await this.#connectInVain();
    else if (this.phase !== 'completion' || this.#request.direction === 'up') {
      await this.#connectInVain();
      if (this.#answered || !this.#control.open) return undefined;
      return abortTransfer(this.#session, this.#control, reason, this.#marked);
    }
    return undefined;
  }

  /**
   * The server waits for the connection that it was told of: it is made, and reset. Twisted 22.4 reads no command before
   * that, and GridFTP 13.24 no ABOR. A TLS handshake is finished first: vsftpd 3.0.3 and Pure-FTPd 1.0.50 do not survive
   * one that is cut.
   */
  async #connectInVain(): Promise<void> {
    if (this.#completion && this.#session.protection.secureData) {
      this.#data?.pause();
      await within(this.#begun.promise, VAIN);
      if (this.#answered) return this.#data?.abandon();
    }
    this.#data?.reset();
    if (this.#data && !(await this.#data.madeWithin(VAIN))) this.#control.destroy(new TimeoutError('the data connection that the server waits for cannot be made'));
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
    this.#data?.end(() => this.#dataEnded.resolve());
  }

  // ---- the data connection's words

  onChunk(chunk: Buffer): boolean {
    if (this.#request.direction === 'up') return true;
    this.bytes += chunk.length;
    return this.#listener.onChunk(chunk);
  }

  onEnd(): void {
    if (this.#request.direction === 'up') return; // what counts is whether it takes what we send
    this.#data?.close();
    this.#dataEnded.resolve();
  }

  onError(error: Error): void {
    if (error instanceof SecurityError) this.#insecure = error;
    this.#broken = error;
    this.#dataEnded.reject(error);
  }

  onDrain(): void {
    this.#listener.onWritable();
  }

  // ---- the steps

  /** TYPE and EPSV in one flight, REST on its own, then the transfer command (law 11). */
  async #open(): Promise<void> {
    const session = this.#session;
    const control = this.#control;
    const { command, type, direction, start } = this.#request;
    session.prepareNames();
    const typed = session.switchType(control, type);
    typed?.catch(ignore);
    const open = session.settings.passive ? openPassive : openActive;
    // pyftpdlib answers PORT when it has connected, and what comes behind it before that.
    if (!session.settings.passive) await session.namesPrepared();
    this.#data = await open({ session, control, listener: this, interrupt: this.#interrupt, reading: direction === 'down' });
    await typed;
    await session.namesPrepared(); // its OPTS must not come behind the transfer command
    this.#interrupt.check();
    // Awaited, because a server that refuses REST would send or overwrite the file from its beginning.
    if (start > 0) await this.#interrupt.race(control.exec(session.command('REST', String(start))));
    this.#interrupt.check();
    this.#completion = control.exec(command, { transfer: true, onMark: (reply) => this.#onMark(reply), onFinal: () => (this.#early = !this.#finishing) }).then(
      (reply) => {
        if (reply.kind !== 'completion') throw new ReplyError(`${command.shown}: ${reply}`, { reply, command: command.shown });
        return reply;
      },
      (refusal: FTPError) => {
        throw this.#insecure ? annotate(this.#insecure, { reply: refusal.reply }) : refusal; // the server only echoes what we refused
      },
    );
    this.#completion.then(
      () => {
        this.#answered = true;
        if (!this.#marked) this.#data?.begin(direction).catch(ignore); // a 2yz without a mark (Twisted's NLST): its data are due as well
      },
      () => (this.#answered = true),
    );
  }

  #onMark(reply: Reply): void {
    if (this.#due) this.#control.expectCompletion(); // a mark behind the data's end: it was late, or Pure-FTPd 1.0.50 tells a reset with one
    if (this.#marked) return;
    this.#marked = true;
    this.phase = this.#dataOver ? 'completion' : 'data';
    const { type, direction, command } = this.#request;
    if (direction === 'down' && type === 'I') this.announced = announcedSize(reply, command.argument);
    this.#listener.onOpen(reply);
    this.#keepAlive();
    this.#data?.begin(direction).then(() => {
      this.#begun.resolve();
      if (direction === 'up') this.#listener.onWritable();
    }, this.#begun.reject);
  }

  /** Complete when the data ended cleanly, the final reply is 2yz, and nothing that was announced is missing. */
  async #download(): Promise<Reply> {
    const completion = this.#completion as Promise<Reply>;
    const ended = this.#dataEnded.promise.then(
      () => {
        this.#awaitCompletion();
        // Not behind no data at all: pyftpdlib 1.5.7 may lose a data connection before the command, and then never answers it.
        if (this.bytes > 0 && this.#control.noopsDue === 0) this.#listener.onDataEnd(); // replies come in order
      },
      (error: Error) => this.#brokenBy(error, completion),
    );
    const [reply] = await Promise.all([this.#afterData(completion), ended]);
    checkSize(this.bytes, this.announced, this.#request.start);
    return reply;
  }

  /** Complete when all has left, our side has ended, the final reply is 2yz, and no reset came: what cuts an upload may end it properly for the server. */
  async #upload(): Promise<Reply> {
    const completion = this.#completion as Promise<Reply>;
    const ended = this.#dataEnded.promise.then(
      () => this.#awaitCompletion(),
      (error: Error) => this.#brokenBy(error, completion),
    );
    const answered = completion.then((reply) => {
      if (this.#early) throw new TransferError(`the server ended the upload before we did: ${reply}`, { reply });
      return reply;
    });
    const [reply] = await Promise.all([answered, ended]);
    await turn(); // a reset that came before this reply may be read after it
    if (this.#broken) throw annotate(this.#broken as FTPError, { reply, maybeCompleted: true });
    return reply;
  }

  /** A refusal in the middle of the data waits for the bytes that are on their way: what arrived is what a caller can resume from. */
  async #afterData(completion: Promise<Reply>): Promise<Reply> {
    try {
      return await completion;
    } catch (error) {
      if (this.#marked && (error as FTPError).reply && this.#data?.made) await within(this.#dataEnded.promise, LAST_BYTES);
      throw error;
    }
  }

  /** On request only: NOOPs during a transfer break it on some servers (Pure-FTPd 1.0.50 answers one for many). */
  #keepAlive(): void {
    const { keepAlive, keepAliveDuringTransfers } = this.#session.settings;
    if (keepAlive === 0 || !keepAliveDuringTransfers) return;
    this.#noops = setInterval(() => this.#control.keepAlive(this.#session.command('NOOP')), keepAlive);
  }

  #awaitCompletion(): void {
    clearInterval(this.#noops);
    this.#dataOver = true;
    if (this.#marked) this.phase = 'completion'; // a server that refuses closes the data connection, too
    this.#expectReply();
  }

  #expectReply(): void {
    this.#due = true;
    if (!this.#answered) this.#control.expectCompletion();
  }

  /** The data connection broke: the server's own word on why is worth waiting for, unless it is the server that is silent. */
  async #brokenBy(error: Error, completion: Promise<Reply>): Promise<never> {
    // ProFTPD 1.3.8 resets the connection at once when it refuses the command.
    if (error instanceof TimeoutError || !(this.#data?.made || wasResetAtOnce(error))) throw error;
    this.#expectReply();
    try {
      await completion;
    } catch (refusal) {
      throw refusal instanceof FTPError && refusal.reply ? annotate(refusal, { cause: error }) : error;
    }
    throw error;
  }
}

function ignore(): void {
  // told elsewhere
}
