import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { FTP } from '../lib';

/** Takes a table from one server, leaves out rows, and stores the rest compressed on another. Nothing is kept here, and no half table is seen there. */
export async function archiveOrders(fromURL: string, toURL: string): Promise<void> {
  await using from = new FTP(fromURL);
  await using to = new FTP(toURL);
  await pipeline(from.retrlines('RETR orders.csv'), paid, createGzip(), to.stor('archive/orders.csv.gz', { temporaryName: true }));
}

async function* paid(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) if (!line.endsWith(',open')) yield `${line}\n`;
}
