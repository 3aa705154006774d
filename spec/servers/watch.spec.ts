import { expect } from 'chai';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { FTP, type FTPOptions, type Watch, type WatchState } from '../../lib/index';
import { FaultProxy } from '../support/fault-proxy';
import { Heap } from '../support/heap';
import { describeSeed, random } from '../support/seed';
import { content } from '../support/server/content';
import { note } from '../support/summary';
import { optionsOf, realServers, type RealServer } from './servers';

const CHUNK = 70_000;
const CHUNKS = 6;
const BYTES = content(CHUNK * CHUNKS).read(0, CHUNK * CHUNKS);
/** Longer than a chunk takes to get from us to the listing of a server on a machine that has much to do. */
const SETTLE = 2000;
const INTERVAL = 100;
/** They answer a thousand questions in a moment. */
const MANY = ['vsftpd-plain', 'proftpd-plain', 'pureftpd-plain', 'pyftpdlib-plain'];
const FILES = 1000;
/** Also in TLS. */
const ALL = process.env['FTPLIB_LONG'] === '1';

describe('watch() on real servers', () => {
  const numbers = random(20_261_129);

  for (const server of oneOfEachKind()) {
    describe(server.name, () => {
      const folder = `watch-${process.pid}-${server.name}`;
      const onDisk = join(server.home, folder);
      const clients: FTP[] = [];
      let ftp: FTP;

      const client = (options: FTPOptions = {}): FTP => {
        const made = new FTP({ ...optionsOf(server), ...options });
        clients.push(made);
        return made;
      };
      const upload = (name: string, bytes: string | Uint8Array): Promise<void> => finished(ftp.stor(`${folder}/${name}`).end(bytes));

      beforeEach(async () => {
        ftp = client();
        await ftp.mkd(folder);
        await ftp.mkd(`${folder}/done`);
      });
      afterEach(async () => {
        for (const each of clients.splice(0)) each.close();
        await rm(onDisk, { recursive: true, force: true });
      });

      for (const mlsd of server.can.mlsd ? [true, false] : [false]) {
        it(`gives a file that grows slowly once, and whole, over lost connections (${mlsd ? 'MLSD' : 'LIST'})`, async () => {
          const proxy = await FaultProxy.open(server);
          const watching = client({ mlsd, createConnection: proxy.createConnection });
          const stream = watching.watch(folder, { settle: SETTLE, interval: INTERVAL, retry: { attempts: 20, backoff: 10 } });
          let cuts = 0;
          stream.on('retry', () => void (cuts += 1));
          const writer = growing(stream, proxy);
          const given: [path: string, size: number][] = [];
          try {
            for await (const { path } of stream) {
              const read = Buffer.concat(await watching.retr(`${folder}/${path}`, { retry: true }).toArray());
              given.push([path, read.length]);
              if (path === 'last') break;
              await writer;
              expect(read.equals(BYTES), `${read.length} bytes`).to.equal(true);
              await watching.rename(`${folder}/${path}`, `${folder}/done/${path}`);
              await upload('last', 'x');
            }
          } finally {
            for (const each of clients) each.close();
            await proxy.close();
          }
          expect(given, describeSeed(numbers.seed)).to.deep.equal([['slow', BYTES.length], ['last', 1]]);
          note('faults', `watch, ${server.name}: ${cuts} connections lost`);
        });
      }

      /** Uploads a piece after each look, and cuts a connection of the watch now and then. */
      async function growing(stream: Watch, proxy: FaultProxy): Promise<void> {
        await once(stream, 'look');
        const writing = ftp.stor(`${folder}/slow`);
        for (let i = 0; i < CHUNKS; i++) {
          await new Promise((written) => writing.write(BYTES.subarray(i * CHUNK, (i + 1) * CHUNK), written));
          if (i % 2 === 1) proxy.arm({ on: numbers.pick(['control', 'data']), direction: 'toClient', kind: numbers.pick(['rst', 'fin']), at: numbers.int(40) });
          await once(stream, 'look');
        }
        proxy.arm();
        await finished(writing.end());
      }

      it('gives what came while the program was away, and nothing twice', async () => {
        for (const name of ['a', 'b', 'c']) await upload(name, name);
        let saved = '';
        const first = client();
        const stream = first.watch(folder, { settle: 100, interval: INTERVAL });
        const given: string[] = [];
        for await (const { path } of stream) {
          if (given.push(path) === 3) break; // it stops in the middle of its work
          stream.done();
          saved = JSON.stringify(stream.state);
        }
        await first.quit();
        await upload(given[0] as string, 'changed');
        await ftp.rename(`${folder}/${given[1]}`, `${folder}/done/${given[1]}`);
        await upload('d', 'd');
        const second = client({ mlsd: false });
        const again: string[] = [];
        for await (const { path, size } of second.watch(folder, { since: JSON.parse(saved) as WatchState, settle: 100, interval: INTERVAL })) {
          if (again.push(`${path} ${size}`) === 3) await upload('last', 'x');
          if (path === 'last') break;
        }
        expect(again).to.have.members([`${given[0]} 7`, `${given[2]} 1`, 'd 1', 'last 1']);
        await second.quit();
      });

      if (!MANY.includes(server.name)) return;
      it(`gives each of ${FILES} files once to a reader that is slow`, async () => {
        for (let i = 0; i < FILES; i++) await writeFile(join(onDisk, `a-file-with-a-long-name-${i}.edi`), String(i));
        const slow = client();
        const stream = slow.watch(folder, { settle: 50, interval: 50 });
        const heap = new Heap();
        const given = new Map<string, number>();
        let looks = 0;
        stream.on('look', () => void (looks += 1));
        for await (const { path } of stream) {
          given.set(path, (given.get(path) ?? 0) + 1);
          expect(Buffer.concat(await slow.retr(`${folder}/${path}`).toArray()).toString()).to.equal(/\d+/.exec(path)?.[0]);
          if (given.size % 100 === 0) heap.note();
          if (given.size === FILES) break;
        }
        expect([...given.values()].every((times) => times === 1)).to.equal(true);
        expect(looks).to.be.above(2);
        note('measured', `watch, ${server.name}: ${FILES} files, ${looks} looks: at most ${heap.most.toFixed(1)} MiB more than before`);
        expect(heap.most).to.be.below(8);
      });
    });
  }
});

function oneOfEachKind(): RealServer[] {
  const kinds = new Map<string, RealServer>();
  for (const server of realServers().filter(({ host }) => host === '127.0.0.1')) {
    const kind = ALL ? `${server.family} ${server.secure}` : server.family;
    if (!kinds.has(kind)) kinds.set(kind, server);
  }
  return [...kinds.values()];
}
