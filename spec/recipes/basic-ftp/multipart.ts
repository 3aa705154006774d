import { Client } from 'basic-ftp';
import busboy from 'busboy';
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Streams the files of a form to the FTP server, on a client for each request; a file has its name when it is whole. */
export function formServer(account: { host: string; port: number; user: string; password: string }, folder: string): Server {
  return createServer(async (request, response) => {
    const client = new Client();
    try {
      await client.access(account);
      const paths = await receive(client, folder, request);
      response.writeHead(201).end(paths.join('\n'));
    } catch {
      response.writeHead(502, { connection: 'close' }).end('not stored\n');
    } finally {
      client.close();
    }
  });
}

async function receive(client: Client, folder: string, request: IncomingMessage): Promise<string[]> {
  const form = busboy({ headers: request.headers });
  const paths: string[] = [];
  let uploads = Promise.resolve();
  form.on('file', (_field, file) => {
    const path = `${folder}/${randomUUID()}`;
    uploads = uploads.then(() => store(client, file, path)); // one after the other: a second call would throw
    uploads.catch((error: Error) => form.destroy(error)); // else the rest of the form waits for this file
    file.on('error', () => undefined); // nobody reads it yet where the upload is refused
    paths.push(path);
  });
  await pipeline(request, form);
  await uploads;
  return paths;
}

async function store(client: Client, file: Readable, path: string): Promise<void> {
  try {
    await client.uploadFrom(file, `${path}.part`);
    await client.rename(`${path}.part`, path);
  } catch (error) {
    await client.remove(`${path}.part`, true);
    throw error;
  }
}
