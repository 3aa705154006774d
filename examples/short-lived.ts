import { buffer } from 'node:stream/consumers';
import { FTP } from '../lib';

/** A function that lives for one file, as in a cloud: it connects, reads, quits, and leaves nothing open, whatever happens. */
export async function handler({ url, path }: { url: string; path: string }): Promise<Buffer> {
  await using ftp = new FTP(url);
  return await buffer(ftp.retr(path));
}
