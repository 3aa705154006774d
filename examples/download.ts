import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { FTP } from '../lib';

/** Downloads a file. */
export async function download(url: string): Promise<void> {
  const ftp = new FTP(url);
  await pipeline(ftp.retr('pub/README'), createWriteStream('README.copy'));
  await ftp.quit();
}
