import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type FTPPool, PermanentError } from '../lib';

/** Serves the files below a folder, whole or in ranges, and 304 for what the browser has. A browser that leaves ends the transfer, and not the session. */
export function fileServer(ftp: FTPPool, folder: string): Server {
  return createServer((request, response) => {
    serve(ftp, folder, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else response.writeHead(error instanceof PermanentError ? 404 : 502).end();
    });
  });
}

async function serve(ftp: FTPPool, folder: string, { url = '/', headers }: IncomingMessage, response: ServerResponse): Promise<unknown> {
  const path = posix.join(folder, posix.normalize(decodeURIComponent(new URL(url, 'http://host').pathname))); // `..` ends at the folder
  const { size = 0, modified } = await ftp.mlst(path);
  const etag = `"${size}-${Number(modified)}"`;
  response.setHeader('ETag', etag).setHeader('Accept-Ranges', 'bytes');
  if (headers['if-none-match'] === etag) return response.writeHead(304).end();

  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
  if (from === undefined) return pipeline(ftp.retr(path), response.writeHead(200, { 'Content-Length': size }));
  const start = Number(from);
  const end = Math.min(Number(to || size - 1), size - 1);
  if (start > end) return response.writeHead(416, { 'Content-Range': `bytes */${size}` }).end();
  response.writeHead(206, { 'Content-Length': end - start + 1, 'Content-Range': `bytes ${start}-${end}/${size}` });
  return pipeline(ftp.retr(path, { start, end }), response);
}
