import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { FTP } from '../lib';

/** Compares what arrives, in both directions, with the hash that the server computes of its file. */
export async function verified(url: string): Promise<string> {
  const ftp = new FTP(url);
  await pipeline(ftp.retr('pub/image.iso', { verify: 'hash' }), createWriteStream('image.iso'));
  await pipeline(createReadStream('photo.jpg'), ftp.stor('incoming/photo.jpg', { verify: 'hash' }));
  const checksum = await ftp.hash('pub/image.iso', 'sha256');
  await ftp.quit();
  return checksum;
}
