import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import type { Progress } from '../../lib/bulk/progress';
import { put, type PutOptions, type PutSource } from '../../lib/bulk/put';
import { throttle } from '../../lib/bulk/throttle';
import type { FTP } from '../../lib/client/ftp';
import { ArgumentError, ChangedError, ConnectionClosedError, MismatchError, PermanentError, ReplyError, UnsupportedError } from '../../lib/errors';
import { FTPPool } from '../../lib/index';
import { failure } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import { gate } from '../support/server/gate';
import { PERSONALITIES } from '../support/server/personalities';
import type { Script, Step } from '../support/server/script';
import { normal, until } from '../support/server/steps';
import { BYTES, FileScene, normally, QUICK, SIZE, takeThenReset } from './file-scene';

describe('put', () => {
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
      expect(sent('REST')[0]).to.equal('REST 100000');
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

    for (const [what, script] of [
      ['the server refuses', '553 No.'],
      ['has no data connection for', '425 No.'],
    ] as const) {
      it(`leaves a file that ${what} to write to, and that has the caller's own temporary name`, async () => {
        server.write('/in/theirs', 'precious');
        server.script = { STOR: script };
        await failure(put(ftp, BYTES, '/in/a', { temporaryName: () => 'theirs', retry: false }));
        expect(names()).to.deep.equal(['theirs']);
      });
    }

    it('keeps to 255 bytes, whatever the name', async () => {
      const name = '名'.repeat(80);
      await put(ftp, BYTES, name);
      expect(Buffer.byteLength(sent('STOR ')[0] ?? '')).to.be.lessThan(255);
      expect(server.read(`/${name}`)).to.deep.equal(BYTES);
    });

    it('replaces what is there, also where RNTO does not, and never holds less than one whole file', async () => {
      await at.serve({ files: { '/in/a': 'old' }, ...PERSONALITIES.noRenameOver });
      ({ server, ftp } = at);
      const whole: boolean[] = [];
      server.on('command', () => whole.push(names().some((name) => ['old', String(BYTES)].includes(String(server.read(`/in/${name}`))))));
      await put(ftp, BYTES, '/in/a');
      expect(server.read('/in/a')).to.deep.equal(BYTES);
      expect(names()).to.deep.equal(['a']);
      expect(whole).not.to.include(false);
    });

    for (const [what, script] of Object.entries<Script>({
      'RNFR is refused': { RNFR: '550 Permission denied.' },
      'the server knows no RNFR': { RNFR: '502 Unknown.' },
      'RNTO is refused, whatever it is for': { RNTO: '553 No.' },
      'RNTO is refused for now': { RNTO: '450 Busy.' },
    })) {
      it(`leaves the old file where ${what}, says both names, and takes its own away`, async () => {
        server.write('/in/a', 'old');
        server.script = script;
        const error = await failure(put(ftp, BYTES, '/in/a', { retry: { attempts: 1, backoff: 0 } }));
        expect(error).to.be.instanceOf(ReplyError);
        expect(error.message).to.match(/\/in\/\.a\.[0-9a-f]{8}\.part could not be given the name \/in\/a\b/).and.to.include('temporaryName: false');
        expect(names()).to.deep.equal(['a']);
        expect(String(server.read('/in/a'))).to.equal('old');
      });
    }

    it('does not move a folder aside', async () => {
      server.write('/in/a/', '');
      server.script = { RNTO: '550 Is a directory.' };
      expect(await failure(put(ftp, BYTES, '/in/a'))).to.be.instanceOf(PermanentError);
      expect(names()).to.deep.equal(['a']);
      expect(sent('RNFR')).to.have.length(1);
    });

    for (const [what, lose] of Object.entries<Step>({
      'before it was done': (session) => session.control.reset(),
      'although it was done': (session) => {
        server.files.move(session.renameFrom ?? '', session.path(session.argument));
        session.control.reset();
      },
    })) {
      for (const turn of [1, 2, 3]) {
        it(`replaces what is there where rename ${turn} of a server that renames over none is lost ${what}`, async () => {
          await at.serve({ files: { '/in/a': 'old' }, ...PERSONALITIES.noRenameOver });
          ({ server, ftp } = at);
          server.script = { RNTO: (session) => (sent('RNTO').length === turn && !(turn === 1 && what.startsWith('although')) ? lose(session) : session.normal()) };
          await put(ftp, BYTES, '/in/a', { retry: QUICK });
          expect(server.read('/in/a')).to.deep.equal(BYTES);
          expect(names()).to.deep.equal(['a']);
        });
      }
    }

    it('gives the old file its name back, or says the one it has, where the connection is lost for good', async () => {
      await at.serve({ files: { '/in/a': 'old' }, ...PERSONALITIES.noRenameOver });
      ({ server, ftp } = at);
      server.script = { RNTO: [[normal()], [normal()], [(session): void => session.control.reset()], [normal()]] };
      await failure(put(ftp, BYTES, '/in/a', { retry: false }));
      expect(names()).to.deep.equal(['a']);
      expect(String(server.read('/in/a'))).to.equal('old');
    });

    it('says what the old file is called where close() comes between the two renames', async () => {
      await at.serve({ files: { '/in/a': 'old' }, ...PERSONALITIES.noRenameOver });
      ({ server, ftp } = at);
      server.script = { RNTO: [[normal()], [normal(), () => ftp.close()]] };
      const { message } = await failure(put(ftp, BYTES, '/in/a'));
      await server.deserted();
      const old = names().find((name) => name.endsWith('.old'));
      expect(String(server.read(`/in/${old ?? ''}`))).to.equal('old');
      expect(message).to.include(old);
    });

    it('takes a backslash for a letter where the name has one', async () => {
      await put(ftp, BYTES, '/in/back\\slash', { temporaryName: (name) => `.${name}.part` });
      expect(server.read('/in/back\\slash')).to.deep.equal(BYTES);
      expect(await put(ftp, BYTES, '/in/a', { temporaryName: () => 'b\\c' }).catch((error: unknown) => error)).to.be.instanceOf(ArgumentError);
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

  describe('verify', () => {
    it('by size finds what the server has cut, and leaves nothing', async () => {
      server.script = { SIZE: '213 5' };
      expect(await failure(put(ftp, BYTES, '/in/a', { verify: 'size' }))).to.be.instanceOf(MismatchError);
      expect(names()).to.deep.equal([]);
    });

    it('by hash finds a byte that has changed', async () => {
      const able = await at.stage.serve({ features: ['SIZE', 'HASH SHA-256*'] });
      able.script = {
        STOR: async (session) => {
          await session.normal();
          const path = session.path(session.argument);
          const bytes = Buffer.from(able.read(path));
          bytes[7] = (bytes[7] ?? 0) ^ 1;
          able.write(path, bytes);
        },
      };
      expect(await failure(put(at.stage.client(able), BYTES, '/a', { verify: 'hash' }))).to.be.instanceOf(MismatchError);
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
      ['a wrong interval', 'x', '/in/a', { progressInterval: -1 }],
      ['a wrong temporaryName', 'x', '/in/a', { temporaryName: '.part' }],
      ['a temporary name with a path', Buffer.alloc(1), '/in/a', { temporaryName: () => '../a' }],
      ['a local folder', tmpdir(), '/in/a'],
      ...(process.platform === 'linux' ? [['a local file that has bytes and no size', '/proc/version', '/in/a'] as const] : []),
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

  it('leaves nothing where it is aborted while the server carries out its STOR, and another connection of a pool is free', async () => {
    const pool = new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret', connections: 2 });
    await Promise.all([pool.list('/in').toArray(), pool.list('/in').toArray()]);
    const controller = new AbortController();
    const abort = async (): Promise<void> => {
      controller.abort();
      for (let turns = 0; turns < 5000 && sent('DELE').length === 0; turns++) await new Promise(setImmediate);
    };
    const stored = gate();
    server.script = { STOR: [until(abort), async (session) => session.normal().finally(stored.open)] };
    await put(pool, BYTES, '/in/a', { signal: controller.signal }).catch(() => undefined);
    await stored.promise;
    expect(names()).to.deep.equal([]);
    pool.close();
  });

  it('destroys a Readable, also one that it has not read', async () => {
    const sources = Array.from({ length: 4 }, () => Readable.from([BYTES]));
    const [whole, aborted, refused, late] = sources as [Readable, Readable, Readable, Readable];
    await put(ftp, whole, '/in/a', { retry: false });
    await put(ftp, aborted, '/in/a', { retry: false, signal: AbortSignal.abort() }).catch(() => undefined);
    await failure(put(ftp, refused, '', { retry: false }));
    ftp.close();
    await failure(put(ftp, late, '/in/a', { retry: false }));
    expect(sources.map(({ destroyed }) => destroyed)).to.deep.equal([true, true, true, true]);
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

  it('ends a pause between two attempts by close()', async () => {
    server.script = { STOR: takeThenReset(1000) };
    const attempt = failure(put(ftp, BYTES, '/in/a', { retry: { attempts: 1, backoff: 2 ** 31 - 1, maxDelay: 2 ** 31 - 1 } }));
    await server.waitFor((line) => line.startsWith('STOR'));
    await server.deserted();
    ftp.close();
    expect(await attempt).to.be.instanceOf(ConnectionClosedError);
    expect(sent('USER')).to.have.length(1);
  });

  it('sends nothing on a connection that is made by hand after close()', async () => {
    server.script = { STOR: [normal(), () => ftp.close()] };
    const attempt = failure(put(ftp, BYTES, '/in/a'));
    await new Promise<void>((resolve) => ftp.once('close', () => resolve()));
    await ftp.connect();
    await ftp.login();
    expect(await attempt).to.be.instanceOf(ConnectionClosedError);
    await ftp.noop();
    expect(sent('DELE')).to.deep.equal([]);
  });

  it('is waited for by quit(), losses included', async () => {
    server.script = { STOR: [takeThenReset(1000), normally] };
    const attempt = put(ftp, BYTES, '/in/a', { retry: { backoff: 1 } });
    await server.waitFor((line) => line.startsWith('STOR'));
    await ftp.quit();
    expect((await attempt).bytes).to.equal(SIZE);
    expect(server.read('/in/a')).to.deep.equal(BYTES);
    expect(server.commands.at(-1)).to.equal('QUIT');
    await server.deserted();
  });

  it('keeps to a rate, and tells how far it is', async () => {
    const told: Progress[] = [];
    await put(ftp, BYTES, '/in/a', { throttle: throttle(BYTES.length * 4), progress: (now) => told.push(now), progressInterval: 20 });
    expect(told.length).to.be.above(3);
    expect(told.at(-1)).to.include({ bytes: SIZE, total: SIZE, percent: 100, eta: 0 });
    expect(server.read('/in/a')).to.deep.equal(BYTES);
  });
});
