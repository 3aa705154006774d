import { expect } from 'chai';
import { readFileSync, type Stats } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rmdir, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { get } from '../../lib/bulk/get';
import { ChangedError } from '../../lib/errors';
import type { FTP } from '../../lib/client/ftp';
import { PERSONALITIES } from '../support/server/personalities';
import { gate, type Gate } from '../support/server/gate';
import type { Script, Step } from '../support/server/script';
import type { FtpServerOptions } from '../support/server/server-options';
import { BYTES, FileScene, normally, sendThenReset, SIZE } from './file-scene';
import { failure } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import { data, dataClosed, dataEnd, normal, resetControl, send, until } from '../support/server/steps';

const TIME = new Date('2025-03-04T05:06:07Z');
const options = (): FtpServerOptions => ({ files: { '/f': BYTES, '/empty': '' } });
const PARTIAL = `file.${SIZE}-20250304050607.part`;

describe('get, with resume', () => {
  const at = new FileScene(options);
  let server: FtpServer;
  let ftp: FTP;
  let folder: string;
  let local: string;
  beforeEach(take);

  function take(): void {
    ({ server, ftp, folder } = at);
    server.file('/f').modified = TIME;
    local = join(folder, 'file');
  }

  async function serve(features: readonly string[]): Promise<void> {
    await at.serve({ ...options(), features });
    take();
  }

  const sent = (verb: string): string[] => at.sent(verb);

  /** Resolves when bytes are in the only file of the folder. */
  async function arrived(): Promise<void> {
    for (;;) {
      const [name] = await readdir(folder);
      if (name !== undefined && (await stat(join(folder, name))).size > 0) return;
    }
  }

  /** Resolves when the partial file is so. */
  async function partial(isSo: (file: Stats) => boolean): Promise<void> {
    for (;;) {
      const file = await stat(join(folder, PARTIAL)).catch(() => undefined);
      if (file && isSo(file)) return;
    }
  }

  it('goes on with what an earlier call has left', async () => {
    server.script = { RETR: [sendThenReset(150_000, arrived), normally] };
    await failure(get(ftp, '/f', local, { resume: true, retry: false }));
    expect(await readdir(folder)).to.deep.equal([PARTIAL]);
    const { size } = await stat(join(folder, PARTIAL));
    expect(size).to.be.within(1, 150_000);
    expect(await get(ftp, '/f', local, { resume: true })).to.include({ resumedFrom: size, bytes: SIZE });
    expect(sent('REST')).to.deep.equal([`REST ${size}`]);
    expect(await readFile(local)).to.deep.equal(BYTES);
    expect(await readdir(folder)).to.deep.equal(['file']);
  });

  it('leaves nothing that no later call would find, where the server does not say the size', async () => {
    server.script = { SIZE: '502 No.', MLST: '502 No.', RETR: [sendThenReset(150_000, arrived), normally] };
    await failure(get(ftp, '/f', local, { resume: true, retry: false }));
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('finds that what an earlier call has left is of another file, where the server does not say the time', async () => {
    await serve(['SIZE', 'REST STREAM']);
    server.script = { MDTM: '502 No.', MLST: '502 No.' };
    await writeFile(join(folder, `file.${SIZE}-undated.part`), Buffer.alloc(150_000, 'x'));
    expect(await get(ftp, '/f', local, { resume: true })).to.include({ resumedFrom: 0 });
    expect(await readFile(local)).to.deep.equal(BYTES);
    await writeFile(join(folder, `other.${SIZE}-undated.part`), BYTES.subarray(0, 150_000));
    expect(await get(ftp, '/f', join(folder, 'other'), { resume: true })).to.include({ resumedFrom: 150_000 });
  });

  it('has a part for the longest name of a file', async () => {
    const name = '名'.repeat(85);
    server.script = { RETR: [sendThenReset(150_000, arrived), normally] };
    await failure(get(ftp, '/f', join(folder, name), { resume: true, retry: false }));
    expect((await get(ftp, '/f', join(folder, name), { resume: true })).resumedFrom).to.be.greaterThan(0);
    expect(await readdir(folder)).to.deep.equal([name]);
    await get(ftp, '/f', join(folder, name));
    expect(await readdir(folder)).to.deep.equal([name]);
  });

  it('tells why the whole file does not get its name, and leaves it for another call', async () => {
    server.script = { RETR: [[until(() => mkdir(local)), normal()]] };
    expect(await get(ftp, '/f', local, { resume: true }).catch((error: unknown) => error)).to.have.property('code', 'EISDIR');
    expect(await readdir(folder)).to.have.members(['file', PARTIAL]);
    await rmdir(local);
    expect(await get(ftp, '/f', local, { resume: true })).to.include({ resumedFrom: SIZE, bytes: SIZE });
  });

  it('does not go on with the beginning of what the file was before', async () => {
    await writeFile(join(folder, `file.${SIZE}-20240101000000.part`), 'x'.repeat(1000));
    await writeFile(join(folder, `file.1000-20250304050607.part`), 'x'.repeat(1000));
    await writeFile(join(folder, `file.of.mine.part`), 'mine');
    expect(await get(ftp, '/f', local, { resume: true })).to.include({ resumedFrom: 0 });
    expect(await readFile(local)).to.deep.equal(BYTES);
    expect(await readdir(folder)).to.have.members(['file', 'file.of.mine.part']);
  });

  it('takes a file under its own name that is shorter, and not older, for the beginning', async () => {
    await writeFile(local, BYTES.subarray(0, 60_000));
    expect(await get(ftp, '/f', local, { resume: true })).to.include({ resumedFrom: 60_000 });
    expect(sent('REST')).to.deep.equal(['REST 60000']);
    expect(await readFile(local)).to.deep.equal(BYTES);
  });

  it('does not where it is older, or longer', async () => {
    await writeFile(local, 'x'.repeat(1000));
    await utimes(local, 1, 1);
    expect(await get(ftp, '/f', local, { resume: true })).to.include({ resumedFrom: 0 });
    await writeFile(local, 'x'.repeat(SIZE + 1));
    expect(await get(ftp, '/f', local, { resume: true })).to.include({ resumedFrom: 0 });
    expect(await readFile(local)).to.deep.equal(BYTES);
  });

  for (const [what, mine] of [['its head', Buffer.concat([Buffer.from('x'), BYTES.subarray(1, 90_000)])], ['its end', Buffer.concat([BYTES.subarray(0, 59_999), Buffer.from('x')])]] as const) {
    it(`finds by ${what}, where the server offers no hash, that it was not, and begins again`, async () => {
      await writeFile(local, mine);
      expect(await get(ftp, '/f', local, { resume: true, verify: 'size' })).to.include({ resumedFrom: 0 });
      expect(await readFile(local)).to.deep.equal(BYTES);
      expect(await readdir(folder)).to.deep.equal(['file']);
    });
  }

  it('finds by its hash that it was not, and begins again', async () => {
    await serve(['SIZE', 'MDTM', 'REST STREAM', 'HASH SHA-256*']);
    await writeFile(local, 'x'.repeat(1000));
    expect(await get(ftp, '/f', local, { resume: true })).to.include({ resumedFrom: 0 });
    expect(await readFile(local)).to.deep.equal(BYTES);
    expect(await readdir(folder)).to.deep.equal(['file']);
  });

  it('does without the hash where the server cannot tell it now', async () => {
    await serve(['SIZE', 'MDTM', 'REST STREAM', 'HASH SHA-256*']);
    server.script = { HASH: '450 Busy.' };
    await writeFile(local, BYTES.subarray(0, 60_000));
    expect(await get(ftp, '/f', local, { resume: true })).to.include({ resumedFrom: 60_000 });
    expect(await readFile(local)).to.deep.equal(BYTES);
  });

  it('transfers nothing where all is there', async () => {
    await get(ftp, '/f', local, { preserveTimes: true });
    expect(await get(ftp, '/f', local, { resume: true })).to.include({ resumedFrom: SIZE, bytes: SIZE });
    expect(sent('RETR')).to.have.length(1);
    expect(await readFile(local)).to.deep.equal(BYTES);
  });

  it('fails when the file changes meanwhile, and forgets what came', async () => {
    await writeFile(local, BYTES.subarray(0, 60_000));
    server.script = {
      RETR: async (session) => {
        await session.normal();
        server.file('/f').modified = new Date('2026-01-01T00:00:00Z');
      },
    };
    expect(await failure(get(ftp, '/f', local, { resume: true }))).to.be.instanceOf(ChangedError);
    expect(await readdir(folder)).to.deep.equal(['file']);
    expect(await readFile(local)).to.deep.equal(BYTES.subarray(0, 60_000));
  });

  describe('leaves a file under its own name as it is', () => {
    const mine = Buffer.from(BYTES.subarray(0, 60_000));
    beforeEach(() => writeFile(local, mine));

    for (const [what, script] of Object.entries<Script>({
      'RETR is refused': { RETR: '550 No permission.' },
      'the connection is lost before a byte has come': { RETR: [[resetControl()]] },
      'the server says that it cannot do it now': { RETR: '450 Busy.' },
    })) {
      it(`where ${what}`, async () => {
        server.script = script;
        await failure(get(ftp, '/f', local, { resume: true, retry: false }));
        expect(await readFile(local)).to.deep.equal(mine);
        expect(await readdir(folder)).to.deep.equal(['file']);
      });
    }

    it('where the call is ended before the server answers', async () => {
      const own = new AbortController();
      server.script = { RETR: [[(): void => own.abort(), dataClosed(), send('426 gone')]] };
      const error = await get(ftp, '/f', local, { resume: true, signal: own.signal }).catch((reason: unknown) => reason);
      expect(error).to.have.property('name', 'AbortError');
      expect(await readFile(local)).to.deep.equal(mine);
      expect(await readdir(folder)).to.deep.equal(['file']);
    });

    it('while more of it comes, so that nothing is lost with the process', async () => {
      const during: Buffer[] = [];
      server.script = { RETR: [[(): void => void during.push(readFileSync(local)), normal(), (): void => void during.push(readFileSync(local))]] };
      expect(await get(ftp, '/f', local, { resume: true })).to.include({ resumedFrom: 60_000 });
      expect(during.length).to.be.greaterThan(1);
      for (const each of during) expect(each).to.deep.equal(mine);
      expect(await readFile(local)).to.deep.equal(BYTES);
    });

    it('where the connection is lost, and goes on with a copy of it in the next call', async () => {
      const arrived = async (): Promise<void> => {
        while ((await stat(join(folder, PARTIAL))).size <= mine.length) await new Promise(setImmediate);
      };
      server.script = { RETR: [normally, sendThenReset(50_000, arrived), normally] }; // the first compares what is there
      await failure(get(ftp, '/f', local, { resume: true, retry: false }));
      expect(await readFile(local)).to.deep.equal(mine);
      const { size } = await stat(join(folder, PARTIAL));
      expect(await get(ftp, '/f', local, { resume: true })).to.include({ resumedFrom: size });
      expect(await readFile(local)).to.deep.equal(BYTES);
      expect(await readdir(folder)).to.deep.equal(['file']);
    });

    it('also where it must not be written to, till the whole file takes its place', async () => {
      await chmod(local, 0o444);
      expect(await get(ftp, '/f', local, { resume: true })).to.include({ resumedFrom: 60_000 });
      expect(await readFile(local)).to.deep.equal(BYTES);
    });
  });

  it('begins again beside the file where REST is refused', async () => {
    await writeFile(local, BYTES.subarray(0, 60_000));
    server.script = { REST: '502 No REST.' };
    expect(await get(ftp, '/f', local, { resume: true })).to.include({ resumedFrom: 0, bytes: SIZE });
    expect(await readFile(local)).to.deep.equal(BYTES);
    expect(await readdir(folder)).to.deep.equal(['file']);
  });

  it('begins again where the server takes REST and ignores it', async () => {
    await at.serve({ ...options(), ...PERSONALITIES.ignoresREST });
    take();
    await writeFile(local, BYTES.subarray(0, 60_000));
    expect(await get(ftp, '/f', local, { resume: true })).to.include({ resumedFrom: 0, bytes: SIZE });
    expect(await readFile(local)).to.deep.equal(BYTES);
    expect(await readdir(folder)).to.deep.equal(['file']);
  });

  it('keeps what has come since for another call where it had to begin again', async () => {
    await serve(['SIZE', 'MDTM', 'REST STREAM', 'HASH SHA-256*']);
    await writeFile(local, 'x'.repeat(1000));
    const arrived = async (): Promise<void> => {
      while ((await stat(join(folder, PARTIAL))).size < 100_000) await new Promise(setImmediate);
    };
    server.script = { RETR: [normally, sendThenReset(100_000, arrived), normally] };
    await failure(get(ftp, '/f', local, { resume: true, retry: false }));
    expect(await readFile(local, 'utf8')).to.equal('x'.repeat(1000));
    expect(await get(ftp, '/f', local, { resume: true })).to.include({ resumedFrom: 100_000, bytes: SIZE });
    expect(await readFile(local)).to.deep.equal(BYTES);
  });

  it('does not give the name to the half of a file that another call has begun in place of its own, and leaves that', async () => {
    const [first, second] = [gate(), gate()];
    await writeFile(join(folder, PARTIAL), BYTES.subarray(0, 100_000));
    const half = (from: number, held: Gate): Step[] => [
      send('150 Here it comes.'), data(BYTES.subarray(from, 300_000)), until(held), data(BYTES.subarray(300_000)), dataEnd(), send('226 Done.'),
    ];
    server.script = { RETR: [half(100_000, first), '550 Nein.', half(0, second)] };
    const { ino } = await stat(join(folder, PARTIAL));
    const going = get(ftp, '/f', local, { resume: true });
    await partial((file) => file.size === 300_000);
    const begun = get(at.stage.client(server), '/f', local, { resume: true });
    await partial((file) => file.ino !== ino && file.size === 300_000);
    first.open();
    expect(await failure(going)).to.be.instanceOf(ChangedError);
    expect(await readdir(folder)).to.deep.equal([PARTIAL]);
    second.open();
    expect(await begun).to.include({ resumedFrom: 0, bytes: SIZE });
    expect(await readFile(local)).to.deep.equal(BYTES);
    expect(await readdir(folder)).to.deep.equal(['file']);
  });

  it('downloads all where the server tells no sizes', async () => {
    server.script = { SIZE: '502 No.', MLST: '502 No.' };
    await writeFile(local, BYTES.subarray(0, 60_000));
    expect(await get(ftp, '/f', local, { resume: true, retry: false })).to.include({ resumedFrom: 0, bytes: SIZE });
    expect(await readFile(local)).to.deep.equal(BYTES);
  });

  it('does not follow a link in the place of its partial file', async function () {
    if (process.platform === 'win32') return;
    await writeFile(join(folder, 'victim'), 'mine');
    await symlink('victim', join(folder, PARTIAL));
    const error = await get(ftp, '/f', local, { resume: true }).catch((reason: NodeJS.ErrnoException) => reason);
    expect(error).to.have.property('code', 'ELOOP');
    expect(await readFile(join(folder, 'victim'), 'utf8')).to.equal('mine');
  });
});
