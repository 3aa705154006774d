import { expect } from 'chai';
import { once } from 'node:events';
import { scene } from '../support/client';
import { gate, type Gate } from '../support/server/gate';
import type { FtpServer } from '../support/server/ftp-server';
import type { Session } from '../support/server/session';
import { data, dataClosed, dataEnd, openData, send, until } from '../support/server/steps';
import { dialAfter, useBench } from '../support/transfers';

const DURING = { keepAlive: 5, keepAliveDuringTransfers: true };

describe('keepAlive', () => {
  const stage = scene();

  it('sends NOOP while the client is idle', async () => {
    const server = await stage.serve();
    await stage.client(server, { keepAlive: 5 }).pwd();
    await server.waitFor('NOOP');
  });

  it('sends none while a reply is awaited, which a server may give later than its own', async () => {
    const held = gate();
    const server = await stage.serve({ script: { PWD: [until(held), send('257 "/"')] } });
    const quiet = stage.client(server, { keepAlive: 5 });
    await Promise.all([quiet.feat(), quiet.noop()]); // no FEAT and no OPTS come later
    const commands: string[] = [];
    quiet.on('command', (line) => void commands.push(line));
    const path = quiet.pwd();
    const other = stage.client(server, { keepAlive: 5 });
    await other.noop();
    let noops = 0;
    await new Promise<void>((resolve) => {
      other.on('command', (line) => void (line === 'NOOP' && ++noops === 5 && resolve()));
    });
    expect(commands.slice(commands.indexOf('PWD'))).to.deep.equal(['PWD']);
    held.open();
    expect(await path).to.equal('/');
  });

  it('a server that does not know NOOP is no error', async () => {
    const server = await stage.serve({ script: { NOOP: '502 What?' } });
    const ftp = stage.client(server, { keepAlive: 5 });
    await ftp.pwd();
    await server.waitFor('NOOP');
    expect(await ftp.pwd()).to.equal('/');
  });

  describe('during transfers', () => {
    /** A server that reads no command during a transfer by itself: the script answers the NOOPs. */
    async function download(end: (session: Session, noops: () => number) => Promise<void> | void): Promise<{ server: FtpServer; bytes: string; size: number }> {
      const wanted: Gate = gate();
      let noops = 0;
      const server = await stage.serve({
        files: { '/file': '123456' },
        script: {
          RETR: [openData(), send('150 here'), data('abc'), until(wanted), (session) => end(session, () => noops)],
          NOOP: () => undefined,
        },
      });
      server.on('command', (line: string) => {
        if (line === 'NOOP' && ++noops === 3) wanted.open();
      });
      const ftp = stage.client(server, DURING);
      const [chunks, size] = await Promise.all([ftp.retr('x').toArray(), ftp.size('/file')]);
      return { server, bytes: Buffer.concat(chunks).toString(), size };
    }

    const finish = async (session: Session): Promise<void> => {
      await dataEnd()(session);
      session.reply('226 done');
    };
    const times = (count: number, session: Session, reply: string): void => {
      for (let index = 0; index < count; index++) session.reply(reply);
    };

    it('counts replies that come after the final one (vsftpd, ProFTPD)', async () => {
      const { bytes, size } = await download(async (session, noops) => {
        await finish(session);
        times(noops(), session, '200 NOOP ok.');
      });
      expect({ bytes, size }).to.deep.equal({ bytes: 'abc', size: 6 });
    });

    it('counts replies that come before the final one (pyftpdlib)', async () => {
      const { bytes, size } = await download(async (session, noops) => {
        times(noops(), session, '200 I successfully did nothing.');
        await finish(session);
      });
      expect({ bytes, size }).to.deep.equal({ bytes: 'abc', size: 6 });
    });

    it('sends none after the end of the data, when the mark is late', async () => {
      const server = await stage.serve({ script: { RETR: [openData(), data('abc'), dataEnd(), dataClosed(), send('150 here'), send('226 done')] } });
      const ftp = stage.client(server, DURING);
      expect(Buffer.concat(await ftp.retr('x').toArray()).toString()).to.equal('abc');
      ftp.close(); // a timer that runs on is found by the hook after each spec
    });

    it('takes the replies to them also when a download is left behind the end of its data', async () => {
      const asked = gate();
      const server = await stage.serve({
        files: { '/file': '123456' },
        script: {
          RETR: [openData(), send('150 here'), data('abc'), until(asked), dataEnd(), dataClosed(), () => void stream.destroy(), send('226 done'), send('200 NOOP ok.')],
          NOOP: () => undefined,
        },
      });
      server.on('command', (line: string) => void (line === 'NOOP' && asked.open()));
      const ftp = stage.client(server, { keepAlive: 50, keepAliveDuringTransfers: true });
      const stream = ftp.retr('x').resume();
      await once(stream, 'close');
      expect(await ftp.size('/file')).to.equal(6);
      expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.lengthOf(1);
    });

    it('asks where it is when one reply came for all of them (Pure-FTPd)', async () => {
      const { server, bytes, size } = await download(async (session) => {
        session.reply('500 Unknown command');
        await finish(session);
      });
      expect({ bytes, size }).to.deep.equal({ bytes: 'abc', size: 6 });
      expect(server.commands.filter((line) => line === 'PWD')).to.have.lengthOf(1);
    });
  });
});

describe('keepAlive during a transfer that is left before its mark', () => {
  const bench = useBench();

  it('sends no NOOP, whose reply could be taken for that of ABOR', async () => {
    await bench.serve({ files: { '/other': 'other' } });
    let made: Promise<unknown> = Promise.resolve();
    const ftp = await bench.warmClient({ ...DURING, createConnection: dialAfter(() => made) });
    const left = gate();
    const held = gate();
    made = held.promise;
    bench.server.script = { RETR: [until(left), send('150 Here.'), openData(), dataClosed(), send('426 Broken.')] };
    const stream = ftp.retr('file').resume();
    await bench.server.waitFor('RETR');
    const mark = once(ftp, 'reply');
    stream.destroy();
    left.open();
    await mark;
    const commands: string[] = [];
    ftp.on('command', (line) => void commands.push(line));
    const other = bench.client({ keepAlive: 5 });
    await other.noop();
    let noops = 0;
    await new Promise<void>((resolve) => {
      other.on('command', (line) => void (line === 'NOOP' && ++noops === 5 && resolve()));
    });
    held.open();
    expect(await ftp.pwd()).to.equal('/');
    expect(commands).to.deep.equal(['ABOR', 'PWD', 'PWD']);
  });
});
