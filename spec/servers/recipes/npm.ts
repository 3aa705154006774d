import { dirname, join } from 'node:path';
import { HOME, KEY_AND_CERTIFICATE, PASSWORD, PUB, USER } from '../lab';
import type { RealServer } from '../servers';
import type { Recipe } from './recipe';

/** ftp-srv, ftpd and simple-ftpd, which are libraries; on the Node that runs the specs. */
export function npm(server: RealServer): Recipe {
  return {
    command: [process.execPath, join(dirname(__dirname), 'npm/server.cjs'), server.family, server.tls, String(server.port), ...server.passivePorts.map(String)],
    env: { FTP_USER: USER, FTP_PASSWORD: PASSWORD, FTP_HOME: HOME, FTP_PUB: PUB, FTP_PEM: KEY_AND_CERTIFICATE },
  };
}
