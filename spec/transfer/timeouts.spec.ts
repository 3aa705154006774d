import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Duplex, Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { FTP, throttle, TimeoutError, type ConnectionRequest } from '../../lib/index';
import { sha256 } from '../support/hash';
import { content } from '../support/server/content';
import { data, dataClosed, openData, send, until } from '../support/server/steps';
import { errorOf, outcomeOf, rejection, useBench } from '../support/transfers';
import { connect, type Socket } from 'node:net';

const STALL = 100;

/** A listing that never comes. */
const SILENT = { NLST: [openData(), send('150 Opening.'), dataClosed(), send('426 Aborted.')] };

describe('timeouts of transfers', () => {
  const bench = useBench();

  /** Comes back when another client, waiting for the SILENT listing of the same server, has called so many milliseconds a stall. */
  async function stall(ms: number): Promise<void> {
    const { error } = await outcomeOf(bench.client({ stallTimeout: ms }).nlst());
    expect(error).to.be.instanceOf(TimeoutError);
  }

  it('a consumer ten times slower than the stall timeout loses nothing', async () => {
    const file = content(4_000_000);
    await bench.serve({ files: { '/file': file }, script: SILENT });
    const stream = bench.client({ stallTimeout: STALL }).retr('file');
    let pauses = 0;
    const chunks: Buffer[] = [];
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      if (pauses++ < 1) await stall(10 * STALL);
    }
    expect(await sha256(Buffer.concat(chunks))).to.equal(file.sha256);
  });

  for (const [what, call] of [['another operation', (ftp: FTP) => ftp.size('file')], ['quit()', (ftp: FTP) => ftp.quit()]] as const) {
    it(`a reader that takes line after line of one chunk, each in less than the stall timeout, loses nothing where ${what} waits`, async () => {
      await bench.serve({ files: { '/file': 'line\r\n'.repeat(1000) }, script: SILENT });
      const ftp = bench.client({ stallTimeout: 10 * STALL }); // twelve pauses are longer, and one is not, also on a busy machine
      let waiting: Promise<unknown> | undefined;
      let lines = 0;
      for await (const _line of ftp.retrlines('RETR file')) {
        waiting ??= call(ftp);
        if (lines++ < 12) await stall(STALL);
      }
      expect(lines).to.equal(1000);
      await waiting;
    });
  }

  for (const [what, call] of [['another operation', (ftp: FTP) => ftp.size('file')], ['quit()', (ftp: FTP) => ftp.quit()]] as const) {
    it(`a throttle that one chunk keeps busy for longer than the stall timeout loses nothing where ${what} waits`, async () => {
      const file = content(1_200_000);
      await bench.serve({ files: { '/file': file } });
      const ftp = bench.client({ stallTimeout: STALL });
      const stream = ftp.retr('file');
      const chunks: Buffer[] = [];
      const whole = pipeline(stream, throttle(800_000)(), async (source: AsyncIterable<Buffer>) => {
        for await (const chunk of source) chunks.push(chunk);
      });
      await once(stream, 'open');
      await Promise.all([whole, call(ftp)]);
      expect(await sha256(Buffer.concat(chunks))).to.equal(file.sha256);
    });
  }

  it('a source ten times slower than the stall timeout loses nothing', async () => {
    await bench.serve({ script: SILENT });
    const slow = Readable.from((async function* () {
      yield 'one ';
      await stall(10 * STALL);
      yield 'two';
    })());
    await pipeline(slow, bench.client({ stallTimeout: STALL, replyTimeout: 5 * STALL }).stor('file'));
    expect(bench.server.read('/file').toString()).to.equal('one two');
  });

  it('a server that stops sending is a TimeoutError with what came', async () => {
    await bench.serve({ script: { RETR: [openData(), send('150 Opening (10 bytes).'), data('hello'), dataClosed(), send('426 Aborted.')] } });
    const ftp = bench.client({ stallTimeout: STALL });
    const { error, bytes } = await outcomeOf(ftp.retr('file'));
    expect(error).to.be.instanceOf(TimeoutError);
    expect(error).to.include({ phase: 'data', bytesTransferred: 5, expectedBytes: 10 });
    expect(error?.message).to.equal(`RETR file: no data moved within ${STALL} ms (stallTimeout)`);
    expect(bytes.toString()).to.equal('hello');
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.logins).to.equal(1);
  });

  it('a server that sends nothing at all is a TimeoutError', async () => {
    await bench.serve({ script: { RETR: [openData(), send('150 Opening.'), dataClosed(), send('426 Aborted.')] } });
    const { error } = await outcomeOf(bench.client({ stallTimeout: STALL }).retr('file'));
    expect(error).to.be.instanceOf(TimeoutError);
    expect(error).to.include({ phase: 'data', bytesTransferred: 0 });
  });

  it('a server that sends a little now and then is none', async () => {
    await bench.serve();
    const now = (): Promise<void> => stall(2 * STALL); // far from the timeout, for a busy machine may be late
    bench.server.script = { ...SILENT, RETR: [openData(), send('150 Opening.'), ...'abcdef'.split('').flatMap((letter) => [data(letter), until(now)]), async (session) => void (await session.dataConnection()).end(), send('226 Done.')] };
    const { error, bytes } = await outcomeOf(bench.client({ stallTimeout: 10 * STALL }).retr('file'));
    expect(error).to.equal(undefined);
    expect(bytes.toString()).to.equal('abcdef');
  });

  it('a server that stops reading is a TimeoutError', async () => {
    await bench.serve();
    const ftp = bench.client({ stallTimeout: STALL, replyTimeout: 500 });
    bench.server.script = { STOR: [openData(), send('150 Go on.'), until(bench.server.waitFor('ABOR')), dataClosed(), send('426 Aborted.')] };
    const error = await rejection(pipeline(endless(), ftp.stor('file')));
    expect(error).to.be.instanceOf(TimeoutError);
    expect(error.phase).to.equal('data');
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.logins).to.equal(1);
  });

  it('a server that stops reading after the end of an upload is a TimeoutError', async () => {
    await bench.serve();
    const ftp = bench.client({ stallTimeout: STALL, replyTimeout: 500 });
    bench.server.script = { STOR: [openData(), send('150 Go on.'), until(bench.server.waitFor('ABOR')), dataClosed(), send('426 Aborted.')] };
    const stream = ftp.stor('file');
    stream.end(Buffer.alloc(16 * 1024 * 1024));
    expect(await errorOf(stream)).to.be.instanceOf(TimeoutError);
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.logins).to.equal(1);
  });

  it('a stream that is no socket, and takes the bytes of one write for longer than the stall timeout, loses nothing', async () => {
    await bench.serve();
    const createConnection = ({ host, port, purpose }: ConnectionRequest): Duplex => {
      const socket = connect({ host, port });
      return purpose === 'control' ? socket : slowTunnel(socket, STALL / 4);
    };
    const ftp = bench.client({ stallTimeout: 2 * STALL, createConnection });
    const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => i % 251));
    const stream = ftp.stor('file');
    stream.write(bytes);
    stream.end(bytes.subarray(0, 100));
    expect(await errorOf(stream)).to.equal(undefined);
    expect(bench.server.read('/file').equals(Buffer.concat([bytes, bytes.subarray(0, 100)]))).to.equal(true);
    bench.server.script = { STOR: [openData(), send('150 Go on.'), until(bench.server.waitFor('ABOR')), dataClosed(), send('426 Aborted.')] };
    expect(await rejection(pipeline(endless(), ftp.stor('file')))).to.be.instanceOf(TimeoutError);
  });

  for (const verb of ['retr', 'stor'] as const) {
    it(`a server that does not answer ${verb} is a TimeoutError in phase command`, async () => {
      await bench.serve();
      const ftp = bench.client({ replyTimeout: STALL });
      bench.server.script = { [verb === 'retr' ? 'RETR' : 'STOR']: [openData()] };
      const stream = ftp[verb]('file');
      if (stream instanceof Readable) stream.resume();
      else stream.end('x');
      const error = await rejection(finished(stream));
      expect(error).to.be.instanceOf(TimeoutError);
      expect(error.phase).to.equal('command');
      expect(error.message).to.include('(replyTimeout)');
    });
  }

  it('an upload that the server takes and does not confirm may have been completed', async () => {
    await bench.serve({ script: { STOR: [openData(), send('150 Go on.'), dataClosed()] } });
    const stream = bench.client({ replyTimeout: STALL }).stor('file');
    stream.end('hello');
    const error = await errorOf(stream);
    expect(error).to.be.instanceOf(TimeoutError);
    expect(error).to.include({ phase: 'completion', bytesTransferred: 5, maybeCompleted: true });
  });

  it('a data connection that nobody takes is a TimeoutError within the connect timeout', async () => {
    await bench.serve();
    const ftp = bench.client({ connectTimeout: STALL, extended: true, createConnection: (request) => (request.purpose === 'data' ? connectNowhere() : reach(request)) });
    const { error } = await outcomeOf(ftp.retr('file'));
    expect(error).to.be.instanceOf(TimeoutError);
    expect(error?.message).to.include('(connectTimeout)');
  });

  it('a server that does not connect in active mode is a TimeoutError within the connect timeout', async () => {
    await bench.serve({ script: { RETR: [] } });
    const ftp = bench.client({ passive: false, connectTimeout: STALL, replyTimeout: 2 * STALL });
    const { error } = await outcomeOf(ftp.retr('file'));
    expect(error).to.be.instanceOf(TimeoutError);
    expect(error?.message).to.include('the server made no data connection');
  });

  it('a host that takes connections and says nothing is a TimeoutError of the stream', async () => {
    const mute = createServer();
    await once(mute.listen(0, '127.0.0.1'), 'listening');
    mute.on('connection', (socket) => socket.on('error', () => undefined).on('end', () => socket.end()).resume());
    const ftp = new FTP({ host: '127.0.0.1', port: (mute.address() as AddressInfo).port, connectTimeout: STALL });
    const { error } = await outcomeOf(ftp.retr('file'));
    expect(error).to.be.instanceOf(TimeoutError);
    expect(error).to.include({ phase: 'connect' });
    mute.close();
  });

  it('timeouts of 0 never come', async () => {
    await bench.serve({ files: { '/file': 'hello' } });
    const { error } = await outcomeOf(bench.client({ timeout: 0 }).retr('file'));
    expect(error).to.equal(undefined);
  });
});

/** 64 KiB again and again. */
function* endless(): Generator<Buffer> {
  for (;;) yield Buffer.alloc(65_536);
}

/** A stream over a socket that takes so many milliseconds for 64 KiB, or a part of them. */
function slowTunnel(socket: Socket, ms: number): Duplex {
  const tunnel = new Duplex({
    read: () => void socket.resume(),
    write: (chunk: Buffer, _encoding, done) => void setTimeout(() => socket.write(chunk, done), ms * Math.ceil(chunk.length / 65_536)),
    final: (done) => void socket.end(done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('end', () => tunnel.push(null)).on('error', (error) => tunnel.destroy(error)).resume();
  return tunnel;
}

function reach({ host, port }: ConnectionRequest): Duplex {
  return connect({ host, port });
}

/** A connection that is for ever being made. */
function connectNowhere(): Duplex {
  return Object.assign(new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() }), { connecting: true });
}
