import { expect } from 'chai';
import { ArgumentError, ConnectionClosedError, type FTP, type FTPPool, PermanentError, RemovalError } from '../../lib/index';
import { failure } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import { PERSONALITIES } from '../support/server/personalities';
import { data, dataEnd, openData, send } from '../support/server/steps';
import { poolScene } from './pool-scene';

const WHOLE = Object.entries(PERSONALITIES).filter(([, personality]) => !('tls' in personality || 'paths' in personality)) as [string, object][];
const MANY = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`/tree/many/file ${index}`, 'x']));
const TREE = { '/tree/file': 'x', '/tree/.hidden': 'x', '/tree/a/b/c/file': 'x', '/tree/a/b/other': 'x', '/tree/empty/': '', '/beside/file': 'x', '/tree/link': { target: '/beside' }, '/tree/a/link': { target: '/beside/file' }, '/tree/nowhere': { target: '/nowhere' }, ...MANY };

describe('folders and what is in them', () => {
  const { stage, pool } = poolScene();

  async function clients(server: FtpServer): Promise<(FTP | FTPPool)[]> {
    return [stage.client(server, { stallTimeout: 2000 }), pool(server, { connections: 3 })];
  }

  describe('mkd() with recursive', () => {
    it('takes one round trip where only the innermost is missing, and gives its name', async () => {
      const server = await stage.serve({ files: { '/a/': '' } });
      const ftp = await stage.connect(server);
      expect(await ftp.mkd('a/b', { recursive: true })).to.equal('/a/b');
      expect(server.commands.filter((line) => !/^(FEAT|OPTS)/.test(line))).to.deep.equal(['MKD a/b']);
    });

    for (const [name, personality] of WHOLE) {
      it(`makes what is missing, and leaves what is there, on ${name}`, async () => {
        const server = await stage.serve({ files: { '/file': 'x', '/there/inner/': '' }, ...personality });
        const ftp = stage.client(server, { stallTimeout: 2000 });
        for (const path of ['a', 'b/c/d/e', '/there/inner/new', 'there/inner', '/x/y/z/', 'name with/blanks in it']) {
          for (let time = 0; time < 2; time++) await ftp.mkd(path, { recursive: true });
          await ftp.cwd(path);
          await ftp.cwd('/');
        }
        expect(await ftp.mkd('there', { recursive: true })).to.equal('');
        expect(await failure(ftp.mkd('file', { recursive: true }))).to.be.instanceOf(PermanentError);
        expect(await failure(ftp.mkd('file/inner/most', { recursive: true }))).to.be.instanceOf(PermanentError);
        expect(await ftp.pwd()).to.equal('/');
      });
    }

    it('takes no harm where several make the same', async () => {
      const server = await stage.serve();
      const all = [...(await clients(server)), ...(await clients(server))];
      await Promise.all(all.flatMap((client) => Array.from({ length: 10 }, (_, index) => client.mkd(`a/b/c/d/${index % 3}`, { recursive: true }))));
      expect(await stage.client(server).exists('a/b/c/d/2')).to.equal(true);
    });

    it('is for folders that nobody may make no folder', async () => {
      const server = await stage.serve({ script: { MKD: '550 Permission denied.' } });
      expect((await failure(stage.client(server).mkd('a/b/c', { recursive: true }))).message).to.equal('MKD a: 550 Permission denied.');
    });
  });

  describe('rmd() with recursive', () => {
    for (const [name, personality] of [['the usual server', {}], ...WHOLE] as [string, object][]) {
      it(`removes all that is in a folder, and nothing beside it, on ${name}`, async () => {
        for (const kind of [0, 1]) {
          const server = await stage.serve({ files: TREE, ...personality });
          const client = (await clients(server))[kind] as FTP | FTPPool;
          const reply = await client.rmd('tree', { recursive: true });
          expect(reply.kind).to.equal('completion');
          expect([await client.exists('tree'), await client.exists('beside/file')]).to.deep.equal([false, true]);
          client.close();
        }
      });
    }

    it('refuses the root, the working folder, and what they are in', async () => {
      const server = await stage.serve({ files: TREE });
      const ftp = stage.client(server);
      for (const path of ['', '/', '.', '..', './', '//', '../', '/..', '/.', 'a/..', 'tree/../', './.', '../..', 'tree/a/../../', '/tree/..']) {
        expect(await failure(ftp.rmd(path, { recursive: true })), path).to.be.instanceOf(ArgumentError);
      }
      expect(server.sessions.size).to.equal(0);
    });

    it('is a PermanentError where there is none, and for a file, which stays', async () => {
      const server = await stage.serve({ files: TREE });
      const ftp = stage.client(server);
      expect(await failure(ftp.rmd('missing', { recursive: true }))).to.be.instanceOf(PermanentError);
      expect((await failure(ftp.rmd('tree/file', { recursive: true }))).message).to.equal('RMD tree/file: it is no folder');
      expect(await ftp.exists('tree/file')).to.equal(true);
    });

    it('removes the rest where something stays, and says what', async () => {
      const server = await stage.serve({ files: TREE, script: { DELE: (session, path) => (/file$|[5]$/.test(path) ? session.writeRaw('550 In use.\r\n') : session.normal()) } });
      for (const client of await clients(server)) {
        const error = await failure(client.rmd('tree', { recursive: true }));
        expect(error).to.be.instanceOf(RemovalError);
        const left = [...Array.from({ length: 20 }, (_, index) => `tree/many/file ${index * 10 + 5}`), 'tree/a/b/c', 'tree/a/b/c/file', 'tree/file', 'tree/many'];
        expect((error as RemovalError).failures.map(({ path }) => path).sort()).to.deep.equal(left.sort());
        expect(error.message).to.match(/^RMD tree: what could not be removed: tree\/file \(DELE tree\/file: 550 In use\.\), .* and \d+ more$/);
        expect(await client.exists('tree/many/file 4')).to.equal(false);
        expect(await client.exists('tree/empty')).to.equal(false);
        expect(await client.exists('beside/file')).to.equal(true);
      }
    });

    it('deletes nothing in a folder of whose listing a line cannot be read', async () => {
      const server = await stage.serve({ files: TREE, lacks: ['MLSD', 'MLST'], features: ['SIZE'], script: {
        LIST: [openData(), send('150 Here.'), data('what nobody can read\r\n-rw-r--r-- 1 u u 1 Jan 1 2020 file\r\n'), dataEnd(), send('226 Done.')],
      } });
      await failure(stage.client(server).rmd('tree', { recursive: true }));
      expect(await stage.client(server).exists('tree/file')).to.equal(true);
    });

    it('says that the folder may be missing where the server says only that SIZE failed, as vsftpd does', async () => {
      const server = await stage.serve({ files: TREE, lacks: ['MLSD', 'MLST'], script: { SIZE: '550 Could not get file size.', MDTM: '550 Could not get file modification time.' } });
      const error = await failure(stage.client(server).rmd('none', { recursive: true }));
      expect(error.message).to.equal('SIZE none: 550 Could not get file size. (nor is none a folder that can be entered: it may be missing)');
      expect(error.stack).to.include(error.message);
    });

    it('removes a symlink to a folder itself', async () => {
      for (const lacks of [[], ['MLSD', 'MLST']]) {
        const server = await stage.serve({ files: { ...TREE, '/alias': { target: '/beside' } }, lacks });
        const ftp = stage.client(server);
        await ftp.rmd('alias', { recursive: true });
        expect([await ftp.exists('alias'), await ftp.exists('beside/file')]).to.deep.equal([false, true]);
      }
    });

    it('ends at once where the connection is lost for good, and where it is aborted', async () => {
      let deletions = 0;
      const server = await stage.serve({ files: TREE, script: { DELE: (session) => (++deletions > 50 ? session.control.hangUp() : session.normal()) } });
      const ftp = await stage.connect(server);
      expect(await failure(ftp.rmd('tree', { recursive: true }))).to.be.instanceOf(ConnectionClosedError);
      const other = stage.client(await stage.serve({ files: TREE }));
      const controller = new AbortController();
      other.on('command', (line) => line.startsWith('DELE tree/many/file 150') && controller.abort());
      const error = await other.rmd('tree', { recursive: true, signal: controller.signal }).catch((reason: Error) => reason.name);
      expect(error).to.equal('AbortError');
      expect(await other.exists('tree')).to.equal(true);
    });

    it('deletes nothing more where it is aborted, except by the commands that were sent', async () => {
      for (const pipelining of [true, false]) {
        const server = await stage.serve({ files: TREE });
        for (const client of [stage.client(server, { pipelining }), pool(server, { connections: 3, pipelining })]) {
          const controller = new AbortController();
          let deletions = 0;
          client.on('command', (line: string) => void (/^DELE tree\/many/.test(line) && ++deletions === 40 && controller.abort()));
          expect(await client.rmd('tree', { recursive: true, signal: controller.signal }).catch((reason: Error) => reason.name)).to.equal('AbortError');
          const sent = deletions;
          await client.noop();
          expect(deletions).to.equal(sent);
          expect(sent).to.be.below(40 + 3);
        }
      }
    });

    it('is no lie where the server says that it has removed what stays', async () => {
      const server = await stage.serve({ files: TREE, script: { RMD: '250 Removed.' } });
      const ftp = stage.client(server);
      const error = await failure(ftp.rmd('tree', { recursive: true }));
      expect(error).to.be.instanceOf(RemovalError);
      expect(error.message).to.equal('RMD tree: the server says 250 Removed., and it is still there');
      expect([await ftp.exists('tree/file'), await ftp.exists('tree/many/file 1')]).to.deep.equal([false, false]);
    });

    it('lists a folder of which the server has said that it is removed, and was not', async () => {
      const server = await stage.serve({ files: TREE, script: { RMD: (session, path) => (path === 'tree' && lies-- > 0 ? session.writeRaw('250 Removed.\r\n') : session.normal()) } });
      let lies = 1;
      const ftp = stage.client(server);
      await ftp.rmd('tree', { recursive: true });
      expect(await ftp.exists('tree')).to.equal(false);
    });

    it('can be done again after the connection was cut at any of its commands', async () => {
      const files = { ...Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`/tree/${index % 7}/inner/${index}`, 'x'])), '/beside/file': 'x' };
      for (let at = 1; at < 60; at += 3) {
        const server = await stage.serve({ files });
        const ftp = stage.client(server);
        await ftp.noop();
        let count = 0;
        server.on('command', () => {
          if (++count === at) for (const session of server.sessions) session.control.hangUp();
        });
        await ftp.rmd('tree', { recursive: true }).catch((error: Error) => expect(error.name).to.be.oneOf(['ConnectionClosedError', 'RemovalError', 'TransferError']));
        server.removeAllListeners('command');
        if (await ftp.exists('tree')) await ftp.rmd('tree', { recursive: true });
        expect([await ftp.exists('tree'), await ftp.exists('beside/file')]).to.deep.equal([false, true]);
      }
    });

    it('is waited for by quit()', async () => {
      const ftp = stage.client(await stage.serve({ files: TREE }));
      const [reply] = await Promise.all([ftp.rmd('tree', { recursive: true }), ftp.quit()]);
      expect(reply.code).to.equal(250);
    });
  });
});
