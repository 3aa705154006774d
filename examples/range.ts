import { buffer } from 'node:stream/consumers';
import { FTP } from '../lib';

/** Reads some bytes out of a file: both ends count from 0, and both belong to it. */
export async function range(url: string): Promise<Buffer> {
  const ftp = new FTP(url);
  const header = await buffer(ftp.retr('pub/image.iso', { start: 512, end: 1023 }));
  await ftp.quit();
  return header;
}
