import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Everything that is generated or downloaded lives below this folder: `FTPLIB_LAB`, default `ftplib-lab` in the system's temporary folder. */
export const LAB = process.env['FTPLIB_LAB'] ?? join(tmpdir(), 'ftplib-lab');

/** The system user whose files the servers serve, and the password for FTP. */
export const USER = 'ftplib';
export const PASSWORD = 'secret';

/** The writable tree of that user, and the read-only one for anonymous users; every server shows the same two. */
export const HOME = join(LAB, 'home');
export const PUB = join(LAB, 'pub');

/** Self-signed for localhost, 127.0.0.1 and ::1, so that it is its own CA file; the third has key and certificate in one. */
export const CERTIFICATE = join(LAB, 'tls/cert.pem');
export const KEY = join(LAB, 'tls/key.pem');
export const KEY_AND_CERTIFICATE = join(LAB, 'tls/server.pem');

/** Where the unpacked Debian package with that name is. */
export function packageFolder(name: string): string {
  return join(LAB, 'packages', name);
}

/** The text of a file, empty if there is no such file. */
export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
