import { createWriteStream } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { text } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';
import { FTP, FTPPool, open, progress, type Entry, type Reply, type RetrStream, type RetryEvent, type SegmentedDownload, type TypedReadable } from 'ftplib';

const ftp = new FTP('ftp://localhost');
const named = new FTP(new URL('ftp://localhost'));
const pool = new FTPPool({ host: 'localhost', connections: 2 });

export async function bytes(): Promise<Buffer> {
  const download: RetrStream = ftp.retr('a', { retry: true });
  download
    .on('open', (reply) => expectReply(reply))
    .once('reply', (reply) => expectReply(reply))
    .addListener('retry', ({ attempt, delay, error, offset }) => attempt + delay + error.message.length + offset)
    .prependListener('data', (chunk) => chunk.equals(chunk))
    .prependOnceListener('error', (error) => error.message)
    .on('end', () => undefined)
    .on('readable', () => download.read()?.subarray(1));
  const heard = ({ attempt }: RetryEvent): number => attempt;
  download.on('retry', heard).off('retry', heard).removeListener('retry', heard);
  download.emit('data', Buffer.alloc(1));
  download.emit('close');
  // @ts-expect-error a Buffer, or nothing
  download.read().length;
  // @ts-expect-error there is no such event
  download.on('repyl', () => undefined);
  // @ts-expect-error a reply has a code
  download.on('open', (reply) => reply.cdoe);
  // @ts-expect-error the event has no name
  download.on('retry', (event) => event.name);
  // @ts-expect-error a chunk is a Buffer
  download.on('data', (chunk: string) => chunk);
  // @ts-expect-error an event has its arguments
  download.emit('open');
  // @ts-expect-error a listener of this event hears a reply
  download.off('reply', (line: string) => line);
  for await (const chunk of download) {
    // @ts-expect-error a Buffer has no name
    chunk.name;
    return chunk.subarray(0, 10);
  }
  const chunks: Buffer[] = await ftp.retr('b').toArray();
  // @ts-expect-error Buffers
  const wrong: string[] = await ftp.retr('b').toArray();
  await new Promise((resolve) => download.on('close', resolve));
  await new Promise<void>((resolve) => download.once('end', resolve));
  return Buffer.concat([...chunks, ...wrong.map((each) => Buffer.from(each))]);
}

export async function streams(): Promise<void> {
  await pipeline(ftp.retr('a'), new Transform(), createWriteStream('a'));
  await pipeline([ftp.retr('a'), createWriteStream('a')]);
  await finished(ftp.retr('a').resume());
  await finished(ftp.list().resume());
  await text(ftp.retr('a'));
  const readables: readonly Readable[] = [ftp.retr('a'), ftp.list(), pool.walk(), pool.retr('a', { segments: 4 })];
  readables.forEach((each) => each.on('error', () => undefined).on('whatever', () => undefined));
  ftp.retr('a').pipe(process.stdout, { end: false });
  Readable.from(ftp.nlst()).pipe(process.stdout);
  for await (const piece of ftp.retr('a').setEncoding('utf8')) piece.toUpperCase();
  for await (const piece of open('ftp://localhost/a')) piece.subarray(1);
  await named.quit();
  await using closing = new FTP('ftp://localhost');
  await closing.pwd();
}

export async function operators(): Promise<void> {
  const names: string[] = await ftp.list().map(({ name }) => name).toArray();
  const sizes: number[] = await ftp.list().map(async ({ size = 0 }) => size, { concurrency: 2 }).filter((size) => size > 0).take(3).toArray();
  const total: number = await ftp.list().reduce((sum, { size = 0 }) => sum + size, 0);
  const found: Entry | undefined = await ftp.list().find(({ type }) => type === 'file');
  const lengths: TypedReadable<number> = ftp.nlst().flatMap((name) => [name.length]).drop(1);
  await ftp.list().forEach(({ modified }) => void modified?.getTime());
  await ftp.nlst().some((name) => name === found?.name);
  // @ts-expect-error an entry has no nmae
  await ftp.list().map(({ nmae }) => nmae).toArray();
  // @ts-expect-error numbers
  for await (const each of lengths) each.trim();
  [...names, ...sizes, total].toString();
}

export async function counted(): Promise<void> {
  const meter = progress({ total: 10 }).on('progress', ({ bytes, percent, eta }) => bytes + (percent ?? 0) + (eta ?? 0));
  // @ts-expect-error it is called bytes
  meter.on('progress', ({ byets }) => byets);
  // @ts-expect-error there is no such event
  meter.on('progess', () => undefined);
  await pipeline(ftp.retr('a'), meter, createWriteStream('a'));
  for await (const chunk of ftp.retr('a').pipe(meter)) chunk.subarray(1);
}

export async function segments(): Promise<number> {
  const download: SegmentedDownload = pool.retr('a', { segments: 4, retry: 3 });
  download.on('open', expectReply).on('retry', ({ delay }) => delay).on('data', (chunk) => chunk.subarray(1));
  // @ts-expect-error there is no such event
  download.on('unparsed', () => undefined);
  for await (const chunk of download) chunk.readUInt8(0);
  await pipeline(download, createWriteStream('a'));
  // @ts-expect-error one connection has no segments
  pool.retr('a', { segments: '4' });
  return download.bytesRead + (download.expectedBytes ?? 0);
}

function expectReply({ code, lines }: Reply): string {
  return `${code} ${lines.length}`;
}
