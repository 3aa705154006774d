// TLS on control and data connections: the handshake, the check of the server, the resumption of its session, and how TLS ends.
//
// A data connection must lead to the same server as the control connection. That is proved by resuming its TLS session, or else by
// showing the same certificate. Many servers demand the resumption as well (vsftpd's require_ssl_reuse, ProFTPD).

import { X509Certificate } from 'node:crypto';
import { isIP, isIPv6 } from 'node:net';
import { Duplex } from 'node:stream';
import { checkServerIdentity, connect, type ConnectionOptions, createSecureContext, DEFAULT_ECDH_CURVE, type EphemeralKeyInfo, type PeerCertificate, type SecureContext, type TLSSocket } from 'node:tls';
import { FTPError, SecurityError } from '../errors';

/** A data connection that is in TLS. */
export interface SecuredData {
  readonly stream: TLSSocket;
  /** Whether it resumed the TLS session of the control connection, or of an earlier data connection. */
  readonly resumed: boolean;
  /** After the end: whether close_notify came; true where nobody watches for it. */
  closedProperly(): boolean;
}

/** The options of `tls.connect`, and the fingerprint of the only certificate that is taken. */
interface SecureOptions extends ConnectionOptions {
  readonly pin?: string | undefined;
}

/** Which key shares data connections offer in TLS 1.3; kept for all connections to a server. */
export interface KeyShares {
  /** The default ones only: a handshake has failed with the group that the server chose on the control connection. */
  defaultOnly: boolean;
}

/** The TLS of one control connection and of its data connections: which server it must be, and the newest ticket to resume its session. */
export class TLSSession {
  /** The options for the TLS of the control connection. */
  readonly options: SecureOptions;
  /** False where the caller has set groups or a context of his own, which stay as they are. */
  readonly #choosesGroup: boolean;
  readonly #keyShares: KeyShares;
  #dataOptions: SecureOptions;
  #ticket: Buffer | undefined;
  /** True after a handshake on a data connection has failed: the server may have forgotten the session that others are to resume. */
  handshakeFailed = false;
  #fingerprint: string | undefined;

  /**
   * @param host the name or address that the certificate must be for, on data connections, too
   * @param keyShares what is known from earlier connections to that server
   * @param pin the SHA-256 fingerprint of the only certificate that is taken, whoever has signed it
   * @throws SecurityError where OpenSSL cannot use the options
   */
  constructor(host: string, options: ConnectionOptions = {}, keyShares: KeyShares, pin?: string) {
    const secureContext = options.secureContext ?? contextOf(options); // made once, and not for each data connection
    const verify = options.checkServerIdentity ?? checkIdentity;
    this.options = { ...(isIP(host) ? {} : { servername: host }), host, ...options, checkServerIdentity: (...args) => refusalOf(() => verify(...args)), secureContext, ...(pin ? { pin, rejectUnauthorized: false } : {}) };
    this.#dataOptions = this.options;
    this.#choosesGroup = !options.secureContext && (options.ecdhCurve ?? DEFAULT_ECDH_CURVE) === 'auto';
    this.#keyShares = keyShares;
  }

  /** The control connection is in TLS: keeps its certificate and its session for the data connections. */
  onSecured(stream: TLSSocket): void {
    this.#fingerprint = fingerprintOf(stream);
    this.#keepTickets(stream);
    const group = this.#choosesGroup && !this.#keyShares.defaultOnly ? keyGroup(stream) : undefined;
    if (group) this.#dataOptions = { ...this.options, secureContext: contextOf({ ...this.options, ecdhCurve: group }) };
  }

  /**
   * Puts TLS on a data connection. With `strict`, its records are watched for close_notify, of which Node says nothing.
   *
   * @param endsLast whether FIN follows that of the server, rather than our close_notify at once
   * @throws SecurityError where the handshake fails, and where the other side shows another certificate than the control connection, even a valid one
   */
  async secureData(raw: Duplex, strict: boolean, endsLast: boolean): Promise<SecuredData> {
    const tap = strict || endsLast ? new RecordTap(raw, endsLast) : undefined;
    const stream = await this.#shakeHands(tap ?? raw);
    if (!this.#isSameServer(stream)) {
      stream.on('error', ignore).destroy();
      throw new SecurityError('the data connection has another certificate than the control connection');
    }
    this.#keepTickets(stream);
    return { stream, resumed: stream.isSessionReused(), closedProperly: () => !strict || tap?.closedProperly !== false };
  }

  async #shakeHands(raw: Duplex): Promise<TLSSocket> {
    try {
      return await secure(raw, { ...this.#dataOptions, ...(this.#ticket ? { session: this.#ticket } : {}) });
    } catch (error) {
      this.handshakeFailed = true;
      this.#keyShares.defaultOnly = true; // none is known, but a server could have other groups on data connections: from now on it gets the default
      throw error;
    }
  }

  /** Only the server itself can resume its session. A client that verifies no certificate compares none, either. */
  #isSameServer(stream: TLSSocket): boolean {
    if (stream.isSessionReused() || this.options.rejectUnauthorized === false) return true;
    return this.#fingerprint !== undefined && fingerprintOf(stream) === this.#fingerprint;
  }

  /** Keeps the newest session: in TLS 1.2 the handshake gives it, in TLS 1.3 the server sends tickets at any time. */
  #keepTickets(socket: TLSSocket): void {
    if (socket.getProtocol() !== 'TLSv1.3') this.#ticket = socket.getSession() ?? this.#ticket;
    socket.on('session', (ticket: Buffer) => (this.#ticket = ticket));
  }
}

/** The group whose key share OpenSSL sends first by default. */
const DEFAULT_GROUP = 'X25519';

/**
 * The group that the server chose on the control connection. Data connections offer this one only, so that TLS 1.3 sends its key share at
 * once: a server that gets no key share of its group asks for it, which costs a round trip on each connection (RFC 8446, 4.1.4). vsftpd and
 * Pure-FTPd take P-256 only. Undefined where that is the default, or TLS is older.
 */
function keyGroup(control: TLSSocket): string | undefined {
  if (control.getProtocol() !== 'TLSv1.3') return undefined;
  const chosen = (control.getEphemeralKeyInfo() as EphemeralKeyInfo | null)?.name;
  return chosen === DEFAULT_GROUP ? undefined : chosen;
}

function contextOf(options: ConnectionOptions): SecureContext {
  return usable(() => createSecureContext(options));
}

/** @throws SecurityError where OpenSSL or Node cannot use the options */
function usable<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new SecurityError(`the option tls cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

/** Node 22.23.3 takes an IPv6 address for a name, which no certificate is for; so the address is checked here. */
function checkIdentity(host: string, certificate: PeerCertificate): Error | undefined {
  return isIPv6(host) && new X509Certificate(certificate.raw).checkIP(host) ? undefined : checkServerIdentity(host, certificate);
}

/** An error that the caller's function throws is a refusal: Node would throw it from an event, where nobody can catch it. */
function refusalOf(verify: () => Error | undefined): Error | undefined {
  try {
    return verify();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** It must be asked for once only: the second time, Node 20 may give none. */
function fingerprintOf(stream: TLSSocket): string | undefined {
  return stream.getPeerX509Certificate()?.fingerprint256;
}

/**
 * Puts TLS on a connected stream; resolves when the handshake is done and the certificate is verified. A session that is resumed has no certificate: only the
 * server itself can resume it.
 *
 * @throws SecurityError; its cause is the error of OpenSSL or Node
 */
export async function secure(socket: Duplex, { pin, ...options }: SecureOptions): Promise<TLSSocket> {
  const secured = await shakeHands(socket, options);
  if (pin !== undefined && !secured.isSessionReused()) {
    const fingerprint = fingerprintOf(secured);
    if (fingerprint !== pin) {
      secured.destroy();
      throw new SecurityError(`TLS: the certificate is not the one of the option pin; its SHA-256 fingerprint is ${fingerprint}`);
    }
  }
  if (secured.destroyed) throw new SecurityError('TLS: the connection broke at the end of the handshake', { cause: secured.errored ?? undefined });
  return secured;
}

function shakeHands(socket: Duplex, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = usable(() => connect({ ...options, socket })); // Node checks some of the options only now
    const settle = (error?: Error): void => {
      // The last flight may fail before the caller has its listener: the error is ignored here, and `secure` looks at the stream.
      secured.off('secureConnect', settle).off('error', settle).off('close', onClose).on('error', ignore);
      if (!error) return resolve(secured);
      secured.destroy();
      reject(error instanceof FTPError ? error : new SecurityError(`TLS: ${describe(error)}`, { cause: error }));
    };
    const onClose = (): void => settle(new Error('the server closed the connection during the handshake'));
    secured.once('secureConnect', settle).once('error', settle).once('close', onClose);
  });
}

/** What to do about a failure, by its code. */
const REMEDIES: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak TLS here, or not yet (option secure)',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the server does not speak TLS here, or not yet (option secure)',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'to trust it, give it as ca in the option tls',
  SELF_SIGNED_CERT_IN_CHAIN: 'to trust its authority, give it as ca in the option tls',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'to trust its authority, give it as ca in the option tls',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'to trust its authority, give it as ca in the option tls',
};

/** Of OpenSSL's errors the reason, because their message has a thread and a line of its source; and what to do. */
function describe(error: Error): string {
  const { code = '', reason = error.message } = error as Error & { readonly code?: string; readonly reason?: string };
  return Object.hasOwn(REMEDIES, code) ? `${reason}: ${REMEDIES[code]}` : reason;
}

/** Milliseconds. */
const LAST_END = 10_000;
const HEADER = 5;
/** The types of records: change_cipher_spec, alert, handshake, application_data (RFC 8446, 5.1). */
const FIRST_TYPE = 20;
const LAST_TYPE = 23;
const ALERT = 21;
const APPLICATION_DATA = 23;
/** TLS 1.3 sends an alert as application data: two bytes, their type, and a tag of 16 bytes (RFC 8446, 5.2). */
const HIDDEN_ALERT = 2 + 1 + 16;

/**
 * A stream between a connection and its TLS that sees where records begin and end, of which Node says nothing.
 *
 * That shows two things: whether close_notify came before the end, and, after CCC, which byte is the first one in the clear.
 */
export class RecordTap extends Duplex {
  readonly #raw: Duplex;
  #header: number[] = [];
  /** How many bytes of the record are still to come. */
  #body = 0;
  #last: { readonly type: number; readonly length: number } | undefined;
  /** The connection after TLS was left. */
  #clear: Duplex | undefined;
  /** Whether clear text has come: no record follows it. */
  #clearBegun = false;

  readonly #endsLast: boolean;

  /** @param endsLast whether FIN follows that of the other side, rather than our close_notify at once */
  constructor(raw: Duplex, endsLast = false) {
    super({ allowHalfOpen: true });
    this.#raw = raw;
    this.#endsLast = endsLast;
    raw.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose);
  }

  /** True where the last record can be close_notify; a download that was cut ends with another record. */
  get closedProperly(): boolean {
    const { type, length } = this.#last ?? {};
    return this.#body === 0 && this.#header.length === 0 && (type === ALERT || (type === APPLICATION_DATA && length === HIDDEN_ALERT));
  }

  /**
   * The connection without TLS, after CCC (RFC 4217, 11.2): it writes in the clear, and reads what comes after the last record. Ending the
   * TLS stream sends its close_notify, and does not end the connection any more.
   */
  unwrap(): Duplex {
    const raw = this.#raw;
    return (this.#clear ??= new Duplex({
      read: () => void raw.resume(),
      write: (chunk: Buffer, _encoding, callback) => void raw.write(chunk, callback),
      final: (callback) => void raw.end(callback),
      destroy: (error, callback) => {
        raw.destroy();
        callback(error);
      },
    }));
  }

  override _read(): void {
    this.#raw.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#raw.write(chunk, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (!this.#clear && !this.#endsLast) return void this.#raw.end(callback);
    if (!this.#clear && !this.#raw.readableEnded) this.#endLater();
    callback();
  }

  /** Sends FIN when that of the other side has come, or in some seconds: somebody might know no other end. */
  #endLater(): void {
    const timer = setTimeout(() => this.#raw.end(), LAST_END);
    this.#raw.once('end', () => this.#raw.end()).once('close', () => clearTimeout(timer));
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#clear) this.#raw.destroy();
    callback(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    const clear = this.#scan(chunk);
    const records = chunk.subarray(0, clear);
    if (records.length > 0 && !this.destroyed && !this.push(records)) this.#raw.pause();
    if (clear < chunk.length) this.#receiveClear(chunk.subarray(clear));
  };

  readonly #onEnd = (): void => {
    this.push(null);
    this.#receiveClear(null);
  };

  readonly #onError = (error: Error): void => void (this.#clear ?? this).destroy(error);

  readonly #onClose = (): void => void (this.#clear ?? this).destroy();

  #receiveClear(chunk: Buffer | null): void {
    if (!this.#clear) return;
    this.#clearBegun = true;
    if (!this.#clear.push(chunk)) this.#raw.pause();
  }

  /** Where the clear text begins, if TLS is being left: after a record, at a byte that is no type of a record. */
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
      if (this.#clear && this.#header.length === 0 && (this.#clearBegun || byte < FIRST_TYPE || byte > LAST_TYPE)) return at;
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

function ignore(): void {
  // the failure is reported by the promise
}
