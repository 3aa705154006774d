import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ArgumentError, type FTP, type FTPPool, PermanentError } from '../../lib/index';
import { failure } from '../support/client';
import { certificate } from '../support/server/certificates';
import { content } from '../support/server/content';
import type { Step } from '../support/server/script';
import { openData, send } from '../support/server/steps';
import { poolScene } from './pool-scene';

const BYTES = content(600_000).read(0, 600_000);

describe('an upload to a folder that is missing', () => {
  const { stage, pool } = poolScene();

  for (const kind of ['client', 'pool']) {
    for (const temporaryName of [false, true]) {
      for (const verify of [undefined, 'size', 'hash'] as const) {
        it(`makes it with parents (${kind}, temporaryName: ${temporaryName}, verify: ${verify})`, async () => {
          const server = await stage.serve({ features: ['HASH SHA-256*', 'SIZE', 'MDTM', 'MLST'] });
          const client: FTP | FTPPool = kind === 'pool' ? pool(server, { connections: 2 }) : stage.client(server);
          const options = { temporaryName, parents: true, ...(verify ? { verify } : {}) };
          await pipeline(Readable.from([BYTES.subarray(0, 300_000), BYTES.subarray(300_000)]), client.stor('a/b c/d/stored', options));
          await client.put(BYTES, '/e/f/put', options);
          expect(server.read('/a/b c/d/stored').equals(BYTES)).to.equal(true);
          expect(server.read('/e/f/put').equals(BYTES)).to.equal(true);
          expect((await client.list('a/b c/d').toArray()).map(({ name }) => name)).to.deep.equal(['stored']);
        });
      }
    }
  }

  it('costs nothing where the folder is there', async () => {
    const server = await stage.serve({ files: { '/a/b/': '' } });
    const ftp = await stage.connect(server);
    await pipeline(Readable.from([BYTES]), ftp.stor('a/b/c', { parents: true }));
    expect(server.commands.filter((line) => /^(MKD|CWD|MLST|SIZE)/.test(line))).to.deep.equal([]);
  });

  it('is made once, whoever uploads to it at the same time', async () => {
    const server = await stage.serve();
    const client = pool(server, { connections: 4 });
    await Promise.all(Array.from({ length: 20 }, (_, index) => client.put(Buffer.from(String(index)), `x/y/${index % 3}/${index}`, { parents: true })));
    for (let index = 0; index < 20; index++) expect(server.read(`/x/y/${index % 3}/${index}`).toString()).to.equal(String(index));
  });

  it('says so without parents, at the cost of a question where it has failed', async () => {
    for (const code of ['550 Nein.', '553 Nein.', '450 Nein.']) {
      const server = await stage.serve({ files: { '/there/': '' }, script: { STOR: code } });
      for (const client of [stage.client(server), pool(server)]) {
        expect((await failure(pipeline(Readable.from([BYTES]), client.stor('a/b/c')))).message).to.equal(`STOR a/b/c: ${code} (the folder a/b is missing: make it, or use parents: true)`);
        expect((await failure(client.put(BYTES, 'a/b/c', { retry: false, temporaryName: false }))).message).to.include('the folder a/b is missing: make it, or use parents: true');
        for (const path of ['file', '/file', 'there/file']) expect((await failure(pipeline(Readable.from([BYTES]), client.stor(path)))).message).to.equal(`STOR ${path}: ${code}`);
        await client.noop();
      }
    }
  });

  it('says that it may be missing where the server does not say why it cannot be entered', async () => {
    const server = await stage.serve({ script: { STOR: '553 Could not create file.', MLST: '500 Unknown command.', SIZE: '550 Nein.', MDTM: '550 Nein.', CWD: '550 Nein.' } });
    const error = await failure(pipeline(Readable.from([BYTES]), stage.client(server).stor('a/b')));
    expect(error.message).to.equal('STOR a/b: 553 Could not create file. (the folder a cannot be entered: if it is missing, make it, or use parents: true)');
  });

  it('does not say so where the folder is denied', async () => {
    const server = await stage.serve({ script: { STOR: '550 Nein.', MLST: '550 Permission denied.', SIZE: '550 Nein.', MDTM: '550 Nein.', CWD: '550 Nein.' } });
    expect((await failure(pipeline(Readable.from([BYTES]), stage.client(server).stor('a/b')))).message).to.equal('STOR a/b: 550 Nein.');
  });

  it('says why the folder cannot be made', async () => {
    const server = await stage.serve({ script: { MKD: '550 Permission denied.' } });
    const ftp = stage.client(server);
    for (const temporaryName of [false, true]) {
      const error = await failure(pipeline(Readable.from([BYTES]), ftp.stor('a/b/c', { parents: true, temporaryName })));
      expect(error).to.be.instanceOf(PermanentError);
      expect(error.message).to.match(/^STOR .*553 .* \(the folder a\/b cannot be made: MKD a: 550 Permission denied\.\)$/);
    }
    expect(await ftp.exists('a')).to.equal(false);
  });

  it('is made by put also where the server refuses it only after its 150; a stream fails, and loses nothing in silence', async () => {
    let refusals = 0;
    const server = await stage.serve({ script: { STOR: (session) => (!made ? ((refusals += 1), late(session)) : session.normal()), MKD: (session) => ((made = true), session.normal()) } });
    let made = false;
    const late = async (session: Parameters<ReturnType<typeof openData>>[0]): Promise<void> => {
      for (const step of [send('150 Here.'), openData(), send('550 No such file.')]) await step(session);
    };
    const ftp = stage.client(server);
    expect(await failure(pipeline(Readable.from([BYTES]), ftp.stor('a/b', { parents: true })))).to.be.instanceOf(PermanentError);
    await ftp.put(BYTES, 'a/b', { parents: true });
    expect(server.read('/a/b').equals(BYTES)).to.equal(true);
    expect(refusals).to.equal(2);
  });

  it('is made by put also where the server has taken bytes in TLS before it refuses, without a mark; a stream fails, and loses nothing in silence', async () => {
    let made = false;
    const tls = certificate('local');
    const server = await stage.serve({ tls: { mode: 'explicit', ...tls }, script: { STOR: (session) => (made ? session.normal() : late(session)), MKD: (session) => ((made = true), session.normal()) } });
    const late: Step = async (session) => {
      const data = await session.protectedData();
      await once(data, 'data');
      await send('550 No such file.')(session);
      data.destroy();
    };
    const ftp = stage.client({ host: 'localhost', port: server.port }, { secure: 'explicit', tls: { ca: tls.cert } });
    expect(await failure(pipeline(Readable.from([BYTES]), ftp.stor('a/b', { parents: true })))).to.be.instanceOf(PermanentError);
    expect(made).to.equal(false);
    await ftp.put(BYTES, 'a/b', { parents: true });
    expect(server.read('/a/b').equals(BYTES)).to.equal(true);
  });

  it('has its option checked at the door', async () => {
    const ftp = stage.client(await stage.serve());
    for (const parents of ['yes', 1, null]) {
      expect(() => ftp.stor('a', { parents } as object)).to.throw(ArgumentError, 'parents must be true or false');
      expect(await failure(ftp.put(BYTES, 'a', { parents } as object))).to.be.instanceOf(ArgumentError);
      expect(() => ftp.uploadTree('.', 'a', { parents } as object)).to.throw(ArgumentError, 'parents must be true or false');
    }
    expect(() => ftp.appe('a', { parents: true } as object)).to.throw(ArgumentError, 'parents is for STOR, not APPE');
  });

  it('is made by uploadTree with all that it is in, unless parents is false', async () => {
    const local = await mkdtemp(join(tmpdir(), 'parents-'));
    try {
      await writeFile(join(local, 'file'), 'x');
      const server = await stage.serve();
      const ftp = stage.client(server);
      await ftp.uploadTree(local, 'a/b/c').toArray();
      expect(server.read('/a/b/c/file').toString()).to.equal('x');
      await ftp.uploadTree(local, 'd', { parents: false }).toArray();
      expect(await failure(ftp.uploadTree(local, 'e/f/g', { parents: false }).toArray())).to.be.instanceOf(PermanentError);
      expect(await ftp.exists('e')).to.equal(false);
    } finally {
      await rm(local, { recursive: true });
    }
  });
});
