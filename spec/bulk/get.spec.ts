import { expect } from 'chai';
import { chmod, lstat, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { get, type GetOptions } from '../../lib/bulk/get';
import type { Progress } from '../../lib/bulk/progress';
import { throttle } from '../../lib/bulk/throttle';
import { ArgumentError, ChangedError, FTPError, MismatchError, PermanentError, TransferError, UnsupportedError } from '../../lib/errors';
import type { FTP } from '../../lib/client/ftp';
import { PERSONALITIES } from '../support/server/personalities';
import type { Step } from '../support/server/script';
import type { FtpServerOptions } from '../support/server/server-options';
import { BYTES, FileScene, normally, QUICK, sendThenReset, SIZE } from './file-scene';
import { failure } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import { data, dataEnd, openData, send, silence } from '../support/server/steps';
import { sendChunks } from '../support/server/transfer';

/** Sends so many bytes from where REST says, and calls it complete. */
function shortly(bytes: number): Step[] {
  return [async (session) => {
    const socket = await session.dataConnection();
    session.reply('150 Here it comes.');
    await sendChunks(socket, [BYTES.subarray(session.restart, session.restart + bytes)]);
    session.reply('226 Done.');
  }];
}

const TIME = new Date('2025-03-04T05:06:07Z');
const options = (): FtpServerOptions => ({ files: { '/f': BYTES, '/empty': '' } });

describe('get', () => {
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

  /** Something of the file is on the disk. */
  async function arrived(): Promise<void> {
    const sizes = async (): Promise<number[]> => Promise.all((await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size));
    while (!(await sizes()).some((size) => size > 0)) await new Promise(setImmediate);
  }

  describe('where SIZE says 0 of a file that has content', () => {
    const ways: Record<string, GetOptions> = { plain: {}, resume: { resume: true }, 'segments': { segments: 4 }, 'no retry': { retry: false }, times: { preserveTimes: true } };
    for (const [name, getOptions] of Object.entries(ways)) {
      for (const had of [undefined, '', 'something']) {
        it(`downloads it (${name}, over ${had === undefined ? 'nothing' : JSON.stringify(had)})`, async () => {
          await at.serve({ ...options(), script: { SIZE: '213 0' }, mark: 'without size' });
          take();
          if (had !== undefined) await writeFile(local, had);
          expect(await get(ftp, '/f', local, getOptions)).to.include({ bytes: SIZE, resumedFrom: 0 });
          expect(await readFile(local)).to.deep.equal(BYTES);
          expect(await readdir(folder)).to.deep.equal(['file']);
          expect(await get(ftp, '/empty', local, getOptions)).to.include({ bytes: 0 });
          expect(await readFile(local, 'utf8')).to.equal('');
        });
      }
    }

    it('fails as the connection was lost, and leaves nothing, for nothing shows what is missing', async () => {
      await at.serve({ ...options(), script: { SIZE: '213 0', RETR: [sendThenReset(150_000, arrived), normally] }, mark: 'without size' });
      take();
      expect(await failure(get(ftp, '/f', local, { resume: true, retry: QUICK }))).to.be.instanceOf(FTPError).and.not.instanceOf(ChangedError);
      expect(await readdir(folder)).to.deep.equal([]);
    });

    it('downloads a range of it', async () => {
      await at.serve({ ...options(), script: { SIZE: '213 0' }, mark: 'without size' });
      take();
      const chunks = await ftp.retr('/f', { start: 1000, end: 2999, retry: QUICK }).toArray();
      expect(Buffer.concat(chunks)).to.deep.equal(BYTES.subarray(1000, 3000));
    });
  });

  it('leaves those that may read a file, and execute it, as they were', async () => {
    for (const mode of [0o600, 0o775, 0o444]) {
      await writeFile(local, 'old', { mode });
      await chmod(local, mode);
      await get(ftp, '/f', local);
      expect((await stat(local)).mode & 0o777).to.equal(mode);
      await rm(local);
    }
  });

  it('is aborted while the server does not answer a question', async () => {
    server.script = { SIZE: [silence()] };
    const controller = new AbortController();
    server.on('command', (line: string) => void (line.startsWith('SIZE') && controller.abort()));
    const error = await get(ftp, '/f', local, { preserveTimes: true, signal: controller.signal }).catch((reason: unknown) => reason);
    expect(error).to.have.property('name', 'AbortError');
    expect(await readdir(folder)).to.deep.equal([]);
    ftp.close();
  });

  it('downloads without a total where the server does not say the size for now', async () => {
    server.script = { SIZE: '450 Busy.' };
    const seen: Progress[] = [];
    await get(ftp, '/f', local, { retry: false, progress: (now) => seen.push(now) });
    expect(seen.at(-1)).to.include({ bytes: SIZE }).and.to.not.have.property('total');
  });

  it('downloads a file, and tells what it did', async () => {
    const result = await get(ftp, '/f', local);
    expect(result).to.include({ path: '/f', local, bytes: SIZE, resumedFrom: 0, retries: 0 });
    expect(result.ms).to.be.greaterThan(0);
    expect(await readFile(local)).to.deep.equal(BYTES);
    expect(await readdir(folder)).to.deep.equal(['file']);
  });

  it('downloads nothing at all', async () => {
    expect(await get(ftp, '/empty', local)).to.include({ bytes: 0 });
    expect(await get(ftp, '/empty', local, { segments: 4 })).to.include({ bytes: 0 });
    expect(await readFile(local)).to.deep.equal(Buffer.alloc(0));
  });

  it('shows the file under its name only when it is complete', async () => {
    await writeFile(local, 'old');
    const seen: (string | string[])[] = [];
    const look = async (): Promise<void> => void seen.push(await readdir(folder), await readFile(local, 'utf8'));
    server.script = { RETR: [openData(), send('150 go'), data(BYTES), dataEnd(), look, send('226 Done.')] };
    await get(ftp, '/f', local, { verify: 'size' });
    expect(seen[0]).to.have.length(2);
    expect(seen[0]?.[1]).to.match(/^file\.[0-9a-f]{8}\.part$/);
    expect(seen[1]).to.equal('old');
    expect(await readFile(local)).to.deep.equal(BYTES);
  });

  it('goes on where the connection was lost', async () => {
    server.script = { RETR: [sendThenReset(150_000), normally] };
    const { retries } = await get(ftp, '/f', local, { retry: QUICK });
    expect(retries).to.equal(1);
    expect(await readFile(local)).to.deep.equal(BYTES);
    expect(sent('RETR')).to.have.length(2);
  });

  for (const [what, more] of Object.entries<GetOptions>({ 'with its attempts': { retry: QUICK }, 'without any': { retry: false }, 'in segments': { segments: 3, retry: false }, 'with resume': { resume: true, retry: QUICK } })) {
    it(`is no success where fewer bytes come than SIZE has, and the server calls that complete, ${what}`, async () => {
      server.script = { RETR: [openData(), send('150 Here it comes.'), data(BYTES.subarray(0, 45)), dataEnd(), send('226 Done.')] };
      await failure(get(ftp, '/f', local, more));
      expect((await readdir(folder)).filter((name) => name === 'file')).to.deep.equal([]);
      expect(sent('RETR').length).to.be.at.most(4);
    });
  }

  it('ends after its attempts where the server sends a few bytes each time and calls it complete', async () => {
    server.script = { RETR: shortly(45) };
    expect(await failure(get(ftp, '/f', local, { retry: QUICK }))).to.be.instanceOf(TransferError);
    expect(sent('RETR')).to.have.length(1 + QUICK.attempts);
    expect(await readdir(folder)).to.deep.equal([]);
  });

  describe('from a server that takes REST and ignores it', () => {
    beforeEach(async () => {
      await at.serve({ ...options(), ...PERSONALITIES.ignoresREST });
      take();
    });

    it('does not join the beginning to itself after a loss', async () => {
      server.script = { RETR: [sendThenReset(150_000, arrived), normally] };
      expect(await failure(get(ftp, '/f', local, { retry: QUICK }))).to.be.instanceOf(ChangedError);
      expect(await readdir(folder)).to.deep.equal([]);
    });

    it('does not make a file of beginnings in segments', async () => {
      expect(await failure(get(ftp, '/f', local, { segments: 3 }))).to.be.instanceOf(MismatchError);
      expect(await readdir(folder)).to.deep.equal([]);
    });
  });

  it('does not go on after a loss where nothing tells how long the file is', async () => {
    server.script = { SIZE: '502 No.', MLST: '502 No.', RETR: [sendThenReset(150_000, arrived), normally] };
    await failure(get(ftp, '/f', local, { retry: QUICK }));
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('leaves nothing when it fails, and what was there before stays', async () => {
    await writeFile(local, 'old');
    server.script = { RETR: [sendThenReset(150_000), normally] };
    expect(await failure(get(ftp, '/f', local, { retry: false }))).to.be.instanceOf(FTPError);
    expect(await readdir(folder)).to.deep.equal(['file']);
    expect(await readFile(local, 'utf8')).to.equal('old');
  });

  it('fails as the server says for a file that is not there', async () => {
    for (const options of [{}, { resume: true }, { segments: 3 }, { preserveTimes: true }] as const) {
      expect(await failure(get(ftp, '/missing', local, options)), JSON.stringify(options)).to.be.instanceOf(PermanentError);
    }
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('gives the file the time that the server tells', async () => {
    await get(ftp, '/f', local, { preserveTimes: true });
    expect((await stat(local)).mtime).to.deep.equal(TIME);
  });

  it('keeps to a rate, and tells how far it is', async () => {
    for (const segments of [1, 3]) {
      const told: Progress[] = [];
      await get(ftp, '/f', local, { segments, throttle: throttle(1e9), progress: (now) => told.push(now) });
      expect(told.at(-1)).to.include({ bytes: SIZE, total: SIZE, percent: 100, eta: 0 });
    }
  });

  it('reports as often as progressInterval says', async () => {
    const counts: number[] = [];
    for (const progressInterval of [20, undefined]) {
      let reports = 0;
      await get(ftp, '/f', local, { throttle: throttle(SIZE * 4), progress: () => (reports += 1), ...(progressInterval === undefined ? {} : { progressInterval }) });
      counts.push(reports);
    }
    expect(counts[0]).to.be.above(3);
    expect(counts[1]).to.equal(1);
  });

  it('ends by a signal, leaves nothing, and the session lives on', async () => {
    const cancel = new AbortController();
    const slow = throttle(100_000);
    server.on('command', (line: string) => void (line.startsWith('RETR') && setImmediate(() => cancel.abort())));
    for (const segments of [1, 4]) {
      const error = await get(ftp, '/f', local, { signal: cancel.signal, segments, throttle: slow }).catch((reason: Error) => reason);
      expect(error).to.have.property('name', 'AbortError');
    }
    expect(await readdir(folder)).to.deep.equal([]);
    expect(await ftp.pwd()).to.equal('/');
  });

  describe('where the local path leads', () => {
    it('follows a symbolic link, also to a file that is not there yet', async () => {
      await mkdir(join(folder, 'deep'));
      await symlink('deep/target', local);
      await get(ftp, '/f', local);
      expect((await lstat(local)).isSymbolicLink()).to.equal(true);
      expect(await readFile(join(folder, 'deep/target'))).to.deep.equal(BYTES);
      server.write('/f', 'new');
      await get(ftp, '/f', local);
      expect(await readFile(join(folder, 'deep/target'), 'utf8')).to.equal('new');
      expect(await readdir(join(folder, 'deep'))).to.deep.equal(['target']);
    });

    it('refuses a folder, a device and a circle of links before anything is sent', async () => {
      await symlink('file', local);
      for (const path of [folder, '/dev/null', local, '']) expect(await failure(get(ftp, '/f', path)), path).to.be.instanceOf(ArgumentError);
      expect(server.commands).to.deep.equal([]);
    });

    it('fails as fs does for a folder that is not there', async () => {
      const error = await get(ftp, '/f', join(folder, 'no/file')).catch((reason: NodeJS.ErrnoException) => reason);
      expect(error).to.have.property('code', 'ENOENT');
    });
  });

  describe('segments', () => {
    for (const segments of [2, 3, 7, 64]) {
      it(`${segments} make the whole`, async () => {
        expect(await get(ftp, '/f', local, { segments })).to.include({ bytes: SIZE });
        expect(await readFile(local)).to.deep.equal(BYTES);
      });
    }

    it('are one on a client, which has one data connection', async () => {
      await get(at.stage.client(server), '/f', local, { segments: 4 });
      expect(sent('RETR')).to.have.length(1);
    });

    it('more than there are bytes are one for each', async () => {
      server.write('/f', 'abc');
      await get(ftp, '/f', local, { segments: 10 });
      expect(await readFile(local, 'utf8')).to.equal('abc');
      expect(sent('RETR')).to.have.length(3);
    });

    it('go on where the connection was lost', async () => {
      server.script = { RETR: [normally, sendThenReset(20_000), normally] };
      expect((await get(ftp, '/f', local, { segments: 3, retry: QUICK })).retries).to.be.greaterThan(0);
      expect(await readFile(local)).to.deep.equal(BYTES);
    });

    it('leave nothing when one of them fails', async () => {
      server.script = { RETR: [normally, [(session) => session.reply('550 No more.')]] };
      expect(await failure(get(ftp, '/f', local, { segments: 3 }))).to.be.instanceOf(PermanentError);
      expect(await readdir(folder)).to.deep.equal([]);
    });

    it('of different versions are not put together', async () => {
      server.script = {
        RETR: async (session) => {
          await session.normal();
          server.write('/f', Buffer.alloc(SIZE, 'x'));
        },
      };
      expect(await failure(get(ftp, '/f', local, { segments: 3, retry: false }))).to.be.instanceOf(ChangedError);
      expect(await readdir(folder)).to.deep.equal([]);
    });
  });

  describe('verify', () => {
    const WAYS: readonly (readonly [string, GetOptions])[] = [['in one', {}], ['in segments', { segments: 3 }]];
    for (const [way, options] of WAYS) {
      it(`by hash finds a byte that has changed, ${way}`, async () => {
        await serve(['SIZE', 'REST STREAM', 'HASH SHA-256*']);
        await get(ftp, '/f', local, { ...options, verify: 'hash' });
        server.script = { HASH: `213 SHA-256 0-${SIZE} ${'0'.repeat(64)} /f` };
        await rm(local);
        expect(await failure(get(ftp, '/f', local, { ...options, verify: 'hash' }))).to.be.instanceOf(MismatchError);
        expect(await readdir(folder)).to.deep.equal([]);
      });

      it(`by hash says so where the server has none, ${way}`, async () => {
        expect(await failure(get(ftp, '/f', local, { ...options, verify: 'hash' }))).to.be.instanceOf(UnsupportedError);
        expect(await readdir(folder)).to.deep.equal([]);
      });
    }
  });

  describe('arguments', () => {
    const REFUSED: readonly object[] = [{ segments: 0 }, { segments: 1.5 }, { segments: 2, resume: true }, { verify: 'md5' }, { retry: { backoff: -1 } }, { throttle: 5 }, { progress: 5 }, { progressInterval: 0 }, { progressInterval: '100' }];
    for (const options of REFUSED) {
      it(`refuses ${JSON.stringify(options)} before anything is sent`, async () => {
        expect(await failure(get(ftp, '/f', local, options))).to.be.instanceOf(ArgumentError);
        expect(server.commands).to.deep.equal([]);
      });
    }
  });
});
