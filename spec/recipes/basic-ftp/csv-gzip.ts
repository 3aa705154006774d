import { Client } from 'basic-ftp';
import { PassThrough, type Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

type Account = { host: string; port: number; user: string; password: string };

/** Takes a table from one server, leaves out rows, and stores the rest compressed on another. */
export async function archiveOrders(fromAccount: Account, table: string, toAccount: Account, archive: string): Promise<void> {
  const from = new Client();
  const to = new Client();
  try {
    await Promise.all([from.access(fromAccount), to.access(toAccount)]);
    const rows = new PassThrough();
    const compressed = new PassThrough();
    await Promise.all([
      from.downloadTo(rows, table).catch((error: Error) => rows.destroy(error)),
      pipeline(rows, paid, createGzip(), compressed),
      to.uploadFrom(compressed, `${archive}.part`),
    ]);
    await to.rename(`${archive}.part`, archive);
  } finally {
    from.close();
    to.close();
  }
}

async function* paid(table: Readable): AsyncGenerator<string> {
  for await (const line of createInterface({ input: table, crlfDelay: Infinity })) if (!line.endsWith(',open')) yield `${line}\n`;
}
