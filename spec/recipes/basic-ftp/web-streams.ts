import type { Client } from 'basic-ftp';
import { PassThrough, Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';

/** Stores what `fetch` gets. */
export async function storeFetched(client: Client, url: string, path: string): Promise<void> {
  const { ok, status, body } = await fetch(url);
  if (!ok || !body) {
    await body?.cancel(); // or its connection stays
    throw new Error(`HTTP ${status}`);
  }
  await client.uploadFrom(Readable.fromWeb(body as ReadableStream), `${path}.part`);
  await client.rename(`${path}.part`, path);
}

/** Sends a file as the body of a request. */
export async function sendFile(client: Client, path: string, url: string): Promise<number> {
  const { status, body } = await fetch(url, { method: 'POST', body: Readable.toWeb(download(client, path)), duplex: 'half' });
  await body?.cancel(); // or its connection stays
  return status;
}

/** A file as a Response. */
export function fileResponse(client: Client, path: string): Response {
  return new Response(Readable.toWeb(download(client, path)));
}

function download(client: Client, path: string): PassThrough {
  const file = new PassThrough();
  client.downloadTo(file, path).catch((error: Error) => file.destroy(error));
  return file;
}
