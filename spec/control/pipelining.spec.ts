import { expect } from 'chai';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { setTimeout as after } from 'node:timers/promises';
import { ConnectionClosedError, downloadTree, FTP, FTPPool, type FTPOptions, uploadTree } from '../../lib/index';
import { failure, scene } from '../support/client';
import { certificate } from '../support/server/certificates';
import type { FtpServer } from '../support/server/ftp-server';
import { PERSONALITIES, type PersonalityName } from '../support/server/personalities';
import type { Step } from '../support/server/script';
import { hangUp, normal, resetControl, until } from '../support/server/steps';
import { Scratch } from '../bulk/tree-scratch';

const FILES = { '/a': 'file a', '/bb': 'file bb', '/there': 'there', '/folder/x': 'x', '/folder/y': 'yy', '/empty/': '' };
/** Servers that do not take a command before the reply to the one before. */
const ONE_AT_A_TIME = ['onePerPacket', 'lastOfPacket', 'outOfOrder', 'onlyOnePerPacket', 'packetIsCommand', 'resetsOverlap'] as const satisfies readonly PersonalityName[];
/** Servers that do not take a command before the final reply of a transfer. */
const NOT_DURING_TRANSFERS = ['refusesDuringTransfer', 'earlyPassive', 'dropsDuringTransfer', 'closesDuringTransfer', 'completesWith200'] as const satisfies readonly PersonalityName[];

describe('several commands in flight', () => {
  const stage = scene();
  const scratch = new Scratch();
  const logins = (server: FtpServer): number => server.commands.filter((line) => line.startsWith('USER')).length;

  async function put(ftp: FTP | FTPPool, path: string, content: string): Promise<string> {
    const stream = ftp.stor(path);
    stream.end(content);
    await finished(stream);
    return 'stored';
  }

  /** What a client is used for, in one go and then once more one after the other; its outcome. */
  const everything = (ftp: FTP | FTPPool): (() => Promise<unknown>)[] => [
    () => text(ftp.retr('a')),
    () => ftp.size('bb'),
    () => text(ftp.retr('bb')),
    () => names(ftp, 'folder'),
    () => ftp.delete('missing').catch((error: Error) => (error as { code?: string }).code),
    () => put(ftp, 'up', 'bytes'),
    () => ftp.mkd('new'),
    () => text(ftp.retr('up')),
    () => ftp.rmd('new').then(({ code }) => code),
    () => names(ftp, 'empty'),
    () => ftp.size('there'),
    () => ftp.rename('there', 'elsewhere').then(({ code }) => code),
    () => text(ftp.retr('elsewhere')),
    () => ftp.rename('elsewhere', 'there').then(({ code }) => code),
    () => ftp.nlst('folder').toArray(),
  ];
  const EVERYTHING = ['file a', 7, 'file bb', ['x', 'y'], 'ERR_FTP_PERMANENT', 'stored', '/new', 'bytes', 250, [], 5, 250, 'there', 250, ['x', 'y']];

  async function names(ftp: FTP | FTPPool, path: string): Promise<string[]> {
    return (await ftp.list(path).toArray()).map(({ name }) => name);
  }

  function client(server: FtpServer, options: FTPOptions = {}): FTP {
    return stage.client(server, { timeout: 5000, ...options });
  }

  for (const name of [...ONE_AT_A_TIME, ...NOT_DURING_TRANSFERS]) {
    describe(`on a server of the kind ${name}`, () => {
      it('everything that is called together has its outcome', async () => {
        const server = await stage.serve({ files: FILES, ...PERSONALITIES[name] });
        const ftp = client(server);
        expect(await Promise.all(everything(ftp).map((act) => act()))).to.deep.equal(EVERYTHING);
        expect(await Promise.all(everything(ftp).map((act) => act()))).to.deep.equal(EVERYTHING);
        expect(logins(server)).to.be.at.most(2);
      });

      it('everything that is called in turn has its outcome, also before anything else', async () => {
        const acts = everything(new FTP());
        await Promise.all(acts.map(async (act, index) => {
          const server = await stage.serve({ files: { ...FILES, '/up': 'bytes', '/elsewhere': 'there' }, ...PERSONALITIES[name] });
          const ftp = client(server);
          const outcome = await everything(ftp)[index]?.().catch((error: Error) => error);
          if (!/mkd|rmd|rename/.test(act.toString())) expect(outcome, act.toString()).to.deep.equal(EVERYTHING[index]);
          expect(await text(ftp.retr('a'))).to.equal('file a');
          expect(await ftp.size('bb')).to.equal(7);
          expect(logins(server), act.toString()).to.be.at.most(2);
        }));
      });

      it('a pool does the same, and is found out once', async () => {
        const server = await stage.serve({ files: FILES, ...PERSONALITIES[name] });
        const pool = new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret', timeout: 5000, connections: 3 });
        const reading = Array.from({ length: 20 }, (_, n) => text(pool.retr(n % 2 === 0 ? 'a' : 'bb')));
        expect(await Promise.all(reading)).to.deep.equal(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? 'file a' : 'file bb')));
        for (const [index, act] of everything(pool).entries()) expect(await act()).to.deep.equal(EVERYTHING[index]);
        expect(logins(server)).to.be.at.most(4);
        await pool.quit();
      });

      it('a connection that was made by hand is made again', async () => {
        const server = await stage.serve({ files: FILES, ...PERSONALITIES[name] });
        const ftp = await stage.connect(server);
        await ftp.cwd('folder');
        expect(await text(ftp.retr('x'))).to.equal('x');
        expect(await Promise.all([text(ftp.retr('y')), ftp.size('y'), ftp.pwd()])).to.deep.equal(['yy', 2, '/folder']);
        expect(logins(server)).to.be.at.most(1);
      });

      it('what one client has learnt serves the next', async () => {
        const server = await stage.serve({ files: FILES, ...PERSONALITIES[name] });
        for (const ftp of [client(server), client(server), client(server)]) {
          expect(await Promise.all([text(ftp.retr('a')), text(ftp.retr('bb'))])).to.deep.equal(['file a', 'file bb']);
        }
        expect(logins(server)).to.be.at.most(4);
      });
    });
  }

  describe('with pipelining: false', () => {
    const options = { pipelining: false, timeout: 5000 } as const;

    it('no command leaves before the final reply to the one before, whatever is done', async () => {
      const server = await stage.serve({ files: FILES, ...PERSONALITIES.resetsOverlap });
      const ftp = client(server, { ...options, keepAlive: 20, keepAliveDuringTransfers: true });
      for (let round = 0; round < 2; round++) expect(await Promise.all(everything(ftp).map((act) => act()))).to.deep.equal(EVERYTHING);
      for await (const chunk of ftp.retr('there')) if (chunk) break;
      for await (const entry of ftp.list('folder')) if (entry) break;
      expect(await text(ftp.retr('there', { start: 2 }))).to.equal('ere');
      await ftp.quit();
      expect(logins(server)).to.equal(1);
      expect(server.commands.at(-1)).to.equal('QUIT');
    });

    it('neither do those of a pool, of a tree and of a session in TLS', async () => {
      const identity = certificate();
      const server = await stage.serve({ files: FILES, ...PERSONALITIES.resetsOverlap, tls: { mode: 'explicit', ...identity } });
      const pool = new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret', secure: 'explicit', tls: { ca: identity.cert }, ...options, connections: 2 });
      await scratch.put('source', { 'sub/one': '1', 'sub/two': '2', three: '3' });
      await uploadTree(pool, scratch.path('source'), 'tree', { preserveTimes: true }).toArray();
      await downloadTree(pool, 'tree', scratch.path('copy')).toArray();
      expect(await scratch.tree('copy')).to.deep.equal({ 'sub/': '', 'sub/one': '1', 'sub/two': '2', three: '3' });
      await pool.quit();
      expect(logins(server)).to.equal(2);
    });

    it('is true, false or left out', () => {
      expect(() => new FTP({ pipelining: 'no' as never })).to.throw('pipelining must be true or false');
    });
  });

  describe('that is tried', () => {
    it('is not tried where the greeting says that it does not work', async () => {
      const server = await stage.serve({ files: FILES, script: { GREETING: '220 Microsoft FTP Service' }, ...PERSONALITIES.resetsOverlap });
      const ftp = client(server);
      expect(await Promise.all(everything(ftp).map((act) => act()))).to.deep.equal(EVERYTHING);
      expect(logins(server)).to.equal(1);
    });

    it('never puts a change at risk: it leaves alone, and what is lost with its reply may have been carried out', async () => {
      const server = await stage.serve({ files: FILES, script: { DELE: [[hangUp()]] } });
      const ftp = client(server);
      const [lost] = await Promise.all([failure(ftp.delete('there')), ftp.delete('bb').catch(() => undefined)]);
      expect(lost).to.be.instanceOf(ConnectionClosedError).with.property('maybeCompleted', true);
      expect(await text(ftp.retr('a'))).to.equal('file a');
    });

    it('is not blamed for a connection that is lost with one command in flight', async () => {
      const server = await stage.serve({ files: FILES, script: { SYST: [[resetControl()]] } });
      const ftp = client(server);
      expect(await failure(ftp.syst())).to.be.instanceOf(ConnectionClosedError);
      expect(ftp.session.observed.pipelining.allows({})).to.equal(true);
    });

    it('is not tried where the caller has set what another session would not have', async () => {
      const server = await stage.serve({ files: FILES, script: { SITE: '200 Ok.' }, ...PERSONALITIES.resetsOverlap });
      const ftp = client(server);
      await ftp.site('NAMEFMT 1');
      expect(await Promise.all([text(ftp.retr('a')), text(ftp.retr('bb')), ftp.size('there')])).to.deep.equal(['file a', 'file bb', 5]);
      expect(logins(server)).to.equal(1);
    });

    it('is left to other connections where it had no outcome', async () => {
      const identity = certificate();
      const server = await stage.serve({ files: FILES, tls: { mode: 'explicit', ...identity } });
      const ftp = client(server, { secure: 'explicit', tls: { ca: identity.cert } });
      await ftp.login(); // PBSZ and PROT leave together, and prove nothing
      expect(ftp.session.observed.pipelining.allows({})).to.equal(true);
    });

    it('takes no answer for that to a command which the server has dropped', async () => {
      const server = await stage.serve({ files: FILES, ...PERSONALITIES.dropsDuringTransfer });
      const ftp = client(server);
      expect(await text(ftp.retr('there'))).to.equal('there'); // the server keeps the order
      const download = text(ftp.retr('a'));
      const dropped = ftp.size('bb'); // it leaves when the data have ended
      expect(await download).to.equal('file a');
      expect(await Promise.all([dropped, ftp.size('there')])).to.deep.equal([7, 5]);
    });

    it('costs a server that answers slowly no session', async () => {
      const slowly = (ms: number): Step[] => [until(() => after(ms)), normal()];
      const server = await stage.serve({ files: FILES, script: { PASS: slowly(600), FEAT: slowly(900), TYPE: slowly(1500) } });
      const ftp = client(server);
      expect(await text(ftp.retr('a'))).to.equal('file a');
      expect(logins(server)).to.equal(1);
    });
  });
});
