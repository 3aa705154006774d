import { FTP, mirror } from '../lib';

/** Makes a local folder like one on the server: only what differs is transferred. */
export async function mirrorDown(url: string): Promise<void> {
  const ftp = new FTP(url);
  for await (const { action, path, error } of mirror({ from: { client: ftp, path: 'pub' }, to: 'copy', delete: true, continueOnError: true })) {
    if (action !== 'skipped') console.log(action, path, error?.message ?? '');
  }
  await ftp.quit();
}

/** Makes a folder on the server like a local one. */
export async function mirrorUp(url: string): Promise<void> {
  const ftp = new FTP(url);
  for await (const { action, path } of mirror({ from: 'copy', to: { client: ftp, path: 'incoming' } })) console.log(action, path);
  await ftp.quit();
}
