import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { readFileSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { expect } from 'chai';
import { FTP, PermanentError, UnsupportedError } from '../../lib/index';
import { digestCommands } from '../../lib/transfer/verify';
import { retriesOf } from '../transfer/retry-scene';
import { type Trial, Trials } from '../transfer/retry-trial';
import { FaultProxy } from '../support/fault-proxy';
import { random } from '../support/seed';
import { content } from '../support/server/content';
import { errorOf, outcomeOf } from '../support/transfers';
import { type Family, realServers } from './servers';

const SIZE = 150_000;
const BYTES = Buffer.from(content(SIZE).read(0, SIZE));
const DOWNLOADS = 8;
/** What tells a file's hash; the others offer nothing. */
const HASHES: Readonly<Partial<Record<Family, string>>> = { proftpd: 'sha512, sha256, sha1, md5, crc32', gridftp: 'sha512, sha256, sha1, md5' };

describe('retries and verification on real servers', () => {
  for (const [number, server] of realServers().entries()) {
    const { name, host, port, user, password, secure, certificate, can, family } = server;
    const path = `retry-${process.pid}-${name}`;
    const security = secure === false ? {} : { secure, tls: { ca: secure && readFileSync(certificate) } };

    describe(name, () => {
      let ftp: FTP;
      before(async () => {
        ftp = new FTP({ host, port, user, password, ...security });
        await finished(ftp.stor(path).end(BYTES));
      });
      after(async () => {
        await ftp.delete(path);
        ftp.close();
      });

      function through(proxy: FaultProxy): FTP {
        // The proxy's way for clients that make their own data connections is on IPv4.
        const way = secure === false ? { host: '127.0.0.1', port: proxy.port } : { host, port, createConnection: proxy.createConnection };
        return new FTP({ user, password, ...security, ...way, timeout: 5000 });
      }

      it('gives what it has, with retry and verification by size', async () => {
        const options = can.size ? { retry: true, verify: 'size' } as const : { retry: true };
        for (const range of [{}, ...(can.rest ? [{ start: 149_000 }, { start: 10, end: 19 }] : [])] as { start?: number; end?: number }[]) {
          expect(await outcomeOf(ftp.retr(path, { ...options, ...range }))).to.deep.equal({ bytes: BYTES.subarray(range.start ?? 0, (range.end ?? SIZE) + 1), error: undefined });
        }
      });

      it(`tells ${HASHES[family] ?? 'no hash'}`, async () => {
        const algorithms = [...new Set(digestCommands(await ftp.feat()).map(({ algorithm }) => algorithm))];
        expect(algorithms.join(', ')).to.equal(HASHES[family] ?? '');
        for (const algorithm of algorithms) {
          const hex = algorithm === 'crc32' ? crc32(BYTES).toString(16).padStart(8, '0') : createHash(algorithm).update(BYTES).digest('hex');
          expect(await ftp.hash(path, algorithm)).to.equal(hex);
        }
        const { error } = await outcomeOf(ftp.retr(path, { verify: 'hash' }));
        const copy = ftp.stor(`${path}-copy`, { verify: 'hash' }).end(BYTES);
        const refused = await errorOf(copy);
        if (algorithms.length === 0) for (const each of [error, refused]) expect(each).to.be.instanceOf(UnsupportedError);
        else {
          expect([error, refused]).to.deep.equal([undefined, undefined]);
          await ftp.delete(`${path}-copy`);
        }
      });

      if (!can.size && !can.mlsd) return; // nothing tells that a file is longer than what has come
      it(can.rest ? 'retries a download whose data end early' : 'fails a download whose data end early, for it has no REST', async () => {
        const proxy = await FaultProxy.open(server);
        const client = through(proxy);
        proxy.arm({ on: 'data', direction: 'toClient', kind: 'fin', at: 70_000 });
        const stream = client.retr(path, { retry: { backoff: 1 } });
        const retries = retriesOf(stream);
        const { bytes, error } = await outcomeOf(stream);
        client.close();
        expect(await proxy.close(), 'sockets left open').to.equal(0);
        expect(retries).to.have.length(1);
        expect(retries[0]?.offset).to.be.within(1, 70_000);
        if (can.rest) expect({ bytes, error }).to.deep.equal({ bytes: BYTES, error: undefined });
        else expect(error).to.be.instanceOf(PermanentError);
      });

      it(`retries ${DOWNLOADS} downloads that are cut at random bytes, or says why not`, async () => {
        const proxy = await FaultProxy.open(server);
        const client = through(proxy);
        const trials = new Trials(proxy, random(20_261_108 + number), HASHES[family] !== undefined && secure === false, ['fin', 'rst', 'split']);
        const outcomes: Trial[] = [];
        try {
          for (let run = 0; run < DOWNLOADS; run++) outcomes.push(await trials.run(client, { path, bytes: BYTES }));
        } finally {
          client.close();
          expect(await proxy.close(), 'sockets left open').to.equal(0);
        }
        expect(outcomes.flatMap(({ problem }) => problem ?? [])).to.deep.equal([]);
      });
    });
  }
});
