import type { Command } from '../control/command';
import { isFTPError } from '../errors';
import { checkNames, FTP_OPTIONS, type FTPOptions } from '../options';
import type { RetrStream } from '../transfer/retr-stream';
import { download } from '../transfer/streams';
import { parseFTPURL } from '../url';
import { FTP } from './ftp';

/**
 * What an `ftp://`, `ftpes://` (explicit TLS) or `ftps://` (implicit TLS) URL names, as a Readable of bytes on a connection of its own,
 * which is closed with the stream (RFC 1738, 3.2). Nothing is sent before the first read.
 *
 * `;type=a` is TYPE A, `;type=d` the names in a folder (NLST); a path that ends in `/` is listed (LIST).
 *
 * @param options override what the URL says, and add what it cannot say
 * @throws ArgumentError for a URL that is none of ours; its message has no credentials
 */
export function open(url: string | URL, options: FTPOptions = {}): RetrStream {
  checkNames(options, FTP_OPTIONS);
  const parsed = parseFTPURL(url);
  const ftp = new FTP({ ...parsed.options, ...options });
  const text = parsed.type === 'a' || parsed.type === 'd' || parsed.name === '';
  const stream = download(ftp, commandFor(ftp, parsed.type, parsed.name, parsed.path), {}, text ? 'A' : 'I');
  stream.once('close', () => void leave(ftp, stream.readableEnded));
  return stream;
}

function commandFor({ session }: FTP, type: 'i' | 'a' | 'd' | undefined, name: string, path: string): Command {
  const argument = path === '' ? undefined : path;
  if (type === 'd') return session.command('NLST', argument);
  return name === '' ? session.command('LIST', argument) : session.command('RETR', argument);
}

async function leave(ftp: FTP, politely: boolean): Promise<void> {
  try {
    if (politely) await ftp.quit();
  } catch (error) {
    if (!isFTPError(error)) throw error; // the file is whole, whatever became of the QUIT
  } finally {
    ftp.close();
  }
}
