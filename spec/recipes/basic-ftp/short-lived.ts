import { Client } from 'basic-ftp';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';

/** A function that lives for one file. */
export async function handler({ account, path }: { account: { host: string; port: number; user: string; password: string }; path: string }): Promise<Buffer> {
  const client = new Client();
  try {
    await client.access(account);
    const target = new PassThrough();
    const [bytes] = await Promise.all([buffer(target), client.downloadTo(target, path)]);
    return bytes;
  } finally {
    client.close();
  }
}
