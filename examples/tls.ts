import { createWriteStream, readFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { FTP } from '../lib';

/** Downloads a file over TLS from a server whose certificate is signed by an authority of one's own. */
export async function tls(host: string, port: number): Promise<void> {
  const ftp = new FTP({
    host,
    port,
    user: 'user',
    password: 'secret',
    secure: 'explicit',
    tls: { ca: readFileSync('ca.pem') },
  });
  await pipeline(ftp.retr('pub/README'), createWriteStream('README.copy'));
  await ftp.quit();
}
