import { expect } from 'chai';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { TransferError, type ConnectionRequest, type FTPError, type StorStream } from '../../lib/index';
import { openData, send, until } from '../support/server/steps';
import { useBench } from '../support/transfers';

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
