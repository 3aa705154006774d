import { FTP, FTPPool } from '../lib';

/** Goes on with what an earlier run of this program has left. */
export async function resumedDownload(url: string): Promise<number> {
  const ftp = new FTP(url);
  const { resumedFrom } = await ftp.get('pub/image.iso', 'image.iso', { resume: true });
  await ftp.quit();
  return resumedFrom;
}

/** Fetches four parts of a file at the same time, and compares the whole with the server's hash. */
export async function segmented(url: string): Promise<void> {
  const pool = new FTPPool(url);
  await pool.get('pub/image.iso', 'image.iso', { segments: 4, verify: 'hash' });
  await pool.quit();
}
