import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { bitString, element, integer, objectIdentifier, octetString, sequence, setOf, trueValue, utcTime, utf8String } from './der';

/** A private key and its self-signed certificate, in PEM: for a server `{ ...pair }`, for a client `{ ca: pair.cert }`. */
export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

/**
 * `local` is valid for localhost, 127.0.0.1 and ::1, `local2` as well, with another key; `otherHost` for example.test
 * only; `expired` was valid for localhost; `client` names no host.
 */
export type CertificateName = 'local' | 'local2' | 'otherHost' | 'expired' | 'client';

interface Subject {
  readonly hosts: readonly string[];
  /** Four octets or sixteen each. */
  readonly addresses?: readonly Uint8Array[];
  readonly until?: Date;
}

const LOOPBACK = { hosts: ['localhost'], addresses: [Buffer.from([127, 0, 0, 1]), Buffer.from('1'.padStart(32, '0'), 'hex')] };
const SUBJECTS: Readonly<Record<CertificateName, Subject>> = {
  local: LOOPBACK,
  local2: LOOPBACK,
  otherHost: { hosts: ['example.test'] },
  expired: { ...LOOPBACK, until: new Date('2021-01-01T00:00:00Z') },
  client: { hosts: [] },
};
const FROM = new Date('2020-01-01T00:00:00Z');
const UNTIL = new Date('2049-12-31T23:59:59Z');

const made = new Map<CertificateName, KeyPair>();

/** Made at the first call in a process: no file, no package, no `openssl`. */
export function certificate(name: CertificateName = 'local'): KeyPair {
  const pair = made.get(name) ?? selfSigned(name, SUBJECTS[name]);
  made.set(name, pair);
  return pair;
}

/** An X.509 certificate, version 3 (RFC 5280, 4.1), on P-256 with SHA-256. */
function selfSigned(name: string, { hosts, addresses = [], until = UNTIL }: Subject): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(objectIdentifier('1.2.840.10045.4.3.2')); // ecdsa-with-SHA256
  const who = sequence(setOf(sequence(objectIdentifier('2.5.4.3'), utf8String(`ftplib spec ${name}`)))); // commonName
  const names = [...hosts.map((host) => element(0x82, Buffer.from(host))), ...addresses.map((address) => element(0x87, address))];
  const extensions = [
    extension('2.5.29.19', sequence(trueValue()), trueValue()), // basicConstraints: CA
    ...(names.length > 0 ? [extension('2.5.29.17', sequence(...names))] : []), // subjectAltName
  ];
  const body = sequence(
    element(0xa0, integer(Buffer.from([2]))), // version 3
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    who,
    sequence(utcTime(FROM), utcTime(until)),
    who,
    publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(...extensions)),
  );
  const der = sequence(body, algorithm, bitString(sign('sha256', body, privateKey)));
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert: pem(der) };
}

function extension(identifier: string, value: Uint8Array, critical?: Uint8Array): Buffer {
  return sequence(objectIdentifier(identifier), ...(critical ? [critical] : []), octetString(value));
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
