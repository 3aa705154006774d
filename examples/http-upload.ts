import { createServer, type Server } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { FTP } from '../lib';

/** An HTTP server that streams the body of each request into a file on an FTP server. */
export function httpUpload(url: string): Server {
  return createServer(async (request, response) => {
    const ftp = new FTP(url);
    try {
      await pipeline(request, ftp.stor('incoming/body'));
      response.writeHead(201).end('stored\n');
      await ftp.quit();
    } catch {
      response.writeHead(502).end('not stored\n');
      ftp.close();
    }
  });
}
