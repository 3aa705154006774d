import { readFile, writeFile } from 'node:fs/promises';
import { FTP } from '../lib';

/** An EDI inbox: takes each file that has come whole, and moves it away. The file that it was at when it stopped is taken again by the next run. */
export async function inbox(url: string, take: (name: string, order: string) => Promise<void>, stop: AbortSignal, settle = 10_000): Promise<void> {
  const ftp = new FTP(url);
  stop.addEventListener('abort', () => void ftp.quit());
  for await (const { path } of ftp.watch('in', { filter: '*.edi', settle, interval: settle })) {
    await take(path, Buffer.concat(await ftp.retr(`in/${path}`).toArray()).toString());
    await ftp.rename(`in/${path}`, `done/${path}`);
  }
  await ftp.quit();
}

/** The same in folders where nothing may be moved: a file says what was taken. */
export async function follow(url: string, take: (path: string) => Promise<void>, stop: AbortSignal, settle = 10_000): Promise<void> {
  const ftp = new FTP(url);
  stop.addEventListener('abort', () => void ftp.quit());
  const saved = await readFile('taken.json', 'utf8').catch(() => undefined);
  const files = ftp.watch('pub', { recursive: true, settle, interval: settle, ...(saved && { since: JSON.parse(saved) }) });
  for await (const { path } of files) {
    await take(path);
    files.done();
    await writeFile('taken.json', JSON.stringify(files.state));
  }
  await ftp.quit();
}
