import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';
import { deflateSync } from 'node:zlib';
import { ArgumentError, FTP, FTPPool, type FTPOptions, MismatchError, TemporaryError, TransferError, UnsupportedError } from '../../lib/index';
import { Heap } from '../support/heap';
import { CA } from '../support/secured';
import { certificate } from '../support/server/certificates';
import { chunksOf, content } from '../support/server/content';
import { FEATURES } from '../support/server/server-options';
import { gate } from '../support/server/gate';
import { boundary, data, dataClosed, dataEnd, dataReset, hangUp, normal, openData, send, until } from '../support/server/steps';
import type { Step } from '../support/server/script';
import { closing, errorOf, outcomeOf, replied, useBench } from '../support/transfers';

const OFFERS = [...FEATURES, 'MODE Z'];
const TEXT = 'a line of text that repeats itself\r\n'.repeat(500);
const PACKED = deflateSync(TEXT);
const DONE = send('226 Transfer complete.');

describe('the option compress', () => {
  const bench = useBench();

  async function serve(options: Parameters<typeof bench.serve>[0] = {}, client: FTPOptions = {}): Promise<FTP> {
    await bench.serve({ features: OFFERS, files: { '/a': TEXT, '/b': 'bbb', '/empty': '', '/random': content(300_000), '/none/': '' }, ...options });
    return bench.client({ compress: 'auto', ...client });
  }

  /** RETR answered by these bytes of the data connection. */
  async function fetch(steps: readonly Step[]): Promise<Awaited<ReturnType<typeof outcomeOf>> & { ftp: FTP }> {
    const ftp = await serve({ script: { RETR: [[openData(), send('150 Here it comes (99 bytes).'), ...steps], [normal()]] } });
    const outcome = await outcomeOf(ftp.retr('a'));
    expect(await text(ftp.retr('b')), 'the next transfer').to.equal('bbb');
    expect(bench.logins).to.equal(1);
    return { ...outcome, ftp };
  }

  it('is refused at the door where it cannot be', () => {
    for (const compress of ['yes', 1, null, 'Z']) expect(() => new FTP({ compress: compress as 'auto' })).to.throw(ArgumentError, /compress must be one of false, "auto", true/);
    for (const compress of ['auto', true, false, undefined] as const) new FTPPool(compress === undefined ? {} : { compress });
  });

  it('is off by default: MODE is not sent', async () => {
    const ftp = await serve({}, { compress: false });
    expect(await text(ftp.retr('a'))).to.equal(TEXT);
    expect(bench.server.commands.join()).not.to.include('MODE');
  });

  it('compresses downloads and listings, and no uploads, and counts the bytes of the file', async () => {
    const ftp = await serve();
    const down = ftp.retr('a');
    expect(await text(down)).to.equal(TEXT);
    expect(down.bytesRead).to.equal(TEXT.length);
    expect((await buffer(ftp.retr('random'))).equals(content(300_000).read(0, 300_000))).to.equal(true);
    expect(await text(ftp.retr('empty'))).to.equal('');
    expect((await ftp.list().toArray()).map(({ name }) => name)).to.have.members(['a', 'b', 'empty', 'random', 'none']);
    expect(await ftp.list('none').toArray()).to.deep.equal([]);
    expect(await ftp.nlst().toArray()).to.include('random');
    expect((await ftp.retrlines('RETR a').toArray()).length).to.equal(500);
    for (const [name, bytes] of [['text', Buffer.from(TEXT)], ['noise', content(1_000_000).read(0, 1_000_000)], ['nothing', Buffer.alloc(0)], ['zeros', Buffer.alloc(3_000_000)]] as const) {
      const up = ftp.stor(name);
      await pipeline(Readable.from(chunks(bytes)), up);
      expect(up.bytesWritten).to.equal(bytes.length);
      expect(bench.server.read(`/${name}`).equals(bytes), name).to.equal(true);
    }
    const append = ftp.appe('b');
    append.end('+');
    await finished(append);
    expect(bench.server.read('/b').toString()).to.equal('bbb+');
    expect(await text(ftp.retr('b'))).to.equal('bbb+');
    expect(bench.server.commands.filter((line) => line.startsWith('MODE'))).to.deep.equal(['MODE Z', 'MODE S', 'MODE Z']);
  });

  it('gives each chunk in memory of its own, which a reader may transfer while more is decompressed', async () => {
    const ftp = await serve();
    const moved: Uint8Array[] = [];
    for await (const chunk of ftp.retr('random')) {
      moved.push(structuredClone(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length), { transfer: [chunk.buffer as ArrayBuffer] }));
      expect(chunk.length).to.equal(0);
    }
    expect(Buffer.concat(moved).equals(content(300_000).read(0, 300_000))).to.equal(true);
  });

  it('is for get(), put(), trees and pools, too', async () => {
    await serve();
    const folder = mkdtempSync(join(tmpdir(), 'compress-'));
    const { host, port } = bench.server;
    const pool = new FTPPool({ host, port, user: 'user', password: 'secret', compress: true });
    try {
      await pool.get('random', join(folder, 'random'), { verify: 'size' });
      expect(readFileSync(join(folder, 'random')).equals(content(300_000).read(0, 300_000))).to.equal(true);
      await pool.put(join(folder, 'random'), 'copy');
      expect(bench.server.read('/copy').equals(content(300_000).read(0, 300_000))).to.equal(true);
      await pool.downloadTree('', join(folder, 'tree')).toArray();
      expect(readFileSync(join(folder, 'tree/a'), 'utf8')).to.equal(TEXT);
      const stream = pool.retr('random', { segments: 2 });
      expect((await buffer(stream)).equals(content(300_000).read(0, 300_000))).to.equal(true);
    } finally {
      await pool.quit();
      rmSync(folder, { recursive: true });
    }
  });

  for (const [mode, version] of [['explicit', 'TLSv1.2'], ['implicit', 'TLSv1.3']] as const) {
    it(`works within TLS: ${mode}, ${version}`, async () => {
      const ftp = await serve({ tls: { mode, ...certificate(), maxVersion: version } }, { secure: mode, tls: { ca: CA } });
      expect(await text(ftp.retr('a'))).to.equal(TEXT);
      const up = ftp.stor('up');
      up.end(TEXT);
      await finished(up);
      expect(bench.server.read('/up').toString()).to.equal(TEXT);
      expect((await ftp.list().toArray()).length).to.equal(6);
      expect(bench.server.commands).to.include('MODE Z');
    });
  }

  it('works in active mode, and one command at a time', async () => {
    const ftp = await serve({}, { passive: false, pipelining: false });
    expect(await text(ftp.retr('a'))).to.equal(TEXT);
    expect((await ftp.list().toArray()).length).to.equal(5);
    expect(bench.server.commands).to.include('MODE Z');
  });

  describe('where the server does not offer it', () => {
    it('auto sends nothing of it', async () => {
      const ftp = await serve({ features: FEATURES });
      expect(await text(ftp.retr('a'))).to.equal(TEXT);
      expect(bench.server.commands.join()).not.to.include('MODE');
    });

    it('true fails with UnsupportedError what would be compressed, and the session goes on', async () => {
      const ftp = await serve({ features: FEATURES }, { compress: true });
      for (const make of [() => ftp.retr('a').resume(), () => ftp.list().resume(), () => ftp.nlst().resume()]) {
        const error = await errorOf(make());
        expect(error).to.be.instanceOf(UnsupportedError);
        expect(error?.message).to.match(/^\w+.*: the server does not offer MODE Z \(option compress\)$/);
      }
      expect(await ftp.size('a')).to.equal(TEXT.length);
      expect(bench.server.commands.filter((line) => /^(RETR|LIST|MLSD|NLST|MODE)/.test(line))).to.deep.equal([]);
      const up = ftp.stor('new');
      up.end('x');
      await finished(up);
      expect(await text(ftp.retr('a', { start: 3 }))).to.equal(TEXT.slice(3));
      expect(bench.logins).to.equal(1);
    });

    it('but says so: auto goes on without, and asks once', async () => {
      const ftp = await serve({ script: { MODE: '504 Unable to handle MODE Z at this time' } });
      expect(await text(ftp.retr('a'))).to.equal(TEXT);
      expect(await text(ftp.retr('b'))).to.equal('bbb');
      expect(bench.server.commands.filter((line) => line.startsWith('MODE'))).to.deep.equal(['MODE Z']);
    });

    it('but says so: true fails with UnsupportedError', async () => {
      const ftp = await serve({ script: { MODE: '504 Unable to handle MODE Z at this time' } }, { compress: true });
      const error = await errorOf(ftp.retr('a').resume());
      expect(error).to.be.instanceOf(UnsupportedError);
      expect(error?.cause).to.have.property('code', 'ERR_FTP_PERMANENT');
      expect(await ftp.pwd()).to.equal('/');
    });
  });

  describe('and the mode of the session', () => {
    it('is left for a transfer from an offset on, and comes back for the next', async () => {
      const ftp = await serve();
      expect(await text(ftp.retr('a'))).to.equal(TEXT);
      expect(await text(ftp.retr('a', { start: 100 }))).to.equal(TEXT.slice(100));
      const up = ftp.stor('b', { start: 3 });
      up.end('ccc');
      await finished(up);
      expect(bench.server.read('/b').toString()).to.equal('bbbccc');
      expect(await text(ftp.retr('a', { start: 0, end: 9 }))).to.equal(TEXT.slice(0, 10));
      expect(await text(ftp.retr('b'))).to.equal('bbbccc');
      expect(bench.server.commands.filter((line) => line.startsWith('MODE'))).to.deep.equal(['MODE Z', 'MODE S', 'MODE Z']);
    });

    it('is set again on the next connection, in the first flight', async () => {
      const ftp = await serve({ script: { NOOP: [[hangUp()], [normal()]] } });
      await text(ftp.retr('a'));
      await ftp.noop().catch(() => undefined);
      bench.mark();
      expect(await text(ftp.retr('a'))).to.equal(TEXT);
      const sent = bench.transcript;
      expect(sent.indexOf('MODE Z')).to.be.lessThan(sent.indexOf('EPSV'));
    });

    it('is unknown after an interruption that met MODE, and set again', async () => {
      const ftp = await serve();
      await ftp.feat();
      let stream: ReturnType<FTP['retr']> | undefined;
      bench.server.script = { MODE: [[() => void stream?.destroy(), normal()], [normal()]] };
      stream = ftp.retr('a');
      stream.on('error', () => undefined).resume();
      await closing(stream);
      bench.server.script = {};
      expect(await text(ftp.retr('a'))).to.equal(TEXT);
      expect(await text(ftp.retr('b'))).to.equal('bbb');
    });

    it('is S where the caller moves the data himself, unless he has set it', async () => {
      const ftp = await serve();
      await text(ftp.retr('a'));
      bench.mark();
      await ftp.sendcmd('EPSV');
      bench.server.script = { RETR: '550 Not now.' };
      await ftp.sendcmd('RETR a').catch(() => undefined);
      expect(bench.transcript).to.deep.equal(['EPSV', 'MODE S', 'RETR a']);
      await ftp.sendcmd('MODE Z');
      bench.mark();
      await ftp.sendcmd('RETR a').catch(() => undefined);
      expect(bench.transcript).to.deep.equal(['RETR a']);
    });

    it('set by the caller stays as it is without the option, and the data as they come', async () => {
      const ftp = await serve({ script: { RETR: [openData(), send('150 Go.'), data(PACKED), dataEnd(), DONE] } }, { compress: false });
      await ftp.sendcmd('MODE Z');
      expect((await buffer(ftp.retr('a'))).equals(PACKED)).to.equal(true);
    });

    it('costs no round trip: MODE leaves with TYPE and EPSV, and RETR does not wait for more', async () => {
      const ftp = await serve();
      await text(ftp.retr('a'));
      await ftp.noop();
      bench.mark();
      expect(await text(ftp.retr('b'))).to.equal('bbb');
      expect(bench.transcript).to.deep.equal(['EPSV', 'RETR b']);
      expect(await text(ftp.retr('a', { start: 1 }))).to.equal(TEXT.slice(1));
      await ftp.noop();
      bench.mark();
      const flights: string[] = [];
      for (const session of bench.server.sessions) session.control.socket.on('data', (packet: Buffer) => flights.push(packet.toString().trim().replaceAll('\r\n', '|')));
      expect((await ftp.nlst().toArray()).length).to.equal(5);
      expect(flights[0]).to.match(/TYPE A\|MODE Z\|.*EPSV$/);
    });
  });

  describe('a stream of zlib', () => {
    it('that is whole is complete, at every cut into two chunks', async () => {
      const packed = deflateSync('hello');
      const ftp = await serve();
      await text(ftp.retr('b'));
      for (let at = 0; at <= packed.length; at++) {
        bench.server.script = { RETR: [openData(), send('150 Go (5 bytes).'), data(packed.subarray(0, at)), boundary(), data(packed.subarray(at)), dataEnd(), DONE] };
        expect(await text(ftp.retr('a')), `cut at ${at}`).to.equal('hello');
      }
    });

    it('that ends early is an error, wherever, also where the server says 226', async () => {
      const packed = deflateSync('hello');
      const ftp = await serve();
      await text(ftp.retr('b'));
      for (let length = 0; length < packed.length; length++) {
        bench.server.script = { RETR: [openData(), send('150 Go (5 bytes).'), data(packed.subarray(0, length)), dataEnd(), DONE] };
        const { error } = await outcomeOf(ftp.retr('a'));
        expect(error, `${length} bytes`).to.be.instanceOf(TransferError);
        expect(error?.message).to.match(/RETR a: the compressed data are not whole: unexpected end of file/);
      }
      expect(bench.logins).to.equal(1);
    });

    it('with a wrong checksum is an error', async () => {
      const { error, bytes } = await fetch([data(Buffer.concat([PACKED.subarray(0, -1), Buffer.from([(PACKED.at(-1) as number) ^ 1])])), dataEnd(), DONE]);
      expect(error).to.be.instanceOf(TransferError).with.property('message').that.includes('incorrect data check');
      expect(bytes.length).to.be.at.most(TEXT.length);
    });

    it('with a byte that is changed anywhere is an error, or the same', async () => {
      const packed = deflateSync('hello hello hello');
      const ftp = await serve();
      await text(ftp.retr('b'));
      for (let at = 0; at < packed.length; at++) {
        const changed = Buffer.from(packed);
        changed[at] = (changed[at] as number) ^ 0x21;
        bench.server.script = { RETR: [openData(), send('150 Go.'), data(changed), dataEnd(), DONE] };
        const { error, bytes } = await outcomeOf(ftp.retr('a'));
        if (!error) expect(bytes.toString(), `byte ${at}`).to.equal('hello hello hello');
      }
    });

    it('with bytes after its end is an error, in the same chunk or in another', async () => {
      for (const steps of [[data(Buffer.concat([PACKED, Buffer.from('x')])), dataEnd(), DONE], [data(PACKED), boundary(), data('x'), boundary(), data('y'), dataEnd(), DONE]]) {
        const { error } = await fetch(steps);
        expect(error).to.be.instanceOf(TransferError).with.property('message').that.includes('more after their end');
        await bench.end();
        await bench.begin();
      }
    });

    it('that is none is an error', async () => {
      const { error } = await fetch([data(TEXT), dataEnd(), DONE]);
      expect(error).to.be.instanceOf(TransferError).with.property('message').that.includes('incorrect header check');
    });

    it('that is reset, or refused in the middle, is an error', async () => {
      const { error } = await fetch([data(PACKED.subarray(0, 20)), boundary(), dataReset(), send('426 Broken.')]);
      expect(error).to.be.instanceOf(TemporaryError);
    });

    it('that is whole proves nothing without the 226', async () => {
      const { error } = await fetch([data(PACKED), dataEnd(), send('451 Disk error.')]);
      expect(error).to.be.instanceOf(TemporaryError);
    });

    it('of a few bytes that decompress to a gigabyte is held back by its reader, and memory stays flat', async () => {
      const bomb = deflateSync(Buffer.alloc(200 * 1024 * 1024), { level: 9 });
      const ftp = await serve({ script: { RETR: [[openData(), send('150 Boom.'), data(bomb), dataEnd(), DONE], [normal()]] } });
      const stream = ftp.retr('a', { highWaterMark: 64 * 1024 });
      const heap = new Heap();
      await once(stream, 'readable');
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
      heap.note();
      expect(stream.bytesRead).to.be.lessThan(4 * 1024 * 1024);
      let bytes = 0;
      for await (const chunk of stream) {
        if (bytes % (16 * 1024 * 1024) < chunk.length) heap.note();
        bytes += chunk.length;
      }
      expect(bytes).to.equal(200 * 1024 * 1024);
      expect(heap.most, 'MiB').to.be.lessThan(10);
    });
  });

  it('is an error where the data end, or come, before MODE is answered, also where the server says 226', async () => {
    for (const early of [[dataEnd()], [data('early'), dataEnd()], [data('early')]]) {
      const answered = gate();
      const ftp = await serve({ script: { MODE: [[openData(), ...early, until(answered), normal()], [normal()]], RETR: [send('150 Here it comes.'), DONE] } });
      const stream = ftp.retr('a');
      const outcome = outcomeOf(stream);
      await replied(ftp, 229).promise;
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      answered.open();
      expect((await outcome).error).to.be.instanceOf(TransferError).with.property('message').that.includes('before the server had answered MODE Z');
      bench.server.script = {};
      expect(await text(ftp.retr('b'))).to.equal('bbb');
      ftp.close();
    }
  });

  describe('a transfer that is left', () => {
    it('down costs the transfer only', async () => {
      const ftp = await serve({ files: { '/a': content(30_000_000), '/b': 'bbb' } });
      for await (const chunk of ftp.retr('a')) if (chunk.length > 0) break;
      expect(await text(ftp.retr('b'))).to.equal('bbb');
      expect(bench.logins).to.equal(1);
    });

    it('up ends by RST, and never by the end of its stream', async () => {
      const ftp = await serve();
      await text(ftp.retr('b'));
      bench.server.script = { STOR: [openData(), send('150 Go on.'), dataClosed(), send('426 Aborted.')] };
      const upload = ftp.stor('new');
      upload.write(content(500_000).read(0, 500_000));
      await once(upload, 'open');
      upload.destroy();
      await closing(upload);
      bench.server.script = {};
      expect(await text(ftp.retr('b'))).to.equal('bbb');
      expect(bench.server.files.has('/new')).to.equal(false);
    });

    it('up whose source fails leaves nothing that the server could take for whole', async () => {
      const ftp = await serve();
      const source = Readable.from((async function* () {
        yield content(200_000).read(0, 200_000);
        throw new Error('no more');
      })());
      await pipeline(source, ftp.stor('new', { temporaryName: true })).catch(() => undefined);
      expect(await ftp.nlst().toArray()).not.to.include('new');
      expect(bench.logins).to.equal(1);
    });
  });

  it('with retry goes on after a loss, without compression, and comes back to it', async () => {
    const packed = deflateSync(content(100_000).read(0, 100_000));
    const ftp = await serve({ files: { '/a': content(100_000), '/b': 'bbb' }, script: { RETR: [[openData(), send('150 Go.'), data(packed.subarray(0, 60_000)), boundary(), dataReset(), send('426 Broken.')], [normal()]] } });
    const stream = ftp.retr('a', { retry: { backoff: 1 } });
    expect((await buffer(stream)).equals(content(100_000).read(0, 100_000))).to.equal(true);
    expect(await text(ftp.retr('b'))).to.equal('bbb');
  });

  it('with retry does not go on after data that are damaged, whatever the server says of them', async () => {
    for (const final of ['226 Transfer complete.', '426 Broken.', '451 Broken.']) {
      for (const at of [-1, -4, 200, 30_000, 59_000]) {
        const packed = Buffer.from(deflateSync(content(100_000).read(0, 100_000)));
        const byte = packed.at(at) as number;
        packed[at < 0 ? packed.length + at : at] = byte ^ 0x10;
        const ftp = await serve({ files: { '/a': content(100_000), '/b': 'bbb' }, script: { RETR: [[openData(), send('150 Go.'), data(packed), dataEnd(), send(final)], [normal()]] } });
        const error = await errorOf(ftp.retr('a', { retry: { backoff: 1 } }).resume());
        expect(error, `byte ${at}, ${final}`).to.be.instanceOf(MismatchError);
        expect(error?.message).to.match(/^RETR a: the compressed data are damaged: /);
        expect(await text(ftp.retr('b'))).to.equal('bbb');
        ftp.close();
      }
    }
  });

  it('waits for a reader that pauses, longer than stallTimeout', async () => {
    const ftp = await serve({ files: { '/a': content(3_000_000) } }, { stallTimeout: 400 });
    let bytes = 0;
    for await (const chunk of ftp.retr('a')) {
      bytes += chunk.length;
      if (bytes < 200_000) await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect(bytes).to.equal(3_000_000);
  });

  it('is a TimeoutError where the server stands still in the middle', async () => {
    const ftp = await serve({ script: { RETR: [[openData(), send('150 Go.'), data(PACKED.subarray(0, 30)), dataClosed(), send('426 Broken.')], [normal()]] } }, { stallTimeout: 100 });
    expect(await errorOf(ftp.retr('a').resume())).to.have.property('code', 'ERR_FTP_TIMEOUT');
    expect(await text(ftp.retr('b'))).to.equal('bbb');
  });

  it('moves 50 MB each way', async () => {
    const big = content(50_000_000);
    const ftp = await serve({ files: { '/big': big } });
    let at = 0;
    for await (const chunk of ftp.retr('big')) {
      expect(chunk.equals(big.read(at, chunk.length))).to.equal(true);
      at += chunk.length;
    }
    expect(at).to.equal(50_000_000);
    await pipeline(Readable.from(chunksOf(big)), ftp.stor('copy'));
    expect(bench.server.read('/copy').equals(bench.server.read('/big'))).to.equal(true);
  });
});

function* chunks(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
}
