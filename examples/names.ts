import { FTP } from '../lib';

/** Lists a folder as the server puts it: names, and lines. */
export async function names(url: string): Promise<string[]> {
  const found: string[] = [];
  const ftp = new FTP(url);
  for await (const name of ftp.nlst('pub')) found.push(name);
  for await (const line of ftp.dir('pub')) console.log(line);
  await ftp.quit();
  return found;
}
