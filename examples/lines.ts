import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FTP } from '../lib';

/** Uploads and downloads text, whose line ends are CRLF on the wire only. */
export async function lines(url: string): Promise<string[]> {
  const ftp = new FTP(url);
  await pipeline(Readable.from(['one\ntwo\n']), ftp.storlines('STOR incoming/notes'));
  const found: string[] = [];
  for await (const line of ftp.retrlines('RETR incoming/notes')) found.push(line);
  await ftp.quit();
  return found;
}
