import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { FTPPool } from '../lib';

/** An HTTP server that streams the body of each request into a file on an FTP server, and leaves that when it is closed. */
export function httpUpload(url: string): Server {
  const ftp = new FTPPool(url);
  return createServer(async (request, response) => {
    try {
      const path = `incoming/${randomUUID()}`;
      await pipeline(request, ftp.stor(path, { temporaryName: true }));
      response.writeHead(201).end(`${path}\n`);
    } catch {
      response.writeHead(502, { connection: 'close' }).end('not stored\n');
    }
  }).on('close', () => void ftp.quit());
}
