import { expect } from 'chai';
import { mkdtemp, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { get } from '../../lib/bulk/get';
import { put } from '../../lib/bulk/put';
import { FTP } from '../../lib/client/ftp';
import type { FTPOptions } from '../../lib/options';
import { FaultProxy } from '../support/fault-proxy';
import { content } from '../support/server/content';
import { optionsOf, realServers, type RealServer } from './servers';

const SIZE = 500_000;
const BYTES = content(SIZE).read(0, SIZE);
const RETRY = { attempts: 3, backoff: 10 };

describe('get() and put() on real servers', () => {
  for (const server of oneOfEachKind()) {
    const { name, host, port, home, can } = server;
    const cuts = can.size; // without SIZE nothing tells whether the file is still the same
    const sized = can.size || can.mlsd;
    describe(name, () => {
      const folder = `getput-${process.pid}-${name}`;
      let ftp: FTP;
      let proxy: FaultProxy;
      let local: string;
      before(async () => {
        local = await mkdtemp(join(tmpdir(), 'ftplib-getput-'));
        proxy = await FaultProxy.open({ host, port });
        ftp = connect({ createConnection: proxy.createConnection });
        await ftp.mkd(folder);
      });
      after(async () => {
        ftp.close();
        await proxy.close();
        await rm(local, { recursive: true });
        const cleaner = connect({});
        for (const each of await readdir(join(home, folder))) await cleaner.delete(`${folder}/${each}`);
        await cleaner.rmd(folder);
        cleaner.close();
      });

      /** pyftpdlib 1.5.7 may say nothing of an upload that is reset. */
      function connect(options: FTPOptions): FTP {
        return new FTP({ ...optionsOf(server), replyTimeout: 5000, ...options });
      }

      it('puts a file, over one that is there, and nothing else', async () => {
        for (const bytes of [Buffer.from('old'), BYTES]) {
          expect(await put(ftp, bytes, `${folder}/put`)).to.include({ bytes: bytes.length, retries: 0 });
          expect((await readFile(join(home, folder, 'put'))).equals(bytes)).to.equal(true);
        }
        expect(await readdir(join(home, folder))).to.deep.equal(['put']);
      });

      it('gives a stream its own name at finish, over a file that is there, and leaves that file where the stream is destroyed', async () => {
        const target = join(home, folder, 'stream');
        for (const bytes of [Buffer.from('old'), BYTES]) {
          await pipeline(Readable.from([bytes]), ftp.stor(`${folder}/stream`, { temporaryName: true }));
          expect((await readFile(target)).equals(bytes)).to.equal(true);
        }
        expect((await readdir(join(home, folder))).filter((name) => name.includes('stream'))).to.deep.equal(['stream']);
        const left = ftp.stor(`${folder}/stream`, { temporaryName: true });
        await new Promise((written) => left.write('half', written));
        left.destroy();
        await ftp.pwd();
        expect((await readFile(target)).equals(BYTES)).to.equal(true);
      });

      it('goes on with an upload that was cut', async () => {
        let attempts = 0;
        const source = (offset: number): Readable => {
          attempts += 1;
          proxy.arm(attempts === 1 ? { on: 'data', direction: 'toServer', at: 200_000, kind: 'rst' } : undefined);
          return Readable.from([BYTES.subarray(offset)]);
        };
        const { retries } = await put(ftp, source, `${folder}/cut`, { retry: RETRY, size: SIZE });
        expect(retries).to.be.greaterThan(0);
        expect((await readFile(join(home, folder, 'cut'))).equals(BYTES)).to.equal(true);
      });

      it('goes on with what an earlier upload has left, where the server can', async () => {
        await put(ftp, BYTES.subarray(0, 123_457), `${folder}/.resumed.part`, { temporaryName: false });
        const { resumedFrom } = await put(ftp, BYTES, `${folder}/resumed`, { resume: true, retry: RETRY });
        expect(resumedFrom).to.equal((can.rest || can.appe) && sized ? 123_457 : 0);
        expect((await readFile(join(home, folder, 'resumed'))).equals(BYTES)).to.equal(true);
      });

      it('gets a file, with its time where the server tells that', async () => {
        await put(ftp, BYTES, `${folder}/got`);
        const path = join(local, 'got');
        expect(await get(ftp, `${folder}/got`, path, { preserveTimes: true })).to.include({ bytes: SIZE, retries: 0 });
        expect((await readFile(path)).equals(BYTES)).to.equal(true);
        const { mtimeMs } = await stat(join(home, folder, 'got'));
        // ftp-srv tells milliseconds, too, of which a file keeps a little less.
        if (can.mdtm && can.trueTimes) expect(Math.floor((await stat(path)).mtimeMs / 1000)).to.equal(Math.floor(mtimeMs / 1000));
      });

      if (can.rest) {
        it('goes on with a download that was cut, and with what is there', async () => {
          await put(ftp, BYTES, `${folder}/got`);
          const path = join(local, 'again');
          if (cuts) proxy.arm({ on: 'data', direction: 'toClient', at: 200_000, kind: 'rst' });
          const cut = await get(ftp, `${folder}/got`, path, { retry: RETRY });
          proxy.arm();
          expect(cut).to.include({ bytes: SIZE, retries: cuts ? 1 : 0 });
          expect((await readFile(path)).equals(BYTES)).to.equal(true);
          await truncate(path, 300_001);
          expect(await get(ftp, `${folder}/got`, path, { resume: true })).to.include({ resumedFrom: sized ? 300_001 : 0, bytes: SIZE });
          expect((await readFile(path)).equals(BYTES)).to.equal(true);
        });
      }
    });
  }
});

/** Each program with each kind of TLS; the proxy's own address is of IPv4. */
function oneOfEachKind(): RealServer[] {
  const kinds = new Map<string, RealServer>();
  for (const server of realServers().filter(({ host }) => host === '127.0.0.1')) {
    const kind = `${server.family} ${server.secure}`;
    if (!kinds.has(kind)) kinds.set(kind, server);
  }
  return [...kinds.values()];
}
