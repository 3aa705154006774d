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

/** What TLS a session is to have, by the options or by hand, and what its connection has: secure when asked means secure or not at all. */
export class Protection {
  readonly #settings: Settings;
  readonly #codec: Codec;
  /** What the next connection is to have; `auth()` by hand holds for it too. */
  #secure: Settings['secure'];
  #level: 'P' | 'C' = 'P';
  #tls: TLSSession | undefined;
  readonly #keys: KeyShares = { defaultOnly: false };
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
    this.#tls = undefined;
    if (this.#secure !== 'implicit') return;
    this.#tls = this.#prepare(control);
    await secureControl(control, this.#tls);
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
    return this.#tls !== undefined && this.#level === 'P';
  }

  /**
   * Whether the server may refuse all further data connections: one that demands that they resume the control connection's session (ProFTPD
   * in TLS 1.2) has dropped that when a handshake was cut.
   */
  get resumptionLost(): boolean {
    return this.#tls?.handshakeFailed === true;
  }

  /** Data go in TLS, unless `protC()` said otherwise. */
  async afterLogin(control: ControlConnection): Promise<void> {
    if (this.wanted && this.#state.protection.value !== 'P') await this.protect(control, 'P');
  }

  /** AUTH TLS and the handshake (RFC 4217, 4). */
  async authenticate(control: ControlConnection): Promise<Reply> {
    if (this.#left) throw new ArgumentError('the control connection has left TLS by ccc(): it comes again with the next connection only');
    if (this.#tls) throw new ArgumentError('the control connection is in TLS already');
    this.#secure ||= 'explicit'; // also when it is refused: the next connection must not log in without
    const tls = this.#prepare(control);
    const reply = await insist(control, new Command('AUTH TLS', this.#codec));
    await secureControl(control, tls);
    this.#tls = tls;
    return reply;
  }

  /** Options that cannot be used end the connection as a refusal does: no login may follow. */
  #prepare(control: ControlConnection): TLSSession {
    try {
      return new TLSSession(this.#host, this.#settings.tls, this.#keys);
    } catch (error) {
      control.destroy(error as Error);
      throw error;
    }
  }

  /** PBSZ 0, which RFC 4217, 9 asks for first and some servers do not know, and PROT in one flight; a refused PROT P ends the connection. */
  async protect(control: ControlConnection, level: 'P' | 'C'): Promise<Reply> {
    if (!this.#tls) throw new ArgumentError('TLS is not on the control connection: auth() first');
    const pbsz = control.exec(new Command('PBSZ 0', this.#codec)).catch(ignoreRefusal);
    const prot = new Command(`PROT ${level}`, this.#codec);
    const [reply] = await Promise.all([level === 'P' ? insist(control, prot) : control.exec(prot), pbsz]);
    this.#level = level;
    return reply;
  }

  /** CCC: the control connection goes on in the clear, data connections stay as they are (RFC 4217, 11.2). */
  async clear(control: ControlConnection): Promise<Reply> {
    if (!this.#tls || this.#left) throw new ArgumentError('TLS is not on the control connection');
    const reply = await control.exec(new Command('CCC', this.#codec));
    this.#left = true;
    await control.unsecure();
    return reply;
  }

  /** How TLS is put on a data connection; undefined when it goes in the clear. */
  get secureData(): ((raw: Duplex) => Promise<SecuredData>) | undefined {
    const tls = this.#tls;
    return tls && this.#state.protection.value === 'P' ? (raw) => tls.secureData(raw, this.#settings.strictTlsClose) : undefined;
  }
}

async function secureControl(control: ControlConnection, tls: TLSSession): Promise<void> {
  tls.onSecured(await control.secure(tls.options));
}

/** Refusals of TLS end the connection: nothing may follow in the clear. */
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
