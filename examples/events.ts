import { FTP } from '../lib';

/** Shows what is said on the control connection; passwords are not. */
export async function transcript(url: string): Promise<string[]> {
  const lines: string[] = [];
  const ftp = new FTP(url);
  ftp.on('command', (line) => lines.push(`> ${line}`));
  ftp.on('reply', (reply) => lines.push(`< ${reply}`));
  await ftp.noop();
  await ftp.quit();
  return lines;
}
