import { FTP } from '../lib';

/** Uploads over a line that is lost now and then; nobody sees half a file. */
export async function reliableUpload(url: string): Promise<void> {
  const ftp = new FTP(url);
  const { bytes, retries } = await ftp.put('photo.jpg', 'incoming/photo.jpg');
  console.log(`${bytes} bytes, ${retries} retries`);
  await ftp.quit();
}

/** Goes on with what an earlier run of this program has left on the server. */
export async function resumedUpload(url: string): Promise<number> {
  const ftp = new FTP(url);
  const { resumedFrom } = await ftp.put('photo.jpg', 'incoming/photo.jpg', { resume: true });
  await ftp.quit();
  return resumedFrom;
}
