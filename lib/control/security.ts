import { X509Certificate } from 'node:crypto';
import { isIP, isIPv6 } from 'node:net';
import type { Duplex } from 'node:stream';
import { checkServerIdentity, createSecureContext, DEFAULT_ECDH_CURVE, type ConnectionOptions, type PeerCertificate, type SecureContext, type TLSSocket } from 'node:tls';
import { Command } from './command';
import type { ControlConnection } from './control-connection';
import type { Codec } from './encoding';
import { unexpected } from './judgement';
import { keyGroup } from './key-group';
import type { Reply } from './reply';
import { secure } from '../dial';
import { ReplyError, SecurityError } from '../errors';
import { RecordTap } from '../record-tap';

/** A data connection in TLS. */
export interface SecuredData {
  readonly stream: TLSSocket;
  /** The session of the control connection, or of an earlier data connection, was resumed. */
  readonly resumed: boolean;
  /** After the end: whether close_notify came, as far as it is watched for. */
  closedProperly(): boolean;
}

/** Which keys data connections bring. */
export interface DataKeys {
  /** The usual ones: with the one that the control connection was asked for a handshake has failed. */
  usual: boolean;
}

/**
 * TLS for one session: who the server has to be, and the newest ticket, with which data connections resume the control
 * connection's session (vsftpd's require_ssl_reuse and ProFTPD accept no others).
 */
export class Security {
  readonly #options: ConnectionOptions;
  /** The caller's own groups, or context, stay as they are. */
  readonly #choosesGroup: boolean;
  readonly #keys: DataKeys;
  #dataOptions: ConnectionOptions;
  #ticket: Buffer | undefined;
  /** A handshake on a data connection was cut: the server may have forgotten the session that others are to resume. */
  cut = false;
  #fingerprint: string | undefined;

  /**
   * @param host whom the certificate must name, on data connections too
   * @param keys what earlier connections to it have told
   * @throws SecurityError when OpenSSL cannot use the options
   */
  constructor(host: string, options: ConnectionOptions = {}, keys: DataKeys) {
    const secureContext = options.secureContext ?? contextOf(options); // once, not for each data connection
    const verify = options.checkServerIdentity ?? checkIdentity;
    this.#options = { ...(isIP(host) ? {} : { servername: host }), host, ...options, checkServerIdentity: (...args) => verdict(() => verify(...args)), secureContext };
    this.#dataOptions = this.#options;
    this.#choosesGroup = !options.secureContext && (options.ecdhCurve ?? DEFAULT_ECDH_CURVE) === 'auto';
    this.#keys = keys;
  }

  /** AUTH TLS, then the handshake (RFC 4217, 4). Refusals end the connection: nothing may follow in the clear. */
  async authenticate(control: ControlConnection, codec: Codec): Promise<Reply> {
    const reply = await insist(control, new Command('AUTH TLS', codec));
    await this.secureControl(control);
    return reply;
  }

  /** TLS on a control connection. */
  async secureControl(control: ControlConnection): Promise<void> {
    const stream = await control.secure(this.#options);
    this.#fingerprint = fingerprintOf(stream);
    this.#collect(stream);
    const group = this.#choosesGroup && !this.#keys.usual ? keyGroup(stream) : undefined;
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
      this.cut = true;
      this.#keys.usual = true; // no server is known that has other groups there; should there be one, it is asked as usual from the next session on
      throw error;
    }
  }

  /** PBSZ 0, which RFC 4217, 9 asks for first and some servers do not know, and PROT in one flight; a refused PROT P ends the connection. */
  async protect(control: ControlConnection, codec: Codec, level: 'P' | 'C'): Promise<Reply> {
    const pbsz = control.exec(new Command('PBSZ 0', codec)).catch(ignoreRefusal);
    const prot = new Command(`PROT ${level}`, codec);
    const [reply] = await Promise.all([level === 'P' ? insist(control, prot) : control.exec(prot), pbsz]);
    return reply;
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

async function insist(control: ControlConnection, command: Command): Promise<Reply> {
  try {
    const reply = await control.exec(command);
    if (reply.kind !== 'completion') throw unexpected(reply, command);
    return reply;
  } catch (error) {
    if (!(error instanceof ReplyError)) throw error;
    const refused = new SecurityError(`TLS was asked for and refused: ${error.message}`, { reply: error.reply, command: command.shown, cause: error });
    control.destroy(refused);
    throw refused;
  }
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof ReplyError)) throw error;
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

function ignore(): void {
  // the connection is being given up for a reason that is told
}
