import { expect } from 'chai';
import { inspect } from 'node:util';
import { ArgumentError } from '../lib/errors';
import { type ParsedURL, parseFTPURL, redactURL } from '../lib/url';

describe('parseFTPURL', () => {
  const parsed = (url: string, path: Partial<Omit<ParsedURL, 'options' | 'path'>> = {}, options: ParsedURL['options'] = {}): void => {
    it(`takes ${JSON.stringify(url)} apart`, () => {
      const wanted = { options: { host: 'h', secure: false, ...options }, directories: [], name: '', type: undefined, ...path };
      const { path: _whole, ...rest } = parseFTPURL(url);
      expect(rest).to.deep.equal(wanted);
    });
  };

  describe('server and user', () => {
    parsed('ftp://h');
    parsed('ftp://h/');
    parsed('FTP://H/', {}, { host: 'h' });
    parsed('ftp://h:2121', {}, { port: 2121 });
    parsed('ftp://h:00021/', {}, { port: 21 });
    parsed('ftp://h:65535/', {}, { port: 65535 });
    parsed('ftp://h:/');
    parsed('ftp://127.0.0.1/', {}, { host: '127.0.0.1' });
    parsed('ftp://[::1]/x', { name: 'x' }, { host: '::1' });
    parsed('ftp://[2001:DB8:0:0::1]:2121/', {}, { host: '2001:db8::1', port: 2121 });
    parsed('ftp://a_b-c.example./', {}, { host: 'a_b-c.example.' });
    parsed('ftp://b\u00fccher.example/', {}, { host: 'xn--bcher-kva.example' });
    parsed('ftp://user:p%40ss@h:2121', {}, { user: 'user', password: 'p@ss', port: 2121 });
    parsed('ftp://user@h', {}, { user: 'user' });
    parsed('ftp://user:@h', {}, { user: 'user', password: '' });
    parsed('ftp://:pw@h', {}, { password: 'pw' });
    parsed('ftp://@h');
    parsed('ftp://:@h', {}, { password: '' });
    parsed('ftp://me%40there:a:b@h', {}, { user: 'me@there', password: 'a:b' });
    parsed('ftp://a@b:c@d@h/x@y:z@', { name: 'x@y:z@' }, { user: 'a@b', password: 'c@d' });
    parsed('ftp://%C3%A9:\u00e9%20%3A%2F%25@h', {}, { user: '\u00e9', password: '\u00e9 :/%' });
    parsed('ftps://h', {}, { secure: 'implicit' });
    parsed('FTPES://h', {}, { secure: 'explicit' });
    for (const port of [21, 80, 443, 990]) parsed(`ftps://h:${port}/`, {}, { secure: 'implicit', port });
  });

  describe('path', () => {
    parsed('ftp://h/x', { name: 'x' });
    parsed('ftp://h/a/b/x', { directories: ['a', 'b'], name: 'x' });
    parsed('ftp://h/a/', { directories: ['a'] });
    parsed('ftp://h/%2Fetc/x', { directories: ['/etc'], name: 'x' });
    parsed('ftp://h/%2fetc%2Fmotd', { name: '/etc/motd' });
    parsed('ftp://h/%2F/etc/x', { directories: ['/', 'etc'], name: 'x' });
    parsed('ftp://h//etc/x', { directories: ['/', 'etc'], name: 'x' });
    parsed('ftp://h//', { directories: ['/'] });
    parsed('ftp://h/a//b///x', { directories: ['a', 'b'], name: 'x' });
    parsed('ftp://h/with%20space', { name: 'with space' });
    parsed('ftp://h/with space', { name: 'with space' });
    parsed('ftp://h/%20lead', { name: ' lead' });
    parsed('ftp://h/trail%20', { name: 'trail ' });
    parsed('ftp://h/\u00e9/%C3%A9%F0%9F%98%80', { directories: ['\u00e9'], name: '\u00e9\ud83d\ude00' });
    parsed('ftp://h/a+b&c=d,e!$*()~\'"', { name: 'a+b&c=d,e!$*()~\'"' });
    parsed('ftp://h/a%2Bb%25c%252F', { name: 'a+b%c%2F' });
    parsed('ftp://h/-dash', { name: '-dash' });
    parsed('ftp://h/what?/x?y', { directories: ['what?'], name: 'x?y' });
    parsed('ftp://h/x?', { name: 'x?' });
    parsed('ftp://h?x', { name: '?x' });
    parsed('ftp://h/%3F%23', { name: '?#' });
    parsed('ftp://h/x#part/y', { name: 'x' });
    parsed('ftp://h#part');
    parsed('ftp://h/a\\b\\x', { directories: ['a', 'b'], name: 'x' });
    parsed('ftp://h\\@g/x', { directories: ['@g'], name: 'x' });
    parsed('ftp://h/a%5Cb', { name: 'a\\b' });
    parsed('ftp://h/a/./b/../x', { directories: ['a'], name: 'x' });
    parsed('ftp://h/../../x', { name: 'x' });
    parsed('ftp://h/a/%2e%2E/x', { name: 'x' });
    parsed('ftp://h/a/..', {});
    parsed('ftp://h/.../.x', { directories: ['...'], name: '.x' });
    parsed('ftp://h/x%07', { name: 'x\x07' });
  });

  describe(';type=', () => {
    parsed('ftp://h/x;type=i', { name: 'x', type: 'i' });
    parsed('ftp://h/x;type=a', { name: 'x', type: 'a' });
    parsed('ftp://h/a/;type=d', { directories: ['a'], type: 'd' });
    parsed('ftp://h/;type=d', { type: 'd' });
    parsed('ftp://h/x;TYPE=A', { name: 'x', type: 'a' });
    parsed('ftp://h/a;type=i/x', { directories: ['a;type=i'], name: 'x' });
    parsed('ftp://h/x%3Btype=i', { name: 'x;type=i' });
    parsed('ftp://h/x;v=1;type=i', { name: 'x;v=1', type: 'i' });
    parsed('ftp://h/x;typ=i', { name: 'x;typ=i' });
    parsed('ftp://h/x?y;type=a', { name: 'x?y', type: 'a' });
    parsed('ftp://h/x;type=a#part', { name: 'x', type: 'a' });
  });

  it('reads all schemes and URL objects alike', () => {
    for (const rest of [
      'H\u00c9:2121/a\\b/c/../%2Fc d?e/./f%23;TYPE=A#g',
      'us%65r:p%40s:s@h',
      'u@[0:0::1]/%2e./x',
      '127.1/%7e/~',
      '0x7f.1',
      'h?x',
      'h//a//b/',
      '%48%c3%a9/|^"<>`{}',
    ]) {
      const { options, ...path } = parseFTPURL(`ftp://${rest}`);
      for (const scheme of ['ftp', 'ftps', 'ftpes']) {
        const { options: ours, ...ourPath } = parseFTPURL(`${scheme}://${rest}`);
        expect({ ...ours, secure: false }, `${scheme} ${rest}`).to.deep.equal(options);
        expect(ourPath, `${scheme} ${rest}`).to.deep.equal(path);
        expect(parseFTPURL(new URL(`${scheme}://${rest}`)), `${scheme} ${rest} as an object`).to.deep.equal({ options: ours, ...path });
      }
    }
  });

  const refused: readonly [why: string, ...urls: string[]][] = [
    ['no FTP scheme', '', 'h', 'h/x', '//h/x', 'http://h/', 'sftp://h/', 'file:///x', 'ftpx://h', 'ftp', 'ftp:', 'ftp:h', 'ftp:/h', 'javascript:ftp://h', ' ftp://h'],
    ['no host', 'ftp://', 'ftp:///x', 'ftp:////h', 'ftp://?x', 'ftp://#x', 'ftp://:21', 'ftp://u:hunter2@', 'ftp://u:hunter2@/x', 'ftps:///x', 'ftps://u:hunter2@:21/'],
    ['a host that cannot be', 'ftp://a b/', 'ftp://[::1/', 'ftp://[::g]/', 'ftp://::1/', 'ftp://h%0d%0a/', 'ftp://h%00/', 'ftp://h;type=i', 'ftp://a,b/', 'ftp://h%2Fx', 'ftp://256.1.1.1/', 'ftp://[fe80::1%25eth0]/'],
    ['a port that cannot be', 'ftp://h:0', 'ftp://h:65536', 'ftp://h:-1', 'ftp://h:x', 'ftp://h:21x/', 'ftp://h:2 1/', 'ftps://h:70000/', 'ftp://u:hunter2/3@h/'],
    ['control characters', 'ftp://h/a\r\nDELE b', 'ftp://h/a\tb', 'ftp://h/x\n', 'ftp://h\n/', 'ftp://h/\0', 'ftp://h/\x7f', 'ftp://u\n:hunter2@h'],
    ['control characters in disguise', 'ftp://h/a%0D%0ADELE%20b', 'ftp://h/a%0a/b', 'ftp://h/%00', 'ftp://u%0a:hunter2@h', 'ftp://u:hunter2%0d@h', 'ftp://h/a%0a/x;type=i'],
    ['bytes that are no UTF-8', 'ftp://h/%E4', 'ftp://h/%C0%AF', 'ftp://h/%ED%A0%80', 'ftp://h/%FF/x', 'ftp://%E4:hunter2@h', 'ftp://u:hunter2%E4@h', 'ftp://h/\ud800'],
    ['a percent that is no code', 'ftp://h/100%', 'ftp://h/%2', 'ftp://h/%zz/x', 'ftp://u:hunter2%@h'],
    ['a type that is none', 'ftp://h/x;type=', 'ftp://h/x;type=e', 'ftp://h/x;type=ii', 'ftp://h/x;type=i;type=a', 'ftp://h/x;type=i;v=1', 'ftp://h/x;type=%69'],
    ['a blank at the end', 'ftp://h/x ', 'ftp://h '],
  ];
  for (const [why, ...urls] of refused) {
    for (const url of urls) {
      it(`refuses ${why}: ${JSON.stringify(url)}`, () => {
        const error = thrown(() => parseFTPURL(url));
        expect(error).to.be.instanceOf(ArgumentError);
        expect(error.message).to.match(/^not an FTP URL: "[^\0-\x1f]*$/).and.not.contain('hunter2');
        expect(inspect(error, { showHidden: true, depth: null })).not.to.contain('hunter2');
        expect(error).not.to.have.property('cause');
      });
    }
  }

  it('refuses what is no URL at all', () => {
    for (const url of [undefined, null, 21, {}, Buffer.from('ftp://h')]) {
      expect(() => parseFTPURL(url as unknown as string)).to.throw(ArgumentError);
    }
  });

  it('takes time in proportion to the length of a hostile URL', function () {
    this.timeout(5000);
    for (const text of ['a', '/', '@', ':', ';type=', '%', '%41', '..%2f', '..', '?', '\\', '[', 'a/', ':@', ' ', '.']) {
      for (const start of ['', 'ftp://', 'ftp://h/', 'ftp://u:', 'ftp://h/x;type=']) {
        const url = start + text.repeat(50_000 / text.length);
        redactURL(url);
        try {
          parseFTPURL(url);
        } catch (error) {
          expect(error).to.be.instanceOf(ArgumentError);
        }
      }
    }
  });
});

describe('the whole path of a URL', () => {
  const cases: readonly [url: string, path: string][] = [
    ['ftp://h', ''],
    ['ftp://h/x', 'x'],
    ['ftp://h/a/b/x', 'a/b/x'],
    ['ftp://h/a/b/', 'a/b/'],
    ['ftp://h/%2Fetc/x', '/etc/x'],
    ['ftp://h/%2F/etc/x', '/etc/x'],
    ['ftp://h//etc/x', '/etc/x'],
    ['ftp://h//', '/'],
    ['ftp://h/%2F', '/'],
    ['ftp://h/a%2F/x', 'a/x'],
    ['ftp://h/x;type=a', 'x'],
  ];
  for (const [url, path] of cases) {
    it(`is ${JSON.stringify(path)} for ${url}`, () => {
      expect(parseFTPURL(url).path).to.equal(path);
    });
  }
});

describe('redactURL', () => {
  const cases: readonly [url: string, shown: string][] = [
    ['ftp://h/a/x;type=i', 'ftp://h/a/x;type=i'],
    ['ftp://h:2121/x', 'ftp://h:2121/x'],
    ['ftp://[::1]:2121/x', 'ftp://[::1]:2121/x'],
    ['ftp://h/me@there', 'ftp://h/me@there'],
    ['ftp://[::1]/me@there', 'ftp://[::1]/me@there'],
    ['ftp://u:pw@h:21/x', 'ftp://****@h:21/x'],
    ['ftp://u@h', 'ftp://****@h'],
    ['FTPS://u:p@w@h/x', 'FTPS://****@h/x'],
    ['sftp://u:pw@h/x', 'sftp://****@h/x'],
    // mistyped
    ['ftp://u:p/w@h/x', 'ftp://****@h/x'],
    ['ftp://u:1/2@h/x', 'ftp://****@h/x'],
    ['ftp://u:p?w#@h', 'ftp://****@h'],
    ['ftp://u:p@w/z@h/x', 'ftp://****@h/x'],
    ['ftp:\\\\u:pw@h', 'ftp:\\\\****@h'],
    ['ftp:u:pw@h/x', '****@h/x'],
    ['u:pw@h/x', '****@h/x'],
    [' ftp://u:pw@h/x', '****@h/x'],
    ['ftp://u:p\nw@h', 'ftp://****@h'],
    ['ftp://u:pw', 'ftp://****'],
    ['ftp://u:pw/x', 'ftp://****'],
    ['ftp://[u:pw', 'ftp://****'],
    ['', ''],
  ];
  for (const [url, shown] of cases) {
    it(`shows ${JSON.stringify(url)} as ${JSON.stringify(shown)}`, () => {
      expect(redactURL(url)).to.equal(shown);
    });
  }

  it('takes a URL object', () => {
    expect(redactURL(new URL('ftp://u:pw@h/x'))).to.equal('ftp://****@h/x');
  });
});

function thrown(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
