import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { archiveOrders } from '../../examples/csv-gzip';
import { fileServer } from '../../examples/http-download';
import { uploader } from '../../examples/queue-worker';
import { handler } from '../../examples/short-lived';
import { fileResponse, sendFile, storeFetched } from '../../examples/web-streams';
import { FTPPool } from '../../lib';
import { itWithPackages } from '../recipes/packages';
import { unzipped } from '../recipes/unzipped';
import { optionsOf, realServers } from './servers';

const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) & 0xff));

describe('recipes on real servers', () => {
  for (const server of realServers().filter(({ name }) => ['vsftpd-plain', 'proftpd-plain', 'pureftpd-plain', 'pyftpdlib-plain'].includes(name))) {
    describe(server.name, () => {
      const folder = `recipes-${process.pid}-${server.name}`;
      const there = join(server.home, folder);
      const url = `ftp://${server.user}:${server.password}@${server.host}:${server.port}`;
      const closing: Server[] = [];
      let pool: FTPPool;
      let local: string;
      before(async () => {
        local = await mkdtemp(join(tmpdir(), 'ftplib-recipes-'));
        pool = new FTPPool(optionsOf(server));
        await pool.mkd(folder);
        await pool.put(BYTES, `${folder}/a`);
        await pool.put(Buffer.from('1,paid\r\n2,open\r\n3,paid\r\n'), `${folder}/orders.csv`);
      });
      afterEach(async () => {
        for (const http of closing.splice(0)) await new Promise((closed) => (http.close(closed), http.closeAllConnections()));
      });
      after(async () => {
        await pool.rmd(folder, { recursive: true });
        await pool.quit();
        await rm(local, { recursive: true });
      });

      async function listen(http: Server): Promise<string> {
        closing.push(http);
        await once(http.listen(0, '127.0.0.1'), 'listening');
        return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
      }

      it('http-download: whole, in part, and left', async () => {
        const http = await listen(fileServer(pool, folder));
        expect(Buffer.from(await (await fetch(`${http}/a`)).arrayBuffer()).equals(BYTES)).to.equal(true);
        const leave = new AbortController();
        await (await fetch(`${http}/a`, { signal: leave.signal })).body?.getReader().read();
        leave.abort();
        const part = await fetch(`${http}/a`, { headers: { range: 'bytes=1000-1999' } });
        expect([part.status, Buffer.from(await part.arrayBuffer()).equals(BYTES.subarray(1000, 2000))]).to.deep.equal([206, true]);
        expect((await fetch(`${http}/missing`)).status).to.equal(404);
      });

      it('csv-gzip: rows of a table', async () => {
        await archiveOrders(url, `${folder}/orders.csv`, url, `${folder}/orders.csv.gz`);
        expect(String(gunzipSync(await readFile(join(there, 'orders.csv.gz'))))).to.equal('1,paid\n3,paid\n');
      });

      it('queue-worker: the same file however often it is run', async () => {
        const file = join(local, 'report');
        await writeFile(file, BYTES);
        const job = { data: { file, path: `${folder}/report` }, updateProgress: async () => undefined };
        for (let i = 0; i < 2; i++) {
          expect(await uploader(pool)(job)).to.include({ bytes: BYTES.length });
          expect((await readFile(join(there, 'report'))).equals(BYTES)).to.equal(true);
        }
      });

      it('short-lived: a file', async () => {
        expect((await handler({ url, path: `${folder}/a` })).equals(BYTES)).to.equal(true);
      });

      it('web-streams: both ways', async () => {
        const received: Buffer[] = [];
        const http = await listen(createServer(async (incoming, response) => (received.push(await buffer(incoming)), response.end(BYTES))));
        await storeFetched(pool, http, `${folder}/fetched`);
        expect((await readFile(join(there, 'fetched'))).equals(BYTES)).to.equal(true);
        expect(await sendFile(pool, `${folder}/a`, http)).to.equal(200);
        expect(received.at(-1)?.equals(BYTES)).to.equal(true);
        expect(Buffer.from(await fileResponse(pool, `${folder}/a`).arrayBuffer()).equals(BYTES)).to.equal(true);
      });

      itWithPackages('multipart and zip-folder: the files of a form, and as an archive', async () => {
        const { formServer } = require('../recipes/multipart') as typeof import('../recipes/multipart');
        const { zipFolder } = require('../recipes/zip-folder') as typeof import('../recipes/zip-folder');
        await pool.mkd(`${folder}/form`);
        const form = new FormData();
        form.set('one', new Blob([BYTES]), 'one.bin');
        form.set('two', new Blob(['the second']), 'two.txt');
        const response = await fetch(await listen(formServer(pool, `${folder}/form`)), { method: 'POST', body: form });
        expect(response.status).to.equal(201);
        const [one, two] = (await response.text()).split('\n').map((path) => path.slice(`${folder}/form/`.length));
        expect(await readdir(join(there, 'form'))).to.have.members([one, two]);
        const target = new PassThrough();
        const [archive] = await Promise.all([buffer(target), zipFolder(pool, `${folder}/form`, target)]);
        expect(unzipped(archive).get(one ?? '')?.equals(BYTES)).to.equal(true);
        expect(String(unzipped(archive).get(two ?? ''))).to.equal('the second');
      });
    });
  }
});
