import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { open } from '../lib';

/** Downloads what a URL names, on a connection of its own. */
export async function download(url: string): Promise<void> {
  await pipeline(open(`${url}/pub/README`), createWriteStream('README.copy'));
}
