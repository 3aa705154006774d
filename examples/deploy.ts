import { FTPPool, uploadTree } from '../lib';

/** Brings a website up to date: uploads what differs in content, whatever its time, and then deletes what is gone. */
export async function deploy(url: string): Promise<void> {
  await using pool = new FTPPool(url);
  const options = { compare: 'hash', delete: true, retry: true, modes: { files: 0o644, folders: 0o755 } } as const;
  for await (const { action, path } of uploadTree(pool, 'dist', 'www/site', options)) {
    if (action !== 'skipped') console.log(action, path);
  }
}

/** Replaces the whole website at once, and keeps the old one beside it. */
export async function release(url: string): Promise<void> {
  await using pool = new FTPPool(url);
  for await (const { action, path, reason } of uploadTree(pool, 'dist', 'www/site', { swap: 'keep', retry: true })) {
    if (action === 'swapped') console.log('the new version is online');
    if (reason === 'old version') console.log('the old one is', path);
  }
}
