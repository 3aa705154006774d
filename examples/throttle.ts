import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { FTPPool, progress, throttle } from '../lib';

/** Two downloads that share one rate; the second one reports how far it is. */
export async function gently(url: string, bytesPerSecond: number): Promise<void> {
  const pool = new FTPPool(url);
  const limit = throttle(bytesPerSecond);
  const total = await pool.size('pub/image.iso');
  const meter = progress({ total }, ({ percent, rate, eta }) => console.log(`${percent} %, ${rate} bytes/s, ${eta} s left`));
  await Promise.all([
    pipeline(pool.retr('pub/README'), limit(), createWriteStream('README.copy')),
    pipeline(pool.retr('pub/image.iso'), limit(), meter, createWriteStream('image.iso')),
  ]);
  await pool.quit();
}
