import { Client, FTPError } from 'basic-ftp';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { posix } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Serves the files below a folder. A client does one thing at a time, so each request has one of its own; it cannot end a download, so it is closed. */
export function fileServer(account: { host: string; port: number; user: string; password: string }, folder: string): Server {
  return createServer(async (request, response) => {
    const client = new Client();
    response.on('close', () => client.close());
    try {
      await client.access(account);
      await serve(client, folder, request, response);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else response.writeHead(error instanceof FTPError && error.code >= 500 ? 404 : 502).end();
    } finally {
      client.close();
    }
  });
}

async function serve(client: Client, folder: string, { url = '/', headers }: IncomingMessage, response: ServerResponse): Promise<unknown> {
  const path = posix.join(folder, posix.normalize(decodeURIComponent(new URL(url, 'http://host').pathname))); // `..` ends at the folder
  const size = await client.size(path);
  const etag = `"${size}-${Number(await client.lastMod(path))}"`;
  response.setHeader('ETag', etag).setHeader('Accept-Ranges', 'bytes');
  if (headers['if-none-match'] === etag) return response.writeHead(304).end();

  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
  if (from === undefined) return client.downloadTo(response.writeHead(200, { 'Content-Length': size }), path);
  const start = Number(from);
  const end = Math.min(Number(to || size - 1), size - 1);
  if (start > end) return response.writeHead(416, { 'Content-Range': `bytes */${size}` }).end();
  response.writeHead(206, { 'Content-Length': end - start + 1, 'Content-Range': `bytes ${start}-${end}/${size}` });
  const part = firstBytes(end - start + 1);
  const sent = pipeline(part, response);
  client.downloadTo(part, path, start).catch((error: Error) => part.destroy(error));
  return sent;
}

/** Passes so many bytes on, and ends. */
function firstBytes(count: number): Transform {
  let left = count;
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      const piece = chunk.subarray(0, left);
      left -= piece.length;
      if (piece.length > 0) this.push(piece);
      if (left === 0) this.push(null);
      else callback();
    },
  });
}
