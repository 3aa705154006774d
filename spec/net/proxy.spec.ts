import { expect } from 'chai';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { inspect } from 'node:util';
import { ArgumentError, ConnectionClosedError, type FTPError, PermanentError, ProtocolError, SecurityError, TimeoutError, TransferError } from '../../lib/errors';
import { FTP } from '../../lib/client/ftp';
import { FTPPool } from '../../lib/client/pool';
import { open } from '../../lib/client/open';
import type { OnRead } from '../../lib/net/dial';
import { ThroughProxy } from '../../lib/net/proxy';
import { type FTPOptions, settingsOf } from '../../lib/options';
import { proxyRules } from '../../lib/proxy-url';
import { failure, NOBODY, scene } from '../support/client';
import { CA } from '../support/secured';
import { certificate } from '../support/server/certificates';
import { content } from '../support/server/content';
import { send } from '../support/server/steps';
import { everySplit, describeSplit } from '../support/splits';
import { Line } from '../support/line';
import { TestProxy, type TestProxyOptions } from '../support/test-proxy';

const CONTENT = content(300_000).read(0, 300_000);
const FILES = { '/file': CONTENT, '/small': 'small' };
const NEXT = Buffer.from('220 the greeting, in the same packet\r\n');

interface Outcome {
  readonly line: Line;
  readonly error: FTPError | undefined;
  /** What came after the handshake. */
  readonly rest: Buffer;
}

/** Takes a handshake on a socket that receives these chunks. */
async function shakeHands(url: string, host: string, chunks: readonly Buffer[]): Promise<Outcome> {
  const line = new Line();
  const way = route(url);
  const outcome = new Promise<FTPError | undefined>((resolve) => {
    way.tunnel({ host, port: 2121, purpose: 'control' }, undefined).begin(line as unknown as Socket, { onMade: () => resolve(undefined), onFailed: resolve });
  });
  for (const chunk of chunks) {
    line.push(chunk);
    await new Promise(setImmediate);
  }
  line.push(null);
  const error = await outcome;
  return { line, error, rest: error ? Buffer.alloc(0) : await buffer(line) };
}

/** The same where the socket reads into memory of its user. */
async function shakeHandsInto(url: string, host: string, chunks: readonly Buffer[]): Promise<Outcome> {
  const line = new Line();
  const memory = Buffer.alloc(65_536);
  const rest: Buffer[] = [];
  const reader: OnRead = { buffer: () => memory, callback: (bytes) => rest.push(Buffer.from(memory.subarray(0, bytes))) > 0 };
  const tunnel = route(url).tunnel({ host, port: 2121, purpose: 'data' }, reader);
  const onread = tunnel.onread as OnRead;
  let error: FTPError | undefined;
  let made = false;
  tunnel.begin(line as unknown as Socket, { onMade: () => (made = true), onFailed: (reason) => (error = reason) });
  await new Promise(setImmediate);
  for (const chunk of chunks) {
    onread.buffer().set(chunk);
    onread.callback(chunk.length);
  }
  expect(made).to.equal(error === undefined);
  return { line, error, rest: Buffer.concat(rest) };
}

function route(proxy: string): ThroughProxy {
  const settings = settingsOf({ proxy });
  return new ThroughProxy(proxyRules(proxy)?.serverFor('server', 21, {}) as never, settings);
}

const IPV6 = '2001:db8::5';
const IPV6_BYTES = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
const PORT = [2121 >> 8, 2121 & 255];
const bytes = (...parts: readonly (number | string)[]): Buffer => Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part))));
const BASIC = Buffer.from('us er:pä:ß').toString('base64');

/** What is said on both sides of each handshake that comes to its end. */
const HANDSHAKES: [what: string, url: string, host: string, sent: Buffer, received: Buffer][] = [
  ['http', 'http://proxy', 'server', bytes('CONNECT server:2121 HTTP/1.1\r\nHost: server:2121\r\n\r\n'), bytes('HTTP/1.1 200 Connection established\r\n\r\n')],
  ['http, no scheme', 'proxy:3128', 'server', bytes('CONNECT server:2121 HTTP/1.1\r\nHost: server:2121\r\n\r\n'), bytes('HTTP/1.0 200\r\nVia: x\r\n\r\n')],
  ['http, IPv6, only LF, 201', 'http://proxy', IPV6, bytes(`CONNECT [${IPV6}]:2121 HTTP/1.1\r\nHost: [${IPV6}]:2121\r\n\r\n`), bytes('HTTP/1.1 201 Yes\nA: b\n\n')],
  ['http, a body that is none, after a 1xx', 'http://proxy', 'bücher.example', bytes('CONNECT xn--bcher-kva.example:2121 HTTP/1.1\r\nHost: xn--bcher-kva.example:2121\r\n\r\n'), bytes('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n')],
  ['http, with credentials', 'http://us%20er:p%C3%A4%3A%C3%9F@proxy', 'server', bytes(`CONNECT server:2121 HTTP/1.1\r\nHost: server:2121\r\nProxy-Authorization: Basic ${BASIC}\r\n\r\n`), bytes('HTTP/1.1 200 OK\r\n\r\n')],
  ['socks4', 'socks4://proxy', '192.0.2.7', bytes(4, 1, ...PORT, 192, 0, 2, 7, 0), bytes(0, 90, 0, 0, 0, 0, 0, 0)],
  ['socks4, with a user', 'socks4://us%40er@proxy', '192.0.2.7', bytes(4, 1, ...PORT, 192, 0, 2, 7, 'us@er', 0), bytes(0, 90, 1, 2, 3, 4, 5, 6)],
  ['socks4a', 'socks4a://proxy', 'server', bytes(4, 1, ...PORT, 0, 0, 0, 1, 0, 'server', 0), bytes(0, 90, 0, 0, 0, 0, 0, 0)],
  ['socks5', 'socks5://proxy', '192.0.2.7', bytes(5, 1, 0, 5, 1, 0, 1, 192, 0, 2, 7, ...PORT), bytes(5, 0, 5, 0, 0, 1, 1, 2, 3, 4, 5, 6)],
  ['socks5, IPv6', 'socks5://proxy', IPV6, bytes(5, 1, 0, 5, 1, 0, 4, ...IPV6_BYTES, ...PORT), bytes(5, 0, 5, 0, 0, 4, ...IPV6_BYTES, 5, 6)],
  ['socks5h', 'socks5h://proxy', 'server', bytes(5, 1, 0, 5, 1, 0, 3, 6, 'server', ...PORT), bytes(5, 0, 5, 0, 0, 3, 5, 'proxy', 5, 6)],
  ['socks5h, a user that it does not ask for', 'socks5h://user:pw@proxy', 'server', bytes(5, 2, 0, 2, 5, 1, 0, 3, 6, 'server', ...PORT), bytes(5, 0, 5, 0, 0, 3, 0, 5, 6)],
  ['socks5, with credentials', 'socks5://us%20er:p%C3%A4@proxy', '192.0.2.7', bytes(5, 2, 0, 2, 1, 5, 'us er', 3, 'pä', 5, 1, 0, 1, 192, 0, 2, 7, ...PORT), bytes(5, 2, 1, 0, 5, 0, 0, 1, 1, 2, 3, 4, 5, 6)],
];

describe('a handshake with a proxy', () => {
  for (const [what, url, host, sent, received] of HANDSHAKES) {
    it(`${what}: in all splits, and nothing that comes with its end is lost`, async () => {
      for (const chunks of everySplit(Buffer.concat([received, NEXT]))) {
        const { line, error, rest } = await shakeHands(url, host, chunks);
        expect(error, describeSplit(chunks)).to.equal(undefined);
        expect(Buffer.concat(line.written).toString('latin1')).to.equal(sent.toString('latin1'));
        expect(rest.toString(), describeSplit(chunks)).to.equal(NEXT.toString());
      }
    });

    it(`${what}: the same where the socket reads into given memory`, async () => {
      for (const chunks of everySplit(Buffer.concat([received, NEXT]))) {
        const { line, error, rest } = await shakeHandsInto(url, host, chunks);
        expect(error, describeSplit(chunks)).to.equal(undefined);
        expect(Buffer.concat(line.written).equals(sent)).to.equal(true);
        expect(rest.toString(), describeSplit(chunks)).to.equal(NEXT.toString());
      }
    });

    it(`${what}: fails at the end of the connection after each of its bytes`, async () => {
      for (let length = 0; length < received.length; length++) {
        const { line, error } = await shakeHands(url, host, length === 0 ? [] : [received.subarray(0, length)]);
        expect(error, `${length} bytes`).to.be.instanceOf(ConnectionClosedError);
        expect(error?.message).to.match(/^the proxy proxy:\d+ closed the connection before the way to .*:2121 was open$/);
        expect(line.destroyed).to.equal(true);
      }
    });
  }

  const refusals: [what: string, url: string, received: Buffer, kind: new (...args: never[]) => FTPError, message: string][] = [
    ['http, 407 to nobody', 'http://proxy', bytes('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'), SecurityError, 'the proxy proxy:80 wants a user and a password in the option proxy (407)'],
    ['http, 407', 'http://user:hunter2@proxy', bytes('HTTP/1.1 407 No\r\n\r\n'), SecurityError, 'the proxy proxy:80 did not accept the user and the password of the option proxy (407)'],
    ['http, 401', 'http://user:hunter2@proxy', bytes('HTTP/1.0 401 Unauthorized\r\n\r\n'), SecurityError, 'the proxy proxy:80 did not accept the user and the password of the option proxy (401)'],
    ['http, 403', 'http://proxy:3128', bytes('HTTP/1.1 403 Forbidden\r\n\r\n<html>'), ConnectionClosedError, 'the proxy proxy:3128 did not connect to 192.0.2.7:2121: 403 Forbidden'],
    ['http, 503 without a reason', 'http://proxy', bytes('HTTP/1.1 503\r\n\r\n'), ConnectionClosedError, 'the proxy proxy:80 did not connect to 192.0.2.7:2121: 503'],
    ['http, its own password in the reason', 'http://user:hunter2@proxy', bytes(`HTTP/1.1 403 hunter2 ${Buffer.from('user:hunter2').toString('base64')} user\x1b[2J\r\n\r\n`), ConnectionClosedError, 'the proxy proxy:80 did not connect to 192.0.2.7:2121: 403 **** **** ****?[2J'],
    ['http, an echo', 'http://user:hunter2@proxy', bytes('CONNECT 192.0.2.7:2121 HTTP/1.1\r\nhunter2'), ProtocolError, 'the proxy proxy:80 answered what is not HTTP: "CONNECT 192.0.2.7:2121 HTTP/1.1"'],
    ['http, an FTP server', 'http://proxy', bytes('220 FTP here\r\n'), ProtocolError, 'the proxy proxy:80 answered what is not HTTP: "220 FTP here"'],
    ['http, no number', 'http://proxy', bytes('HTTP/1.1 yes\r\n\r\n'), ProtocolError, 'the proxy proxy:80 answered what is not HTTP: "HTTP/1.1 yes"'],
    ['socks4, 91', 'socks4://proxy', bytes(0, 91, 0, 0, 0, 0, 0, 0), ConnectionClosedError, 'the proxy proxy:1080 did not connect to 192.0.2.7:2121: request rejected or failed (91)'],
    ['socks4, 99', 'socks4://proxy', bytes(0, 99, 0, 0, 0, 0, 0, 0), ConnectionClosedError, 'the proxy proxy:1080 did not connect to 192.0.2.7:2121: reply 99'],
    ['socks4, HTTP', 'socks4://proxy', bytes('HTTP/1.1 400 Bad\r\n'), ProtocolError, 'the proxy proxy:1080 answered what is not SOCKS: "HTTP/1.1"'],
    ['socks5, no method', 'socks5://proxy', bytes(5, 255), SecurityError, 'the proxy proxy:1080 wants a user and a password in the option proxy (method 255)'],
    ['socks5, no method for credentials', 'socks5://user:hunter2@proxy', bytes(5, 255), SecurityError, 'the proxy proxy:1080 did not accept the user and the password of the option proxy (method 255)'],
    ['socks5, the wrong password', 'socks5://user:hunter2@proxy', bytes(5, 2, 1, 1), SecurityError, 'the proxy proxy:1080 did not accept the user and the password of the option proxy (status 1)'],
    ['socks5, a method that was not offered', 'socks5://proxy', bytes(5, 2), SecurityError, 'the proxy proxy:1080 wants a user and a password in the option proxy (method 2)'],
    ['socks5, 5', 'socks5://proxy', bytes(5, 0, 5, 5, 0, 1, 0, 0, 0, 0, 0, 0), ConnectionClosedError, 'the proxy proxy:1080 did not connect to 192.0.2.7:2121: connection refused (5)'],
    ['socks5, 2, of two bytes', 'socks5://proxy', bytes(5, 0, 5, 2), ConnectionClosedError, 'the proxy proxy:1080 did not connect to 192.0.2.7:2121: not allowed by its rules (2)'],
    ['socks5, 77', 'socks5://proxy', bytes(5, 0, 5, 77, 0, 1), ConnectionClosedError, 'the proxy proxy:1080 did not connect to 192.0.2.7:2121: reply 77'],
    ['socks5, an address of no type', 'socks5://proxy', bytes(5, 0, 5, 0, 0, 9, 1, 2), ProtocolError, 'the proxy proxy:1080 answered what is not SOCKS: "address type 9"'],
    ['socks5, HTTP', 'socks5://proxy', bytes('HTTP/1.1 400 Bad\r\n'), ProtocolError, 'the proxy proxy:1080 answered what is not SOCKS: "HT"'],
    ['socks5, HTTP later', 'socks5://proxy', bytes(5, 0, 'HTTP'), ProtocolError, 'the proxy proxy:1080 answered what is not SOCKS: "HT"'],
  ];
  for (const [what, url, received, kind, message] of refusals) {
    it(`fails where the proxy answers ${what}, and says so without credentials`, async () => {
      for (const chunks of everySplit(received)) {
        const { line, error } = await shakeHands(url, '192.0.2.7', chunks);
        expect(error, describeSplit(chunks)).to.be.instanceOf(kind);
        if (chunks.length <= 1) expect(error?.message).to.equal(message);
        expect(inspect(error)).not.to.contain('hunter2');
        expect(line.destroyed).to.equal(true);
      }
    });
  }

  it('fails where a header, or an endless row of them, has no end', async () => {
    for (const url of ['http://proxy', 'http://user:pw@proxy']) {
      const { error, line } = await shakeHands(url, 'server', [bytes('HTTP/1.1 200 OK\r\n'), ...Array.from({ length: 40 }, () => bytes('X-Filler: ', 'x'.repeat(1000), '\r\n'))]);
      expect(error).to.be.instanceOf(ProtocolError).with.property('message', 'the proxy proxy:80 sent more than 16384 bytes without an end');
      expect(line.destroyed).to.equal(true);
    }
  });

  it('refuses what a protocol has no place for', async () => {
    for (const [url, host] of [['socks4://proxy', IPV6], ['socks4a://proxy', IPV6], ['socks4a://proxy', 'a'.repeat(256)], ['socks5h://proxy', `${'a.'.repeat(150)}b`]] as const) {
      const { error } = await shakeHands(url, host, url.startsWith('socks5') ? [bytes(5, 0)] : []);
      expect(error, host).to.be.instanceOf(ArgumentError);
    }
  });
});

describe('the option proxy', () => {
  it('is a URL, and env', () => {
    for (const proxy of [null, 7, {}, '', 'htp://proxy', 'http://', 'http://proxy/path', 'http://proxy?x', 'http://proxy:0', 'http://proxy:99999', 'http://a b', 'socks5://proxy/x', 'file:///x', 'http://a\r\nb']) {
      expect(() => new FTP({ proxy } as FTPOptions), String(proxy)).to.throw(ArgumentError, 'proxy ');
    }
    for (const proxy of ['proxy', 'proxy:3128', 'http://proxy/', 'HTTPS://proxy', 'socks://proxy', new URL('socks5h://proxy'), new URL('http://u:p@proxy:3128'), 'http://[::1]:3128', 'env']) new FTP({ proxy });
  });

  it('has a default port for each scheme, and keeps one that is given', () => {
    const address = (proxy: string | URL): string | undefined => proxyRules(proxy)?.serverFor('server', 21, {})?.address;
    expect(['proxy', 'http://proxy', 'https://proxy', 'socks4://proxy', 'socks5h://proxy', 'ftp://proxy'].map(address)).to.deep.equal(['proxy:80', 'proxy:80', 'proxy:443', 'proxy:1080', 'proxy:1080', 'proxy:21']);
    expect(['socks5://proxy:80', 'https://proxy:80', 'http://proxy:21', 'socks5://proxy:21', 'http://[::1]:80'].map(address)).to.deep.equal(['proxy:80', 'proxy:80', 'proxy:21', 'proxy:21', '[::1]:80']);
    expect(address(new URL('socks5://proxy:1'))).to.equal('proxy:1');
  });

  it('has credentials that can be sent, and never shows them', () => {
    const long = 'hunter2'.repeat(40);
    for (const proxy of [
      'http://user:hunter2%0d%0a@proxy', 'http://user:hunter2%00@proxy', 'http://us%3aer:hunter2@proxy', 'http://user:hunter2%ff@proxy', 'http://user:hunter2%@proxy', 'socks4://user:hunter2@proxy',
      `socks5://user:${long}@proxy`, `socks5://${long}@proxy`, `socks4://${long}@proxy`, 'socks5://:hunter2@proxy', 'ftp://:hunter2@proxy', 'http://user:hun/ter2@proxy', 'http://user:hun#hunter2@proxy', 'hptt://user:hunter2@proxy', 'http://user:hunter2@',
    ]) {
      let error: unknown;
      try {
        new FTP({ proxy });
      } catch (thrown) {
        error = thrown;
      }
      expect(error, proxy).to.be.instanceOf(ArgumentError);
      expect(inspect(error)).not.to.match(/hunter|user:hun/);
    }
    for (const client of [new FTP({ proxy: 'http://someone:hunter2@proxy' }), new FTPPool({ proxy: new URL('socks5://someone:hunter2@proxy') })]) {
      expect(inspect(client, { depth: Infinity, showHidden: true })).not.to.match(/hunter2|someone/);
      expect(JSON.stringify(client.session.settings)).not.to.match(/hunter2|someone/);
      client.close();
    }
  });

  it('excludes createConnection, active mode where bytes are handed on, and TLS where FTP is spoken', () => {
    const createConnection = (): never => { throw new Error('no'); };
    expect(() => new FTP({ proxy: 'http://proxy', createConnection })).to.throw(ArgumentError, 'proxy and createConnection exclude each other');
    for (const proxy of ['http://proxy', 'https://proxy', 'socks4://proxy', 'socks5h://proxy']) {
      for (const make of [(options: FTPOptions) => new FTP(options), (options: FTPOptions) => new FTPPool(options), (options: FTPOptions) => open('ftp://host/x', options)]) {
        expect(() => make({ proxy, passive: false }), proxy).to.throw(ArgumentError, 'passive: false cannot be had by way of a proxy');
      }
    }
    for (const secure of ['explicit', 'implicit'] as const) expect(() => new FTP({ proxy: 'ftp://proxy', secure })).to.throw(ArgumentError, 'secure cannot be had by way of an FTP proxy');
    new FTP({ proxy: 'ftp://proxy', passive: false });
  });
});

describe('the option proxy: env', () => {
  const by = (environment: NodeJS.ProcessEnv, host = 'ftp.example.com', port = 21): string | undefined => {
    const server = proxyRules('env', environment)?.serverFor(host, port, {});
    return server && `${server.scheme}://${server.address}`;
  };

  it('takes ftp_proxy before all_proxy, and lower case before upper case; what is empty is not there', () => {
    expect(by({})).to.equal(undefined);
    expect(by({ http_proxy: 'http://a:1', HTTPS_PROXY: 'http://a:1' })).to.equal(undefined);
    expect(by({ ALL_PROXY: 'socks5h://d:4' })).to.equal('socks5h://d:4');
    expect(by({ ALL_PROXY: 'd:4', all_proxy: 'c:3' })).to.equal('http://c:3');
    expect(by({ ALL_PROXY: 'd:4', all_proxy: 'c:3', FTP_PROXY: 'b:2' })).to.equal('http://b:2');
    expect(by({ ALL_PROXY: 'd:4', all_proxy: 'c:3', FTP_PROXY: 'b:2', ftp_proxy: 'a:1' })).to.equal('http://a:1');
    expect(by({ FTP_PROXY: 'b:2', ftp_proxy: '' })).to.equal('http://b:2');
  });

  it('names the variable that cannot be used, and not what is in it', () => {
    expect(() => proxyRules('env', { FTP_PROXY: 'http://user:hunter2@a/b' })).to.throw(ArgumentError, 'the environment variable FTP_PROXY must be a URL').with.property('message').that.does.not.include('hunter2');
    expect(() => proxyRules('env', { all_proxy: 'gopher://a' })).to.throw(ArgumentError, 'the environment variable all_proxy must begin with');
  });

  const matches: [noProxy: string, excepted: readonly string[], others: readonly string[]][] = [
    ['*', ['a', '192.0.2.1', '::1'], []],
    ['a,*', ['b'], []],
    ['example.com', ['example.com', 'ftp.example.com', 'FTP.EXAMPLE.COM', 'example.com.'], ['notexample.com', 'example.com.au', 'com', '192.0.2.1']],
    ['.example.com', ['example.com', 'ftp.example.com'], ['notexample.com']],
    ['*.Example.com', ['ftp.example.com'], ['notexample.com']],
    ['a.example, b.example  c.example', ['a.example', 'b.example', 'x.c.example'], ['d.example']],
    [' , ,', [], ['a']],
    ['.', [], ['a']],
    ['192.0.2.1', ['192.0.2.1'], ['192.0.2.10', '192.0.2.11']],
    ['192.0.2.0/24', ['192.0.2.0', '192.0.2.255'], ['192.0.3.0', '191.0.2.1', '::1', 'a']],
    ['192.0.2.128/25', ['192.0.2.128', '192.0.2.255'], ['192.0.2.127']],
    ['10.0.0.0/8,0.0.0.0/33,1.2.3.4/x,1.2.3.4/', ['10.200.3.4'], ['11.0.0.0', '1.2.3.4']],
    ['0.0.0.0/0', ['255.1.2.3'], ['::1']],
    ['2001:db8::/33', ['2001:db8::1', '2001:DB8:7fff::'], ['2001:db8:8000::', '2001:db9::']],
    ['::1', ['::1', '0:0::1'], ['::2']],
    ['[::1]', ['::1'], ['::2']],
    ['2001:db8::5:21', ['2001:db8::5:21'], ['2001:db8::5']],
    ['fe80::/10', ['fe80::1%eth0'], ['2001::']],
    ['::ffff:0:0/96', ['::ffff:192.0.2.1'], ['192.0.2.1']],
    ['example.com:21', ['example.com'], []],
    ['example.com:2121', [], ['example.com']],
    ['[::1]:21', ['::1'], []],
    ['[::1]:22', [], ['::1']],
    ['192.0.2.1:21', ['192.0.2.1'], []],
  ];
  for (const [noProxy, excepted, others] of matches) {
    it(`no_proxy ${JSON.stringify(noProxy)}`, () => {
      for (const host of excepted) expect(by({ ALL_PROXY: 'p:1', NO_PROXY: noProxy }, host), host).to.equal(undefined);
      for (const host of others) expect(by({ ALL_PROXY: 'p:1', no_proxy: noProxy, NO_PROXY: '*' }, host), host).to.equal('http://p:1');
    });
  }

  it('is read when the client is made', async () => {
    const before = { ...process.env };
    try {
      process.env['ftp_proxy'] = 'http://127.0.0.1:1';
      process.env['no_proxy'] = 'other.example';
      const ftp = new FTP({ host: '127.0.0.1', port: 1, proxy: 'env' });
      delete process.env['ftp_proxy'];
      expect((await failure(ftp.noop())).message).to.match(/^cannot connect to the proxy 127\.0\.0\.1:1: connect ECONNREFUSED/);
      expect(() => new FTP({ host: '127.0.0.1', proxy: 'env', passive: false })).not.to.throw();
    } finally {
      for (const name of ['ftp_proxy', 'no_proxy']) if (before[name] === undefined) delete process.env[name]; else process.env[name] = before[name];
    }
  });
});

const PROTOCOLS: [title: string, options: TestProxyOptions, scheme: string][] = [
  ['http', { protocol: 'http' }, 'http'],
  ['http with a password', { protocol: 'http', credentials: 'us%40er:p%3A%2Fw' }, 'http'],
  ['https', { protocol: 'http', credentials: 'user:pw', tls: certificate('local2') }, 'https'],
  ['socks4', { protocol: 'socks4', credentials: 'someone' }, 'socks4'],
  ['socks4a', { protocol: 'socks4' }, 'socks4a'],
  ['socks5', { protocol: 'socks5' }, 'socks5'],
  ['socks5h with a password', { protocol: 'socks5', credentials: 'user:pw' }, 'socks5h'],
];
/** What a client trusts: the certificates of the server and of the proxy. */
const TLS = { ca: [CA, certificate('local2').cert] };

describe('by way of a proxy', () => {
  const proxies: TestProxy[] = [];
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy.close();
  });
  const stage = scene(); // looks for leaks, when the proxies are closed

  async function start(options: TestProxyOptions): Promise<TestProxy> {
    const proxy = await TestProxy.start(options);
    proxies.push(proxy);
    return proxy;
  }

  for (const [title, options, scheme] of PROTOCOLS) {
    describe(title, () => {
      for (const secure of [false, 'explicit', 'implicit'] as const) {
        it(`downloads, uploads and lists, secure: ${secure}`, async () => {
          const server = await stage.serve({ files: FILES, ...(secure ? { tls: { mode: secure, ...certificate() } } : {}) });
          const proxy = await start(options);
          const ftp = stage.client(server, { proxy: proxy.url(scheme), secure, tls: TLS });
          for (let round = 0; round < 2; round++) {
            expect((await buffer(ftp.retr('file'))).equals(CONTENT)).to.equal(true);
            expect((await buffer(ftp.retr('small'))).toString()).to.equal('small');
            await pipeline(Readable.from([CONTENT]), ftp.stor('copy'));
            expect(server.read('/copy').equals(CONTENT)).to.equal(true);
            await pipeline(Readable.from([]), ftp.stor('empty'));
            expect(server.read('/empty').length).to.equal(0);
            expect((await ftp.list().toArray()).map(({ name }) => name)).to.include.members(['file', 'small', 'copy', 'empty']);
          }
          await ftp.quit();
          expect(proxy.opened).to.equal(11);
          expect(new Set(proxy.asked.map((each) => each.replace(/:\d+$/, '')))).to.deep.equal(new Set(['127.0.0.1']));
          if (secure) expect(Buffer.concat(proxy.heard).toString('latin1')).not.to.contain('secret');
        });
      }

      for (const glue of ['together', 'bytes'] as const) {
        it(`loses nothing of a greeting that comes with the proxy's reply (${glue})`, async () => {
          const server = await stage.serve({ files: FILES });
          const proxy = await start({ ...options, glue, after: 1 });
          const ftp = stage.client(server, { proxy: proxy.url(scheme), tls: TLS });
          await ftp.connect();
          expect(ftp.welcome?.code).to.equal(220);
          await ftp.login();
          ftp.close();
        });
      }

      it('is told the name of the server where it looks names up, and else its address', async () => {
        const server = await stage.serve({ files: FILES });
        const proxy = await start({ ...options, names: { 'ftp.test': '127.0.0.1' } });
        const host = /^(http|socks4a|socks5h)/.test(scheme) ? 'ftp.test' : 'localhost';
        const ftp = stage.client({ host, port: server.port }, { proxy: proxy.url(scheme), tls: TLS });
        expect((await buffer(ftp.retr('file'))).equals(CONTENT)).to.equal(true);
        await ftp.quit();
        expect(new Set(proxy.asked.map((each) => each.replace(/:\d+$/, '')))).to.deep.equal(new Set([host === 'localhost' ? '127.0.0.1' : host]));
      });

      it('leaves a download, and goes on in the same session', async () => {
        const big = content(20_000_000);
        const server = await stage.serve({ files: { '/big': big, ...FILES } });
        const proxy = await start(options);
        const ftp = stage.client(server, { proxy: proxy.url(scheme), tls: TLS });
        const stream = ftp.retr('big');
        await once(stream, 'readable');
        stream.destroy();
        expect((await buffer(ftp.retr('file'))).equals(CONTENT)).to.equal(true);
        await ftp.quit();
        expect(server.sessions.size).to.be.at.most(1);
      });

      it('cuts an upload short by RST, which its server takes for no end', async () => {
        const server = await stage.serve({ files: FILES });
        const proxy = await start(options);
        const ftp = stage.client(server, { proxy: proxy.url(scheme), tls: TLS });
        const stream = ftp.stor('cut').on('error', () => undefined);
        await new Promise((written) => stream.write(CONTENT, written));
        stream.destroy();
        expect((await buffer(ftp.retr('file'))).equals(CONTENT)).to.equal(true);
        await ftp.quit();
        expect(server.commands).to.include('ABOR');
      });

      if (options.credentials !== undefined) {
        it('fails at the wrong password with an error that does not show it, nor does an event', async () => {
          const server = await stage.serve();
          const proxy = await start(options);
          const wrong = scheme.startsWith('socks4') ? 'hunter2' : 'user:hunter2';
          const ftp = stage.client(server, { proxy: proxy.url(scheme, wrong), tls: TLS });
          const events: unknown[] = [];
          ftp.on('command', (...all) => events.push(all)).on('reply', (...all) => events.push(all)).on('close', (...all) => events.push(all));
          const error = await failure(ftp.noop());
          expect(error).to.be.instanceOf(scheme.startsWith('socks4') ? ConnectionClosedError : SecurityError).and.include({ phase: 'connect' });
          expect(error.message).to.contain(`the proxy 127.0.0.1:${proxy.port} did not `);
          expect(inspect([error, events], { depth: Infinity })).not.to.contain('hunter2');
          expect(server.commands).to.deep.equal([]);
        });
      }

      it('fails where the proxy is not there, dies or stalls, and says which proxy', async () => {
        const server = await stage.serve();
        const gone = stage.client(server, { proxy: `${scheme}://127.0.0.1:${NOBODY.port}`, tls: TLS });
        expect(await failure(gone.noop())).to.be.instanceOf(ConnectionClosedError).with.property('message').that.contains(`cannot connect to the proxy 127.0.0.1:${NOBODY.port}: `);
        for (const ends of ['fin', 'rst'] as const) {
          const proxy = await start({ ...options, ends });
          const error = await failure(stage.client(server, { proxy: proxy.url(scheme), tls: TLS }).noop());
          expect(error.name).to.match(scheme === 'https' ? /^(ConnectionClosed|Security)Error$/ : /^ConnectionClosedError$/); // cut in the handshake of TLS
          expect(error.message).to.contain(`the proxy 127.0.0.1:${proxy.port}`);
        }
        const stalls = await start({ ...options, answer: '' });
        const error = await failure(stage.client(server, { proxy: stalls.url(scheme), tls: TLS, connectTimeout: 200 }).noop());
        expect(error).to.be.instanceOf(TimeoutError).and.include({ phase: 'connect' });
        expect(error.message).to.contain(`(connectTimeout) by way of the proxy 127.0.0.1:${stalls.port}`);
      });

      it('ends at once where the client is closed or aborted in the handshake', async () => {
        const server = await stage.serve();
        const proxy = await start({ ...options, answer: '' });
        const stop = new AbortController();
        for (const [end, more] of [[(ftp: FTP) => ftp.close(), {}], [() => stop.abort(), { signal: stop.signal }]] as const) {
          const before = proxy.asked.length;
          const ftp = stage.client(server, { proxy: proxy.url(scheme), tls: TLS, timeout: 0, ...more });
          const outcome = failure(ftp.noop());
          while (proxy.asked.length === before) await new Promise(setImmediate);
          end(ftp);
          expect(await outcome).to.be.instanceOf(ConnectionClosedError);
        }
      });

      it('fails one transfer where a data connection is refused, and goes on', async () => {
        const server = await stage.serve({ files: FILES });
        const answer = options.protocol === 'http' ? 'HTTP/1.1 503 No\r\n\r\n' : options.protocol === 'socks4' ? bytes(0, 91, 0, 0, 0, 0, 0, 0) : bytes(5, 5, 0, 1, 0, 0, 0, 0, 0, 0);
        const proxy = await start({ ...options, after: 1, answer, ends: 'fin' });
        const ftp = stage.client(server, { proxy: proxy.url(scheme), tls: TLS });
        const error = await failure(buffer(ftp.retr('file')));
        expect(error).to.be.instanceOf(TransferError).and.include({ phase: 'data' });
        expect(error.message).to.contain(`the proxy 127.0.0.1:${proxy.port} did not connect to 127.0.0.1:`);
        proxy.relent();
        expect((await buffer(ftp.retr('file'))).equals(CONTENT)).to.equal(true);
        expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.length(1);
      });

      it('asks the server for another port, once, where the proxy cannot connect to one', async () => {
        const server = await stage.serve({ files: FILES });
        const answer = options.protocol === 'http' ? 'HTTP/1.1 500 Unable to connect\r\n\r\n' : options.protocol === 'socks4' ? bytes(0, 91, 0, 0, 0, 0, 0, 0) : bytes(5, 5, 0, 1, 0, 0, 0, 0, 0, 0);
        const proxy = await start({ ...options, after: 2, times: 1, answer, ends: 'fin' });
        const ftp = stage.client(server, { proxy: proxy.url(scheme), tls: TLS });
        for (let download = 0; download < 2; download++) expect((await buffer(ftp.retr('file'))).equals(CONTENT)).to.equal(true);
        expect(server.commands.filter((line) => line === 'EPSV')).to.have.length(3);
      });

      it('gives a data connection up where the proxy stalls', async () => {
        const server = await stage.serve({ files: FILES });
        const proxy = await start({ ...options, after: 1, answer: '' });
        const ftp = stage.client(server, { proxy: proxy.url(scheme), tls: TLS, connectTimeout: 300, extended: true });
        const error = await failure(buffer(ftp.retr('file')));
        expect(error).to.be.instanceOf(TimeoutError);
        expect(error.message).to.contain(`(connectTimeout) by way of the proxy 127.0.0.1:${proxy.port}`);
        proxy.relent();
        expect((await buffer(ftp.retr('file'))).equals(CONTENT)).to.equal(true);
        expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.length(1);
      });

      it('goes on with a download after the proxy has died, where retry says so', async () => {
        const server = await stage.serve({ files: FILES });
        const proxy = await start(options);
        const ftp = stage.client(server, { proxy: proxy.url(scheme), tls: TLS });
        const stream = ftp.retr('file', { retry: { backoff: 1 } });
        let retries = 0;
        stream.on('retry', () => retries++);
        const chunks: Buffer[] = [];
        for await (const chunk of stream) {
          if (chunks.push(chunk as Buffer) === 1) proxy.drop();
        }
        expect(Buffer.concat(chunks).equals(CONTENT)).to.equal(true);
        expect(retries).to.equal(1);
        await ftp.quit();
      });
    });
  }

  it('does not go where the server says, but to the host that was asked for', async () => {
    const server = await stage.serve({ files: FILES });
    const proxy = await start({ protocol: 'socks5' });
    server.script = { EPSV: [send('500 No.')], PASV: [send('227 Entering Passive Mode (192,0,2,1,0,1)')] };
    const ftp = stage.client(server, { proxy: proxy.url(), connectTimeout: 2000 });
    await failure(buffer(ftp.retr('file')));
    expect(proxy.asked.at(-1)).to.equal('127.0.0.1:1');
    const trusting = stage.client(server, { proxy: proxy.url(), connectTimeout: 2000, trustServerPasvAddress: true });
    server.script = { EPSV: [send('500 No.')], PASV: [send('227 Entering Passive Mode (127,0,0,2,0,1)')] };
    await failure(buffer(trusting.retr('file')));
    expect(proxy.asked.at(-1)).to.equal('127.0.0.2:1');
  });

  describe('of FTP', () => {
    const server = 'ftp.test';
    const users = { 'user@ftp.test': 'secret', 'user@ftp.test:2121': 'secret', 'user@[2001:db8::1]': 'secret', 'some@one': 'hunter2' };

    it('logs in with the user and the server, and connects to the proxy for data', async () => {
      const proxy = await stage.serve({ files: FILES, users });
      for (const [host, port, user] of [[server, 21, 'user@ftp.test'], [server, 2121, 'user@ftp.test:2121'], ['2001:db8::1', 21, 'user@[2001:db8::1]']] as const) {
        const ftp = stage.client({ host, port }, { proxy: `ftp://127.0.0.1:${proxy.port}` });
        expect((await buffer(ftp.retr('file'))).equals(CONTENT)).to.equal(true);
        await pipeline(Readable.from([CONTENT]), ftp.stor('copy'));
        expect(proxy.read('/copy').equals(CONTENT)).to.equal(true);
        expect(proxy.commands.slice(0, 2)).to.deep.equal([`USER ${user}`, 'PASS secret']);
        await ftp.quit();
        proxy.commands.length = 0;
      }
    });

    it('logs in to the proxy first, where that has a user, whom nothing shows', async () => {
      const proxy = await stage.serve({ files: FILES, users });
      const ftp = stage.client({ host: server, port: 21 }, { proxy: `ftp://some%40one:hunter2@127.0.0.1:${proxy.port}` });
      const events: unknown[] = [];
      ftp.on('command', (line) => events.push(line)).on('reply', (reply) => events.push(reply));
      await ftp.login();
      expect(proxy.commands.slice(0, 4)).to.deep.equal(['USER some@one', 'PASS hunter2', 'USER user@ftp.test', 'PASS secret']);
      expect(events.slice(1, 2).concat(events.slice(3, 4))).to.deep.equal(['USER ****', 'PASS ****']);
      expect(inspect(events)).not.to.match(/hunter2|some@one/);
      ftp.close();
      proxy.script = { USER: [send('530 some@one is not known, whose password is hunter2.')] };
      const error = await failure(stage.client({ host: server, port: 21 }, { proxy: `ftp://some%40one:hunter2@127.0.0.1:${proxy.port}` }).noop());
      expect(error).to.be.instanceOf(PermanentError).and.include({ phase: 'login' });
      expect(inspect(error)).not.to.contain('some@one');
    });

    it('logs in, whatever the greeting of the proxy says of a login', async () => {
      const proxy = await stage.serve({ files: FILES, users, script: { GREETING: [send('230 You are in.')] } });
      const ftp = stage.client({ host: server, port: 21 }, { proxy: `ftp://127.0.0.1:${proxy.port}` });
      expect((await buffer(ftp.retr('small'))).toString()).to.equal('small');
      expect(proxy.commands.slice(0, 2)).to.deep.equal(['USER user@ftp.test', 'PASS secret']);
    });

    it('takes part in active mode', async () => {
      const proxy = await stage.serve({ files: FILES, users });
      const ftp = stage.client({ host: server, port: 21 }, { proxy: `ftp://127.0.0.1:${proxy.port}`, passive: false });
      expect((await buffer(ftp.retr('file'))).equals(CONTENT)).to.equal(true);
    });
  });

  it('does not trust a certificate of the proxy that nobody has signed, or that is another host\'s', async () => {
    const server = await stage.serve();
    for (const [pair, ca] of [[certificate('local2'), CA], [certificate('otherHost'), certificate('otherHost').cert], [certificate('expired'), certificate('expired').cert]] as const) {
      const proxy = await start({ protocol: 'http', tls: pair, credentials: 'user:hunter2' });
      for (const rejectUnauthorized of [true, false]) {
        const error = await failure(stage.client(server, { proxy: proxy.url(), tls: { ca, rejectUnauthorized } }).noop());
        expect(error).to.be.instanceOf(SecurityError);
        expect(error.message).to.match(/^the proxy 127\.0\.0\.1:\d+ TLS: /);
      }
      expect(proxy.heard).to.deep.equal([]);
    }
    const error = await failure(stage.client(server, { proxy: `https://127.0.0.1:${server.port}` }).noop()); // an FTP server, which speaks first
    expect(error.message).to.equal(`the proxy 127.0.0.1:${server.port} does not speak TLS: its scheme may be http`);
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`ends an upload in TLS by close_notify, and by FIN after the server's, for proxies that take no half close (${version})`, async () => {
      const server = await stage.serve({ files: FILES, tls: { mode: 'explicit', ...certificate(), minVersion: version, maxVersion: version } });
      for (const options of [{ protocol: 'socks5', takesNoHalfClose: true }, { protocol: 'socks5' }] as const) {
        const proxy = await start(options);
        for (const strictTlsClose of [false, true]) {
          const ftp = stage.client(server, { proxy: proxy.url(), secure: 'explicit', tls: TLS, strictTlsClose });
          for (const bytes of [Buffer.alloc(0), CONTENT]) {
            await pipeline(Readable.from([bytes]), ftp.stor('copy'));
            expect(server.read('/copy').equals(bytes)).to.equal(true);
          }
          expect((await buffer(ftp.retr('file'))).equals(CONTENT)).to.equal(true);
          await ftp.quit();
        }
      }
    });
  }

  it('keeps what it has observed of a server for each proxy', async () => {
    const server = await stage.serve({ files: FILES });
    const proxy = await start({ protocol: 'http' });
    const direct = stage.client(server);
    const first = stage.client(server, { proxy: proxy.url() });
    const second = stage.client(server, { proxy: proxy.url() });
    for (const ftp of [direct, first, second]) await ftp.noop();
    expect(first.session.observed).to.equal(second.session.observed).and.not.equal(direct.session.observed);
  });

  it('serves a pool, a stream of open() and a tree', async () => {
    const files = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`/tree/${n % 4}/file ${n}`, `content ${n}`]));
    const server = await stage.serve({ files: { ...FILES, ...files } });
    const proxy = await start({ protocol: 'socks5', credentials: 'user:pw' });
    const pool = new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret', proxy: new URL(proxy.url()), connections: 3 });
    const paths: string[] = [];
    for await (const { path, type } of pool.walk('/tree')) if (type === 'file') paths.push(path);
    expect(paths).to.have.length(40);
    await Promise.all(Object.entries(files).map(async ([path, text]) => expect((await buffer(pool.retr(path))).toString()).to.equal(text)));
    await pool.quit();
    expect((await buffer(open(`ftp://user:secret@${server.host}:${server.port}/file`, { proxy: proxy.url() }))).equals(CONTENT)).to.equal(true);
  });

  it('keeps no process alive while the client is idle, and sends NOOPs', async () => {
    for (const options of [{ protocol: 'socks5' }, { protocol: 'http', tls: certificate('local2') }] as const) {
      const server = await stage.serve();
      const proxy = await start(options);
      const ftp = stage.client(server, { proxy: proxy.url(), tls: TLS, keepAlive: 20 });
      await ftp.noop();
      while (server.commands.filter((line) => line === 'NOOP').length < 3) await once(server, 'command');
      ftp.close();
    }
  });
});
