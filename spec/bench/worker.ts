import { createWriteStream, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Client, ClientModule, Listed } from './clients/client';
import type { Outcome, Place, Work } from './work';

/** What this process is told, as JSON in its first argument. */
export interface Order {
  /** A file in clients/. */
  readonly client: string;
  /** Undefined for work without a server. */
  readonly place: Place | undefined;
  readonly work: Work;
}

const REPORT = 3;

/** Two of the usual ones. */
const REPLIES = '150 Opening BINARY mode data connection for small/0001.bin (4001 bytes).\r\n226 Transfer complete.\r\n';

void main(JSON.parse(process.argv[2] ?? '') as Order);

async function main({ client: name, place, work }: Order): Promise<void> {
  const clientModule = require(join(__dirname, 'clients', name)) as ClientModule;
  const client = place && (await clientModule.open(place));
  const heap = work.kind === 'list' ? heapInUse() : undefined;
  const before = process.memoryUsage().rss;
  const started = process.hrtime.bigint();
  const { user, system } = process.cpuUsage();
  const result = client ? await act(client, work) : parse(clientModule, work);
  const cpu = process.cpuUsage({ user, system });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const peak = process.resourceUsage().maxRSS * 1024;
  const outcome: Outcome = { seconds, cpu: (cpu.user + cpu.system) / 1e6, peak, growth: Math.max(0, peak - before), ...told(result), ...(heap === undefined ? {} : { held: Math.max(0, heapInUse() - heap) }) };
  writeSync(REPORT, JSON.stringify(outcome));
  client?.close();
}

/** Resolves with what was counted: bytes, files or entries. */
async function act(client: Client, work: Work): Promise<number | Listed> {
  switch (work.kind) {
    case 'drain':
      return sum(await inOrder(work.names, client.ahead, (name) => client.drain(name)));
    case 'download':
      await client.download(work.name, createWriteStream(work.file));
      return 1;
    case 'upload':
      await client.upload(work.file, work.name);
      return 1;
    case 'put':
      await (client.put ?? client.upload).call(client, work.file, work.name);
      return 1;
    case 'fill': {
      const content = Buffer.alloc(Math.max(...work.sizes), 'x');
      await inOrder(work.names, client.ahead, (name, n) => client.fill(name, content.subarray(0, work.sizes[n])));
      return sum(work.sizes);
    }
    case 'list':
      return client.list(work.path);
    case 'sizes':
      return sum(await inOrder(work.names, client.queues ? work.names.length : 1, (name) => client.size(name)));
    case 'tree':
      if (!client.tree) throw new Error('it copies no trees');
      await client.tree(work.path, work.folder);
      return 1;
    case 'tree-up':
      if (!client.treeUp) throw new Error('it copies no trees');
      await client.treeUp(work.folder, work.path);
      return 1;
    case 'print':
      await client.download(work.name, process.stdout);
      return 1;
    default:
      throw new Error(`${work.kind} is no work for a server`);
  }
}

function told(result: number | Listed): Pick<Outcome, 'counted'> {
  return { counted: typeof result === 'number' ? result : result.count };
}

/** Bytes, after a collection. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

/** Without a server: what a client's parsers make of a text. */
function parse({ parseList, parseReplies }: ClientModule, work: Work): number {
  if (work.kind === 'entries' && parseList) return parseList(work.text.repeat(work.copies));
  if (work.kind === 'replies' && parseReplies) return parseReplies(Buffer.from(REPLIES.repeat(work.count / 2)));
  throw new Error('it has no such parser');
}

/** Acts on all in order, `ahead` of them under way at once. */
async function inOrder<T, R>(items: readonly T[], ahead: number, act: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) results[index] = await act(items[index] as T, index);
  };
  await Promise.all(Array.from({ length: ahead }, lane));
  return results;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
