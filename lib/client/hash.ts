import type { FTP } from './ftp';

/**
 * A file's hash as the server computes it, in lower-case hex: see `FTP.hash`.
 *
 * @param algorithm `sha512`, `sha384`, `sha256`, `sha1`, `md5` or `crc32`; default: the strongest that the server offers
 * @throws ArgumentError for another; UnsupportedError when the server does not offer it; PermanentError when there is no such file
 */
export async function hash(remote: Pick<FTP, 'hash'>, path: string, algorithm?: string): Promise<string> {
  return remote.hash(path, algorithm);
}
