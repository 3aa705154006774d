import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

const HEADER = 5;
/** change_cipher_spec … application_data (RFC 8446, 5.1); no command begins with such a byte. */
const FIRST_RECORD = 20;
const LAST_RECORD = 23;

/**
 * Lies between a socket and its TLS, so that TLS can end and the connection go on: after CCC the first byte after a
 * record that begins no record is in the clear.
 */
export class TlsLayer extends Duplex {
  #header: number[] = [];
  #body = 0;
  #clear: ((bytes: Buffer) => void) | undefined;

  constructor(readonly raw: Socket) {
    super({ allowHalfOpen: true });
    raw.on('data', this.#take);
    raw.on('end', this.#end);
    raw.on('close', this.#close);
  }

  /** From now on the end of TLS does not end the socket, and what is no record is handed to `onBytes`. */
  leave(onBytes: (bytes: Buffer) => void): void {
    this.#clear = onBytes;
    this.raw.resume();
  }

  override _read(): void {
    this.raw.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.raw.write(chunk, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.#clear) callback();
    else this.raw.end(callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#clear) this.raw.destroy();
    callback(error);
  }

  readonly #take = (chunk: Buffer): void => {
    const end = this.#clear ? this.#recordsEnd(chunk) : (this.#recordsEnd(chunk), chunk.length);
    if (end > 0 && !this.readableEnded && !this.push(chunk.subarray(0, end)) && !this.#clear) this.raw.pause();
    if (end < chunk.length) this.#clear?.(chunk.subarray(end));
  };

  /** Where the first byte outside of a record is; the chunk's length if there is none. */
  #recordsEnd(chunk: Buffer): number {
    for (let at = 0; at < chunk.length; ) {
      if (this.#body > 0) {
        const part = Math.min(this.#body, chunk.length - at);
        this.#body -= part;
        at += part;
        continue;
      }
      const byte = chunk[at] ?? 0;
      if (this.#header.length === 0 && (byte < FIRST_RECORD || byte > LAST_RECORD)) return at;
      this.#header.push(byte);
      at += 1;
      if (this.#header.length === HEADER) {
        this.#body = (this.#header[3] ?? 0) * 256 + (this.#header[4] ?? 0);
        this.#header = [];
      }
    }
    return chunk.length;
  }

  readonly #end = (): void => void this.push(null);
  readonly #close = (): void => void this.destroy();
}
