import type { EphemeralKeyInfo, TLSSocket } from 'node:tls';

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
