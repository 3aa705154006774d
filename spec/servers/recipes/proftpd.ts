import { join } from 'node:path';
import { CERTIFICATE, KEY, LAB, PUB, USER, packageFolder } from '../lab';
import { UPSTREAM_PORT, type RealServer } from '../servers';
import type { Recipe } from './recipe';

/**
 * ProFTPD: ModulePath must come first, and be one folder with the modules of both packages.
 * There is no TLSSessionCache: mod_tls_shmcache 1.3.8 dies of the second TLS 1.3 handshake, and resumption works without it.
 */
export function proftpd(server: RealServer, configFile: string): Recipe {
  const config = `
ModulePath ${packageFolder('proftpd-modules')}
ServerName "ProFTPD test"
ServerType standalone
DefaultAddress 127.0.0.1 ::1
SocketBindTight on
UseIPv6 on
${settings(server)}AuthOrder mod_auth_file.c
AuthUserFile ${LAB}/conf/proftpd.passwd
AuthGroupFile ${LAB}/conf/proftpd.group
RequireValidShell off
DefaultRoot ~
Umask 022
AllowOverwrite on
AllowRetrieveRestart on
AllowStoreRestart on
TimesGMT on
UseEncoding on
LoadModule mod_deflate.c
DeflateEngine on
LoadModule mod_digest.c
DigestEngine on
LoadModule mod_site_misc.c
LoadModule mod_copy.c
<Directory />
  <Limit SITE_CHMOD>
    AllowAll
  </Limit>
</Directory>
<Anonymous ${PUB}>
  User ftp
  Group nogroup
  UserAlias anonymous ftp
  RequireValidShell off
  <Limit WRITE>
    DenyAll
  </Limit>
</Anonymous>
${server.tls === 'none' ? '' : tls(server)}
`;
  return { command: [join(packageFolder('proftpd-core'), 'usr/sbin/proftpd'), '-n', '-q', '-c', configFile], config };
}

/** ProFTPD as a proxy in front of another server, which has the users. mod_proxy needs the symbols of mod_tls. @param role the lines that say what kind of proxy it is */
export function modproxy(server: Started, configFile: string, role = `ProxyRole reverse\nProxyReverseServers ftp://127.0.0.1:${UPSTREAM_PORT}`): Recipe {
  const config = `
ModulePath ${packageFolder('proftpd-modules')}
LoadModule mod_tls.c
LoadModule mod_proxy.c
ServerName "ProFTPD proxy"
ServerType standalone
DefaultAddress 127.0.0.1
SocketBindTight on
UseIPv6 off
${settings(server)}ProxyEngine on
${role}
ProxyTables ${LAB}/run/${server.name}.tables
ProxyLog ${LAB}/log/${server.name}.proxy
`;
  return { command: [join(packageFolder('proftpd-core'), 'usr/sbin/proftpd'), '-n', '-q', '-c', configFile], config };
}

type Started = Pick<RealServer, 'name' | 'port' | 'passivePorts'>;

/** What both have in common. */
function settings(server: Started): string {
  return `Port ${server.port}
PassivePorts ${server.passivePorts.join(' ')}
MaxInstances 500
User ${USER}
Group ${USER}
PidFile ${LAB}/run/${server.name}.proftpd
ScoreboardFile ${LAB}/run/${server.name}.score
SystemLog ${LAB}/log/${server.name}.proftpd
TransferLog NONE
WtmpLog off
UseReverseDNS off
<IfModule mod_delay.c>
  DelayEngine off
</IfModule>
<IfModule mod_ctrls.c>
  ControlsEngine off
</IfModule>
AuthPAM off
`;
}

function tls(server: RealServer): string {
  const options = ['AllowClientRenegotiations'];
  if (server.tls !== 'reuse') options.push('NoSessionReuseRequired');
  if (server.tls === 'implicit') options.push('UseImplicitSSL');
  return `
LoadModule mod_tls.c
TLSEngine on
TLSLog ${LAB}/log/${server.name}.tls
TLSProtocol ${server.tlsMax === 'TLSv1.2' ? 'TLSv1.2' : 'TLSv1.2 TLSv1.3'}
TLSRSACertificateFile ${CERTIFICATE}
TLSRSACertificateKeyFile ${KEY}
TLSVerifyClient off
# Each session would read all of the system's authorities, which takes 30 ms.
TLSCACertificateFile ${CERTIFICATE}
TLSRequired on
TLSOptions ${options.join(' ')}
`;
}
