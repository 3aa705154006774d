import { getFips } from 'node:crypto';
import type { EphemeralKeyInfo, TLSSocket } from 'node:tls';

/** The group of the key that OpenSSL has in its first flight. */
const USUAL = 'X25519';
const NIST = ['prime256v1', 'secp384r1', 'secp521r1'];

/**
 * The groups for data connections, first the one that the server chose on the control connection, so that TLS 1.3 brings a key for it at
 * once. A server that misses its key asks again, a round trip on each connection (RFC 8446, 4.1.4): vsftpd and Pure-FTPd take P-256 only.
 * Undefined where nothing is to be gained.
 */
export function groupsFor(control: TLSSocket): string | undefined {
  if (control.getProtocol() !== 'TLSv1.3') return undefined;
  const chosen = (control.getEphemeralKeyInfo() as EphemeralKeyInfo | null)?.name;
  if (chosen === undefined || chosen === USUAL) return undefined;
  return [...new Set([chosen, ...(getFips() ? [] : [USUAL]), ...NIST])].join(':');
}
