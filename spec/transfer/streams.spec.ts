import { expect } from 'chai';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addAbortSignal, PassThrough, Readable, Transform, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';
import { createGunzip, createGzip, gunzipSync } from 'node:zlib';
import { sha256 } from '../support/hash';
import { content } from '../support/server/content';
import { turn } from '../support/server/gate';
import { data, dataEnd, openData, send, until } from '../support/server/steps';
import { closing, outcomeOf, rejection, useBench } from '../support/transfers';

const FILE = content(3_000_000, 9);

describe('streams of transfers', () => {
  const bench = useBench();

  beforeEach(() => bench.serve({ files: { '/file': FILE, '/a': 'aaa', '/b': 'bbb' } }));

  describe('with what Node ships', () => {
    let folder: string;
    beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'ftplib-'))));
    afterEach(() => rm(folder, { recursive: true }));

    it('go to a file and come from a file', async () => {
      const ftp = bench.client();
      const path = join(folder, 'copy');
      await pipeline(ftp.retr('file'), createWriteStream(path));
      expect(await sha256(createReadStream(path))).to.equal(FILE.sha256);
      await pipeline(createReadStream(path), ftp.stor('back'));
      expect(await sha256(bench.server.read('/back'))).to.equal(FILE.sha256);
    });

    it('go through gzip', async () => {
      const ftp = bench.client();
      await writeFile(join(folder, 'plain'), 'a text\n'.repeat(10_000));
      await pipeline(createReadStream(join(folder, 'plain')), createGzip(), ftp.stor('text.gz'));
      expect(gunzipSync(bench.server.read('/text.gz')).length).to.equal(70_000);
      await pipeline(ftp.retr('text.gz'), createGunzip(), createWriteStream(join(folder, 'again')));
      expect(await readFile(join(folder, 'again'), 'utf8')).to.equal('a text\n'.repeat(10_000));
    });
  });

  it('are read by for await', async () => {
    let bytes = 0;
    for await (const chunk of bench.client().retr('file')) bytes += chunk.length;
    expect(bytes).to.equal(FILE.size);
  });

  it('are read by the consumers of node:stream', async () => {
    const ftp = bench.client();
    expect(await text(ftp.retr('a'))).to.equal('aaa');
    expect(await sha256(await buffer(ftp.retr('file')))).to.equal(FILE.sha256);
  });

  it('are read in "readable" style', async () => {
    const stream = bench.client().retr('file');
    const chunks: Buffer[] = [];
    stream.on('readable', () => {
      for (let chunk: Buffer | null; (chunk = stream.read() as Buffer | null) !== null; ) chunks.push(chunk);
    });
    await finished(stream);
    expect(await sha256(Buffer.concat(chunks))).to.equal(FILE.sha256);
  });

  it('are web streams, too', async () => {
    const ftp = bench.client();
    expect(await new Response(Readable.toWeb(ftp.retr('a')) as ReadableStream).text()).to.equal('aaa');
    const writer = Writable.toWeb(ftp.stor('web')).getWriter();
    await writer.write(Buffer.from('web'));
    await writer.close();
    expect(bench.server.read('/web').toString()).to.equal('web');
  });

  it('give each chunk in memory of its own, which a web stream of bytes may take away', async () => {
    const piece = FILE.read(0, 20_000);
    bench.server.script = { RETR: [openData(), send('150 Here it comes.'), ...Array.from({ length: 20 }, () => [data(piece), until(turn)]).flat(), dataEnd(), send('226 Done.')] };
    const chunks = bench.client().retr('file').iterator();
    const web = new ReadableStream({
      type: 'bytes',
      async pull(controller) {
        const { done, value } = (await chunks.next()) as IteratorResult<Buffer>;
        await turn(); // what comes next is being read
        if (done) controller.close();
        else controller.enqueue(value);
      },
    });
    expect(Buffer.from(await new Response(web).arrayBuffer()).equals(Buffer.concat(Array<Buffer>(20).fill(piece)))).to.equal(true);
  });

  it('compose with transforms', async () => {
    const upper = new Transform({ transform: (chunk: Buffer, _encoding, done) => done(null, chunk.toString().toUpperCase()) });
    const ftp = bench.client();
    expect(await text(ftp.retr('a').compose(upper))).to.equal('AAA');
    expect((await ftp.retr('b').map((chunk: Buffer) => chunk.toString()).toArray()).join('')).to.equal('bbb');
  });

  it('take a signal by addAbortSignal', async () => {
    const ftp = bench.client();
    const abort = new AbortController();
    const stream = addAbortSignal(abort.signal, ftp.retr('file'));
    await once(stream, 'data');
    const closed = closing(stream.on('error', () => undefined));
    abort.abort();
    await closed;
    expect(stream.errored).to.have.property('name', 'AbortError');
    expect(await ftp.pwd()).to.equal('/');
  });

  it('two at once are both whole, in the order of the calls', async () => {
    const ftp = bench.client();
    const [a, file, b] = await Promise.all([buffer(ftp.retr('a')), buffer(ftp.retr('file')), buffer(ftp.retr('b'))]);
    expect(a.toString() + b.toString()).to.equal('aaabbb');
    expect(await sha256(file)).to.equal(FILE.sha256);
    expect(bench.server.commands.filter((line) => line.startsWith('RETR'))).to.deep.equal(['RETR a', 'RETR file', 'RETR b']);
  });

  it('that are piped are done before a quit that was called after them', async () => {
    const ftp = bench.client();
    const out = new PassThrough();
    const bytes = buffer(out);
    ftp.retr('file').pipe(out);
    await ftp.quit();
    expect(await sha256(await bytes)).to.equal(FILE.sha256);
  });

  it('run in the order of the calls, with the plain commands between them', async () => {
    const ftp = await bench.warmClient();
    const upload = ftp.stor('up');
    upload.end('x');
    await Promise.all([finished(upload), ftp.noop(), text(ftp.retr('a')), ftp.pwd(), text(ftp.retr('up'))]);
    expect(bench.transcript.filter((line) => line !== 'EPSV')).to.deep.equal(['STOR up', 'NOOP', 'RETR a', 'PWD', 'RETR up']);
  });

  it('that nobody reads or writes hold nobody up', async () => {
    const ftp = bench.client();
    const unread = ftp.retr('a');
    const unwritten = ftp.stor('up');
    const unlisted = ftp.list();
    expect(await text(ftp.retr('b'))).to.equal('bbb');
    expect(await ftp.pwd()).to.equal('/');
    expect(await text(unread)).to.equal('aaa');
    unwritten.end('late');
    await finished(unwritten);
    expect((await unlisted.toArray()).length).to.equal(4);
  });

  it('that nobody used when the client quits fail with a clear error', async () => {
    const ftp = await bench.warmClient();
    const unread = ftp.retr('a');
    const unwritten = ftp.stor('up');
    await ftp.quit();
    for (const failure of [rejection(text(unread)), rejection(finished(unwritten))]) expect(await failure).to.include({ code: 'ERR_FTP_CONNECTION_CLOSED' });
    expect((await rejection(finished(unwritten))).message).to.include('the client has quit');
  });

  it('whose error nobody listens to do not crash a client that is closed', async () => {
    const ftp = await bench.warmClient();
    const unread = ftp.retr('a');
    ftp.close();
    await closing(unread);
    expect(unread.destroyed).to.equal(true);
  });

  it('a thousand calls of all kinds from many callers each get their own answer', async () => {
    const ftp = bench.client();
    const callers = Array.from({ length: 250 }, async (_, i) => {
      const [size, path, bytes] = await Promise.all([ftp.size('file'), ftp.pwd(), i % 5 === 0 ? text(ftp.retr('b')) : 'bbb']);
      expect([size, path, bytes]).to.deep.equal([FILE.size, '/', 'bbb']);
      expect(await rejection(ftp.size('missing'))).to.include({ command: 'SIZE missing' });
    });
    await Promise.all(callers);
    expect(bench.logins).to.equal(1);
  });

  it('give no bytes after destroy()', async () => {
    const stream = bench.client().retr('file');
    let late = 0;
    stream.on('data', () => {
      if (stream.destroyed) late += 1;
      stream.destroy();
    });
    await closing(stream);
    expect(late).to.equal(0);
  });

  it('that end by destroy() without an error have none', async () => {
    const stream = bench.client().retr('file');
    let error: unknown;
    stream.on('error', (reason) => (error = reason));
    stream.read(0);
    stream.destroy();
    await closing(stream);
    expect(error).to.equal(undefined);
    expect(stream.errored).to.equal(null);
  });

  it('of a command of the caller’s own are bytes of that command', async () => {
    const ftp = bench.client();
    expect((await outcomeOf(ftp.retrbinary('RETR a'))).bytes.toString()).to.equal('aaa');
    const upload = ftp.storbinary('STOR x');
    upload.end('xxx');
    await finished(upload);
    expect(bench.server.read('/x').toString()).to.equal('xxx');
    expect((await outcomeOf(ftp.retrbinary('NLST'))).bytes.toString()).to.equal('file\r\na\r\nb\r\nx\r\n');
  });
});
