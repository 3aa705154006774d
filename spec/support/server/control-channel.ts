import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { CommandLines } from './command-lines';
import { turn } from './gate';
import { TlsLayer } from './tls-layer';
import type { TlsSide } from './tls-options';

/** The server's end of a control connection: bytes out, command lines in, TLS on and off. */
export class ControlChannel {
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  readonly #lines = new CommandLines();
  #waiting: Buffer[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #hungUp = false;
  #stream: Duplex;
  #layer: TlsLayer | undefined;

  /** @param onPacket told about the lines of each packet as it arrives, before their turns; returns those that have one, in order */
  constructor(
    readonly socket: Socket,
    private readonly onPacket: (lines: readonly Buffer[]) => readonly Buffer[],
  ) {
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    this.#stream = socket;
  }

  /** Begins to read; not before TLS in implicit mode. */
  start(): void {
    if (this.#stream.listenerCount('data') === 0) this.#read(this.#stream);
  }

  /** True from a successful `startTls` to `endTls`. */
  get secure(): boolean {
    return this.#stream !== this.socket;
  }

  /** True when TLS was left by `endTls`. */
  get cleared(): boolean {
    return this.#layer !== undefined && !this.secure;
  }

  /** Lines whose turn has not come: those stay that `wanted` is true for. */
  sift(wanted: (line: Buffer) => boolean): void {
    this.#waiting = this.#waiting.filter(wanted);
  }

  /** The next line in order; undefined when the client has closed. */
  async next(): Promise<Buffer | undefined> {
    while (this.#waiting.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#hungUp ? undefined : this.#waiting.shift();
  }

  /** Resolves when the bytes have been given to the system; never rejects. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stream.writable) this.#stream.write(bytes, () => resolve());
      else resolve();
    });
  }

  /** Makes sure that what was written before and what is written after arrives in two pieces. */
  async boundary(): Promise<void> {
    await this.write(Buffer.alloc(0));
    await turn();
  }

  /** Lines that wait are dropped, because they came in the clear. */
  async startTls(side: TlsSide): Promise<void> {
    this.#waiting = [];
    this.#lines.clear();
    this.socket.removeListener('data', this.#onData);
    this.socket.removeListener('end', this.#onEnd);
    this.#layer = new TlsLayer(this.socket);
    const secured = await side.secure(this.#layer, 'control');
    this.#stream = secured;
    this.#read(secured);
  }

  /** Ends TLS with close_notify and goes on in the clear (RFC 4217, 12.3 CCC). */
  endTls(): void {
    const secured = this.#stream as TLSSocket;
    secured.removeListener('end', this.#onEnd).removeListener('close', this.#onEnd);
    this.#layer?.leave(this.#onData);
    this.socket.once('end', this.#onEnd);
    this.#stream = this.socket;
    secured.end();
  }

  /** FIN after what has been written; no line has its turn any more. */
  hangUp(): void {
    this.#hungUp = true;
    this.#stream.end();
  }

  /** RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  destroy(): void {
    this.#onEnd();
    this.socket.destroy();
  }

  #read(stream: Duplex): void {
    stream.on('data', this.#onData);
    stream.once('end', this.#onEnd);
    stream.once('close', this.#onEnd);
    stream.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#waiting.push(...this.onPacket(this.#lines.push(chunk)));
    this.#notify();
  };

  /** A client that is gone ends what runs, but not what it still has in line. */
  readonly #onEnd = (): void => {
    this.#ended = true;
    if (this.#waiting.length === 0 || this.#hungUp) this.socket.destroySoon();
    this.#notify();
  };

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
