import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { Duplex, Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { TransferError, type ConnectionRequest, type FTPError, type FTPOptions, type StorStream } from '../../lib/index';
import { certificate } from '../support/server/certificates';
import { gate, turn } from '../support/server/gate';
import type { FtpServerOptions } from '../support/server/server-options';
import { openData, receiveData, send, until } from '../support/server/steps';
import { useBench } from '../support/transfers';

const tls = certificate('local');
const LINKS: readonly (readonly [name: string, server: FtpServerOptions, client: FTPOptions])[] = [
  ['a socket', {}, {}],
  ['TLS', { tls: { mode: 'explicit', ...tls } }, { secure: 'explicit', tls: { ca: tls.cert } }],
  ['a stream that is no socket', {}, { createConnection: (request) => (request.purpose === 'data' ? tunnel(request) : connect(request)) }],
];

describe('an upload that is written to', () => {
  const bench = useBench();

  it('of many small writes is whole', async () => {
    await bench.serve();
    const stream = bench.client().stor('file');
    const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`);
    await pipeline(Readable.from(lines), stream);
    expect(bench.server.read('/file').toString()).to.equal(lines.join(''));
    expect(stream.bytesWritten).to.equal(lines.join('').length);
  });

  for (const state of ['not open yet', 'open', 'full']) {
    for (const [how, end, code] of [
      ['is destroyed', (stream: StorStream) => stream.destroy(), 'ERR_FTP_ABORTED'],
      ['is destroyed with an error', (stream: StorStream) => stream.destroy(new TransferError('enough')), 'ERR_FTP_TRANSFER'],
    ] as const) {
      it(`tells whoever waits for a write when it ${how} while it is ${state}`, async () => {
        await bench.serve({ script: { STOR: [openData(), ...(state === 'not open yet' ? [] : [send('150 Ok to send data.')]), until(new Promise(() => undefined))] } });
        const stream = bench.client().stor('file').on('error', () => undefined);
        if (state === 'not open yet') stream.write('a');
        else await new Promise((written) => stream.write('a', written));
        if (state === 'full') stream.write(Buffer.alloc(16 * 1024 * 1024));
        if (state === 'full') await new Promise(setImmediate);
        const told: (string | undefined)[] = [];
        const tell = (error?: Error | null): void => void told.push((error as FTPError | undefined)?.code);
        stream.write('b', tell);
        stream.write('c', tell);
        stream.end(tell);
        const closed = new Promise((resolve) => stream.once('close', resolve));
        end(stream);
        await closed;
        await new Promise(setImmediate);
        expect(told).to.deep.equal([code, code, code]);
      });
    }
  }

  for (const [link, server, client] of LINKS) {
    it(`needs the memory of a chunk no longer when its callback is called, through ${link}`, async () => {
      const full = gate();
      await bench.serve({ ...server, script: { STOR: [openData(), send('150 Ok to send data.'), until((session) => session.protectedData()), until(full), receiveData(), send('226 Done.')] } });
      const stream = bench.client({ host: 'localhost', ...client }).stor('file');
      const memory = Buffer.alloc(4 * 1024);
      const sent = createHash('sha256');
      for (let n = 0; n < 2500; n++) {
        sent.update(memory.fill(n % 251));
        const written = new Promise<void>((resolve, reject) => stream.write(memory, (error) => (error ? reject(error) : resolve())));
        let isWritten = false;
        void written.then(() => (isWritten = true));
        for (let turns = 0; turns < 20 && !isWritten; turns++) await turn();
        if (!isWritten && n > 0) full.open(); // the server has taken nothing so far, and the system takes no more
        await written;
      }
      await finished(stream.end());
      const received = bench.server.read('/file');
      expect(received.length).to.equal(2500 * memory.length);
      expect(createHash('sha256').update(received).digest('hex')).to.equal(sent.digest('hex'));
    });
  }

  it('sends what is written in one turn of the event loop in two writes at most', async () => {
    await bench.serve();
    const writes: number[] = [];
    const createConnection = ({ port, host, purpose }: ConnectionRequest): Socket => {
      const socket = connect({ port, host, allowHalfOpen: purpose === 'data' });
      if (purpose === 'data') hearWrites(socket, writes);
      return socket;
    };
    const stream = bench.client({ createConnection }).stor('file');
    await new Promise((written) => stream.write('first', written));
    writes.length = 0;
    for (let n = 0; n < 3; n++) stream.write(Buffer.alloc(10_000, 'x'));
    stream.end();
    await finished(stream);
    expect(bench.server.read('/file').length).to.equal(30_005);
    expect(writes).to.deep.equal([10_000, 20_000]);
  });

  it('takes 256 KiB before it asks its source to wait', async () => {
    await bench.serve();
    const stream = bench.client().stor('file');
    expect(stream.write(Buffer.alloc(256 * 1024 - 1))).to.equal(true);
    expect(stream.write('x')).to.equal(false);
    await finished(stream.end());
  });
});

/** A stream that is no socket, and leads to one. */
function tunnel({ host, port }: ConnectionRequest): Duplex {
  const socket = connect({ host, port });
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => void socket.write(chunk, done),
    final: (done) => void socket.end(done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk) => stream.push(chunk)).on('end', () => stream.push(null)).on('error', (error) => stream.destroy(error));
  return stream;
}

/** How many bytes each write to the socket has. */
function hearWrites(socket: Socket, writes: number[]): void {
  const single = socket._write.bind(socket);
  const several = socket._writev?.bind(socket);
  socket._write = (chunk: Buffer, ...rest) => {
    writes.push(chunk.length);
    single(chunk, ...rest);
  };
  socket._writev = (chunks, done) => {
    writes.push(chunks.reduce((sum, { chunk }) => sum + (chunk as Buffer).length, 0));
    several?.(chunks, done);
  };
}
