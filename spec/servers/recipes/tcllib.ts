import { join } from 'node:path';
import { HOME, PASSWORD, USER } from '../lab';
import type { RealServer } from '../servers';
import type { Recipe } from './recipe';

/** The ftpd of tcllib, a library; Tcl cannot change its user, so that setpriv(1) does. */
export function tcllib(server: RealServer): Recipe {
  return {
    command: ['setpriv', '--reuid', USER, '--regid', USER, '--clear-groups', 'tclsh', join(__dirname, 'ftpd.tcl'), String(server.port)],
    env: { FTP_USER: USER, FTP_PASSWORD: PASSWORD, FTP_HOME: HOME },
  };
}
