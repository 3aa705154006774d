import { ArgumentError } from './errors';
import type { FTPOptions } from './options';

/** What an FTP URL says, decoded. */
export interface ParsedURL {
  /** `host` and `secure`; `port`, `user` and `password` where the URL has them. */
  readonly options: FTPOptions;
  /** The folders on the way, each for a CWD of its own; the first one begins with `/` for an absolute path. */
  readonly directories: readonly string[];
  /** What is in the last of them; empty for a URL that ends in `/`. */
  readonly name: string;
  /** `;type=`: image, ASCII, or a folder's listing. */
  readonly type: 'i' | 'a' | 'd' | undefined;
}

const SECURE: ReadonlyMap<string, false | 'explicit' | 'implicit'> = new Map<string, false | 'explicit' | 'implicit'>([
  ['ftp', false],
  ['ftps', 'implicit'],
  ['ftpes', 'explicit'],
]);

/**
 * Takes an `ftp:` URL apart (RFC 1738, 3.2); `ftps:` is implicit and `ftpes:` explicit TLS.
 *
 * Paths are relative to the login folder; a first segment that is empty or begins with `%2F` makes them absolute. Segments are
 * split first and decoded then, as UTF-8. `?` is a character of a name, a `#…` is dropped. As the WHATWG URL standard has it
 * for `ftp:`, and for all three schemes alike: `\` is `/`, and segments `.` and `..` are resolved, not sent.
 *
 * @throws ArgumentError for anything else, control characters, bytes that are no UTF-8; the message has no credentials
 */
export function parseFTPURL(url: string | URL): ParsedURL {
  const text = url instanceof URL ? url.href : url;
  if (typeof text !== 'string') throw new ArgumentError(`a URL must be a string or a URL, not ${typeof text}`);
  const [, scheme = '', authority = '', path = ''] = /^(ftp|ftps|ftpes):\/\/([^/\\?#]+)([^#]*)/i.exec(text) ?? [];
  const secure = SECURE.get(scheme.toLowerCase());
  if (secure === undefined) throw refused(text, 'expected ftp://, ftps:// or ftpes:// and a host');
  if (/[\0-\x1f\x7f]|\p{Surrogate}| $/u.test(text)) throw refused(text, 'a blank at the end, or a character that no URL has');
  const { hostname, port, username, password, pathname } = standard(text, authority, path);
  const decode = (part: string): string => decoded(part, text);
  const segments = pathname.slice(1).split('/');
  const [, name = '', type] = /^(.*?)(?:;type=(.*))?$/i.exec(segments.pop() ?? '') ?? [];
  if (type !== undefined && !/^[aid]$/i.test(type)) throw refused(text, ';type= must be a, i or d');
  return {
    options: {
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      secure,
      ...(port === '' ? {} : { port: Number(port) }),
      ...(username === '' ? {} : { user: decode(username) }),
      ...(password === '' && !/^[^:@]*:[^@]*@/.test(authority) ? {} : { password: decode(password) }),
    },
    directories: segments.flatMap((segment, index) => (segment === '' ? (index === 0 ? ['/'] : []) : [decode(segment)])),
    name: decode(name),
    type: type?.toLowerCase() as ParsedURL['type'],
  };
}

/** The path in one piece, for a server that takes it so; empty for the login folder. */
export function joinPath({ directories, name }: Pick<ParsedURL, 'directories' | 'name'>): string {
  return [...directories, name].reduce((path, part) => (path === '' || path.endsWith('/') ? path + part : `${path}/${part}`), '');
}

/**
 * The URL with `****` for everything that could be a user name or a password, in whatever way it is mistyped: with an `@`
 * or `:` before its path, all up to the last `@` is hidden.
 */
export function redactURL(url: string | URL): string {
  const [, scheme = '', rest = ''] = /^([a-z][a-z\d+.-]*:[/\\]+)?(.*)$/is.exec(String(url)) ?? [];
  const authority = rest.slice(0, rest.search(/[/\\?#]|$/));
  if (/^(\[[\da-f:.]*\]|[^:@]*)$/i.test(authority)) return scheme + rest;
  const at = rest.lastIndexOf('@');
  if (at >= 0) return `${scheme}****${rest.slice(at)}`;
  return /^(\[.*\]|[^:]*):\d*$/.test(authority) ? scheme + rest : `${scheme}****`;
}

/** The parts by the rules for `ftp:`, which Node knows, whatever the scheme is. */
function standard(text: string, authority: string, path: string): Pick<URL, 'hostname' | 'port' | 'username' | 'password' | 'pathname'> {
  const rest = `//${authority}/${path.replaceAll('\\', '/').replace(/^\//, '').replaceAll('?', '%3F')}`;
  if (!URL.canParse(`ftp:${rest}`)) throw refused(text, INVALID_HOST);
  const { hostname, port, username, password, pathname } = new URL(`ftp:${rest}`);
  if (!/^(\[.+\]|[\w.-]+)$/.test(hostname) || port === '0') throw refused(text, INVALID_HOST);
  // A URL forgets its scheme's default port: 21 for ftp:, where ftps: would take 990; http: forgets only 80, which ftp: keeps.
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

/** Without the error of `new URL` as its cause, which carries the whole input; quoted, so that a line end in it stays visible. */
function refused(url: string, reason: string): ArgumentError {
  return new ArgumentError(`not an FTP URL: ${JSON.stringify(redactURL(url))}: ${reason}`);
}
