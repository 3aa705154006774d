import { type Readable, Writable, type WritableOptions } from 'node:stream';
import { destroyWhenAborted } from '../abort';
import type { Download, Queue } from '../control/queue';
import { emitToCaller, type Session } from '../control/session';
import type { Codec } from '../encoding';
import { AbortedError, ArgumentError, ConnectionClosedError, type FTPError } from '../errors';
import { checkSignal, checkWhole, type OptionNames } from '../options';
import type { Reply } from '../reply';
import { LineEnder } from './lines';
import type { Listener } from '../typed-streams';
import type { TemporaryName } from './temporary-name';
import { Transfer, type TransferRequest } from './transfer';
import type { Verify } from './verify';

/** What a caller may say about an upload. */
export interface StorOptions {
  /** The byte to write from, sent as REST (RFC 3659, 5); Pure-FTPd cuts the file's tail off. Default 0. */
  start?: number;
  /**
   * `size`: SIZE must say as many bytes as were sent, from `start` on. `hash`: the server's file must have the hash of what was
   * sent, from byte 0 on only. Otherwise MismatchError in place of `finish`; UnsupportedError, before anything is
   * transferred, where the server has no such command. For STOR only. Default: neither.
   */
  verify?: Verify;
  /**
   * The name that the file has until it is complete, so that nobody sees half of it: true makes one in the same folder (`.name.1a2b3c4d.part`), a
   * string is one, and a function makes one of the file's name. At `finish` the file has its own name, and has replaced what had it before. A stream
   * that fails, or is destroyed, before the server was asked for that (RNTO) leaves nothing under that name, and deletes the temporary file where the
   * server still answers. For STOR only, and not with `start`. Default false: the file has its own name from the beginning.
   */
  temporaryName?: TemporaryName | string;
  /**
   * Makes the folder of the file, and those that it is in, where the server refuses the upload because they are missing. For STOR only. A server that
   * refuses it only after it has begun (ftp-srv, npm's ftpd) may have taken bytes: the stream fails then. Default: none is made, and the error of a
   * refused upload says where the folder is missing; with false, the server is not asked for that.
   */
  parents?: boolean;
  /** Ends the stream with an AbortError. */
  signal?: AbortSignal;
  /** Bytes that the stream holds before `write()` returns false. Default 256 KiB: enough for a source to go on while the connection is full. */
  highWaterMark?: number;
}

const HIGH_WATER_MARK = 256 * 1024;

/** @internal */
export const STOR_OPTIONS: OptionNames<StorOptions> = { start: true, verify: true, temporaryName: true, parents: true, signal: true, highWaterMark: true };

/** @internal How an upload becomes a stream. */
interface StorSetup {
  readonly request: TransferRequest;
  readonly options: StorOptions;
  /** For text: strings are encoded with it, and line ends are sent as CRLF. */
  readonly text?: Codec;
}

/** The events of an upload. */
export interface StorEvents {
  /** The stream is closed, and nothing follows. */
  close: [nothing: void];
  /** `write()` may be called again. */
  drain: [nothing: void];
  /** It failed; only `close` follows. */
  error: [error: Error];
  /** The server has the file. */
  finish: [nothing: void];
  /** A Readable is piped into it. */
  pipe: [source: Readable];
  /** A Readable is no longer piped into it. */
  unpipe: [source: Readable];
  /** The server has begun the transfer: its 1xx reply. */
  open: [reply: Reply];
  /** The transfer is complete: the server's 2xx reply. */
  reply: [reply: Reply];
}

/** A Node Writable with the types of what an upload takes and of its events. In Node's own types all of them are `any`. There is nothing of this at run time. */
interface TypedUpload extends Writable {
  write(chunk: Uint8Array | string, callback?: (error: Error | null | undefined) => void): boolean;
  write(chunk: Uint8Array | string, encoding: BufferEncoding, callback?: (error: Error | null | undefined) => void): boolean;
  end(callback?: () => void): this;
  end(chunk: Uint8Array | string, callback?: () => void): this;
  end(chunk: Uint8Array | string, encoding: BufferEncoding, callback?: () => void): this;
  addListener<K extends keyof StorEvents>(event: K, listener: Listener<StorEvents, K>): this;
  on<K extends keyof StorEvents>(event: K, listener: Listener<StorEvents, K>): this;
  once<K extends keyof StorEvents>(event: K, listener: Listener<StorEvents, K>): this;
  prependListener<K extends keyof StorEvents>(event: K, listener: Listener<StorEvents, K>): this;
  prependOnceListener<K extends keyof StorEvents>(event: K, listener: Listener<StorEvents, K>): this;
  off<K extends keyof StorEvents>(event: K, listener: Listener<StorEvents, K>): this;
  removeListener<K extends keyof StorEvents>(event: K, listener: Listener<StorEvents, K>): this;
  emit<K extends keyof StorEvents>(event: K, ...args: StorEvents[K]): boolean;
}

/** Writable, as TypedUpload describes it. */
const Typed = Writable as new (options?: WritableOptions) => TypedUpload;

/**
 * An upload as a Writable: `finish` is emitted only after the server's 2xx reply; everything else is `error`.
 * A stream that is destroyed ends by RST, never by the FIN that would make the server call the file complete.
 * The callback of a write is called when its bytes have left: their memory may be used again.
 *
 * Its events besides Writable's: see StorEvents.
 */
export class StorStream extends Typed {
  readonly #queue: Queue;
  readonly #transfer: Transfer;
  readonly #text: Codec | undefined;
  readonly #ends = new LineEnder();
  #state: 'unused' | 'opening' | 'writable' | 'full' = 'unused';
  #held: Uint8Array[] = [];
  #heldCallback: ((error?: Error | null) => void) | undefined;
  #finalCallback: ((error?: Error | null) => void) | undefined;
  #opened: Reply | undefined;
  /** @internal Is called with chunks whose memory is no longer needed, where that is known. */
  sent: ((chunk: Uint8Array) => void) | undefined;

  /** @internal use `FTP.stor` and the verbs like it */
  constructor(session: Session, queue: Queue, { request, options, text }: StorSetup) {
    const { signal, highWaterMark = HIGH_WATER_MARK } = options;
    super({ decodeStrings: !text, highWaterMark: checkWhole('highWaterMark', highWaterMark, 0) });
    this.#queue = queue;
    this.#text = text;
    this.#transfer = new Transfer(session, queue, request, this);
    this.on('pipe', (source) => this.#onPipe(source));
    if (signal !== undefined) destroyWhenAborted(this, checkSignal(signal));
  }

  /** Payload bytes handed to the data connection so far. */
  get bytesWritten(): number {
    return this.#transfer.bytes;
  }

  /** Whether the data connection's TLS resumed a session; undefined without TLS, and before it. */
  get tlsResumed(): boolean | undefined {
    return this.#transfer.tlsResumed;
  }

  /** True until the server has begun the transfer. */
  get pending(): boolean {
    return this.#opened === undefined;
  }

  /** The name that the server chose for a STOU (RFC 1123, 4.1.2.9: `150 FILE: name`). */
  get storedAs(): string | undefined {
    return /\bFILE: *(.*\S)/i.exec(this.#opened?.text ?? '')?.[1];
  }

  override _write(chunk: Buffer | string, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this._writev([{ chunk }], callback);
  }

  override _writev(chunks: { chunk: Buffer | string }[], callback: (error?: Error | null) => void): void {
    let bytes: Uint8Array[];
    try {
      bytes = chunks.map(({ chunk }) => this.#bytesOf(chunk));
    } catch (error) {
      return callback(error as Error);
    }
    this.#held = bytes;
    this.#heldCallback = callback;
    this.#transfer.place.pause(false);
    // Not at once: a file that is piped reads on while this is written, and what comes by then leaves in one write after it.
    if (this.#state === 'writable') setImmediate(() => this.#send());
    else this.#use();
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#finalCallback = callback;
    this.#transfer.place.pause(false);
    if (this.#state === 'writable') this.#transfer.finish();
    else this.#use();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const written = this.#heldCallback;
    this.#held = [];
    this.#heldCallback = undefined;
    this.#transfer.cancel(error);
    callback(error);
    // Whoever waits for a write gets the error; after `close`, because before it this would count as the stream's error where there was none.
    if (written) process.nextTick(written, error ?? this.#transfer.describe(new AbortedError('the stream was destroyed')));
  }

  /** @internal Resolves when the server has ended the command of a stream that is closed already; at once where none was sent. */
  turnOver(): Promise<void> {
    return this.#transfer.turnOver();
  }

  // ---- what its transfer reports

  /** @internal */
  onOpen(reply: Reply): void {
    this.#opened = reply;
    emitToCaller(this, 'open', reply);
  }

  /** @internal */
  onWritable(): void {
    if (this.destroyed) return;
    this.#state = 'writable';
    const ending = this.#finalCallback; // what ends after this finishes by itself
    if (this.#held.length > 0) this.#send();
    else this.#continue();
    if (ending) this.#transfer.finish();
  }

  /** @internal */
  onQuitting(stuck: boolean): void {
    if (stuck) this.onError(this.#transfer.describe(new ConnectionClosedError('the client quit, and nothing came from the source of this upload', { final: true })));
  }

  /** @internal */
  onComplete(reply: Reply | undefined): void {
    if (this.destroyed) return;
    if (reply) emitToCaller(this, 'reply', reply);
    this.#finalCallback?.();
  }

  /** @internal */
  onError(error: FTPError): void {
    if (this.#state === 'unused' && this.listenerCount('error') === 0) this.on('error', () => undefined);
    this.destroy(error);
  }

  // ---- the steps

  #use(): void {
    if (this.#state !== 'unused') return;
    this.#state = 'opening';
    this.#transfer.place.ready();
  }

  #send(): void {
    const held = this.#held;
    if (held.length === 0) return; // it was destroyed meanwhile
    this.#held = [];
    this.#state = 'full';
    this.#transfer.write(held, this.sent);
  }

  #continue(): void {
    const callback = this.#heldCallback;
    this.#heldCallback = undefined;
    if (!this.#finalCallback) this.#transfer.place.pause(true); // until the source gives more
    callback?.();
  }

  #onPipe(source: Readable): void {
    // Also through a gunzip or the like: the upload would wait for the download's turn to end, and the download for the upload.
    if (this.#feedersOf(source).every((download) => download.addPipe(this.#transfer.place))) this.#use();
    else this.destroy(new ArgumentError('a download cannot be piped into an upload of the same client, which has one data connection at a time: use a second client, or a pool of two connections'));
  }

  /** The downloads that lead here through that stream, or that it is. */
  #feedersOf(source: Readable): Download[] {
    const { downloads } = this.#queue;
    const itself = [...downloads].filter((download) => (download as unknown) === source);
    return itself.length > 0 ? itself : [...downloads].filter((download) => download.feeds(source));
  }

  #bytesOf(chunk: Buffer | string): Uint8Array {
    if (!this.#text) return chunk as Buffer;
    const bytes = typeof chunk === 'string' ? this.#text.encode(chunk) : chunk;
    return this.#ends.convert(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }
}
