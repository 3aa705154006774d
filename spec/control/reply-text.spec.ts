import { expect } from 'chai';
import { Reply } from '../../lib/reply';
import { announcedSize, parse150, parse257 } from '../../lib/control/reply-text';
import { FTPError, ProtocolError, ReplyError } from '../../lib/errors';

const LONG = 200_000;

describe('parse150', () => {
  const cases: readonly [reply: string, size: number | undefined][] = [
    // vsftpd, ProFTPD, inetutils, wu-ftpd with TLS
    ['150 Opening BINARY mode data connection for zero.txt (0 bytes).', 0],
    ['150 Opening BINARY mode data connection for big.bin (10485760 bytes)', 10485760],
    ["150 Opening BINARY mode data connection for 'zero.txt' (6 bytes).", 6],
    ['150 Opening BINARY mode data connection for x (1234 bytes) using SSL/TLS.', 1234],
    ['150 (1000000 bytes)', 1000000],
    ['150 Opening x (77 BYTES)', 77],
    ['150 Opening x (0042 bytes)', 42],
    ['150 Opening BINARY mode data connection for one.txt (1 byte)', 1], // ProFTPD
    // ProFTPD for an empty file, Pure-FTPd, pyftpdlib
    ['150 Opening BINARY mode data connection for zero.txt', undefined],
    ['150-Accepted data connection\n150 10240.0 kbytes to download', undefined],
    ['150 File status okay. About to open data connection.', undefined],
    ['150 x (10240 kbytes)', undefined],
    ['150 x (1.5 bytes)', undefined],
    ['150 x (-5 bytes)', undefined],
    ['150 x (5 bytes', undefined],
    ['150 x ( 5 bytes)', undefined],
    ['150 x(5 bytes)', undefined],
    ['150 x (٣ bytes)', undefined],
    ['150', undefined],
    // what the size is not
    ['150 Opening x (5 bytes) (9 bytes).', 9],
    ['150 Opening (5 bytes)/x', undefined],
    ['150 Opening x (5 bytes).txt', undefined],
    ["150 Opening 'x (5 bytes)'", undefined],
    ['150-Opening x\n150 now (8 bytes)', 8],
    // as far as a number can be exact
    ['150 x (9007199254740991 bytes)', Number.MAX_SAFE_INTEGER],
    ['150 x (9007199254740992 bytes)', undefined],
    [`150 x (${'9'.repeat(400)} bytes)`, undefined],
  ];
  for (const [reply, size] of cases) {
    it(`finds ${size ?? 'no size'} in ${JSON.stringify(reply.slice(0, 90))}`, () => {
      expect(parse150(reply)).to.equal(size);
      expect(parse150(new Reply(150, reply.split('\n')))).to.equal(size);
    });
  }

  const named: readonly [name: string, reply: string, size: number | undefined][] = [
    ['x (5 bytes)', '150 Opening BINARY mode data connection for x (5 bytes)', undefined],
    ['x (5 bytes)', '150 Opening BINARY mode data connection for x (5 bytes) (9 bytes).', 9],
    ['pub/x (5 bytes)', '150 Opening for /home/pub/x (5 bytes)', undefined],
    ['pub/x (5 bytes)', '150 Opening for x (5 bytes)', undefined],
    ['(5 bytes)', '150 Opening for (5 bytes) (5 bytes).', 5],
    ['(5 bytes)', '150 Opening for (5 bytes) (9 bytes).', 9],
    ['x $& (5 bytes)', '150 Opening for x $& (5 bytes)', undefined],
    ['0', '150 Opening for 0 (1000 bytes)', 1000],
    ['1', '150 Opening for 1 (1000 bytes)', 1000],
    ['bytes', '150 Opening for bytes (1000 bytes)', 1000],
    ['bytes', '150 Opening (1000 bytes)', 1000],
    ['', '150 Opening (7 bytes)', 7],
  ];
  for (const [name, reply, size] of named) {
    it(`is not misled by a file called ${JSON.stringify(name)}: ${JSON.stringify(reply)}`, () => {
      expect(parse150(reply, name)).to.equal(size);
      expect(announcedSize(new Reply(150, [reply]), name)).to.equal(size);
    });
  }

  for (const reply of ['125 x (5 bytes)', '226 done', '425 no', '550 no such file (5 bytes)', '15', '', 'x 150 (5 bytes)']) {
    it(`refuses ${JSON.stringify(reply)} as a reply of another code`, () => {
      expect(() => parse150(reply)).to.throw(ReplyError).with.property('code', 'ERR_FTP_REPLY');
    });
  }

  it('takes time in proportion to the length of a hostile reply', function () {
    this.timeout(3000);
    for (const text of ['(', '(1', '1', ' (', '(1 bytes', '(1 bytes) ', ' (1 bytes).x']) {
      parse150(`150 ${text.repeat(LONG / text.length)}`, 'x (1 bytes)');
      parse150(`150 (${text.repeat(LONG / text.length)}`);
    }
  });
});

describe('announcedSize', () => {
  it('takes 125 as well as 150', () => {
    expect(announcedSize(new Reply(125, ['125 Data connection already open (5 bytes)']))).to.equal(5);
    expect(announcedSize(new Reply(150, ['150 x (6 bytes)']))).to.equal(6);
  });

  it('finds none in any other mark', () => {
    expect(announcedSize(new Reply(120, ['120 x (5 bytes)']))).to.equal(undefined);
  });
});

describe('parse257', () => {
  const cases: readonly [from: string, reply: string, path: string][] = [
    ['ftplib', '257 "/foo/bar"', '/foo/bar'],
    ['ftplib', '257 "/foo/bar" created', '/foo/bar'],
    ['ftplib', '257 ""', ''],
    ['ftplib', '257 "" created', ''],
    ['ftplib', '257 "/foo/b""ar"', '/foo/b"ar'],
    ['ftplib', '257 "/foo/b""ar" created', '/foo/b"ar'],
    ['vsftpd', '257 "/" is the current directory', '/'],
    ['vsftpd', '257 "/quote""dir" is the current directory', '/quote"dir'],
    ['ProFTPD', '257 "/a""b" - Directory successfully created', '/a"b'],
    ['ProFTPD', '257 "/ lead" - Directory successfully created', '/ lead'],
    ['Pure-FTPd', '257 "/" is your current location', '/'],
    ['Pure-FTPd', '257 "/quote"dir" is your current location', '/quote"dir'],
    ['Pure-FTPd', '257 "a"b" : The directory was successfully created', 'a"b'],
    ['pyftpdlib', '257 "/quote""dir" is the current directory.', '/quote"dir'],
    ['inetutils', '257 "/home/quote"dir" is current directory.', '/home/quote"dir'],
    ['inetutils', '257 "/home/a"b" new directory created.', '/home/a"b'],
    ['aioftp', '257 "/quote"dir"', '/quote"dir'],
    ['Twisted', '257 "a"b" created', 'a"b'],
    ['z/OS', '257 "\'USER.\'" is working directory.', "'USER.'"],
    // quotes at the ends, doubled
    ['doubled', '257 "/a""" is current', '/a"'],
    ['doubled', '257 """a""" is current', '"a"'],
    ['doubled', '257 "/a"" b" is current', '/a" b'],
    ['doubled', '257 "/a"""""', '/a""'],
    ['doubled', '257 "/a""""b" created', '/a""b'],
    // and not
    ['undoubled', '257 "/a"" is current', '/a"'],
    ['undoubled', '257 "/a""', '/a"'],
    ['undoubled', '257 ""a" is current', '"a'],
    ['undoubled', '257 ""a"" is current', '"a"'],
    ['undoubled', '257 "/a"b"c" is current', '/a"b"c'],
    ['undoubled', '257 "/a"b""c" is current', '/a"b""c'],
    ['undoubled', '257 "/a" b" is current', '/a" b'],
    // words after the path
    ['commentary', '257 "/x" is "y"', '/x'],
    ['commentary', '257 "/a""b" is "y"', '/a"b'],
    ['commentary', '257 "/x".', '/x'],
    ['commentary', '257 "/a""b".', '/a"b'],
    ['commentary', '257 "/x":created', '/x'],
    ['after words', '257 current directory is "/foo"', '/foo'],
    ['after words', '257 Current directory: "/a""b" now', '/a"b'],
    ['two lines', '257-"/foo" is current\r\n257 end', '/foo'],
    ['two lines', '257-working directory:\n257 "/foo"', '/foo'],
  ];
  for (const [from, reply, path] of cases) {
    it(`reads ${JSON.stringify(path)} from ${from}: ${JSON.stringify(reply)}`, () => {
      expect(parse257(reply)).to.equal(path);
      expect(parse257(new Reply(257, reply.split(/\r?\n/)))).to.equal(path);
    });
  }

  for (const reply of ['257 ', '257', '257 created', '257 /foo is current directory', '257 "/foo', '257 "', '257 current directory is "/foo']) {
    it(`tells no path, and is an error: ${JSON.stringify(reply)}`, () => {
      for (const each of [reply, new Reply(257, [reply])]) expect(thrown(() => parse257(each))).to.be.instanceOf(ProtocolError);
    });
  }

  it('gives back any name as RFC 959 quotes it', () => {
    for (const name of ['a', '"', '""', '"""', 'a" b', '" "', ' ', 'a"', '"a', '", "', 'é"', 'a""b']) {
      const quoted = name.replaceAll('"', '""');
      expect(parse257(`257 "/${quoted}" is the current directory`), name).to.equal(`/${name}`);
      expect(parse257(`257 "/${quoted}"`), name).to.equal(`/${name}`);
    }
  });

  it('refuses another code, and shows the reply', () => {
    const error = thrown(() => parse257('550-no\n550 "/x"'));
    expect(error).to.be.instanceOf(ReplyError);
    expect(error.code).to.equal('ERR_FTP_REPLY');
    expect(error.message).to.equal('expected a 257 reply: 550-no\n550 "/x"');
    expect(error.reply).to.include({ code: 550 }).and.have.deep.property('lines', ['550-no', '550 "/x"']);
    expect(() => parse257('250 "/foo/bar"')).to.throw(ReplyError);
    expect(thrown(() => parse257('nonsense'))).not.to.have.property('reply');
  });

  it('takes time in proportion to the length of a hostile reply', function () {
    this.timeout(3000);
    for (const text of ['"', '""a', '"a', '" ', '"" ', 'a']) parse257(`257 "${text.repeat(LONG / text.length)}"`);
  });
});

function thrown(act: () => unknown): FTPError {
  try {
    act();
  } catch (error) {
    if (error instanceof FTPError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
