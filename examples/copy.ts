import { FTP, ftpcp } from '../lib';

/** Copies a file from one server to another; the bytes do not pass through here. */
export async function copy(sourceURL: string, targetURL: string): Promise<void> {
  const source = new FTP(sourceURL);
  const target = new FTP(targetURL);
  await ftpcp(source, 'pub/README', target, 'incoming/README');
  await Promise.all([source.quit(), target.quit()]);
}
