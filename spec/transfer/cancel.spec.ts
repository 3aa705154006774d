import { expect } from 'chai';
import { once } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import type { FTP, FTPOptions } from '../../lib/index';
import { content } from '../support/server/content';
import { gate } from '../support/server/gate';
import type { Step } from '../support/server/script';
import { data, dataClosed, dataEnd, hangUp, openData, send, silence, until } from '../support/server/steps';
import { closing, dialAfter, hearEnd, received, replied, useBench } from '../support/transfers';

const DOWN = '150 Opening BINARY mode data connection for file (1000000 bytes).';
const UP = '150 Ok to send data.';
const HALF = Buffer.alloc(500_000);
const DONE = send('226 Transfer complete.');
const BROKEN = send('426 Connection closed; transfer aborted.');

type Stream = Readable | Writable;

/** A moment of a transfer: a server that holds it, and the sign that it has come. */
interface Moment {
  readonly verb: string;
  /** Holds the server's next answer back until `left`. */
  readonly steps: (arrived: () => void, left: Promise<void>) => Step[];
}

const DOWN_MOMENTS: Readonly<Record<string, Moment>> = {
  'before the mark': { verb: 'RETR', steps: (arrived, left) => [arrived, until(left), openData(), send(DOWN), data(HALF), dataEnd(), BROKEN] },
  'in the middle of the data': { verb: 'RETR', steps: (arrived, left) => [openData(), send(DOWN), data(HALF.subarray(0, 1000)), arrived, until(left), dataClosed(), BROKEN] },
  'between the data and the 226': { verb: 'RETR', steps: (arrived, left) => [openData(), send(DOWN), data(HALF), dataEnd(), dataClosed(), arrived, until(left), DONE] },
};
const UP_MOMENTS: Readonly<Record<string, Moment>> = {
  'before the mark': { verb: 'STOR', steps: (arrived, left) => [arrived, until(left), openData(), send(UP), dataClosed(), BROKEN] },
  'in the middle of the data': { verb: 'STOR', steps: (arrived, left) => [openData(), send(UP), arrived, until(left), dataClosed(), BROKEN] },
};
const EARLY: Readonly<Record<string, Readonly<Record<string, Moment>>>> = {
  passive: { 'before the reply to EPSV': { verb: 'EPSV', steps: (arrived, left) => [arrived, until(left), (session) => session.normal()] } },
  active: { 'before the reply to PORT': { verb: 'PORT', steps: (arrived, left) => [arrived, until(left), (session) => session.normal()] } },
};

const WAYS: Readonly<Record<string, (stream: Stream, abort: AbortController) => void>> = {
  'destroy()': (stream) => void stream.destroy(),
  'destroy(error)': (stream) => void stream.destroy(new Error('mine')),
  'an AbortSignal': (_stream, abort) => void abort.abort(),
};

describe('a transfer that is left', () => {
  const bench = useBench();

  for (const mode of ['passive', 'active'] as const) {
    for (const direction of ['download', 'upload'] as const) {
      const moments = { ...EARLY[mode], ...(direction === 'download' ? DOWN_MOMENTS : UP_MOMENTS) };
      for (const [when, moment] of Object.entries(moments)) {
        for (const [how, leave] of Object.entries(WAYS)) {
          it(`${mode} ${direction} ${when}, by ${how}: the next command gets its own reply`, () => leaveAt(mode, direction, moment, leave));
        }
      }
    }
  }

  async function leaveAt(mode: 'passive' | 'active', direction: 'download' | 'upload', { verb, steps }: Moment, leave: (stream: Stream, abort: AbortController) => void): Promise<void> {
    await bench.serve({ files: { '/other': 'other' } });
    const ftp = await bench.warmClient({ passive: mode === 'passive' });
    const arrived = gate();
    const left = gate();
    bench.server.script = { [verb]: steps(() => arrived.open(), left.promise) };
    const abort = new AbortController();
    const stream = begin(ftp, direction, abort.signal);
    const closed = closing(stream);
    await arrived.promise;
    stream.on('error', () => undefined);
    leave(stream, abort);
    await closed;
    const next = ftp.pwd();
    left.open();
    expect(await next).to.equal('/');
    bench.server.script = {};
    expect((await ftp.retr('other').toArray()).join('')).to.equal('other');
    expect(bench.logins).to.equal(1);
  }

  it('by break out of for await', async () => {
    await bench.serve({ files: { '/file': content(3_000_000) } });
    const ftp = bench.client();
    for await (const chunk of ftp.retr('file')) {
      expect(chunk.length).to.be.greaterThan(0);
      break;
    }
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.logins).to.equal(1);
  });

  it('by a pipeline whose other side fails', async () => {
    await bench.serve({ files: { '/file': content(3_000_000) } });
    const ftp = bench.client();
    const full = new Writable({ write: (_chunk, _encoding, callback) => callback(new Error('disk full')) });
    const error: unknown = await pipeline(ftp.retr('file'), full).catch((reason: unknown) => reason);
    expect(error).to.have.property('message', 'disk full');
    const torn = Readable.from((async function* () {
      yield Buffer.alloc(1000);
      throw new Error('source gone');
    })());
    const other: unknown = await pipeline(torn, ftp.stor('up')).catch((reason: unknown) => reason);
    expect(other).to.have.property('message', 'source gone');
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.logins).to.equal(1);
  });

  it('before its turn costs nobody anything', async () => {
    await bench.serve({ files: { '/a': 'a', '/b': 'b' } });
    const ftp = await bench.warmClient();
    const first = ftp.retr('a').toArray();
    const second = ftp.retr('b');
    second.read(0);
    const unused = ftp.stor('c');
    second.destroy();
    unused.destroy();
    await first;
    await ftp.noop();
    expect(bench.transcript).to.deep.equal(['EPSV', 'RETR a', 'NOOP']);
  });

  it('while the client still connects does not end the connection for the next', async () => {
    const greet = gate();
    await bench.serve({ script: { GREETING: [until(greet), send('220 At last.')] } });
    const ftp = bench.client();
    const stream = ftp.retr('file');
    stream.read(0);
    await once(bench.server, 'session');
    stream.destroy();
    const next = ftp.pwd();
    greet.open();
    expect(await next).to.equal('/');
    expect(bench.server.commands).to.not.include('RETR file');
  });

  for (const made of ['before', 'after'] as const) {
    it(`while ${made === 'before' ? 'the first' : 'a later'} data connection is being made: the next command gets its own reply`, async () => {
      await bench.serve({ files: { '/other': 'other' } });
      const connect = gate();
      let hold: Promise<void> = Promise.resolve();
      const options = { createConnection: dialAfter(() => hold) };
      const ftp = made === 'before' ? bench.client(options) : await bench.warmClient(options);
      hold = connect.promise;
      const stream = ftp.retr('other');
      stream.read(0);
      await bench.server.waitFor(made === 'before' ? 'EPSV' : 'RETR');
      stream.destroy();
      await closing(stream);
      const next = ftp.pwd();
      connect.open();
      expect(await next).to.equal('/');
      expect((await ftp.retr('other').toArray()).join('')).to.equal('other');
    });
  }

  for (const [what, open] of [['download', (ftp: FTP, signal: AbortSignal): Stream => ftp.retr('file', { signal })], ['upload', (ftp: FTP, signal: AbortSignal): Stream => ftp.stor('file', { signal })]] as const) {
    it(`${what} with a signal that was aborted before sends nothing`, async () => {
      await bench.serve();
      const ftp = await bench.warmClient();
      const stream = open(ftp, AbortSignal.abort());
      const error: unknown = await finished(stream).catch((reason: unknown) => reason);
      expect(error).to.have.property('name', 'AbortError');
      await ftp.noop();
      expect(bench.transcript).to.deep.equal(['NOOP']);
    });
  }

  for (const mode of ['passive', 'active'] as const) {
    it(`${mode} upload ends by RST, not by the FIN that would make it complete`, async () => {
      const heard: string[] = [];
      await bench.serve();
      const ftp = await bench.warmClient({ passive: mode === 'passive' });
      bench.server.script = { STOR: [openData(), send(UP), hearEnd(heard), BROKEN] };
      const stream = ftp.stor('file');
      stream.write('half a fi');
      await once(stream, 'open');
      stream.destroy();
      expect(await ftp.pwd()).to.equal('/');
      expect(heard).to.deep.equal(['RST']);
    });
  }

  it('whole upload ends by FIN', async () => {
    const heard: string[] = [];
    await bench.serve({ script: { STOR: [openData(), send(UP), hearEnd(heard), DONE] } });
    const stream = bench.client().stor('file');
    stream.end('whole');
    await finished(stream);
    expect(heard).to.deep.equal(['FIN']);
  });
});

describe('a server that is told to abort', () => {
  const bench = useBench();

  /** Leaves a download in the middle; the server then does `steps` for RETR, and `ABOR` for ABOR. Resolves when the next command was answered. */
  async function leave(steps: readonly (string | Step)[], ABOR: string | readonly Step[], options: FTPOptions = {}): Promise<number> {
    await bench.serve();
    const ftp = bench.client(options);
    const stream = ftp.retr('file');
    bench.server.script = { RETR: [openData(), send(DOWN), data('hello'), until(received(stream, 5)), dataClosed(), ...steps], ABOR };
    const closed = closing(stream);
    stream.resume();
    await received(stream, 5).promise;
    stream.destroy();
    await closed;
    expect(await ftp.pwd()).to.equal('/');
    expect((await ftp.noop()).code).to.equal(200);
    return bench.logins;
  }

  for (const [what, steps, ABOR] of [
    ['426, then 226', [BROKEN], '226 ABOR successful.'],
    ['226, then 225', [DONE], '225 No transfer to ABOR.'],
    ['226, then 426', [DONE], '426 Aborted.'],
    ['426, then 502 because it knows no ABOR', [BROKEN], '502 Command not implemented.'],
    ['226, then 500 because it knows no ABOR', [DONE], '500 Unknown command.'],
    ['another 1yz, then 226 (Pure-FTPd)', ['150 0.2 seconds (measured here), 0.1 Mbytes per second'], '226 Since you see this ABOR must\'ve succeeded'],
  ] as const) {
    it(`and answers ${what}: the next commands get their own replies on the same connection`, async () => {
      expect(await leave(steps, ABOR)).to.equal(1);
    });
  }

  for (const [what, steps, ABOR] of [['that of the transfer', [BROKEN], [() => undefined]], ['that to ABOR', [], '226 ABOR successful.']] as const) {
    it(`and gives one reply only, ${what}: the reply to PWD shows that the session is in step`, async () => {
      expect(await leave(steps, ABOR)).to.equal(1);
    });
  }

  it('and says only that there was no transfer: the next command makes another connection, for the transfer may go on', async () => {
    expect(await leave([], '225 No transfer to abort.')).to.equal(2);
  });

  it('and has refused the OPTS before the transfer: that is no end of the transfer, which may go on', async () => {
    const OPTS = [until(() => bench.server.waitFor('ABOR')), send('501 Invalid argument.')];
    await bench.serve({ script: { OPTS, RETR: [() => undefined], ABOR: '225 No transfer to abort.' } });
    const ftp = bench.client();
    const stream = ftp.retr('file');
    const closed = closing(stream);
    stream.resume();
    await bench.server.waitFor('RETR');
    stream.destroy();
    await closed;
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.logins).to.equal(2);
  });

  it('and answers ABOR late: the next command gets its own reply', async () => {
    expect(await leave([BROKEN], [until(() => bench.server.waitFor('PWD')), send('502 ABOR not implemented.')])).to.equal(1);
  });

  it('and closes the connection: the next command makes another', async () => {
    expect(await leave([], [hangUp()])).to.equal(2);
  });

  it('and says nothing any more: the next command makes another connection, within the reply timeout', async () => {
    expect(await leave([silence()], '226 never read', { replyTimeout: 200 })).to.equal(2);
  });

  it('and had sent its 226 already is not told: the data connection is closed, and no ABOR is sent', async () => {
    await bench.serve();
    const ftp = bench.client();
    const stream = ftp.retr('file');
    const complete = replied(ftp, 226);
    bench.server.script = { RETR: [openData(), send(DOWN), DONE, data('hello'), until(received(stream, 5)), until(complete), dataClosed()] };
    const closed = closing(stream);
    stream.pipe(new PassThrough()).resume();
    await received(stream, 5).promise;
    await complete.promise;
    stream.destroy();
    await closed;
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.server.commands).to.not.include('ABOR');
  });
});

/** Something that is under way until it is left. */
function begin(ftp: FTP, direction: 'download' | 'upload', signal: AbortSignal): Stream {
  if (direction === 'download') return ftp.retr('file', { signal }).resume();
  const stream = ftp.stor('file', { signal });
  stream.write('half a fi');
  return stream;
}
