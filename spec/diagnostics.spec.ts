import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import {
  AbortedError, type CommandMessage, type ConnectionMessage, ConnectionClosedError, FTPPool, PermanentError, TemporaryError, type TransferMessage,
} from '../lib/index';
import { CLOSED_PORT, failure } from './support/client';
import { content } from './support/server/content';
import { data, dataReset, hangUp, normal, openData, raw, send, silence } from './support/server/steps';
import { closing, errorOf, outcomeOf, received, useBench } from './support/transfers';

type Message = ConnectionMessage | CommandMessage | TransferMessage;
type Name = 'connection' | 'command' | 'transfer';

describe('diagnostics_channel', () => {
  const bench = useBench();
  const messages: { connection: ConnectionMessage[]; command: CommandMessage[]; transfer: TransferMessage[] } = { connection: [], command: [], transfer: [] };
  const takers = (['connection', 'command', 'transfer'] as const).map((name: Name) => [`ftplib:${name}`, (message: unknown) => void (messages[name] as Message[]).push(message as Message)] as const);

  function listen(): void {
    for (const [name, take] of takers) subscribe(name, take);
  }

  beforeEach(() => {
    for (const list of Object.values(messages)) list.length = 0;
    listen();
  });
  afterEach(() => {
    for (const [name, take] of takers) unsubscribe(name, take);
    for (const [name] of takers) expect(channel(name).hasSubscribers).to.equal(false);
  });

  /** The end of the only transfer that has begun. */
  function ended(): TransferMessage & { event: 'end' } {
    expect(messages.transfer.map(({ event }) => event)).to.deep.equal(['start', 'end']);
    const [start, end] = messages.transfer;
    for (const key of ['client', 'command', 'path', 'direction', 'resumedFrom'] as const) expect(end?.[key]).to.equal(start?.[key]);
    return end as TransferMessage & { event: 'end' };
  }

  describe('ftplib:connection', () => {
    it('reports a connection that is made, and closed by the client', async () => {
      await bench.serve();
      const ftp = bench.client();
      await ftp.pwd();
      await ftp.quit();
      const [open, close] = messages.connection;
      const { host, port } = bench.server;
      expect(messages.connection).to.have.lengthOf(2);
      expect(open).to.include({ event: 'open', host, port, secure: false, connection: 1 });
      expect((open as { ms: number }).ms).to.be.within(0, 5000);
      expect(close).to.include({ event: 'close', host, port, connection: 1, client: open?.client, error: undefined });
    });

    it('reports why it was lost, and the next one by another number', async () => {
      await bench.serve({ script: { PWD: [[hangUp()], [normal()]] } });
      const ftp = bench.client({ pipelining: false });
      await failure(ftp.pwd());
      await ftp.pwd();
      expect(messages.connection.map(({ event, connection }) => `${connection} ${event}`)).to.deep.equal(['1 open', '1 close', '2 open']);
      expect(messages.connection[1]).to.have.property('error').that.is.instanceOf(ConnectionClosedError);
    });

    it('reports one that cannot be made, with and without a greeting', async () => {
      await bench.serve({ script: { GREETING: '421 Too many.' } });
      const error = await failure(bench.client().pwd());
      await failure(bench.client({ port: CLOSED_PORT }).pwd());
      expect(messages.connection.map(({ event }) => event)).to.deep.equal(['failed', 'failed']);
      expect(messages.connection[0]).to.include({ error, connection: 1 });
      expect(messages.connection[1]).to.include({ port: CLOSED_PORT });
      expect(messages.connection[0]?.client).not.to.equal(messages.connection[1]?.client);
    });

    it('reports one that is closed with its greeting as one that could not be made', async () => {
      await bench.serve({ script: { GREETING: [raw('220 Hi.\r\n421 Full.\r\n')] } });
      const error = await failure(bench.client().connect());
      expect(error.reply?.code).to.equal(421);
      expect(messages.connection.map(({ event }) => event)).to.deep.equal(['failed']);
      expect(messages.connection[0]).to.include({ error });
    });

    it('has the numbers of the events of a pool, whose connections are of one client', async () => {
      await bench.serve({ files: { '/a': 'a', '/b': 'b' } });
      const { host, port } = bench.server;
      const pool = new FTPPool({ host, port, user: 'user', password: 'secret', connections: 2 });
      const seen: string[] = [];
      pool.on('command', (line, connection) => seen.push(`${connection} ${line}`));
      await Promise.all([buffer(pool.retr('a')), buffer(pool.retr('b'))]);
      await pool.quit();
      expect(messages.command.map(({ command, connection }) => `${connection} ${command}`)).to.have.members(seen);
      expect(new Set([...messages.connection, ...messages.command, ...messages.transfer].map(({ client }) => client))).to.have.property('size', 1);
      expect(messages.connection.filter(({ event }) => event === 'open').map(({ connection }) => connection)).to.have.members([1, 2]);
    });
  });

  describe('ftplib:command', () => {
    it('reports each command with its reply, without secrets', async () => {
      await bench.serve({ files: { '/a': 'abc' } });
      const ftp = bench.client();
      expect(await ftp.size('a')).to.equal(3);
      const missing = await failure(ftp.size('nope'));
      expect(messages.command.map(({ command }) => command)).to.include.members(['USER user', 'PASS ****', 'TYPE I', 'SIZE a', 'SIZE nope']);
      const [size, refused] = messages.command.filter(({ command }) => command.startsWith('SIZE'));
      expect(size).to.include({ event: 'end', command: 'SIZE a', error: undefined, connection: 1 });
      expect(size?.reply?.text).to.equal('3');
      expect(size?.ms).to.be.within(0, 5000);
      expect(refused).to.include({ command: 'SIZE nope', error: missing });
      expect(refused?.reply?.code).to.equal(550);
      expect(JSON.stringify(messages)).not.to.include('secret');
    });

    it('reports those that have no reply when the connection is lost, and none that was not sent', async () => {
      await bench.serve({ script: { MKD: [hangUp()] } });
      const ftp = bench.client({ pipelining: false });
      await ftp.pwd();
      messages.command.length = 0;
      const lost = [failure(ftp.mkd('a')), failure(ftp.delete('b'))];
      const error = await lost[0];
      await lost[1];
      expect(messages.command.filter(({ command }) => command === 'MKD a')).to.have.lengthOf(1);
      expect(messages.command.find(({ command }) => command === 'MKD a')).to.include({ reply: undefined, error, ms: undefined });
    });

    it('reports the 421 that ends the session once', async () => {
      await bench.serve({ script: { PWD: '421 Good night.' } });
      const error = await failure(bench.client().pwd());
      const [last, ...others] = messages.command.filter(({ command }) => command === 'PWD');
      expect(others).to.deep.equal([]);
      expect(last).to.include({ error });
      expect(last?.reply?.code).to.equal(421);
    });

    it('lets its listener close the client, also where a transfer is being aborted', async () => {
      await bench.serve({ files: { '/a': content(20_000_000), '/b': 'whole' } });
      const ftp = bench.client();
      const close = (message: unknown): void => {
        if ((message as CommandMessage).command === 'RETR a') ftp.close();
      };
      subscribe('ftplib:command', close);
      try {
        for await (const chunk of ftp.retr('a')) if (chunk.length > 0) break;
        await once(ftp, 'close');
      } finally {
        unsubscribe('ftplib:command', close);
      }
      expect(await ftp.quit()).to.equal(undefined);
      await ftp.connect();
      await ftp.login();
      expect(await buffer(ftp.retr('b'))).to.deep.equal(Buffer.from('whole'));
    });

    it('reports ABOR, whose reply cannot be told apart', async () => {
      await bench.serve({ files: { '/a': content(20_000_000) } });
      const ftp = bench.client();
      for await (const chunk of ftp.retr('a')) if (chunk.length > 0) break;
      await ftp.noop();
      expect(messages.command.find(({ command }) => command === 'ABOR')).to.include({ reply: undefined, error: undefined, ms: undefined });
    });
  });

  describe('ftplib:transfer', () => {
    it('reports a download', async () => {
      await bench.serve({ files: { '/a': 'hello' } });
      await buffer(bench.client().retr('a'));
      const end = ended();
      expect(end).to.include({ command: 'RETR a', path: 'a', direction: 'down', resumedFrom: 0, outcome: 'complete', bytes: 5, retries: 0, error: undefined, connection: 1 });
      expect(end.ms).to.be.within(0, 5000);
    });

    it('reports an upload, before it finishes', async () => {
      await bench.serve();
      const stream = bench.client().stor('a');
      stream.end('hello');
      await once(stream, 'finish');
      expect(ended()).to.include({ command: 'STOR a', direction: 'up', outcome: 'complete', bytes: 5 });
    });

    it('reports listings, and counts their bytes', async () => {
      await bench.serve({ files: { '/a': 'hello' } });
      const ftp = bench.client();
      const stream = ftp.list();
      await stream.toArray();
      expect(ended()).to.include({ command: 'LIST', path: '', outcome: 'complete', bytes: stream.bytesRead });
    });

    it('reports a 450 that means an empty listing as complete', async () => {
      await bench.serve({ script: { NLST: '450 No files.' } });
      expect(await bench.client().nlst().toArray()).to.deep.equal([]);
      expect(ended()).to.include({ outcome: 'complete', bytes: 0 });
    });

    it('reports where a range begins, and its end, which is no end of the file', async () => {
      await bench.serve({ files: { '/a': 'hello world' } });
      expect((await buffer(bench.client().retr('a', { start: 4, end: 6 }))).toString()).to.equal('o w');
      expect(ended()).to.include({ resumedFrom: 4, outcome: 'complete' });
    });

    it('reports a refusal', async () => {
      await bench.serve();
      const error = await errorOf(bench.client().retr('nope').resume());
      expect(error).to.be.instanceOf(PermanentError);
      expect(ended()).to.include({ outcome: 'failed', error, bytes: 0 });
    });

    it('reports a loss once, with the retries that there were', async () => {
      const bytes = 'x'.repeat(10_000);
      await bench.serve({ files: { '/a': bytes }, script: { RETR: [[openData(), send('150 Here.'), data(bytes.slice(0, 4000)), dataReset(), send('426 Broken.')], [normal()]] } });
      const { bytes: got } = await outcomeOf(bench.client().retr('a', { retry: { backoff: 1 } }));
      expect(got.length).to.equal(10_000);
      expect(ended()).to.include({ outcome: 'complete', bytes: 10_000, retries: 1, resumedFrom: 0 });
    });

    it('reports a loss without a retry, with what had come', async () => {
      await bench.serve({ script: { RETR: [openData(), send('150 Here.'), data('half'), dataReset(), send('426 Broken.')] } });
      const { error } = await outcomeOf(bench.client().retr('a'));
      expect(error).to.be.instanceOf(TemporaryError);
      expect(ended()).to.include({ outcome: 'failed', error });
    });

    it('reports a retry over two connections once, with the number of the last', async () => {
      const bytes = 'x'.repeat(10_000);
      await bench.serve({ files: { '/a': bytes }, script: { RETR: [[openData(), send('150 Here.'), data(bytes.slice(0, 4000)), hangUp()], [normal()]] } });
      await outcomeOf(bench.client().retr('a', { retry: { backoff: 1 } }));
      expect(ended()).to.include({ outcome: 'complete', bytes: 10_000, retries: 1, connection: 2 });
    });

    it('reports a reader that leaves, a signal, abort() and close(), at once', async () => {
      await bench.serve({ script: { RETR: [openData(), send('150 Here.'), data('half'), silence()] } });
      const reason = new Error('enough');
      const ways: Record<string, (ftp: ReturnType<typeof bench.client>, stream: ReturnType<ReturnType<typeof bench.client>['retr']>) => unknown> = {
        left: (_ftp, stream) => stream.destroy(),
        'left by an AbortError': (_ftp, stream) => stream.destroy(new DOMException('left', 'AbortError')),
        destroyed: (_ftp, stream) => stream.destroy(reason),
        aborted: (ftp) => ftp.abort(),
        closed: (ftp) => ftp.close(),
      };
      for (const [way, leave] of Object.entries(ways)) {
        messages.transfer.length = 0;
        const ftp = bench.client();
        const stream = ftp.retr('a');
        stream.on('error', () => undefined);
        await received(stream, 4).promise;
        leave(ftp, stream);
        await closing(stream);
        const end = ended();
        expect(end, way).to.include({ bytes: 4, outcome: way.startsWith('left') ? 'left' : 'failed' });
        if (way === 'destroyed') expect(end.error).to.equal(reason);
        if (way === 'aborted') expect(end.error).to.be.instanceOf(AbortedError);
        if (way === 'closed') expect(end.error).to.be.instanceOf(ConnectionClosedError);
        ftp.close();
      }
    });

    it('says nothing of what never began', async () => {
      await bench.serve();
      const ftp = bench.client();
      ftp.retr('a').destroy();
      ftp.stor('b').destroy();
      const signal = AbortSignal.abort();
      await finished(ftp.retr('c', { signal })).catch(() => undefined);
      await errorOf(bench.client({ port: CLOSED_PORT }).retr('d').resume());
      ftp.retr('e');
      ftp.close();
      expect(messages.transfer).to.deep.equal([]);
    });

    it('reports get(), put() and trees as their transfers', async () => {
      await bench.serve({ files: { '/tree/a': 'a', '/tree/b': 'bb' } });
      const folder = mkdtempSync(join(tmpdir(), 'diagnostics-'));
      try {
        const ftp = bench.client();
        await ftp.get('tree/a', join(folder, 'a'));
        await ftp.put(Buffer.from('ccc'), 'c', { temporaryName: false });
        await ftp.downloadTree('tree', join(folder, 'tree')).toArray();
      } finally {
        rmSync(folder, { recursive: true });
      }
      const ends = messages.transfer.filter((each) => each.event === 'end' && !/^(LIST|MLSD)/.test(each.command)) as (TransferMessage & { event: 'end' })[];
      expect(ends.map(({ command, bytes }) => `${command} ${bytes}`)).to.have.members(['RETR tree/a 1', 'STOR c 3', 'RETR tree/a 1', 'RETR tree/b 2']);
      expect(messages.transfer.filter(({ event }) => event === 'start')).to.have.lengthOf(messages.transfer.length / 2);
    });

    it('ends what it has begun where the last subscriber but one is gone meanwhile, and does not begin in the middle', async () => {
      await bench.serve({ files: { '/a': 'hello' } });
      const ftp = bench.client();
      for (const [name, take] of takers) unsubscribe(name, take);
      const stream = ftp.retr('a');
      stream.once('open', listen);
      await buffer(stream);
      expect(messages.transfer).to.deep.equal([]);
    });
  });

  it('lets a subscriber throw: that is uncaught, and disturbs no operation', async () => {
    await bench.serve({ files: { '/a': 'hello' } });
    const { port } = bench.server;
    const program = `
      const { subscribe } = require('node:diagnostics_channel');
      const { FTP } = require('./lib/client/ftp');
      let uncaught = 0;
      process.on('uncaughtException', ({ message }) => (uncaught += message === 'mine'));
      for (const name of ['connection', 'command', 'transfer']) subscribe('ftplib:' + name, () => { throw new Error('mine'); });
      const ftp = new FTP('ftp://user:secret@127.0.0.1:${port}/');
      (async () => {
        let text = '';
        for await (const chunk of ftp.retr('a')) text += chunk;
        await ftp.quit();
        setImmediate(() => console.log(text, uncaught > 5));
      })();`;
    const { stdout } = await promisify(execFile)(process.execPath, ['-r', 'ts-node/register/transpile-only', '-e', program], { cwd: join(__dirname, '..') });
    expect(stdout).to.equal('hello true\n');
  });

  it('and the log have the same numbers', async () => {
    await bench.serve({ script: { NOOP: [[hangUp()], [normal()]] } });
    const { port } = bench.server;
    const program = `
      const { FTP } = require('./lib/client/ftp');
      const { FTPPool } = require('./lib/client/pool');
      const url = 'ftp://user:secret@127.0.0.1:${port}/';
      const [ftp, pool] = [new FTP(url), new FTPPool(url)];
      (async () => {
        await ftp.noop().catch(() => undefined);
        await ftp.pwd();
        await pool.size('nope').catch(() => undefined);
        await Promise.all([ftp.quit(), pool.quit()]);
      })();`;
    const { stderr } = await promisify(execFile)(process.execPath, ['-r', 'ts-node/register/transpile-only', '-e', program], {
      cwd: join(__dirname, '..'),
      env: { ...process.env, NODE_DEBUG: 'ftp' },
    });
    for (const line of ['1.1 > NOOP', '1.1 closed: ', '1.2 > PWD', '1.2 < 257 ', '2.1 > SIZE nope', '2.1 closed']) expect(stderr).to.match(new RegExp(`^FTP \\d+: ${line.replaceAll('.', '\\.')}`, 'm'));
  });
});
