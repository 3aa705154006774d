import { Client } from 'basic-ftp';
import { stat } from 'node:fs/promises';

interface UploadJob {
  readonly data: { readonly file: string; readonly path: string };
  updateProgress(percent: number): Promise<void>;
}

/** A worker's function, which goes on where it was. Whether the file has changed since, nobody knows. */
export function uploader(account: { host: string; port: number; user: string; password: string }) {
  return async ({ data: { file, path }, updateProgress }: UploadJob, _token?: string, signal?: AbortSignal): Promise<{ bytes: number; resumedFrom: number }> => {
    const client = new Client();
    const onAbort = (): void => client.close();
    signal?.addEventListener('abort', onAbort);
    try {
      signal?.throwIfAborted();
      await client.access(account);
      const { size } = await stat(file);
      const part = `${path}.part`;
      const resumedFrom = await client.size(part).catch(() => 0);
      client.trackProgress(({ bytes }) => void updateProgress(Math.floor(((resumedFrom + bytes) / size) * 100)).catch(console.error));
      if (resumedFrom > 0) await client.appendFrom(file, part, { localStart: resumedFrom });
      else await client.uploadFrom(file, part);
      const bytes = await client.size(part);
      if (bytes !== size) throw new Error(`${bytes} bytes on the server, not ${size}`);
      await client.rename(part, path);
      return { bytes, resumedFrom };
    } finally {
      signal?.removeEventListener('abort', onAbort);
      client.close();
    }
  };
}
