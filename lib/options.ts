// The options of a client, their checks and their defaults; and the check for names that every options object goes through.

import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import type { Encoding } from './encoding';
import { ArgumentError } from './errors';
import { proxyRules, type ProxyRules } from './proxy-url';

/** The connection that the option `createConnection` is to make. */
export interface ConnectionRequest {
  /** The name or address of the FTP server, of data connections too. */
  readonly host: string;
  /** The port to connect to, on `host`. */
  readonly port: number;
  /** Which of FTP's two connections this one is. */
  readonly purpose: 'control' | 'data';
  /** The local address to connect from; absent: any (option `localAddress`). */
  readonly localAddress?: string;
  /** 4 or 6 for that version of IP only; 0 or absent: both (option `family`). */
  readonly family?: 0 | 4 | 6;
}

/** The options of `new FTP(options)`, which checks them and does no I/O; an unknown option, or a value that cannot be, is an ArgumentError. */
export interface FTPOptions {
  /** The server's name or address; default: none, so that `connect(host)` has to name it. */
  host?: string;
  /** The port of the control connection, 1 to 65535; default 21, and 990 with `secure: 'implicit'`. */
  port?: number;
  /** The user to log in as (RFC 959, 4.1.1 USER); default `anonymous` (RFC 1635). */
  user?: string;
  /** The password of the user (RFC 959, 4.1.1 PASS); default `anonymous@` for the anonymous user, and empty for any other. */
  password?: string;
  /** The account to send as ACCT when the server asks for one with 332 (RFC 959, 4.1.1); default: none, and such a login fails with ReplyError. */
  account?: string;
  /**
   * Commands that are sent after every login, after those of new connections and of a pool's too, such as `SITE NAMEFMT 1`; default: none. A refusal
   * fails the login. Commands that log in, begin or end TLS, or transfer data are an ArgumentError.
   */
  afterLogin?: readonly string[];
  /**
   * TLS on control and data connections: `explicit` begins it with AUTH TLS (RFC 4217, 4), `implicit` with the first byte; default false. A server
   * that refuses it is a SecurityError, and no password is sent.
   */
  secure?: false | 'explicit' | 'implicit';
  /** The options of `tls.connect` for both connections: `ca`, `cert`, `key`, `servername`, `minVersion`, `checkServerIdentity` …; default: Node's. */
  tls?: ConnectionOptions;
  /**
   * The SHA-256 fingerprint of the server's certificate, in hex with or without colons: that one is taken, whoever has signed it, whatever its name and its dates
   * are, and no other; default: none. For a server that signs for itself.
   */
  pin?: string;
  /** Whether a TLS download that ends without close_notify fails; default false: the final reply and the announced size decide. */
  strictTlsClose?: boolean;
  /** Whether we connect to the server for data (EPSV, PASV), or else the server to us (EPRT, PORT); default true. */
  passive?: boolean;
  /**
   * Which commands make data connections (RFC 2428): true only EPSV and EPRT, false only PASV and PORT, with which IPv6 is an ArgumentError. Default:
   * EPSV, and PASV where that leads nowhere; PORT, and EPRT where that is refused; for IPv6 EPSV and EPRT.
   */
  extended?: boolean;
  /**
   * Whether downloads and listings are compressed on their way (MODE Z, draft-preston-ftpext-deflate): `auto` where FEAT offers it; true, and they fail with
   * UnsupportedError where it does not. Default false. Uploads never are, and neither are downloads from an offset on. All counts are bytes of the file.
   */
  compress?: false | 'auto' | true;
  /** Whether to connect to the address in the reply to PASV instead of the server's own; default false, because that address could be anybody's. */
  trustServerPasvAddress?: boolean;
  /** Whether folders are listed by MLSD where the server offers it (RFC 3659, 7), by `list`, walks, trees and `mirror`; default true. False: always by LIST. */
  mlsd?: boolean;
  /**
   * Whether `list`, walks, trees and `mirror` enter each folder (CWD) and list it without a path, for servers that ignore the path of LIST; default:
   * only where a listing of `list` or a tree shows that the server does, and for paths that LIST would take for something else.
   */
  enterFolders?: boolean;
  /** The server's time zone in minutes east of UTC, -1440 to 1440, for the times in listings of LIST; default 0. The times of MLSD and MDTM are in UTC. */
  serverTimeZoneOffset?: number;
  /** The default of the three timeouts below, in milliseconds; default 30000; 0 waits for ever. */
  timeout?: number;
  /** The most milliseconds from the look-up of the name to the greeting, and for making a data connection; default `timeout`; 0 waits for ever. Then: TimeoutError. */
  connectTimeout?: number;
  /** The most milliseconds to wait for a reply; default `timeout`; 0 waits for ever. Then the connection is closed with a TimeoutError. */
  replyTimeout?: number;
  /** The most milliseconds in which no data move while only the server keeps us waiting; default `timeout`; 0 waits for ever. Then: TimeoutError. */
  stallTimeout?: number;
  /** The milliseconds between two NOOPs while the client is idle, for servers that close quiet sessions; default 0: none are sent. */
  keepAlive?: number;
  /** Whether NOOPs are sent during transfers, too, for firewalls that forget a quiet control connection; default false, because some servers do not take them. */
  keepAliveDuringTransfers?: boolean;
  /**
   * Whether commands may be sent before the replies to those before them, which saves round trips; default true. A server that does not take it (one
   * that answers the first command of a packet only, answers out of order, or closes) is found out: the session is made again without an error, and one
   * command goes at a time from then on. False: one command at a time from the start, and no NOOPs during transfers.
   */
  pipelining?: boolean;
  /** The local IP address of every connection; default: the system's choice. */
  localAddress?: string;
  /** The first and the last local port on which active mode listens; default: any port. */
  localPortRange?: readonly [number, number];
  /** 4 or 6 for that version of IP only; default 0: both. */
  family?: 0 | 4 | 6;
  /** The encoding of names and replies on the wire; default `utf8` (RFC 2640). `auto` also reads text that is no valid UTF-8, as latin1. */
  encoding?: Encoding;
  /** The most bytes of a line of a reply, its line end included; default 8192. A longer line ends the connection with a ProtocolError. */
  maxReplyLineBytes?: number;
  /** The most bytes of a reply, all its lines together; default 65536. A longer reply ends the connection with a ProtocolError. */
  maxReplyBytes?: number;
  /** The most bytes of a line of a listing or of `retrlines`; default 65536. A longer line fails the stream with a LimitError. */
  maxLineBytes?: number;
  /** The most bytes of a listing to read ahead while its reader has paused and another operation waits; default 16 MiB. With more: LimitError. */
  maxReadAheadBytes?: number;
  /** Whether user, password and account of `host` are looked up in `~/.netrc`, or in the file of this name; default false. With the option `password` no file is read. */
  netrc?: boolean | string;
  /** Closes the client when it is aborted: everything that waits fails with ConnectionClosedError. */
  signal?: AbortSignal;
  /**
   * The proxy that control and data connections go through; default: none. `http://user:password@host:3128` or `https://…` (CONNECT; the certificate of the second is
   * verified, with `ca` of the option `tls` as a further authority), `socks5h://…` and `socks4a://…` (the proxy looks names up), `socks5://…` and `socks4://…` (names
   * are looked up here), `ftp://…` (an FTP proxy, which is logged in to as `user@host`), or `env`: what `ftp_proxy`, `all_proxy` and `no_proxy` of the environment say now, as
   * for curl. Reserved characters of user and password are percent-encoded. None of them can be had with `passive: false` but `ftp://`, and that not with `secure`.
   */
  proxy?: string | URL;
  /**
   * Makes each connection in place of `net.connect`, for tunnels and tests; default: none. Data connections ask for the same `host` as the control
   * connection, because the address that its stream leads to may be a proxy's. What it throws is the cause of a ConnectionClosedError.
   *
   * @returns the connected stream, or a promise of it
   */
  createConnection?: (request: ConnectionRequest) => Duplex | Promise<Duplex>;
}

export const FTP_OPTIONS: OptionNames<FTPOptions> = {
  host: true, port: true, user: true, password: true, account: true, afterLogin: true, secure: true, tls: true, pin: true, strictTlsClose: true, passive: true, extended: true, compress: true, trustServerPasvAddress: true,
  mlsd: true, enterFolders: true, serverTimeZoneOffset: true,
  timeout: true, connectTimeout: true, replyTimeout: true, stallTimeout: true, keepAlive: true, keepAliveDuringTransfers: true, pipelining: true, localAddress: true, localPortRange: true, family: true,
  encoding: true, maxReplyLineBytes: true, maxReplyBytes: true, maxLineBytes: true, maxReadAheadBytes: true, netrc: true, signal: true, proxy: true, createConnection: true,
};

/** The options that have a default. */
type Defaulted = Pick<
  FTPOptions,
  | 'user' | 'password' | 'secure' | 'port' | 'passive' | 'compress' | 'trustServerPasvAddress' | 'strictTlsClose' | 'connectTimeout' | 'replyTimeout' | 'stallTimeout' | 'keepAlive'
  | 'keepAliveDuringTransfers' | 'pipelining' | 'mlsd' | 'serverTimeZoneOffset' | 'maxReplyLineBytes' | 'maxReplyBytes' | 'maxLineBytes' | 'maxReadAheadBytes'
>;

/** The options after the checks, with their defaults. */
export interface Settings extends Readonly<Omit<FTPOptions, keyof Defaulted | 'proxy'>>, Readonly<Required<Defaulted>> {
  readonly proxy?: ProxyRules | undefined;
  /** The user whose netrc entry is wanted; undefined: any user's. */
  readonly netrcUser: string | undefined;
}

/** What every verb takes as its last argument. */
export interface VerbOptions {
  /**
   * Gives the verb up when it is aborted: its promise rejects at once with an AbortError, whose cause is the signal's reason. A command that has not left
   * is not sent; one that has left may be carried out all the same, and the session awaits its reply before it goes on.
   */
  signal?: AbortSignal;
}

const VERB_OPTIONS: OptionNames<VerbOptions> = { signal: true };

/** Returns the signal of a verb's options. @throws ArgumentError for an unknown option, and for what is no signal */
export function signalOf(options: VerbOptions): AbortSignal | undefined {
  checkNames(options, VERB_OPTIONS);
  return options.signal === undefined ? undefined : checkSignal(options.signal);
}

/**
 * Checks that a client is made of one argument. Python's `FTP(host, user, passwd)` has three, and without the others the login would be anonymous.
 *
 * @throws ArgumentError
 */
export function checkAlone(given: number): void {
  if (given > 1) throw new ArgumentError('a client takes one argument: a host, a URL, or the options, such as { host, user, password }');
}

/** Returns an AbortSignal. @throws ArgumentError for what is none */
export function checkSignal(signal: unknown): AbortSignal {
  if (typeof signal === 'object' && signal !== null && 'aborted' in signal && 'addEventListener' in signal) return signal as AbortSignal;
  throw new ArgumentError(`signal must be an AbortSignal, not ${kindOf(signal)}`);
}

/** The options of `mkd` and `rmd`. */
export interface FolderOptions extends VerbOptions {
  /** Whether the folders that a folder is in are made with it, or what is in it is removed with it. Default false. */
  recursive?: boolean;
}

const FOLDER_OPTIONS: OptionNames<FolderOptions> = { recursive: true, signal: true };

/** Returns the options of `mkd` and `rmd`, checked. @throws ArgumentError */
export function folderOptions(options: FolderOptions = {}): FolderOptions {
  checkNames(options, FOLDER_OPTIONS);
  flag('recursive', options.recursive, false);
  return options;
}

const DEFAULT_TIMEOUT = 30_000;
const LONGEST_TIMER = 2 ** 31 - 1;

/** Checks the options and adds the defaults. @throws ArgumentError for an unknown option, and for a value that cannot be */
export function settingsOf(options: FTPOptions): Settings {
  checkNames(options, FTP_OPTIONS);
  const { host, secure = false, passive = true, compress = false, family, encoding } = options;
  if (host !== undefined) checkHost(host);
  oneOf('secure', secure, [false, 'explicit', 'implicit']);
  oneOf('family', family, [undefined, 0, 4, 6]);
  oneOf('compress', compress, [false, 'auto', true]);
  for (const name of ['passive', 'extended', 'trustServerPasvAddress', 'strictTlsClose', 'keepAliveDuringTransfers', 'pipelining', 'mlsd', 'enterFolders'] as const) flag(name, options[name], false);
  for (const name of ['user', 'password', 'account', 'localAddress'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'string') throw new ArgumentError(`${name} must be a string`);
  }
  if (![undefined, true, false].includes(options.netrc as boolean) && !isText(options.netrc)) throw new ArgumentError(`netrc must be true, false, or the name of a file, not ${show(options.netrc)}`);
  if (options.afterLogin !== undefined && !isTexts(options.afterLogin)) throw new ArgumentError('afterLogin must be an array of commands');
  if (options.localAddress !== undefined && isIP(options.localAddress) === 0) throw new ArgumentError(`localAddress must be an IP address, not ${show(options.localAddress)}`);
  if (options.tls !== undefined && (typeof options.tls !== 'object' || options.tls === null || Array.isArray(options.tls))) throw noObject('tls', options.tls);
  const pin = options.pin === undefined ? undefined : checkPin(options.pin);
  checkFunction('createConnection', options.createConnection);
  if (options.signal !== undefined) checkSignal(options.signal);
  const proxy = options.proxy === undefined ? undefined : proxyOf(options);
  if (options.localPortRange !== undefined) checkPortRange(options.localPortRange);
  const timeout = checkMilliseconds('timeout', options.timeout, DEFAULT_TIMEOUT);
  const user = options.user || 'anonymous';
  return {
    ...options,
    // Copies, so that what the caller changes later has no effect.
    ...(options.tls ? { tls: { ...options.tls } } : {}),
    ...(options.afterLogin ? { afterLogin: [...options.afterLogin] } : {}),
    ...(options.localPortRange ? { localPortRange: [...options.localPortRange] } : {}),
    ...(pin === undefined ? {} : { pin }),
    proxy,
    user,
    netrcUser: options.user || undefined,
    ...(options.password === undefined ? {} : { netrc: false }), // the password of the options comes first
    password: options.password ?? (user === 'anonymous' ? 'anonymous@' : ''),
    secure,
    port: options.port === undefined ? (secure === 'implicit' ? 990 : 21) : checkPort(options.port),
    passive,
    compress,
    trustServerPasvAddress: options.trustServerPasvAddress ?? false,
    strictTlsClose: options.strictTlsClose ?? false,
    ...(encoding === undefined ? {} : { encoding }),
    connectTimeout: checkMilliseconds('connectTimeout', options.connectTimeout, timeout),
    replyTimeout: checkMilliseconds('replyTimeout', options.replyTimeout, timeout),
    stallTimeout: checkMilliseconds('stallTimeout', options.stallTimeout, timeout),
    keepAlive: checkMilliseconds('keepAlive', options.keepAlive, 0),
    keepAliveDuringTransfers: options.keepAliveDuringTransfers ?? false,
    pipelining: options.pipelining ?? true,
    mlsd: options.mlsd ?? true,
    serverTimeZoneOffset: checkTimeZone(options.serverTimeZoneOffset),
    maxReplyLineBytes: checkByteCount('maxReplyLineBytes', options.maxReplyLineBytes, 8192),
    maxReplyBytes: checkByteCount('maxReplyBytes', options.maxReplyBytes, 65_536),
    maxLineBytes: checkByteCount('maxLineBytes', options.maxLineBytes, 65_536),
    maxReadAheadBytes: checkByteCount('maxReadAheadBytes', options.maxReadAheadBytes, 16 * 1024 * 1024),
  };
}

function proxyOf(options: FTPOptions): ProxyRules | undefined {
  if (options.createConnection) throw new ArgumentError('proxy and createConnection exclude each other: both say how connections are made');
  const rules = proxyRules(options.proxy);
  rules?.serverFor(options.host, options.port ?? 21, options);
  return rules;
}

/** Returns a fingerprint as Node writes it, `AB:CD:…`. @throws ArgumentError for what is none of SHA-256 */
function checkPin(pin: unknown): string {
  const digits = typeof pin === 'string' ? pin.replaceAll(':', '').toUpperCase() : '';
  if (!/^[0-9A-F]{64}$/.test(digits)) throw new ArgumentError(`pin must be a SHA-256 fingerprint, 64 hex digits with or without colons, not ${show(pin)}`);
  return digits.replace(/..(?=.)/g, '$&:');
}

/** Returns a host that can be looked up: one that is not empty, and has no blank, NUL, `/` or `@`. @throws ArgumentError for any other */
export function checkHost(host: unknown): string {
  if (typeof host !== 'string' || host === '' || /[\s\0/@]/.test(host)) throw new ArgumentError(`host must be a host name or an address, not ${show(host)}`);
  return host;
}

/** Returns a TCP port to connect to, 1 to 65535. @throws ArgumentError for any other */
export function checkPort(port: unknown): number {
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65535) {
    throw new ArgumentError(`port must be an integer from 1 to 65535, not ${show(port)}`);
  }
  return port;
}

/** Returns a whole number from `least` on. @throws ArgumentError for any other value, which names the option */
export function checkWhole(name: string, value: unknown, least: 0 | 1, unit = ''): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  throw new ArgumentError(`${name} must be a whole number${unit} from ${least} on, not ${show(value)}`);
}

/** Returns an offset in a file: a whole number of bytes from 0 on. @throws ArgumentError for any other value, which names the option */
export function checkOffset(name: string, value: unknown): number {
  return checkWhole(name, value, 0, ' of bytes');
}

const MINUTES_OF_A_DAY = 1440;

/** Returns the option `serverTimeZoneOffset`, or 0. @throws ArgumentError */
export function checkTimeZone(minutes: unknown = 0): number {
  if (typeof minutes === 'number' && Math.abs(minutes) <= MINUTES_OF_A_DAY) return minutes;
  throw new ArgumentError(`serverTimeZoneOffset must be minutes from -${MINUTES_OF_A_DAY} to ${MINUTES_OF_A_DAY}, not ${show(minutes)}`);
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText);
}

function checkPortRange(range: unknown): void {
  if (!Array.isArray(range) || range.length !== 2) throw new ArgumentError('localPortRange must be [first, last]');
  if (checkPort(range[0]) > checkPort(range[1])) throw new ArgumentError('localPortRange must not end before it begins');
}

/** Returns milliseconds that a timer can have, or their default. @throws ArgumentError for any other value, which names the option */
export function checkMilliseconds(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !(value >= 0 && value <= LONGEST_TIMER)) {
    throw new ArgumentError(`${name} must be milliseconds from 0 to ${LONGEST_TIMER}, not ${show(value)}`);
  }
  return value;
}

/** Returns a limit: a whole number of bytes from 1 on, or its default. @throws ArgumentError for any other, which names the option */
export function checkByteCount(name: string, value: unknown, fallback: number): number {
  return value === undefined ? fallback : checkWhole(name, value, 1, ' of bytes');
}

/** Returns true or false, or their default. @throws ArgumentError for any other value, which names the option */
export function flag(name: string, value: unknown, fallback: boolean): boolean {
  if (value !== undefined && typeof value !== 'boolean') throw new ArgumentError(`${name} must be true or false, not ${show(value)}`);
  return value ?? fallback;
}

/** @throws ArgumentError for what is neither a function nor absent, which names the option */
export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw new ArgumentError(`${name} must be a function, not ${show(value)}`);
}

/** Returns one of the values that an option can have. @throws ArgumentError for any other, which names the option */
export function oneOf<const T>(name: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) throw new ArgumentError(`${name} must be one of ${allowed.map(show).join(', ')}, not ${show(value)}`);
  return value;
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : typeof value === 'object' ? kindOf(value) : String(value);
}

/** The names of a type's options as a value. It is written out next to the type, and the compiler refuses a missing name as well as an unknown one. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/**
 * Refuses options that are no object, and an unknown option, even one that is undefined: a misspelt name would have no effect, and nobody would notice.
 * It is called for every transfer, and allocates nothing unless it throws.
 *
 * @param prefix for an object within the options, such as `retry.`
 * @throws ArgumentError with the unknown name, and the names that may be meant
 */
export function checkNames(options: unknown, names: Readonly<Record<string, true>>, prefix = ''): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) throw noObject(prefix === '' ? 'options' : prefix.slice(0, -1), options);
  if (options instanceof AbortSignal) throw new ArgumentError('a signal goes into the options: { signal }');
  for (const name in options) {
    if (names[name] !== true) throw unknown(name, Object.keys(names), prefix);
  }
}

function noObject(what: string, value: unknown): ArgumentError {
  return new ArgumentError(`${what} must be an object, not ${kindOf(value)}`);
}

/** Says what a value is, for a message, such as `a string`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function unknown(name: string, known: readonly string[], prefix: string): ArgumentError {
  const shown = /^[\w.-]{1,60}$/.test(name) ? prefix + name : JSON.stringify(prefix + name.slice(0, 60));
  const meant = nearest(name, known).map((each) => prefix + each);
  return new ArgumentError(`unknown option ${shown}${meant.length > 0 ? `; did you mean ${meant.join(' or ')}?` : ''}`);
}

/** A beginning of fewer letters is no abbreviation. */
const SHORTEST_BEGINNING = 3;
/** The share of a name's letters that may be wrong. */
const TYPOS = 0.4;

/** The names that are nearest, if they are near enough to be meant. */
function nearest(name: string, known: readonly string[]): string[] {
  const distances = known.map((each) => distance(name.slice(0, 60).toLowerCase(), each.toLowerCase()));
  const least = Math.min(...distances);
  return least <= Math.max(1, name.length * TYPOS) ? known.filter((_, index) => distances[index] === least) : [];
}

/** How far two names are apart; an abbreviation, such as `pass`, and a longer word, such as `secureOptions`, count as one letter. */
function distance(a: string, b: string): number {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.length >= SHORTEST_BEGINNING && short !== long && long.startsWith(short) ? 1 : typos(a, b);
}

/** How many letters are missing, too many, wrong, or swapped with their neighbour (the distance of Damerau and Levenshtein). */
function typos(a: string, b: string): number {
  let before: number[] = [];
  let last = [0, ...Array.from(b, (_, column) => column + 1)];
  for (const [row, letter] of [...a].entries()) {
    const next = [row + 1];
    for (const [column, other] of [...b].entries()) {
      const swapped = row > 0 && column > 0 && letter === b[column - 1] && a[row - 1] === other;
      next.push(Math.min(at(last, column + 1) + 1, at(next, column) + 1, at(last, column) + (letter === other ? 0 : 1), swapped ? at(before, column - 1) + 1 : Infinity));
    }
    [before, last] = [last, next];
  }
  return at(last, last.length - 1);
}

function at(row: readonly number[], column: number): number {
  return row[column] as number;
}
