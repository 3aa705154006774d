import { expect } from 'chai';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ArgumentError, ConnectionClosedError, FTPPool, MismatchError, PermanentError, ReplyError, TemporaryError, type StorOptions, type StorStream } from '../../lib/index';
import { PartNames } from '../../lib/transfer/temporary-name';
import { content } from '../support/server/content';
import { gate } from '../support/server/gate';
import { PERSONALITIES } from '../support/server/personalities';
import type { Script, Step } from '../support/server/script';
import { normal, openData, resetControl, send, until } from '../support/server/steps';
import { FEATURES, type FtpServerOptions } from '../support/server/server-options';
import { closing, errorOf, useBench } from '../support/transfers';

const BYTES = content(300_000).read(0, 300_000);
const OURS = /^\.file\.[0-9a-f]{8}\.part$/;

describe('PartNames', () => {
  it('knows a name by what a file system may take it for', () => {
    const parts = new PartNames();
    parts.add('.Caf\u00e9.PART. .');
    expect(parts.has('.cafe\u0301.part')).to.equal(true);
    expect(parts.has('.cafe.part')).to.equal(false);
  });

  it('has any name once there are more than it remembers, or longer ones', () => {
    for (const [count, length] of [[10_000, 0], [16, 65_536]] as const) {
      const parts = new PartNames();
      const add = (number: number): void => parts.add(`.${number}${'x'.repeat(length)}.part`);
      for (let number = 1; number < count; number++) add(number);
      expect([parts.has('.other.part'), parts.has(`.1${'x'.repeat(length)}.part`)]).to.deep.equal([false, true]);
      add(count);
      expect(parts.has('.other.part')).to.equal(true);
    }
  });

  it('takes milliseconds for a long name', () => {
    const started = performance.now();
    for (const run of ['.', ' ', '. ', '.part']) new PartNames().add(`.${run.repeat(32_768 / run.length)}x.part`);
    expect(performance.now() - started).to.be.below(1000);
  });
});

describe('stor() with a temporary name', () => {
  const bench = useBench();

  async function serve(options: FtpServerOptions = {}): Promise<void> {
    await bench.serve({ ...options, files: { '/in/': '', ...options.files } });
  }

  function names(): string[] {
    return bench.server.files.names('/in');
  }

  function sent(verb: string): string[] {
    return bench.server.commands.filter((line) => line.startsWith(`${verb} `));
  }

  async function upload(options: StorOptions = { temporaryName: true }, ftp = bench.client()): Promise<Error | undefined> {
    const stream = ftp.stor('/in/file', options);
    stream.end(BYTES);
    const error = await errorOf(stream);
    await ftp.noop().catch(() => undefined); // its turn is over
    return error;
  }

  it('shows the file under its own name only at finish', async () => {
    await serve();
    const seen: string[][] = [];
    bench.server.on('command', (line: string) => void (/^(RNFR|RNTO)/.test(line) && seen.push(names())));
    const stream = bench.client().stor('/in/file', { temporaryName: true });
    stream.on('finish', () => seen.push(names()));
    await pipeline(Readable.from([BYTES]), stream);
    expect(seen).to.have.length(3);
    for (const each of seen.slice(0, 2)) expect(each).to.have.length(1).and.satisfy(([name = '']: string[]) => OURS.test(name));
    expect(seen[2]).to.deep.equal(['file']);
    expect(bench.server.read('/in/file').equals(BYTES)).to.equal(true);
  });

  it('takes the name that it is given, or that a function makes', async () => {
    await serve();
    expect(await upload({ temporaryName: 'file.upload' })).to.equal(undefined);
    expect(await upload({ temporaryName: (name) => `${name}~` })).to.equal(undefined);
    expect(sent('STOR')).to.deep.equal(['STOR /in/file.upload', 'STOR /in/file~']);
    expect(names()).to.deep.equal(['file']);
  });

  it('goes into the working folder, and on connections of a pool', async () => {
    await serve();
    const ftp = bench.client();
    await ftp.cwd('in');
    await pipeline(Readable.from(['one']), ftp.stor('file', { temporaryName: true }));
    const { host, port } = bench.server;
    const pool = new FTPPool({ host, port, user: 'user', password: 'secret', connections: 2 });
    await Promise.all(['a', 'b', 'c'].map((name) => pipeline(Readable.from([name]), pool.stor(`in/${name}`, { temporaryName: true }))));
    await pool.quit();
    expect(names()).to.have.members(['file', 'a', 'b', 'c']);
    expect(String(bench.server.read('/in/b'))).to.equal('b');
  });

  it('uploads text as well, and nothing at all', async () => {
    await serve();
    const ftp = bench.client();
    await pipeline(Readable.from(['one\ntwo\n']), ftp.storlines('STOR /in/file', { temporaryName: true }));
    await pipeline(Readable.from([]), ftp.storbinary('STOR /in/empty', { temporaryName: true }));
    expect(names()).to.have.members(['file', 'empty']);
    expect(String(bench.server.read('/in/file'))).to.equal('one\ntwo\n');
  });

  it('refuses what it is not for, before anything is sent', async () => {
    await serve();
    const ftp = bench.client();
    for (const temporaryName of ['', '.', '..', 'a/b', '../file', 'file', 'FILE', 1, null, () => 'file', () => 'x/y', () => 7]) {
      expect(() => ftp.stor('/in/file', { temporaryName } as object), String(temporaryName)).to.throw(ArgumentError, 'temporaryName');
    }
    expect(() => ftp.stor('/in/', { temporaryName: true })).to.throw(ArgumentError, 'temporaryName');
    expect(() => ftp.stor('/in/file', { temporaryName: true, start: 1 })).to.throw(ArgumentError, 'temporaryName is for a whole file');
    expect(() => ftp.appe('/in/file', { temporaryName: true } as object)).to.throw(ArgumentError, 'temporaryName is for STOR, not APPE');
    expect(() => ftp.stou('/in/file', { temporaryName: true } as object)).to.throw(ArgumentError, 'temporaryName is for STOR, not STOU');
    expect(bench.server.commands).to.deep.equal([]);
  });

  describe('over a file that is there', () => {
    for (const [server, options] of Object.entries({ 'renames over it': {}, 'renames over none': PERSONALITIES.noRenameOver })) {
      it(`replaces it on a server that ${server}`, async () => {
        await serve({ ...options, files: { '/in/file': 'old' } });
        const whole: boolean[] = [];
        bench.server.on('command', () => whole.push(names().some((name) => [3, BYTES.length].includes(bench.server.read(`/in/${name}`).length))));
        expect(await upload()).to.equal(undefined);
        expect(names()).to.deep.equal(['file']);
        expect(bench.server.read('/in/file').equals(BYTES)).to.equal(true);
        expect(whole).not.to.include(false);
      });
    }

    for (const [what, script] of Object.entries<Script>({
      'the server knows no RNFR': { RNFR: '502 Unknown.' },
      'RNTO is refused, whatever it is for': { RNTO: '553 No.' },
      'RNTO is refused for now': { RNTO: '450 Busy.' },
    })) {
      it(`leaves it where ${what}, says both names, and deletes the new file`, async () => {
        await serve({ files: { '/in/file': 'old' } });
        bench.server.script = script;
        const error = await upload();
        expect(error).to.be.instanceOf(ReplyError);
        expect(error?.message).to.match(/\/in\/\.file\.[0-9a-f]{8}\.part could not be given the name \/in\/file\b/);
        expect(error).not.to.have.property('maybeCompleted');
        expect(names()).to.deep.equal(['file']);
        expect(String(bench.server.read('/in/file'))).to.equal('old');
      });
    }

    it('says what the old file is called where the connection is lost between the renames', async () => {
      await serve({ ...PERSONALITIES.noRenameOver, files: { '/in/file': 'old' } });
      bench.server.script = { RNTO: [[normal()], [normal()], [resetControl()]] };
      const error = await upload();
      const old = names().find((name) => name.endsWith('.old')) ?? '';
      expect(String(bench.server.read(`/in/${old}`))).to.equal('old');
      expect(error).to.be.instanceOf(ConnectionClosedError).and.include({ maybeCompleted: true });
      expect(error?.message).to.include(old);
    });
  });

  describe('that does not come to its end', () => {
    beforeEach(() => serve({ files: { '/in/file': 'old' } }));

    /** Nothing is there but the old file, and the session is in step. */
    async function expectOld(ftp: ReturnType<typeof bench.client>): Promise<void> {
      expect(await ftp.nlst('/in').toArray()).to.deep.equal(['file']);
      expect(String(bench.server.read('/in/file'))).to.equal('old');
      await pipeline(Readable.from([BYTES]), ftp.stor('/in/file', { temporaryName: true }));
      expect(bench.server.read('/in/file').equals(BYTES)).to.equal(true);
      expect(names()).to.deep.equal(['file']);
    }

    for (const [how, leave] of Object.entries<(stream: StorStream) => void>({
      'before anything is written': () => undefined,
      'after a write': (stream) => void stream.write(BYTES),
      'after its last write': (stream) => void stream.end(BYTES),
    })) {
      it(`leaves nothing where the stream is destroyed ${how}`, async () => {
        const ftp = bench.client();
        const stream = ftp.stor('/in/file', { temporaryName: true });
        leave(stream);
        const closed = closing(stream);
        stream.destroy();
        await closed;
        await expectOld(ftp);
      });
    }

    for (const [what, options, renames] of [
      ['is renamed', {}, 1],
      ['is renamed on a server that renames over none', PERSONALITIES.noRenameOver, 1],
      ['is renamed again there, after the old file', PERSONALITIES.noRenameOver, 2],
    ] as const) {
      it(`leaves the old file where the stream is destroyed while the new one ${what}, before RNTO`, async () => {
        await serve({ files: { '/in/file': 'old' }, ...options });
        const ftp = bench.client();
        const stream = ftp.stor('/in/file', { temporaryName: true });
        let begun = 0;
        ftp.on('command', (line) => {
          if (/^RNFR .*\.part$/.test(line) && ++begun === renames) stream.destroy();
        });
        stream.end(BYTES);
        await closing(stream);
        await ftp.noop();
        expect(stream.writableFinished).to.equal(false);
        expect(names()).to.deep.equal(['file']);
        expect(bench.server.read('/in/file').toString()).to.equal('old');
      });
    }

    it('leaves nothing where the stream is destroyed while its bytes are on their way', async () => {
      const ftp = bench.client();
      const stream = ftp.stor('/in/file', { temporaryName: true });
      await new Promise((written) => stream.write(BYTES, written));
      const closed = closing(stream);
      stream.destroy();
      await closed;
      await expectOld(ftp);
      expect(bench.logins).to.equal(1);
    });

    it('leaves nothing where a pipeline is aborted', async () => {
      const ftp = bench.client();
      const cancel = new AbortController();
      const source = async function* (): AsyncGenerator<Buffer> {
        yield BYTES;
        cancel.abort();
        yield BYTES;
      };
      const error: unknown = await pipeline(source, ftp.stor('/in/file', { temporaryName: true }), { signal: cancel.signal }).catch((reason: unknown) => reason);
      expect(error).to.have.property('name', 'AbortError');
      await expectOld(ftp);
    });

    it('leaves nothing where the server ends it with a failure', async () => {
      const ftp = bench.client();
      bench.server.script = { STOR: [[openData(), send('150 Go on.'), async (session) => session.server.write(session.path(session.argument), 'half'), send('451 Disk full.')], [normal()]] };
      expect(await upload({ temporaryName: true }, ftp)).to.be.instanceOf(TemporaryError);
      await expectOld(ftp);
    });

    it('deletes an empty file of ours that a refused STOR has left, and no other', async () => {
      const ftp = bench.client();
      const refuse: Step[] = [(session) => session.server.write(session.path(session.argument), ''), send('425 No data connection.')];
      bench.server.script = { STOR: [refuse, refuse] };
      expect(await upload({ temporaryName: true }, ftp)).to.be.instanceOf(TemporaryError);
      expect(names()).to.deep.equal(['file']);
      expect(await upload({ temporaryName: 'other' }, ftp)).to.be.instanceOf(TemporaryError);
      expect(names()).to.have.members(['file', 'other']);
    });

    it('does not touch the file that has the name where the stream was never used', async () => {
      bench.server.write('/in/other', 'theirs');
      const ftp = bench.client();
      ftp.stor('/in/file', { temporaryName: 'other' }).destroy();
      await ftp.noop();
      expect(names()).to.have.members(['file', 'other']);
      expect(bench.server.commands.filter((line) => /STOR|DELE/.test(line))).to.deep.equal([]);
    });

    it('leaves what has the name where the connection is lost', async () => {
      bench.server.script = { STOR: [[openData(), send('150 Go on.'), resetControl()]] };
      const ftp = bench.client();
      expect(await upload({ temporaryName: true }, ftp)).to.be.instanceOf(ConnectionClosedError);
      expect(String(bench.server.read('/in/file'))).to.equal('old');
    });
  });

  describe('and verify', () => {
    beforeEach(() => serve({ files: { '/in/file': 'old' }, features: [...FEATURES, 'HASH SHA-256;SHA-512'] }));

    for (const verify of ['size', 'hash'] as const) {
      it(`compares the ${verify} under the temporary name, and then renames`, async () => {
        expect(await upload({ temporaryName: 'part', verify })).to.equal(undefined);
        const { commands } = bench.server;
        const compared = commands.indexOf(verify === 'hash' ? 'HASH /in/part' : 'SIZE /in/part', commands.indexOf('STOR /in/part'));
        expect(compared).to.be.greaterThan(-1).and.lessThan(commands.indexOf('RNFR /in/part'));
        expect(bench.server.read('/in/file').equals(BYTES)).to.equal(true);
      });
    }

    it('leaves the old file where the server has something else', async () => {
      bench.server.script = { HASH: [() => bench.server.write('/in/part', 'other'), normal()] };
      expect(await upload({ temporaryName: 'part', verify: 'hash' })).to.be.instanceOf(MismatchError);
      expect(String(bench.server.read('/in/file'))).to.equal('old');
      expect(names()).to.deep.equal(['file']);
    });

    it('does not rename where the stream is destroyed while the server computes', async () => {
      const ftp = bench.client();
      const destroyed = gate();
      const stream = ftp.stor('/in/file', { temporaryName: 'part', verify: 'hash' });
      bench.server.script = { HASH: [() => void stream.destroy(), until(destroyed), normal()] };
      const closed = closing(stream);
      stream.end(BYTES);
      await closed;
      destroyed.open();
      await ftp.noop();
      expect(String(bench.server.read('/in/file'))).to.equal('old');
      expect(names()).to.deep.equal(['file']);
    });
  });

  it('is refused by a server that refuses the file itself', async () => {
    await serve();
    bench.server.script = { STOR: '553 No.' };
    expect(await upload()).to.be.instanceOf(PermanentError);
    expect(names()).to.deep.equal([]);
  });
});
