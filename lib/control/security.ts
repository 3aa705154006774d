// The protection of a session: TLS on the control connection (AUTH TLS, or implicit), PBSZ and PROT for data connections, CCC.
//
// TLS that was asked for is had, or the connection ends: no password is sent before it, and no data in the clear unless `protC()` was called.

import type { Duplex } from 'node:stream';
import type { Codec } from '../encoding';
import { ArgumentError, ReplyError, SecurityError } from '../errors';
import { type KeyShares, type SecuredData, TLSSession } from '../net/tls';
import type { Settings } from '../options';
import type { Reply } from '../reply';
import { Command } from './command';
import { unexpected } from './command-table';
import type { ControlConnection } from './control-connection';
import type { ServerState } from './server-state';

/** The TLS that a session must have, by the options or by hand, and the TLS that its connection has. */
export class Protection {
  readonly #settings: Settings;
  readonly #codec: Codec;
  /** How the next connection gets TLS; `auth()` by hand counts for it, too. */
  #secure: Settings['secure'];
  /** The protection level that data connections must have: private, or clear (RFC 2228, 3). */
  #level: 'P' | 'C' = 'P';
  #tls: TLSSession | undefined;
  readonly #keyShares: KeyShares = { defaultOnly: false };
  readonly #state: ServerState;
  #host = '';
  /** Whether `ccc()` has ended TLS on the control connection. */
  #clearedByCCC = false;

  constructor(settings: Settings, codec: Codec, state: ServerState) {
    this.#settings = settings;
    this.#codec = codec;
    this.#state = state;
    this.#secure = settings.secure;
  }

  /** Begins implicit TLS, on a new connection. */
  async beforeGreeting(control: ControlConnection, host: string): Promise<void> {
    this.#host = host;
    this.#clearedByCCC = false;
    this.#tls = undefined;
    if (this.#secure !== 'implicit') return;
    this.#tls = this.#prepare(control);
    await secureControl(control, this.#tls);
  }

  /** Begins explicit TLS, before the login. */
  async afterGreeting(control: ControlConnection, host: string, greeting: Reply): Promise<void> {
    if (this.#secure !== 'explicit') return;
    if (greeting.code === 230) {
      const error = new SecurityError(`the server logs in before TLS can begin: ${greeting}`, { reply: greeting });
      control.destroy(error);
      throw error;
    }
    this.#host = host;
    await this.authenticate(control);
  }

  /** Whether the session has begun TLS. */
  get active(): boolean {
    return this.#tls !== undefined;
  }

  /** Whether a data connection can be opened as things are; whoever logs in by hand is not kept from one that the server may refuse. */
  readyForData(manual: boolean): boolean {
    const tls = this.#tls;
    return tls === undefined || ((this.#level !== 'P' || this.#state.protection.value === 'P') && (manual || !tls.handshakeFailed));
  }

  /**
   * Whether the server may refuse all further data connections, because a handshake was cut: it has dropped the TLS session then, and may
   * demand that data connections resume it (ProFTPD 1.3.8 in TLS 1.2).
   */
  get resumptionLost(): boolean {
    return this.#tls?.handshakeFailed === true;
  }

  /** Protects data connections, which must be in TLS where the control connection began it, unless `protC()` was called. */
  async protectData(control: ControlConnection): Promise<void> {
    if (this.#tls && this.#level === 'P' && this.#state.protection.value !== 'P') await this.protect(control, 'P');
  }

  /** Sends AUTH TLS, and does the handshake (RFC 4217, 4). @throws ArgumentError where there is TLS already; SecurityError where it is refused */
  async authenticate(control: ControlConnection): Promise<Reply> {
    if (this.#clearedByCCC) throw new ArgumentError('ccc() has ended TLS on this connection: only the next connection can have it again');
    if (this.#tls) throw new ArgumentError('the control connection is in TLS already');
    this.#secure ||= 'explicit'; // even where it is refused: the next connection must not log in without it
    const tls = this.#prepare(control);
    const reply = await execOrClose(control, new Command('AUTH TLS', this.#codec));
    await secureControl(control, tls);
    this.#tls = tls;
    return reply;
  }

  /** Options that OpenSSL cannot use close the connection, because no login may follow. */
  #prepare(control: ControlConnection): TLSSession {
    try {
      return new TLSSession(this.#host, this.#settings.tls, this.#keyShares, this.#settings.pin);
    } catch (error) {
      control.destroy(error as Error);
      throw error;
    }
  }

  /**
   * Sends PBSZ 0 and PROT in one flight (RFC 4217, 9). Some servers do not know PBSZ, so its refusal does not count; a refused PROT P closes
   * the connection.
   */
  async protect(control: ControlConnection, level: 'P' | 'C'): Promise<Reply> {
    if (!this.#tls) throw new ArgumentError('TLS is not on the control connection: auth() first');
    const pbsz = control.exec(new Command('PBSZ 0', this.#codec)).catch(ignoreRefusal);
    const prot = new Command(`PROT ${level}`, this.#codec);
    const [reply] = await Promise.all([level === 'P' ? execOrClose(control, prot) : control.exec(prot), pbsz]);
    this.#level = level;
    return reply;
  }

  /** Sends CCC: the control connection is in the clear from then on, and data connections stay as they are (RFC 4217, 11.2). */
  async clear(control: ControlConnection): Promise<Reply> {
    if (!this.#tls || this.#clearedByCCC) throw new ArgumentError('TLS is not on the control connection');
    const reply = await control.exec(new Command('CCC', this.#codec));
    this.#clearedByCCC = true;
    await control.unsecure();
    return reply;
  }

  /** Puts TLS on a data connection; undefined where data are in the clear. */
  get secureData(): ((raw: Duplex, endsLast: boolean) => Promise<SecuredData>) | undefined {
    const tls = this.#tls;
    return tls && this.#state.protection.value === 'P' ? (raw, endsLast) => tls.secureData(raw, this.#settings.strictTlsClose, endsLast) : undefined;
  }
}

async function secureControl(control: ControlConnection, tls: TLSSession): Promise<void> {
  tls.onSecured(await control.secure(tls.options));
}

/** Sends a command for TLS, and closes the connection where it is refused: nothing may be sent in the clear then. */
async function execOrClose(control: ControlConnection, command: Command): Promise<Reply> {
  try {
    const reply = await control.exec(command);
    if (reply.kind !== 'completion') throw unexpected(reply, command);
    return reply;
  } catch (error) {
    if (!(error instanceof ReplyError)) throw error;
    const refused = new SecurityError(`TLS was asked for (option secure) and refused: ${error.message}`, { reply: error.reply, command: command.shown, cause: error });
    control.destroy(refused);
    throw refused;
  }
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof ReplyError)) throw error;
}
