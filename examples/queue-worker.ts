import type { FTPPool } from '../lib';

/** What a queue hands to its worker: BullMQ's `Job` is one, and so is what an activity of Temporal makes of its `heartbeat`. */
export interface UploadJob {
  readonly data: { readonly file: string; readonly path: string };
  updateProgress(percent: number): Promise<void>;
}

/** A worker's function. It may be run again at any time, also with what was done: it goes on where it was, and what it leaves is the same. */
export function uploader(ftp: FTPPool) {
  return async ({ data: { file, path }, updateProgress }: UploadJob, _token?: string, signal?: AbortSignal): Promise<{ bytes: number; resumedFrom: number }> => {
    const progress = ({ percent = 0 }): void => void updateProgress(percent).catch(console.error);
    const { bytes, resumedFrom } = await ftp.put(file, path, { resume: true, verify: 'size', progress, ...(signal && { signal }) });
    return { bytes, resumedFrom };
  };
}
