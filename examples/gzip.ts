import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { FTP } from '../lib';

/** Compresses on the way up. */
export async function gzip(url: string): Promise<void> {
  const ftp = new FTP(url);
  await pipeline(createReadStream('photo.jpg'), createGzip(), ftp.stor('incoming/photo.jpg.gz'));
  await ftp.quit();
}
