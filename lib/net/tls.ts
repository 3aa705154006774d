import { X509Certificate } from 'node:crypto';
import { isIP, isIPv6 } from 'node:net';
import { Duplex } from 'node:stream';
import { checkServerIdentity, connect, type ConnectionOptions, createSecureContext, DEFAULT_ECDH_CURVE, type EphemeralKeyInfo, type PeerCertificate, type SecureContext, type TLSSocket } from 'node:tls';
import { FTPError, SecurityError } from '../errors';

/** A data connection in TLS. */
export interface SecuredData {
  readonly stream: TLSSocket;
  /** The session of the control connection, or of an earlier data connection, was resumed. */
  readonly resumed: boolean;
  /** After the end: whether close_notify came, as far as it is watched for. */
  closedProperly(): boolean;
}

/** Which keys data connections bring. */
export interface KeyShares {
  /** The usual ones: with the one that the control connection was asked for a handshake has failed. */
  defaultOnly: boolean;
}

/**
 * TLS for one session: who the server has to be, and the newest ticket, with which data connections resume the control
 * connection's session (vsftpd's require_ssl_reuse and ProFTPD accept no others).
 */
export class TLSSession {
  readonly #options: ConnectionOptions;
  /** The caller's own groups, or context, stay as they are. */
  readonly #choosesGroup: boolean;
  readonly #keys: KeyShares;
  #dataOptions: ConnectionOptions;
  #ticket: Buffer | undefined;
  /** A handshake on a data connection was cut: the server may have forgotten the session that others are to resume. */
  handshakeFailed = false;
  #fingerprint: string | undefined;

  /**
   * @param host whom the certificate must name, on data connections too
   * @param keys what earlier connections to it have told
   * @throws SecurityError when OpenSSL cannot use the options
   */
  constructor(host: string, options: ConnectionOptions = {}, keys: KeyShares) {
    const secureContext = options.secureContext ?? contextOf(options); // once, not for each data connection
    const verify = options.checkServerIdentity ?? checkIdentity;
    this.#options = { ...(isIP(host) ? {} : { servername: host }), host, ...options, checkServerIdentity: (...args) => verdict(() => verify(...args)), secureContext };
    this.#dataOptions = this.#options;
    this.#choosesGroup = !options.secureContext && (options.ecdhCurve ?? DEFAULT_ECDH_CURVE) === 'auto';
    this.#keys = keys;
  }

  /** What a control connection is secured with. */
  get options(): ConnectionOptions {
    return this.#options;
  }

  /** The control connection is in TLS: data connections are to be the same server's, and to resume its session. */
  onSecured(stream: TLSSocket): void {
    this.#fingerprint = fingerprintOf(stream);
    this.#collect(stream);
    const group = this.#choosesGroup && !this.#keys.defaultOnly ? keyGroup(stream) : undefined;
    if (group) this.#dataOptions = { ...this.#options, secureContext: contextOf({ ...this.#options, ecdhCurve: group }) };
  }

  /**
   * TLS on a data connection; with `strict`, its records are watched for close_notify, which Node does not tell.
   *
   * @throws SecurityError when whoever took the connection shows another certificate than the control connection, even a valid one
   */
  async secureData(raw: Duplex, strict: boolean): Promise<SecuredData> {
    const tap = strict ? new RecordTap(raw) : undefined;
    const stream = await this.#shakeHands(tap ?? raw);
    if (!this.#isSameServer(stream)) {
      stream.on('error', ignore).destroy();
      throw new SecurityError('the data connection has another certificate than the control connection');
    }
    this.#collect(stream);
    return { stream, resumed: stream.isSessionReused(), closedProperly: () => tap?.closedProperly ?? true };
  }

  async #shakeHands(raw: Duplex): Promise<TLSSocket> {
    try {
      return await secure(raw, { ...this.#dataOptions, ...(this.#ticket ? { session: this.#ticket } : {}) });
    } catch (error) {
      this.handshakeFailed = true;
      this.#keys.defaultOnly = true; // no server is known that has other groups there; should there be one, it is asked as usual from the next session on
      throw error;
    }
  }

  /** Only the server itself can resume its session; a client that verifies nothing need not compare, either. */
  #isSameServer(stream: TLSSocket): boolean {
    return stream.isSessionReused() || this.#options.rejectUnauthorized === false || fingerprintOf(stream) === this.#fingerprint;
  }

  /** TLS 1.2 has its session with the handshake, TLS 1.3 sends tickets when it likes. */
  #collect(socket: TLSSocket): void {
    if (socket.getProtocol() !== 'TLSv1.3') this.#ticket = socket.getSession() ?? this.#ticket;
    socket.on('session', (ticket: Buffer) => (this.#ticket = ticket));
  }
}

function contextOf(options: ConnectionOptions): SecureContext {
  try {
    return createSecureContext(options);
  } catch (error) {
    throw new SecurityError(`the option tls cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

/** Node 22.23.3 takes an IPv6 address for a name, which no certificate has. */
function checkIdentity(host: string, certificate: PeerCertificate): Error | undefined {
  return isIPv6(host) && new X509Certificate(certificate.raw).checkIP(host) ? undefined : checkServerIdentity(host, certificate);
}

/** What the caller's function throws is a refusal: Node would throw it in an event, where nobody can catch it. */
function verdict(verify: () => Error | undefined): Error | undefined {
  try {
    return verify();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function fingerprintOf(stream: TLSSocket): string | undefined {
  return stream.getPeerX509Certificate()?.fingerprint256;
}

/**
 * TLS on a connected stream; resolves when the handshake is done and the certificate is the host's.
 *
 * @throws SecurityError with OpenSSL's or Node's reason as its cause
 */
export async function secure(socket: Duplex, options: ConnectionOptions): Promise<TLSSocket> {
  const secured = await handshake(socket, options);
  if (secured.destroyed) throw new SecurityError('TLS: the connection broke at the end of the handshake', { cause: secured.errored ?? undefined });
  return secured;
}

function handshake(socket: Duplex, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = begin(socket, options);
    const settle = (error?: Error): void => {
      // Sending our last flight may fail before whoever waits for this hears anything.
      secured.off('secureConnect', settle).off('error', settle).off('close', onClose).on('error', ignore);
      if (!error) return resolve(secured);
      secured.destroy();
      reject(error instanceof FTPError ? error : new SecurityError(`TLS: ${error.message}`, { cause: error }));
    };
    const onClose = (): void => settle(new Error('the server closed the connection during the handshake'));
    secured.once('secureConnect', settle).once('error', settle).once('close', onClose);
  });
}

/** Node judges some of the options only here. */
function begin(socket: Duplex, options: ConnectionOptions): TLSSocket {
  try {
    return connect({ ...options, socket });
  } catch (error) {
    throw new SecurityError(`the option tls cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

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

/** That of the key that OpenSSL has in its first flight. */
const USUAL = 'X25519';

/**
 * The group that the server chose on the control connection: with no other to offer, TLS 1.3 on data connections brings its key at once. A
 * server that misses its key asks again, a round trip on each connection (RFC 8446, 4.1.4): vsftpd and Pure-FTPd take P-256 only.
 * Undefined where nothing is to be gained.
 */
export function keyGroup(control: TLSSocket): string | undefined {
  if (control.getProtocol() !== 'TLSv1.3') return undefined;
  const chosen = (control.getEphemeralKeyInfo() as EphemeralKeyInfo | null)?.name;
  return chosen === USUAL ? undefined : chosen;
}

function ignore(): void {
  // told elsewhere
}
