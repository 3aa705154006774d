import type { ControlConnection } from '../control/control-connection';
import type { Reply } from '../control/reply';
import type { Session } from '../control/session';
import type { Place, Turns } from '../control/turns';
import { AbortedError, annotate, ConnectionClosedError, FTPError, MismatchError, ReplyError, type Phase } from '../errors';
import { Exchange, type ExchangeListener, type ExchangeRequest } from './exchange';
import { Enough, Interrupt } from './interrupt';
import { Milestone } from './milestone';
import type { Plan } from './plan';
import type { TransferListener, TransferRequest } from './transfer-listener';

/** Connections that may be found dead, one after the other, before that is the operation's own failure. */
const MOST_MOVES = 3;

/** One stream's turn: its place in the queue, its exchange with the server, and how it ends for the stream and the session (law 4). */
export class Transfer implements ExchangeListener {
  /** That of the turn, once it has come. */
  #session: Session;
  readonly #turns: Turns;
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

  constructor(session: Session, turns: Turns, request: TransferRequest, listener: TransferListener) {
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
  couple(upload: Transfer): boolean {
    return this.#turns.couple(this.#place, upload.#place);
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
    if (!this.#turns.several || !control || control.open || this.#interrupt.reason || this.#moves === MOST_MOVES) return false;
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
