import { expect } from 'chai';
import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { AbortedError, ArgumentError, ConnectionClosedError, ProtocolError, TemporaryError } from '../../lib/errors';
import { FTP } from '../../lib/client/ftp';
import type { ConnectionRequest, FTPOptions } from '../../lib/options';
import { failure, scene } from '../support/client';
import { content } from '../support/server/content';
import { gate, turn } from '../support/server/gate';
import { data, dataClosed, dataEnd, hangUp, openData, send, silence, until } from '../support/server/steps';

const FILES = { '/a': 'file a', '/b': 'file b', '/folder/c': 'file c' };

describe('client', () => {
  const stage = scene();

  describe('quit', () => {
    it('waits for a reader who has paused for a moment', async () => {
      const server = await stage.serve({ files: { '/big': content(4_000_000) } });
      const ftp = await stage.connect(server);
      const stream = ftp.retr('big');
      let quit: ReturnType<FTP['quit']> | undefined;
      let bytes = 0;
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        stream.pause();
        quit ??= ftp.quit();
        setImmediate(() => setImmediate(() => stream.resume()));
      });
      await finished(stream);
      expect(bytes).to.equal(4_000_000);
      expect((await quit)?.code).to.equal(221);
    });

    it('waits for what is in use, and answers with the 221', async () => {
      const server = await stage.serve({ files: FILES });
      const ftp = await stage.connect(server);
      const stream = ftp.retr('a');
      const whole = text(stream);
      const size = ftp.size('b');
      expect((await ftp.quit())?.code).to.equal(221);
      expect([await whole, await size]).to.deep.equal(['file a', 6]);
      expect(server.commands.at(-1)).to.equal('QUIT');
      await server.deserted();
    });

    it('waits for the 226 of a download, although the one after it was left while its REST 0 waited for that', async () => {
      const done = gate();
      const server = await stage.serve({ files: FILES });
      const ftp = stage.client(server);
      await text(ftp.retr('b'));
      server.script = { RETR: [openData(), send('150 Here.'), data('e a'), dataEnd(), until(done), send('226 Done.')] };
      const first = ftp.retr('a', { start: 3 });
      const whole = text(first);
      const left = ftp.retr('b').resume();
      await once(first, 'data');
      for (let turns = 0; turns < 10; turns++) await turn();
      left.destroy();
      const quit = ftp.quit();
      for (let turns = 0; turns < 10; turns++) await turn();
      done.open();
      expect(await whole).to.equal('e a');
      expect((await quit)?.code).to.equal(221);
    });

    it('fails streams that nobody has read or written, without crashing', async () => {
      const ftp = await stage.connect(await stage.serve({ files: FILES }));
      const streams: readonly (Readable | Writable)[] = [ftp.retr('a'), ftp.list(), ftp.stor('new')];
      const heard: Error[] = [];
      for (const stream of streams) stream.on('error', (error) => heard.push(error));
      const silent = ftp.retr('b');
      await ftp.quit();
      expect(silent.closed).to.equal(true);
      expect(heard.map(({ name }) => name)).to.deep.equal(Array(3).fill('ConnectionClosedError'));
      expect(silent.errored).to.be.instanceOf(ConnectionClosedError);
    });

    it('resolves where there is no connection to quit', async () => {
      const server = await stage.serve();
      expect(await stage.client(server).quit()).to.equal(undefined);
      const ftp = stage.client(server);
      await ftp.noop();
      for (const session of server.sessions) session.control.hangUp();
      await once(ftp, 'close');
      expect(await ftp.quit()).to.equal(undefined);
      expect(await ftp.quit()).to.equal(undefined);
      await server.deserted();
    });

    it('is followed by a close event without an error, however the server ends', async () => {
      for (const act of ['221 Bye.', [send('221 Bye.'), hangUp()], [send('421 Bye.'), hangUp()]] as const) {
        const server = await stage.serve({ script: { QUIT: act } });
        const ftp = await stage.connect(server);
        const closed = once(ftp, 'close');
        await ftp.quit().catch((error: unknown) => expect(error).to.be.instanceOf(TemporaryError));
        expect(await closed).to.deep.equal([undefined]);
        await server.deserted();
      }
    });

    it('leaves a client that was connected by hand closed', async () => {
      const ftp = await stage.connect(await stage.serve());
      await ftp.quit();
      expect((await failure(ftp.noop())).message).to.equal('the client has quit');
    });
  });

  describe('close', () => {
    it('fails everything at once, each with an error of its own', async () => {
      const server = await stage.serve({ files: FILES, script: { NOOP: [silence()], EPSV: [silence()] } });
      const ftp = await stage.connect(server);
      const unread = ftp.retr('b');
      const outcomes = [ftp.noop(), ftp.size('a'), text(ftp.retr('a')), ftp.pwd()].map(failure);
      const quit = ftp.quit();
      await server.waitFor('NOOP');
      ftp.close();
      const errors = await Promise.all(outcomes);
      expect(await quit).to.equal(undefined);
      for (const error of errors) expect(error).to.be.instanceOf(ConnectionClosedError);
      expect(new Set(errors).size).to.equal(4);
      expect(unread.errored).to.be.instanceOf(ConnectionClosedError);
    });

    it('ends a connection that is still being made', async () => {
      const server = await stage.serve({ script: { GREETING: [silence()] } });
      const ftp = stage.client(server);
      const connecting = failure(ftp.connect());
      await once(server, 'session');
      ftp.close();
      expect(await connecting).to.be.instanceOf(ConnectionClosedError);
      await server.deserted();
    });

    it('does nothing twice, nor on a client that was never used', async () => {
      const ftp = await stage.connect(await stage.serve());
      ftp.close();
      ftp.close();
      new FTP().close();
      expect(await failure(ftp.noop())).to.be.instanceOf(ConnectionClosedError);
    });

    it('ends a transfer in the middle', async () => {
      const server = await stage.serve({ script: { RETR: [send('150 Here.'), data('half'), dataClosed()] } });
      const ftp = await stage.connect(server);
      const stream = ftp.retr('x');
      stream.once('data', () => ftp.close());
      expect(await failure(finished(stream))).to.be.instanceOf(ConnectionClosedError).and.include({ bytesTransferred: 4 });
    });

    it('ends a download that is paused when the server has said 226 already', async () => {
      const server = await stage.serve({ script: { RETR: [send('150 Here.'), data('half'), send('226 Done.'), dataClosed()] } });
      const ftp = await stage.connect(server);
      ftp.on('reply', ({ code }) => {
        if (code === 226) setImmediate(() => ftp.close());
      });
      const stream = ftp.retr('x', { highWaterMark: 1 });
      stream.once('readable', () => undefined); // reads no further
      expect(await failure(finished(stream))).to.be.instanceOf(ConnectionClosedError);
      await server.idle();
    });
  });

  describe('Symbol.asyncDispose', () => {
    it('quits', async () => {
      const server = await stage.serve();
      const ftp = await stage.connect(server);
      await ftp[Symbol.asyncDispose]();
      expect(server.commands).to.deep.equal(['QUIT']);
      await server.deserted();
    });

    it('does nothing on a client that was never used', async () => {
      await new FTP()[Symbol.asyncDispose]();
    });

    it('closes where the server is gone, or does not answer', async () => {
      for (const step of [hangUp(), silence()]) {
        const server = await stage.serve({ script: { QUIT: [step] } });
        const ftp = await stage.connect(server, { replyTimeout: 100 });
        await ftp[Symbol.asyncDispose]();
      }
    });
  });

  describe('abort', () => {
    it('does nothing when nothing is running', async () => {
      const server = await stage.serve();
      const ftp = await stage.connect(server);
      expect(await ftp.abort()).to.equal(undefined);
      expect(await new FTP().abort()).to.equal(undefined);
      await ftp.noop();
      expect(server.commands).to.not.include('ABOR');
    });

    it('ends the transfer that runs with AbortedError, and the session goes on', async () => {
      const server = await stage.serve({ files: { '/big': Buffer.alloc(8 << 20), '/a': 'file a' } });
      const ftp = await stage.connect(server);
      const stream = ftp.retr('big');
      const outcome = failure(finished(stream));
      await once(stream, 'readable');
      expect((await ftp.abort())?.code).to.equal(226);
      expect(await outcome).to.be.instanceOf(AbortedError);
      expect(await text(ftp.retr('a'))).to.equal('file a');
      expect(server.sessions.size).to.equal(1);
    });
  });

  describe('signal', () => {
    it('closes the client when aborted, with its reason as the cause', async () => {
      const server = await stage.serve({ script: { NOOP: [silence()] } });
      const controller = new AbortController();
      const ftp = await stage.connect(server, { signal: controller.signal });
      const outcome = failure(ftp.noop());
      await server.waitFor('NOOP');
      controller.abort(new Error('enough'));
      const error = await outcome;
      expect(error).to.be.instanceOf(ConnectionClosedError);
      expect(error.message).to.equal('NOOP: the client was aborted');
      await server.deserted();
    });

    it('ends a connection that is being made, and lets none be made any more', async () => {
      const server = await stage.serve({ script: { GREETING: [silence()] } });
      const controller = new AbortController();
      const ftp = stage.client(server, { signal: controller.signal });
      let sessions = 0;
      server.on('session', () => (sessions += 1));
      const outcome = failure(ftp.noop());
      await once(server, 'session');
      controller.abort();
      expect(await outcome).to.be.instanceOf(ConnectionClosedError);
      expect((await failure(ftp.noop())).message).to.match(/the client was aborted/);
      expect(sessions).to.equal(1);
    });

    it('keeps no listener of clients that are gone', async () => {
      const { signal } = new AbortController();
      let listeners = 0;
      const watched = new Proxy(signal, {
        get(target, key) {
          if (key === 'addEventListener') listeners += 1;
          if (key === 'removeEventListener') listeners -= 1;
          const value: unknown = Reflect.get(target, key, target);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
      const server = await stage.serve();
      for (let round = 0; round < 3; round++) await (await stage.connect(server, { signal: watched })).quit();
      expect(listeners).to.equal(0);
    });
  });

  describe('createConnection', () => {
    it('makes both connections, and is told what for', async () => {
      const server = await stage.serve({ files: FILES });
      const requests: ConnectionRequest[] = [];
      const ftp = stage.client({ host: 'far.invalid', port: 2121 }, {
        family: 4,
        createConnection(request) {
          requests.push(request);
          return connect({ host: server.host, port: request.purpose === 'data' ? request.port : server.port, allowHalfOpen: request.purpose === 'data' });
        },
      });
      expect(await text(ftp.retr('a'))).to.equal('file a');
      expect(requests[0]).to.deep.equal({ host: 'far.invalid', port: 2121, purpose: 'control', family: 4 });
      expect(requests[1]).to.include({ host: 'far.invalid', purpose: 'data', family: 4 });
    });

    it('may give a stream without an address', async () => {
      const wire = new Wire();
      const ftp = new FTP({ host: 'h', createConnection: () => wire });
      wire.push('220 Ready.\r\n');
      const connected = await ftp.connect();
      expect(connected.code).to.equal(220);
      wire.answers = ['200 Ok.'];
      expect((await ftp.noop()).code).to.equal(200);
      expect(wire.written).to.equal('NOOP\r\n');
      ftp.close();
      expect(wire.destroyed).to.equal(true);
    });

    it('fails the connection with what it throws, or destroys its stream with', async () => {
      const boom = new Error('no tunnel');
      const thrower = new FTP({ host: 'h', createConnection: () => { throw boom; } });
      expect(await failure(thrower.connect())).to.include({ phase: 'connect', cause: boom });
      const wire = new Wire();
      const ftp = new FTP({ host: 'h', createConnection: () => wire.destroy(boom) });
      const error = await failure(ftp.connect());
      expect(error).to.be.instanceOf(ConnectionClosedError).and.include({ phase: 'connect' });
      expect(error.cause).to.equal(boom);
    });
  });

  describe('events', () => {
    it('are never error, even if the server says nonsense while nobody waits', async () => {
      const server = await stage.serve();
      const ftp = await stage.connect(server);
      const names: (string | symbol)[] = [];
      const { emit } = EventEmitter.prototype;
      ftp.emit = function (this: FTP, name: string, ...rest: unknown[]) {
        names.push(name);
        return emit.call(this, name, ...rest);
      } as typeof ftp.emit;
      const closed = once(ftp, 'close') as Promise<[Error]>;
      for (const session of server.sessions) void session.writeRaw('nonsense\r\n');
      expect((await closed)[0]).to.be.instanceOf(ProtocolError);
      expect(names).to.not.include('error');
    });

    it('tell each end of a connection once', async () => {
      const ftp = await stage.connect(await stage.serve());
      let closes = 0;
      ftp.on('close', () => (closes += 1));
      await ftp.quit();
      ftp.close();
      expect(closes).to.equal(1);
    });
  });

  describe('options', () => {
    for (const options of [{ host: '' }, { host: 'a b' }, { host: 'h', port: 70_000 }, { port: 0 }, { port: 21.5 }, { user: 'a\r\nb' }, { password: 'a\nb' }] as FTPOptions[]) {
      it(`refuse ${JSON.stringify(options)} at once`, () => {
        expect(() => new FTP(options)).to.throw(ArgumentError);
      });
    }

    it('are refused in connect() too, before anything is sent', async () => {
      const server = await stage.serve();
      const ftp = stage.client(server);
      for (const [host, port] of [[''], ['h', 70_000], ['h', -1], ['h', Number.NaN], ['a\nb']] as [string, number?][]) {
        expect(await failure(ftp.connect(host, port))).to.be.instanceOf(ArgumentError);
      }
      expect((await ftp.connect()).code).to.equal(220);
    });
  });
});

/** A stream that is no socket: answers each write with the next of `answers`. */
class Wire extends Duplex {
  written = '';
  answers: string[] = [];

  override _read(): void {
    // pushed from outside
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.written += chunk.toString();
    const answer = this.answers.shift();
    if (answer !== undefined) this.push(`${answer}\r\n`);
    callback();
  }
}
