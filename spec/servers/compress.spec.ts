import { expect } from 'chai';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { FTP, FTPPool, type FTPOptions, UnsupportedError } from '../../lib/index';
import { assertNoLeaks, snapshot, type Snapshot } from '../support/leaks';
import { chunksOf, content } from '../support/server/content';
import { optionsOf, realServers, type RealServer } from './servers';

const LINES = Buffer.from('a line of text that repeats itself, and a number\n'.repeat(60_000));
const NOISE = content(3_000_000).read(0, 3_000_000);
const ZEROS = Buffer.alloc(5_000_000);
const BODIES = { lines: LINES, noise: NOISE, zeros: ZEROS, nothing: Buffer.alloc(0), byte: Buffer.from('x') } as const;

/** ProFTPD has mod_deflate. Of the other programs of the lab none offers MODE Z. */
describe('compress on real servers', () => {
  for (const server of realServers().filter(({ host }) => host === '127.0.0.1')) {
    const offers = server.family === 'proftpd';
    if (offers || server.name.endsWith('-plain')) describe(server.name, () => describeServer(server, offers));
  }
});

function describeServer(server: RealServer, offers: boolean): void {
  const folder = `compress-${process.pid}-${server.name}`;
  const clients: { close(): void }[] = [];
  let before: Snapshot;
  beforeEach(async () => {
    before = await snapshot();
    await client({}).mkd(folder);
  });
  afterEach(async () => {
    const cleaner = client({});
    for (const name of await cleaner.list(folder).toArray()) await cleaner.delete(`${folder}/${name.name}`);
    await cleaner.rmd(folder);
    for (const each of clients.splice(0)) each.close();
    await assertNoLeaks(before);
  });

  function client(options: FTPOptions): FTP {
    const ftp = new FTP({ ...optionsOf(server), ...options });
    clients.push(ftp);
    return ftp;
  }

  function commandsOf(ftp: FTP): string[] {
    const commands: string[] = [];
    ftp.on('command', (line) => commands.push(line));
    return commands;
  }

  it('auto moves the same bytes up and down, and lists the same', async () => {
    const ftp = client({ compress: 'auto' });
    const commands = commandsOf(ftp);
    const bodies = Object.entries(offers ? BODIES : { lines: LINES.subarray(0, 100_000) });
    for (const [name, bytes] of bodies) {
      const up = ftp.stor(`${folder}/${name}`);
      await pipeline(Readable.from(chunks(bytes)), up);
      expect(up.bytesWritten, name).to.equal(bytes.length);
      expect((await readFile(join(server.home, folder, name))).equals(bytes), `${name}, on the server's disk`).to.equal(true);
      const down = ftp.retr(`${folder}/${name}`);
      expect((await buffer(down)).equals(bytes), `${name}, down`).to.equal(true);
      expect(down.bytesRead).to.equal(bytes.length);
    }
    const names = (await ftp.list(folder).toArray()).map(({ name }) => name);
    expect(names).to.have.members(bodies.map(([name]) => name));
    expect(commands.filter((line) => line === 'MODE Z')).to.have.lengthOf(offers ? bodies.length : 0);
    await ftp.quit();
  });

  if (!offers) {
    it('true fails with UnsupportedError, and leaves the session as it was', async () => {
      const ftp = client({ compress: true });
      const error = await buffer(ftp.retr(`${folder}/lines`)).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(UnsupportedError);
      await ftp.noop().catch(() => undefined);
    });
    return;
  }

  it('true moves a file over get() and put(), and a pool as well, from an offset on in MODE S', async () => {
    const ftp = client({ compress: true });
    const commands = commandsOf(ftp);
    const local = await mkdtemp(join(tmpdir(), 'ftplib-compress-'));
    try {
      await ftp.put(LINES, `${folder}/lines`, { verify: 'size' });
      await ftp.get(`${folder}/lines`, join(local, 'lines'), { verify: 'size' });
      expect((await readFile(join(local, 'lines'))).equals(LINES)).to.equal(true);
      expect((await buffer(ftp.retr(`${folder}/lines`, { start: 1_000_000 }))).equals(LINES.subarray(1_000_000))).to.equal(true);
      expect((await buffer(ftp.retr(`${folder}/lines`))).equals(LINES)).to.equal(true);
      expect(commands.filter((line) => line.startsWith('MODE'))).to.deep.equal(['MODE Z', 'MODE S', 'MODE Z']);
      const pool = new FTPPool({ ...optionsOf(server), compress: true });
      clients.push(pool);
      const all = await Promise.all([1, 2, 3, 4, 5, 6].map(() => buffer(pool.retr(`${folder}/lines`))));
      expect(all.every((each) => each.equals(LINES))).to.equal(true);
      expect((await buffer(pool.retr(`${folder}/lines`, { segments: 3 }))).equals(LINES)).to.equal(true);
      await pool.quit();
      await ftp.quit();
    } finally {
      await rm(local, { recursive: true });
    }
  });

  it('is left at any moment, both ways, and the next transfer is whole', async () => {
    const ftp = client({ compress: 'auto' });
    let closed = 0;
    ftp.on('close', () => (closed += 1));
    await pipeline(Readable.from(chunks(NOISE)), ftp.stor(`${folder}/noise`));
    for (let round = 0; round < 12; round++) {
      const down = ftp.retr(`${folder}/noise`);
      down.on('error', () => undefined);
      down.on('data', () => {
        if (down.bytesRead > round * 100_000) down.destroy();
      });
      await new Promise((resolve) => down.once('close', resolve));
      const up = ftp.stor(`${folder}/left`);
      up.on('error', () => undefined);
      up.write(NOISE.subarray(0, 1 + round * 80_000));
      if (round % 2 === 0) await new Promise((resolve) => up.once('open', resolve));
      up.destroy();
      expect((await buffer(ftp.retr(`${folder}/noise`))).equals(NOISE)).to.equal(true);
    }
    if (server.tls === 'none') expect(closed, 'connections that were closed').to.equal(0); // within TLS, ProFTPD 1.3.8 closes when a compressed download is left
  });

  it('does not disturb who moves data without it on another connection', async () => {
    const [ftp, plain] = [client({ compress: true }), client({})];
    await pipeline(Readable.from(chunksOf(content(100_000))), ftp.stor(`${folder}/noise`));
    expect((await buffer(plain.retr(`${folder}/noise`))).equals(content(100_000).read(0, 100_000))).to.equal(true);
  });
}

function* chunks(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}
