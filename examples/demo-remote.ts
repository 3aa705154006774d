import { open } from '../lib';
import { receive } from './receive';

/** Downloads what the URL names and tells its size and checksum; nothing is kept. */
export async function demoRemote(url: string): Promise<void> {
  const download = open(url); // refuses what is no FTP URL, without showing its password
  const { protocol, host, pathname } = new URL(url);
  console.log(`reading ${protocol}//${host}${pathname}`);
  const { bytes, checksum, seconds } = await receive(download);
  console.log(`complete: ${bytes} bytes in ${seconds.toFixed(2)} s, SHA-256 ${checksum}`);
}
