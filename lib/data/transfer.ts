import { abortTransfer } from '../control/abort';
import type { ControlConnection } from '../control/control-connection';
import type { Place, Queue } from '../control/queue';
import type { Reply } from '../control/reply';
import type { Session } from '../control/session';
import { AbortedError, annotate, FTPError, TimeoutError, TransferError, type Phase } from '../errors';
import { openActive } from './active';
import { announcedSize } from '../control/reply-text';
import { Deferred } from './deferred';
import type { DataConnection, DataListener } from './data-connection';
import { Interrupt } from './interrupt';
import { openPassive } from './passive';
import type { TransferListener, TransferRequest } from './transfer-request';

/** Milliseconds for what is on its way when the server has said that the transfer failed. */
const LAST_BYTES = 500;

/** Raised to end a transfer early without an error: its range is complete, or its consumer has left. */
class Enough extends Error {}

/** One transfer: its turn, its data connection, its replies, and what proves it complete (laws 1 and 4). */
export class Transfer implements DataListener {
  /** Payload bytes moved. */
  bytes = 0;
  /** Payload bytes that the server announced in its mark. */
  announced: number | undefined;
  /** The step that the transfer is in. */
  phase: Phase = 'connect';
  readonly #session: Session;
  readonly #queue: Queue;
  readonly #request: TransferRequest;
  readonly #listener: TransferListener;
  readonly #place: Place;
  readonly #interrupt = new Interrupt();
  readonly #dataEnded = new Deferred();
  #data: DataConnection | undefined;
  #completion: Promise<Reply> | undefined;
  #marked = false;
  #answered = false;
  #flushed = false;
  #release: () => void = () => undefined;
  #abortReply: Reply | undefined;
  #over: Promise<void> | undefined;

  constructor(session: Session, queue: Queue, request: TransferRequest, listener: TransferListener) {
    this.#session = session;
    this.#queue = queue;
    this.#request = request;
    this.#listener = listener;
    this.#place = queue.enter(
      (release) => {
        this.#release = release;
        this.#over = this.#run();
      },
      {
        onContended: () => listener.onContended(),
        onDropped: (error) => listener.onError(this.describe(error)),
      },
    );
  }

  /** True when another operation waits for this one's turn. */
  get contended(): boolean {
    return this.#queue.contended;
  }

  /** Whether the data connection's TLS resumed a session; undefined without TLS, and before it. */
  get tlsResumed(): boolean | undefined {
    return this.#data?.tlsResumed;
  }

  /** The stream is in use: the transfer may have its turn. */
  start(): void {
    this.#place.ready();
  }

  /** The consumer has left, or failed: the transfer ends without a further word to its stream. */
  cancel(): void {
    if (!this.#place.leave()) this.#interrupt.raise(new Enough());
  }

  /** All that was wanted has arrived: the transfer ends early, and is complete. */
  enough(): void {
    this.#interrupt.raise(new Enough('complete'));
  }

  /** Ends the transfer with AbortedError; resolves with the reply to ABOR, if it was sent and answered. */
  async abort(): Promise<Reply | undefined> {
    this.#interrupt.raise(new AbortedError(`${this.#request.command.shown}: aborted`));
    await this.#over;
    return this.#abortReply;
  }

  pause(): void {
    this.#data?.pause();
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
    this.#data?.end(() => {
      this.#flushed = true;
      this.#dataEnded.resolve();
    });
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
    this.#dataEnded.reject(error);
  }

  onDrain(): void {
    this.#listener.onWritable();
  }

  // ---- the steps

  async #run(): Promise<void> {
    let control: ControlConnection | undefined;
    this.#session.running = this;
    try {
      control = await this.#interrupt.race(this.#session.ready());
      await this.#open(control);
      const reply = await this.#interrupt.race(this.#request.direction === 'down' ? this.#download(control) : this.#upload(control));
      this.#listener.onComplete(reply);
    } catch (error) {
      await this.#end(control, error as Error);
    } finally {
      this.#data?.close();
      this.#giveBack();
    }
  }

  /** The next operation may write. */
  #giveBack(): void {
    if (this.#session.running === this) this.#session.running = undefined;
    this.#release();
  }

  /** TYPE and EPSV in one flight, REST on its own, then the transfer command (law 11). */
  async #open(control: ControlConnection): Promise<void> {
    const session = this.#session;
    const { command, type, direction, start } = this.#request;
    this.phase = 'command';
    session.prepareNames();
    const typed = session.switchType(control, type);
    typed?.catch(ignore);
    const open = session.settings.passive ? openPassive : openActive;
    this.#data = await open({ session, control, listener: this, interrupt: this.#interrupt, reading: direction === 'down' });
    await typed;
    await session.namesPrepared(); // its OPTS must not come behind the transfer command
    this.#interrupt.check();
    // Awaited, because a server that refuses REST would send or overwrite the file from its beginning.
    if (start > 0) await this.#interrupt.race(control.exec(session.command('REST', String(start))));
    this.#interrupt.check();
    this.#completion = control.exec(command, { transfer: true, onMark: (reply) => this.#onMark(reply) });
    this.#completion.then(
      () => {
        this.#answered = true;
        if (!this.#marked) this.#data?.begin().catch(ignore); // a 2yz without a mark (Twisted's NLST): its data are due as well
      },
      () => (this.#answered = true),
    );
  }

  #onMark(reply: Reply): void {
    if (this.#marked) return;
    this.#marked = true;
    this.phase = 'data';
    const { type, direction, command } = this.#request;
    if (direction === 'down' && type === 'I') this.announced = announcedSize(reply, command.argument);
    this.#listener.onOpen(reply);
    this.#data?.begin().then(() => direction === 'up' && this.#listener.onWritable(), ignore);
  }

  /** Complete when the data ended cleanly, the final reply is 2yz, and nothing that was announced is missing. */
  async #download(control: ControlConnection): Promise<Reply> {
    const completion = this.#afterData(this.#completion as Promise<Reply>);
    const ended = this.#dataEnded.promise.then(
      () => {
        this.#awaitCompletion(control);
        this.#giveBack(); // the next command need not wait for the final reply: replies come in order
      },
      (error: Error) => this.#brokenBy(error, control, completion),
    );
    const [reply] = await Promise.all([completion, ended]);
    this.#checkSize();
    return reply;
  }

  /** A refusal in the middle of the data waits for the bytes that are on their way: what arrived is what a caller can resume from. */
  async #afterData(completion: Promise<Reply>): Promise<Reply> {
    try {
      return await completion;
    } catch (error) {
      if (this.#marked && (error as FTPError).reply && this.#data?.made) await this.#dataEnded.within(LAST_BYTES);
      throw error;
    }
  }

  /** Complete when all has left, our side has ended, and the final reply is 2yz. */
  async #upload(control: ControlConnection): Promise<Reply> {
    const completion = this.#completion as Promise<Reply>;
    const ended = this.#dataEnded.promise.then(
      () => this.#awaitCompletion(control),
      (error: Error) => this.#brokenBy(error, control, completion),
    );
    const answered = completion.then((reply) => {
      if (!this.#flushed) throw new TransferError(`${this.#request.command.shown}: the server ended the upload before we did: ${reply}`, { reply });
      return reply;
    });
    const [reply] = await Promise.all([answered, ended]);
    return reply;
  }

  #awaitCompletion(control: ControlConnection): void {
    this.phase = 'completion';
    if (!this.#answered) control.expectCompletion();
  }

  /** The data connection broke: the server's own word on why is worth waiting for, unless it is the server that is silent. */
  async #brokenBy(error: Error, control: ControlConnection, completion: Promise<Reply>): Promise<never> {
    if (error instanceof TimeoutError || !this.#data?.made) throw error;
    if (!this.#answered) control.expectCompletion();
    try {
      await completion;
    } catch (refusal) {
      throw refusal instanceof FTPError && refusal.reply ? annotate(refusal, { cause: error }) : error;
    }
    throw error;
  }

  /** After REST, servers announce the whole size (vsftpd, inetutils) or what is left of it (ProFTPD). */
  #checkSize(): void {
    const { announced, bytes } = this;
    const { start, command } = this.#request;
    if (announced === undefined || bytes >= announced || (start > 0 && bytes === Math.max(0, announced - start))) return;
    this.phase = 'data';
    throw new TransferError(`${command.shown}: the server said it was done after ${bytes} of ${announced} bytes`);
  }

  /** Brings the control connection in step again before the turn is given back. */
  async #end(control: ControlConnection | undefined, reason: Error): Promise<void> {
    const early = reason instanceof Enough;
    const complete = early && reason.message !== '';
    if (!early) this.#listener.onError(this.describe(reason));
    if (!control?.open || !this.#completion || this.#answered) this.#data?.abandon();
    else if (this.phase !== 'completion' || this.#request.direction === 'up') {
      this.#data?.reset();
      this.#abortReply = await abortTransfer(this.#session, control, reason, this.#marked);
    }
    if (complete) this.#listener.onComplete(undefined);
  }

  /** The error with what is known of this transfer. */
  describe(error: Error): FTPError {
    const { command, direction } = this.#request;
    const known = error instanceof FTPError ? error : new FTPError(`${command.shown}: ${error.message}`, { cause: error });
    if (!known.message.startsWith(command.shown)) known.message = `${command.shown}: ${known.message}`;
    const maybeCompleted = (direction === 'up' && this.phase === 'completion' && !known.reply) || undefined;
    return annotate(known, { bytesTransferred: this.bytes, expectedBytes: this.announced, phase: this.phase, command: command.shown, maybeCompleted });
  }
}

function ignore(): void {
  // told elsewhere
}
