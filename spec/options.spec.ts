import { expect } from 'chai';
import { ArgumentError } from '../lib/errors';
import { FTP } from '../lib/client/ftp';
import { settingsOf, type FTPOptions } from '../lib/options';

describe('options', () => {
  it('are filled in with the documented defaults', () => {
    expect(settingsOf({})).to.include({
      user: 'anonymous', password: 'anonymous@', port: 21, secure: false, passive: true, compress: false, trustServerPasvAddress: false,
      connectTimeout: 30_000, replyTimeout: 30_000, stallTimeout: 30_000, maxLineBytes: 65_536, maxReadAheadBytes: 16 * 1024 * 1024,
    });
  });

  it('implicit TLS has port 990 unless another is given', () => {
    expect(settingsOf({ secure: 'implicit' }).port).to.equal(990);
    expect(settingsOf({ secure: 'implicit', port: 2990 }).port).to.equal(2990);
  });

  it('a named user has no password unless one is given', () => {
    expect(settingsOf({ user: 'anna' })).to.include({ user: 'anna', password: '' });
  });

  it('timeout holds for each timeout that is not given itself; 0 switches it off', () => {
    expect(settingsOf({ timeout: 5, replyTimeout: 0 })).to.include({ connectTimeout: 5, replyTimeout: 0, stallTimeout: 5 });
  });

  const refused: [string, unknown][] = [
    ['an empty host', { host: '' }], ['a host with a blank', { host: 'a b' }], ['a host with CR LF', { host: 'a\r\nb' }], ['a host that is a number', { host: 7 }],
    ['port 70000', { port: 70000 }], ['port 0', { port: 0 }], ['a port with a fraction', { port: 2.5 }], ['a port that is a string', { port: '21' }],
    ['a negative timeout', { timeout: -1 }], ['NaN as a timeout', { replyTimeout: NaN }], ['a timeout beyond what timers hold', { stallTimeout: 2 ** 31 }],
    ['secure: true', { secure: true }], ['passive: 1', { passive: 1 }], ['family 5', { family: 5 }],
    ['a port range that ends before it begins', { localPortRange: [2000, 1999] }], ['a port range of one', { localPortRange: [2000] }],
    ['a cap of 0 bytes', { maxLineBytes: 0 }], ['a cap with a fraction', { maxReadAheadBytes: 1.5 }], ['a cap on reply lines of -1', { maxReplyLineBytes: -1 }],
    ['a user with CR LF', { user: 'a\r\nDELE b' }], ['a password with NUL', { password: 'a\0b' }], ['a user that is a number', { user: 7 }],
    ['an encoding that cannot carry lines', { encoding: 'base64' }], ['createConnection: 1', { createConnection: 1 }],
    ['a time zone of more than a day', { serverTimeZoneOffset: 3600 }], ['a time zone that is a name', { serverTimeZoneOffset: 'CET' }], ['NaN as a time zone', { serverTimeZoneOffset: NaN }],
    ['netrc: 5', { netrc: 5 }], ['a netrc file without a name', { netrc: '' }], ['an object without a prototype', { port: Object.create(null) }],
    ['mlsd: 0', { mlsd: 0 }], ['enterFolders: "yes"', { enterFolders: 'yes' }],
    ['a fingerprint that is too short', { pin: 'AB:CD' }], ['a fingerprint that is a number', { pin: 7 }],
    ['a local address that is none', { localAddress: 'nonsense' }], ['a local address that is a name', { localAddress: 'localhost' }],
  ];
  for (const [what, options] of refused) {
    it(`refuse ${what} with ArgumentError, before anything is sent`, () => {
      expect(() => new FTP(options as FTPOptions)).to.throw(ArgumentError);
    });
  }

  it('are copied: what the caller changes later in an object or an array has no effect', () => {
    const options = { tls: { servername: 'a' }, afterLogin: ['NOOP'], localPortRange: [2000, 2001] as [number, number] };
    const settings = settingsOf(options);
    options.tls.servername = 'b';
    options.afterLogin.push('QUIT');
    options.localPortRange[0] = 1;
    expect(settings).to.deep.include({ tls: { servername: 'a' }, afterLogin: ['NOOP'], localPortRange: [2000, 2001] });
  });

  it('never show a refused password', () => {
    expect(() => new FTP({ password: 'hunter2\r\n' })).to.throw(ArgumentError).with.property('message').that.does.not.include('hunter2');
    expect(() => new FTP({ password: 'hunter2\u010d', encoding: 'latin1' })).to.throw(ArgumentError).with.property('message').that.does.not.include('hunter2');
  });
});
