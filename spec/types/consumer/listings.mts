import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { downloadTree, FTP, FTPPool, ListParser, mirror, ReplyParser, walk, watch, type Entry, type TreeResult, type TreeStream, type Unreadable, type Walk, type WalkEntry, type Watch, type WatchState } from 'ftplib';

const ftp = new FTP();
const pool = new FTPPool();

export async function entries(): Promise<Entry[]> {
  for await (const { name, type, size, modified } of ftp.list('pub')) name.concat(type, String((size ?? 0) + (modified?.getTime() ?? 0)));
  for await (const entry of ftp.mlsd('pub', { facts: ['size'] })) {
    entry.facts?.['size']?.trim();
    // @ts-expect-error it is called name
    entry.nmae;
  }
  for await (const name of ftp.nlst()) name.trim();
  for await (const line of pool.dir()) line.trim();
  for await (const line of ftp.retrlines('LIST')) {
    // @ts-expect-error a line is a string
    line.name;
  }
  await pipeline(ftp.list(), async function* (source) {
    for await (const { name } of source) yield `${name}\n`;
  }, process.stdout);
  const list = ftp.list().on('unparsed', (line) => line.trim()).on('data', ({ raw }) => raw.length);
  // @ts-expect-error a line is a string
  list.on('unparsed', (line: number) => line);
  // @ts-expect-error an entry is no string
  list.on('data', (line: string) => line);
  list.read()?.name.trim();
  return list.toArray();
}

export async function walks(): Promise<WalkEntry[]> {
  const all: Walk = ftp.walk('pub', { filter: '**/*.iso' });
  all.on('unreadable', ({ path, line, error }) => `${path} ${line ?? ''} ${error.message}`);
  const heard = (what: Unreadable): string => what.path;
  all.on('unreadable', heard).off('unreadable', heard);
  // @ts-expect-error there is no such event
  all.on('unparsed', () => undefined);
  // @ts-expect-error there is no such property
  all.on('unreadable', ({ name }) => name);
  for await (const { path, depth } of walk(pool, 'pub')) path.slice(depth);
  for await (const entry of all) {
    // @ts-expect-error it is called path
    entry.paht;
  }
  return all.toArray();
}

export async function watches(): Promise<void> {
  const inbox: Watch = ftp.watch('in', { settle: 60_000, recursive: true, since: JSON.parse('{}') as WatchState });
  inbox.on('look', ({ files, unsettled }) => files - unsettled).on('retry', ({ attempt, delay, error }) => `${attempt} ${delay} ${error.code}`).on('unreadable', ({ path }) => path);
  for await (const { path, size = 0 } of watch(pool, 'in', { since: new Date() })) path.slice(size);
  for await (const entry of inbox) {
    // @ts-expect-error it is called path
    entry.paht;
    inbox.done();
    const state: WatchState = inbox.state;
    // @ts-expect-error it is made by the watch
    state.files = [];
  }
}

export async function trees(): Promise<TreeResult[]> {
  const tree: TreeStream = downloadTree(pool, 'pub', 'copy').on('data', ({ action }) => action.length);
  for await (const { action, path, bytes } of pool.uploadTree('copy', 'pub')) path.concat(action, String(bytes));
  for await (const result of mirror({ from: 'copy', to: { client: ftp, path: 'pub' } })) {
    // @ts-expect-error it is called action
    result.acton;
  }
  // @ts-expect-error there is no such event
  tree.on('open', () => undefined);
  return tree.toArray();
}

export async function parsers(): Promise<number[]> {
  const listing = createReadStream('listing').pipe(new ListParser({ format: 'unix' }));
  for await (const { name } of listing) name.trim();
  // @ts-expect-error it is called name
  for await (const { nmae } of listing) nmae;
  await pipeline(createReadStream('listing'), new ListParser(), async (source: AsyncIterable<Entry>) => {
    for await (const { size } of source) size?.toFixed();
  });
  const replies = createReadStream('replies').pipe(new ReplyParser());
  // @ts-expect-error it is called code
  for await (const { coed } of replies) coed;
  listing.on('unparsed', (line) => line.trim()).on('data', ({ raw }) => raw.length).on('finish', () => undefined);
  // @ts-expect-error a line is a string
  listing.on('unparsed', (line: number) => line);
  // @ts-expect-error there is no such event
  listing.on('unprased', () => undefined);
  replies.on('data', ({ lines }) => lines.length).on('pipe', (source) => source.resume());
  // @ts-expect-error a reply is no string
  replies.on('data', (line: string) => line);
  const names: string[] = await listing.map(({ name }) => name).toArray();
  listing.write(Buffer.from(names.join()));
  return (await replies.toArray()).map(({ code }) => code);
}
