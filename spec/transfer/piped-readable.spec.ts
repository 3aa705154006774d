import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { FTPPool } from '../../lib/client/pool';
import { ConnectionClosedError } from '../../lib/errors';
import type { FTP, RetrStream } from '../../lib/index';
import { failure } from '../support/client';
import { content } from '../support/server/content';
import { closing, outcomeOf, useBench } from '../support/transfers';

const BIG = 20_000_000;
const FILES = { '/big': content(BIG), '/small': 'small', '/folder/a': 'a', '/folder/b/c': 'c' };

/** Takes bytes at once, and keeps their number. */
class Sink extends Writable {
  taken = 0;

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.taken += chunk.length;
    callback();
  }
}

/** How a destination goes. */
const GOES: Readonly<Record<string, (sink: Writable) => void>> = {
  'is destroyed': (sink) => void sink.destroy(),
  'fails': (sink) => void sink.on('error', () => undefined).destroy(new Error('disk full')),
  'is ended by somebody else': (sink) => void sink.on('error', () => undefined).end(),
};

describe('a download that is piped', () => {
  const bench = useBench();

  async function usable(ftp: FTP): Promise<void> {
    expect(await ftp.pwd()).to.equal('/');
    expect(await text(ftp.retr('small'))).to.equal('small');
    expect(bench.logins).to.equal(1);
  }

  for (const [how, go] of Object.entries(GOES)) {
    it(`is left when its destination ${how}, and the session goes on`, async () => {
      await bench.serve({ files: FILES });
      const ftp = bench.client();
      const stream = ftp.retr('big');
      const closed = closing(stream);
      const sink = new Sink();
      stream.pipe(sink);
      await once(stream, 'open');
      stream.once('data', () => go(sink));
      await closed;
      expect(stream.readableEnded).to.equal(false);
      await usable(ftp);
    });
  }

  it('is left when its destination is gone where somebody counts its bytes besides', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client();
    const stream = ftp.retr('big');
    const closed = closing(stream);
    const sink = new Sink();
    let counted = 0;
    stream.on('data', (chunk: Buffer) => (counted += chunk.length));
    stream.pipe(sink);
    await once(stream, 'open');
    stream.once('data', () => sink.destroy());
    await closed;
    expect(counted).to.be.within(1, BIG - 1);
    await usable(ftp);
  });

  it('is left when the last of several destinations is gone, and not before', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client();
    const stream = ftp.retr('big');
    const [first, second] = [new Sink(), new Sink()];
    stream.pipe(first);
    stream.pipe(second);
    await once(stream, 'data');
    first.destroy();
    await once(stream, 'data');
    expect(stream.destroyed).to.equal(false);
    const closed = closing(stream);
    second.destroy();
    await closed;
    await usable(ftp);
  });

  it('is left when its destination is gone before the transfer has begun', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client();
    const stream = ftp.retr('big');
    const closed = closing(stream);
    const sink = new Sink();
    stream.pipe(sink);
    sink.destroy();
    await closed;
    await usable(ftp);
  });

  it('is not left when it is piped into something else as soon as one is gone: all of it comes', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client();
    const stream = ftp.retr('big');
    const [first, second] = [new Sink(), new Sink()];
    stream.pipe(first);
    first.on('unpipe', () => {
      stream.pipe(second);
    });
    await once(stream, 'open');
    stream.once('data', () => first.destroy());
    await finished(second);
    expect(stream.readableEnded).to.equal(true);
    expect(first.taken + second.taken).to.be.within(BIG - 2 * 1024 * 1024, BIG); // less what was written to the one that was gone
    await usable(ftp);
  });

  it('is not left when the caller unpipes it himself: it waits for him, and gives the rest', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client();
    const stream = ftp.retr('big');
    const sink = new Sink();
    stream.pipe(sink);
    await once(stream, 'data');
    stream.unpipe(sink);
    await new Promise(setImmediate);
    expect(stream.destroyed).to.equal(false);
    // What `data` gave above went to the sink, too.
    const rest = await text(stream);
    expect(Buffer.byteLength(rest, 'latin1')).to.be.greaterThan(0);
    expect(stream.readableEnded).to.equal(true);
    await usable(ftp);
  });

  it('is not left when all of it has been written, and the destination is over', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client();
    const stream = ftp.retr('small');
    const errors: Error[] = [];
    stream.on('error', (error) => errors.push(error));
    const sink = stream.pipe(new PassThrough());
    expect(await text(sink)).to.equal('small');
    expect([stream.readableEnded, errors]).to.deep.equal([true, []]);
    await usable(ftp);
  });

  it('is left as a walk, a tree and a download in parts are', async () => {
    await bench.serve({ files: FILES });
    const { host, port } = bench.server;
    const pool = new FTPPool({ host, port, user: 'user', password: 'secret', connections: 2 });
    try {
      for (const open of [() => pool.walk('folder'), () => pool.retr('big', { segments: 2 })]) {
        const stream = open();
        const closed = closing(stream);
        const sink = new Writable({ objectMode: true, write: (_chunk, _encoding, done) => void (sink.destroy(), done()) });
        stream.pipe(sink);
        await closed;
        expect(await text(pool.retr('small'))).to.equal('small');
      }
      await pool.quit();
    } finally {
      pool.close();
    }
  });
});

describe('a web server that pipes downloads into its responses', () => {
  let web: Server | undefined;
  // Registered before the bench's own, which looks for what is left open.
  afterEach(async () => {
    web?.closeAllConnections();
    await new Promise((resolve) => (web ? web.close(resolve) : resolve(undefined)));
    web = undefined;
  });
  const bench = useBench();

  /** Serves whatever `open` opens. */
  async function serve(open: (path: string) => RetrStream): Promise<(path: string) => Promise<IncomingMessage>> {
    web = createServer((request, response) => {
      open(request.url ?? '').on('error', () => void response.destroy()).pipe(response);
    });
    await once(web.listen(0, '127.0.0.1'), 'listening');
    const { port } = web.address() as AddressInfo;
    return (path) => new Promise((resolve, reject) => get({ host: '127.0.0.1', port, path, agent: false }, resolve).on('error', reject));
  }

  /** A browser that goes away in the middle. */
  async function visit(request: (path: string) => Promise<IncomingMessage>): Promise<void> {
    const response = await request('/big');
    await once(response.on('error', () => undefined), 'data');
    response.destroy();
  }

  it('on one client serves the next visitor after one who has left', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client();
    const request = await serve((path) => ftp.retr(path));
    for (let visitor = 0; visitor < 3; visitor++) await visit(request);
    expect(await text(await request('/small'))).to.equal('small');
    expect(await ftp.pwd()).to.equal('/');
  });

  it('on a pool of two serves the sixth after five who have left', async () => {
    await bench.serve({ files: FILES });
    const { host, port } = bench.server;
    const pool = new FTPPool({ host, port, user: 'user', password: 'secret', connections: 2 });
    try {
      const request = await serve((path) => pool.retr(path));
      for (let visitor = 0; visitor < 5; visitor++) await visit(request);
      expect(await text(await request('/small'))).to.equal('small');
      expect(await Promise.all([pool.size('small'), pool.size('big')])).to.deep.equal([5, BIG]);
    } finally {
      pool.close();
    }
  });
});

describe('the end of a client that has unfinished streams', () => {
  const bench = useBench();

  it('by `await using` lets the exception through that leaves the block, with an upload open', async () => {
    await bench.serve({ files: FILES });
    const outcome: unknown = await (async () => {
      await using ftp = bench.client();
      const stream = ftp.stor('up').on('error', () => undefined);
      stream.write('first line');
      await once(stream, 'open');
      throw new Error('between two writes');
    })().catch((error: unknown) => error);
    expect(outcome).to.have.property('message', 'between two writes');
    await bench.server.deserted();
  });

  it('by `await using` lets the exception through, with a download open that nobody reads on', async () => {
    await bench.serve({ files: FILES });
    const outcome: unknown = await (async () => {
      await using ftp = bench.client();
      const stream = ftp.retr('big').on('error', () => undefined);
      await once(stream, 'readable');
      throw new Error('in the middle');
    })().catch((error: unknown) => error);
    expect(outcome).to.have.property('message', 'in the middle');
    await bench.server.deserted();
  });

  it('by quit() fails a stream that nobody reads on, at once', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client();
    const stream = ftp.retr('big');
    stream.once('data', () => stream.pause());
    await once(stream, 'data');
    const failed = once(stream, 'error');
    expect((await ftp.quit())?.code).to.equal(221);
    expect((await failed)[0]).to.be.instanceOf(ConnectionClosedError).with.property('message').match(/nobody read this stream on/);
    await bench.server.deserted();
  });

  it('by quit() fails a stream whose reader is stuck after stallTimeout', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client({ stallTimeout: 100 });
    const reading = failure((async () => {
      for await (const chunk of ftp.retr('big')) if (chunk.length > 0) await ftp.quit();
    })());
    expect(await reading).to.be.instanceOf(ConnectionClosedError);
    await bench.server.deserted();
  });

  it('by quit() fails an upload whose source gives nothing after stallTimeout', async () => {
    await bench.serve();
    const ftp = bench.client({ stallTimeout: 100 });
    const stream = ftp.stor('up');
    stream.write('first line');
    await once(stream, 'open');
    const failed = once(stream, 'error');
    await ftp.quit();
    expect((await failed)[0]).to.be.instanceOf(ConnectionClosedError).with.property('message').match(/nothing came from the source/);
    await bench.server.deserted();
  });

  it('by quit() of a pool fails streams that nobody reads on, at once, and waits for those that are read', async () => {
    await bench.serve({ files: FILES });
    const { host, port } = bench.server;
    const pool = new FTPPool({ host, port, user: 'user', password: 'secret', connections: 2 });
    const unread = pool.retr('big');
    unread.once('data', () => unread.pause());
    await once(unread, 'data');
    const failed = once(unread, 'error');
    const read = outcomeOf(pool.retr('big'));
    await pool.quit();
    expect((await failed)[0]).to.be.instanceOf(ConnectionClosedError);
    expect((await read).bytes.length).to.equal(BIG);
    await bench.server.deserted();
  });
});
