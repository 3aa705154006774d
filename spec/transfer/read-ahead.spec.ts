import { expect } from 'chai';
import { pipeline } from 'node:stream/promises';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LimitError, type Entry } from '../../lib/index';
import { gate } from '../support/server/gate';
import { data, dataEnd, openData, send, until } from '../support/server/steps';
import { closing, rejection, useBench } from '../support/transfers';

const COUNT = 40;
const NAMES = Array.from({ length: COUNT }, (_, i) => `file-${String(i).padStart(2, '0')}`);

/** So many names that a paused listing fills every buffer on the way. */
const MANY = 60_000;
function* many(): Generator<{ name: string; size: number }> {
  for (let i = 0; i < MANY; i++) yield { name: `entry-with-a-name-of-some-length-${String(i).padStart(6, '0')}`, size: i };
}

describe('a listing that others wait for', () => {
  const bench = useBench();

  async function serve(): Promise<void> {
    await bench.serve({ files: { ...Object.fromEntries(NAMES.map((name) => [`/sub/${name}`, `content of ${name}`])), '/many': { entries: many } } });
  }

  it('of list() lets files be fetched inside the loop', async () => {
    await serve();
    const ftp = bench.client();
    const folder = await mkdtemp(join(tmpdir(), 'ftplib-'));
    try {
      await ftp.cwd('sub');
      for await (const { name } of ftp.list()) await pipeline(ftp.retr(name), createWriteStream(join(folder, name)));
      expect((await readdir(folder)).sort()).to.deep.equal(NAMES);
    } finally {
      await rm(folder, { recursive: true });
    }
    expect(bench.logins).to.equal(1);
  });

  it('of nlst() lets files be deleted inside the loop', async () => {
    await serve();
    const ftp = bench.client();
    await ftp.cwd('sub');
    for await (const name of ftp.nlst() as AsyncIterable<string>) await ftp.delete(name);
    expect(bench.server.files.names('/sub')).to.deep.equal([]);
  });

  it('of dir() lets the folder be changed inside the loop', async () => {
    await serve();
    const ftp = bench.client();
    let lines = 0;
    for await (const line of ftp.dir('sub') as AsyncIterable<string>) {
      expect(line).to.match(/ file-\d\d$/);
      lines += 1;
      await ftp.cwd(lines % 2 ? 'sub' : '..');
    }
    expect(lines).to.equal(COUNT);
  });

  it('lets listings be nested', async () => {
    await bench.serve({ files: { '/a/1/x': 'x', '/a/2/y': 'y', '/b/3/z': 'z' } });
    const ftp = bench.client();
    const seen: string[] = [];
    for await (const outer of ftp.list() as AsyncIterable<Entry>)
      for await (const inner of ftp.list(outer.name) as AsyncIterable<Entry>)
        for await (const leaf of ftp.list(`${outer.name}/${inner.name}`) as AsyncIterable<Entry>) seen.push(`${outer.name}/${inner.name}/${leaf.name}`);
    expect(seen).to.deep.equal(['a/1/x', 'a/2/y', 'b/3/z']);
  });

  it('is read ahead to its end, and loses nothing: 60,000 entries with a command after the first', async () => {
    await serve();
    const ftp = bench.client();
    const names: string[] = [];
    for await (const { name } of ftp.list('many') as AsyncIterable<Entry>) {
      if (names.length === 0) expect(await ftp.pwd()).to.equal('/');
      names.push(name);
    }
    expect(names).to.deep.equal(Array.from(many(), ({ name }) => name));
  });

  it('loses nothing of a chunk that its reader has not taken when the next arrives', async () => {
    const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, i) => `type=file; ${from + i}\r\n`).join('');
    const waited = gate();
    await bench.serve({ script: { MLSD: [openData(), send('150 Here.'), data(lines(0, 3000)), until(waited), data(lines(3000, 6000)), dataEnd(), send('226 Done.')] } });
    const ftp = bench.client();
    const names: string[] = [];
    for await (const { name } of ftp.list() as AsyncIterable<Entry>) {
      if (names.length === 0) {
        const next = ftp.pwd();
        waited.open();
        await next;
      }
      names.push(name);
    }
    expect(names).to.deep.equal(Array.from({ length: 6000 }, (_, i) => String(i)));
  });

  it('is a LimitError beyond `maxReadAheadBytes`, and the session goes on', async () => {
    await serve();
    const ftp = bench.client({ maxReadAheadBytes: 100_000 });
    const listing = ftp.list('many');
    let next: Promise<string> | undefined;
    const error = await rejection(
      (async () => {
        for await (const entry of listing as AsyncIterable<Entry>) {
          expect(entry.name).to.include('entry');
          await (next ??= ftp.pwd());
        }
      })(),
    );
    expect(error).to.be.instanceOf(LimitError);
    expect(error.message).to.include('maxReadAheadBytes');
    expect(error.command).to.equal('LIST many');
    expect(await next).to.equal('/');
    expect(bench.logins).to.equal(1);
  });

  it('is not read ahead where nobody waits: its reader may take his time', async () => {
    await serve();
    const ftp = bench.client({ maxReadAheadBytes: 1000 });
    let count = 0;
    for await (const { name } of ftp.list('many') as AsyncIterable<Entry>) {
      expect(name).to.include('entry');
      if (++count % 10_000 === 0) await new Promise(setImmediate);
    }
    expect(count).to.equal(MANY);
  });

  it('is let go by destroy()', async () => {
    await serve();
    const ftp = bench.client();
    const listing = ftp.list('many');
    const closed = closing(listing);
    for await (const { name } of listing as AsyncIterable<Entry>) if (name) break;
    await closed;
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.logins).to.equal(1);
  });

  it('does not make room for a download whose reader has paused: that is waited for', async () => {
    await bench.serve({ files: { '/file': Buffer.alloc(8_000_000, 'x') } });
    const ftp = bench.client();
    const stream = ftp.retr('file');
    let answered = false;
    const iterator = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    await iterator.next();
    const next = ftp.pwd().then(() => (answered = true));
    await new Promise(setImmediate);
    expect(answered).to.equal(false);
    while (!(await iterator.next()).done) expect(answered).to.equal(false);
    await next;
  });
});
