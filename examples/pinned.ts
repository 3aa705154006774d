import { FTP } from '../lib';

/** The working folder of a server that has to show one certain certificate, whatever it says that its name is. */
export async function pinned(host: string, port: number, certificate: string, pin: string): Promise<string> {
  const ftp = new FTP({
    host,
    port,
    user: 'user',
    password: 'secret',
    secure: 'explicit',
    tls: {
      ca: certificate,
      checkServerIdentity: (_host, { fingerprint256 }) => (fingerprint256 === pin ? undefined : new Error('not the pinned certificate')),
    },
  });
  try {
    return await ftp.pwd();
  } finally {
    ftp.close();
  }
}
