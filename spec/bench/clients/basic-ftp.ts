import { createReadStream, readFileSync } from 'node:fs';
import { Readable, type Writable } from 'node:stream';
import type { Place } from '../work';
import { listed, type Client } from './client';
import { Sink } from './sink';

/** The part of basic-ftp that is used here; its own types may not be installed. */
interface BasicClient {
  access(options: object): Promise<unknown>;
  downloadTo(into: Writable, name: string): Promise<unknown>;
  uploadFrom(from: Readable | string, name: string): Promise<unknown>;
  uploadFromDir(folder: string, path: string): Promise<unknown>;
  downloadToDir(folder: string, path: string): Promise<unknown>;
  list(path: string): Promise<readonly unknown[]>;
  size(name: string): Promise<number>;
  close(): void;
}

const { Client: Basic } = require('basic-ftp') as { Client: new (timeout: number, options: object) => BasicClient };

/** Large enough for any listing here; by default it refuses them from some size on. */
const OPTIONS = { maxListingBytes: 1024 ** 3 };

export async function open({ host, port, user, password, ca }: Place): Promise<Client> {
  const client = new Basic(30_000, OPTIONS);
  const secure = ca === undefined ? {} : { secure: true, secureOptions: { ca: readFileSync(ca), host: 'localhost' } };
  await client.access({ host, port, user, password, ...secure });
  return {
    ahead: 1,
    queues: false,
    async drain(name) {
      const sink = new Sink();
      await client.downloadTo(sink, name);
      return sink.bytes;
    },
    download: async (name, into) => void (await client.downloadTo(into, name)),
    upload: async (file, name) => void (await client.uploadFrom(createReadStream(file), name)),
    put: async (file, name) => void (await client.uploadFrom(file, name)),
    fill: async (name, bytes) => void (await client.uploadFrom(Readable.from([bytes], { objectMode: false }), name)),
    list: async (path) => listed(await client.list(path)),
    size: (name) => client.size(name),
    tree: async (path, folder) => void (await client.downloadToDir(folder, path)),
    treeUp: async (folder, path) => void (await client.uploadFromDir(folder, path)),
    close: () => client.close(),
  };
}

export function parseList(text: string): number {
  const { parseList: parse } = require('basic-ftp/dist/parseList') as { parseList(text: string): readonly unknown[] };
  return parse(text).length;
}

/** As its FtpContext calls it: once for each chunk, with what was left over. */
export function parseReplies(text: Buffer): number {
  const { parseControlResponse } = require('basic-ftp/dist/parseControlResponse') as { parseControlResponse(text: string): { messages: readonly string[]; rest: string } };
  let replies = 0;
  let rest = '';
  for (let at = 0; at < text.length; at += 65_536) {
    const parsed = parseControlResponse(rest + text.toString('utf8', at, at + 65_536));
    replies += parsed.messages.length;
    rest = parsed.rest;
  }
  return replies;
}
