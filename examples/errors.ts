import { FTP, isFTPError, PermanentError, TemporaryError } from '../lib';

/** Tells apart what can go wrong. */
export async function errors(url: string): Promise<string> {
  const ftp = new FTP(url);
  try {
    return `${await ftp.size('pub/missing')} bytes`;
  } catch (error) {
    if (error instanceof PermanentError) return `no: ${error.reply?.code}`; // 5yz
    if (error instanceof TemporaryError) return 'try again later'; // 4yz
    if (isFTPError(error)) return `failed: ${error.message}`; // network, time, protocol …
    throw error;
  } finally {
    ftp.close();
  }
}
