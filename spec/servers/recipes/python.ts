import { join } from 'node:path';
import { KEY_AND_CERTIFICATE, HOME, PASSWORD, PUB, USER } from '../lab';
import type { RealServer } from '../servers';
import type { Recipe } from './recipe';

/** Debian's Python: the packages are installed for no other. */
export const PYTHON = '/usr/bin/python3';

/** pyftpdlib, aioftp and Twisted, which are libraries. */
export function python(server: RealServer): Recipe {
  return {
    command: [PYTHON, join(__dirname, 'pyserver.py'), server.family, server.tls, String(server.port), ...server.passivePorts.map(String)],
    env: { FTP_USER: USER, FTP_PASSWORD: PASSWORD, FTP_HOME: HOME, FTP_PUB: PUB, FTP_PEM: KEY_AND_CERTIFICATE },
  };
}
