import { Duplex } from 'node:stream';

const HEADER = 5;
/** Record types: change_cipher_spec, alert, handshake, application_data (RFC 8446, 5.1). */
const FIRST_TYPE = 20;
const LAST_TYPE = 23;
const ALERT = 21;
const APPLICATION_DATA = 23;
/** TLS 1.3 hides an alert in application data: 2 bytes, their type, and a tag of 16 (RFC 8446, 5.2). */
const HIDDEN_ALERT = 2 + 1 + 16;

/**
 * Lies between a connection and its TLS and knows where records begin and end, which OpenSSL does not tell Node.
 *
 * That shows two things: whether close_notify came before the end, and, after CCC, which byte is the first in the clear.
 */
export class RecordTap extends Duplex {
  readonly #raw: Duplex;
  #header: number[] = [];
  /** Bytes of the record that are still to come. */
  #body = 0;
  #last: { readonly type: number; readonly length: number } | undefined;
  #clear: Clear | undefined;

  constructor(raw: Duplex) {
    super({ allowHalfOpen: true });
    this.#raw = raw;
    raw.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose);
  }

  /** True when the last record can be close_notify; a download that was cut ends with another. */
  get closedProperly(): boolean {
    const { type, length } = this.#last ?? {};
    return this.#body === 0 && this.#header.length === 0 && (type === ALERT || (type === APPLICATION_DATA && length === HIDDEN_ALERT));
  }

  /**
   * The connection without TLS: what is written goes out in the clear, and what comes behind the last record is read in
   * the clear (RFC 4217, 11.2 CCC). Ending the TLS above sends its close_notify and does not end the connection.
   */
  unwrap(): Duplex {
    return (this.#clear ??= new Clear(this.#raw));
  }

  override _read(): void {
    this.#raw.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#raw.write(chunk, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.#clear) callback();
    else this.#raw.end(callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#clear) this.#raw.destroy();
    callback(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    const clear = this.#scan(chunk);
    const records = chunk.subarray(0, clear);
    if (records.length > 0 && !this.destroyed && !this.push(records)) this.#raw.pause();
    if (clear < chunk.length) this.#clear?.receive(chunk.subarray(clear));
  };

  readonly #onEnd = (): void => {
    this.push(null);
    this.#clear?.receive(null);
  };

  readonly #onError = (error: Error): void => void (this.#clear ?? this).destroy(error);

  readonly #onClose = (): void => void (this.#clear ?? this).destroy();

  /** Where the clear text begins: at a record's end, where no record's type follows and TLS is being left. */
  #scan(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length) {
      if (this.#body > 0) {
        const taken = Math.min(this.#body, chunk.length - at);
        this.#body -= taken;
        at += taken;
        continue;
      }
      const byte = chunk[at] as number;
      if (this.#clear && this.#header.length === 0 && (this.#clear.begun || byte < FIRST_TYPE || byte > LAST_TYPE)) return at;
      this.#header.push(byte);
      at += 1;
      if (this.#header.length === HEADER) this.#begin();
    }
    return at;
  }

  #begin(): void {
    const [type = 0, , , high = 0, low = 0] = this.#header;
    this.#header = [];
    this.#body = high * 256 + low;
    this.#last = { type, length: this.#body };
  }
}

/** The connection after TLS has been left. */
class Clear extends Duplex {
  readonly #raw: Duplex;
  /** Clear text has come: no record follows. */
  begun = false;

  constructor(raw: Duplex) {
    super();
    this.#raw = raw;
  }

  receive(chunk: Buffer | null): void {
    this.begun = true;
    if (!this.push(chunk)) this.#raw.pause();
  }

  override _read(): void {
    this.#raw.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#raw.write(chunk, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#raw.end(callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#raw.destroy();
    callback(error);
  }
}
