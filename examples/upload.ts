import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { FTP } from '../lib';

/** Uploads a file. */
export async function upload(url: string): Promise<void> {
  const ftp = new FTP(url);
  await pipeline(createReadStream('photo.jpg'), ftp.stor('incoming/photo.jpg'));
  await ftp.quit();
}
