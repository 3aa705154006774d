import { createHash } from 'node:crypto';

/** A record's header: its type, and the bytes that follow. */
export interface TlsRecord {
  readonly type: number;
  readonly length: number;
}

/** One direction of a connection: the text before TLS, TLS's records, and what is after them. */
export interface Dissected {
  readonly clear: string;
  /** The whole records. */
  readonly records: readonly TlsRecord[];
  /** After the last whole record: its cut-off successor, or text in the clear. */
  readonly behind: Buffer;
}

const HEADER = 5;
/** change_cipher_spec … application_data, and the major version that all records have (RFC 8446, 5.1). */
const TYPES = [20, 21, 22, 23];
const MAJOR = 3;

/** Tells what of a connection's bytes is in TLS, by nothing but the records' own headers. */
export function dissect(bytes: Buffer): Dissected {
  let begin = 0;
  while (begin < bytes.length && !isRecord(bytes, begin)) begin += 1;
  let at = begin;
  const records: TlsRecord[] = [];
  while (at + HEADER <= bytes.length && isRecord(bytes, at)) {
    const length = bytes.readUInt16BE(at + 3);
    if (at + HEADER + length > bytes.length) break;
    records.push({ type: bytes.readUInt8(at), length });
    at += HEADER + length;
  }
  return { clear: bytes.toString('latin1', 0, begin), records, behind: bytes.subarray(at) };
}

/** Whether the bytes can be the beginning of a record that was cut off; nothing is one, too. */
export function startsRecord(bytes: Buffer): boolean {
  return bytes.length === 0 || (TYPES.includes(bytes.readUInt8(0)) && (bytes[1] ?? MAJOR) === MAJOR);
}

function isRecord(bytes: Buffer, at: number): boolean {
  return TYPES.includes(bytes[at] ?? 0) && bytes[at + 1] === MAJOR;
}

/** Whether the last record is close_notify: an alert, which TLS 1.3 hides in application data of 2 bytes, their type and a tag (RFC 8446, 5.2). */
export function saysGoodbye({ records }: Dissected): boolean {
  const last = records.at(-1);
  return last?.type === 21 || (last?.type === 23 && last.length === 2 + 1 + 16);
}

/** How many times the server asked for the client's hello again, which takes a round trip: a ServerHello with a random of its own (RFC 8446, 4.1.3). */
export function retriesOf(toClient: Buffer): number {
  return toClient.toString('latin1').split(RETRY).length - 1;
}
const RETRY = createHash('sha256').update('HelloRetryRequest').digest().toString('latin1');
