import { join } from 'node:path';
import { CERTIFICATE, HOME, KEY, LAB, PUB, packageFolder } from '../lab';
import type { RealServer } from '../servers';
import type { Recipe } from './recipe';

/** vsftpd: its configuration must belong to root and nobody else may write it; IPv4 and IPv6 need an instance each. */
export function vsftpd(server: RealServer, configFile: string): Recipe {
  const [first, last] = server.passivePorts;
  const config = `
${server.host === '::1' ? 'listen=NO\nlisten_ipv6=YES\nlisten_address6=::1' : 'listen=YES\nlisten_address=127.0.0.1'}
listen_port=${server.port}
pasv_min_port=${first}
pasv_max_port=${last}
max_clients=500
max_per_ip=500
background=NO
anonymous_enable=YES
no_anon_password=YES
anon_root=${PUB}
local_enable=YES
local_root=${HOME}
local_umask=022
write_enable=YES
chroot_local_user=YES
allow_writeable_chroot=YES
secure_chroot_dir=${LAB}/empty
# The PAM service that every system has: nothing needs to be put into /etc/pam.d.
pam_service_name=other
check_shell=NO
use_localtime=NO
mdtm_write=YES
ls_recurse_enable=YES
ascii_upload_enable=YES
ascii_download_enable=YES
connect_from_port_20=NO
# Containers often forbid what these need.
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
xferlog_enable=NO
vsftpd_log_file=${LAB}/log/${server.name}.vsftpd
${server.tls === 'none' ? '' : tls(server)}
${server.name === 'vsftpd-strict' ? 'strict_ssl_read_eof=YES\nstrict_ssl_write_shutdown=YES' : ''}
${server.name === 'vsftpd-abor' ? 'async_abor_enable=YES' : ''}
`;
  const command: Recipe['command'] = [join(packageFolder('vsftpd'), 'usr/sbin/vsftpd'), configFile];
  // vsftpd 3.0.3 has no option for the TLS version; OpenSSL's own configuration caps it.
  return server.tlsMax === 'TLSv1.2' ? { command, config, env: { OPENSSL_CONF: join(LAB, 'tls/tls12.cnf') } } : { command, config };
}

/** ssl_ciphers: the default, DES-CBC3-SHA, is in no OpenSSL of today. */
function tls(server: RealServer): string {
  return `
ssl_enable=YES
rsa_cert_file=${CERTIFICATE}
rsa_private_key_file=${KEY}
allow_anon_ssl=YES
force_local_logins_ssl=YES
force_local_data_ssl=YES
ssl_ciphers=HIGH
require_ssl_reuse=${server.tls === 'reuse' ? 'YES' : 'NO'}
implicit_ssl=${server.tls === 'implicit' ? 'YES' : 'NO'}
`;
}
