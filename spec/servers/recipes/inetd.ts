import { join } from 'node:path';
import { packageFolder } from '../lab';
import type { RealServer } from '../servers';
import { PYTHON } from './python';
import type { Recipe } from './recipe';

/** GNU inetutils ftpd and the BSD ftpd of the package ftpd-ssl: one process per connection, and passive ports of the kernel's choice. */
export function inetutils(server: RealServer): Recipe {
  return { command: inetd(server, join(packageFolder('inetutils-ftpd'), 'usr/sbin/ftpd'), '-a', 'default', '-l', '-u', '022') };
}

/** TLS of ftpd-ssl 0.17.36+really0.17-2 is broken in Debian 12 (it never loads its certificate), so it is off. */
export function ftpdssl(server: RealServer): Recipe {
  return { command: inetd(server, join(packageFolder('ftpd-ssl'), 'usr/sbin/in.ftpd'), '-n', '-l', '-u', '022', '-z', 'nossl') };
}

function inetd(server: RealServer, program: string, ...args: string[]): Recipe['command'] {
  return [PYTHON, join(__dirname, 'inetd.py'), String(server.port), server.hosts.join(), '--', program, ...args];
}
