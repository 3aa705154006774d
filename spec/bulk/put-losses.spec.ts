import { expect } from 'chai';
import { appendFileSync, utimesSync, writeFileSync } from 'node:fs';
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isLoss } from '../../lib/transfer/retry';
import { put } from '../../lib/bulk/put';
import { ChangedError, ConnectionClosedError, MismatchError, PermanentError } from '../../lib/errors';
import type { FTP } from '../../lib/client/ftp';
import { BYTES, FileScene, normally, QUICK, SIZE, takeThenReset } from './file-scene';
import { failure } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import { PERSONALITIES } from '../support/server/personalities';
import type { FtpServerOptions } from '../support/server/server-options';
import { dataReset, openData, resetControl, send } from '../support/server/steps';
import type { Step } from '../support/server/script';

describe('put, when connections are lost', () => {
  const at = new FileScene(() => ({ files: { '/in/': '' } }));
  let server: FtpServer;
  let ftp: FTP;
  let folder: string;
  let local: string;
  beforeEach(async () => {
    ({ server, ftp, folder } = at);
    local = join(folder, 'local.bin');
    await writeFile(local, BYTES);
  });

  /** Names in the folder of uploads. */
  const names = (): string[] => server.files.names('/in');
  const sent = (verb: string): string[] => at.sent(verb);

  describe('after a loss', () => {
    it('sends nothing again when only the final reply was lost', async () => {
      server.script = { STOR: [takeThenReset(SIZE), normally] };
      expect(await put(ftp, BYTES, '/in/a', { retry: QUICK })).to.include({ retries: 1, bytes: SIZE });
      expect(sent('STOR')).to.have.length(1);
      expect(server.read('/in/a')).to.deep.equal(BYTES);
    });

    it('goes on where the server says 550 of a data connection that was reset (ftp-srv)', async () => {
      server.script = { STOR: [takeThenReset(100_000, (session) => session.reply('550 read ECONNRESET')), normally] };
      expect(await put(ftp, BYTES, '/in/a', { retry: QUICK })).to.include({ retries: 1, bytes: SIZE });
      expect(server.read('/in/a')).to.deep.equal(BYTES);
    });

    it('appends where REST is refused', async () => {
      server.script = { STOR: [takeThenReset(100_000), normally], REST: '502 No REST.' };
      expect(await put(ftp, BYTES, '/in/a', { retry: QUICK })).to.include({ retries: 1 });
      expect(sent('APPE')).to.have.length(1);
      expect(server.read('/in/a')).to.deep.equal(BYTES);
    });

    for (const refusal of ['550 No.', '451 Append/Restart not permitted, try again.']) {
      it(`begins again where STOR after REST, and APPE, say ${refusal.slice(0, 3)}`, async () => {
        server.script = {
          STOR: (session) => {
            if (session.restart > 0) return session.reply(refusal);
            return sent('STOR').length === 1 ? run(session, takeThenReset(100_000)) : session.normal();
          },
          APPE: refusal,
        };
        expect(await put(ftp, BYTES, '/in/a', { retry: QUICK })).to.include({ retries: 1 });
        expect(server.read('/in/a')).to.deep.equal(BYTES);
        expect(names()).to.deep.equal(['a']);
      });
    }

    it('begins again under another name where the server has deleted what it had, or tells no sizes', async () => {
      server.script = { STOR: [takeThenReset(100_000), normally], SIZE: '502 No SIZE.', MLST: '502 No MLST.' };
      await put(ftp, BYTES, '/in/a', { retry: QUICK });
      expect(new Set(sent('STOR')).size).to.equal(2);
      expect(names()).to.deep.equal(['a']);
    });

    it('does not meet the STOR that was lost on its way, should it arrive yet', async () => {
      server.script = { STOR: [[resetControl()], [(session) => session.normal()]] };
      await put(ftp, BYTES, '/in/a', { retry: QUICK });
      expect(new Set(sent('STOR')).size).to.equal(2);
      expect(names()).to.deep.equal(['a']);
    });

    it('begins again where the size is wrong in the end: someone else has written', async () => {
      server.script = {
        STOR: [takeThenReset(100_000), normally],
        APPE: async (session) => {
          await session.normal();
          const path = session.path(session.argument);
          if (sent('APPE').length === 1) server.write(path, Buffer.concat([server.read(path), Buffer.from('late')]));
        },
        REST: '502 No REST.',
      };
      expect(await put(ftp, BYTES, '/in/a', { retry: QUICK })).to.include({ retries: 2, bytes: SIZE });
      expect(server.read('/in/a')).to.deep.equal(BYTES);
    });

    it('gives up after the attempts that are allowed, and leaves nothing', async () => {
      server.script = { STOR: [[openData(), send('150 go'), dataReset(), send('426 broken')]] };
      const error = await failure(put(ftp, BYTES, '/in/a', { retry: { attempts: 2, backoff: 0 } }));
      expect(error.reply?.code ?? 426).to.equal(426);
      expect(sent('STOR')).to.have.length(3);
      expect(names()).to.deep.equal([]);
    });

    it('counts attempts anew whenever the server has more', async () => {
      server.script = { STOR: Array.from({ length: 9 }, () => takeThenReset(20_000)).concat([[...normally]]) };
      expect(await put(ftp, BYTES, '/in/a', { retry: { attempts: 1, backoff: 0 } })).to.include({ retries: 9 });
      expect(server.read('/in/a')).to.deep.equal(BYTES);
    });

    it('does not try again what the server refuses', async () => {
      server.script = { STOR: '553 No.' };
      expect(await failure(put(ftp, BYTES, '/in/a', { retry: QUICK }))).to.be.instanceOf(PermanentError);
      expect(sent('STOR')).to.have.length(1);
    });

    it('does not try again with retry: false', async () => {
      server.script = { STOR: [takeThenReset(100_000), normally] };
      expect(await failure(put(ftp, BYTES, '/in/a', { retry: false }))).to.be.satisfy(isLoss);
      expect(sent('STOR')).to.have.length(1);
    });

    it('does not go on with a local file that is another one by now', async () => {
      server.script = { STOR: [takeThenReset(100_000), normally] };
      server.on('command', (line: string) => void (line.startsWith('STOR') && utimesSync(local, 1, 1)));
      expect(await failure(put(ftp, local, '/in/a', { retry: QUICK }))).to.be.instanceOf(ChangedError);
      expect(names()).to.deep.equal([]);
    });

    it('does not connect again when the client was closed', async () => {
      server.on('command', (line: string) => void (line.startsWith('STOR') && ftp.close()));
      expect(await failure(put(ftp, BYTES, '/in/a', { retry: QUICK }))).to.be.instanceOf(ConnectionClosedError);
      expect(sent('USER')).to.have.length(1);
    });

    it('does not wait for a client that was connected by hand', async () => {
      const manual = await at.stage.connect(server);
      server.script = { STOR: [takeThenReset(100_000), normally] };
      expect(await failure(put(manual, BYTES, '/in/a', { retry: { attempts: 1000, backoff: 0 } }))).to.be.instanceOf(ConnectionClosedError);
    });
  });

  describe('reads back what it has joined', () => {
    const CUT = 100_000;
    /** What is read back, with the bytes where it begins. */
    const reads = (): string[] => server.commands.filter((line) => /^(REST|RETR|STOR|APPE)/.test(line)).map((line) => line.replace(/ \/in\/.*/, ''));

    async function serve(options: FtpServerOptions): Promise<void> {
      await at.serve({ files: { '/in/': '' }, ...options });
      ({ server, ftp } = at);
    }

    it('before and at the seam, and at the beginning', async () => {
      server.script = { STOR: [takeThenReset(CUT), normally] };
      await put(ftp, local, '/in/a', { retry: QUICK });
      expect(reads()).to.deep.equal(['STOR', `REST ${CUT}`, 'STOR', `REST ${CUT - 65_536}`, 'RETR', 'REST 0', 'RETR']);
      expect(server.read('/in/a')).to.deep.equal(BYTES);
    });

    for (const [what, begin, end] of [['a file', 0, 0], ['a file that is zeros before the seam', 5000, CUT], ['a file that is zeros but for a few bytes before the seam', 0, CUT]] as const) {
      it(`and uploads ${what} anew where the server makes zeros of what was before`, async () => {
        await serve(PERSONALITIES.truncatesAtRestart);
        server.script = { STOR: [takeThenReset(CUT), normally] };
        const bytes = Buffer.from(BYTES).fill(0, begin, end);
        if (begin === 0 && end > 0) bytes.write('few', 20_000);
        expect(await put(ftp, bytes, '/in/a', { retry: QUICK })).to.include({ bytes: SIZE, retries: 2 });
        expect(server.read('/in/a')).to.deep.equal(bytes);
        expect(names()).to.deep.equal(['a']);
        expect(new Set(sent('STOR')).size).to.equal(2);
      });
    }

    it('in the next call, too, where an earlier one was cut', async () => {
      await serve(PERSONALITIES.truncatesAtRestart);
      await utimes(local, 1, 1);
      server.script = { STOR: [takeThenReset(CUT), normally] };
      await failure(put(ftp, local, '/in/a', { retry: false, resume: true }));
      await put(ftp, local, '/in/a', { retry: QUICK, resume: true });
      expect(server.read('/in/a')).to.deep.equal(BYTES);
      expect(names()).to.deep.equal(['a']);
    });

    it('and is an error where there is to be no other attempt', async () => {
      await serve(PERSONALITIES.truncatesAtRestart);
      server.write('/in/.a.part', BYTES.subarray(0, CUT));
      server.file('/in/.a.part').modified = new Date();
      await utimes(local, 1, 1);
      expect(await failure(put(ftp, local, '/in/a', { retry: false, resume: true }))).to.be.instanceOf(MismatchError);
      expect(names()).to.deep.equal([]);
    });

    it('where the server lets it: an upload to a folder that nobody may read is complete', async () => {
      server.script = { STOR: [takeThenReset(CUT), normally], RETR: '550 Permission denied.' };
      expect(await put(ftp, local, '/in/a', { retry: QUICK })).to.include({ retries: 1 });
      expect(server.read('/in/a')).to.deep.equal(BYTES);
    });

    it('again where the connection is lost over it', async () => {
      server.script = { STOR: [takeThenReset(CUT), normally], RETR: [[resetControl()], normally] };
      expect(await put(ftp, local, '/in/a', { retry: QUICK })).to.include({ retries: 2 });
      expect(server.read('/in/a')).to.deep.equal(BYTES);
      expect(sent('STOR')).to.have.length(2);
    });

    it('and appends where FEAT does not offer REST STREAM', async () => {
      await serve({ features: ['SIZE', 'MDTM'] });
      server.script = { STOR: [takeThenReset(CUT), normally] };
      await put(ftp, local, '/in/a', { retry: QUICK });
      expect(reads().slice(0, 2)).to.deep.equal(['STOR', 'APPE']);
      expect(server.read('/in/a')).to.deep.equal(BYTES);
    });

    it('and uploads anew where the server takes REST and ignores it', async () => {
      await serve(PERSONALITIES.ignoresREST);
      server.script = { STOR: [takeThenReset(CUT), normally] };
      await put(ftp, local, '/in/a', { retry: QUICK });
      expect(server.read('/in/a')).to.deep.equal(BYTES);
      expect(names()).to.deep.equal(['a']);
    });

    it('ends after its attempts where the server keeps nothing new', async () => {
      server.script = { STOR: [takeThenReset(CUT), takeThenReset(0)] };
      await failure(put(ftp, local, '/in/a', { retry: QUICK }));
      expect(sent('STOR'), 'one more for what it kept the first time').to.have.length(2 + QUICK.attempts);
      expect(names()).to.deep.equal([]);
    });
  });

  for (const temporaryName of [true, false]) {
    it(`completes no local file that was changed while it was uploaded in one go, ${temporaryName ? 'renamed' : 'in place'}`, async () => {
      server.script = { STOR: (session) => (writeFileSync(local, Buffer.alloc(SIZE, 'x'), { flag: 'r+' }), session.normal()) };
      expect(await failure(put(ftp, local, '/in/a', { temporaryName, verify: 'size' }))).to.be.instanceOf(ChangedError);
      expect(names()).to.deep.equal(temporaryName ? [] : ['a']);
    });
  }

  it('uploads the beginning of a local file that grows, as a log does', async () => {
    server.script = { STOR: (session) => (appendFileSync(local, 'more'), session.normal()) };
    expect(await put(ftp, local, '/in/a')).to.include({ bytes: SIZE });
    expect(server.read('/in/a')).to.deep.equal(BYTES);
  });

  for (const [where, changed] of [['at its beginning', 0], ['in the middle', SIZE / 2], ['at its end', SIZE - 10]] as const) {
    it(`completes no local file that was written anew ${where} while it was uploaded, though it is longer now`, async () => {
      await at.serve({ files: { '/in/': '' }, features: ['SIZE', 'REST STREAM', ...(where === 'in the middle' ? ['HASH SHA-256*'] : [])] });
      ({ server, ftp } = at);
      const anew = Buffer.concat([BYTES, Buffer.from('more')]);
      anew.write('anew', changed);
      server.script = { STOR: async (session) => (await session.normal(), writeFileSync(local, anew)) };
      expect(await failure(put(ftp, local, '/in/a'))).to.be.instanceOf(ChangedError);
      expect(names()).to.deep.equal([]);
    });
  }

  it('does not go on with a local file that was changed within its millisecond', async () => {
    const time = 1_700_000_000.123;
    await utimes(local, time, time);
    const other = Buffer.alloc(SIZE, 'x');
    server.script = { STOR: [takeThenReset(100_000), normally] };
    server.on('command', (line: string) => {
      if (!line.startsWith('STOR') || sent('STOR').length > 1) return;
      writeFileSync(local, other);
      utimesSync(local, time, time + 0.0002);
    });
    expect(await failure(put(ftp, local, '/in/a', { retry: QUICK }))).to.be.instanceOf(ChangedError);
    expect(names()).to.deep.equal([]);
  });

  describe('resume', () => {
    for (const [what, part, changed] of [
      ['another file, by its end', Buffer.concat([BYTES.subarray(0, 90_000), Buffer.alloc(10_000, 'x')]), BYTES],
      ['another file, by its beginning', Buffer.concat([Buffer.alloc(1000, 'x'), BYTES.subarray(1000, 100_000)]), BYTES],
      ['another file, where all of it is there', Buffer.alloc(SIZE, 'x'), BYTES],
    ] as const) {
      it(`finds that what is there is the beginning of ${what}, and uploads anew`, async () => {
        await utimes(local, 1, 1);
        server.write('/in/.a.part', part);
        server.file('/in/.a.part').modified = new Date();
        expect(await put(ftp, local, '/in/a', { resume: true, retry: QUICK })).to.include({ resumedFrom: 0, retries: 1 });
        expect(server.read('/in/a')).to.deep.equal(changed);
        expect(names()).to.deep.equal(['a']);
      });
    }

    it('finds by its hash, where the server offers one, that it is of another file in between', async () => {
      const part = Buffer.concat([BYTES.subarray(0, 10_000), Buffer.alloc(10_000, 'x'), BYTES.subarray(20_000, 200_000)]);
      const able = await at.stage.serve({ files: { '/in/.a.part': part }, features: ['SIZE', 'MDTM', 'REST STREAM', 'HASH SHA-256*'] });
      able.file('/in/.a.part').modified = new Date();
      await utimes(local, 1, 1);
      expect(await put(at.stage.client(able), local, '/in/a', { resume: true, retry: QUICK })).to.include({ resumedFrom: 0, retries: 1 });
      expect(able.read('/in/a')).to.deep.equal(BYTES);
    });

    const other = Buffer.concat([BYTES.subarray(0, 80_000), Buffer.from('x'), BYTES.subarray(80_001, 200_000)]);
    const parts = [['begins again', other, 0], ['goes on', BYTES.subarray(0, 200_000), 200_000]] as const;
    for (const [what, part, resumedFrom] of parts) {
      it(`${what} where the server has the beginning of ${resumedFrom > 0 ? 'this' : 'another'} local file, and does not tell since when`, async () => {
        server.write('/in/.a.part', part);
        server.script = { MDTM: '502 No.', MLST: '502 No.' };
        expect(await put(ftp, local, '/in/a', { resume: true })).to.include({ resumedFrom, retries: 0 });
        expect(server.read('/in/a')).to.deep.equal(BYTES);
      });
    }

    for (const after of [-900, 0, 300, 900]) {
      for (const [what, part, resumedFrom] of parts) {
        it(`${what} where ${resumedFrom > 0 ? 'this' : 'another'} local file was written ${after} ms after the second in which the server wrote last`, async () => {
          server.write('/in/.a.part', part);
          server.file('/in/.a.part').modified = new Date('2025-03-04T05:06:07Z');
          await utimes(local, new Date(), new Date(Date.parse('2025-03-04T05:06:07Z') + after));
          expect(await put(ftp, local, '/in/a', { resume: true })).to.include({ resumedFrom, retries: 0 });
          expect(server.read('/in/a')).to.deep.equal(BYTES);
        });
      }
    }

    it('begins again where nothing tells whether it is the same file', async () => {
      server.write('/in/.a.part', BYTES.subarray(0, 1000));
      server.script = { MDTM: '502 No.', RETR: '550 No permission.' };
      expect(await put(ftp, local, '/in/a', { resume: true })).to.include({ resumedFrom: 0, retries: 0 });
      expect(server.read('/in/a')).to.deep.equal(BYTES);
    });

    it('goes on with what an earlier call has left', async () => {
      server.script = { STOR: [takeThenReset(100_000), normally] };
      await failure(put(ftp, local, '/in/a', { retry: false, resume: true }));
      expect(names()).to.deep.equal(['.a.part']);
      expect(await put(ftp, local, '/in/a', { resume: true })).to.include({ resumedFrom: 100_000, bytes: SIZE, retries: 0 });
      expect(server.read('/in/a')).to.deep.equal(BYTES);
      expect(names()).to.deep.equal(['a']);
    });

    it('goes on under the name itself', async () => {
      server.write('/in/a', BYTES.subarray(0, 70_000));
      server.file('/in/a').modified = new Date();
      expect(await put(ftp, local, '/in/a', { resume: true, temporaryName: false })).to.include({ resumedFrom: 70_000 });
      expect(sent('REST')).to.include('REST 70000');
      expect(server.read('/in/a')).to.deep.equal(BYTES);
    });

    it('begins at the beginning where there is nothing, or more than there should be', async () => {
      expect(await put(ftp, local, '/in/a', { resume: true })).to.include({ resumedFrom: 0 });
      server.write('/in/.b.part', Buffer.concat([BYTES, BYTES]));
      expect(await put(ftp, local, '/in/b', { resume: true })).to.include({ resumedFrom: 0 });
      expect(server.read('/in/b')).to.deep.equal(BYTES);
    });

    it('begins again where the local file was changed after what is there was sent', async () => {
      server.write('/in/.a.part', Buffer.alloc(1000, 'x'));
      server.file('/in/.a.part').modified = new Date('2025-03-04T05:06:07Z');
      await utimes(local, new Date(), new Date('2025-03-04T05:06:09Z'));
      expect(await put(ftp, local, '/in/a', { resume: true })).to.include({ resumedFrom: 0 });
      expect(server.read('/in/a')).to.deep.equal(BYTES);
    });

    it('leaves nothing of what proved wrong', async () => {
      const able = await at.stage.serve({ files: { '/.a.part': Buffer.alloc(1000, 'x') }, features: ['SIZE', 'REST STREAM', 'HASH SHA-256*'] });
      expect(await failure(put(at.stage.client(able), BYTES, '/a', { resume: true, verify: 'hash', retry: false }))).to.be.instanceOf(MismatchError);
      expect(able.files.names('/')).to.deep.equal([]);
    });

    it('finds by its hash that the beginning is of another file, and begins again', async () => {
      const able = await at.stage.serve({ files: { '/.a.part': Buffer.alloc(1000, 'x') }, features: ['SIZE', 'REST STREAM', 'HASH SHA-256*;CRC32'] });
      expect(await put(at.stage.client(able), BYTES, '/a', { resume: true, verify: 'hash', retry: QUICK })).to.include({ retries: 1 });
      expect(able.read('/a')).to.deep.equal(BYTES);
    });
  });
});

async function run(session: Parameters<Step>[0], steps: readonly Step[]): Promise<void> {
  for (const step of steps) await step(session);
}
