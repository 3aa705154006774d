import { join } from 'node:path';
import { CERTIFICATE, KEY, LAB, packageFolder, USER } from '../lab';
import type { RealProxy } from '../proxies';
import { ftpproxy } from './ftpproxy';
import { modproxy } from './proftpd';
import type { Recipe } from './recipe';

/** CONNECT to any port. By itself it takes 100 clients. */
export function tinyproxy({ port, user, password }: RealProxy, configFile: string): Recipe {
  const config = `
User ${USER}
Group ${USER}
Port ${port}
Listen 127.0.0.1
Timeout 600
MaxClients 500
LogLevel Warning
${user === undefined ? '' : `BasicAuth ${user} ${password}`}
`;
  return { command: [join(packageFolder('tinyproxy-bin'), 'usr/bin/tinyproxy'), '-d', '-c', configFile], config };
}

/** In TLS as well. What its package would put into the system's folders is in its own. */
export function squid({ name, port, user, certificate }: RealProxy, configFile: string): Recipe {
  const common = packageFolder('squid-common');
  const config = `
${certificate === undefined ? `http_port 127.0.0.1:${port}` : `https_port 127.0.0.1:${port} tls-cert=${CERTIFICATE} tls-key=${KEY}`}
${user === undefined ? 'http_access allow all' : access()}
cache_effective_user ${USER}
cache deny all
access_log none
cache_log ${LAB}/log/squid/${name}
cache_store_log none
pid_filename none
netdb_filename none
unlinkd_program ${packageFolder('squid')}/usr/lib/squid/unlinkd
logfile_daemon ${packageFolder('squid')}/usr/lib/squid/log_file_daemon
pinger_enable off
coredump_dir ${LAB}/log/squid
mime_table ${common}/usr/share/squid/mime.conf
icon_directory ${common}/usr/share/squid/icons
error_directory ${packageFolder('squid-langpack')}/usr/share/squid-langpack/en
max_filedescriptors 4096
shutdown_lifetime 1 second
half_closed_clients on
visible_hostname localhost
`;
  return { command: [join(packageFolder('squid'), 'usr/sbin/squid'), '-N', '-f', configFile], config };

  function access(): string {
    return `auth_param basic program ${packageFolder('squid')}/usr/lib/squid/basic_ncsa_auth ${LAB}/conf/squid.passwd
auth_param basic children 2
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all`;
  }
}

export function microsocks({ port, user, password }: RealProxy): Recipe {
  const access = user === undefined || password === undefined ? [] : ['-u', user, '-P', password];
  return { command: [join(packageFolder('microsocks'), 'usr/bin/microsocks'), '-i', '127.0.0.1', '-p', String(port), ...access] };
}

/** Its users are those of the system. */
export function dante({ name, port, user }: RealProxy, configFile: string): Recipe {
  const config = `
logoutput: stderr
internal: 127.0.0.1 port = ${port}
external: 127.0.0.1
socksmethod: ${user === undefined ? 'none' : 'username'}
clientmethod: none
user.privileged: root
user.unprivileged: ${USER}
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 log: error }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 log: error }
`;
  return { command: [join(packageFolder('dante-server'), 'usr/sbin/danted'), '-f', configFile, '-p', `${LAB}/run/${name}.danted`], config };
}

/** SuSE's ftp-proxy, which leads to the server that the user names. */
export function forwardingFtpproxy(proxy: RealProxy, configFile: string): Recipe {
  return ftpproxy(proxy, configFile, 'AllowMagicUser yes\n');
}

/** ProFTPD's mod_proxy, which leads to the server that the user names. With a login of its own before (proxyuser,user@host) version 0.9.3 ends the session. */
export function forwardingModproxy(proxy: RealProxy, configFile: string): Recipe {
  const role = `
<Class loopback>
  From 127.0.0.0/8
  ProxyForwardEnabled on
</Class>
ProxyRole forward
ProxyForwardMethod user@host
ProxyForwardTo ^.*$`;
  return modproxy(proxy, configFile, role);
}
