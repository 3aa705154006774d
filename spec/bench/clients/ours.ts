import { createReadStream, readFileSync } from 'node:fs';
import { finished, pipeline } from 'node:stream/promises';
import * as ftplib from '../../../lib';
import type { FTP, FTPOptions } from '../../../lib';
import type { Place } from '../work';
import type { Client } from './client';

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
    fill: (name, bytes) => finished(ftp.stor(name).end(bytes)),
    list: async (path) => ({ count: await count(ftp, path) }),
    size: (name) => ftp.size(name),
    tree: (path, folder) => copyTree(options, path, folder),
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

async function copyTree(options: FTPOptions, path: string, folder: string): Promise<void> {
  await using pool = new ftplib.FTPPool({ ...options, connections: 8 });
  await ftplib.downloadTree(pool, path, folder).forEach(() => undefined);
}
