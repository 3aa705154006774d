// Where a file or folder is: on a server, by a URL, by host:path as for scp, or on the server of --host; or here.

import { netrc, type NetrcEntry } from '../netrc';
import type { FTPOptions } from '../options';
import { parseFTPURL } from '../url';
import { UsageError } from './failure';

/** The server that the options name, for paths that name none. */
export interface DefaultServer {
  /** A host, or a URL. */
  readonly host?: string | undefined;
  readonly user?: string | undefined;
}

/** A path on a server. */
export interface Place {
  /** How the server is reached: host, port, TLS, and what the place says of user and password. */
  readonly server: FTPOptions;
  /** Without a slash at its end; empty for the login folder. */
  readonly path: string;
  /** It ends in a slash, or is empty: it is a folder. */
  readonly isFolder: boolean;
  /** How people see it; it has no password. */
  readonly shown: string;
}

const URL_SCHEME = /^[a-z][a-z\d+.-]*:\/\//i;
/** An address with two colons or more, perhaps after a user, that stands without brackets. */
const IPV6_ADDRESS = /^((?:[^@]*@)?)([\da-f]*:[\da-f.]*:[\da-f:.]*)$/i;
/** A colon before the first slash; one letter before it is a drive of Windows there. */
const HOST_AND_PATH = /^(?:([^/:@]+)@)?(\[[\da-fA-F:.]+\]|[^/:@[\]]*):(?!\/\/)(.*)$/s;

/**
 * Reads a place on a server; undefined for a local path, which has no colon before its first slash: `./a:b` is local.
 *
 * @throws UsageError for a URL that is none of FTP, and for `:path` without --host
 */
export function remotePlace(text: string, defaults: DefaultServer): Place | undefined {
  if (URL_SCHEME.test(text)) return placeOf(parseURL(text), defaults);
  const [, user, host = '', path = ''] = HOST_AND_PATH.exec(text) ?? [undefined, undefined, undefined, undefined];
  if (!HOST_AND_PATH.test(text) || (process.platform === 'win32' && /^[a-z]$/i.test(host))) return undefined;
  if (host === '') return placeOnDefault(path, defaults);
  return placeOf({ options: { ...parseURL(`ftp://${host}/`).options, ...(user === undefined ? {} : { user }) }, path }, defaults);
}

/** Reads a place where only one on a server can stand: a bare path is on the server of --host. @throws UsageError where there is no such server */
export function placeOnServer(text: string, defaults: DefaultServer): Place {
  return remotePlace(text, defaults) ?? placeOnDefault(text, defaults);
}

function placeOnDefault(path: string, defaults: DefaultServer): Place {
  const { host } = defaults;
  if (host === undefined) throw new UsageError(`'${path}' names no server: write ftp://host/path, host:path, or --host HOST`);
  const { options } = parseURL(URL_SCHEME.test(host) ? host : `ftp://${host.replace(IPV6_ADDRESS, '$1[$2]')}/`);
  return placeOf({ options, path }, defaults);
}

function parseURL(url: string): { readonly options: FTPOptions; readonly path: string } {
  const { options, path, type } = parseFTPURL(url);
  if (type === 'a' || type === 'd') throw new UsageError(`;type=${type} is not for the command line: leave it out`);
  return { options, path };
}

function placeOf({ options, path }: { readonly options: FTPOptions; readonly path: string }, { user }: DefaultServer): Place {
  if (/[\r\n\0]/.test(path)) throw new UsageError('a path cannot have CR, LF or NUL');
  const trimmed = path.length > 1 ? path.replace(/\/+$/, '') || '/' : path;
  const server = options.user === undefined && user !== undefined ? { ...options, user } : options;
  const { host = '', port, secure } = server;
  const scheme = secure === 'implicit' ? 'ftps' : secure === 'explicit' ? 'ftpes' : 'ftp';
  const shown = `${scheme}://${host.includes(':') ? `[${host}]` : host}${port === undefined ? '' : `:${port}`}/${trimmed}`;
  return { server, path: trimmed, isFolder: path === '' || path.endsWith('/'), shown };
}

/** Returns the last name of a path on a server. @throws UsageError for a path without one */
export function nameOf(place: Place): string {
  const name = place.path.slice(place.path.lastIndexOf('/') + 1);
  if (name === '' || name === '.' || name === '..') throw new UsageError(`${place.shown} has no name of a file`);
  return name;
}

/** Returns a path in a folder on a server. */
export function within(folder: Place, name: string): Place {
  const path = folder.path === '' || folder.path.endsWith('/') ? `${folder.path}${name}` : `${folder.path}/${name}`;
  return { ...folder, path, isFolder: false, shown: folder.shown.endsWith('/') ? `${folder.shown}${name}` : `${folder.shown}/${name}` };
}

/** Which password to use: one that is known, or one to ask for. */
export type Credentials =
  | { readonly kind: 'known'; readonly options: Pick<FTPOptions, 'user' | 'password' | 'account'> }
  | { readonly kind: 'to ask for'; readonly user: string };

/**
 * Finds user and password: those of the place, else the password of the environment, else those of the netrc file, else anonymous; a user without any
 * password is to be asked for it.
 */
export function credentialsFor({ host = '', user, password }: FTPOptions, environment: NodeJS.ProcessEnv): Credentials {
  if (password !== undefined) return { kind: 'known', options: { ...(user === undefined ? {} : { user }), password } };
  const fromEnvironment = environment['FTPLIB_PASSWORD'];
  if (user !== undefined && user !== 'anonymous' && fromEnvironment !== undefined) return { kind: 'known', options: { user, password: fromEnvironment } };
  const entry = entryOf(host, user);
  if (entry) return { kind: 'known', options: { user: entry.login || user || 'anonymous', password: entry.password, ...(entry.account === '' ? {} : { account: entry.account }) } };
  if (user === undefined || user === 'anonymous') return { kind: 'known', options: {} };
  return { kind: 'to ask for', user };
}

/** The entry of the netrc file, if there is such a file. */
function entryOf(host: string, user: string | undefined): NetrcEntry | undefined {
  try {
    return netrc().authenticators(host, user);
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    // The home of a service may be /dev/null; the user of a container may have none, and no entry among the users.
    if (code === 'ENOENT' || code === 'ENOTDIR' || syscall === 'uv_os_homedir') return undefined;
    throw error;
  }
}
