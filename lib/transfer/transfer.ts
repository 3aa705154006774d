import type { Command } from '../control/command';
import { isNotImplemented, isTransferEnd, ruleOf, unexpected } from '../control/command-table';
import type { ControlConnection, SendOptions } from '../control/control-connection';
import type { ReplyListener } from '../control/pending-replies';
import type { Place, PlaceListener, Queue } from '../control/queue';
import { announcedSize } from '../control/reply-text';
import { abortTransfer, takeFurtherReplies } from '../control/resync';
import type { Session, Turn } from '../control/session';
import { transferChannel, type TransferEvent, type TransferMessage } from '../diagnostics';
import { AbortedError, annotate, type Call, ConnectionClosedError, FTPError, MismatchError, ownError, PermanentError, type Phase, ProtocolError, ReplyError, SecurityError, showCall, TimeoutError, TransferError } from '../errors';
import { wasRefused, wasResetAtOnce } from '../net/dial';
import type { Reply } from '../reply';
import { openActive } from './active';
import type { DataConnection, DataListener, DataRequest, Direction } from './data-connection';
import { explainMissingFolder, sizeIn } from './facts';
import { Interrupt, Milestone, type Reason } from './interrupt';
import { openPassive } from './passive';

/*
 * One transfer, from the call to the last byte: RETR, STOR, a listing, and any other command that has a data connection.
 *
 * Three things end a transfer: the server begins it (the mark, a 1yz reply), the data connection ends, and the server says how the transfer
 * went (the final reply). The mark and the final reply come on the control connection and the data on another one, so that the end of the
 * data may be seen before the mark or after the final reply. A transfer is complete when the data have ended cleanly and the final reply
 * is 2yz, in whichever order. So the end of the data alone proves nothing, and neither does the final reply: a server says 226 for
 * what it has given to its kernel, and a connection that was cut ends as one that was closed does.
 *
 * A server that refuses the command sends no mark, and closes or resets the data connection before or after its 4yz or 5yz. So a data
 * connection that breaks waits for the server's word on why, and a refusal in the middle of a download waits for the bytes that are on their way.
 */

/** A transfer command that depends on answers that are not here yet: what asks for them leaves together with EPSV. */
export type Choice = () => Promise<Command>;

/** The commands around a transfer, in its turn: which one it is, what else to try, and what is to be done after it. A pool's next turn may be in another session. */
export interface Plan {
  /**
   * The transfer command, or how to choose it when it is to leave; `complete` when nothing is left to transfer.
   *
   * @param moved payload bytes of the tries before this one
   */
  begin(turn: Turn, moved: number): Promise<Command | Choice | 'complete'>;
  /**
   * The command was refused before anything had begun; or after that (`begun`), a download before any data, and an upload whose first bytes are gone: another
   * command, or `complete` when the answer is known without; throws when there is none. Default: there is none.
   */
  recover?(refusal: ReplyError, turn: Turn, begun: boolean): Promise<Command | 'complete'>;
  /** A command was complete: another one, where its data are no answer to what was asked; `complete` otherwise. Default: there is no other. */
  next?(turn: Turn, reply: Reply): Promise<Command | 'complete'>;
  /** The transfer is over; after one that failed, this must not throw. */
  finish?(turn: Turn, complete: boolean, bytes: number): Promise<void>;
  /** Whether, the data having ended, no further command of this plan follows a complete transfer: then another operation's command may leave before the final reply. */
  isLast?(): boolean;
  /** The last bytes that have passed. The next try begins before them and compares them, where nothing else would show that it goes on at the right byte. */
  readonly overlap?: Buffer | undefined;
  /** Payload bytes pass. */
  observe?(chunk: Uint8Array): void;
  /** A try failed and is over: resolves with true when the next is to begin, from byte `moved` of the request on; `signal` ends a pause. */
  again?(error: FTPError, moved: number, signal: AbortSignal): Promise<boolean>;
}

/** What is to be transferred, and how. */
export interface TransferRequest {
  /** What was asked for; a plan may choose another one. */
  readonly command: Command;
  readonly type: 'I' | 'A';
  readonly direction: Direction;
  /** The byte that REST names; 0 sends no REST. */
  readonly start: number;
  /** Download: `lent` where the stream is done with a chunk when `onChunk` returns, so that the next may come in the same memory. Default `given`. */
  readonly memory?: 'given' | 'lent';
  readonly plan?: Plan | undefined;
  /** Upload: where it is refused, the server is asked whether the folder is missing. */
  readonly explainsRefusal?: boolean;
}

/** The stream that a transfer belongs to: a RetrStream or a StorStream. */
interface TransferStream {
  /** The server has begun; again for each try. */
  onOpen(reply: Reply): void;
  /** Download: bytes arrived; false pauses. */
  onChunk?(chunk: Buffer): boolean;
  /** Download: what takes its bytes is a pipe. */
  readonly isPiped?: boolean;
  /** Upload: more may be written. */
  onWritable?(): void;
  /** Changes when the stream's own side gets on, although it is paused; an upload's pause ends with each write. */
  progress?(): string;
  /** Another operation waits for this one's turn; an upload keeps it. */
  onContended?(): void;
  /** The client is to quit, and this stream is paused by its own side; `stuck` for `stallTimeout`. */
  onQuitting(stuck: boolean): void;
  /** The transfer is proved complete; without a reply when `enough()` ended it. */
  onComplete(reply: Reply | undefined): void;
  onError(error: FTPError): void;
}

/** Where a transfer is. `mark` is the server's 1yz, where it has come. */
type State =
  /** It waits for its turn. */
  | { readonly is: 'waiting' }
  /** The session is brought where the transfer needs it, and the plan asks what it must know. */
  | { readonly is: 'connecting' }
  /** TYPE, EPSV or PORT, and REST; the data connection may end already. */
  | { readonly is: 'preparing'; readonly data: 'open' | 'ended' | Error }
  /** The command has left, and nothing has come. */
  | { readonly is: 'sent' }
  /** The server has begun. */
  | { readonly is: 'moving'; readonly mark: Reply }
  /** The data have ended cleanly; of an upload, all has left. The final reply is due. */
  | { readonly is: 'data over'; readonly mark: Reply | undefined }
  /** The data connection broke; the server's word on why is due. */
  | { readonly is: 'broken'; readonly mark: Reply | undefined; readonly error: Error }
  /** The final reply is here, the end of the data is not; an error for a refusal, or when there will be no reply. */
  | { readonly is: 'answered'; readonly mark: Reply | undefined; readonly answer: Reply | Error }
  /** Both are here. */
  | { readonly is: 'ended'; readonly mark: Reply | undefined; readonly answer: Reply | Error; readonly phase: Phase }
  /** The turn is given back. */
  | { readonly is: 'over'; readonly phase: Phase };

/** One transfer command with its data connection: a transfer that goes on after a loss, or tries another command, has several, one after the other. */
interface Try {
  readonly control: ControlConnection;
  /** The byte of the file at which it begins. */
  readonly start: number;
  /** Payload bytes moved. */
  bytes: number;
  /** Payload bytes that the server announced in its mark. */
  announced: number | undefined;
  /** Whether the data are compressed (MODE Z). */
  compressed: boolean;
  /** The transfer command, once it has left. */
  command: Command | undefined;
  data: DataConnection | undefined;
  /** All that came, as long as it is short and may have to be compared with what comes again; else undefined. */
  held: Buffer | undefined;
  /** Whoever waits for its outcome, which is reported once; undefined before the command has left, and afterwards. */
  settle: { resolve(reply: Reply): void; reject(reason: Reason): void } | undefined;
}

/** A listing that nobody reads any more, and that is read to its end. */
interface Drain {
  /** More bytes than these are not read. */
  readonly limit: number;
  readonly done: Milestone;
}

const TRANSFER: SendOptions = { transfer: true };

/** Connections that may be found dead, one after the other, before that is the operation's own failure. */
const MOST_DEAD_CONNECTIONS = 3;

/** Bytes of a download that are held until the server has shown whether it takes a command before the final reply. */
const MOST_HELD = 64 * 1024;

/** Milliseconds for the bytes that are on their way when the server has said that the transfer failed. */
const LAST_BYTES = 500;

/** Milliseconds for the mark before TLS begins without it, where no mark was seen before. */
const TO_MARK = 300;
/** Milliseconds for the mark after that, before an upload ends without it. */
const TO_MARK_AFTER_TLS = 2000;

/** Milliseconds for making a data connection that is only to be reset. */
const TO_RESET = 2000;

/** Bytes that are read, and thrown away, of a listing that was left. */
const DRAINABLE = 16 * 1024 * 1024;

/** Milliseconds for them. */
const DRAIN = 5000;

/** One stream's turn: its place in the queue, its tries, and how it ends for the stream and for the session. */
export class Transfer implements PlaceListener, ReplyListener, DataListener {
  /** That of the turn, once it has come. */
  #session: Session;
  readonly #queue: Queue;
  readonly #request: TransferRequest;
  readonly #stream: TransferStream;
  #call: Call = {};
  /** Its place in the queue; `ready()` says that the stream is in use. */
  readonly place: Place;
  readonly #interrupt = new Interrupt();
  #state: State = { is: 'waiting' };
  #try: Try | undefined;
  /** The byte of the file at which the next try begins. */
  #offset: number;
  /** Payload bytes of the tries before this one. */
  #bytesBefore = 0;
  /** The last of them, which this try reads again. */
  #overlap: Buffer = NOTHING;
  /** Payload bytes that the first mark announced. */
  #announced: number | undefined;
  /** Ports of the server that have refused the connection. */
  #refusedPorts = 0;
  /** Connections that were found dead. */
  #deadConnections = 0;
  /** How often it went on after a loss. */
  #retries = 0;
  /** The `performance.now()` at which its start was published; undefined where that was not done, and once its end is. */
  #publishedAt: number | undefined;
  /** Set while the consumer wants no more, and reached when it does again: a lost connection is not made again before that. */
  #wantedAgain: Milestone | undefined;
  #drain: Drain | undefined;
  #noops: NodeJS.Timeout | undefined;
  #lastBytes: NodeJS.Timeout | undefined;
  #waitingForMark: NodeJS.Timeout | undefined;
  #abortReply: Reply | undefined;
  #running: Promise<void> | undefined;
  #release: () => void = ignore;

  constructor(session: Session, queue: Queue, request: TransferRequest, stream: TransferStream) {
    this.#session = session;
    this.#queue = queue;
    this.#request = request;
    this.#offset = request.start;
    this.#stream = stream;
    Error.captureStackTrace(this.#call, stream.constructor);
    this.place = queue.enter(
      (release, current) => {
        this.#release = release;
        this.#session = current;
        this.#running = this.#run();
      },
      this,
      { unused: true },
    );
  }

  // ---- what is known of it

  /** Payload bytes moved. */
  get bytes(): number {
    return this.#bytesBefore + Math.max(0, (this.#try?.bytes ?? 0) - this.#overlap.length);
  }

  /** Payload bytes that the server announced in its first mark. */
  get announced(): number | undefined {
    return this.#announced ?? this.#try?.announced;
  }

  /** Whether the data connection's TLS resumed a session; undefined without TLS, and before it. */
  get tlsResumed(): boolean | undefined {
    return this.#try?.data?.tlsResumed;
  }

  /** The step that the transfer is in. */
  get phase(): Phase {
    const state = this.#state;
    switch (state.is) {
      case 'waiting':
      case 'connecting':
        return 'connect';
      case 'preparing':
      case 'sent':
        return 'command';
      case 'moving':
        return 'data';
      case 'data over':
        return state.mark ? 'completion' : 'command';
      case 'broken':
      case 'answered':
        return state.mark ? 'data' : 'command';
      default:
        return state.phase;
    }
  }

  /** True for the server's answer to the transfer command itself, before anything has begun; a command before it may be refused with the same code. */
  isRefusal(error: Error): boolean {
    return this.#refused && this.#answer === error;
  }

  /** The error with what is known of this transfer. */
  describe(error: Error): FTPError {
    const { command, direction } = this.#request;
    const known = ownError(error instanceof FTPError ? error : new FTPError(error.message, { cause: error }), this.#call);
    if (known.command === undefined) known.message = `${command.shown}: ${known.message}`;
    const maybeCompleted = (direction === 'up' && this.phase === 'completion' && !known.reply) || undefined;
    const details = { bytesTransferred: this.bytes, expectedBytes: this.announced, phase: this.phase, command: command.shown, maybeCompleted };
    return showCall(annotate(known, details), this.#call);
  }

  /** The final reply, where it has come. */
  get #answer(): Reply | Error | undefined {
    return this.#state.is === 'answered' || this.#state.is === 'ended' ? this.#state.answer : undefined;
  }

  /** The command was answered without a mark: nothing has begun. */
  get #refused(): boolean {
    return (this.#state.is === 'answered' || this.#state.is === 'ended') && !this.#state.mark;
  }

  /** The command was refused, or a download came to nothing. */
  #mayRecover(error: ReplyError): boolean {
    if (this.#request.direction === 'up') return this.#refused;
    return this.#try?.bytes === 0 && (this.#refused || this.#answer === error);
  }

  /** The server has begun, and then refused: it may say 250 of the same transfer as well, and that would be taken for the reply to the next command. */
  get #brokenOff(): boolean {
    const state = this.#state;
    return (state.is === 'answered' || state.is === 'ended') && state.mark !== undefined && state.answer instanceof ReplyError;
  }

  // ---- what its place in the queue asks for

  get name(): string {
    return this.#request.command.shown;
  }

  get pauseReason(): string {
    return this.#request.direction === 'down' ? 'its reader takes nothing' : 'its source gives nothing';
  }

  progress(): string {
    return this.#stream.progress?.() ?? '';
  }

  onContended(): void {
    this.#stream.onContended?.();
  }

  onQuitting(stuck: boolean): void {
    this.#stream.onQuitting(stuck);
  }

  /** Its turn will not come. */
  onDropped(error: Error): void {
    this.#stream.onError(this.describe(error));
  }

  /** There is no connection, and none can be made: the plan may know when to try again. */
  async onRefused(error: Error): Promise<void> {
    const reason = await this.#retry(error);
    if (!reason) this.place.ready();
    else if (this.place.leave() && reason instanceof Error) this.#stream.onError(this.describe(reason));
  }

  // ---- what its stream asks for

  /** The stream takes bytes again, and is not to be waited for. */
  resume(): void {
    this.place.pause(false);
    this.#wantedAgain?.settle(true);
    this.#wantedAgain = undefined;
    this.#try?.data?.resume();
  }

  /** Upload: sends bytes; `onWritable` comes when their memory is no longer needed. @param sent as that of DataConnection */
  write(chunks: readonly Uint8Array[], sent?: (chunk: Uint8Array) => void): void {
    const { plan } = this.#request;
    if (plan?.observe) for (const chunk of chunks) plan.observe(chunk);
    if (!this.#try) return;
    for (const chunk of chunks) this.#try.bytes += chunk.length;
    this.#try.data?.write(chunks, sent);
  }

  /** Upload: all bytes have been written. */
  finish(): void {
    this.#try?.data?.end(() => this.#onDataOver());
  }

  /** The consumer has left, or failed: the transfer ends without a further word to its stream. @param error that of the stream, if it has one */
  cancel(error: Error | null): void {
    if (this.#publishedAt !== undefined) this.#publishEnd(this.#publishedAt, error && error.name !== 'AbortError' ? 'failed' : 'left', error ?? undefined);
    this.#call = {}; // its frames keep alive what the functions of the caller were called on
    this.place.leave();
    if (this.#state.is !== 'over') this.#interrupt.raise('left');
  }

  /** All that was wanted has arrived: the transfer ends early, and is complete. */
  enough(): void {
    this.#interrupt.raise('complete');
  }

  /** Ends the transfer with AbortedError, at once for the stream; resolves with the reply to ABOR, if it was sent and answered. */
  async abort(): Promise<Reply | undefined> {
    const reason = new AbortedError('aborted');
    this.#interrupt.raise(reason);
    if (this.#interrupt.reason === reason) this.#stream.onError(this.describe(reason));
    await this.#running;
    return this.#abortReply;
  }

  /** Resolves when its turn is over, and the server has ended its command; at once where its turn has not come. */
  async turnOver(): Promise<void> {
    await this.#running;
  }

  /** The client was closed: there is no further try, and a paused reader gets no more, even where the final reply is here already. */
  onClosed(error: Error): void {
    if (this.#state.is !== 'over') this.#interrupt.raise(error);
  }

  // ---- the turn: one try after another, until one succeeds or there is none left

  async #run(): Promise<void> {
    const { plan, command } = this.#request;
    this.#session.runningTransfer = this;
    try {
      for (let ended = false; !ended; ) {
        let control: ControlConnection | undefined;
        try {
          this.#move({ is: 'connecting' });
          const session = this.#session;
          const needs = { folder: true, transfer: this.#offset > 0 ? 'restarted' : 'anew' } as const;
          control = (session.meets(needs) && session.control) || (await this.#interrupt.race(session.ready(needs)));
          if (transferChannel.hasSubscribers) this.#publishStart();
          const reply = await (plan ? this.#follow(plan, control) : this.#transfer(control, command));
          ended = true;
          this.#move({ is: 'over', phase: 'completion' });
          if (this.#publishedAt !== undefined) this.#publishEnd(this.#publishedAt, 'complete', undefined);
          this.#stream.onComplete(reply);
        } catch (reason) {
          ended = await this.#endTry(reason as Reason, control);
        }
      }
    } finally {
      this.#giveBack();
    }
  }

  /** Tries the plan's commands until one is not refused, and its data are an answer. */
  async #follow(plan: Plan, control: ControlConnection): Promise<Reply | undefined> {
    const turn: Turn = { session: this.#session, control };
    let command = await this.#interrupt.step(plan.begin(turn, this.#bytesBefore));
    let reply: Reply | undefined;
    while (command !== 'complete') {
      try {
        reply = await this.#transfer(control, command);
      } catch (error) {
        if (!plan.recover || !(error instanceof ReplyError) || !this.#mayRecover(error)) throw error;
        const begun = !this.#refused || this.#try?.bytes !== 0; // in TLS an upload may begin without a mark, and its bytes do not come again
        await this.#leave(error);
        reply = undefined;
        command = await this.#interrupt.step(plan.recover(error, turn, begun));
        continue;
      }
      command = plan.next ? await this.#interrupt.step(plan.next(turn, reply)) : 'complete';
    }
    if (plan.finish) await this.#interrupt.step(plan.finish(turn, true, this.bytes));
    return reply;
  }

  /**
   * One command: TYPE, MODE and EPSV in one flight, REST on its own, then the transfer command, while the data connection is still being made;
   * resolves with its final reply when the transfer is proved complete.
   */
  async #transfer(control: ControlConnection, command: Command | Choice): Promise<Reply> {
    const session = this.#session;
    const interrupt = this.#interrupt;
    const { type, direction, memory = 'given' } = this.#request;
    const { settings: { passive, compress }, observed } = session;
    const start = this.#offset;
    const current: Try = (this.#try = { control, start, bytes: 0, announced: undefined, compressed: false, command: undefined, data: undefined, held: undefined, settle: undefined });
    const mayTry = observed.earlyCommands.outcome === 'none' && this.#queue.waitingCount > 0 && this.#bytesBefore === 0 && direction === 'down';
    if (mayTry && control.early === 'tried') current.held = NOTHING;
    this.#move({ is: 'preparing', data: 'open' });
    session.beginNegotiation();
    const typed = session.switchType(control, type);
    const compressed = compress ? session.chooseMode(control, direction === 'down' && start === 0) : undefined;
    compressed?.catch(ignore);
    const cleared = start === 0 && session.state.restartUsed ? session.clearRestart(control) : undefined;
    cleared?.catch(ignore);
    if (!passive) await session.negotiationUnderWay(); // pyftpdlib answers PORT when it has connected, and what comes after it before that
    const request: DataRequest = { session, control, direction, memory: compressed ? 'given' : memory, interrupt };
    const announced = typeof command === 'function' || observed.offersPRET;
    if (observed.offersPRET && typeof command !== 'function') session.announceTransfer(control, command);
    const opening = (passive ? openPassive : openActive)(request);
    const data = (current.data = await (announced ? opening : opening.catch((error: unknown) => openAnnounced(request, command, error))));
    data.attach(this);
    if (typed) await typed;
    if (compressed && (current.compressed = await interrupt.race(compressed))) this.#decompress(current, data);
    if (cleared) await interrupt.race(cleared);
    const preparing = session.negotiationUnderWay();
    if (preparing) await preparing; // its OPTS must not come after the transfer command
    interrupt.check();
    // Awaited, because a server that refuses REST would send or overwrite the file from its beginning.
    if (start > 0) await interrupt.race(control.exec(session.command('REST', String(start))));
    const chosen = typeof command === 'function' ? await interrupt.race(command()) : command;
    interrupt.check();
    const reply = await this.#send(current, chosen);
    data.close();
    if (control.unansweredNoops > 0) await takeFurtherReplies(session, control, new FTPError('NOOP: not answered'));
    return reply;
  }

  /** Where FEAT is waited for, MODE is sent after EPSV: the connection may have ended before its reply, and such data are no stream of zlib. */
  #decompress({ bytes }: Try, data: DataConnection): void {
    const state = this.#state;
    if (bytes > 0) throw new MismatchError('data came before the server had answered MODE Z', { phase: 'data' });
    if (state.is === 'preparing' && state.data === 'ended') throw new TransferError('the data connection ended before the server had answered MODE Z', { phase: 'data' });
    data.decompress();
  }

  /** Sends the transfer command; settles when it is known how the transfer has ended. */
  #send(current: Try, command: Command): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const before = this.#state.is === 'preparing' ? this.#state.data : 'open';
      current.settle = { resolve, reject };
      current.command = command;
      this.#interrupt.listen((reason) => this.#fail(reason));
      this.#move({ is: 'sent' });
      current.control.request(command, this, TRANSFER);
      if (!this.#session.observed.marksBeforeTLS) this.#beginWithoutMark(current);
      if (before === 'ended') this.#onDataOver();
      else if (before !== 'open') this.onError(before);
    });
  }

  /** ftp-srv marks a transfer in TLS only when the handshake is done: it begins after a while where no mark has come. */
  #beginWithoutMark({ data }: Try): void {
    if (!data || !this.#session.protection.secureData) return;
    this.#waitingForMark = setTimeout(() => {
      data.beginUnmarked();
      this.#waitingForMark = setTimeout(() => data.begin(), TO_MARK_AFTER_TLS);
    }, TO_MARK);
  }

  /** The only place where the state changes. NOOPs are sent while the data move and the transfer is wanted, and only then. */
  #move(state: State): void {
    this.#state = state;
    if (state.is !== 'sent') clearTimeout(this.#waitingForMark);
    if (this.#noops) clearInterval(this.#noops);
    this.#noops = state.is === 'moving' && this.#try?.settle && this.#session.settings.keepAliveDuringTransfers ? this.#sendNoops() : undefined;
  }

  /** On request only, for NOOPs during a transfer break it on some servers (Pure-FTPd 1.0.50 answers one for many). */
  #sendNoops(): NodeJS.Timeout | undefined {
    const session = this.#session;
    const { keepAlive } = session.settings;
    if (keepAlive === 0 || !session.settings.pipelining || session.observed.pipelining.outcome === 'failed') return undefined;
    return setInterval(() => this.#try?.control.keepAlive(session.command('NOOP')), keepAlive);
  }

  // ---- the mark

  /** The server has begun (1yz). */
  onPreliminary(reply: Reply): void {
    const current = this.#try;
    const state = this.#state;
    if (!current) return;
    const { type, direction } = this.#request;
    // What is announced of compressed data may be the bytes of the file, or those that are sent: their own end proves that they are whole.
    if (direction === 'down' && type === 'I' && !current.compressed) current.announced ??= announcedSize(reply, current.command?.argument);
    // It was late, or Pure-FTPd 1.0.50 reports a reset with one: the final reply is due all the same.
    if (state.is === 'data over' || state.is === 'broken') current.control.expectCompletion();
    const { observed } = this.#session;
    if (!observed.marksBeforeTLS && current.data?.begun === false) observed.marksBeforeTLS = true;
    if (state.is === 'sent') this.#move({ is: 'moving', mark: reply });
    else if ((state.is === 'data over' || state.is === 'broken') && !state.mark) this.#move({ ...state, mark: reply });
    else return;
    if (current.settle) this.#stream.onOpen(reply);
    if (state.is === 'data over') this.#giveWay(current);
    current.data?.begin();
  }

  // ---- the data

  /** Download: bytes arrived; false pauses. */
  onChunk(received: Buffer): boolean {
    const current = this.#try;
    if (!current || this.#request.direction === 'up') return true;
    current.bytes += received.length;
    if (this.#drain) {
      if (current.bytes > this.#drain.limit) this.#drain.done.settle(false);
      return true;
    }
    const { plan } = this.#request;
    const chunk = this.#overlap.length === 0 ? received : this.#afterOverlap(current, received);
    if (chunk.length === 0) return true;
    plan?.observe?.(chunk);
    if (current.held) current.held = current.held.length + chunk.length <= MOST_HELD ? Buffer.concat([current.held, chunk]) : undefined;
    const more = this.#stream.onChunk?.(chunk) ?? true;
    if (this.#state.is === 'answered' && !(this.#state.answer instanceof Error)) this.#endWhenQuiet(current);
    if (!more) {
      this.place.pause(true);
      if (plan?.again) this.#wantedAgain ??= new Milestone();
    }
    return more;
  }

  /** What is new of a chunk. */
  #afterOverlap({ bytes, start }: Try, chunk: Buffer): Buffer {
    const at = bytes - chunk.length;
    if (at >= this.#overlap.length) return chunk;
    const again = chunk.subarray(0, this.#overlap.length - at);
    if (again.equals(this.#overlap.subarray(at, at + again.length))) return chunk.subarray(again.length);
    this.#interrupt.raise(new MismatchError(`from byte ${start} on came other bytes than before: the server ignores REST, or the file has changed`));
    return NOTHING;
  }

  /** Download: its stream is piped into something. */
  get isPiped(): boolean {
    return this.#stream.isPiped === true;
  }

  /** Upload: the first bytes, or more of them, may be written. */
  onWritable(): void {
    this.#stream.onWritable?.();
  }

  /** The server has closed its side cleanly. What counts for an upload is whether it takes what we send. */
  onEnd(): void {
    if (this.#request.direction === 'up') return;
    this.#try?.data?.close();
    this.#onDataOver();
  }

  /** Download: the data have ended. Upload: all has left. */
  #onDataOver(): void {
    const current = this.#try;
    const state = this.#state;
    if (!current) return;
    switch (state.is) {
      case 'preparing':
        return this.#move({ is: 'preparing', data: 'ended' });
      case 'sent':
      case 'moving':
        this.#move({ is: 'data over', mark: state.is === 'moving' ? state.mark : undefined });
        current.control.expectCompletion();
        if (state.is === 'moving') this.#giveWay(current);
        return;
      case 'answered':
        clearTimeout(this.#lastBytes);
        this.#move({ is: 'ended', mark: state.mark, answer: state.answer, phase: state.mark ? 'completion' : 'command' });
        if (this.#drain) this.#drain.done.settle(true);
        else if (state.answer instanceof Error) this.#fail(state.answer);
        else this.#conclude(current, state.mark, state.answer);
    }
  }

  /** The data connection broke: the server's own word on why is worth waiting for, unless it is the server that is silent. */
  onError(error: Error): void {
    const current = this.#try;
    const state = this.#state;
    this.#drain?.done.settle(false);
    if (!current) return;
    switch (state.is) {
      case 'preparing':
        return this.#move({ is: 'preparing', data: error }); // judged when the command has left
      case 'sent':
      case 'moving':
        this.#move({ is: 'broken', mark: state.is === 'moving' ? state.mark : undefined, error });
        // ProFTPD 1.3.8 resets the connection at once when it refuses the command.
        if (error instanceof TimeoutError || !(current.data?.made || wasResetAtOnce(error))) this.#fail(error);
        else current.control.expectCompletion();
        return;
      case 'answered':
        this.#move({ is: 'ended', mark: state.mark, answer: state.answer, phase: this.phase });
        // After damaged data, no word of the server must lead to a retry.
        this.#fail(state.answer instanceof FTPError && !(error instanceof MismatchError) ? annotate(state.answer, { cause: error }) : error);
    }
  }

  /**
   * The data have ended and the final reply is due: the next operation's command may leave, as replies come in order. Not after no data: pyftpdlib
   * 1.5.7 may lose their connection, and then never answers. A listing waits where the server may end one with a 200, as some devices do.
   */
  #giveWay({ settle, bytes, control, held }: Try): void {
    if (this.#request.direction === 'up' || !settle || bytes === 0 || control.unansweredNoops > 0) return;
    if (this.#session.observed.earlyCommands.outcome !== 'passed' && (!held || control.early === 'no')) return;
    const { plan } = this.#request;
    if (!plan || (plan.isLast?.() && this.#session.observed.endsInOrder)) this.#giveBack();
  }

  // ---- the final reply

  /** 2yz: the server says that the transfer is complete. */
  onReply(reply: Reply): void {
    const current = this.#try;
    const state = this.#state;
    if (reply.kind !== 'completion') return this.onFailure(unexpected(reply, current?.command));
    const { observed } = this.#session;
    if (!observed.endsInOrder && isTransferEnd(reply)) observed.endsInOrder = true;
    if (!current) return;
    switch (state.is) {
      case 'sent':
      case 'moving':
        this.#move({ is: 'answered', mark: state.is === 'moving' ? state.mark : undefined, answer: reply });
        if (this.#request.direction === 'up' && !current.data?.ending) this.#fail(new TransferError(`the server ended the upload before we did: ${reply}`, { reply }));
        else if (state.is === 'sent') current.data?.begin(); // a 2yz without a mark (Twisted's NLST): its data are due as well
        else this.#endWhenQuiet(current);
        return;
      case 'data over':
        this.#move({ is: 'ended', mark: state.mark, answer: reply, phase: state.mark ? 'completion' : 'command' });
        if (this.#drain) this.#drain.done.settle(true);
        else this.#conclude(current, state.mark, reply);
        return;
      case 'broken':
        this.#move({ is: 'ended', mark: state.mark, answer: reply, phase: this.phase });
        this.#fail(state.error);
    }
  }

  /** All that was announced is here, and the server says that the transfer is complete: a data connection that it leaves open is not waited for. */
  #endWhenQuiet(current: Try): void {
    const { bytes, announced, start, data, settle } = current;
    if (!settle || this.#request.direction === 'up' || announced === undefined || (bytes < announced && isShort(bytes, announced, start))) return;
    clearTimeout(this.#lastBytes);
    this.#lastBytes = setTimeout(() => {
      if (this.place.paused) return this.#endWhenQuiet(current);
      data?.close();
      this.#onDataOver();
    }, LAST_BYTES);
  }

  /** The server refuses, or there will be no reply. A refusal in the middle of the data waits for the bytes that are on their way: a caller can go on from what has arrived. */
  onFailure(error: Error): void {
    const current = this.#try;
    const state = this.#state;
    this.#drain?.done.settle(true);
    if (!current) return;
    const { reply } = error as Partial<FTPError>;
    switch (state.is) {
      case 'sent':
      case 'moving':
        this.#move({ is: 'answered', mark: state.is === 'moving' ? state.mark : undefined, answer: error });
        if (reply && state.is === 'moving' && current.data?.made && this.#request.direction === 'down') this.#lastBytes = setTimeout(() => this.#fail(error), LAST_BYTES);
        else this.#fail(error);
        return;
      case 'data over':
        this.#move({ is: 'ended', mark: state.mark, answer: error, phase: this.phase });
        this.#fail(error);
        return;
      case 'broken':
        this.#move({ is: 'ended', mark: state.mark, answer: error, phase: this.phase });
        if (state.error instanceof SecurityError || state.error instanceof MismatchError) this.#fail(annotate(state.error, { reply })); // the server only echoes what we refused
        else this.#fail(reply ? annotate(error as FTPError, { cause: state.error }) : error);
    }
  }

  /** The data ended cleanly and the final reply is 2yz: a download is complete when nothing that was announced is missing, an upload when no reset came. */
  #conclude(current: Try, mark: Reply | undefined, reply: Reply): void {
    if (this.#request.direction === 'up') setImmediate(() => this.#concludeUpload(current, reply)); // a reset that came before this reply may be read after it
    else if (mark) this.#concludeDownload(current, reply);
    else void this.#concludeUnmarked(current, reply);
  }

  /**
   * There was no mark. Some servers send none (Twisted's NLST); but this may also be a late 2yz of the transfer before, for a server may end one twice.
   * Then what the server has to say to this command is still to come, and comes in place of the answer to PWD.
   */
  async #concludeUnmarked(current: Try, reply: Reply): Promise<void> {
    const { control, command } = current;
    try {
      await control.exec(this.#session.command('PWD'));
      this.#concludeDownload(current, reply);
    } catch (error) {
      const known = error instanceof ReplyError && isNotImplemented(error.reply); // there is no PWD
      if (known) return this.#concludeDownload(current, reply);
      if (control.open) control.destroy(error as Error);
      this.#fail(new ProtocolError(`${command?.shown}: ${reply} came without a mark before it, and is not the last word: ${(error as Error).message}`, { reply, command: command?.shown, cause: error }));
    }
  }

  #concludeDownload(current: Try, reply: Reply): void {
    const { bytes, announced, start, command } = current;
    try {
      if (bytes < this.#overlap.length) throw new MismatchError(`${bytes} bytes came, and ${this.#overlap.length} had come before from byte ${start} on: the file has changed`);
      // More bytes than were announced are a file that grew, unless there were to be none.
      if (announced === 0 && bytes > 0) throw new TransferError(`the server announced 0 bytes, and sent ${bytes}`, { phase: 'data' });
      if (announced !== undefined && bytes < announced && isShort(bytes, announced, start)) throw new TransferError(`the server said it was done after ${bytes} of ${announced} bytes`, { phase: 'data' });
      if (bytes === 0 && start > 0 && command?.verb === 'RETR') void this.#concludeEmpty(current, reply, command.argument);
      else current.settle?.resolve(reply);
    } catch (error) {
      this.#fail(annotate(error as FTPError, { reply }));
    }
  }

  /** What cuts an upload on its way may end it properly for the server. */
  #concludeUpload({ data, settle }: Try, reply: Reply): void {
    const { failure } = data ?? {};
    if (failure) this.#fail(annotate(failure, { reply, maybeCompleted: true }));
    else settle?.resolve(reply);
  }

  /** Nothing came from a byte on: servers say 226 as well where the file ends before that byte. And what ProFTPD announces is what is left from there on. */
  async #concludeEmpty({ control, start, announced = 0, settle }: Try, reply: Reply, path: string): Promise<void> {
    try {
      const size = sizeIn(await control.exec(this.#session.command('SIZE', path)));
      if (size !== undefined && start > size) throw new TransferError(`byte ${start} was asked for, and the file has ${size} bytes`, { phase: 'data' });
      if (size !== undefined && announced > 0 && size >= start + announced) throw new TransferError(`the server said it was done after 0 of ${announced} bytes`, { phase: 'data' });
    } catch (error) {
      if (!(error instanceof ReplyError)) return this.#fail(error as Error); // else it cannot be known
    }
    settle?.resolve(reply);
  }

  #fail(reason: Reason): void {
    clearTimeout(this.#lastBytes);
    clearTimeout(this.#waitingForMark);
    clearInterval(this.#noops);
    const current = this.#try;
    current?.settle?.reject(reason);
    if (current) current.settle = undefined;
  }

  // ---- how it ends before its time

  /** Ends a try that failed; resolves with false where another is to begin. */
  async #endTry(failure: Reason, control: ControlConnection | undefined): Promise<boolean> {
    if (this.#canWaitAgain(failure, control)) await this.#waitAgain(failure as Error);
    else if (this.#wasRefusedByPort(failure)) {
      this.#refusedPorts += 1;
      await this.#leave(failure);
      this.#try = undefined;
      return false;
    }
    else {
      const reason = await this.#retry(failure);
      if (!reason) return false;
      if (reason instanceof ReplyError && this.#request.direction === 'up' && control?.open) await this.#explain(reason, control);
      await this.#end(reason);
      await this.#interrupt.settled();
      if (control) await this.#request.plan?.finish?.({ session: this.#session, control }, false, this.bytes);
      this.#move({ is: 'over', phase: this.phase });
    }
    return true;
  }

  /** Asks whether a refused upload had no folder to go to, when the control connection is in step again. */
  async #explain(refusal: ReplyError, control: ControlConnection): Promise<void> {
    const { command, explainsRefusal } = this.#request;
    if (!explainsRefusal || !command.argument.includes('/') || this.#interrupt.reason) return;
    await this.#leave(refusal);
    if (control.open) await this.#interrupt.step(explainMissingFolder({ session: this.#session, control }, refusal, command)).catch(ignore);
  }

  /** Reports to the stream, and brings the control connection in step again before the turn is given back. */
  async #end(reason: Reason): Promise<void> {
    if (reason instanceof Error) this.#stream.onError(this.describe(reason));
    this.#abortReply = await this.#leave(reason);
    // A listing whose refusal its stream takes for an empty one is complete, too.
    if (this.#publishedAt !== undefined) this.#publishEnd(this.#publishedAt, 'complete', undefined);
    if (reason === 'complete') this.#stream.onComplete(undefined);
  }

  // ---- what is published in `ftplib:transfer`

  /** Once, however many tries there are. */
  #publishStart(): void {
    if (this.#publishedAt !== undefined || this.#interrupt.reason) return;
    this.#publishedAt = performance.now();
    this.#publish({ event: 'start' });
  }

  /** All that fails ends with its stream, which is destroyed then, and calls `cancel()`. */
  #publishEnd(since: number, outcome: 'complete' | 'left' | 'failed', error: Error | undefined): void {
    this.#publishedAt = undefined;
    this.#publish({ event: 'end', outcome, bytes: this.bytes, ms: performance.now() - since, retries: this.#retries, error });
  }

  #publish(what: TransferEvent): void {
    const { command, direction, start } = this.#request;
    const message: TransferMessage = { ...what, ...this.#session.numbers, command: command.shown, path: command.argument, direction, resumedFrom: start };
    transferChannel.publish(message);
  }

  /** After a failure or an interruption: brings the control connection in step; resolves with the reply to ABOR, if there was one. */
  async #leave(reason: Reason): Promise<Reply | undefined> {
    const current = this.#try;
    if (!current) return undefined;
    const { control, data } = current;
    // Where the final reply of the transfer before is due, the command may not have left yet: ABOR would then be for that transfer.
    const command = control.withdraw(this) ? undefined : current.command;
    const isAnswered = (): boolean => this.#answer !== undefined || !control.open;
    const error = reason instanceof Error ? reason : new AbortedError(`${this.#request.command.shown}: nobody reads it on`);
    if (isAnswered()) data?.abandon();
    else if (this.phase !== 'completion' || this.#request.direction === 'up') { // else the data are here, and the reply comes in its turn
      if (command && ruleOf(command.verb, true).lists && (await this.#drainListing(current, error))) return undefined;
      if (data) await this.#connectToReset(control, command, data);
      if (command && !isAnswered()) return abortTransfer(this.#session, control, error);
    }
    // Not once the turn was given back: other commands are in flight then.
    if (control.unansweredNoops > 0 || (this.#brokenOff && this.place.state === 'running')) await takeFurtherReplies(this.#session, control, error);
    return undefined;
  }

  /**
   * A listing that was left is read to its end, and the bytes thrown away: Pure-FTPd 1.0.50 keeps what could not be sent, and the session's next
   * listing begins with it; ProFTPD 1.3.8 never answers an NLST whose connection was reset. One that does not end soon costs the session.
   */
  async #drainListing({ control, data, bytes }: Try, cause: Error): Promise<boolean> {
    const { is } = this.#state;
    if (is === 'broken' || !data) return false;
    this.#drain = { limit: bytes + DRAINABLE, done: new Milestone() };
    if (is === 'data over') control.expectCompletion();
    data.resume();
    if (!(await this.#drain.done.within(DRAIN))) control.destroy(new ConnectionClosedError('a listing that was left did not end soon', { cause }));
    data.abandon();
    this.#drain = undefined;
    return true;
  }

  /**
   * The server waits for the connection that it has offered: it is made, and reset. Twisted 22.4 reads no command before that, and GridFTP
   * 13.24 no ABOR. A TLS handshake is finished first: vsftpd 3.0.3 and Pure-FTPd 1.0.50 do not survive one that is cut.
   */
  async #connectToReset(control: ControlConnection, command: Command | undefined, data: DataConnection): Promise<void> {
    if (command && this.#session.protection.secureData) {
      data.pause();
      await data.securedWithin(TO_RESET);
      if (this.#answer) return data.abandon();
    }
    data.reset();
    if (!(await data.madeWithin(TO_RESET))) control.destroy(new TimeoutError('the data connection that the server waits for cannot be made'));
  }

  /**
   * The connection was lost, and the transfer can have another turn on another one: an idle one of a pool had ended, which we had not heard of, before
   * the transfer command was written; or the server does not take several commands in flight, and of what has come, if anything, all is held.
   */
  #canWaitAgain(reason: Reason, control: ControlConnection | undefined): boolean {
    if (!control || control.open || this.#interrupt.reason || this.#deadConnections === MOST_DEAD_CONNECTIONS) return false;
    const { bytes = 0, held } = this.#try ?? {};
    if (control.startsOver && !(reason instanceof ReplyError)) return this.#request.direction === 'up' ? this.#isUnsent : bytes === 0 || held !== undefined;
    if (!this.#queue.pooled || !this.#isUnsent || this.bytes > 0) return false;
    const lost = reason instanceof ConnectionClosedError || (reason instanceof FTPError && reason.reply?.code === 421);
    return lost && (reason as FTPError).command !== undefined;
  }

  /**
   * The port that the server has just named refused the connection, and nothing has moved: another one may be had. SuSE's ftp-proxy closes the next
   * port when it sees the end of the data connection before. A server that refuses the command closes its port, and may have done so before a proxy
   * of ours connects to it: the second time, its refusal comes first.
   */
  #wasRefusedByPort(reason: Reason): boolean {
    if (!(reason instanceof TransferError) || this.bytes > 0 || this.#interrupt.reason || this.#refusedPorts > 0 || !this.#session.reconnects) return false;
    return wasRefused(reason);
  }

  get #isUnsent(): boolean {
    return this.#state.is === 'connecting' || this.#state.is === 'preparing';
  }

  /** Waits for its turn once more, on another connection. */
  async #waitAgain(error: Error): Promise<void> {
    await this.#leave(error);
    if (this.#try?.held) this.#goOnAfter(this.#try.held);
    this.#try = undefined;
    this.#deadConnections += 1;
    this.#move({ is: 'waiting' });
    this.#giveBack();
    this.place.again();
  }

  /** Ends what failed and waits for the plan's next try; resolves with the reason why there is none. */
  async #retry(failure: Reason): Promise<Reason | undefined> {
    const { plan } = this.#request;
    if (!plan?.again || this.#interrupt.reason || !(failure instanceof Error)) return failure;
    const known = this.describe(failure);
    await this.#leave(failure);
    this.#goOnAfter(plan.overlap ?? this.#overlap);
    this.#try = undefined;
    const pause = new AbortController();
    try {
      if (this.#wantedAgain) await this.#interrupt.race(this.#wantedAgain.reached());
      if (!this.#session.reconnects || !(await this.#interrupt.race(plan.again(known, this.#bytesBefore, pause.signal)))) return known;
      this.#retries += 1;
      return undefined;
    } catch (reason) {
      return reason as Reason;
    } finally {
      pause.abort();
    }
  }

  /** The next try begins with the last bytes that have come, which it has to send again. */
  #goOnAfter(overlap: Buffer): void {
    this.#announced = this.announced;
    this.#bytesBefore = this.bytes;
    this.#overlap = overlap;
    this.#offset = this.#request.start + this.#bytesBefore - overlap.length;
  }

  /** The next operation may write. */
  #giveBack(): void {
    if (this.#session.runningTransfer === this) this.#session.runningTransfer = undefined;
    this.#release();
  }
}

const NOTHING = Buffer.alloc(0);

/** After REST, servers announce the whole size (vsftpd, inetutils) or what is left of it (ProFTPD). */
function isShort(bytes: number, announced: number, start: number): boolean {
  return bytes < announced && !(start > 0 && bytes === Math.max(0, announced - start));
}

function ignore(): void {
  // awaited when the data connection is there
}

/** A server that wants PRET before EPSV refuses that of its first transfer, which leaves together with FEAT. */
async function openAnnounced(request: DataRequest, command: Command | Choice, refusal: unknown): Promise<DataConnection> {
  const { session, control } = request;
  if (typeof command === 'function' || !(refusal instanceof PermanentError) || !control.open) throw refusal;
  await session.features();
  if (!session.observed.offersPRET) throw refusal;
  session.announceTransfer(control, command);
  return (session.settings.passive ? openPassive : openActive)(request);
}
