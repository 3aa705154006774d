import { join } from 'node:path';
import { HOME, LAB, packageFolder } from '../lab';
import type { RealServer } from '../servers';
import type { Recipe } from './recipe';

/** Globus GridFTP: without -port-range, because it lacks SO_REUSEADDR there and runs out of ports after 100 transfers a minute. */
export function gridftp(server: RealServer): Recipe {
  const program = join(packageFolder('globus-gridftp-server-progs'), 'usr/sbin/globus-gridftp-server');
  return {
    command: [
      program,
      ...['-s', '-f', '-exec', program, '-p', String(server.port), '-control-interface', server.host, '-data-interface', server.host],
      ...['-password-file', join(LAB, 'conf/gridftp.passwd'), '-aa', '-anonymous-user', 'ftp', '-anonymous-group', 'nogroup'],
      ...['-l', join(LAB, 'log', `${server.name}.gridftp`), '-log-level', 'ERROR,WARN', '-no-cas'],
    ],
    env: { HOME },
  };
}
