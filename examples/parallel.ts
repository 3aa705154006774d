import { pipeline } from 'node:stream/promises';
import { FTPPool } from '../lib';

/** Downloads a tree on several connections, with a line that tells how far it is. */
export async function parallel(host: string, port: number, show: (line: string) => void): Promise<void> {
  const pool = new FTPPool({ host, port, user: 'user', password: 'secret', connections: 4 });
  let files = 0;
  let megabytes = 0;
  for await (const { action, bytes } of pool.downloadTree('pub', 'copy')) {
    if (action !== 'downloaded') continue;
    files += 1;
    megabytes += bytes / 1e6;
    show(`\r${files} files, ${megabytes.toFixed(1)} MB`);
  }
  await pool.quit();
}

/** Copies a file on one server, through us: on a pool, the download and the upload have a connection each. */
export async function duplicate(url: string): Promise<void> {
  const pool = new FTPPool(url);
  await pipeline(pool.retr('pub/README'), pool.stor('incoming/README'));
  await pool.quit();
}
