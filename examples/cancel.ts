import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FTP } from '../lib';

/** Ends a download by an AbortSignal. */
export async function cancelBySignal(url: string, target: Writable, signal: AbortSignal): Promise<string> {
  const ftp = new FTP(url);
  try {
    await pipeline(ftp.retr('pub/big'), target, { signal });
    return 'complete';
  } catch (error) {
    if (!signal.aborted) throw error;
    return `cancelled, and still logged in: ${await ftp.pwd()}`;
  } finally {
    await ftp.quit();
  }
}

/** Reads the beginning of a file and leaves. */
export async function firstChunk(url: string): Promise<Buffer | undefined> {
  const ftp = new FTP(url);
  try {
    for await (const chunk of ftp.retr('pub/big')) return chunk; // leaving the loop ends the transfer
    return undefined;
  } finally {
    await ftp.quit();
  }
}

/** Ends a download by destroying its stream. */
export async function destroyed(url: string): Promise<number> {
  const ftp = new FTP(url);
  const stream = ftp.retr('pub/big');
  stream.once('data', () => stream.destroy());
  const size = await ftp.size('pub/big'); // waits for its turn, which comes as soon as the transfer has ended
  await ftp.quit();
  return size;
}
