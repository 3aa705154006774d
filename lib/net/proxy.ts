// Proxies that hand on bytes: HTTP with CONNECT (RFC 9110, 9.3.6), SOCKS4 and SOCKS4a, SOCKS5 (RFC 1928, RFC 1929).
//
// Each has a handshake, after which the connection to the proxy leads to the server. A handshake is a generator: it yields what to send and how much
// to wait for, is given the bytes that have come, and returns when the way is open. `ProxyTunnel` takes its steps on a socket.

import { lookup } from 'node:dns/promises';
import { isIP, isIPv4, isIPv6, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, rootCertificates } from 'node:tls';
import { domainToASCII } from 'node:url';
import { ArgumentError, ConnectionClosedError, FTPError, ProtocolError, SecurityError } from '../errors';
import type { Settings } from '../options';
import { addressBytes, type ProxyServer } from '../proxy-url';
import { type AttemptListener, type ConnectionTarget, type OnRead, type ProxyRoute, RefusedByProxy, type Tunnel } from './dial';
import { secure, TLSSession } from './tls';

/** What to send, and what to wait for then: a function that returns how many of the bytes that have come are taken, 0 where more must come. */
interface Step {
  readonly bytes?: Buffer;
  readonly taken: (received: Buffer) => number;
}

/** The steps of a handshake. It throws where the proxy refuses, or does not keep to its protocol. */
type Handshake = Generator<Step, void, Buffer>;

/** What a handshake needs: the proxy, and the host and port that it is to connect to; the host is a name only where the proxy looks names up. */
interface Call {
  readonly proxy: ProxyServer;
  readonly host: string;
  readonly port: number;
}

type TunnelScheme = Exclude<ProxyServer['scheme'], 'ftp'>;

const HANDSHAKES: Readonly<Record<TunnelScheme, (call: Call) => Handshake>> = { http, https: http, socks4, socks4a: socks4, socks5, socks5h: socks5 };

/** For these, names are looked up here. */
const TAKE_ADDRESSES: ReadonlySet<string> = new Set(['socks4', 'socks5']);

// ---- HTTP

/** tinyproxy 1.11.1 answers 401 to a wrong password, and 407 where there is none. */
const CREDENTIALS_REFUSED: ReadonlySet<string> = new Set(['401', '407']);

/** A 2xx ends with its header, whatever that says of a body. A 1xx comes before the answer. */
function* http(call: Call): Handshake {
  const { proxy: { credentials }, host, port } = call;
  const target = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
  const basic = credentials && Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64');
  const lines = [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`, ...(basic ? [`Proxy-Authorization: Basic ${basic}`] : []), '', ''];
  let bytes: Buffer | undefined = Buffer.from(lines.join('\r\n'));
  for (;;) {
    const header: string = (yield { ...(bytes ? { bytes } : {}), taken: headerEnd(call) }).toString('latin1');
    bytes = undefined;
    const [, code = '', reason = ''] = /^HTTP\/\d\.\d (\d{3})(?: (.*))?/.exec(header) ?? [];
    if (code === '') throw garbage(call, header);
    if (code.startsWith('1')) continue;
    if (code.startsWith('2')) return;
    if (CREDENTIALS_REFUSED.has(code)) throw refusedCredentials(call, code);
    throw refused(call, `${code} ${printable(call, reason)}`.trim());
  }
}

const HTTP = 'HTTP/';

/** An empty line ends the header. What was looked through is not looked through again. */
function headerEnd(call: Call): Step['taken'] {
  let from = 0;
  return (received) => {
    const begin = received.toString('latin1', 0, HTTP.length);
    if (!HTTP.startsWith(begin)) throw garbage(call, received.toString('latin1'));
    const crlf = received.indexOf('\n\r\n', from);
    const lf = received.indexOf('\n\n', from);
    if (crlf >= 0 && (lf < 0 || crlf < lf)) return crlf + '\n\r\n'.length;
    if (lf >= 0) return lf + '\n\n'.length;
    from = Math.max(0, received.length - 2);
    return 0;
  };
}

// ---- SOCKS

const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;
const LONGEST_NAME = 255;

const SOCKS4_GRANTED = 90;
const SOCKS4_REFUSALS: Readonly<Record<number, string>> = {
  91: 'request rejected or failed (91)', 92: 'no identd on this machine (92)', 93: 'another user than identd names (93)',
};

/** With a name in place of an address, the address is 0.0.0.1 (SOCKS4a). */
function* socks4(call: Call): Handshake {
  const { proxy, host, port } = call;
  if (isIPv6(host)) throw new ArgumentError(`SOCKS4 leads to IPv4 addresses only, not to ${host}: socks5:// does`);
  const name = isIPv4(host) ? [] : [nameBytes(call), 0];
  const reply = yield ask([4, CONNECT, ...portBytes(port), isIPv4(host) ? addressBytes(host) : Buffer.of(0, 0, 0, 1), Buffer.from(proxy.credentials?.user ?? ''), 0, ...name], 8);
  const [version, code = 0] = reply;
  if (version !== 0) throw garbage(call, reply.toString('latin1'));
  if (code !== SOCKS4_GRANTED) throw refused(call, SOCKS4_REFUSALS[code] ?? `reply ${code}`);
}

const SOCKS5 = 5;
const NO_AUTHENTICATION = 0;
const USER_AND_PASSWORD = 2;
const SUBNEGOTIATION = 1;
const SOCKS5_REFUSALS: Readonly<Record<number, string>> = {
  1: 'general failure (1)', 2: 'not allowed by its rules (2)', 3: 'network unreachable (3)', 4: 'host unreachable (4)', 5: 'connection refused (5)', 6: 'TTL expired (6)',
  7: 'command not supported (7)', 8: 'address type not supported (8)',
};

/** RFC 1928, and RFC 1929 for user and password. The address in its last reply is the proxy's own, and of no use here. */
function* socks5(call: Call): Handshake {
  const { proxy: { credentials }, host, port } = call;
  const methods = credentials ? [NO_AUTHENTICATION, USER_AND_PASSWORD] : [NO_AUTHENTICATION];
  const choice = yield ask([SOCKS5, methods.length, ...methods], 2);
  const [version, method] = choice;
  if (version !== SOCKS5) throw garbage(call, choice.toString('latin1'));
  if (method === USER_AND_PASSWORD && credentials) {
    const [, status] = yield ask([SUBNEGOTIATION, ...[credentials.user, credentials.password].flatMap((text) => withLength(Buffer.from(text)))], 2);
    if (status !== 0) throw refusedCredentials(call, `status ${status}`);
  } else if (method !== NO_AUTHENTICATION) throw refusedCredentials(call, `method ${method}`);
  const address = isIPv4(host) ? [IPV4, addressBytes(host)] : isIPv6(host) ? [IPV6, addressBytes(host)] : [NAME, ...withLength(nameBytes(call))];
  const reply = yield ask([SOCKS5, CONNECT, 0, ...address, ...portBytes(port)], 2);
  const [replyVersion, code = 0] = reply;
  if (replyVersion !== SOCKS5) throw garbage(call, reply.toString('latin1'));
  if (code !== 0) throw refused(call, SOCKS5_REFUSALS[code] ?? `reply ${code}`);
  const [, type] = yield ask([], 2);
  const length = type === IPV4 ? 4 : type === IPV6 ? 16 : type === NAME ? (yield ask([], 1))[0] : undefined;
  if (length === undefined) throw garbage(call, `address type ${type}`);
  yield ask([], length + 2);
}

/** Sends bytes, if any, and waits for so many. */
function ask(bytes: readonly (number | Buffer)[], count: number): Step {
  const taken = (received: Buffer): number => (received.length < count ? 0 : count);
  return bytes.length === 0 ? { taken } : { bytes: Buffer.concat(bytes.map((each) => (typeof each === 'number' ? Buffer.of(each) : each))), taken };
}

function withLength(bytes: Buffer): [number, Buffer] {
  return [bytes.length, bytes];
}

function portBytes(port: number): [number, number] {
  return [port >> 8, port & 0xff];
}

function nameBytes({ host }: Call): Buffer {
  if (host.length > LONGEST_NAME) throw new ArgumentError(`the name of the host is too long for SOCKS, which has room for ${LONGEST_NAME} bytes`);
  return Buffer.from(host, 'latin1'); // it is ASCII
}

// ---- what goes wrong

const LONGEST_SHOWN = 100;

/** The first line of what a proxy says, for people; what it repeats of the credentials is taken out. */
function printable({ proxy: { credentials } }: Call, text: string): string {
  const { user = '', password = '' } = credentials ?? {};
  const secrets = [Buffer.from(`${user}:${password}`).toString('base64'), password, user].filter((secret) => credentials && secret !== '');
  const concealed = secrets.reduce((shown, secret) => shown.replaceAll(Buffer.from(secret).toString('latin1'), '****'), text);
  return (/^[^\r\n]*/.exec(concealed)?.[0] ?? '').slice(0, LONGEST_SHOWN).replaceAll(/[^ -~]/g, '?');
}

function garbage(call: Call, text: string): ProtocolError {
  const protocol = call.proxy.scheme.replace(/[s\d].*/, '').toUpperCase() || 'SOCKS';
  return new ProtocolError(`${nameOf(call.proxy)} answered what is not ${protocol}: ${JSON.stringify(printable(call, text))}`);
}

function refused(call: Call, answer: string): ConnectionClosedError {
  return new RefusedByProxy(`${nameOf(call.proxy)} did not connect to ${call.host}:${call.port}: ${answer}`);
}

function refusedCredentials({ proxy }: Call, answer: string): SecurityError {
  const why = proxy.credentials ? 'did not accept the user and the password of the option proxy' : 'wants a user and a password in the option proxy';
  return new SecurityError(`${nameOf(proxy)} ${why} (${answer})`);
}

function nameOf({ address }: ProxyServer): string {
  return `the proxy ${address}`;
}

// ---- the way

/** The way to one server by a proxy, for its control connection and its data connections. */
export class ThroughProxy implements ProxyRoute {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Whether its connections are sockets themselves, with no TLS between us and the proxy. */
  readonly plain: boolean;
  /** The address of the server, or its name where the proxy looks it up; known once the control connection was made. */
  peer: string | undefined;
  readonly #settings: Settings;

  constructor(readonly proxy: ProxyServer, settings: Settings) {
    this.name = nameOf(proxy);
    this.host = proxy.host;
    this.port = proxy.port;
    this.plain = proxy.scheme !== 'https';
    this.#settings = settings;
  }

  tunnel(target: ConnectionTarget, onread: OnRead | undefined): Tunnel {
    return new ProxyTunnel(this, target, this.plain ? onread : undefined);
  }

  /** What the proxy is to be given for the host. @throws ConnectionClosedError for a name that is not found here */
  async locate({ host, purpose }: ConnectionTarget): Promise<string> {
    const peer = isIP(host) !== 0 ? host.replace(/%.*/, '') : TAKE_ADDRESSES.has(this.proxy.scheme) ? await this.#lookUp(host) : domainToASCII(host);
    if (peer === '') throw new ArgumentError(`${host} is no name of a host`);
    if (purpose === 'control') this.peer = peer;
    return peer;
  }

  /** Fewer proxies have IPv6 than IPv4, and SOCKS4 has no place for it. */
  async #lookUp(host: string): Promise<string> {
    const family = this.proxy.scheme === 'socks4' ? 4 : (this.#settings.family ?? 0);
    const { address } = await lookup(host, { family, verbatim: false });
    return address;
  }

  /** Puts TLS on a connection to the proxy. @throws SecurityError where the proxy's certificate is not for its host, or nobody trusted has signed it */
  async secure(socket: Socket): Promise<Duplex> {
    let options = tlsOptions.get(this.proxy);
    if (!options) tlsOptions.set(this.proxy, (options = new TLSSession(this.host, authorities(this.#settings.tls), { defaultOnly: false }).options));
    try {
      const secured = await secure(socket, options);
      // Its own method would throw, because its handle is that of TLS.
      return Object.assign(secured, { resetAndDestroy: () => (socket.resetAndDestroy(), secured.destroy()) });
    } catch (error) {
      const { cause, message } = error as SecurityError;
      const isPlain = /^ERR_SSL_(WRONG_VERSION|PACKET_LENGTH)/.test(String((cause as NodeJS.ErrnoException | undefined)?.code));
      throw new SecurityError(`${this.name} ${isPlain ? 'does not speak TLS: its scheme may be http' : message}`, { cause });
    }
  }
}

/** The options for TLS to a proxy, which take Node some time to make. */
const tlsOptions = new WeakMap<ProxyServer, ConnectionOptions>();

/** Those that Node trusts, and those of the option `tls`, in which `ca` takes the place of Node's for the server. */
function authorities({ ca }: ConnectionOptions = {}): ConnectionOptions {
  return ca === undefined ? {} : { ca: [...rootCertificates, ...(Array.isArray(ca) ? ca : [ca])] };
}

/** Bytes that a handshake may leave for later. */
const MOST_UNREAD = 16_384;
const SCRATCH = 4096;
const NOTHING: Buffer = Buffer.alloc(0);

/** One handshake on one socket. What comes after it in the same packet is the server's, and is left for the user of the connection. */
class ProxyTunnel implements Tunnel {
  readonly onread: OnRead | undefined;
  readonly #route: ThroughProxy;
  readonly #target: ConnectionTarget;
  readonly #reader: OnRead | undefined;
  #state: 'under way' | 'open' | 'failed' = 'under way';
  #listener: AttemptListener | undefined;
  #socket: Socket | undefined;
  /** The socket, or the TLS on it. */
  #stream: Duplex | undefined;
  #handshake: Handshake | undefined;
  #step: Step | undefined;
  #received: Buffer = NOTHING;

  /** @param reader where the socket puts what it reads once the way is open */
  constructor(route: ThroughProxy, target: ConnectionTarget, reader: OnRead | undefined) {
    this.#route = route;
    this.#target = target;
    this.#reader = reader;
    if (!reader) return;
    const scratch = Buffer.allocUnsafeSlow(SCRATCH);
    this.onread = {
      buffer: () => (this.#state === 'open' ? reader.buffer() : scratch),
      callback: (bytes) => (this.#state === 'open' ? reader.callback(bytes) : this.#receive(Buffer.from(scratch.subarray(0, bytes)))),
    };
  }

  begin(socket: Socket, listener: AttemptListener): void {
    this.#socket = socket;
    this.#listener = listener;
    this.#watch(socket);
    this.#shakeHands(socket).catch(this.#fail);
  }

  async #shakeHands(socket: Socket): Promise<void> {
    const stream = this.#route.plain ? socket : await this.#route.secure(socket);
    const host = await this.#route.locate(this.#target);
    if (this.#state !== 'under way') return void stream.destroy();
    this.#stream = stream;
    if (stream !== socket) this.#watch(stream);
    const { proxy } = this.#route;
    this.#handshake = HANDSHAKES[proxy.scheme as TunnelScheme]({ proxy, host, port: this.#target.port });
    this.#next();
    if (!this.onread) stream.on('readable', this.#onReadable);
    else this.#advance();
  }

  readonly #onReadable = (): void => {
    for (let chunk: Buffer | null; this.#state === 'under way' && (chunk = this.#stream?.read() as Buffer | null); ) this.#receive(chunk);
  };

  /** False pauses the socket. */
  #receive(chunk: Buffer): boolean {
    if (this.#received.length > MOST_UNREAD) this.#fail(new ProtocolError(`${this.#route.name} sent more than ${MOST_UNREAD} bytes without an end`));
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    return this.#advance();
  }

  /** Takes the steps that the received bytes allow. */
  #advance(): boolean {
    try {
      while (this.#state === 'under way' && this.#step) {
        const taken = this.#step.taken(this.#received);
        if (taken === 0) break;
        const bytes = this.#received.subarray(0, taken);
        this.#received = this.#received.subarray(taken);
        if (this.#next(bytes)) return this.#open();
      }
    } catch (error) {
      this.#fail(error);
    }
    return true;
  }

  /** True where the handshake is done. */
  #next(bytes = NOTHING): boolean {
    const { done, value } = (this.#handshake as Handshake).next(bytes);
    if (done) return true;
    this.#step = value;
    if (value.bytes) this.#stream?.write(value.bytes);
    return false;
  }

  #open(): boolean {
    const stream = this.#stream as Duplex;
    const rest = this.#received;
    this.#settle('open');
    if (!this.#reader) {
      if (rest.length > 0) stream.unshift(rest);
      this.#listener?.onMade(stream);
      return true;
    }
    this.#listener?.onMade(stream);
    if (rest.length === 0) return true;
    this.#reader.buffer().set(rest); // the reader's memory is larger than what is left
    return this.#reader.callback(rest.length);
  }

  readonly #fail = (reason: unknown): void => {
    if (this.#state !== 'under way') return;
    this.#settle('failed');
    this.#socket?.destroy();
    const { name } = this.#route;
    const error = reason instanceof FTPError ? reason : new ConnectionClosedError(`${name}: ${(reason as Error).message}`, { cause: reason });
    this.#listener?.onFailed(error);
  };

  readonly #onEnd = (): void => this.#fail(new ConnectionClosedError(`${this.#route.name} closed the connection before the way to ${this.#target.host}:${this.#target.port} was open`));

  #watch(stream: Duplex): void {
    stream.on('error', this.#fail).on('end', this.#onEnd).on('close', this.#onEnd);
  }

  #settle(state: 'open' | 'failed'): void {
    this.#state = state;
    this.#received = NOTHING;
    for (const stream of [this.#socket, this.#stream]) stream?.off('error', this.#fail).off('end', this.#onEnd).off('close', this.#onEnd).off('readable', this.#onReadable);
  }
}
