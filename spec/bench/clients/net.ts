import { once } from 'node:events';
import { createReadStream, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { finished, pipeline } from 'node:stream/promises';
import type { Place } from '../work';
import type { Client } from './client';
import { drain } from './ftp';
import { Wire } from './wire';

/** Connections of a tree, as many as the others have. */
const CONNECTIONS = 8;

/** One connection, and what trees are made of. */
interface Hand extends Client {
  /** All bytes of a file. */
  fetch(name: string): Promise<Buffer>;
  exec(line: string): Promise<string>;
  fill(name: string, bytes: Buffer): Promise<void>;
}

/** No client: sockets piped by hand, in the order that takes the fewest round trips, and nothing checked. */
export async function open(place: Place): Promise<Hand> {
  const wire = await login(place);
  let asked = false;
  /** The next EPSV may leave as soon as a download's data have ended. */
  const ask = (): void => {
    if (!asked) wire.send('EPSV');
    asked = true;
  };
  const dial = async (): Promise<Socket> => {
    ask();
    const [, port] = /\|(\d+)\|/.exec(await wire.reply()) ?? [];
    asked = false;
    return connect({ host: place.host, port: Number(port), noDelay: true });
  };
  const protect = async (raw: Socket): Promise<Socket> => (place.ca === undefined ? raw : wire.secure(await made(raw)));
  const down = async (command: string): Promise<Socket> => {
    const raw = await dial();
    wire.send(command);
    await wire.reply();
    return protect(raw);
  };
  const complete = async (): Promise<void> => {
    ask();
    await wire.reply();
  };
  const up = async (name: string, send: (socket: Socket) => Promise<void>): Promise<void> => {
    const raw = await dial();
    wire.send(`STOR ${name}`);
    await wire.reply();
    await send(await protect(raw));
    await wire.reply();
  };
  const withHands = async (work: (hands: readonly Hand[]) => Promise<void>): Promise<void> => {
    const hands = [hand, ...(await Promise.all(Array.from({ length: CONNECTIONS - 1 }, () => open(place))))];
    await work(hands);
    for (const each of hands.slice(1)) each.close();
  };
  const hand: Hand = {
    ahead: 1,
    queues: true,
    exec: (line) => wire.exec(line),
    async fetch(name) {
      const chunks: Buffer[] = [];
      for await (const chunk of await down(name.startsWith('LIST') ? name : `RETR ${name}`)) chunks.push(chunk as Buffer);
      await complete();
      return Buffer.concat(chunks);
    },
    tree: (path, folder) => withHands((hands) => treeDown(hands, path, folder)),
    treeUp: (folder, path) => withHands((hands) => treeUp(hands, folder, path)),
    async drain(name) {
      const bytes = await drain(await down(`RETR ${name}`));
      await complete();
      return bytes;
    },
    async download(name, into) {
      const socket = await down(`RETR ${name}`);
      socket.pipe(into);
      await (into === process.stdout ? once(socket, 'end') : finished(into)); // nobody ends standard output
      await complete();
    },
    upload: (file, name) => up(name, (socket) => pipeline(createReadStream(file), socket)),
    fill: (name, bytes) => up(name, (socket) => finished(socket.end(bytes), { readable: false })),
    async list(path) {
      const socket = await down(`LIST ${path}`);
      const count = await countLines(socket);
      await complete();
      return { count };
    },
    async size(name) {
      wire.send(`SIZE ${name}`);
      return Number((await wire.reply()).slice(4));
    },
    close: () => wire.close(),
  };
  return hand;
}

/** Each file is in memory before it is written. */
async function treeDown(hands: readonly Hand[], path: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const files: string[] = [];
  const folders = [''];
  const [first] = hands as [Hand];
  for (const each of folders) {
    const listing = (await first.fetch(`LIST ${path}${each}`)).toString();
    for (const [, type, name] of listing.matchAll(/^(.)\S+(?: +\S+){7} (.*)\r$/gm)) (type === 'd' ? folders : files).push(`${each}/${name}`);
    if (each !== '') await mkdir(join(folder, each));
  }
  await Promise.all(hands.map(async (hand) => {
    for (let file = files.pop(); file !== undefined; file = files.pop()) await writeFile(join(folder, file), await hand.fetch(path + file));
  }));
}

async function treeUp(hands: readonly Hand[], folder: string, path: string): Promise<void> {
  const [first] = hands as [Hand];
  await first.exec(`MKD ${path}`);
  const files: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const name = join(entry.parentPath, entry.name).slice(folder.length);
    if (entry.isDirectory()) await first.exec(`MKD ${path}${name}`);
    else files.push(name);
  }
  await Promise.all(hands.map(async (hand) => {
    for (let file = files.pop(); file !== undefined; file = files.pop()) await hand.fill(path + file, await readFile(join(folder, file)));
  }));
}

async function login({ host, port, user, password, ca }: Place): Promise<Wire> {
  const wire = new Wire(connect({ host, port, noDelay: true }));
  await wire.reply();
  if (ca !== undefined) {
    await wire.exec('AUTH TLS');
    await wire.upgrade({ ca: readFileSync(ca), servername: 'localhost' });
  }
  await wire.exec(`USER ${user}`);
  await wire.exec(`PASS ${password}`);
  if (ca !== undefined) {
    await wire.exec('PBSZ 0');
    await wire.exec('PROT P');
  }
  await wire.exec('TYPE I');
  return wire;
}

async function made(raw: Socket): Promise<Socket> {
  if (raw.connecting) await once(raw, 'connect');
  return raw;
}

function countLines(socket: Socket): Promise<number> {
  return new Promise((resolve, reject) => {
    let lines = 0;
    socket
      .on('data', (chunk: Buffer) => {
        for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
      })
      .on('end', () => resolve(lines))
      .on('error', reject);
  });
}
