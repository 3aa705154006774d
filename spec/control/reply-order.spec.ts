import { expect } from 'chai';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { ConnectionClosedError, PermanentError, ReplyError, TemporaryError } from '../../lib/errors';
import type { FTP, FTPOptions } from '../../lib/index';
import { failure, scene, tapped } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import { gate } from '../support/server/gate';
import { PERSONALITIES, type PersonalityName } from '../support/server/personalities';
import type { Script } from '../support/server/script';
import type { FtpServerOptions } from '../support/server/server-options';
import type { Session } from '../support/server/session';
import { data, dataClosed, dataEnd, hangUp, normal, openData, send, until } from '../support/server/steps';

const FILES = { '/a': 'file a', '/bb': 'file bb', '/there': 'there', '/folder/x': 'x' };
const MARK = '150 Here.';
const DONE = '226 Done.';

/** Commands whose success somebody relies on. */
const PLAIN: Readonly<Record<string, (ftp: FTP) => Promise<unknown>>> = {
  DELE: (ftp) => ftp.delete('there'),
  CWD: (ftp) => ftp.cwd('folder'),
  SITE: (ftp) => ftp.site('CHMOD 600 there'),
  MKD: (ftp) => ftp.mkd('new'),
  RMD: (ftp) => ftp.rmd('folder'),
  RNFR: (ftp) => ftp.rename('there', 'elsewhere'),
  NOOP: (ftp) => ftp.noop(),
  XYZZY: (ftp) => ftp.voidcmd('XYZZY'),
};

describe('a reply to one command', () => {
  const stage = scene();

  /** A client that is logged in and has not said anything else yet. */
  async function fresh(server: FtpServer, options: FTPOptions = {}): Promise<FTP> {
    return stage.connect(server, { replyTimeout: 500, ...options });
  }

  describe('of another class', () => {
    for (const [verb, code] of [['TYPE', 314], ['EPRT', 314], ['PORT', 314], ['REST', 226], ['REST', 250], ['REST', 200], ['TYPE', 331]] as const) {
      it(`${code} to ${verb} is an error, and no data move`, async () => {
        const script: Script = { [verb]: `${code} What now?`, ...(verb === 'PORT' ? { EPRT: '500 No.' } : verb === 'EPRT' ? { PORT: '500 No.' } : {}) };
        const server = await stage.serve({ files: FILES, script });
        const ftp = await fresh(server, verb === 'EPRT' || verb === 'PORT' ? { passive: false } : {});
        await failure(text(ftp.retr('a', verb === 'REST' ? { start: 2 } : {})));
        const upload = ftp.stor('up', verb === 'REST' ? { start: 2 } : {});
        upload.end('bytes');
        await failure(finished(upload));
        expect(server.commands.filter((line) => /^(RETR|STOR)/.test(line))).to.deep.equal([]);
        expect(() => server.read('/up')).to.throw();
      });
    }

    it('3yz is what sendcmd resolves with, and voidcmd does not', async () => {
      const server = await stage.serve({ script: { TYPE: '314 What now?', XYZZY: '350 More?' } });
      const ftp = await fresh(server);
      expect((await ftp.sendcmd('TYPE I')).code).to.equal(314);
      expect((await ftp.sendcmd('XYZZY')).code).to.equal(350);
      expect(await failure(ftp.voidcmd('TYPE I'))).to.be.instanceOf(ReplyError);
      expect((await ftp.noop()).code).to.equal(200);
    });
  });

  describe('of a transfer', () => {
    for (const [verb, act] of Object.entries(PLAIN)) {
      it(`never completes ${verb}, which was refused while the transfer ran`, async () => {
        // As a server does that refuses what comes during a transfer: the refusal, and then the transfer's end.
        const server = await stage.serve({ files: FILES });
        const ftp = await fresh(server);
        expect(await text(ftp.retr('a'))).to.equal('file a');
        server.script = { RETR: [openData(), send(MARK), data('half'), dataEnd(), refuseWhatCame, send(DONE)], [verb]: '550 Never.' };
        const [content, outcome] = await Promise.all([text(ftp.retr('a')), act(ftp).catch((error: unknown) => error)]);
        expect(content).to.equal('half');
        expect(outcome).to.be.instanceOf(PermanentError).with.nested.property('reply.code', 550);
      });

      it(`226 is no answer to ${verb}: it fails as unanswered, and the connection is closed`, async () => {
        const server = await stage.serve({ files: FILES, script: { [verb]: '226 Transfer complete.' } });
        const ftp = await fresh(server);
        const error = await failure(act(ftp));
        expect(error).to.not.be.instanceOf(PermanentError);
        await server.deserted();
      });
    }

    it('leaves both right, a download and a delete that are called together', async () => {
      for (const name of ['refusesDuringTransfer', 'earlyPassive'] as const) {
        const server = await stage.serve({ files: FILES, ...PERSONALITIES[name] });
        const ftp = stage.client(server);
        for (let round = 0; round < 3; round++) {
          server.write('/there', 'there');
          const [content, deleted, missing] = await Promise.all([text(ftp.retr('a')), ftp.delete('there'), failure(ftp.delete('nothing'))]);
          expect([content, deleted.code, missing.reply?.code]).to.deep.equal(['file a', 250, 550]);
          expect(() => server.read('/there')).to.throw();
        }
        expect(server.commands.filter((line) => line.startsWith('USER')), name).to.have.lengthOf(1);
      }
    });

    for (const name of ['refusesDuringTransfer', 'earlyPassive'] as const) {
      it(`comes before whatever follows, once a server has shown that it wants that (${name})`, async () => {
        const server = await stage.serve({ files: FILES, ...PERSONALITIES[name] });
        const ftp = await fresh(server);
        const lines: string[] = [];
        ftp.on('command', (line) => lines.push(line)).on('reply', ({ code }) => lines.push(String(code)));
        for (let round = 0; round < 2; round++) {
          expect(await Promise.all([text(ftp.retr('a')), text(ftp.retr('bb')), ftp.size('there'), text(ftp.retr('a'))])).to.deep.equal(['file a', 'file bb', 5, 'file a']);
        }
        const { length } = lines;
        expect(await Promise.all([text(ftp.retr('a')), text(ftp.retr('bb')), ftp.size('there')])).to.deep.equal(['file a', 'file bb', 5]);
        // From its command to its 226, nothing leaves.
        for (const [index, line] of lines.slice(length).entries()) if (line.startsWith('RETR')) expect(lines.slice(length + index + 1, length + index + 3)).to.deep.equal(['150', '226']);
        expect(server.commands.filter((line) => /^(USER|QUIT)/.test(line))).to.deep.equal([]);
      });
    }

    for (const code of [426, 451] as const) {
      it(`that failed after its data (${code}) is told from what comes after it`, async () => {
        const next = gate();
        const server = await stage.serve({ files: FILES });
        const ftp = await fresh(server);
        expect(await text(ftp.retr('a'))).to.equal('file a');
        server.mark();
        server.script = { RETR: [[openData(), send(MARK), data('half'), dataEnd(), until(next), send(`${code} It was not all.`)], [normal()]] };
        const [first, second] = [failure(text(ftp.retr('a'))), text(ftp.retr('bb'))];
        await afterRetr(server);
        next.open();
        const error = await first;
        expect(error).to.be.instanceOf(TemporaryError).with.nested.property('reply.code', code);
        expect(error.command).to.equal('RETR a');
        expect(await second).to.equal('file bb');
        expect(server.commands.filter((line) => line.startsWith('USER'))).to.deep.equal([]);
      });
    }

    it('that never comes after a refusal leaves nothing done: closed, and unanswered', async () => {
      const asked = gate();
      const server = await stage.serve({ files: FILES });
      const ftp = await fresh(server);
      expect(await text(ftp.retr('a'))).to.equal('file a');
      ftp.session.observed.earlyCommands.pass(); // what was sent after the data of an earlier transfer was answered
      server.script = { RETR: [openData(), send(MARK), data('half'), dataEnd(), until(asked), send('503 Not now.'), hangUp()] };
      server.mark();
      const outcomes = [failure(text(ftp.retr('a'))), failure(text(ftp.retr('bb')))];
      await afterRetr(server);
      asked.open();
      for (const error of await Promise.all(outcomes)) expect(error).to.be.instanceOf(ConnectionClosedError);
    });
  });

  for (const name of ['onePerPacket', 'lastOfPacket', 'outOfOrder'] as const satisfies readonly PersonalityName[]) {
    describe(`on a server that breaks the order: ${name}`, () => {
      async function together<T>(files: Readonly<Record<string, string>>, act: (ftp: FTP) => readonly Promise<T>[], prepare: (ftp: FTP) => Promise<unknown> = () => Promise.resolve()): Promise<{ server: FtpServer; outcomes: (T | Error)[] }> {
        const server = await stage.serve({ files, ...PERSONALITIES[name] });
        const ftp = stage.client(server, { replyTimeout: 300 });
        await prepare(ftp);
        const outcomes = await Promise.all(act(ftp).map((each) => each.catch((error: Error) => error)));
        return { server, outcomes };
      }

      const before: Readonly<Record<string, (ftp: FTP) => Promise<unknown>>> = {
        'at once': () => Promise.resolve(),
        'after a plain command': (ftp) => ftp.noop().catch(() => undefined),
        'after a download': (ftp) => text(ftp.retr('a')).catch(() => undefined),
        'after a listing': (ftp) => ftp.list().toArray().catch(() => undefined),
      };

      for (const [when, prepare] of Object.entries(before)) {
        it(`no delete resolves by the reply to another (${when})`, async () => {
          const { server, outcomes } = await together({ ...FILES }, (ftp) => [ftp.delete('missing'), ftp.delete('there'), ftp.delete('missing too')], prepare);
          const [first, second, third] = outcomes;
          expect(first).to.be.instanceOf(Error);
          expect(third).to.be.instanceOf(Error);
          if (!(second instanceof Error)) expect(() => server.read('/there')).to.throw();
        });

        it(`no two sizes are swapped, and no path is empty (${when})`, async () => {
          const { outcomes } = await together<number | string>({ ...FILES }, (ftp) => [ftp.size('a'), ftp.size('bb'), ftp.pwd(), ftp.size('there'), ftp.pwd()], prepare);
          for (const [index, expected] of [6, 7, '/', 5, '/'].entries()) if (!(outcomes[index] instanceof Error)) expect(outcomes[index], String(index)).to.equal(expected);
        });

        it(`the bytes of downloads and uploads that are called together are theirs (${when})`, async () => {
          const { server, outcomes } = await together<string>({ ...FILES }, (ftp) => [
            text(ftp.retr('a')), text(ftp.retr('bb')), put(ftp, 'up', 'bytes').then(() => 'stored'), text(ftp.retr('there')),
          ], prepare);
          const expected = ['file a', 'file bb', 'stored', 'there'];
          for (const [index, outcome] of outcomes.entries()) if (!(outcome instanceof Error)) expect(outcome).to.equal(expected[index]);
          if (outcomes[2] === 'stored') expect(server.read('/up').toString()).to.equal('bytes');
        });
      }
    });
  }

  describe('on a server that keeps the order', () => {
    async function writes(act: (ftp: FTP) => Promise<unknown>, prepare?: (ftp: FTP) => Promise<unknown>, options: FtpServerOptions = {}): Promise<string[]> {
      const server = await stage.serve({ files: FILES, ...options });
      const sent: Buffer[] = [];
      const ftp = stage.client(server, { createConnection: ({ host, port, purpose }) => (purpose === 'control' ? tapped(connect({ host, port }), sent) : connect({ host, port, allowHalfOpen: true })) });
      await ftp.connect();
      await ftp.login();
      await prepare?.(ftp);
      sent.length = 0;
      await act(ftp);
      return sent.map((bytes) => bytes.toString().trimEnd().replaceAll('\r\n', '|'));
    }

    it('a change leaves alone before the order is proven', async () => {
      expect(await writes((ftp) => ftp.delete('a'))).to.deep.equal(['DELE a']);
    });

    it('no change leaves while another reply is due, before the order is proven: FEAT and TYPE, whose replies are like no others, prove it', async () => {
      const sent = await writes((ftp) => Promise.all([ftp.delete('a'), ftp.delete('bb'), ftp.mkd('new')]));
      expect(sent.slice(0, 2)).to.deep.equal(['FEAT|TYPE I', 'DELE a|DELE bb|MKD new']);
    });

    it('changes leave together after the first flight has proven it', async () => {
      const sent = await writes((ftp) => Promise.all([ftp.delete('a'), ftp.delete('bb'), ftp.mkd('new')]), (ftp) => text(ftp.retr('there')));
      expect(sent.filter((line) => /DELE|MKD/.test(line))).to.have.lengthOf(1);
    });

    it('the first flight of a session leaves in one write, and proves it', async () => {
      const sent = await writes((ftp) => text(ftp.retr('there')));
      expect(sent[0]).to.equal('FEAT|TYPE I|EPSV');
    });

    it('nothing is proven by one reply, nor by two that could be each other’s', async () => {
      const sent = await writes((ftp) => Promise.all([ftp.delete('a'), ftp.delete('bb')]), (ftp) => Promise.all([ftp.voidcmd('NOOP'), ftp.voidcmd('NOOP')]), { script: { FEAT: '500 What?' } });
      expect(sent.filter((line) => line.includes('DELE'))).to.have.lengthOf(2);
    });
  });

  describe('that comes late', () => {
    it('to ABOR is not taken for the reply to the next command (Ruby\'s ftpd)', async () => {
      const server = await stage.serve({ files: FILES });
      const ftp = await fresh(server);
      server.script = {
        RETR: [openData(), send(MARK), data('half'), dataClosed(), send('426 Aborted.')],
        ABOR: [until(() => server.waitFor('PWD')), send('502 ABOR is not implemented.')],
      };
      for await (const chunk of ftp.retr('a')) if (chunk) break;
      server.script = {};
      expect((await failure(ftp.delete('nothing'))).reply?.code).to.equal(550);
      expect((await ftp.delete('there')).code).to.equal(250);
      expect(() => server.read('/there')).to.throw();
    });

    it('to a NOOP during a transfer that is left is not taken for one to ABOR', async () => {
      const asked = gate();
      const server = await stage.serve({ files: FILES });
      server.on('command', (line: string) => void (line === 'NOOP' && asked.open()));
      const ftp = await fresh(server, { keepAlive: 20, keepAliveDuringTransfers: true });
      server.script = {
        RETR: [openData(), send(MARK), data('half'), dataClosed(), send('200 NOOP ok.'), send('426 Aborted.')],
        NOOP: () => undefined,
        ABOR: '225 No transfer to abort.',
      };
      for await (const chunk of ftp.retr('a')) {
        if (chunk) await asked.promise;
        break;
      }
      server.script = {};
      expect((await failure(ftp.delete('nothing'))).reply?.code).to.equal(550);
      expect((await ftp.delete('there')).code).to.equal(250);
      expect(() => server.read('/there')).to.throw();
    });
  });
});

/** Resolves when the EPSV of the next transfer has come, after a RETR since the mark. */
async function afterRetr(server: FtpServer): Promise<void> {
  await server.waitFor('RETR');
  await server.waitFor('EPSV', server.commands.lastIndexOf(server.commands.findLast((line) => line.startsWith('RETR')) ?? '') + 1);
}

/** Refuses each command that came before the end of the transfer, and forgets it; a client that would not wait has sent its own by then. */
async function refuseWhatCame(session: Session): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  session.control.sift(() => {
    session.reply('503 Not while a transfer is under way.');
    return false;
  });
}

async function put(ftp: FTP, name: string, bytes: string): Promise<void> {
  const stream = ftp.stor(name);
  stream.end(bytes);
  await finished(stream);
}
