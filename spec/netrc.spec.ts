import { expect } from 'chai';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FTPError, isFTPError } from '../lib/errors';
import { netrc, NetrcParseError, type Netrc } from '../lib/netrc';

type Hosts = Readonly<Record<string, readonly string[]>>;

/** What Python 3.11's netrc module makes of each, checked by running it: login, account, password. */
const AS_PYTHON: readonly (readonly [what: string, text: string, hosts: Hosts])[] = [
  ['nothing', '', {}],
  ['blank lines', '\n \t\n\n', {}],
  ['one machine', 'machine h login l password p\n', { h: ['l', '', 'p'] }],
  ['no line end', 'machine h login l password p', { h: ['l', '', 'p'] }],
  ['CRLF', 'machine h\r\nlogin l\r\npassword p\r\n', { h: ['l', '', 'p'] }],
  ['CR', 'machine h\rlogin l\rpassword p', { h: ['l', '', 'p'] }],
  ['one word a line', 'machine\nh\n\tlogin\n\tl\n\tpassword\n\tp\n', { h: ['l', '', 'p'] }],
  ['user for login', 'machine h user l password p', { h: ['l', '', 'p'] }],
  ['any order', 'machine h password p account a login l', { h: ['l', 'a', 'p'] }],
  ['default', 'machine h login l password p\ndefault login d password e account f', { h: ['l', '', 'p'], default: ['d', 'f', 'e'] }],
  ['machine after default', 'default login d\nmachine h login l', { default: ['d', '', ''], h: ['l', '', ''] }],
  ['name only', 'machine h', { h: ['', '', ''] }],
  ['two names', 'machine g machine h login l', { g: ['', '', ''], h: ['l', '', ''] }],
  ['value cut off', 'machine h login', { h: ['', '', ''] }],
  ['password cut off', 'machine h login l password', { h: ['l', '', ''] }],
  ['a host twice', 'machine h login a password p\nmachine h login b', { h: ['b', '', ''] }],
  ['a field twice', 'machine h login a login b', { h: ['b', '', ''] }],
  ['keywords as values', 'machine machine login login password password', { machine: ['login', '', 'password'] }],
  ['an entry named default', 'machine default login l', { default: ['l', '', ''] }],
  // quotes and backslashes
  ['quotes', 'machine h login "l" password "p q"', { h: ['l', '', 'p q'] }],
  ['quotes over lines', 'machine h password "p\nq"', { h: ['', '', 'p\nq'] }],
  ['empty quotes', 'machine h login "" account "" password ""', { h: ['', '', ''] }],
  ['a word right after quotes', 'machine h login "l"password p', { h: ['l', '', 'p'] }],
  ['a quote inside a word', 'machine h password p"q"', { h: ['', '', 'p"q"'] }],
  ['an escaped quote', 'machine h login \\"l password "\\"p"', { h: ['"l', '', '"p'] }],
  ['an escaped backslash', 'machine h password p\\\\q', { h: ['', '', 'p\\q'] }],
  ['an escaped blank', 'machine h password p\\ q', { h: ['', '', 'p q'] }],
  ['an escape in front of any letter', 'machine h password \\p\\n', { h: ['', '', 'pn'] }],
  ['a backslash at the end', 'machine h password p\\', { h: ['', '', 'p'] }],
  ['quotes never closed', 'machine h password "p q\n', { h: ['', '', 'p q\n'] }],
  // comments
  ['a comment', '# c\nmachine h login l', { h: ['l', '', ''] }],
  ['a comment of one word', '#c\nmachine h login l', { h: ['l', '', ''] }],
  ['an empty comment', '#\nmachine h login l', { h: ['l', '', ''] }],
  ['a comment below an entry', 'machine g login l\n# c machine x\nmachine h login m', { g: ['l', '', ''], h: ['m', '', ''] }],
  ['a comment beside an entry', 'machine g login l # c d\nmachine h login m #c d', { g: ['l', '', ''], h: ['m', '', ''] }],
  ['a comment within an entry', 'machine h\n# password x\nlogin l', { h: ['l', '', ''] }],
  ['# in a value', 'machine h login #l account a# password p#q #c', { h: ['#l', 'a#', 'p#q'] }],
  // names
  ['letters beyond ASCII', 'machine h login \u00a1\u00e9 password \ud83d\ude00', { h: ['\u00a1\u00e9', '', '\ud83d\ude00'] }],
  ['a no-break space is no blank', 'machine h password p\u00a0q', { h: ['', '', 'p\u00a0q'] }],
  ['names of JavaScript', 'machine __proto__ login l password p\nmachine valueOf login c', { ['__proto__']: ['l', '', 'p'], valueOf: ['c', '', ''] }],
];

/** Where Python 3.11 answers `bad toplevel token`, taking words of a comment, or a byte order mark, for keywords. */
const UNLIKE_PYTHON: typeof AS_PYTHON = [
  ['a comment below a blank line', '\n# c d\nmachine h login l', { h: ['l', '', ''] }],
  ['a comment of words at the top', '#c d\nmachine h login l', { h: ['l', '', ''] }],
  ['a comment that was an entry', '#machine x login y password z\nmachine h login l', { h: ['l', '', ''] }],
  ['a byte order mark', '\ufeffmachine h login l', { h: ['l', '', ''] }],
];

const BAD: readonly (readonly [what: string, text: string, lineno: number])[] = [
  ['an unknown word at the top', 'machine h login l\n\nhost x hunter2\n', 3],
  ['an unknown word at the top', 'hunter2 x', 1],
  ['an unknown word within an entry', 'machine h\nlogin l\npassword hunter2 hunter2\nmachine g', 3],
  ['a keyword in another case', 'Machine h password hunter2', 1],
  ['a host after default', 'default h password hunter2', 1],
  ['an empty word where a keyword belongs', 'machine h password hunter2\n"" machine g', 2],
  ['a machine without a name', 'machine h password hunter2\nmachine\n', 2],
  ['a machine with an empty name', 'machine "" password hunter2', 1],
  ['a macro without a name', '\nmacdef', 2],
  ['a macro without its empty line', 'machine h\nmacdef m\nquote pass hunter2\n', 2],
  ['a macro without a line', 'macdef m', 1],
];

describe('netrc', () => {
  let folder: string;
  const write = (content: string | Buffer, name = 'netrc'): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const parse = (content: string | Buffer): Netrc => netrc(write(content));
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'netrc-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  for (const [what, text, hosts] of [...AS_PYTHON, ...UNLIKE_PYTHON]) {
    it(`reads ${what}: ${JSON.stringify(text)}`, () => {
      const found = [...parse(text).hosts].map(([host, { login, account, password }]) => [host, [login, account, password]]);
      expect(found).to.deep.equal(Object.entries(hosts));
    });
  }

  for (const [what, text, lineno] of BAD) {
    it(`refuses ${what}, naming line ${lineno} and nothing of it: ${JSON.stringify(text)}`, () => {
      const path = write(text);
      const error = thrown(() => netrc(path));
      expect(error).to.be.instanceOf(NetrcParseError).and.instanceOf(FTPError);
      expect(error).to.include({ name: 'NetrcParseError', code: 'ERR_FTP_NETRC', filename: path, lineno });
      expect(error.message).to.match(/^.+, line \d+: [^\n]+$/).and.not.contain('hunter2');
      expect(isFTPError(error)).to.equal(true);
    });
  }

  describe('authenticators', () => {
    const entries = 'machine h login l account a password p\ndefault login d password e';

    it('gives the entry of the host', () => {
      expect(parse(entries).authenticators('h')).to.deep.equal({ login: 'l', account: 'a', password: 'p' });
    });

    it('gives the default entry for every other host', () => {
      for (const host of ['g', 'H', 'h.', '', '__proto__', 'toString']) {
        expect(parse(entries).authenticators(host), host).to.deep.equal({ login: 'd', account: '', password: 'e' });
      }
    });

    it('gives the entry of the user that is named, of several for one host, or for all others', () => {
      const several = parse(`machine h login a password p
machine h login b password q account c
machine g login a
default login a password d
default login z`);
      expect(several.authenticators('h', 'a')).to.deep.equal({ login: 'a', account: '', password: 'p' });
      expect(several.authenticators('h', 'b')).to.deep.equal({ login: 'b', account: 'c', password: 'q' });
      expect(several.authenticators('h', 'z')).to.deep.equal({ login: 'z', account: '', password: '' });
      expect(several.authenticators('x', 'a')).to.deep.equal({ login: 'a', account: '', password: 'd' });
      for (const user of ['c', '', '__proto__']) expect(several.authenticators('h', user), user).to.equal(undefined);
      expect([...several.hosts]).to.deep.equal([
        ['h', { login: 'b', account: 'c', password: 'q' }],
        ['g', { login: 'a', account: '', password: '' }],
        ['default', { login: 'z', account: '', password: '' }],
      ]);
    });

    it('gives the one with a password, of two for one user, and else the last', () => {
      expect(parse('machine h login a password p\nmachine h login a').authenticators('h', 'a')).to.include({ password: 'p' });
      expect(parse('machine h login a password p\nmachine h login a password q').authenticators('h', 'a')).to.include({ password: 'q' });
    });

    it('gives undefined where there is neither', () => {
      const parsed = parse('machine h login l');
      for (const host of ['g', '__proto__', 'toString', 'default']) expect(parsed.authenticators(host), host).to.equal(undefined);
    });
  });

  describe('macros', () => {
    const macros = (text: string): unknown => [...parse(text).macros];

    it('are the lines up to an empty one', () => {
      expect(macros('macdef a\nline1\n  line2 \n\nmacdef b\nline3\nmachine h\n\n')).to.deep.equal([
        ['a', ['line1', '  line2 ']],
        ['b', ['line3', 'machine h']],
      ]);
    });

    it('may be empty, end in CRLF, hold blanks, quotes and comments', () => {
      expect(macros('macdef a\n\nmacdef b\r\n"x\\y" # z\r\n \r\n\r\n')).to.deep.equal([
        ['a', []],
        ['b', ['"x\\y" # z', ' ']],
      ]);
    });

    it('may have a blank after their name, or their first line', () => {
      expect(macros('macdef a \nx\n\nmacdef b y z\nx\n\n')).to.deep.equal([
        ['a', ['x']],
        ['b', ['y z', 'x']],
      ]);
    });

    it('end the entry in front of them, and leave alone what comes behind', () => {
      const { hosts, macros: found } = parse('machine h login l\nmacdef init\ncd pub\n\nmachine g login m');
      expect([...hosts.keys()]).to.deep.equal(['h', 'g']);
      expect([...found]).to.deep.equal([['init', ['cd pub']]]);
    });

    it('may be called __proto__', () => {
      expect(macros('macdef __proto__\nx\n\n')).to.deep.equal([['__proto__', ['x']]]);
    });
  });

  it('reads a file that is not UTF-8 as Latin-1', () => {
    expect(parse(Buffer.from('machine h login \xe9 password \xff', 'latin1')).authenticators('h')).to.include({ login: 'é', password: 'ÿ' });
  });

  it('fails with the error of the file system for a file that is not there', () => {
    expect(thrown(() => netrc(join(folder, 'missing')))).to.include({ code: 'ENOENT' });
    expect(thrown(() => netrc(''))).to.include({ code: 'ENOENT' });
    expect(thrown(() => netrc(folder))).to.include({ code: 'EISDIR' });
  });

  it('takes time in proportion to the length of a hostile file', function () {
    this.timeout(5000);
    for (const text of ['machine h ', '#', '# \n', '\n', '"', '\\', 'macdef m\n\n', 'macdef m\n', '\r', ' ']) {
      const path = write(text.repeat(200_000 / text.length));
      try {
        netrc(path);
      } catch (error) {
        expect(error).to.be.instanceOf(NetrcParseError);
      }
    }
  });

  describe('of the home folder', () => {
    const variables = ['HOME', 'USERPROFILE'] as const;
    let before: readonly (string | undefined)[];
    beforeEach(() => {
      before = variables.map((name) => process.env[name]);
      for (const name of variables) process.env[name] = folder;
    });
    afterEach(() => {
      variables.forEach((name, index) => {
        if (before[index] === undefined) delete process.env[name];
        else process.env[name] = before[index];
      });
    });

    it('is read when no file is named', () => {
      write('machine h login l password p', '.netrc');
      expect(netrc().authenticators('h')).to.include({ login: 'l', password: 'p' });
    });

    it('fails with ENOENT when there is none', () => {
      expect(thrown(() => netrc())).to.include({ code: 'ENOENT' });
    });

    if (process.platform !== 'win32') {
      const secret = '\nmachine h login l password hunter2\nmachine g password hunter2\n';

      for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777]) {
        it(`is refused when it has a password and mode ${mode.toString(8)}`, () => {
          const path = write(secret, '.netrc');
          chmodSync(path, mode);
          const error = thrown(() => netrc());
          expect(error).to.be.instanceOf(NetrcParseError).and.include({ filename: path, lineno: 2 });
          expect(error.message).to.contain('other users').and.not.contain('hunter2');
        });
      }

      for (const mode of [0o600, 0o400, 0o700]) {
        it(`is read when its mode is ${mode.toString(8)}`, () => {
          chmodSync(write(secret, '.netrc'), mode);
          expect(netrc().authenticators('h')).to.include({ password: 'hunter2' });
        });
      }

      it('is refused when it belongs to another user', () => {
        write(secret, '.netrc');
        const { getuid } = process;
        process.getuid = () => (getuid as () => number)() + 1;
        try {
          expect(() => netrc()).to.throw(NetrcParseError, 'belongs to another user');
        } finally {
          process.getuid = getuid as () => number;
        }
      });

      it('may be open to all when it has no password but that of anonymous', () => {
        for (const text of ['machine h login l', 'machine h login anonymous password me@here', 'default', 'macdef m\nx\n\n']) {
          chmodSync(write(text, '.netrc'), 0o644);
          expect(() => netrc(), text).not.to.throw();
        }
      });

      it('is refused for an account, for a password without a login, and for one that a later entry replaces', () => {
        for (const text of ['machine h login l account a', 'machine h password p', 'default password p', 'machine h password p\nmachine h login anonymous']) {
          chmodSync(write(text, '.netrc'), 0o644);
          expect(() => netrc(), text).to.throw(NetrcParseError);
        }
      });

      it('may have any mode when it is named', () => {
        const path = write(secret, '.netrc');
        chmodSync(path, 0o644);
        expect(netrc(path).authenticators('h')).to.include({ password: 'hunter2' });
      });
    }
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
