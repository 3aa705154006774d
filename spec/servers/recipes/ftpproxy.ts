import { join } from 'node:path';
import { LAB, packageFolder, USER } from '../lab';
import { UPSTREAM_PORT, type RealServer } from '../servers';
import type { Recipe } from './recipe';

/** SuSE's ftp-proxy; its log must be in a folder of its user. By itself it takes 40 clients a minute. @param more lines of its configuration */
export function ftpproxy(server: Pick<RealServer, 'port'>, configFile: string, more = ''): Recipe {
  const config = `
[-Global-]
DestinationAddress 127.0.0.1
DestinationPort ${UPSTREAM_PORT}
ForkLimit 100000
MaxClients 500
User ${USER}
Group ${USER}
Listen 127.0.0.1
Port ${server.port}
ServerType standalone
LogDestination ${LAB}/log/ftp-proxy/log
${more}`;
  return { command: [join(packageFolder('ftp-proxy'), 'usr/sbin/ftp-proxy'), '-n', '-d', '-f', configFile], config };
}
