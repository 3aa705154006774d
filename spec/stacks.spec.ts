import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { ConnectionClosedError, FTP, FTPError, ftpcp, FTPPool, mirror, open, PermanentError, type FTPOptions } from '../lib/index';
import { collectGarbage } from './support/heap';
import { data, hangUp, openData, send, silence } from './support/server/steps';
import { received, useBench } from './support/transfers';

/** Something that fails, and the name by which the line of this file is found that calls it. */
type Failing = (client: FTP | FTPPool, folder: string) => Promise<unknown>;

/** Each ends with an error of the library; the function's own lines are those of the caller. */
const VERBS: Readonly<Record<string, Failing>> = {
  size: async function theCaller(client) { await client.size('nope'); },
  mdtm: async function theCaller(client) { await client.mdtm('nope'); },
  delete: async function theCaller(client) { await client.delete('nope'); },
  rename: async function theCaller(client) { await client.rename('nope', 'other'); },
  mkd: async function theCaller(client) { await client.mkd('there'); },
  rmd: async function theCaller(client) { await client.rmd('nope'); },
  mlst: async function theCaller(client) { await client.mlst('nope'); },
  mfmt: async function theCaller(client) { await client.mfmt('nope', new Date(0)); },
  chmod: async function theCaller(client) { await client.chmod('nope', 0o644); },
  hash: async function theCaller(client) { await client.hash('nope'); },
  site: async function theCaller(client) { await client.site('NOPE'); },
  'several at once': async function theCaller(client) { await Promise.all([client.noop(), client.size('nope')]); },
  'a signal that is not used': async function theCaller(client) { await client.size('nope', { signal: new AbortController().signal }); },
  'an argument': async function theCaller(client) { await client.size(''); },
  retr: async function theCaller(client) { for await (const chunk of client.retr('nope')) expect(chunk).to.equal(undefined); },
  'retr in a pipeline': async function theCaller(client) { await pipeline(client.retr('nope'), async (source) => void (await text(source))); },
  'retr with retry': async function theCaller(client) { await text(client.retr('nope', { retry: 1, verify: 'size' })); },
  stor: async function theCaller(client) { await pipeline(['bytes'], client.stor('nope/file')); },
  list: async function theCaller(client) { await client.list('nope').toArray(); },
  nlst: async function theCaller(client) { await client.nlst('nope').toArray(); },
  mlsd: async function theCaller(client) { await client.mlsd('nope').toArray(); },
  walk: async function theCaller(client) { await client.walk('nope').toArray(); },
  get: async function theCaller(client, folder) { await client.get('nope', join(folder, 'x')); },
  put: async function theCaller(client) { await client.put(Buffer.from('x'), 'nope/file'); },
  downloadTree: async function theCaller(client, folder) { await client.downloadTree('nope', join(folder, 'tree')).toArray(); },
  uploadTree: async function theCaller(client, folder) { await client.uploadTree(folder, 'a-file/below').toArray(); },
  mirror: async function theCaller(client, folder) { await mirror({ from: { client, path: 'nope' }, to: join(folder, 'tree') }).toArray(); },
};

/** Of a client only. */
const OF_A_CLIENT: Readonly<Record<string, (ftp: FTP) => Promise<unknown>>> = {
  cwd: async function theCaller(ftp) { await ftp.cwd('nope'); },
  sendcmd: async function theCaller(ftp) { await ftp.sendcmd('NOPE'); },
  voidcmd: async function theCaller(ftp) { await ftp.voidcmd('NOPE'); },
  opts: async function theCaller(ftp) { await ftp.opts('NOPE'); },
  protP: async function theCaller(ftp) { await ftp.protP(); },
  login: async function theCaller(ftp) { await ftp.login('nobody', 'nothing'); },
  ftpcp: async function theCaller(ftp) { const other = new FTP(); await ftpcp(ftp, 'nope', other).finally(() => other.close()); },
};

describe('the stack of an error', () => {
  const bench = useBench();
  let folder: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'stacks-'));
    await bench.serve({ files: { '/there/': '', '/a-file': 'bytes', '/big': 'x'.repeat(100_000) }, features: ['SIZE', 'MDTM', 'MLST', 'MFMT', 'UTF8', 'HASH SHA-1*'] });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function pool(options: FTPOptions = {}): FTPPool {
    const { host, port } = bench.server;
    return new FTPPool({ host, port, user: 'user', password: 'secret', timeout: 5000, ...options });
  }

  async function errorOf(failing: Promise<unknown>): Promise<FTPError> {
    const error = await failing.then(() => undefined, (reason: unknown) => reason);
    expect(error).to.be.instanceOf(FTPError);
    return error as FTPError;
  }

  function expectCaller(error: FTPError, name = 'theCaller'): void {
    const [head = '', ...frames] = (error.stack ?? '').split('\n');
    expect(head).to.equal(`${error.name}: ${error.message}`);
    const at = frames.findIndex((line) => line.includes(name) && line.includes('stacks.spec.ts:'));
    expect(at, error.stack).to.be.within(0, 8);
  }

  for (const [name, act] of Object.entries(VERBS)) {
    it(`of ${name} has the line of its caller`, async () => {
      expectCaller(await errorOf(act(bench.client(), folder)));
    });

    it(`of ${name} of a pool has the line of its caller`, async () => {
      const ours = pool();
      try {
        expectCaller(await errorOf(act(ours, folder)));
      } finally {
        ours.close();
      }
    });
  }

  for (const [name, act] of Object.entries(OF_A_CLIENT)) {
    it(`of ${name} has the line of its caller`, async () => {
      expectCaller(await errorOf(act(bench.client())));
    });
  }

  it('of a download in segments has the line of its caller', async () => {
    const ours = pool();
    async function theCaller(): Promise<void> {
      await text(ours.retr('nope', { segments: 2 }));
    }
    expectCaller(await errorOf(theCaller()));
    ours.close();
  });

  it('of open() has the line of its caller', async () => {
    async function theCaller(): Promise<void> {
      await text(open(new URL('nope', bench.server.url)));
    }
    expectCaller(await errorOf(theCaller()));
  });

  it('has the line where retr() was called, not that where the stream is read', async () => {
    const ftp = bench.client();
    function theOpener(): ReturnType<FTP['retr']> {
      return ftp.retr('nope');
    }
    const stream = theOpener();
    expectCaller(await errorOf(text(stream)), 'theOpener');
  });

  it('has the cause, the reply and the rest, and reads well', async () => {
    const error = await errorOf(bench.client().size('nope'));
    expect(error).to.be.instanceOf(PermanentError).and.include({ code: 'ERR_FTP_PERMANENT', command: 'SIZE nope' });
    expect(error.reply?.code).to.equal(550);
    expect(inspect(error)).to.match(/^PermanentError: SIZE nope: 550 /);
  });

  it('is its own for each operation that a lost connection ends', async () => {
    await bench.serve({ script: { NOOP: [silence()] } });
    const ftp = bench.client({ pipelining: false });
    await ftp.pwd();
    async function first(): Promise<void> {
      await ftp.noop();
    }
    async function second(): Promise<void> {
      await ftp.size('a');
    }
    const failing = [errorOf(first()), errorOf(second()), errorOf(text(ftp.retr('b')))] as const;
    while (!bench.server.commands.includes('NOOP')) await new Promise(setImmediate);
    ftp.close();
    const errors = await Promise.all(failing);
    expect(new Set(errors)).to.have.property('size', 3);
    expectCaller(errors[0], 'first');
    expectCaller(errors[1], 'second');
    for (const error of errors) expect(error).to.be.instanceOf(ConnectionClosedError);
  });

  it('is its own for each transfer and each tree that close() of a pool ends', async () => {
    await bench.serve({ files: { '/big': 'x'.repeat(5_000_000) } });
    const ours = pool({ signal: AbortSignal.timeout(60_000) });
    async function first(): Promise<void> {
      for await (const _chunk of ours.retr('big')) ours.close();
    }
    async function second(): Promise<void> {
      for await (const _chunk of ours.retr('big')) ours.close();
    }
    const errors = await Promise.all([errorOf(first()), errorOf(second()), errorOf(ours.get('big', join(folder, 'a'))), errorOf(ours.get('big', join(folder, 'b')))]);
    expect(new Set(errors)).to.have.property('size', 4);
    expectCaller(errors[0], 'first');
    expectCaller(errors[1], 'second');
  });

  it('is its own for each transfer that the signal of a pool ends', async () => {
    await bench.serve({ script: { RETR: [openData(), send('150 Here.'), data('x'), silence()] } });
    const controller = new AbortController();
    const ours = pool({ signal: controller.signal });
    const [one, two] = [ours.retr('big'), ours.retr('big')];
    const failing = Promise.all([errorOf(text(one)), errorOf(text(two))]);
    await Promise.all([received(one, 1).promise, received(two, 1).promise]);
    controller.abort();
    const errors = await failing;
    expect(errors[0]).not.to.equal(errors[1]);
    expect(errors.map(({ message }) => message.startsWith('RETR big: '))).to.deep.equal([true, true]);
  });

  it('keeps to Error.stackTraceLimit, and to 0', async () => {
    const { stackTraceLimit } = Error;
    const ftp = bench.client();
    await ftp.noop();
    try {
      Error.stackTraceLimit = 0;
      for (const act of [() => ftp.size('nope'), () => text(ftp.retr('nope')), () => ftp.get('nope', join(folder, 'x'))]) {
        const error = await errorOf(act());
        expect(error.stack).to.equal(`${error.name}: ${error.message}`);
      }
      Error.stackTraceLimit = 2;
      for (const act of [() => ftp.size('nope'), () => text(ftp.retr('nope'))]) expect((await errorOf(act())).stack?.split('\n')).to.have.length.within(1, 3);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  });

  it('takes any Error.prepareStackTrace of the program, also one that wants an Error, and every operation ends', async () => {
    const { prepareStackTrace } = Error;
    const ftp = bench.client();
    await ftp.noop();
    const prepares: ((error: Error, frames: NodeJS.CallSite[]) => unknown)[] = [
      (_error, frames) => frames,
      () => undefined,
      (error, frames) => `${String(error)}\n    at one of ${frames.length}`,
      (error) => error.message.trim(),
    ];
    for (const prepare of prepares) {
      const failed: unknown[] = [];
      try {
        Error.prepareStackTrace = prepare;
        for (const act of [() => ftp.size('nope'), () => text(ftp.retr('nope')), () => ftp.list('nope').toArray(), () => ftp.walk('nope').toArray(), () => ftp.get('nope', join(folder, 'x'))]) {
          failed.push(await act().catch((error: unknown) => error));
        }
      } finally {
        Error.prepareStackTrace = prepareStackTrace;
      }
      for (const error of failed) expect(error).to.be.instanceOf(PermanentError).with.property('message').that.includes('nope');
      expect(failed).to.have.length(5);
    }
    expect(await ftp.size('big')).to.equal(100_000);
  });

  it('keeps nothing of its caller alive, once the stream is over', async () => {
    const ftp = bench.client();
    class Opener {
      open(path: string): ReturnType<FTP['retr']> {
        return ftp.retr(path);
      }
    }
    const opened = (path: string): readonly [ReturnType<FTP['retr']>, WeakRef<Opener>] => {
      const opener = new Opener();
      return [opener.open(path), new WeakRef(opener)];
    };
    const all = ['big', 'nope', 'big'].map(opened);
    await text((all[0] as (typeof all)[number])[0]);
    await errorOf(text((all[1] as (typeof all)[number])[0]));
    all[2]?.[0].destroy();
    for (let turn = 0; turn < 100 && all.some(([, opener]) => opener.deref()); turn++) {
      await new Promise(setImmediate);
      collectGarbage();
    }
    expect(all.map(([stream, opener]) => [stream.destroyed, opener.deref()])).to.deep.equal([[true, undefined], [true, undefined], [true, undefined]]);
  });

  it('leaves the errors of others alone', async () => {
    const ftp = bench.client();
    const reason = new Error('mine');
    const { stack } = reason;
    const stream = ftp.retr('big');
    stream.once('data', () => stream.destroy(reason));
    expect(await text(stream).catch((error: unknown) => error)).to.equal(reason);
    expect(reason.stack).to.equal(stack);
  });

  it('of a lost connection shows the caller, and the cause what was lost', async () => {
    await bench.serve({ script: { MKD: [hangUp()] } });
    async function theCaller(): Promise<void> {
      await bench.client({ pipelining: false }).mkd('a');
    }
    const error = await errorOf(theCaller());
    expectCaller(error);
    expect(error.cause).to.be.instanceOf(ConnectionClosedError);
  });
});
