import { createReadStream, readFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { join } from 'node:path';
import type * as Library from '../../../lib';
import type { FTP, FTPOptions } from '../../../lib';
import { ROOT } from '../folders';
import type { Place } from '../work';
import type { Client } from './client';

/** The library as it is published; `before` has another build of it. */
const ftplib = require(process.env['FTPLIB_BENCH_BUILD'] ?? join(ROOT, 'dist')) as typeof Library;

/** This library; the next transfer is called while one runs. */
export async function open(place: Place): Promise<Client> {
  return clientOf(place, 2);
}

/** The same, `ahead` transfers called before the first of them is over. */
export async function clientOf(place: Place, ahead: number): Promise<Client> {
  const options = optionsOf(place);
  const ftp = new ftplib.FTP(options);
  await ftp.noop(); // connects and logs in
  return {
    ahead,
    queues: true,
    drain: (name) => drain(ftp, name),
    download: (name, into) => pipeline(ftp.retr(name), into),
    upload: (file, name) => pipeline(createReadStream(file), ftp.stor(name)),
    put: async (file, name) => void (await ftp.put(file, name)),
    fill: (name, bytes) => new Promise((resolve, reject) => void ftp.stor(name).on('finish', resolve).on('error', reject).end(bytes)),
    list: async (path) => ({ count: await count(ftp, path) }),
    size: (name) => ftp.size(name),
    tree: (path, folder) => withPool(options, (pool) => pool.downloadTree(path, folder)),
    treeUp: (folder, path) => withPool(options, (pool) => pool.uploadTree(folder, path)),
    close: () => void ftp.quit(),
  };
}

export function parseList(text: string): number {
  return ftplib.parseList(text).length;
}

export function parseReplies(text: Buffer): number {
  const parser = new ftplib.ReplyParser();
  let replies = 0;
  parser.on('data', () => replies++);
  for (let at = 0; at < text.length; at += 65_536) parser.write(text.subarray(at, at + 65_536));
  while (parser.read() !== null) replies++;
  return replies;
}

function optionsOf({ host, port, user, password, ca }: Place): FTPOptions {
  return { host, port, user, password, ...(ca === undefined ? {} : { secure: 'explicit', tls: { ca: readFileSync(ca), servername: 'localhost' } }) };
}

function drain(ftp: FTP, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    ftp
      .retr(name)
      .on('data', (chunk: Buffer) => (bytes += chunk.length))
      .on('end', () => resolve(bytes))
      .on('error', reject);
  });
}

function count(ftp: FTP, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let entries = 0;
    ftp
      .list(path)
      .on('data', () => entries++)
      .on('end', () => resolve(entries))
      .on('error', reject);
  });
}

/** Copies a tree with eight connections. */
async function withPool(options: FTPOptions, copy: (pool: Library.FTPPool) => Library.TreeStream): Promise<void> {
  await using pool = new ftplib.FTPPool({ ...options, connections: 8 });
  await copy(pool).forEach(() => undefined);
}
