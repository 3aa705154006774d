import { FTP } from '../lib';

/** Logs in with what a netrc file says about the host; `netrc: true` stands for `~/.netrc`. */
export async function greet(host: string, port: number, file: string): Promise<string> {
  const ftp = new FTP({ host, port, netrc: file });
  const folder = await ftp.pwd();
  await ftp.quit();
  return folder;
}
