import { FTP } from '../lib';

/** Asks for many sizes in a few round trips. */
export async function sizes(url: string, paths: string[]): Promise<number[]> {
  const ftp = new FTP(url);
  const bytes = await Promise.all(paths.map((path) => ftp.size(path)));
  await ftp.quit();
  return bytes;
}
