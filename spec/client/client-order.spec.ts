import { expect } from 'chai';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { ArgumentError, FTPError, ReplyError } from '../../lib/errors';
import { failure, scene } from '../support/client';
import { describeSeed, random } from '../support/seed';
import { gate } from '../support/server/gate';
import { hangUp, send, until } from '../support/server/steps';

const FILES = { '/a': 'file a', '/b': 'file b', '/folder/c': 'file c' };

describe('operations of one client', () => {
  const stage = scene();

  describe('order', () => {
    it('is that of the calls, for a thousand verbs and transfers in a mix', async function () {
      const { seed, int } = random(20_260_101);
      const files = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`/f${index}`, 'x'.repeat(index)]));
      const server = await stage.serve({ files });
      const ftp = await stage.connect(server);
      const wanted: string[] = [];
      const outcomes = Array.from({ length: 1000 }, (_, index) => {
        const number = int(10);
        const kind = int(40);
        if (kind === 0) {
          wanted.push(`RETR f${number}`);
          return text(ftp.retr(`f${number}`)).then((content) => content.length === number);
        }
        if (kind === 1) {
          wanted.push(`STOR u${index}`);
          return pipeline(Readable.from(['up']), ftp.stor(`u${index}`)).then(() => true);
        }
        if (kind < 20) {
          wanted.push(`SIZE f${number}`);
          return ftp.size(`f${number}`).then((size) => size === number);
        }
        wanted.push(`MDTM missing${index}`);
        return failure(ftp.mdtm(`missing${index}`)).then(({ command }) => command === `MDTM missing${index}`);
      });
      const right = await Promise.all(outcomes);
      expect(right.filter((each) => !each), describeSeed(seed)).to.have.length(0);
      expect(server.commands.filter((line) => /^(RETR|STOR|SIZE|MDTM)/.test(line)), describeSeed(seed)).to.deep.equal(wanted);
    });

    it('steps over a stream that nobody reads, and comes back to it', async () => {
      const server = await stage.serve({ files: FILES });
      const ftp = await stage.connect(server);
      const late = ftp.retr('a');
      expect(await ftp.size('b')).to.equal(6);
      expect(await text(late)).to.equal('file a');
    });

    it('forgets a stream that was destroyed before its turn', async () => {
      const server = await stage.serve({ files: FILES });
      const ftp = await stage.connect(server);
      const first = text(ftp.retr('a'));
      const dropped = ftp.retr('b');
      dropped.resume();
      dropped.destroy();
      await once(dropped, 'close');
      expect([await first, await text(ftp.retr('folder/c'))]).to.deep.equal(['file a', 'file c']);
      expect(server.commands).to.not.include('RETR b');
    });
  });

  describe('sendcmd and voidcmd', () => {
    it('resolve with 1yz, 2yz and 3yz as ftplib does', async () => {
      const server = await stage.serve({ script: { XONE: '250 Yes.', XTWO: '350 More?' } });
      const ftp = await stage.connect(server);
      expect((await ftp.sendcmd('XONE a b')).code).to.equal(250);
      expect((await ftp.sendcmd('XTWO')).code).to.equal(350);
      expect((await ftp.voidcmd('xone')).code).to.equal(250);
      expect(server.commands).to.deep.equal(['XONE a b', 'XTWO', 'xone']);
    });

    it('resolves sendcmd with the mark, and lets the final reply come in its own time', async () => {
      const held = gate();
      const server = await stage.serve({ script: { XLONG: [send('150 Working.'), until(held), send('226 Done.')] } });
      const ftp = await stage.connect(server);
      const replies: number[] = [];
      ftp.on('reply', ({ code }) => replies.push(code));
      expect((await ftp.sendcmd('XLONG')).code).to.equal(150);
      const next = ftp.noop();
      held.open();
      expect((await next).code).to.equal(200);
      expect(replies).to.deep.equal([150, 226, 200]);
    });

    it('does not crash where the final reply after the mark is a failure', async () => {
      const server = await stage.serve({ script: { XLONG: [send('150 Working.'), send('451 Broke.')] } });
      const ftp = await stage.connect(server);
      expect((await ftp.sendcmd('XLONG')).code).to.equal(150);
      expect((await ftp.noop()).code).to.equal(200);
    });

    it('fail with the class of the reply', async () => {
      const server = await stage.serve({ script: { XFOUR: '450 Later.', XFIVE: '550 Never.', XTHREE: '350 More?' } });
      const ftp = await stage.connect(server);
      expect(await failure(ftp.sendcmd('XFOUR'))).to.include({ code: 'ERR_FTP_TEMPORARY', message: 'XFOUR: 450 Later.' });
      expect(await failure(ftp.voidcmd('XFIVE'))).to.include({ code: 'ERR_FTP_PERMANENT', command: 'XFIVE' });
      expect(await failure(ftp.voidcmd('XTHREE'))).to.be.instanceOf(ReplyError).and.include({ code: 'ERR_FTP_REPLY', message: 'XTHREE: 350 More?' });
    });

    it('refuse what is not one line before anything is sent', async () => {
      const server = await stage.serve();
      const ftp = await stage.connect(server);
      for (const line of ['', ' NOOP', 'NOOP\r\nDELE x', 'NOOP\n', 'NOOP\r', 'DELE \0']) {
        expect(await failure(ftp.sendcmd(line)), JSON.stringify(line)).to.be.instanceOf(ArgumentError);
        expect(await failure(ftp.voidcmd(line)), JSON.stringify(line)).to.be.instanceOf(ArgumentError);
      }
      expect(server.commands).to.deep.equal([]);
    });
  });

  it('gives each of many callers an error of their own when the connection is lost', async () => {
    const server = await stage.serve({ files: FILES, script: { NOOP: [hangUp()] } });
    const ftp = await stage.connect(server);
    const outcomes = [ftp.noop(), ...Array.from({ length: 300 }, (_, index) => ftp.size(`f${index}`)), buffer(ftp.retr('a')), ftp.cwd('..')];
    const errors = await Promise.all(outcomes.map(failure));
    expect(new Set(errors).size).to.equal(errors.length);
    for (const error of errors) expect(error).to.be.instanceOf(FTPError);
  });
});
