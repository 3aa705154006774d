import { expect } from 'chai';
import { once } from 'node:events';
import * as net from 'node:net';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { ArgumentError, ConnectionClosedError, SecurityError, TimeoutError, TransferError } from '../../lib/errors';
import type { ConnectionRequest, FTPOptions } from '../../lib/options';
import { failure, scene } from '../support/client';
import { CA } from '../support/secured';
import { certificate } from '../support/server/certificates';
import { gate } from '../support/server/gate';

const CONTENT = Buffer.from('what is in the file');
const FILES = { '/file': CONTENT };
type Create = NonNullable<FTPOptions['createConnection']>;
type Purpose = ConnectionRequest['purpose'];

/** An address that is none of this machine's (RFC 5737). */
const FOREIGN = '192.0.2.1';

describe('making connections', () => {
  const stage = scene();

  describe('an error of Node', () => {
    it('is the cause of a ConnectionClosedError, where localAddress is an address that is not ours', async () => {
      const server = await stage.serve();
      const error = await failure(stage.client(server, { localAddress: FOREIGN }).noop());
      expect(error).to.be.instanceOf(ConnectionClosedError).and.include({ phase: 'connect' });
      expect(root(error)).to.include({ code: 'EADDRNOTAVAIL' });
    });

    it('is the cause of a TransferError, where a data connection cannot be made', async () => {
      const server = await stage.serve({ files: FILES });
      const ftp = stage.client(server, { createConnection: only('data', ({ host, port }) => net.connect({ host, port, localAddress: FOREIGN })) });
      const error = await failure(buffer(ftp.retr('file')));
      expect(error).to.be.instanceOf(TransferError);
      expect(root(error)).to.include({ code: 'EADDRNOTAVAIL' });
      expect((await ftp.noop()).code).to.equal(200);
    });

    it('is the cause of a TransferError, where active mode cannot listen', async () => {
      const server = await stage.serve({ files: FILES });
      const busy = net.createServer().listen(0, '127.0.0.1');
      await once(busy, 'listening');
      const { port } = busy.address() as net.AddressInfo;
      const error = await failure(buffer(stage.client(server, { passive: false, localPortRange: [port, port] }).retr('file')));
      busy.close();
      expect(error).to.be.instanceOf(TransferError);
      expect(root(error)).to.include({ code: 'EADDRINUSE' });
    });

    it('is the cause of a TransferError, where active mode cannot accept', async () => {
      const refused = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE', syscall: 'accept' });
      const server = await stage.serve({ files: FILES });
      const listening = nextListener();
      const ftp = stage.client(server, { passive: false });
      server.script = { RETR: [async () => void (await listening).emit('error', refused)] };
      const error = await failure(buffer(ftp.retr('file')));
      expect(error).to.be.instanceOf(TransferError).and.include({ cause: refused });
    });

    const unusable: [what: string, tls: object][] = [
      ['servername: 7', { servername: 7 }], ['session: 7', { session: 7 }], ['ALPNProtocols: 7', { ALPNProtocols: 7 }],
      ['a checkServerIdentity that is no function', { checkServerIdentity: 'x' }],
      ['a checkServerIdentity that throws', { checkServerIdentity: () => { throw new TypeError('a mistake'); } }],
    ];
    for (const [what, tls] of unusable) {
      it(`is the cause of a SecurityError, where tls has ${what}`, async () => {
        const server = await stage.serve({ tls: { mode: 'explicit', ...certificate() } });
        const error = await failure(stage.client(server, { secure: 'explicit', tls: { ca: CA, ...tls } }).noop());
        expect(error).to.be.instanceOf(SecurityError).and.include({ phase: 'connect' });
        expect(server.commands).to.deep.equal(['AUTH TLS']);
      });
    }
  });

  describe('by a createConnection', () => {
    const broken = new Error('no tunnel');
    const mistake = new RangeError('Port should be >= 0 and < 65536');
    const failures: [what: string, create: () => unknown, cause: unknown][] = [
      ['that throws', () => { throw broken; }, broken],
      ['that throws what is no error', () => { throw 'no tunnel'; }, 'no tunnel'],
      ['that throws nothing', () => { throw undefined; }, undefined],
      ['that lets a mistake through', () => { throw mistake; }, mistake],
      ['whose promise is rejected', () => Promise.reject(broken), broken],
      ['whose promise is rejected without a reason', () => Promise.reject(), undefined],
      ['whose stream is destroyed already', () => new net.Socket().on('error', () => undefined).destroy(broken), broken],
      ['whose promise gives a stream that is destroyed already', async () => new net.Socket().on('error', () => undefined).destroy(broken), broken],
    ];
    const nonsense: [what: string, value: unknown][] = [['nothing', undefined], ['null', null], ['an object', {}], ['a number', 7], ['a function', () => undefined]];

    for (const purpose of ['control', 'data'] as const) {
      const Kind = purpose === 'control' ? ConnectionClosedError : TransferError;

      for (const [what, create, cause] of failures) {
        it(`${what}, it is a ${Kind.name} with the cause (${purpose})`, async () => {
          const { error } = await attempt(purpose, create);
          expect(error).to.be.instanceOf(Kind);
          if (cause !== undefined) expect(root(error)).to.equal(cause);
          expect(error.message).not.to.contain('undefined');
        });
      }

      for (const [what, value] of nonsense) {
        for (const [how, create] of [['returns', () => value], ['resolves to', async () => value]] as const) {
          it(`that ${how} ${what}, it is an ArgumentError (${purpose})`, async () => {
            const { error } = await attempt(purpose, create);
            expect(error).to.be.instanceOf(ArgumentError);
            expect(error.message).to.contain('createConnection must return a Duplex, or a promise of one');
          });
        }
      }

      it(`whose promise is still pending at connectTimeout, it is a TimeoutError, and what comes later is destroyed (${purpose})`, async () => {
        const { error, late } = await attempt(purpose, pending(), { connectTimeout: 50 });
        expect(error).to.be.instanceOf(TimeoutError);
        expect(error.message).to.contain('(connectTimeout)');
        await late();
      });

      it(`whose promise is still pending at close(), it fails at once, and what comes later is destroyed (${purpose})`, async () => {
        const { error, late } = await attempt(purpose, pending(), { timeout: 0 }, (ftp) => ftp.close());
        expect(error).to.be.instanceOf(ConnectionClosedError);
        await late();
      });

      it(`whose promise is still pending when the signal is aborted, it fails at once, and what comes later is destroyed (${purpose})`, async () => {
        const stop = new AbortController();
        const { error, late } = await attempt(purpose, pending(), { timeout: 0, signal: stop.signal }, () => stop.abort());
        expect(error).to.be.instanceOf(ConnectionClosedError);
        await late();
      });
    }

    it('whose promise is still pending when the server closes the session, the transfer fails at once', async () => {
      const { error, late } = await attempt('data', pending(), { timeout: 0 }, (_ftp, server) => server.sessions.forEach(({ control }) => control.reset()));
      expect(error).to.be.instanceOf(ConnectionClosedError);
      await late();
    });

    it('whose promise is still pending when the transfer is left, the session goes on with what comes', async () => {
      const server = await stage.serve({ files: FILES });
      const asked = gate();
      const go = gate();
      const ftp = stage.client(server, { createConnection: only('data', async (request) => (asked.open(), await go.promise, reach(request))) });
      const stream = ftp.retr('file').on('error', () => undefined);
      stream.resume();
      await asked.promise;
      stream.destroy();
      go.open();
      expect(await buffer(ftp.retr('file'))).to.deep.equal(CONTENT);
      expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.length(1);
    });

    for (const secure of [false, 'explicit', 'implicit'] as const) {
      it(`that gives promises, files and listings pass whole (secure: ${secure})`, async () => {
        const server = await stage.serve({ files: FILES, ...(secure ? { tls: { mode: secure, ...certificate() } } : {}) });
        const createConnection = async (request: ConnectionRequest): Promise<Duplex> => {
          const socket = reach(request);
          await once(socket, 'connect');
          return socket;
        };
        const ftp = stage.client(server, { secure, tls: { ca: CA }, createConnection });
        expect(await buffer(ftp.retr('file'))).to.deep.equal(CONTENT);
        await pipeline([CONTENT], ftp.stor('copy'));
        expect(server.read('/copy')).to.deep.equal(CONTENT);
        expect((await ftp.list().toArray()).length).to.equal(2);
      });
    }

    for (const [what, options, refused] of [['EPSV', {}, {}], ['PASV', { extended: false }, {}], ['PASV where EPSV is refused', {}, { EPSV: '500 What?' }]] as const) {
      it(`the data go to the host that was asked for, and not to the proxy that the control connection leads to (${what})`, async () => {
        const server = await stage.serve({ files: FILES, script: refused });
        const requests: ConnectionRequest[] = [];
        const createConnection = (request: ConnectionRequest): Duplex => {
          requests.push(request);
          return reach({ ...request, host: server.host });
        };
        const ftp = stage.client({ host: 'far.invalid', port: server.port }, { family: 4, createConnection, ...options });
        expect(await buffer(ftp.retr('file'))).to.deep.equal(CONTENT);
        expect(requests.map(({ host, purpose, family }) => ({ host, purpose, family }))).to.deep.equal([
          { host: 'far.invalid', purpose: 'control', family: 4 },
          { host: 'far.invalid', purpose: 'data', family: 4 },
        ]);
      });
    }

    it('a server in active mode may connect from the host that was asked for, too', async () => {
      const server = await stage.serve({ files: FILES });
      const relay = net.createServer((near) => {
        const far = net.connect(server.port, server.host);
        near.on('error', () => far.destroy()).pipe(far);
        far.on('error', () => near.destroy()).pipe(near);
      });
      await once(relay.listen(0, '127.0.0.2'), 'listening');
      const { port } = relay.address() as net.AddressInfo;
      const ftp = stage.client(server, { passive: false, connectTimeout: 1000, createConnection: () => net.connect({ port, host: '127.0.0.2', localAddress: '127.0.0.1' }) });
      try {
        expect(await buffer(ftp.retr('file'))).to.deep.equal(CONTENT);
      } finally {
        ftp.close();
        relay.close();
      }
    });

    /** What an operation fails with when connections of that purpose are made so; afterwards the session works, unless it is the one that could not be made. */
    async function attempt(purpose: Purpose, create: () => unknown, options: FTPOptions = {}, meanwhile?: (ftp: ReturnType<typeof stage.client>, server: Awaited<ReturnType<typeof stage.serve>>) => void) {
      const server = await stage.serve({ files: FILES });
      const asked = gate();
      const createConnection = only(purpose, () => (asked.open(), create()));
      const ftp = stage.client(server, { timeout: 5000, createConnection, ...options });
      const failed = failure(buffer(ftp.retr('file')));
      await asked.promise;
      meanwhile?.(ftp, server);
      const error = await failed;
      if (purpose === 'data' && !meanwhile) expect((await ftp.noop()).code).to.equal(200);
      const late = async (): Promise<void> => {
        const { stream, give } = create as ReturnType<typeof pending>;
        give();
        if (!stream.destroyed) await once(stream, 'close');
      };
      return { error, late };
    }
  });
});

/** A createConnection whose promise is pending until `give` is called. */
function pending(): (() => Promise<Duplex>) & { readonly stream: Duplex; give(): void } {
  const go = gate();
  const stream = new net.Socket();
  const create = async (): Promise<Duplex> => {
    await go.promise;
    return stream;
  };
  return Object.assign(create, { stream, give: go.open });
}

function reach({ host, port, purpose }: ConnectionRequest): net.Socket {
  return net.connect({ host, port, allowHalfOpen: purpose === 'data' });
}

/** Does as `create` for connections of that purpose, and connects as usual for the others. */
function only(purpose: Purpose, create: (request: ConnectionRequest) => unknown): Create {
  return (request) => (request.purpose === purpose ? (create(request) as Duplex) : reach(request));
}

/** The cause at the bottom of an error. */
function root(error: unknown): unknown {
  return error instanceof Error && 'cause' in error ? root(error.cause) : error;
}

/** The next server of this process that listens. */
function nextListener(): Promise<net.Server> {
  const { listen } = net.Server.prototype;
  return new Promise((resolve) => {
    net.Server.prototype.listen = function (this: net.Server, ...args: unknown[]): net.Server {
      net.Server.prototype.listen = listen;
      resolve(this);
      return Reflect.apply(listen, this, args) as net.Server;
    } as typeof listen;
  });
}
