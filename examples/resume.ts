import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { FTP } from '../lib';

/** Goes on with a download that was cut short. */
export async function resume(url: string): Promise<void> {
  const ftp = new FTP(url);
  const { size: start } = await stat('image.iso');
  await pipeline(ftp.retr('pub/image.iso', { start }), createWriteStream('image.iso', { flags: 'a' }));
  await ftp.quit();
}
