import { CERTIFICATE, PASSWORD, USER } from './lab';
import { CHOSEN, installedVersions, listeningPorts, SERVERS_REQUIRED } from './servers';

export type ProxyFamily = 'tinyproxy' | 'squid' | 'microsocks' | 'dante' | 'ftpproxy' | 'modproxy';

/** One proxy of the lab. */
export interface RealProxy {
  readonly name: string;
  readonly family: ProxyFamily;
  /** Of the package of Debian that is installed, empty before that. */
  readonly version: string;
  readonly host: '127.0.0.1';
  readonly port: number;
  /** What it speaks: the schemes of the option `proxy`. */
  readonly schemes: readonly string[];
  /** Who may use it, undefined: anybody. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** A file in PEM, to be trusted as CA, where it speaks TLS. */
  readonly certificate: string | undefined;
  /** First and last, where it makes data connections of its own. */
  readonly passivePorts: readonly [first: number, last: number];
}

const PACKAGES: Readonly<Record<ProxyFamily, string>> = {
  tinyproxy: 'tinyproxy-bin', squid: 'squid', microsocks: 'microsocks', dante: 'dante-server', ftpproxy: 'ftp-proxy', modproxy: 'proftpd-mod-proxy',
};

/** dante 1.4.2 knows no SOCKS4a, and connects to 0.0.0.1. A spec kills those that are called so, and starts them again. */
const TABLE: readonly (readonly [name: string, port: number, schemes: readonly string[], access: 'open' | 'password'])[] = [
  ['tinyproxy-open', 11301, ['http'], 'open'],
  ['tinyproxy-password', 11302, ['http'], 'password'],
  ['tinyproxy-killed', 11305, ['http'], 'open'],
  ['squid-open', 11303, ['http'], 'open'],
  ['squid-tls', 11304, ['https'], 'password'],
  ['microsocks-open', 11311, ['socks5', 'socks5h'], 'open'],
  ['microsocks-password', 11312, ['socks5', 'socks5h'], 'password'],
  ['microsocks-killed', 11313, ['socks5'], 'password'],
  ['dante-open', 11321, ['socks4', 'socks5', 'socks5h'], 'open'],
  ['dante-password', 11322, ['socks5', 'socks5h'], 'password'],
  ['ftpproxy-user', 11331, ['ftp'], 'open'],
  ['modproxy-user', 11332, ['ftp'], 'open'],
];

/** Every proxy of the lab, up or not. */
export const PROXIES: readonly RealProxy[] = describeAll();

/** The proxies to test, as `realServers()` has it for servers; names and families of proxies in `FTPLIB_SERVERS` choose among them, too. */
export function realProxies(): readonly RealProxy[] {
  const named = PROXIES.filter(({ name, family }) => CHOSEN?.includes(name) || CHOSEN?.includes(family));
  const chosen = named.length > 0 ? named : PROXIES;
  if (SERVERS_REQUIRED) return chosen;
  const listening = listeningPorts();
  return chosen.filter(({ port }) => listening.has(port));
}

/** The option `proxy`; with another password than its own, if wanted. */
export function proxyURL({ host, port, user, password }: RealProxy, scheme: string, given = password): string {
  return `${scheme}://${user === undefined ? '' : `${user}:${given}@`}${host}:${port}`;
}

function describeAll(): readonly RealProxy[] {
  const versions = installedVersions();
  return TABLE.map(([name, port, schemes, access], index): RealProxy => {
    const family = name.split('-')[0] as ProxyFamily;
    const user = access === 'open' ? undefined : USER;
    return {
      name, family, version: versions.get(PACKAGES[family]) ?? '', host: '127.0.0.1', port, schemes,
      user, password: user && PASSWORD, certificate: schemes.includes('https') ? CERTIFICATE : undefined,
      passivePorts: [11_400 + index * 50, 11_449 + index * 50],
    };
  });
}
