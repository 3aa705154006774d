import { expect } from 'chai';
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { get, type GetOptions } from '../../lib/bulk/get';
import type { Progress } from '../../lib/bulk/progress-meter';
import { throttle } from '../../lib/bulk/throttle';
import { ArgumentError, ChangedError, FTPError, MismatchError, PermanentError, UnsupportedError } from '../../lib/errors';
import type { FTP } from '../../lib/ftp';
import { failure, scene } from '../support/client';
import { content } from '../support/server/content';
import type { FtpServer } from '../support/server/ftp-server';
import type { Step } from '../support/server/script';
import { sendChunks } from '../support/server/transfer';

const SIZE = 400_000;
const BYTES = content(SIZE).read(0, SIZE);
const QUICK = { attempts: 3, backoff: 0 };
const TIME = new Date('2025-03-04T05:06:07Z');
const PARTIAL = `file.${SIZE}-20250304050607.part`;

describe('get', () => {
  const stage = scene();
  let server: FtpServer;
  let ftp: FTP;
  let folder: string;
  let local: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ftplib-get-'));
    local = join(folder, 'file');
    await serve();
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function serve(features?: readonly string[]): Promise<void> {
    server = await stage.serve({ files: { '/f': BYTES, '/empty': '' }, ...(features ? { features } : {}) });
    server.file('/f').modified = TIME;
    ftp = Object.assign(stage.client(server), { maxConnections: 64 }); // as a pool says it
  }

  const sent = (verb: string): string[] => server.commands.filter((line) => line.startsWith(verb));

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
    server.script = {
      RETR: async (session) => {
        await session.normal();
        seen.push(await readdir(folder), await readFile(local, 'utf8'));
      },
    };
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

  describe('resume', () => {
    it('goes on with what an earlier call has left', async () => {
      const arrived = async (): Promise<void> => {
        while ((await stat(join(folder, PARTIAL))).size === 0) await new Promise(setImmediate);
      };
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
      expect(await readdir(folder)).to.deep.equal([]);
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

  describe('segments', () => {
    for (const segments of [2, 3, 7, 64]) {
      it(`${segments} make the whole`, async () => {
        expect(await get(ftp, '/f', local, { segments })).to.include({ bytes: SIZE });
        expect(await readFile(local)).to.deep.equal(BYTES);
      });
    }

    it('are one on a client, which has one data connection', async () => {
      await get(stage.client(server), '/f', local, { segments: 4 });
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
    const REFUSED: readonly object[] = [{ segments: 0 }, { segments: 1.5 }, { segments: 2, resume: true }, { verify: 'md5' }, { retry: { backoff: -1 } }, { throttle: 5 }, { progress: 5 }];
    for (const options of REFUSED) {
      it(`refuses ${JSON.stringify(options)} before anything is sent`, async () => {
        expect(await failure(get(ftp, '/f', local, options))).to.be.instanceOf(ArgumentError);
        expect(server.commands).to.deep.equal([]);
      });
    }
  });
});

const normally: Step[] = [(session) => session.normal()];

/** Sends so many bytes of the file from where REST says, and then loses the connection. */
function sendThenReset(bytes: number, before = async (): Promise<void> => undefined): Step[] {
  return [
    async (session) => {
      const from = session.restart;
      const socket = await session.dataConnection();
      session.reply('150 go');
      await sendChunks(socket, [BYTES.subarray(from, from + bytes)]);
      await before();
      session.control.reset();
    },
  ];
}
