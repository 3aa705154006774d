import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import type { Encoding } from './encoding';
import { ArgumentError } from './errors';

/** The names of the options in a type, written out next to it: the compiler refuses one too many as well as one too few. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/**
 * Refuses what is no object, and an option that is not known, also one that is undefined: a misspelt name would do nothing without a word. Called for
 * every transfer, it allocates nothing unless it throws.
 *
 * @param prefix of an object within the options, such as `retry.`
 * @throws ArgumentError with the name, and those that it may be meant for
 */
export function checkNames(options: unknown, names: Readonly<Record<string, true>>, prefix = ''): void {
  checkObject(prefix === '' ? 'options' : prefix.slice(0, -1), options);
  for (const name in options) {
    if (names[name] !== true) throw unknown(name, Object.keys(names), prefix);
  }
}

/** @throws ArgumentError */
function checkObject(what: string, value: unknown): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  const kind = value === null ? 'null' : Array.isArray(value) ? 'an array' : value === undefined ? 'undefined' : `a ${typeof value}`;
  throw new ArgumentError(`${what} must be an object, not ${kind}`);
}

function unknown(name: string, known: readonly string[], prefix: string): ArgumentError {
  const shown = /^[\w.-]{1,60}$/.test(name) ? prefix + name : JSON.stringify(prefix + name.slice(0, 60));
  const meant = nearest(name, known).map((each) => prefix + each);
  return new ArgumentError(`unknown option ${shown}${meant.length > 0 ? `; did you mean ${meant.join(' or ')}?` : ''}`);
}

/** Fewer letters in common say nothing. */
const SHORTEST_BEGINNING = 3;
/** Of the letters of a name that may be wrong. */
const TYPOS = 0.4;

/** Those that are nearest, and near enough to be meant. */
function nearest(name: string, known: readonly string[]): string[] {
  const distances = known.map((each) => distance(name.slice(0, 60).toLowerCase(), each.toLowerCase()));
  const least = Math.min(...distances);
  return least <= Math.max(1, name.length * TYPOS) ? known.filter((_, index) => distances[index] === least) : [];
}

/** An abbreviation, and a longer word for the same, are as near as one letter: `pass`, `secureOptions`. */
function distance(a: string, b: string): number {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.length >= SHORTEST_BEGINNING && short !== long && long.startsWith(short) ? 1 : typos(a, b);
}

/** Letters that are missing, too many, others, or swapped with their neighbour (Damerau and Levenshtein, each place changed once). */
function typos(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const next = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let least = Math.min(at(last, column) + 1, at(next, column - 1) + 1, at(last, column - 1) + (same ? 0 : 1));
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) least = Math.min(least, at(before, column - 2) + 1);
      next.push(least);
    }
    before = last;
    last = next;
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] as number;
}

/** What `createConnection` is asked for. */
export interface ConnectionRequest {
  readonly host: string;
  readonly port: number;
  /** Which of the two connections of FTP this will be. */
  readonly purpose: 'control' | 'data';
  readonly localAddress?: string;
  readonly family?: 0 | 4 | 6;
}

/** Everything a client can be told; `new FTP(options)` checks it and does no I/O. */
export interface FTPOptions {
  /** The server's name or address. */
  host?: string;
  /** The control port; default 21, and 990 with `secure: 'implicit'`. */
  port?: number;
  /** Default `anonymous`. */
  user?: string;
  /** Default `anonymous@` for the anonymous user, else empty. */
  password?: string;
  /** Sent as ACCT when the server asks for it (332). */
  account?: string;
  /** TLS on both connections: `explicit` is AUTH TLS (RFC 4217), `implicit` is TLS from the first byte; default false. */
  secure?: false | 'explicit' | 'implicit';
  /** Passed to `tls.connect`: `ca`, `cert`, `key`, `servername`, `minVersion`, `checkServerIdentity` … */
  tls?: ConnectionOptions;
  /** A TLS download that ends without close_notify is an error; default false: 2yz and the size decide. */
  strictTlsClose?: boolean;
  /** We connect to the server for data (EPSV, PASV) rather than it to us (EPRT, PORT); default true. */
  passive?: boolean;
  /** RFC 2428 commands: true only EPSV and EPRT, false only PASV and PORT; default: EPSV, then PASV; PORT for IPv4, EPRT for IPv6. */
  extended?: boolean;
  /** Connect to the address that PASV names rather than to the control connection's peer; default false. */
  trustServerPasvAddress?: boolean;
  /** Milliseconds for each of the three timeouts below; default 30000; 0 switches them off. */
  timeout?: number;
  /** Milliseconds from the name look-up to the greeting; also for making a data connection. */
  connectTimeout?: number;
  /** Milliseconds to wait for a reply. */
  replyTimeout?: number;
  /** Milliseconds without progress of the data while only the server keeps us waiting. */
  stallTimeout?: number;
  /** Milliseconds between NOOPs while the client is idle, for servers that close quiet sessions; default 0: none. */
  keepAlive?: number;
  /** Send them during transfers too, for firewalls that forget the control connection; servers may not bear it; default false. */
  keepAliveDuringTransfers?: boolean;
  /** The local address of every connection. */
  localAddress?: string;
  /** First and last local port that active mode listens on; default: any. */
  localPortRange?: readonly [number, number];
  /** 4 or 6 for that IP version only; default 0: both. */
  family?: 0 | 4 | 6;
  /** How names and texts are bytes on the wire; default `utf8` (RFC 2640); `auto` also reads texts that are no UTF-8, as latin1. */
  encoding?: Encoding;
  /** Longest reply line in bytes; default 8192. */
  maxReplyLineBytes?: number;
  /** Longest reply in bytes, all lines together; default 65536. */
  maxReplyBytes?: number;
  /** Longest line in bytes of a listing or of `retrlines`; default 65536. */
  maxLineBytes?: number;
  /** Bytes of a listing that are read ahead when another operation waits behind its paused reader; default 16 MiB. */
  maxReadAheadBytes?: number;
  /** Look up user, password and account of `host` in `~/.netrc`, or in the file named. */
  netrc?: boolean | string;
  /** Closes the client when aborted. */
  signal?: AbortSignal;
  /**
   * Makes a connection, at once or some time: the one seam for proxies, tunnels and tests; default `net.connect`. Data connections are asked for with
   * `host`, as the control connection is, because the address that its stream leads to may be a proxy's.
   */
  createConnection?: (request: ConnectionRequest) => Duplex | Promise<Duplex>;
}

export const FTP_OPTIONS: OptionNames<FTPOptions> = {
  host: true, port: true, user: true, password: true, account: true, secure: true, tls: true, strictTlsClose: true, passive: true, extended: true, trustServerPasvAddress: true,
  timeout: true, connectTimeout: true, replyTimeout: true, stallTimeout: true, keepAlive: true, keepAliveDuringTransfers: true, localAddress: true, localPortRange: true, family: true,
  encoding: true, maxReplyLineBytes: true, maxReplyBytes: true, maxLineBytes: true, maxReadAheadBytes: true, netrc: true, signal: true, createConnection: true,
};

/** The options after checks, defaults filled in. */
export interface Settings extends Readonly<FTPOptions> {
  readonly user: string;
  readonly password: string;
  /** The user that a netrc entry must be for; undefined: any. */
  readonly netrcUser: string | undefined;
  readonly secure: false | 'explicit' | 'implicit';
  readonly port: number;
  readonly passive: boolean;
  readonly trustServerPasvAddress: boolean;
  readonly strictTlsClose: boolean;
  readonly connectTimeout: number;
  readonly replyTimeout: number;
  readonly stallTimeout: number;
  readonly keepAlive: number;
  readonly keepAliveDuringTransfers: boolean;
  readonly maxReplyLineBytes: number;
  readonly maxReplyBytes: number;
  readonly maxLineBytes: number;
  readonly maxReadAheadBytes: number;
}

const DEFAULT_TIMEOUT = 30_000;
const LONGEST_TIMER = 2 ** 31 - 1;

/** Checks the options and fills in the defaults; throws ArgumentError for what cannot be meant. */
export function settingsOf(options: FTPOptions): Settings {
  checkNames(options, FTP_OPTIONS);
  const { host, secure = false, passive = true, family, encoding } = options;
  if (host !== undefined) checkHost(host);
  oneOf('secure', secure, [false, 'explicit', 'implicit']);
  oneOf('family', family, [undefined, 0, 4, 6]);
  for (const name of ['passive', 'extended', 'trustServerPasvAddress', 'strictTlsClose', 'keepAliveDuringTransfers'] as const) {
    oneOf(name, options[name], [undefined, true, false]);
  }
  for (const name of ['user', 'password', 'account', 'localAddress'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'string') throw new ArgumentError(`${name} must be a string`);
  }
  if (options.localAddress !== undefined && isIP(options.localAddress) === 0) throw new ArgumentError(`localAddress must be an IP address, not ${show(options.localAddress)}`);
  if (options.tls !== undefined) checkObject('tls', options.tls);
  if (options.createConnection !== undefined && typeof options.createConnection !== 'function') {
    throw new ArgumentError('createConnection must be a function');
  }
  if (options.localPortRange !== undefined) checkPortRange(options.localPortRange);
  const timeout = milliseconds('timeout', options.timeout, DEFAULT_TIMEOUT);
  const user = options.user || 'anonymous';
  return {
    ...options,
    user,
    netrcUser: options.user || undefined,
    // A password that is given needs no file.
    ...(options.password === undefined ? {} : { netrc: false }),
    password: options.password ?? (user === 'anonymous' ? 'anonymous@' : ''),
    secure,
    port: options.port === undefined ? (secure === 'implicit' ? 990 : 21) : checkPort(options.port),
    passive,
    trustServerPasvAddress: options.trustServerPasvAddress ?? false,
    strictTlsClose: options.strictTlsClose ?? false,
    ...(encoding === undefined ? {} : { encoding }),
    connectTimeout: milliseconds('connectTimeout', options.connectTimeout, timeout),
    replyTimeout: milliseconds('replyTimeout', options.replyTimeout, timeout),
    stallTimeout: milliseconds('stallTimeout', options.stallTimeout, timeout),
    keepAlive: milliseconds('keepAlive', options.keepAlive, 0),
    keepAliveDuringTransfers: options.keepAliveDuringTransfers ?? false,
    maxReplyLineBytes: byteCount('maxReplyLineBytes', options.maxReplyLineBytes, 8192),
    maxReplyBytes: byteCount('maxReplyBytes', options.maxReplyBytes, 65_536),
    maxLineBytes: byteCount('maxLineBytes', options.maxLineBytes, 65_536),
    maxReadAheadBytes: byteCount('maxReadAheadBytes', options.maxReadAheadBytes, 16 * 1024 * 1024),
  };
}

/** A host that can be looked up: a string that is not empty and has no blanks or control characters. */
export function checkHost(host: unknown): string {
  if (typeof host !== 'string' || host === '' || /[\s\0/@]/.test(host)) throw new ArgumentError(`host must be a host name or an address, not ${show(host)}`);
  return host;
}

/** A TCP port to connect to, 1 to 65535. */
export function checkPort(port: unknown): number {
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65535) {
    throw new ArgumentError(`port must be an integer from 1 to 65535, not ${show(port)}`);
  }
  return port;
}

/** A byte offset in a file: an integer from 0 on. */
export function checkOffset(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new ArgumentError(`${name} must be a whole number of bytes from 0 on, not ${show(value)}`);
  }
  return value;
}

function checkPortRange(range: unknown): void {
  if (!Array.isArray(range) || range.length !== 2) throw new ArgumentError('localPortRange must be [first, last]');
  if (checkPort(range[0]) > checkPort(range[1])) throw new ArgumentError('localPortRange must not end before it begins');
}

function milliseconds(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !(value >= 0 && value <= LONGEST_TIMER)) {
    throw new ArgumentError(`${name} must be milliseconds from 0 to ${LONGEST_TIMER}, not ${show(value)}`);
  }
  return value;
}

function byteCount(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
    throw new ArgumentError(`${name} must be a whole number of bytes from 1 on, not ${show(value)}`);
  }
  return value;
}

function oneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value)) throw new ArgumentError(`${name} must be one of ${allowed.map(show).join(', ')}, not ${show(value)}`);
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
