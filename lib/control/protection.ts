import type { Duplex } from 'node:stream';
import { Command } from './command';
import type { ControlConnection } from './control-connection';
import type { Codec } from './encoding';
import type { Reply } from './reply';
import { Security, type DataKeys, type SecuredData } from './security';
import type { ServerState } from './server-state';
import { ArgumentError, SecurityError } from '../errors';
import type { Settings } from '../options';

/** What TLS a session is to have, by the options or by hand, and what its connection has: secure when asked means secure or not at all. */
export class Protection {
  readonly #settings: Settings;
  readonly #codec: Codec;
  /** What the next connection is to have; `auth()` by hand holds for it too. */
  #secure: Settings['secure'];
  #level: 'P' | 'C' = 'P';
  #security: Security | undefined;
  readonly #keys: DataKeys = { usual: false };
  readonly #state: ServerState;
  #host = '';
  /** TLS was left by `ccc()`, as far as the control connection goes. */
  #left = false;

  constructor(settings: Settings, codec: Codec, state: ServerState) {
    this.#settings = settings;
    this.#codec = codec;
    this.#state = state;
    this.#secure = settings.secure;
  }

  /** Implicit TLS begins with the first byte. */
  async beforeGreeting(control: ControlConnection, host: string): Promise<void> {
    this.#host = host;
    this.#left = false;
    this.#security = undefined;
    if (this.#secure !== 'implicit') return;
    this.#security = this.#prepare(control);
    await this.#security.secureControl(control);
  }

  /** Explicit TLS begins before anything about the user is said. */
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

  /** Whether data are to go in TLS: always where the control connection does, unless `protC()` was called. */
  get wanted(): boolean {
    return this.#security !== undefined && this.#level === 'P';
  }

  /**
   * Whether the server may refuse all further data connections: one that demands that they resume the control connection's session (ProFTPD
   * in TLS 1.2) has dropped that when a handshake was cut.
   */
  get doubtful(): boolean {
    return this.#security?.cut === true;
  }

  /** Data go in TLS, unless `protC()` said otherwise. */
  async afterLogin(control: ControlConnection): Promise<void> {
    if (this.wanted && this.#state.protection.value !== 'P') await this.protect(control, 'P');
  }

  /** AUTH TLS and the handshake (RFC 4217, 4). */
  async authenticate(control: ControlConnection): Promise<Reply> {
    if (this.#left) throw new ArgumentError('the control connection has left TLS by ccc(): it comes again with the next connection only');
    if (this.#security) throw new ArgumentError('the control connection is in TLS already');
    this.#secure ||= 'explicit'; // also when it is refused: the next connection must not log in without
    const security = this.#prepare(control);
    const reply = await security.authenticate(control, this.#codec);
    this.#security = security;
    return reply;
  }

  /** Options that cannot be used end the connection as a refusal does: no login may follow. */
  #prepare(control: ControlConnection): Security {
    try {
      return new Security(this.#host, this.#settings.tls, this.#keys);
    } catch (error) {
      control.destroy(error as Error);
      throw error;
    }
  }

  /** PBSZ 0 and PROT (RFC 4217, 9). */
  async protect(control: ControlConnection, level: 'P' | 'C'): Promise<Reply> {
    if (!this.#security) throw new ArgumentError('TLS is not on the control connection: auth() first');
    const reply = await this.#security.protect(control, this.#codec, level);
    this.#level = level;
    return reply;
  }

  /** CCC: the control connection goes on in the clear, data connections stay as they are (RFC 4217, 11.2). */
  async clear(control: ControlConnection): Promise<Reply> {
    if (!this.#security || this.#left) throw new ArgumentError('TLS is not on the control connection');
    const reply = await control.exec(new Command('CCC', this.#codec));
    this.#left = true;
    await control.unsecure();
    return reply;
  }

  /** How TLS is put on a data connection; undefined when it goes in the clear. */
  get secureData(): ((raw: Duplex) => Promise<SecuredData>) | undefined {
    const security = this.#security;
    return security && this.#state.protection.value === 'P' ? (raw) => security.secureData(raw, this.#settings.strictTlsClose) : undefined;
  }
}
