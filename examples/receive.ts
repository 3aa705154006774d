import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { RetrStream } from '../lib';
import { Progress } from './progress';

/** What a download came to. */
export interface Received {
  readonly bytes: number;
  /** SHA-256, in hexadecimal digits. */
  readonly checksum: string;
  readonly seconds: number;
}

/** Reads a download to its end, with a progress line; that this resolves proves that the file is whole. */
export async function receive(download: Readable): Promise<Received> {
  const hash = createHash('sha256');
  const progress = new Progress();
  const begun = performance.now();
  try {
    for await (const chunk of download as AsyncIterable<Buffer>) {
      hash.update(chunk);
      progress.add(chunk.length, download instanceof RetrStream ? download.expectedBytes : undefined);
    }
  } finally {
    progress.done();
  }
  return { bytes: progress.bytes, checksum: hash.digest('hex'), seconds: (performance.now() - begun) / 1000 };
}
