import { FTP } from '../lib';

/** Adds up the sizes of all files of a kind, in all folders. */
export async function sizeOfAll(url: string, glob: string): Promise<number> {
  const ftp = new FTP(url);
  let total = 0;
  for await (const entry of ftp.walk('pub', { filter: glob })) {
    if (entry.type === 'file') total += entry.size ?? 0;
  }
  await ftp.quit();
  return total;
}
