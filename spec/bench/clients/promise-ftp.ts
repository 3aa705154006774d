import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Place } from '../work';
import { listed, type Client } from './client';
import { drain } from './ftp';

/** The part of promise-ftp that is used here; it has no types. */
interface Promising {
  connect(options: object): Promise<unknown>;
  get(name: string): Promise<Readable>;
  put(from: string | Buffer, name: string): Promise<void>;
  list(path: string): Promise<readonly unknown[]>;
  size(name: string): Promise<number>;
  end(): Promise<unknown>;
}

const PromiseClient = require('promise-ftp') as new () => Promising;

export async function open({ host, port, user, password, ca }: Place): Promise<Client> {
  const client = new PromiseClient();
  const secure = ca === undefined ? {} : { secure: true, secureOptions: { ca: readFileSync(ca), servername: 'localhost' } };
  await client.connect({ host, port, user, password, ...secure });
  return {
    ahead: 1,
    queues: true,
    drain: async (name) => drain(await client.get(name)),
    download: async (name, into) => pipeline(await client.get(name), into),
    upload: (file, name) => client.put(file, name),
    fill: (name, bytes) => client.put(bytes, name),
    list: async (path) => listed(await client.list(path)),
    size: (name) => client.size(name),
    close: () => void client.end(),
  };
}
