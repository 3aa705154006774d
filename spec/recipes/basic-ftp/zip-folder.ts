import type { Client } from 'basic-ftp';
import { PassThrough, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';

/** Writes a folder of the server as a zip file. If its reader leaves, the client has to be closed: a download has no end of its own. */
export async function zipFolder(client: Client, folder: string, target: Writable): Promise<void> {
  const zip = new ZipFile();
  const fail = (error: Error): unknown => zip.outputStream.destroy(error);
  const written = pipeline(zip.outputStream, target);
  written.catch(() => client.close());
  try {
    await add(client, zip, folder, '');
    zip.end();
  } catch (error) {
    fail(error as Error);
  }
  await written;
}

/** Adds what is in a folder, and below it: downloads do not go together with a listing, so one comes after the other. */
async function add(client: Client, zip: ZipFile, folder: string, prefix: string): Promise<void> {
  for (const { name, isDirectory, isFile, modifiedAt } of await client.list(folder)) {
    if (isDirectory) await add(client, zip, `${folder}/${name}`, `${prefix}${name}/`);
    if (!isFile) continue;
    const file = new PassThrough();
    zip.addReadStreamLazy(prefix + name, { mtime: modifiedAt }, (open) => open(null, file));
    await client.downloadTo(file, `${folder}/${name}`);
  }
}
