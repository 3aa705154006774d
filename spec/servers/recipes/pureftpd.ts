import { join } from 'node:path';
import { KEY_AND_CERTIFICATE, LAB, packageFolder } from '../lab';
import type { RealServer } from '../servers';
import type { Recipe } from './recipe';

/** Pure-FTPd: options only. Anonymous users get the home folder of the system's user `ftp`. */
export function pureftpd(server: RealServer): Recipe {
  const command: [string, ...string[]] = [
    join(packageFolder('pure-ftpd'), 'usr/sbin/pure-ftpd'),
    ...['-S', `${server.host},${server.port}`, '-p', server.passivePorts.join(':'), '-g', join(LAB, 'run', `${server.name}.pureftpd`)],
    ...['-l', `puredb:${LAB}/conf/pureftpd.pdb`, '-u', '100', '-U', '133:022', '-O', `clf:${LAB}/log/${server.name}.clf`],
    // chroot for all, no reverse DNS, dot files for anonymous users; 400 clients, 200 from one address, idle for 15 minutes
    ...['-A', '-H', '-z', '-c', '400', '-C', '200', '-I', '15'],
  ];
  if (server.tls !== 'none') command.push('-Y', server.tls === 'required' ? '3' : '1', '-2', KEY_AND_CERTIFICATE);
  return { command };
}
