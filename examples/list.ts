import { FTP } from '../lib';

/** Lists a folder as entries. */
export async function list(url: string): Promise<void> {
  const ftp = new FTP(url);
  for await (const entry of ftp.list('pub')) {
    console.log(entry.type, entry.name, entry.size, entry.modified);
  }
  await ftp.quit();
}
