import { open, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { expect } from 'chai';
import { RangeReader } from '../../lib/bulk/local-file';
import { put, type PutOptions } from '../../lib/bulk/put';
import { throttle } from '../../lib/bulk/throttle';
import type { FTPOptions } from '../../lib/options';
import { certificate } from '../support/server/certificates';
import { content } from '../support/server/content';
import type { FtpServerOptions } from '../support/server/server-options';
import { FileScene } from './file-scene';

const SIZE = 9_000_000;
const LARGE = content(SIZE).read(0, SIZE);
const MIB = 1024 * 1024;

/** A connection that says at once that a chunk has left, and passes it on later, as a tunnel of the caller may. */
class LateTunnel extends Duplex {
  readonly #socket: Socket;

  constructor(options: { readonly host: string; readonly port: number }) {
    super({ emitClose: true });
    this.#socket = connect(options).on('connect', () => this.emit('connect')).on('error', (error) => this.destroy(error));
    this.#socket.on('data', (chunk: Buffer) => this.push(chunk)).on('end', () => this.push(null));
  }

  override _read(): void {
    // whatever comes is pushed
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    setTimeout(() => this.#socket.write(chunk), 2);
    callback();
  }

  override _final(callback: () => void): void {
    setTimeout(() => this.#socket.end(callback), 2);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#socket.destroy();
    callback(error);
  }
}

describe('a local file that is read for an upload', () => {
  const at = new FileScene(() => ({ files: { '/in/': '' } }));
  let local: string;
  beforeEach(async () => {
    local = join(at.folder, 'large.bin');
    await writeFile(local, LARGE);
  });

  /** Reads the file, and gives each piece back, or keeps it. */
  async function pieces(release: boolean): Promise<Buffer[]> {
    const handle = await open(local);
    const reader = new RangeReader(handle.fd, 0, SIZE);
    const found: Buffer[] = [];
    for await (const chunk of reader as AsyncIterable<Buffer>) {
      found.push(release ? Buffer.from(chunk) : chunk);
      if (release) reader.release(chunk);
    }
    await handle.close();
    return found;
  }

  it('comes in other memory each time where nobody gives any back', async () => {
    expect(Buffer.concat(await pieces(false)).equals(LARGE)).to.equal(true);
  });

  it('comes in pieces of up to a mebibyte where they leave soon', async () => {
    const found = await pieces(true);
    expect(Buffer.concat(found).equals(LARGE)).to.equal(true);
    expect(Math.max(...found.map(({ length }) => length))).to.equal(MIB);
  });

  it('is read into memory that was given back, when all of its bytes were', async () => {
    const handle = await open(local);
    const reader = new RangeReader(handle.fd, 0, SIZE);
    const memory: ArrayBufferLike[] = [];
    for await (const chunk of reader as AsyncIterable<Buffer>) {
      memory.push(chunk.buffer);
      reader.release(chunk.subarray(0, 1000));
      reader.release(chunk.subarray(1000));
    }
    await handle.close();
    expect(new Set(memory).size).to.be.lessThan(memory.length);
  });

  const tls = certificate('local');
  const LINKS: readonly (readonly [name: string, server: FtpServerOptions, client: FTPOptions])[] = [
    ['a socket', {}, {}],
    ['TLS', { tls: { mode: 'explicit', required: true, ...tls } }, { host: 'localhost', secure: 'explicit', tls: { ca: tls.cert } }],
    ['a stream of the caller that passes chunks on later', {}, { createConnection: ({ host, port, purpose }) => (purpose === 'data' ? new LateTunnel({ host, port }) : connect({ host, port })) }],
  ];
  const WAYS: readonly (readonly [name: string, options: () => PutOptions])[] = [
    ['at once', () => ({})],
    ['with a report of its progress', () => ({ progress: () => undefined, progressInterval: 5 })],
    ['at a limited rate', () => ({ throttle: throttle(40_000_000), progress: () => undefined })],
    ['with its hash', () => ({ verify: 'hash' })],
  ];

  for (const [link, serverOptions, clientOptions] of LINKS) {
    for (const [way, options] of WAYS) {
      it(`arrives byte by byte through ${link}, ${way}`, async () => {
        const server = await at.stage.serve({ files: { '/in/': '' }, features: ['SIZE', 'HASH SHA-256*', 'AUTH TLS', 'PBSZ', 'PROT'], ...serverOptions });
        const ftp = at.stage.client({ host: '127.0.0.1', port: server.port }, clientOptions);
        await put(ftp, local, '/in/large', options());
        expect(server.read('/in/large').equals(LARGE)).to.equal(true);
      });
    }
  }
});
