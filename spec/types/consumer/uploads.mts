import { createReadStream } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { FTP, FTPPool, isFTPError, PermanentError, StorStream, throttle, type Reply, type StorOptions } from 'ftplib';

const ftp = new FTP({ host: 'localhost', secure: 'explicit', timeout: 1000 });

export async function uploads(): Promise<string | undefined> {
  const upload: StorStream = ftp.stor('a', { temporaryName: true, verify: 'hash' });
  upload
    .on('open', ({ code }) => code + 1)
    .once('reply', (reply: Reply) => reply.text.trim())
    .on('finish', () => undefined)
    .on('pipe', (source: Readable) => source.resume())
    .on('drain', () => upload.write('text', 'utf8'));
  upload.write(Buffer.from('a'));
  upload.write(new Uint8Array(1), (error) => error?.message);
  upload.end('end', () => undefined);
  // @ts-expect-error bytes or text
  upload.write({ name: 'a' });
  // @ts-expect-error bytes or text
  upload.end(1);
  // @ts-expect-error there is no such event
  upload.on('retry', () => undefined);
  // @ts-expect-error there is no such event
  upload.on('opne', () => undefined);
  // @ts-expect-error a reply is no string
  upload.on('reply', (line: string) => line);
  const writable: Writable = upload;
  await new Promise((resolve) => upload.on('finish', resolve));
  await pipeline(createReadStream('a'), throttle(1000)(), writable);
  await finished(upload);
  return upload.storedAs;
}

export async function modes(): Promise<number> {
  for await (const { action } of ftp.uploadTree('a', 'b', { preserveModes: true, preserveTimes: true })) action.trim();
  // @ts-expect-error true or false
  ftp.downloadTree('a', 'b', { preserveModes: 0o644 });
  // @ts-expect-error a number or its octal digits
  await ftp.chmod('a', true);
  const reply: Reply = await new FTPPool().chmod('a', 0o644);
  return reply.code + (await ftp.chmod('a', '644')).code;
}

export function options(): void {
  const names: readonly StorOptions[] = [{ temporaryName: 'part' }, { temporaryName: (name) => `${name}.part` }, { temporaryName: false }];
  names.forEach((each) => new FTPPool().stor('a', each));
  // @ts-expect-error a name is a string
  ftp.stor('a', { temporaryName: () => 1 });
  // @ts-expect-error for STOR only
  ftp.appe('a', { temporaryName: true });
  // @ts-expect-error for STOR only
  ftp.stou('a', { start: 1 });
  // @ts-expect-error an option that nobody knows
  ftp.stor('a', { offset: 1 });
  // @ts-expect-error a path is a string
  ftp.retr(1);
  // @ts-expect-error explicit or implicit
  new FTP({ secure: true });
}

export function events(error: unknown): string {
  ftp.on('command', (line) => line.trim()).on('reply', ({ kind }) => kind.length).on('close', (reason) => reason?.message);
  // @ts-expect-error a command is a string
  ftp.on('command', (line: number) => line);
  return error instanceof PermanentError ? String(error.reply?.code) : isFTPError(error) ? error.message + error.code.trim() : '';
}
