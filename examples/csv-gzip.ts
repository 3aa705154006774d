import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { FTP } from '../lib';

/** Takes a table from one server, leaves out rows, and stores the rest compressed on another. Nothing is kept here, and no half table is seen there. */
export async function archiveOrders(fromURL: string, table: string, toURL: string, archive: string): Promise<void> {
  await using from = new FTP(fromURL);
  await using to = new FTP(toURL);
  await pipeline(from.retrlines(`RETR ${table}`), paid, createGzip(), to.stor(archive, { temporaryName: true }));
}

async function* paid(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) {
    const row = line.replace(/\r$/, ''); // a table from Windows comes with CR CR LF from Pure-FTPd
    if (!row.endsWith(',open')) yield `${row}\n`;
  }
}
