import { expect } from 'chai';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { ArgumentError, PermanentError, ReplyError } from '../../lib/errors';
import { FTP } from '../../lib/client/ftp';
import { failure, scene } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import type { Act, Script } from '../support/server/script';

const FILES = { '/file': 'content', '/lines': 'one\r\ntwo\nthree', '/empty/': '', '/full/x': 'x', '/full/y': 'y' };

/** What the server was asked, without what the session asks of itself. */
function asked({ commands }: FtpServer): string[] {
  return commands.filter((line) => !/^(FEAT|OPTS UTF8 ON)$/.test(line));
}

describe('FTP', () => {
  const stage = scene();

  describe('verbs', () => {
    /** Each verb: how it is called, what goes over the wire, what comes back, and the reply in place of the server's own. */
    const verbs: Readonly<Record<string, [call: (ftp: FTP) => Promise<unknown>, wire: string[], result: unknown, script?: Script]>> = {
      'cwd(dir)': [(ftp) => ftp.cwd('full').then(String), ['CWD full'], '250 Directory successfully changed.'],
      'cwd(..) is CDUP': [(ftp) => ftp.cwd('..').then(String), ['CDUP'], '250 Directory successfully changed.'],
      'cwd(..) is CWD .. where CDUP is unknown': [(ftp) => ftp.cwd('..').then(String), ['CDUP', 'CWD ..'], '250 Directory successfully changed.', { CDUP: '500 What?' }],
      'cwd() of no name is .': [(ftp) => ftp.cwd('').then(({ code }) => code), ['CWD .'], 250],
      'cwd(../x) is no CDUP': [(ftp) => ftp.cwd('../full').then(({ code }) => code), ['CWD ../full'], 250],
      'cdup()': [(ftp) => ftp.cdup().then(({ code }) => code), ['CDUP'], 250],
      'cdup() answered 200': [(ftp) => ftp.cdup().then(({ code }) => code), ['CDUP'], 200, { CDUP: '200 Up.' }],
      'pwd()': [(ftp) => ftp.pwd(), ['PWD'], '/'],
      'pwd() with doubled quotes': [(ftp) => ftp.pwd(), ['PWD'], '/a"b', { PWD: '257 "/a""b" is here' }],
      'pwd() with words before the path': [(ftp) => ftp.pwd(), ['PWD'], '/home', { PWD: '257 current directory is "/home"' }],
      'mkd(dir)': [(ftp) => ftp.mkd('new'), ['MKD new'], '/new'],
      'mkd(dir) without a path': [(ftp) => ftp.mkd('new'), ['MKD new'], '', { MKD: '257 Made.' }],
      'mkd(dir) with another 2yz': [(ftp) => ftp.mkd('new'), ['MKD new'], '', { MKD: '250 Made.' }],
      'rmd(dir)': [(ftp) => ftp.rmd('empty').then(({ code }) => code), ['RMD empty'], 250],
      'delete(path)': [(ftp) => ftp.delete('file').then(({ code }) => code), ['DELE file'], 250],
      'delete(path) answered 200': [(ftp) => ftp.delete('file').then(({ code }) => code), ['DELE file'], 200, { DELE: '200 Gone.' }],
      'rename(from, to)': [(ftp) => ftp.rename('file', 'other').then(({ code }) => code), ['RNFR file', 'RNTO other'], 250],
      'size(path)': [(ftp) => ftp.size('file'), ['TYPE I', 'SIZE file'], 7],
      'size(path) of nothing': [(ftp) => ftp.size('file'), ['TYPE I', 'SIZE file'], 0, { SIZE: '213 0' }],
      'size(path) with blanks around it': [(ftp) => ftp.size('file'), ['TYPE I', 'SIZE file'], 12, { SIZE: '213  0012  ' }],
      'size(path) of 9007199254740991 bytes': [(ftp) => ftp.size('file'), ['TYPE I', 'SIZE file'], Number.MAX_SAFE_INTEGER, { SIZE: '213 9007199254740991' }],
      'size(path) twice': [async (ftp) => [await ftp.size('file'), await ftp.size('lines')], ['TYPE I', 'SIZE file', 'SIZE lines'], [7, 14]],
      'mdtm(path)': [(ftp) => ftp.mdtm('file').then((time) => time.toISOString()), ['MDTM file'], '2020-02-29T12:34:56.000Z'],
      'mdtm(path) with a fraction': [(ftp) => ftp.mdtm('file').then((time) => time.toISOString()), ['MDTM file'], '1998-06-15T10:00:45.014Z', { MDTM: '213 19980615100045.014' }],
      'mdtm(path) with tenths': [(ftp) => ftp.mdtm('file').then((time) => time.toISOString()), ['MDTM file'], '1998-06-15T10:00:45.500Z', { MDTM: '213 19980615100045.5' }],
      'mdtm(path) of a server that counts from 1900': [(ftp) => ftp.mdtm('file').then((time) => time.toISOString()), ['MDTM file'], '2000-06-15T10:00:45.000Z', { MDTM: '213 191000615100045' }],
      'mfmt(path, date)': [(ftp) => ftp.mfmt('file', new Date('2001-02-03T04:05:06.789Z')).then(({ code }) => code), ['MFMT 20010203040506 file'], 213],
      'opts(cmd)': [(ftp) => ftp.opts('MLST size;').then(({ code }) => code), ['OPTS MLST size;'], 200],
      'syst()': [(ftp) => ftp.syst().then(({ text: system }) => system), ['SYST'], 'UNIX Type: L8'],
      'stat()': [(ftp) => ftp.stat().then(({ code, lines }) => [code, lines.length]), ['STAT'], [211, 4]],
      'stat(path)': [(ftp) => ftp.stat('full').then(({ code, lines }) => [code, lines.length]), ['STAT full'], [213, 4]],
      'site(cmd)': [(ftp) => ftp.site('CHMOD 600 file').then(({ code }) => code), ['SITE CHMOD 600 file'], 200],
      'noop()': [(ftp) => ftp.noop().then(({ code }) => code), ['NOOP'], 200],
      'help()': [(ftp) => ftp.help().then(({ code }) => code), ['HELP'], 214],
      'help(cmd)': [(ftp) => ftp.help('RETR').then(({ text: help }) => help), ['HELP RETR'], 'RETR is what RFC 959 says.'],
    };
    for (const [what, [call, wire, result, script = {}]] of Object.entries(verbs)) {
      it(what, async () => {
        const server = await stage.serve({ files: FILES, script });
        const ftp = await stage.connect(server);
        expect(await call(ftp)).to.deep.equal(result);
        expect(asked(server)).to.deep.equal(wire);
      });
    }
  });

  describe('refusals', () => {
    const refusals: Readonly<Record<string, [call: (ftp: FTP) => Promise<unknown>, message: string | RegExp]>> = {
      CWD: [(ftp) => ftp.cwd('missing'), 'CWD missing: 550 No such file or directory.'],
      RMD: [(ftp) => ftp.rmd('full'), /^RMD full: 550 /],
      DELE: [(ftp) => ftp.delete('missing'), 'DELE missing: 550 No such file or directory.'],
      MKD: [(ftp) => ftp.mkd('full'), /^MKD full: 550 /],
      SIZE: [(ftp) => ftp.size('full'), 'SIZE full: 550 Not a plain file.'],
      MDTM: [(ftp) => ftp.mdtm('missing'), /^MDTM missing: 550 /],
      MFMT: [(ftp) => ftp.mfmt('missing', new Date(0)), /^MFMT 19700101000000 missing: 550 /],
      SITE: [(ftp) => ftp.site('FLY'), 'SITE FLY: 500 Unknown SITE command.'],
      OPTS: [(ftp) => ftp.opts('FLY ON'), 'OPTS FLY ON: 501 Option not understood.'],
      RNTO: [(ftp) => ftp.rename('file', 'missing/x'), /^RNTO missing\/x: 550 /],
    };
    for (const [verb, [call, message]] of Object.entries(refusals)) {
      it(`of ${verb} are PermanentError that says what was tried`, async () => {
        const ftp = await stage.connect(await stage.serve({ files: FILES }));
        const error = await failure(call(ftp));
        expect(error).to.be.instanceOf(PermanentError);
        if (typeof message === 'string') expect(error.message).to.equal(message);
        else expect(error.message).to.match(message);
        expect(error.command?.split(' ')[0]).to.equal(verb);
        expect((await ftp.noop()).code).to.equal(200);
      });
    }

    it('of CDUP lead to CWD where the server does not know it, and only there', async () => {
      for (const act of ['500 What?', '502 What?']) {
        const server = await stage.serve({ script: { CDUP: act } });
        const ftp = await stage.connect(server);
        expect([(await ftp.cwd('..')).code, (await ftp.cdup()).code]).to.deep.equal([250, 250]);
        expect(asked(server)).to.deep.equal(['CDUP', 'CWD ..', 'CDUP', 'CWD ..']);
      }
      for (const act of ['550 No.', '450 No.']) {
        const server = await stage.serve({ script: { CDUP: act } });
        const ftp = await stage.connect(server);
        expect((await failure(ftp.cwd('..'))).message).to.equal(`CDUP: ${act}`);
        expect(asked(server)).to.deep.equal(['CDUP']);
      }
    });

    it('of RNFR leave out RNTO, and so does a 2yz', async () => {
      for (const [act, kind] of [['550 No.', PermanentError], ['250 Done.', ReplyError], ['450 Busy.', ReplyError]] as const) {
        const server = await stage.serve({ script: { RNFR: act } });
        const ftp = await stage.connect(server);
        expect(await failure(ftp.rename('a', 'b'))).to.be.instanceOf(kind).with.property('message', `RNFR a: ${act}`);
        expect(asked(server)).to.deep.equal(['RNFR a']);
      }
    });

    it('keep nothing between RNFR and RNTO', async () => {
      const server = await stage.serve({ files: FILES });
      const ftp = await stage.connect(server);
      await Promise.all([ftp.noop(), ftp.rename('file', 'new'), ftp.noop(), ftp.rename('new', 'file')]);
      expect(asked(server)).to.deep.equal(['NOOP', 'RNFR file', 'RNTO new', 'NOOP', 'RNFR new', 'RNTO file']);
    });
  });

  describe('answers that say nothing', () => {
    const odd: readonly [verb: 'SIZE' | 'MDTM', act: Act][] = [
      ['SIZE', '213'], ['SIZE', '213 big'], ['SIZE', '213 -1'], ['SIZE', '213 1.5'], ['SIZE', '213 0x10'], ['SIZE', '213 1 2'],
      ['SIZE', '213 9007199254740993'], ['SIZE', '200 7'], ['SIZE', '350 7'],
      ['MDTM', '213'], ['MDTM', '213 yesterday'], ['MDTM', '213 20230230000000'], ['MDTM', '213 20231301000000'], ['MDTM', '213 2023010100000'],
      ['MDTM', '213 20230101000000.'], ['MDTM', '200 20230101000000'], ['MDTM', '213 20230101250000'],
    ];
    for (const [verb, act] of odd) {
      it(`to ${verb} are ReplyError: ${String(act)}`, async () => {
        const ftp = await stage.connect(await stage.serve({ script: { [verb]: act } }));
        const error = await failure(verb === 'SIZE' ? ftp.size('x') : ftp.mdtm('x'));
        expect(error).to.be.instanceOf(ReplyError);
        expect(error.message).to.equal(`${verb} x: ${String(act)}`);
        expect((await ftp.noop()).code).to.equal(200);
      });
    }

    it('as 3yz to plain verbs are ReplyError', async () => {
      const ftp = await stage.connect(await stage.serve({ script: { NOOP: '350 More?', DELE: '331 Password?' } }));
      expect(await failure(ftp.noop())).to.include({ code: 'ERR_FTP_REPLY', message: 'NOOP: 350 More?' });
      expect(await failure(ftp.delete('x'))).to.include({ code: 'ERR_FTP_REPLY' });
    });
  });

  describe('bad input', () => {
    const paths = ['a\r\nDELE b', 'a\nb', 'a\rb', 'a\0b', '\ud800', 'x\udc00y'];
    const calls: Readonly<Record<string, (ftp: FTP, path: string) => unknown>> = {
      retr: (ftp, path) => ftp.retr(path),
      stor: (ftp, path) => ftp.stor(path),
      appe: (ftp, path) => ftp.appe(path),
      stou: (ftp, path) => ftp.stou(path),
      nlst: (ftp, path) => ftp.nlst(path),
      dir: (ftp, path) => ftp.dir(path),
      list: (ftp, path) => ftp.list(path),
      mlsd: (ftp, path) => ftp.mlsd(path),
      retrbinary: (ftp, path) => ftp.retrbinary(`RETR ${path}`),
      retrlines: (ftp, path) => ftp.retrlines(`LIST ${path}`),
      storbinary: (ftp, path) => ftp.storbinary(`STOR ${path}`),
      storlines: (ftp, path) => ftp.storlines(`STOR ${path}`),
      cwd: (ftp, path) => ftp.cwd(path),
      mkd: (ftp, path) => ftp.mkd(path),
      rmd: (ftp, path) => ftp.rmd(path),
      delete: (ftp, path) => ftp.delete(path),
      'rename from': (ftp, path) => ftp.rename(path, 'x'),
      'rename to': (ftp, path) => ftp.rename('x', path),
      size: (ftp, path) => ftp.size(path),
      mdtm: (ftp, path) => ftp.mdtm(path),
      mfmt: (ftp, path) => ftp.mfmt(path, new Date(0)),
      mlst: (ftp, path) => ftp.mlst(path),
      opts: (ftp, path) => ftp.opts(path),
      stat: (ftp, path) => ftp.stat(path),
      site: (ftp, path) => ftp.site(path),
      help: (ftp, path) => ftp.help(path),
    };
    for (const [verb, call] of Object.entries(calls)) {
      it(`to ${verb} is refused before anything is sent`, async () => {
        const server = await stage.serve();
        const ftp = await stage.connect(server);
        for (const path of paths) expect(await refused(() => call(ftp, path)), JSON.stringify(path)).to.be.instanceOf(ArgumentError);
        expect(await refused(() => call(ftp, 7 as unknown as string)), 'no string').to.satisfy((error: unknown) => error instanceof ArgumentError || /^(retr|stor)(binary|lines)$/.test(verb));
        expect(server.commands).to.deep.equal([]);
      });
    }

    it('that latin1 would make a line end is refused', async () => {
      const server = await stage.serve();
      const ftp = await stage.connect(server, { encoding: 'latin1' });
      for (const path of ['\u010d\u010a', 'a\u0a0dDELE b', '\u20ac']) {
        expect(await refused(() => ftp.retr(path))).to.be.instanceOf(ArgumentError);
        expect(await failure(ftp.delete(path))).to.be.instanceOf(ArgumentError);
      }
      expect(server.commands).to.deep.equal([]);
    });

    it('of a codec that makes line ends is refused on the bytes', async () => {
      const server = await stage.serve();
      const codec = { encode: (line: string) => Buffer.from(line.replaceAll('!', '\r\n')), decode: (bytes: Uint8Array) => Buffer.from(bytes).toString().replaceAll('\r\n', '!') };
      const ftp = await stage.connect(server, { encoding: codec });
      expect(await failure(ftp.delete('a!NOOP'))).to.be.instanceOf(ArgumentError);
      expect(server.commands).to.deep.equal([]);
    });

    for (const options of [{ start: -1 }, { start: 1.5 }, { start: Number.NaN }, { start: 2 ** 53 }, { end: -1 }, { end: 0.5 }, { start: 5, end: 4 }]) {
      it(`as the range ${JSON.stringify(options)} is refused`, async () => {
        const server = await stage.serve({ files: FILES });
        const ftp = await stage.connect(server);
        expect(await refused(() => ftp.retr('file', options))).to.be.instanceOf(ArgumentError);
        if ('start' in options && !('end' in options)) expect(await refused(() => ftp.stor('file', options))).to.be.instanceOf(ArgumentError);
        expect(server.commands).to.deep.equal([]);
      });
    }

    it('as an empty path, or as a date that is none, is refused', async () => {
      const server = await stage.serve();
      const ftp = await stage.connect(server);
      for (const call of [
        () => ftp.retr(''), () => ftp.stor(''), () => ftp.appe(''), () => ftp.mkd(''), () => ftp.rmd(''), () => ftp.delete(''), () => ftp.rename('', 'x'),
        () => ftp.rename('x', ''), () => ftp.size(''), () => ftp.mdtm(''), () => ftp.mlst(''), () => ftp.mfmt('', new Date(0)),
        () => ftp.mfmt('x', new Date(Number.NaN)), () => ftp.mfmt('x', '2020' as unknown as Date),
      ]) {
        expect(await refused(call), String(call)).to.be.instanceOf(ArgumentError);
      }
      expect(server.commands).to.deep.equal([]);
    });
  });

  describe('transfers', () => {
    it('are retr, stor, appe and stou', async () => {
      const server = await stage.serve({ files: FILES });
      const ftp = await stage.connect(server);
      await pipeline(Readable.from(['one']), ftp.stor('up'));
      await pipeline(Readable.from([' two']), ftp.appe('up'));
      expect(await text(ftp.retr('up'))).to.equal('one two');
      expect(await text(ftp.retr('up', { start: 1, end: 4 }))).to.equal('ne t');
      const unique = ftp.stou();
      await pipeline(Readable.from(['unique']), unique);
      expect(unique).to.include({ storedAs: 'STOU.1', bytesWritten: 6 });
      expect(String(server.read('/STOU.1'))).to.equal('unique');
    });

    it('are the command forms of ftplib', async () => {
      const server = await stage.serve({ files: FILES });
      const ftp = await stage.connect(server);
      expect(await text(ftp.retrbinary('RETR lines'))).to.equal('one\r\ntwo\nthree');
      expect(await ftp.retrlines('RETR lines').toArray()).to.deep.equal(['one', 'two', 'three']);
      await pipeline(Readable.from(['bytes\n']), ftp.storbinary('STOR b'));
      await pipeline(Readable.from(['a\nb\r\n', 'c']), ftp.storlines('STOR l'));
      expect(String(server.read('/b'))).to.equal('bytes\n');
      expect(String(server.read('/l'))).to.match(/^a\nb\nc\n?$/);
      expect(asked(server).filter((line) => line.startsWith('TYPE'))).to.deep.equal(['TYPE I', 'TYPE A', 'TYPE I', 'TYPE A']);
    });

    it('are names and lines of folders', async () => {
      const server = await stage.serve({ files: FILES });
      const ftp = await stage.connect(server);
      expect(await ftp.nlst('full').toArray()).to.deep.equal(['x', 'y']);
      expect(await ftp.dir('full').toArray()).to.have.length(2);
      expect((await ftp.list('full').toArray()).map(({ name, type, size }) => [name, type, size])).to.deep.equal([['x', 'file', 1], ['y', 'file', 1]]);
      expect(await ftp.mlsd('empty').toArray()).to.deep.equal([]);
      expect(await ftp.mlst('file')).to.include({ name: 'file', type: 'file', size: 7 });
    });

    it('of the same client cannot be piped into each other', async () => {
      const server = await stage.serve({ files: FILES });
      const ftp = await stage.connect(server);
      const error = await failure(pipeline(ftp.retr('file'), ftp.stor('copy')));
      expect(error).to.be.instanceOf(ArgumentError);
      expect((await ftp.noop()).code).to.equal(200);
      expect(server.commands).to.not.include('STOR copy');
    });
  });
});

/** What a call throws, or the promise rejects with that it gives. */
async function refused(call: () => unknown): Promise<unknown> {
  try {
    const given = await call();
    return new Error(`accepted: ${String(given)}`);
  } catch (error) {
    return error;
  }
}
