import { expect } from 'chai';
import { openAsBlob } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { ArgumentError, ChangedError, type PutSource } from '../../lib/index';
import { failure, scene } from '../support/client';
import { content } from '../support/server/content';

const BYTES = content(700_000).read(0, 700_000);
const PIECES = [BYTES.subarray(0, 1), BYTES.subarray(1, 400_000), new Uint8Array(0), BYTES.subarray(400_000)];

describe('what put() takes', () => {
  const stage = scene();
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'put-sources-'));
    await writeFile(join(folder, 'a file'), BYTES);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const again: Record<string, () => PutSource | Promise<PutSource>> = {
    'a file: URL': () => pathToFileURL(join(folder, 'a file')),
    'the text of a file: URL': () => pathToFileURL(join(folder, 'a file')).href,
    'a Blob': () => new Blob([BYTES]),
    'a File': () => new File(PIECES, 'name'),
    'the Blob of a file': () => openAsBlob(join(folder, 'a file')),
    bytes: () => BYTES,
  };
  const once: Record<string, () => PutSource> = {
    'a web stream': () => new Blob([BYTES]).stream(),
    'the body of a Response': () => new Response(BYTES).body as PutSource,
    'an array of bytes': () => PIECES,
    'a generator': () => (function* () { yield* PIECES; })(),
    'an async generator': () => (async function* () { yield* PIECES; })(),
    'a Readable': () => Readable.from(PIECES),
  };

  for (const [name, source] of Object.entries({ ...again, ...once })) {
    it(`uploads ${name}`, async () => {
      const server = await stage.serve();
      const retry = name in again;
      const seen: number[] = [];
      const result = await stage.client(server).put(await source(), 'new', { retry, progress: ({ bytes }) => void seen.push(bytes) });
      expect(result.bytes).to.equal(BYTES.length);
      expect(server.read('/new').equals(BYTES)).to.equal(true);
      expect(seen.at(-1)).to.equal(BYTES.length);
    });
  }

  for (const [name, source] of Object.entries(again)) {
    it(`goes on with ${name} after a loss, and with what an earlier call has left`, async () => {
      let losses = 1;
      const server = await stage.serve({ script: { STOR: async (session) => (losses-- > 0 ? session.control.hangUp() : session.normal()) } });
      const ftp = stage.client(server);
      expect((await ftp.put(await source(), 'new', { retry: { attempts: 2, backoff: 1 } })).retries).to.equal(1);
      expect(server.read('/new').equals(BYTES)).to.equal(true);
      const half = await stage.serve({ files: { '/.other.part': { content: BYTES.subarray(0, 300_000), modified: new Date() } as never } });
      const result = await stage.client(half).put(await source(), 'other', { resume: true });
      expect(half.read('/other').equals(BYTES)).to.equal(true);
      expect(result.bytes).to.equal(BYTES.length);
    });
  }

  for (const [name, source] of Object.entries(once)) {
    it(`needs retry: false for ${name}`, async () => {
      const ftp = stage.client(await stage.serve());
      expect(await failure(ftp.put(source(), 'new'))).to.be.instanceOf(ArgumentError);
      expect(await failure(ftp.put(source(), 'new', { retry: false, resume: true }))).to.be.instanceOf(ArgumentError);
    });
  }

  it('encodes strings of an iterable as UTF-8', async () => {
    const server = await stage.serve();
    await stage.client(server).put(['ä', Buffer.from('b'), '', '€'], 'new', { retry: false });
    expect(server.read('/new').toString()).to.equal('äb€');
  });

  it('refuses what is none of these, and items of an iterable that are none', async () => {
    const ftp = stage.client(await stage.serve());
    for (const source of [undefined, null, 7, {}, true, new URL('http://host/file'), new URL('file://elsewhere/file')]) expect(await failure(ftp.put(source as never, 'new')), String(source)).to.be.instanceOf(ArgumentError);
    for (const items of [[7], [null], [['x']], [{}]]) expect(await ftp.put(items as never, 'new', { retry: false }).catch((error: unknown) => error)).to.be.instanceOf(ArgumentError);
    expect(await ftp.exists('new')).to.equal(false);
  });

  it('proves the size where it is known', async () => {
    const ftp = stage.client(await stage.serve());
    expect(await failure(ftp.put(PIECES, 'new', { retry: false, size: 5 }))).to.be.instanceOf(ChangedError);
    const blob = await openAsBlob(join(folder, 'a file'));
    await writeFile(join(folder, 'a file'), 'short');
    expect(await ftp.put(blob, 'new').then(() => undefined, (error: Error) => error)).to.be.instanceOf(Error);
    expect(await ftp.exists('new')).to.equal(false);
  });

  it('ends a web stream and a generator that it does not read to their end', async () => {
    const ftp = stage.client(await stage.serve({ script: { STOR: '553 No.' } }));
    let cancelled = 0;
    const stream = (): ReadableStream<Uint8Array> => new ReadableStream({ pull: (controller) => controller.enqueue(Buffer.alloc(1000)), cancel: () => void (cancelled += 1) });
    await failure(ftp.put(stream(), 'new', { retry: false }));
    await failure(ftp.put(stream(), 'new'));
    expect(cancelled).to.equal(2);
    let ended = false;
    await failure(ftp.put((function* () { try { for (;;) yield Buffer.alloc(1000); } finally { ended = true; } })(), 'new', { retry: false }));
    expect(ended).to.equal(true);
  });

  it('encodes a character whole of which two strings have one half each', async () => {
    const server = await stage.serve();
    const ftp = stage.client(server);
    await ftp.put('a😀b😀'.split(''), 'new', { retry: false });
    expect(server.read('/new').toString()).to.equal('a😀b😀');
    await ftp.put(() => Readable.from('😀😀'.split('')), 'again');
    expect(server.read('/again').toString()).to.equal('😀😀');
    await ftp.put(['😀'.slice(0, 1), Buffer.from('b'), '😀'.slice(1), '😀'.slice(0, 1)], 'halves', { retry: false });
    expect(server.read('/halves').toString()).to.equal('\ufffdb\ufffd\ufffd');
  });

  it('takes no stream for an empty file that was read before', async () => {
    const server = await stage.serve({ files: { '/old': 'old' } });
    const ftp = stage.client(server);
    const readable = Readable.from(['x'], { objectMode: false });
    await readable.toArray();
    const web = new Blob(['x']).stream();
    await web.getReader().read();
    const left = new Blob(['x']).stream();
    await left.cancel();
    for (const source of [readable, web, left]) expect(await failure(ftp.put(source as PutSource, 'old', { retry: false }))).to.be.instanceOf(ArgumentError);
    expect(server.read('/old').toString()).to.equal('old');
  });

  it('refuses objects that a Readable gives, and does not throw where nobody can catch it', async () => {
    const ftp = stage.client(await stage.serve());
    for (const source of [Readable.from([{}]), Readable.from(['a', 7])]) expect(await failure(ftp.put(source, 'new', { retry: false }))).to.be.instanceOf(ArgumentError);
    expect(await failure(ftp.put(() => Readable.from([{}]), 'new'))).to.be.instanceOf(ArgumentError);
    expect(await ftp.exists('new')).to.equal(false);
  });

  it('cancels a web stream that gives nothing, and waits for no cancelling', async () => {
    const ftp = stage.client(await stage.serve());
    let cancelled = 0;
    const stream = (chunk?: unknown): ReadableStream<Uint8Array> => new ReadableStream<Uint8Array>({
      start: (controller) => (chunk === undefined ? undefined : controller.enqueue(chunk as Uint8Array)),
      cancel: () => ((cancelled += 1), new Promise<void>(() => undefined)),
    });
    const aborted = new AbortController();
    const put = ftp.put(stream(), 'new', { retry: false, signal: aborted.signal });
    setImmediate(() => aborted.abort());
    expect(await put.catch((error: Error) => error.name)).to.equal('AbortError');
    expect(await failure(ftp.put(stream(7), 'new', { retry: false }))).to.be.instanceOf(ArgumentError);
    expect(cancelled).to.equal(2);
  });
});
