import { Readable } from 'node:stream';
import type { FTPPool } from '../lib';

/** Stores what `fetch` gets. */
export async function storeFetched(ftp: FTPPool, url: string, path: string): Promise<void> {
  const { ok, status, body } = await fetch(url);
  if (!ok || !body) {
    await body?.cancel(); // or its connection stays
    throw new Error(`HTTP ${status}`);
  }
  await ftp.put(body, path, { retry: false }); // its bytes come only once
}

/** Sends a file as the body of a request. */
export async function sendFile(ftp: FTPPool, path: string, url: string): Promise<number> {
  const { status, body } = await fetch(url, { method: 'POST', body: Readable.toWeb(ftp.retr(path)), duplex: 'half' });
  await body?.cancel(); // or its connection stays
  return status;
}

/** A file as a Response, which a handler of Next.js, Hono or Remix returns. */
export function fileResponse(ftp: FTPPool, path: string): Response {
  return new Response(Readable.toWeb(ftp.retr(path)));
}
