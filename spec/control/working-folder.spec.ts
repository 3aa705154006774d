import { expect } from 'chai';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { ConnectionClosedError, ProtocolError } from '../../lib/errors';
import type { FTP } from '../../lib/client/ftp';
import { failure, scene } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import type { Script } from '../support/server/script';
import { FEATURES } from '../support/server/server-options';
import { data, hangUp, normal, openData, resetControl, send } from '../support/server/steps';

/** A file of the same name in every folder: its content says which one was meant. */
const FILES = {
  '/name': 'of the root', '/my folder/name': 'of my folder', '/my folder/inner': 'x',
  '/base/name': 'of base', '/base/my folder/name': 'of base/my folder', '/base/deep/name': 'of base/deep', '/base/deep/my folder/name': 'of base/deep/my folder',
};
/** LIST takes its path for options and patterns, so that a folder with a blank is entered. */
const LIST_ONLY = FEATURES.filter((feature) => feature !== 'MLST');

/** What servers answer to PWD, in which no path is quoted. */
const PATHLESS: Readonly<Record<string, string>> = {
  'no quoted path': '257 /base is the current directory.',
  'an empty text': '257 ',
  'a quote that does not end': '257 "/base',
  'an empty path': '257 "" is the current directory.',
  'a refusal': '502 PWD is not implemented.',
};

describe('the working folder, around a listing that enters another', () => {
  const stage = scene();

  async function serve(script: Script = {}): Promise<FtpServer> {
    return stage.serve({ files: FILES, features: LIST_ONLY, script });
  }

  /** What a name means now, on the server's disk. */
  async function meaning(ftp: FTP, server: FtpServer): Promise<string> {
    const content = await text(ftp.retr('name'));
    expect(server.commands).to.not.include('CWD ');
    expect(server.commands).to.not.include('CWD');
    return content;
  }

  for (const [what, PWD] of Object.entries(PATHLESS)) {
    describe(`where the reply to PWD is ${what}`, () => {
      it('is gone back to by the steps of the caller, from the root on', async () => {
        const server = await serve({ PWD });
        const ftp = stage.client(server);
        await ftp.cwd('/base');
        await ftp.cwd('deep');
        server.mark();
        expect((await ftp.list('my folder').toArray()).map(({ name }) => name)).to.deep.equal(['name']);
        expect(await meaning(ftp, server)).to.equal('of base/deep');
        expect(server.commands.filter((line) => line.startsWith('CWD'))).to.deep.equal(['CWD /base', 'CWD deep', 'CWD my folder', 'CWD /base', 'CWD deep']);
        expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.lengthOf(1);
      });

      it('is gone to anew on another connection, where the steps begin in the login folder', async () => {
        const server = await serve({ PWD });
        const ftp = stage.client(server);
        await ftp.cwd('base');
        expect((await ftp.list('my folder').toArray()).map(({ name }) => name)).to.deep.equal(['name']);
        expect(await meaning(ftp, server)).to.equal('of base');
        expect(server.commands.filter((line) => /^(CWD|USER)/.test(line))).to.deep.equal(['USER user', 'CWD base', 'CWD my folder', 'USER user', 'CWD base']);
      });

      it('is the login folder again, where the caller has made no step', async () => {
        const server = await serve({ PWD });
        const ftp = stage.client(server);
        expect((await ftp.list('my folder').toArray()).map(({ name }) => name)).to.deep.equal(['name', 'inner']);
        await ftp.delete('name');
        expect(() => server.read('/name')).to.throw();
        expect(server.read('/my folder/name').toString()).to.equal('of my folder');
      });

      it('is lost, and says so, where the connection was made by hand: no name means another file', async () => {
        const server = await serve({ PWD });
        const ftp = await stage.connect(server);
        await ftp.list('my folder').toArray();
        const error = await failure(ftp.delete('name'));
        expect(error).to.be.instanceOf(ConnectionClosedError);
        expect(error.message).to.match(/^not connected: the server does not say where the working folder is/);
        expect(server.read('/name').toString()).to.equal('of the root');
        expect(server.read('/my folder/name').toString()).to.equal('of my folder');
      });
    });
  }

  for (const PWD of ['257 current directory is "/base"', '257-Your folder\r\n257 is "/base" now']) {
    it(`is gone back to by the path that PWD quotes, wherever it stands: ${JSON.stringify(PWD)}`, async () => {
      const server = await serve({ PWD });
      const ftp = stage.client(server);
      await ftp.cwd('base');
      await ftp.list('my folder').toArray();
      expect(await meaning(ftp, server)).to.equal('of base');
      expect(server.commands.filter((line) => /^(CWD|USER)/.test(line))).to.deep.equal(['USER user', 'CWD base', 'CWD my folder', 'CWD /base']);
    });
  }

  it('costs the connection where the way back is refused, and is gone to on the next', async () => {
    const server = await serve({ CWD: (session, folder) => (folder === '/base' ? session.reply('550 Not now.') : session.normal()) });
    const ftp = stage.client(server);
    await ftp.cwd('base');
    await ftp.list('my folder').toArray();
    expect(await meaning(ftp, server)).to.equal('of base');
  });

  it('is entered by no listing where PWD is answered with 4yz: the listing fails, and nothing has moved', async () => {
    const server = await serve({ PWD: ['450 Busy.', '257 "/"'] });
    const ftp = stage.client(server);
    const error = await failure(ftp.list('my folder').toArray());
    expect(error.reply?.code).to.equal(450);
    expect(server.commands).to.not.include('CWD my folder');
    expect(await meaning(ftp, server)).to.equal('of the root');
  });

  for (const [moment, script] of [
    ['before the listing', { LIST: [[resetControl()]] }],
    ['in the middle of the listing', { LIST: [[openData(), send('150 Here.'), data('-rw-r--r-- 1 u g 1 Jan 1 00:00 x\r\n'), resetControl()]] }],
    ['on the way back', { CWD: [[normal()], [normal()], [hangUp()]] }],
  ] as const satisfies readonly (readonly [string, Script])[]) {
    it(`is where the next operation works, when the connection is lost ${moment}`, async () => {
      const server = await serve(script);
      const ftp = stage.client(server);
      await ftp.cwd('base');
      const listing = ftp.list('my folder').resume();
      await finished(listing).catch(() => undefined);
      server.script = {};
      expect(await meaning(ftp, server)).to.equal('of base');
      expect(await ftp.pwd()).to.equal('/base');
      expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.lengthOf(2);
    });
  }

  it('is where the next operation works, when the listing is left in the folder that it entered', async () => {
    const server = await serve();
    const ftp = stage.client(server);
    await ftp.cwd('base');
    for await (const entry of ftp.list('my folder')) if (entry) break;
    expect(await meaning(ftp, server)).to.equal('of base');
  });
});

describe('what a server says of folders', () => {
  const stage = scene();

  it('is the quoted path, wherever in the reply to PWD it stands', async () => {
    const server = await stage.serve({ script: { PWD: ['257 current directory is "/home"', '257 "/a ""b"" c" is it'] } });
    const ftp = stage.client(server);
    expect([await ftp.pwd(), await ftp.pwd()]).to.deep.equal(['/home', '/a "b" c']);
  });

  for (const [what, PWD] of Object.entries(PATHLESS)) {
    if (PWD.startsWith('502')) continue;
    it(`is an error of pwd(), not '', where it says ${what}; and no command follows from it`, async () => {
      const server = await stage.serve({ script: { PWD } });
      const ftp = await stage.connect(server);
      const error = await failure(ftp.pwd());
      expect(error).to.be.instanceOf(ProtocolError).with.property('command', 'PWD');
      expect(error.message).to.match(/^PWD: 257 .*: it quotes no path$/);
      expect((await ftp.noop()).code).to.equal(200);
    });
  }

  it('makes no folder fail: mkd() gives the name that 257 quotes, or none', async () => {
    const server = await stage.serve({ script: { MKD: ['257 "/a" created', '257 folder "/b" created', '257 created', '257 ', '257 "/c created', '250 Done.'] } });
    const ftp = await stage.connect(server);
    const names: string[] = [];
    for (const dir of ['a', 'b', 'c', 'd', 'e', 'f']) names.push(await ftp.mkd(dir));
    expect(names).to.deep.equal(['/a', '/b', '', '', '', '']);
  });

  it('is never asked to be left for an empty name: cwd(\'\') stays where it is', async () => {
    const server = await stage.serve({ files: FILES });
    const ftp = await stage.connect(server);
    await ftp.cwd('base');
    await ftp.cwd('');
    expect(await ftp.pwd()).to.equal('/base');
    expect(server.commands.filter((line) => line.startsWith('CWD'))).to.deep.equal(['CWD base', 'CWD .']);
  });
});

describe('a working folder that is gone when the session is made again', () => {
  const stage = scene();

  /** A client in a folder that is removed while its connection is lost. */
  async function stranded(): Promise<{ server: FtpServer; ftp: FTP }> {
    const server = await stage.serve({ files: { '/gone/file': 'x', '/name': 'of the root', '/base/name': 'of base' } });
    const ftp = stage.client(server);
    await ftp.cwd('gone');
    server.script = { NOOP: [[hangUp()]] };
    await failure(ftp.noop());
    server.script = {};
    server.files.delete('/gone/file');
    server.files.delete('/gone');
    return { server, ftp };
  }

  it('fails what has a relative name, which would mean another file', async () => {
    const { server, ftp } = await stranded();
    for (const verb of [() => ftp.delete('name'), () => text(ftp.retr('name')), () => ftp.cwd('base'), () => ftp.list().toArray()]) {
      expect(await failure(verb())).to.include({ command: 'CWD gone', phase: 'login' });
    }
    expect(server.read('/name').toString()).to.equal('of the root');
  });

  it('is replaced by an absolute cwd(), for good', async () => {
    const { server, ftp } = await stranded();
    expect((await failure(ftp.delete('name'))).command).to.equal('CWD gone');
    await ftp.cwd('/');
    expect(await text(ftp.retr('name'))).to.equal('of the root');
    await ftp.cwd('/base');
    server.script = { NOOP: [[hangUp()]] };
    await failure(ftp.noop());
    server.script = {};
    expect(await text(ftp.retr('name'))).to.equal('of base');
  });

  it('is replaced by a caller’s own CWD from the root, too', async () => {
    const { ftp } = await stranded();
    await ftp.voidcmd('CWD /base');
    expect(await text(ftp.retr('name'))).to.equal('of base');
  });

  it('stays what is wanted where the absolute cwd() is refused', async () => {
    const { server, ftp } = await stranded();
    expect((await failure(ftp.cwd('/nothing'))).reply?.code).to.equal(550);
    expect((await failure(ftp.delete('name'))).command).to.equal('CWD gone');
    expect(server.read('/name').toString()).to.equal('of the root');
  });
});
