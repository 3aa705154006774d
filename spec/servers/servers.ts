import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { FTPOptions } from '../../lib/index';
import { CERTIFICATE, HOME, LAB, PASSWORD, PUB, USER, textOf } from './lab';

export type Family =
  | 'vsftpd' | 'proftpd' | 'pureftpd' | 'pyftpdlib' | 'inetutils' | 'ftpdssl' | 'gridftp' | 'aioftp' | 'twisted'
  | 'ftpsrv' | 'npmftpd' | 'simpleftpd' | 'tcllib' | 'ftpproxy' | 'modproxy';

/** `explicit`: offered; `required`: refused without; `reuse`: required, and data connections must resume the TLS session; `implicit`: from the first byte. */
export type Tls = 'none' | 'explicit' | 'required' | 'reuse' | 'implicit';

/**
 * What some servers lack. `restStor`: bytes after an upload at an offset stay; `nlst`: works without an argument; `times`: the
 * time of a file can be set, by MFMT or what takes its place; `utf8`: names beyond
 * ASCII survive; `anyBytes`: so do names in no known encoding (Pure-FTPd refuses those with a backslash); `leadingBlank`: a new name may
 * begin with one; `twoBlanks`: and may have two in a row; `listsPaths`: LIST takes a path, rather than list the working folder always; `anonymous`: can log in, and list; `missingFolder`: differs from
 * an empty one for some command (tcllib lists it as an empty one, and enters it); `trueTimes`: MDTM is right after noon, too; `longListings`: LIST of a folder with
 * thousands of files is answered at all.
 */
export const ABILITIES = [
  'feat', 'epsv', 'pasv', 'eprt', 'port', 'rest', 'restStor', 'appe', 'stou', 'nlst', 'mlsd', 'size', 'mdtm', 'mfmt', 'times', 'chmod', 'abor', 'ascii', 'utf8',
  'anyBytes', 'leadingBlank', 'twoBlanks', 'listsPaths', 'anonymous', 'missingFolder', 'trueTimes', 'longListings',
] as const;
export type Ability = (typeof ABILITIES)[number];

/** One server of the lab: where it is, how to get in, and what it can do. */
export interface RealServer {
  readonly name: string;
  readonly family: Family;
  /** Of the package of Debian or npm that is installed, empty before that. */
  readonly version: string;
  /** The first of `hosts`, which are the loopback addresses that it listens on. */
  readonly host: '127.0.0.1' | '::1';
  readonly hosts: readonly ('127.0.0.1' | '::1')[];
  readonly port: number;
  readonly tls: Tls;
  /** The client's option `secure`. */
  readonly secure: false | 'explicit' | 'implicit';
  readonly tlsMax: 'TLSv1.2' | 'TLSv1.3';
  /** A file in PEM, to be trusted as CA. */
  readonly certificate: string;
  readonly user: string;
  readonly password: string;
  /** The user's tree on disk, shared by all servers, and the path that the server gives it: `/` or the same. */
  readonly home: string;
  readonly login: string;
  /** The anonymous users' tree on disk. */
  readonly pub: string;
  /** First and last; inetutils, ftpdssl, gridftp, ftpsrv, simpleftpd, tcllib and ftpproxy take ports of the kernel's choice instead. */
  readonly passivePorts: readonly [first: number, last: number];
  readonly can: Readonly<Record<Ability, boolean>>;
  /** Why the specs leave it out unless `FTPLIB_SERVERS` names it; undefined for all others. */
  readonly trial: string | undefined;
}

interface FamilyFacts {
  readonly package: string;
  readonly hosts: RealServer['hosts'];
  /** Without chroot: paths are those on disk. */
  readonly realPaths?: true;
  readonly lacks: readonly Ability[];
}

const BOTH = ['127.0.0.1', '::1'] as const;
const IPV4 = ['127.0.0.1'] as const;
const IPV6 = ['::1'] as const;

/** They have no room for an IPv6 address; vsftpd answers PASV all the same, with 0,0,0,0. */
const IPV4_ONLY: readonly Ability[] = ['pasv', 'port'];

/** Facts of the versions in Debian 12. */
const FAMILIES: Readonly<Record<Family, FamilyFacts>> = {
  vsftpd: { package: 'vsftpd', hosts: IPV4, lacks: ['mlsd', 'mfmt'] },
  proftpd: { package: 'proftpd-core', hosts: BOTH, lacks: [] },
  pureftpd: { package: 'pure-ftpd', hosts: IPV4, lacks: ['restStor', 'leadingBlank'] },
  pyftpdlib: { package: 'python3-pyftpdlib', hosts: BOTH, lacks: ['anyBytes'] },
  inetutils: { package: 'inetutils-ftpd', hosts: BOTH, realPaths: true, lacks: ['stou', 'mlsd', 'mfmt', 'times'] },
  // Anonymous users get an empty LIST: it needs a program inside of the chroot.
  ftpdssl: { package: 'ftpd-ssl', hosts: BOTH, realPaths: true, lacks: ['feat', 'stou', 'mlsd', 'mfmt', 'times', 'anonymous'] },
  gridftp: { package: 'globus-gridftp-server-progs', hosts: IPV4, realPaths: true, lacks: ['stou', 'utf8', 'anyBytes', 'leadingBlank'] },
  aioftp: { package: 'python3-aioftp', hosts: IPV4, lacks: ['feat', 'eprt', 'port', 'stou', 'nlst', 'size', 'mdtm', 'mfmt', 'times', 'chmod', 'ascii', 'anyBytes'] },
  twisted: {
    package: 'python3-twisted',
    hosts: IPV4,
    lacks: ['epsv', 'eprt', 'rest', 'restStor', 'appe', 'stou', 'nlst', 'mlsd', 'mfmt', 'times', 'chmod', 'abor', 'ascii', 'utf8', 'anyBytes'],
  },
  ftpsrv: {
    package: 'ftp-srv',
    hosts: IPV4,
    lacks: ['restStor', 'stou', 'mlsd', 'mfmt', 'times', 'abor', 'ascii', 'anyBytes'],
  },
  npmftpd: {
    package: 'ftpd',
    hosts: IPV4,
    lacks: ['rest', 'restStor', 'stou', 'mlsd', 'mfmt', 'times', 'chmod', 'abor', 'ascii', 'anyBytes', 'leadingBlank', 'trueTimes', 'longListings'],
  },
  simpleftpd: {
    package: 'simple-ftpd',
    hosts: IPV4,
    lacks: [
      'epsv', 'eprt', 'port', 'appe', 'stou', 'nlst', 'mlsd', 'size', 'mdtm', 'mfmt', 'times', 'chmod', 'abor', 'ascii', 'anyBytes', 'leadingBlank',
      'twoBlanks', 'listsPaths',
    ],
  },
  tcllib: {
    package: 'tcllib',
    hosts: IPV4,
    realPaths: true,
    lacks: ['feat', 'epsv', 'eprt', 'rest', 'restStor', 'stou', 'mlsd', 'mfmt', 'times', 'chmod', 'anonymous', 'anyBytes', 'missingFolder'],
  },
  // Both in front of pyftpdlib-plain.
  ftpproxy: {
    package: 'ftp-proxy',
    hosts: IPV4,
    lacks: ['feat', 'epsv', 'eprt', 'mlsd', 'mfmt', 'times', 'anyBytes', 'leadingBlank'],
  },
  modproxy: {
    package: 'proftpd-mod-proxy',
    hosts: IPV4,
    lacks: ['anyBytes'],
  },
};

/** Control ports are below the kernel's ephemeral ports, as are the passive ones: 600 for each row from 12000 on, for a port rests a minute after its use. */
const TABLE: readonly (readonly [name: string, port: number, tls: Tls])[] = [
  ['vsftpd-plain', 11101, 'none'],
  ['vsftpd-tls', 11102, 'required'],
  ['vsftpd-reuse', 11103, 'reuse'],
  ['vsftpd-implicit', 11104, 'implicit'],
  ['vsftpd-v6', 11105, 'none'],
  ['vsftpd-tls12', 11106, 'required'],
  ['vsftpd-reuse12', 11107, 'reuse'],
  ['vsftpd-strict', 11108, 'reuse'],
  ['vsftpd-abor', 11109, 'none'],
  ['proftpd-plain', 11111, 'none'],
  ['proftpd-tls', 11112, 'required'],
  ['proftpd-reuse', 11113, 'reuse'],
  ['proftpd-implicit', 11114, 'implicit'],
  ['proftpd-reuse12', 11117, 'reuse'],
  ['pureftpd-plain', 11121, 'none'],
  ['pureftpd-tls', 11122, 'explicit'],
  ['pureftpd-req', 11123, 'required'],
  ['pureftpd-v6', 11125, 'none'],
  ['pyftpdlib-plain', 11131, 'none'],
  ['pyftpdlib-tls', 11132, 'explicit'],
  ['pyftpdlib-req', 11133, 'required'],
  ['pyftpdlib-implicit', 11134, 'implicit'],
  ['inetutils-plain', 11141, 'none'],
  ['ftpdssl-plain', 11151, 'none'],
  ['gridftp-plain', 11161, 'none'],
  ['aioftp-plain', 11181, 'none'],
  ['aioftp-implicit', 11184, 'implicit'],
  ['twisted-plain', 11191, 'none'],
  ['ftpsrv-plain', 11201, 'none'],
  ['ftpsrv-tls', 11202, 'explicit'],
  ['ftpsrv-implicit', 11204, 'implicit'],
  ['npmftpd-plain', 11211, 'none'],
  ['modproxy-plain', 11221, 'none'],
  ['simpleftpd-plain', 11231, 'none'],
  ['tcllib-plain', 11241, 'none'],
  ['ftpproxy-plain', 11251, 'none'],
];

/** Why the specs leave servers out unless `FTPLIB_SERVERS` names them. */
const ON_TRIAL: Readonly<Record<string, string>> = {
  'ftpsrv-tls': 'in one login of ten it reads the ClientHello that comes with its reply to AUTH as a command',
  'ftpsrv-implicit': 'in active mode it closes the connection of an empty download before the TLS handshake; all else passes',
};

/** Where the server listens that the proxies lead to: pyftpdlib-plain. */
export const UPSTREAM_PORT = 11131;

/** Every server of the lab, up or not. */
export const SERVERS: readonly RealServer[] = describeAll();

/** With `FTPLIB_REQUIRE_SERVERS=1` a server that is not up is a failure. */
export const SERVERS_REQUIRED = process.env['FTPLIB_REQUIRE_SERVERS'] === '1';

/** Names or families, with commas: the specs use these servers and proxies only, those on trial included. */
export const CHOSEN = process.env['FTPLIB_SERVERS']?.split(',');

/** The servers to test, at the time of the call, so that suites can be defined from it: those that listen, or all when all are required. */
export function realServers(): readonly RealServer[] {
  const chosen = SERVERS.filter(({ name, family, trial }) => (CHOSEN ? CHOSEN.includes(name) || CHOSEN.includes(family) : trial === undefined));
  if (SERVERS_REQUIRED) return chosen;
  const listening = listeningPorts();
  return chosen.filter(({ port }) => listening.has(port));
}

/** How to get in, and what must be said of the server; one without TLS needs no certificate. */
export function optionsOf({ host, port, user, password, secure, certificate, can }: RealServer): FTPOptions {
  const tls = secure && existsSync(certificate) ? { tls: { ca: readFileSync(certificate) } } : {};
  return { host, port, user, password, secure, ...(can.listsPaths ? {} : { enterFolders: true }), ...tls };
}

/** The servers that accept a connection now. */
export async function availableServers(): Promise<readonly RealServer[]> {
  const up = await Promise.all(SERVERS.map(isUp));
  return SERVERS.filter((_, index) => up[index]);
}

/** Whether a server, or a proxy, accepts a connection. */
export function isUp({ host, port }: Pick<RealServer, 'host' | 'port'>): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

function describeAll(): readonly RealServer[] {
  const versions = installedVersions();
  return TABLE.map(([name, port, tls], index): RealServer => {
    const [family, variant] = name.split('-') as [Family, string];
    const facts = FAMILIES[family];
    const hosts = variant === 'v6' ? IPV6 : facts.hosts;
    const lacks = variant === 'v6' ? [...facts.lacks, ...IPV4_ONLY] : facts.lacks;
    return {
      name,
      family,
      version: versions.get(facts.package) ?? '',
      host: hosts[0] ?? '127.0.0.1',
      hosts,
      port,
      tls,
      secure: tls === 'none' ? false : tls === 'implicit' ? 'implicit' : 'explicit',
      tlsMax: variant.endsWith('12') ? 'TLSv1.2' : 'TLSv1.3',
      certificate: CERTIFICATE,
      user: USER,
      password: PASSWORD,
      home: HOME,
      login: facts.realPaths ? HOME : '/',
      pub: PUB,
      passivePorts: [12_000 + index * 600, 12_599 + index * 600],
      trial: ON_TRIAL[name],
      can: Object.fromEntries(ABILITIES.map((ability) => [ability, !lacks.includes(ability)])) as Record<Ability, boolean>,
    };
  });
}

/** The lines `package version` that the installation leaves. */
export function installedVersions(): ReadonlyMap<string, string> {
  const lines = textOf(join(LAB, 'versions')).split('\n');
  return new Map(lines.map((line) => line.split(' ') as [string, string]));
}

/** The local ports of all TCP sockets in the state LISTEN (0A), see proc(5). */
export function listeningPorts(): ReadonlySet<number> {
  const lines = `${textOf('/proc/net/tcp')}\n${textOf('/proc/net/tcp6')}`.split('\n');
  return new Set(lines.flatMap((line) => /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) \S+ 0A /.exec(line)?.[1] ?? []).map((port) => parseInt(port, 16)));
}
