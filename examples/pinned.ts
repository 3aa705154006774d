import { FTP } from '../lib';

/** The working folder of a server that signs for itself: it has to show one certain certificate, whatever that says of its name. */
export async function pinned(host: string, port: number, pin: string): Promise<string> {
  const ftp = new FTP({ host, port, user: 'user', password: 'secret', secure: 'explicit', pin });
  try {
    return await ftp.pwd();
  } finally {
    ftp.close();
  }
}
