import { expect } from 'chai';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { inspect } from 'node:util';
import { FTP, FTPPool, type FTPError, type FTPOptions, type GetOptions, type PutOptions, throttle } from '../../lib/index';
import { failure } from '../support/client';
import { assertNoLeaks, snapshot, type Snapshot } from '../support/leaks';
import { content } from '../support/server/content';
import { done, filesIn, fillTree } from './bulk-files';
import { pidOf, start } from './processes';
import { proxyURL, realProxies, type RealProxy } from './proxies';
import { isUp, optionsOf, realServers, type RealServer } from './servers';

const SIZE = 3_000_000;
const BYTES = Buffer.from(content(SIZE).read(0, SIZE));
/** More than buffers on the way hold, when a proxy is killed after a second. */
const LARGE = Buffer.from(content(30_000_000).read(0, 30_000_000));
const RATE = 10_000_000;
/** Two programs in the clear and in each kind of TLS, one that offers little, and one that says 226 to half a file where TLS is reset. */
const SERVERS = ['vsftpd-plain', 'vsftpd-reuse', 'vsftpd-implicit', 'proftpd-plain', 'proftpd-reuse', 'proftpd-implicit', 'twisted-plain', 'pyftpdlib-req'];
/** For what a proxy has in common with one that all of these were reached by. */
const TWO = ['vsftpd-plain', 'proftpd-reuse'];

describe('real proxies', () => {
  const servers = realServers().filter(({ name }) => SERVERS.includes(name));

  for (const proxy of realProxies().filter(({ name }) => !name.endsWith('-killed'))) {
    for (const scheme of proxy.schemes) {
      describe(`${proxy.name} by ${scheme}://`, () => {
        const fewer = scheme !== proxy.schemes[0] || proxy.name.endsWith('-password');
        for (const server of servers.filter(({ name, secure }) => (scheme !== 'ftp' || !secure) && (!fewer || TWO.includes(name)))) describeServer(proxy, scheme, server);
        const [server] = servers;
        if (proxy.user !== undefined && server) itRefuses(proxy, scheme, server);
      });
    }
  }

  for (const proxy of realProxies().filter(({ name }) => name.endsWith('-killed'))) {
    const [scheme = ''] = proxy.schemes;
    for (const server of servers.filter(({ name }) => TWO.includes(name))) describeDeath(proxy, scheme, server);
  }
});

/** How to reach a server by a proxy whose certificate is that of the lab. */
function optionsBy(proxy: RealProxy, scheme: string, server: RealServer, password?: string): FTPOptions {
  const tls = proxy.certificate === undefined ? {} : { tls: { ca: readFileSync(proxy.certificate) } };
  return { ...optionsOf(server), ...tls, proxy: proxyURL(proxy, scheme, password) };
}

/** A folder of its own on the server, and one here. */
function places(proxy: RealProxy, server: RealServer): { readonly folder: string; readonly onDisk: string; scratch: string } {
  const folder = `proxies-${process.pid}-${proxy.name}-${server.name}`;
  const place = { folder, onDisk: join(server.home, folder), scratch: '' };
  let before: Snapshot;
  beforeEach(async () => {
    before = await snapshot();
    place.scratch = await mkdtemp(join(tmpdir(), 'ftplib-proxies-'));
  });
  afterEach(async () => {
    await rm(place.scratch, { recursive: true });
    rmSync(place.onDisk, { recursive: true, force: true });
    await assertNoLeaks(before);
  });
  return place;
}

function describeServer(proxy: RealProxy, scheme: string, server: RealServer): void {
  describe(server.name, () => {
    const place = places(proxy, server);
    const { folder, onDisk } = place;

    it('logs in, uploads, lists, downloads, and leaves a download', async () => {
      const ftp = new FTP(optionsBy(proxy, scheme, server));
      await ftp.mkd(folder);
      for (const [name, bytes] of [['large', BYTES], ['small', BYTES.subarray(0, 9)], ['empty', Buffer.alloc(0)]] as const) {
        await pipeline(Readable.from([bytes]), ftp.stor(`${folder}/${name}`));
        expect((await readFile(join(onDisk, name))).equals(bytes), name).to.equal(true);
        expect((await buffer(ftp.retr(`${folder}/${name}`))).equals(bytes), name).to.equal(true);
      }
      expect((await ftp.list(folder).toArray()).map(({ name }) => name).sort()).to.deep.equal(['empty', 'large', 'small']);
      const left = ftp.retr(`${folder}/large`).on('error', () => undefined);
      left.resume();
      await new Promise((come) => left.once('data', come));
      left.destroy();
      expect((await buffer(ftp.retr(`${folder}/large`))).equals(BYTES), 'after one that was left').to.equal(true);
      const copy = join(place.scratch, 'copy');
      await ftp.get(`${folder}/large`, copy);
      await ftp.put(copy, `${folder}/put`);
      expect((await readFile(join(onDisk, 'put'))).equals(BYTES), 'get and put').to.equal(true);
      await ftp.quit();
    });

    it('brings a tree up and down, by a pool', async () => {
      const pool = new FTPPool({ ...optionsBy(proxy, scheme, server), connections: 3 });
      const [source, copy] = [join(place.scratch, 'source'), join(place.scratch, 'copy')];
      mkdirSync(source);
      await pool.mkd(folder);
      const names = server.can.leadingBlank ? fillTree(source, 24) : [];
      expect(await done({ from: source, to: { client: pool, path: folder }, concurrency: 3 })).to.deep.equal({ uploaded: names.length });
      expect(same(onDisk, source), 'what is on the server').to.equal(true);
      expect(await done({ from: { client: pool, path: folder }, to: copy, concurrency: 3 })).to.deep.equal({ downloaded: names.length });
      expect(same(copy, source), 'what came back').to.equal(true);
      await pool.quit();
    });
  });
}

function same(one: string, other: string): boolean {
  const [a, b] = [filesIn(one), filesIn(other)];
  return a.size === b.size && [...a].every(([path, bytes]) => b.get(path)?.equals(bytes));
}

function itRefuses(proxy: RealProxy, scheme: string, server: RealServer): void {
  for (const [what, url] of [['the wrong password', proxyURL(proxy, scheme, 'hunter2')], ['nobody', `${scheme}://${proxy.host}:${proxy.port}`]] as const) {
    it(`refuses ${what}, and no error or event shows it`, async () => {
      const ftp = new FTP({ ...optionsBy(proxy, scheme, server), proxy: url });
      const events: unknown[] = [];
      ftp.on('command', (line) => events.push(line)).on('reply', (reply) => events.push(reply)).on('close', (error) => events.push(error));
      const error: FTPError = await failure(ftp.noop());
      expect(error).to.include({ name: 'SecurityError', phase: 'connect' });
      expect(error.message).to.contain(`the proxy ${proxy.host}:${proxy.port} `).and.match(/ the user and the password| a user and a password/);
      expect(inspect([error, events, ftp], { depth: 9 })).not.to.contain('hunter2');
      ftp.close();
    });
  }
}

function describeDeath(proxy: RealProxy, scheme: string, server: RealServer): void {
  describe(`${proxy.name}, in the middle of transfers on ${server.name}`, () => {
    const place = places(proxy, server);
    const { folder, onDisk } = place;
    let ftp: FTP;
    beforeEach(async () => {
      await start(proxy);
      ftp = new FTP(optionsBy(proxy, scheme, server));
      await ftp.mkd(folder);
    });
    afterEach(async () => {
      ftp.close();
      await start(proxy);
    });

    async function restart(): Promise<void> {
      process.kill(pidOf(proxy) as number, 'SIGKILL');
      while (pidOf(proxy) !== undefined || (await isUp(proxy))) await new Promise(setImmediate);
      await start(proxy);
    }

    /** Kills the proxy at the first report, which comes after a second, and starts it again. */
    function killing(): { readonly options: PutOptions & GetOptions; restarted(): Promise<void> | undefined } {
      let restarted: Promise<void> | undefined;
      return {
        options: { retry: { attempts: 50, backoff: 100, maxDelay: 300 }, throttle: throttle(RATE), progress: () => void (restarted ??= restart()) },
        restarted: () => restarted,
      };
    }

    it('fails without retry, with an error of the connection', async () => {
      await ftp.put(LARGE, `${folder}/file`);
      const stream = ftp.retr(`${folder}/file`);
      let restarted: Promise<void> | undefined;
      const error = await failure((async () => {
        for await (const _chunk of stream) restarted ??= restart();
      })());
      await restarted;
      expect(error.name).to.match(/^(ConnectionClosed|Transfer)Error$/);
      expect(error.bytesTransferred).to.be.below(LARGE.length);
    });

    it('goes on when it is back: get', async () => {
      await ftp.put(LARGE, `${folder}/file`);
      const local = join(place.scratch, 'file');
      const { options, restarted } = killing();
      const { retries } = await ftp.get(`${folder}/file`, local, options);
      await restarted();
      expect(retries).to.be.at.least(1);
      expect((await readFile(local)).equals(LARGE)).to.equal(true);
    });

    it('goes on when it is back: put', async () => {
      const { options, restarted } = killing();
      const { retries } = await ftp.put(LARGE, `${folder}/file`, options);
      await restarted();
      expect(retries).to.be.at.least(1);
      expect((await readFile(join(onDisk, 'file'))).equals(LARGE)).to.equal(true);
      expect(readdirSync(onDisk)).to.deep.equal(['file']);
    });
  });
}
