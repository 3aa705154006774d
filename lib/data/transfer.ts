import type { Command } from '../control/command';
import type { ControlConnection } from '../control/control-connection';
import type { Place, Queue } from '../control/queue';
import type { Reply } from '../control/reply';
import type { Session } from '../control/session';
import { AbortedError, annotate, FTPError, PermanentError, type Phase } from '../errors';
import { Exchange, type ExchangeListener, type ExchangeRequest } from './exchange';
import { Interrupt } from './interrupt';

/** Commands around a transfer, in its turn: which one it is, what else to try, and what is to be done behind it. */
export interface Plan {
  /** The transfer command. */
  begin(control: ControlConnection): Promise<Command>;
  /** The command was refused with a 5yz: another one, or `complete` when the answer is known without; throws when there is none. */
  recover(refusal: PermanentError, control: ControlConnection): Promise<Command | 'complete'>;
  /** The transfer is over; after one that failed, this must not throw. */
  finish(control: ControlConnection, complete: boolean, bytes: number): Promise<void>;
}

/** What is to be transferred, and how. */
export interface TransferRequest extends ExchangeRequest {
  readonly plan?: Plan;
}

/** The stream's side of a transfer. */
export interface TransferListener extends Omit<ExchangeListener, 'onDataEnd'> {
  /** Another operation waits for this one's turn. */
  onContended(): void;
  /** Proved complete; without a reply when `enough()` ended it. */
  onComplete(reply: Reply | undefined): void;
  onError(error: FTPError): void;
}

/** Raised to end a transfer early without an error: its range is complete, or its consumer has left. */
class Enough extends Error {}

/** One stream's turn: its place in the queue, its exchange with the server, and how it ends for the stream and the session (law 4). */
export class Transfer {
  readonly #session: Session;
  readonly #queue: Queue;
  readonly #request: TransferRequest;
  readonly #listener: TransferListener;
  readonly #place: Place;
  readonly #interrupt = new Interrupt();
  #exchange: Exchange | undefined;
  #release: () => void = () => undefined;
  #abortReply: Reply | undefined;
  #over: Promise<void> | undefined;
  #done = false;

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

  /** Payload bytes moved. */
  get bytes(): number {
    return this.#exchange?.bytes ?? 0;
  }

  /** Payload bytes that the server announced in its mark. */
  get announced(): number | undefined {
    return this.#exchange?.announced;
  }

  /** The step that the transfer is in. */
  get phase(): Phase {
    return this.#exchange?.phase ?? 'connect';
  }

  /** True when another operation waits for this one's turn. */
  get contended(): boolean {
    return this.#queue.contended;
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
    if (!this.#place.leave() && !this.#done) this.#interrupt.raise(new Enough());
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

  resume(): void {
    this.#exchange?.resume();
  }

  /** Upload: sends bytes; false means that `onWritable` will come. */
  write(chunks: readonly Uint8Array[]): boolean {
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

  async #run(): Promise<void> {
    let control: ControlConnection | undefined;
    this.#session.running = this;
    try {
      control = await this.#interrupt.race(this.#session.ready());
      const { plan } = this.#request;
      const reply = plan ? await this.#follow(plan, control) : await this.#exchangeFor(this.#request, control).run();
      this.#done = true;
      this.#listener.onComplete(reply);
    } catch (error) {
      await this.#end(error as Error);
      if (control) await this.#request.plan?.finish(control, false, this.bytes);
    } finally {
      this.#giveBack();
    }
  }

  /** Tries the plan's commands until one is not refused. */
  async #follow(plan: Plan, control: ControlConnection): Promise<Reply | undefined> {
    let command = await this.#interrupt.race(plan.begin(control));
    for (;;) {
      const exchange = this.#exchangeFor({ ...this.#request, command }, control);
      try {
        const reply = await exchange.run();
        await this.#interrupt.race(plan.finish(control, true, this.bytes));
        return reply;
      } catch (error) {
        if (!(error instanceof PermanentError) || !exchange.refused) throw error;
        await exchange.end(error);
        const next = await this.#interrupt.race(plan.recover(error, control));
        if (next === 'complete') {
          await this.#interrupt.race(plan.finish(control, true, this.bytes));
          return undefined;
        }
        command = next;
      }
    }
  }

  #exchangeFor(request: TransferRequest, control: ControlConnection): Exchange {
    const { onOpen, onChunk, onWritable } = this.#listener;
    const onDataEnd = (): void => {
      if (!request.plan) this.#giveBack();
    };
    return (this.#exchange = new Exchange(this.#session, control, request, { onOpen, onChunk, onWritable, onDataEnd }, this.#interrupt));
  }

  /** Tells the stream, and brings the control connection in step again before the turn is given back. */
  async #end(reason: Error): Promise<void> {
    const early = reason instanceof Enough;
    if (!early) this.#listener.onError(this.describe(reason));
    this.#abortReply = await this.#exchange?.end(reason);
    if (early && reason.message !== '') this.#listener.onComplete(undefined);
  }

  /** The next operation may write. */
  #giveBack(): void {
    if (this.#session.running === this) this.#session.running = undefined;
    this.#release();
  }
}
