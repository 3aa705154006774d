import { expect } from 'chai';
import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { FTPPool, type FTP } from '../../lib/index';
import { Heap } from '../support/heap';
import { chunksOf, content } from '../support/server/content';
import { dataClosed, openData, send, until } from '../support/server/steps';
import { closing, outcomeOf, useBench } from '../support/transfers';

const GIB = 1024 ** 3;
const MOST = 10 * 1024 * 1024;
/** Turns of the event loop in which nothing moves any more. */
const STILL = 50;

describe('memory', () => {
  const bench = useBench();

  it('a download of 1 GiB whose reader has paused holds less than 10 MiB', async () => {
    await bench.serve({ files: { '/file': content(GIB) } });
    const ftp = await bench.warmClient();
    const before = held();
    const stream = ftp.retr('file');
    const [first] = (await once(stream, 'data')) as [Buffer];
    stream.pause();
    await standstill(() => stream.bytesRead);
    expect(stream.bytesRead - first.length, 'bytes taken from the network').to.be.lessThan(MOST);
    expect(held() - before, 'bytes held').to.be.lessThan(MOST);
    stream.destroy();
    expect(await ftp.pwd()).to.equal('/');
  });

  it('an upload of 1 GiB to a server that does not read holds less than 10 MiB', async () => {
    await bench.serve();
    const ftp = await bench.warmClient();
    bench.server.script = { STOR: [openData(), send('150 Go on.'), until(bench.server.waitFor('ABOR')), dataClosed(), send('426 Aborted.')] };
    let taken = 0;
    const source = Readable.from(
      (function* () {
        for (const chunk of chunksOf(content(GIB))) {
          taken += chunk.length;
          yield chunk;
        }
      })(),
      { highWaterMark: 1 },
    );
    const before = held();
    const upload = source.pipe(ftp.stor('file'));
    await once(upload, 'open');
    await standstill(() => taken);
    // Loopback's own buffers hold some megabytes more, which are not this process's memory.
    expect(taken).to.be.lessThan(MOST);
    expect(held() - before, 'bytes held').to.be.lessThan(MOST);
    const closed = closing(upload);
    upload.destroy();
    await closed;
    source.destroy();
    expect(await ftp.pwd()).to.equal('/');
  });

  it('3,000 downloads that are piped at once leave nothing behind, and no warning', async () => {
    const count = 3000;
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', onWarning);
    const files = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`/file-${i}`, `content ${i}`]));
    await bench.serve({ files });
    const ftp = bench.client();
    const listeners = ftp.eventNames().length;
    let bytes = 0;
    const sinks = Array.from({ length: count }, (_, i) =>
      finished(ftp.retr(`file-${i % 10}`).pipe(new Writable({ write: (chunk: Buffer, _encoding, done) => done(void (bytes += chunk.length)) }))),
    );
    await Promise.all(sinks);
    await ftp.quit();
    process.off('warning', onWarning);
    expect(bytes).to.equal(count * 'content 0'.length);
    expect(warnings).to.deep.equal([]);
    expect(ftp.eventNames().length).to.equal(listeners);
    expect(bench.server.commands.filter((line) => line.startsWith('RETR ')).length).to.equal(count);
    expect(bench.logins).to.equal(1);
  });

  for (const [what, open] of [
    ['downloads', (remote) => remote.retr('file')],
    ['uploads', (remote) => remote.stor('file')],
    ['listings', (remote) => remote.list('folder')],
    ['walks', (remote) => remote.walk('folder')],
  ] as const satisfies readonly (readonly [string, (remote: FTP | FTPPool) => object])[]) {
    for (const kind of ['client', 'pool'] as const) {
      it(`20,000 ${what} of a ${kind} that are made and never used weigh next to nothing`, async () => {
        await bench.serve({ files: { '/file': 'content' } });
        const { host, port } = bench.server;
        const pool = new FTPPool({ host, port, user: 'user', password: 'secret' });
        const remote = kind === 'client' ? bench.client() : pool;
        for (let index = 0; index < 2000; index++) open(remote); // whatever is made once
        await turn();
        const heap = new Heap();
        for (let index = 0; index < 20_000; index++) {
          open(remote);
          if (index % 5000 === 0) await turn(); // the references of what is gone are cleared between turns
        }
        await turn();
        heap.note();
        expect(heap.most, 'MiB').to.be.below(4);
        expect((await outcomeOf(remote.retr('file'))).bytes.toString()).to.equal('content');
        pool.close();
      });
    }
  }

  it('a thousand downloads that are left at once leave nothing behind', async () => {
    await bench.serve({ files: { '/file': content(1_000_000), '/last': 'x' } });
    const ftp = bench.client();
    const streams = Array.from({ length: 1000 }, () => ftp.retr('file'));
    const closed = Promise.all(streams.map(closing));
    for (const stream of streams) stream.read(0);
    for (const stream of streams) stream.destroy();
    await closed;
    expect((await outcomeOf(ftp.retr('last'))).bytes.toString()).to.equal('x');
    expect(bench.logins).to.equal(1);
  });
});

/** Bytes that this process holds for its objects and buffers. */
function held(): number {
  globalThis.gc?.();
  const { external, heapUsed } = process.memoryUsage(); // external has the buffers in it
  return globalThis.gc ? external + heapUsed : external;
}

/** Resolves when a count has not changed for a while. */
async function standstill(count: () => number): Promise<void> {
  for (let still = 0, last = -1; still < STILL; still++) {
    await turn();
    if (count() === last) continue;
    last = count();
    still = 0;
  }
}
