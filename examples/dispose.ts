import { FTP } from '../lib';

/** Says goodbye by itself at the end of the block. */
export async function workingFolder(url: string): Promise<string> {
  await using ftp = new FTP(url);
  return await ftp.pwd();
}
