import { expect } from 'chai';
import { Reply } from '../../lib/reply';
import { formatEprt, formatPort, parse227, parse229, sameHost } from '../../lib/control/reply-text';
import { ArgumentError, ProtocolError, ReplyError } from '../../lib/errors';

const LONG = 200_000;

describe('parse227', () => {
  const cases: readonly [reply: string, host: string, port: number][] = [
    // vsftpd, Pure-FTPd, pyftpdlib, aioftp
    ['227 Entering Passive Mode (127,0,0,1,86,125).', '127.0.0.1', 22141],
    ['227 Entering Passive Mode (127,0,0,1,94,96)', '127.0.0.1', 24160],
    ['227 Entering passive mode (127,0,0,1,98,72).', '127.0.0.1', 25160],
    ['227-listen socket created\n227 (127,0,0,1,117,148)', '127.0.0.1', 30100],
    ['227 Entering Passive Mode 10,1,2,3,4,5', '10.1.2.3', 1029],
    ['227 =127,0,0,1,4,51', '127.0.0.1', 1075],
    ['227 1,2,3,4,5,6 and more', '1.2.3.4', 1286],
    ['227 (127, 0, 0, 1, 4, 51)', '127.0.0.1', 1075],
    ['227 (010,000,000,001,004,051)', '10.0.0.1', 1075],
    ['227 2 words, then (1,2,3,4,0,21)', '1.2.3.4', 21],
    ['227 (255,255,255,255,255,255)', '255.255.255.255', 65535],
    ['227-was (1,2,3,4,5,6)\r\n227 is (1,2,3,4,5,7)', '1.2.3.4', 1287],
    ['227-at (1,2,3,4,5,6)\n227 done', '1.2.3.4', 1286],
  ];
  for (const [reply, host, port] of cases) {
    it(`finds ${host}:${port} in ${JSON.stringify(reply)}`, () => {
      expect(parse227(reply)).to.deep.equal({ host, port });
      expect(parse227(new Reply(227, reply.split(/\r?\n/)))).to.deep.equal({ host, port });
    });
  }

  const malformed = [
    '227',
    '227 Entering Passive Mode',
    '227 (127,0,0,1,4)',
    '227 (127.0.0.1,4,51)',
    '227 (a,b,c,d,e,f)',
    '227 (256,0,0,1,4,51)',
    '227 (127,0,0,1,256,1)',
    '227 (127,0,0,1,1,256)',
    '227 (127,0,0,1,0,0)',
    '227 (127,0,0,-1,1,1)',
    '227 (127,0,0,99999999999999999999,1,1)',
    '227-(1,2,3,4,5,6)\n227 (1,2,3,4,5,666)',
    '227-1,2,3,\n227 4,5,6',
  ];
  for (const reply of malformed) {
    it(`refuses ${JSON.stringify(reply)}`, () => {
      expect(() => parse227(reply)).to.throw(ProtocolError).with.nested.property('reply.code', 227);
    });
  }

  for (const reply of ['229 (1,2,3,4,5,6)', '500 no (1,2,3,4,5,6)', '421 bye', '', 'x227 (1,2,3,4,5,6)']) {
    it(`refuses ${JSON.stringify(reply)} as a reply of another code`, () => {
      expect(() => parse227(reply)).to.throw(ReplyError, 'expected a 227 reply').with.property('code', 'ERR_FTP_REPLY');
    });
  }

  it('takes time in proportion to the length of a hostile reply', function () {
    this.timeout(3000);
    for (const text of ['1', ',', '999,', '1 ', '999, ', '1,2,3,4,5,x', '999 ,  ', '1,1\n']) {
      expect(() => parse227(`227 ${text.repeat(LONG / text.length)}x`), text).to.throw(ProtocolError);
    }
  });
});

describe('parse229', () => {
  const cases: readonly [reply: string, port: number][] = [
    // vsftpd, Pure-FTPd, pyftpdlib, aioftp
    ['229 Entering Extended Passive Mode (|||22168|)', 22168],
    ['229 Extended Passive mode OK (|||24159|)', 24159],
    ['229 Entering extended passive mode (|||25103|).', 25103],
    ['229-listen socket already exists\n229 (|||30100|)', 30100],
    ['229 (mode) extended (|||1|)', 1],
    ['229 (|||65535|)', 65535],
    ['229 (|||00021|)', 21],
    ['229 (!!!6446!)', 6446],
    ['229 (1112131)', 213],
    ['229 ((((6446()', 6446],
    ['229 ()))6446))', 6446],
    ['229-(|||5|)\n229 (|||6|)', 6],
    // filled in, as ftplib lets pass
    ['229 (|1|132.235.1.2|6275|)', 6275],
    ['229 (|2|1080::8:800:200C:417A|5282|)', 5282],
    ['229 (|2|fe80::1%eth0|5282|)', 5282],
  ];
  for (const [reply, port] of cases) {
    it(`finds ${port} in ${JSON.stringify(reply)}`, () => {
      expect(parse229(reply)).to.deep.equal({ port });
      expect(parse229(new Reply(229, reply.split('\n')), '::1')).to.deep.equal({ host: '::1', port });
    });
  }

  it('takes every delimiter from 33 to 126, digits too', () => {
    for (let code = 33; code <= 126; code++) {
      const d = String.fromCharCode(code);
      expect(parse229(`229 Extended passive mode (${d}${d}${d}6446${d})`), d).to.deep.equal({ port: 6446 });
    }
  });

  const malformed = [
    '229',
    '229 EPSV ALL Successful.', // GridFTP's answer to EPSV ALL
    '229 (|||)',
    '229 (||||)',
    '229 (|||21)',
    '229 |||21|',
    '229 (|||21|',
    '229 (||21|)',
    '229 (||||21|)',
    '229 (|||21!)',
    '229 (|!|21|)',
    '229 (   21 )',
    '229 (ééé21é)',
    '229 (|||2x1|)',
    '229 (|||-21|)',
    '229 (|||0|)',
    '229 (|||65536|)',
    '229 (|||99999999999999999999|)',
    '229-(|||5\n229 |)',
  ];
  for (const reply of malformed) {
    it(`refuses ${JSON.stringify(reply)}`, () => {
      expect(() => parse229(reply)).to.throw(ProtocolError).with.nested.property('reply.code', 229);
    });
  }

  it('refuses another code', () => {
    expect(() => parse229('227 (|||21|)')).to.throw(ReplyError, 'expected a 229 reply: 227 (|||21|)');
    expect(() => parse229('522 Network protocol not supported, use (1)')).to.throw(ReplyError);
  });

  it('takes time in proportion to the length of a hostile reply', function () {
    this.timeout(3000);
    for (const text of ['(', '1', '(1', '|', '(|||', '(|||1', '(||', '(11', '()']) {
      expect(() => parse229(`229 (${text.repeat(LONG / text.length)}x`), text).to.throw(ProtocolError);
    }
  });
});

describe('formatPort', () => {
  it('writes six numbers', () => {
    expect(formatPort('127.0.0.1', 1)).to.equal('127,0,0,1,0,1');
    expect(formatPort('192.168.10.255', 65535)).to.equal('192,168,10,255,255,255');
    expect(formatPort('10.0.0.1', 256)).to.equal('10,0,0,1,1,0');
  });

  it('takes an IPv4 address that is mapped into IPv6', () => {
    for (const host of ['::ffff:127.0.0.1', '::FFFF:7f00:1', '0:0:0:0:0:ffff:127.0.0.1', '::ffff:127.0.0.1%eth0']) {
      expect(formatPort(host, 21), host).to.equal('127,0,0,1,0,21');
    }
  });

  for (const host of ['::1', 'fe80::1%eth0', '::127.0.0.1', 'localhost', '', '1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4\r\nDELE x', '1.2.3.4.5']) {
    it(`refuses ${JSON.stringify(host)}`, () => {
      expect(() => formatPort(host, 21)).to.throw(ArgumentError);
    });
  }

  for (const port of [0, -1, 65536, 1.5, NaN]) {
    it(`refuses the port ${port}`, () => {
      expect(() => formatPort('127.0.0.1', port)).to.throw(ArgumentError);
      expect(() => formatEprt('127.0.0.1', port)).to.throw(ArgumentError);
    });
  }
});

describe('formatEprt', () => {
  const cases: readonly [host: string, argument: string][] = [
    ['132.235.1.2', '|1|132.235.1.2|6275|'],
    ['::ffff:132.235.1.2', '|1|132.235.1.2|6275|'],
    ['::1', '|2|::1|6275|'],
    ['1080:0:0:0:8:800:200C:417A', '|2|1080::8:800:200c:417a|6275|'],
    ['fe80::1%eth0', '|2|fe80::1|6275|'],
    ['::', '|2|::|6275|'],
  ];
  for (const [host, argument] of cases) {
    it(`writes ${argument} for ${host}`, () => {
      expect(formatEprt(host, 6275)).to.equal(argument);
    });
  }

  for (const host of ['localhost', '', ':', '::1]/x[', '[::1]', '::1\r\nDELE x', '1::2::3', '::g', '1.2.3.4%eth0', '%', `::${'1:'.repeat(LONG)}`]) {
    it(`refuses ${JSON.stringify(host.slice(0, 40))}`, () => {
      expect(() => formatEprt(host, 21)).to.throw(ArgumentError);
    });
  }
});

describe('sameHost', () => {
  const same: readonly [a: string, b: string][] = [
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.1', '::ffff:127.0.0.1'],
    ['::ffff:7f00:1', '127.0.0.1'],
    ['::FFFF:10.0.0.1', '::ffff:a00:1'],
    ['::1', '0:0:0:0:0:0:0:1'],
    ['::1', '0000::0001'],
    ['2001:DB8::1', '2001:db8:0:0::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['fe80::1%eth0', 'fe80::1%2'],
    ['ftp.example', 'FTP.example'],
  ];
  for (const [a, b] of same) {
    it(`takes ${a} and ${b} for one host`, () => {
      expect(sameHost(a, b)).to.equal(true);
      expect(sameHost(b, a)).to.equal(true);
    });
  }

  const different: readonly [a: string, b: string][] = [
    ['127.0.0.1', '127.0.0.2'],
    ['127.0.0.1', '::1'],
    ['127.0.0.1', '::127.0.0.1'],
    ['127.0.0.1', '::ffff:0:127.0.0.1'],
    ['127.0.0.1', '64:ff9b::127.0.0.1'],
    ['127.0.0.1', '127.0.0.01'],
    ['127.0.0.1', '127.1'],
    ['::1', '::2'],
    ['::1', '[::1]'],
    ['ftp.example', '127.0.0.1'],
    ['', '127.0.0.1'],
    ['', '::'],
    ['', ''],
  ];
  for (const [a, b] of different) {
    it(`takes ${JSON.stringify(a)} and ${JSON.stringify(b)} for two`, () => {
      expect(sameHost(a, b)).to.equal(false);
      expect(sameHost(b, a)).to.equal(false);
    });
  }
});
