import { expect } from 'chai';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';
import { connect as connectTls, createServer, type Server, type TLSSocket } from 'node:tls';
import { TemporaryError, TimeoutError, TransferError } from '../../lib/errors';
import type { ConnectionRequest } from '../../lib/options';
import { failure } from '../support/client';
import { Recorder } from '../support/recorder';
import { CA, SecuredStage, WAYS } from '../support/secured';
import { certificate } from '../support/server/certificates';
import { gate, type Gate } from '../support/server/gate';
import type { Step } from '../support/server/script';
import type { Session } from '../support/server/session';
import { boundary, data, dataCut, dataEnd, openData, send, until } from '../support/server/steps';
import { dissect, saysGoodbye } from '../support/wire';

const DONE = send('226 Done.');
/** Reads to the client's end, and does not end the server's side. */
const hear: Step = async (session) => void (await once((await session.protectedData()).resume(), 'end'));

describe('the end of a TLS data connection', () => {
  const stage = new SecuredStage();

  for (const way of WAYS) {
    describe(way.title, () => {
      for (const passive of [true, false]) {
        it(`of an upload is close_notify (${passive ? 'passive' : 'active'})`, async () => {
          const recorder = await Recorder.start();
          try {
            const server = await stage.serveWay(way);
            const ftp = stage.client(server, passive ? { createConnection: recorder.dial } : { passive });
            for (const size of [0, 5, 100_000]) await pipeline(Readable.from([Buffer.alloc(size, 'x')]), ftp.stor(`up-${size}`));
            await ftp.quit();
            expect([0, 5, 100_000].map((size) => server.read(`/up-${size}`).length)).to.deep.equal([0, 5, 100_000]);
            const up = recorder.recordings.filter(({ purpose }) => purpose === 'data').map(({ toServer }) => dissect(toServer));
            if (passive) expect(up.map(saysGoodbye)).to.deep.equal([true, true, true]);
          } finally {
            await recorder.close();
          }
        });
      }

      it('of a download comes after all of its bytes: joined for a pipe, as they come for a listener, and in order where one takes the place of the other', async () => {
        const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => i % 251));
        const server = await stage.serveWay(way, {}, { files: { '/big': bytes } });
        const ftp = stage.client(server);
        const chunks: Record<string, Buffer[]> = { piped: [], heard: [], both: [] };
        const into = (name: string): Writable => new Writable({ write: (chunk: Buffer, _, done) => (chunks[name]?.push(chunk), done()) });
        await pipeline(ftp.retr('big'), into('piped'));
        await once(ftp.retr('big').on('data', (chunk) => chunks['heard']?.push(chunk)), 'end');
        const stream = ftp.retr('big');
        const first = into('nowhere');
        stream.pipe(first);
        stream.on('data', (chunk: Buffer) => {
          if (chunks['both']?.length === 0) stream.unpipe(first).resume();
          chunks['both']?.push(chunk);
        });
        await once(stream, 'end');
        for (const [name, each] of Object.entries(chunks)) expect(Buffer.concat(each).equals(bytes), name).to.equal(true);
        expect(chunks['piped']?.length).to.be.below(chunks['heard']?.length ?? 0);
      });

      it('of an upload is not waited for on the server\'s side once the 226 is there', async () => {
        const held = gate();
        const server = await stage.serveWay(way, {}, { script: { STOR: [openData(), send('150 Go.'), hear, DONE, until(held)] } });
        const ftp = stage.client(server);
        await pipeline(Readable.from(['up']), ftp.stor('up'));
        held.open();
        expect((await ftp.noop()).code).to.equal(200);
      });

      for (const [what, end] of [['without close_notify', dataCut()], ['with close_notify', dataEnd()]] as const) {
        const proper = what === 'with close_notify';

        for (const strictTlsClose of [false, true]) {
          it(`of a download ${what} is ${proper || !strictTlsClose ? 'whole if 2yz and size say so' : 'an error'} (strictTlsClose: ${strictTlsClose})`, async () => {
            for (const [announced, final, whole] of [
              ['', '226 Done.', true],
              [' (3 bytes)', '226 Done.', true],
              [' (4 bytes)', '226 Done.', false],
              ['', '426 Cut.', false],
              [' (3 bytes)', '451 Broken.', false],
            ] as const) {
              const RETR = [openData(), send(`150 Opening for file${announced}.`), data('all'), boundary(), end, send(final)];
              const server = await stage.serveWay(way, {}, { script: { RETR } });
              const stream = stage.client(server, { strictTlsClose }).retr('file');
              if (whole && (proper || !strictTlsClose)) expect(await text(stream)).to.equal('all');
              else {
                const error = await failure(finished(stream.resume()));
                if (final.startsWith('226')) expect(error).to.be.instanceOf(TransferError);
                else expect(error).to.be.instanceOf(TemporaryError);
                if (whole) expect(error.message).to.match(/without close_notify \(strictTlsClose\)/);
              }
            }
          });
        }
      }

      for (const strictTlsClose of [false, true]) {
        it(`of what is left early is a reset below TLS, and the session goes on (strictTlsClose: ${strictTlsClose})`, async () => {
          const ends: string[] = [];
          const arrived = gate();
          const note = (bytes: number): Step => async (session) => void ends.push(await endOf(session, Buffer.alloc(bytes), arrived));
          const RETR = [openData(), send('150 Here.'), note(100_000), send('426 Cut.')];
          const STOR = [openData(), send('150 Go.'), note(0), send('426 Cut.')];
          const server = await stage.serveWay(way, {}, { script: { RETR, STOR, ABOR: '226 Aborted.' } });
          const ftp = stage.client(server, { strictTlsClose });
          for await (const chunk of ftp.retr('file')) if (chunk.length > 0) break;
          expect((await ftp.noop()).code).to.equal(200);
          const up = ftp.stor('up');
          up.write('part');
          await arrived.promise;
          const closed = once(up, 'close');
          up.destroy();
          await closed;
          expect((await ftp.noop()).code).to.equal(200);
          expect(ends).to.deep.equal(['RST', 'RST']);
          expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.lengthOf(1);
        });
      }

      it('that the server brings about in the handshake is the server\'s own error', async () => {
        for (const RETR of [
          [openData(), send('150 Here.'), dataCut(), send('425 No TLS.')],
          [openData(), send('150 Here.'), (session) => session.data?.destroy(), send('425 No TLS.')] satisfies Step[],
        ]) {
          const server = await stage.serveWay(way, {}, { script: { RETR, STOR: RETR } });
          const ftp = stage.client(server);
          for (const use of [() => finished(ftp.retr('file').resume()), () => pipeline(Readable.from(['up']), ftp.stor('up'))]) {
            const error = await failure(use());
            expect(error).to.be.instanceOf(TemporaryError).and.include({ phase: 'data' });
            expect(error.reply?.code).to.equal(425);
            expect((await ftp.noop()).code).to.equal(200);
          }
        }
      });

      it('that comes because the session was not resumed is the server\'s own error', async () => {
        const server = await stage.serveWay(way, { requireReuse: true, data: certificate() });
        const ftp = stage.client(server);
        expect((await failure(finished(ftp.retr('file').resume()))).reply?.code).to.equal(522);
        expect((await failure(pipeline(Readable.from(['up']), ftp.stor('up')))).reply?.code).to.equal(522);
      });
    });
  }

  it('of an upload comes in bounded time where the server never ends its own side', async () => {
    const held = gate();
    const server = await stage.serve({}, { script: { STOR: [openData(), send('150 Go.'), hear, DONE, until(held)] } });
    const sockets: Socket[] = [];
    const createConnection = ({ host, port, purpose }: ConnectionRequest): Socket => {
      const socket = connect({ host, port, allowHalfOpen: purpose === 'data' });
      if (purpose === 'data') sockets.push(socket);
      return socket;
    };
    await pipeline(Readable.from(['up']), stage.client(server, { createConnection }).stor('up'));
    const [socket] = sockets as [Socket];
    expect(socket.destroyed).to.equal(false);
    await once(socket, 'close');
    held.open();
  });

  it('of an upload left early is no close_notify, either, where a tunnel in TLS cannot be reset', async () => {
    const tunnel = await Tunnel.start();
    const arrived = gate();
    const STOR = [openData(), send('150 Go.'), async (session: Session) => void (await endOf(session, Buffer.alloc(0), arrived)), send('426 Cut.')];
    const server = await stage.serve({}, { script: { STOR, ABOR: '226 Aborted.' } });
    const ftp = stage.client(server, { createConnection: tunnel.dial });
    try {
      const up = ftp.stor('up');
      up.write('part');
      await arrived.promise;
      up.destroy();
      expect((await ftp.noop()).code).to.equal(200);
    } finally {
      ftp.close();
      await tunnel.close();
    }
    const [, data] = tunnel.lines.map((chunks) => dissect(Buffer.concat(chunks)));
    expect(data?.records).to.have.length.greaterThan(2);
    expect(data && saysGoodbye(data)).to.equal(false);
  });

  it('comes after connectTimeout where the server never begins its handshake', async () => {
    const gone: Step = async (session) => void (await once((await session.dataConnection()).resume(), 'close'));
    const server = await stage.serve({}, { script: { RETR: [openData(), send('150 Here.'), gone, send('425 No.')] } });
    const error = await failure(finished(stage.client(server, { connectTimeout: 1000 }).retr('file').resume()));
    expect(error).to.be.instanceOf(TimeoutError).and.include({ phase: 'data' });
    expect(error.message).to.match(/connectTimeout/);
  });
});

/** Sends, and hears how the client leaves: a connection that was reset has no peer any more, though libuv may tell it as an end. */
async function endOf(session: Session, bytes: Buffer, arrived: Gate): Promise<string> {
  const [secured, raw] = [await session.protectedData(), await session.dataConnection()];
  const { _handle: handle } = raw as unknown as { _handle: { getpeername(into: object): number } };
  return new Promise((resolve) => {
    secured.once('end', () => resolve(handle.getpeername({}) === 0 ? 'FIN' : 'RST'));
    secured.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNRESET' ? 'RST' : String(code)));
    secured.on('data', arrived.open);
    if (bytes.length > 0) secured.write(bytes);
  });
}

/** A proxy that is spoken to in TLS; the first bytes of each connection are the port to connect to. */
class Tunnel {
  /** What went through to the server, by connection. */
  readonly lines: Buffer[][] = [];
  readonly #sockets: TLSSocket[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server.on('secureConnection', (inner: TLSSocket) => inner.once('data', (first: Buffer) => this.#join(inner, first)));
  }

  static async start(): Promise<Tunnel> {
    const server = createServer({ ...certificate(), allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Tunnel(server);
  }

  readonly dial = ({ port }: ConnectionRequest): TLSSocket => {
    const socket = connectTls({ host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port, ca: CA });
    socket.write(Buffer.from([port >> 8, port & 255]));
    return socket;
  };

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(inner: TLSSocket, first: Buffer): void {
    const sent = [first.subarray(2)];
    this.lines.push(sent);
    this.#sockets.push(inner);
    const outer = connect({ host: '127.0.0.1', port: first.readUInt16BE(0) }).on('error', () => inner.destroy());
    outer.write(first.subarray(2));
    inner.on('data', (chunk: Buffer) => {
      sent.push(chunk);
      outer.write(chunk);
    });
    inner.on('end', () => outer.end()).on('error', () => outer.destroy());
    outer.pipe(inner);
  }
}
