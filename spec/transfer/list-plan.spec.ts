import { expect } from 'chai';
import { ConnectionClosedError, PermanentError, type Entry, type FTP, type ListOptions } from '../../lib/index';
import type { Script } from '../support/server/script';
import { FEATURES, type FtpServerOptions } from '../support/server/server-options';
import { forgetServers } from '../../lib/control/observed-server';
import { PERSONALITIES } from '../support/server/personalities';
import { data, dataEnd, hangUp, normal, openData, send } from '../support/server/steps';
import { outcomeOf, rejection, useBench } from '../support/transfers';

const WITHOUT_MLST = FEATURES.filter((feature) => feature !== 'MLST');
const FILES = {
  '/sub/file': 'hello',
  '/sub/deep/': '',
  '/empty/': '',
  '/with blank/a b': 'ab',
  '/-dash/x': 'x',
  '/link': { target: 'sub' },
} as const;

describe('list()', () => {
  const bench = useBench();

  async function names(ftp: FTP, path?: string): Promise<string[]> {
    return (await ftp.list(path).toArray()).map(({ name }: Entry) => name);
  }

  /** A whole download on the same session. */
  async function goesOn(ftp: FTP): Promise<void> {
    expect(Buffer.concat(await ftp.retr('sub/file').toArray()).toString()).to.equal('hello');
    expect(bench.logins).to.equal(1);
  }

  /** Commands that name or list something. */
  function asked(): string[] {
    return bench.transcript.filter((line) => /^(MLSD|MLST|LIST|CWD|PWD|SIZE|MDTM)/.test(line));
  }

  for (const [kind, features, verb] of [['with MLST', FEATURES, 'MLSD'], ['without MLST', WITHOUT_MLST, 'LIST']] as const) {
    describe(`on a server ${kind}`, () => {
      beforeEach(() => bench.serve({ files: FILES, features }));

      it(`is ${verb}`, async () => {
        const ftp = bench.client();
        const entries = (await ftp.list('sub').toArray()) as Entry[];
        expect(entries.map(({ name, type, size }) => ({ name, type, ...(type === 'file' ? { size } : {}) }))).to.deep.equal([
          { name: 'file', type: 'file', size: 5 },
          { name: 'deep', type: 'directory' },
        ]);
        expect(entries[0]?.modified).to.be.instanceOf(Date);
        expect(asked()).to.deep.equal([`${verb} sub`]);
      });

      it('of the working folder needs no path', async () => {
        const ftp = bench.client();
        await ftp.cwd('sub');
        expect(await names(ftp)).to.deep.equal(['file', 'deep']);
        expect(await names(ftp, '')).to.deep.equal(['file', 'deep']);
        expect(bench.server.commands.filter((line) => line === verb)).to.have.length(2);
      });

      it('of a file is that file', async () => {
        const [entry, ...rest] = (await bench.client().list('sub/file').toArray()) as Entry[];
        expect(rest).to.deep.equal([]);
        expect(entry).to.include({ type: 'file', size: 5 });
        expect(entry?.name).to.match(/file$/);
      });

      it('of an empty folder is empty', async () => {
        expect(await names(bench.client(), 'empty')).to.deep.equal([]);
      });

      for (const path of ['missing', 'sub/missing', '/missing/deep', 'missing with blanks', '-missing']) {
        it(`of "${path}", which is missing, is a PermanentError, and the session goes on`, async () => {
          const ftp = bench.client();
          expect(await rejection(ftp.list(path).toArray())).to.be.instanceOf(PermanentError);
          expect(await ftp.pwd()).to.equal('/');
          expect(bench.logins).to.equal(1);
        });
      }

      for (const [path, expected] of [['with blank', ['a b']], ['/with blank/', ['a b']], ['-dash', ['x']], ['with blank/a b', ['a b']]] as const) {
        it(`of "${path}" is what is there, and the working folder stays`, async () => {
          const ftp = bench.client();
          expect(await names(ftp, path)).to.deep.equal(expected);
          expect(await ftp.pwd()).to.equal('/');
          expect(bench.server.commands.filter((line) => /^LIST .*( |-)/.test(line))).to.deep.equal([]);
        });
      }
    });
  }

  it('goes into a folder whose name LIST would split, and back', async () => {
    await bench.serve({ files: FILES, features: WITHOUT_MLST });
    const ftp = bench.client();
    await names(ftp, 'with blank');
    await ftp.noop();
    expect(asked()).to.deep.equal(['PWD', 'CWD with blank', 'LIST', 'CWD /']);
  });

  it('goes back when it is left, too', async () => {
    await bench.serve({ files: FILES, features: WITHOUT_MLST });
    const ftp = bench.client();
    for await (const entry of ftp.list('with blank') as AsyncIterable<Entry>) {
      expect(entry.name).to.equal('a b');
      break;
    }
    expect(await ftp.pwd()).to.equal('/');
  });

  for (const code of [500, 502, 504]) {
    it(`is LIST where MLSD is answered ${code} although it is offered, which is remembered`, async () => {
      await bench.serve({ files: FILES, script: { MLSD: `${code} What?` } });
      const ftp = bench.client();
      expect(await names(ftp, 'sub')).to.deep.equal(['file', 'deep']);
      expect(await names(ftp, 'sub')).to.deep.equal(['file', 'deep']);
      expect(asked()).to.deep.equal(['MLSD sub', 'LIST sub', 'LIST sub']);
    });
  }

  for (const code of [402, 451, 425, 501, 503, 530, 550, 553]) {
    it(`is LIST where MLSD is answered ${code}${code < 500 && code !== 402 ? '' : ', which is remembered'}`, async () => {
      await bench.serve({ files: FILES, script: { MLSD: `${code} What?`, MLST: `${code} What?` } });
      const ftp = bench.client();
      for (const path of ['sub', undefined, 'sub']) expect((await names(ftp, path)).length).to.be.above(1);
      const lasts = code < 500 && code !== 402 ? 3 : 1;
      expect(asked().filter((line) => line.startsWith('MLSD'))).to.have.lengthOf(lasts);
      expect(asked().filter((line) => line.startsWith('LIST'))).to.have.lengthOf(3);
      expect(await bench.client().list('sub').toArray()).to.have.lengthOf(2);
      expect(asked().filter((line) => line.startsWith('MLSD')), 'by another client').to.have.lengthOf(lasts === 1 ? 1 : 4);
    });
  }

  it('fails with the first refusal where LIST is refused as well', async () => {
    await bench.serve({ files: FILES, script: { MLSD: '503 First.', MLST: '503 First.', LIST: '530 Second.' } });
    const ftp = bench.client();
    for (const path of ['sub', undefined]) expect((await rejection(ftp.list(path).toArray())).reply?.code).to.equal(503);
    expect(await ftp.pwd()).to.equal('/');
  });

  it('fails with the first refusal where LIST fails after its mark, as that of ProFTPD does', async () => {
    const script = { MLSD: '550 First.', MLST: '550 First.', LIST: [openData(), send('150 Here.'), dataEnd(), send('450 Second.')] };
    await bench.serve({ files: FILES, script });
    const ftp = bench.client();
    for (const path of ['missing', undefined]) expect((await rejection(ftp.list(path).toArray())).reply?.code).to.equal(550);
    expect(await ftp.pwd()).to.equal('/');
  });

  it('fails with the 421 that MLSD is answered, and tries nothing else on that connection', async () => {
    await bench.serve({ files: FILES, script: { MLSD: [[send('421 Timeout.'), hangUp()], [normal()]] } });
    const ftp = bench.client();
    expect((await rejection(ftp.list('sub').toArray())).reply?.code).to.equal(421);
    expect(await names(ftp, 'sub')).to.deep.equal(['file', 'deep']);
    expect(asked()).to.deep.equal(['MLSD sub', 'MLSD sub']);
  });

  it('tries nothing else once its turn was given back: the last line may lack its end', async () => {
    const lines = '-rw-r--r-- 1 ftp ftp 5 Jan 01 2020 a\r\ndrwxr-xr-x 2 ftp ftp 0 Jan 01 2020 docs';
    await bench.serve({ files: { '/docs/a': 'aaaaa' }, features: [], script: { LIST: [openData(), send('150 Here.'), data(lines), dataEnd(), send('226 There.')] } });
    const ftp = await bench.warmClient();
    const [entries, size] = await Promise.all([ftp.list('docs').toArray(), ftp.size('docs/a')]);
    expect(entries.map(({ name }) => name)).to.deep.equal(['a', 'docs']);
    expect(size).to.equal(5);
    expect(await ftp.pwd()).to.equal('/');
  });

  it('takes a refused MLSD for the path’s where MLSD has worked before', async () => {
    await bench.serve({ files: FILES, script: { MLSD: [[normal()], ['501 Not here.']] } });
    const ftp = bench.client();
    await names(ftp, 'sub');
    expect((await rejection(ftp.list('sub').toArray())).reply?.code).to.equal(501);
    expect(await rejection(ftp.list('missing').toArray())).to.be.instanceOf(PermanentError);
    expect(asked()).to.deep.equal(['MLSD sub', 'MLSD sub', 'MLST sub', 'MLSD missing', 'MLST missing']);
  });

  it('is LIST with `mlsd: false`, whatever FEAT offers; mlsd() is MLSD still', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client({ mlsd: false });
    expect(await names(ftp, 'sub')).to.deep.equal(['file', 'deep']);
    expect((await ftp.mlsd('sub').toArray()).length).to.equal(2);
    expect(asked()).to.deep.equal(['LIST sub', 'MLSD sub']);
  });

  for (const [what, lines] of [
    ['bare names', ['file', 'deep']], ['names after a blank', [' file', ' deep']], ['lines of Unix', ['total 8', '-rw-r--r-- 1 ftp ftp 5 Jan 01 2020 file', 'drwxr-xr-x 2 ftp ftp 0 Jan 01 2020 deep']],
    ['a line without its end', []],
  ] as const) {
    for (const path of ['sub', undefined]) {
      it(`is LIST where MLSD gives ${what} of ${path ?? 'the working folder'}, which is remembered`, async () => {
        const answer = [openData(), send('150 Here.'), data(lines.length === 0 ? 'x.txt' : lines.map((line) => `${line}\r\n`).join('')), dataEnd(), send('226 There.')];
        await bench.serve({ files: FILES, script: { MLSD: answer } });
        const ftp = bench.client();
        if (path === undefined) await ftp.cwd('sub');
        const unparsed: string[] = [];
        for (let time = 0; time < 2; time++) {
          const stream = ftp.list(path).on('unparsed', (line) => unparsed.push(line));
          expect((await stream.toArray()).map(({ name, type }) => [name, type])).to.deep.equal([['file', 'file'], ['deep', 'directory']]);
        }
        expect(unparsed).to.deep.equal([]);
        expect(asked().filter((line) => /^(MLSD|LIST)/.test(line)).map((line) => line.slice(0, 4))).to.deep.equal(['MLSD', 'LIST', 'LIST']);
      });
    }
  }

  it('is LIST without -a where LIST -a fails after its mark', async () => {
    await bench.serve({ files: FILES, features: WITHOUT_MLST, script: { LIST: [[openData(), send('150 Here.'), dataEnd(), send('550 -a: no such file.')], [normal()]] } });
    expect((await bench.client().list('sub', { all: true }).toArray()).map(({ name }) => name)).to.deep.equal(['file', 'deep']);
    expect(asked().filter((line) => line.startsWith('LIST'))).to.deep.equal(['LIST -a sub', 'LIST sub']);
  });

  for (const [what, answer] of [['550', '550 No such file.'], ['501', '501 Syntax error.'], ['450', '450 Busy.'], ['an empty listing', [openData(), send('150 Here.'), dataEnd(), send('226 There.')]]] as const) {
    it(`is LIST without -a where LIST -a is answered by ${what}`, async () => {
      const script: Script = { LIST: (session, argument) => (argument.startsWith('-a') && typeof answer === 'string' ? session.reply(answer) : session.normal()) };
      await bench.serve({ files: FILES, features: WITHOUT_MLST, script });
      if (typeof answer !== 'string') bench.server.script = { LIST: [answer, [normal()]] };
      const ftp = bench.client();
      const hidden = { all: true } as const;
      expect((await ftp.list('sub', hidden).toArray()).map(({ name }) => name)).to.deep.equal(['file', 'deep']);
      await ftp.list('sub', hidden).toArray();
      expect(asked()).to.deep.equal(['LIST -a sub', 'LIST sub', ...(what === '450' ? ['LIST -a sub'] : []), 'LIST sub']);
    });
  }

  for (const times of [1, 2]) {
    it(`is no empty folder where LIST -a is refused, and the data connection after it ${times} times: ${times === 1 ? 'it is asked for once more' : 'it fails'}`, async () => {
      const no: Script[string] = [['550 No such file.'], ...Array.from({ length: times }, () => ["425 Can't open data connection."]), [normal()]];
      await bench.serve({ files: FILES, features: WITHOUT_MLST, script: { LIST: no } });
      const ftp = bench.client();
      const listing = ftp.list('sub', { all: true }).toArray();
      if (times === 1) expect((await listing).map(({ name }) => name)).to.deep.equal(['file', 'deep']);
      else expect((await rejection(listing)).reply?.code).to.equal(425);
      await goesOn(ftp);
    });
  }

  it('fails with the 426 that ends LIST, and not with the refusal of the option before it, which would mean that the folder is missing', async () => {
    await bench.serve({ files: FILES, features: WITHOUT_MLST, script: { LIST: [['550 No such file.'], [openData(), send('150 Here.'), dataEnd(), send('426 Transfer aborted.')], [normal()]] } });
    const ftp = bench.client();
    expect((await rejection(ftp.list('sub', { all: true }).toArray())).reply?.code).to.equal(426);
    await goesOn(ftp);
    expect(await names(ftp, 'sub')).to.deep.equal(['file', 'deep']);
  });

  it('fails with what LIST is answered where MLSD had no data connection', async () => {
    await bench.serve({ files: FILES, script: { MLSD: "425 Can't open data connection.", LIST: '553 No.' } });
    const ftp = bench.client();
    expect((await rejection(ftp.list('missing').toArray())).reply?.code).to.equal(553);
    await goesOn(ftp);
  });

  it('is no empty folder where MLSD is refused, and LIST has no data connection', async () => {
    await bench.serve({ files: FILES, script: { MLSD: '550 First.', MLST: '500 What?', LIST: "425 Can't open data connection." } });
    const ftp = bench.client();
    expect((await rejection(ftp.list('sub').toArray())).reply?.code).to.equal(425);
    await goesOn(ftp);
  });

  it('fails with the first refusal where LIST is refused with -a and without', async () => {
    await bench.serve({ files: FILES, features: WITHOUT_MLST, script: { LIST: [['530 First.'], ['501 Second.']] } });
    expect((await rejection(bench.client().list('sub', { all: true }).toArray())).reply?.code).to.equal(530);
  });

  it('passes -a to LIST with `all`', async () => {
    await bench.serve({ files: FILES, features: WITHOUT_MLST });
    await bench.client().list('sub', { all: true }).toArray();
    expect(asked()).to.deep.equal(['LIST -a sub']);
  });

  it('skips lines that cannot be read, and tells them', async () => {
    await bench.serve({
      script: { MLSD: [openData(), send('150 Here.'), data('type=file;size=5; good\r\nno facts here\r\ntype=dir; folder\r\n'), dataEnd(), send('226 There.')] },
    });
    const stream = bench.client().list();
    const unparsed: string[] = [];
    stream.on('unparsed', (line: string) => unparsed.push(line));
    expect(((await stream.toArray()) as Entry[]).map(({ name }) => name)).to.deep.equal(['good', 'folder']);
    expect(unparsed).to.deep.equal(['no facts here']);
  });

  for (const [what, line, reply] of [
    ['a reply that says so (vsftpd)', '', '226 Transfer done (but failed to open directory).'],
    ['a reply of some lines (Pure-FTPd)', '', '226-Sorry, we were unable to read [sub]\r\n226 0 matches total'],
    ['a line (inetutils)', 'sub: Permission denied\r\n', '226 Transfer complete.'],
  ] as const) {
    it(`of a folder that the server must not read is a PermanentError, and the session goes on: ${what}`, async () => {
      const script = (): Script => ({ LIST: [openData(), send('150 Here.'), ...(line === '' ? [] : [data(line)]), dataEnd(), send(reply)] });
      await bench.serve({ files: FILES, features: WITHOUT_MLST, script: script() });
      const ftp = bench.client();
      for (const options of [{}, { all: true }, { enter: true }] satisfies ListOptions[]) {
        bench.server.script = script();
        const error = await rejection(ftp.list('sub', options).toArray());
        expect(error).to.be.instanceOf(PermanentError);
        expect(error.message).to.include(line === '' ? reply.split('\r\n')[0]?.slice(4) : 'sub: Permission denied');
        await goesOn(ftp);
      }
      expect(await ftp.pwd()).to.equal('/');
      bench.server.script = {};
      expect(await names(ftp, 'sub')).to.deep.equal(['file', 'deep']);
    });
  }

  it('tells a line that says it cannot read something among lines that are entries', async () => {
    await bench.serve({ features: WITHOUT_MLST, script: { LIST: [openData(), send('150 Here.'), data('-rw-r--r-- 1 a b 5 Jan 1 2020 f\r\nsub: Permission denied\r\n'), dataEnd(), send('226 There.')] } });
    const stream = bench.client().list();
    const unparsed: string[] = [];
    stream.on('unparsed', (line: string) => unparsed.push(line));
    expect((await stream.toArray()).map(({ name }) => name)).to.deep.equal(['f']);
    expect(unparsed).to.deep.equal(['sub: Permission denied']);
  });

  for (const [what, steps, count] of [
    ['226 and no data', [openData(), send('150 Here.'), dataEnd(), send('226 There.')], 0],
    ['a 226 and no mark', [openData(), data('type=file; x\r\n'), dataEnd(), send('226 There.')], 1],
    ['450 No files found', [send('450 No files found.')], 0],
  ] as const) {
    it(`answered by ${what} has ${count} entries`, async () => {
      await bench.serve({ script: { MLSD: steps } });
      const ftp = bench.client();
      expect(await names(ftp)).to.have.length(count);
      expect(await ftp.pwd()).to.equal('/');
    });
  }

  for (const features of [FEATURES, WITHOUT_MLST]) {
    describe(`from a server that lists a missing folder as an empty one, ${features === FEATURES ? 'by MLSD' : 'by LIST'}`, () => {
      beforeEach(() => bench.serve({ files: FILES, ...PERSONALITIES.missingFolderEmpty, features }));

      it('of a missing folder is a PermanentError', async () => {
        const ftp = bench.client();
        for (const path of ['missing', '/sub/missing', 'missing with blanks']) expect(await rejection(ftp.list(path).toArray())).to.be.instanceOf(PermanentError);
        expect(await ftp.pwd()).to.equal('/');
      });

      it('of an empty folder is empty, also where MLST is for files only', async () => {
        expect(await names(bench.client(), 'empty')).to.deep.equal([]);
        bench.server.script = { MLST: '550 Not a file.' };
        const ftp = bench.client();
        expect(await names(ftp, 'empty')).to.deep.equal([]);
        expect(await rejection(ftp.list('missing').toArray())).to.be.instanceOf(PermanentError);
        expect(await ftp.pwd()).to.equal('/');
      });
    });
  }

  it('of a folder that says it is there, and holds nothing, asks nothing besides', async () => {
    await bench.serve({ files: FILES, script: { MLSD: [openData(), send('150 Here.'), data('type=cdir;modify=20200101000000; .\r\n'), dataEnd(), send('226 Done.')] } });
    expect(await names(bench.client(), 'empty')).to.deep.equal([]);
    expect(asked()).to.deep.equal(['MLSD empty']);
  });

  for (const [kind, features, verb] of [['MLSD', FEATURES, 'MLSD'], ['LIST', WITHOUT_MLST, 'LIST'], ['LIST where MLSD is not known', FEATURES, 'LIST']] as const) {
    it(`that enters its folder names no path (${kind}), and the working folder stays`, async () => {
      await bench.serve({ files: FILES, features, script: kind.endsWith('not known') ? { MLSD: '500 What?' } : {} });
      const ftp = bench.client();
      await ftp.cwd('sub');
      bench.mark();
      const entries = (await ftp.list('../sub', { enter: true }).toArray()) as Entry[];
      expect(entries.map(({ name }) => name)).to.deep.equal(['file', 'deep']);
      expect(asked().filter((line) => line !== 'MLSD' || verb === 'MLSD')).to.deep.equal(['PWD', 'CWD ../sub', verb, 'CWD /sub']);
      expect(await rejection(ftp.list('missing', { enter: true }).toArray())).to.be.instanceOf(PermanentError);
      expect(await ftp.pwd()).to.equal('/sub');
    });
  }

  for (const verb of ['MLSD', 'LIST'] as const) {
    it(`answered by 450 in any language is an empty folder where there is one, and an error where there is none (${verb})`, async () => {
      await bench.serve({ files: FILES, script: { [verb]: '450 Rien.' }, ...(verb === 'LIST' ? { features: WITHOUT_MLST } : {}) });
      const ftp = bench.client();
      expect(await names(ftp, 'empty')).to.deep.equal([]);
      expect(await rejection(ftp.list('missing').toArray())).to.be.instanceOf(PermanentError);
      if (verb === 'MLSD') expect(await rejection(ftp.mlsd('missing').toArray())).to.be.instanceOf(PermanentError);
      expect(await ftp.pwd()).to.equal('/');
    });
  }

  for (const features of [FEATURES, WITHOUT_MLST]) {
    describe(`from a server that refuses to list an empty folder, ${features === FEATURES ? 'by MLSD' : 'by LIST'}`, () => {
      beforeEach(() => bench.serve({ files: FILES, ...PERSONALITIES.refusesEmptyFolder, features }));

      it('of one that CWD enters is empty, with and without its path', async () => {
        const ftp = bench.client();
        expect(await names(ftp, 'empty')).to.deep.equal([]);
        expect(await ftp.pwd()).to.equal('/');
        await ftp.cwd('empty');
        expect(await names(ftp)).to.deep.equal([]);
        expect(await ftp.list('', { all: true }).toArray()).to.deep.equal([]);
        expect(await names(ftp, '../sub')).to.deep.equal(['file', 'deep']);
        expect(bench.logins).to.equal(1);
      });

      it('of a missing one is a PermanentError', async () => {
        const ftp = bench.client();
        expect(await rejection(ftp.list('missing').toArray())).to.be.instanceOf(PermanentError);
        expect(await ftp.pwd()).to.equal('/');
      });

      it('of one that must not be read is a PermanentError', async () => {
        bench.server.script = { MLSD: '550 Permission denied.', LIST: '550 Permission denied.' };
        const ftp = bench.client();
        expect((await rejection(ftp.list('sub').toArray())).reply?.code).to.equal(550);
        expect((await rejection(ftp.list().toArray())).reply?.code).to.equal(550);
      });
    });

    it(`gives the names without the path that the server puts before them, ${features === FEATURES ? 'by MLSD' : 'by LIST'}`, async () => {
      await bench.serve({ files: FILES, ...PERSONALITIES.listRepeatsPath, features });
      const ftp = bench.client();
      for (const path of ['sub', './sub/', '/sub']) expect(await names(ftp, path), path).to.deep.equal(['file', 'deep']);
      if (features !== FEATURES) expect(await names(ftp, 'sub/file')).to.deep.equal(['file']);
    });
  }

  it('leaves the path of a name that leads somewhere else', async () => {
    const lines = ['sub/../up', 'other/x', '/etc/passwd', 'sub/file'].map((name) => `type=file;size=5; ${name}\r\n`).join('');
    await bench.serve({ files: FILES, script: { MLSD: [openData(), send('150 Here.'), data(lines), dataEnd(), send('226 There.')] } });
    expect(await names(bench.client(), 'sub')).to.deep.equal(['sub/../up', 'other/x', '/etc/passwd', 'file']);
  });

  it('gives a file the name that was asked for where the server says its path from the root, as Twisted does', async () => {
    await bench.serve({ files: FILES, features: [], script: { LIST: [openData(), send('150 Here.'), data('-rw-r--r--   1 user  group  5 Jan 25  2020 sub/file\r\n'), dataEnd(), send('226 There.')] } });
    const ftp = bench.client();
    await ftp.cwd('sub');
    expect(await names(ftp, 'file')).to.deep.equal(['file']);
  });

  it('keeps the bytes of a name without its path', async () => {
    await bench.serve({ files: { '/caf\xe9/na\xefve': 'x' }, ...PERSONALITIES.listRepeatsPath, features: [], encoding: 'latin1' });
    const ftp = bench.client();
    const [folder] = await names(ftp);
    const [name] = await names(ftp, folder);
    expect(name).to.equal('na\xefve');
    expect((await outcomeOf(ftp.retr(`${folder}/${name}`))).bytes.toString()).to.equal('x');
  });

  describe('from a server that ignores the path of LIST', () => {
    const files = { '/root.txt': 'r', '/docs/a.txt': 'a', '/docs/sub/b.txt': 'b', '/docs/empty/': '' };
    beforeEach(() => bench.serve({ files, ...PERSONALITIES.listIgnoresPath }));

    it('enters the folder that seems to be in itself, and each one from then on', async () => {
      const ftp = bench.client();
      expect(await names(ftp, '/docs')).to.deep.equal(['a.txt', 'sub', 'empty']);
      expect(asked()).to.deep.equal(['LIST /docs', 'PWD', 'CWD /docs', 'LIST', 'CWD /']);
      bench.mark();
      expect(await names(ftp, 'docs/sub')).to.deep.equal(['b.txt']);
      expect(await names(bench.client(), 'docs/empty')).to.deep.equal([]);
      expect(asked().filter((line) => line.startsWith('LIST'))).to.deep.equal(['LIST', 'LIST']);
      expect(await rejection(ftp.list('missing').toArray())).to.be.instanceOf(PermanentError);
      expect(await names(ftp, 'docs/a.txt')).to.deep.equal(['a.txt']);
      expect(await ftp.pwd()).to.equal('/');
    });

    for (const [what, options, listing] of [['enterFolders', { enterFolders: true }, {}], ['enter', {}, { enter: true }]] as const) {
      it(`enters each folder with \`${what}\`, without a try`, async () => {
        const ftp = bench.client(options);
        await ftp.cwd('docs');
        bench.mark();
        expect((await ftp.list('/docs/sub', listing).toArray()).map(({ name }) => name)).to.deep.equal(['b.txt']);
        expect(asked()).to.deep.equal(['PWD', 'CWD /docs/sub', 'LIST', 'CWD /docs']);
      });
    }

    it('names the path with `enterFolders: false` all the same', async () => {
      expect(await names(bench.client({ enterFolders: false }), 'docs')).to.deep.equal(['root.txt', 'docs']);
      expect(asked()).to.deep.equal(['LIST docs']);
    });
  });

  it('enters a folder once that has one of its own name, and names paths from then on', async () => {
    await bench.serve({ files: { '/pkg/pkg/x': 'x', '/pkg/y': 'y' }, features: WITHOUT_MLST });
    const ftp = bench.client();
    expect(await names(ftp, 'pkg')).to.deep.equal(['pkg', 'y']);
    expect(asked()).to.deep.equal(['LIST pkg', 'PWD', 'CWD pkg', 'LIST', 'CWD /']);
    bench.mark();
    expect(await names(ftp, '/pkg')).to.deep.equal(['pkg', 'y']);
    expect(asked()).to.deep.equal(['LIST /pkg']);
  });

  it('gives all entries of a long listing that may be that of another folder', async () => {
    const count = 3000;
    await bench.serve({ files: { '/big': { entries: Array.from({ length: count }, (_, n) => ({ name: `f${n}` })) } }, features: WITHOUT_MLST });
    expect((await names(bench.client(), 'big'))).to.deep.equal(Array.from({ length: count }, (_, n) => `f${n}`));
    expect(asked()).to.deep.equal(['LIST big']);
  });

  for (const kind of ['iis', 'iisUnix'] as const) {
    it(`reads what ${kind} lists, the blank that a name begins with included`, async () => {
      await bench.serve({ files: { '/pub/a.txt': 'aa', '/pub/ lead.txt': 'lead', '/pub/ sub/x': 'x' }, ...PERSONALITIES[kind] });
      const ftp = bench.client();
      const entries = (await ftp.list('pub').toArray()) as Entry[];
      expect(entries.map(({ name, type }) => [name, type])).to.deep.equal([['a.txt', 'file'], [' lead.txt', 'file'], [' sub', 'directory']]);
      for (const { name, size } of entries.filter(({ type }) => type === 'file')) expect((await outcomeOf(ftp.retr(`pub/${name}`))).bytes.length).to.equal(size);
      expect(await names(ftp, 'pub/ sub')).to.deep.equal(['x']);
    });
  }

  describe('with `serverTimeZoneOffset`', () => {
    const line = '-rw-r--r-- 1 ftp ftp 1 Jan 01 2020 a\r\n';
    const script = { LIST: [openData(), send('150 Here.'), data(line), dataEnd(), send('226 There.')] };
    const time = async (ftp: FTP, options: ListOptions = {}): Promise<string | undefined> => ((await ftp.list('', options).toArray()) as Entry[])[0]?.modified?.toISOString();

    it('takes the times of LIST for those of the server’s zone; the option of list() comes first', async () => {
      await bench.serve({ features: [], script });
      expect(await time(bench.client())).to.equal('2020-01-01T00:00:00.000Z');
      const ftp = bench.client({ serverTimeZoneOffset: 330 });
      expect(await time(ftp)).to.equal('2019-12-31T18:30:00.000Z');
      expect(await time(ftp, { serverTimeZoneOffset: -60 })).to.equal('2020-01-01T01:00:00.000Z');
      expect((await ftp.walk().toArray())[0]?.modified?.toISOString()).to.equal('2019-12-31T18:30:00.000Z');
    });
  });

  for (const reply of ['450 No such file or directory.', '550 Permission denied.', '451 Local error.']) {
    it(`answered by ${reply} is an error`, async () => {
      await bench.serve({ script: { MLSD: reply, LIST: reply, NLST: reply } });
      const ftp = bench.client();
      expect((await rejection(ftp.list().toArray())).reply?.code).to.equal(Number(reply.slice(0, 3)));
      expect((await rejection(ftp.nlst().toArray())).reply?.code).to.equal(Number(reply.slice(0, 3)));
      expect(await ftp.pwd()).to.equal('/');
    });
  }

  it('goes by LIST where FEAT is refused', async () => {
    await bench.serve({ files: FILES, script: { FEAT: '450 Busy.' } });
    expect(await names(bench.client(), 'sub')).to.deep.equal(['file', 'deep']);
    expect(asked()).to.deep.equal(['LIST sub']);
  });

  for (const [verb, options] of [['TYPE', {}], ['EPSV', { extended: true }], ['PORT', { passive: false }]] as const) {
    it(`before which ${verb} is answered 450 is an error, and no empty folder`, async () => {
      await bench.serve({ files: FILES, script: { [verb]: '450 Busy.' } });
      const ftp = bench.client(options);
      expect((await rejection(ftp.list('sub').toArray())).reply?.code).to.equal(450);
      expect((await rejection(ftp.nlst('sub').toArray())).reply?.code).to.equal(450);
      expect(await ftp.pwd()).to.equal('/');
    });
  }

  it('that has to be entered where PWD is answered 450 is an error, and no empty folder', async () => {
    await bench.serve({ files: FILES, script: { MLSD: '500 What?', PWD: '450 Busy.' } });
    expect((await rejection(bench.client().list('with blank').toArray())).reply?.code).to.equal(450);
  });

  for (const [end, code] of [[[send('421 Timeout.'), hangUp()], 421], [[hangUp()], undefined]] as const) {
    it(`whose session ends after EPSV, ${code ? `by a ${code}` : 'silently'}, is told why`, async () => {
      await bench.serve({ files: FILES, script: { EPSV: [normal(), ...end] } });
      const error = await rejection(bench.client().list('sub').toArray());
      expect(error).to.be.instanceOf(ConnectionClosedError);
      expect(error.reply?.code).to.equal(code);
      expect(error.message).to.match(code ? /421 Timeout/ : /closed/);
      expect(error.message).to.not.match(/not connected/);
    });
  }

  it('answered by half of its lines and a 426 is an error', async () => {
    await bench.serve({ script: { MLSD: [openData(), send('150 Here.'), data('type=file; x\r\ntype=fi'), dataEnd(), send('426 Broken.')] } });
    expect((await rejection(bench.client().list().toArray())).reply?.code).to.equal(426);
  });

  for (const [kind, features] of [['MLSD', FEATURES], ['LIST', WITHOUT_MLST]] as const) {
    it(`names in latin1 are fetched again as the same bytes (${kind})`, async () => {
      await bench.serve({ files: { '/caf\xe9/na\xefve': 'x', '/plain': 'y' }, features, encoding: 'latin1' });
      const ftp = bench.client();
      const [folder] = (await ftp.list().toArray()) as Entry[];
      expect(folder?.name).to.equal('café');
      await ftp.cwd('café');
      for (const name of await names(ftp)) expect((await outcomeOf(ftp.retr(name))).bytes.toString()).to.equal('x');
      const sent = bench.server.commandBytes.find((line) => line.toString('latin1').startsWith('RETR '));
      expect(sent).to.deep.equal(Buffer.from('RETR na\xefve', 'latin1'));
    });
  }
});

describe('a listing that is cancelled', () => {
  const bench = useBench();

  const factless = [openData(), send('150 Here.'), data('file\r\ndeep\r\n'), dataEnd(), send('226 There.')];
  const cases: readonly (readonly [path: string, server: FtpServerOptions, what?: string])[] = [
    ['with blank', { features: WITHOUT_MLST }], ['with blank/a b', { features: WITHOUT_MLST }], ['not there/a b', { features: WITHOUT_MLST }], ['empty', { features: [] }], ['sub/file', {}],
    ['sub', PERSONALITIES.listIgnoresPath, 'path ignored'], ['empty', PERSONALITIES.refusesEmptyFolder, 'refused'], ['sub', { script: { MLSD: '550 No.', MLST: '550 No.' } }, 'MLSD refused'],
    ['sub', { script: { MLSD: factless } }, 'MLSD without facts'], ['sub', { features: WITHOUT_MLST, script: { EPSV: '200 OK.' } }, 'EPSV of no use'],
  ];
  for (const [path, server, what] of cases) {
    it(`leaves the session where it was, whichever command it has come to (${path}${what ? `, ${what}` : ''})`, async () => {
      await bench.serve({ files: FILES, ...server });
      let ftp = bench.client();
      await ftp.list(path).toArray().catch(() => undefined);
      const steps = bench.server.commands.length;
      for (let step = 1; step <= steps; step++) {
        if (what) {
          forgetServers(); // so that it is tried and found out again
          ftp = bench.client();
        }
        const controller = new AbortController();
        let commands = 0;
        const onCommand = (): void => void (++commands === step && controller.abort());
        bench.server.on('command', onCommand);
        await ftp.list(path, { signal: controller.signal }).toArray().catch(() => undefined);
        expect(await ftp.pwd(), `at command ${step}`).to.equal('/');
        expect((await outcomeOf(ftp.retr('sub/file'))).bytes.toString()).to.equal('hello');
        expect(await ftp.nlst('sub').toArray()).to.have.lengthOf(what === 'path ignored' ? 5 : 2);
        bench.server.off('command', onCommand);
      }
    });
  }

  for (const [kind, features] of [['MLSD', FEATURES], ['LIST', WITHOUT_MLST]] as const) {
    it(`as the first of its session leaves it in step, whichever command it has come to (${kind})`, async () => {
      await bench.serve({ files: FILES, features });
      expect(await bench.client().list('sub').toArray()).to.have.lengthOf(2);
      const steps = [...bench.server.commands];
      for (const step of steps) {
        const ftp = bench.client();
        const controller = new AbortController();
        const onCommand = (line: string): void => void (line === step && controller.abort());
        bench.server.on('command', onCommand);
        await ftp.list('sub', { signal: controller.signal }).toArray().catch(() => undefined);
        bench.server.off('command', onCommand);
        expect(controller.signal.aborted, step).to.equal(true);
        expect(await ftp.list('sub').toArray(), step).to.have.lengthOf(2);
      }
    });
  }
});

describe('mlsd()', () => {
  const bench = useBench();

  it('asks for facts, and gives those that came', async () => {
    await bench.serve({ files: FILES });
    const entries = (await bench.client().mlsd('sub', { facts: ['type', 'size'] }).toArray()) as Entry[];
    expect(entries.map(({ name, facts }) => [name, facts])).to.deep.equal([['file', { size: '5', type: 'file' }], ['deep', { type: 'dir' }]]);
    expect(bench.server.commands).to.include('OPTS MLST type;size;');
  });

  it('never falls back to LIST', async () => {
    await bench.serve({ files: FILES, script: { MLSD: '500 What?' } });
    const ftp = bench.client();
    expect(await rejection(ftp.mlsd('sub').toArray())).to.be.instanceOf(PermanentError);
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.server.commands.filter((line) => line.startsWith('LIST'))).to.deep.equal([]);
  });

  it('of a folder that the server must not read is a PermanentError', async () => {
    await bench.serve({ script: { MLSD: [openData(), send('150 Here.'), dataEnd(), send('226-Sorry, we were unable to read [sub]\r\n226 0 matches total')] } });
    expect(await rejection(bench.client().mlsd('sub').toArray())).to.be.instanceOf(PermanentError);
  });

  it('refuses facts that are no names', async () => {
    await bench.serve();
    expect(() => bench.client().mlsd('sub', { facts: ['size;\r\nDELE x'] })).to.throw().with.property('code', 'ERR_FTP_INVALID_ARGUMENT');
    expect(bench.server.commands).to.deep.equal([]);
  });
});

describe('mlst()', () => {
  const bench = useBench();

  it('is what the server knows of a path', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client();
    expect(await ftp.mlst('sub/file')).to.include({ type: 'file', size: 5 });
    expect(await ftp.mlst('sub')).to.include({ type: 'directory' });
    expect(await rejection(ftp.mlst('missing'))).to.be.instanceOf(PermanentError);
  });

  it('has the name that was asked for where two blanks come before the facts, or before the name', async () => {
    for (const line of ['  type=file;size=5; file', ' type=file;size=5;  file', 'type=file;size=5;  /sub/file']) {
      await bench.serve({ files: { ...FILES, '/sub/ lead': 'x' }, script: { MLST: [[`250-Here.\r\n${line}\r\n250 End.`], [normal()]] } });
      const ftp = bench.client();
      expect(await ftp.mlst('sub/file'), line).to.include({ name: 'file', type: 'file', size: 5 });
      expect(await ftp.mlst('sub/ lead')).to.include({ name: ' lead' });
    }
  });

  it('is SIZE, MDTM and CWD where the server has no MLST', async () => {
    await bench.serve({ files: FILES, script: { MLST: '500 What?' } });
    const ftp = bench.client();
    const file = await ftp.mlst('sub/file');
    expect(file).to.include({ name: 'file', type: 'file', size: 5 });
    expect(file.modified).to.be.instanceOf(Date);
    expect(await ftp.mlst('sub')).to.include({ name: 'sub', type: 'directory' }).and.not.have.property('size');
    expect(await rejection(ftp.mlst('missing'))).to.be.instanceOf(PermanentError);
    expect(await ftp.pwd()).to.equal('/');
  });
});
