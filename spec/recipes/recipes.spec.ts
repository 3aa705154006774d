import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createNetServer, type Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import type { Client as Basic } from 'basic-ftp';
import { FTP, FTPPool } from '../../lib';
import { content } from '../support/server/content';
import { FtpServer } from '../support/server/ftp-server';
import type { FtpServerOptions } from '../support/server/server-options';
import { gate } from '../support/server/gate';
import { dataReset, hangUp, openData, send, until } from '../support/server/steps';
import { note } from '../support/summary';
import { itWithPackages } from './packages';
import { unzipped } from './unzipped';

const ROOT = join(__dirname, '../..');
/** Ours and, in the folder basic-ftp, the same with that package. */
const RECIPES = ['examples/http-download', 'spec/recipes/multipart', 'examples/csv-gzip', 'spec/recipes/zip-folder', 'examples/queue-worker', 'examples/short-lived', 'examples/web-streams'];

const BIG = content(20_000_000);
const big = createHash('sha256').update(BIG.read(0, BIG.size)).digest('hex');
const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) & 0xff));
const FILES = { '/pub/a': BYTES, '/pub/big': BIG, '/pub/sub/b': 'the other', '/pub/sub/deep/c': '', '/secret': 'not below pub', '/incoming/': '' };

type Who = 'ftplib' | 'basic-ftp';

describe('recipes', () => {
  let server: FtpServer;
  const closing: (() => unknown)[] = [];
  beforeEach(() => start({}));
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
    await server.close();
  });

  async function start(options: FtpServerOptions): Promise<void> {
    server = await FtpServer.start({ users: { user: 'secret' }, files: FILES, ...options });
  }

  const account = (to = server) => ({ host: '127.0.0.1', port: to.port, user: 'user', password: 'secret' });

  /** A pool of ours, or what basic-ftp makes a client of. */
  function access(who: Who): FTPPool | object {
    if (who === 'basic-ftp') return account();
    const pool = new FTPPool(account());
    closing.push(() => pool.quit());
    return pool;
  }

  /** A client that is logged in. */
  async function client(who: Who): Promise<FTP | Basic> {
    const ftp = who === 'ftplib' ? new FTP(account()) : new (require('basic-ftp') as { Client: new () => Basic }).Client();
    closing.push(() => ftp.close());
    if (!(ftp instanceof FTP)) await ftp.access(account());
    return ftp;
  }

  /** Names below a folder of the server that a visitor would see. */
  const visible = (folder: string): string[] => server.files.names(folder).filter((name) => !name.endsWith('.part'));

  /** Its port. */
  async function listen(http: Server): Promise<string> {
    await once(http.listen(0, '127.0.0.1'), 'listening');
    closing.push(() => new Promise((closed) => (http.close(closed), http.closeAllConnections())));
    return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  }

  for (const recipe of RECIPES) {
    it(`${recipe} is not longer than with basic-ftp`, () => {
      const theirs = join('spec/recipes/basic-ftp', recipe.split('/').at(-1) ?? '');
      expect(linesOf(recipe)).to.be.at.most(linesOf(theirs));
    });
  }

  /** The same for both. */
  function both<Module>(recipe: string, title: string, act: (module: Module, who: Who) => Promise<void>): void {
    const ours = recipe.startsWith('spec') ? itWithPackages : it;
    ours(`${recipe}: ${title}`, () => act(require(join(ROOT, recipe)) as Module, 'ftplib'));
    itWithPackages(`${recipe}: ${title}, with basic-ftp`, () => act(require(join(__dirname, 'basic-ftp', recipe.split('/').at(-1) ?? '')) as Module, 'basic-ftp'));
  }

  describe('http-download', () => {
    type Module = { fileServer(ftp: unknown, folder: string): Server };
    const file = 'examples/http-download';

    both<Module>(file, 'gives a file, its parts, 304, 404 and 416, and nothing but what is below pub', async ({ fileServer }, who) => {
      const url = await listen(fileServer(access(who), 'pub'));
      const whole = await fetch(`${url}/a`);
      expect([whole.status, whole.headers.get('content-length')]).to.deep.equal([200, '300000']);
      expect(Buffer.from(await whole.arrayBuffer()).equals(BYTES)).to.equal(true);
      for (const [range, from, to] of [['bytes=100-199', 100, 199], ['bytes=299000-', 299_000, 299_999], ['bytes=0-999999', 0, 299_999]] as const) {
        const part = await fetch(`${url}/a`, { headers: { range } });
        expect([part.status, part.headers.get('content-range')]).to.deep.equal([206, `bytes ${from}-${to}/300000`]);
        expect(Buffer.from(await part.arrayBuffer()).equals(BYTES.subarray(from, to + 1))).to.equal(true);
      }
      expect((await fetch(`${url}/a`, { headers: { range: 'bytes=300000-' } })).status).to.equal(416);
      const known = await fetch(`${url}/a`, { headers: { 'if-none-match': whole.headers.get('etag') ?? '' } });
      expect([known.status, await known.text()]).to.deep.equal([304, '']);
      for (const path of ['missing', '%2f..%2fsecret', '..%2fsecret']) expect((await fetch(`${url}/${path}`)).status).to.equal(404);
      const empty = await fetch(`${url}/sub/deep/c`);
      expect([empty.status, await empty.text()]).to.deep.equal([200, '']);
    });

    both<Module>(file, 'ends the transfer where the browser leaves', async ({ fileServer }, who) => {
      const url = await listen(fileServer(access(who), 'pub'));
      const leave = new AbortController();
      const { body } = await fetch(`${url}/big`, { signal: leave.signal });
      await body?.getReader().read();
      leave.abort();
      await server.idle();
      const again = await fetch(`${url}/a`);
      expect(Buffer.from(await again.arrayBuffer()).equals(BYTES)).to.equal(true);
      if (who === 'ftplib') expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.length.at.most(2);
    });

    both<Module>(file, 'does not end a file properly whose transfer breaks', async ({ fileServer }, who) => {
      const url = await listen(fileServer(access(who), 'pub'));
      server.script = { RETR: [openData(), send('150 Here it comes.'), dataReset(), send('426 Broken.')] };
      expect(await fetch(`${url}/a`).then((response) => response.arrayBuffer()).then(() => 'whole', () => 'broken')).to.equal('broken');
    });
  });

  describe('multipart', () => {
    type Module = { formServer(ftp: unknown, folder: string): Server };
    const file = 'spec/recipes/multipart';

    function form(): FormData {
      const form = new FormData();
      form.set('comment', 'two files');
      form.set('one', new Blob([BYTES]), 'one.bin');
      form.set('two', new Blob(['the second']), 'two.txt');
      return form;
    }

    both<Module>(file, 'stores each file of a form', async ({ formServer }, who) => {
      const response = await fetch(await listen(formServer(access(who), 'incoming')), { method: 'POST', body: form() });
      expect(response.status).to.equal(201);
      const [one, two] = (await response.text()).split('\n');
      expect(server.read(`/${one}`).equals(BYTES)).to.equal(true);
      expect(String(server.read(`/${two}`))).to.equal('the second');
      expect(server.files.names('/incoming')).to.have.length(2);
    });

    both<Module>(file, 'says so where a file is refused, and leaves none of it', async ({ formServer }, who) => {
      server.script = { STOR: '553 No.' };
      const response = await fetch(await listen(formServer(access(who), 'incoming')), { method: 'POST', body: form() });
      expect(response.status).to.equal(502);
      await response.text();
      expect(visible('/incoming')).to.deep.equal([]);
    });

    both<Module>(file, 'says so where a file is refused, to a browser that sends all before it reads', async ({ formServer }, who) => {
      server.script = { STOR: '553 No.' };
      const large = new FormData();
      large.set('one', new Blob([Buffer.alloc(20_000_000)]), 'one.bin');
      const response = await fetch(await listen(formServer(access(who), 'incoming')), { method: 'POST', body: large });
      expect(response.status).to.equal(502);
      await response.text();
    });

    both<Module>(file, 'gives no file its name where the browser leaves in the middle', async ({ formServer }, who) => {
      const url = new URL(await listen(formServer(access(who), 'incoming')));
      const upload = request(url, { method: 'POST', agent: false, headers: { 'content-type': 'multipart/form-data; boundary=x' } }).on('error', () => undefined);
      upload.write('--x\r\ncontent-disposition: form-data; name="one"; filename="one.bin"\r\n\r\n');
      upload.write(BYTES);
      await server.waitFor((line) => line.startsWith('STOR'));
      upload.destroy();
      await server.idle();
      expect(visible('/incoming')).to.deep.equal([]);
    });
  });

  describe('csv-gzip', () => {
    type Module = { archiveOrders(from: unknown, table: string, to: unknown, archive: string): Promise<void> };
    const TABLE = Array.from({ length: 20_000 }, (_, i) => `${i},${i % 3 === 0 ? 'open' : 'paid'}`);
    let target: FtpServer;
    beforeEach(async () => {
      await server.close();
      await start({ files: { '/orders.csv': `${TABLE.join('\r\n')}\r\n` } });
      target = await FtpServer.start({ users: { user: 'secret' }, files: { '/archive/': '' } });
      closing.push(() => target.close());
    });
    const place = (who: Who, at: FtpServer): unknown => (who === 'ftplib' ? at.url : account(at));

    both<Module>('examples/csv-gzip', 'takes rows from one server to another', async ({ archiveOrders }, who) => {
      await archiveOrders(place(who, server), 'orders.csv', place(who, target), 'archive/orders.csv.gz');
      expect(target.files.names('/archive')).to.deep.equal(['orders.csv.gz']);
      const rows = String(gunzipSync(target.read('/archive/orders.csv.gz')));
      expect(rows === `${TABLE.filter((row) => row.endsWith('paid')).join('\n')}\n`).to.equal(true);
      await Promise.all([server.deserted(), target.deserted()]);
    });

    both<Module>('examples/csv-gzip', 'gives no table its name where the source breaks', async ({ archiveOrders }, who) => {
      server.script = { RETR: [openData(), send('150 Here it comes.'), dataReset(), send('426 Broken.')] };
      expect(await archiveOrders(place(who, server), 'orders.csv', place(who, target), 'archive/orders.csv.gz').then(() => 'whole', () => 'broken')).to.equal('broken');
      expect(target.files.names('/archive')).not.to.include('orders.csv.gz');
      await Promise.all([server.deserted(), target.deserted()]);
    });
  });

  describe('zip-folder', () => {
    type Module = { zipFolder(ftp: unknown, folder: string, target: PassThrough): Promise<void> };
    const file = 'spec/recipes/zip-folder';

    both<Module>(file, 'has all files of a folder', async ({ zipFolder }, who) => {
      const target = new PassThrough();
      const [archive] = await Promise.all([buffer(target), zipFolder(await client(who), 'pub', target)]);
      const files = unzipped(archive);
      expect([...files.keys()]).to.have.members(['a', 'big', 'sub/b', 'sub/deep/c']);
      expect(files.get('a')?.equals(BYTES)).to.equal(true);
      expect(createHash('sha256').update(files.get('big') ?? '').digest('hex')).to.equal(big);
      expect(String(files.get('sub/b'))).to.equal('the other');
    });

    both<Module>(file, 'fails where the folder is not there, or a file breaks', async ({ zipFolder }, who) => {
      const ftp = await client(who);
      const failure = (folder: string): Promise<string> => zipFolder(ftp, folder, new PassThrough().resume()).then(() => 'whole', () => 'broken');
      expect(await failure('missing')).to.equal('broken');
      server.script = { RETR: [openData(), send('150 Here it comes.'), dataReset(), send('426 Broken.')] };
      expect(await failure('pub')).to.equal('broken');
    });

    itWithPackages(`${file}: ends the download where its reader leaves, and not the session`, async () => {
      const { zipFolder } = require(join(ROOT, file)) as Module;
      const ftp = (await client('ftplib')) as FTP;
      const target = new PassThrough();
      target.once('readable', () => target.destroy());
      expect(await zipFolder(ftp, 'pub', target).then(() => 'whole', () => 'left')).to.equal('left');
      expect((await buffer(ftp.retr('pub/a'))).equals(BYTES)).to.equal(true);
      expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.length(1);
    });
  });

  describe('queue-worker', () => {
    interface Job {
      readonly data: { readonly file: string; readonly path: string };
      updateProgress(percent: number): Promise<void>;
    }
    type Module = { uploader(ftp: unknown): (job: Job, token?: string, signal?: AbortSignal) => Promise<{ bytes: number; resumedFrom: number }> };
    const recipe = 'examples/queue-worker';
    let job: Job;
    let percents: number[];
    beforeEach(async () => {
      const folder = await mkdtemp(join(tmpdir(), 'ftplib-recipes-'));
      closing.push(() => rm(folder, { recursive: true }));
      const file = join(folder, 'report');
      await writeFile(file, BYTES);
      await utimes(file, new Date('2019-01-01'), new Date('2019-01-01')); // older than what the server has of it
      percents = [];
      job = { data: { file, path: 'incoming/report' }, updateProgress: async (percent) => void percents.push(percent) };
    });

    both<Module>(recipe, 'goes on where an earlier run ended, and may be run again', async ({ uploader }, who) => {
      server.write(who === 'ftplib' ? '/incoming/.report.part' : '/incoming/report.part', BYTES.subarray(0, 100_000));
      const run = uploader(access(who));
      expect(await run(job)).to.deep.equal({ bytes: BYTES.length, resumedFrom: 100_000 });
      expect(server.read('/incoming/report').equals(BYTES)).to.equal(true);
      expect(percents.at(-1)).to.equal(100);
      expect(await run(job)).to.include({ bytes: BYTES.length });
      expect(server.read('/incoming/report').equals(BYTES)).to.equal(true);
      expect(server.files.names('/incoming')).to.deep.equal(['report']);
    });

    both<Module>(recipe, 'ends by its signal, and ends the work in the next run', async ({ uploader }, who) => {
      const run = uploader(access(who));
      const stop = new AbortController();
      const aborted = gate();
      server.script = { STOR: [openData(), send('150 Go on.'), until(aborted), dataReset(), send('426 Broken.')] };
      const stopped = run(job, 'token', stop.signal).then(() => 'done', () => 'stopped');
      await server.waitFor((line) => line.startsWith('STOR'));
      stop.abort();
      aborted.open();
      expect(await stopped).to.equal('stopped');
      expect(visible('/incoming')).to.deep.equal([]);
      server.script = {};
      expect(await run(job, 'token')).to.include({ bytes: BYTES.length });
      expect(server.read('/incoming/report').equals(BYTES)).to.equal(true);
    });
  });

  describe('short-lived', () => {
    type Module = { handler(event: { url: string; account: object; path: string }): Promise<Buffer> };
    const recipe = 'examples/short-lived';
    const trips: Partial<Record<Who, number>> = {};

    both<Module>(recipe, 'reads a file, and leaves nothing open', async ({ handler }, who) => {
      const relay = await Relay.open(server.port);
      const { port } = relay;
      const bytes = await handler({ url: `ftp://user:secret@127.0.0.1:${port}`, account: { ...account(), port }, path: 'pub/a' });
      expect(bytes.equals(BYTES)).to.equal(true);
      await server.deserted();
      await relay.close();
      trips[who] = relay.roundTrips;
    });

    itWithPackages(`${recipe}: takes fewer round trips than with basic-ftp`, async () => {
      note('measured', `round trips for one file: ${trips.ftplib}, with basic-ftp ${trips['basic-ftp']}`);
      expect(trips.ftplib).to.be.lessThan(trips['basic-ftp'] ?? 0);
    });

    both<Module>(recipe, 'leaves nothing open where it fails', async ({ handler }) => {
      const event = { url: server.url, account: account(), path: 'missing' };
      expect(await handler(event).then(() => 'read', () => 'failed')).to.equal('failed');
      server.script = { RETR: [hangUp()] };
      expect(await handler({ ...event, path: 'pub/a' }).then(() => 'read', () => 'failed')).to.equal('failed');
      await server.deserted();
    });
  });

  describe('web-streams', () => {
    interface Module {
      storeFetched(ftp: unknown, url: string, path: string): Promise<void>;
      sendFile(ftp: unknown, path: string, url: string): Promise<number>;
      fileResponse(ftp: unknown, path: string): Response;
    }
    const recipe = 'examples/web-streams';
    let received: Buffer[];
    let url: string;
    beforeEach(async () => {
      received = [];
      url = await listen(
        createServer(async (incoming, response) => {
          if (incoming.method === 'POST') received.push(await buffer(incoming));
          if (incoming.url === '/broken') response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, 1000), () => response.destroy());
          else response.writeHead(incoming.url === '/missing' ? 404 : 200).end(BYTES);
        }),
      );
    });

    both<Module>(recipe, 'takes bytes from fetch, and gives them to it', async ({ storeFetched, sendFile, fileResponse }, who) => {
      const ftp = await client(who);
      await storeFetched(ftp, url, 'incoming/fetched');
      expect(server.read('/incoming/fetched').equals(BYTES)).to.equal(true);
      expect(await sendFile(ftp, 'pub/a', url)).to.equal(200);
      expect(received[0]?.equals(BYTES)).to.equal(true);
      expect(Buffer.from(await fileResponse(ftp, 'pub/a').arrayBuffer()).equals(BYTES)).to.equal(true);
    });

    both<Module>(recipe, 'stores nothing of a response that breaks, or says 404', async ({ storeFetched }, who) => {
      const ftp = await client(who);
      for (const path of ['broken', 'missing']) expect(await storeFetched(ftp, `${url}/${path}`, 'incoming/fetched').then(() => 'stored', () => 'failed')).to.equal('failed');
      expect(visible('/incoming')).to.deep.equal([]);
    });

    it(`${recipe}: a reader that cancels ends the transfer, and not the session`, async () => {
      const { fileResponse } = require(join(ROOT, recipe)) as Module;
      const ftp = (await client('ftplib')) as FTP;
      const reader = fileResponse(ftp, 'pub/big').body?.getReader();
      await reader?.read();
      await reader?.cancel();
      expect((await buffer(ftp.retr('pub/a'))).equals(BYTES)).to.equal(true);
      expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.length(1);
    });
  });
});

/** Passes a control connection on, and counts how often the client waited for the server. */
class Relay {
  roundTrips = 0;
  #last: 'client' | 'server' = 'server';
  readonly #listener: NetServer;

  private constructor(port: number) {
    this.#listener = createNetServer((client) => {
      const server = connect(port, '127.0.0.1');
      client.on('data', () => this.#saw('client')).pipe(server);
      server.on('data', () => this.#saw('server')).pipe(client);
      client.on('close', () => server.destroy()).on('error', () => undefined);
      server.on('close', () => client.destroy()).on('error', () => undefined);
    });
  }

  static async open(port: number): Promise<Relay> {
    const relay = new Relay(port);
    await once(relay.#listener.listen(0, '127.0.0.1'), 'listening');
    return relay;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  close(): Promise<unknown> {
    return new Promise((closed) => this.#listener.close(closed));
  }

  #saw(from: 'client' | 'server'): void {
    if (from === 'client' && this.#last === 'server') this.roundTrips += 1;
    this.#last = from;
  }
}

/** Lines of code: without empty ones and comments. */
function linesOf(file: string): number {
  const text = readFileSync(join(ROOT, `${file}.ts`), 'utf8').replaceAll(/\/\*\*[^]*?\*\//g, '');
  return text.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('//')).length;
}
