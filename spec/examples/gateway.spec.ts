import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { gateway, type GatewayOptions } from '../../examples/gateway/server';
import { type FTPOptions, FTPPool, parseFTPURL, throttle } from '../../lib';
import { optionsOf, realServers } from '../servers/servers';
import { GatewayProcess } from '../support/gateway-process';
import { note } from '../support/summary';
import { content } from '../support/server/content';
import { FtpServer } from '../support/server/ftp-server';
import { gate } from '../support/server/gate';
import type { FtpServerOptions } from '../support/server/server-options';
import type { Step } from '../support/server/script';
import { data, dataEnd, normal, openData, receiveData, send, until } from '../support/server/steps';

const MIB = 2 ** 20;
const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) & 0xff));

/** Bytes of each of the ten uploads, and how many of all of them the slow server takes in a second. By hand: `FTPLIB_GATEWAY_UPLOAD=200`. */
const UPLOAD = Number(process.env['FTPLIB_GATEWAY_UPLOAD'] ?? 20) * MIB;
const SLOWLY = Math.max(40 * MIB, UPLOAD / 4);

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

describe('gateway', () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function serve(options: FtpServerOptions = {}): Promise<FtpServer> {
    const server = await FtpServer.start({ files: { '/pub/a': BYTES, '/pub/empty': '', '/pub/dir/b': 'b', '/up/': '' }, ...options });
    closing.push(() => server.close());
    return server;
  }

  async function listen(ftp: FTPOptions | string, options: GatewayOptions = {}): Promise<number> {
    const http = gateway(ftp, options);
    closing.push(() => close(http));
    await once(http.listen(0, '127.0.0.1'), 'listening');
    return (http.address() as AddressInfo).port;
  }

  describe('the page', () => {
    it('runs nothing but its own script, and no page of another shows it', async () => {
      const port = await listen((await serve()).url);
      const { status, headers, body } = await ask(port, 'GET', '/');
      expect(status).to.equal(200);
      expect(headers).to.include({ 'content-type': 'text/html; charset=utf-8', 'x-content-type-options': 'nosniff' });
      const policy = String(headers['content-security-policy']);
      for (const tag of ['script', 'style']) {
        const [, text = ''] = new RegExp(`<${tag}>(.*)</${tag}>`, 's').exec(String(body)) ?? [];
        expect(policy).to.include(`${tag}-src 'sha256-${createHash('sha256').update(text).digest('base64')}'`);
      }
      expect(policy).to.include("default-src 'none'").and.include("frame-ancestors 'none'").and.not.include('unsafe');
      expect(String(body)).not.to.match(/innerHTML|outerHTML|insertAdjacent|document\.write|https?:\/\/(?!www\.w3\.org)/);
    });

    it('is there for the names that it was given, and for no other', async () => {
      const server = await serve();
      const port = await listen(server.url);
      for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, '[::1]:80', 'LOCALHOST']) expect((await ask(port, 'GET', '/', { host })).status).to.equal(200);
      for (const host of ['evil.example', `localhost.evil.example:${port}`]) {
        expect((await ask(port, 'GET', '/', { host })).status).to.equal(421);
        expect((await ask(port, 'GET', '/files/pub/', { host })).status).to.equal(421);
      }
      expect(server.commands).to.deep.equal([]);
      const other = await listen(server.url, { hosts: ['Files.example'] });
      expect((await ask(other, 'GET', '/', { host: 'files.Example:443' })).status).to.equal(200);
    });

    it('waits for the headers of a request no longer than a minute', async () => {
      const http = gateway((await serve()).url);
      closing.push(() => close(http));
      await once(http.listen(0, '127.0.0.1'), 'listening');
      expect(http.headersTimeout).to.equal(60_000);
    });

    it('is the only one that may ask', async () => {
      const server = await serve();
      const port = await listen(server.url);
      const host = `localhost:${port}`;
      const others: OutgoingHttpHeaders[] = [
        { origin: 'http://evil.example' }, { origin: 'null' }, { origin: `http://localhost:${port + 1}` }, { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site', origin: `http://${host}` },
      ];
      for (const headers of others) {
        for (const [method, path] of [['PUT', '/files/pub/a'], ['DELETE', '/files/pub/a'], ['DELETE', '/files/pub/'], ['MKCOL', '/files/x/'], ['MOVE', '/files/pub/a'], ['GET', '/files/pub/a'], ['POST', '/files/pub/a']]) {
          expect((await ask(port, method, path, { host, ...headers }, method === 'PUT' ? 'x' : undefined)).status).to.equal(403);
        }
      }
      expect((await ask(port, 'OPTIONS', '/files/pub/a', { host, origin: 'http://evil.example', 'access-control-request-method': 'PUT' })).headers).not.to.have.property('access-control-allow-origin');
      expect(server.commands).to.deep.equal([]);
      const own = { host, 'origin': `http://${host}`, 'sec-fetch-site': 'same-origin' };
      expect((await ask(port, 'PUT', '/files/up/own', own, 'x')).status).to.equal(201);
    });
  });

  describe('paths', () => {
    it('never leave the root', async () => {
      const server = await serve({ files: { '/secret': 'x', '/pub/a': 'a' } });
      const port = await listen(server.url, { root: '/pub/' });
      const out = [
        '/files/../secret', '/files/..', '/files/%2e%2e/secret', '/files/%2E%2e/secret', '/files/x/../../secret', '/files/..%2fsecret', '/files/..%5csecret', '/files/..\\secret',
        '/files/.', '/files/./a', '/files//a', '/files/a//', '/files/%00', '/files/a%00.txt', '/files/a%0d%0aDELE%20secret', '/files/%', '/files/%ff', '/files/...', 
        '/files/.%20./secret', '/files/%20..%20/secret', '/files/%2fsecret',
      ];
      for (const path of out) {
        for (const method of ['GET', 'PUT', 'DELETE', 'MOVE', 'HEAD']) {
          expect([method, path, (await ask(port, method, path, { destination: '/files/b' }, method === 'PUT' ? 'x' : undefined)).status]).to.deep.equal([method, path, 400]);
        }
        expect([path, (await ask(port, 'MOVE', '/files/a', { destination: path })).status]).to.deep.equal([path, 400]);
      }
      expect((await ask(port, 'MOVE', '/files/a')).status).to.equal(400);
      expect((await ask(port, 'MOVE', '/files/a', { destination: '/secret' })).status).to.equal(400);
      expect((await ask(port, 'MOVE', '/files/a', { destination: Buffer.from('/files/ü').toString('latin1') })).status).to.equal(400); // as curl sends what nobody has coded
      expect((await ask(port, 'GET', '/secret')).status).to.equal(404);
      for (const method of ['DELETE', 'MOVE', 'MKCOL', 'PUT']) expect((await ask(port, method, '/files/', { destination: '/files/b' }, method === 'PUT' ? 'x' : undefined)).status).to.equal(400);
      expect(server.commands).to.deep.equal([]);
      expect(String((await ask(port, 'GET', '/files/a')).body)).to.equal('a');
    });

    it('have names in any script', async () => {
      const server = await serve();
      const port = await listen(server.url);
      for (const name of ['ü "q" 日本.txt', "it's (1)*.txt", '<img src=x onerror=alert(1)>', '%41', 'a;b=c', '\u202egpj.exe', '-la', ' blank', '~root', '*', 'naïve 😀']) {
        const path = `/files/up/${encodeURIComponent(name)}`;
        expect((await ask(port, 'PUT', path, {}, name)).status).to.equal(201);
        expect(String(server.read(`/up/${name}`))).to.equal(name);
        const { status, headers, body } = await ask(port, 'GET', path);
        expect([status, String(body)]).to.deep.equal([200, name]);
        const [, plain = '', coded = ''] = /^attachment; filename="([ -~]*)"; filename\*=UTF-8''([\w.~!#$&+^`|%-]+)$/.exec(String(headers['content-disposition'])) ?? [];
        expect(decodeURIComponent(coded)).to.equal(name);
        expect(plain).not.to.match(/["\\%]/);
      }
      const names = linesOf(await ask(port, 'GET', '/files/up/')).flatMap(({ name }) => name ?? []);
      expect(names).to.include.members(['%41', '\u202egpj.exe', '~root']);
    });
  });

  describe('a listing', () => {
    it('has an entry in each line, and says that it is complete', async () => {
      const port = await listen((await serve()).url);
      const answer = await ask(port, 'GET', '/files/pub/');
      expect(answer.headers['content-type']).to.match(/^application\/x-ndjson/);
      const lines = linesOf(answer);
      expect(lines.at(-1)).to.deep.equal({ complete: true });
      expect(lines.slice(0, -1)).to.have.deep.members([
        { name: 'a', type: 'file', size: BYTES.length, modified: '2020-02-29T12:34:56.000Z' }, { name: 'empty', type: 'file', size: 0, modified: '2020-02-29T12:34:56.000Z' },
        { name: 'dir', type: 'directory', modified: '2020-02-29T12:34:56.000Z' },
      ]);
    });

    it('comes while the server sends it', async () => {
      const rest = gate();
      const server = await serve({ script: { MLSD: [openData(), send('150 Here it comes.'), data('type=file;size=1; first\r\n'), until(rest), data('type=file;size=2; second\r\n'), dataEnd(), send('226 Done.')] } });
      const response = await begin(await listen(server.url), 'GET', '/files/pub/').answer;
      const [first] = (await once(response, 'data')) as [Buffer];
      expect(String(first)).to.equal('{"name":"first","type":"file","size":1}\n');
      rest.open();
      expect(String(await buffer(response))).to.equal('{"name":"second","type":"file","size":2}\n{"complete":true}\n');
    });

    it('says why it is not complete', async () => {
      const server = await serve({ script: { MLSD: [openData(), send('150 Here it comes.'), data('type=file;size=1; first\r\n'), dataEnd(), send('426 The disk is gone.')] } });
      const port = await listen(server.url);
      const { status, body } = await ask(port, 'GET', '/files/pub/');
      expect([status, String(body)]).to.deep.equal([200, '{"name":"first","type":"file","size":1}\n{"error":"The FTP server says: The disk is gone."}\n']);
      server.script = {};
      const missing = await ask(port, 'GET', '/files/missing/');
      expect(missing.status).to.equal(404);
      const heads = await Promise.all(['/files/', '/files/pub/', '/files/missing/'].map((path) => ask(port, 'HEAD', path)));
      expect(heads.map(({ status, body }) => [status, body.length])).to.deep.equal([[200, 0], [200, 0], [404, 0]]);
      expect(String(missing.body)).to.match(/^{"error":"The FTP server says: .*"}\n$/);
    });

    it('says how much of it could not be read', async () => {
      const server = await serve({ script: { MLSD: [openData(), send('150 Here it comes.'), data('type=file;size=1; first\r\nwhat is this\r\n'), dataEnd(), send('226 Done.')] } });
      expect(linesOf(await ask(await listen(server.url), 'GET', '/files/pub/'))).to.deep.equal([{ name: 'first', type: 'file', size: 1 }, { complete: true, unread: 1 }]);
    });

    it('that nobody reads any more ends', async () => {
      const files = { '/many/': { entries: () => Array.from({ length: 200_000 }, (_, i) => ({ name: `a file with a name ${i}` })) }, '/a': 'a' };
      const server = await serve({ files });
      const port = await listen(server.url);
      const response = await begin(port, 'GET', '/files/many/').answer;
      await once(response, 'data');
      response.destroy();
      await server.idle();
      expect(linesOf(await ask(port, 'GET', '/files/'))).to.have.length(3);
    });
  });

  describe('a download', () => {
    it('is whole, or a range', async () => {
      const port = await listen((await serve()).url);
      const whole = await ask(port, 'GET', '/files/pub/a');
      expect(whole.headers).to.include({ 'content-length': String(BYTES.length), 'accept-ranges': 'bytes', 'content-type': 'application/octet-stream', 'x-content-type-options': 'nosniff' });
      expect(whole.headers['content-security-policy']).to.include('sandbox');
      expect([whole.status, whole.body.equals(BYTES)]).to.deep.equal([200, true]);
      const etag = String(whole.headers.etag);
      const last = BYTES.length - 1;
      const ranges: [range: string, start: number, end: number, known?: string][] = [
        ['bytes=0-', 0, last], ['bytes=100-199', 100, 199], ['bytes=0-0', 0, 0], [`bytes=${last}-`, last, last], ['bytes=-500', last - 499, last], ['bytes=-9999999', 0, last],
        ['bytes=1000-9999999', 1000, last], ['bytes=10-', 10, last, etag],
      ];
      for (const [range, start, end, known] of ranges) {
        const { status, headers, body } = await ask(port, 'GET', '/files/pub/a', { range, ...(known && { 'if-range': known }) });
        expect([range, status, headers['content-range'], headers['content-length']]).to.deep.equal([range, 206, `bytes ${start}-${end}/${BYTES.length}`, String(end - start + 1)]);
        expect(body.equals(BYTES.subarray(start, end + 1))).to.equal(true);
      }
      for (const range of [`bytes=${BYTES.length}-`, 'bytes=20-10', 'bytes=-0']) {
        const { status, headers } = await ask(port, 'GET', '/files/pub/a', { range });
        expect([range, status, headers['content-range']]).to.deep.equal([range, 416, `bytes */${BYTES.length}`]);
      }
      for (const headers of [{ range: 'bytes=0-1,5-6' }, { range: 'lines=1-2' }, { range: 'bytes=-' }, { range: 'bytes=10-', 'if-range': '"another"' }]) {
        expect(await ask(port, 'GET', '/files/pub/a', headers)).to.include({ status: 200 });
      }
      expect((await ask(port, 'GET', '/files/pub/a', { range: 'Bytes=1-2' })).status).to.equal(206);
      const head = await ask(port, 'HEAD', '/files/pub/a', { range: 'bytes=1-2' }); // RFC 9110, 14.2: Range is for GET
      expect([head.status, head.headers['content-length'], head.body.length]).to.deep.equal([200, String(BYTES.length), 0]);
      const empty = await ask(port, 'GET', '/files/pub/empty');
      expect([empty.status, empty.headers['content-length'], empty.body.length]).to.deep.equal([200, '0', 0]);
    });

    it('that is refused says so, and has nothing of a file', async () => {
      const server = await serve();
      const port = await listen(server.url);
      server.script = { RETR: ['550 Not for you.'] };
      const { status, headers, body } = await ask(port, 'GET', '/files/pub/a');
      expect([status, String(body), headers['content-disposition']]).to.deep.equal([404, 'The FTP server says: Not for you.', undefined]);
      expect((await ask(port, 'GET', '/files/missing')).status).to.equal(404);
      const folder = await ask(port, 'GET', '/files/pub/dir');
      expect([folder.status, folder.headers.location]).to.deep.equal([303, '/#/pub/dir/']);
    });

    it('that is not complete is not taken for complete', async () => {
      const server = await serve();
      const port = await listen(server.url);
      server.script = { RETR: [openData(), send('150 Here it comes.'), data(BYTES.subarray(0, 1000)), dataEnd(), send('550 The disk is gone.')] };
      const response = await begin(port, 'GET', '/files/pub/a').answer;
      expect(await buffer(response).catch((error: NodeJS.ErrnoException) => error.code)).to.equal('ECONNRESET');
    });

    it('of a file that has grown since its size was asked for is as long as it said', async () => {
      const server = await serve();
      const port = await listen(server.url);
      const grow: Step = () => void server.write('/pub/a', Buffer.concat([BYTES, BYTES]));
      server.script = { RETR: [grow, normal()] };
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      closing.push(async () => agent.destroy());
      const first = await ask(port, 'GET', '/files/pub/a', {}, undefined, agent);
      expect([first.headers['content-length'], first.body.equals(BYTES)]).to.deep.equal([String(BYTES.length), true]);
      server.script = {};
      const next = await ask(port, 'GET', '/files/pub/a', {}, undefined, agent); // on the same connection, and no byte of the first is in it
      expect([next.status, next.body.equals(Buffer.concat([BYTES, BYTES]))]).to.deep.equal([200, true]);
    });

    it('of a file that has become shorter since then breaks', async () => {
      for (const range of [{}, { range: 'bytes=100-' }, { range: 'bytes=200000-' }]) {
        const server = await serve();
        const port = await listen(server.url);
        server.write('/pub/a', Buffer.concat([BYTES, BYTES]));
        const shrink: Step = () => void server.write('/pub/a', BYTES);
        server.script = { RETR: [[shrink, normal()], [normal()], [normal()], [normal()]] };
        expect(await ask(port, 'GET', '/files/pub/a', range).catch((error: NodeJS.ErrnoException) => error.code)).to.equal('ECONNRESET');
        server.script = {};
        expect((await ask(port, 'GET', '/files/pub/a')).body.equals(BYTES)).to.equal(true);
      }
    });

    it('can be continued where the time shows that the file is the same', async () => {
      const server = await serve();
      const port = await listen(server.url);
      expect((await ask(port, 'HEAD', '/files/pub/a')).headers).to.have.property('etag');
      expect((await ask(port, 'PUT', '/files/up/now', {}, BYTES)).status).to.equal(201);
      expect((await ask(port, 'HEAD', '/files/up/now')).headers).to.not.have.property('etag');
      expect((await ask(port, 'GET', '/files/up/now', { 'range': 'bytes=10-', 'if-range': '"300000-1"' })).status).to.equal(200);
    });

    it('that nobody reads any more ends, and the session goes on', async () => {
      const server = await serve({ files: { '/big': content(200 * MIB), '/a': 'a' } });
      const sessions: unknown[] = [];
      server.on('session', (session) => sessions.push(session));
      const port = await listen(server.url);
      const response = await begin(port, 'GET', '/files/big').answer;
      await once(response, 'data');
      response.destroy();
      await server.waitFor('ABOR');
      expect(String((await ask(port, 'GET', '/files/a')).body)).to.equal('a');
      expect(sessions).to.have.length(2); // one for folders, one for transfers
    });
  });

  describe('an upload', () => {
    it('has its name when it is complete', async () => {
      const server = await serve();
      const port = await listen(server.url);
      const { sent, answer } = begin(port, 'PUT', '/files/up/a', { 'content-length': BYTES.length });
      sent.write(BYTES.subarray(0, 200_000));
      await server.waitFor('STOR');
      expect(names(server)).to.not.include('a');
      expect(linesOf(await ask(port, 'GET', '/files/up/'))).to.deep.equal([{ complete: true }]);
      sent.end(BYTES.subarray(200_000));
      expect((await answer).statusCode).to.equal(201);
      expect(server.read('/up/a').equals(BYTES)).to.equal(true);
      expect((await ask(port, 'PUT', '/files/up/nothing', { 'content-length': 0 })).status).to.equal(201);
      expect(server.read('/up/nothing')).to.have.length(0);
    });

    it('that is cut off leaves nothing, and the session goes on', async () => {
      const server = await serve();
      const sessions: unknown[] = [];
      server.on('session', (session) => sessions.push(session));
      const port = await listen(server.url);
      const { sent, answer } = begin(port, 'PUT', '/files/up/a', { 'content-length': BYTES.length });
      answer.catch(() => undefined);
      sent.write(BYTES.subarray(0, 200_000));
      await server.waitFor('STOR');
      sent.destroy();
      await server.waitFor('DELE');
      expect((await ask(port, 'PUT', '/files/up/b', {}, BYTES)).status).to.equal(201);
      expect(names(server)).to.deep.equal(['b']);
      expect(sessions).to.have.length(1);
    });

    it('that is cut off after its last byte, and before the server has it, leaves nothing', async () => {
      const server = await serve();
      const port = await listen(server.url);
      server.script = { STOR: [openData(), send('150 Go on.'), receiveData(), until(server.waitFor('ABOR')), send('226 Done.')] };
      const { sent, answer } = begin(port, 'PUT', '/files/up/a', { 'content-length': 4 });
      answer.catch(() => undefined);
      sent.end('lost');
      await server.waitFor('STOR');
      sent.destroy();
      await server.waitFor('DELE');
      server.script = {};
      expect((await ask(port, 'PUT', '/files/up/a', { 'if-none-match': '*' }, BYTES)).status).to.equal(201);
      expect(server.commands.filter((line) => line.startsWith('RNTO'))).to.have.length(1);
      expect([names(server), server.read('/up/a').equals(BYTES)]).to.deep.equal([['a'], true]);
    });

    it('of unknown length is whole, or nothing', async () => {
      const server = await serve();
      const port = await listen(server.url);
      const { sent, answer } = begin(port, 'PUT', '/files/up/a', { 'transfer-encoding': 'chunked' });
      sent.write(BYTES.subarray(0, 1000));
      sent.end(BYTES.subarray(1000));
      expect((await answer).statusCode).to.equal(201);
      expect(server.read('/up/a').equals(BYTES)).to.equal(true);
      const broken = connect(port, '127.0.0.1');
      broken.write(`PUT /files/up/b HTTP/1.1\r\nHost: localhost:${port}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmore\r\n`);
      await server.waitFor((line) => line.startsWith('STOR /up/.b.'));
      broken.end('no length\r\n');
      await buffer(broken);
      await server.waitFor('DELE');
      expect((await ask(port, 'PUT', '/files/up/c', { 'content-range': 'bytes 0-0/2' }, 'c')).status).to.equal(400);
      expect((await ask(port, 'PUT', '/files/up/d', {}, 'd')).status).to.equal(201);
      expect(names(server).sort()).to.deep.equal(['a', 'd']);
    });

    it('is begun by a client that waits for leave only where it has it', async () => {
      const server = await serve();
      const port = await listen(server.url);
      for (const [path, status, leave] of [['/files/up/a', 201, 1], ['/files/pub/a', 412, 0], ['/files/up/%2e%2e', 400, 0]] as const) {
        let continued = 0;
        const { sent, answer } = begin(port, 'PUT', path, { 'expect': '100-continue', 'if-none-match': '*', 'content-length': 4 });
        sent.on('continue', () => { continued++; sent.end('late'); }).flushHeaders();
        const response = await answer;
        response.resume();
        expect([path, response.statusCode, continued]).to.deep.equal([path, status, leave]);
        sent.destroy();
      }
      expect([String(server.read('/up/a')), server.read('/pub/a').equals(BYTES)]).to.deep.equal(['late', true]);
    });

    it('replaces nothing where it shall not, and what comes at the same time neither', async () => {
      const server = await serve();
      const port = await listen(server.url);
      const own = { 'if-none-match': '*' };
      const taken = await ask(port, 'PUT', '/files/pub/a', own, 'new');
      expect([taken.status, String(taken.body), server.read('/pub/a').equals(BYTES)]).to.deep.equal([412, 'There is something of this name already.', true]);
      const { sent, answer } = begin(port, 'PUT', '/files/up/a', { ...own, 'content-length': BYTES.length });
      sent.write(BYTES.subarray(0, 1000));
      await server.waitFor('STOR');
      const second = ask(port, 'PUT', '/files/up/a', own, 'second');
      sent.end(BYTES.subarray(1000));
      expect([(await answer).statusCode, (await second).status]).to.deep.equal([201, 412]);
      expect(server.read('/up/a').equals(BYTES)).to.equal(true);
      expect((await ask(port, 'PUT', '/files/up/a', {}, 'third')).status).to.equal(201);
      expect([names(server), String(server.read('/up/a'))]).to.deep.equal([['a'], 'third']);
    });

    it('that is refused is read on for a while, so that a browser sees why', async () => {
      const server = await serve();
      const port = await listen(server.url);
      server.script = { STOR: ['553 No room for you.'] };
      const socket = connect(port, '127.0.0.1');
      closing.push(async () => socket.destroy());
      const head = (method: string): string => `${method} /files/up/a HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Length: `;
      socket.write(`${head('PUT')}${20 * MIB}\r\n\r\n`);
      const [first] = (await once(socket, 'data')) as [Buffer];
      expect(String(first)).to.match(/^HTTP\/1.1 409 [^]*The FTP server says: No room for you\./);
      await pipeline(Readable.from(blocks(Buffer.alloc(MIB), 20 * MIB)), socket, { end: false });
      socket.write(`${head('HEAD')}0\r\n\r\n`);
      const [second] = (await once(socket, 'data')) as [Buffer];
      expect(String(second)).to.match(/^HTTP\/1.1 404 /);
    });

    it('that the server refuses says why', async () => { // how a browser takes it for a large file: spec/browser
      const server = await serve();
      const port = await listen(server.url);
      server.script = { STOR: ['553 No room for you.'] };
      const small = await ask(port, 'PUT', '/files/up/a', {}, 'small');
      expect([small.status, String(small.body)]).to.deep.equal([409, 'The FTP server says: No room for you.']);
    });

    it('is taken no faster than the server takes it, ten at a time', async function () {
      this.timeout(300_000);
      const slow = throttle(SLOWLY);
      const server = await serve({
        script: { STOR: Array.from({ length: 10 }, () => [openData(), send('150 Slowly.'), async (session) => {
          await pipeline(await session.protectedData(), slow(), new Writable({ write: (_chunk, _encoding, done) => done() }));
        }, send('226 Done.')]), RNFR: Array(10).fill('350 Go on.'), RNTO: Array(10).fill('250 Done.') },
      });
      const child = await GatewayProcess.start(`${server.url}up`, ''); // of which the URL's folder is shown
      try {
        const { port } = child;
        const block = Buffer.alloc(MIB);
        const statuses = await Promise.all(Array.from({ length: 10 }, async (_, i) => {
          const { sent, answer } = begin(port, 'PUT', `/files/${i}`, { 'content-length': UPLOAD });
          await pipeline(Readable.from(blocks(block, UPLOAD)), sent);
          const response = await answer;
          response.resume();
          return response.statusCode;
        }));
        expect(new Set(statuses)).to.deep.equal(new Set([201]));
        expect(server.commands.flatMap((line) => /^RNTO (.*)/.exec(line)?.[1] ?? []).sort()).to.deep.equal(Array.from({ length: 10 }, (_, i) => `up/${i}`));
        const most = child.mostMemory / MIB;
        note('measured', `gateway: ${most.toFixed(0)} MiB in memory at most, with 10 uploads of ${UPLOAD / MIB} MiB each at ${(SLOWLY / MIB).toFixed(0)} MiB/s together`);
        expect(most).to.be.below(120);
      } finally {
        await child.stop();
      }
    });
  });

  describe('a rename', () => {
    it('replaces nothing, and what comes at the same time neither', async () => {
      const server = await serve({ files: { '/pub/a': 'a', '/pub/b': 'b', '/up/': '' } });
      const port = await listen(server.url);
      const rest = gate();
      server.script = { RNTO: [[until(rest), normal()], [normal()]] };
      const first = ask(port, 'MOVE', '/files/pub/a', { destination: '/files/up/c' });
      await server.waitFor('RNTO');
      expect((await ask(port, 'MOVE', '/files/pub/b', { destination: '/files/up/c' })).status).to.equal(409);
      const upload = ask(port, 'PUT', '/files/up/c', { 'if-none-match': '*' }, 'upload');
      rest.open();
      expect([(await first).status, (await upload).status]).to.deep.equal([204, 412]);
      expect([names(server), String(server.read('/up/c')), String(server.read('/pub/b'))]).to.deep.equal([['c'], 'a', 'b']);

      const { sent, answer } = begin(port, 'PUT', '/files/up/d', { 'if-none-match': '*', 'content-length': BYTES.length });
      sent.write(BYTES.subarray(0, 1000));
      await server.waitFor('STOR');
      expect((await ask(port, 'MOVE', '/files/pub/b', { destination: '/files/up/d' })).status).to.equal(409);
      sent.end(BYTES.subarray(1000));
      expect([(await answer).statusCode, server.read('/up/d').equals(BYTES), String(server.read('/pub/b'))]).to.deep.equal([201, true, 'b']);
      expect((await ask(port, 'MOVE', '/files/pub/b', { destination: '/files/up/e' })).status).to.equal(204);
    });
  });

  describe('where there are more transfers than connections', () => {
    it('they wait, those that are left come to nothing, and listings go on', async () => {
      const server = await serve({ files: { '/big': content(200 * MIB), '/a': 'a', '/left': 'left', '/up/': '' } });
      const http = gateway({ ...parseFTPURL(server.url).options, connections: 1 });
      closing.push(() => close(http));
      await once(http.listen(0, '127.0.0.1'), 'listening');
      const { port } = http.address() as AddressInfo;
      const response = await begin(port, 'GET', '/files/big').answer;
      await once(response, 'data');
      response.pause();
      for (const method of ['GET', 'PUT']) {
        const { sent, answer } = begin(port, method, method === 'GET' ? '/files/left' : '/files/up/left');
        answer.catch(() => undefined);
        if (method === 'PUT') sent.write('left');
        const [, theirs] = (await once(http, 'request')) as [IncomingMessage, ServerResponse];
        if (method === 'GET') await server.waitFor('SIZE /left');
        sent.destroy();
        await once(theirs, 'close');
      }
      const waiting = [ask(port, 'GET', '/files/a'), ask(port, 'PUT', '/files/up/b', {}, BYTES), ask(port, 'GET', '/files/a')];
      expect(linesOf(await ask(port, 'GET', '/files/'))).to.have.length(5);
      expect(server.commands.filter((line) => /^(RETR|STOR)/.test(line))).to.deep.equal(['RETR /big']);
      response.destroy();
      expect((await Promise.all(waiting)).map(({ status }) => status)).to.deep.equal([200, 201, 200]);
      expect([names(server), server.read('/up/b').equals(BYTES)]).to.deep.equal([['b'], true]);
      expect(server.commands.filter((line) => line.startsWith('RETR'))).to.deep.equal(['RETR /big', 'RETR /a', 'RETR /a']);
    });
  });

  describe('folders', () => {
    it('are made, renamed, and deleted with all that is in them', async () => {
      const server = await serve();
      const port = await listen(server.url);
      expect((await ask(port, 'MKCOL', '/files/up/new%20one/')).status).to.equal(201);
      expect((await ask(port, 'MKCOL', '/files/up/new%20one/')).status).to.equal(409);
      expect((await ask(port, 'MOVE', '/files/up/new%20one/', { destination: '/files/up/%C3%BC/' })).status).to.equal(204);
      expect((await ask(port, 'MOVE', '/files/pub/a', { destination: '/files/up/%C3%BC/a' })).status).to.equal(204);
      expect(server.read('/up/ü/a').equals(BYTES)).to.equal(true);
      expect((await ask(port, 'MOVE', '/files/pub/empty', { destination: '/files/up/%C3%BC/a' })).status).to.equal(409);
      expect(server.read('/up/ü/a').equals(BYTES)).to.equal(true);
      expect((await ask(port, 'DELETE', '/files/up/%C3%BC/')).status).to.equal(204);
      expect((await ask(port, 'DELETE', '/files/pub/empty')).status).to.equal(204);
      expect((await ask(port, 'DELETE', '/files/pub/empty')).status).to.equal(409);
      expect(names(server)).to.deep.equal([]);
      expect(await ask(port, 'PATCH', '/files/pub/dir')).to.deep.include({ status: 405 }).and.nested.include({ 'headers.allow': 'GET, HEAD, PUT, MKCOL, MOVE, DELETE' });
    });
  });

  it('says that it may not log in, and not that there is nothing', async () => {
    const server = await serve({ script: { PASS: Array(4).fill('530 Login incorrect.') } });
    const port = await listen(server.url);
    for (const method of ['GET', 'HEAD', 'PUT'] as const) expect((await ask(port, method, '/files/pub/a', {}, method === 'PUT' ? 'x' : undefined)).status).to.equal(502);
  });

  it('says that the server is gone, and goes on when it is back', async () => {
    const first = await FtpServer.start({ files: { '/a': 'a' } });
    const port = await listen(first.url);
    expect((await ask(port, 'GET', '/files/a')).status).to.equal(200);
    await first.close();
    for (const [method, path] of [['GET', '/files/'], ['GET', '/files/a'], ['DELETE', '/files/a'], ['PUT', '/files/b']] as const) {
      const { status, body } = await ask(port, method, path, {}, method === 'PUT' ? 'b' : undefined);
      expect([method, status]).to.deep.equal([method, 502]);
      expect(String(body)).to.include('The FTP server cannot be reached').and.not.include('secret');
    }
    const second = await serve({ port: first.port, files: { '/a': 'a' } });
    expect((await ask(port, 'PUT', '/files/b', {}, 'b')).status).to.equal(201);
    expect(String(second.read('/b'))).to.equal('b');
    expect(linesOf(await ask(port, 'GET', '/files/'))).to.have.length(3);
  });

  for (const server of realServers().filter(({ name }) => name === 'vsftpd-plain' || name === 'proftpd-plain')) {
    it(`does it all on ${server.name}`, async () => {
      const folder = `gateway-${process.pid}-${server.name}`;
      const pool = new FTPPool(optionsOf(server));
      closing.push(() => pool.quit());
      await pool.mkd(folder);
      closing.push(() => pool.rmd(folder, { recursive: true }));
      const root = `${server.login.replace(/\/$/, '')}/${folder}`;
      const there = join(server.home, folder);
      const port = await listen(optionsOf(server), { root });

      expect((await ask(port, 'PUT', '/files/%E6%97%A5%22', {}, BYTES)).status).to.equal(201);
      expect((await readFile(join(there, '日"'))).equals(BYTES)).to.equal(true);
      const part = await ask(port, 'GET', '/files/%E6%97%A5%22', { range: 'bytes=1000-1999' });
      expect([part.status, part.body.equals(BYTES.subarray(1000, 2000))]).to.deep.equal([206, true]);
      expect((await ask(port, 'GET', '/files/missing')).status).to.equal(404);

      await symlink('日"', join(there, 'link')); // whose own size MLST gives in ProFTPD
      const linked = await ask(port, 'GET', '/files/link');
      expect([linked.headers['content-length'], linked.body.equals(BYTES)]).to.deep.equal([String(BYTES.length), true]);
      expect((await ask(port, 'DELETE', '/files/link')).status).to.equal(204);
      await writeFile(Buffer.from(join(there, 'caf\xe9'), 'latin1'), 'no UTF-8');
      expect(linesOf(await ask(port, 'GET', '/files/')).find(({ name }) => name === 'caf\xe9')).to.include({ size: 8 });
      expect(String((await ask(port, 'GET', '/files/caf%C3%A9')).body)).to.equal('no UTF-8');
      expect((await ask(port, 'DELETE', '/files/caf%C3%A9')).status).to.equal(204);

      await writeFile(join(there, 'big'), Buffer.alloc(50 * MIB));
      const left = await begin(port, 'GET', '/files/big').answer;
      await once(left, 'data');
      left.destroy();
      expect((await ask(port, 'GET', '/files/%E6%97%A5%22')).body.equals(BYTES)).to.equal(true);
      await rm(join(there, 'big'));

      const { sent, answer } = begin(port, 'PUT', '/files/cut', { 'content-length': 50 * MIB });
      answer.catch(() => undefined);
      await new Promise((resolve) => sent.write(Buffer.alloc(8 * MIB), resolve));
      expect(await readdir(there)).to.have.length(2); // one is temporary
      sent.destroy();
      expect((await ask(port, 'MKCOL', '/files/x/')).status).to.equal(201);
      expect((await ask(port, 'MOVE', '/files/%E6%97%A5%22', { destination: '/files/x/b' })).status).to.equal(204);
      expect(linesOf(await ask(port, 'GET', '/files/x/'))[0]).to.include({ name: 'b', type: 'file', size: BYTES.length });
      await pool.put(BYTES, `${folder}/after`);
      expect((await ask(port, 'PUT', '/files/after', {}, 'new')).status).to.equal(201); // after the one that was cut off is cleared away
      expect(await readFile(join(there, 'after'), 'latin1')).to.equal('new');
      expect((await ask(port, 'DELETE', '/files/x/')).status).to.equal(204);
      expect((await readdir(there)).filter((name) => !name.startsWith('.'))).to.deep.equal(['after']);
    });
  }
});

/** A request that is as it is given: `..` stays in its path. */
function begin(port: number, method: string, path: string, headers: OutgoingHttpHeaders = {}, agent: Agent | false = false) {
  const sent = request({ host: '127.0.0.1', port, method, path, agent, headers: { host: `localhost:${port}`, ...headers } });
  const answer = once(sent, 'response').then(([response]) => response as IncomingMessage);
  sent.on('error', () => undefined);
  if (method !== 'PUT') sent.end();
  return { sent, answer };
}

async function ask(port: number, method = '', path = '', headers: OutgoingHttpHeaders = {}, body?: Buffer | string, agent?: Agent): Promise<Answer> {
  const { sent, answer } = begin(port, method, path, headers, agent);
  if (method === 'PUT') sent.end(body);
  const response = await answer;
  return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) };
}

function linesOf({ body }: Answer): { name?: string; type?: string; size?: number; complete?: boolean }[] {
  return String(body).trimEnd().split('\n').map((line) => JSON.parse(line));
}

function names(server: FtpServer): string[] {
  return server.files.names('/up');
}

async function close(http: Server): Promise<void> {
  const closed = once(http, 'close');
  http.close();
  http.closeAllConnections();
  await closed;
}

function* blocks(block: Buffer, length: number): Generator<Buffer> {
  for (let at = 0; at < length; at += block.length) yield block.subarray(0, Math.min(block.length, length - at));
}
