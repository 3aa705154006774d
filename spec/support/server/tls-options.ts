import { X509Certificate } from 'node:crypto';
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
    const options: TLSSocketOptions = { isServer: true, secureContext, requestCert, rejectUnauthorized: requestCert };
    const secured = new TLSSocket(socket as TLSSocket, options);
    await handshake(secured);
    const refused = requestCert && !this.#vouches(secured);
    const foreign = requireReuse && connection === 'data' && !secured.isSessionReused();
    if (!refused && !foreign) return secured;
    secured.destroy();
    throw new Error(refused ? 'client certificate refused' : 'session reuse required');
  }

  /** A TLSSocket on its own does not judge a client's certificate; `tls.Server` does. */
  #vouches(secured: TLSSocket): boolean {
    const peer = secured.getPeerX509Certificate();
    const authorities = [this.options.ca ?? []].flat().map((pem) => new X509Certificate(pem));
    return peer !== undefined && authorities.some((authority) => peer.checkIssued(authority) && peer.verify(authority.publicKey));
  }
}

/** A client may leave without a word in the middle of it. */
function handshake(secured: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      secured.destroy();
      reject(error);
    };
    const gone = (): void => fail(new Error('closed in the TLS handshake'));
    secured.on('error', fail);
    secured.once('end', gone);
    secured.once('close', gone);
    secured.once('secure', () => {
      secured.off('end', gone);
      secured.off('close', gone);
      resolve();
    });
  });
}
