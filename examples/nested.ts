import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { FTP } from '../lib';

/** Downloads what it lists while it still lists, on one connection. */
export async function nested(url: string): Promise<void> {
  const ftp = new FTP(url);
  await ftp.cwd('pub');
  for await (const name of ftp.nlst()) {
    await pipeline(ftp.retr(name), createWriteStream(name));
  }
  await ftp.quit();
}
