// The option `proxy`: which proxy a URL or the environment names, and which hosts are reached without it.

import { isIP } from 'node:net';
import { ArgumentError } from './errors';

/** How each kind of proxy is spoken to, and its port by default. */
const PORTS = { http: 80, https: 443, socks4: 1080, socks4a: 1080, socks5: 1080, socks5h: 1080, ftp: 21 } as const;

/** The scheme of a proxy's URL: what the proxy speaks. */
type ProxyScheme = keyof typeof PORTS;

/** A user of a proxy. */
interface ProxyCredentials {
  readonly user: string;
  readonly password: string;
}

/** RFC 1929, 2: a length is one byte. */
const LONGEST_SOCKS_FIELD = 255;

/** One proxy, as its URL says. Its credentials are in no property that `util.inspect` shows. */
export class ProxyServer {
  readonly #credentials: ProxyCredentials | undefined;

  /** @throws ArgumentError for credentials that cannot be sent; its message does not show them */
  constructor(readonly scheme: ProxyScheme, readonly host: string, readonly port: number, credentials: ProxyCredentials | undefined) {
    this.#credentials = credentials;
    if (credentials) checkCredentials(scheme, credentials);
  }

  get credentials(): ProxyCredentials | undefined {
    return this.#credentials;
  }

  /** Its host and port, for people. */
  get address(): string {
    return this.host.includes(':') ? `[${this.host}]:${this.port}` : `${this.host}:${this.port}`;
  }

  /** Whether it is one of FTP, which is logged in to, rather than one that hands on what it is sent. */
  get speaksFTP(): boolean {
    return this.scheme === 'ftp';
  }
}

function checkCredentials(scheme: ProxyScheme, { user, password }: ProxyCredentials): void {
  const problem =
    /[\r\n\0]/.test(user + password) ? 'have no CR, LF or NUL'
    : scheme.startsWith('http') && user.includes(':') ? 'have no colon in the user (RFC 7617, 2)'
    : scheme.startsWith('socks4') && password !== '' ? 'have no password: SOCKS4 has only a user'
    : scheme.startsWith('socks') && [user, password].some((each) => Buffer.byteLength(each) > LONGEST_SOCKS_FIELD) ? 'be at most 255 bytes each (RFC 1929, 2)'
    : (scheme.startsWith('socks5') || scheme === 'ftp') && user === '' ? 'begin with a user'
    : undefined;
  if (problem) throw new ArgumentError(`the credentials of the option proxy (${scheme}:) must ${problem}`);
}

/** The option `proxy` after its checks: it says by way of which proxy a host is reached. */
export class ProxyRules {
  readonly #server: ProxyServer;
  /** The entries of `no_proxy`. */
  readonly #exceptions: readonly string[];

  constructor(server: ProxyServer, exceptions: readonly string[] = []) {
    this.#server = server;
    this.#exceptions = exceptions;
  }

  /** The proxy for a host; undefined where it is reached without one. @throws ArgumentError where an option cannot be had by way of it */
  serverFor(host: string | undefined, port: number, { passive, secure }: { readonly passive?: unknown; readonly secure?: unknown }): ProxyServer | undefined {
    if (host !== undefined && this.#exceptions.some((entry) => covers(entry, host, port))) return undefined;
    const server = this.#server;
    if (server.speaksFTP && secure) throw new ArgumentError('secure cannot be had by way of an FTP proxy, which reads all that passes');
    if (!server.speaksFTP && passive === false) throw new ArgumentError(`passive: false cannot be had by way of a proxy (${server.scheme}:), which takes no connections from the server`);
    return server;
  }
}

/**
 * Reads the option `proxy`: a URL, or `env` for what the environment names, as curl reads it. Undefined where that names none.
 *
 * @throws ArgumentError for what is no URL of a proxy; its message shows nothing of the URL but its scheme
 */
export function proxyRules(option: unknown, environment: NodeJS.ProcessEnv = process.env): ProxyRules | undefined {
  if (option !== 'env') return new ProxyRules(parseProxy(option));
  const variable = ['ftp_proxy', 'FTP_PROXY', 'all_proxy', 'ALL_PROXY'].find((name) => environment[name]);
  if (variable === undefined) return undefined;
  const exceptions = environment['no_proxy'] || environment['NO_PROXY'] || '';
  return new ProxyRules(parseProxy(environment[variable], `the environment variable ${variable}`), exceptions.toLowerCase().split(/[\s,]+/).filter(Boolean));
}

function parseProxy(option: unknown, source = 'proxy'): ProxyServer {
  const text = option instanceof URL ? option.href : option;
  if (typeof text !== 'string') throw new ArgumentError(`proxy must be a URL or 'env', not ${option === null ? 'null' : typeof option}`);
  const [, scheme = 'http', authority = ''] = /^(?:([a-z][a-z\d+.-]*):\/\/)?([^/\\?#\s]+)\/?$/i.exec(text) ?? [];
  const kind = scheme.toLowerCase().replace(/^socks$/, 'socks4'); // curl knows it by both names
  if (!Object.hasOwn(PORTS, kind)) throw new ArgumentError(`${source} must begin with ${Object.keys(PORTS).join('://, ')}://, not ${kind}://`);
  // What `URL` makes of a host and a port depends on the scheme. It drops the default port: 80 for http:, which ftp: keeps.
  const rest = `//${authority}/`;
  if (authority === '' || !URL.canParse(`http:${rest}`)) throw new ArgumentError(`${source} must be a URL such as http://host:3128, with nothing after the port, and %40, %3A, %2F for @, : and / in user and password`);
  const { hostname, username, password, port } = new URL(`http:${rest}`);
  const number = port || new URL(`ftp:${rest}`).port;
  if (number === '0') throw new ArgumentError(`${source} has no port to connect to`);
  const credentials = authority.includes('@') ? { user: decoded(username, source), password: decoded(password, source) } : undefined;
  return new ProxyServer(kind as ProxyScheme, hostname.replace(/^\[(.*)\]$/, '$1'), number === '' ? PORTS[kind as ProxyScheme] : Number(number), credentials);
}

/** The error has no cause, because that of `decodeURIComponent` could show the text. */
function decoded(part: string, source: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ArgumentError(`${source}: a % in user and password must begin the code of a UTF-8 byte`);
  }
}

/**
 * Whether an entry of `no_proxy` is about a host: `*`; a name, which stands for all that end in it, with or without a dot at its beginning; an address, also with
 * the length of a prefix (RFC 4632); each also with a port.
 */
function covers(entry: string, host: string, port: number): boolean {
  const isAddress = isIP(entry.replace(/\/\d+$/, '')) !== 0; // its last group is no port
  const [, named = '', ofPort] = (isAddress ? undefined : /^(.*):(\d+)$/.exec(entry)) ?? ['', entry];
  if (ofPort !== undefined && Number(ofPort) !== port) return false;
  const name = named.replace(/^\[(.*)\]/, '$1');
  if (name === '*') return true;
  const wanted = host.toLowerCase().replace(/\.$/, '');
  if (isIP(wanted.replace(/%.*/s, '')) !== 0) return inNetwork(wanted, name);
  const domain = name.replace(/^\*?\./, '').replace(/\.$/, '');
  return domain !== '' && (wanted === domain || wanted.endsWith(`.${domain}`));
}

const BITS = 8;

function inNetwork(host: string, network: string): boolean {
  const [, base = '', length] = /^([^/]*)(?:\/(\d+))?$/.exec(network) ?? [];
  if (isIP(base) === 0) return false;
  const address = addressBytes(host);
  const first = addressBytes(base);
  const prefix = length === undefined ? first.length * BITS : Number(length);
  if (address.length !== first.length || prefix > first.length * BITS) return false;
  return first.every((byte, index) => {
    const free = Math.max(0, BITS - Math.max(0, prefix - index * BITS)); // bits of this byte that are not compared
    return byte >> free === (address[index] as number) >> free;
  });
}

/** The 4 or 16 bytes of an IP address. */
export function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const { hostname } = new URL(`http://[${address.replace(/%.*/s, '')}]/`); // in hexadecimal, and shortened (RFC 5952)
  const [head = '', tail] = hostname.slice(1, -1).split('::');
  const groups = (text = ''): string[] => (text === '' ? [] : text.split(':'));
  const zeros = Array.from<string>({ length: 8 - groups(head).length - groups(tail).length }).fill('0');
  return Buffer.from([...groups(head), ...zeros, ...groups(tail)].map((group) => group.padStart(4, '0')).join(''), 'hex');
}
