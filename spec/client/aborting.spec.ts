import { expect } from 'chai';
import { getEventListeners, once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { ArgumentError, ConnectionClosedError, FTP, FTPPool, hash, type VerbOptions } from '../../lib';
import { failure } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import type { FtpServerOptions } from '../support/server/server-options';
import { gate, turn } from '../support/server/gate';
import { send, until } from '../support/server/steps';
import { describeSeed, random } from '../support/seed';
import { comesAbout, poolScene, seen } from './pool-scene';

const FILES = { '/file': 'of the server', '/old': 'old', '/folder/': '', '/folder/inner': 'inner' };
const DAY = new Date('2024-05-06T07:08:09Z');

/** Verbs of both, and the first command of each. */
const SHARED: Record<string, [command: string, call: (client: FTP | FTPPool, options?: VerbOptions) => Promise<unknown>]> = {
  mlst: ['MLST', (client, options) => client.mlst('file', options)],
  exists: ['MLST', (client, options) => client.exists('file', options)],
  mkd: ['MKD', (client, options) => client.mkd('new', options)],
  'mkd of several': ['MKD', (client, options) => client.mkd('new/of/several', options === undefined ? { recursive: true } : options && { recursive: true, ...options })],
  rmd: ['RMD', (client, options) => client.rmd('folder', options)],
  'rmd of a tree': ['MLST', (client, options) => client.rmd('folder', options === undefined ? { recursive: true } : options && { recursive: true, ...options })],
  delete: ['DELE', (client, options) => client.delete('old', options)],
  rename: ['RNFR', (client, options) => client.rename('old', 'new', options)],
  size: ['SIZE', (client, options) => client.size('file', options)],
  mdtm: ['MDTM', (client, options) => client.mdtm('file', options)],
  mfmt: ['MFMT', (client, options) => client.mfmt('file', DAY, options)],
  chmod: ['SITE', (client, options) => client.chmod('file', 0o600, options)],
  'hash of a client': ['HASH', (client, options) => client.hash('file', undefined, options)],
  hash: ['HASH', (client, options) => hash(client, 'file', 'sha256', options)],
  syst: ['SYST', (client, options) => client.syst(options)],
  stat: ['STAT', (client, options) => client.stat(undefined, options)],
  site: ['SITE', (client, options) => client.site('CHMOD 600 file', options)],
  noop: ['NOOP', (client, options) => client.noop(options)],
  help: ['HELP', (client, options) => client.help(undefined, options)],
};
const OF_CLIENT: Record<string, [command: string, call: (ftp: FTP, options?: VerbOptions) => Promise<unknown>]> = {
  feat: ['FEAT', (ftp, options) => ftp.feat(options)],
  cwd: ['CWD', (ftp, options) => ftp.cwd('folder', options)],
  'cwd of ..': ['CDUP', (ftp, options) => ftp.cwd('..', options)],
  cdup: ['CDUP', (ftp, options) => ftp.cdup(options)],
  pwd: ['PWD', (ftp, options) => ftp.pwd(options)],
  opts: ['OPTS', (ftp, options) => ftp.opts('MLST type;', options)],
  sendcmd: ['MKD', (ftp, options) => ftp.sendcmd('MKD new', options)],
  voidcmd: ['MKD', (ftp, options) => ftp.voidcmd('MKD new', options)],
};
/** Those that a session with an identity needs. */
const SESSIONS: Record<string, (ftp: FTP, options?: VerbOptions) => Promise<unknown>> = {
  connect: (ftp, options) => ftp.connect(undefined, undefined, options),
  login: (ftp, options) => ftp.login(undefined, undefined, undefined, options),
  auth: (ftp, options) => ftp.auth(options),
  protP: (ftp, options) => ftp.protP(options),
  protC: (ftp, options) => ftp.protC(options),
  ccc: (ftp, options) => ftp.ccc(options),
};
const FEATURES = ['HASH SHA-256*;SHA-1', 'MDTM', 'MFMT', 'MLST', 'REST STREAM', 'SIZE', 'UTF8', 'EPSV'];

describe('a verb whose signal is aborted', () => {
  const { stage, pool } = poolScene();
  const REASON = new Error('the reason');

  async function serve(options: FtpServerOptions = {}): Promise<FtpServer> {
    return stage.serve({ files: FILES, features: FEATURES, ...options });
  }

  async function isAborted(promise: Promise<unknown>): Promise<void> {
    const error = await promise.then(() => expect.fail('it has resolved'), (reason: unknown) => reason as NodeJS.ErrnoException);
    expect([error.name, error.code, error.cause]).to.deep.equal(['AbortError', 'ABORT_ERR', REASON]);
  }

  /** The session answers for itself: nobody gets the reply of another. */
  async function isInStep(client: FTP | FTPPool): Promise<void> {
    expect(await client.size('file')).to.equal(13);
    expect(await text(client.retr('file'))).to.equal('of the server');
    expect(await client.mkd('a "quoted" name')).to.equal('/a "quoted" name');
    if (client instanceof FTP) expect(await client.pwd()).to.equal('/');
    client.close();
  }

  for (const [verb, [command, call]] of Object.entries({ ...SHARED, ...OF_CLIENT }) as [string, [string, (client: FTP | FTPPool, options?: VerbOptions) => Promise<unknown>]][]) {
    for (const kind of verb in SHARED ? ['client', 'pool'] : ['client']) {
      describe(`${verb} of a ${kind}`, () => {
        const make = (server: FtpServer, options = {}): FTP | FTPPool => (kind === 'pool' ? pool(server, { connections: 1, ...options }) : stage.client(server, options));

        it('sends nothing, nor connects, where it is aborted already', async () => {
          const server = await serve();
          const client = make(server);
          await isAborted(call(client, { signal: AbortSignal.abort(REASON) }));
          expect(server.sessions.size).to.equal(0);
        });

        // What FEAT has said is known already.
        if (verb !== 'feat') it('is never sent where it waits for its turn, or for the replies before it', async () => {
          for (const first of ['RNFR', 'SITE']) {
            const server = await serve();
            const client = make(server, { pipelining: first === 'RNFR' });
            await client.noop();
            const done = gate();
            server.script = { [first]: [until(done), send('550 No.')] };
            server.commands.length = 0;
            const before = failure(first === 'RNFR' ? client.rename('missing', 'x') : client.site('WAIT'));
            const controller = new AbortController();
            const waiting = call(client, { signal: controller.signal });
            await seen(server, first, 1);
            for (let turns = 0; turns < 5; turns++) await turn();
            controller.abort(REASON);
            await isAborted(waiting);
            done.open();
            await before;
            expect(await client.size('file')).to.equal(13);
            expect(server.commands.filter((line) => !/^(FEAT|OPTS UTF8 ON|TYPE I|SIZE file|SITE WAIT|RNFR missing)$/.test(line))).to.deep.equal([]);
            server.script = {};
            await isInStep(client);
          }
        });

        it('rejects at once where its command was sent, and the session awaits the reply', async () => {
          const server = await serve();
          const client = make(server);
          await client.noop();
          server.commands.length = 0;
          const reply = gate();
          server.script = { [command]: [until(reply), send('550 A reply of its own.')] };
          const controller = new AbortController();
          const promise = call(client, { signal: controller.signal });
          await seen(server, command, 1);
          controller.abort(REASON);
          await isAborted(promise);
          server.script = {};
          const rest = isInStep(client);
          reply.open();
          await rest;
          expect(getEventListeners(controller.signal, 'abort')).to.deep.equal([]);
        });

        it('leaves the connection that is being made to others', async () => {
          const greeting = gate();
          const server = await serve({ script: { GREETING: [until(greeting), send('220 Here.')] } });
          const client = make(server);
          const controller = new AbortController();
          const promise = call(client, { signal: controller.signal });
          const other = client.size('file');
          await comesAbout(() => server.sessions.size > 0);
          controller.abort(REASON);
          await isAborted(promise);
          greeting.open();
          expect(await other).to.equal(13);
          await isInStep(client);
          expect(server.sessions.size).to.equal(1);
        });

        it('is out of the way at whatever command it is aborted, and sends no other', async () => {
          for (let at = 1, ended = false; !ended; at++) {
            const server = await serve();
            const client = make(server);
            await client.noop();
            const controller = new AbortController();
            let count = 0;
            server.commands.length = 0;
            server.on('command', () => {
              if (++count === at) controller.abort(REASON);
            });
            const outcome = await call(client, { signal: controller.signal }).then(() => 'done', (error: Error) => error.name);
            ended = count < at;
            if (!ended) expect(outcome).to.be.oneOf(['AbortError', 'done']);
            server.removeAllListeners('command');
            if (verb === 'cwd' && client instanceof FTP) await client.cwd('/');
            await isInStep(client);
          }
        });

        it('has what is no signal, and unknown options, refused', async () => {
          const client = make(await serve());
          for (const signal of [null, 7, 'x', {}, new EventTarget()]) expect(await failure(call(client, { signal } as object)), String(signal)).to.be.instanceOf(ArgumentError);
          expect((await failure(call(client, { singal: undefined } as object))).message).to.equal('unknown option singal; did you mean signal?');
          expect(await failure(call(client, null as never))).to.be.instanceOf(ArgumentError);
        });
      });
    }
  }

  it('does not rename after RNFR', async () => {
    const server = await serve();
    const ftp = stage.client(server);
    await ftp.noop();
    const reply = gate();
    server.script = { RNFR: [until(reply), send('350 Go on.')] };
    const controller = new AbortController();
    const promise = ftp.rename('old', 'new', { signal: controller.signal });
    await seen(server, 'RNFR', 1);
    controller.abort(REASON);
    await isAborted(promise);
    reply.open();
    expect(await ftp.size('old')).to.equal(3);
    expect(server.commands).to.not.include('RNTO new');
  });

  it('does not leave a server waiting for RNTO that takes nothing else then', async () => {
    const server = await stage.serve({ script: { PWD: '503 RNTO is due.' } });
    const ftp = stage.client(server);
    await ftp.noop();
    const reply = gate();
    server.script = { RNFR: [until(reply), send('350 Go on.')], PWD: '503 RNTO is due.', RNTO: (session) => { server.script = {}; session.reply('550 No.'); } };
    const controller = new AbortController();
    const promise = ftp.rename('old', 'new', { signal: controller.signal });
    await seen(server, 'RNFR', 1);
    controller.abort(REASON);
    await isAborted(promise);
    reply.open();
    expect(await ftp.pwd()).to.equal('/');
    expect(server.commands.filter((line) => line.startsWith('RNTO'))).to.have.length(1).and.not.include('RNTO new');
  });

  it('is in the working folder again, where MLST is made of CWD', async () => {
    for (let at = 1; at < 8; at++) {
      const server = await serve({ lacks: ['MLST', 'MLSD'], features: ['SIZE', 'MDTM'] });
      const ftp = stage.client(server);
      await ftp.cwd('folder');
      const controller = new AbortController();
      let count = 0;
      server.on('command', () => {
        if (++count === at) controller.abort(REASON);
      });
      await ftp.mlst('/folder', { signal: controller.signal }).catch((error: Error) => expect(error.name).to.equal('AbortError'));
      server.removeAllListeners('command');
      expect([await ftp.pwd(), await ftp.size('inner')]).to.deep.equal(['/folder', 5]);
      expect(server.sessions.size).to.equal(1);
    }
  });

  for (const [verb, call] of Object.entries(SESSIONS)) {
    it(`sends nothing where ${verb} is aborted already`, async () => {
      const server = await serve();
      await isAborted(call(stage.client(server), { signal: AbortSignal.abort(REASON) }));
      expect(server.sessions.size).to.equal(0);
    });

    it(`refuses what is no signal for ${verb}`, async () => {
      expect(await failure(call(stage.client(await serve()), { signal: 7 } as object))).to.be.instanceOf(ArgumentError);
    });
  }

  it('gives up the connection that connect() makes, and another call makes the next', async () => {
    const greeting = gate();
    const server = await serve({ script: { GREETING: [until(greeting), send('220 Here.')] } });
    const ftp = stage.client(server);
    const controller = new AbortController();
    const promise = ftp.connect(undefined, undefined, { signal: controller.signal });
    await comesAbout(() => server.sessions.size > 0);
    controller.abort(REASON);
    await isAborted(promise);
    greeting.open();
    expect((await ftp.connect()).code).to.equal(220);
    expect((await ftp.login()).code).to.equal(230);
    await isInStep(ftp);
  });

  it('sends no password after USER, and login() may be called again', async () => {
    const server = await serve();
    const ftp = stage.client(server);
    await ftp.connect();
    const reply = gate();
    server.script = { USER: [until(reply), send('331 Password.')] };
    const controller = new AbortController();
    const promise = ftp.login(undefined, undefined, undefined, { signal: controller.signal });
    await seen(server, 'USER', 1);
    controller.abort(REASON);
    await isAborted(promise);
    reply.open();
    server.script = {};
    expect((await ftp.login()).code).to.equal(230);
    expect(server.commands.filter((line) => line.startsWith('PASS')).length).to.equal(1);
    await isInStep(ftp);
  });

  it('costs a signal one listener, however many clients it closes, and none when they are closed', async () => {
    const server = await serve();
    const controller = new AbortController();
    const { signal } = controller;
    const clients = Array.from({ length: 6 }, () => [stage.client(server, { signal }), pool(server, { connections: 1, signal })]).flat();
    await Promise.all(clients.map((client) => client.size('file')));
    expect(getEventListeners(signal, 'abort').length).to.equal(1);
    await clients[0]?.quit();
    clients[1]?.close();
    controller.abort();
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
    for (const client of clients) {
      expect(client.closed).to.equal(true);
      expect(await failure(client.noop())).to.be.instanceOf(ConnectionClosedError);
    }
  });

  it('costs a signal one listener, however many verbs and streams wait for it, and none when they are done', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    try {
      const server = await serve();
      for (const client of [stage.client(server), pool(server, { connections: 2 })]) {
        const { signal } = new AbortController();
        const all = Array.from({ length: 1000 }, (_, index) => (index % 3 === 0 ? client.noop({ signal }) : index % 3 === 1 ? client.size('file', { signal }) : client.mlst('file', { signal })));
        expect(getEventListeners(signal, 'abort').length).to.equal(1);
        await Promise.all(all);
        expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
        const failing = Array.from({ length: 100 }, () => client.delete('missing', { signal }).catch(() => undefined));
        await Promise.all(failing);
        expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
        const streams: (Readable | Writable)[] = Array.from({ length: 20 }, () => [client.retr('file', { signal }), client.list('', { signal }), client.walk('', { signal }), client.stor('new', { signal })] as (Readable | Writable)[]).flat();
        expect(getEventListeners(signal, 'abort').length).to.equal(1);
        for (const stream of streams) await once(stream.on('error', () => undefined).destroy(), 'close');
        expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
        client.close();
        await client.noop({ signal }).catch(() => undefined);
        expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
      }
      await new Promise(setImmediate);
      expect(warnings).to.deep.equal([]);
    } finally {
      process.off('warning', onWarning);
    }
  });

  it('rejects a thousand that wait, and only those', async () => {
    const server = await serve();
    const ftp = stage.client(server, { pipelining: false });
    await ftp.noop();
    const done = gate();
    server.script = { SITE: [until(done), send('200 Done.')] };
    const first = ftp.site('WAIT');
    const controller = new AbortController();
    const left = Array.from({ length: 3000 }, () => ftp.delete('file', { signal: controller.signal }).then(() => 'done', (error: Error) => error.name));
    const kept = Array.from({ length: 3 }, () => ftp.size('file'));
    await seen(server, 'SITE', 1);
    controller.abort(REASON);
    expect(new Set(await Promise.all(left))).to.deep.equal(new Set(['AbortError']));
    done.open();
    await first;
    expect(await Promise.all(kept)).to.deep.equal([13, 13, 13]);
    expect(server.commands.filter((line) => line.startsWith('DELE'))).to.deep.equal([]);
  });

  it('leaves all others their own replies, whatever is aborted when', async () => {
    const server = await serve();
    for (const pipelining of [true, false]) {
      server.setMaxListeners(0);
      const ftp = stage.client(server, { pipelining });
      const { seed, int, pick } = random(19);
      const all: Promise<unknown>[] = [];
      const sizes: Promise<number>[] = [];
      for (let at = 0; at < 500; at++) {
        const controller = new AbortController();
        const options = { signal: controller.signal };
        const verbs = [
          () => ftp.size('folder/inner', options), () => ftp.mlst('old', options), () => ftp.exists(`missing ${at}`, options), () => ftp.rename('missing', 'x', options), () => ftp.pwd(options),
          () => ftp.mkd(`new ${at}/inner`, { recursive: true, ...options }), () => ftp.hash('file', undefined, options), () => ftp.cdup(options),
        ];
        all.push(pick<() => Promise<unknown>>(verbs)().catch(() => undefined));
        const when = int(4);
        if (when === 0) controller.abort();
        else if (when === 1) setImmediate(() => controller.abort());
        else if (when === 2) server.once('command', () => controller.abort());
        if (at % 10 === 0) sizes.push(ftp.size('/file'));
        if (at % 10 === 0) await turn();
      }
      await Promise.all(all);
      expect(new Set(await Promise.all(sizes)), describeSeed(seed)).to.deep.equal(new Set([13]));
      expect(await ftp.pwd()).to.equal('/');
      server.removeAllListeners('command');
    }
  });
});
