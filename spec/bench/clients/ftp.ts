import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Place } from '../work';
import { listed, type Client } from './client';

type Back<T> = (error: Error | null | undefined, value: T) => void;

/** The part of ftp that is used here; it has no types. */
interface Classic extends NodeJS.EventEmitter {
  connect(options: object): void;
  get(name: string, back: Back<Readable>): void;
  put(from: string | Buffer, name: string, back: Back<void>): void;
  list(path: string, back: Back<readonly unknown[]>): void;
  size(name: string, back: Back<number>): void;
  end(): void;
}

const ClassicClient = require('ftp') as new () => Classic;

export async function open({ host, port, user, password, ca }: Place): Promise<Client> {
  const client = new ClassicClient();
  const secure = ca === undefined ? {} : { secure: true, secureOptions: { ca: readFileSync(ca), servername: 'localhost' } };
  client.connect({ host, port, user, password, ...secure });
  await once(client, 'ready');
  const get = (name: string): Promise<Readable> => promise((back) => client.get(name, back));
  return {
    ahead: 1,
    queues: true,
    drain: async (name) => drain(await get(name)),
    download: async (name, into: Writable) => pipeline(await get(name), into),
    upload: (file, name) => promise((back) => client.put(file, name, back)),
    fill: (name, bytes) => promise((back) => client.put(bytes, name, back)),
    list: async (path) => listed(await promise<readonly unknown[]>((back) => client.list(path, back))),
    size: (name) => promise((back) => client.size(name, back)),
    close: () => client.end(),
  };
}

/** Reads a stream to its end; resolves with the bytes counted. */
export function drain(stream: Readable): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    if (stream.readableEnded) resolve(bytes); // an empty file, before its mark was read
    stream
      .on('data', (chunk: Buffer) => (bytes += chunk.length))
      .on('end', () => resolve(bytes))
      .on('error', reject)
      .resume(); // those of promise-ftp are paused
  });
}

export function parseList(text: string): number {
  const { parseListEntry } = require('ftp/lib/parser') as { parseListEntry(line: string): unknown };
  return text.split(/\r?\n/).map(parseListEntry).filter((entry) => typeof entry === 'object' && entry !== null).length;
}

export function parseReplies(text: Buffer): number {
  const Parser = require('ftp/lib/parser') as new (options: object) => Writable;
  let replies = 0;
  const parser = new Parser({}).on('response', () => replies++);
  for (let at = 0; at < text.length; at += 65_536) parser.write(text.subarray(at, at + 65_536));
  return replies;
}

function promise<T>(act: (back: Back<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => act((error, value) => (error ? reject(error) : resolve(value))));
}
