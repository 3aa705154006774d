// FTP URLs (RFC 1738, 3.2): what they mean, and how they are shown without their credentials.

import { ArgumentError } from './errors';
import type { FTPOptions } from './options';

/** The parts of an FTP URL, decoded: what `parseFTPURL` returns. */
export interface ParsedURL {
  /** The options of a client: `host` and `secure`; `port`, `user` and `password` where the URL has them. */
  readonly options: FTPOptions;
  /** The whole path, for a command that takes it at once; empty for the login folder, and with a slash at its end where the URL has one. */
  readonly path: string;
  /** The folders of the path, each for a CWD of its own; the first one begins with `/` where the path is absolute. */
  readonly directories: readonly string[];
  /** The name in the last folder; empty for a URL that ends in `/`. */
  readonly name: string;
  /** The value of `;type=`: `i` for image, `a` for ASCII, `d` for the listing of a folder. */
  readonly type: 'i' | 'a' | 'd' | undefined;
}

const SECURE: ReadonlyMap<string, false | 'explicit' | 'implicit'> = new Map<string, false | 'explicit' | 'implicit'>([
  ['ftp', false],
  ['ftps', 'implicit'],
  ['ftpes', 'explicit'],
]);

/**
 * Parses an `ftp:` URL (RFC 1738, 3.2); `ftps:` means implicit TLS, and `ftpes:` explicit TLS.
 *
 * Paths are relative to the login folder; a first segment that is empty or begins with `%2F` makes them absolute. The path is
 * split into segments first, and each segment is decoded as UTF-8 then. `?` is a character of a name, and `#…` is left out. As in
 * the WHATWG URL standard for `ftp:`, and in all three schemes, `\` means `/`, and `.` and `..` are resolved and not sent.
 *
 * @throws ArgumentError for any other URL, for control characters, and for bytes that are no UTF-8; its message has no credentials
 */
export function parseFTPURL(url: string | URL): ParsedURL {
  const text = url instanceof URL ? url.href : url;
  if (typeof text !== 'string') throw new ArgumentError(`a URL must be a string or a URL, not ${typeof text}`);
  const [, scheme = '', authority = '', path = ''] = /^(ftp|ftps|ftpes):\/\/([^/\\?#]+)([^#]*)/i.exec(text) ?? [];
  const secure = SECURE.get(scheme.toLowerCase());
  if (secure === undefined) throw refused(text, 'expected ftp://, ftps:// or ftpes:// and a host');
  if (/[\0-\x1f\x7f]|\p{Surrogate}| $/u.test(text)) throw refused(text, 'a blank at the end, or a character that no URL has');
  const { hostname, port, username, password, pathname } = parsed(text, authority, path);
  const decode = (part: string): string => decoded(part, text);
  const segments = pathname.slice(1).split('/');
  const [, name = '', type] = /^(.*?)(?:;type=(.*))?$/i.exec(segments.pop() ?? '') ?? [];
  if (type !== undefined && !/^[aid]$/i.test(type)) throw refused(text, ';type= must be a, i or d');
  const directories = segments.flatMap((segment, index) => (segment === '' ? (index === 0 ? ['/'] : []) : [decode(segment)]));
  return {
    options: {
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      secure,
      ...(port === '' ? {} : { port: Number(port) }),
      ...(username === '' ? {} : { user: decode(username) }),
      ...(password === '' && !/^[^:@]*:[^@]*@/.test(authority) ? {} : { password: decode(password) }),
    },
    path: joinPath(directories, decode(name)),
    directories,
    name: decode(name),
    type: type?.toLowerCase() as ParsedURL['type'],
  };
}

/**
 * The options in the argument of a constructor: a URL, or a host as Python's `FTP(host)` takes it, with a port after a colon (`[::1]:2121` for IPv6).
 *
 * @throws ArgumentError for what is neither; its message has no credentials
 */
export function parseServer(server: string | URL): FTPOptions {
  if (server instanceof URL || /:\/\/|[/\\@?#%]/.test(server)) return parseFTPURL(server).options;
  const host = /^[^[\]]*:[^[\]]*:/.test(server) ? `[${server}]` : server;
  if (!/^(?:\[[^\]]+\]|[^:]+)(?::\d+)?$/.test(host)) throw refused(server, 'nor the name of a host, with or without a port');
  return parseFTPURL(`ftp://${host}/`).options;
}

function joinPath(directories: readonly string[], name: string): string {
  return [...directories, name].reduce((path, part) => (path === '' || path.endsWith('/') ? path + part : `${path}/${part}`), '');
}

/**
 * The URL with `****` in place of all that could be a user name or a password, even in a mistyped URL: with an `@` or a `:` before
 * the path, everything up to the last `@` is hidden.
 */
export function redactURL(url: string | URL): string {
  const [, scheme = '', rest = ''] = /^([a-z][a-z\d+.-]*:[/\\]+)?(.*)$/is.exec(String(url)) ?? [];
  const authority = rest.slice(0, rest.search(/[/\\?#]|$/));
  if (/^(\[[\da-f:.]*\]|[^:@]*)$/i.test(authority)) return scheme + rest;
  const at = rest.lastIndexOf('@');
  if (at >= 0) return `${scheme}****${rest.slice(at)}`;
  return /^(\[.*\]|[^:]*):\d*$/.test(authority) ? scheme + rest : `${scheme}****`;
}

/** The parts by the rules for `ftp:`, which Node knows, for all three schemes. */
function parsed(text: string, authority: string, path: string): Pick<URL, 'hostname' | 'port' | 'username' | 'password' | 'pathname'> {
  const rest = `//${authority}/${path.replaceAll('\\', '/').replace(/^\//, '').replaceAll('?', '%3F')}`;
  if (!URL.canParse(`ftp:${rest}`)) throw refused(text, INVALID_HOST);
  const { hostname, port, username, password, pathname } = new URL(`ftp:${rest}`);
  if (!/^(\[.+\]|[\w.-]+)$/.test(hostname) || port === '0') throw refused(text, INVALID_HOST);
  // `URL` drops the default port of its scheme. For ftp: that is 21, which means something else for ftps:, so the port is also read as http:, which keeps 21.
  return { hostname, port: port || new URL(`http:${rest}`).port, username, password, pathname };
}
const INVALID_HOST = 'the host or the port is not valid';

function decoded(part: string, url: string): string {
  let text: string;
  try {
    text = decodeURIComponent(part);
  } catch {
    throw refused(url, 'a % must begin the code of a UTF-8 byte');
  }
  if (/[\r\n\0]/.test(text)) throw refused(url, 'CR, LF and NUL cannot be sent to a server');
  return text;
}

/** The error has no cause, because that of `new URL` shows the whole input. The URL is quoted, so that a line end in it is visible. */
function refused(url: string, reason: string): ArgumentError {
  return new ArgumentError(`not an FTP URL: ${JSON.stringify(redactURL(url))}: ${reason}`);
}
