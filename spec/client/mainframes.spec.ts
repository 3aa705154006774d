import { expect } from 'chai';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { FTPPool, type FTP } from '../../lib/index';
import { failure, scene } from '../support/client';
import { PERSONALITIES } from '../support/server/personalities';

const DATA_SETS = { '/mvs/USER.TEXT': 'a data set', '/mvs/USER.A.B': 'a.b', '/mvs/USER.PDS/ONE': 'member one', '/mvs/USER.PDS/TWO': 'member two', '/mvs/OTHER.DATA': 'other', '/u/user/file': 'hfs' };

describe('mainframes', () => {
  const stage = scene();

  async function put(ftp: FTP, path: string, content: string): Promise<void> {
    const stream = ftp.stor(path);
    stream.end(content);
    await finished(stream);
  }

  async function entries(ftp: FTP, path?: string): Promise<string[]> {
    return (await ftp.list(path).toArray()).map(({ name, type }) => `${name} ${type}`);
  }

  describe('z/OS, with data sets', () => {
    const server = () => stage.serve({ files: DATA_SETS, ...PERSONALITIES.zOSDataSets });

    it('lists, reads, writes, renames and deletes them', async () => {
      const ftp = stage.client(await server());
      expect(await ftp.pwd()).to.equal("'USER.'");
      expect(await entries(ftp)).to.deep.equal(['TEXT file', 'A.B file', 'PDS directory']);
      expect(await text(ftp.retr('TEXT'))).to.equal('a data set');
      expect(await text(ftp.retr("'OTHER.DATA'"))).to.equal('other');
      await put(ftp, 'new.data', 'new');
      expect(await text(ftp.retr("'USER.NEW.DATA'"))).to.equal('new');
      await ftp.rename('NEW.DATA', 'OLD.DATA');
      await ftp.delete("'USER.OLD.DATA'");
      expect((await ftp.nlst().toArray())).to.deep.equal(['TEXT', 'A.B', 'PDS']);
      expect((await failure(text(ftp.retr('MISSING')))).reply?.code).to.equal(550);
      expect((await ftp.quit())?.code).to.equal(221);
    });

    it('enters a partitioned one, whose members are files, and leaves it', async () => {
      const ftp = stage.client(await server());
      await ftp.cwd('PDS');
      expect(await ftp.pwd()).to.equal("'USER.PDS'");
      expect(await entries(ftp)).to.deep.equal(['ONE file', 'TWO file']);
      expect(await text(ftp.retr('ONE'))).to.equal('member one');
      await put(ftp, 'THREE', 'member three');
      expect(await text(ftp.retr("'USER.PDS(THREE)'"))).to.equal('member three');
      await ftp.cdup();
      expect(await ftp.pwd()).to.equal("'USER.'");
      expect(await text(ftp.retr('PDS(TWO)'))).to.equal('member two');
      await ftp.cwd('/u/user');
      expect(await text(ftp.retr('file'))).to.equal('hfs');
      await ftp.cwd("'OTHER.'");
      expect(await entries(ftp)).to.deep.equal(['DATA file']);
    });

    it('comes back to the data set that it worked in when the connection is lost', async () => {
      const there = await server();
      const ftp = stage.client(there);
      for (const [steps, path] of [[["PDS"], "'USER.PDS'"], [["'OTHER'"], "'OTHER.'"], [['/u/user', "'USER.PDS'"], "'USER.PDS'"]] as const) {
        for (const step of steps) await ftp.cwd(step);
        const closed = once(ftp, 'close');
        for (const session of there.sessions) session.control.reset();
        await closed;
        expect(await ftp.pwd(), path).to.equal(path);
      }
      expect(await text(ftp.retr('ONE'))).to.equal('member one');
    });
  });

  describe('IBM i', () => {
    const files = { '/home/user/report': 'figures', '/home/user/folder/': '' };
    const server = () => stage.serve({ files, ...PERSONALITIES.ibmI });
    const afterLogin = ['SITE NAMEFMT 1', 'CWD /home/user'];

    it('begins in a library', async () => {
      const ftp = stage.client(await server());
      expect(await ftp.pwd()).to.equal('QGPL');
      expect((await ftp.syst()).text).to.match(/OS\/400/);
    });

    it('has paths after SITE NAMEFMT 1, on each connection of a pool', async () => {
      const { host, port } = await server();
      const pool = new FTPPool({ host, port, user: 'user', password: 'secret', connections: 3, afterLogin });
      expect(await Promise.all(Array.from({ length: 6 }, () => text(pool.retr('report'))))).to.deep.equal(Array(6).fill('figures'));
      await pool.quit();
    });

    it('lists in its own way, or as Unix after SITE LISTFMT 1', async () => {
      const there = await server();
      for (const more of [[], ['SITE LISTFMT 1']]) {
        const ftp = stage.client(there, { afterLogin: [...afterLogin, ...more] });
        expect(await entries(ftp)).to.deep.equal(['report file', 'folder directory']);
        expect((await ftp.list().toArray())[0]).to.have.property('size', 7);
      }
    });
  });
});
