import type { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket, type SecureContext, type SecureContextOptions, type TLSSocketOptions } from 'node:tls';

/** How the server does TLS. */
export interface TlsOptions extends SecureContextOptions {
  /** `explicit`: after AUTH TLS; `implicit`: from the first byte. */
  readonly mode: 'explicit' | 'implicit';
  /** Refuses USER before TLS, and data connections without it; default false. */
  readonly required?: boolean;
  /** Refuses data connections that do not resume a session, as vsftpd's `require_ssl_reuse`; default false. */
  readonly requireReuse?: boolean;
  /** Asks for a client certificate, and refuses one that `ca` does not vouch for; default false. */
  readonly requestCert?: boolean;
  /** Another key and certificate on data connections. */
  readonly data?: SecureContextOptions;
}

/** One context for all connections, so that a session of one can be resumed on another. */
export class TlsSide {
  readonly #control: SecureContext;
  readonly #data: SecureContext;

  constructor(readonly options: TlsOptions) {
    this.#control = createSecureContext({ sessionIdContext: 'ftp', ...options });
    this.#data = options.data ? createSecureContext({ sessionIdContext: 'ftp', ...options, ...options.data }) : this.#control;
  }

  /** Resolves after the handshake; rejects, with the socket destroyed, when it fails or the certificate or session is refused. */
  async secure(socket: Duplex, connection: 'control' | 'data'): Promise<TLSSocket> {
    const { requestCert = false, requireReuse = false } = this.options;
    const secureContext = connection === 'control' ? this.#control : this.#data;
    const options: TLSSocketOptions = { isServer: true, secureContext, requestCert, rejectUnauthorized: false };
    const secured = new TLSSocket(socket as TLSSocket, options);
    await handshake(secured);
    const refused = requestCert && !secured.authorized;
    const foreign = requireReuse && connection === 'data' && !secured.isSessionReused();
    if (!refused && !foreign) return secured;
    secured.destroy();
    throw new Error(refused ? 'client certificate refused' : 'session reuse required');
  }
}

function handshake(secured: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    secured.once('secure', () => resolve());
    secured.once('close', () => reject(new Error('closed in the TLS handshake')));
    secured.on('error', (error) => {
      secured.destroy();
      reject(error);
    });
  });
}
