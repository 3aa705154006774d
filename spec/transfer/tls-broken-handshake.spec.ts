import { expect } from 'chai';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import type { ConnectionRequest } from '../../lib/index';
import { certificate } from '../support/server/certificates';
import { rejection, outcomeOf, useBench } from '../support/transfers';

/** A connection whose write with that number fails at once, as one does that was reset meanwhile. */
class Breaking extends Duplex {
  readonly #socket;
  #left: number;

  constructor({ host, port }: ConnectionRequest, failing: number) {
    super();
    this.#left = failing;
    this.#socket = connect({ host, port });
    this.#socket.on('data', (chunk: Buffer) => this.push(chunk)).on('end', () => this.push(null)).on('error', () => this.destroy());
  }

  override _read(): void {
    // what comes is pushed
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#left -= 1;
    if (this.#left === 0) callback(Object.assign(new Error('write ECONNRESET'), { code: 'ECONNRESET', syscall: 'write' }));
    else this.#socket.write(chunk, callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#socket.destroy();
    callback(error);
  }
}

describe('a connection that breaks while the last flight of its TLS handshake leaves', () => {
  const bench = useBench();
  const { key, cert } = certificate();

  it('is an error of the transfer on the data connection', async () => {
    await bench.serve({ tls: { mode: 'explicit', key, cert }, files: { '/file': 'hello' } });
    const ftp = bench.client({
      secure: 'explicit',
      tls: { ca: cert },
      timeout: 500,
      createConnection: (request) => (request.purpose === 'data' ? new Breaking(request, 2) : connect(request)),
    });
    const { error } = await outcomeOf(ftp.retr('file'));
    expect(error).to.include({ phase: 'data' });
  });

  it('is an error of connect() on the control connection', async () => {
    await bench.serve({ tls: { mode: 'implicit', key, cert } });
    const ftp = bench.client({ secure: 'implicit', tls: { ca: cert }, timeout: 500, createConnection: (request) => new Breaking(request, 2) });
    expect((await rejection(ftp.connect())).phase).to.equal('connect');
  });
});
