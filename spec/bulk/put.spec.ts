import { expect } from 'chai';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { isLoss } from '../../lib/healing/backoff';
import { put, type PutOptions } from '../../lib/bulk/put';
import type { Progress } from '../../lib/bulk/progress-meter';
import type { PutSource } from '../../lib/bulk/put-source';
import { throttle } from '../../lib/bulk/throttle';
import { ArgumentError, ChangedError, ConnectionClosedError, MismatchError, PermanentError, UnsupportedError } from '../../lib/errors';
import type { FTP } from '../../lib/ftp';
import { failure, scene } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import { content } from '../support/server/content';
import { dataReset, openData, resetControl, send } from '../support/server/steps';
import type { Step } from '../support/server/script';

const SIZE = 300_000;
const BYTES = content(SIZE).read(0, SIZE);
const QUICK = { attempts: 3, backoff: 0 };

describe('put', () => {
  const stage = scene();
  let server: FtpServer;
  let ftp: FTP;
  let folder: string;
  let local: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ftplib-put-'));
    local = join(folder, 'local.bin');
    await writeFile(local, BYTES);
    server = await stage.serve({ files: { '/in/': '' } });
    ftp = stage.client(server);
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** Names in the folder of uploads. */
  const names = (): string[] => server.files.names('/in');
  const sent = (verb: string): string[] => server.commands.filter((line) => line.startsWith(verb));

  const SOURCES: readonly (readonly [kind: string, source: () => PutSource, options?: PutOptions])[] = [
    ['a local file', () => local],
    ['a Buffer', () => BYTES],
    ['a Uint8Array', () => new Uint8Array(BYTES)],
    ['a function', () => (offset) => Readable.from([BYTES.subarray(offset)])],
    ['a stream', () => Readable.from([BYTES]), { retry: false }],
  ];

  for (const [kind, source, options] of SOURCES) {
    it(`uploads ${kind}, and tells what it did`, async () => {
      const result = await put(ftp, source(), '/in/a', options);
      expect(result).to.include({ path: '/in/a', bytes: SIZE, resumedFrom: 0, retries: 0 });
      expect(result.ms).to.be.greaterThan(0);
      expect(server.read('/in/a')).to.deep.equal(BYTES);
      expect(names()).to.deep.equal(['a']);
    });
  }

  for (const [kind, source, { retry = QUICK } = {}] of SOURCES.slice(0, 4)) {
    it(`goes on with ${kind} where the connection was lost`, async () => {
      server.script = { STOR: [takeThenReset(100_000), normally] };
      const result = await put(ftp, source(), '/in/a', { retry });
      expect(result).to.include({ bytes: SIZE, retries: 1 });
      expect(server.read('/in/a')).to.deep.equal(BYTES);
      expect(sent('REST')).to.deep.equal(['REST 100000']);
      expect(names()).to.deep.equal(['a']);
    });
  }

  it('uploads nothing at all', async () => {
    expect(await put(ftp, Buffer.alloc(0), '/in/a')).to.include({ bytes: 0 });
    expect(server.read('/in/a')).to.deep.equal(Buffer.alloc(0));
  });

  describe('names', () => {
    it('shows the file under its name only when it is complete', async () => {
      const seen: string[][] = [];
      server.on('command', (line: string) => void (line.startsWith('RNFR') && seen.push(names())));
      await put(ftp, BYTES, '/in/a');
      expect(seen).to.have.length(1);
      expect(seen[0]).to.have.length(1);
      expect(seen[0]?.[0]).to.match(/^\.a\.[0-9a-f]{8}\.part$/);
    });

    it('uploads under the name itself if told so', async () => {
      await put(ftp, BYTES, '/in/a', { temporaryName: false });
      expect(sent('STOR')).to.deep.equal(['STOR /in/a']);
      expect(sent('RNFR')).to.deep.equal([]);
    });

    it('uploads under the name that a function gives', async () => {
      await put(ftp, BYTES, '/in/a', { temporaryName: (name) => `${name}~` });
      expect(sent('STOR')).to.deep.equal(['STOR /in/a~']);
      expect(names()).to.deep.equal(['a']);
    });

    it('keeps to 255 bytes, whatever the name', async () => {
      const name = '名'.repeat(80);
      await put(ftp, BYTES, name);
      expect(Buffer.byteLength(sent('STOR ')[0] ?? '')).to.be.lessThan(255);
      expect(server.read(`/${name}`)).to.deep.equal(BYTES);
    });

    it('replaces what is there, also where RNTO does not', async () => {
      server.write('/in/a', 'old');
      let refused = false;
      server.script = {
        RNTO: (session) => {
          if (!server.files.has('/in/a')) return session.normal();
          refused = true;
          session.reply('550 File exists.');
        },
      };
      await put(ftp, BYTES, '/in/a');
      expect(refused).to.equal(true);
      expect(server.read('/in/a')).to.deep.equal(BYTES);
      expect(names()).to.deep.equal(['a']);
    });

    it('says what to do where nothing can be renamed, and takes its file away', async () => {
      server.script = { RNFR: '550 Permission denied.' };
      const error = await failure(put(ftp, BYTES, '/in/a'));
      expect(error).to.be.instanceOf(PermanentError);
      expect(error.message).to.include('temporaryName: false');
      expect(names()).to.deep.equal([]);
    });

    it('knows the rename that was done although its reply was lost', async () => {
      const lose: Step = (session) => {
        server.files.move(session.renameFrom ?? '', session.path(session.argument));
        session.control.reset();
      };
      server.script = { RNTO: [[lose]] };
      expect(await put(ftp, BYTES, '/in/a', { retry: QUICK })).to.include({ retries: 1, bytes: SIZE });
      expect(server.read('/in/a')).to.deep.equal(BYTES);
    });
  });

  describe('after a loss', () => {
    it('sends nothing again when only the final reply was lost', async () => {
      server.script = { STOR: [takeThenReset(SIZE), normally] };
      expect(await put(ftp, BYTES, '/in/a', { retry: QUICK })).to.include({ retries: 1, bytes: SIZE });
      expect(sent('STOR')).to.have.length(1);
      expect(server.read('/in/a')).to.deep.equal(BYTES);
    });

    it('appends where REST is refused', async () => {
      server.script = { STOR: [takeThenReset(100_000), normally], REST: '502 No REST.' };
      expect(await put(ftp, BYTES, '/in/a', { retry: QUICK })).to.include({ retries: 1 });
      expect(sent('APPE')).to.have.length(1);
      expect(server.read('/in/a')).to.deep.equal(BYTES);
    });

    for (const refusal of ['550 No.', '451 Append/Restart not permitted, try again.']) {
      it(`begins again where STOR behind REST, and APPE, say ${refusal.slice(0, 3)}`, async () => {
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
      server.on('command', (line: string) => void (line.startsWith('STOR') && void utimes(local, 1, 1)));
      expect(await failure(put(ftp, local, '/in/a', { retry: QUICK }))).to.be.instanceOf(ChangedError);
      expect(names()).to.deep.equal([]);
    });

    it('does not connect again when the client was closed', async () => {
      server.on('command', (line: string) => void (line.startsWith('STOR') && ftp.close()));
      expect(await failure(put(ftp, BYTES, '/in/a', { retry: QUICK }))).to.be.instanceOf(ConnectionClosedError);
      expect(sent('USER')).to.have.length(1);
    });

    it('does not wait for a client that was connected by hand', async () => {
      const manual = await stage.connect(server);
      server.script = { STOR: [takeThenReset(100_000), normally] };
      expect(await failure(put(manual, BYTES, '/in/a', { retry: { attempts: 1000, backoff: 0 } }))).to.be.instanceOf(ConnectionClosedError);
    });
  });

  describe('resume', () => {
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
      expect(sent('REST')).to.deep.equal(['REST 70000']);
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

    it('goes on where both were written in the same second', async () => {
      server.write('/in/.a.part', BYTES.subarray(0, 1000));
      server.file('/in/.a.part').modified = new Date('2025-03-04T05:06:07Z');
      await utimes(local, new Date(), new Date('2025-03-04T05:06:07.900Z'));
      expect(await put(ftp, local, '/in/a', { resume: true })).to.include({ resumedFrom: 1000 });
    });

    it('leaves nothing of what proved wrong', async () => {
      const able = await stage.serve({ files: { '/.a.part': Buffer.alloc(1000, 'x') }, features: ['SIZE', 'REST STREAM', 'HASH SHA-256*'] });
      expect(await failure(put(stage.client(able), BYTES, '/a', { resume: true, verify: 'hash', retry: false }))).to.be.instanceOf(MismatchError);
      expect(able.files.names('/')).to.deep.equal([]);
    });

    it('finds by its hash that the beginning is of another file, and begins again', async () => {
      const able = await stage.serve({ files: { '/.a.part': Buffer.alloc(1000, 'x') }, features: ['SIZE', 'REST STREAM', 'HASH SHA-256*;CRC32'] });
      expect(await put(stage.client(able), BYTES, '/a', { resume: true, verify: 'hash', retry: QUICK })).to.include({ retries: 1 });
      expect(able.read('/a')).to.deep.equal(BYTES);
    });
  });

  describe('verify', () => {
    it('by size finds what the server has cut, and leaves nothing', async () => {
      server.script = { SIZE: '213 5' };
      expect(await failure(put(ftp, BYTES, '/in/a', { verify: 'size' }))).to.be.instanceOf(MismatchError);
      expect(names()).to.deep.equal([]);
    });

    it('by hash finds a byte that has changed', async () => {
      const able = await stage.serve({ features: ['SIZE', 'HASH SHA-256*'] });
      able.script = {
        STOR: async (session) => {
          await session.normal();
          const path = session.path(session.argument);
          const bytes = Buffer.from(able.read(path));
          bytes[7] = (bytes[7] ?? 0) ^ 1;
          able.write(path, bytes);
        },
      };
      expect(await failure(put(stage.client(able), BYTES, '/a', { verify: 'hash' }))).to.be.instanceOf(MismatchError);
      expect(able.files.names('/')).to.deep.equal([]);
    });

    it('by hash says so where the server has none', async () => {
      expect(await failure(put(ftp, BYTES, '/in/a', { verify: 'hash' }))).to.be.instanceOf(UnsupportedError);
    });
  });

  describe('arguments', () => {
    const REFUSED: readonly (readonly [what: string, source: unknown, path: unknown, options?: object])[] = [
      ['a stream with retries', Readable.from(['x']), '/in/a'],
      ['a stream to resume', Readable.from(['x']), '/in/a', { retry: false, resume: true }],
      ['no source', undefined, '/in/a'],
      ['no path', 'x', ''],
      ['a folder for a path', 'x', '/in/'],
      ['an unknown verification', 'x', '/in/a', { verify: 'md5' }],
      ['a wrong size', 'x', '/in/a', { size: -1 }],
      ['wrong retries', 'x', '/in/a', { retry: { attempts: -1 } }],
      ['a wrong throttle', 'x', '/in/a', { throttle: 1000 }],
      ['a wrong progress', 'x', '/in/a', { progress: true }],
      ['a wrong temporaryName', 'x', '/in/a', { temporaryName: '.part' }],
      ['a temporary name with a path', Buffer.alloc(1), '/in/a', { temporaryName: () => '../a' }],
      ['a local folder', tmpdir(), '/in/a'],
    ];
    for (const [what, source, path, options] of REFUSED) {
      it(`refuses ${what} before anything is sent`, async () => {
        expect(await failure(put(ftp, source as PutSource, path as string, options))).to.be.instanceOf(ArgumentError);
        expect(server.commands).to.deep.equal([]);
      });
    }

    it('fails as fs does for a local file that is not there', async () => {
      const error = await put(ftp, join(folder, 'missing'), '/in/a').catch((reason: NodeJS.ErrnoException) => reason);
      expect(error).to.have.property('code', 'ENOENT');
      expect(server.commands).to.deep.equal([]);
    });

    it('refuses a function that gives no Readable', async () => {
      expect(await failure(put(ftp, () => 'text' as unknown as Readable, '/in/a'))).to.be.instanceOf(ArgumentError);
    });
  });

  it('fails, and completes nothing, when a source ends short of the size that was told', async () => {
    const error = await failure(put(ftp, () => Readable.from([BYTES]), '/in/a', { size: SIZE + 1, retry: QUICK }));
    expect(error).to.be.instanceOf(ChangedError);
    expect(error.message).to.include('1 bytes short');
    expect(names()).to.deep.equal([]);
  });

  it('fails with what its source fails with, at once', async () => {
    const reason = new Error('disk on fire');
    const source = (): Readable => new Readable({ read: (): void => void reason, construct: (callback) => callback(reason) });
    expect(await put(ftp, source, '/in/a', { retry: QUICK }).catch((error: unknown) => error)).to.equal(reason);
    expect(names()).to.deep.equal([]);
  });

  it('ends by a signal, leaves nothing, and the session lives on', async () => {
    const cancel = new AbortController();
    let reads = 0;
    const read = function (this: Readable): void {
      if ((reads += 1) === 1) this.push(BYTES);
      else cancel.abort();
    };
    const error = await put(ftp, () => new Readable({ read }), '/in/a', { signal: cancel.signal }).catch((reason: Error) => reason);
    expect(error).to.have.property('name', 'AbortError');
    expect(names()).to.deep.equal([]);
    expect(await ftp.pwd()).to.equal('/');
    expect(sent('USER')).to.have.length(1);
  });

  it('does nothing under a signal that is aborted already', async () => {
    const error = await put(ftp, BYTES, '/in/a', { signal: AbortSignal.abort() }).catch((reason: Error) => reason);
    expect(error).to.have.property('name', 'AbortError');
    expect(server.commands).to.deep.equal([]);
  });

  it('ends a pause between two attempts by the signal', async () => {
    const cancel = new AbortController();
    server.script = { STOR: takeThenReset(1000) };
    const attempt = put(ftp, BYTES, '/in/a', { signal: cancel.signal, retry: { attempts: 1, backoff: 2 ** 31 - 1, maxDelay: 2 ** 31 - 1 } }).catch((reason: Error) => reason);
    await server.waitFor((line) => line.startsWith('STOR'));
    await server.deserted();
    cancel.abort();
    expect(await attempt).to.have.property('name', 'AbortError');
  });

  for (const leave of ['close', 'quit'] as const) {
    it(`ends a pause between two attempts by ${leave}()`, async () => {
      server.script = { STOR: takeThenReset(1000) };
      const attempt = failure(put(ftp, BYTES, '/in/a', { retry: { attempts: 1, backoff: 2 ** 31 - 1, maxDelay: 2 ** 31 - 1 } }));
      await paused(ftp);
      await Promise.resolve(ftp[leave]()).catch(() => undefined); // nobody is there to say QUIT to
      expect(await attempt).to.be.instanceOf(ConnectionClosedError);
      expect(sent('USER')).to.have.length(1);
    });
  }

  it('keeps to a rate, and tells how far it is', async () => {
    const told: Progress[] = [];
    await put(ftp, BYTES, '/in/a', { throttle: throttle(1e9), progress: (now) => told.push(now) });
    expect(told.at(-1)).to.include({ bytes: SIZE, total: SIZE, percent: 100, eta: 0 });
    expect(server.read('/in/a')).to.deep.equal(BYTES);
  });

  /** Stores so many bytes of what comes, and then loses the connection. */
  function takeThenReset(bytes: number): Step[] {
    return [
      async (session) => {
        const { argument, restart } = session;
        const socket = await session.dataConnection();
        session.reply('150 go');
        const file = server.openUpload(session.path(argument), restart);
        let left = bytes;
        await new Promise<void>((resolve) => {
          const take = (chunk: Buffer): void => {
            file.take(chunk.subarray(0, left));
            left -= Math.min(left, chunk.length);
            if (left === 0) resolve();
          };
          socket.on('data', take).resume();
        });
        socket.resetAndDestroy();
        session.control.reset();
      },
    ];
  }
});

/** An upload in its pause has a download that nobody reads: it hears when the client is left. */
async function paused(ftp: FTP): Promise<void> {
  const retr = ftp.retr.bind(ftp);
  await new Promise<void>((resolve) => {
    ftp.retr = (...args) => {
      resolve();
      return retr(...args);
    };
  });
}

const normally: Step[] = [(session) => session.normal()];

async function run(session: Parameters<Step>[0], steps: readonly Step[]): Promise<void> {
  for (const step of steps) await step(session);
}
