import busboy from 'busboy';
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { FTPPool } from '../../lib';

/** Streams the files of a form to the FTP server while they come in. None has its name before it is whole. */
export function formServer(ftp: FTPPool, folder: string): Server {
  return createServer((request, response) => {
    receive(ftp, folder, request).then(
      (paths) => response.writeHead(201).end(paths.join('\n')),
      () => response.writeHead(502, { connection: 'close' }).end('not stored\n'),
    );
  });
}

async function receive(ftp: FTPPool, folder: string, request: IncomingMessage): Promise<string[]> {
  const form = busboy({ headers: request.headers });
  const uploads: Promise<string>[] = [];
  form.on('file', (_field, file) => {
    const path = `${folder}/${randomUUID()}`;
    const upload = pipeline(file, ftp.stor(path, { temporaryName: true })).then(() => path);
    upload.catch((error: Error) => form.destroy(error)); // else the rest of the form waits for this file
    uploads.push(upload);
  });
  await pipeline(request, form);
  return Promise.all(uploads);
}
