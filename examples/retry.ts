import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { FTP } from '../lib';

/** Downloads over a line that is lost now and then: the stream pauses, and goes on. */
export async function retry(url: string): Promise<void> {
  const ftp = new FTP(url);
  const download = ftp.retr('pub/image.iso', { retry: { attempts: 10, backoff: 100 } });
  download.on('retry', ({ attempt, delay, error }) => console.log(`retry ${attempt} in ${delay} ms: ${error.message}`));
  await pipeline(download, createWriteStream('image.iso'));
  await ftp.quit();
}
