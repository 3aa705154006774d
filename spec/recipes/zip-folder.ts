import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import type { FTP, FTPPool } from '../../lib';

/** Writes a folder of the server as a zip file, which may be an HTTP response. If that is left, so are the download and the walk. */
export async function zipFolder(ftp: FTP | FTPPool, folder: string, target: Writable): Promise<void> {
  const zip = new ZipFile();
  const end = new AbortController();
  const { signal } = end;
  const fail = (error: Error): unknown => zip.outputStream.destroy(error);
  const add = async (): Promise<void> => {
    for await (const { type, path, modified } of ftp.walk(folder, { signal })) {
      if (type === 'file') zip.addReadStreamLazy(path, { mtime: modified }, (open) => open(null, ftp.retr(`${folder}/${path}`, { signal }).on('error', fail)));
    }
    zip.end();
  };
  try {
    await Promise.all([pipeline(zip.outputStream, target), add()]);
  } finally {
    end.abort();
  }
}
